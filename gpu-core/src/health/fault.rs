//! [`Fault`]: what is wrong.

use core::fmt;
use core::mem::discriminant;

use crate::absence::Absence;
use crate::driver_health::DriverHealth;
use crate::event::EventKind;
use crate::fabric::Fabric;
use crate::quantity::Count;
use crate::reading::Metric;
use crate::recovery::RecoveryAction;
use crate::throttle::ThrottleReasons;

/// What is wrong, with the value that shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Fault {
    /// The driver told of an event.
    Event(EventKind),
    /// The device fell off the bus, or is listed no more.
    Lost,
    /// The device, or its vendor's driver, does not answer.
    Silent {
        /// How many looks in a row got no answer.
        looks: u32,
    },
    /// Nothing can be read that would tell how well it is.
    Unreadable(Absence),
    /// The driver asks for something to be done.
    RecoveryWanted(RecoveryAction),
    /// Memory errors that could not be corrected, since the driver was loaded or since they were
    /// acknowledged.
    UncorrectedErrors(Count),
    /// A row of memory waits for a reset to be replaced.
    RowRemapPending,
    /// Replacing a row of memory has failed.
    RowRemapFailed,
    /// Pages of memory wait for a reset to be taken out of use.
    PagesPending,
    /// It has not joined its NVLink fabric, or something is wrong there.
    Fabric(Fabric),
    /// Links to other GPUs or switches are down.
    LinksDown {
        /// How many are down.
        down: Count,
        /// How many are up.
        up: Count,
    },
    /// The PCIe link has fewer lanes than GPU and slot have.
    PcieNarrow {
        /// Lanes now.
        width: Count,
        /// Lanes that there could be.
        most: Count,
    },
    /// Heat, the power supply or hardware holds the clocks down.
    Throttled(ThrottleReasons),
    /// The driver's own judgement.
    Driver(DriverHealth),
}

impl Fault {
    /// True for two sights of one fault: the value may differ, events are told apart by their kind.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Event(one), Self::Event(other)) => one == other,
            _ => discriminant(self) == discriminant(other),
        }
    }

    /// The metric that shows it; `None` for events, and for what all metrics together show.
    #[must_use]
    pub const fn metric(&self) -> Option<Metric> {
        match self {
            Self::Event(_) | Self::Lost | Self::Silent { .. } | Self::Unreadable(_) => None,
            Self::RecoveryWanted(_) => Some(Metric::RecoveryAction),
            Self::UncorrectedErrors(_) => Some(Metric::EccUncorrected),
            Self::RowRemapPending => Some(Metric::RemappedRowsPending),
            Self::RowRemapFailed => Some(Metric::RemappedRowsFailed),
            Self::PagesPending => Some(Metric::RetiredPagesPending),
            Self::Fabric(_) => Some(Metric::Fabric),
            Self::LinksDown { .. } => Some(Metric::LinksDown),
            Self::PcieNarrow { .. } => Some(Metric::PcieWidth),
            Self::Throttled(_) => Some(Metric::Throttle),
            Self::Driver(_) => Some(Metric::DriverHealth),
        }
    }

    /// A short constant name of the kind, for JSON and metric labels.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Event(EventKind::Xid(_)) => "xid",
            Self::Event(_) => "event",
            Self::Lost => "lost",
            Self::Silent { .. } => "silent",
            Self::Unreadable(_) => "unreadable",
            Self::RecoveryWanted(_) => "recovery_wanted",
            Self::UncorrectedErrors(_) => "uncorrected_errors",
            Self::RowRemapPending => "row_remap_pending",
            Self::RowRemapFailed => "row_remap_failed",
            Self::PagesPending => "pages_pending",
            Self::Fabric(_) => "fabric",
            Self::LinksDown { .. } => "links_down",
            Self::PcieNarrow { .. } => "pcie_narrow",
            Self::Throttled(_) => "throttled",
            Self::Driver(_) => "driver",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(kind) => kind.fmt(f),
            Self::Lost => f.write_str("lost"),
            Self::Silent { looks: 1 } => f.write_str("no answer"),
            Self::Silent { looks } => write!(f, "no answer for {looks} looks"),
            Self::Unreadable(absence) => write!(f, "nothing can be read: {absence}"),
            Self::RecoveryWanted(action) => write!(f, "the driver asks: {action}"),
            Self::UncorrectedErrors(count) => write!(f, "{count} uncorrectable memory errors"),
            Self::RowRemapPending => f.write_str("a row of memory waits to be replaced"),
            Self::RowRemapFailed => f.write_str("a row of memory could not be replaced"),
            Self::PagesPending => f.write_str("pages of memory wait to be retired"),
            Self::Fabric(fabric) => write!(f, "NVLink fabric {fabric}"),
            Self::LinksDown { down, up } => write!(f, "{down} links down, {up} up"),
            Self::PcieNarrow { width, most } => write!(f, "PCIe ×{width} of ×{most}"),
            Self::Throttled(reasons) => write!(f, "slowed down: {reasons}"),
            Self::Driver(health) => write!(f, "the driver says: {health}"),
        }
    }
}
