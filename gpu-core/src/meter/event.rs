//! [`Event`]: what happened to counters, clocks and units.

use core::fmt;

use crate::fingerprint::Incarnation;
use crate::id::UnitId;
use crate::quantity::Nanoseconds;
use crate::time::{BootId, BootTime};

/// Something that the numbers of a statement are to be read with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// In which boot.
    pub boot: BootId,
    /// The look that showed it.
    pub at: BootTime,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EventKind {
    /// The energy counter of a device fell: reset, driver loaded anew, or wrapped. What was used
    /// since the look before is in no account.
    CounterFell {
        /// The device.
        unit: UnitId,
        /// What it stood at.
        before: u64,
        /// What it stands at.
        after: u64,
    },
    /// The energy counter of a device grew by more than can be. As above.
    CounterJumped {
        /// The device.
        unit: UnitId,
        /// What it stood at.
        before: u64,
        /// What it stands at.
        after: u64,
    },
    /// A unit is there that was not there at the look before, or another life of one.
    Appeared {
        /// The unit.
        unit: UnitId,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// A unit is gone, or that life of it.
    Disappeared {
        /// The unit.
        unit: UnitId,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// Nobody looked for longer than [`Rules::longest_step`](super::Rules::longest_step).
    Paused {
        /// For how long.
        length: Nanoseconds,
    },
    /// The time of day was set: it moved otherwise than time since boot did. Nothing is computed
    /// from it.
    ClockSet {
        /// By how many nanoseconds; negative for backwards.
        by: i64,
    },
    /// The machine was booted anew: what happened since the last look of the boot before is not
    /// known.
    Rebooted {
        /// The boot before.
        before: BootId,
    },
}

impl EventKind {
    /// A short constant name, for JSON and labels.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CounterFell { .. } => "counter_fell",
            Self::CounterJumped { .. } => "counter_jumped",
            Self::Appeared { .. } => "appeared",
            Self::Disappeared { .. } => "disappeared",
            Self::Paused { .. } => "paused",
            Self::ClockSet { .. } => "clock_set",
            Self::Rebooted { .. } => "rebooted",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CounterFell { unit, before, after } => {
                write!(f, "the energy counter of {unit} fell from {before} to {after} µJ")
            }
            Self::CounterJumped { unit, before, after } => {
                write!(f, "the energy counter of {unit} jumped from {before} to {after} µJ")
            }
            Self::Appeared { unit, .. } => write!(f, "{unit} appeared"),
            Self::Disappeared { unit, .. } => write!(f, "{unit} disappeared"),
            Self::Paused { length } => write!(f, "nobody looked for {length}"),
            Self::ClockSet { by } if *by < 0 => {
                write!(f, "the clock was set back by {}", Nanoseconds(by.unsigned_abs()))
            }
            Self::ClockSet { by } => {
                write!(f, "the clock was set forward by {}", Nanoseconds(by.unsigned_abs()))
            }
            Self::Rebooted { .. } => f.write_str("the machine was booted anew"),
        }
    }
}
