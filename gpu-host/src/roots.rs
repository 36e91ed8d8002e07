//! [`Roots`]: where the machine's trees lie.

use std::path::{Path, PathBuf};

/// Where the machine's trees lie: the one place that knows the usual ones.
///
/// An agent in a container names the host's (`/host/sys`), a test names a folder.
///
/// ```
/// let roots = gpu_host::Roots::default().sysfs("/host/sys");
/// assert_eq!(roots.sysfs.to_str(), Some("/host/sys"));
/// assert_eq!(roots.proc.to_str(), Some("/proc"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Roots {
    /// The kernel's device tree, usually `/sys`.
    pub sysfs: PathBuf,
    /// Processes and driver facts, usually `/proc`.
    pub proc: PathBuf,
    /// Where writers of this family keep their lock files, usually `/run/gpu-accounting`. Made
    /// when something is changed, never by reading.
    pub locks: PathBuf,
    /// The kernel's cgroups, usually `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
    /// The machine's files, usually `/`: what container runtimes, kubelet and Slurm keep lies below
    /// (`run/containerd`, `var/lib/kubelet`, `etc/slurm`).
    pub host: PathBuf,
}

impl Default for Roots {
    /// The machine's own trees.
    fn default() -> Self {
        Self {
            sysfs: PathBuf::from("/sys"),
            proc: PathBuf::from("/proc"),
            locks: PathBuf::from("/run/gpu-accounting"),
            cgroup: PathBuf::from("/sys/fs/cgroup"),
            host: PathBuf::from("/"),
        }
    }
}

impl Roots {
    /// The same roots with the device tree elsewhere.
    #[must_use]
    pub fn sysfs(self, root: impl Into<PathBuf>) -> Self {
        Self { sysfs: root.into(), ..self }
    }

    /// The same roots with processes elsewhere.
    #[must_use]
    pub fn proc(self, root: impl Into<PathBuf>) -> Self {
        Self { proc: root.into(), ..self }
    }

    /// The same roots with the lock files elsewhere: an agent in a container names the host's
    /// folder, so that it is kept apart from writers outside.
    #[must_use]
    pub fn locks(self, folder: impl Into<PathBuf>) -> Self {
        Self { locks: folder.into(), ..self }
    }

    /// The same roots with the cgroups elsewhere.
    #[must_use]
    pub fn cgroup(self, root: impl Into<PathBuf>) -> Self {
        Self { cgroup: root.into(), ..self }
    }

    /// The same roots with the machine's files elsewhere: an agent in a container names where they
    /// are mounted (`/host`).
    #[must_use]
    pub fn host(self, root: impl Into<PathBuf>) -> Self {
        Self { host: root.into(), ..self }
    }

    /// True when the device tree is the machine's own, mounted where it always is.
    #[must_use]
    pub fn sysfs_is_usual(&self) -> bool {
        self.sysfs == Path::new("/sys")
    }

    /// True when `/proc` is the machine's own, mounted where it always is.
    #[must_use]
    pub fn proc_is_usual(&self) -> bool {
        self.proc == Path::new("/proc")
    }
}
