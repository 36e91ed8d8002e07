//! [`Key`]: what a caller keeps to repeat what it asked for.

use crate::time::WallTime;

use super::entry_id::{EntryId, HoldingId};
use super::position::Position;

/// What a caller keeps from its first call to its last: an id of its choice, and how far the ledger
/// had come when it was chosen. With the same key every call can be made again, at any time: it
/// has the effect of once, or is refused.
///
/// ```
/// use gpu_core::ledger::{EntryId, Key, Ledger};
/// let ledger = Ledger::new("node-1".parse()?);
/// let key = ledger.key(EntryId(7));
/// assert_eq!(key, Key::new(EntryId(7), ledger.position()));
/// assert_eq!(key.holding().0, key.id);
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Key {
    /// The id of the entry that reserves; the other entries' ids follow from it.
    pub id: EntryId,
    /// How far the ledger had come when the id was chosen: see
    /// [`Entry::seen`](super::Entry::seen).
    pub seen: Position,
    /// The time of day that entries made with it carry, for people and reports.
    pub at: Option<WallTime>,
}

impl Key {
    /// The key of an id that was chosen when the ledger had come so far.
    #[must_use]
    pub const fn new(id: EntryId, seen: Position) -> Self {
        Self { id, seen, at: None }
    }

    /// The same, for a call at this time of day. Which time it is never decides anything.
    #[must_use]
    pub const fn at(self, time: WallTime) -> Self {
        Self { at: Some(time), ..self }
    }

    /// The id of another entry about what was reserved with it. An id that has been forgotten may
    /// come to be used anew, with another `seen`: what follows from it is then another, too.
    pub(crate) const fn step(self, step: u64) -> EntryId {
        self.id.step(self.seen.0.wrapping_mul(4).wrapping_add(step))
    }

    /// The holding that is reserved with it.
    #[must_use]
    pub const fn holding(self) -> HoldingId {
        HoldingId(self.id)
    }
}
