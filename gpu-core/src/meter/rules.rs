//! [`Rules`]: by which rules a meter meters; [`By`], [`IdlePower`], [`Baseline`].

use super::domain::PowerDomain;
use crate::attribution::Rule;
use crate::id::DeviceId;
use crate::quantity::{Count, Microwatts, Nanoseconds};

/// What something is spread over its users by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum By {
    /// The time that engines worked for each, a small instance's time counting as much less as it is
    /// smaller ([`Size`](super::Size)).
    EngineTime,
    /// The device memory that each held.
    MemoryHeld,
    /// The compute slices of the units that each runs on; those on one unit share it equally.
    /// Where a unit has no slices, its compute units.
    Slices,
    /// The compute units (SMs, CUs, Xe cores) of the units that each runs on, in the same way.
    ComputeUnits,
    /// Everybody who runs something gets as much.
    Equal,
}

impl By {
    /// The name under which it stands in a [`Basis`](crate::attribution::Basis).
    #[must_use]
    pub const fn rule(self) -> Rule {
        match self {
            Self::EngineTime => Rule::ByEngineTime,
            Self::MemoryHeld => Rule::ByMemoryHeld,
            Self::Slices => Rule::BySlices,
            Self::ComputeUnits => Rule::ByComputeUnits,
            Self::Equal => Rule::Equally,
        }
    }
}

/// Who gets the energy that is drawn while nothing runs, or below the [`Baseline`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum IdlePower {
    /// Nobody: it stays idle.
    #[default]
    ToNobody,
    /// Those who hold the units, by the units' [`Size`](super::Size); what nobody holds stays
    /// nobody's. It stands in [`Part::standby`](super::Part::standby).
    ToHolders,
}

/// What a power domain draws when nothing runs on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Baseline {
    /// Not known: while anything runs, all that is drawn is for what runs; else all is idle.
    #[default]
    Unknown,
    /// So much, for each power domain.
    Each(Microwatts),
    /// The least that this meter has seen of the domain between two looks.
    LeastSeen,
}

/// By which rules a meter meters. They are named in what they make.
///
/// ```
/// use gpu_core::meter::{Baseline, By, IdlePower, Rules};
/// let rules = Rules::new().energy(By::EngineTime).otherwise(By::MemoryHeld).idle_power(IdlePower::ToHolders);
/// assert_eq!(rules.baseline(Baseline::LeastSeen).longest_step.to_string(), "10 s");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Rules {
    /// What energy is spread by. Default: [`By::EngineTime`].
    pub energy: By,
    /// What it is spread by where that cannot be: somebody runs something, and it is not told for how
    /// long. `None`, the default: by nothing, and it is unattributed then.
    pub otherwise: Option<By>,
    /// What time is spread by that a unit shows to be busy, among those on it of whom no time is
    /// told (MIG instances have a number of their own, their processes have none). `None`: it is
    /// unattributed. Whatever the rule, what can only be one owner's is his
    /// ([`Rule::OnlyUser`](crate::attribution::Rule::OnlyUser)). Default: `None`.
    pub busy: Option<By>,
    /// Who gets the energy of idling. Default: nobody.
    pub idle_power: IdlePower,
    /// What idling takes. Default: unknown.
    pub baseline: Baseline,
    /// Looks that lie farther apart leave a gap. Default: 10 s.
    pub longest_step: Nanoseconds,
    /// More power than that a device cannot draw: a counter that grew faster has jumped. Default:
    /// 20 kW; of a domain, for each of its devices.
    pub most_power: Microwatts,
    /// Devices whose energy is counted together (MI250X: one die shows the power of both).
    pub domains: Vec<PowerDomain>,
    /// How many compute slices devices have whose inventory does not tell how many compute units
    /// (NVML counts those of MIG instances only): what [`Size`](super::Size) is of then.
    pub slices: Vec<(DeviceId, Count)>,
    /// Most events of an open interval; how many more there were is counted. Default: 4096.
    pub most_events: usize,
}

impl Rules {
    /// The default rules.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            energy: By::EngineTime,
            otherwise: None,
            busy: None,
            idle_power: IdlePower::ToNobody,
            baseline: Baseline::Unknown,
            longest_step: Nanoseconds::from_secs(10),
            most_power: Microwatts::from_watts(20_000),
            domains: Vec::new(),
            slices: Vec::new(),
            most_events: 4096,
        }
    }

    /// The same, with energy spread by this.
    #[must_use]
    pub fn energy(self, by: By) -> Self {
        Self { energy: by, ..self }
    }

    /// The same, with energy spread by this where the first rule says nothing.
    #[must_use]
    pub fn otherwise(self, by: By) -> Self {
        Self { otherwise: Some(by), ..self }
    }

    /// The same, with the busy time of units that tell no process' spread by this.
    #[must_use]
    pub fn busy(self, by: By) -> Self {
        Self { busy: Some(by), ..self }
    }

    /// The same, with the energy of idling given to these.
    #[must_use]
    pub fn idle_power(self, to: IdlePower) -> Self {
        Self { idle_power: to, ..self }
    }

    /// The same, with another idea of what idling takes.
    #[must_use]
    pub fn baseline(self, baseline: Baseline) -> Self {
        Self { baseline, ..self }
    }

    /// The same, with looks that may lie so far apart.
    #[must_use]
    pub fn longest_step(self, longest: Nanoseconds) -> Self {
        Self { longest_step: longest, ..self }
    }

    /// The same, with how many compute slices a device has.
    #[must_use]
    pub fn device_slices(mut self, device: DeviceId, slices: Count) -> Self {
        self.slices.push((device, slices));
        self
    }

    pub(super) fn slices(&self, device: DeviceId) -> Option<u64> {
        self.slices.iter().find(|(of, _)| *of == device).map(|(_, slices)| slices.get())
    }

    /// The same, with one more power domain of several devices.
    #[must_use]
    pub fn domain(mut self, domain: PowerDomain) -> Self {
        self.domains.push(domain);
        self
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::new()
    }
}
