//! [`Basis`]: where a container's number came from; [`Attributed`]: such a number.

use core::fmt;

use crate::absence::Absence;
use crate::measured::Source;

/// By which rule a number was spread over those who share it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Rule {
    /// The parts made more than the whole (MPS, sampling noise): scaled down to it, in proportion.
    ScaledToWhole,
    /// The MPS server's time, spread over its clients equally.
    MpsEqually,
    /// The MPS server's time, spread over its clients by the memory that they hold.
    MpsByMemory,
    /// A DRM client that processes of several owners hold: all of it is the process' of the lowest
    /// number.
    FirstHolder,
    /// The unit's own number, which only one owner's processes can have made.
    OnlyUser,
    /// Spread by the time that engines worked for each.
    ByEngineTime,
    /// Spread by the device memory that each held.
    ByMemoryHeld,
    /// Spread by the compute slices of the units that each ran on.
    BySlices,
    /// Spread by the compute units of the units that each ran on.
    ByComputeUnits,
    /// Spread equally over those who ran something.
    Equally,
}

impl Rule {
    /// A short constant name, for JSON and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScaledToWhole => "scaled_to_whole",
            Self::MpsEqually => "mps_equally",
            Self::MpsByMemory => "mps_by_memory",
            Self::FirstHolder => "first_holder",
            Self::OnlyUser => "only_user",
            Self::ByEngineTime => "by_engine_time",
            Self::ByMemoryHeld => "by_memory_held",
            Self::BySlices => "by_slices",
            Self::ByComputeUnits => "by_compute_units",
            Self::Equally => "equally",
        }
    }
}

/// Where a number came from. The later ones say less: a sum has the last of its parts'.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Basis {
    /// The kernel or the driver counts it for each process.
    Measured(Source),
    /// The driver estimates it for each process, over an interval of its own.
    Estimated(Source),
    /// It was spread over those who share it.
    Apportioned(Rule),
    /// The ledger says so: what somebody was entitled to, whatever he used. Never in one sum with the
    /// others.
    Held,
}

/// Prints as `measured by nvml`, `estimated by nvml`, `apportioned (mps_equally)`.
impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured(source) => write!(f, "measured by {source}"),
            Self::Estimated(source) => write!(f, "estimated by {source}"),
            Self::Apportioned(rule) => write!(f, "apportioned ({})", rule.name()),
            Self::Held => f.write_str("held"),
        }
    }
}

/// The sum of what some processes show, with where it came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Attributed<T> {
    /// The sum.
    pub value: T,
    /// Where it came from.
    pub basis: Basis,
    /// Processes that had no such number: the sum is without them.
    pub missing: u32,
}

impl<T: fmt::Display> fmt::Display for Attributed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// A sum that grows process by process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum<T> {
    so_far: Option<(T, Basis)>,
    missing: u32,
    why: Absence,
}

impl<T: Copy> Sum<T> {
    pub(super) const NOTHING: Self = Self { so_far: None, missing: 0, why: Absence::NotYet };

    pub(super) fn add(&mut self, part: Result<(T, Basis), Absence>, add: fn(T, T) -> T) {
        match (part, self.so_far) {
            (Ok(part), None) => self.so_far = Some(part),
            (Ok((value, basis)), Some((sum, so_far))) => {
                self.so_far = Some((add(sum, value), so_far.max(basis)));
            }
            (Err(why), _) => {
                if self.missing == 0 {
                    self.why = why;
                }
                self.missing += 1;
            }
        }
    }

    /// The sum; the first reason when no process had a number.
    pub(super) fn get(&self) -> Result<Attributed<T>, Absence> {
        let (value, basis) = self.so_far.ok_or(self.why)?;
        Ok(Attributed { value, basis, missing: self.missing })
    }
}
