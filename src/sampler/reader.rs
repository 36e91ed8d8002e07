//! [`Reader`]: what a vendor's thread does.

use std::sync::Arc;
use std::time::Instant;

use gpu_core::{Backend, Error, Inventory, MetricSet, Nanoseconds, Query, Sample, Sweep};

use super::observed::span;
use crate::node::Node;

/// What a vendor's thread is asked for.
#[derive(Debug)]
pub(super) struct ReadOrder {
    /// The look that it is for: an answer to another has come too late.
    pub(super) look: u64,
    /// When it was to begin.
    pub(super) scheduled: Instant,
    /// Whether to list what there is.
    pub(super) inventory: bool,
    /// What to fill, where a sample is wanted; its cursors are those of the sample before.
    pub(super) sample: Option<Sample>,
    /// The processes on the GPUs, where they could be swept.
    pub(super) sweep: Option<Arc<Sweep>>,
}

/// What a vendor's thread has read.
#[derive(Debug)]
pub(super) struct ReadAnswer {
    pub(super) vendor: usize,
    pub(super) look: u64,
    pub(super) inventory: Option<Result<Inventory, Error>>,
    pub(super) sample: Option<(Sample, Result<(), Error>)>,
    pub(super) late: Nanoseconds,
    pub(super) took: Nanoseconds,
    pub(super) processor: Nanoseconds,
}

/// One vendor of a node, which it keeps alive.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) node: Arc<Node>,
    /// Position among the node's backends.
    pub(super) vendor: usize,
    pub(super) metrics: MetricSet,
}

impl Reader {
    pub(super) fn read(&mut self, order: ReadOrder) -> ReadAnswer {
        let began = Instant::now();
        let used = gpu_host::processor_time();
        let ReadOrder { look, scheduled, inventory, sample, sweep } = order;
        let backend = self.node.backends().nth(self.vendor);
        let inventory = match backend {
            Some(backend) if inventory => Some(backend.inventory()),
            _ => None,
        };
        let sample = sample.map(|mut sample| {
            sample.clear();
            let done = backend.map_or(Ok(()), |backend| self.sample(backend, sweep.as_deref(), &mut sample));
            (sample, done)
        });
        let processor = match (used, gpu_host::processor_time()) {
            (Ok(before), Ok(after)) => after.saturating_sub(before),
            _ => Nanoseconds::ZERO,
        };
        let (late, took) = (span(scheduled, began), span(began, Instant::now()));
        ReadAnswer { vendor: self.vendor, look, inventory, sample, late, took, processor }
    }

    fn sample(&self, backend: &dyn Backend, sweep: Option<&Sweep>, sample: &mut Sample) -> Result<(), Error> {
        let query = Query::everything().with_ended().metrics(self.metrics);
        match sweep {
            Some(sweep) => backend.sample_into(&query.sweep(sweep), sample),
            None => backend.sample_into(&query, sample),
        }
    }
}
