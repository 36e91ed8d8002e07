//! What must still be told when a part of the machine is broken.

use crate::absence::Absence;
use crate::backend::{Backend, BackendExt};
use crate::device::Device;
use crate::id::DeviceId;
use crate::inventory::Inventory;
use crate::known::Known;
use crate::partition::Partition;
use crate::query::Query;
use crate::reading::{Metric, Value};
use crate::sample::Sample;

/// What one unit shows, metric by metric.
type Values = Vec<Result<Value, Absence>>;

/// What a backend showed of a machine at one time.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What there was.
    pub inventory: Inventory,
    /// What it showed.
    pub sample: Sample,
}

impl Shown {
    /// What the backend shows now.
    ///
    /// # Panics
    /// When it fails: a part that is broken must not fail the whole.
    #[must_use]
    pub fn by(backend: &dyn Backend) -> Self {
        let inventory = backend.inventory().unwrap_or_else(|error| panic!("the inventory failed: {error}"));
        let sample = backend
            .sample_of(&Query::everything())
            .unwrap_or_else(|error| panic!("the sample failed: {error}"));
        Self { inventory, sample }
    }

    /// True when a problem names something at `place`, a part of a path or an id.
    #[must_use]
    pub fn names(&self, place: &str) -> bool {
        let problems = self.inventory.problems.iter().chain(&self.sample.problems);
        problems.into_iter().any(|problem| problem.at.contains(place) && !problem.detail.is_empty())
    }

    /// Values that are here, and absences, of one device: the facts first.
    fn facts(&self, id: DeviceId) -> Vec<(String, Option<Absence>)> {
        let Some(device) = self.inventory.device(id) else { return Vec::new() };
        let mut facts = known_facts(device);
        facts.extend(device.all_partitions().flat_map(partition_facts));
        for unit in self.sample.units.iter().filter(|unit| unit.unit.device() == id) {
            let readings = unit.reading.iter();
            facts.extend(readings.map(|(metric, value)| (format!("{metric} of {}", unit.unit), value.err())));
        }
        facts
    }

    /// What every device but those of `but` shows, without the times.
    fn others(&self, but: &[DeviceId]) -> Vec<(Device, Vec<Values>)> {
        let others = self.inventory.devices.iter().filter(|device| !but.contains(&device.id));
        let values = |id: DeviceId| {
            let units = self.sample.units.iter().filter(move |unit| unit.unit.device() == id);
            let value =
                |metric: &Metric, reading: &crate::reading::Reading| reading.get(*metric).map(|m| m.value);
            units
                .map(|unit| Metric::ALL.iter().map(|metric| value(metric, &unit.reading)).collect())
                .collect()
        };
        // A position in a list may change by what is missing before it.
        others.map(|device| (Device { index: 0, ..device.clone() }, values(device.id))).collect()
    }
}

fn fact<T>(name: impl Into<String>, fact: &Known<T>) -> (String, Option<Absence>) {
    (name.into(), fact.absence())
}

fn partition_facts(partition: &Partition) -> [(String, Option<Absence>); 6] {
    let name = |what: &str| format!("{what} of {}", partition.id);
    [
        fact(name("profile"), &partition.profile),
        fact(name("placement"), &partition.placement),
        fact(name("memory"), &partition.memory_total),
        fact(name("compute units"), &partition.compute_units),
        fact(name("PCI address"), &partition.pci),
        fact(name("time slice"), &partition.time_slice),
    ]
}

fn known_facts(device: &Device) -> Vec<(String, Option<Absence>)> {
    vec![
        fact("PCI address", &device.pci),
        fact("PCI id", &device.pci_id),
        fact("vendor name", &device.vendor_name),
        fact("serial number", &device.serial),
        fact("board part", &device.board_part),
        fact("firmware", &device.firmware),
        fact("memory", &device.memory_total),
        fact("compute units", &device.compute_units),
        fact("NUMA node", &device.numa),
        fact("architecture", &device.architecture),
    ]
}

/// To be called after a file that belongs to `hit` (to none, where it belongs to the whole
/// machine) has become unreadable: the other devices show what they showed, and what is missing
/// of `hit` has a reason. `place` is how problems name the file.
///
/// A file that cannot be read is not one that does not exist: a value that it held must not be
/// denied as not supported, unless a problem names the file.
///
/// # Panics
/// When a device vanishes without a word, another one changes, or a reason denies the hardware.
pub fn an_unreadable_file_is_named_and_hides_nobody(
    before: &Shown,
    after: &Shown,
    hit: &[DeviceId],
    place: &str,
) {
    assert_eq!(before.others(hit), after.others(&names_of(before, after, hit)), "{place}: others changed");
    let is_named = after.names(place);
    let lists = |of: &Shown| (of.inventory.links.len(), of.sample.processes.len());
    let (was, is) = (lists(before), lists(after));
    let fewer = is.0 < was.0 || is.1 < was.1;
    assert!(!fewer || is_named, "{place}: there were {was:?} links and processes, there are {is:?}");
    for id in hit {
        let gone = after.inventory.device(*id).is_none();
        assert!(!gone || is_named, "{place}: {id} is gone, and no problem names the file");
        for (fact, absence) in after.facts(*id) {
            let was_there =
                before.facts(*id).iter().any(|(name, absence)| *name == fact && absence.is_none());
            let denied = matches!(absence, Some(Absence::NotSupported { .. }));
            assert!(!(was_there && denied) || is_named, "{place}: {fact} is denied: {absence:?}");
        }
        check_parts(before, after, *id, place, is_named);
    }
}

/// The ids of `hit`, and those under which the same slots are listed by now.
fn names_of(before: &Shown, after: &Shown, hit: &[DeviceId]) -> Vec<DeviceId> {
    let slots: Vec<_> = hit.iter().filter_map(|id| before.inventory.device(*id)).map(|of| of.pci).collect();
    let renamed = after.inventory.devices.iter().filter(|device| slots.contains(&device.pci));
    hit.iter().copied().chain(renamed.map(|device| device.id)).collect()
}

/// Lists have no place for a reason: what is missing in one is a problem.
fn check_parts(before: &Shown, after: &Shown, id: DeviceId, place: &str, is_named: bool) {
    let (Some(was), Some(is)) = (before.inventory.device(id), after.inventory.device(id)) else { return };
    let numbered = |of: &Device| of.nodes.iter().filter(|node| node.number.is_some()).count();
    let parts = |of: &Device| (of.all_partitions().count(), numbered(of), of.modes.len());
    let (was, is) = (parts(was), parts(is));
    let fewer = is.0 < was.0 || is.1 < was.1 || is.2 < was.2;
    assert!(!fewer || is_named, "{place}: {id} had {was:?} partitions, nodes and modes, has {is:?}");
}
