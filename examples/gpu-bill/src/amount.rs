//! [`Amount`]: a sum of units' times, each worth what part of its device the unit is.

use std::collections::BTreeMap;

/// Nanoseconds of an hour.
pub const HOUR: u128 = 3_600_000_000_000;

/// Device time: exact, as a sum of fractions by what they are parts of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Amount(BTreeMap<u128, u128>);

impl Amount {
    /// Adds the `own`/`of`-th part of a time.
    pub fn add(&mut self, time: u128, own: u128, of: u128) {
        if time > 0 {
            *self.0.entry(of.max(1)).or_default() += time * own;
        }
    }

    /// Millionths of device hours, rounded to nearest.
    pub fn micro_hours(&self) -> u128 {
        // Sums of rounded fractions would not be the rounded sum: a common denominator is.
        let all = self.0.keys().fold(1_u128, |all, of| lcm(all, *of));
        let sum: u128 = self.0.iter().map(|(of, time)| time * (all / of)).sum();
        rounded(sum, all * HOUR)
    }
}

fn lcm(one: u128, two: u128) -> u128 {
    let (mut a, mut b) = (one, two);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    one / a * two
}

/// Millionths of `unit` in a value, rounded to nearest.
pub const fn rounded(value: u128, unit: u128) -> u128 {
    // Whole units first: the product with a million is of what is left alone.
    let (whole, rest) = (value / unit, value % unit);
    whole * 1_000_000 + (rest * 1_000_000 + unit / 2) / unit
}

/// Millionths as a decimal number with so many places, rounded to nearest.
pub fn decimal(micros: u128, places: u32) -> String {
    let step = 10_u128.pow(6 - places.min(6));
    let value = (micros + step / 2) / step;
    let unit = 10_u128.pow(places.min(6));
    match places {
        0 => value.to_string(),
        _ => format!("{}.{:0width$}", value / unit, value % unit, width = places as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_devices_add_up() {
        let mut amount = Amount::default();
        for _ in 0..7 {
            amount.add(HOUR, 1, 7);
        }
        amount.add(HOUR, 66, 132);
        assert_eq!(amount.micro_hours(), 1_500_000);
        assert_eq!(decimal(amount.micro_hours(), 3), "1.500");
        assert_eq!(decimal(1_499_500, 3), "1.500");
        assert_eq!(decimal(999_999_999, 0), "1000");
        assert_eq!(Amount::default().micro_hours(), 0);
    }
}
