//! What a simulated driver does when MIG is changed: modes, GPU instances, compute instances.
//!
//! Written from `nvml.h`, NVIDIA's MIG guide and published `nvidia-smi mig -lgip`, `-lgipp` and
//! `-lgi` of real boards, independently of any planner: it judges plans.

use std::fmt;

use gpu_core::Uuid;

use crate::gpu::{ComputeInstanceSpec, GpuInstanceSpec, MigProfile, MigSpec, NvidiaSpec, Silicon};
use crate::machine::Machine;
use crate::workload::{Part, Workload};
use crate::world::World;

/// NVML's number of the Ampere architecture, the only one that needs a reset to change its mode.
const AMPERE: u32 = 7;
/// Indexes of NVML's enumeration whose profiles have all media engines (`+me.all`).
const ALL_MEDIA: [u32; 2] = [15, 16];
/// Slices of the compute instance profiles, by index in NVML's enumeration.
pub const COMPUTE_SLICES: [u32; 7] = [1, 2, 3, 4, 7, 8, 6];

/// Why the driver does not change MIG. Each stands for a return code of NVML's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MigRefusal {
    /// No such board, profile, place or instance id.
    InvalidArgument,
    /// The board has no MIG, or its mode is off.
    NotSupported,
    /// No such instance.
    NotFound,
    /// A process runs there, or an instance lies in it.
    InUse,
    /// Slots, compute slices, engines or the profile's maximum are exhausted, or the place is taken.
    InsufficientResources,
}

impl MigRefusal {
    /// `nvmlReturn_t`.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::InvalidArgument => 2,
            Self::NotSupported => 3,
            Self::NotFound => 6,
            Self::InUse => 19,
            Self::InsufficientResources => 23,
        }
    }
}

impl fmt::Display for MigRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidArgument => "no such board, profile, place or instance",
            Self::NotSupported => "the board has no MIG, or its mode is off",
            Self::NotFound => "no such instance",
            Self::InUse => "in use",
            Self::InsufficientResources => "no room for it",
        })
    }
}

impl std::error::Error for MigRefusal {}

type Answer<T> = Result<T, MigRefusal>;

/// Changes of one board, as the driver makes them. On [`Machine`] so that every form of the
/// simulation can: [`World::change`] for a live one.
///
/// ```
/// let world = gpu_sim::World::new(gpu_sim::Machine::preset("hgx-h100-8")?);
/// world.change(|machine| {
///     machine.set_mig_mode(0, true)?;
///     let id = machine.create_gpu_instance(0, 9, Some(4))?; // 3g.40gb
///     machine.create_compute_instance(0, id, 3, None)
/// }).expect_err("four processes run on the board");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Machine {
    fn nvidia(&mut self, gpu: usize) -> Answer<&mut NvidiaSpec> {
        match self.gpus.get_mut(gpu).map(|gpu| &mut gpu.silicon) {
            Some(Silicon::Nvidia(nvidia)) => Ok(nvidia),
            _ => Err(MigRefusal::InvalidArgument),
        }
    }

    fn mig(&mut self, gpu: usize) -> Answer<(Uuid, &mut MigSpec)> {
        let nvidia = self.nvidia(gpu)?;
        let mig = nvidia.mig.as_mut().filter(|mig| mig.enabled).ok_or(MigRefusal::NotSupported)?;
        Ok((nvidia.uuid, mig))
    }

    /// Whether a process of the description runs on the part, now or later: who wants to know of
    /// now alone drops the others first.
    fn is_used(&self, gpu: usize, lies_in: impl Fn(Part) -> bool) -> bool {
        let uses = self.workloads.iter().flat_map(|workload| &workload.uses);
        uses.into_iter().any(|of| of.gpu == gpu && lies_in(of.part))
    }

    /// Switches MIG mode, and says whether it is in force: Ampere boards with processes on them
    /// keep the change for their next reset.
    ///
    /// # Errors
    /// Boards without MIG; boards with instances, when it is switched off; and boards in use, that
    /// switch at once.
    pub fn set_mig_mode(&mut self, gpu: usize, on: bool) -> Answer<bool> {
        let used = self.is_used(gpu, |_| true);
        let nvidia = self.nvidia(gpu)?;
        let needs_reset = nvidia.architecture == AMPERE;
        let mig = nvidia.mig.as_mut().ok_or(MigRefusal::NotSupported)?;
        if mig.enabled == on {
            mig.pending = on;
            return Ok(true);
        }
        if !on && !mig.instances.is_empty() {
            return Err(MigRefusal::InUse);
        }
        if used && !needs_reset {
            return Err(MigRefusal::InUse);
        }
        mig.pending = on;
        if !used {
            mig.enabled = on;
        }
        Ok(!used)
    }

    /// Resets a board: instances are gone, the pending mode is in force.
    ///
    /// # Errors
    /// Boards in use, and those that are none of NVIDIA's.
    pub fn reset_board(&mut self, gpu: usize) -> Answer<()> {
        if self.is_used(gpu, |_| true) {
            return Err(MigRefusal::InUse);
        }
        if let Some(mig) = &mut self.nvidia(gpu)?.mig {
            mig.instances.clear();
            mig.enabled = mig.pending;
        }
        Ok(())
    }

    /// Unloads the driver and loads it again: instances are gone; boards after Ampere forget that
    /// MIG was on.
    pub fn reload_nvidia_driver(&mut self) {
        for gpu in &mut self.gpus {
            let Silicon::Nvidia(nvidia) = &mut gpu.silicon else { continue };
            let keeps = nvidia.architecture == AMPERE;
            if let Some(mig) = &mut nvidia.mig {
                mig.instances.clear();
                mig.pending &= keeps;
                mig.enabled = mig.pending;
            }
        }
    }

    /// Makes a GPU instance of the profile of that id, at a slot or at the first that is free, and
    /// tells its id.
    ///
    /// # Errors
    /// MIG off, no such profile or place, no room.
    pub fn create_gpu_instance(&mut self, gpu: usize, profile: u32, start: Option<u32>) -> Answer<u32> {
        let (board, mig) = self.mig(gpu)?;
        let offered = mig.profiles.iter().find(|offered| offered.id == profile);
        let offered = offered.ok_or(MigRefusal::InvalidArgument)?.clone();
        if start.is_some_and(|start| !offered.starts.contains(&start)) {
            return Err(MigRefusal::InvalidArgument);
        }
        let free =
            |first: &&u32| mig.has_room(&offered, **first) && start.is_none_or(|start| start == **first);
        let first = *offered.starts.iter().find(free).ok_or(MigRefusal::InsufficientResources)?;
        let id = instance_id(board, first, offered.size, mig.slots());
        mig.lives += 1;
        let (profile, life) = (offered.name, mig.lives);
        let compute_instances = Vec::new();
        mig.instances.push(GpuInstanceSpec { id, profile, start: first, compute_instances, life });
        Ok(id)
    }

    /// Destroys a GPU instance.
    ///
    /// # Errors
    /// MIG off, no such instance, or compute instances in it.
    pub fn destroy_gpu_instance(&mut self, gpu: usize, id: u32) -> Answer<()> {
        let (_, mig) = self.mig(gpu)?;
        let at = mig.instances.iter().position(|instance| instance.id == id).ok_or(MigRefusal::NotFound)?;
        if !mig.instances[at].compute_instances.is_empty() {
            return Err(MigRefusal::InUse);
        }
        mig.instances.remove(at);
        Ok(())
    }

    /// Makes a compute instance of so many slices, at a slice of its GPU instance or at the first
    /// that is free, and tells its id.
    ///
    /// # Errors
    /// MIG off, no such GPU instance or number of slices, no room.
    pub fn create_compute_instance(
        &mut self,
        gpu: usize,
        instance: u32,
        slices: u32,
        start: Option<u32>,
    ) -> Answer<u32> {
        let (board, mig) = self.mig(gpu)?;
        let MigSpec { profiles, instances, lives, .. } = mig;
        let instance = instances.iter_mut().find(|of| of.id == instance).ok_or(MigRefusal::NotFound)?;
        let profile = profiles.iter().find(|profile| profile.name == instance.profile);
        let all = profile.ok_or(MigRefusal::InvalidArgument)?.slices;
        if !COMPUTE_SLICES.contains(&slices) || slices > all {
            return Err(MigRefusal::InvalidArgument);
        }
        let there = &instance.compute_instances;
        let free =
            |first: u32| there.iter().all(|of| first >= of.start + of.slices || of.start >= first + slices);
        let mut firsts = (0..=all - slices).filter(|first| start.is_none_or(|start| start == *first));
        let first = firsts.find(|first| free(*first)).ok_or(MigRefusal::InsufficientResources)?;
        let id = (0..).find(|id| there.iter().all(|of| of.id != *id)).unwrap_or_default();
        let uuid = mig_uuid(board, instance.id, id);
        *lives += 1;
        let made = ComputeInstanceSpec { id, slices, start: first, uuid, life: *lives };
        instance.compute_instances.push(made);
        instance.compute_instances.sort_by_key(|of| of.id);
        Ok(id)
    }

    /// Destroys a compute instance.
    ///
    /// # Errors
    /// MIG off, no such instance, or a process in it.
    pub fn destroy_compute_instance(&mut self, gpu: usize, instance: u32, id: u32) -> Answer<()> {
        let used = self.is_used(gpu, |part| part == Part::Mig { gi: instance, ci: id });
        let (_, mig) = self.mig(gpu)?;
        let of = mig.instances.iter_mut().find(|of| of.id == instance).ok_or(MigRefusal::NotFound)?;
        let at = of.compute_instances.iter().position(|of| of.id == id).ok_or(MigRefusal::NotFound)?;
        if used {
            return Err(MigRefusal::InUse);
        }
        of.compute_instances.remove(at);
        Ok(())
    }
}

impl World {
    /// Changes MIG as [`World::change`] does, with the processes that run now alone counting as
    /// users.
    ///
    /// # Errors
    /// What `change` refuses.
    pub fn change_mig<T>(&self, change: impl FnOnce(&mut Machine) -> Answer<T>) -> Answer<T> {
        let now = self.scene().now();
        let runs = |of: &Workload| of.starts <= now && of.ends.is_none_or(|ends| now < ends);
        self.change(|machine| {
            let all = std::mem::take(&mut machine.workloads);
            machine.workloads = all.iter().filter(|of| runs(of)).cloned().collect();
            let answer = change(machine);
            machine.workloads = all;
            answer
        })
    }
}

impl MigSpec {
    /// Memory slots of the board: where its largest profile ends.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.profiles.iter().flat_map(|of| of.starts.iter().map(|start| start + of.size)).max().unwrap_or(0)
    }

    /// The profiles of the live instances.
    fn live(&self) -> impl Iterator<Item = (&GpuInstanceSpec, &MigProfile)> {
        let profile = |name: &str| self.profiles.iter().find(move |profile| profile.name == name);
        self.instances.iter().filter_map(move |of| Some((of, profile(&of.profile)?)))
    }

    /// True when one more instance of a profile may be made at `start`.
    fn has_room(&self, new: &MigProfile, start: u32) -> bool {
        let apart = |at: u32, size: u32| start + new.size <= at || at + size <= start;
        let slots = self.live().all(|(of, profile)| apart(of.start, profile.size));
        let same = self.live().filter(|(_, profile)| profile.id == new.id).count();
        let whole = self.profiles.iter().map(|profile| profile.slices).max().unwrap_or(0);
        let slices: u32 = self.live().map(|(_, profile)| profile.slices).sum();
        slots && (same as u32) < new.max_instances && slices + new.slices <= whole && self.has_media(new)
    }

    /// The one optical flow engine of a small board, and the media engines that `+me.all` takes
    /// whole, go to one instance only.
    fn has_media(&self, new: &MigProfile) -> bool {
        let takes_all = |of: &MigProfile| ALL_MEDIA.contains(&of.index);
        let has_any = |of: &MigProfile| of.decoders + of.encoders + of.jpegs + of.ofas > 0;
        let others = || self.live().map(|(_, profile)| profile);
        if takes_all(new) && others().any(has_any) || has_any(new) && others().any(takes_all) {
            return false;
        }
        let whole = self.profiles.iter().map(|profile| profile.ofas).max().unwrap_or(0);
        others().map(|profile| profile.ofas).sum::<u32>() + new.ofas <= whole
    }

    /// How many more instances of a profile could be made one after the other.
    #[must_use]
    pub fn remaining(&self, profile: &MigProfile) -> u32 {
        let mut mig = self.clone();
        let mut count = 0;
        while let Some(start) = profile.starts.iter().find(|start| mig.has_room(profile, **start)) {
            let (id, start, profile) = (u32::MAX - count, *start, profile.name.clone());
            let compute_instances = Vec::new();
            mig.instances.push(GpuInstanceSpec { id, profile, start, compute_instances, life: 0 });
            count += 1;
        }
        count
    }
}

/// The id of a GPU instance. Real boards number the nodes of a tree (1 and 2 the halves, 3 to 6
/// the quarters, 7 to 14 the eighths, 0 the whole), and differ in which half comes first
/// (go-nvml issue 146): here the board's UUID decides.
fn instance_id(board: Uuid, start: u32, size: u32, slots: u32) -> u32 {
    let size = size.max(1);
    let pieces = (slots / size).max(1);
    let (piece, half) = (start / size, pieces / 2);
    let swapped = board.0.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 2 == 0;
    let place = match half {
        0 => 0,
        half if swapped => (piece + half) % pieces,
        _ => piece,
    };
    pieces - 1 + place
}

/// The UUID of a MIG device: of its place on its board, so that it comes back.
pub(crate) fn mig_uuid(board: Uuid, instance: u32, id: u32) -> Uuid {
    let mut uuid = board;
    // Instance ids of a board are below 15, those of compute instances below 8.
    uuid.0[13] ^= id as u8;
    uuid.0[15] = instance as u8;
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(last: u8) -> Uuid {
        let mut bytes = [7; 16];
        bytes[14] = last;
        Uuid(bytes)
    }

    /// What two real boards showed (`-lgi`, go-nvml issue 146, and a published listing).
    #[test]
    fn instance_ids_are_those_of_real_boards() {
        let id = |board, (start, size): (u32, u32)| instance_id(board, start, size, 8);
        let one = board(1);
        assert_eq!([(4, 4), (0, 4)].map(|at| id(one, at)), [1, 2]);
        assert_eq!([(4, 2), (0, 2), (2, 2)].map(|at| id(one, at)), [3, 5, 6]);
        let ones = [(4, 1), (5, 1), (6, 1), (0, 1), (1, 1), (2, 1), (3, 1)];
        assert_eq!(ones.map(|at| id(one, at)), [7, 8, 9, 11, 12, 13, 14]);
        let other = board(0);
        assert_eq!([(0, 2), (2, 2), (4, 4)].map(|at| id(other, at)), [3, 4, 2]);
        assert_eq!(id(one, (0, 8)), 0);
        assert_eq!(instance_id(other, 3, 1, 4), 6);
    }
}
