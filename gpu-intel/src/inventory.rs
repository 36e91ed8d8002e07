//! What Intel GPUs there are.

use std::path::Path;

use gpu_core::{BootId, Device, Driver, Inventory, Known, MemoryKind, Problem, Vendor};
use gpu_host::drm::DrmNode;
use gpu_host::file;

use crate::board::{Board, Boards};
use crate::{model, partition, reading, topology};

const LEVEL_ZERO: &str = "only Level Zero tells, which is not read yet";

/// The inventory that `boards` are.
pub(crate) fn inventory(sysfs: &Path, boards: &Boards, boot: BootId) -> Inventory {
    let mut inventory = Inventory::new();
    inventory.problems.extend(boards.errors.iter().map(|error| Problem::new(Vendor::INTEL, error)));
    inventory.drivers.extend(["i915", "xe"].into_iter().filter_map(|name| driver(sysfs, name)));
    for (index, board) in (0..).zip(&boards.boards) {
        let mut device = device(board, boot, &mut inventory.problems);
        device.index = index;
        inventory.devices.push(device);
    }
    inventory.links = topology::links(&boards.boards);
    inventory
}

/// Intel's own packages give a driver a version, mainline does not.
fn driver(sysfs: &Path, name: &'static str) -> Option<Driver> {
    let module = sysfs.join("module").join(name);
    if !module.exists() {
        return None;
    }
    let mut driver = Driver::new(Vendor::INTEL, name);
    driver.version = match file::read_text(&module.join("version")) {
        Ok(version) => version.into(),
        Err(_) => Known::unsupported("the driver in the kernel has no version of its own"),
    };
    driver.library = Known::unsupported("none is used");
    driver.compute_api = Known::unsupported(LEVEL_ZERO);
    Some(driver)
}

fn device(board: &Board, boot: BootId, problems: &mut Vec<Problem>) -> Device {
    let function = &board.function;
    let mut device = Device::new(board.id, model::name(function.id.device));
    device.pci = function.address.into();
    device.pci_id = function.id.into();
    device.numa = function.numa;
    device.vendor_name = Known::unsupported(LEVEL_ZERO);
    device.serial = Known::unsupported(LEVEL_ZERO);
    device.board_part = Known::unsupported(LEVEL_ZERO);
    device.architecture = Known::unsupported(LEVEL_ZERO);
    device.firmware = Known::unsupported(LEVEL_ZERO);
    device.driver = function.driver.clone().map_or(Known::unsupported("no driver is bound"), Known::from);
    device.memory_total = match board.sensors.memory_total() {
        Ok(bytes) => bytes.into(),
        Err(absence) => Known::absent(absence),
    };
    device.memory_kind = memory_kind(board);
    device.compute_units = Known::unsupported(LEVEL_ZERO);
    device.nodes = board.drm.iter().map(DrmNode::device_node).collect();
    device.modes = partition::modes(board, problems);
    device.partitions = partition::partitions(board, boot);
    device
}

/// Memory of its own is shown by a file; the graphics of a processor sits at 00:02.0.
fn memory_kind(board: &Board) -> Known<MemoryKind> {
    if board.sensors.has_memory() {
        return MemoryKind::Dedicated.into();
    }
    if reading::is_integrated(board.function.address) {
        return MemoryKind::System.into();
    }
    Known::unsupported("the driver shows no memory of the card's own")
}
