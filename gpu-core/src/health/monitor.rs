//! [`Health`]: the state machine.

use crate::event::Event;
use crate::id::{DeviceId, UnitId};
use crate::inventory::Inventory;
use crate::sample::Sample;
use crate::time::{BootId, BootTime};
use crate::vendor::Vendor;

use super::change::Change;
use super::fault::Fault;
use super::look::Look;
use super::policy::Policy;
use super::record::Record;
use super::report::Report;

/// Most events of unknown devices that are kept.
const STRANGERS: usize = 16;

/// Which units are well: see the [module](super).
#[derive(Clone, Debug, Default)]
pub struct Health {
    policy: Policy,
    boot: Option<BootId>,
    records: Vec<Record>,
    strangers: Vec<Event>,
}

impl Health {
    /// Nothing is known yet; judged by this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Takes over what the machine showed, and tells what has changed.
    pub fn look(&mut self, look: &Look<'_>) -> Vec<Change> {
        if self.boot.is_some_and(|boot| boot != look.boot) {
            (self.records, self.strangers) = (Vec::new(), Vec::new());
        }
        self.boot = Some(look.boot);
        let (now, policy) = (look.now, self.policy.clone());
        for device in &look.inventory.devices {
            let record = self.record(device.id, now);
            let is_complete = !has_problems(look.inventory, device.id.vendor());
            record.cut(device, is_complete, now);
            record.see(look.sample, now, &policy);
        }
        for record in &mut self.records {
            if look.inventory.device(record.id).is_none() {
                missing(record, look.inventory, look.sample, now, &policy);
            }
        }
        self.settle(now)
    }

    /// Takes over what a driver told, and tells what has changed.
    pub fn event(&mut self, event: &Event) -> Vec<Change> {
        let advice = self.policy.advice(event.kind);
        let mut changes = Vec::new();
        let is_hit = |record: &&mut Record| event.unit.is_some_and(|of| of.device() == record.id);
        match (event.unit, self.records.iter_mut().find(is_hit)) {
            (Some(unit), Some(record)) => {
                let whole = match unit {
                    UnitId::Share(share) => share.whole(),
                    unit => unit,
                };
                record.put(record.place(whole), Fault::Event(event.kind), advice, event.source, event.at);
                record.settle(event.at, &mut changes);
            }
            _ => {
                if self.strangers.len() == STRANGERS {
                    self.strangers.remove(0);
                }
                self.strangers.push(*event);
            }
        }
        changes
    }

    /// Nothing at all could be read of a vendor: none of its devices answered this look.
    pub fn silent(&mut self, vendor: Vendor, now: BootTime) -> Vec<Change> {
        let policy = self.policy.clone();
        for record in self.records.iter_mut().filter(|record| record.id.vendor() == vendor) {
            record.miss(now, &policy);
        }
        self.settle(now)
    }

    /// Counts as silent what was not looked at for too long ([`Policy::overdue_after`]), again and again, and
    /// forgets notices that are old. For whoever looks from several threads, of which one may hang.
    pub fn tick(&mut self, now: BootTime) -> Vec<Change> {
        let policy = self.policy.clone();
        for record in &mut self.records {
            if now.since(record.looked) > policy.overdue_after {
                record.miss(now, &policy);
            }
            record.fade(now, &policy);
        }
        self.settle(now)
    }

    /// Somebody says that a device is well: it was reset, repaired, replaced in its slot, or its errors are
    /// known. Ends everything that stands against it and its partitions; memory errors count from here on,
    /// and what a look still shows stands again. Nothing happens for a device that is not known.
    pub fn acknowledge(&mut self, device: DeviceId, now: BootTime) -> Vec<Change> {
        if let Some(record) = self.records.iter_mut().find(|record| record.id == device) {
            record.acknowledge();
        }
        self.settle(now)
    }

    /// Forgets a device: it was taken out for good.
    pub fn forget(&mut self, device: DeviceId) {
        self.records.retain(|record| record.id != device);
    }

    /// How well every unit is.
    #[must_use]
    pub fn report(&self, now: BootTime) -> Report {
        let mut units = Vec::new();
        for record in &self.records {
            record.report(&mut units);
        }
        Report { at: now, units, strangers: self.strangers.clone() }
    }

    fn record(&mut self, id: DeviceId, now: BootTime) -> &mut Record {
        let at = match self.records.iter().position(|record| record.id == id) {
            Some(at) => at,
            None => {
                self.records.push(Record::new(id, now));
                self.records.len() - 1
            }
        };
        &mut self.records[at]
    }

    fn settle(&mut self, now: BootTime) -> Vec<Change> {
        let mut changes = Vec::new();
        for record in &mut self.records {
            record.settle(now, &mut changes);
        }
        changes
    }
}

fn has_problems(inventory: &Inventory, vendor: Vendor) -> bool {
    inventory.problems.iter().any(|problem| problem.vendor == vendor)
}

/// A device that was known and is not listed. Where its vendor's list is not complete, nobody can tell why.
fn missing(record: &mut Record, inventory: &Inventory, sample: &Sample, now: BootTime, policy: &Policy) {
    let vendor = record.id.vendor();
    let is_listed = inventory.devices.iter().any(|device| device.id.vendor() == vendor)
        || inventory.drivers.iter().any(|driver| driver.vendor == vendor);
    let has_problems = has_problems(inventory, vendor);
    match sample.get(record.id) {
        // The backend knows it still, and says how it is.
        Some(_) => record.see(sample, now, policy),
        None if is_listed && !has_problems => record.lose(now),
        None if is_listed || has_problems => record.miss(now, policy),
        // The look is about other vendors.
        None => {}
    }
}
