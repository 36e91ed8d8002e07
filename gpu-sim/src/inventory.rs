//! What there is in a world, as the model names it.

use std::hash::Hash;

use gpu_core::{
    Absence, Bytes, Count, Device, DeviceId, DeviceNode, DeviceNumber, Digest, Driver, Incarnation,
    Inventory, Known, Link, LinkKind, MemoryKind, Mode, Nanoseconds, NodeRole, Partition, PartitionId,
    PartitionKind, PcieAncestor, Placement, Vendor,
};

use crate::capability::Capability;
use crate::gpu::{
    AmdSpec, ComputeInstanceSpec, Gpu, GpuInstanceSpec, IntelDriver, IntelSpec, MigProfile, MigSpec,
    NvidiaSpec, Silicon,
};
use crate::machine::{DrmNumbers, LinkKindSpec, Machine};
use crate::scene::Scene;
use crate::workload::Part;

/// Why a simulated fact is missing.
const NOT_SIMULATED: &str = "the simulated machine does not have it";

/// The id under which the real vendor crates would list a GPU.
pub(crate) fn device_id(machine: &Machine, gpu: &Gpu) -> DeviceId {
    match &gpu.silicon {
        Silicon::Nvidia(nvidia) => DeviceId::from_uuid(Vendor::NVIDIA, nvidia.uuid),
        Silicon::Amd(AmdSpec { unique_id: Some(id), .. }) if *id != 0 && is_unique(machine, *id) => {
            DeviceId::from_serial(Vendor::AMD, *id)
        }
        _ => DeviceId::from_pci(gpu.vendor(), gpu.pci),
    }
}

fn is_unique(machine: &Machine, id: u64) -> bool {
    let same = |gpu: &&Gpu| matches!(&gpu.silicon, Silicon::Amd(amd) if amd.unique_id == Some(id));
    machine.gpus.iter().filter(same).count() == 1
}

/// The partition that a process's part is; `None` for the whole GPU.
pub(crate) fn partition_id(device: DeviceId, gpu: &Gpu, part: Part) -> Option<PartitionId> {
    match part {
        Part::Whole => None,
        Part::Mig { gi, ci } => {
            device.partition(PartitionKind::GPU_INSTANCE, gi).inner(PartitionKind::COMPUTE_INSTANCE, ci)
        }
        Part::Xcp { index } => match &gpu.silicon {
            Silicon::Amd(amd) if amd.partitions.len() > 1 => {
                Some(device.partition(PartitionKind::COMPUTE_PARTITION, index))
            }
            _ => None,
        },
        Part::Tile { index } => match &gpu.silicon {
            Silicon::Intel(intel) if intel.tiles.len() > 1 => {
                Some(device.partition(PartitionKind::TILE, index))
            }
            _ => None,
        },
        Part::Function { number } => match &gpu.silicon {
            Silicon::Intel(intel) if intel.vf(number).is_some() => {
                Some(device.partition(PartitionKind::VIRTUAL_FUNCTION, number))
            }
            _ => None,
        },
    }
}

/// The inventory of one vendor's GPUs. A lost GPU is not in it.
pub(crate) fn inventory(scene: &Scene, vendor: Vendor) -> Inventory {
    let machine = scene.machine();
    let mut inventory = Inventory::new();
    if !scene.has_driver(vendor) {
        return inventory;
    }
    inventory.drivers.push(driver(machine, vendor));
    for (index, (position, gpu)) in (0..).zip(scene.gpus_of(vendor)) {
        if !scene.gpu(position).lost {
            let mut device = device(machine, gpu);
            device.index = index;
            inventory.devices.push(device);
        }
    }
    inventory.links = links(scene, vendor);
    inventory
}

fn driver(machine: &Machine, vendor: Vendor) -> Driver {
    let gpu = machine.gpus.iter().find(|gpu| gpu.vendor() == vendor);
    let mut driver = Driver::new(vendor, gpu.map_or("", Gpu::driver));
    driver.library = Known::unsupported("none is used");
    driver.compute_api = Known::unsupported("the driver does not tell");
    driver.version = Known::unsupported("the driver in the kernel has no version of its own");
    if let (Vendor::NVIDIA, Some(nvidia)) = (vendor, &machine.nvidia_driver) {
        driver.version = nvidia.version.clone().into();
        driver.library = nvidia.library_version.as_ref().unwrap_or(&nvidia.version).clone().into();
        driver.compute_api = format!("{}.{}", nvidia.cuda / 1000, nvidia.cuda % 1000 / 10).into();
    }
    if let (Vendor::AMD, Some(version)) = (vendor, &machine.amdgpu_version) {
        driver.version = version.clone().into();
    }
    driver
}

fn device(machine: &Machine, gpu: &Gpu) -> Device {
    let known = |text: &Option<String>| match text {
        Some(text) => text.clone().into(),
        None => Known::unsupported(NOT_SIMULATED),
    };
    let id = device_id(machine, gpu);
    let mut device = Device::new(id, gpu.name.clone());
    device.pci = gpu.pci.into();
    device.pci_id = gpu.pci_id.into();
    device.numa = match gpu.numa {
        Some(node) => node.into(),
        None => Known::unsupported("the machine does not tell"),
    };
    device.serial = known(&gpu.serial);
    device.board_part = known(&gpu.board_part);
    device.firmware = known(&gpu.firmware);
    device.driver = gpu.driver().to_owned().into();
    device.memory_total = memory_total(gpu).into();
    device.memory_kind = gpu.memory.kind.into();
    device.compute_units = Count(u64::from(gpu.compute_units)).into();
    device.nodes = gpu.drm.as_ref().map(drm_nodes).unwrap_or_default();
    match &gpu.silicon {
        Silicon::Nvidia(nvidia) => {
            device.vendor_name = format!("GPU-{}", nvidia.uuid).into();
            device.architecture = architecture(nvidia.architecture).to_owned().into();
            device.nodes.insert(0, nvidia_node(nvidia.minor));
            if let Some(mig) = &nvidia.mig {
                device.modes = vec![mig_mode(mig)];
                device.partitions = mig_instances(machine, id, mig, nvidia);
            }
        }
        Silicon::Amd(amd) => {
            device.vendor_name = match amd.unique_id {
                Some(unique) => format!("{unique:#018x}").into(),
                None => Known::unsupported("this board has no unique_id"),
            };
            let (major, step) = (amd.gfx_target_version / 100, amd.gfx_target_version % 100);
            device.architecture = format!("gfx{}{}{step:x}", major / 100, major % 100).into();
            device.modes = amd_modes(amd);
            device.partitions = compute_partitions(machine, id, gpu, amd);
        }
        Silicon::Intel(intel) => {
            device.vendor_name = gpu.pci.to_string().into();
            device.modes = intel_modes(intel);
            device.partitions = tiles_and_functions(machine, id, intel);
        }
    }
    device
}

/// Boards that compute in the machine's memory alone do not tell a total (GB10).
fn memory_total(gpu: &Gpu) -> Result<Bytes, Absence> {
    match gpu.memory.total {
        Bytes::ZERO => Err(Absence::NotSupported { why: "it computes in the machine's memory" }),
        total => Ok(total),
    }
}

fn architecture(number: u32) -> &'static str {
    match number {
        7 => "ampere",
        8 => "ada",
        9 => "hopper",
        10 => "blackwell",
        _ => "unknown",
    }
}

/// `/dev/nvidiaN`, major 195.
pub(crate) fn nvidia_node(minor: u32) -> DeviceNode {
    let number = Some(DeviceNumber { major: 195, minor });
    DeviceNode { path: format!("/dev/nvidia{minor}"), number, role: NodeRole::Device }
}

pub(crate) fn drm_nodes(drm: &DrmNumbers) -> Vec<DeviceNode> {
    let card = DeviceNode {
        path: format!("/dev/dri/card{}", drm.card),
        number: Some(drm.card_number()),
        role: NodeRole::Card,
    };
    let render = DeviceNode {
        path: format!("/dev/dri/renderD{}", drm.render),
        number: Some(drm.render_number()),
        role: NodeRole::Render,
    };
    vec![card, render]
}

fn incarnation(machine: &Machine, id: PartitionId, what: impl Hash) -> Incarnation {
    let mut digest = Digest::new();
    (machine.boot_id, id).hash(&mut digest);
    what.hash(&mut digest);
    digest.incarnation()
}

fn mig_mode(mig: &MigSpec) -> Mode {
    let text = |on: bool| Known::from(if on { "enabled" } else { "disabled" }.to_owned());
    let mut mode = Mode::new(Mode::MIG, text(mig.enabled));
    mode.pending = text(mig.pending);
    mode.available = vec!["disabled".to_owned(), "enabled".to_owned()].into();
    mode
}

fn mig_instances(machine: &Machine, device: DeviceId, mig: &MigSpec, parent: &NvidiaSpec) -> Vec<Partition> {
    let mut instances: Vec<Partition> = mig
        .instances
        .iter()
        .filter_map(|instance| {
            let profile = mig.profiles.iter().find(|profile| profile.name == instance.profile)?;
            Some(gpu_instance(machine, device, instance, profile, parent))
        })
        .collect();
    instances.sort_by_key(|instance| instance.id);
    instances
}

fn gpu_instance(
    machine: &Machine,
    device: DeviceId,
    instance: &GpuInstanceSpec,
    profile: &MigProfile,
    parent: &NvidiaSpec,
) -> Partition {
    let id = device.partition(PartitionKind::GPU_INSTANCE, instance.id);
    let place = Placement { start: instance.start, size: profile.size };
    let mut partition =
        Partition::new(id, incarnation(machine, id, (&instance.profile, place, instance.life)));
    partition.profile = instance.profile.clone().into();
    partition.placement = place.into();
    partition.memory_total = profile.memory.into();
    partition.compute_units = count(profile.multiprocessors);
    partition.compute_slices = count(profile.slices);
    partition.engines.copy = count(profile.copy_engines);
    partition.engines.decoder = count(profile.decoders);
    partition.engines.encoder = count(profile.encoders);
    partition.engines.jpeg = count(profile.jpegs);
    partition.engines.optical_flow = count(profile.ofas);
    let capability = Capability { gpu: parent.minor, gi: instance.id, ci: None };
    partition.nodes = vec![capability.node()];
    partition.partitions = instance
        .compute_instances
        .iter()
        .map(|c| compute_instance(machine, id, c, profile, parent))
        .collect();
    if let [only] = &instance.compute_instances[..] {
        partition.vendor_name = format!("MIG-{}", only.uuid).into();
    }
    partition
}

fn compute_instance(
    machine: &Machine,
    parent: PartitionId,
    instance: &ComputeInstanceSpec,
    profile: &MigProfile,
    device: &NvidiaSpec,
) -> Partition {
    // A GPU instance is the first step below a device: there is room for one more.
    let id = parent.inner(PartitionKind::COMPUTE_INSTANCE, instance.id).unwrap_or(parent);
    let mut partition = Partition::new(id, incarnation(machine, id, (instance.uuid, instance.life)));
    partition.profile = match instance.slices {
        slices if slices == profile.slices => profile.name.clone(),
        slices => format!("{slices}c.{}", profile.name),
    }
    .into();
    partition.memory_total = Known::unsupported("it shares the memory of its GPU instance");
    partition.compute_slices = count(instance.slices);
    partition.compute_units = count(profile.multiprocessors * instance.slices / profile.slices.max(1));
    partition.vendor_name = format!("MIG-{}", instance.uuid).into();
    partition.legacy_name = format!("MIG-GPU-{}/{}/{}", device.uuid, parent.index(), instance.id).into();
    partition.nodes =
        vec![Capability { gpu: device.minor, gi: parent.index(), ci: Some(instance.id) }.node()];
    partition
}

fn count(n: u32) -> Known<Count> {
    Count(u64::from(n)).into()
}

fn amd_modes(amd: &AmdSpec) -> Vec<Mode> {
    let mode = |name, current: &Option<String>, available: &Vec<String>| {
        let mut mode = Mode::new(name, current.clone()?.into());
        mode.available = available.clone().into();
        Some(mode)
    };
    let compute = mode(Mode::COMPUTE_PARTITION, &amd.compute_mode, &amd.compute_modes);
    let memory = mode(Mode::MEMORY_PARTITION, &amd.memory_mode, &amd.memory_modes);
    compute.into_iter().chain(memory).collect()
}

fn compute_partitions(machine: &Machine, device: DeviceId, gpu: &Gpu, amd: &AmdSpec) -> Vec<Partition> {
    if amd.partitions.len() < 2 {
        return Vec::new();
    }
    #[allow(clippy::cast_possible_truncation)] // at most as many partitions as dies
    let size = amd.xcc / amd.partitions.len() as u32;
    (0..)
        .zip(&amd.partitions)
        .map(|(k, part)| {
            let id = device.partition(PartitionKind::COMPUTE_PARTITION, k);
            let mut partition =
                Partition::new(id, incarnation(machine, id, (part.gpu_id, &amd.compute_mode)));
            partition.profile = match &amd.compute_mode {
                Some(mode) => mode.clone().into(),
                None => Known::unsupported("the driver has no file for the compute mode"),
            };
            partition.placement = Placement { start: k * size, size }.into();
            partition.memory_total = part.memory.into();
            partition.compute_units = count(part.compute_units);
            partition.vendor_name =
                if k == 0 { gpu.pci.to_string() } else { format!("amdgpu_xcp_{}", part.drm.card) }.into();
            partition.nodes = drm_nodes(&part.drm);
            partition
        })
        .collect()
}

/// In the order in which gpu-intel has them.
fn intel_modes(intel: &IntelSpec) -> Vec<Mode> {
    let mut modes = Vec::new();
    if intel.total_vfs > 0 {
        let mut mode = Mode::new(Mode::SRIOV, intel.vfs.len().to_string().into());
        mode.available = (0..=intel.total_vfs.min(255)).map(|n| n.to_string()).collect::<Vec<_>>().into();
        modes.push(mode);
    }
    if let Some(ccs) = intel.ccs_mode {
        let mut mode = Mode::new(Mode::CCS, ccs.to_string().into());
        let decides = (intel.driver == IntelDriver::I915Prelim).then_some(0);
        let divisors = (1..=intel.ccs_slices).filter(|n| intel.ccs_slices % n == 0);
        let choices: Vec<String> = decides.into_iter().chain(divisors).map(|n| n.to_string()).collect();
        mode.available = choices.into();
        modes.push(mode);
    }
    modes
}

fn tiles_and_functions(machine: &Machine, device: DeviceId, intel: &IntelSpec) -> Vec<Partition> {
    let mut parts = Vec::new();
    if intel.tiles.len() > 1 {
        for (n, tile) in (0..).zip(&intel.tiles) {
            let id = device.partition(PartitionKind::TILE, n);
            let mut partition = Partition::new(id, incarnation(machine, id, n));
            partition.profile = "tile".to_owned().into();
            partition.memory_total = tile.memory.into();
            partition.compute_units = count(tile.xe_cores);
            parts.push(partition);
        }
    }
    for vf in &intel.vfs {
        let id = device.partition(PartitionKind::VIRTUAL_FUNCTION, vf.number);
        let mut partition =
            Partition::new(id, incarnation(machine, id, (vf.memory_quota, vf.exec_quantum_ms)));
        partition.profile = "vf".to_owned().into();
        partition.memory_total = match vf.memory_quota {
            Bytes::ZERO => Known::unsupported("no memory is set aside"),
            quota => quota.into(),
        };
        partition.pci = vf.pci.into();
        partition.nodes = vf.drm.as_ref().map(drm_nodes).unwrap_or_default();
        partition.time_slice = match vf.exec_quantum_ms {
            0 => Known::unsupported("the virtual function runs without a time limit"),
            ms => Nanoseconds::from_millis(ms.into()).into(),
        };
        parts.push(partition);
    }
    parts.sort_by_key(|part| part.id);
    parts
}

/// Links of the description, NVSwitch links between all that have them, and PCIe between all.
fn links(scene: &Scene, vendor: Vendor) -> Vec<Link> {
    let machine = scene.machine();
    let here: Vec<(usize, &Gpu)> = scene.gpus_of(vendor).filter(|(i, _)| !scene.gpu(*i).lost).collect();
    let listed = |position: usize| here.iter().any(|(i, _)| *i == position);
    let mut links: Vec<Link> = machine
        .links
        .iter()
        .filter(|link| listed(link.a) && listed(link.b))
        .map(|link| {
            let kind = match link.kind {
                LinkKindSpec::NvLink { links } => LinkKind::NvLink { links, switched: false },
                LinkKindSpec::Xgmi { weight } => LinkKind::Xgmi { weight },
                LinkKindSpec::XeLink => LinkKind::XeLink,
            };
            let end = |position: usize| device_id(machine, &machine.gpus[position]);
            Link::new(end(link.a), end(link.b), kind)
        })
        .collect();
    for (at, (_, one)) in here.iter().enumerate() {
        for (_, other) in &here[at + 1..] {
            let (a, b) = (device_id(machine, one), device_id(machine, other));
            if let (Silicon::Nvidia(x), Silicon::Nvidia(y)) = (&one.silicon, &other.silicon) {
                let links_up = x.nvswitch_links.min(y.nvswitch_links);
                if links_up > 0 {
                    links.push(Link::new(a, b, LinkKind::NvLink { links: links_up, switched: true }));
                }
            }
            let near = one.numa.is_some() && one.numa == other.numa;
            let ancestor = if near { PcieAncestor::NumaNode } else { PcieAncestor::System };
            links.push(Link::new(a, b, LinkKind::Pcie { ancestor }));
        }
    }
    links.sort_unstable();
    links
}

/// True for a GPU whose memory the driver can tell apart from the machine's.
pub(crate) fn tells_memory(gpu: &Gpu) -> bool {
    gpu.memory.kind != MemoryKind::System || gpu.memory.total != Bytes::ZERO
}
