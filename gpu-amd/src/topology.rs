//! How AMD's GPUs reach each other: xGMI by the compute driver, PCIe by the kernel's tree.

use std::collections::BTreeMap;

use gpu_core::{DeviceId, Link, LinkKind, PcieAncestor};

use crate::board::Board;
use crate::kfd::{LINK_PCIE, LINK_XGMI};

/// Every link between two GPUs, each once.
pub(crate) fn links(boards: &[Board]) -> Vec<Link> {
    let mut links = xgmi(boards);
    for (at, one) in boards.iter().enumerate() {
        for other in &boards[at + 1..] {
            links.push(Link::new(one.id, other.id, LinkKind::Pcie { ancestor: ancestor(one, other) }));
        }
    }
    links.sort_unstable();
    links
}

/// xGMI links of any of a GPU's partitions; the lightest path counts. Links between partitions of
/// one GPU are inside the board.
fn xgmi(boards: &[Board]) -> Vec<Link> {
    let owners: BTreeMap<u32, DeviceId> =
        boards.iter().flat_map(|board| board.nodes.iter().map(|node| (node.number, board.id))).collect();
    let mut weights: BTreeMap<(DeviceId, DeviceId), u32> = BTreeMap::new();
    for board in boards {
        for link in board.nodes.iter().flat_map(|node| &node.links).filter(|link| link.kind == LINK_XGMI) {
            // A link to a node that is not there (hidden, or a contradiction) leads nowhere.
            let Some(other) = owners.get(&link.to).filter(|other| **other != board.id) else { continue };
            let ends = (board.id.min(*other), board.id.max(*other));
            let weight = weights.entry(ends).or_insert(link.weight);
            *weight = (*weight).min(link.weight);
        }
    }
    weights.into_iter().map(|((a, b), weight)| Link::new(a, b, LinkKind::Xgmi { weight })).collect()
}

/// Where two GPUs meet on PCIe: by the kernel's tree where it is there, else by the processor
/// that the compute driver links each to.
fn ancestor(one: &Board, other: &Board) -> PcieAncestor {
    match (&one.function, &other.function) {
        (Some(a), Some(b)) => a.ancestor(b),
        _ => match (processor(one), processor(other)) {
            (Some(a), Some(b)) if a == b => PcieAncestor::NumaNode,
            _ => PcieAncestor::System,
        },
    }
}

/// The processor node that a GPU's PCIe link leads to.
pub(crate) fn processor(board: &Board) -> Option<u32> {
    board.nodes.iter().flat_map(|node| &node.links).find(|link| link.kind == LINK_PCIE).map(|link| link.to)
}
