//! [`Look`]: what the machine showed at one time.

use crate::inventory::Inventory;
use crate::reading::{Metric, MetricSet};
use crate::sample::Sample;
use crate::time::{BootId, BootTime};

/// The metrics that tell how well a unit is: what a look needs of a sample, and no more.
///
/// ```
/// use gpu_core::health::METRICS;
/// use gpu_core::{Metric, Query};
/// assert!(METRICS.has(Metric::RemappedRowsPending) && !METRICS.has(Metric::Power));
/// let query = Query::everything().metrics(METRICS).without_processes();
/// # let _ = query;
/// ```
pub const METRICS: MetricSet = {
    const TOLD_BY: [Metric; 14] = [
        Metric::Throttle,
        Metric::EccCorrected,
        Metric::EccUncorrected,
        Metric::RemappedRowsPending,
        Metric::RemappedRowsFailed,
        Metric::RetiredPagesPending,
        Metric::PcieWidth,
        Metric::PcieWidthMax,
        Metric::LinksUp,
        Metric::LinksDown,
        Metric::Fabric,
        Metric::RecoveryAction,
        Metric::DriverHealth,
        // What every device has: it tells whether the device answers.
        Metric::MemoryTotal,
    ];
    let (mut set, mut n) = (MetricSet::NONE, 0);
    while n < TOLD_BY.len() {
        set = set.with(TOLD_BY[n]);
        n += 1;
    }
    set
};

/// What the machine showed at one time.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// What there is. Devices of vendors that it does not speak of are as they were: it may be of one
    /// vendor alone.
    pub inventory: &'a Inventory,
    /// What it showed: [`METRICS`] at least.
    pub sample: &'a Sample,
    /// When.
    pub now: BootTime,
    /// In which boot. Another one starts over.
    pub boot: BootId,
}
