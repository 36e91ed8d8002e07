//! [`Query`]: what a sample shall contain.

use crate::id::UnitId;
use crate::reading::MetricSet;
use crate::sweep::Sweep;

/// Which units a sample covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Units<'a> {
    /// Every device and partition.
    #[default]
    All,
    /// Every device, no partition.
    Devices,
    /// These. A backend refuses one of its own vendor that does not exist, and passes over
    /// those of other vendors.
    Only(&'a [UnitId]),
}

/// What a sample shall contain, and what it needs from outside.
///
/// ```
/// use gpu_core::{Metric, MetricSet, Query};
/// let query = Query::everything().metrics(MetricSet::NONE.with(Metric::Power)).without_processes();
/// assert!(!query.processes);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Query<'a> {
    /// Which units.
    pub units: Units<'a>,
    /// Which metrics of each unit. The others are left as [`Absence::NotYet`](crate::Absence).
    pub metrics: MetricSet,
    /// Whether to list processes.
    pub processes: bool,
    /// Whether to list what drivers remember of processes that have ended.
    pub ended: bool,
    /// What a sweep of the machine's processes found, for backends that join with it.
    pub sweep: Option<&'a Sweep>,
}

impl Query<'_> {
    /// True when the sample shall have a reading of the unit. For backends.
    ///
    /// ```
    /// use gpu_core::{Query, UnitId, Units};
    /// let device: UnitId = "intel:pci:0000:03:00.0".parse()?;
    /// let tile: UnitId = "intel:pci:0000:03:00.0/tile:0".parse()?;
    /// assert!(Query::everything().wants(tile));
    /// assert!(!Query::everything().units(Units::Devices).wants(tile));
    /// assert!(Query::everything().units(Units::Only(&[device])).wants(device));
    /// # Ok::<(), gpu_core::ParseError>(())
    /// ```
    #[must_use]
    pub fn wants(&self, unit: impl Into<UnitId>) -> bool {
        let unit = unit.into();
        match self.units {
            Units::All => true,
            Units::Devices => matches!(unit, UnitId::Device(_)),
            Units::Only(units) => units.contains(&unit),
        }
    }

    /// Every unit, every metric, and processes; not those that have ended.
    #[must_use]
    pub const fn everything() -> Self {
        Self { units: Units::All, metrics: MetricSet::ALL, processes: true, ended: false, sweep: None }
    }
}

impl<'a> Query<'a> {
    /// The same query over other units.
    #[must_use]
    pub const fn units(self, units: Units<'a>) -> Self {
        Self { units, ..self }
    }

    /// The same query for other metrics.
    #[must_use]
    pub const fn metrics(self, metrics: MetricSet) -> Self {
        Self { metrics, ..self }
    }

    /// The same query without processes.
    #[must_use]
    pub const fn without_processes(self) -> Self {
        Self { processes: false, ..self }
    }

    /// The same query with what drivers remember of processes that have ended.
    #[must_use]
    pub const fn with_ended(self) -> Self {
        Self { ended: true, ..self }
    }

    /// The same query with the result of a sweep.
    #[must_use]
    pub const fn sweep(self, sweep: &'a Sweep) -> Self {
        Self { sweep: Some(sweep), ..self }
    }
}

impl Default for Query<'_> {
    fn default() -> Self {
        Self::everything()
    }
}
