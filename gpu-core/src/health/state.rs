//! [`State`]: how well a unit is.

use core::fmt;

/// How well a unit is. Ascends from good to bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum State {
    /// Nothing is known against it.
    Healthy,
    /// It works, with less than it has or not for long: new work may be placed on it.
    Degraded,
    /// Nobody can tell.
    Unknown,
    /// Nothing shall be placed on it.
    Unhealthy,
}

impl State {
    /// A short constant name, for JSON and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
