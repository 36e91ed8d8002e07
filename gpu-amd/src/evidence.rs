//! What a container was given of AMD's GPUs: device files, and the names that AMD's container
//! toolkit, its device plugin and ROCm read.
//!
//! A render node reaches a GPU or a partition. Programs that compute through ROCm need `/dev/kfd`
//! too; alone it reaches nothing, because the compute driver asks the device cgroup for the render
//! node (kernel: `kfd_priv.h`, `kfd_devcgroup_check_permission`).
//!
//! Names: ROCm/container-toolkit; ROCm/k8s-device-plugin; ROCm's "GPU isolation techniques".

use gpu_core::{
    ContainerFacts, Device, DeviceFile, Environment, EvidenceList, EvidenceSource, Interpretation, Inventory,
    UnitId, Vendor,
};

use crate::names::{CdiName, DevicePluginId, ResourceName, Visible, VisibleDevices};

/// The major number of DRM's device files (kernel: `Documentation/admin-guide/devices.txt`).
const DRM: u32 = 226;
const NO_NUMBER: &str = "no GPU here has this number";
const NO_ID: &str = "no GPU here has this unique id";
const NO_NAME: &str = "it is the name of no GPU";
const TOOLKITS_OWN: &str = "where GPUs are cut, numbers are the toolkit's own matter";

/// Adds what the facts say of AMD's GPUs.
pub(crate) fn interpret(facts: &ContainerFacts, inventory: &Inventory, list: &mut EvidenceList) {
    let mut of = Interpretation::new(Vendor::AMD, facts, inventory, list, is_gpu);
    of.files();
    let devices: Vec<&Device> = of.devices().collect();
    for (source, environment) in of.environments() {
        // Without a container nobody reads it.
        if of.facts().own_dev.value() != Some(&false) {
            if let Some(text) = environment.get("AMD_VISIBLE_DEVICES") {
                toolkit(&mut of, &devices, source, text);
            }
        }
        runtime(&mut of, &devices, source, environment);
    }
    for device in of.facts().cdi.iter().filter(|device| device.files.value().is_none()) {
        if device.parts().is_some_and(|(kind, _)| kind == "amd.com/gpu") {
            of.name(EvidenceSource::Cdi, &device.name, cdi(&devices, &device.name));
        }
    }
    for given in of.facts().plugin_devices.value().into_iter().flatten() {
        if given.resource.parse::<ResourceName>().is_ok() {
            for id in &given.ids {
                of.name(EvidenceSource::KubeletCheckpoint, id, plugin_id(inventory, id));
            }
        }
    }
}

fn is_gpu(file: &DeviceFile) -> bool {
    match file.number {
        Some(number) => number.major == DRM,
        None => file.path.starts_with("/dev/dri/renderD") || file.path.starts_with("/dev/dri/card"),
    }
}

/// A GPU, or each partition of one that is cut: what ROCm counts, in its order.
fn parts(devices: &[&Device]) -> Vec<UnitId> {
    let part = |device: &&Device| match device.partitions.is_empty() {
        true => vec![device.id.into()],
        false => device.partitions.iter().map(|part| part.id.into()).collect::<Vec<UnitId>>(),
    };
    devices.iter().flat_map(part).collect()
}

fn is_cut(devices: &[&Device]) -> bool {
    devices.iter().any(|device| !device.partitions.is_empty())
}

/// `AMD_VISIBLE_DEVICES`: numbers go by PCI address where no GPU is cut.
fn toolkit(of: &mut Interpretation<'_>, devices: &[&Device], source: EvidenceSource, text: &str) {
    let list = match text.parse::<VisibleDevices>() {
        Ok(VisibleDevices::All) => return of.name(source, text, Ok(parts(devices))),
        Ok(VisibleDevices::These(list)) => list,
        Ok(_) => return,
        Err(_) => return of.leave(source, text, NO_NAME),
    };
    for item in list {
        match item {
            Visible::Numbers { .. } if is_cut(devices) => of.leave(source, &item.to_string(), TOOLKITS_OWN),
            Visible::Numbers { first, last } => {
                // No machine has more, whatever the list says.
                let most = u32::try_from(devices.len()).unwrap_or(u32::MAX);
                if last >= most {
                    of.leave(source, &item.to_string(), NO_NUMBER);
                }
                for number in first..=last.min(most.saturating_sub(1)) {
                    let device = devices.get(number as usize);
                    of.name(
                        source,
                        &item.to_string(),
                        device.map(|one| vec![one.id.into()]).ok_or(NO_NUMBER),
                    );
                }
            }
            Visible::UniqueId(id) => of.name(source, &item.to_string(), by_unique_id(devices, id)),
        }
    }
}

fn by_unique_id(devices: &[&Device], id: u64) -> Result<Vec<UnitId>, &'static str> {
    let text = format!("{id:#018x}");
    let same = |device: &&&Device| device.vendor_name.value() == Some(&text);
    let units: Vec<UnitId> = devices.iter().filter(same).map(|device| device.id.into()).collect();
    if units.is_empty() { Err(NO_ID) } else { Ok(units) }
}

/// `ROCR_VISIBLE_DEVICES`, and within what it leaves `HIP_VISIBLE_DEVICES` or
/// `GPU_DEVICE_ORDINAL`: what programs see of what they may open, by number in the compute driver's
/// order, or `GPU-` and the unique id. A list ends at the first entry that is none.
fn runtime(
    of: &mut Interpretation<'_>,
    devices: &[&Device],
    source: EvidenceSource,
    environment: &Environment,
) {
    let mut seen = of.visible(parts(devices));
    let mut last: Option<(Vec<UnitId>, &str)> = None;
    for variable in ["ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"] {
        let Some(text) = environment.get(variable) else { continue };
        // HIP reads the second of these where the first is not set.
        if variable == "GPU_DEVICE_ORDINAL" && environment.get("HIP_VISIBLE_DEVICES").is_some() {
            continue;
        }
        let mut left = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match by_runtime(devices, &seen, item) {
                Ok(units) => left.extend(units),
                Err(why) => {
                    of.leave(source, item, why);
                    break;
                }
            }
        }
        seen.clone_from(&left);
        last = Some((left, text));
    }
    if let Some((units, text)) = last {
        of.name(source, text, Ok(units));
    }
}

fn by_runtime(devices: &[&Device], seen: &[UnitId], item: &str) -> Result<Vec<UnitId>, &'static str> {
    if let Some(digits) = item.strip_prefix("GPU-") {
        let is_id = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let id = u64::from_str_radix(digits, 16).ok().filter(|_| is_id).ok_or(NO_NAME)?;
        let device = by_unique_id(devices, id)?;
        let within = |unit: &&UnitId| device.iter().any(|of| of.device() == unit.device());
        return Ok(seen.iter().filter(within).copied().collect());
    }
    if item.is_empty() || !item.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NO_NAME);
    }
    let at = item.parse::<usize>().map_err(|_| NO_NUMBER)?;
    seen.get(at).map(|unit| vec![*unit]).ok_or(NO_NUMBER)
}

fn cdi(devices: &[&Device], name: &str) -> Result<Vec<UnitId>, &'static str> {
    match name.parse() {
        Ok(CdiName::All) => Ok(parts(devices)),
        Ok(CdiName::Number(_)) if is_cut(devices) => Err(TOOLKITS_OWN),
        Ok(CdiName::Number(number)) => {
            let device = usize::try_from(number).ok().and_then(|number| devices.get(number));
            device.map(|device| vec![device.id.into()]).ok_or(NO_NUMBER)
        }
        Err(_) => Err(NO_NAME),
    }
}

fn plugin_id(inventory: &Inventory, id: &str) -> Result<Vec<UnitId>, &'static str> {
    let id: DevicePluginId = id.parse().map_err(|_| NO_NAME)?;
    id.unit(inventory).map(|unit| vec![unit]).ok_or("no GPU here is where it says")
}

#[cfg(test)]
mod tests;
