//! [`ProcSweeper`]: one whole pass over `/proc`.

mod ended;
mod known;
mod name;
mod node;
mod pace;
mod process;
mod sleepers;
mod table;
mod watching;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::{BootId, Clock, Error, Pid, PidView, Sweep, SweepRequest, Sweeper, SweptProcess};

use crate::file;
use crate::folder::Folder;
pub use pace::Pace;
use process::{Held, Process, Unread, Walked};
use sleepers::Sleepers;
pub use watching::WatchingSweeper;

/// Looks over the processes under a `/proc`, every descriptor of each of them, at every sweep.
///
/// A descriptor counts as holding a device file when the file behind it has one of the wanted
/// numbers. In a tree of plain files (a capture, a simulated node) nothing has a device number;
/// there the link's text is taken, when it names a DRM node: `/dev/dri/renderD128` is 226:128
/// and `/dev/dri/card1` is 226:1 by the kernel's own numbering, `/dev/nvidia0` is 195:0. A device
/// file that somebody has made elsewhere than under `/dev` is not seen.
///
/// Remembers nothing from one sweep to the next: [`Sweep::ended`] stays empty.
#[derive(Debug)]
pub struct ProcSweeper {
    root: PathBuf,
    boot: BootId,
    pids: PidView,
    sysfs: Option<PathBuf>,
}

impl ProcSweeper {
    /// Looks over the processes under `root`, which belong to the boot that `clock` tells.
    #[must_use]
    pub fn new(root: PathBuf, clock: &Arc<dyn Clock>) -> Self {
        Self { root, boot: clock.boot_id(), pids: PidView::Unknown, sysfs: None }
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

    /// Adds the processes that hold a wanted file, and those that are named.
    fn holders(&self, pass: &mut Pass<'_>, sweep: &mut Sweep) -> Result<(), Error> {
        let mut pids = Vec::new();
        pass.root.each(|name| pids.extend(pid(name))).map_err(|error| file::at_path(&self.root, error))?;
        for pid in pids {
            let is_named = pass.request.pids.contains(&pid);
            match pass.look_into(pid, is_named, sweep) {
                Err(Unread::Refused) => pass.refuse(pid, sweep),
                Ok(()) | Err(Unread::Gone) => {}
            }
        }
        Ok(())
    }
}

impl Sweeper for ProcSweeper {
    fn sweep_into(&self, request: &SweepRequest<'_>, sweep: &mut Sweep) -> Result<(), Error> {
        sweep.clear();
        sweep.pids = self.pids;
        // Without a process list there is nothing to tell, unless nothing was asked.
        if request.holders_of.is_empty() && request.pids.is_empty() {
            return Ok(());
        }
        let root = Folder::open(&self.root).map_err(|error| file::at_path(&self.root, error))?;
        let mut pass = Pass::new(self.boot, &root, request, self.sysfs.as_deref());
        if !request.holders_of.is_empty() {
            self.holders(&mut pass, sweep)?;
        }
        for pid in request.pids {
            let is_told = sweep.processes.iter().any(|process| process.key.pid == *pid);
            if is_told || pass.refused.contains(pid) {
                continue;
            }
            match pass.describe(*pid) {
                Ok(process) => sweep.processes.push(process),
                Err(Unread::Gone) => {}
                Err(Unread::Refused) => pass.refuse(*pid, sweep),
            }
        }
        sweep.processes.sort_by_key(|process| process.key.pid);
        if request.clients {
            sweep.drop_repeated_clients();
        }
        Ok(())
    }
}

/// One pass, and the room that it reads into.
struct Pass<'a> {
    boot: BootId,
    root: &'a Folder,
    /// It is the kernel's `/proc`.
    is_proc: bool,
    request: &'a SweepRequest<'a>,
    sleepers: Sleepers<'a>,
    held: Vec<Held>,
    text: Vec<u8>,
    /// Processes that were named and cannot be read: each counts once.
    refused: Vec<Pid>,
}

impl<'a> Pass<'a> {
    fn new(boot: BootId, root: &'a Folder, request: &'a SweepRequest<'a>, sysfs: Option<&'a Path>) -> Self {
        let (is_proc, sleepers) = (root.is_proc(), Sleepers::new(sysfs));
        Self {
            boot,
            root,
            is_proc,
            request,
            sleepers,
            held: Vec::new(),
            text: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn refuse(&mut self, pid: Pid, sweep: &mut Sweep) {
        sweep.unreadable += 1;
        if self.request.pids.contains(&pid) {
            self.refused.push(pid);
        }
    }

    /// Adds the process if it holds a wanted file, or `is_named`.
    fn look_into(&mut self, pid: Pid, is_named: bool, sweep: &mut Sweep) -> Result<(), Unread> {
        let process = Process::open(self.root, self.is_proc, pid)?;
        let walked = match process.walk(self.request.holders_of, &mut self.held) {
            Ok(walked) => walked,
            // Its name and owner may be read all the same.
            Err(Unread::Refused) if is_named => {
                sweep.unreadable += 1;
                Walked::default()
            }
            Err(unread) => return Err(unread),
        };
        if self.held.is_empty() && !is_named {
            return if walked.is_whole() { Ok(()) } else { Err(Unread::Refused) };
        }
        let mut swept = self.read(&process, pid, walked)?;
        process::numbers_to(self.held.iter(), &mut swept.holds);
        if self.request.clients {
            let (held, text) = (self.held.iter(), &mut self.text);
            process.clients(held, text, &mut self.sleepers, &mut swept.clients).add_to(sweep);
        }
        sweep.unreadable += u32::from(!walked.is_whole());
        sweep.processes.push(swept);
        Ok(())
    }

    /// A process that was named, whatever it holds.
    fn describe(&mut self, pid: Pid) -> Result<SweptProcess, Unread> {
        let process = Process::open(self.root, self.is_proc, pid)?;
        self.read(&process, pid, Walked::default())
    }

    fn read(&mut self, process: &Process, pid: Pid, walked: Walked) -> Result<SweptProcess, Unread> {
        let stat = process.stat(&mut self.text)?;
        let mut swept = SweptProcess::new(process::key(self.boot, pid, &stat), stat.name);
        if self.request.owners {
            swept.owner = process.owner(&mut self.text);
            swept.sandbox = process.sandbox(&stat, walked.runs_machine, &mut self.text);
        }
        Ok(swept)
    }
}

/// The process of that folder's name, if it is one's.
fn pid(name: &str) -> Option<Pid> {
    // `parse` takes a leading '+', which is in no kernel's list.
    if name.starts_with('+') { None } else { name.parse().ok().map(Pid) }
}
