//! The cgroup of a process, read: what its text means is [`gpu_core::cgroup`].

use std::path::Path;

use gpu_core::cgroup::owner;
use gpu_core::{Absence, Error, ErrorKind, Need, Owner, Pid, User};

use crate::{Roots, file, pid_namespace};

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

/// Tells of each process on whose behalf it runs, by its cgroup, where its number counts in the
/// `/proc` of these roots: another namespace's number may be another process there.
pub fn name_owners(roots: &Roots, users: &mut [User]) {
    if users.is_empty() {
        return;
    }
    let counted = pid_namespace::view(&roots.proc, roots.proc_is_usual());
    for user in users {
        user.owner = match counted.is_same(user.pid_view) {
            true => owner_of(&roots.proc, user.pid).map_err(|error| absence(&error)),
            false => Err(OTHER_NAMESPACE),
        };
    }
}

const NAME: &str = "/proc/<pid>/cgroup";
const OTHER_NAMESPACE: Absence =
    Absence::NotSupported { why: "the driver counts processes in another namespace than this /proc" };

/// A process that has ended is lost.
fn absence(error: &Error) -> Absence {
    match error.kind() {
        ErrorKind::NotFound => Absence::Lost,
        ErrorKind::NotPermitted => Absence::NotPermitted { needs: Need::Access(NAME) },
        _ => Absence::Failed { at: NAME, code: None },
    }
}
