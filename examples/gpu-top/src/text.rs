//! Numbers and absences as short text.

use gpu_accounting::{Absence, Bytes, Microjoules, Microwatts, WallTime};

/// An absence in a cell: short, and never to be taken for a number. The reason stands in the details.
pub const fn short(absence: Absence) -> &'static str {
    match absence {
        Absence::NotSupported { .. } | Absence::UnknownVersion { .. } => "n/a",
        Absence::NotPermitted { .. } => "denied",
        Absence::NotYet => "wait",
        Absence::Asleep => "asleep",
        Absence::TimedOut => "hangs",
        Absence::Lost => "lost",
        _ => "failed",
    }
}

/// Hours, minutes and seconds of the time of day, UTC.
pub fn time_of_day(wall: WallTime) -> String {
    let seconds = wall.0 / 1_000_000_000 % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A span of nanoseconds in its two largest units.
pub fn span(nanoseconds: u64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Gibibytes with one digit, or mebibytes where that says too little: `61.2G`, `512M`.
pub fn bytes(bytes: Bytes) -> String {
    let tenths = |unit: u64| u128::from(bytes.get()) * 10 / u128::from(unit);
    if bytes.get() >= 10 << 40 {
        let tenths = tenths(1 << 40);
        return format!("{}.{}T", tenths / 10, tenths % 10);
    }
    if bytes.get() >= 1 << 30 {
        let tenths = tenths(1 << 30);
        return if tenths % 10 == 0 || tenths >= 10_000 {
            format!("{}G", tenths / 10)
        } else {
            format!("{}.{}G", tenths / 10, tenths % 10)
        };
    }
    format!("{}M", bytes.get() >> 20)
}

/// Whole watts.
pub fn watts(power: Microwatts) -> u64 {
    (power.get() + 500_000) / 1_000_000
}

/// Energy as people pay for it, from a kilowatt-hour's thousandth on; joules below.
pub fn energy(energy: Microjoules) -> String {
    let joules = energy.get() / 1_000_000;
    let hours = joules * 10 / 3600;
    match hours {
        0..10 => format!("{joules} J"),
        10..100_000 => format!("{}.{} Wh", hours / 10, hours % 10),
        _ => format!("{}.{} kWh", hours / 10_000, hours / 1000 % 10),
    }
}

/// A length of time: with tenths of a second below a minute, so that little is not nothing.
pub fn length(nanoseconds: u128) -> String {
    match nanoseconds / 1_000_000 {
        _ if nanoseconds == 0 => "0 s".to_owned(),
        milliseconds @ 0..1000 => format!("{milliseconds} ms"),
        milliseconds @ 1000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds / 100 % 10),
        _ => span(u64::try_from(nanoseconds).unwrap_or(u64::MAX)),
    }
}

/// Energy as people pay for it, from the thousandth of a watt-hour on, rounded to nearest.
pub fn watt_hours(microjoules: u128) -> String {
    let thousandths = (microjoules + 1_800_000) / 3_600_000;
    match thousandths {
        0..10_000 => format!("{}.{:03} Wh", thousandths / 1000, thousandths % 1000),
        10_000..10_000_000 => format!("{}.{} Wh", thousandths / 1000, thousandths / 100 % 10),
        _ => format!("{}.{:02} kWh", thousandths / 1_000_000, thousandths / 10_000 % 100),
    }
}

/// A part of a whole: `30%`, `29.5%`; nothing of nothing.
pub fn percent(part: u128, whole: u128) -> String {
    let Some(thousandths) = (part * 1000).checked_div(whole) else { return String::new() };
    match thousandths % 10 {
        0 => format!("{}%", thousandths / 10),
        tenth => format!("{}.{tenth}%", thousandths / 10),
    }
}

/// Cut to so many columns, with a mark where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    if columns == 0 { kept } else { kept + "…" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short_and_not_wrong() {
        let shown = [Bytes(0), Bytes::mib(1), Bytes::mib(1023), Bytes::gib(80), Bytes::mib(1536)].map(bytes);
        assert_eq!(shown, ["0M", "1M", "1023M", "80G", "1.5G"]);
        assert_eq!(bytes(Bytes(u64::MAX)), "16777215.9T");
        let shown = [0, 999_999, 35_000_000, 3_600_000_000, 36_000_000_000_000].map(Microjoules).map(energy);
        assert_eq!(shown, ["0 J", "0 J", "35 J", "1.0 Wh", "10.0 kWh"]);
        let shown = [0, 1_799_999, 1_800_000, 328_000_000, 35_999_000_000, 36_000_000_000].map(watt_hours);
        assert_eq!(shown, ["0.000 Wh", "0.000 Wh", "0.001 Wh", "0.091 Wh", "10.0 Wh", "10.0 Wh"]);
        assert_eq!(watt_hours(36_000_000_000_000), "10.00 kWh");
        let shown = [0, 300_000_000, 18_350_000_000, 59_999_000_000, 60_000_000_000].map(length);
        assert_eq!(shown, ["0 s", "300 ms", "18.3 s", "59.9 s", "1 min"]);
        assert_eq!([percent(3, 10), percent(1, 8), percent(0, 0)], ["30%", "12.5%", ""]);
        assert_eq!(watts(Microwatts(1_499_999)), 1);
        assert_eq!([span(59_000_000_000), span(3_700_000_000_000)], ["59 s", "1 h 1 min"]);
        assert_eq!(time_of_day(WallTime(86_399_000_000_000)), "23:59:59Z");
        assert_eq!([cut("abcdef", 4), cut("abc", 3), cut("abc", 0)], ["abc…", "abc", ""]);
    }
}
