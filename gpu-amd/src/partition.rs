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
    partition.memory_total = node.memory.into();
    partition.compute_units = match node.compute_units {
        Some(units) => Count(units).into(),
        None => Known::unsupported("the compute driver does not tell simd_per_cu"),
    };
    partition.compute_slices = Known::unsupported("AMD cuts by dies: see the placement");
    partition.engines = Engines::unsupported("the compute driver does not tell");
    partition.vendor_name = vendor_name(board, node);
    partition.legacy_name = match partition.vendor_name.value().and_then(|name| other_name(name)) {
        Some(other) => other.into(),
        None => Known::unsupported("the first partition keeps the GPU's own name"),
    };
    partition.pci = Known::unsupported("partitions share the GPU's PCI function");
    partition.time_slice = Known::unsupported("a partition has its dies for itself");
    partition.process_isolation = isolation(board, node.partition);
    partition.nodes = board.nodes_of(node);
    partition
}

/// Whether the processes on one partition are kept apart: `enforce_isolation` has a number for
/// each (kernel: `Documentation/gpu/amdgpu/process-isolation.rst`).
pub(crate) fn isolation(board: &Board, partition: u32) -> Known<bool> {
    let text = match board.text("enforce_isolation") {
        Ok(Some(text)) => text,
        Ok(None) => return Known::unsupported("the driver has no enforce_isolation"),
        Err(error) => return Known::absent(error.absence("enforce_isolation")),
    };
    match isolation_of(&text, partition) {
        // Enabled, in the older form, without cleaning: one process at a time in all three.
        Some(1..=3) => true.into(),
        Some(0) => false.into(),
        Some(_) => Known::unsupported("enforce_isolation holds a number that is not known"),
        None => Known::unsupported("enforce_isolation has no number for this partition"),
    }
}

/// `0 1 0 0` → the number of one partition.
fn isolation_of(text: &str, partition: u32) -> Option<u32> {
    text.split_ascii_whitespace().nth(usize::try_from(partition).ok()?)?.parse().ok()
}

/// The name of the same platform device in the other spelling: mainline makes `amdgpu_xcp_3`,
/// AMD's own driver `amdgpu_xcp.3`.
fn other_name(name: &str) -> Option<String> {
    let number = name.strip_prefix("amdgpu_xcp")?;
    match number.split_at_checked(1)? {
        ("_", number) => Some(format!("amdgpu_xcp.{number}")),
        (".", number) => Some(format!("amdgpu_xcp_{number}")),
        _ => None,
    }
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
        Ok(None) => Known::unsupported("the driver tells no compute mode"),
        Err(error) => Known::absent(error.absence(file)),
    }
}

/// `SPX, DPX, QPX, CPX` → four names.
pub(crate) fn split_list(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_devices_have_two_spellings() {
        assert_eq!(other_name("amdgpu_xcp_3").as_deref(), Some("amdgpu_xcp.3"));
        assert_eq!(other_name("amdgpu_xcp.12").as_deref(), Some("amdgpu_xcp_12"));
        for other in ["0000:05:00.0", "amdgpu_xcp", "amdgpu", ""] {
            assert_eq!(other_name(other), None);
        }
    }

    #[test]
    fn isolation_is_a_number_for_each_partition() {
        assert_eq!(isolation_of("0 1 0 2", 1), Some(1));
        assert_eq!(isolation_of("0 1 0 2\n", 3), Some(2));
        assert_eq!(isolation_of("1", 1), None);
        assert_eq!(isolation_of("x 1", 0), None);
    }

    #[test]
    fn lists_as_the_kernel_writes_them() {
        assert_eq!(split_list("SPX, DPX, QPX, CPX"), ["SPX", "DPX", "QPX", "CPX"]);
        assert_eq!(split_list("NPS1"), ["NPS1"]);
        assert!(split_list("").is_empty());
    }
}
