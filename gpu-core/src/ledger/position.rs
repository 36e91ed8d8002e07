//! [`Position`] and [`History`]: how far a ledger has come, and along which way.

use core::fmt;

/// How many entries a ledger has applied since it began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Position(pub u64);

impl Position {
    /// The position of the next entry.
    #[must_use]
    pub const fn next(self) -> Self {
        // 2⁶⁴ entries take half a million years at a million a second.
        Self(self.0.saturating_add(1))
    }

    /// How many entries lie between `earlier` and this; none when `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A digest of every entry that a ledger has applied, in order. Two ledgers of one node with
/// equal position and history went the same way; for telling ways apart, not for security.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct History(pub u64);

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "History({self})")
    }
}

crate::text::serialize_as_text!(History);

/// Where an entry stands in the stream of its node: a record says it, so that one which is missing,
/// doubled, moved or grafted from another history is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Place {
    /// The position that the ledger has after the entry: 1 for the first.
    pub position: Position,
    /// The history of the ledger before the entry.
    pub after: History,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {}", self.position, self.after)
    }
}
