//! [`Step`]: what lies between two looks.

use crate::quantity::Nanoseconds;

/// What lies between two looks of one boot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub length: Nanoseconds,
    /// Too long for what was seen at its ends to say what was in between.
    pub is_gap: bool,
}
