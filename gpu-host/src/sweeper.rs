//! [`ProcSweeper`]: one pass over `/proc`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::{
    BootId, Clock, DeviceNumber, Error, ErrorKind, Pid, ProcessKey, Sweep, SweepRequest, Sweeper,
    SweptProcess,
};

use crate::file;
use crate::stat::{self, Stat};

/// Most descriptors of one process that are looked at.
const MOST_DESCRIPTORS: usize = 1 << 16;

/// No such process.
const ESRCH: i32 = 3;

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
}

impl ProcSweeper {
    /// Looks over the processes under `root`, which belong to the boot that `clock` tells.
    #[must_use]
    pub fn new(root: PathBuf, clock: &Arc<dyn Clock>) -> Self {
        Self { root, boot: clock.boot_id() }
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

    /// The wanted device files that the process holds; refused when another process has taken
    /// its number meanwhile.
    fn look_into(&self, pid: Pid, wanted: &[DeviceNumber]) -> Result<Option<SweptProcess>, Error> {
        let folder = self.folder(pid).join("fd");
        let descriptors = match std::fs::read_dir(&folder) {
            Ok(descriptors) => descriptors,
            Err(error) => match file::at_path(&folder, error) {
                error if error.kind() == ErrorKind::NotPermitted => return Err(error),
                _ => return Ok(None),
            },
        };
        let mut holds: Vec<DeviceNumber> = descriptors
            .take(MOST_DESCRIPTORS)
            .filter_map(|entry| number_behind(&entry.ok()?.path()))
            .filter(|number| wanted.contains(number))
            .collect();
        if holds.is_empty() {
            return Ok(None);
        }
        holds.sort_unstable();
        holds.dedup();
        Ok(self.identify(pid)?.map(|mut process| {
            process.holds = holds;
            process
        }))
    }

    fn holders(&self, wanted: &[DeviceNumber], sweep: &mut Sweep) -> Result<(), Error> {
        for pid in self.pids()? {
            match self.look_into(pid, wanted) {
                Ok(Some(process)) => sweep.processes.push(process),
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
        if !request.holders_of.is_empty() {
            self.holders(request.holders_of, sweep)?;
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
        Ok(())
    }
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
