//! What is kept of ledgers and meters: records of entries, snapshots and statements, as bytes.
//!
//! Each is one frame, in any version:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `GPUL` |
//! | 2 | version |
//! | 1 | sort: 1 the record of an entry, 2 a snapshot, 3 a statement of a meter |
//! | 4 | how many bytes of content follow |
//! | … | the content |
//! | 4 | CRC-32C of all before |
//!
//! Numbers are written lowest byte first. Equal things are equal bytes: there is one way to write each,
//! and what is written in another way is refused. Version 1 is in `stored/v1`: the form of bytes is
//! its own, written out field by field, and whatever becomes of the types in memory, bytes of
//! version 1 are read. A version that is newer than this crate is refused by name
//! ([`Error::Newer`]).
//!
//! Frames can be kept one by one or in a row ([`split`]).
//!
//! ```
//! use gpu_core::ledger::{Body, EntryId, Ledger};
//! use gpu_core::stored::{self, Record};
//! let ledger = Ledger::new("node-1".parse()?);
//! let entry = ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Vec::new()));
//! let bytes = stored::encode(ledger.next(), &entry);
//! assert_eq!(stored::decode(&bytes)?, Record { place: ledger.next(), entry });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod codec;
mod error;
mod sum;
mod v1;

use crate::ledger::{Entry, History, Ledger, Place, Position};
#[cfg(feature = "meter")]
use crate::meter::Statement;
use crate::owner::Owner;

pub use error::Error;

use codec::{Reader, Writer};

/// The version that is written: the newest that is known.
pub const VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"GPUL";
const ENTRY: u8 = 1;
const SNAPSHOT: u8 = 2;
#[cfg(feature = "meter")]
const STATEMENT: u8 = 3;
/// Before the content.
const HEAD: usize = 11;
/// After the content.
const TAIL: usize = 4;

/// A stored entry: what is to happen, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Where it stands: [`Ledger::next`] before it was applied.
    pub place: Place,
    /// The entry.
    pub entry: Entry,
}

impl Record {
    /// Where the record after this one stands: known without a ledger, so that a row of records
    /// can be told to be whole where the state before it is gone.
    ///
    /// ```
    /// use gpu_core::ledger::{Body, EntryId, Ledger};
    /// use gpu_core::stored::Record;
    /// let mut ledger = Ledger::new("node-1".parse()?);
    /// let entry = ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Vec::new()));
    /// let record = Record { place: ledger.next(), entry };
    /// ledger.apply(&record.entry)?;
    /// assert_eq!(record.then(), ledger.next());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn then(&self) -> Place {
        let (_, history) = digests(&mut Vec::with_capacity(256), self.place.after.0, &self.entry);
        Place { position: self.place.position.next(), after: History(history) }
    }
}

/// The record of an entry at its place, as bytes: [`Ledger::next`] of the ledger that takes it.
#[must_use]
pub fn encode(place: Place, entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    encode_into(place, entry, &mut bytes);
    bytes
}

/// Adds the record of an entry to bytes that are there already.
pub fn encode_into(place: Place, entry: &Entry, bytes: &mut Vec<u8>) {
    frame(ENTRY, bytes, |to| {
        to.u64(place.position.0);
        to.u64(place.after.0);
        v1::write_entry(to, entry);
    });
}

/// The record that bytes hold: one frame, and nothing after it.
///
/// # Errors
/// When they hold none, or one that is damaged, newer, or not in the one form.
pub fn decode(bytes: &[u8]) -> Result<Record, Error> {
    let (version, content) = content(ENTRY, bytes)?;
    let mut from = Reader::new(content);
    let place = Place { position: Position(from.u64()?), after: History(from.u64()?) };
    let entry = match version {
        1 => v1::read_entry(&mut from)?,
        version => return Err(Error::Newer { version, known: VERSION }),
    };
    from.end()?;
    Ok(Record { place, entry })
}

/// All that a ledger is, as bytes. Equal ledgers are equal bytes.
#[must_use]
pub fn encode_snapshot(ledger: &Ledger) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4096);
    frame(SNAPSHOT, &mut bytes, |to| v1::write_image(to, &ledger.image()));
    bytes
}

/// The ledger of a snapshot. All that always holds of a ledger is checked.
///
/// # Errors
/// When the bytes hold no snapshot, or one that is damaged, newer, or of a ledger that cannot be.
pub fn decode_snapshot(bytes: &[u8]) -> Result<Ledger, Error> {
    let (version, content) = content(SNAPSHOT, bytes)?;
    let mut from = Reader::new(content);
    let image = match version {
        1 => v1::read_image(&mut from)?,
        version => return Err(Error::Newer { version, known: VERSION }),
    };
    from.end()?;
    Ledger::from_image(image).map_err(|what| from.wrong(what))
}

/// A statement, as bytes. Equal statements are equal bytes.
#[cfg(feature = "meter")]
#[must_use]
pub fn encode_statement(statement: &Statement) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4096);
    encode_statement_into(statement, &mut bytes);
    bytes
}

/// Adds a statement to bytes that are there already.
#[cfg(feature = "meter")]
pub fn encode_statement_into(statement: &Statement, bytes: &mut Vec<u8>) {
    frame(STATEMENT, bytes, |to| v1::write_statement(to, statement));
}

/// The statement that bytes hold: one frame, and nothing after it. All that always holds of a
/// statement is checked.
///
/// # Errors
/// When they hold none, or one that is damaged, newer, not in the one form, or that does not add up.
///
/// ```
/// use gpu_core::meter::Statement;
/// use gpu_core::stored;
/// let statement = Statement::new("node-1".parse()?);
/// let bytes = stored::encode_statement(&statement);
/// assert_eq!(stored::decode_statement(&bytes)?, statement);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "meter")]
pub fn decode_statement(bytes: &[u8]) -> Result<Statement, Error> {
    let (version, content) = content(STATEMENT, bytes)?;
    let mut from = Reader::new(content);
    let statement = match version {
        1 => v1::read_statement(&mut from)?,
        version => return Err(Error::Newer { version, known: VERSION }),
    };
    from.end()?;
    Ok(statement)
}

/// The first frame of bytes that hold several in a row, and what comes after it. The frame is not
/// looked into.
///
/// # Errors
/// When the bytes begin with no frame, or end in the middle of one.
///
/// ```
/// use gpu_core::ledger::{Body, EntryId, Ledger};
/// use gpu_core::stored;
/// let ledger = Ledger::new("node-1".parse()?);
/// let entry = ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Vec::new()));
/// let mut file = stored::encode(ledger.next(), &entry);
/// stored::encode_into(ledger.next(), &entry, &mut file);
/// let (first, rest) = stored::split(&file)?;
/// assert_eq!(first, rest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let whole = length(bytes)?;
    bytes.split_at_checked(whole).ok_or(Error::Truncated { needed: whole, found: bytes.len() })
}

/// How long the frame is that the bytes begin with.
fn length(bytes: &[u8]) -> Result<usize, Error> {
    let needed = HEAD + TAIL;
    let found = bytes.len();
    let head = bytes.get(..HEAD).filter(|_| found >= needed).ok_or(Error::Truncated { needed, found })?;
    if head[..4] != MAGIC {
        return Err(Error::NotOurs);
    }
    let content = u32::from_le_bytes([head[7], head[8], head[9], head[10]]);
    Ok(needed.saturating_add(content as usize))
}

fn frame(sort: u8, bytes: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
    let start = bytes.len();
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.push(sort);
    bytes.extend_from_slice(&[0; 4]);
    write(&mut Writer(bytes));
    // A ledger's bounds keep every record far below what four bytes can say.
    let content = u32::try_from(bytes.len() - start - HEAD).unwrap_or(u32::MAX);
    bytes[start + 7..start + HEAD].copy_from_slice(&content.to_le_bytes());
    let sum = sum::crc32c(&bytes[start..]);
    bytes.extend_from_slice(&sum.to_le_bytes());
}

/// The version and the content of a frame of that sort. The check sum comes first: damage is not to
/// be taken for a version or sort that nobody wrote.
fn content(sort: u8, bytes: &[u8]) -> Result<(u16, &[u8]), Error> {
    let (frame, rest) = split(bytes)?;
    if !rest.is_empty() {
        return Err(Error::Trailing { bytes: rest.len() });
    }
    let (summed, tail) = frame.split_at(frame.len() - TAIL);
    let written = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
    let found = sum::crc32c(summed);
    if written != found {
        return Err(Error::Damaged { written, found });
    }
    let version = u16::from_le_bytes([summed[4], summed[5]]);
    if version == 0 || version > VERSION {
        return Err(Error::Newer { version, known: VERSION });
    }
    if summed[6] != sort {
        return Err(Error::OtherSort { sort: summed[6] });
    }
    Ok((version, &summed[HEAD..]))
}

/// The digest of an entry's body, and the history of a ledger after it.
pub(crate) fn digests(bytes: &mut Vec<u8>, history: u64, entry: &Entry) -> (u64, u64) {
    v1::write_head(&mut Writer(bytes), entry);
    let body = bytes.len();
    v1::write_body(&mut Writer(bytes), &entry.body);
    (sum::digest(0, &bytes[body..]), sum::digest(history, bytes))
}

/// A holder as bytes, in the form of version 1.
pub(crate) fn owner_bytes(owner: &Owner) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(80);
    v1::write_owner(&mut Writer(&mut bytes), owner);
    bytes
}

/// The holder of such bytes.
pub(crate) fn owner(bytes: &[u8]) -> Result<Owner, Error> {
    let mut from = Reader::new(bytes);
    let owner = v1::read_owner(&mut from)?;
    from.end()?;
    Ok(owner)
}
