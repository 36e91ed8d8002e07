//! Paths between GPUs: NVLink by NVML, PCIe by the kernel's tree or NVML.

use std::sync::Arc;

use gpu_core::{Link, LinkKind, PciAddress, PcieAncestor};

use crate::board::{self, Board};
use crate::error::Code;
use crate::ffi::Library;

/// `NVML_NVLINK_MAX_LINKS`, with room for boards to come: a link that a board does not have ends
/// the search.
const LINKS: u32 = 64;
/// `NVML_NVLINK_DEVICE_TYPE_GPU` and `_SWITCH`.
const GPU: u32 = 0;
const SWITCH: u32 = 2;

/// Links of one GPU that are up.
#[derive(Debug, Default)]
struct Up {
    /// To NVSwitches.
    switched: u32,
    /// Straight to the GPU at an address, one entry a link.
    straight: Vec<PciAddress>,
}

/// Every path between two of the GPUs, in order.
pub(crate) fn links(library: &Library, boards: &[Arc<Board>]) -> Vec<Link> {
    let up: Vec<Up> = boards.iter().map(|board| nvlinks(library, board, boards)).collect();
    let mut links = Vec::new();
    for (at, (one, up_one)) in boards.iter().zip(&up).enumerate() {
        for (other, up_other) in boards.iter().zip(&up).skip(at + 1) {
            let join = |kind| Link::new(one.id, other.id, kind);
            let straight =
                |up: &Up, to: &Board| up.straight.iter().filter(|a| to.address == Some(**a)).count();
            // Both ends count the same links; one that could not be asked does not hide them.
            let count = straight(up_one, other).max(straight(up_other, one));
            if let Some(links_up) = u32::try_from(count).ok().filter(|count| *count > 0) {
                links.push(join(LinkKind::NvLink { links: links_up, switched: false }));
            }
            // As many as the end with fewer has: each of them reaches the other by the switches.
            let switched = up_one.switched.min(up_other.switched);
            if switched > 0 {
                links.push(join(LinkKind::NvLink { links: switched, switched: true }));
            }
            if let Some(ancestor) = ancestor(library, one, other) {
                links.push(join(LinkKind::Pcie { ancestor }));
            }
        }
    }
    links.sort_unstable();
    links
}

fn nvlinks(library: &Library, board: &Board, boards: &[Arc<Board>]) -> Up {
    let mut up = Up::default();
    if board.is_asleep() {
        return up;
    }
    for link in 0..LINKS {
        match library.nvlink_state(board.handle, link) {
            Ok(1) => {}
            Ok(_) => continue,
            Err(_) => break,
        }
        let peer = library.nvlink_peer(board.handle, link).ok().as_ref().and_then(board::address);
        let is_gpu = |peer: &PciAddress| boards.iter().any(|board| board.address == Some(*peer));
        match (library.nvlink_remote(board.handle, link), peer) {
            (Ok(SWITCH), _) => up.switched += 1,
            // Libraries that cannot tell what it is still tell where it is.
            (Ok(GPU) | Err(Code::FUNCTION_NOT_FOUND | Code::NOT_SUPPORTED), Some(peer)) if is_gpu(&peer) => {
                up.straight.push(peer);
            }
            _ => {}
        }
    }
    up
}

/// Where two GPUs meet on PCIe: by the kernel's tree, and where that is not to be seen by NVML.
fn ancestor(library: &Library, one: &Board, other: &Board) -> Option<PcieAncestor> {
    if let (Some(a), Some(b)) = (&one.function, &other.function) {
        return Some(a.ancestor(b));
    }
    library.common_ancestor(one.handle, other.handle).ok().map(level)
}

/// `nvmlGpuTopologyLevel_t`.
fn level(level: u32) -> PcieAncestor {
    match level {
        0 => PcieAncestor::Board,
        10 => PcieAncestor::Switch,
        20 => PcieAncestor::Switches,
        30 => PcieAncestor::HostBridge,
        40 => PcieAncestor::NumaNode,
        50 => PcieAncestor::System,
        other => PcieAncestor::Unknown(other),
    }
}
