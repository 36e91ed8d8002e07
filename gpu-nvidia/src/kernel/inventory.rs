//! What GPUs there are, as far as the kernel module tells.

use std::hash::Hash;
use std::path::Path;

use gpu_core::{
    Absence, BootId, Device, Digest, Driver, Engines, Inventory, Known, Link, LinkKind, Mode, Partition,
    PartitionId, Problem, Unmanaged, Vendor,
};
use gpu_host::file;

use super::NO_LIBRARY;
use super::board::{Board, Boards};
use crate::{capability, inventory};

/// The inventory that `boards` are.
pub(crate) fn inventory(proc: &Path, sysfs: &Path, boards: &Boards, boot: BootId) -> Inventory {
    let mut inventory = Inventory::new();
    inventory.problems.extend(boards.errors.iter().map(|error| Problem::new(Vendor::NVIDIA, error)));
    let driver = driver(proc, sysfs, &mut inventory.problems);
    inventory.drivers.push(driver);
    for (index, board) in (0..).zip(&boards.boards) {
        let mut device = device(board, boot);
        device.index = index;
        inventory.devices.push(device);
    }
    for board in &boards.excluded {
        let Some(function) = &board.function else { continue };
        let driver = function.driver.clone();
        let driver = driver.map_or(Known::unsupported("no driver is bound"), Known::from);
        let why = "the driver was told to leave it alone (GPU Excluded)";
        inventory.unmanaged.push(Unmanaged::new(board.address, function.id, driver, why));
    }
    inventory.links = links(&boards.boards);
    capability::add_nodes(proc, &mut inventory);
    inventory
}

fn driver(proc: &Path, sysfs: &Path, problems: &mut Vec<Problem>) -> Driver {
    let mut driver = Driver::new(Vendor::NVIDIA, "nvidia");
    let path = proc.join("driver/nvidia/version");
    let told = file::read_text(&path).and_then(|text| {
        version(&text).map(str::to_owned).ok_or_else(|| file::malformed(&path, "tells no version"))
    });
    let told = told.map_err(|error| {
        problems.push(Problem::new(Vendor::NVIDIA, &error));
        error.absence("driver/nvidia/version")
    });
    driver.version = match (told, file::read_text(&sysfs.join("module/nvidia/version"))) {
        (Ok(version), _) => version.into(),
        (Err(_), Ok(version)) if !version.is_empty() => version.into(),
        (Err(absence), _) => Known::absent(absence),
    };
    driver.library = Known::unsupported(NO_LIBRARY);
    driver.compute_api = Known::unsupported(NO_LIBRARY);
    driver
}

/// The version in `NVRM version: NVIDIA UNIX … 570.124.06 …`: the first word of numbers and dots.
fn version(text: &str) -> Option<&str> {
    let line = text.lines().find_map(|line| line.strip_prefix("NVRM version:"))?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    line.split_ascii_whitespace().find(|word| word.contains('.') && word.split('.').all(is_number))
}

fn device(board: &Board, boot: BootId) -> Device {
    let function = board.function.as_ref();
    let id = function.map(|function| function.id);
    let model = board.information.as_ref().ok().and_then(|told| told.model.clone());
    let name = model.unwrap_or_else(|| match id {
        Some(id) => format!("NVIDIA GPU {id}"),
        None => "NVIDIA GPU".to_owned(),
    });
    let mut device = Device::new(board.id, name);
    device.pci = board.address.into();
    device.pci_id = id.map_or(Known::unsupported("its PCI function cannot be read in sysfs"), Known::from);
    device.numa = function
        .map_or(Known::unsupported("its PCI function cannot be read in sysfs"), |function| function.numa);
    let uninitialised = Absence::NotYet;
    let told = board.information.as_ref().map_err(|absence| *absence);
    device.vendor_name =
        told.and_then(|told| told.uuid.map(|uuid| format!("GPU-{uuid}")).ok_or(uninitialised)).into();
    device.firmware = told.and_then(|told| told.bios.clone().ok_or(uninitialised)).into();
    device.driver =
        function.and_then(|function| function.driver.clone()).unwrap_or("nvidia".to_owned()).into();
    device.serial = Known::unsupported(NO_LIBRARY);
    device.board_part = Known::unsupported(NO_LIBRARY);
    device.architecture = Known::unsupported(NO_LIBRARY);
    device.memory_total = Known::unsupported(NO_LIBRARY);
    device.memory_kind = Known::unsupported(NO_LIBRARY);
    device.compute_units = Known::unsupported(NO_LIBRARY);
    device.nodes = told.ok().and_then(|told| told.minor).map(inventory::node).into_iter().collect();
    if !board.instances.is_empty() {
        let mut mode = Mode::new(Mode::MIG, "enabled".to_owned().into());
        mode.pending = Known::unsupported(NO_LIBRARY);
        mode.available = Known::unsupported(NO_LIBRARY);
        device.modes = vec![mode];
    }
    device.partitions = partitions(board, boot);
    device
}

/// The live MIG instances: that they are there is all that the kernel module tells.
fn partitions(board: &Board, boot: BootId) -> Vec<Partition> {
    let gpu_instance = |(gi, inside): &(u32, Vec<u32>)| {
        let mut outer = partition(board.gpu_instance(*gi), boot);
        outer.legacy_name = Known::unsupported("each of its compute instances has one");
        outer.partitions = inside
            .iter()
            .map(|ci| {
                let mut inner = partition(board.compute_instance(*gi, *ci), boot);
                if let Some(uuid) = board.information.as_ref().ok().and_then(|told| told.uuid) {
                    inner.legacy_name = format!("MIG-GPU-{uuid}/{gi}/{ci}").into();
                }
                inner
            })
            .collect();
        outer
    };
    board.instances.iter().map(gpu_instance).collect()
}

/// The incarnation is of the place and the boot: a place that was cut anew cannot be told from
/// what was there before.
fn partition(id: PartitionId, boot: BootId) -> Partition {
    let mut digest = Digest::new();
    (boot, id).hash(&mut digest);
    let mut partition = Partition::new(id, digest.incarnation());
    partition.profile = Known::unsupported(NO_LIBRARY);
    partition.placement = Known::unsupported(NO_LIBRARY);
    partition.memory_total = Known::unsupported(NO_LIBRARY);
    partition.compute_units = Known::unsupported(NO_LIBRARY);
    partition.compute_slices = Known::unsupported(NO_LIBRARY);
    partition.engines = Engines::unsupported(NO_LIBRARY);
    partition.vendor_name = Known::unsupported(NO_LIBRARY);
    partition.legacy_name = Known::unsupported(NO_LIBRARY);
    partition.pci = Known::unsupported("MIG instances share the GPU's PCI function");
    partition.numa = Known::unsupported("MIG instances are on the GPU's NUMA node");
    partition.time_slice = Known::unsupported("an instance has its slices for itself");
    partition
}

/// Where each two GPUs meet on PCIe, by the kernel's tree.
fn links(boards: &[Board]) -> Vec<Link> {
    let mut links = Vec::new();
    for (at, one) in boards.iter().enumerate() {
        for other in &boards[at + 1..] {
            if let (Some(a), Some(b)) = (&one.function, &other.function) {
                links.push(Link::new(one.id, other.id, LinkKind::Pcie { ancestor: a.ancestor(b) }));
            }
        }
    }
    links.sort_unstable();
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_both_kernel_modules() {
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (a@b)\n\
            GCC version:  gcc version 12.3.0\n";
        assert_eq!(version(open), Some("570.124.06"));
        let closed =
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\n";
        assert_eq!(version(closed), Some("535.129.03"));
        for none in ["", "NVRM version: 5..0 a.b\n", "GCC version:  gcc version 12.3.0\n"] {
            assert_eq!(version(none), None, "{none:?}");
        }
    }
}
