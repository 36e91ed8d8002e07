//! [`Marks`]: how far each stream has come, beside the store.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gpu_core::ledger::Position;

use crate::error::{Error, ErrorKind};
use crate::stream::Stream;

use super::fault;

/// How far each stream has come, in a file of its own beside the store.
///
/// SQLite takes a log whose end is cut off or damaged for one whose last transactions were never
/// finished, and a log of another day for its own: what was acknowledged is then gone without a
/// word. The marks remember. They are written after each append and not waited for: after a power
/// failure they may be behind, never ahead.
///
/// A mark is 24 bytes, at the place of the stream's number: the position, a digest of the stream's
/// name, and both joined for a check. All zero is none.
#[derive(Debug)]
pub(super) struct Marks {
    path: PathBuf,
    file: Mutex<File>,
}

/// A mark as it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub stream: i64,
    pub name: u64,
    pub last: Position,
}

const SIZE: usize = 24;
/// More is no file of marks.
const LARGEST: u64 = 16 << 20;

impl Marks {
    /// The file of marks of a store, which is made where there is none.
    pub fn open(path: PathBuf) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        super::file::private(&mut options);
        let file = options.open(&path).map_err(|error| fault::io(&path, error))?;
        Ok(Self { path, file: Mutex::new(file) })
    }

    /// The same for who only reads: nothing where there is no such file.
    pub fn there(path: PathBuf) -> Result<Option<Self>, Error> {
        let mut options = OpenOptions::new();
        options.read(true);
        super::file::private(&mut options);
        match options.open(&path) {
            Ok(file) => Ok(Some(Self { path, file: Mutex::new(file) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault::io(&path, error)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All marks.
    pub fn read(&self) -> Result<Vec<Mark>, Error> {
        let mut bytes = Vec::new();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read =
            file.seek(SeekFrom::Start(0)).and_then(|_| (&*file).take(LARGEST + 1).read_to_end(&mut bytes));
        read.map_err(|error| fault::io(&self.path, error))?;
        if bytes.len() as u64 > LARGEST {
            return Err(fault::new(ErrorKind::Damaged, &self.path, "it is too long"));
        }
        let mut marks = Vec::new();
        for (stream, slot) in (1..).zip(bytes.chunks_exact(SIZE)) {
            let number = |at: usize| u64::from_le_bytes(first(&slot[at..]));
            let (last, name, check) = (number(0), number(8), number(16));
            if (last, name, check) == (0, 0, 0) {
                continue;
            }
            if check != joined(last, name) {
                return Err(fault::new(ErrorKind::Damaged, &self.path, format!("mark {stream} is none")));
            }
            marks.push(Mark { stream, name, last: Position(last) });
        }
        Ok(marks)
    }

    /// Marks how far a stream has come. What cannot be written is not: the store has what was
    /// appended, and the mark stays behind.
    pub fn write(&self, number: i64, stream: &Stream, last: Position) {
        let Some(at) = u64::try_from(number).ok().and_then(|number| number.checked_sub(1)) else { return };
        let offset = at.saturating_mul(SIZE as u64);
        if offset >= LARGEST {
            return;
        }
        let name = digest(&stream.to_string());
        let mut slot = [0; SIZE];
        for (to, from) in slot.chunks_exact_mut(8).zip([last.0, name, joined(last.0, name)]) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        let write = |file: &File| -> io::Result<()> {
            // Another process may have come further meanwhile.
            let mut there = [0; SIZE];
            let is_whole = read_at(file, &mut there, offset)? == SIZE;
            if is_whole && u64::from_le_bytes(first(&there)) > last.0 && there[8..16] == slot[8..16] {
                return Ok(());
            }
            write_at(file, &slot, offset)
        };
        drop(write(&self.file.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// One call of the system each, where there is one.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, offset)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(offset))?;
    file.read(bytes)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    io::Write::write_all(&mut file, bytes)
}

/// The first eight bytes.
fn first(bytes: &[u8]) -> [u8; 8] {
    bytes.first_chunk().copied().unwrap_or_default()
}

const fn joined(last: u64, name: u64) -> u64 {
    last.rotate_left(32) ^ name ^ 0x4750_554d_4152_4b31
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(super) fn digest(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
