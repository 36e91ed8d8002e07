//! [`Process`]: one process's folder, held open while it is read.

use std::io;

use gpu_core::{Absence, BootId, DeviceNumber, DrmClient, Need, Owner, Pid, ProcessKey, Sandbox, Sweep};

use super::name::Name;
use super::node;
use super::sleepers::Sleepers;
use crate::folder::Folder;
use crate::stat::{self, Stat};
use crate::{fdinfo, file};

/// Most descriptors of one process that are looked at: as many as Linux lets one open (`fs.nr_open`).
const MOST_DESCRIPTORS: u32 = 1 << 20;

/// Largest accounting of a descriptor that is read: ten times what any driver writes.
const LARGEST_FDINFO: usize = 1 << 16;

/// Largest cgroup text that is read: a page for each hierarchy.
const LARGEST_CGROUP: usize = 1 << 16;

/// As much of the arguments as the first may be long to be one that is known.
const LARGEST_ARGUMENT: usize = 512;

/// Major number of DRM's device files (`Documentation/admin-guide/devices.txt`).
const DRM_MAJOR: u32 = 226;

/// Why one process cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// It is not there (any more): no error.
    Gone,
    /// It is there, and may not be looked into or makes no sense.
    Refused,
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        if is_gone(&error) { Self::Gone } else { Self::Refused }
    }
}

/// What reading a process answers that ends meanwhile: no such file, or no such process (ESRCH).
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(3)
}

/// What the folder of a process's descriptors shows without being opened. Linux 6.2 and later
/// show the number of descriptors as its size; a tree of plain files, when it was changed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Sign {
    pub(super) size: u64,
    /// In the kernel's `/proc`, when the kernel last made up the folder: says nothing.
    pub(super) change: u64,
}

/// A descriptor that holds a wanted device file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Held {
    pub(super) fd: u32,
    pub(super) number: DeviceNumber,
}

/// What a walk over a process's descriptors found beside what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Walked {
    /// How many there are.
    pub(super) descriptors: u32,
    /// One of them is of the kernel's virtual machines, or a device given to one.
    pub(super) runs_machine: bool,
}

impl Walked {
    /// False when there were more than are looked at.
    pub(super) const fn is_whole(self) -> bool {
        self.descriptors < MOST_DESCRIPTORS
    }
}

/// Descriptors whose accounts were not read.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Uncounted {
    unreadable: u32,
    asleep: u32,
}

impl Uncounted {
    pub(super) const fn add_to(self, sweep: &mut Sweep) {
        sweep.unreadable_clients = sweep.unreadable_clients.saturating_add(self.unreadable);
        sweep.asleep_clients = sweep.asleep_clients.saturating_add(self.asleep);
    }
}

/// A process's folder, held open: whoever gets its number next is never read in its place, since
/// the kernel binds the folder to the process.
#[derive(Debug)]
pub(super) struct Process {
    folder: Folder,
    /// It is in the kernel's `/proc`.
    is_proc: bool,
}

impl Process {
    /// The process of that number; `is_proc` when `root` is the kernel's `/proc`.
    pub(super) fn open(root: &Folder, is_proc: bool, pid: Pid) -> Result<Self, Unread> {
        Ok(Self { folder: root.folder(Name::number(pid.0).as_str())?, is_proc })
    }

    /// The folder's number: the kernel makes a new one for whoever gets the process's number next.
    /// It may make a new one for the same process too, when it is short of memory.
    pub(super) fn inode(&self) -> u64 {
        self.folder.inode()
    }

    /// What tells that descriptors were opened or closed.
    pub(super) fn sign(&self) -> Result<Sign, Unread> {
        let (size, change) = self.folder.size_and_change("fd")?;
        Ok(Sign { size, change })
    }

    /// True when one descriptor of each device file in `held` is still open on it.
    pub(super) fn still_holds(&self, held: &[Held]) -> bool {
        held.iter().enumerate().all(|(at, one)| {
            let is_told = held[..at].iter().any(|other| other.number == one.number);
            let name = Name::descriptor(one.fd);
            let behind = node::behind(&self.folder, name.as_str(), self.is_proc);
            is_told || behind.and_then(node::Node::number) == Some(one.number)
        })
    }

    /// Name and start time.
    pub(super) fn stat(&self, text: &mut Vec<u8>) -> Result<Stat, Unread> {
        text.clear();
        self.folder.read_to("stat", file::PAGE, text)?;
        stat::parse(text).ok_or(Unread::Refused)
    }

    /// Lists the wanted device files that it holds.
    pub(super) fn walk(&self, wanted: &[DeviceNumber], held: &mut Vec<Held>) -> Result<Walked, Unread> {
        held.clear();
        let descriptors = self.folder.folder("fd")?;
        let mut walked = Walked::default();
        descriptors.each(|name| {
            if !walked.is_whole() {
                return;
            }
            walked.descriptors += 1;
            let Some(node) = node::behind(&descriptors, name, self.is_proc) else { return };
            walked.runs_machine |= matches!(node, node::Node::Machines(_));
            if let Some(number) = node.number().filter(|number| wanted.contains(number)) {
                held.extend(name.parse().ok().map(|fd| Held { fd, number }));
            }
        })?;
        held.sort_unstable();
        Ok(walked)
    }

    /// Adds DRM's accounting of what is held, and counts descriptors whose cannot be read, or would wake
    /// a GPU. One that is closed meanwhile, or is no client's, has none.
    pub(super) fn clients<'a>(
        &self,
        held: impl Iterator<Item = &'a Held>,
        text: &mut Vec<u8>,
        sleepers: &mut Sleepers<'_>,
        clients: &mut Vec<DrmClient>,
    ) -> Uncounted {
        let mut uncounted = Uncounted::default();
        for Held { fd, number } in held.filter(|held| held.number.major == DRM_MAJOR) {
            if sleepers.would_wake(*number) {
                uncounted.asleep += 1;
                continue;
            }
            text.clear();
            match self.folder.read_to(Name::account(*fd).as_str(), LARGEST_FDINFO, text) {
                Ok(()) => clients.extend(fdinfo::parse(text, *number)),
                Err(error) if is_gone(&error) => {}
                Err(_) => uncounted.unreadable += 1,
            }
        }
        uncounted
    }

    /// The text of its cgroup, as it is at this moment.
    pub(super) fn cgroup(&self, text: &mut Vec<u8>) -> Result<(), Absence> {
        const NAME: &str = "/proc/<pid>/cgroup";
        text.clear();
        self.folder.read_to("cgroup", LARGEST_CGROUP, text).map_err(|error| match error.kind() {
            // A kernel without cgroups has no such file of any process.
            _ if is_gone(&error) && self.folder.read_to("stat", 1, text).is_ok() => {
                Absence::NotSupported { why: "the process has no file of its cgroup" }
            }
            _ if is_gone(&error) => Absence::Lost,
            io::ErrorKind::PermissionDenied => Absence::NotPermitted { needs: Need::Access(NAME) },
            _ => Absence::Failed { at: NAME, code: error.raw_os_error() },
        })
    }

    /// On whose behalf it runs, by its cgroup at this moment.
    pub(super) fn owner(&self, text: &mut Vec<u8>) -> Result<Owner, Absence> {
        self.cgroup(text).map(|()| gpu_core::cgroup::owner(&String::from_utf8_lossy(text)))
    }

    /// What sandbox it is, if it is one: by its name, its first argument, and whether it holds a
    /// file of virtual machines. Arguments that cannot be read say nothing.
    pub(super) fn sandbox(&self, stat: &Stat, runs_machine: bool, text: &mut Vec<u8>) -> Option<Sandbox> {
        text.clear();
        let _ = self.folder.read_to("cmdline", LARGEST_ARGUMENT, text);
        let argument = text.split(|byte| *byte == 0).next().unwrap_or_default();
        Sandbox::of(&stat.name, argument).or(runs_machine.then_some(Sandbox::VirtualMachine))
    }
}

/// Its identity.
pub(super) const fn key(boot: BootId, pid: Pid, stat: &Stat) -> ProcessKey {
    ProcessKey { boot, pid, start: stat.start }
}

/// The device files among what is held, each once, in order.
pub(super) fn numbers_to<'a>(held: impl Iterator<Item = &'a Held>, holds: &mut Vec<DeviceNumber>) {
    holds.clear();
    holds.extend(held.map(|held| held.number));
    holds.sort_unstable();
    holds.dedup();
}
