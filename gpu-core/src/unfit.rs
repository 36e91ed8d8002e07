//! [`Unfit`]: a unit that nothing shall be placed on, and why.

use core::fmt;

use crate::id::UnitId;

/// A unit that nothing shall be placed on, and why. What lies in it and what it lies in is meant too; other
/// parts of its device are not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Unfit {
    /// Which unit.
    pub unit: UnitId,
    /// Why, in words, such as `unhealthy: Xid 79: reboot the node`.
    pub why: Box<str>,
}

impl Unfit {
    /// A unit that nothing shall be placed on, and why.
    #[must_use]
    pub fn new(unit: impl Into<UnitId>, why: impl Into<Box<str>>) -> Self {
        Self { unit: unit.into(), why: why.into() }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.unit, self.why)
    }
}
