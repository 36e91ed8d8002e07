//! [`Span`]: a stretch of one boot that was looked at.

use crate::quantity::{Count, Nanoseconds};
use crate::time::{BootId, BootTime, WallTime};

/// A stretch of one boot, from one look to another. Looks may be missing inside: what they leave out
/// is in the accounts' gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Span {
    /// The boot.
    pub boot: BootId,
    /// Its first look.
    pub from: BootTime,
    /// Its last look.
    pub to: BootTime,
    /// The time of day at the first look.
    pub wall_from: WallTime,
    /// The time of day at the last look. Where the clock was set in between, it says nothing of how
    /// long the span is: [`length`](Self::length) does.
    pub wall_to: WallTime,
    /// How many looks came after the first.
    pub looks: Count,
}

impl Span {
    /// How long it is.
    #[must_use]
    pub const fn length(&self) -> Nanoseconds {
        self.to.since(self.from)
    }

    /// True where both have time in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.boot == other.boot && self.from < other.to && other.from < self.to
    }
}
