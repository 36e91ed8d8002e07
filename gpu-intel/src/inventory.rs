//! What Intel GPUs there are.

use std::path::Path;

use gpu_core::{BootId, Device, Driver, Inventory, Known, MemoryKind, Problem, Vendor};
use gpu_host::drm::DrmNode;
use gpu_host::file;

use crate::board::{Board, Boards};
use crate::second::Second;
use crate::{model, partition, reading, topology};

/// The inventory that `boards` are.
pub(crate) fn inventory(sysfs: &Path, boards: &Boards, boot: BootId, second: &Second) -> Inventory {
    let mut inventory = Inventory::new();
    inventory.problems.extend(boards.errors.iter().map(|error| Problem::new(Vendor::INTEL, error)));
    inventory.drivers.extend(["i915", "xe"].into_iter().filter_map(|name| driver(sysfs, name, second)));
    second.problems(&mut inventory.problems);
    for (index, board) in (0..).zip(&boards.boards) {
        let mut device = device(board, boot, second, &mut inventory.problems);
        device.index = index;
        inventory.devices.push(device);
    }
    inventory.links = topology::links(&boards.boards);
    second.links(boards, &mut inventory.links);
    inventory
}

/// Intel's own packages give a driver a version, mainline does not.
fn driver(sysfs: &Path, name: &'static str, second: &Second) -> Option<Driver> {
    let module = sysfs.join("module").join(name);
    if !module.exists() {
        return None;
    }
    let mut driver = Driver::new(Vendor::INTEL, name);
    driver.version = match file::read_text(&module.join("version")) {
        Ok(version) => version.into(),
        Err(_) => Known::unsupported("the driver in the kernel has no version of its own"),
    };
    driver.library = second.library();
    driver.compute_api = Known::unsupported("Sysman does not tell, and the compute driver is not started");
    Some(driver)
}

pub(crate) fn device(board: &Board, boot: BootId, second: &Second, problems: &mut Vec<Problem>) -> Device {
    let why = second.why();
    let function = &board.function;
    let mut device = Device::new(board.id, model::name(function.id.device));
    device.pci = function.address.into();
    device.pci_id = function.id.into();
    device.numa = function.numa;
    device.vendor_name = Known::unsupported(why);
    device.serial = Known::unsupported(why);
    device.board_part = Known::unsupported(why);
    device.architecture = Known::unsupported("neither the kernel nor Sysman tells");
    device.firmware = Known::unsupported(why);
    device.driver = function.driver.clone().map_or(Known::unsupported("no driver is bound"), Known::from);
    device.memory_total = match board.sensors.memory_total() {
        Ok(bytes) => bytes.into(),
        Err(absence) => Known::absent(absence),
    };
    device.memory_kind = memory_kind(board);
    device.compute_units = Known::unsupported(why);
    device.nodes = board.drm.iter().map(DrmNode::device_node).collect();
    device.modes = partition::modes(board, problems);
    device.partitions = partition::partitions(board, boot);
    second.describe(board, &mut device);
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
