//! [`ProcSweeper`]: one pass over `/proc`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::{
    BootId, Clock, DeviceNumber, DrmClient, Error, ErrorKind, Pid, PidView, ProcessKey, Sweep, SweepRequest,
    Sweeper, SweptProcess,
};

use crate::stat::{self, Stat};
use crate::{fdinfo, file};

/// Most descriptors of one process that are looked at.
const MOST_DESCRIPTORS: usize = 1 << 16;

/// No such process.
const ESRCH: i32 = 3;

/// Largest accounting of a descriptor that is read: ten times what any driver writes.
const LARGEST_FDINFO: u64 = 1 << 16;

/// Major number of DRM's device files (`Documentation/admin-guide/devices.txt`).
const DRM_MAJOR: u32 = 226;

/// Looks over the processes under a `/proc`.
///
/// A descriptor counts as holding a device file when the file behind it has one of the wanted
/// numbers. In a tree of plain files (a capture, a simulated node) nothing has a device number;
/// there the link's text is taken, when it names a DRM node: `/dev/dri/renderD128` is 226:128
/// and `/dev/dri/card1` is 226:1 by the kernel's own numbering, `/dev/nvidia0` is 195:0.
#[derive(Debug)]
pub struct ProcSweeper {
    root: PathBuf,
    boot: BootId,
    pids: PidView,
}

impl ProcSweeper {
    /// Looks over the processes under `root`, which belong to the boot that `clock` tells.
    #[must_use]
    pub fn new(root: PathBuf, clock: &Arc<dyn Clock>) -> Self {
        Self { root, boot: clock.boot_id(), pids: PidView::Unknown }
    }

    /// The same sweeper of a `/proc` that counts in the namespace `pids`
    /// ([`pid_namespace::view`](crate::pid_namespace::view)); unknown without this.
    #[must_use]
    pub fn counting_in(self, pids: PidView) -> Self {
        Self { pids, ..self }
    }

    /// Name and identity of one process; `None` when it is not there (any more).
    fn identify(&self, pid: Pid) -> Result<Option<SweptProcess>, Error> {
        Ok(self.stat(pid)?.map(|stat| SweptProcess::new(self.key(pid, stat), stat.name)))
    }

    fn key(&self, pid: Pid, stat: Stat) -> ProcessKey {
        ProcessKey { boot: self.boot, pid, start: stat.start }
    }

    fn stat(&self, pid: Pid) -> Result<Option<Stat>, Error> {
        let path = self.folder(pid).join("stat");
        match std::fs::read(&path) {
            Ok(bytes) => match stat::parse(&bytes) {
                Some(stat) => Ok(Some(stat)),
                None => Err(file::malformed(&path, "not the kernel's form")),
            },
            // What reading a process that ends meanwhile answers.
            Err(error) if error.raw_os_error() == Some(ESRCH) => Ok(None),
            Err(error) => match file::at_path(&path, error) {
                error if error.kind() == ErrorKind::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }

    fn folder(&self, pid: Pid) -> PathBuf {
        self.root.join(pid.to_string())
    }

    /// The wanted device files that the process holds.
    fn look_into(&self, pid: Pid, request: &SweepRequest<'_>) -> Result<Option<Found>, Error> {
        let folder = self.folder(pid).join("fd");
        let descriptors = match std::fs::read_dir(&folder) {
            Ok(descriptors) => descriptors,
            Err(error) => match file::at_path(&folder, error) {
                error if error.kind() == ErrorKind::NotPermitted => return Err(error),
                _ => return Ok(None),
            },
        };
        let (mut holds, mut clients, mut unreadable) = (Vec::new(), Vec::new(), 0);
        for descriptor in descriptors.take(MOST_DESCRIPTORS).flatten() {
            let number = number_behind(&descriptor.path());
            let Some(number) = number.filter(|number| request.holders_of.contains(number)) else { continue };
            holds.push(number);
            if request.clients && number.major == DRM_MAJOR {
                match self.client(pid, &descriptor.file_name(), number) {
                    Ok(client) => clients.extend(client),
                    Err(_) => unreadable += 1,
                }
            }
        }
        if holds.is_empty() {
            return Ok(None);
        }
        holds.sort_unstable();
        holds.dedup();
        Ok(self.identify(pid)?.map(|mut process| {
            process.holds = holds;
            process.clients = clients;
            Found { process, unreadable }
        }))
    }

    /// DRM's accounting of one descriptor; `None` when it is closed meanwhile, or is no client's.
    fn client(&self, pid: Pid, fd: &OsStr, number: DeviceNumber) -> Result<Option<DrmClient>, Error> {
        let path = self.folder(pid).join("fdinfo").join(fd);
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(LARGEST_FDINFO).read_to_end(&mut text));
        match read {
            Ok(_) => Ok(fdinfo::parse(&text, number)),
            Err(error) => match file::at_path(&path, error) {
                error if error.kind() == ErrorKind::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }

    fn holders(&self, request: &SweepRequest<'_>, sweep: &mut Sweep) -> Result<(), Error> {
        for pid in self.pids()? {
            match self.look_into(pid, request) {
                Ok(Some(found)) => {
                    sweep.processes.push(found.process);
                    sweep.unreadable_clients = sweep.unreadable_clients.saturating_add(found.unreadable);
                }
                Ok(None) => {}
                Err(_) => sweep.unreadable += 1,
            }
        }
        Ok(())
    }

    fn pids(&self) -> Result<Vec<Pid>, Error> {
        let entries = std::fs::read_dir(&self.root).map_err(|error| file::at_path(&self.root, error))?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid)).collect())
    }
}

impl Sweeper for ProcSweeper {
    fn sweep_into(&self, request: &SweepRequest<'_>, sweep: &mut Sweep) -> Result<(), Error> {
        sweep.clear();
        sweep.pids = self.pids;
        if !request.holders_of.is_empty() {
            self.holders(request, sweep)?;
        }
        for pid in request.pids {
            if sweep.processes.iter().any(|process| process.key.pid == *pid) {
                continue;
            }
            match self.identify(*pid) {
                Ok(Some(process)) => sweep.processes.push(process),
                Ok(None) => {}
                Err(_) => sweep.unreadable += 1,
            }
        }
        sweep.processes.sort_by_key(|process| process.key.pid);
        if request.clients {
            sweep.drop_repeated_clients();
        }
        Ok(())
    }
}

/// A process that holds a wanted file, and how many of its descriptors' accounts are unreadable.
struct Found {
    process: SweptProcess,
    unreadable: u32,
}

/// The number of the device file behind a descriptor, if it is one.
fn number_behind(descriptor: &Path) -> Option<DeviceNumber> {
    let target = std::fs::read_link(descriptor).ok()?;
    // Most descriptors are sockets, pipes and plain files: told by their text, without a stat.
    let name = target.to_str()?.strip_prefix("/dev/")?;
    number_by_stat(descriptor).or_else(|| number_by_name(name))
}

#[cfg(target_os = "linux")]
fn number_by_stat(descriptor: &Path) -> Option<DeviceNumber> {
    use rustix::fs::{FileType, major, minor, stat};
    let stat = stat(descriptor).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice {
        return None;
    }
    Some(DeviceNumber { major: major(stat.st_rdev), minor: minor(stat.st_rdev) })
}

#[cfg(not(target_os = "linux"))]
fn number_by_stat(_descriptor: &Path) -> Option<DeviceNumber> {
    None
}

/// Linux' fixed numbers (`Documentation/admin-guide/devices.txt`): DRM is 226, NVIDIA is 195.
fn number_by_name(name: &str) -> Option<DeviceNumber> {
    let (major, minor) = if let Some(minor) = name.strip_prefix("dri/renderD") {
        (226, minor)
    } else if let Some(minor) = name.strip_prefix("dri/card") {
        (226, minor)
    } else {
        (195, name.strip_prefix("nvidia")?)
    };
    Some(DeviceNumber { major, minor: minor.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_files_by_name() {
        let number = |major, minor| Some(DeviceNumber { major, minor });
        assert_eq!(number_by_name("dri/renderD128"), number(226, 128));
        assert_eq!(number_by_name("dri/card1"), number(226, 1));
        assert_eq!(number_by_name("nvidia3"), number(195, 3));
        for other in ["nvidiactl", "nvidia-uvm", "dri/by-path", "null", "dri/card", "pts/0"] {
            assert_eq!(number_by_name(other), None, "{other}");
        }
    }
}
