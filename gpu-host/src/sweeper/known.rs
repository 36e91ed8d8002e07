//! [`Known`]: the processes that are, or were, on a GPU, each with what was last read of it.

use gpu_core::{Absence, BootTime, DeviceNumber, EndedProcess, Owner, Pid, ProcessKey, ProcessName, Sandbox};

use super::process::{Held, Process, Sign, Walked};
use crate::stat::Stat;

/// A cgroup's text that is longer is read and not kept: it is interpreted anew at each sweep.
const LONGEST_KEPT: usize = 4096;

/// A process that holds a wanted file, did so once, or was named.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) key: ProcessKey,
    pub(super) name: ProcessName,
    /// Its folder's number.
    pub(super) inode: u64,
    /// The wanted files that it held at the last walk.
    pub(super) held: Vec<Held>,
    pub(super) runs_machine: bool,
    /// What its descriptors' folder showed before that walk; `None` when it must be walked over.
    pub(super) sign: Option<Sign>,
    /// It, or its last descriptors, could not be looked into.
    pub(super) is_refused: bool,
    /// When name and sandbox were read; `None` when they must be.
    pub(super) described: Option<BootTime>,
    pub(super) sandbox: Option<Sandbox>,
    /// Whether it is a sandbox was read too.
    pub(super) is_judged: bool,
    owner: Result<Owner, Absence>,
    /// The text that says so, where it is kept.
    cgroup: Vec<u8>,
    pub(super) seen: BootTime,
}

impl Client {
    pub(super) const fn new(key: ProcessKey, name: ProcessName, inode: u64, seen: BootTime) -> Self {
        Self {
            key,
            name,
            inode,
            held: Vec::new(),
            runs_machine: false,
            sign: None,
            is_refused: false,
            described: None,
            sandbox: None,
            is_judged: false,
            owner: Err(Absence::NotYet),
            cgroup: Vec::new(),
            seen,
        }
    }

    pub(super) const fn pid(&self) -> Pid {
        self.key.pid
    }

    /// Takes over what a walk has found.
    pub(super) fn found(&mut self, held: &[Held], walked: Walked, sign: Sign) {
        self.held.clear();
        self.held.extend_from_slice(held);
        (self.runs_machine, self.is_refused, self.sign) =
            (walked.runs_machine, !walked.is_whole(), Some(sign));
        self.described = None;
    }

    /// A walk was not permitted.
    pub(super) fn refused(&mut self, sign: Sign) {
        self.held.clear();
        (self.runs_machine, self.is_refused, self.sign) = (false, true, Some(sign));
    }

    /// Takes over its name, which it may have changed, and what sandbox it is, where that was read.
    pub(super) fn described(&mut self, stat: &Stat, sandbox: Option<Option<Sandbox>>, now: BootTime) {
        (self.name, self.described) = (stat.name, Some(now));
        (self.is_judged, self.sandbox) = (sandbox.is_some(), sandbox.flatten());
    }

    /// On whose behalf it runs at this moment.
    pub(super) fn owner(&mut self, process: &Process, text: &mut Vec<u8>) -> Result<Owner, Absence> {
        if let Err(absence) = process.cgroup(text) {
            // What it was is kept for when it has ended.
            if absence != Absence::Lost {
                self.owner = Err(absence);
                self.cgroup.clear();
            }
            return Err(absence);
        }
        if self.owner.is_err() || self.cgroup != *text {
            self.owner = Ok(gpu_core::cgroup::owner(&String::from_utf8_lossy(text)));
            self.cgroup.clear();
            if text.len() <= LONGEST_KEPT {
                self.cgroup.extend_from_slice(text);
            }
        }
        self.owner.clone()
    }

    /// True while it holds one of these files.
    pub(super) fn holds_any_of(&self, wanted: &[DeviceNumber]) -> bool {
        self.held.iter().any(|held| wanted.contains(&held.number))
    }

    /// What is remembered of it once it is gone.
    pub(super) fn ended(&self) -> EndedProcess {
        let mut ended = EndedProcess::new(self.key, self.name, self.seen);
        ended.owner.clone_from(&self.owner);
        ended
    }
}

/// The clients by process number.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) clients: Vec<Client>,
}

impl Known {
    pub(super) fn position(&self, pid: Pid) -> Result<usize, usize> {
        self.clients.binary_search_by_key(&pid, Client::pid)
    }

    pub(super) fn get_mut(&mut self, pid: Pid) -> Option<&mut Client> {
        self.position(pid).ok().map(|at| &mut self.clients[at])
    }

    /// Puts the client in; gives back the one that had its number.
    pub(super) fn put(&mut self, client: Client) -> Option<Client> {
        match self.position(client.pid()) {
            Ok(at) => Some(core::mem::replace(&mut self.clients[at], client)),
            Err(at) => {
                self.clients.insert(at, client);
                None
            }
        }
    }

    /// Everything must be walked over again.
    pub(super) fn forget_walks(&mut self) {
        self.clients.iter_mut().for_each(|client| client.sign = None);
    }
}
