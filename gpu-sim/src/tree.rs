//! A world as `/sys` and `/proc` trees under a folder.
//!
//! Written: PCI functions with their bridges, DRM nodes, NUMA, processes, and AMD's files (sysfs,
//! hwmon, the compute driver's topology and processes) and Intel's (i915, i915 with the backport,
//! xe; sysfs, hwmon, virtual functions). NVIDIA's own files are not.

mod amd;
mod intel;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use gpu_core::PciAddress;

use crate::gpu::{Gpu, Silicon};
use crate::scene::Scene;
use crate::world::World;
use write::{file, link};

/// Trees that were written for a world at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The device tree: stands for `/sys`.
    #[must_use]
    pub fn sysfs(&self) -> PathBuf {
        self.root.join("sys")
    }

    /// The process tree: stands for `/proc`.
    #[must_use]
    pub fn proc(&self) -> PathBuf {
        self.root.join("proc")
    }
}

impl World {
    /// Writes the trees as they are now into `root`, which should be empty. A GPU that is lost is
    /// left out.
    ///
    /// # Errors
    /// When a file cannot be written.
    ///
    /// ```
    /// let world = gpu_sim::World::new(gpu_sim::Machine::preset("mi300x-8-cpx")?);
    /// let root = std::env::temp_dir().join(format!("gpu-sim-doc-{}", std::process::id()));
    /// let tree = world.write_tree(&root)?;
    /// let nodes = std::fs::read_dir(tree.sysfs().join("class/kfd/kfd/topology/nodes"))?;
    /// assert_eq!(nodes.count(), 2 + 64); // two processors, and a node for each partition
    /// std::fs::remove_dir_all(&root)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_tree(&self, root: &Path) -> io::Result<Tree> {
        let tree = Tree { root: root.to_path_buf() };
        let (sys, proc) = (tree.sysfs(), tree.proc());
        std::fs::create_dir_all(sys.join("bus/pci/devices"))?;
        std::fs::create_dir_all(sys.join("class/drm"))?;
        let scene = self.scene();
        file(&proc, "sys/kernel/random/boot_id", &format!("{}\n", scene.machine().boot_id))?;
        for (position, gpu) in scene.machine().gpus.iter().enumerate() {
            if !scene.gpu(position).lost {
                pci(&sys, gpu)?;
                match gpu.silicon {
                    Silicon::Amd(_) => amd::gpu(&scene, &sys, position, gpu)?,
                    Silicon::Intel(_) => intel::gpu(&scene, &sys, position, gpu)?,
                    Silicon::Nvidia(_) => {}
                }
            }
        }
        amd::compute_driver(&scene, &sys)?;
        processes(&scene, &proc)?;
        Ok(tree)
    }
}

/// The directory of a function below its bridges: `devices/pci0000:04/0000:04:01.0/0000:05:00.0`.
fn directory(sys: &Path, gpu: &Gpu) -> PathBuf {
    let first: PciAddress = gpu.bridges.first().copied().unwrap_or(gpu.pci);
    let mut path = sys.join(format!("devices/pci{:04x}:{:02x}", first.domain, first.bus));
    for step in gpu.bridges.iter().chain([&gpu.pci]) {
        path.push(step.to_string());
    }
    path
}

/// What every GPU's PCI function has.
fn pci(sys: &Path, gpu: &Gpu) -> io::Result<()> {
    let path = directory(sys, gpu);
    let class = if gpu.drm.is_some() && gpu.pci_id.vendor == 0x8086 { 0x03_0000 } else { 0x03_8000 };
    file(&path, "class", &format!("{class:#08x}\n"))?;
    file(&path, "vendor", &format!("{:#06x}\n", gpu.pci_id.vendor))?;
    file(&path, "device", &format!("{:#06x}\n", gpu.pci_id.device))?;
    file(&path, "subsystem_vendor", &format!("{:#06x}\n", gpu.pci_id.subvendor))?;
    file(&path, "subsystem_device", &format!("{:#06x}\n", gpu.pci_id.subdevice))?;
    let numa = gpu.numa.map_or_else(|| "-1".to_owned(), |node| node.to_string());
    file(&path, "numa_node", &format!("{numa}\n"))?;
    let status = if gpu.asleep { "suspended" } else { "active" };
    file(&path, "power/runtime_status", &format!("{status}\n"))?;
    let speed = ["2.5", "5.0", "8.0", "16.0", "32.0", "64.0"][gpu.pcie.generation.clamp(1, 6) as usize - 1];
    file(&path, "current_link_speed", &format!("{speed} GT/s PCIe\n"))?;
    file(&path, "current_link_width", &format!("{}\n", gpu.pcie.width))?;
    link(&path, &sys.join("bus/pci/devices").join(gpu.pci.to_string()))?;
    let driver = sys.join("bus/pci/drivers").join(gpu.driver());
    std::fs::create_dir_all(&driver)?;
    link(&driver, &path.join("driver"))?;
    std::fs::create_dir_all(sys.join("module").join(gpu.driver()))?;
    if let Some(drm) = &gpu.drm {
        drm_nodes(sys, &path, drm)?;
    }
    Ok(())
}

/// A card and a render node of the device at `device`.
fn drm_nodes(sys: &Path, device: &Path, drm: &crate::machine::DrmNumbers) -> io::Result<()> {
    let nodes = [
        (format!("card{}", drm.card), drm.card_number()),
        (format!("renderD{}", drm.render), drm.render_number()),
    ];
    for (name, number) in nodes {
        let path = device.join("drm").join(&name);
        file(&path, "dev", &format!("{number}\n"))?;
        link(device, &path.join("device"))?;
        link(&path, &sys.join("class/drm").join(&name))?;
    }
    Ok(())
}

/// `/proc/<pid>`: stat, and a descriptor for each GPU in use, as the text of its link.
fn processes(scene: &Scene, proc: &Path) -> io::Result<()> {
    for workload in scene.running() {
        let path = proc.join(workload.pid.to_string());
        let ticks = workload.starts.0 / 10_000_000;
        let zeros = "0 ".repeat(15);
        let stat = format!("{} ({}) S 1 {zeros}20 0 {ticks} 0 0\n", workload.pid, workload.name);
        file(&path, "stat", &stat)?;
        file(&path, "comm", &format!("{}\n", workload.name))?;
        file(&path, "cgroup", &format!("0::{}\n", workload.cgroup))?;
        std::fs::create_dir_all(path.join("fd"))?;
        for (fd, of) in workload.uses.iter().enumerate() {
            if let Some(drm) = crate::amd::drm(&scene.machine().gpus[of.gpu], of.part) {
                let descriptor = path.join("fd").join((fd + 3).to_string());
                link(Path::new(&format!("/dev/dri/renderD{}", drm.render)), &descriptor)?;
            }
            if let Some(client) = crate::amd::client(scene, workload, fd) {
                file(&path, &format!("fdinfo/{}", fd + 3), &crate::amd::fdinfo(&client))?;
            }
        }
    }
    Ok(())
}
