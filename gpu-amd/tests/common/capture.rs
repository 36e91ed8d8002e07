//! Dumps of real machines, as they are and completed to full trees. The folder that holds them is
//! named by `GPU_ACCOUNTING_CAPTURES`.

#![allow(dead_code)] // each test takes what it needs

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use gpu_core::{Backend, NumaNode, PciAddress};
use gpu_sim::{DrmNumbers, Gpu, Machine, Silicon, World, XcpSpec};

use crate::machine::{self, Folder};

/// One dump: of which machine, and what the simulation has that is most like it.
pub struct Capture {
    archive: &'static str,
    /// Where the archive begins, below the compute driver's folder.
    below: &'static str,
    /// The preset whose GPUs fill in what the dump lacks.
    pub like: &'static str,
    /// Places for partitions on one GPU: the dump may have fewer.
    places: u32,
}

/// Eight MI300X in CPX mode, the last of them with seven partitions.
pub const MI300X: Capture =
    Capture { archive: "kfd-mi300x-cpx.tar.gz", below: "", like: "mi300x-8-cpx", places: 8 };
/// Eight MI210 in two islands.
pub const MI210: Capture =
    Capture { archive: "kfd-mi210-xgmi.tar.gz", below: "topology", like: "mi210-8", places: 1 };

/// A folder with the dump unpacked where the kernel has it.
pub struct Dump(Folder);

impl Dump {
    pub fn unpack(capture: &Capture) -> Self {
        let folder = std::env::var_os("GPU_ACCOUNTING_CAPTURES")
            .expect("GPU_ACCOUNTING_CAPTURES names the folder with the dumps of real machines");
        let dump = Self(Folder::new(capture.archive));
        let target = dump.sysfs().join("class/kfd/kfd").join(capture.below);
        std::fs::create_dir_all(&target).unwrap();
        let archive = Path::new(&folder).join(capture.archive);
        let status = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&target).status().unwrap();
        assert!(status.success(), "{} does not unpack", archive.display());
        dump
    }

    /// What stands for `/sys`; only the compute driver's topology is in it.
    pub fn sysfs(&self) -> PathBuf {
        self.0.0.join("sys")
    }

    fn nodes(&self) -> PathBuf {
        self.sysfs().join("class/kfd/kfd/topology/nodes")
    }

    /// The GPUs of the dump, each with its nodes.
    fn gpus(&self) -> BTreeMap<PciAddress, Vec<Node>> {
        let mut gpus: BTreeMap<PciAddress, Vec<Node>> = BTreeMap::new();
        for number in names(&self.nodes()) {
            let node = Node::read(&self.nodes().join(number.to_string()));
            if node.get("simd_count") > 0 {
                gpus.entry(node.slot()).or_default().push(node);
            }
        }
        gpus
    }
}

/// A node of the dump: its own properties, and the processor that its PCIe link leads to.
struct Node {
    properties: BTreeMap<String, u64>,
    processor: u32,
}

impl Node {
    fn read(path: &Path) -> Self {
        let links = path.join("io_links");
        let links = names(&links).into_iter().map(|n| numbers(&links.join(n.to_string()).join("properties")));
        let pcie = links.into_iter().find(|link| link["type"] == 2);
        Self {
            properties: numbers(&path.join("properties")),
            processor: pcie.map_or(0, |link| u32::try_from(link["node_to"]).unwrap()),
        }
    }

    fn get(&self, name: &str) -> u64 {
        self.properties[name]
    }

    fn small(&self, name: &str) -> u32 {
        u32::try_from(self.get(name)).unwrap()
    }

    fn slot(&self) -> PciAddress {
        let location = self.get("location_id");
        let (bus, device) = ((location >> 8 & 0xff) as u8, (location >> 3 & 0x1f) as u8);
        PciAddress::new(self.small("domain"), bus, device, 0)
    }
}

/// The `name value` lines of a file.
fn numbers(file: &Path) -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

/// The numbers by which a folder's entries are called.
fn names(folder: &Path) -> BTreeSet<u32> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

/// The dump completed to full trees, and the backend that reads them.
///
/// From the dump: every node's properties and links, and by them which GPUs there are, where, with
/// which ids, and how they are cut. What it lacks is the simulation's: `gpu_id`s, memory banks,
/// PCI functions, sensors, DRM nodes, modes and processes.
pub fn complete(capture: &Capture) -> (Folder, World, Box<dyn Backend>) {
    let dump = Dump::unpack(capture);
    let mut machine = Machine::preset(capture.like).unwrap();
    let own = machine.gpus.clone();
    let gpus = dump.gpus();
    assert_eq!(gpus.len(), own.len(), "{} is not like {}", capture.archive, capture.like);
    machine.gpus =
        own.into_iter().zip(gpus.values()).map(|(gpu, nodes)| as_dumped(gpu, nodes, capture)).collect();
    machine.links.clear();
    // With more, a process has no files for GPUs that it does not use, and AMD's tool gives up.
    machine.workloads.truncate(60);
    let folder = Folder::new(capture.like);
    let world = World::new(machine);
    let tree = world.write_tree(&folder.0).unwrap();
    lay_over(&dump.nodes(), &tree.sysfs().join("class/kfd/kfd/topology/nodes"));
    let backend = machine::backend(&world, &tree);
    (folder, world, backend)
}

/// The simulated GPU in the place of one of the dump's, cut as that is.
fn as_dumped(mut gpu: Gpu, nodes: &[Node], capture: &Capture) -> Gpu {
    let Silicon::Amd(amd) = &mut gpu.silicon else { panic!("{} is AMD's", gpu.name) };
    let memory = gpu_core::Bytes(gpu.memory.total.get() / u64::from(capture.places));
    let id = |index: usize| amd.partitions[index].gpu_id;
    let parts = nodes.iter().enumerate().map(|(index, node)| XcpSpec {
        gpu_id: id(index),
        compute_units: node.small("simd_count") / node.small("simd_per_cu"),
        memory,
        drm: DrmNumbers {
            card: node.small("drm_render_minor") - 127,
            render: node.small("drm_render_minor"),
        },
    });
    let parts: Vec<XcpSpec> = parts.collect();
    let first = &nodes[0];
    gpu.pci = first.slot();
    gpu.pci_id.device = u16::try_from(first.get("device_id")).unwrap();
    gpu.bridges.clear();
    gpu.numa = Some(NumaNode(first.processor));
    gpu.drm = Some(parts[0].drm.clone());
    gpu.compute_units = parts.iter().map(|part| part.compute_units).sum();
    amd.unique_id = Some(first.get("unique_id"));
    amd.hive_id = Some(first.get("hive_id"));
    amd.gfx_target_version = first.small("gfx_target_version");
    amd.isolation.truncate(parts.len());
    amd.partitions = parts;
    gpu
}

/// Puts what the dump has in the place of what the simulation wrote.
fn lay_over(dump: &Path, tree: &Path) {
    assert_eq!(names(dump), names(tree), "the simulation numbers its nodes as the dump does");
    for number in names(dump) {
        let (from, to) = (dump.join(number.to_string()), tree.join(number.to_string()));
        for part in std::fs::read_dir(&from).unwrap() {
            let part = part.unwrap().file_name();
            let there = to.join(&part);
            let gone =
                if there.is_dir() { std::fs::remove_dir_all(&there) } else { std::fs::remove_file(&there) };
            gone.unwrap_or_else(|error| panic!("{}: {error}", there.display()));
            let status = Command::new("cp").arg("-r").arg(from.join(&part)).arg(&there).status().unwrap();
            assert!(status.success(), "{} is not copied", there.display());
        }
    }
}
