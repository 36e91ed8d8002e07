//! [`Held`]: a file of sysfs that is kept open from sample to sample.
//!
//! To open and close such a file costs the kernel eight times what reading it does. What is kept
//! open stays true: sysfs makes the text anew whenever it is read from its start, and answers
//! ENODEV when the device is gone (kernel: `fs/kernfs/file.c`). Of other file systems nothing is
//! kept: a file there may be replaced by another of its name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most files that all of a process keep open together: half of what Linux lets it open, unless
/// somebody changes that.
const MOST: usize = 512;

/// How many are kept open now.
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// What was found when the file was first read.
#[derive(Debug, Default)]
pub(crate) struct Held(OnceLock<Option<Kept>>);

impl Held {
    /// Fills `page` with the first bytes of the file at `path`, which is always the same, in one
    /// read; says how many. `answer` is asked what an error of a file that is open means.
    pub(crate) fn read<E>(
        &self,
        path: &Path,
        page: &mut [u8],
        opened: impl FnOnce(&io::Error) -> E,
        answer: impl Fn(&io::Error) -> E,
    ) -> Result<usize, E> {
        let is_first = match self.0.get() {
            Some(Some(kept)) => match kept.read(page) {
                // Another device may have the place by now.
                Err(error) if is_gone(&error) => match File::open(path) {
                    Ok(mut file) => return file.read(page).map_err(|error| answer(&error)),
                    Err(_) => return Err(answer(&error)),
                },
                done => return done.map_err(|error| answer(&error)),
            },
            Some(None) => false,
            None => true,
        };
        let mut file = File::open(path).map_err(|error| opened(&error))?;
        let done = file.read(page).map_err(|error| answer(&error));
        if is_first {
            // Of two that come first at once, one keeps its own.
            let _ = self.0.set(Kept::of(file));
        }
        done
    }

    #[cfg(test)]
    fn is_kept(&self) -> bool {
        matches!(self.0.get(), Some(Some(_)))
    }
}

/// ENODEV: the device behind a file of sysfs is gone.
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(19)
}

/// A file of sysfs, open.
#[derive(Debug)]
struct Kept(File);

impl Kept {
    /// Nothing where the file does not lie on sysfs, or enough are kept.
    fn of(file: File) -> Option<Self> {
        if !is_on_sysfs(&file) {
            return None;
        }
        let before = KEPT.fetch_add(1, Ordering::Relaxed);
        // Counted from here on, and no more when it is dropped.
        let kept = Self(file);
        (before < MOST).then_some(kept)
    }

    #[cfg(unix)]
    fn read(&self, page: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, page, 0)
    }

    #[cfg(not(unix))]
    fn read(&self, _page: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(19))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        KEPT.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(target_os = "linux")]
pub(crate) fn is_on_sysfs(file: &File) -> bool {
    /// `SYSFS_MAGIC` (kernel: `magic.h`).
    const SYSFS: u64 = 0x6265_6572;
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)] // its type differs by architecture
    rustix::fs::fstatfs(file).is_ok_and(|system| system.f_type as u64 == SYSFS)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn is_on_sysfs(_file: &File) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn read(held: &Held, path: &Path) -> Result<String, Option<i32>> {
        let mut page = [0; 64];
        let code = |error: &io::Error| error.raw_os_error();
        let count = held.read(path, &mut page, code, code)?;
        Ok(String::from_utf8_lossy(&page[..count]).trim().to_owned())
    }

    /// A file of sysfs is kept open and always read anew; one of another file system is not kept.
    #[test]
    fn files_of_sysfs_alone_are_kept_open() {
        let path = Path::new("/sys/kernel/uevent_seqnum");
        if !path.exists() {
            return; // no sysfs here: nothing is kept
        }
        let held = Held::default();
        assert!(read(&held, path).is_ok() && held.is_kept());
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let (one, other) = (read(&held, path).unwrap(), std::fs::read_to_string(path).unwrap());
        assert!(number(&one) <= number(other.trim()));

        let path = std::env::temp_dir().join(format!("gpu-host-held-{}", std::process::id()));
        let held = Held::default();
        for text in ["1", "2"] {
            // Replaced, not written: what is open would show the first.
            let fresh = path.with_extension("fresh");
            std::fs::write(&fresh, text).unwrap();
            std::fs::rename(&fresh, &path).unwrap();
            assert_eq!(read(&held, &path), Ok(text.to_owned()));
        }
        assert!(!held.is_kept());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&held, &path), Err(Some(2)));
    }

    /// The kernel's word for a device that goes while its file is open; and one that comes in its
    /// place is read.
    #[test]
    #[ignore = "needs root, and makes a block device (zram) and removes it"]
    fn a_device_that_goes_is_gone_and_its_place_is_read_anew() {
        let control = Path::new("/sys/class/zram-control");
        let add = || std::fs::read_to_string(control.join("hot_add")).unwrap().trim().to_owned();
        let remove = |number: &str| std::fs::write(control.join("hot_remove"), number).unwrap();
        let number = add();
        let path = Path::new("/sys/block").join(format!("zram{number}")).join("disksize");
        let held = Held::default();
        assert_eq!(read(&held, &path), Ok("0".to_owned()));
        assert!(held.is_kept());
        remove(&number);
        assert_eq!(read(&held, &path), Err(Some(19)));
        let again = add();
        assert_eq!(again, number, "the place is taken again");
        assert_eq!(read(&held, &path), Ok("0".to_owned()));
        remove(&again);
    }
}
