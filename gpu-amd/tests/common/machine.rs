//! A simulated machine's trees, and the backend that reads them.

#![allow(dead_code)] // each test takes what it needs

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gpu_core::Backend;
use gpu_host::Roots;
use gpu_sim::{Machine, Tree, World};

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("gpu-amd-tree-{name}-{}-{number}", std::process::id())))
    }

    /// A file of the first GPU's PCI function.
    pub fn attribute(&self, world: &World, name: &str) -> PathBuf {
        let pci = world.machine().gpus[0].pci.to_string();
        self.0.join("sys/bus/pci/devices").join(pci).join(name)
    }

    /// A file of the compute driver's processes.
    pub fn process(&self, name: &str) -> PathBuf {
        self.0.join("sys/class/kfd/kfd/proc").join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn backend(world: &World, tree: &Tree) -> Box<dyn Backend> {
    read_by(world, roots(tree))
}

pub fn roots(tree: &Tree) -> Roots {
    let locks = tree.sysfs().with_file_name("locks");
    Roots::default().sysfs(tree.sysfs()).proc(tree.proc()).locks(locks)
}

pub fn read_by(world: &World, roots: Roots) -> Box<dyn Backend> {
    let options = gpu_amd::Options::new(roots).clock(Arc::new(world.clock().clone()));
    gpu_amd::discover(&options).backend.expect("amdgpu is there")
}

pub fn preset(name: &str) -> (Folder, World, Box<dyn Backend>) {
    machine(Machine::preset(name).unwrap())
}

/// The first GPUs of a preset, with their processes: fewer files to write.
pub fn few(name: &str, gpus: usize) -> Machine {
    let mut machine = Machine::preset(name).unwrap();
    machine.gpus.truncate(gpus);
    machine.links.retain(|link| link.a < gpus && link.b < gpus);
    machine.workloads.retain(|workload| workload.uses.iter().all(|of| of.gpu < gpus));
    machine
}

pub fn machine(machine: Machine) -> (Folder, World, Box<dyn Backend>) {
    let folder = Folder::new(&machine.name);
    let world = World::new(machine);
    let tree = world.write_tree(&folder.0).unwrap();
    let backend = backend(&world, &tree);
    (folder, world, backend)
}
