//! Ids that nobody else takes.

use std::hash::{BuildHasher, RandomState};

use gpu_accounting::ledger::EntryId;

/// A random id.
pub fn id() -> EntryId {
    // Each state has keys of its own, made from what the operating system gives as random.
    let half = |salt: u32| u128::from(RandomState::new().hash_one((salt, std::process::id())));
    EntryId(half(0) << 64 | half(1))
}
