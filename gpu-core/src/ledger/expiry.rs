//! [`Expiry`]: what ends a holding without its holder.

use core::fmt;

use crate::time::WallTime;

/// What ends a holding without its holder. It is data: a ledger reads no clock, and a holding has
/// expired when an entry says so. [`Ledger::due`](super::Ledger::due) lists for whom it is time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Expiry {
    /// Nothing does.
    Never,
    /// The time of day, by the clock of whoever writes the entry.
    At(WallTime),
    /// The end of a lease of the store, by the store's number.
    Lease(u64),
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::At(time) => write!(f, "{} s after 1970", time.0 / 1_000_000_000),
            Self::Lease(lease) => write!(f, "with lease {lease}"),
        }
    }
}
