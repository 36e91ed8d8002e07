//! [`Decimal`]: an integer of small units, written in large ones.

use std::fmt;

/// An integer of small units, written in units of ten to the power of `places`, exactly: 1,500
/// thousandths are `1.5`.
///
/// ```
/// use gpu_accounting::openmetrics::Decimal;
/// assert_eq!(Decimal::new(1_500, 3).to_string(), "1.5");
/// assert_eq!(Decimal::new(7, 9).to_string(), "0.000000007");
/// assert_eq!(Decimal::new(-40_250, 3).to_string(), "-40.25");
/// assert_eq!(Decimal::from(12_u64).to_string(), "12");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decimal {
    is_negative: bool,
    digits: u128,
    places: u32,
}

impl Decimal {
    /// `value` units of which ten to the power of `places` make one that is written; at most 18
    /// places.
    #[must_use]
    pub fn new(value: i128, places: u32) -> Self {
        Self { is_negative: value < 0, digits: value.unsigned_abs(), places: places.min(18) }
    }

    /// The same of a number that is not negative.
    #[must_use]
    pub fn unsigned(value: u128, places: u32) -> Self {
        Self { is_negative: false, digits: value, places: places.min(18) }
    }
}

impl From<u64> for Decimal {
    fn from(value: u64) -> Self {
        Self::unsigned(value.into(), 0)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10_u128.pow(self.places);
        if self.is_negative {
            f.write_str("-")?;
        }
        // Numbers of 64 bits are written four times as fast.
        match u64::try_from(self.digits / one) {
            Ok(whole) => write!(f, "{whole}")?,
            Err(_) => write!(f, "{}", self.digits / one)?,
        }
        // At most 18 places: less than 2^64.
        let mut rest = u64::try_from(self.digits % one).unwrap_or(0);
        if rest == 0 {
            return Ok(());
        }
        let mut places = self.places as usize;
        while rest % 10 == 0 {
            rest /= 10;
            places -= 1;
        }
        write!(f, ".{rest:0places$}")
    }
}
