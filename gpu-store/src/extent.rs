//! [`Extent`]: how far a stream reaches.

use gpu_core::ledger::Position;

/// From where to where a stream's records are kept.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Extent {
    /// Position of the last record that was ever appended; 0 when none was.
    pub last: Position,
    /// Records up to here are gone, into the snapshot: 0 when all are kept.
    pub compacted: Position,
    /// How far the newest snapshot reaches; `None` when there is none.
    pub snapshot: Option<Position>,
}
