//! Writing a file of the driver's, and what its refusal means.

use std::io;
use std::path::{Path, PathBuf};

use gpu_core::{Error, ErrorKind, Need, Refusal, UnitId, User};
use gpu_host::{Roots, file};

const EPERM: i32 = 1;
const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const ERANGE: i32 = 34;
const EOPNOTSUPP: i32 = 95;

/// A write that failed: at which file, of what, and whether it could be opened.
#[derive(Debug)]
pub(super) struct Failed {
    path: PathBuf,
    value: String,
    is_open: bool,
    error: io::Error,
}

/// Writes a value into a file of the driver's.
pub(super) fn write(roots: &Roots, path: &Path, value: &str) -> Result<(), Failed> {
    roots.write(path, value).map_err(|error| {
        let is_open = matches!(error, file::WriteError::Refused(_));
        let (file::WriteError::Unopened(error) | file::WriteError::Refused(error)) = error;
        Failed { path: path.to_path_buf(), value: value.to_owned(), is_open, error }
    })
}

impl Failed {
    /// What it means. Who is in the way is looked for where somebody is.
    pub(super) fn refusal(
        self,
        unit: UnitId,
        name: &'static str,
        users: impl FnOnce() -> Vec<User>,
    ) -> Refusal {
        let Self { path, value, is_open, error } = self;
        let at = path.display().to_string();
        let failed = |kind, detail: String| Refusal::Failed(Error::new(kind, at.clone(), detail));
        match (is_open, error.raw_os_error()) {
            (false, Some(EPERM | EACCES | EROFS)) | (true, Some(EACCES)) => {
                Refusal::NotPermitted { needs: Need::Access(name) }
            }
            (true, Some(EBUSY)) => match users() {
                by if by.is_empty() => failed(ErrorKind::Io, format!("busy: it does not take {value} now")),
                by => Refusal::InUse { unit, by },
            },
            (true, Some(EINVAL | ERANGE)) => Refusal::Invalid { what: format!("{at} does not take {value}") },
            (true, Some(ENOSPC | ENOMEM)) => Refusal::NoRoom { what: format!("{value} in {at}") },
            (true, Some(EOPNOTSUPP)) => Refusal::NotSupported { why: format!("{at} does not take {value}") },
            // The driver's word for functions that are shared out by itself.
            (true, Some(EPERM)) => {
                failed(ErrorKind::Io, format!("the driver does not let {value} be set now"))
            }
            (true, Some(EIO)) => failed(ErrorKind::Io, format!("the firmware does not take {value}")),
            _ => Refusal::Failed(file::at_path(&path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpu_core::{DeviceId, PciAddress, Vendor};

    /// Each refusal of the kernel's has its own kind, and names the file.
    #[test]
    fn what_the_kernel_refuses() {
        let device = DeviceId::from_pci(Vendor::INTEL, PciAddress::new(0, 3, 0, 0));
        for (is_open, errno, kind) in [
            (false, EACCES, "not_permitted"),
            (false, EPERM, "not_permitted"),
            (false, EROFS, "not_permitted"),
            (true, EACCES, "not_permitted"),
            (true, EBUSY, "failed"),
            (true, EINVAL, "invalid"),
            (true, ERANGE, "invalid"),
            (true, ENOSPC, "no_room"),
            (true, EOPNOTSUPP, "not_supported"),
            (true, EPERM, "failed"),
            (true, EIO, "failed"),
            (false, 2, "failed"),
        ] {
            let (path, error) = (PathBuf::from("/sys/x/sriov_numvfs"), io::Error::from_raw_os_error(errno));
            let failed = Failed { path, value: "4".to_owned(), is_open, error };
            let refusal = failed.refusal(device.into(), "sriov_numvfs", Vec::new);
            assert_eq!(refusal.kind(), kind, "{errno}");
            assert!(refusal.to_string().contains("sriov_numvfs"), "{refusal}");
        }
    }
}
