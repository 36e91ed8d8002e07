//! Amounts on the command line.

use std::time::Duration;

use gpu_accounting::Bytes;

/// An amount of memory: a whole number and a unit, `20GiB`, `512MiB`, `80GB`, `1024`.
pub fn bytes(text: &str) -> Result<Bytes, lexopt::Error> {
    const UNITS: [(&str, u64); 10] = [
        ("", 1),
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(end);
    let factor = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, factor)| *factor);
    let bytes =
        digits.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    let refuse =
        || format!("{:?}: an amount of memory such as 20GiB is asked for, at most 16 EiB", shown(text));
    bytes.map(Bytes).ok_or_else(|| refuse().into())
}

/// Seconds from 1 to 400 days.
pub fn seconds(text: &str) -> Result<Duration, lexopt::Error> {
    let seconds = whole(text, 1, 400 * 86_400, "seconds")?;
    Ok(Duration::from_secs(seconds))
}

/// A whole number in a range.
pub fn whole<T: TryFrom<u64>>(text: &str, least: u64, most: u64, what: &str) -> Result<T, lexopt::Error> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_plain && (least..=most).contains(number));
    let number = number.and_then(|number| T::try_from(number).ok());
    let refuse = || format!("{:?}: {what} from {least} to {most} are asked for", shown(text));
    number.ok_or_else(|| refuse().into())
}

/// As much of what somebody wrote as a message repeats.
pub fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_and_fit() {
        let good = [("20GiB", 20 << 30), ("1024", 1024), ("80GB", 80_000_000_000), ("0", 0), ("3 KiB", 3072)];
        for (text, expected) in good {
            assert_eq!(bytes(text).unwrap(), Bytes(expected), "{text}");
        }
        for bad in
            ["", "GiB", "-1GiB", "+1GiB", "1.5GiB", "20gib", "18446744073709551616", "16777216TiB", "１GiB"]
        {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(bytes("18446744073709551615").unwrap(), Bytes(u64::MAX));
        for bad in ["", "0", "-1", "+1", "1.5", "34560001", "99999999999999999999"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert!(bytes(&"9".repeat(1 << 20)).unwrap_err().to_string().len() < 300);
    }
}
