//! [`Filled`]: makes in each new partition what a configuration says of that one.

use std::sync::{Mutex, PoisonError};

use gpu_accounting::plan::{New, ProfileKey};
use gpu_accounting::{
    BoardState, DeviceId, Done, Fingerprint, Inner, ModeChange, PartitionId, Partitioner, Refusal,
};

/// A partitioner that fills new partitions by their profile; the others, and those that are made
/// again when something is undone, as it is told.
#[derive(Debug)]
pub struct Filled<'a> {
    below: &'a dyn Partitioner,
    parts: Mutex<Vec<(ProfileKey, Vec<u32>)>>,
}

impl<'a> Filled<'a> {
    pub fn new(below: &'a dyn Partitioner, parts: Vec<(ProfileKey, Vec<u32>)>) -> Self {
        Self { below, parts: Mutex::new(parts) }
    }

    fn next(&self, profile: ProfileKey) -> Option<Inner> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let at = parts.iter().position(|part| part.0 == profile)?;
        Some(Inner::Slices(parts.remove(at).1))
    }
}

impl Partitioner for Filled<'_> {
    fn board(&self, device: DeviceId) -> Result<BoardState, Refusal> {
        self.below.board(device)
    }

    fn create(&self, device: DeviceId, on: Fingerprint, new: &New, inner: &Inner) -> Result<Done, Refusal> {
        let special = if *inner == Inner::Whole { self.next(new.profile) } else { None };
        self.below.create(device, on, new, special.as_ref().unwrap_or(inner))
    }

    fn create_inner(&self, parent: PartitionId, on: Fingerprint, slices: u32) -> Result<Done, Refusal> {
        self.below.create_inner(parent, on, slices)
    }

    fn destroy(&self, partition: PartitionId, on: Fingerprint) -> Result<Done, Refusal> {
        self.below.destroy(partition, on)
    }

    fn set_mode(
        &self,
        device: DeviceId,
        on: Fingerprint,
        mode: &str,
        value: &str,
    ) -> Result<ModeChange, Refusal> {
        self.below.set_mode(device, on, mode, value)
    }
}
