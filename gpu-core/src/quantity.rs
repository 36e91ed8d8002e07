//! Integer quantities with the unit in the type.

use core::fmt;

macro_rules! quantities {
    ($($(#[$doc:meta])* $name:ident($repr:ty) = $unit:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(pub $repr);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0);

            /// The bare number.
            #[must_use]
            pub const fn get(self) -> $repr {
                self.0
            }

            /// The sum, or `None` when it does not fit.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The difference, or `None` when it does not fit.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
            }

            /// The sum, at most the largest value.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The difference, at least the smallest value.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }
    )*};
}

quantities! {
    /// An amount of memory, in bytes. Prints in binary units: `80 GiB`.
    Bytes(u64) = "B";
    /// Power, in microwatts (the unit of the kernel's hwmon). Prints in watts.
    Microwatts(u64) = "µW";
    /// Energy, in microjoules. Prints in joules, kilojoules or megajoules.
    Microjoules(u64) = "µJ";
    /// Temperature, in thousandths of a degree Celsius. Prints in degrees.
    Millicelsius(i64) = "m°C";
    /// Frequency, in hertz. Prints in megahertz.
    Hertz(u64) = "Hz";
    /// A part of a whole, in thousandths: 1000 is all of it. Prints in per cent.
    Permille(u64) = "‰";
    /// A span of time, in nanoseconds. Prints in a unit that fits.
    Nanoseconds(u64) = "ns";
    /// A number of things or events.
    Count(u64) = "×";
    /// Rotations per minute.
    Rpm(u64) = "rpm";
}

impl Bytes {
    /// So many kibibytes (1024 bytes each), at most the largest value.
    #[must_use]
    pub const fn kib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 10))
    }

    /// So many mebibytes (1024² bytes each), at most the largest value.
    #[must_use]
    pub const fn mib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 20))
    }

    /// So many gibibytes (1024³ bytes each), at most the largest value.
    #[must_use]
    pub const fn gib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 30))
    }
}

impl Microwatts {
    /// So many milliwatts (NVML's unit), at most the largest value.
    #[must_use]
    pub const fn from_milliwatts(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// So many watts, at most the largest value.
    #[must_use]
    pub const fn from_watts(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }
}

impl Microjoules {
    /// So many millijoules (NVML's unit), at most the largest value.
    #[must_use]
    pub const fn from_millijoules(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }
}

impl Millicelsius {
    /// So many whole degrees.
    #[must_use]
    pub const fn from_degrees(n: i64) -> Self {
        Self(n.saturating_mul(1_000))
    }
}

impl Hertz {
    /// So many megahertz, at most the largest value.
    #[must_use]
    pub const fn from_mhz(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }
}

impl Permille {
    /// So many per cent, at most the largest value.
    #[must_use]
    pub const fn from_percent(n: u64) -> Self {
        Self(n.saturating_mul(10))
    }
}

impl Nanoseconds {
    /// So many seconds, at most the largest value.
    #[must_use]
    pub const fn from_secs(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000_000))
    }

    /// So many milliseconds, at most the largest value.
    #[must_use]
    pub const fn from_millis(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    /// So many microseconds, at most the largest value.
    #[must_use]
    pub const fn from_micros(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }
}

/// Writes `value / unit` with one decimal (rounded to nearest, ties up), without it when it is zero.
fn scaled(f: &mut fmt::Formatter<'_>, value: u64, unit: u64, suffix: &str) -> fmt::Result {
    let tenths = (u128::from(value) * 10 + u128::from(unit) / 2) / u128::from(unit);
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if tenth == 0 {
        padded(f, format_args!("{whole} {suffix}"))
    } else {
        padded(f, format_args!("{whole}.{tenth} {suffix}"))
    }
}

/// Honours width and alignment, which `write!` into a formatter does not.
fn padded(f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>) -> fmt::Result {
    if f.width().is_none() { f.write_fmt(text) } else { f.pad(&text.to_string()) }
}

/// Picks the largest of `steps` that `value` reaches and prints in it.
fn stepped(f: &mut fmt::Formatter<'_>, value: u64, steps: &[(u64, &str)]) -> fmt::Result {
    for (unit, suffix) in steps {
        if value >= *unit {
            return scaled(f, value, *unit, suffix);
        }
    }
    let (unit, suffix) = steps[steps.len() - 1];
    scaled(f, value, unit, suffix)
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        stepped(
            f,
            self.0,
            &[(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")],
        )
    }
}

impl fmt::Display for Microwatts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scaled(f, self.0, 1_000_000, "W")
    }
}

impl fmt::Display for Microjoules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        stepped(f, self.0, &[(1_000_000_000_000, "MJ"), (1_000_000_000, "kJ"), (1_000_000, "J")])
    }
}

impl fmt::Display for Millicelsius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let tenths = (self.0.unsigned_abs() + 50) / 100;
        let (whole, tenth) = (tenths / 10, tenths % 10);
        if tenth == 0 {
            padded(f, format_args!("{sign}{whole} °C"))
        } else {
            padded(f, format_args!("{sign}{whole}.{tenth} °C"))
        }
    }
}

impl fmt::Display for Hertz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scaled(f, self.0, 1_000_000, "MHz")
    }
}

impl fmt::Display for Permille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scaled(f, self.0, 10, "%")
    }
}

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        stepped(f, self.0, &[(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")])
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Rpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        padded(f, format_args!("{} rpm", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_in_the_unit_that_fits() {
        assert_eq!(Bytes::mib(81_559).to_string(), "79.6 GiB");
        assert_eq!(Bytes::gib(80).to_string(), "80 GiB");
        assert_eq!(Bytes(0).to_string(), "0 B");
        assert_eq!(Bytes(1023).to_string(), "1023 B");
        assert_eq!(Microwatts(71_500_000).to_string(), "71.5 W");
        assert_eq!(Microjoules(1_500_000).to_string(), "1.5 J");
        assert_eq!(Millicelsius(-4_500).to_string(), "-4.5 °C");
        assert_eq!(Permille(995).to_string(), "99.5 %");
        assert_eq!(Hertz::from_mhz(1980).to_string(), "1980 MHz");
        assert_eq!(Nanoseconds(1_500).to_string(), "1.5 µs");
        assert_eq!(format!("{:>10}|{:<8}|", Bytes::gib(80), Rpm(9)), "    80 GiB|9 rpm   |");
    }

    #[test]
    fn the_largest_amounts_print_too() {
        assert_eq!(Bytes(u64::MAX).to_string(), "16777216 TiB");
        assert_eq!(Millicelsius(i64::MIN).to_string(), "-9223372036854775.8 °C");
        assert_eq!(Bytes::gib(u64::MAX), Bytes(u64::MAX));
    }
}
