//! [`Lock`]: keeps writers of this family apart while one of them changes a device.
//!
//! Advisory (`flock`): it keeps away who asks for it, and nobody else. Released when it is
//! dropped, and by the kernel when its process ends.

use std::fs::{DirBuilder, File, OpenOptions};
use std::path::{Path, PathBuf};

use gpu_core::{DeviceId, Error, ErrorKind};

use crate::file::at_path;

/// The right to change one device, among the writers that ask for it.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Holds the lock while it is open.
    _file: File,
}

/// What came of asking for a lock.
#[derive(Debug)]
pub enum Locking {
    /// It is the caller's.
    Held(Lock),
    /// Another process, or another place in this one, has it: the file that it holds.
    Busy(PathBuf),
}

impl Lock {
    /// Asks for the lock of a device in `folder`, which is made where it is not there (with access
    /// for its owner alone). Does not wait.
    ///
    /// # Errors
    /// When folder or file cannot be made or opened: `NotPermitted`, `NotFound` (its parent is
    /// not there), `NotSupported` (this system has no such locks), `Io`.
    ///
    /// ```
    /// use gpu_core::{DeviceId, PciAddress, Vendor};
    /// use gpu_host::lock::{Lock, Locking};
    /// let folder = std::env::temp_dir().join(format!("gpu-host-lock-{}", std::process::id()));
    /// let device = DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, 0x1b, 0, 0));
    /// let first = Lock::of(&folder, device)?;
    /// assert!(matches!(first, Locking::Held(_)));
    /// assert!(matches!(Lock::of(&folder, device)?, Locking::Busy(_)));
    /// drop(first);
    /// assert!(matches!(Lock::of(&folder, device)?, Locking::Held(_)));
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), gpu_core::Error>(())
    /// ```
    pub fn of(folder: &Path, device: DeviceId) -> Result<Locking, Error> {
        make(folder).map_err(|error| at_path(folder, error))?;
        let path = folder.join(format!("{}.lock", device.to_string().replace([':', '/'], "-")));
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        private(&mut options);
        let file = options.open(&path).map_err(|error| at_path(&path, error))?;
        match try_lock(&file) {
            Ok(true) => Ok(Locking::Held(Self { path, _file: file })),
            Ok(false) => Ok(Locking::Busy(path)),
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
                Err(Error::caused(ErrorKind::NotSupported, path.display().to_string(), error))
            }
            Err(error) => Err(at_path(&path, error)),
        }
    }

    /// The file that is held.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[allow(unused_mut)] // not every system has modes
fn make(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// For its owner alone, and nobody is led to another file by a link in the folder.
#[allow(unused_variables)] // not every system has these
fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(target_os = "linux")]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, rustix::fs::OFlags::NOFOLLOW.bits() as i32);
}

#[cfg(target_os = "linux")]
fn try_lock(file: &File) -> std::io::Result<bool> {
    match rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn try_lock(_file: &File) -> std::io::Result<bool> {
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "devices are changed on Linux only"))
}
