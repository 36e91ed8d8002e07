//! [`MemoryJournal`]: streams that end with the process.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gpu_core::ledger::Position;

use crate::error::{Error, ErrorKind};
use crate::extent::Extent;
use crate::journal::{Append, Journal, Snapshot};
use crate::limits::Limits;
use crate::stream::Stream;

/// Streams that are kept in memory, for tests and for those who want none to outlive them.
///
/// ```
/// use gpu_core::ledger::Position;
/// use gpu_store::{Append, Journal, MemoryJournal, Stream};
/// let journal = MemoryJournal::new();
/// let stream = Stream::ledger("node-1".parse()?);
/// assert_eq!(journal.append(&stream, Position(0), &[b"one", b"two"])?, Append::Appended { last: Position(2) });
/// assert_eq!(journal.append(&stream, Position(0), &[b"late"])?, Append::Conflict { actual: Position(2) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryJournal {
    kept: Mutex<BTreeMap<Stream, Kept>>,
    appended: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    compacted: u64,
    records: Vec<Box<[u8]>>,
    snapshot: Option<Snapshot>,
}

impl Kept {
    fn last(&self) -> Position {
        Position(self.compacted + self.records.len() as u64)
    }
}

impl MemoryJournal {
    /// One without any stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whoever panicked while he held it has left each record whole.
    fn kept(&self) -> MutexGuard<'_, BTreeMap<Stream, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for MemoryJournal {
    fn limits(&self) -> Limits {
        Limits::EMBEDDED
    }

    fn extent(&self, stream: &Stream) -> Result<Extent, Error> {
        Ok(self.kept().get(stream).map_or_else(Extent::default, |kept| Extent {
            last: kept.last(),
            compacted: Position(kept.compacted),
            snapshot: kept.snapshot.as_ref().map(|snapshot| snapshot.at),
        }))
    }

    fn append(&self, stream: &Stream, after: Position, records: &[&[u8]]) -> Result<Append, Error> {
        self.limits().check_append(stream, records)?;
        let mut all = self.kept();
        let actual = all.get(stream).map_or(Position(0), Kept::last);
        if actual != after {
            return Ok(Append::Conflict { actual });
        }
        if !records.is_empty() {
            all.entry(*stream).or_default().records.extend(records.iter().map(|record| Box::from(*record)));
            self.appended.notify_all();
        }
        Ok(Append::Appended { last: Position(after.0 + records.len() as u64) })
    }

    fn read(
        &self,
        stream: &Stream,
        after: Position,
        most: usize,
        each: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<Position, Error> {
        let all = self.kept();
        let Some(kept) = all.get(stream) else { return Ok(after) };
        let Some(skip) = after.0.checked_sub(kept.compacted) else {
            let detail = format!("records up to {} are compacted", kept.compacted);
            return Err(Error::new(ErrorKind::Compacted, stream.to_string(), detail));
        };
        let mut last = after;
        for record in kept.records.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)).take(most) {
            last = last.next();
            each(last, record);
        }
        Ok(last)
    }

    fn snapshot(&self, stream: &Stream) -> Result<Option<Snapshot>, Error> {
        Ok(self.kept().get(stream).and_then(|kept| kept.snapshot.clone()))
    }

    fn put_snapshot(&self, stream: &Stream, snapshot: &Snapshot) -> Result<(), Error> {
        self.limits().check_snapshot(stream, &snapshot.bytes)?;
        let mut all = self.kept();
        let last = all.get(stream).map_or(Position(0), Kept::last);
        if snapshot.at > last {
            let detail = format!("a snapshot at {} of a stream that ends at {last}", snapshot.at);
            return Err(Error::new(ErrorKind::Invalid, stream.to_string(), detail));
        }
        let kept = all.entry(*stream).or_default();
        if kept.snapshot.as_ref().is_none_or(|there| there.at < snapshot.at) {
            kept.snapshot = Some(snapshot.clone());
        }
        Ok(())
    }

    fn compact(&self, stream: &Stream, through: Position) -> Result<(), Error> {
        let mut all = self.kept();
        let snapshot = all.get(stream).and_then(|kept| kept.snapshot.as_ref()).map(|snapshot| snapshot.at);
        let Some(kept) = all.get_mut(stream).filter(|_| snapshot.is_some_and(|at| through <= at)) else {
            let detail = format!("no snapshot stands for the records up to {through}");
            return Err(Error::new(ErrorKind::Invalid, stream.to_string(), detail));
        };
        let gone = through.0.saturating_sub(kept.compacted);
        // A snapshot reaches no further than the stream.
        kept.records.drain(..usize::try_from(gone).unwrap_or(usize::MAX).min(kept.records.len()));
        kept.compacted += gone;
        Ok(())
    }

    fn wait(&self, stream: &Stream, after: Position, limit: Duration) -> Result<Position, Error> {
        let last = |all: &BTreeMap<Stream, Kept>| all.get(stream).map_or(Position(0), Kept::last);
        let deadline = Instant::now() + limit;
        let mut all = self.kept();
        while last(&all) <= after {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { break };
            all = self.appended.wait_timeout(all, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(last(&all))
    }

    fn streams(&self) -> Result<Vec<Stream>, Error> {
        Ok(self.kept().keys().copied().collect())
    }
}
