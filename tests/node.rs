//! The facade: discovery, inventory, samples and processes over simulated machines, broken roots,
//! and backends of other people.

use gpu_accounting::{
    Absence, Backend, Capabilities, ContainerFacts, Error, ErrorKind, Events, EvidenceList, Inventory, Node,
    Partitioner, Problem, Query, Sample, UnitId, Units, Vendor,
};

/// Passes everything on, and counts: what a user's own decorator looks like.
#[derive(Debug)]
struct Decorated<B>(B);

#[deny(clippy::missing_trait_methods)]
impl<B: Backend> Backend for Decorated<B> {
    fn vendor(&self) -> Vendor {
        self.0.vendor()
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        self.0.inventory()
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        self.0.capabilities(unit)
    }

    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        self.0.sample_into(query, sample)
    }

    fn partitioner(&self) -> Result<&dyn Partitioner, Absence> {
        self.0.partitioner()
    }

    fn events(&self) -> Result<&dyn Events, Absence> {
        self.0.events()
    }

    fn evidence(
        &self,
        facts: &ContainerFacts,
        inventory: &Inventory,
        list: &mut EvidenceList,
    ) -> Result<(), Absence> {
        self.0.evidence(facts, inventory, list)
    }
}

/// A vendor of whom nothing can be read.
#[derive(Debug)]
struct Broken;

impl Broken {
    fn error() -> Error {
        Error::new(ErrorKind::Library, "libbroken.so", "answered 999")
    }
}

impl Backend for Broken {
    fn vendor(&self) -> Vendor {
        Vendor::new(gpu_accounting::Tag::literal("broken"))
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        Err(Self::error())
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        Err(Error::unknown_unit(unit))
    }

    fn sample_into(&self, _: &Query<'_>, _: &mut Sample) -> Result<(), Error> {
        Err(Self::error())
    }
}

fn simulated(name: &str) -> Node {
    Node::builder().machine(gpu_sim::Machine::preset(name).unwrap()).build()
}

#[test]
fn a_decorated_backend_conforms() {
    let backend = gpu_sim::Machine::preset("mi300x-8-cpx").unwrap().backend();
    gpu_core::conformance::run(&Decorated(backend));
}

#[test]
fn three_vendors_are_one_machine() {
    let node = simulated("mixed");
    let inventory = node.inventory();
    let vendors: Vec<String> = inventory.devices().map(|device| device.vendor().to_string()).collect();
    assert_eq!(vendors, ["nvidia", "nvidia", "amd", "intel", "intel"]);
    let sample = node.sample();
    assert_eq!(
        sample.units.iter().map(|u| u.unit).collect::<Vec<_>>(),
        inventory.units().collect::<Vec<_>>()
    );
    assert_eq!(node.simulated(), Some("mixed"));
}

#[test]
fn processes_carry_names_and_start_times() {
    let processes = simulated("mixed").processes();
    let named: Vec<(u32, String)> = processes
        .iter()
        .map(|p| (p.pid.0, p.name.map(|name| name.to_string()).unwrap_or_default()))
        .collect();
    assert!(named.contains(&(9001, "llm-serve".to_owned())), "{named:?}");
    assert_eq!(named.len(), 6, "each process once: {named:?}");
    assert!(processes.iter().all(|p| p.start.is_ok()));
}

#[test]
fn one_vendors_failure_hides_nobody() {
    let machine = gpu_sim::Machine::preset("l40s-4").unwrap();
    let node = Node::builder().machine(machine).backend(Broken).build();
    let inventory = node.inventory();
    assert_eq!(inventory.devices.len(), 4);
    let names_it = |problems: &[Problem]| {
        problems.iter().any(|p| p.at == "libbroken.so" && p.kind == ErrorKind::Library)
    };
    assert!(names_it(&inventory.problems));
    let sample = node.sample();
    assert_eq!(sample.units.len(), 4);
    assert!(names_it(&sample.problems));
}

#[test]
fn two_devices_with_one_id_are_named() {
    let preset = || gpu_sim::Machine::preset("mi210-8").unwrap();
    let node = Node::builder().machine(preset()).backend(preset().backend()).build();
    let problems = node.inventory().problems;
    assert_eq!(
        problems.iter().filter(|problem| problem.kind == ErrorKind::Inconsistent).count(),
        8,
        "{problems:?}"
    );
}

#[test]
fn units_that_are_not_here_are_refused() {
    let node = simulated("mixed");
    let strangers = ["acme:pci:0000:01:00.0", "nvidia:pci:0000:ff:00.0", "amd:serial:0000000000000001/xcp:1"];
    for stranger in strangers {
        let unit: UnitId = stranger.parse().unwrap();
        let mut sample = Sample::new();
        let query = Query::everything().units(Units::Only(std::slice::from_ref(&unit)));
        let error = node.sample_into(&query, &mut sample).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownUnit);
        assert!(error.to_string().contains(stranger) && sample.units.is_empty());
    }
}

#[test]
fn a_machine_without_anything_is_no_error() {
    let empty = std::env::temp_dir().join(format!("gpu-accounting-empty-{}", std::process::id()));
    std::fs::create_dir_all(&empty).unwrap();
    let node = Node::builder().sysfs_root(&empty).proc_root(&empty).build();
    assert!(node.outcomes().iter().all(|of| of.outcome.kind() == "no_driver"), "{:?}", node.outcomes());
    assert!(node.inventory().devices.is_empty() && node.processes().is_empty());
    assert!(node.sample().units.is_empty());
    std::fs::remove_dir_all(&empty).unwrap();
}

/// A machine's trees in a folder that goes away with the test, and what is read from them.
struct Written {
    root: std::path::PathBuf,
    world: gpu_sim::World,
    node: Node,
}

impl Written {
    fn new(machine: gpu_sim::Machine) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("gpu-accounting-tree-{}-{number}", std::process::id()));
        let world = gpu_sim::World::new(machine);
        let tree = world.write_tree(&root).unwrap();
        let node = Node::builder().sysfs_root(tree.sysfs()).proc_root(tree.proc()).build();
        Self { root, world, node }
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

#[test]
fn gpus_that_nobody_drives_are_listed() {
    let mut machine = gpu_sim::Machine::preset("l40s-4").unwrap();
    machine.faults = vec![gpu_sim::Fault::DriverAbsent { driver: "nvidia".to_owned() }];
    let written = Written::new(machine);
    let unmanaged = written.node.inventory().unmanaged;
    assert_eq!(unmanaged.len(), 4);
    assert_eq!(unmanaged[0].vendor, Some(Vendor::NVIDIA));
    assert_eq!(unmanaged[0].pci, written.world.machine().gpus[0].pci);
    assert_eq!(unmanaged[0].why, "no kernel driver is bound to it");
}

/// Three vendors, a BMC and a GPU handed to a virtual machine, all by files.
#[test]
fn a_mixed_machine_is_read_from_its_trees() {
    let written = Written::new(gpu_sim::Machine::preset("mixed").unwrap());
    let outcomes: Vec<_> = written.node.outcomes().iter().map(|of| of.outcome.kind()).collect();
    assert_eq!(outcomes, ["partial", "available", "available"], "NVML is not there");
    let (read, told) = (written.node.inventory(), simulated("mixed").inventory());
    assert_eq!(read.units().collect::<Vec<_>>(), told.units().collect::<Vec<_>>());
    let unmanaged: Vec<_> = read.unmanaged.iter().map(|of| (of.vendor, of.why.as_str())).collect();
    let known =
        [(None, "no backend knows this vendor"), (Some(Vendor::NVIDIA), "it is handed to a virtual machine")];
    assert_eq!(unmanaged, known);
}

/// Without NVML nothing tells what processes do; who holds a GPU's device file is told all the same.
#[test]
fn holders_of_nvidias_files_are_found_without_nvml() {
    let written = Written::new(gpu_sim::Machine::preset("l40s-4").unwrap());
    let on = |node: &Node| {
        let mut rows: Vec<_> = node.processes().iter().map(|p| (p.pid, p.unit, p.name.unwrap())).collect();
        rows.sort_unstable_by_key(|row| (row.0, row.1));
        rows
    };
    let (read, told) = (on(&written.node), on(&simulated("l40s-4")));
    assert!(!read.is_empty());
    assert_eq!(read, told);
    let memory = written.node.processes()[0].memory;
    assert!(matches!(memory, Err(Absence::NotSupported { .. })), "{memory:?}");
}

/// What a backend itself leaves alone is listed once.
#[test]
fn a_gpu_that_the_driver_excludes_is_listed_once() {
    let written = Written::new(gpu_sim::Machine::preset("l40s-4").unwrap());
    let pci = written.world.machine().gpus[0].pci;
    let path = written.root.join(format!("proc/driver/nvidia/gpus/{pci}/information"));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("Excluded:\t No", "Excluded:\t Yes")).unwrap();
    let inventory = written.node.inventory();
    assert_eq!((inventory.devices.len(), inventory.unmanaged.len()), (3, 1));
    assert!(inventory.unmanaged[0].why.contains("Excluded"));
}

#[test]
fn a_vendor_can_be_switched_off() {
    let machine = || gpu_sim::Machine::preset("mixed").unwrap();
    let node = Node::builder().machine(machine()).without(Vendor::NVIDIA).build();
    assert!(node.inventory().devices().all(|device| device.vendor() != Vendor::NVIDIA));
    let node = Node::builder().machine(machine()).only([Vendor::AMD]).build();
    assert!(node.inventory().devices().all(|device| device.vendor() == Vendor::AMD));
    let disabled = node.outcomes().iter().filter(|of| of.outcome.kind() == "disabled").count();
    assert_eq!(disabled, 2);
}

/// Somebody else's namespace: numbers are not looked up where they mean another process.
#[test]
fn pids_of_another_namespace_are_not_looked_up() {
    let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed").unwrap());
    let host = world.host().pids(gpu_accounting::PidView::Caller);
    let sample = Node::builder().machine(host).build().sample();
    assert!(!sample.processes.is_empty());
    for process in &sample.processes {
        assert!(matches!(process.name, Err(Absence::NotPermitted { .. })), "{:?}", process.name);
    }
}
