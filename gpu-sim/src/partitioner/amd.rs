//! A simulated AMD board: its modes as profiles of the whole, and how they are set.

use gpu_core::plan::{Geometry, Layout, Live, Profile, ProfileKey};
use gpu_core::{BoardState, Device, Mode, ModeChange, PartitionKind, Placement, Refusal, UnitId, User};

use super::{SimPartitioner, user_of};
use crate::amd::{ModeRefusal, valid_modes};
use crate::gpu::{AmdSpec, Silicon};
use crate::inventory;
use crate::machine::Machine;
use crate::scene::Scene;

/// The kernel's order of compute modes (`amdgpu_gfx.h`).
const ORDER: [&str; 5] = ["SPX", "DPX", "TPX", "QPX", "CPX"];

/// The number of a pair of modes: the same that `gpu-amd` gives it.
fn key(compute: &str, memory: &str) -> ProfileKey {
    let compute = ORDER.iter().position(|name| *name == compute).unwrap_or(ORDER.len());
    let regions: u32 = memory.strip_prefix("NPS").and_then(|n| n.parse().ok()).unwrap_or(0);
    #[allow(clippy::cast_possible_truncation)] // at most five
    ProfileKey(compute as u32 * 16 + regions)
}

pub(super) fn board(device: Device, position: usize, scene: &Scene) -> Result<BoardState, Refusal> {
    let Silicon::Amd(amd) = &scene.machine().gpus[position].silicon else {
        return Err(Refusal::UnknownUnit { unit: device.id.into() });
    };
    let (Some(compute), Some(memory)) = (&amd.compute_mode, &amd.memory_mode) else {
        return Err(Refusal::NotSupported { why: "the simulated driver offers no modes".to_owned() });
    };
    let geometry = geometry(&device, amd)?;
    let users = users(&device, position, scene);
    let live = Live::new(key(compute, memory), Placement { start: 0, size: amd.xcc }, 0);
    let live = if users.is_empty() { live } else { live.pinned() };
    let layout = Layout::new(device.fingerprint(), vec![live]);
    Ok(BoardState::new(device, geometry, layout, users))
}

fn geometry(device: &Device, amd: &AmdSpec) -> Result<Geometry, Refusal> {
    let mut geometry = Geometry::builder(device.name.clone(), amd.xcc);
    for memory in &amd.memory_modes {
        for compute in valid_modes(amd.xcc, Some(memory)) {
            let name = format!("{compute}_{memory}").to_lowercase();
            geometry = geometry.profile(Profile::new(key(compute, memory), name).at([0], amd.xcc));
        }
    }
    geometry.build().map_err(|error| Refusal::Invalid { what: error.to_string() })
}

fn users(device: &Device, position: usize, scene: &Scene) -> Vec<User> {
    let gpu = &scene.machine().gpus[position];
    let first = device.id.partition(PartitionKind::COMPUTE_PARTITION, 0);
    let user = |of: crate::scene::UseState| {
        let partition = inventory::partition_id(device.id, gpu, of.part).unwrap_or(first);
        user_of(scene, partition, of.pid)
    };
    let mut users: Vec<User> = scene.uses(position).into_iter().map(user).collect();
    users.sort_unstable_by_key(|user| (user.partition, user.pid));
    users.dedup();
    users
}

impl SimPartitioner {
    /// Sets a mode of an AMD board that is as planned on.
    pub(super) fn set_amd_mode(
        &self,
        state: &BoardState,
        position: usize,
        mode: &str,
        value: &str,
    ) -> Result<ModeChange, Refusal> {
        let device = state.device.id;
        let set: fn(&mut Machine, usize, &str) -> Result<(), ModeRefusal> = match mode {
            Mode::COMPUTE_PARTITION => Machine::set_compute_mode,
            Mode::MEMORY_PARTITION => Machine::set_memory_mode,
            other => return Err(Refusal::Invalid { what: format!("{device} has no mode {other:?}") }),
        };
        let found = state.device.mode(mode);
        let is_set = found.and_then(|mode| mode.current.value()).is_some_and(|current| current == value);
        if !is_set && !state.users.is_empty() {
            return Err(Refusal::InUse { unit: device.into(), by: state.users.clone() });
        }
        self.world.change_modes(|machine| set(machine, position, value)).map_err(|refused| {
            let what = format!("{device} cannot have {mode} {value}: {refused}");
            match refused {
                ModeRefusal::Busy => Refusal::InUse { unit: UnitId::Device(device), by: Vec::new() },
                ModeRefusal::NotFound => Refusal::NotSupported { why: what },
                ModeRefusal::Invalid => Refusal::Invalid { what },
            }
        })?;
        let mut change = ModeChange::new(self.look(device)?.1);
        if mode == Mode::MEMORY_PARTITION && !is_set {
            change.awaits = Some("the simulated driver to be loaded again");
            change.notes.push("every GPU of the hive changes with it");
        }
        Ok(change)
    }
}
