//! Intel's boards: virtual functions come and go all at once, and a mode shares the compute engines.

use gpu_core::plan::{Geometry, Layout, Live, Profile, ProfileKey};
use gpu_core::{
    BoardState, Bytes, Device, DeviceId, Done, Fingerprint, Made, Mode, ModeChange, PartitionId,
    PartitionKind, Placement, Refusal, UnitId, User, Vendor,
};

use super::{SimPartitioner, user_of};
use crate::amd::ModeRefusal;
use crate::gpu::{IntelDriver, IntelSpec, Silicon};
use crate::inventory;
use crate::machine::Machine;
use crate::scene::Scene;

const AUTOMATIC: &str = "the simulated driver shares memory and time out; SimPartitioner::cut says how";
const NO_PRIORITY: &str = "only xe has priorities of virtual functions";

/// What a virtual function shall have. What is not said stays the simulated driver's to decide.
///
/// ```
/// use gpu_core::Bytes;
/// let quota = gpu_sim::VfQuota { memory: Some(Bytes::gib(4)), ..gpu_sim::VfQuota::default() };
/// assert_eq!(quota.exec_quantum_ms, None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VfQuota {
    /// Memory, over all tiles.
    pub memory: Option<Bytes>,
    /// Time slice, in milliseconds; 0 is without end.
    pub exec_quantum_ms: Option<u32>,
    /// Preemption timeout, in microseconds.
    pub preempt_timeout_us: Option<u32>,
    /// Priority: 0 low, 1 normal, 2 high (xe).
    pub priority: Option<u32>,
}

pub(super) fn board(device: Device, position: usize, scene: &Scene) -> Result<BoardState, Refusal> {
    let (geometry, current) = geometry(&device)?;
    let users = users(&device, position, scene);
    let live = Live::new(current, Placement { start: 0, size: 1 }, 0);
    let live = if users.is_empty() { live } else { live.pinned() };
    let layout = Layout::new(device.fingerprint(), vec![live]);
    Ok(BoardState::new(device, geometry, layout, users))
}

/// Each number of functions is a profile of the whole GPU, and not to be cut is one, too: the same
/// that `gpu-intel` makes.
fn geometry(device: &Device) -> Result<(Geometry, ProfileKey), Refusal> {
    let offered = device.mode(Mode::SRIOV).and_then(|mode| mode.available.value()).map_or(0, Vec::len);
    let most = offered.saturating_sub(1).min(Geometry::MOST_PROFILES - 1);
    let (most, live) =
        (u32::try_from(most).unwrap_or(0), u32::try_from(functions(device).count()).unwrap_or(0));
    let mut builder = Geometry::builder(device.name.clone(), 1);
    for count in 0..=most {
        let name = if count == 0 { "whole".to_owned() } else { format!("{count}vf") };
        builder = builder.profile(Profile::new(ProfileKey(count), name).at([0], 1));
    }
    let geometry = builder.build().map_err(|error| Refusal::Invalid { what: error.to_string() })?;
    Ok((geometry, ProfileKey(live.min(most))))
}

fn functions(device: &Device) -> impl Iterator<Item = PartitionId> + '_ {
    device.partitions().map(|part| part.id).filter(|id| id.kind() == PartitionKind::VIRTUAL_FUNCTION)
}

/// Everybody who holds a device file of the GPU, which stands for its first tile, or of a function.
fn users(device: &Device, position: usize, scene: &Scene) -> Vec<User> {
    let gpu = &scene.machine().gpus[position];
    let first = device.id.partition(PartitionKind::TILE, 0);
    let mut users = Vec::new();
    for workload in scene.running() {
        for (process, number) in scene.opened(workload) {
            let of = &process.uses[number];
            if of.gpu == position {
                let part = inventory::partition_id(device.id, gpu, of.part);
                let part =
                    part.filter(|part| part.kind() == PartitionKind::VIRTUAL_FUNCTION).unwrap_or(first);
                users.push(user_of(scene, part, workload.pid));
            }
        }
    }
    users.sort_unstable_by_key(|user| (user.pid, user.partition));
    users.dedup();
    users
}

/// Refuses a value that the mode does not offer; says the one in force.
fn offered<'a>(device: &'a Device, name: &str, value: &str) -> Result<&'a str, Refusal> {
    let none = || Refusal::NotSupported { why: format!("{} has no mode {name} now", device.id) };
    let mode = device.mode(name).ok_or_else(none)?;
    let offered = mode.available.get().map_err(Refusal::from)?;
    if !offered.iter().any(|of| of == value) {
        return Err(Refusal::Invalid { what: format!("{name} of {} takes no {value:?}", device.id) });
    }
    mode.current.get().map(String::as_str).map_err(Refusal::from)
}

fn refuse(unit: UnitId, by: Vec<User>) -> Result<(), Refusal> {
    if by.is_empty() { Ok(()) } else { Err(Refusal::InUse { unit, by }) }
}

/// Functions are made from none and taken away to none; made on a GPU on which nobody is, taken away
/// when nobody is on one.
fn may_be(state: &BoardState, count: usize) -> Result<(), Refusal> {
    let device = state.device.id;
    let there = functions(&state.device).count();
    if there > 0 && count > 0 {
        let what = format!(
            "{device} has {there} virtual functions: the number goes from 0 and to 0 only, so set 0 first"
        );
        return Err(Refusal::Invalid { what });
    }
    let is_in_the_way = |user: &&User| count > 0 || user.partition.kind() == PartitionKind::VIRTUAL_FUNCTION;
    refuse(device.into(), state.users.iter().filter(is_in_the_way).cloned().collect())
}

/// Memory is said of all functions or of none, and together it is no more than there is.
fn adds_up(device: &Device, quotas: &[VfQuota]) -> Result<(), Refusal> {
    let amounts: Vec<Bytes> = quotas.iter().filter_map(|quota| quota.memory).collect();
    if !amounts.is_empty() && amounts.len() != quotas.len() {
        let what = "memory is said of some functions and not of others, which would have none".to_owned();
        return Err(Refusal::Invalid { what });
    }
    if amounts.contains(&Bytes::ZERO) {
        let what = "a virtual function with no memory does not come up".to_owned();
        return Err(Refusal::Invalid { what });
    }
    fits(device, amounts.into_iter().fold(Bytes::ZERO, Bytes::saturating_add))
}

fn fits(device: &Device, sum: Bytes) -> Result<(), Refusal> {
    match device.memory_total.value() {
        Some(total) if sum > *total => {
            let what = format!("{sum} of memory for virtual functions: {} has {total}", device.id);
            Err(Refusal::Invalid { what })
        }
        _ => Ok(()),
    }
}

fn refused(unit: UnitId, refusal: ModeRefusal) -> Refusal {
    let what = format!("the simulated driver of {unit}: {refusal}");
    match refusal {
        ModeRefusal::Busy => Refusal::InUse { unit, by: Vec::new() },
        ModeRefusal::NotFound => Refusal::NotSupported { why: what },
        ModeRefusal::Invalid => Refusal::Invalid { what },
    }
}

/// Sets what is said of a function.
fn set(machine: &mut Machine, gpu: usize, number: u32, quota: &VfQuota) -> Result<(), ModeRefusal> {
    use crate::intel::Quota::{ExecQuantum, Memory, PreemptTimeout, Priority};
    // Where each tile has its own, each has half; the first has what is left over.
    let tiles = if machine.quotas_by_tile(gpu) { 2 } else { 1 };
    let memory = quota.memory.map(Bytes::get);
    let (first, second) = (memory.map(|all| all - all / 2 * (tiles - 1)), memory.map(|all| all / 2));
    let values = [
        (Memory(0), first),
        (Memory(1), second.filter(|_| tiles == 2)),
        (ExecQuantum, quota.exec_quantum_ms.map(u64::from)),
        (PreemptTimeout, quota.preempt_timeout_us.map(u64::from)),
        (Priority, quota.priority.map(u64::from)),
    ];
    for (what, value) in values {
        if let Some(value) = value {
            machine.set_quota(gpu, number, what, value)?;
        }
    }
    Ok(())
}

impl SimPartitioner {
    fn intel(scene: &Scene, position: usize) -> Result<&IntelSpec, Refusal> {
        match &scene.machine().gpus[position].silicon {
            Silicon::Intel(intel) => Ok(intel),
            _ => {
                Err(Refusal::NotSupported { why: "only Intel's GPUs have virtual functions here".to_owned() })
            }
        }
    }

    /// A change of one of Intel's boards, all of it or nothing.
    fn change_intel(
        &self,
        unit: UnitId,
        change: impl FnOnce(&mut Machine) -> Result<(), ModeRefusal>,
    ) -> Result<BoardState, Refusal> {
        let all_or_nothing = |machine: &mut Machine| {
            let mut copy = machine.clone();
            change(&mut copy)?;
            *machine = copy;
            Ok(())
        };
        self.world.change_modes(all_or_nothing).map_err(|refusal| refused(unit, refusal))?;
        let (position, device, scene) = self.look(unit.device())?;
        board(device, position, &scene)
    }

    /// Sets a mode of an Intel board that is as planned on: `sriov` to a number of virtual functions, or
    /// `ccs` to a number of compute engines.
    pub(super) fn set_intel_mode(
        &self,
        state: BoardState,
        position: usize,
        mode: &str,
        value: &str,
    ) -> Result<ModeChange, Refusal> {
        let device = state.device.id;
        if mode != Mode::SRIOV && mode != Mode::CCS {
            let what = format!("Intel's GPUs have the modes sriov and ccs, not {mode:?}");
            return Err(Refusal::Invalid { what });
        }
        if offered(&state.device, mode, value)? == value {
            return Ok(ModeChange::new(state.device));
        }
        // It is one of those that are offered, which are numbers.
        let number: u32 = value.parse().unwrap_or(0);
        if mode == Mode::CCS {
            refuse(device.into(), state.users.clone())?;
            if functions(&state.device).count() > 0 {
                let why = "the driver fixes the compute mode while there are virtual functions".to_owned();
                return Err(Refusal::NotSupported { why });
            }
            let after = self.change_intel(device.into(), |machine| machine.set_ccs_mode(position, number))?;
            return Ok(ModeChange::new(after.device));
        }
        may_be(&state, number as usize)?;
        let after =
            self.change_intel(device.into(), |machine| machine.set_virtual_functions(position, number))?;
        let mut change = ModeChange::new(after.device);
        change.notes.extend((number > 0).then_some(AUTOMATIC));
        Ok(change)
    }

    /// Cuts an Intel GPU into as many virtual functions as there are `quotas`, each with what is said of
    /// it; none takes them all away, with their memory quotas. As `gpu_intel::IntelBackend::cut` does it
    /// through the drivers' files.
    ///
    /// # Errors
    /// [`Stale`](Refusal::Stale); [`InUse`](Refusal::InUse) while somebody is on the GPU or, for none, on a
    /// function; [`Invalid`](Refusal::Invalid) for a GPU that has functions already, more than it can
    /// have, or amounts that do not add up; [`NotSupported`](Refusal::NotSupported) for a GPU that has
    /// none, or a priority on i915.
    ///
    /// ```
    /// use gpu_core::{Backend, Bytes, Partitioner};
    /// use gpu_sim::{SimBackend, SimPartitioner, VfQuota, World};
    /// let mut machine = gpu_sim::Machine::preset("flex-170-2")?;
    /// machine.workloads.clear();
    /// let world = World::new(machine);
    /// let partitioner = SimPartitioner::new(world.clone());
    /// let gpu = SimBackend::new(world, gpu_core::Vendor::INTEL).inventory()?.devices[0].id;
    /// let quota = VfQuota { memory: Some(Bytes::gib(5)), ..VfQuota::default() };
    /// let done = partitioner.cut(gpu, partitioner.board(gpu)?.fingerprint(), &[quota; 3])?;
    /// assert_eq!(done.made.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cut(&self, device: DeviceId, on: Fingerprint, quotas: &[VfQuota]) -> Result<Done, Refusal> {
        let _turn = self.take_turn();
        let (position, state) = self.begin_intel(device, on)?;
        offered(&state.device, Mode::SRIOV, &quotas.len().to_string())?;
        if !quotas.is_empty() && functions(&state.device).count() > 0 {
            may_be(&state, quotas.len())?;
        }
        adds_up(&state.device, quotas)?;
        self.has_priorities(position, quotas)?;
        may_be(&state, quotas.len())?;
        let before: Vec<u32> = functions(&state.device).map(|id| id.index()).collect();
        let after = self.change_intel(device.into(), |machine| {
            for (number, quota) in (1..).zip(quotas) {
                set(machine, position, number, quota)?;
            }
            machine.set_virtual_functions(position, u32::try_from(quotas.len()).unwrap_or(u32::MAX))?;
            // Without functions, the driver shares out by itself again.
            for number in before.into_iter().filter(|_| quotas.is_empty()) {
                set(machine, position, number, &VfQuota { memory: Some(Bytes::ZERO), ..VfQuota::default() })?;
            }
            Ok(())
        })?;
        let made = functions(&after.device).filter_map(|id| Made::of(&after, id)).collect();
        Ok(Done::new(after, made))
    }

    /// Changes what a virtual function that is there has, while nobody is on it.
    ///
    /// # Errors
    /// As [`cut`](Self::cut); [`UnknownUnit`](Refusal::UnknownUnit) when it is not there (any more).
    pub fn adjust(&self, function: PartitionId, on: Fingerprint, to: &VfQuota) -> Result<Done, Refusal> {
        let _turn = self.take_turn();
        let (position, state) = self.begin_intel(function.device(), on)?;
        if !functions(&state.device).any(|id| id == function) {
            return Err(Refusal::UnknownUnit { unit: function.into() });
        }
        self.has_priorities(position, std::slice::from_ref(to))?;
        refuse(function.into(), state.users_of(function).cloned().collect())?;
        if let Some(memory) = to.memory {
            let parts = state.device.partitions().filter(|part| part.id != function);
            let others = parts.filter(|part| part.kind() == PartitionKind::VIRTUAL_FUNCTION);
            let others = others.filter_map(|part| part.memory_total.value().copied());
            fits(&state.device, others.fold(memory, Bytes::saturating_add))?;
        }
        let after =
            self.change_intel(function.into(), |machine| set(machine, position, function.index(), to))?;
        Ok(Done::new(after, Vec::new()))
    }

    fn begin_intel(&self, device: DeviceId, on: Fingerprint) -> Result<(usize, BoardState), Refusal> {
        if device.vendor() != Vendor::INTEL {
            let why = "only Intel's GPUs have virtual functions here".to_owned();
            return Err(Refusal::NotSupported { why });
        }
        self.begin(device, on)
    }

    fn has_priorities(&self, position: usize, quotas: &[VfQuota]) -> Result<(), Refusal> {
        let scene = self.world.scene();
        let is_xe = Self::intel(&scene, position)?.driver == IntelDriver::Xe;
        match quotas.iter().any(|quota| quota.priority.is_some()) {
            true if !is_xe => Err(Refusal::NotSupported { why: NO_PRIORITY.to_owned() }),
            _ => Ok(()),
        }
    }
}
