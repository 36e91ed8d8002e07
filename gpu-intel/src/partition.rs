//! Tiles and virtual functions, and the modes that decide about them.

use std::hash::Hash;

use gpu_core::{
    BootId, Bytes, Digest, Engines, Incarnation, Known, Mode, Nanoseconds, Partition, PartitionId, Problem,
    Vendor,
};
use gpu_host::drm::DrmNode;
use gpu_host::file;

use crate::board::{Board, Quota, Tile, VirtualFunction};
use crate::reading;

/// Tiles, where there are several, then the virtual functions that are there.
pub(crate) fn partitions(board: &Board, boot: BootId) -> Vec<Partition> {
    let tiles = if board.has_tiles() { board.tiles.as_slice() } else { &[] };
    let tiles = tiles.iter().map(|one| tile(board, one, boot));
    tiles.chain(board.virtual_functions.iter().map(|one| virtual_function(board, one, boot))).collect()
}

fn new(id: PartitionId, incarnation: Incarnation) -> Partition {
    let mut partition = Partition::new(id, incarnation);
    partition.engines = Engines::unsupported("sysfs does not tell");
    partition.compute_slices = Known::unsupported("Intel does not cut by slices");
    partition.legacy_name = Known::unsupported("there is none");
    partition.compute_units = Known::unsupported("sysfs does not tell");
    partition
}

fn tile(board: &Board, tile: &Tile, boot: BootId) -> Partition {
    let id = board.tile_id(tile);
    let mut digest = Digest::new();
    (boot, board.function.address, "tile", tile.number).hash(&mut digest);
    let mut partition = new(id, digest.incarnation());
    partition.profile = "tile".to_owned().into();
    partition.placement = Known::unsupported("a tile is fixed in the hardware");
    partition.memory_total = known(reading::memory(tile.memory.as_slice()));
    partition.vendor_name = format!("tile{}", tile.number).into();
    partition.pci = Known::unsupported("tiles share the GPU's PCI function");
    partition.time_slice = Known::unsupported("a tile has its engines for itself");
    partition
}

fn virtual_function(board: &Board, function: &VirtualFunction, boot: BootId) -> Partition {
    let id = board.function_id(function);
    let mut digest = Digest::new();
    (boot, board.function.address, "vf", function.number, function.address).hash(&mut digest);
    let memory = known(reading::memory(&function.quota.memory));
    let time_slice = time_slice(&function.quota);
    (memory.value().copied(), time_slice.value().copied()).hash(&mut digest);
    let mut partition = new(id, digest.incarnation());
    partition.profile = "vf".to_owned().into();
    partition.placement = Known::unsupported("a virtual function has no place in the hardware");
    partition.memory_total = memory;
    partition.vendor_name = format!("vf{}", function.number).into();
    partition.pci = match function.address {
        Some(address) => address.into(),
        None => Known::unsupported("the GPU has no link to this virtual function"),
    };
    partition.numa = board.function.numa;
    partition.time_slice = time_slice;
    partition.nodes = function.drm.iter().map(DrmNode::device_node).collect();
    partition
}

fn known(memory: Result<Bytes, gpu_core::Absence>) -> Known<Bytes> {
    match memory {
        Ok(bytes) => bytes.into(),
        Err(absence) => Known::absent(absence),
    }
}

/// `exec_quantum_ms`, the hardware's own slice of time; 0 means that there is no limit.
fn time_slice(quota: &Quota) -> Known<Nanoseconds> {
    match quota.exec_quantum_ms.as_ref().map(file::Attribute::read_u64) {
        Some(Ok(0)) => Known::unsupported("the virtual function runs without a time limit"),
        Some(Ok(ms)) => Nanoseconds::from_millis(ms).into(),
        Some(Err(absence)) => Known::absent(absence),
        None => Known::unsupported("this driver does not show the virtual functions' time slices"),
    }
}

/// How many virtual functions and compute engines there are, and may be.
pub(crate) fn modes(board: &Board, problems: &mut Vec<Problem>) -> Vec<Mode> {
    sriov(board, problems).into_iter().chain(ccs(board)).collect()
}

fn sriov(board: &Board, problems: &mut Vec<Problem>) -> Option<Mode> {
    let path = &board.function.path;
    let total = path.join("sriov_totalvfs");
    if !total.exists() {
        return None;
    }
    let current = match file::read_u64(&path.join("sriov_numvfs")) {
        Ok(count) => count.to_string().into(),
        Err(error) => {
            problems.push(Problem::new(Vendor::INTEL, &error));
            Known::absent(error.absence("sriov_numvfs"))
        }
    };
    let mut mode = Mode::new(Mode::SRIOV, current);
    match file::read_u64(&total) {
        // PCIe allows more; no GPU has them.
        Ok(total) => mode.available = (0..=total.min(255)).map(|n| n.to_string()).collect::<Vec<_>>().into(),
        Err(error) => problems.push(Problem::new(Vendor::INTEL, &error)),
    }
    Some(mode)
}

/// How many compute engines share the slices: every divisor of their number (kernel:
/// `xe_gt_ccs_mode.c`, `ccs_mode_store`). i915 has the file only in Intel's backport, whose
/// `intel_gt_ccs_mode.c` also takes 0, and starts with it: it then decides by what programs ask.
fn ccs(board: &Board) -> Option<Mode> {
    let gt = &board.tiles.first()?.gt;
    let current = match gt.ccs_mode.as_ref()?.read_u64() {
        Ok(mode) => mode.to_string().into(),
        Err(absence) => Known::absent(absence),
    };
    let mut mode = Mode::new(Mode::CCS, current);
    mode.available = match gt.slices.as_ref().map(file::Attribute::read_u64) {
        Some(Ok(slices)) => {
            let may_decide = board.function.driver.as_deref() == Some("i915");
            let divisors = (1..=slices.min(64)).filter(|n| slices % n == 0);
            may_decide
                .then_some(0)
                .into_iter()
                .chain(divisors)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .into()
        }
        Some(Err(absence)) => Known::absent(absence),
        None => Known::unsupported("the driver does not tell the number of slices"),
    };
    Some(mode)
}
