//! What containers of a world were given, and what a simulated backend makes of it.

use std::collections::BTreeMap;

use gpu_core::{
    Absence, ContainerFacts, DeviceFile, DeviceNode, EvidenceList, Interpretation, Inventory, Known, Owner,
    Pid, Vendor, cgroup,
};

use crate::capability::Capability;
use crate::gpu::{Gpu, Silicon};
use crate::machine::Machine;
use crate::workload::{Part, Use};
use crate::world::World;
use crate::{amd, inventory};

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
    /// it: the device files of what its processes use. Everybody else sees the machine's own `/dev`.
    ///
    /// ```
    /// use gpu_core::{Backend, EvidenceList, Strength, Vendor};
    /// let mut machine = gpu_sim::Machine::preset("mixed")?;
    /// machine.workloads[0].cgroup = format!("/docker/{}", "c".repeat(64));
    /// let world = gpu_sim::World::new(machine);
    /// let backend = gpu_sim::SimBackend::new(world.clone(), Vendor::NVIDIA);
    /// let (inventory, mut list) = (backend.inventory()?, EvidenceList::new());
    /// for facts in world.container_facts() {
    ///     backend.evidence(&facts, &inventory, &mut list)?;
    /// }
    /// let given: Vec<_> = list.evidence.iter().map(|one| (one.unit.to_string(), one.strength)).collect();
    /// assert_eq!(given.len(), 1);
    /// assert!(given[0].0.ends_with("/gi:1") && given[0].1 == Strength::Enforced);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn container_facts(&self) -> Vec<ContainerFacts> {
        let scene = self.scene();
        let mut by_owner: BTreeMap<Owner, (Pid, Vec<DeviceFile>)> = BTreeMap::new();
        for workload in scene.running() {
            let owner = cgroup::owner(&format!("0::{}", workload.cgroup));
            let (_, files) = by_owner.entry(owner).or_insert((workload.pid, Vec::new()));
            files.extend(workload.uses.iter().flat_map(|of| device_files(scene.machine(), of)));
        }
        by_owner.into_iter().map(|(owner, (pid, files))| facts(owner, pid, files)).collect()
    }
}

fn facts(owner: Owner, pid: Pid, mut files: Vec<DeviceFile>) -> ContainerFacts {
    files.sort_unstable();
    files.dedup();
    let has_own = matches!(owner, Owner::Container(_));
    let mut facts = ContainerFacts::new(owner, pid);
    facts.own_dev = has_own.into();
    facts.device_files = match has_own {
        true => files.into(),
        false => Known::unsupported("its /dev is the machine's own"),
    };
    facts.device_rules = Known::unsupported("cgroup version 2 has no list of device rules");
    facts
}

fn device_files(machine: &Machine, of: &Use) -> Vec<DeviceFile> {
    let Some(gpu) = machine.gpus.get(of.gpu) else { return Vec::new() };
    nodes(gpu, of.part).into_iter().map(|node| DeviceFile::new(node.path, node.number)).collect()
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
