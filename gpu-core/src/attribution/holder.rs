//! [`Holder`]: on whose line a use stands, and [`Role`].

use core::fmt;

use crate::absence::Absence;
use crate::owner::{Container, Owner};
use crate::sandbox::Sandbox;

/// On whose line a use stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Holder {
    /// A container, a job, a service, a session, or the machine itself.
    Owner(Owner),
    /// It cannot be said, and why: process numbers of a namespace that is not the reader's, a
    /// process that may not be looked into or that ended meanwhile.
    Unknown(Absence),
}

impl Holder {
    /// The owner, where there is one.
    #[must_use]
    pub const fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Owner(owner) => Some(owner),
            Self::Unknown(_) => None,
        }
    }

    /// The container, where it is one.
    #[must_use]
    pub const fn container(&self) -> Option<&Container> {
        match self {
            Self::Owner(owner) => owner.container(),
            Self::Unknown(_) => None,
        }
    }
}

/// Prints the owner, or `unknown (not permitted: …)`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => owner.fmt(f),
            Self::Unknown(why) => write!(f, "unknown ({why})"),
        }
    }
}

crate::text::serialize_as_text!(Holder);

/// What the processes of a line are to the unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Role {
    /// They use it for themselves.
    Program,
    /// The MPS server, which runs its clients' work: older drivers charge their time to it.
    MpsServer,
    /// They use it for programs inside them that the machine does not see.
    Sandbox(Sandbox),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.pad("program"),
            Self::MpsServer => f.pad("MPS server"),
            Self::Sandbox(sandbox) => sandbox.fmt(f),
        }
    }
}
