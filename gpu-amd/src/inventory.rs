//! What AMD GPUs there are.

use std::path::Path;

use gpu_core::{
    BootId, Bytes, Count, Device, Driver, Inventory, Known, MemoryKind, NumaNode, PciId, Problem, Vendor,
};
use gpu_host::file;

use crate::board::{Board, Boards};
use crate::{model, partition, topology};

const NO_SYSFS: &str = "only the compute driver's tree is here, not the PCI device";

/// The inventory that `boards` are.
pub(crate) fn inventory(sysfs: &Path, boards: &Boards, boot: BootId) -> Inventory {
    let mut inventory = Inventory::new();
    inventory.problems.extend(boards.errors.iter().map(|error| Problem::new(Vendor::AMD, error)));
    inventory.drivers.extend(driver(sysfs));
    for (index, board) in (0..).zip(&boards.boards) {
        let mut device = device(board, boot, &mut inventory.problems);
        device.index = index;
        inventory.devices.push(device);
    }
    inventory.links = topology::links(&boards.boards);
    inventory
}

/// amdgpu, where it is loaded. AMD's own packages give it a version, mainline does not.
fn driver(sysfs: &Path) -> Option<Driver> {
    let module = sysfs.join("module/amdgpu");
    if !module.exists() {
        return None;
    }
    let mut driver = Driver::new(Vendor::AMD, "amdgpu");
    driver.version = match file::read_text(&module.join("version")) {
        Ok(version) => version.into(),
        Err(_) => Known::unsupported("the driver in the kernel has no version of its own"),
    };
    driver.library = Known::unsupported("none is used");
    driver.compute_api = Known::unsupported("only a ROCm library tells");
    Some(driver)
}

/// One GPU, with its modes and partitions.
pub(crate) fn device(board: &Board, boot: BootId, problems: &mut Vec<Problem>) -> Device {
    let mut text = |name: &'static str| match board.text(name) {
        Ok(Some(text)) => Known::from(text),
        Ok(None) if board.function.is_none() => Known::unsupported(NO_SYSFS),
        Ok(None) => Known::unsupported("the driver has no file for it, or an empty one"),
        Err(error) => {
            problems.push(Problem::new(Vendor::AMD, &error));
            Known::absent(error.absence(name))
        }
    };
    let (product, serial, board_part, firmware) =
        (text("product_name"), text("serial_number"), text("product_number"), text("vbios_version"));
    let id = pci_id(board);
    let device_id = id.value().map_or(0, |id| id.device);

    let mut device = Device::new(board.id, product_name(&product, device_id));
    device.pci = board.address.into();
    device.pci_id = id;
    device.numa = numa(board);
    device.vendor_name = match board.unique_id {
        Some(id) => format!("{id:#018x}").into(),
        None => Known::unsupported("this board has no unique_id"),
    };
    device.serial = serial;
    device.board_part = board_part;
    device.architecture = match board.nodes.iter().find_map(|node| node.gfx_target_version) {
        Some(version) => model::architecture(version).into(),
        None => Known::unsupported("the compute driver does not know this GPU"),
    };
    device.firmware = firmware;
    device.driver = match &board.function {
        Some(function) => function.driver.clone().unwrap_or_default().into(),
        None => Known::unsupported(NO_SYSFS),
    };
    device.memory_total = memory_total(board);
    device.memory_kind = match device_id {
        0 => Known::unsupported("the model is not known"),
        id if model::shares_system_memory(id) => MemoryKind::System.into(),
        _ => MemoryKind::Dedicated.into(),
    };
    device.compute_units = compute_units(board);
    device.process_isolation = match board.is_partitioned() {
        true => Known::unsupported("each partition has its own"),
        false => partition::isolation(board, 0),
    };
    device.modes = partition::modes(board, problems);
    device.partitions = partition::partitions(board, boot);
    device.nodes = match (&device.partitions[..], &board.nodes[..]) {
        // The first partition's nodes are the GPU's own.
        ([], _) | (_, []) => board.drm.iter().map(gpu_host::drm::DrmNode::device_node).collect(),
        (_, [first, ..]) => board.nodes_of(first),
    };
    device
}

fn product_name(told: &Known<String>, device_id: u16) -> String {
    match (told.value(), model::name(device_id)) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => format!("AMD GPU 1002:{device_id:04x}"),
    }
}

fn pci_id(board: &Board) -> Known<PciId> {
    match (&board.function, board.nodes.first()) {
        (Some(function), _) => function.id.into(),
        (None, Some(node)) => {
            PciId { vendor: 0x1002, device: node.device_id, subvendor: 0, subdevice: 0 }.into()
        }
        (None, None) => Known::unsupported(NO_SYSFS),
    }
}

fn numa(board: &Board) -> Known<NumaNode> {
    match &board.function {
        Some(function) => function.numa,
        // The compute driver numbers processors as the kernel numbers NUMA nodes, and first.
        None => match topology::processor(board) {
            Some(node) => NumaNode(node).into(),
            None => Known::unsupported(NO_SYSFS),
        },
    }
}

/// All memory of the GPU: the driver's own number, else the sum over its partitions.
fn memory_total(board: &Board) -> Known<Bytes> {
    if let Some(path) = board.path() {
        return match file::read_u64(&path.join("mem_info_vram_total")) {
            Ok(bytes) => Bytes(bytes).into(),
            Err(error) => Known::absent(error.absence("mem_info_vram_total")),
        };
    }
    board.memory_of_nodes().into()
}

/// The sum over the partitions that are there: one that is missing is not made up.
fn compute_units(board: &Board) -> Known<Count> {
    let parts: Option<Vec<u64>> = board.nodes.iter().map(|node| node.compute_units).collect();
    match parts {
        Some(parts) if !parts.is_empty() => Count(parts.iter().sum()).into(),
        _ => Known::unsupported("the compute driver does not know this GPU"),
    }
}
