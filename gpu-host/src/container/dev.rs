//! The device files in a container's mount namespace.
//!
//! Only folders are opened, each without following a link; files are looked at by `lstat`. So a FIFO,
//! a link in a circle or one that leads out of the container does nothing.

use std::path::Path;

use gpu_core::{DeviceFile, Known};

use super::mount::Mounts;
use crate::Roots;

/// The folders below `/dev` with device files of GPUs.
#[cfg(target_os = "linux")]
const FOLDERS: [&str; 4] = ["dri", "nvidia-caps", "nvidia-caps-imex-channels", "vfio"];

/// Most entries of one folder that are looked at, and most files that are kept.
#[cfg(target_os = "linux")]
const MOST: usize = 8192;

/// Whether `/dev` is one of its own, and the device files in it.
#[cfg(target_os = "linux")]
pub(super) fn read(
    roots: &Roots,
    folder: &Path,
    mounts: Option<&Mounts>,
) -> (Known<bool>, Known<Vec<DeviceFile>>) {
    use gpu_core::Absence;
    const SERVED: Absence = Absence::NotSupported { why: "a program serves the file system there" };
    let serves = |path: &str| {
        let served = mounts.map(|mounts| mounts.served.as_slice()).unwrap_or_default();
        served.iter().any(|point| point == path || point == "/")
    };
    if serves("/dev") {
        return (true.into(), Known::absent(SERVED));
    }
    let dev = match linux::open_dev(&folder.join("root")) {
        Ok(dev) => dev,
        Err(absence) => return (Known::absent(absence), Known::absent(absence)),
    };
    // Some kernels show the first process to nobody.
    let first = linux::open_dev(&roots.proc.join("1/root"));
    let machines = first.or_else(|why| linux::open_machines(&roots.host.join("dev")).map_err(|_| why));
    let own = match machines.map(|machines| linux::are_same(&dev, &machines)) {
        Ok(Some(same)) => Known::from(!same),
        Ok(None) => Known::absent(Absence::Failed { at: linux::NAME, code: None }),
        Err(absence) => Known::absent(absence),
    };
    if own.value() == Some(&false) {
        return (own, Known::unsupported("its /dev is the machine's own"));
    }
    let mut files = Vec::new();
    if let Err(absence) = linux::device_files(&dev, "/dev", &mut files) {
        return (own, Known::absent(absence));
    }
    for name in FOLDERS {
        let path = format!("/dev/{name}");
        if serves(&path) {
            return (own, Known::absent(SERVED));
        }
        if let Some(inner) = linux::open_folder(&dev, name) {
            if let Err(absence) = linux::device_files(&inner, &path, &mut files) {
                return (own, Known::absent(absence));
            }
        }
    }
    files.sort_unstable();
    (own, files.into())
}

/// There are no such files elsewhere.
#[cfg(not(target_os = "linux"))]
pub(super) fn read(_: &Roots, _: &Path, _: Option<&Mounts>) -> (Known<bool>, Known<Vec<DeviceFile>>) {
    const WHY: &str = "only Linux has containers of this kind";
    (Known::unsupported(WHY), Known::unsupported(WHY))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    use gpu_core::{Absence, DeviceFile, DeviceNumber};
    use rustix::fd::OwnedFd;
    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, fstat, major, minor, openat, statat};

    use super::MOST;
    use crate::file;

    pub(super) const NAME: &str = "/proc/<pid>/root/dev";

    fn absence(error: rustix::io::Errno) -> Absence {
        file::absence(&error.into(), NAME)
    }

    /// The folder `dev` below a root. The root itself is the kernel's link and is followed.
    pub(super) fn open_dev(root: &Path) -> Result<OwnedFd, Absence> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, root, flags, Mode::empty()).map_err(absence)?;
        openat(&root, "dev", inside(), Mode::empty()).map_err(absence)
    }

    /// The machine's own `/dev`, where its files are: nobody in a container decides what lies there.
    pub(super) fn open_machines(dev: &Path) -> Result<OwnedFd, Absence> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(CWD, dev, flags, Mode::empty()).map_err(absence)
    }

    /// A folder in one, where there is one.
    pub(super) fn open_folder(dev: &OwnedFd, name: &str) -> Option<OwnedFd> {
        openat(dev, name, inside(), Mode::empty()).ok()
    }

    fn inside() -> OFlags {
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
    }

    /// Whether both are the same folder, where that can be told.
    pub(super) fn are_same(one: &OwnedFd, other: &OwnedFd) -> Option<bool> {
        let (one, other) = (fstat(one).ok()?, fstat(other).ok()?);
        Some((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
    }

    /// Adds the character devices in a folder that lies at `path` in the container.
    pub(super) fn device_files(
        folder: &OwnedFd,
        path: &str,
        files: &mut Vec<DeviceFile>,
    ) -> Result<(), Absence> {
        let mut buffer = [const { std::mem::MaybeUninit::uninit() }; 8192];
        let mut entries = RawDir::new(folder, &mut buffer);
        for _ in 0..MOST {
            let Some(entry) = entries.next() else { return Ok(()) };
            let entry = entry.map_err(absence)?;
            // Some file systems do not tell the kind.
            if !matches!(entry.file_type(), FileType::CharacterDevice | FileType::Unknown) {
                continue;
            }
            // Gone in between, or of a name that nobody could open.
            let Ok(found) = statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(found.st_mode) != FileType::CharacterDevice || files.len() >= MOST {
                continue;
            }
            let number = DeviceNumber { major: major(found.st_rdev), minor: minor(found.st_rdev) };
            let name = entry.file_name().to_string_lossy();
            files.push(DeviceFile::new(format!("{path}/{name}"), Some(number)));
        }
        Ok(())
    }
}
