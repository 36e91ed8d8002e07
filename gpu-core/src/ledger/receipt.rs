//! [`Receipt`]: that an entry happened.

use core::fmt;

use super::entry_id::{EntryId, HoldingId};
use super::holding::HoldingState;
use super::position::Position;

/// That an entry happened: the same for the same entry, however often it is given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Receipt {
    /// The entry.
    pub id: EntryId,
    /// Where it stands.
    pub position: Position,
    /// The holding that it reserved, or was about.
    pub holding: Option<HoldingId>,
}

/// A holding that an entry about units moved: what its holder has to be told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Moved {
    /// The holding.
    pub holding: HoldingId,
    /// How it stood.
    pub from: HoldingState,
    /// How it stands.
    pub to: HoldingState,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "holding {} was {} and is {}", self.holding, self.from, self.to)
    }
}
