//! What containers of a world were given, and what a simulated backend makes of it.

use std::collections::BTreeMap;

use gpu_core::{
    Absence, ContainerFacts, ContainerReader, DeviceFile, DeviceNode, Error, EvidenceList, GresDevice,
    Interpretation, Inventory, KernelMemory, Known, Owner, Pid, Vendor, cgroup,
};

use crate::capability::Capability;
use crate::gpu::{Gpu, Silicon};
use crate::machine::Machine;
use crate::workload::{Part, Use};
use crate::world::World;
use crate::{amd, inventory, kernel_memory};

/// Major numbers of the kernel's list of devices: NVIDIA's GPUs, and DRM.
const NVIDIA: u32 = 195;
const DRM: u32 = 226;

/// Device files alone: names are the vendors' own, and their crates read them.
pub(crate) fn interpret(
    vendor: Vendor,
    facts: &ContainerFacts,
    inventory: &Inventory,
    list: &mut EvidenceList,
) -> Result<(), Absence> {
    let is_gpu = if vendor == Vendor::NVIDIA { is_nvidia } else { is_drm };
    Interpretation::new(vendor, facts, inventory, list, is_gpu).files();
    Ok(())
}

/// 254 and 255 are control files, of all GPUs.
fn is_nvidia(file: &DeviceFile) -> bool {
    file.number.is_some_and(|number| number.major == NVIDIA && number.minor < 254)
}

fn is_drm(file: &DeviceFile) -> bool {
    file.number.is_some_and(|number| number.major == DRM)
}

impl World {
    /// What each container and job of the world was given, as a machine with cgroup version 2 shows
    /// it: a container the device files of what its processes use, a job the same as its `gres.conf`
    /// has them. All but containers see the machine's own `/dev`.
    ///
    /// ```
    /// use gpu_core::{Backend, EvidenceList, Strength, Vendor};
    /// let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed")?);
    /// let backend = gpu_sim::SimBackend::new(world.clone(), Vendor::NVIDIA);
    /// let (inventory, mut list) = (backend.inventory()?, EvidenceList::new());
    /// for facts in world.container_facts() {
    ///     backend.evidence(&facts, &inventory, &mut list)?;
    /// }
    /// let given: Vec<_> = list.evidence.iter().map(|one| (one.unit.to_string(), one.strength)).collect();
    /// assert_eq!(given.len(), 4);
    /// assert!(given.iter().any(|(unit, strength)| unit.ends_with("/gi:1") && *strength == Strength::Enforced));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn container_facts(&self) -> Vec<ContainerFacts> {
        let scene = self.scene();
        let mut by_owner: BTreeMap<Owner, (Pid, Vec<GresDevice>)> = BTreeMap::new();
        for workload in scene.running() {
            let owner = cgroup::owner(&format!("0::{}", workload.cgroup));
            let (_, devices) = by_owner.entry(owner).or_insert((workload.pid, Vec::new()));
            devices.extend(workload.uses.iter().map(|of| gres(scene.machine(), of)));
        }
        by_owner.into_iter().map(|(owner, (pid, devices))| facts(owner, pid, devices)).collect()
    }
}

/// Reads what the containers of a world were given.
#[derive(Debug)]
pub(crate) struct SimContainers(pub(crate) World);

impl ContainerReader for SimContainers {
    fn containers(&self) -> Result<Vec<(Owner, Pid)>, Error> {
        Ok(self.0.container_facts().into_iter().map(|facts| (facts.owner, facts.pid)).collect())
    }

    fn is_current(&self, owner: &Owner, pid: Pid) -> bool {
        self.0.container_facts().iter().any(|facts| facts.owner == *owner && facts.pid == pid)
    }

    fn facts(&self, owner: &Owner, pid: Pid) -> ContainerFacts {
        let known = self.0.container_facts().into_iter().find(|facts| facts.owner == *owner);
        known.unwrap_or_else(|| ContainerFacts::new(owner.clone(), pid))
    }

    fn kernel_memory(&self, inventory: &Inventory) -> Result<Vec<KernelMemory>, Absence> {
        let machine = self.0.machine();
        if machine.gpus.iter().all(|gpu| kernel_memory::regions(gpu).is_empty()) {
            return Err(Absence::NotSupported { why: "no driver registers a region of device memory" });
        }
        let mut memory = self.0.kernel_memory();
        memory.retain(|of| inventory.device(of.device).is_some());
        Ok(memory)
    }
}

fn facts(owner: Owner, pid: Pid, devices: Vec<GresDevice>) -> ContainerFacts {
    let has_own = matches!(owner, Owner::Container(_));
    let is_job = matches!(owner, Owner::Slurm(_));
    let mut facts = ContainerFacts::new(owner, pid);
    facts.own_dev = has_own.into();
    facts.device_files = if has_own {
        let files = devices.iter().filter_map(|device| device.files.value()).flatten();
        let mut files: Vec<DeviceFile> = files.cloned().collect();
        files.sort_unstable();
        files.dedup();
        files.into()
    } else {
        Known::unsupported("its /dev is the machine's own")
    };
    facts.device_rules = Known::unsupported("cgroup version 2 has no list of device rules");
    if is_job {
        facts.gres = devices.into();
    }
    facts
}

/// A use, as Slurm's configuration would have it.
fn gres(machine: &Machine, of: &Use) -> GresDevice {
    let nodes = machine.gpus.get(of.gpu).map(|gpu| nodes(gpu, of.part)).unwrap_or_default();
    let files = nodes.into_iter().map(|node| DeviceFile::new(node.path, node.number));
    GresDevice::new(u32::try_from(of.gpu).unwrap_or(u32::MAX), files.collect::<Vec<_>>().into())
}

/// What a runtime puts into a container for a part of a GPU.
fn nodes(gpu: &Gpu, part: Part) -> Vec<DeviceNode> {
    let Silicon::Nvidia(nvidia) = &gpu.silicon else {
        return amd::drm(gpu, part).map(inventory::drm_nodes).unwrap_or_default();
    };
    let mut nodes = vec![inventory::nvidia_node(nvidia.minor)];
    if let Part::Mig { gi, ci } = part {
        let outer = Capability { gpu: nvidia.minor, gi, ci: None };
        nodes.extend([outer.node(), Capability { ci: Some(ci), ..outer }.node()]);
    }
    nodes
}
