//! What AMD GPUs there are, by the library.

use std::path::Path;

use gpu_core::{
    BootId, Bytes, Device, Driver, Inventory, Known, Link, LinkKind, NumaNode, PciId, Problem, Vendor,
};

use crate::board::{Board, Boards};
use crate::error::Answer;
use crate::ffi::{self, Library};
use crate::partition;
use crate::reading::VRAM;

const NOT_TOLD: &str = "rocm_smi does not tell";

/// The inventory that `boards` are. One that is gone since they were counted is left out, and named.
pub(crate) fn inventory(library: &Library, sysfs: &Path, boards: &Boards, boot: BootId) -> Inventory {
    let mut inventory = Inventory::new();
    inventory.problems.extend(boards.errors.iter().map(|error| Problem::new(Vendor::AMD, error)));
    inventory.drivers.push(driver(library, sysfs));
    for (index, board) in (0..).zip(&boards.boards) {
        let mut device = device(library, board, boot);
        device.index = index;
        inventory.devices.push(device);
    }
    inventory.links = links(library, &boards.boards);
    inventory
}

/// amdgpu. Where it has no version of its own, the library says the kernel's, which is not it.
fn driver(library: &Library, sysfs: &Path) -> Driver {
    let mut driver = Driver::new(Vendor::AMD, "amdgpu");
    driver.version = if sysfs.join("module/amdgpu/version").exists() {
        known(library.driver_version())
    } else {
        Known::unsupported("the driver in the kernel has no version of its own")
    };
    driver.library = match ffi::version() {
        Ok((major, minor, patch)) => format!("{major}.{minor}.{patch}").into(),
        Err(refused) => Known::absent(refused.absence()),
    };
    driver.compute_api = Known::unsupported(NOT_TOLD);
    driver
}

/// A text of the library's; an empty one is none.
fn known(answer: Answer<String>) -> Known<String> {
    match answer {
        Ok(text) if text.is_empty() => Known::unsupported("rocm_smi answers with an empty text"),
        Ok(text) => text.into(),
        Err(refused) => Known::absent(refused.absence()),
    }
}

fn device(library: &Library, board: &Board, boot: BootId) -> Device {
    let index = board.index();
    let name = known(library.name(index)).value().cloned();
    let name = name.unwrap_or_else(|| format!("AMD GPU 1002:{:04x}", board.device_id));
    let mut device = Device::new(board.id, name);
    device.pci = board.address.into();
    device.pci_id = pci_id(library, index);
    device.numa = match library.numa_affinity(index) {
        Ok(node) => match u32::try_from(node) {
            Ok(node) => NumaNode(node).into(),
            Err(_) => Known::unsupported("the kernel does not know the NUMA node"),
        },
        Err(refused) => Known::absent(refused.absence()),
    };
    device.vendor_name = match board.unique_id {
        Some(id) => format!("{id:#018x}").into(),
        None => Known::unsupported("this board has no unique_id"),
    };
    device.serial = known(library.serial(index));
    device.board_part = Known::unsupported(NOT_TOLD);
    device.architecture = Known::unsupported(NOT_TOLD);
    device.firmware = known(library.video_bios(index));
    device.driver = "amdgpu".to_owned().into();
    device.memory_total = library.memory_total(index, VRAM).map(Bytes).map_err(|r| r.absence()).into();
    device.memory_kind = Known::unsupported(NOT_TOLD);
    device.compute_units = Known::unsupported(NOT_TOLD);
    device.process_isolation = Known::unsupported(NOT_TOLD);
    device.modes = partition::modes(library, board);
    device.partitions = partition::partitions(library, board, boot);
    device.nodes = board.parts.first().and_then(partition::render_node).into_iter().collect();
    device
}

fn pci_id(library: &Library, index: u32) -> Known<PciId> {
    let id = || -> Answer<PciId> {
        Ok(PciId {
            vendor: library.vendor_id(index)?,
            device: library.device_id(index)?,
            subvendor: library.subsystem_vendor_id(index)?,
            subdevice: library.subsystem_id(index)?,
        })
    };
    id().map_err(|refused| refused.absence()).into()
}

/// xGMI between GPUs. How far two are apart on PCIe the library tells in hops only: see `paths`.
fn links(library: &Library, boards: &[Board]) -> Vec<Link> {
    let mut links = Vec::new();
    for (at, one) in boards.iter().enumerate() {
        for other in &boards[at + 1..] {
            let (a, b) = (one.index(), other.index());
            if !library.path(a, b).is_ok_and(|path| path.kind == ffi::XGMI) {
                continue;
            }
            // Where files are missing 6.1.2 answers with success and what lay in its memory.
            let weight = library.link_weight(a, b).ok().and_then(|weight| u32::try_from(weight).ok());
            if let Some(weight) = weight {
                links.push(Link::new(one.id, other.id, LinkKind::Xgmi { weight }));
            }
        }
    }
    links.sort_unstable();
    links
}
