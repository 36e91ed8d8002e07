//! [`SimPartitioner`]: changes how a simulated world's boards are cut, in process.

mod amd;
mod intel;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gpu_core::plan::{Layout, Live, New, ProfileKey};
use gpu_core::{
    Absence, BoardState, Bytes, Count, Device, DeviceId, Done, Engines, Fingerprint, Inner, Known, Made,
    Mode, ModeChange, Partition, PartitionId, PartitionKind, Partitioner, Pid, PidView, Placement, Refusal,
    UnitId, User, Vendor,
};
use gpu_nvidia_mig::{GpuInstanceProfileId, Profile, ProfileIndex, Profiles};

use crate::gpu::{MigProfile, MigSpec, Silicon};
use crate::inventory;
use crate::machine::Machine;
use crate::mig::MigRefusal;
use crate::scene::Scene;
use crate::world::World;

pub use intel::VfQuota;

/// Changes MIG on a simulated world's NVIDIA boards, modes on those of AMD's, and virtual functions on
/// Intel's ([`cut`](Self::cut) says what each shall have), as their drivers would: the same world's
/// backends and trees show it. Processes of the world count as users.
///
/// ```
/// use gpu_core::{Inner, Partitioner, Backend, plan::Request};
/// let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed")?);
/// let backend = gpu_sim::SimBackend::new(world, gpu_core::Vendor::NVIDIA);
/// let h100 = backend.inventory()?.devices[0].id;
/// let partitioner = backend.partitioner()?;
/// let board = partitioner.board(h100)?;
/// let wanted = board.geometry.wanted(["1g.10gb"])?;
/// let plan = board.geometry.plan(&board.layout, &Request::add(wanted))?;
/// let done = partitioner.create(h100, plan.fingerprint, &plan.create[0], &Inner::Whole)?;
/// assert_eq!(done.made[0].profile, "1g.10gb");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimPartitioner {
    world: World,
    /// One change after the other, as a lock file does for real ones.
    turn: Arc<Mutex<()>>,
}

impl SimPartitioner {
    /// The boards of that world.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world, turn: Arc::default() }
    }

    fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn position(&self, scene: &Scene, device: DeviceId) -> Result<usize, Refusal> {
        let mut gpus = scene.gpus_of(device.vendor());
        let found = gpus.find(|(position, gpu)| {
            inventory::device_id(scene.machine(), gpu) == device && !scene.gpu(*position).lost
        });
        found.map(|found| found.0).ok_or(Refusal::UnknownUnit { unit: UnitId::Device(device) })
    }

    fn look(&self, device: DeviceId) -> Result<(usize, Device, Scene), Refusal> {
        let scene = self.world.scene();
        let position = self.position(&scene, device)?;
        let found = inventory::inventory(&scene, device.vendor()).device(device).cloned();
        let found = found.ok_or(Refusal::UnknownUnit { unit: UnitId::Device(device) })?;
        Ok((position, found, scene))
    }

    fn begin(&self, device: DeviceId, planned: Fingerprint) -> Result<(usize, BoardState), Refusal> {
        let (position, ..) = self.look(device)?;
        let state = self.board(device)?;
        match state.fingerprint() {
            found if found == planned => Ok((position, state)),
            found => Err(Refusal::Stale { device, planned, found }),
        }
    }

    /// The same of a change of one part, which boards that are cut as a whole do not have.
    fn begin_cut(&self, device: DeviceId, planned: Fingerprint) -> Result<(usize, BoardState), Refusal> {
        let mode = match device.vendor() {
            Vendor::AMD => Mode::COMPUTE_PARTITION,
            Vendor::INTEL => Mode::SRIOV,
            _ => return self.begin(device, planned),
        };
        let why = format!("a mode makes all partitions at once: set the mode {mode}");
        Err(Refusal::NotSupported { why })
    }

    fn change<T>(
        &self,
        unit: UnitId,
        change: impl FnOnce(&mut Machine) -> Result<T, MigRefusal>,
    ) -> Result<T, Refusal> {
        self.world.change_mig(change).map_err(|refused| match refused {
            MigRefusal::InUse => Refusal::InUse { unit, by: Vec::new() },
            MigRefusal::NotSupported => Refusal::NotSupported { why: refused.to_string() },
            MigRefusal::InsufficientResources => Refusal::NoRoom { what: unit.to_string() },
            MigRefusal::NotFound => Refusal::UnknownUnit { unit },
            MigRefusal::InvalidArgument => Refusal::Invalid { what: format!("{unit}: {refused}") },
        })
    }
}

impl Partitioner for SimPartitioner {
    fn board(&self, device: DeviceId) -> Result<BoardState, Refusal> {
        let (position, device, scene) = self.look(device)?;
        if device.vendor() == Vendor::AMD {
            return amd::board(device, position, &scene);
        }
        if device.vendor() == Vendor::INTEL {
            return intel::board(device, position, &scene);
        }
        let Silicon::Nvidia(nvidia) = &scene.machine().gpus[position].silicon else {
            return Err(Refusal::UnknownUnit { unit: device.id.into() });
        };
        let mig = nvidia.mig.as_ref().filter(|mig| mig.enabled);
        let off = || Refusal::NotSupported { why: "MIG mode is off, or the board has none".to_owned() };
        let mig = mig.ok_or_else(off)?;
        let profiles = mig.profiles.iter().filter_map(profile).collect();
        let profiles = Profiles::new(device.name.clone(), profiles);
        let invalid = |error: gpu_nvidia_mig::NoGeometry| Refusal::Invalid { what: error.to_string() };
        let geometry = profiles.geometry().map_err(invalid)?;
        let users = users(&scene, position, device.id);
        let live = device.partitions().filter_map(|part| live(mig, part, &users)).collect();
        let layout = Layout::new(device.fingerprint(), live);
        Ok(BoardState::new(device, geometry, layout, users))
    }

    fn create(&self, device: DeviceId, on: Fingerprint, new: &New, inner: &Inner) -> Result<Done, Refusal> {
        let _turn = self.take_turn();
        let (position, before) = self.begin_cut(device, on)?;
        let id = self.change(device.into(), |machine| {
            let index = new.profile.0;
            let (profile, slices) = offered(machine, position, index).ok_or(MigRefusal::InvalidArgument)?;
            // All or nothing, as one change of the machine.
            let mut copy = machine.clone();
            let id = copy.create_gpu_instance(position, profile, Some(new.placement.start))?;
            for slices in parts(inner, slices) {
                copy.create_compute_instance(position, id, slices, None)?;
            }
            *machine = copy;
            Ok(id)
        })?;
        let id = device.partition(PartitionKind::GPU_INSTANCE, id);
        let after = self.board(device)?;
        before.became(&after, &[], &[id])?;
        let parts = after.device.partitions().filter(|part| part.id == id);
        let ids =
            parts.flat_map(|part| std::iter::once(part.id).chain(part.partitions().map(|inner| inner.id)));
        let made = ids.filter_map(|id| Made::of(&after, id)).collect();
        Ok(Done::new(after, made))
    }

    fn create_inner(&self, parent: PartitionId, on: Fingerprint, slices: u32) -> Result<Done, Refusal> {
        let _turn = self.take_turn();
        let (position, before) = self.begin_cut(parent.device(), on)?;
        let id = self.change(parent.into(), |machine| {
            machine.create_compute_instance(position, parent.index(), slices, None)
        })?;
        let after = self.board(parent.device())?;
        before.became(&after, &[], &[])?;
        let id = parent.inner(PartitionKind::COMPUTE_INSTANCE, id);
        let made = id.and_then(|id| Made::of(&after, id)).into_iter().collect();
        Ok(Done::new(after, made))
    }

    fn destroy(&self, partition: PartitionId, on: Fingerprint) -> Result<Done, Refusal> {
        let _turn = self.take_turn();
        let (position, before) = self.begin_cut(partition.device(), on)?;
        let by: Vec<User> = before.users_of(partition).cloned().collect();
        if !by.is_empty() {
            return Err(Refusal::InUse { unit: partition.into(), by });
        }
        let outer = partition.parent().unwrap_or(partition);
        let inside: Vec<u32> = match partition.parent() {
            Some(_) => vec![partition.index()],
            None => {
                let parts = before.device.partitions().filter(|part| part.id == outer);
                parts.flat_map(|part| part.partitions().map(|inner| inner.id.index())).collect()
            }
        };
        self.change(partition.into(), |machine| {
            for id in inside {
                machine.destroy_compute_instance(position, outer.index(), id)?;
            }
            match partition.parent() {
                Some(_) => Ok(()),
                None => machine.destroy_gpu_instance(position, outer.index()),
            }
        })?;
        let after = self.board(partition.device())?;
        let gone = if partition.parent().is_none() { &[partition][..] } else { &[][..] };
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
        let _turn = self.take_turn();
        if device.vendor() == Vendor::AMD {
            let (position, state) = self.begin(device, on)?;
            return self.set_amd_mode(&state, position, mode, value);
        }
        if device.vendor() == Vendor::INTEL {
            let (position, state) = self.begin(device, on)?;
            return self.set_intel_mode(state, position, mode, value);
        }
        let enable = match (mode, value) {
            (Mode::MIG, "enabled") => true,
            (Mode::MIG, "disabled") => false,
            (mode, value) => {
                return Err(Refusal::Invalid { what: format!("no mode {mode:?} that can be {value:?}") });
            }
        };
        let (position, found, _) = self.look(device)?;
        let found = found.fingerprint();
        if found != on {
            return Err(Refusal::Stale { device, planned: on, found });
        }
        let in_force = self.change(device.into(), |machine| machine.set_mig_mode(position, enable))?;
        let mut change = ModeChange::new(self.look(device)?.1);
        change.awaits = (!in_force).then_some("a reset of the simulated GPU, once nothing runs on it");
        Ok(change)
    }
}

/// The board's own id of the profile of an index, and its compute slices.
fn offered(machine: &Machine, position: usize, index: u32) -> Option<(u32, u32)> {
    let Silicon::Nvidia(nvidia) = &machine.gpus.get(position)?.silicon else { return None };
    let profile = nvidia.mig.as_ref()?.profiles.iter().find(|profile| profile.index == index)?;
    Some((profile.id, profile.slices))
}

fn parts(inner: &Inner, whole: u32) -> Vec<u32> {
    match inner {
        Inner::Whole => vec![whole],
        Inner::Slices(slices) => slices.clone(),
        _ => Vec::new(),
    }
}

fn users(scene: &Scene, position: usize, device: DeviceId) -> Vec<User> {
    let gpu = &scene.machine().gpus[position];
    let uses = scene.uses(position).into_iter().filter_map(|of| {
        let partition = inventory::partition_id(device, gpu, of.part)?;
        Some(user_of(scene, partition, of.pid))
    });
    uses.collect()
}

/// A process that runs, with its cgroup's meaning.
fn user_of(scene: &Scene, partition: PartitionId, pid: Pid) -> User {
    let mut user = User::new(partition, pid, PidView::Host);
    let workload = scene.running().find(|workload| workload.pid == pid);
    user.owner = workload
        .map(|workload| gpu_core::cgroup::owner(&format!("0::{}\n", workload.cgroup)))
        .ok_or(Absence::Lost);
    user
}

fn live(mig: &MigSpec, part: &Partition, users: &[User]) -> Option<Live> {
    let name = part.profile.value()?;
    let profile = mig.profiles.iter().find(|profile| profile.name == *name)?;
    let live = Live::new(ProfileKey(profile.index), *part.placement.value()?, part.id.index());
    let used = users.iter().any(|of| of.partition == part.id || of.partition.parent() == Some(part.id));
    Some(if used { live.pinned() } else { live })
}

fn profile(of: &MigProfile) -> Option<Profile> {
    let count = |n: u32| -> Known<Count> { Count(n.into()).into() };
    let index = ProfileIndex(of.index);
    let mut profile = Profile::new(of.name.parse().ok()?, index, of.max_instances, "a simulated driver");
    profile.id = GpuInstanceProfileId(of.id).into();
    profile.slices = of.slices;
    profile.multiprocessors = count(of.multiprocessors);
    profile.memory = Known::<Bytes>::from(of.memory);
    let places = of.starts.iter().map(|start| Placement { start: *start, size: of.size });
    profile.places = places.collect::<Vec<_>>().into();
    profile.engines = Engines::unsupported("not simulated");
    profile.engines.copy = count(of.copy_engines);
    profile.engines.decoder = count(of.decoders);
    profile.engines.encoder = count(of.encoders);
    profile.engines.jpeg = count(of.jpegs);
    profile.engines.optical_flow = count(of.ofas);
    Some(profile)
}
