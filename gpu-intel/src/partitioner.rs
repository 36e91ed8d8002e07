//! Changing how a GPU is cut: its virtual functions, and how its compute engines are shared.
//!
//! Source: PCI's `sriov_numvfs` (kernel: `Documentation/ABI/testing/sysfs-bus-pci`), xe's
//! `sriov_admin` (`sysfs-driver-intel-xe-sriov`, kernel 6.19 and later), the backport's
//! `prelim_iov`, and `ccs_mode` (`xe_gt_ccs_mode.c`).

mod function;
mod users;
mod write;

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use gpu_core::plan::{Geometry, Layout, Live, New, Profile, ProfileKey};
use gpu_core::{
    BoardState, Device, DeviceId, Done, Error, ErrorKind, Fingerprint, Inner, Mode, ModeChange, Need,
    PartitionId, PartitionKind, Partitioner, Placement, Refusal, UnitId, User,
};
use gpu_host::lock::{Lock, Locking};

use crate::backend::IntelBackend;
use crate::board::{Board, Boards};
pub use function::{FunctionSpec, Priority};

/// How long the trees may contradict each other after a change. A driver has none of that; whoever
/// follows one may.
const SETTLES: Duration = Duration::from_secs(2);

const AS_A_WHOLE: &str = "virtual functions are made all at once and go all at once: set the mode sriov to \
                          how many there shall be, or cut with IntelBackend::cut";
const AUTOMATIC: &str = "the driver shares memory and time out; IntelBackend::cut says how";
const PROBED: &str = "unless sriov_drivers_autoprobe is 0, the host's own driver takes the functions";
const NEVER_FROM_TO: &str = "the kernel changes the number from 0 and to 0 only";

/// Which profile of the geometry stands for a GPU that is not cut.
const WHOLE: ProfileKey = ProfileKey(0);

/// Modes are set as a whole, by [`set_mode`](Partitioner::set_mode): no virtual function is made or
/// destroyed by itself, and [`apply`](gpu_core::apply::apply) has nothing to do here.
impl Partitioner for IntelBackend {
    fn board(&self, device: DeviceId) -> Result<BoardState, Refusal> {
        let boards = self.look_again()?;
        self.state(find(&boards, device)?).map(|(state, _)| state)
    }

    fn create(&self, _: DeviceId, _: Fingerprint, _: &New, _: &Inner) -> Result<Done, Refusal> {
        Err(Refusal::NotSupported { why: AS_A_WHOLE.to_owned() })
    }

    fn create_inner(&self, _: PartitionId, _: Fingerprint, _: u32) -> Result<Done, Refusal> {
        Err(Refusal::NotSupported { why: AS_A_WHOLE.to_owned() })
    }

    fn destroy(&self, _: PartitionId, _: Fingerprint) -> Result<Done, Refusal> {
        Err(Refusal::NotSupported { why: AS_A_WHOLE.to_owned() })
    }

    /// `sriov` to a number of virtual functions, that the driver shares memory and time out to; `ccs`
    /// to a number of compute engines.
    fn set_mode(
        &self,
        device: DeviceId,
        on: Fingerprint,
        mode: &str,
        value: &str,
    ) -> Result<ModeChange, Refusal> {
        let name = match mode {
            Mode::SRIOV => Mode::SRIOV,
            Mode::CCS => Mode::CCS,
            other => {
                let what = format!("Intel's GPUs have the modes sriov and ccs, not {other:?}");
                return Err(Refusal::Invalid { what });
            }
        };
        let held = self.hold(device, on)?;
        let current = offered(&held.before.device, name, value)?;
        if current == value {
            return Ok(ModeChange::new(held.before.device));
        }
        if name == Mode::CCS {
            return self.set_ccs(&held, value);
        }
        // It is one of those that are offered, which are numbers.
        let count = value.parse().unwrap_or(0);
        let mut change = ModeChange::new(self.set_count(&held, count)?.device);
        change.notes.extend((count > 0).then_some([AUTOMATIC, PROBED]).into_iter().flatten());
        Ok(change)
    }
}

/// A GPU that is this writer's to change, as it was when that began.
struct Held {
    _lock: Lock,
    board: Board,
    before: BoardState,
    /// What it would take to see everybody who may be on the GPU, where they are not all seen.
    needs: Option<Need>,
}

impl Held {
    /// Refuses to make functions while somebody is on the GPU, which would be shared with them, and to
    /// take them away while somebody is on one.
    fn refuse_users(&self, count: u32) -> Result<(), Refusal> {
        let is_in_the_way =
            |user: &&User| count > 0 || user.partition.kind() == PartitionKind::VIRTUAL_FUNCTION;
        let by: Vec<User> = self.before.users.iter().filter(is_in_the_way).cloned().collect();
        self.refuse(self.before.device.id.into(), by)
    }

    /// Refuses a change of a unit that is used by these, or by somebody who cannot be seen.
    fn refuse(&self, unit: UnitId, by: Vec<User>) -> Result<(), Refusal> {
        match self.needs {
            _ if !by.is_empty() => Err(Refusal::InUse { unit, by }),
            Some(needs) => Err(Refusal::NotPermitted { needs }),
            None => Ok(()),
        }
    }
}

impl IntelBackend {
    /// The board as it is, and what it would take to see all of its users.
    fn state(&self, board: &Board) -> Result<(BoardState, Option<Need>), Refusal> {
        let device = self.device(board);
        let users::Seen { users, needs } = self.users(board);
        let (geometry, current) = geometry(&device)?;
        let live = Live::new(current, Placement { start: 0, size: 1 }, 0);
        let live = if users.is_empty() { live } else { live.pinned() };
        let layout = Layout::new(device.fingerprint(), vec![live]);
        Ok((BoardState::new(device, geometry, layout, users), needs))
    }

    /// Takes the lock of a GPU, and refuses when it is not as the change was planned on.
    fn hold(&self, device: DeviceId, on: Fingerprint) -> Result<Held, Refusal> {
        find(&self.look_again()?, device)?;
        let lock = match Lock::of(&self.roots().locks, device)? {
            Locking::Held(lock) => lock,
            Locking::Busy(path) => return Err(Refusal::Busy { lock: path.display().to_string() }),
        };
        // What was there before the lock was taken may not be there any more.
        let boards = self.look_again()?;
        let board = find(&boards, device)?.clone();
        let (before, needs) = self.state(&board)?;
        if before.fingerprint() != on {
            return Err(Refusal::Stale { device, planned: on, found: before.fingerprint() });
        }
        Ok(Held { _lock: lock, board, before, needs })
    }

    /// Makes so many virtual functions, or takes them all away.
    fn set_count(&self, held: &Held, count: u32) -> Result<BoardState, Refusal> {
        let device = held.before.device.id;
        let there = held.board.virtual_functions.len();
        if there > 0 && count > 0 {
            let what = format!("{device} has {there} virtual functions: {NEVER_FROM_TO}, so set 0 first");
            return Err(Refusal::Invalid { what });
        }
        held.refuse_users(count)?;
        let path = held.board.function.path.join("sriov_numvfs");
        if let Err(failed) = write::write(self.roots(), &path, &count.to_string()) {
            return Err(failed.refusal(device.into(), "sriov_numvfs", || self.users(&held.board).users));
        }
        let at = path.display().to_string();
        self.read_back(held, &at, |device, board| {
            // The links are the kernel's; the number may be what was written.
            let links = crate::board::numbered(&board.function.path, "virtfn").len();
            let shown = board.virtual_functions.len() == count as usize && links == count as usize;
            shown
                && current(device, Mode::SRIOV) == Some(count.to_string().as_str())
                && board.virtual_functions.iter().all(|function| function.address.is_some())
        })
    }

    fn set_ccs(&self, held: &Held, value: &str) -> Result<ModeChange, Refusal> {
        let device = held.before.device.id;
        held.refuse(device.into(), held.before.users.clone())?;
        if !held.board.virtual_functions.is_empty() {
            let why = "the driver fixes the compute mode while there are virtual functions";
            return Err(Refusal::NotSupported { why: why.to_owned() });
        }
        for file in held.board.tiles.iter().filter_map(|tile| tile.gt.ccs_mode.as_ref()) {
            if let Err(failed) = write::write(self.roots(), file.path(), value) {
                return Err(failed.refusal(device.into(), "ccs_mode", || self.users(&held.board).users));
            }
        }
        let after =
            self.read_back(held, "ccs_mode", |device, _| current(device, Mode::CCS) == Some(value))?;
        Ok(ModeChange::new(after.device))
    }

    /// Looks what became of the board, until it is as it shall be.
    fn read_back(
        &self,
        held: &Held,
        at: &str,
        is_done: impl Fn(&Device, &Board) -> bool,
    ) -> Result<BoardState, Refusal> {
        let deadline = Instant::now() + SETTLES;
        let mut pause = Duration::from_millis(1);
        loop {
            let boards = self.look_again()?;
            let board = find(&boards, held.before.device.id)?;
            let device = self.device(board);
            if is_done(&device, board) {
                return self.state(board).map(|(state, _)| state);
            }
            if Instant::now() >= deadline {
                let detail = "took what was written, and the machine does not show it since";
                return Err(Error::new(ErrorKind::Inconsistent, at, detail).into());
            }
            sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
}

/// How a GPU can be cut: not at all, or into so many virtual functions. Each number is a profile of
/// the whole GPU, because they come and go together.
fn geometry(device: &Device) -> Result<(Geometry, ProfileKey), Refusal> {
    let total = device.mode(Mode::SRIOV).and_then(|mode| mode.available.value()).map_or(0, |all| all.len());
    let most = Geometry::MOST_PROFILES - 1;
    let total = u32::try_from(total.saturating_sub(1).min(most)).unwrap_or(0);
    let parts = device.partitions.iter().filter(|part| part.kind() == PartitionKind::VIRTUAL_FUNCTION);
    let live = u32::try_from(parts.count()).unwrap_or(0);
    let mut builder = Geometry::builder(device.name.clone(), 1);
    builder = builder.profile(Profile::new(WHOLE, "whole").at([0], 1));
    for count in 1..=total.max(live.min(total)) {
        builder = builder.profile(Profile::new(ProfileKey(count), format!("{count}vf")).at([0], 1));
    }
    let geometry = builder.build().map_err(|error| Refusal::Invalid { what: error.to_string() })?;
    Ok((geometry, ProfileKey(live.min(total))))
}

fn current<'a>(device: &'a Device, mode: &str) -> Option<&'a str> {
    device.mode(mode)?.current.value().map(String::as_str)
}

/// The value in force of a mode that offers another one.
fn offered<'a>(device: &'a Device, name: &str, value: &str) -> Result<&'a str, Refusal> {
    let mode = device
        .mode(name)
        .ok_or_else(|| Refusal::NotSupported { why: format!("{} has no mode {name} now", device.id) })?;
    let offered = mode.available.get().map_err(Refusal::from)?;
    if !offered.iter().any(|of| of == value) {
        let most = offered.last().map_or("nothing", String::as_str);
        let what =
            format!("{name} takes no {value:?}: the driver offers {} values up to {most}", offered.len());
        return Err(Refusal::Invalid { what });
    }
    mode.current.get().map(String::as_str).map_err(Refusal::from)
}

fn find(boards: &Arc<Boards>, device: DeviceId) -> Result<&Board, Refusal> {
    let found = boards.boards.iter().find(|board| board.id == device);
    found.ok_or(Refusal::UnknownUnit { unit: UnitId::Device(device) })
}
