//! AMD's own `rocm-smi` over the same trees, value by value: every value that it prints is either
//! the one that this crate reads, or stands in the table of differences in the crate's docs, with
//! what the tool prints instead.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use gpu_amd::gpu_metrics::{Field, GpuMetrics};
use gpu_core::{
    Absence, Backend, BackendExt, Device, Inventory, LinkKind, Metric, Mode, Partition, Pid, Reading, Sample,
    UnitId, Value,
};
use serde_json::{Map, Value as Json};

#[path = "common/capture.rs"]
mod capture;
#[path = "common/machine.rs"]
mod machine;

/// Mounts the trees over those of a folder with rocm-smi in it, in a namespace of its own, and
/// starts it there. The library keeps locks in `/dev/shm`: each run has its own.
const INSIDE: &str = r#"
set -e
mkdir -p "$root/sys" "$root/proc" "$root/dev" "$root$tree"
mount --rbind "$tree/sys" "$root/sys"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/dev/shm"
mount --rbind "$tree" "$root$tree"
exec chroot "$root" /usr/bin/python3 /usr/bin/rocm-smi "$@"
"#;

const SHOW: &str = "--showid --showbus --showuniqueid --showserial --showvbios --showproductname \
    --showdriverversion --showmeminfo vram gtt --showuse --showmemuse --showpower --showmaxpower \
    --showtemp --showclocks --showenergycounter --showmemorypartition --showcomputepartition \
    --showtoponuma --showtopoweight --showtopotype --showpids --json";

/// The variables that name a folder with rocm-smi and what it needs unpacked, with the version.
const TOOLS: [(&str, &str); 2] =
    [("GPU_ACCOUNTING_ROCM_SMI", "6.1.2"), ("GPU_ACCOUNTING_ROCM_SMI_NEW", "6.4.1")];

fn rocm_smi(folder: &str, version: &str, tree: &Path) -> Map<String, Json> {
    let root = std::env::var(folder)
        .unwrap_or_else(|_| panic!("{folder} names no folder with rocm-smi and what it needs unpacked"));
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", INSIDE, "rocm-smi"])
        .args(SHOW.split_ascii_whitespace().filter(|shown| {
            // 6.4.1 ends with an exception where a partition has no such number.
            version == "6.1.2" || *shown != "--showmemuse"
        }))
        .env("root", root)
        .env("tree", tree)
        .output()
        .expect("unshare starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let start = text.find('{').unwrap_or_else(|| panic!("no answer: {text}{errors}"));
    serde_json::from_str(&text[start..]).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What rocm-smi prints as text with these arguments.
fn printed(folder: &str, tree: &Path, arguments: &[&str]) -> String {
    let root = std::env::var(folder)
        .unwrap_or_else(|_| panic!("{folder} names no folder with rocm-smi and what it needs unpacked"));
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", INSIDE, "rocm-smi"])
        .args(arguments)
        .env("root", root)
        .env("tree", tree)
        .output()
        .expect("unshare starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What rocm-smi must print under one name.
enum Expected {
    /// What this crate reads.
    Same(String),
    /// Something else, by a row of the table of differences.
    Differs(&'static str, String),
    /// Nothing that this crate reads.
    NotOurs,
}

use Expected::{Differs, NotOurs, Same};

/// One card of rocm-smi's, as this crate sees it.
struct Card<'a> {
    device: &'a Device,
    part: Option<&'a Partition>,
    /// Readings of the GPU, and of the partition or the GPU again.
    whole: &'a Reading,
    own: &'a Reading,
    blob: Vec<u8>,
    second_die: bool,
    version: &'static str,
}

const WHOLE: &str = "whole GPU on every partition";

impl Card<'_> {
    /// A value of the GPU: the same on a GPU, and on a partition the whole GPU's, where this crate
    /// shows the partition's own or says that there is none.
    fn whole(&self, metric: Metric, text: impl FnOnce(u64) -> String) -> Expected {
        let value = match self.whole.get(metric) {
            Ok(measured) => text(plain(measured.value)),
            Err(absence) => panic!("{}: {metric} is {absence}", self.device.id),
        };
        match self.part {
            None => Same(value),
            Some(part) => {
                let own = self.own.get(metric).map(|measured| plain(measured.value));
                let repeated = own == self.whole.get(metric).map(|measured| plain(measured.value));
                let may_be_equal = matches!(metric, Metric::ClockGraphics | Metric::Busy);
                assert!(!repeated || may_be_equal, "{}: {metric} is the whole GPU's", part.id);
                Differs(WHOLE, value)
            }
        }
    }

    fn metrics(&self) -> GpuMetrics<'_> {
        GpuMetrics::decode(&self.blob).unwrap()
    }

    /// A plain number of gpu_metrics; forms that rocm-smi does not know it leaves out.
    fn raw(&self, field: Field) -> Expected {
        match (self.is_known(), self.metrics().value(field, 0)) {
            (true, Ok(value)) => Same(plain(value).to_string()),
            _ => Differs("newer gpu_metrics", "N/A".to_owned()),
        }
    }

    /// rocm-smi 6.1.2 knows the forms up to 1.5, 6.4.1 all of them.
    fn is_known(&self) -> bool {
        self.is_new() || self.metrics().version() <= (1, 5)
    }

    fn energy_counter(&self, printed: u64) -> u64 {
        // The counter's own unit: what this crate reads must be its exact value in microjoules.
        if let (Ok(energy), false) = (self.whole.energy, self.is_apus_zero(printed)) {
            let exact = u128::from(printed) * 1_000_000 / (1 << 16);
            assert_eq!(u128::from(energy.value.get()), exact, "{}", self.device.id);
        }
        printed
    }

    fn is_apus_zero(&self, printed: u64) -> bool {
        self.is_new() && printed == 0 && self.device.name.contains("MI300A")
    }

    fn is_new(&self) -> bool {
        self.version != "6.1.2"
    }

    fn expected(&self, key: &str, all: &Map<String, Json>) -> Expected {
        let device = self.device;
        let text = |known: &gpu_core::Known<String>| known.value().cloned().unwrap_or_default();
        let id = device.pci_id.value().unwrap();
        let slot = device.pci.value().unwrap();
        let function = self.part.map_or(0, |part| part.id.index());
        let is_further = self.part.is_some_and(|part| part.id.index() > 0);
        match key {
            "Device Name" | "Card Series" if self.is_new() => Differs("name of the card", "N/A".to_owned()),
            "Device ID" | "Subsystem ID" | "Card Model" | "VBIOS version" | "Serial Number"
                if self.is_new() && is_further =>
            {
                Differs("identity of further partitions", "N/A".to_owned())
            }
            "Subsystem ID" if self.is_new() => Same(format!("{:#06x}", id.subdevice)),
            "GFX Version" if self.is_new() => Same(text(&device.architecture)),
            "VRAM Total Memory (B)" if self.is_new() && is_further => {
                Same(plain(self.own.get(Metric::MemoryTotal).unwrap().value).to_string())
            }
            "Device Name" | "Card Series" => Same(device.name.clone()),
            "Device ID" | "Card Model" => Same(format!("{:#06x}", id.device)),
            "Card Vendor" => Same(format!("{:#06x}", id.vendor)),
            "Subsystem ID" => Differs("subsystem id", format!("{:#06x}", id.subvendor)),
            "Unique ID" => Same(text(&device.vendor_name)),
            "VBIOS version" => Same(text(&device.firmware)),
            "Serial Number" => Same(text(&device.serial)),
            "PCI Bus" => {
                let (domain, bus, number) = (slot.domain, slot.bus, slot.device);
                let printed = format!("{domain:04X}:{bus:02X}:{number:02X}.{function}");
                if function == 0 { Same(printed) } else { Differs("function of a partition", printed) }
            }
            "Temperature (Sensor edge) (C)" => self.whole(Metric::Temperature, thousandths),
            "Temperature (Sensor junction) (C)" => self.whole(Metric::TemperatureHotspot, thousandths),
            "Temperature (Sensor memory) (C)" => self.whole(Metric::TemperatureMemory, thousandths),
            "sclk clock speed:" => self.whole(Metric::ClockGraphics, clock),
            "mclk clock speed:" => self.whole(Metric::ClockMemory, clock),
            "Max Graphics Package Power (W)" => self.whole(Metric::PowerLimit, watts),
            "Average Graphics Package Power (W)" | "Current Socket Graphics Package Power (W)" => {
                if self.second_die {
                    assert!(matches!(self.whole.power, Err(Absence::NotSupported { .. })));
                    return Differs("power of the second die", "0.0".to_owned());
                }
                self.whole(Metric::Power, watts)
            }
            "GPU use (%)" => self.whole(Metric::Busy, |n| (n / 10).to_string()),
            "GPU Memory Allocated (VRAM%)" => {
                let total = self.whole.memory_total.unwrap().value.get();
                self.whole(Metric::MemoryUsed, |used| (used * 100 / total).to_string())
            }
            "GFX Activity" => self.raw(Field::GfxActivitySum),
            "Memory Activity" => self.raw(Field::MemoryActivitySum),
            "Avg. Memory Bandwidth" => {
                let video = self.metrics().value(Field::VideoActivity, 0).map(plain).unwrap() / 10;
                Differs("video engines as memory", video.to_string())
            }
            "VRAM Total Memory (B)" => self.whole(Metric::MemoryTotal, |n| n.to_string()),
            "VRAM Total Used Memory (B)" => self.whole(Metric::MemoryUsed, |n| n.to_string()),
            "GTT Total Memory (B)" => self.whole(Metric::SystemMemoryTotal, |n| n.to_string()),
            "GTT Total Used Memory (B)" => self.whole(Metric::SystemMemoryUsed, |n| n.to_string()),
            "GFX Version" => {
                let ours = text(&device.architecture);
                match ours.strip_suffix('a') {
                    Some(stem) => Differs("stepping of the architecture", format!("{stem}10")),
                    None => Same(ours),
                }
            }
            "(Topology) Numa Node" | "(Topology) Numa Affinity" => {
                Same(device.numa.value().unwrap().to_string())
            }
            "Energy counter" | "Accumulated Energy (uJ)" => {
                let counter = all["Energy counter"].as_str().unwrap().parse().unwrap();
                let counter = self.energy_counter(counter);
                let is_apus_zero = self.is_apus_zero(counter);
                let printed = if key == "Energy counter" {
                    counter.to_string()
                } else {
                    // In the tool's arithmetic: a float of 32 bits, then two decimals.
                    let microjoules = counter as f64 * f64::from(15.3_f32);
                    decimals(format!("{microjoules:.2}"))
                };
                match (self.second_die, key) {
                    _ if is_apus_zero => Differs("energy of an APU", printed),
                    (true, _) => Differs("power of the second die", printed),
                    (false, "Energy counter") => Same(printed),
                    _ => Differs("unit of energy", printed),
                }
            }
            "Compute Partition" => Same(text(&device.mode(Mode::COMPUTE_PARTITION).unwrap().current)),
            "Memory Partition" => Same(text(&device.mode(Mode::MEMORY_PARTITION).unwrap().current)),
            "Device Rev" | "GUID" | "Card SKU" | "Node ID" | "mclk clock level:" | "sclk clock level:" => {
                NotOurs
            }
            // 6.4.1 prints what it could not find out among the values.
            complaint if complaint.starts_with("GPU[") => NotOurs,
            other => panic!("rocm-smi prints {other:?}, which nobody compares"),
        }
    }
}

fn plain(value: Value) -> u64 {
    match value {
        Value::Bytes(n) => n.get(),
        Value::Microwatts(n) => n.get(),
        Value::Millicelsius(n) => n.get().unsigned_abs(),
        Value::Hertz(n) => n.get(),
        Value::Permille(n) => n.get(),
        Value::Count(n) => n.get(),
        other => panic!("{other} is not compared"),
    }
}

/// As Python prints a float: without zeros at its end, but for one.
fn decimals(text: String) -> String {
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

fn thousandths(n: u64) -> String {
    decimals(format!("{}.{:03}", n / 1000, n % 1000))
}

fn watts(microwatts: u64) -> String {
    format!("{}.0", microwatts / 1_000_000)
}

fn clock(hertz: u64) -> String {
    format!("({}Mhz)", hertz / 1_000_000)
}

/// One machine, read by both.
struct Compared<'a> {
    name: &'a str,
    version: &'static str,
    root: &'a Path,
    inventory: Inventory,
    sample: Sample,
    printed: Map<String, Json>,
    /// Simulated trees have the links of each GPU's first partition alone, dumps those of all.
    has_all_links: bool,
    seen: &'a mut BTreeSet<&'static str>,
    values: usize,
    wrong: Vec<String>,
}

impl Compared<'_> {
    fn check(&mut self, at: &str, printed: &str, expected: Expected) {
        match expected {
            Same(ours) if printed == ours => self.values += 1,
            Differs(row, theirs) if printed == theirs => {
                self.seen.insert(row);
            }
            Same(ours) => {
                self.wrong.push(format!("{at} is {printed:?} there, {ours:?} here"));
            }
            Differs(row, theirs) => {
                self.wrong.push(format!("{at} is {printed:?} there, and by the table {theirs:?}: {row}"));
            }
            NotOurs => {}
        }
    }

    /// The unit that a card of rocm-smi's is, by its place on the bus.
    fn unit(&self, card: &Map<String, Json>) -> (&Device, Option<&Partition>) {
        let bus = card["PCI Bus"].as_str().unwrap().to_lowercase();
        let (slot, function) = bus.split_once('.').unwrap();
        let index: u32 = function.parse().unwrap();
        let same = |device: &&Device| device.pci.value().unwrap().to_string().starts_with(slot);
        let device = self.inventory.devices.iter().find(same).unwrap_or_else(|| panic!("no GPU at {bus}"));
        (device, device.partitions.iter().find(|part| part.id.index() == index))
    }

    fn cards(&mut self) {
        let cards: Vec<(String, Json)> = self
            .printed
            .iter()
            .filter(|(key, _)| key.starts_with("card"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let units: usize = self.inventory.devices.iter().map(|device| device.partitions.len().max(1)).sum();
        assert_eq!(cards.len(), units, "{}: rocm-smi shows another number of cards", self.name);
        for (number, card) in cards {
            let values = card.as_object().unwrap();
            let (device, part) = self.unit(values);
            let whole = *self.sample.reading(device.id);
            let own = part.map_or(whole, |part| *self.sample.reading(part.id));
            let path = self.root.join("sys/bus/pci/devices").join(device.pci.value().unwrap().to_string());
            let position = self.inventory.devices.iter().position(|other| other.id == device.id).unwrap();
            let card = Card {
                version: self.version,
                device,
                part,
                whole: &whole,
                own: &own,
                blob: std::fs::read(path.join("gpu_metrics")).unwrap(),
                second_die: device.name.contains("MI250X") && position % 2 == 1,
            };
            let expected: Vec<_> =
                values.iter().map(|(key, value)| (key, value, card.expected(key, values))).collect();
            if !card.is_known() {
                assert!(!values.contains_key("Energy counter"), "{}: {number} shows energy", self.name);
                assert!(whole.energy.is_ok());
                self.seen.insert("newer gpu_metrics");
            }
            for (key, value, expected) in expected {
                self.check(&format!("{number}: {key}"), value.as_str().unwrap(), expected);
            }
        }
    }

    fn system(&mut self) {
        let system = self.printed["system"].as_object().unwrap().clone();
        for (key, value) in &system {
            let value = value.as_str().unwrap();
            let expected = if key == "Driver version" {
                self.driver()
            } else if let Some(pid) = key.strip_prefix("PID") {
                self.process(Pid(pid.parse().unwrap()), value);
                continue;
            } else if let Some(pair) = key.strip_prefix("(Topology) Weight between DRM devices ") {
                self.weight(pair)
            } else if let Some(pair) = key.strip_prefix("(Topology) Link type between DRM devices ") {
                self.link_type(pair)
            } else {
                panic!("rocm-smi prints {key:?}, which nobody compares")
            };
            self.check(key, value, expected);
        }
        let listed: BTreeSet<u32> =
            system.keys().filter_map(|key| key.strip_prefix("PID")?.parse().ok()).collect();
        let ours: BTreeSet<u32> = self.sample.processes.iter().map(|process| process.pid.0).collect();
        assert_eq!(listed, ours, "{}: rocm-smi lists other processes", self.name);
    }

    fn driver(&self) -> Expected {
        match self.inventory.drivers[0].version.value() {
            Some(version) => Same(version.clone()),
            None => {
                let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
                Differs("version of the driver", release.trim().to_owned())
            }
        }
    }

    /// `name, GPUs, memory, copies in µs, per cent of all compute units`.
    fn process(&mut self, pid: Pid, printed: &str) {
        let [_, gpus, memory, copies, occupancy] = printed.split(", ").collect::<Vec<_>>()[..] else {
            panic!("{}: {printed}", self.name)
        };
        let ours = || self.sample.processes.iter().filter(|process| process.pid == pid);
        assert_eq!(gpus, ours().count().to_string(), "{}: GPUs of {pid}", self.name);
        let bytes: u64 = ours().map(|process| process.memory.unwrap().value.get()).sum();
        let time: u64 = ours().map(|process| process.queue_copy_time.unwrap().value.get() / 1000).sum();
        let units: u64 = ours().map(|process| process.occupied_units.unwrap().value.get()).sum();
        self.check("memory of a process", memory, Same(bytes.to_string()));
        self.check("copies of a process", copies, Same(time.to_string()));
        let per_cent = units * 100 / self.units_of_full_dies();
        self.check("occupancy", occupancy, Differs("occupancy of a process", per_cent.to_string()));
    }

    /// What the nodes of the machine would have if no die were cut down.
    fn units_of_full_dies(&self) -> u64 {
        let nodes = std::fs::read_dir(self.root.join("sys/class/kfd/kfd/topology/nodes")).unwrap();
        let of_node = |node: std::fs::DirEntry| {
            let text = std::fs::read_to_string(node.path().join("properties")).unwrap();
            let number = |name: &str| -> u64 {
                let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
                line.map_or(0, |value| value.parse().unwrap())
            };
            number("array_count") * number("cu_per_simd_array")
        };
        nodes.map(|node| of_node(node.unwrap())).sum()
    }

    fn pair(&self, pair: &str) -> (UnitId, UnitId) {
        let (one, other) = pair.split_once(" and ").unwrap();
        let unit = |number: &str| {
            let (device, part) = self.unit(self.printed[&format!("card{number}")].as_object().unwrap());
            part.map_or(UnitId::Device(device.id), |part| part.id.into())
        };
        (unit(one), unit(other))
    }

    fn xgmi(&self, pair: &str) -> Option<u32> {
        let (one, other) = self.pair(pair);
        self.inventory.links_between(one.device(), other.device()).find_map(|link| match link.kind {
            LinkKind::Xgmi { weight } => Some(weight),
            _ => None,
        })
    }

    fn weight(&self, pair: &str) -> Expected {
        // Weights of paths over processors are sums that this crate does not make.
        match self.xgmi(pair) {
            Some(weight) if self.are_compared(pair) => Same(weight.to_string()),
            _ => NotOurs,
        }
    }

    fn link_type(&self, pair: &str) -> Expected {
        match self.xgmi(pair) {
            _ if !self.are_compared(pair) => NotOurs,
            Some(_) => Same("XGMI".to_owned()),
            None => Same("PCIE".to_owned()),
        }
    }

    /// Links are between GPUs here, between partitions there: the same where the trees have those
    /// of all partitions, as real ones do, and the two are not of one GPU.
    fn are_compared(&self, pair: &str) -> bool {
        let (one, other) = self.pair(pair);
        let are_whole = matches!((one, other), (UnitId::Device(_), UnitId::Device(_)));
        are_whole || self.has_all_links && one.device() != other.device()
    }
}

#[test]
#[ignore = "needs root, and two rocm-smi unpacked: GPU_ACCOUNTING_ROCM_SMI, GPU_ACCOUNTING_ROCM_SMI_NEW"]
fn every_value_is_the_vendors_or_a_row_of_the_table() {
    for (folder, version) in TOOLS {
        let seen = compare(folder, version);
        // The table has a row for each difference, and none that nobody has seen.
        assert_eq!(rows(version), seen, "{version}");
    }
}

#[test]
#[ignore = "needs root, two rocm-smi unpacked (GPU_ACCOUNTING_ROCM_SMI, GPU_ACCOUNTING_ROCM_SMI_NEW), and dumps of \
            real machines in GPU_ACCOUNTING_CAPTURES"]
fn dumps_of_real_machines_differ_by_rows_of_the_table() {
    for (folder, version) in TOOLS {
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for capture in [capture::MI300X, capture::MI210] {
            let name = format!("dump like {}", capture.like);
            wrong.extend(compare_one((folder, version), &name, capture::complete(&capture), &mut seen));
        }
        assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
        assert!(seen.is_subset(&rows(version)), "{version}: {seen:?}");
    }
}

/// Compares all presets with that version, and tells which rows of the table were met.
fn compare(tool: &'static str, version: &'static str) -> BTreeSet<&'static str> {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for name in ["mi300x-8", "mi300x-8-cpx", "mi300a-4", "mi210-8", "mi250x-4", "mixed"] {
        let mut machine = gpu_sim::Machine::preset(name).unwrap();
        // With more, a process has no files for GPUs that it does not use, and the tool gives up.
        machine.workloads.truncate(60);
        wrong.extend(compare_one((tool, version), name, machine::machine(machine), &mut seen));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    seen
}

/// Compares one machine, whose trees are written, with a tool of that version; says what is neither
/// the same nor in the table.
fn compare_one(
    (tool, version): (&'static str, &'static str),
    name: &str,
    (folder, _world, backend): (machine::Folder, gpu_sim::World, Box<dyn Backend>),
    seen: &mut BTreeSet<&'static str>,
) -> Vec<String> {
    let printed = rocm_smi(tool, version, &folder.0);
    let (inventory, sample) = (backend.inventory().unwrap(), backend.sample().unwrap());
    let (root, wrong) = (folder.0.as_path(), Vec::new());
    let has_all_links = name.starts_with("dump");
    let mut compared =
        Compared { has_all_links, name, version, root, inventory, sample, printed, seen, values: 0, wrong };
    compared.cards();
    compared.system();
    println!("{version}, {name}: {} values are the same", compared.values);
    assert!(compared.values > 20, "{name}: only {} values are compared", compared.values);
    compared.wrong.iter().map(|what| format!("{version}, {name}: {what}")).collect()
}

/// The rows of the table of differences that are about that version: all but those that name the
/// other one alone.
fn rows(version: &str) -> BTreeSet<&'static str> {
    include_str!("../src/lib.rs")
        .lines()
        .skip_while(|line| !line.starts_with("//! # Where AMD's own tool says otherwise"))
        .filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | "))
        .filter(|(what, rest)| {
            let only = rest.split(" | ").next().unwrap_or_default();
            *what != "what" && (only == "both" || only == version)
        })
        .map(|(what, _)| what)
        .collect()
}

/// The RAS counters, block by block, and the pages that are retired or wait for that, as rocm-smi has them:
/// their sums are this crate's.
#[test]
#[ignore = "needs root, and rocm-smi unpacked in GPU_ACCOUNTING_ROCM_SMI and GPU_ACCOUNTING_ROCM_SMI_NEW"]
fn ras_counters_and_pages() {
    for (folder, version) in TOOLS {
        let mut described = gpu_sim::Machine::preset("mi300x-8").unwrap();
        for (n, gpu) in (1..).zip(described.gpus.iter_mut().take(3)) {
            let ecc = gpu.ecc.as_mut().unwrap();
            (ecc.uncorrected, ecc.corrected, ecc.retired_pages) = (n * 2, n * 11, n * 5);
            ecc.retired_pending = n == 2;
        }
        let (tree, _world, backend) = machine::machine(described);
        let sample = backend.sample().unwrap();
        let ras = printed(folder, &tree.0, &["--showrasinfo", "all"]);
        let pages = printed(folder, &tree.0, &["--showpagesinfo"]);
        for (position, device) in backend.inventory().unwrap().devices.iter().enumerate() {
            let reading = sample.reading(device.id);
            let mut sums = (0_u64, 0_u64);
            let mut blocks = 0;
            for words in table(&ras, position) {
                // Block, status, corrected, uncorrected; the last two of blocks that count.
                if let [_, "ENABLED", corrected, uncorrected] = words[..] {
                    let number = |word: &str| word.parse::<u64>().unwrap_or_else(|_| panic!("{word}: {ras}"));
                    sums = (sums.0 + number(corrected), sums.1 + number(uncorrected));
                    blocks += 1;
                }
            }
            assert!(blocks >= 2, "{version}: {blocks} blocks of {position}: {ras}");
            let ours = (reading.ecc_corrected.unwrap().value.0, reading.ecc_uncorrected.unwrap().value.0);
            assert_eq!(sums, ours, "{version}: {position}: {ras}");
            // Address, size, status.
            let listed: Vec<_> =
                table(&pages, position).into_iter().filter(|words| words[0].starts_with("0x")).collect();
            let waiting =
                listed.iter().any(|words| words.iter().any(|word| word.eq_ignore_ascii_case("pending")));
            assert_eq!(
                listed.len() as u64,
                reading.retired_pages.unwrap().value.0,
                "{version}: {position}: {pages}"
            );
            let pending = reading.retired_pages_pending.unwrap().value.0;
            assert_eq!(u64::from(waiting), pending, "{version}: {position}: {pages}");
        }
    }
}

/// The rows of a table of rocm-smi's about one card, in words: from the line that names the card to the next
/// that does.
fn table(text: &str, card: usize) -> Vec<Vec<&str>> {
    let (begin, mut is_here) = (format!("GPU[{card}]"), false);
    let mut rows = Vec::new();
    for line in text.lines() {
        if line.starts_with("GPU[") || line.starts_with('_') || line.starts_with('=') {
            is_here = line.starts_with(&begin);
        } else if is_here && !line.trim().is_empty() {
            rows.push(line.split_whitespace().collect());
        }
    }
    rows
}
