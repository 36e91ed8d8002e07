//! [`Folder`]: a directory held open, whose files are read without a path.

use std::io;
use std::path::Path;

use gpu_core::{Absence, DeviceNumber};

use crate::file;

/// A directory held open. What lies in it is looked up by its name alone, which spares the kernel
/// the walk along the path and us the making of it: for directories with a file for each of many
/// things, such as the compute driver's processes. Allocates nothing on Linux.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let root = std::env::temp_dir().join(format!("gpu-host-folder-{}", std::process::id()));
/// std::fs::create_dir_all(&root)?;
/// std::fs::write(root.join("vram_7"), "4096\n")?;
/// let folder = gpu_host::Folder::open(&root)?;
/// let mut names = Vec::new();
/// folder.each(|name| names.push(name.to_owned()))?;
/// assert_eq!(names, ["vram_7"]);
/// assert_eq!(folder.read_u64("vram_7", "vram_*"), Ok(4096));
/// std::fs::create_dir_all(root.join("stats_7"))?;
/// std::fs::write(root.join("stats_7/cu_occupancy"), "38\n")?;
/// assert_eq!(folder.read_u64_in("stats_7", "cu_occupancy", "stats_*"), Ok(38));
/// assert!(folder.read_u64_in(&"x".repeat(200), "cu_occupancy", "stats_*").is_err());
/// # std::fs::remove_dir_all(&root)
/// # }
/// ```
#[derive(Debug)]
pub struct Folder(Inner);

impl Folder {
    /// The directory at `path`.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        Inner::open(path).map(Self)
    }

    /// The directory of that name in this one.
    ///
    /// # Errors
    /// The operating system's.
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        self.0.folder(name).map(Self)
    }

    /// Visits the names in the directory, in its own order; to be done once. Names that are not
    /// UTF-8 are left out: the kernel makes none.
    ///
    /// # Errors
    /// The operating system's.
    pub fn each(&self, mut visit: impl FnMut(&str)) -> io::Result<()> {
        self.0.each_numbered(|name, _| visit(name))
    }

    /// The number in the file of that name, which absences call `label`.
    ///
    /// # Errors
    /// Why it cannot be read: see [`Attribute::with_bytes`](file::Attribute::with_bytes).
    pub fn read_u64(&self, name: &str, label: &'static str) -> Result<u64, Absence> {
        self.number(name, label)
    }

    /// The number in the file `name` of the directory `folder` in this one, without opening that.
    ///
    /// # Errors
    /// As [`Folder::read_u64`]; `Failed` when both names together are longer than any that a
    /// kernel makes.
    pub fn read_u64_in(&self, folder: &str, name: &str, label: &'static str) -> Result<u64, Absence> {
        const TOO_LONG: usize = 128;
        let mut path = [0_u8; TOO_LONG];
        let parts = [folder.as_bytes(), b"/", name.as_bytes()];
        let mut end = 0;
        for part in parts {
            let room =
                path.get_mut(end..end + part.len()).ok_or(Absence::Failed { at: label, code: None })?;
            room.copy_from_slice(part);
            end += part.len();
        }
        let path =
            std::str::from_utf8(&path[..end]).map_err(|_| Absence::Failed { at: label, code: None })?;
        self.number(path, label)
    }

    /// Appends the first `most` bytes of the file of that name to `text`. The kernel's own files
    /// end where a read gives less than was asked for.
    pub(crate) fn read_to(&self, name: &str, most: usize, text: &mut Vec<u8>) -> io::Result<()> {
        use io::Read;
        let mut file = self.0.file(name)?;
        let (begin, end) = (text.len(), text.len().saturating_add(most));
        loop {
            let from = text.len();
            text.resize(end.min(from + file::PAGE), 0);
            let read = file.read(&mut text[from..]).inspect_err(|_| text.truncate(begin))?;
            let is_full = read == text.len() - from;
            text.truncate(from + read);
            if !is_full || text.len() >= end {
                return Ok(());
            }
        }
    }

    /// The first bytes of the text of the symbolic link of that name.
    pub(crate) fn link<'a>(&self, name: &str, room: &'a mut [u8; 64]) -> io::Result<&'a [u8]> {
        self.0.link(name, room)
    }

    /// Visits the names in the directory with the number that each has in its file system (0 where
    /// that is not told); to be done once.
    pub(crate) fn each_numbered(&self, visit: impl FnMut(&str, u64)) -> io::Result<()> {
        self.0.each_numbered(visit)
    }

    /// The number of the directory in its file system; 0 where that is not told.
    pub(crate) fn inode(&self) -> u64 {
        self.0.inode()
    }

    /// True in the kernel's `/proc`, false in a tree of plain files.
    pub(crate) fn is_proc(&self) -> bool {
        self.0.is_proc()
    }

    /// Size of what has that name, in bytes, and when it was changed, in nanoseconds since 1970.
    pub(crate) fn size_and_change(&self, name: &str) -> io::Result<(u64, u64)> {
        self.0.size_and_change(name)
    }

    /// The number of the character device behind that name, through links; `None` where it is
    /// something else. An error where nothing is there, and on other systems than Linux.
    pub(crate) fn device(&self, name: &str) -> io::Result<Option<DeviceNumber>> {
        self.0.device(name)
    }

    fn number(&self, path: &str, label: &'static str) -> Result<u64, Absence> {
        let mut page = [0_u8; file::PAGE];
        let count = self.0.read(path, &mut page).map_err(|error| file::absence(&error, label))?;
        file::parse_u64(&page[..count]).ok_or(Absence::Failed { at: label, code: None })
    }
}

#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Inner(rustix::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Inner {
    fn open(path: &Path) -> io::Result<Self> {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(openat(CWD, path, flags, Mode::empty())?))
    }

    fn folder(&self, name: &str) -> io::Result<Self> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(openat(&self.0, name, flags, Mode::empty())?))
    }

    fn each_numbered(&self, mut visit: impl FnMut(&str, u64)) -> io::Result<()> {
        let mut buffer = [const { std::mem::MaybeUninit::uninit() }; 8192];
        let mut entries = rustix::fs::RawDir::new(&self.0, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => visit(name, entry.ino()),
            }
        }
        Ok(())
    }

    fn inode(&self) -> u64 {
        rustix::fs::fstat(&self.0).map_or(0, |stat| stat.st_ino)
    }

    fn is_proc(&self) -> bool {
        rustix::fs::fstatfs(&self.0).is_ok_and(|stat| stat.f_type == rustix::fs::PROC_SUPER_MAGIC)
    }

    fn size_and_change(&self, name: &str) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::statat(&self.0, name, rustix::fs::AtFlags::NO_AUTOMOUNT)?;
        let part = |number: i64| u64::try_from(number).unwrap_or(0);
        let seconds = part(stat.st_ctime as i64);
        Ok((
            part(stat.st_size),
            seconds.saturating_mul(1_000_000_000).saturating_add(stat.st_ctime_nsec as u64),
        ))
    }

    fn read(&self, name: &str, page: &mut [u8]) -> io::Result<usize> {
        use rustix::fs::{Mode, OFlags, openat};
        let file = openat(&self.0, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(rustix::io::read(&file, page)?)
    }

    fn file(&self, name: &str) -> io::Result<std::fs::File> {
        use rustix::fs::{Mode, OFlags, openat};
        Ok(openat(&self.0, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?.into())
    }

    fn link<'a>(&self, name: &str, room: &'a mut [u8; 64]) -> io::Result<&'a [u8]> {
        let count = rustix::fs::readlinkat_raw(&self.0, name, &mut room[..])?;
        Ok(&room[..count])
    }

    fn device(&self, name: &str) -> io::Result<Option<DeviceNumber>> {
        use rustix::fs::{AtFlags, FileType, major, minor, statat};
        let stat = statat(&self.0, name, AtFlags::NO_AUTOMOUNT)?;
        let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
        Ok(is_device.then(|| DeviceNumber { major: major(stat.st_rdev), minor: minor(stat.st_rdev) }))
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Inner(std::path::PathBuf);

#[cfg(not(target_os = "linux"))]
impl Inner {
    fn open(path: &Path) -> io::Result<Self> {
        std::fs::read_dir(path).map(|_| Self(path.to_path_buf()))
    }

    fn folder(&self, name: &str) -> io::Result<Self> {
        Self::open(&self.0.join(name))
    }

    fn each_numbered(&self, mut visit: impl FnMut(&str, u64)) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.0)? {
            if let Some(name) = entry?.file_name().to_str() {
                visit(name, 0);
            }
        }
        Ok(())
    }

    fn inode(&self) -> u64 {
        0
    }

    fn is_proc(&self) -> bool {
        false
    }

    fn size_and_change(&self, name: &str) -> io::Result<(u64, u64)> {
        let about = std::fs::metadata(self.0.join(name))?;
        let change = about.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok((about.len(), u64::try_from(change.as_nanos()).unwrap_or(u64::MAX)))
    }

    fn read(&self, name: &str, page: &mut [u8]) -> io::Result<usize> {
        use std::io::Read;
        self.file(name)?.read(page)
    }

    fn file(&self, name: &str) -> io::Result<std::fs::File> {
        std::fs::File::open(self.0.join(name))
    }

    fn link<'a>(&self, name: &str, room: &'a mut [u8; 64]) -> io::Result<&'a [u8]> {
        let target = std::fs::read_link(self.0.join(name))?;
        let text = target.as_os_str().as_encoded_bytes();
        let count = text.len().min(room.len());
        room[..count].copy_from_slice(&text[..count]);
        Ok(&room[..count])
    }

    fn device(&self, _name: &str) -> io::Result<Option<DeviceNumber>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
