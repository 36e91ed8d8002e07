//! [`Change`]: what has become of a unit.

use core::fmt;

use crate::id::UnitId;
use crate::time::BootTime;

use super::condition::Condition;
use super::state::State;

/// What has become of a unit: its state is another one, or what stands against it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Change {
    /// Which unit: a device or partition. Shares are as what they share.
    pub unit: UnitId,
    /// When it was seen.
    pub at: BootTime,
    /// What it was; [`Unknown`](State::Unknown) for a unit that was not known.
    pub before: State,
    /// What it is.
    pub after: State,
    /// Through what.
    pub cause: Cause,
}

/// Through what a unit has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Cause {
    /// This stands against it by now, or stands otherwise.
    Appeared(Condition),
    /// This does so no more.
    Cleared(Condition),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, before, after, cause, .. } = self;
        match before == after {
            true => write!(f, "{unit} is still {after}: ")?,
            false => write!(f, "{unit} was {before} and is {after}: ")?,
        }
        match cause {
            Cause::Appeared(condition) => condition.fmt(f),
            Cause::Cleared(condition) => write!(f, "over: {}", condition.fault),
        }
    }
}
