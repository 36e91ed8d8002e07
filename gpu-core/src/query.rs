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
    /// What a sweep of the machine's processes found, for backends that join with it.
    pub sweep: Option<&'a Sweep>,
}

impl Query<'_> {
    /// Every unit, every metric, and processes.
    #[must_use]
    pub const fn everything() -> Self {
        Self { units: Units::All, metrics: MetricSet::ALL, processes: true, sweep: None }
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
