//! [`Limits`]: how much a store takes at a time.

use crate::error::{Error, ErrorKind};
use crate::stream::Stream;

/// How much a store takes at a time. More is refused as [`TooLarge`](ErrorKind::TooLarge).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Most bytes of one record.
    pub record: usize,
    /// Most records of one append.
    pub records: usize,
    /// Most bytes of all records of one append.
    pub batch: usize,
    /// Most bytes of a snapshot.
    pub snapshot: usize,
}

impl Limits {
    /// What memory and embedded stores take: records of 16 MiB, 4,096 records and 64 MiB an
    /// append, snapshots of 256 MiB. The ledger of a node that has all that a node may have fits.
    pub const EMBEDDED: Self = Self { record: 16 << 20, records: 4096, batch: 64 << 20, snapshot: 256 << 20 };

    /// Passes an append that is within the limits.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge): what is more than which limit.
    pub fn check_append(&self, stream: &Stream, records: &[&[u8]]) -> Result<(), Error> {
        let largest = records.iter().map(|record| record.len()).max().unwrap_or(0);
        let bytes = records.iter().fold(0_usize, |sum, record| sum.saturating_add(record.len()));
        within(stream, "bytes of a record", largest, self.record)?;
        within(stream, "records at a time", records.len(), self.records)?;
        within(stream, "bytes of records at a time", bytes, self.batch)
    }

    /// Passes a snapshot that is within the limits.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) when it is not.
    pub fn check_snapshot(&self, stream: &Stream, bytes: &[u8]) -> Result<(), Error> {
        within(stream, "bytes of a snapshot", bytes.len(), self.snapshot)
    }
}

fn within(stream: &Stream, what: &str, found: usize, most: usize) -> Result<(), Error> {
    if found <= most {
        return Ok(());
    }
    let detail = format!("{found} {what}, and the store takes {most}");
    Err(Error::new(ErrorKind::TooLarge, stream.to_string(), detail))
}
