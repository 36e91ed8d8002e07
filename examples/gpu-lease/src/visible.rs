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
    use gpu_accounting::{
        Container, ContainerFacts, Environment, EvidenceList, EvidenceSource, Node, Owner, Pid, Runtime,
    };

    /// What is set, read again by what the vendors' crates make of a container's environment: each unit
    /// shows itself, or what it consists of, and nothing else.
    #[test]
    fn what_is_set_shows_what_is_held() {
        for preset in ["mi300x-8-cpx", "mi300x-8", "mi210-8", "max-1550-4", "flex-170-2", "b60-2"] {
            let root =
                std::env::temp_dir().join(format!("gpu-lease-visible-{}-{preset}", std::process::id()));
            let tree =
                gpu_sim::World::new(gpu_sim::Machine::preset(preset).unwrap()).write_tree(&root).unwrap();
            let node = Node::builder().sysfs_root(tree.sysfs()).proc_root(tree.proc()).build();
            let inventory = node.inventory();
            assert!(!inventory.devices.is_empty(), "{preset}");
            for unit in inventory.units() {
                let set = variables(&inventory, &[unit]);
                if matches!(unit, UnitId::Partition(id) if id.kind() == PartitionKind::VIRTUAL_FUNCTION) {
                    assert!(set.is_err(), "{preset} {unit}");
                    continue;
                }
                let set = set.unwrap();
                let list: Vec<String> = set.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let seen = seen(&node, &inventory, &list);
                assert!(!seen.is_empty(), "{preset} {unit}: {list:?} shows nothing");
                let is_of = |of: &UnitId| *of == unit || UnitId::Device(of.device()) == unit;
                assert!(seen.iter().all(is_of), "{preset} {unit}: {list:?} shows {seen:?}");
            }
            std::fs::remove_dir_all(root).unwrap();
        }
    }

    fn seen(node: &Node, inventory: &Inventory, environment: &[String]) -> Vec<UnitId> {
        let owner = Owner::Container(Container::new(Runtime::Docker, "c".parse().unwrap()));
        let mut facts = ContainerFacts::new(owner, Pid(1));
        facts.environment = Environment::of_list(environment.iter().map(String::as_str)).into();
        let mut list = EvidenceList::new();
        for backend in node.backends() {
            backend.evidence(&facts, inventory, &mut list).unwrap();
        }
        assert!(list.unresolved.is_empty(), "{:?}", list.unresolved);
        list.evidence
            .iter()
            .filter(|one| one.source == EvidenceSource::Environment)
            .map(|one| one.unit)
            .collect()
    }

    /// By the names that NVIDIA's driver gives.
    #[test]
    fn nvidias_are_named_by_uuid() {
        let node = Node::builder().machine(gpu_sim::Machine::preset("mixed").unwrap()).build();
        let inventory = node.inventory();
        for device in inventory.devices().filter(|device| device.vendor() == Vendor::NVIDIA) {
            let set = variables(&inventory, &[device.id.into()]).unwrap();
            assert_eq!(Some(&set["CUDA_VISIBLE_DEVICES"]), device.vendor_name.value());
            for instance in device.partitions() {
                let inner: Vec<_> =
                    instance.partitions.iter().filter_map(|part| part.vendor_name.value()).collect();
                let set = variables(&inventory, &[instance.id.into()]).unwrap();
                assert!(
                    set["CUDA_VISIBLE_DEVICES"].starts_with("MIG-")
                        && inner.contains(&&set["CUDA_VISIBLE_DEVICES"])
                );
            }
        }
    }

    /// A share shows what it is a share of, once.
    #[test]
    fn shares_show_the_whole() {
        let node = Node::builder().machine(gpu_sim::Machine::preset("l40s-4").unwrap()).build();
        let inventory = node.inventory();
        let device = &inventory.devices[2];
        let sharing = gpu_accounting::Sharing::time_sliced(UnitId::from(device.id), 4).unwrap();
        let units: Vec<UnitId> = sharing.shares().map(|share| share.id.into()).collect();
        let set = variables(&inventory, &units).unwrap();
        assert_eq!(Some(&set["CUDA_VISIBLE_DEVICES"]), device.vendor_name.value());
    }
}
