//! Changing how a GPU is cut: its compute mode and its memory mode, through sysfs.
//!
//! Source: the kernel's `amdgpu_gfx.c` (`current_compute_partition`), `amdgpu_gmc.c`
//! (`current_memory_partition`), `aqua_vanjaram.c` and `kfd_device.c`.

mod offer;
mod users;
mod write;

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use gpu_core::plan::{Layout, Live, New};
use gpu_core::{
    BoardState, Device, DeviceId, Done, Error, ErrorKind, Fingerprint, Inner, Mode, ModeChange, PartitionId,
    Partitioner, Placement, Refusal, UnitId,
};
use gpu_host::lock::{Lock, Locking};

use crate::backend::AmdBackend;
use crate::board::{Board, Boards};
use crate::inventory;
use offer::Offer;

/// How long the trees may contradict each other after a change: the new mode with the partitions
/// of the old one. A driver has none of that; whoever follows one may.
const SETTLES: Duration = Duration::from_secs(2);

const AS_A_WHOLE: &str = "a mode makes all partitions of a GPU at once: set the modes compute_partition and \
                          memory_partition";
const STALE: &str = "partitions, gpu_ids and render nodes are others than before: containers keep the old \
                     device files";
const HIVE: &str = "every GPU of the xGMI hive changes with it";
const AUTOMATIC: &str = "the driver then takes the compute mode that goes with it: SPX with NPS1, DPX with \
                         NPS2, CPX with NPS4 (TPX on an APU)";
const RELOAD: &str = "amdgpu to be unloaded and loaded again, with no process on any of its GPUs";
const NOT_TAKEN_BACK: &str = "another memory mode that was asked for since the driver was loaded is not \
                              taken back by this";
const OTHER_NUMBER: &str = "the driver shows another number of partitions than the mode makes";

/// A setting of the GPU's, with the file that has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Setting {
    Compute,
    Memory,
}

impl Setting {
    fn named(mode: &str) -> Result<Self, Refusal> {
        match mode {
            Mode::COMPUTE_PARTITION => Ok(Self::Compute),
            Mode::MEMORY_PARTITION => Ok(Self::Memory),
            other => {
                let what = format!(
                    "AMD's GPUs have the modes compute_partition and memory_partition, not {other:?}"
                );
                Err(Refusal::Invalid { what })
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Compute => Mode::COMPUTE_PARTITION,
            Self::Memory => Mode::MEMORY_PARTITION,
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Compute => "current_compute_partition",
            Self::Memory => "current_memory_partition",
        }
    }

    fn current(self, device: &Device) -> Option<&str> {
        device.mode(self.name())?.current.value().map(String::as_str)
    }
}

/// Modes are set as a whole, by [`set_mode`](Partitioner::set_mode): no partition is made or
/// destroyed by itself, and [`apply`](gpu_core::apply::apply) has nothing to do here.
impl Partitioner for AmdBackend {
    fn board(&self, device: DeviceId) -> Result<BoardState, Refusal> {
        let boards = self.look_again()?;
        self.state(&boards, find(&boards, device)?)
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

    fn set_mode(
        &self,
        device: DeviceId,
        on: Fingerprint,
        mode: &str,
        value: &str,
    ) -> Result<ModeChange, Refusal> {
        let setting = Setting::named(mode)?;
        let boards = self.look_again()?;
        let _locks = self.locks_of(&boards, find(&boards, device)?, setting)?;
        // What was there before the locks were taken may not be there any more.
        let boards = self.look_again()?;
        let board = find(&boards, device)?;
        let before = self.state(&boards, board)?;
        if before.fingerprint() != on {
            return Err(Refusal::Stale { device, planned: on, found: before.fingerprint() });
        }
        Offer::of(board, &before.device)?.check(setting, value, board)?;
        if setting.current(&before.device) == Some(value) {
            let mut change = ModeChange::new(before.device);
            change.notes.extend((setting == Setting::Memory).then_some(NOT_TAKEN_BACK));
            return Ok(change);
        }
        match self.users_of_all(&boards, board, setting) {
            users::Users { users: by, .. } if !by.is_empty() => {
                return Err(Refusal::InUse { unit: device.into(), by });
            }
            users::Users { needs: Some(needs), .. } => return Err(Refusal::NotPermitted { needs }),
            users::Users { .. } => {}
        }
        let path = board.path().map(|folder| folder.join(setting.file())).unwrap_or_default();
        if let Err(failed) = write::write(self.roots(), &path, value) {
            let users = || self.users_of_all(&boards, board, setting).users;
            return Err(failed.refusal(device.into(), setting, value, users));
        }
        self.read_back(&before, &nodes(board), setting, value, &path.display().to_string())
    }
}

/// What a look after a change shows.
enum Seen {
    /// The mode, and partitions that were made for it.
    Done(Device),
    /// The mode, and partitions made anew, but not as many as it makes.
    Uneven(Device),
    /// The mode, and the partitions of the old one.
    Torn(Device),
    /// The old mode.
    Kept(Device),
    /// A third.
    Other(Device),
    /// None that can be read.
    Nothing,
}

impl AmdBackend {
    fn state(&self, boards: &Boards, board: &Board) -> Result<BoardState, Refusal> {
        let device = self.device(board);
        let offer = Offer::of(board, &device)?;
        let users = self.users(boards, board).users;
        let live = Live::new(offer.current, Placement { start: 0, size: offer.dies }, 0);
        let live = if users.is_empty() { live } else { live.pinned() };
        let layout = Layout::new(device.fingerprint(), vec![live]);
        Ok(BoardState::new(device, offer.geometry, layout, users))
    }

    fn device(&self, board: &Board) -> Device {
        // What cannot be read is absent in the device.
        inventory::device(board, self.boot_id(), &mut Vec::new())
    }

    /// The locks of all GPUs that the change is about. Nobody waits, so that nobody waits for
    /// each other.
    fn locks_of(&self, boards: &Boards, board: &Board, setting: Setting) -> Result<Vec<Lock>, Refusal> {
        let lock = |member: &Board| match Lock::of(self.locks(), member.id) {
            Ok(Locking::Held(lock)) => Ok(lock),
            Ok(Locking::Busy(path)) => Err(Refusal::Busy { lock: path.display().to_string() }),
            Err(error) => Err(Refusal::Failed(error)),
        };
        members(boards, board, setting).map(lock).collect()
    }

    /// Who is on any of the GPUs that the change is about.
    fn users_of_all(&self, boards: &Boards, board: &Board, setting: Setting) -> users::Users {
        let mut all = users::Users::default();
        for member in members(boards, board, setting) {
            let users::Users { users, needs } = self.users(boards, member);
            all.users.extend(users);
            all.needs = all.needs.or(needs);
        }
        all
    }

    /// Looks what became of the board, until the trees agree.
    fn read_back(
        &self,
        before: &BoardState,
        nodes: &Nodes,
        setting: Setting,
        value: &str,
        path: &str,
    ) -> Result<ModeChange, Refusal> {
        let deadline = Instant::now() + SETTLES;
        let mut pause = Duration::from_millis(1);
        loop {
            let seen = self.see(before, nodes, setting, value)?;
            let settled = matches!(seen, Seen::Done(_) | Seen::Kept(_) | Seen::Other(_));
            if settled || Instant::now() >= deadline {
                return self.judge(before, seen, setting, value, path);
            }
            sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    fn see(&self, before: &BoardState, old: &Nodes, setting: Setting, value: &str) -> Result<Seen, Refusal> {
        let boards = self.look_again()?;
        let board = find(&boards, before.device.id)?;
        let device = self.device(board);
        Ok(match setting.current(&device) {
            Some(now) if now == value => match offer::partitions_of(board, &device) {
                _ if nodes(board) == *old => Seen::Torn(device),
                Some(wanted) if board.nodes.len() != wanted => Seen::Uneven(device),
                _ => Seen::Done(device),
            },
            Some(now) if Some(now) == setting.current(&before.device) => Seen::Kept(device),
            Some(_) => Seen::Other(device),
            None => Seen::Nothing,
        })
    }

    fn judge(
        &self,
        before: &BoardState,
        seen: Seen,
        setting: Setting,
        value: &str,
        path: &str,
    ) -> Result<ModeChange, Refusal> {
        let id = before.device.id;
        match (seen, setting) {
            (Seen::Done(device), _) => Ok(changed(device, &[STALE])),
            (Seen::Uneven(device), _) => Ok(changed(device, &[STALE, OTHER_NUMBER])),
            // The driver keeps the request until it is loaded again.
            (Seen::Kept(device) | Seen::Torn(device), Setting::Memory) => {
                let mut change = changed(device, &[HIVE, AUTOMATIC, STALE]);
                change.awaits = Some(RELOAD);
                Ok(change)
            }
            (Seen::Kept(_), Setting::Compute) => {
                let boards = self.look_again()?;
                let by = self.users(&boards, find(&boards, id)?).users;
                if !by.is_empty() {
                    return Err(Refusal::InUse { unit: id.into(), by });
                }
                let detail = format!("took {value} and still shows the old mode, as virtual functions' do");
                Err(Error::new(ErrorKind::Inconsistent, path, detail).into())
            }
            (Seen::Torn(_), Setting::Compute) => {
                let detail = format!("shows {value}, and the partitions are those of the old mode");
                Err(Error::new(ErrorKind::Inconsistent, path, detail).into())
            }
            (Seen::Nothing, _) => {
                let detail = format!("took {value} and shows no mode since");
                Err(Error::new(ErrorKind::Inconsistent, path, detail).into())
            }
            (Seen::Other(device), _) => {
                let ids = |of: &Device| of.partitions().map(|part| part.id).collect();
                Err(Refusal::Interfered { device: id, gone: ids(&before.device), made: ids(&device) })
            }
        }
    }
}

fn changed(device: Device, notes: &[&'static str]) -> ModeChange {
    let mut change = ModeChange::new(device);
    change.notes.extend(notes);
    change
}

fn find(boards: &Arc<Boards>, device: DeviceId) -> Result<&Board, Refusal> {
    let found = boards.boards.iter().find(|board| board.id == device);
    found.ok_or(Refusal::UnknownUnit { unit: UnitId::Device(device) })
}

/// The GPUs that a change is about: a memory mode is that of a whole xGMI hive.
fn members<'a>(boards: &'a Boards, board: &'a Board, setting: Setting) -> impl Iterator<Item = &'a Board> {
    let hive = board.hive().filter(|_| setting == Setting::Memory);
    boards.boards.iter().filter(move |other| other.id == board.id || hive.is_some() && other.hive() == hive)
}

/// The nodes of a GPU in the compute driver's tree: a change makes them anew.
type Nodes = Vec<(u32, Option<u32>, Option<u32>, Option<u64>)>;

fn nodes(board: &Board) -> Nodes {
    board.nodes.iter().map(|node| (node.partition, node.gpu_id, node.render_minor, node.dies)).collect()
}
