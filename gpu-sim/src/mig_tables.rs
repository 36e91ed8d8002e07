//! What boards that can be cut offer, for simulation.
//!
//! The tables are `gpu-nvidia-mig`'s. A simulated driver must answer everything, so what is public
//! nowhere is concluded here:
//!
//! - memory of a profile: its slots' part of the board's memory, which is a little more than real
//!   boards give (they keep some), and has the same name by NVIDIA's rule;
//!   A board whose memory is not public has as many GiB as its largest profile's name says;
//! - multiprocessors: the slices' part of the board's, and 0 where those are not public;
//! - ids: the index in NVML's enumeration;
//! - engines: one decoder and one JPEG engine a slice, a copy engine a slice.
//!
//! Which rows that concerns: [`gpu_nvidia_mig::Profile`] has them absent. On a B200 that is memory,
//! and multiprocessors of `1g.45gb`, `3g.90gb` and `7g.180gb`; on a GH200 memory.

use gpu_core::{Bytes, Count, Known};
use gpu_nvidia_mig::{Board, Profile};

use crate::gpu::MigProfile;

/// The profiles of a board by its key (`h100-80`); none for a board that is not in the tables, and
/// none where it is not public where instances may sit.
#[must_use]
pub fn profiles(board: &str) -> Vec<MigProfile> {
    let Ok(board) = Board::named(board) else {
        return Vec::new();
    };
    let gigabytes = board.profiles().iter().map(|profile| profile.name.gigabytes()).max().unwrap_or(0);
    let named = Bytes::gib(u64::from(gigabytes));
    profiles_of(board, board.memory().value().copied().unwrap_or(named))
}

/// The profiles of a board that has this much memory.
pub(crate) fn profiles_of(board: &Board, memory: Bytes) -> Vec<MigProfile> {
    let Ok(geometry) = board.geometry() else {
        return Vec::new();
    };
    let units = board.multiprocessors().value().map_or(0, |count| count.0);
    let profiles = board.profiles();
    let slices = profiles.iter().map(|profile| profile.slices).max().unwrap_or(1);
    let whole = Whole { memory, units, slots: u64::from(geometry.slots()), slices: u64::from(slices) };
    profiles.iter().map(|profile| whole.part(profile)).collect()
}

/// The board that a profile is a part of.
struct Whole {
    memory: Bytes,
    units: u64,
    slots: u64,
    slices: u64,
}

impl Whole {
    fn part(&self, profile: &Profile) -> MigProfile {
        let places = profile.places.value().map_or(&[][..], Vec::as_slice);
        let size = places.first().map_or(0, |place| place.size);
        let slices = u64::from(profile.slices);
        let mib = (self.memory.get() >> 20) * u64::from(size) / self.slots.max(1);
        let units = self.units * slices / self.slices.max(1);
        let engines = &profile.engines;
        MigProfile {
            name: profile.name.to_string(),
            index: profile.index.0,
            id: profile.id.value().map_or(profile.index.0, |id| id.0),
            slices: profile.slices,
            multiprocessors: number(&profile.multiprocessors, units),
            memory: profile.memory.value().copied().unwrap_or(Bytes::mib(mib)),
            max_instances: profile.most,
            starts: places.iter().map(|place| place.start).collect(),
            size,
            copy_engines: number(&engines.copy, slices),
            decoders: number(&engines.decoder, slices),
            encoders: number(&engines.encoder, 0),
            jpegs: number(&engines.jpeg, slices),
            ofas: number(&engines.optical_flow, 0),
        }
    }
}

fn number(known: &Known<Count>, concluded: u64) -> u32 {
    let number = known.value().map_or(concluded, |count| count.0);
    u32::try_from(number).unwrap_or(u32::MAX)
}
