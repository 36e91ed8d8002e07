//! Compute partitions: which nodes of the compute driver make up a GPU, and its modes.

use std::hash::Hash;

use gpu_core::{
    BootId, Count, Digest, Engines, ErrorKind, Incarnation, Known, Mode, NodeRole, Partition, Placement,
    Problem, Vendor,
};

use crate::board::Board;
use crate::kfd::KfdNode;

/// The partitions of a GPU, by index; none when it is not cut.
pub(crate) fn partitions(board: &Board, boot: BootId) -> Vec<Partition> {
    if !board.is_partitioned() {
        return Vec::new();
    }
    let profile = mode_text(board, "current_compute_partition");
    let placement = |node: &KfdNode| match node.dies() {
        Some((start, size)) => Known::from(Placement { start, size }),
        None => Known::unsupported("the compute driver does not tell the number of dies"),
    };
    board.nodes.iter().map(|node| partition(board, node, &profile, placement(node), boot)).collect()
}

fn partition(
    board: &Board,
    node: &KfdNode,
    profile: &Known<String>,
    placement: Known<Placement>,
    boot: BootId,
) -> Partition {
    let id = board.partition_id(node);
    let mut partition = Partition::new(id, incarnation(node, profile, boot));
    partition.profile.clone_from(profile);
    partition.placement = placement;
    partition.memory_total = match node.memory {
        Some(memory) => memory.into(),
        None => Known::unsupported("the compute driver lists no memory bank"),
    };
    partition.compute_units = match node.compute_units {
        Some(units) => Count(units).into(),
        None => Known::unsupported("the compute driver does not tell simd_per_cu"),
    };
    partition.compute_slices = Known::unsupported("AMD cuts by dies: see the placement");
    partition.engines = Engines::unsupported("the compute driver does not tell");
    partition.vendor_name = vendor_name(board, node);
    partition.legacy_name = Known::unsupported("there is none");
    partition.pci = Known::unsupported("partitions share the GPU's PCI function");
    partition.time_slice = Known::unsupported("a partition has its dies for itself");
    partition.nodes = board.nodes_of(node);
    partition
}

/// A mode change makes every node anew, with another gpu_id and another render minor.
fn incarnation(node: &KfdNode, profile: &Known<String>, boot: BootId) -> Incarnation {
    let mut digest = Digest::new();
    (boot, node.location, node.partition, node.gpu_id, node.render_minor).hash(&mut digest);
    profile.hash(&mut digest);
    digest.incarnation()
}

/// The first partition keeps the PCI function; the others are platform devices
/// (`amdgpu_xcp_K` in mainline, `amdgpu_xcp.K` in AMD's own driver).
fn vendor_name(board: &Board, node: &KfdNode) -> Known<String> {
    let render =
        board.drm.iter().find(|drm| drm.role == NodeRole::Render && Some(drm.minor) == node.render_minor);
    match render.and_then(|render| render.device.file_name()?.to_str()) {
        Some(name) => name.to_owned().into(),
        None => Known::unsupported("it has no DRM node here"),
    }
}

/// The modes that decide how the GPU is cut. Boards that cannot be cut have no such files.
pub(crate) fn modes(board: &Board, problems: &mut Vec<Problem>) -> Vec<Mode> {
    [
        (Mode::COMPUTE_PARTITION, "current_compute_partition", "available_compute_partition"),
        (Mode::MEMORY_PARTITION, "current_memory_partition", "available_memory_partition"),
    ]
    .into_iter()
    .filter_map(|(name, current, available)| mode(board, name, current, available, problems))
    .collect()
}

fn mode(
    board: &Board,
    name: &'static str,
    current: &'static str,
    available: &str,
    problems: &mut Vec<Problem>,
) -> Option<Mode> {
    let current = match board.text(current) {
        Ok(text) => Known::from(text?),
        Err(error) => {
            problems.push(Problem::new(Vendor::AMD, &error));
            Known::absent(error.absence(current))
        }
    };
    let mut mode = Mode::new(name, current);
    match board.text(available) {
        Ok(Some(text)) => mode.available = split_list(&text).into(),
        Ok(None) => {}
        Err(error) if error.kind() == ErrorKind::NotPermitted => {}
        Err(error) => problems.push(Problem::new(Vendor::AMD, &error)),
    }
    Some(mode)
}

fn mode_text(board: &Board, file: &'static str) -> Known<String> {
    match board.text(file) {
        Ok(Some(text)) => text.into(),
        Ok(None) => Known::unsupported("the driver has no file for the compute mode"),
        Err(error) => Known::absent(error.absence(file)),
    }
}

/// `SPX, DPX, QPX, CPX` → four names.
fn split_list(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_as_the_kernel_writes_them() {
        assert_eq!(split_list("SPX, DPX, QPX, CPX"), ["SPX", "DPX", "QPX", "CPX"]);
        assert_eq!(split_list("NPS1"), ["NPS1"]);
        assert!(split_list("").is_empty());
    }
}
