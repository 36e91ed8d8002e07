//! [`Fabric`]: a GPU's place in its NVLink fabric.

use core::fmt;
use core::ops::BitOr;

/// How far a GPU has come in joining its NVLink fabric, and what is wrong there.
///
/// A GPU on a board with NVSwitches whose fabric is not up looks well and cannot be used: programs fail
/// where they start CUDA. Source: NVML `nvmlGpuFabricInfoV_t`.
///
/// ```
/// use gpu_core::{Fabric, FabricIssues, FabricState};
/// let fabric = Fabric::new(FabricState::Completed, 0, FabricIssues::DEGRADED_BANDWIDTH);
/// assert!(fabric.is_up());
/// assert_eq!(fabric.to_string(), "up, degraded bandwidth");
/// assert_eq!(Fabric::new(FabricState::InProgress, 0, FabricIssues::NONE).to_string(), "in progress");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Fabric {
    /// How far it has come.
    pub state: FabricState,
    /// What joining came to, as the driver wrote it: 0 is success. Says nothing before it is completed.
    pub status: u32,
    /// What is wrong.
    pub issues: FabricIssues,
}

impl Fabric {
    /// A place in a fabric.
    #[must_use]
    pub const fn new(state: FabricState, status: u32, issues: FabricIssues) -> Self {
        Self { state, status, issues }
    }

    /// True when the GPU has joined.
    #[must_use]
    pub fn is_up(self) -> bool {
        self.state == FabricState::Completed && self.status == 0
    }
}

impl fmt::Display for Fabric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            FabricState::NotStarted => f.write_str("not started")?,
            FabricState::InProgress => f.write_str("in progress")?,
            FabricState::Completed if self.status == 0 => f.write_str("up")?,
            FabricState::Completed => write!(f, "failed (code {})", self.status)?,
            FabricState::Unknown(raw) => write!(f, "unknown ({raw})")?,
        }
        if self.issues == FabricIssues::NONE { Ok(()) } else { write!(f, ", {}", self.issues) }
    }
}

/// How far a GPU has come in joining its fabric.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FabricState {
    /// Nobody has begun: Fabric Manager may not run.
    NotStarted,
    /// It is being done.
    InProgress,
    /// It is done, well or not.
    Completed,
    /// A state that this version does not know, as the driver wrote it.
    Unknown(u8),
}

/// What is wrong with a GPU's place in its fabric, as a set. What the driver wrote and this version does
/// not know is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FabricIssues {
    /// The set of what is known, as bits.
    pub known: u16,
    /// What the driver wrote and this version does not know, where it stood.
    pub raw: u32,
}

macro_rules! issues {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        impl FabricIssues {
            $($(#[$doc])* pub const $name: Self = Self { known: 1 << $bit, raw: 0 };)*

            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, $text)),*];
        }
    };
}

issues! {
    /// Less bandwidth than there should be.
    DEGRADED_BANDWIDTH = 0, "degraded bandwidth";
    /// Routes are being found anew.
    ROUTE_RECOVERY = 1, "route recovery";
    /// Routes do not work.
    ROUTE_UNHEALTHY = 2, "route unhealthy";
    /// An access that took too long is being recovered from.
    ACCESS_TIMEOUT_RECOVERY = 3, "access timeout recovery";
    /// It is set up otherwise than the fabric needs it.
    MISCONFIGURED = 4, "misconfigured";
    /// The driver's own summary: limited capacity.
    LIMITED_CAPACITY = 5, "limited capacity";
    /// The driver's own summary: unhealthy.
    UNHEALTHY = 6, "unhealthy";
}

impl FabricIssues {
    /// Nothing.
    pub const NONE: Self = Self { known: 0, raw: 0 };

    /// True when all of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.known & other.known == other.known && self.raw & other.raw == other.raw
    }

    /// True when anything of `other` is in this set.
    #[must_use]
    pub const fn has_any(self, other: Self) -> bool {
        self.known & other.known != 0 || self.raw & other.raw != 0
    }
}

impl BitOr for FabricIssues {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { known: self.known | other.known, raw: self.raw | other.raw }
    }
}

impl fmt::Display for FabricIssues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (issue, name) in Self::NAMES.iter().filter(|(issue, _)| self.contains(*issue)) {
            debug_assert!(*issue != Self::NONE, "every issue has a bit");
            write!(f, "{separator}{name}")?;
            separator = ", ";
        }
        if self.raw != 0 {
            write!(f, "{separator}unknown {:#x}", self.raw)?;
        }
        Ok(())
    }
}
