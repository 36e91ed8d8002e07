//! [`Account`]: how the parts of one dimension make up its total.

use super::gap::{Gap, Gaps};
use crate::absence::Absence;
use crate::quantity::Nanoseconds;

/// What the total of an account is.
///
/// A sum of several has the last of them: it says least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Total {
    /// What the unit has × covered time: one unit, one set of shaders, its bytes of memory.
    CapacityTime,
    /// What the device's own counter grew by.
    DeviceCounter,
    /// What the counter of a power domain of several devices grew by.
    DomainCounter,
    /// Power as it was shown at each look × the time to the next: where there is no counter.
    PowerTime,
}

impl Total {
    /// A short constant name, for JSON and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CapacityTime => "capacity_time",
            Self::DeviceCounter => "device_counter",
            Self::DomainCounter => "domain_counter",
            Self::PowerTime => "power_time",
        }
    }
}

/// One dimension of one unit: `attributed + idle + unattributed = total`, always and exactly.
///
/// Accounts cut a device: what a partition has of its own is in the partition's accounts and in no
/// other, what is left is in the device's. So sums over all units count nothing twice.
///
/// The numbers speak of the covered time alone; what lies in gaps is in none of them. Only what an
/// energy counter counted while nobody looked is in the total: in what is untold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Account {
    /// All that there was, in the unit of the dimension.
    pub total: u128,
    /// What stands in somebody's part.
    pub attributed: u128,
    /// What was not used. Of held: what nobody held. Of energy: what was drawn while nothing ran, or
    /// below the baseline.
    pub idle: u128,
    /// What was used and is in nobody's part, or of which nobody can tell: the rest, always.
    pub unattributed: u128,
    /// Of unattributed, what driver and firmware keep for themselves (memory).
    pub reserved: u128,
    /// Of unattributed, what may as well have been idle: the unit shows no number of its own then.
    pub untold: u128,
    /// Of idle, what was given to those who held the unit
    /// ([`IdlePower::ToHolders`](super::IdlePower::ToHolders)): it stands in
    /// [`Part::standby`](super::Part::standby), and never in what is attributed.
    pub standby: u128,
    /// By how much the parts exceeded what there was, before they were scaled down to it.
    pub excess: u128,
    /// The time that all of this speaks of.
    pub covered: Nanoseconds,
    /// The time that it does not speak of, and why.
    pub gaps: Gaps,
    /// What the total is; `None` while there is none.
    pub kind: Option<Total>,
}

impl Account {
    /// All that there was, if any time is covered.
    ///
    /// # Errors
    /// Why there is none: the reason for which most of the time is missing.
    pub fn get(&self) -> Result<u128, Absence> {
        if self.covered != Nanoseconds::ZERO || self.total != 0 {
            return Ok(self.total);
        }
        Err(self.gaps.main().map_or(NOT_KEPT, Gap::absence))
    }

    /// True where this unit has an account of its own in the dimension. Else what happens on it is
    /// in the account of what it lies in.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.covered != Nanoseconds::ZERO || self.gaps != Gaps::NONE
    }

    /// Adds time that the numbers speak of.
    pub(super) fn cover(&mut self, time: Nanoseconds, kind: Total) {
        self.covered = self.covered.saturating_add(time);
        self.kind = self.kind.max(Some(kind));
    }

    /// True where the numbers make up the total, and what is part of something is no more than it.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let sum = self.attributed.checked_add(self.idle).and_then(|sum| sum.checked_add(self.unattributed));
        let within = self.reserved.checked_add(self.untold).is_some_and(|of| of <= self.unattributed);
        sum == Some(self.total) && within && self.standby <= self.idle
    }
}

const NOT_KEPT: Absence = Absence::NotSupported { why: "it is in the account of what the unit lies in" };
