//! The library and `gpu-amd` over the same machine: every value that both tell is equal, and every
//! difference stands in the table of the crate's docs.

use std::collections::BTreeSet;

use gpu_core::{
    Absence, Backend, BackendExt, Device, Inventory, Known, LinkKind, Metric, Nanoseconds, ProcessReading,
    Sample, UnitId,
};

#[path = "common/machine.rs"]
mod machine;
use machine::{PRESETS, Simulated};

/// One machine, told by both.
struct Compared<'a> {
    name: &'a str,
    theirs: (Inventory, Sample),
    ours: (Inventory, Sample),
    seen: &'a mut BTreeSet<&'static str>,
    values: usize,
}

impl Compared<'_> {
    /// A fact that the library may not tell, but not otherwise.
    fn fact<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, theirs: &Known<T>, ours: &Known<T>) {
        if let (Some(theirs), Some(ours)) = (theirs.value(), ours.value()) {
            assert_eq!(theirs, ours, "{}: {what}", self.name);
            self.values += 1;
        }
    }

    fn device(&mut self, theirs: &Device, ours: &Device) {
        assert_eq!((theirs.id, theirs.index), (ours.id, ours.index), "{}", self.name);
        assert_eq!(theirs.name, ours.name, "{}", self.name);
        self.values += 2;
        self.fact("pci", &theirs.pci, &ours.pci);
        self.fact("pci_id", &theirs.pci_id, &ours.pci_id);
        self.fact("numa", &theirs.numa, &ours.numa);
        self.fact("vendor_name", &theirs.vendor_name, &ours.vendor_name);
        self.fact("serial", &theirs.serial, &ours.serial);
        self.fact("firmware", &theirs.firmware, &ours.firmware);
        self.fact("driver", &theirs.driver, &ours.driver);
        self.fact("memory_total", &theirs.memory_total, &ours.memory_total);
        assert_eq!(theirs.modes.len(), ours.modes.len(), "{}: modes", self.name);
        for (theirs, ours) in theirs.modes.iter().zip(&ours.modes) {
            assert_eq!(theirs.name, ours.name);
            self.fact(theirs.name, &theirs.current, &ours.current);
        }
        assert!(theirs.nodes.iter().all(|node| ours.nodes.contains(node)), "{:?}", theirs.nodes);
        assert_eq!(theirs.partitions.len(), ours.partitions.len(), "{}: partitions", self.name);
        for (theirs, ours) in theirs.partitions.iter().zip(&ours.partitions) {
            assert_eq!(theirs.id, ours.id);
            self.fact("profile", &theirs.profile, &ours.profile);
            assert!(theirs.nodes.iter().all(|node| ours.nodes.contains(node)), "{:?}", theirs.nodes);
            assert!(theirs.memory_total.value().is_none() && ours.memory_total.value().is_some());
            self.seen.insert("a partition's numbers");
            if theirs.nodes.is_empty() && !ours.nodes.is_empty() {
                assert_ne!(theirs.id.index(), 0);
                self.seen.insert("render node of a partition");
            }
        }
    }

    fn links(&mut self) {
        let xgmi = |inventory: &Inventory| {
            let all = inventory.links.iter().copied();
            all.filter(|link| matches!(link.kind, LinkKind::Xgmi { .. })).collect::<Vec<_>>()
        };
        assert_eq!(xgmi(&self.theirs.0), xgmi(&self.ours.0), "{}: links", self.name);
        if self.ours.0.links.len() > self.theirs.0.links.len() {
            self.seen.insert("distance over PCIe");
        }
    }

    fn readings(&mut self) {
        for unit in self.ours.1.units.clone() {
            let theirs = *self.theirs.1.reading(unit.unit);
            for (metric, ours) in unit.reading.iter() {
                let theirs = theirs.get(metric);
                let at = format!("{}: {metric} of {}", self.name, unit.unit);
                match (theirs.map(|m| m.value), ours.map(|m| m.value)) {
                    (Ok(theirs), Ok(ours)) => {
                        assert_eq!(theirs, ours, "{at}");
                        self.values += 1;
                    }
                    (Ok(theirs), Err(ours)) => panic!("{at}: {theirs}, where gpu-amd has {ours}"),
                    (Err(absence), Ok(_)) => self.missing(&at, unit.unit, metric, absence),
                    (Err(_), Err(_)) => {}
                }
            }
        }
    }

    /// What gpu-amd alone tells is told by gpu_metrics alone, or a row of the table.
    fn missing(&mut self, at: &str, unit: UnitId, metric: Metric, absence: Absence) {
        assert!(matches!(absence, Absence::NotSupported { .. }), "{at}: {absence}");
        if matches!(unit, UnitId::Partition(_)) {
            self.seen.insert("a partition's numbers");
            return;
        }
        match metric {
            Metric::Energy if absence.to_string().contains("mainline") => {
                self.seen.insert("mainline's gpu_metrics 1.6")
            }
            Metric::Energy => self.seen.insert("newer gpu_metrics"),
            Metric::MemoryBusy => self.seen.insert("memory activity of APUs"),
            Metric::RetiredPagesPending => self.seen.insert("retired pages that wait"),
            Metric::PcieGenerationMax | Metric::PcieWidthMax => self.seen.insert("what a PCIe link could be"),
            _ => {
                assert!(absence.to_string().contains("gpu_metrics"), "{at}: {absence}");
                true
            }
        };
    }

    fn processes(&mut self) {
        let key = |process: &ProcessReading| (process.unit, process.pid);
        let sorted = |sample: &Sample| {
            let mut all = sample.processes.clone();
            all.sort_by_key(key);
            all
        };
        let (theirs, ours) = (sorted(&self.theirs.1), sorted(&self.ours.1));
        assert_eq!(theirs.iter().map(key).collect::<Vec<_>>(), ours.iter().map(key).collect::<Vec<_>>());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            assert_eq!(theirs.memory.unwrap().value, ours.memory.unwrap().value);
            assert_eq!(theirs.queue_copy_time.unwrap().value, ours.queue_copy_time.unwrap().value);
            assert_eq!((theirs.kinds, theirs.pid_view), (ours.kinds, ours.pid_view));
            assert!(theirs.occupied_units.is_err() && ours.occupied_units.is_ok());
            self.seen.insert("compute units of a process");
            self.values += 2;
        }
    }
}

#[test]
fn both_tell_the_same_or_a_row_of_the_table() {
    let docs = include_str!("../src/lib.rs");
    let mut seen = BTreeSet::new();
    for name in PRESETS {
        let mut simulated = Simulated::preset(name);
        simulated.advance(Nanoseconds::from_secs(30));
        let (library, files) = (simulated.backend(), simulated.other());
        let theirs = (library.inventory().unwrap(), library.sample().unwrap());
        let ours = (files.inventory().unwrap(), files.sample().unwrap());
        assert_eq!(theirs.0.drivers[0].version, ours.0.drivers[0].version);
        assert_eq!(theirs.0.drivers[0].library.value().map(String::as_str), Some("7.2.0"));
        assert_eq!(theirs.0.devices.len(), ours.0.devices.len(), "{name}");
        let mut compared = Compared { name, theirs, ours, seen: &mut seen, values: 0 };
        for (theirs, ours) in compared.theirs.0.devices.clone().iter().zip(&compared.ours.0.devices.clone()) {
            compared.device(theirs, ours);
        }
        compared.links();
        compared.readings();
        compared.processes();
        println!("{name}: {} values are the same", compared.values);
        assert!(compared.values > 25, "{name}: only {} values are compared", compared.values);
    }
    // The table has a row for each difference, and none that nobody has seen.
    let rows: BTreeSet<&str> = docs
        .lines()
        .skip_while(|line| !line.starts_with("//! # Where it differs"))
        .filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next())
        .filter(|row| *row != "what")
        .collect();
    assert_eq!(rows, seen.iter().copied().collect::<BTreeSet<_>>());
}
