//! What a container was given of NVIDIA's GPUs: device files, and the names that NVIDIA's container
//! toolkit, its device plugin and CUDA read.
//!
//! Names: NVIDIA/nvidia-container-toolkit, `internal/config/image` (lists of visible devices, mounts),
//! `pkg/nvcdi` (CDI names); NVIDIA/k8s-device-plugin, `internal/rm` (ids and replicas); GKE's plugin
//! (`nvidia0/gi7`); the CUDA guide, "CUDA Environment Variables".

mod name;

use gpu_core::interpretation::is_cut_by_mig;
use gpu_core::{
    ContainerFacts, Device, DeviceFile, Environment, EvidenceList, EvidenceSource, Interpretation, Inventory,
    UnitId, Vendor,
};

use crate::inventory::MAJOR;
use name::Names;

/// In place of a list: the mounts below it have the names.
const MOUNTS: &str = "/var/run/nvidia-container-devices";
/// Control files from here on: `/dev/nvidia-modeset`, `/dev/nvidiactl`.
const FIRST_CONTROL_MINOR: u32 = 254;

/// Adds what the facts say of NVIDIA's GPUs.
pub(crate) fn interpret(facts: &ContainerFacts, inventory: &Inventory, list: &mut EvidenceList) {
    let mut of = Interpretation::new(Vendor::NVIDIA, facts, inventory, list, is_gpu);
    of.files();
    let names = Names::new(inventory);
    mounts(&mut of, &names);
    for (source, environment) in of.environments() {
        visible_devices(&mut of, &names, source, environment);
        cuda(&mut of, &names, source, environment);
    }
    cdi(&mut of, &names);
    plugin(&mut of, &names);
}

/// `/dev/nvidia3`, by number or by name; and the file of a MIG capability by its name, whose major
/// number the kernel gives out anew at each start.
fn is_gpu(file: &DeviceFile) -> bool {
    let by_name = |prefix: &str| {
        let digits = file.path.strip_prefix(prefix);
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
    };
    match file.number {
        Some(number) if number.major == MAJOR => number.minor < FIRST_CONTROL_MINOR,
        // 1 and 2 let configure and watch MIG, and open no instance.
        Some(number) => by_name("/dev/nvidia-caps/nvidia-cap") && number.minor > 2,
        None => by_name("/dev/nvidia"),
    }
}

/// What `text` separates by commas, without what is empty.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// `NVIDIA_VISIBLE_DEVICES`: what the container runtime is asked for.
fn visible_devices(
    of: &mut Interpretation<'_>,
    names: &Names<'_>,
    source: EvidenceSource,
    environment: &Environment,
) {
    // Without a container nobody reads it.
    if of.facts().own_dev.value() == Some(&false) {
        return;
    }
    let Some(text) = environment.get("NVIDIA_VISIBLE_DEVICES") else {
        // Images from before there was the variable see everything.
        let is_legacy = environment.get("CUDA_VERSION").is_some_and(|version| !version.is_empty())
            && environment.get("NVIDIA_REQUIRE_CUDA").is_none();
        if is_legacy {
            of.name(source, "CUDA_VERSION", names.all());
        }
        return;
    };
    if items(text).any(|item| item == "void") || text.trim() == MOUNTS {
        return;
    }
    for item in items(text).filter(|item| *item != "none") {
        if item.contains('=') && of.facts().cdi.iter().any(|device| device.name == item) {
            continue;
        }
        of.name(source, item, names.visible(item));
    }
}

/// `CUDA_VISIBLE_DEVICES`: what programs see of what they may open. CUDA counts in its own order,
/// which is that of PCI where it is told so and where all are of one model; the list ends at the
/// first entry that is none.
fn cuda(of: &mut Interpretation<'_>, names: &Names<'_>, source: EvidenceSource, environment: &Environment) {
    const ORDER: &str = "CUDA's own order of these GPUs is not known";
    const CUT: &str = "CUDA's numbers of MIG instances depend on what a program may open";
    let Some(text) = environment.get("CUDA_VISIBLE_DEVICES") else { return };
    let mut devices: Vec<&Device> = of.devices().collect();
    devices.sort_by_key(|device| device.pci.value().copied());
    let seen = of.visible(devices.iter().map(|device| device.id.into()).collect());
    devices.retain(|device| seen.contains(&device.id.into()));
    let by_slot = environment.get("CUDA_DEVICE_ORDER") == Some("PCI_BUS_ID")
        || devices.windows(2).all(|pair| pair[0].name == pair[1].name);
    let is_cut = of.devices().any(is_cut_by_mig);
    for item in items(text) {
        let Ok(at) = item.parse::<usize>() else {
            of.name(source, item, names.uuid(item));
            continue;
        };
        let unit = match devices.get(at) {
            _ if is_cut => Err(CUT),
            _ if !by_slot => Err(ORDER),
            Some(device) => Ok(vec![UnitId::from(device.id)]),
            None => Err(name::NO_NUMBER),
        };
        of.name(source, item, unit);
    }
}

/// Names that are mounted below `/var/run/nvidia-container-devices`. Those of CDI are among the CDI
/// devices; `imex` is no GPU.
fn mounts(of: &mut Interpretation<'_>, names: &Names<'_>) {
    for name in of.facts().device_mounts.value().into_iter().flatten() {
        if !name.starts_with("cdi/") && !name.starts_with("imex/") {
            of.name(EvidenceSource::Environment, name, names.visible(name));
        }
    }
}

/// CDI devices of which no specification was read, by their names.
fn cdi(of: &mut Interpretation<'_>, names: &Names<'_>) {
    for device in of.facts().cdi.iter().filter(|device| device.files.value().is_none()) {
        if device.parts().is_some_and(|(kind, _)| name::is_cdi_kind(kind)) {
            of.name(EvidenceSource::Cdi, &device.name, names.visible(&device.name));
        }
    }
}

/// What the device plugin gave: `nvidia.com/gpu`, `nvidia.com/mig-1g.10gb`, and what shares of them
/// are renamed to.
fn plugin(of: &mut Interpretation<'_>, names: &Names<'_>) {
    for devices in of.facts().plugin_devices.value().into_iter().flatten() {
        let Some(resource) = devices.resource.strip_prefix("nvidia.com/") else { continue };
        let is_gpu = resource.starts_with("mig-") || resource == "gpu" || resource.starts_with("gpu.");
        for id in &devices.ids {
            let units = names.plugin_id(id);
            // What is renamed is still a GPU when its id is one's; `nvidia.com/rdma` is none.
            if is_gpu || units.is_ok() {
                of.name(EvidenceSource::KubeletCheckpoint, id, units);
            }
        }
    }
}

#[cfg(test)]
mod tests;
