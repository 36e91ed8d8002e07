//! Device memory as the kernel charges it to cgroups: the controller `dmem` of version 2 (Linux 6.14
//! and later), which amdgpu and xe feed.
//!
//! Form (kernel: `Documentation/admin-guide/cgroup-v2.rst`, "DMEM"): a line for each region,
//! `drm/<PCI address>/<region> <bytes>`; `max` for no limit. `dmem.capacity` stands at the root alone.
//! A cgroup has the files where its parent's `cgroup.subtree_control` names the controller.

mod account;
mod limit;
mod region;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gpu_core::cgroup::owner;
use gpu_core::{Absence, Bytes, DeviceId, Error, ErrorKind, Inventory, KernelMemory, Owner, Pid, Tag};

use crate::{Roots, file};
pub use limit::{LimitRefusal, LimitSet};
pub use region::{RegionName, parse};

const CONTROLLER: &str = "dmem";

const NO_VERSION_2: &str = "cgroups of version 2 are not mounted here";
const NO_CONTROLLER: &str =
    "this kernel has no dmem controller here (Linux 6.14 and later, CONFIG_CGROUP_DMEM)";
const NO_REGION: &str = "no driver registers a region of device memory";
const WHYS: [&str; 3] = [NO_VERSION_2, NO_CONTROLLER, NO_REGION];

/// Deepest tree, and most cgroups, that are looked at.
const DEEPEST: usize = 64;
const MOST: usize = 1 << 16;

/// Device memory of containers and jobs, and what could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Accounts {
    /// Each owner's memory, region by region, where anything is charged, limited or protected. An
    /// account is with its descendants: a job's has those of its steps, a container's those of
    /// containers in it.
    pub memory: Vec<KernelMemory>,
    /// What could not be read: regions of no GPU that is here, cgroups that the controller is not
    /// handed down to, each with the file to look at.
    pub problems: Vec<Error>,
}

/// The controller `dmem` on this machine.
///
/// ```
/// use gpu_core::Inventory;
/// use gpu_host::{Dmem, Roots};
/// match Dmem::find(&Roots::default()) {
///     Ok(dmem) => println!("{} accounts", dmem.read(&Inventory::new()).memory.len()),
///     Err(error) => println!("none: {error}"), // an older kernel, or no GPU that feeds it
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dmem {
    /// Where version 2 is mounted.
    root: PathBuf,
    /// Where processes are.
    proc: PathBuf,
    regions: Vec<(RegionName, Bytes)>,
}

impl Dmem {
    /// The controller, where it counts anything: on machines of version 2, and on those that have
    /// both, in `unified`.
    ///
    /// # Errors
    /// `NotSupported` with the reason: no cgroups of version 2, a kernel without the controller, no
    /// driver that registers a region. `NotPermitted`, `Malformed`, `Io` about its files.
    pub fn find(roots: &Roots) -> Result<Self, Error> {
        let (root, controllers) = hierarchy(&roots.cgroup)?;
        if !has(&controllers) {
            return Err(not_supported(&root.join("cgroup.controllers"), NO_CONTROLLER));
        }
        let path = root.join("dmem.capacity");
        // Only the machine's own root has it: inside a namespace the current use names the regions.
        let text = match file::read_optional(&path)? {
            Some(text) => text,
            None => file::read_optional(&root.join("dmem.current"))?.unwrap_or_default(),
        };
        let regions = parse(&text).map_err(|line| file::malformed(&path, &format!("{line:?}")))?;
        if regions.is_empty() {
            return Err(not_supported(&path, NO_REGION));
        }
        let regions = regions.into_iter().map(|(name, bytes)| (name, bytes.unwrap_or(Bytes::ZERO))).collect();
        Ok(Self { root, proc: roots.proc.clone(), regions })
    }

    /// What exists, region by region, with the GPU that it is of; regions of no GPU of the inventory
    /// are left out.
    #[must_use]
    pub fn capacity(&self, inventory: &Inventory) -> Vec<(DeviceId, Tag, Bytes)> {
        let region =
            |(name, bytes): &(RegionName, Bytes)| Some((name.device(inventory)?, name.tag()?, *bytes));
        self.regions.iter().filter_map(region).collect()
    }

    /// The memory of every container and job. Walks all cgroups and reads five files of those that
    /// are one's; no process is looked at.
    #[must_use]
    pub fn read(&self, inventory: &Inventory) -> Accounts {
        let mut accounts = Accounts::default();
        let mut off = BTreeSet::new();
        let mut stack = vec![(self.root.clone(), String::new(), Owner::Machine)];
        let mut seen = 0;
        while let Some((folder, path, above)) = stack.pop() {
            seen += 1;
            let owner = if path.is_empty() { Owner::Machine } else { owner(&format!("0::{path}")) };
            if is_counted(&owner) && owner != above {
                self.account(&folder, &owner, inventory, &mut accounts, &mut off);
            }
            if seen >= MOST || path.matches('/').count() >= DEEPEST {
                continue;
            }
            for name in folders(&folder, &mut accounts.problems) {
                stack.push((folder.join(&name), format!("{path}/{name}"), owner.clone()));
            }
        }
        accounts.memory.sort_by(|a, b| (&a.owner, a.device, a.region).cmp(&(&b.owner, b.device, b.region)));
        accounts
    }

    /// The memory of the container or job that a process is in.
    ///
    /// # Errors
    /// As [`cgroup_of`](Self::cgroup_of).
    pub fn read_of(&self, pid: Pid, inventory: &Inventory) -> Result<Accounts, Error> {
        let (folder, owner) = self.cgroup_of(pid)?;
        let mut accounts = Accounts::default();
        self.account(&folder, &owner, inventory, &mut accounts, &mut BTreeSet::new());
        Ok(accounts)
    }

    /// The outermost cgroup of the container or job that a process is in, and whose it is: where its
    /// memory is charged and limited as a whole.
    ///
    /// # Errors
    /// `NotFound` when there is no such process, `NotSupported` when it is in no container or job, or
    /// in none of version 2; `NotPermitted`, `Io`.
    pub fn cgroup_of(&self, pid: Pid) -> Result<(PathBuf, Owner), Error> {
        let at = self.proc.join(pid.to_string()).join("cgroup");
        let text = file::read_text(&at)?;
        let path = text.lines().find_map(|line| line.strip_prefix("0::"));
        let path = path.ok_or_else(|| not_supported(&at, "the process has no cgroup of version 2"))?;
        let of_process = owner(&format!("0::{path}"));
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if !is_counted(&of_process) || parts.iter().any(|part| *part == ".." || *part == ".") {
            return Err(not_supported(&at, "the process is in no container or job"));
        }
        let (mut folder, mut upto, mut found) = (self.root.clone(), String::new(), None);
        for part in parts {
            folder.push(part);
            upto = format!("{upto}/{part}");
            let is_outermost = found.is_none() && owner(&format!("0::{upto}")) == of_process;
            found = found.or_else(|| is_outermost.then(|| folder.clone()));
        }
        Ok((found.unwrap_or(folder), of_process))
    }

    fn account(
        &self,
        folder: &Path,
        owner: &Owner,
        inventory: &Inventory,
        accounts: &mut Accounts,
        off: &mut BTreeSet<PathBuf>,
    ) {
        match account::read(folder, owner, inventory, &mut accounts.problems) {
            Ok(Some(memory)) => accounts.memory.extend(memory),
            // Removed in between, or the controller is not handed down: each such place is named once.
            Ok(None) => {
                if let Some(parent) = self.where_off(folder) {
                    if off.insert(parent.clone()) {
                        accounts.problems.push(not_handed_down(&parent));
                    }
                }
            }
            Err(error) => accounts.problems.push(error),
        }
    }

    /// The outermost cgroup on the way to one that does not hand the controller down.
    fn where_off(&self, folder: &Path) -> Option<PathBuf> {
        if !folder.exists() {
            return None;
        }
        let below = folder.strip_prefix(&self.root).ok()?;
        let mut at = self.root.clone();
        for part in below.components() {
            let control = file::read_text(&at.join("cgroup.subtree_control")).unwrap_or_default();
            if !has(&control) {
                return Some(at);
            }
            at.push(part);
        }
        None
    }
}

/// Where version 2 is mounted, and its controllers.
fn hierarchy(root: &Path) -> Result<(PathBuf, String), Error> {
    for root in [root.to_path_buf(), root.join("unified")] {
        if let Some(controllers) = file::read_optional(&root.join("cgroup.controllers"))? {
            return Ok((root, controllers));
        }
    }
    Err(not_supported(root, NO_VERSION_2))
}

fn has(controllers: &str) -> bool {
    controllers.split_ascii_whitespace().any(|name| name == CONTROLLER)
}

fn not_supported(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::NotSupported, path.display().to_string(), why)
}

/// The absence that stands for an error of [`Dmem::find`]: its reasons are few, and constant.
pub(crate) fn absence(error: &Error) -> Absence {
    match WHYS.iter().find(|why| error.detail() == **why) {
        Some(why) => Absence::NotSupported { why },
        None => error.absence("dmem"),
    }
}

fn not_handed_down(parent: &Path) -> Error {
    let why = "dmem is not enabled for what lies below: no memory is counted there";
    not_supported(&parent.join("cgroup.subtree_control"), why)
}

fn is_counted(owner: &Owner) -> bool {
    matches!(owner, Owner::Container(_) | Owner::Slurm(_))
}

/// The cgroups in one. One that is gone in between has none.
fn folders(folder: &Path, problems: &mut Vec<Error>) -> Vec<String> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let error = file::at_path(folder, error);
            problems.extend(Some(error).filter(|error| error.kind() != ErrorKind::NotFound));
            return Vec::new();
        }
    };
    let is_folder = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let names = entries.take(MOST).flatten().filter(is_folder);
    let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}
