//! Compute partitions: which of the library's devices make up a GPU, and its modes.

use std::hash::Hash;

use gpu_core::{BootId, DeviceNode, DeviceNumber, Digest, Engines, Known, Mode, NodeRole, Partition};

use crate::board::{Board, Part};
use crate::ffi::Library;

/// Major number of DRM devices on Linux.
const DRM: u32 = 226;

/// The partitions of a GPU, by index; none when it is not cut.
pub(crate) fn partitions(library: &Library, board: &Board, boot: BootId) -> Vec<Partition> {
    if !board.is_partitioned() {
        return Vec::new();
    }
    let profile = compute_mode(library, board);
    board.parts.iter().map(|part| partition(board, part, &profile, boot)).collect()
}

fn partition(board: &Board, part: &Part, profile: &Known<String>, boot: BootId) -> Partition {
    const REPEATED: &str = "rocm_smi says the whole GPU's, or opens /dev/kfd to find out: read gpu-amd";
    const NOT_TOLD: &str = "rocm_smi does not tell";
    let id = board.partition_id(part);
    // A mode change gives other render minors. Not comparable to what other backends say.
    let mut digest = Digest::new();
    (boot, id, part.render_minor, profile).hash(&mut digest);
    let mut partition = Partition::new(id, digest.incarnation());
    partition.profile.clone_from(profile);
    partition.placement = Known::unsupported(NOT_TOLD);
    partition.memory_total = Known::unsupported(REPEATED);
    partition.compute_units = Known::unsupported(NOT_TOLD);
    partition.compute_slices = Known::unsupported("AMD cuts by dies");
    partition.engines = Engines::unsupported(NOT_TOLD);
    partition.pci = Known::unsupported("partitions share the GPU's PCI function");
    partition.nodes = render_node(part).into_iter().collect();
    partition
}

/// The render node of one device of the library's. It does not tell of card nodes.
pub(crate) fn render_node(part: &Part) -> Option<DeviceNode> {
    let minor = part.render_minor?;
    let number = Some(DeviceNumber { major: DRM, minor });
    Some(DeviceNode { path: format!("/dev/dri/renderD{minor}"), number, role: NodeRole::Render })
}

/// The modes that decide how the GPU is cut. Boards that cannot be cut have none.
pub(crate) fn modes(library: &Library, board: &Board) -> Vec<Mode> {
    let memory = library.memory_partition(board.index()).map_err(|refused| refused.absence());
    [(Mode::COMPUTE_PARTITION, compute_mode(library, board)), (Mode::MEMORY_PARTITION, memory.into())]
        .into_iter()
        .filter(|(_, current)| !matches!(current.absence(), Some(gpu_core::Absence::NotSupported { .. })))
        .map(|(name, current)| Mode::new(name, current))
        .collect()
}

fn compute_mode(library: &Library, board: &Board) -> Known<String> {
    library.compute_partition(board.index()).map_err(|refused| refused.absence()).into()
}
