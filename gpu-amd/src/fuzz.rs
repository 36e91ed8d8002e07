//! A door to the parsers of single files, for the package `fuzz`. No part of what is promised.

use gpu_core::Bytes;

use crate::kfd::{self, IoLink};
use crate::process::Entry;
use crate::reading;

/// A node of the compute driver's topology, as far as it can be checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Node {
    /// Which partition of its GPU it says that it is.
    pub partition: u32,
    /// First die and number of dies.
    pub dies: Option<(u32, u32)>,
}

/// What a node tells of itself. `None` for processors and what is refused.
#[must_use]
pub fn node(text: &str) -> Option<Node> {
    let node = kfd::of_properties(0, text).ok()??;
    // Where its share of `gpu_metrics` lies is worked out of the same numbers.
    let _ = node.place();
    Some(Node { partition: node.partition, dies: node.dies() })
}

/// Sort and size of a memory bank.
#[must_use]
pub fn bank(text: &str) -> Option<(u64, Bytes)> {
    kfd::bank_of(text)
}

/// Kind, end and weight of a link.
#[must_use]
pub fn link(text: &str) -> Option<(u64, u32, u32)> {
    kfd::link_of(text).map(|IoLink { kind, to, weight }| (kind, to, weight))
}

/// The GPU that a name in a process' folder speaks of: 0 for `queues`.
#[must_use]
pub fn process_entry(name: &str) -> Option<u32> {
    Some(match Entry::of(name)? {
        Entry::Vram(id) | Entry::Sdma(id) | Entry::Stats(id) => id,
        Entry::Queues => 0,
    })
}

/// The highest clock of `pp_dpm_*`, in hertz.
#[must_use]
pub fn highest_level(text: &[u8]) -> Option<u64> {
    reading::highest_level(text).map(gpu_core::Hertz::get)
}

/// What `ras/*_err_count` counts: uncorrected, corrected.
#[must_use]
pub fn error_count(text: &[u8]) -> Option<(u64, u64)> {
    reading::parse_error_count(text)
}

/// The names in a list of modes.
#[must_use]
pub fn modes(text: &str) -> Vec<String> {
    crate::partition::split_list(text)
}
