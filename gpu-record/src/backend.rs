//! [`ShownBackend`]: one vendor's GPUs of a recording.

use gpu_core::{
    Absence, Backend, Capabilities, ContainerFacts, Error, Events, EvidenceList, EvidenceSource, Inventory,
    Metric, MetricSet, Partitioner, Query, Reading, Sample, UnitId, Units, Vendor,
};

use crate::Moment;
use crate::shown::Shown;

/// Shows one vendor's GPUs as they were at the moment that is shown.
#[derive(Debug)]
pub(crate) struct ShownBackend {
    pub vendor: Vendor,
    pub shown: Shown,
    /// The vendors that other backends of the recording show. What is nobody's, this one shows.
    pub others: Option<Vec<Vendor>>,
}

impl ShownBackend {
    /// True of what belongs to this vendor, or to none when this backend takes that too.
    fn is_mine(&self, vendor: Option<Vendor>) -> bool {
        vendor == Some(self.vendor)
            || self.others.as_ref().is_some_and(|others| !vendor.is_some_and(|of| others.contains(&of)))
    }

    /// Refuses units of this vendor that were not there.
    fn refuse_strangers(&self, moment: &Moment, query: &Query<'_>) -> Result<(), Error> {
        let Units::Only(units) = query.units else { return Ok(()) };
        let is_strange = |unit: &&UnitId| unit.vendor() == self.vendor && !moment.inventory.contains(**unit);
        match units.iter().find(is_strange) {
            Some(unit) => Err(Error::unknown_unit(unit)),
            None => Ok(()),
        }
    }
}

/// The reading with nothing in it that was not asked for.
fn only(reading: &Reading, metrics: MetricSet) -> Reading {
    let mut reading = *reading;
    if metrics != MetricSet::ALL {
        for metric in Metric::ALL.iter().filter(|metric| !metrics.has(**metric)) {
            reading.set_absent(*metric, Absence::NotYet);
        }
    }
    reading
}

#[deny(clippy::missing_trait_methods)]
impl Backend for ShownBackend {
    fn vendor(&self) -> Vendor {
        self.vendor
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        let moment = self.shown.moment();
        let mut inventory = moment.inventory.clone();
        inventory.drivers.retain(|driver| driver.vendor == self.vendor);
        inventory.devices.retain(|device| device.vendor() == self.vendor);
        inventory.links.retain(|link| link.a.vendor() == self.vendor);
        inventory.unmanaged.retain(|unmanaged| self.is_mine(unmanaged.vendor));
        inventory.problems.retain(|problem| self.is_mine(Some(problem.vendor)));
        Ok(inventory)
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        let moment = self.shown.moment();
        if unit.vendor() != self.vendor || !moment.inventory.contains(unit) {
            return Err(Error::unknown_unit(unit));
        }
        Ok(Capabilities::from_reading(unit, moment.sample.reading(unit)))
    }

    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        let moment = self.shown.moment();
        self.refuse_strangers(&moment, query)?;
        for of in &moment.sample.units {
            if of.unit.vendor() == self.vendor && query.wants(of.unit) {
                sample.push(of.unit, only(&of.reading, query.metrics));
            }
        }
        if query.processes {
            let mine = moment.sample.processes.iter().filter(|of| of.unit.vendor() == self.vendor);
            sample.processes.extend(mine);
        }
        if query.ended {
            let mine = moment.sample.ended.iter().filter(|of| of.device.vendor() == self.vendor);
            sample.ended.extend(mine.cloned());
        }
        let mine = moment.sample.problems.iter().filter(|of| self.is_mine(Some(of.vendor)));
        sample.problems.extend(mine.cloned());
        Ok(())
    }

    fn partitioner(&self) -> Result<&dyn Partitioner, Absence> {
        Err(Absence::NotSupported { why: "a recording cannot be changed" })
    }

    fn events(&self) -> Result<&dyn Events, Absence> {
        Err(Absence::NotSupported { why: "events are not recorded" })
    }

    /// The evidence of the owner that was recorded; what a limit of memory shows is made anew of the
    /// kernel's account.
    fn evidence(
        &self,
        facts: &ContainerFacts,
        _: &Inventory,
        list: &mut EvidenceList,
    ) -> Result<(), Absence> {
        const NOTHING: Absence = Absence::NotSupported { why: "what containers were given was not recorded" };
        let moment = self.shown.moment();
        let recorded = &moment.containers.as_ref().ok_or(NOTHING)?.evidence;
        for evidence in recorded.of(&facts.owner) {
            if evidence.unit.vendor() == self.vendor && evidence.source != EvidenceSource::MemoryLimit {
                list.push(evidence.clone());
            }
        }
        if self.others.is_some() {
            for unresolved in recorded.unresolved.iter().filter(|of| of.owner == facts.owner) {
                list.leave(&unresolved.owner, unresolved.source, &unresolved.text, unresolved.why);
            }
            if recorded.unrestricted.contains(&facts.owner) {
                list.unrestrict(&facts.owner);
            }
        }
        Ok(())
    }
}
