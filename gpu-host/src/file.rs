//! Small kernel files: one open, one read, one close.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind as IoKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::{Absence, Error, ErrorKind, Need};

use crate::held::Held;

/// What fits into the first read: sysfs attributes are at most one page.
pub(crate) const PAGE: usize = 4096;

/// Operation not permitted: of a file that is open, the driver's own answer.
pub const EPERM: i32 = 1;

/// Largest text file that is read whole. Nothing that a kernel writes for us is near it.
const LARGEST: usize = 1 << 20;

/// The text of a small file, without trailing NULs and white space.
///
/// # Errors
/// `NotFound`, `NotPermitted`, `DeviceLost` (the device behind the file is gone), `Malformed`
/// (not UTF-8, or over 1 MiB), or `Io`; each with the path.
pub fn read_text(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(|error| at_path(path, error))?;
    let mut page = [0_u8; PAGE];
    let count = file.read(&mut page).map_err(|error| at_path(path, error))?;
    let mut bytes = page[..count].to_vec();
    if count == PAGE {
        let limit = (LARGEST - PAGE + 1) as u64;
        file.take(limit).read_to_end(&mut bytes).map_err(|error| at_path(path, error))?;
        if bytes.len() > LARGEST {
            return Err(malformed(path, "larger than 1 MiB"));
        }
    }
    bytes.truncate(trimmed(&bytes).len());
    String::from_utf8(bytes).map_err(|_| malformed(path, "not UTF-8"))
}

/// The text of a small file, or `None` when there is no such file.
///
/// # Errors
/// As [`read_text`], but for `NotFound`.
pub fn read_optional(path: &Path) -> Result<Option<String>, Error> {
    match read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number in a small file: decimal, or hexadecimal after `0x`.
///
/// # Errors
/// As [`read_text`], and `Malformed` when it holds no number that fits.
pub fn read_u64(path: &Path) -> Result<u64, Error> {
    let text = read_text(path)?;
    parse_u64(text.as_bytes()).ok_or_else(|| malformed(path, &format!("not a number: {:?}", short(&text))))
}

/// The names in a directory, sorted; at most 65,536 of them.
///
/// # Errors
/// As [`read_text`] when the directory cannot be listed. Names that are not UTF-8 are left out:
/// the kernel makes none.
pub fn list(path: &Path) -> Result<Vec<String>, Error> {
    let entries = std::fs::read_dir(path).map_err(|error| at_path(path, error))?;
    let mut names = Vec::new();
    for entry in entries.take(1 << 16) {
        let entry = entry.map_err(|error| at_path(path, error))?;
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The last part of what a symbolic link names, such as the driver behind `…/driver`.
///
/// # Errors
/// As [`read_text`]; `Malformed` when the link names nothing.
pub fn link_name(path: &Path) -> Result<String, Error> {
    let target = std::fs::read_link(path).map_err(|error| at_path(path, error))?;
    let name = target.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| malformed(path, "a link to nothing"))
}

/// True for a file or folder of the running kernel's own sysfs: not of a copy, or of a tree that stands
/// for another machine.
#[must_use]
pub fn is_on_sysfs(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| crate::held::is_on_sysfs(&file))
}

/// A file that was not written: whether the file or what was written was refused.
///
/// A driver's answer to a value has the same numbers as the kernel's to who may open its file.
#[derive(Debug)]
pub enum WriteError {
    /// It could not be opened.
    Unopened(std::io::Error),
    /// It did not take the text.
    Refused(std::io::Error),
}

/// Writes a text into a file that is there, in one go.
///
/// # Errors
/// The operating system's, by whether the file was open by then.
pub fn write(path: &Path, text: &str) -> Result<(), WriteError> {
    let file = OpenOptions::new().write(true).truncate(true).open(path);
    file.map_err(WriteError::Unopened)?.write_all(text.as_bytes()).map_err(WriteError::Refused)
}

/// The error of the operating system about `path`, by its meaning.
#[must_use]
pub fn at_path(path: &Path, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        IoKind::NotFound | IoKind::NotADirectory => ErrorKind::NotFound,
        IoKind::PermissionDenied => ErrorKind::NotPermitted,
        IoKind::TimedOut => ErrorKind::TimedOut,
        _ if is_gone(&error) => ErrorKind::DeviceLost,
        _ => ErrorKind::Io,
    };
    Error::caused(kind, path.display().to_string(), error)
}

/// The error about a file that does not hold what it should.
#[must_use]
pub fn malformed(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Malformed, path.display().to_string(), what)
}

/// ENODEV and ENXIO: what a driver answers for hardware that is no longer there.
fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(19 | 6))
}

/// Without the NULs and white space at the end: some drivers pad their files to a page with NULs.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| *b != 0 && !b.is_ascii_whitespace()).map_or(0, |at| at + 1);
    &bytes[..end]
}

/// At most 40 characters of a text, for an error.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A decimal number, or a hexadecimal one after `0x`, with nothing but white space around it.
#[must_use]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(trimmed(text)).ok()?.trim_start();
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // `from_str_radix` takes a leading '+', which no kernel writes.
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, radix).ok() }
}

/// A file that is read at every sample: its path, and the name that absences give it.
///
/// Reading it takes three system calls, and one where it lies on sysfs: there it is kept open from
/// its first read on, for up to 512 files of a process. It allocates nothing.
#[derive(Clone, Debug)]
pub struct Attribute {
    path: PathBuf,
    name: &'static str,
    held: Arc<Held>,
}

/// The same file under the same name.
impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, self.name) == (&other.path, other.name)
    }
}

impl Eq for Attribute {}

impl Attribute {
    /// The file at `path`, called `name` in absences.
    #[must_use]
    pub fn new(path: PathBuf, name: &'static str) -> Self {
        Self { path, name, held: Arc::default() }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What absences call it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// True when there is such a file now.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// The number in the file.
    ///
    /// # Errors
    /// Why it cannot be read: see [`Attribute::with_bytes`].
    pub fn read_u64(&self) -> Result<u64, Absence> {
        self.with_bytes(parse_u64)
    }

    /// The number in the file, which may be negative.
    ///
    /// # Errors
    /// Why it cannot be read: see [`Attribute::with_bytes`].
    pub fn read_i64(&self) -> Result<i64, Absence> {
        self.with_bytes(|bytes| {
            let text = std::str::from_utf8(trimmed(bytes)).ok()?.trim_start();
            if text.starts_with('+') { None } else { text.parse().ok() }
        })
    }

    /// The number of lines that are not empty; at most the first mebibyte is looked at.
    ///
    /// # Errors
    /// Why it cannot be read: see [`Attribute::with_bytes`].
    pub fn count_lines(&self) -> Result<u64, Absence> {
        self.count_lines_ending(0).map(|(lines, _)| lines)
    }

    /// The number of lines that are not empty, and of those among them whose last character but white space is
    /// `end`; at most the first mebibyte is looked at.
    ///
    /// # Errors
    /// Why it cannot be read: see [`Attribute::with_bytes`].
    pub fn count_lines_ending(&self, end: u8) -> Result<(u64, u64), Absence> {
        let count = || -> std::io::Result<(u64, u64)> {
            let mut file = File::open(&self.path)?;
            let (mut lines, mut ending, mut in_line, mut last) = (0, 0, false, 0);
            let mut page = [0_u8; PAGE];
            for _ in 0..LARGEST / PAGE {
                let read = file.read(&mut page)?;
                for byte in &page[..read] {
                    let text = *byte != b'\n' && *byte != 0;
                    lines += u64::from(text && !in_line);
                    ending += u64::from(!text && in_line && last == end);
                    in_line = text;
                    last = if !text || !byte.is_ascii_whitespace() { *byte } else { last };
                }
                if read < PAGE {
                    break;
                }
            }
            Ok((lines, ending + u64::from(in_line && last == end)))
        };
        count().map_err(|error| absence(&error, self.name))
    }

    /// Fills `page` with the file's first bytes, as they are, in one read; says how many.
    ///
    /// # Errors
    /// Why it cannot be read: see [`Attribute::with_bytes`].
    pub fn read_into(&self, page: &mut [u8]) -> Result<usize, Absence> {
        let opened = |error: &_| absence(error, self.name);
        self.held.read(&self.path, page, opened, |error| self.answer(error))
    }

    /// What an error of reading a file that is open already means. Whoever may open a file may
    /// read it: EPERM is then the driver's own answer, for a device that sleeps or resets.
    fn answer(&self, error: &std::io::Error) -> Absence {
        match error.raw_os_error() {
            code @ Some(EPERM) => Absence::Failed { at: self.name, code },
            _ => absence(error, self.name),
        }
    }

    /// What `parse` makes of the file's first page.
    ///
    /// # Errors
    /// `NotSupported` when there is no such file, the driver says that it has no value
    /// (EOPNOTSUPP, ENODATA, EINVAL); `NotPermitted` when it may not be opened; `Lost` (ENODEV,
    /// ENXIO); `TimedOut`; `Failed` with the error number ([`EPERM`] when the driver refuses a
    /// file that is open), or without one when `parse` refuses the content.
    pub fn with_bytes<T>(&self, parse: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, Absence> {
        let mut page = [0_u8; PAGE];
        let count = self.read_into(&mut page)?;
        parse(trimmed(&page[..count])).ok_or(Absence::Failed { at: self.name, code: None })
    }
}

/// The absence that an error of the operating system is, about the file called `name`.
pub(crate) fn absence(error: &std::io::Error, name: &'static str) -> Absence {
    // EINVAL 22, ENODATA 61, EOPNOTSUPP 95: the driver has the file and no value for it.
    match (error.kind(), error.raw_os_error()) {
        (IoKind::NotFound | IoKind::NotADirectory, _) | (_, Some(22 | 61 | 95)) => {
            Absence::NotSupported { why: name }
        }
        (IoKind::PermissionDenied, _) => Absence::NotPermitted { needs: Need::Access(name) },
        (IoKind::TimedOut, _) => Absence::TimedOut,
        _ if is_gone(error) => Absence::Lost,
        (_, code) => Absence::Failed { at: name, code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_the_kernel_writes_them() {
        for (text, number) in [
            ("0x1002\n", Some(0x1002)),
            (" 42 \n\0\0\0", Some(42)),
            ("0\n", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("+1", None),
            ("", None),
            ("0x", None),
            ("1 2", None),
            ("12abc", None),
        ] {
            assert_eq!(parse_u64(text.as_bytes()), number, "{text:?}");
        }
        assert_eq!(parse_u64(b"\xff\xfe"), None);
    }
}
