//! The cgroup of a process, read: what its text means is [`gpu_core::cgroup`].

use std::path::Path;

use gpu_core::cgroup::owner;
use gpu_core::{Error, Owner, Pid};

use crate::file;

/// On whose behalf a process runs, by its `/proc/<pid>/cgroup` under this root.
///
/// # Errors
/// `NotFound` when there is no such process (any more), `NotPermitted`, `Malformed`, `Io`.
///
/// ```
/// let me = gpu_core::Pid(std::process::id());
/// println!("{}", gpu_host::cgroup::owner_of(&gpu_host::Roots::default().proc, me)?);
/// # Ok::<(), gpu_core::Error>(())
/// ```
pub fn owner_of(proc: &Path, pid: Pid) -> Result<Owner, Error> {
    file::read_text(&proc.join(pid.to_string()).join("cgroup")).map(|text| owner(&text))
}
