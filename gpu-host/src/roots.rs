//! [`Roots`]: where the machine's trees lie.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file::{self, WriteError};
use crate::follower::Follower;

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
    /// Who does what is written, where no kernel stands behind the files.
    follower: Option<Follower>,
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
            follower: None,
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

    /// The same roots with somebody behind their files, who is told of each that was [written](Self::write)
    /// and answers as the kernel's driver would, before the write ends: an error is the write's own.
    ///
    /// For trees that a program has made (`gpu_sim::Tree::into_driver`). The machine's own files have the
    /// kernel behind them and need nobody.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let file = std::env::temp_dir().join(format!("gpu-host-follower-{}", std::process::id()));
    /// std::fs::write(&file, "0")?;
    /// let busy = |_: &std::path::Path| Err(std::io::Error::from_raw_os_error(16));
    /// let roots = gpu_host::Roots::default().followed_by(busy);
    /// let refused = roots.write(&file, "1").unwrap_err();
    /// assert!(matches!(refused, gpu_host::file::WriteError::Refused(error) if error.raw_os_error() == Some(16)));
    /// # std::fs::remove_file(&file)
    /// # }
    /// ```
    #[must_use]
    pub fn followed_by(self, follower: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { follower: Some(Follower(Arc::new(follower))), ..self }
    }

    /// Writes a text into a file that is there, in one go. Ends when it has been followed.
    ///
    /// # Errors
    /// As [`file::write`]; what the [follower](Self::followed_by) answers is a refusal of the text.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), WriteError> {
        file::write(path, text)?;
        match &self.follower {
            Some(follower) => (follower.0)(path).map_err(WriteError::Refused),
            None => Ok(()),
        }
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
