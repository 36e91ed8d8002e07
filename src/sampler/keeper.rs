//! [`Keeper`]: what the thread does that reads the machine's side: sweeps, joins, attributes.

use std::sync::Arc;

use gpu_core::attribution::Attribution;
use gpu_core::{Absence, Error, Evidence, Inventory, Labels, Nanoseconds, Owner, Problem, Sample, Sweep};

use crate::node::Node;
use crate::watch::Watched;

/// What the machine's side is asked for, for which look, and what is new since.
#[derive(Debug)]
pub(super) struct KeepOrder {
    pub(super) look: u64,
    /// What vendors have listed, by position.
    pub(super) inventories: Vec<(usize, Result<Inventory, Error>)>,
    /// What the embedder knows, where that is new.
    pub(super) known: Option<Vec<Evidence>>,
    pub(super) task: KeepTask,
}

#[derive(Debug)]
pub(super) enum KeepTask {
    /// Sweeps the processes on the GPUs.
    Sweep,
    /// Joins a sample with that sweep, and says who uses what.
    Finish { sample: Box<Sample>, sweep: Option<Arc<Sweep>> },
}

/// What the machine's side has done.
#[derive(Debug)]
pub(super) enum KeepAnswer {
    Swept { look: u64, sweep: Result<Arc<Sweep>, Absence>, processor: Nanoseconds },
    Finished { look: u64, finished: Box<Finished> },
}

#[derive(Debug)]
pub(super) struct Finished {
    pub(super) inventory: Arc<Inventory>,
    pub(super) sample: Sample,
    pub(super) sweep: Result<Arc<Sweep>, Absence>,
    pub(super) attribution: Attribution,
    pub(super) labels: Arc<Vec<(Owner, Labels)>>,
    pub(super) processor: Nanoseconds,
}

/// The machine's side of a node, which it keeps alive.
#[derive(Debug)]
pub(super) struct Keeper {
    node: Arc<Node>,
    watched: Watched,
    /// What each vendor listed last.
    parts: Vec<Result<Inventory, Error>>,
    inventory: Arc<Inventory>,
}

const NO_LIST: Absence = Absence::Failed { at: "the process list", code: None };

impl Keeper {
    pub(super) fn new(node: Arc<Node>, watched: Watched) -> Self {
        let parts = node.backends().map(|_| Ok(Inventory::new())).collect();
        Self { node, watched, parts, inventory: Arc::default() }
    }

    pub(super) fn keep(&mut self, order: KeepOrder) -> KeepAnswer {
        let used = gpu_host::processor_time();
        let KeepOrder { look, inventories, known, task } = order;
        self.list(inventories);
        if let Some(known) = known {
            self.watched.given.know(known);
        }
        let since = || match (used, gpu_host::processor_time()) {
            (Ok(before), Ok(after)) => after.saturating_sub(before),
            _ => Nanoseconds::ZERO,
        };
        match task {
            KeepTask::Sweep => {
                let mut sweep = Sweep::new();
                let swept = self.node.sweep(&self.inventory, &mut sweep);
                let sweep = swept.map(|()| Arc::new(sweep)).map_err(|_| NO_LIST);
                KeepAnswer::Swept { look, sweep, processor: since() }
            }
            KeepTask::Finish { sample, sweep } => {
                let mut finished = self.finish(*sample, sweep);
                finished.processor = since();
                KeepAnswer::Finished { look, finished: Box::new(finished) }
            }
        }
    }

    /// Puts the vendors' inventories together, where there are new ones.
    fn list(&mut self, inventories: Vec<(usize, Result<Inventory, Error>)>) {
        if inventories.is_empty() {
            return;
        }
        for (vendor, inventory) in inventories {
            self.parts[vendor] = inventory;
        }
        let mut all = Inventory::new();
        for (backend, part) in self.node.backends().zip(&self.parts) {
            match part {
                Ok(part) => all.append(part.clone()),
                Err(error) => all.problems.push(Problem::new(backend.vendor(), error)),
            }
        }
        self.node.round_off(&mut all);
        if *self.inventory != all {
            self.inventory = Arc::new(all);
        }
    }

    fn finish(&mut self, mut sample: Sample, sweep: Option<Arc<Sweep>>) -> Finished {
        let swept = sweep.is_some();
        let mut sweep = sweep.map_or_else(Sweep::new, Arc::unwrap_or_clone);
        self.node.join(&self.inventory, swept, &mut sweep, &mut sample);
        let attribution = self.watched.attribute(&self.node, &self.inventory, &sweep, &sample);
        let sweep = if swept { Ok(Arc::new(sweep)) } else { Err(Absence::TimedOut) };
        let (inventory, processor) = (Arc::clone(&self.inventory), Nanoseconds::ZERO);
        let labels = self.watched.given.labels();
        Finished { inventory, sample, sweep, attribution, labels, processor }
    }
}
