//! [`Refused`]: a look that a meter does not take.

use core::fmt;

use crate::time::BootTime;

/// A look that a meter does not take: nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Refused {
    /// It is not later than the look before, of the same boot: time since boot never goes
    /// backwards.
    NotLater {
        /// When the look before was.
        last: BootTime,
    },
}

impl Refused {
    /// A short constant name of the kind, for JSON and logs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotLater { .. } => "not_later",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLater { last } => {
                write!(f, "the look is not later than the one before, {} ns after boot", last.0)
            }
        }
    }
}

impl std::error::Error for Refused {}
