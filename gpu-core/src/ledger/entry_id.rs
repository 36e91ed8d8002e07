//! [`EntryId`] and [`HoldingId`]: what makes every call on a ledger repeatable.

use core::fmt;
use core::str::FromStr;

use crate::parse::ParseError;
use crate::uuid::Uuid;

/// Names one entry: 128 bits that the caller chooses, unlike all others of the node.
///
/// The same entry given again has the effect of once, so that a caller who does not know whether
/// an entry arrived gives it again. Random numbers do, and so do uids that exist anyway. Prints
/// as 32 lower-case hexadecimal digits.
///
/// ```
/// use gpu_core::ledger::EntryId;
/// let id = EntryId(0x3c92);
/// assert_eq!(id.to_string(), "00000000000000000000000000003c92");
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u128);

impl EntryId {
    /// The id that follows from this one for another step of the same thing: the same at every
    /// call, another for every `step`, and none that a counting caller comes upon.
    #[must_use]
    pub const fn step(self, step: u64) -> Self {
        if step == 0 {
            return self;
        }
        // Each operation is one to one, so that two ids never become one by the same step.
        const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        let mixed = self.0.wrapping_add(FACTOR.wrapping_mul(step as u128));
        let mixed = (mixed ^ (mixed >> 67)).wrapping_mul(FACTOR);
        Self(mixed ^ (mixed >> 67))
    }
}

impl From<Uuid> for EntryId {
    fn from(uuid: Uuid) -> Self {
        Self(u128::from_be_bytes(uuid.0))
    }
}

/// Names a holding: by the entry that reserved it.
///
/// ```
/// use gpu_core::ledger::{EntryId, HoldingId};
/// assert_eq!(HoldingId(EntryId(255)).to_string(), EntryId(255).to_string());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldingId(pub EntryId);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for HoldingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for EntryId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("entry id", text, "32 lower-case hexadecimal digits");
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(refuse());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| refuse())
    }
}

impl FromStr for HoldingId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self)
    }
}

macro_rules! debug_as_text {
    ($($type:ty),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        crate::text::serde_as_text!($type);
    )*};
}

debug_as_text!(EntryId, HoldingId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_read() {
        for bad in ["", "3c92", "0000000000000000000000000000003C", "+000000000000000000000000000003c"] {
            assert!(bad.parse::<EntryId>().is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn steps_keep_apart() {
        let ids = (0..50_u128).flat_map(|id| (0..20).map(move |step| EntryId(id).step(step)));
        let all: std::collections::BTreeSet<_> = ids.collect();
        assert_eq!(all.len(), 50 * 20);
        assert_eq!(EntryId(7).step(0), EntryId(7));
    }
}
