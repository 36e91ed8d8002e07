//! Which variables show a program the units that it holds, and no others.

use std::collections::BTreeMap;

use gpu_accounting::{Device, Inventory, Partition, PartitionId, PartitionKind, UnitId, Vendor};

/// Variables that show the units to programs. Vendors of which nothing is held show nothing, where
/// there is a way to say so. Who opens the device files himself sees what he may: a variable is no
/// fence.
pub fn variables(inventory: &Inventory, units: &[UnitId]) -> Result<BTreeMap<&'static str, String>, String> {
    let mut variables = BTreeMap::new();
    let held = |vendor| -> Vec<UnitId> {
        units.iter().map(|unit| whole(*unit)).filter(|unit| unit.device().vendor() == vendor).collect()
    };
    let has = |vendor| inventory.devices().any(|device| device.vendor() == vendor);
    if has(Vendor::NVIDIA) {
        // An empty list shows none.
        variables.insert("CUDA_VISIBLE_DEVICES", nvidia(inventory, &held(Vendor::NVIDIA))?);
    }
    if has(Vendor::AMD) {
        let list = amd(inventory, &held(Vendor::AMD))?;
        // A list ends at the first entry that is none.
        variables.insert("ROCR_VISIBLE_DEVICES", if list.is_empty() { "-1".to_owned() } else { list });
    }
    if has(Vendor::INTEL) {
        let of = held(Vendor::INTEL);
        // An empty mask would show all: nothing can be said where nothing is held.
        if !of.is_empty() {
            variables.insert("ZE_AFFINITY_MASK", intel(inventory, &of)?);
            // Numbers are GPUs, and tiles come after a point.
            variables.insert("ZE_FLAT_DEVICE_HIERARCHY", "COMPOSITE".to_owned());
        }
    }
    Ok(variables)
}

/// A share is seen as what it is a share of.
fn whole(unit: UnitId) -> UnitId {
    match unit {
        UnitId::Share(share) => share.whole(),
        unit => unit,
    }
}

fn joined(mut names: Vec<String>) -> String {
    // Two shares of one unit show it once.
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names.join(",")
}

/// By UUID: `GPU-…`, `MIG-…`.
fn nvidia(inventory: &Inventory, units: &[UnitId]) -> Result<String, String> {
    let name = |unit: &UnitId| match unit {
        UnitId::Partition(id) => {
            let part = inventory.partition(*id).ok_or_else(|| gone(*unit))?;
            // The UUID is that of the compute instance.
            let named = std::iter::once(part).chain(part.partitions.iter());
            let name =
                named.filter_map(|part| part.vendor_name.value()).find(|name| name.starts_with("MIG-"));
            name.cloned().ok_or_else(|| format!("{unit} has no UUID that a program could be told"))
        }
        unit => {
            let device = inventory.device(unit.device()).ok_or_else(|| gone(*unit))?;
            device.vendor_name.value().cloned().ok_or_else(|| format!("{unit} has no UUID"))
        }
    };
    Ok(joined(units.iter().map(name).collect::<Result<_, _>>()?))
}

/// By number in the order of the compute driver, in which each partition is one.
fn amd(inventory: &Inventory, units: &[UnitId]) -> Result<String, String> {
    let devices = inventory.devices().filter(|device| device.vendor() == Vendor::AMD);
    let all: Vec<UnitId> = devices.flat_map(parts).collect();
    let mut numbers = Vec::new();
    for unit in units {
        let lies_in = |of: &UnitId| of == unit || UnitId::Device(of.device()) == *unit;
        let before = numbers.len();
        numbers.extend((0..all.len()).filter(|at| lies_in(&all[*at])).map(|at| at.to_string()));
        if numbers.len() == before {
            return Err(gone(*unit));
        }
    }
    Ok(joined(numbers))
}

fn parts(device: &Device) -> Vec<UnitId> {
    match device.partitions.is_empty() {
        true => vec![device.id.into()],
        false => device.partitions.iter().map(|part: &Partition| part.id.into()).collect(),
    }
}

/// By number in the order of PCI addresses, and number of the tile.
fn intel(inventory: &Inventory, units: &[UnitId]) -> Result<String, String> {
    let mut devices: Vec<&Device> =
        inventory.devices().filter(|device| device.vendor() == Vendor::INTEL).collect();
    devices.sort_by_key(|device| device.pci.value().copied());
    let tile_of = |device: &Device, id: PartitionId| {
        let mut tiles = device.partitions.iter().filter(|part| part.kind() == PartitionKind::TILE);
        tiles.position(|part| part.id == id)
    };
    let name = |unit: &UnitId| {
        let at = devices.iter().position(|device| device.id == unit.device()).ok_or_else(|| gone(*unit))?;
        match unit {
            UnitId::Partition(id) => match tile_of(devices[at], *id) {
                Some(tile) => Ok(format!("{at}.{tile}")),
                None => {
                    Err(format!("{unit} is a PCI function of its own: no variable of a program's shows it"))
                }
            },
            _ => Ok(at.to_string()),
        }
    };
    Ok(joined(units.iter().map(name).collect::<Result<_, _>>()?))
}

fn gone(unit: UnitId) -> String {
    format!("{unit} is not here any more")
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpu_accounting::{Container, ContainerFacts, Environment, EvidenceSource, Node, Owner, Runtime};

    /// What is set, read again by what the family makes of a container's environment: each unit shows
    /// itself and nothing else.
    #[test]
    fn what_is_set_shows_what_is_held() {
        for preset in ["mixed", "dgx-a100-8", "mi300x-8-cpx", "mi300x-8", "max-1550-4", "b60-2", "l40s-4"] {
            let node = Node::builder().machine(gpu_sim::Machine::preset(preset).unwrap()).build();
            let inventory = node.inventory();
            let mut shown = 0;
            for unit in inventory.units() {
                let Ok(set) = variables(&inventory, &[unit]) else { continue };
                let list: Vec<String> = set.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let seen = seen(&node, &inventory, &list);
                let inside = |of: &UnitId| *of == unit || lies_in(*of, unit) || lies_in(unit, *of);
                if seen.is_empty() {
                    // A device that is cut is seen by its parts alone.
                    assert!(matches!(unit, UnitId::Device(_)), "{preset} {unit}: {list:?}");
                    continue;
                }
                assert!(seen.iter().all(inside), "{preset} {unit}: {list:?} shows {seen:?}");
                shown += 1;
            }
            assert!(shown >= inventory.devices.len() / 2, "{preset}: {shown}");
        }
    }

    fn lies_in(part: UnitId, whole: UnitId) -> bool {
        match (part, whole) {
            (UnitId::Partition(part), UnitId::Partition(whole)) => part.parent() == Some(whole),
            (UnitId::Partition(part), UnitId::Device(device)) => part.device() == device,
            _ => false,
        }
    }

    fn seen(node: &Node, inventory: &Inventory, environment: &[String]) -> Vec<UnitId> {
        let owner = Owner::Container(Container::new(Runtime::Docker, "c".parse().unwrap()));
        let mut facts = ContainerFacts::new(owner);
        facts.environment = Environment::of_list(environment.iter().map(String::as_str)).into();
        let mut units = Vec::new();
        for backend in node.backends() {
            let list = backend.evidence(inventory, &[facts.clone()]);
            let of = list.evidence.iter().filter(|one| one.source == EvidenceSource::Environment);
            units.extend(of.map(|one| one.unit));
        }
        units
    }
}
