//! MIG capabilities: which instances are there, and by which device files programs reach them.
//!
//! Source: NVIDIA's MIG user guide, "Device Nodes and Capabilities". The driver lists in
//! `mig-minors` the minor number of everything that could be, and in `capabilities` a file for
//! each instance that there is; the major number is in `/proc/devices`.

use std::collections::BTreeMap;
use std::path::Path;

use gpu_core::{
    DeviceNode, DeviceNumber, Error, ErrorKind, Inventory, NodeRole, PartitionId, Problem, Vendor,
};
use gpu_host::file;

/// Most instances of one board that are believed; NVIDIA's own limit is 15 with 8 in each.
const MOST: usize = 64;

/// The numbers of the capability files.
#[derive(Debug, Default)]
struct Numbers {
    major: Option<u32>,
    /// By GPU (N of `/dev/nvidiaN`), GPU instance and compute instance.
    minors: BTreeMap<(u32, u32, Option<u32>), u32>,
}

/// Adds the capability files of the inventory's MIG instances. A driver without MIG has no such
/// numbers, and nothing is said; numbers that cannot be read are among the problems.
pub(crate) fn add_nodes(proc: &Path, inventory: &mut Inventory) {
    if inventory.devices.iter().all(|device| device.partitions.is_empty()) {
        return;
    }
    let numbers = Numbers::read(proc, &mut inventory.problems);
    for device in &mut inventory.devices {
        let node = device.nodes.iter().find(|node| node.role == NodeRole::Device);
        let Some(gpu) = node.and_then(|node| node.number).map(|number| number.minor) else { continue };
        for outer in &mut device.partitions {
            outer.nodes.extend(numbers.node(gpu, outer.id));
            for inner in &mut outer.partitions {
                inner.nodes.extend(numbers.node(gpu, inner.id));
            }
        }
    }
}

impl Numbers {
    fn read(proc: &Path, problems: &mut Vec<Problem>) -> Self {
        let mut text = |name: &str| match file::read_optional(&proc.join(name)) {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => {
                problems.push(Problem::new(Vendor::NVIDIA, &error));
                String::new()
            }
        };
        let minors = minors(&text("driver/nvidia-caps/mig-minors"));
        Self { major: major(&text("devices")), minors }
    }

    /// The capability file of an instance of the GPU.
    fn node(&self, gpu: u32, id: PartitionId) -> Option<DeviceNode> {
        let key = match id.parent() {
            None => (gpu, id.index(), None),
            Some(outer) => (gpu, outer.index(), Some(id.index())),
        };
        let minor = *self.minors.get(&key)?;
        Some(DeviceNode {
            path: format!("/dev/nvidia-caps/nvidia-cap{minor}"),
            number: self.major.map(|major| DeviceNumber { major, minor }),
            role: NodeRole::Capability,
        })
    }
}

/// Lines `gpu0/gi7/ci0/access 67`. Others (`config`, `monitor`, what is to come) are passed over.
fn minors(text: &str) -> BTreeMap<(u32, u32, Option<u32>), u32> {
    let line = |line: &str| {
        let (name, minor) = line.split_once(' ')?;
        let mut steps = name.strip_suffix("/access")?.split('/');
        let mut number = |prefix: &str| steps.next().map(|step| step.strip_prefix(prefix)?.parse().ok());
        let (gpu, gi, ci) = (number("gpu")??, number("gi")??, number("ci"));
        // There is no fourth step, and a third one is a number.
        let ci = if let Some(ci) = ci { Some(ci?) } else { None };
        steps.next().is_none().then_some(((gpu, gi, ci), minor.trim().parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// The major number of `nvidia-caps` among the character devices.
fn major(text: &str) -> Option<u32> {
    let characters = text.lines().take_while(|line| !line.starts_with("Block devices"));
    characters
        .filter_map(|line| line.trim().split_once(' '))
        .find_map(|(major, name)| if name.trim() == "nvidia-caps" { major.parse().ok() } else { None })
}

/// The live GPU instances of a GPU, each with its compute instances, by id. Without MIG there are
/// none; folders that cannot be listed are among the errors.
pub(crate) fn instances(proc: &Path, gpu: u32, errors: &mut Vec<Error>) -> Vec<(u32, Vec<u32>)> {
    let folder = proc.join(format!("driver/nvidia/capabilities/gpu{gpu}/mig"));
    let outer = numbered(&folder, "gi", errors);
    outer.into_iter().map(|gi| (gi, numbered(&folder.join(format!("gi{gi}")), "ci", errors))).collect()
}

/// The numbers of the entries `<prefix>N`, in order.
fn numbered(folder: &Path, prefix: &str, errors: &mut Vec<Error>) -> Vec<u32> {
    let names = match file::list(folder) {
        Ok(names) => names,
        Err(error) => {
            errors.extend(Some(error).filter(|error| error.kind() != ErrorKind::NotFound));
            return Vec::new();
        }
    };
    let number = |name: &String| name.strip_prefix(prefix)?.parse().ok();
    let mut numbers: Vec<u32> = names.iter().filter_map(number).take(MOST).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_of_instances_and_of_nothing_else() {
        let text = "config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi0/ci0/access 4\ngpu12/gi9/ci7/access 1712\n\
            gpu0/gi1/ci1/xy1/access 5\ngpu0/gi1/ci/access 5\ngpu0/access 6\ngpu0/gi2/access\ngpu0/gi3/access x\n";
        let expected = [((0, 0, None), 3), ((0, 0, Some(0)), 4), ((12, 9, Some(7)), 1712)];
        assert_eq!(minors(text), BTreeMap::from(expected));
    }

    #[test]
    fn the_major_is_a_character_devices() {
        let text = "Character devices:\n  1 mem\n195 nvidia\n238 nvidia-caps\n239 nvidia-caps-imex-channels\n\n\
            Block devices:\n  8 sd\n";
        assert_eq!(major(text), Some(238));
        assert_eq!(major("Character devices:\n  1 mem\n\nBlock devices:\n  9 nvidia-caps\n"), None);
        assert_eq!(major(""), None);
    }
}
