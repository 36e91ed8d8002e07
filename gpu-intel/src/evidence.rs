//! What a container was given of Intel's GPUs: device files, and the names that Intel's device
//! plugin, Level Zero and oneAPI read.
//!
//! A tile has no device file of its own: who has the GPU's reaches all of it. A virtual function has
//! one, once it is bound to the driver.
//!
//! Names: intel/intel-device-plugins-for-kubernetes (`card0-1`); oneAPI's Level Zero specification,
//! "Affinity Mask", "Device Hierarchy"; intel/llvm, `EnvironmentVariables.md`.

use gpu_core::{
    ContainerFacts, Device, DeviceFile, DeviceNode, Environment, EvidenceList, EvidenceSource,
    Interpretation, PartitionKind, UnitId, Vendor,
};
use gpu_core::{Inventory, NodeRole};

/// The major number of DRM's device files (kernel: `Documentation/admin-guide/devices.txt`).
const DRM: u32 = 226;
const NO_NUMBER: &str = "no GPU here has this number";
const NO_TILE: &str = "the GPU has no such tile";
const NO_NAME: &str = "it is the name of no GPU";
const NO_FILE: &str = "no GPU here has this device file";
const HIERARCHY: &str = "nobody tells whether Level Zero counts GPUs or tiles";

/// Adds what the facts say of Intel's GPUs.
pub(crate) fn interpret(facts: &ContainerFacts, inventory: &Inventory, list: &mut EvidenceList) {
    let mut of = Interpretation::new(Vendor::INTEL, facts, inventory, list, is_gpu);
    of.files();
    let devices: Vec<&Device> = of.devices().collect();
    let seen = of.visible(devices.iter().map(|device| device.id.into()).collect());
    let seen: Vec<&Device> = devices.iter().filter(|one| seen.contains(&one.id.into())).copied().collect();
    for (source, environment) in of.environments() {
        affinity(&mut of, &seen, source, environment);
        selector(&mut of, &seen, source, environment);
    }
    for device in of.facts().cdi.iter().filter(|device| device.files.value().is_none()) {
        if let Some(("intel.com/gpu", name)) = device.parts() {
            of.name(EvidenceSource::Cdi, &device.name, cdi(&devices, name));
        }
    }
    for given in of.facts().plugin_devices.value().into_iter().flatten() {
        // `monitoring` shows all GPUs and lets compute on none.
        if matches!(given.resource.as_str(), "gpu.intel.com/i915" | "gpu.intel.com/xe") {
            for id in &given.ids {
                of.name(EvidenceSource::KubeletCheckpoint, id, plugin_id(&devices, id));
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

/// The tiles of a GPU that has several.
fn tiles(device: &Device) -> Vec<UnitId> {
    let tiles = device.partitions.iter().filter(|part| part.kind() == PartitionKind::TILE);
    tiles.map(|part| part.id.into()).collect()
}

/// `ZE_AFFINITY_MASK`: GPUs and their tiles as Level Zero counts them, by PCI address. Where the
/// hierarchy is flat it counts tiles, where it is composite GPUs; `0.1` is a tile in both. Where
/// nothing says which, and there are tiles, a plain number is nobody's.
fn affinity(
    of: &mut Interpretation<'_>,
    seen: &[&Device],
    source: EvidenceSource,
    environment: &Environment,
) {
    let Some(mask) = environment.get("ZE_AFFINITY_MASK") else { return };
    let has_tiles = seen.iter().any(|device| !tiles(device).is_empty());
    let hierarchy = environment.get("ZE_FLAT_DEVICE_HIERARCHY").unwrap_or("").trim().to_ascii_uppercase();
    let items = || mask.split(',').map(str::trim).filter(|item| !item.is_empty());
    let is_composite = hierarchy == "COMPOSITE" || items().any(|item| item.contains('.'));
    for item in items() {
        let units = match (has_tiles, is_composite, hierarchy.as_str()) {
            (false, ..) | (true, true, _) => tile_or_gpu(seen, item),
            (true, false, "FLAT" | "COMBINED") => flat(seen, item),
            (true, false, _) => Err(HIERARCHY),
        };
        of.name(source, item, units);
    }
}

/// `0` or `0.1`.
fn tile_or_gpu(seen: &[&Device], item: &str) -> Result<Vec<UnitId>, &'static str> {
    let (gpu, tile) = item.split_once('.').map_or((item, None), |(gpu, tile)| (gpu, Some(tile)));
    let device = seen.get(number(gpu).ok_or(NO_NAME)?).ok_or(NO_NUMBER)?;
    let Some(tile) = tile else { return Ok(vec![device.id.into()]) };
    let tiles = tiles(device);
    match number(tile) {
        // A GPU of one tile is its tile 0.
        Some(0) if tiles.is_empty() => Ok(vec![device.id.into()]),
        Some(tile) => tiles.get(tile).map(|unit| vec![*unit]).ok_or(NO_TILE),
        None => Err(NO_NAME),
    }
}

/// A number among all tiles.
fn flat(seen: &[&Device], item: &str) -> Result<Vec<UnitId>, &'static str> {
    let of = |device: &&Device| match tiles(device) {
        none if none.is_empty() => vec![device.id.into()],
        tiles => tiles,
    };
    let all: Vec<UnitId> = seen.iter().flat_map(of).collect();
    all.get(number(item).ok_or(NO_NAME)?).map(|unit| vec![*unit]).ok_or(NO_NUMBER)
}

/// `ONEAPI_DEVICE_SELECTOR`: `level_zero:0,1.0`, `*:gpu`; other interfaces (OpenCL) count in their
/// own order, and what begins with `!` takes away.
fn selector(
    of: &mut Interpretation<'_>,
    seen: &[&Device],
    source: EvidenceSource,
    environment: &Environment,
) {
    const OTHER: &str = "it selects by another interface than Level Zero, or takes away";
    let Some(text) = environment.get("ONEAPI_DEVICE_SELECTOR") else { return };
    for term in text.split(';').map(str::trim).filter(|term| !term.is_empty()) {
        let Some((interface, list)) = term.split_once(':') else {
            of.leave(source, term, NO_NAME);
            continue;
        };
        if !matches!(interface, "*" | "level_zero") {
            of.leave(source, term, OTHER);
            continue;
        }
        for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item {
                "*" | "gpu" => of.name(source, term, Ok(seen.iter().map(|one| one.id.into()).collect())),
                "cpu" | "fpga" => {}
                // All tiles of it.
                item => {
                    let item = item.strip_suffix(".*").unwrap_or(item);
                    of.name(source, item, tile_or_gpu(seen, item));
                }
            }
        }
    }
}

/// `all`, `card0`, or the slot and device id of the DRA driver, `0000-03-00-0-0x56c0`.
fn cdi(devices: &[&Device], name: &str) -> Result<Vec<UnitId>, &'static str> {
    if name == "all" {
        return Ok(devices.iter().map(|device| device.id.into()).collect());
    }
    if name.starts_with("card") {
        return by_card(devices, name);
    }
    let mut steps = name.splitn(5, '-');
    let mut step = || steps.next().unwrap_or("");
    let slot = format!("{}:{}:{}.{}", step(), step(), step(), step());
    let address = slot.parse().map_err(|_| NO_NAME)?;
    let functions = |device: &&&Device| device.pci.value() == Some(&address);
    if let Some(device) = devices.iter().find(functions) {
        return Ok(vec![device.id.into()]);
    }
    let mut parts = devices.iter().flat_map(|device| &device.partitions);
    let part = parts.find(|part| part.pci.value() == Some(&address));
    part.map(|part| vec![part.id.into()]).ok_or("no GPU here is where it says")
}

/// `card0-1`: share 1 of the card.
fn plugin_id(devices: &[&Device], id: &str) -> Result<Vec<UnitId>, &'static str> {
    by_card(devices, id.split_once('-').map_or(id, |(card, _)| card))
}

fn by_card(devices: &[&Device], card: &str) -> Result<Vec<UnitId>, &'static str> {
    if card.strip_prefix("card").and_then(number).is_none() {
        return Err(NO_NAME);
    }
    let path = format!("/dev/dri/{card}");
    let has =
        |nodes: &[DeviceNode]| nodes.iter().any(|node| node.role == NodeRole::Card && node.path == path);
    if let Some(device) = devices.iter().find(|device| has(&device.nodes)) {
        return Ok(vec![device.id.into()]);
    }
    let mut parts = devices.iter().flat_map(|device| &device.partitions);
    parts.find(|part| has(&part.nodes)).map(|part| vec![part.id.into()]).ok_or(NO_FILE)
}

/// A number in decimal digits and nothing else.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
