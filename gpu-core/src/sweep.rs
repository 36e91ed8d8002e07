//! [`Sweep`]: what one pass over the machine's processes found, and the [`Sweeper`] that makes it.

use core::fmt;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::absence::Absence;
use crate::drm_client::DrmClient;
use crate::error::Error;
use crate::node_file::DeviceNumber;
use crate::owner::Owner;
use crate::process::{Pid, PidView, ProcessKey, ProcessName};
use crate::sandbox::Sandbox;
use crate::time::BootTime;

/// What a pass over the machine's processes shall look for.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SweepRequest<'a> {
    /// Find every process that holds one of these device files open. Costs a walk over all
    /// descriptors of all processes; none is made when this is empty.
    pub holders_of: &'a [DeviceNumber],
    /// Describe these processes, which the drivers named, whether they hold such a file or not.
    pub pids: &'a [Pid],
    /// Read DRM's accounting of the descriptors that hold one of `holders_of` open: one file more
    /// for each of them, none for any other.
    pub clients: bool,
    /// Tell on whose behalf each process runs, by its cgroup, and whether it is a sandbox: one or
    /// two files more for each process that is listed.
    pub owners: bool,
}

impl<'a> SweepRequest<'a> {
    /// A request for the processes that hold these files, and for those with these numbers.
    #[must_use]
    pub const fn new(holders_of: &'a [DeviceNumber], pids: &'a [Pid]) -> Self {
        Self { holders_of, pids, clients: false, owners: false }
    }

    /// The same request, with DRM's accounting of what is held.
    #[must_use]
    pub const fn with_clients(self) -> Self {
        Self { clients: true, ..self }
    }

    /// The same request, with the owner of each process.
    #[must_use]
    pub const fn with_owners(self) -> Self {
        Self { owners: true, ..self }
    }
}

/// One process that a sweep saw.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SweptProcess {
    /// Its identity.
    pub key: ProcessKey,
    /// Its name.
    pub name: ProcessName,
    /// The device files of the request that it holds open, each once, in order.
    pub holds: Vec<DeviceNumber>,
    /// Its DRM clients behind those files, where the request asks for them. A client that several
    /// processes hold (inherited, or passed on) is listed once: with the one of lowest number.
    pub clients: Vec<DrmClient>,
    /// On whose behalf it runs, where the request asks for owners.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub owner: Result<Owner, Absence>,
    /// What it is, when it holds a GPU for programs that the machine does not see; told with the
    /// owner.
    pub sandbox: Option<Sandbox>,
}

impl SweptProcess {
    /// A process that holds none of the files asked for.
    #[must_use]
    pub const fn new(key: ProcessKey, name: ProcessName) -> Self {
        let owner = Err(Absence::NotYet);
        Self { key, name, holds: Vec::new(), clients: Vec::new(), owner, sandbox: None }
    }
}

/// A process that a sweeper has seen on a GPU, and that is gone: whose it was, for what drivers
/// still tell of it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EndedProcess {
    /// Its identity: a number alone may be another process's by now.
    pub key: ProcessKey,
    /// Its name, when it was last seen.
    pub name: ProcessName,
    /// On whose behalf it ran when it was last seen, where owners were asked for.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub owner: Result<Owner, Absence>,
    /// When a sweep last saw it. It ended after that.
    pub last_seen: BootTime,
}

impl EndedProcess {
    /// A process that was last seen at that time, on whose behalf is not known.
    #[must_use]
    pub const fn new(key: ProcessKey, name: ProcessName, last_seen: BootTime) -> Self {
        Self { key, name, owner: Err(Absence::NotYet), last_seen }
    }
}

/// What one pass over the machine's processes found. The caller's, and reused.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Sweep {
    /// The processes, ordered by pid.
    pub processes: Vec<SweptProcess>,
    /// The processes that this sweeper saw on a GPU (holding a file of the request, or named by
    /// it) and that are gone, in the order in which that was noticed. Each stays for a while that
    /// the sweeper states. Always empty of a sweeper without memory, such as
    /// `gpu_host::ProcSweeper`.
    pub ended: Vec<EndedProcess>,
    /// Ended processes that are in no list, since more ended than are remembered: all since the
    /// sweeper was made.
    pub forgotten: u32,
    /// Processes that exist and could not be looked into, or not to the last descriptor (another
    /// user's, hidden by `hidepid`).
    pub unreadable: u32,
    /// Processes that were not looked into this time, since the work of one sweep is bounded: they
    /// come first in the next. 0 of a sweeper without bounds.
    pub postponed: u32,
    /// Processes beyond those that the sweeper has room for: what they hold is seen when a driver
    /// names them. 0 of a sweeper without memory.
    pub unwatched: u32,
    /// Descriptors whose accounting could not be read.
    pub unreadable_clients: u32,
    /// Descriptors whose accounting was left alone, since to read it would wake a GPU that sleeps; their
    /// files are among what the process [holds](SweptProcess::holds).
    pub asleep_clients: u32,
    /// Descriptors of a client that is listed already.
    pub repeated_clients: u32,
    /// The namespace in which the processes' numbers count.
    pub pids: PidView,
}

impl Default for Sweep {
    fn default() -> Self {
        Self::new()
    }
}

impl Sweep {
    /// A sweep of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            processes: Vec::new(),
            ended: Vec::new(),
            forgotten: 0,
            unreadable: 0,
            postponed: 0,
            unwatched: 0,
            unreadable_clients: 0,
            asleep_clients: 0,
            repeated_clients: 0,
            pids: PidView::Unknown,
        }
    }

    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.processes.clear();
        self.ended.clear();
        self.forgotten = 0;
        self.unreadable = 0;
        self.postponed = 0;
        self.unwatched = 0;
        self.unreadable_clients = 0;
        self.asleep_clients = 0;
        self.repeated_clients = 0;
        self.pids = PidView::Unknown;
    }

    /// Drops the clients that are listed already, counts them, and notes who else holds those that
    /// stay ([`DrmClient::also`]). Processes must be in order. For sweepers.
    pub fn drop_repeated_clients(&mut self) {
        let mut first = BTreeMap::new();
        let (mut others, mut repeated) = (Vec::new(), 0);
        for (at, process) in self.processes.iter_mut().enumerate() {
            let pid = process.key.pid;
            process.clients.retain(|client| {
                let Some(key) = client.key() else { return true };
                let Entry::Occupied(holder) = first.entry(key) else {
                    first.insert(key, at);
                    return true;
                };
                repeated += 1;
                // A copy in the same process is nobody else's.
                if *holder.get() != at {
                    others.push((*holder.get(), key, pid));
                }
                false
            });
        }
        for (holder, key, pid) in others {
            let clients = &mut self.processes[holder].clients;
            if let Some(client) = clients.iter_mut().find(|client| client.key() == Some(key)) {
                // Processes come in order, and several copies in one of them together.
                if client.also.last() != Some(&pid) {
                    client.also.push(pid);
                }
            }
        }
        self.repeated_clients = self.repeated_clients.saturating_add(repeated);
    }

    /// Takes over the processes of another sweep of the same machine that this one does not have.
    pub fn absorb(&mut self, other: &Self) {
        let new = other.processes.iter().filter(|process| self.process(process.key.pid).is_none());
        let new: Vec<SweptProcess> = new.cloned().collect();
        self.processes.extend(new);
        self.processes.sort_by_key(|process| process.key.pid);
    }

    /// The process of that number, if the sweep saw it.
    #[must_use]
    pub fn process(&self, pid: Pid) -> Option<&SweptProcess> {
        let at = self.processes.binary_search_by_key(&pid, |process| process.key.pid).ok()?;
        self.processes.get(at)
    }

    /// The ended processes that had that number, the latest first.
    pub fn ended_with(&self, pid: Pid) -> impl Iterator<Item = &EndedProcess> {
        self.ended.iter().rev().filter(move |process| process.key.pid == pid)
    }
}

/// Looks over the machine's processes. `gpu_host::WatchingSweeper` and `gpu_host::ProcSweeper` read
/// `/proc`; `gpu_sim`'s sweeps a simulated machine.
///
/// *Implementers:* a process that ends while it is looked at is left out and is no error;
/// processes come out ordered by pid, each once; a DRM client comes out once
/// ([`Sweep::drop_repeated_clients`]).
pub trait Sweeper: Send + Sync + fmt::Debug {
    /// Fills `sweep` (cleared first) with what `request` asks for.
    ///
    /// # Errors
    /// When the process list itself cannot be read; single processes that cannot are counted in
    /// [`Sweep::unreadable`].
    fn sweep_into(&self, request: &SweepRequest<'_>, sweep: &mut Sweep) -> Result<(), Error>;
}
