//! Two times that never mix, the boot they belong to, and the [`Clock`] that tells them.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use crate::parse::ParseError;
use crate::quantity::Nanoseconds;
use crate::uuid::Uuid;

/// Nanoseconds since the machine booted, sleep included (Linux `CLOCK_BOOTTIME`). Never steps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct BootTime(pub u64);

impl BootTime {
    /// The time from `earlier` to `self`, or zero when `earlier` is not earlier.
    ///
    /// ```
    /// use gpu_core::{BootTime, Nanoseconds};
    /// assert_eq!(BootTime(50).since(BootTime(20)), Nanoseconds(30));
    /// assert_eq!(BootTime(20).since(BootTime(50)), Nanoseconds(0));
    /// ```
    #[must_use]
    pub const fn since(self, earlier: Self) -> Nanoseconds {
        Nanoseconds(self.0.saturating_sub(earlier.0))
    }

    /// The time that lies `span` later, at most the largest value.
    #[must_use]
    pub const fn plus(self, span: Nanoseconds) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// Nanoseconds since 1970-01-01 UTC. May step in both directions: for people and other systems,
/// never for intervals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct WallTime(pub u64);

/// One life of the machine, from boot to shutdown (Linux `/proc/sys/kernel/random/boot_id`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BootId(pub Uuid);

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for BootId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self)
    }
}

crate::text::serde_as_text!(BootId);

/// Tells the time. The only way in which anything in this family learns it.
///
/// `gpu_host::SystemClock` asks the machine; `gpu_sim::SimClock` is driven by a test.
///
/// *Implementers:* `boot_now` never goes backwards; `boot_id` stays the same for the life of the
/// value.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time since boot.
    fn boot_now(&self) -> BootTime;

    /// The time of day.
    fn wall_now(&self) -> WallTime;

    /// The boot to which `boot_now` belongs.
    fn boot_id(&self) -> BootId;
}

#[deny(clippy::missing_trait_methods)]
impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn boot_now(&self) -> BootTime {
        (**self).boot_now()
    }

    fn wall_now(&self) -> WallTime {
        (**self).wall_now()
    }

    fn boot_id(&self) -> BootId {
        (**self).boot_id()
    }
}
