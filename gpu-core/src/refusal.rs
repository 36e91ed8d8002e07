//! [`Refusal`]: why a board is not cut.

use core::fmt;
use std::error::Error as StdError;

use crate::absence::{Absence, Need};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::id::{DeviceId, PartitionId, UnitId};
use crate::partitioner::User;

/// Why a board is not cut as was asked. Unless a variant says otherwise, nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The board is not in the state that the change was planned on. Read it and plan anew.
    Stale {
        /// Whose state.
        device: DeviceId,
        /// What the change was planned on.
        planned: Fingerprint,
        /// What the board shows.
        found: Fingerprint,
    },
    /// Processes run in what would have to go.
    InUse {
        /// What is in use.
        unit: UnitId,
        /// Who uses it, as far as the driver tells, and on whose behalf, as far as the kernel does.
        by: Vec<User>,
    },
    /// Another writer of this family is changing the board.
    Busy {
        /// The lock file that is held.
        lock: String,
    },
    /// The caller may not change it.
    NotPermitted {
        /// What the caller would need.
        needs: Need,
    },
    /// The device, its mode or its driver does not do this.
    NotSupported {
        /// What is missing, in a few words.
        why: String,
    },
    /// The unit does not exist here.
    UnknownUnit {
        /// The unit.
        unit: UnitId,
    },
    /// What was asked for makes no sense on this board: what, and why.
    Invalid {
        /// What was wrong.
        what: String,
    },
    /// The driver has no room for it, whatever was planned.
    NoRoom {
        /// What the driver was asked for.
        what: String,
    },
    /// The change was made, and the board shows more than that: somebody else is at it. What the
    /// change itself made is there.
    Interfered {
        /// Which board.
        device: DeviceId,
        /// Partitions that are gone, and not by this change.
        gone: Vec<PartitionId>,
        /// Partitions that are new, and not by this change.
        made: Vec<PartitionId>,
    },
    /// Asking or telling the driver failed. What is there now has to be read.
    Failed(Error),
}

impl Refusal {
    /// A short constant name of the kind, for JSON and logs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "stale",
            Self::InUse { .. } => "in_use",
            Self::Busy { .. } => "busy",
            Self::NotPermitted { .. } => "not_permitted",
            Self::NotSupported { .. } => "not_supported",
            Self::UnknownUnit { .. } => "unknown_unit",
            Self::Invalid { .. } => "invalid",
            Self::NoRoom { .. } => "no_room",
            Self::Interfered { .. } => "interfered",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { device, planned, found } => {
                write!(
                    f,
                    "{device} is not as it was planned on ({found}, not {planned}): read it and plan anew"
                )
            }
            Self::InUse { unit, by } => {
                write!(f, "{unit} is in use")?;
                for (at, user) in by.iter().enumerate() {
                    write!(f, "{}{}", if at == 0 { " by process " } else { ", " }, user)?;
                }
                Ok(())
            }
            Self::Busy { lock } => write!(f, "another writer is changing the board (it holds {lock})"),
            Self::NotPermitted { needs } => write!(f, "not permitted: needs {needs}"),
            Self::NotSupported { why } => write!(f, "not supported: {why}"),
            Self::UnknownUnit { unit } => write!(f, "{unit}: no such unit here; take ids from the inventory"),
            Self::Invalid { what } => f.write_str(what),
            Self::NoRoom { what } => write!(f, "the driver has no room for {what}"),
            Self::Interfered { device, gone, made } => {
                write!(f, "somebody else changed {device} meanwhile:")?;
                gone.iter().try_for_each(|id| write!(f, " {id} is gone"))?;
                made.iter().try_for_each(|id| write!(f, " {id} is new"))
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl StdError for Refusal {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Absence> for Refusal {
    fn from(absence: Absence) -> Self {
        match absence {
            Absence::NotPermitted { needs } => Self::NotPermitted { needs },
            Absence::NotSupported { why } => Self::NotSupported { why: why.to_owned() },
            other => Self::Failed(Error::new(ErrorKind::Library, "the board", other.to_string())),
        }
    }
}
