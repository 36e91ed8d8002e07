//! Changing MIG: modes, GPU instances, and compute instances in them.

use std::sync::Arc;

use gpu_core::plan::{Layout, Live, New, ProfileKey};
use gpu_core::{
    Absence, BoardState, Done, Error, ErrorKind, Fingerprint, Inner, Made, MetricSet, Mode, ModeChange, Need,
    PartitionId, PartitionKind, Partitioner, Placement, Query, Refusal, Sample, UnitId, Units, User,
};
use gpu_core::{Device, DeviceId};
use gpu_host::cgroup;
use gpu_host::lock::{Lock, Locking};
use gpu_nvidia_mig::{Profile, Profiles};

use crate::backend::NvidiaBackend;
use crate::board::Board;
use crate::cut::{GpuInstance, Offered};
use crate::error::Code;
use crate::ffi::{ComputeInstance, Instance};
use crate::{inventory, profile};

/// The capability that changing MIG needs, beside being root (NVIDIA's MIG guide, "Device nodes
/// and capabilities").
const CONFIG: Need = Need::Access("/proc/driver/nvidia/capabilities/mig/config");
/// Past the highest index of NVML's enumeration of compute instance profiles, with room.
const COMPUTE_PROFILES: u32 = 16;
/// NVML's number of the Ampere architecture.
const AMPERE: u32 = 7;

impl Partitioner for NvidiaBackend {
    fn board(&self, device: DeviceId) -> Result<BoardState, Refusal> {
        let board = self.find(device)?;
        self.state(&board)
    }

    fn create(&self, device: DeviceId, on: Fingerprint, new: &New, inner: &Inner) -> Result<Done, Refusal> {
        let (board, before, _lock) = self.begin(device, on)?;
        let offered = board.cut.profiles.iter().find(|of| ProfileKey::from(of.index) == new.profile);
        let offered =
            offered.ok_or_else(|| invalid(format!("{device} has no {} ({})", new.profile, new.name)))?;
        let what = || format!("{} at {}", new.name, new.placement);
        let Placement { start, size } = new.placement;
        let made = self.library().create_instance(board.handle, offered.info.id, start, size);
        let instance =
            made.map_err(|code| refusal(code, "nvmlDeviceCreateGpuInstanceWithPlacement", what()))?;
        let id = match self.fill(instance, &slices(inner, offered)) {
            Ok(id) => id,
            Err(refused) => return Err(self.unmake(instance, device, refused)),
        };
        let id = device.partition(PartitionKind::GPU_INSTANCE, id);
        let after = self.board(device)?;
        before.became(&after, &[], &[id])?;
        Ok(done(after, id))
    }

    fn create_inner(&self, parent: PartitionId, on: Fingerprint, slices: u32) -> Result<Done, Refusal> {
        let (board, before, _lock) = self.begin(parent.device(), on)?;
        let instance = self.instance_of(&board, parent)?;
        let made = self.compute(instance, slices)?;
        let number = self.library().compute_instance_number(made);
        let number = number.map_err(|code| refusal(code, "nvmlComputeInstanceGetInfo_v2", parent))?;
        let after = self.board(parent.device())?;
        before.became(&after, &[], &[])?;
        let id = parent.inner(PartitionKind::COMPUTE_INSTANCE, number);
        let made = id.and_then(|id| Made::of(&after, id)).into_iter().collect();
        Ok(Done::new(after, made))
    }

    fn destroy(&self, partition: PartitionId, on: Fingerprint) -> Result<Done, Refusal> {
        let (board, before, _lock) = self.begin(partition.device(), on)?;
        let by: Vec<User> = before.users_of(partition).cloned().collect();
        if !by.is_empty() {
            return Err(Refusal::InUse { unit: partition.into(), by });
        }
        let outer = partition.parent().unwrap_or(partition);
        let instance = self.instance_of(&board, outer)?;
        let inside = board.cut.instances.iter().find(|of| of.id == outer.index());
        let gone = match partition.parent() {
            Some(_) => {
                self.destroy_compute(instance, partition.index(), partition)?;
                &[][..]
            }
            None => {
                self.destroy_whole(instance, inside, partition)?;
                &[partition][..]
            }
        };
        let after = self.board(partition.device())?;
        before.became(&after, gone, &[])?;
        Ok(Done::new(after, Vec::new()))
    }

    fn set_mode(
        &self,
        device: DeviceId,
        on: Fingerprint,
        mode: &str,
        value: &str,
    ) -> Result<ModeChange, Refusal> {
        let enable = match (mode, value) {
            (Mode::MIG, "enabled") => true,
            (Mode::MIG, "disabled") => false,
            (Mode::MIG, value) => return Err(invalid(format!("mig is enabled or disabled, not {value:?}"))),
            (mode, _) => return Err(invalid(format!("NVIDIA's GPUs have the mode mig, not {mode:?}"))),
        };
        let _lock = self.lock(device)?;
        let board = self.find(device)?;
        self.is_planned_on(&board, on)?;
        let told = self.library().set_mig_mode(board.handle, enable);
        let status = told.map_err(|code| in_use(code, "nvmlDeviceSetMigMode", device.into()))?;
        let board = self.find(device)?;
        let mut change = ModeChange::new(self.device(&board));
        let in_force = board.mig.is_ok_and(|(current, _)| current == enable);
        change.awaits = (!in_force).then_some(match status {
            Code::RESET_REQUIRED => "a reset of the GPU, or a reboot of the virtual machine",
            Code::IN_USE => "a reset of the GPU, once nothing runs on it",
            _ => "a reset of the GPU",
        });
        change.notes.push("no instance outlives a reset or a reboot");
        match board.architecture {
            Ok(AMPERE) => change.notes.push("device minors may be others after the change (nvml.h)"),
            _ if enable => change.notes.push("the mode is forgotten when the driver unloads"),
            _ => {}
        }
        Ok(change)
    }
}

impl NvidiaBackend {
    /// The GPU as it is now.
    fn find(&self, device: DeviceId) -> Result<Arc<Board>, Refusal> {
        let boards = self.look_again()?;
        let found = boards.boards.iter().find(|board| board.id == device);
        found.cloned().ok_or(Refusal::UnknownUnit { unit: UnitId::Device(device) })
    }

    fn device(&self, board: &Board) -> Device {
        inventory::device(self.library(), board, self.boot_id())
    }

    fn is_planned_on(&self, board: &Board, planned: Fingerprint) -> Result<(), Refusal> {
        match self.device(board).fingerprint() {
            found if found == planned => Ok(()),
            found => Err(Refusal::Stale { device: board.id, planned, found }),
        }
    }

    fn lock(&self, device: DeviceId) -> Result<Lock, Refusal> {
        match Lock::of(self.locks(), device) {
            Ok(Locking::Held(lock)) => Ok(lock),
            Ok(Locking::Busy(path)) => Err(Refusal::Busy { lock: path.display().to_string() }),
            Err(error) => Err(Refusal::Failed(error)),
        }
    }

    /// What every change begins with: the lock, the board as it is, and that it is as planned on.
    fn begin(
        &self,
        device: DeviceId,
        planned: Fingerprint,
    ) -> Result<(Arc<Board>, BoardState, Lock), Refusal> {
        let lock = self.lock(device)?;
        let board = self.find(device)?;
        let state = self.state(&board)?;
        match state.fingerprint() {
            found if found == planned => Ok((board, state, lock)),
            found => Err(Refusal::Stale { device, planned, found }),
        }
    }

    fn state(&self, board: &Arc<Board>) -> Result<BoardState, Refusal> {
        if let Err(absence) = board.mig {
            return Err(absence.into());
        }
        if !board.is_cut() {
            let why = "MIG mode is off: set the mode mig to enabled first".to_owned();
            return Err(Refusal::NotSupported { why });
        }
        let device = self.device(board);
        let profiles = self.profiles(board, &device)?;
        let geometry = profiles.geometry().map_err(|error| invalid(error.to_string()))?;
        let users = self.users(board);
        let live = board.cut.instances.iter().map(|instance| live(board, instance, &users));
        let layout = Layout::new(device.fingerprint(), live.collect::<Result<_, _>>()?);
        Ok(BoardState::new(device, geometry, layout, users))
    }

    /// What the board offers, by its driver.
    fn profiles(&self, board: &Board, device: &Device) -> Result<Profiles, Refusal> {
        let kind = board.pci_id.and_then(|id| gpu_nvidia_mig::Board::of_pci_device(id.device));
        let kind = kind.map_or_else(|| device.name.clone(), |kind| kind.key().to_owned());
        let gpu_mib = device.memory_total.value().map(|total| total.get() >> 20);
        let mut list: Vec<Profile> = Vec::new();
        for offered in &board.cut.profiles {
            let told = self.library().placements(board.handle, offered.info.id);
            let told = told.map_err(|code| {
                refusal(code, "nvmlDeviceGetGpuInstancePossiblePlacements_v2", offered.info.id)
            })?;
            let places = told.into_iter().map(|(start, size)| Placement { start, size });
            list.extend(profile::profile(offered, places.collect(), gpu_mib));
        }
        Ok(Profiles::new(kind, list))
    }

    /// The processes in the board's instances.
    fn users(&self, board: &Arc<Board>) -> Vec<User> {
        let mut sample = Sample::new();
        let whole = [UnitId::Device(board.id)];
        self.attempt(
            board,
            &Query::everything().units(Units::Only(&whole)).metrics(MetricSet::NONE),
            &mut sample,
        );
        let in_partition = sample.processes.iter().filter_map(|process| match process.unit {
            UnitId::Partition(partition) => Some(User::new(partition, process.pid, process.pid_view)),
            _ => None,
        });
        let mut users: Vec<User> = in_partition.collect();
        cgroup::name_owners(self.roots(), &mut users);
        users
    }

    fn instance_of(&self, board: &Board, partition: PartitionId) -> Result<Instance, Refusal> {
        let listed = board.cut.instances.iter().any(|of| board.gpu_instance(of) == partition);
        if !listed {
            return Err(Refusal::UnknownUnit { unit: partition.into() });
        }
        let told = self.library().instance(board.handle, partition.index());
        told.map_err(|code| refusal(code, "nvmlDeviceGetGpuInstanceById", partition))
    }

    /// Makes compute instances of so many slices each, and tells the number of the GPU instance.
    fn fill(&self, instance: Instance, slices: &[u32]) -> Result<u32, Refusal> {
        let info = self.library().instance_info(instance);
        let info = info.map_err(|code| refusal(code, "nvmlGpuInstanceGetInfo", "the new GPU instance"))?;
        slices.iter().try_for_each(|slices| self.compute(instance, *slices).map(drop))?;
        Ok(info.id)
    }

    /// Makes a compute instance of so many slices. NVML finds it a place.
    fn compute(&self, instance: Instance, slices: u32) -> Result<ComputeInstance, Refusal> {
        let what = || format!("a compute instance of {slices} slices");
        let mut profiles = (0..COMPUTE_PROFILES)
            .filter_map(|index| self.library().compute_profile(instance, index).ok())
            .filter(|(_, of)| *of == slices);
        let (profile, _) = profiles.next().ok_or_else(|| invalid(format!("{} is not offered", what())))?;
        let made = self.library().create_compute_instance(instance, profile);
        made.map_err(|code| refusal(code, "nvmlGpuInstanceCreateComputeInstance", what()))
    }

    /// Destroys a compute instance, for the sake of `of`: itself, or what it lies in.
    fn destroy_compute(&self, instance: Instance, number: u32, of: PartitionId) -> Result<(), Refusal> {
        let found = self.library().compute_instance(instance, number);
        let found = found.map_err(|code| refusal(code, "nvmlGpuInstanceGetComputeInstanceById", of))?;
        let gone = self.library().destroy_compute_instance(found);
        gone.map_err(|code| in_use(code, "nvmlComputeInstanceDestroy", of.into()))
    }

    /// Destroys a GPU instance from the inside out. Where that stops half way, what was destroyed
    /// is made again.
    fn destroy_whole(
        &self,
        instance: Instance,
        inside: Option<&GpuInstance>,
        id: PartitionId,
    ) -> Result<(), Refusal> {
        let mut gone = Vec::new();
        let devices = inside.map_or(&[][..], |of| &of.devices);
        let attempt = devices.iter().try_for_each(|device| {
            self.destroy_compute(instance, device.id, id)?;
            gone.extend(device.attributes.ok().map(|told| told.computeInstanceSliceCount));
            Ok(())
        });
        let attempt = attempt.and_then(|()| {
            let destroyed = self.library().destroy_instance(instance);
            destroyed.map_err(|code| in_use(code, "nvmlGpuInstanceDestroy", id.into()))
        });
        attempt.map_err(|refused| match self.fill(instance, &gone) {
            Ok(_) => refused,
            Err(again) => half(id, &format!("lost compute instances of {gone:?} slices ({again})"), &refused),
        })
    }

    /// Takes back a GPU instance that could not be filled.
    fn unmake(&self, instance: Instance, device: DeviceId, refused: Refusal) -> Refusal {
        let number = self.library().instance_info(instance).map(|info| info.id);
        for of in 0..8 {
            if let Ok(found) = self.library().compute_instance(instance, of) {
                // What remains is said below.
                let _ = self.library().destroy_compute_instance(found);
            }
        }
        match (self.library().destroy_instance(instance), number) {
            (Ok(()), _) => refused,
            (Err(code), Ok(number)) => {
                let id = device.partition(PartitionKind::GPU_INSTANCE, number);
                half(id, &format!("is left without what should be in it (code {})", code.0), &refused)
            }
            (Err(code), Err(_)) => {
                half(device, &format!("has a GPU instance that nobody asked for (code {})", code.0), &refused)
            }
        }
    }
}

/// A live instance for the planner; one in use stays where it is.
fn live(board: &Board, instance: &GpuInstance, users: &[User]) -> Result<Live, Refusal> {
    let offered = board.cut.profile_of(instance).ok_or_else(|| unplaced(instance))?;
    let placement = instance.placement.map_err(|_| unplaced(instance))?;
    let live = Live::new(offered.index.into(), placement, instance.id);
    let id = board.gpu_instance(instance);
    let used = users.iter().any(|user| user.partition == id || user.partition.parent() == Some(id));
    Ok(if used { live.pinned() } else { live })
}

/// Who may not see where instances lie cannot plan around them.
fn unplaced(instance: &GpuInstance) -> Refusal {
    match instance.placement {
        Err(Absence::NotPermitted { needs }) => Refusal::NotPermitted { needs },
        Err(absence) => absence.into(),
        Ok(_) => {
            invalid(format!("GPU instance {} is of a profile that the board does not offer", instance.id))
        }
    }
}

fn slices(inner: &Inner, offered: &Offered) -> Vec<u32> {
    match inner {
        Inner::Whole => vec![offered.info.sliceCount],
        Inner::Slices(slices) => slices.clone(),
        _ => Vec::new(),
    }
}

fn done(state: BoardState, id: PartitionId) -> Done {
    let parts = state.device.partitions().filter(|part| part.id == id);
    let ids = parts.flat_map(|part| std::iter::once(part.id).chain(part.partitions().map(|inner| inner.id)));
    let made = ids.filter_map(|id| Made::of(&state, id)).collect();
    Done::new(state, made)
}

fn invalid(what: String) -> Refusal {
    Refusal::Invalid { what }
}

/// A part that is neither as it was nor as it should be.
fn half(unit: impl std::fmt::Display, what: &str, after: &Refusal) -> Refusal {
    Refusal::Failed(Error::new(ErrorKind::Inconsistent, unit.to_string(), format!("{what}, after: {after}")))
}

/// What a return code of a change means.
fn refusal(code: Code, at: &'static str, what: impl std::fmt::Display) -> Refusal {
    match code {
        Code::NO_PERMISSION => Refusal::NotPermitted { needs: CONFIG },
        Code::INSUFFICIENT_RESOURCES => Refusal::NoRoom { what: what.to_string() },
        Code::NOT_SUPPORTED => Refusal::NotSupported { why: format!("{what}: {at} is not supported here") },
        Code::INVALID_ARGUMENT => invalid(format!("{what}: {at} does not take it")),
        code => Refusal::Failed(code.error(at, what)),
    }
}

/// The same of a change that users of a unit stand in the way of. The driver does not say who.
fn in_use(code: Code, at: &'static str, unit: UnitId) -> Refusal {
    match code {
        Code::IN_USE => Refusal::InUse { unit, by: Vec::new() },
        code => refusal(code, at, unit),
    }
}
