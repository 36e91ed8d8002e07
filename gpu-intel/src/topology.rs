//! How Intel's GPUs reach each other: PCIe by the kernel's tree.
//!
//! Xe Link is told only by Level Zero; nothing of it is made up here.

use gpu_core::{Link, LinkKind};

use crate::board::Board;

/// Every pair of GPUs, each once.
pub(crate) fn links(boards: &[Board]) -> Vec<Link> {
    let mut links = Vec::new();
    for (at, one) in boards.iter().enumerate() {
        for other in &boards[at + 1..] {
            let ancestor = one.function.ancestor(&other.function);
            links.push(Link::new(one.id, other.id, LinkKind::Pcie { ancestor }));
        }
    }
    links.sort_unstable();
    links
}
