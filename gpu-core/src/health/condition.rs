//! [`Condition`]: a fault that stands against a unit, as evidence.

use core::fmt;

use crate::id::UnitId;
use crate::measured::Source;
use crate::time::BootTime;

use super::advice::Advice;
use super::fault::Fault;

/// A fault that stands: the evidence of a unit's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Condition {
    /// Where the fault is: the unit itself, what it lies in, or a part of it.
    pub at: UnitId,
    /// What is wrong, with the value that shows it as last seen.
    pub fault: Fault,
    /// What it makes of the unit that it is at, what is to be done, and what ends it.
    pub advice: Advice,
    /// Who said it.
    pub source: Source,
    /// When it was seen first.
    pub since: BootTime,
    /// When it was seen last.
    pub last: BootTime,
    /// How often it was told, for events; 1 for what looks show.
    pub times: u64,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fault)?;
        if self.times > 1 {
            write!(f, " ({} times)", self.times)?;
        }
        match self.advice.action {
            crate::RecoveryAction::None => Ok(()),
            action => write!(f, "; {action}"),
        }
    }
}
