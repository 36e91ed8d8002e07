//! The file of statements: records of `gpu_core::stored` in a row.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use gpu_accounting::meter::Statement;
use gpu_accounting::stored;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// What a file holds.
pub struct Read {
    pub statements: Vec<Statement>,
    /// Why it was not read to its end, where that is so.
    pub tail: Option<String>,
    /// How many bytes of it are whole records.
    whole: u64,
}

/// Reads all statements up to where the file ends in the middle of one.
///
/// # Errors
/// A record that is damaged, newer than this program, or of something else.
pub fn read(path: &Path) -> Result<Read, Box<dyn Error>> {
    if path.exists() && !path.is_file() {
        return Err(format!("{}: not a file", path.display()).into());
    }
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (mut rest, mut statements, mut tail) = (&bytes[..], Vec::new(), None);
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let named = |error: stored::Error| format!("{}: at byte {at}: {error}", path.display());
        let (frame, after) = match stored::split(rest) {
            Ok(both) => both,
            Err(error @ stored::Error::Truncated { .. }) => {
                tail = Some(format!("it ends in the middle of a record, at byte {at} ({error})"));
                break;
            }
            Err(error) => return Err(named(error).into()),
        };
        statements.push(stored::decode_statement(frame).map_err(named)?);
        rest = after;
    }
    let whole = (bytes.len() - rest.len()) as u64;
    Ok(Read { statements, tail, whole })
}

/// A file that statements are added to.
pub struct Out {
    path: PathBuf,
    file: File,
    /// How much of it is whole.
    length: u64,
    bytes: Vec<u8>,
}

impl Out {
    /// Opens a file to add to, and tells what it has. What a crash left half written is cut off.
    pub fn open(path: &Path) -> Result<(Self, Vec<Statement>), Box<dyn Error>> {
        if path.exists() && !path.is_file() {
            return Err(format!("{}: not a file that statements could be added to", path.display()).into());
        }
        let named = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(named)?;
        // Two who add would write over each other's statements. The lock ends with the process.
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            Errno::WOULDBLOCK => format!("{}: another gpu-bill adds to it", path.display()),
            error => named(error.into()),
        })?;
        let read = read(path)?;
        if let Some(tail) = &read.tail {
            eprintln!("gpu-bill: {}: {tail}; that is cut off", path.display());
            file.set_len(read.whole).map_err(named)?;
        }
        Ok((Self { path: path.to_owned(), file, length: read.whole, bytes: Vec::new() }, read.statements))
    }

    /// Adds a statement, which is on the disk then. What was there before is there whatever happens.
    pub fn add(&mut self, statement: &Statement) -> Result<(), Box<dyn Error>> {
        self.bytes.clear();
        stored::encode_statement_into(statement, &mut self.bytes);
        let written = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(&self.bytes))
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A full disk: the file ends where its last whole record does.
            let _ = self.file.set_len(self.length);
            return Err(format!("{}: {error}", self.path.display()).into());
        }
        self.length += self.bytes.len() as u64;
        Ok(())
    }
}
