//! [`WatchingSweeper`]: looks at what can have changed since the last sweep.

mod look;
mod report;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use gpu_core::{
    BootId, BootTime, Clock, DeviceNumber, Error, Nanoseconds, Pid, PidView, Sweep, SweepRequest, Sweeper,
    SweptProcess,
};

use super::ended::{Ended, REMEMBERS};
use super::known::Known;
use super::pace::Pace;
use super::process::Held;
use super::table::{Round, Table};
use crate::file;
use crate::folder::Folder;
use look::Look;

/// Most device files that are looked for: more than any node has.
const MOST_WANTED: usize = 1 << 12;

/// Looks over the processes under a `/proc`, and only at what can have changed since the last sweep.
///
/// What a sweep finds is what [`ProcSweeper`](super::ProcSweeper) finds, as far as it is not older
/// than [`Pace`] says, and costs a fraction. Looked at by every sweep:
///
/// - the processes that the request names, and those that are known to hold a wanted file, or once
///   did: whether they are still there, whether they still hold it, their cgroup (a process that is
///   moved to another is seen there by the next sweep), and the accounting of their descriptors;
/// - of the others, those whose turn it is: the list of processes, then the number of descriptors of
///   each, then the descriptors themselves.
///
/// Names, and whether a process is a sandbox, are read again when the process's descriptors have
/// changed, and as often as [`Pace::count`] says. A process is boot, number and start time; another
/// that got its number is noticed by the number of its folder, which the kernel makes anew.
///
/// In a tree of plain files (a capture, a simulated node) nothing counts descriptors, and every
/// sweep walks over all of them, as [`ProcSweeper`](super::ProcSweeper) does.
///
/// A process that ended stays in [`Sweep::ended`] for [`REMEMBERS`](Self::REMEMBERS), at most 4096
/// of them. The work of one sweep is bounded ([`Sweep::postponed`]), and so are the processes that
/// are kept an eye on ([`Sweep::unwatched`]): those that were there first.
///
/// ```
/// use std::sync::Arc;
/// use gpu_core::{DeviceNumber, Sweep, SweepRequest, Sweeper};
/// use gpu_host::{Roots, SystemClock, WatchingSweeper};
///
/// let roots = Roots::default();
/// let clock: Arc<dyn gpu_core::Clock> = Arc::new(SystemClock::new_or_unknown(&roots.proc));
/// let sweeper = WatchingSweeper::new(roots.proc, clock);
/// let render = [DeviceNumber { major: 226, minor: 128 }];
/// let mut sweep = Sweep::new();
/// for _second in 0..3 {
///     // On other systems than Linux there is no such list.
///     let _ = sweeper.sweep_into(&SweepRequest::new(&render, &[]).with_owners(), &mut sweep);
///     assert!(sweep.processes.iter().all(|process| process.holds == render));
/// }
/// ```
#[derive(Debug)]
pub struct WatchingSweeper {
    root: PathBuf,
    boot: BootId,
    clock: Arc<dyn Clock>,
    pids: PidView,
    sysfs: Option<PathBuf>,
    limits: Limits,
    state: Mutex<State>,
}

/// What a sweeper was told to keep to.
#[derive(Clone, Copy, Debug)]
struct Limits {
    pace: Pace,
    most_processes: usize,
    most_descriptors: u32,
    trusts_folder_times: bool,
}

/// What is known from one sweep to the next, and room that is used again.
#[derive(Debug, Default)]
struct State {
    wanted: Vec<DeviceNumber>,
    table: Table,
    known: Known,
    ended: Ended,
    listed: Option<BootTime>,
    looked: Option<BootTime>,
    counts: Round,
    walks: Round,
    /// The process with which the next sweep begins, after one that could not do all.
    resume: Option<Pid>,
    /// The kernel tells numbers of descriptors: a process had some.
    is_counted: bool,
    room: Room,
}

/// Room that is used again.
#[derive(Debug, Default)]
struct Room {
    listed: Vec<(Pid, u64)>,
    named: Vec<Pid>,
    held: Vec<Held>,
    text: Vec<u8>,
    spare: Vec<SweptProcess>,
}

impl WatchingSweeper {
    /// How long a process that ended stays in [`Sweep::ended`].
    pub const REMEMBERS: Nanoseconds = REMEMBERS;

    /// Looks over the processes under `root`, which belong to the boot that `clock` tells.
    #[must_use]
    pub fn new(root: PathBuf, clock: Arc<dyn Clock>) -> Self {
        let limits = Limits {
            pace: Pace::default(),
            most_processes: 1 << 17,
            most_descriptors: 1 << 18,
            trusts_folder_times: false,
        };
        Self {
            root,
            boot: clock.boot_id(),
            clock,
            pids: PidView::Unknown,
            sysfs: None,
            limits,
            state: Mutex::new(State::default()),
        }
    }

    /// The same sweeper of a `/proc` that counts in the namespace `pids`
    /// ([`pid_namespace::view`](crate::pid_namespace::view)); unknown without this.
    #[must_use]
    pub fn counting_in(self, pids: PidView) -> Self {
        Self { pids, ..self }
    }

    /// The same sweeper, which leaves accounts alone that it would wake a GPU to read, by the device tree
    /// at `sysfs`: [`Sweep::asleep_clients`].
    #[must_use]
    pub fn sparing_sleepers(self, sysfs: impl Into<PathBuf>) -> Self {
        Self { sysfs: Some(sysfs.into()), ..self }
    }

    /// The same sweeper at another pace.
    #[must_use]
    pub fn at_pace(mut self, pace: Pace) -> Self {
        self.limits.pace = pace;
        self
    }

    /// The same sweeper, keeping an eye on at most so many processes (131,072 by default, of 64
    /// bytes each, twice), and looking at about so many descriptors in one sweep (262,144 by
    /// default, some 0.8 s); one process is looked at whole.
    #[must_use]
    pub fn keeping_to(mut self, most_processes: usize, most_descriptors: u32) -> Self {
        (self.limits.most_processes, self.limits.most_descriptors) = (most_processes, most_descriptors);
        self
    }

    /// The same sweeper, which in a tree of plain files takes a folder of descriptors that was not
    /// changed, by the file system's clock, for one that holds the same. Links that are changed
    /// twice within a grain of that clock are seen as late as [`Pace::walk`] says.
    #[must_use]
    pub fn trusting_folder_times(mut self) -> Self {
        self.limits.trusts_folder_times = true;
        self
    }
}

impl Sweeper for WatchingSweeper {
    fn sweep_into(&self, request: &SweepRequest<'_>, sweep: &mut Sweep) -> Result<(), Error> {
        let mut guard = self.state.lock().unwrap_or_else(|poisoned| {
            // A sweep that broke off may have left anything: it begins anew.
            let mut guard = PoisonError::into_inner(poisoned);
            *guard = State::default();
            self.state.clear_poison();
            guard
        });
        let state = &mut *guard;
        core::mem::swap(&mut sweep.processes, &mut state.room.spare);
        sweep.clear();
        sweep.pids = self.pids;
        if request.holders_of.is_empty() && request.pids.is_empty() {
            return Ok(());
        }
        let root = Folder::open(&self.root).map_err(|error| file::at_path(&self.root, error))?;
        let mut look = Look::new(self, &root, request, self.clock.boot_now());
        if !request.holders_of.is_empty() {
            state.want(request.holders_of);
            look.discover(state, sweep).map_err(|error| file::at_path(&self.root, error))?;
        }
        look.report(state, sweep);
        sweep.processes.sort_unstable_by_key(|process| process.key.pid);
        if request.clients {
            sweep.drop_repeated_clients();
        }
        state.ended.tell(look.now, sweep);
        state.room.spare.clear();
        Ok(())
    }
}

impl State {
    /// Looks for these device files too. Whoever was looked at before may hold one.
    fn want(&mut self, wanted: &[DeviceNumber]) {
        if self.wanted.len() + wanted.len() > MOST_WANTED {
            self.wanted.retain(|number| wanted.contains(number));
        }
        let known = self.wanted.len();
        for number in wanted {
            if !self.wanted.contains(number) {
                self.wanted.push(*number);
            }
        }
        if self.wanted.len() > known {
            self.table.forget_walks();
            self.known.forget_walks();
        }
    }
}
