//! Writing a mode file, and what the driver's refusal means.

use std::io;
use std::path::{Path, PathBuf};

use gpu_core::{Error, ErrorKind, Need, Refusal, UnitId, User};
use gpu_host::{Roots, file};

use super::Setting;

const EPERM: i32 = 1;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const EINVAL: i32 = 22;
const EROFS: i32 = 30;
const EOPNOTSUPP: i32 = 95;

/// A write that failed: at which file, and whether it could be opened.
#[derive(Debug)]
pub(super) struct Failed {
    path: PathBuf,
    is_open: bool,
    error: io::Error,
}

/// Writes a value into a file of the driver's.
pub(super) fn write(roots: &Roots, path: &Path, value: &str) -> Result<(), Failed> {
    roots.write(path, value).map_err(|error| {
        let is_open = matches!(error, file::WriteError::Refused(_));
        let (file::WriteError::Unopened(error) | file::WriteError::Refused(error)) = error;
        Failed { path: path.to_path_buf(), is_open, error }
    })
}

impl Failed {
    /// What it means. Who is in the way is looked for where somebody is.
    pub(super) fn refusal(
        self,
        unit: UnitId,
        setting: Setting,
        value: &str,
        users: impl FnOnce() -> Vec<User>,
    ) -> Refusal {
        let at = self.path.display().to_string();
        let failed = |kind, detail: String| Refusal::Failed(Error::new(kind, at.clone(), detail));
        match (self.is_open, self.error.raw_os_error()) {
            (false, Some(EPERM | EACCES | EROFS)) | (true, Some(EACCES)) => {
                Refusal::NotPermitted { needs: Need::Access(setting.file()) }
            }
            (true, Some(EBUSY)) => match users() {
                by if by.is_empty() => {
                    let detail =
                        "busy: processes of the compute driver end only now, or another change is on";
                    failed(ErrorKind::Io, detail.to_owned())
                }
                by => Refusal::InUse { unit, by },
            },
            (true, Some(EINVAL)) => Refusal::Invalid { what: format!("{at} does not take {value} now") },
            (true, Some(EOPNOTSUPP)) => Refusal::NotSupported { why: format!("{at} does not take {value}") },
            // The driver's word for a GPU that is being reset (`amdgpu_gfx.c`).
            (true, Some(EPERM)) => failed(ErrorKind::Io, "the GPU is being reset".to_owned()),
            _ => Refusal::Failed(file::at_path(&self.path, self.error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpu_core::{DeviceId, PartitionKind, PciAddress, Pid, PidView, Vendor};

    fn refused(is_open: bool, errno: i32, users: Vec<User>) -> Refusal {
        let error = io::Error::from_raw_os_error(errno);
        let path = PathBuf::from("/sys/x/current_compute_partition");
        let device = DeviceId::from_pci(Vendor::AMD, PciAddress::new(0, 5, 0, 0));
        Failed { path, is_open, error }.refusal(device.into(), Setting::Compute, "CPX", || users)
    }

    fn user() -> User {
        let device = DeviceId::from_pci(Vendor::AMD, PciAddress::new(0, 5, 0, 0));
        let partition = device.partition(PartitionKind::COMPUTE_PARTITION, 0);
        User::new(partition, Pid(7), PidView::Host)
    }

    /// Each refusal of the kernel's has its own kind, and names the file or the process.
    #[test]
    fn what_the_kernel_refuses() {
        for (is_open, errno, kind, text) in [
            (false, EACCES, "not_permitted", "current_compute_partition"),
            (false, EPERM, "not_permitted", "current_compute_partition"),
            (false, EROFS, "not_permitted", "current_compute_partition"),
            (true, EACCES, "not_permitted", "current_compute_partition"),
            (true, EINVAL, "invalid", "/sys/x/current_compute_partition does not take CPX"),
            (true, EOPNOTSUPP, "not_supported", "/sys/x/current_compute_partition"),
            (true, EPERM, "failed", "/sys/x/current_compute_partition: the GPU is being reset"),
            (true, EBUSY, "failed", "/sys/x/current_compute_partition: busy"),
            (true, 5, "failed", "/sys/x/current_compute_partition"),
            (false, 2, "failed", "/sys/x/current_compute_partition"),
        ] {
            let refusal = refused(is_open, errno, Vec::new());
            assert_eq!(refusal.kind(), kind, "{errno}");
            assert!(refusal.to_string().contains(text), "{refusal}");
        }
        let busy = refused(true, EBUSY, vec![user()]);
        assert!(matches!(&busy, Refusal::InUse { by, .. } if by[0].pid == Pid(7)), "{busy}");
        let Refusal::Failed(lost) = refused(true, 19, Vec::new()) else { panic!("a failure") };
        assert_eq!(lost.kind(), ErrorKind::DeviceLost);
    }
}
