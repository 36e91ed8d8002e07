//! A vendor's backend that can hang.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use gpu_accounting::{
    Absence, Backend, Capabilities, ContainerFacts, Error, Events, EvidenceList, Inventory, Partitioner,
    Query, Sample, UnitId, Vendor,
};
use gpu_sim::SimBackend;

/// A door that every call of a backend goes through; closed, it keeps them.
#[derive(Debug, Default)]
pub struct Door {
    is_closed: Mutex<bool>,
    opened: Condvar,
    /// How many calls are kept.
    pub inside: AtomicUsize,
}

impl Door {
    fn pass(&self) {
        self.inside.fetch_add(1, Ordering::SeqCst);
        let closed = self.is_closed.lock().unwrap();
        drop(self.opened.wait_while(closed, |closed| *closed).unwrap());
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    pub fn set(&self, closed: bool) {
        *self.is_closed.lock().unwrap() = closed;
        self.opened.notify_all();
    }
}

/// A vendor's backend that can hang.
#[derive(Debug)]
pub struct Hanging {
    pub backend: SimBackend,
    pub door: Arc<Door>,
}

#[deny(clippy::missing_trait_methods)]
impl Backend for Hanging {
    fn vendor(&self) -> Vendor {
        self.backend.vendor()
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        self.door.pass();
        self.backend.inventory()
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        self.backend.capabilities(unit)
    }

    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        self.door.pass();
        self.backend.sample_into(query, sample)
    }

    fn partitioner(&self) -> Result<&dyn Partitioner, Absence> {
        self.backend.partitioner()
    }

    fn events(&self) -> Result<&dyn Events, Absence> {
        self.backend.events()
    }

    fn evidence(
        &self,
        facts: &ContainerFacts,
        inventory: &Inventory,
        list: &mut EvidenceList,
    ) -> Result<(), Absence> {
        self.backend.evidence(facts, inventory, list)
    }
}
