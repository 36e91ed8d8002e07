//! [`verify`]: everything that is stored of a ledger, read again.

use gpu_core::ledger::{Ledger, Place, Position};
use gpu_core::stored::{self, Record};

use crate::error::{Error, ErrorKind};
use crate::extent::Extent;
use crate::journal::{Journal, Snapshot};
use crate::replica::{Replica, kind_of};
use crate::stream::Stream;

/// What was found whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// How far the stream reached when it was looked at.
    pub extent: Extent,
    /// How many records were read.
    pub records: u64,
    /// True where the snapshot was compared with what the records before it make, byte for byte:
    /// they are all there. False where there is none, or where records have been compacted.
    pub is_compared: bool,
    /// The ledger that it comes to.
    pub ledger: Ledger,
}

/// Reads everything that a journal has of a ledger, and checks it: each record can be read and is
/// the next of one history; the snapshot is what the records before it make, where they are
/// still there, and lies on that history where they are not; what comes of both is a ledger of
/// which everything holds that always does.
///
/// # Errors
/// [`Damaged`](ErrorKind::Damaged) at the first thing that is not so, with its position;
/// [`Newer`](ErrorKind::Newer) for what a newer version wrote; [`Invalid`](ErrorKind::Invalid) for
/// streams that are of no ledger; and when the journal cannot be read.
///
/// ```
/// use gpu_core::ledger::{Body, EntryId};
/// use gpu_store::{Keeper, MemoryJournal, Stream, verify};
/// let journal = MemoryJournal::new();
/// let keeper = Keeper::open(&journal, "node-1".parse()?)?;
/// keeper.apply(&keeper.entry(EntryId(1), Body::Inventory(Vec::new())))?;
/// keeper.snapshot()?;
/// let verified = verify(&journal, &Stream::ledger("node-1".parse()?))?;
/// assert_eq!((verified.records, verified.is_compared), (1, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(journal: &dyn Journal, stream: &Stream) -> Result<Verified, Error> {
    if !matches!(stream, Stream::Ledger(_)) {
        return Err(Error::new(ErrorKind::Invalid, stream.to_string(), "no ledger is in it"));
    }
    let extent = journal.extent(stream)?;
    let snapshot = journal.snapshot(stream)?;
    let ledger = Replica::open(journal, *stream)?.ledger;
    let mut walk = Walk::new(stream, extent, snapshot.as_ref())?;
    let mut at = extent.compacted;
    loop {
        let next = journal.read(stream, at, 4096, &mut |position, bytes| walk.take(position, bytes))?;
        if let Some(error) = walk.fault.take() {
            return Err(error);
        }
        if next == at {
            break;
        }
        at = next;
    }
    if at < extent.last {
        let detail = format!("entry {} is missing, and all up to entry {}", at.next(), extent.last);
        return Err(Error::new(ErrorKind::Damaged, stream.to_string(), detail));
    }
    let ledger = std::sync::Arc::unwrap_or_clone(ledger);
    Ok(Verified { extent, records: walk.records, is_compared: walk.is_compared, ledger })
}

/// The records in order, and what the next has to be.
struct Walk<'a> {
    stream: &'a Stream,
    snapshot: Option<&'a Snapshot>,
    /// The place that the snapshot says comes next.
    after_snapshot: Option<Place>,
    /// All from the beginning: kept for as long as nothing is missing before.
    replayed: Option<Ledger>,
    expected: Option<Place>,
    records: u64,
    is_compared: bool,
    fault: Option<Error>,
}

impl<'a> Walk<'a> {
    fn new(stream: &'a Stream, extent: Extent, snapshot: Option<&'a Snapshot>) -> Result<Self, Error> {
        let opened = snapshot.map(|snapshot| stored::decode_snapshot(&snapshot.bytes)).transpose();
        let opened =
            opened.map_err(|error| Error::new(kind_of(&error), stream.to_string(), error.to_string()))?;
        let replayed = (extent.compacted == Position(0)).then(|| Ledger::new(stream.node()));
        Ok(Self {
            stream,
            snapshot,
            after_snapshot: opened.map(|ledger| ledger.next()),
            expected: replayed.as_ref().map(Ledger::next),
            replayed,
            records: 0,
            is_compared: false,
            fault: None,
        })
    }

    fn take(&mut self, position: Position, bytes: &[u8]) {
        if self.fault.is_none() {
            self.fault = self.step(position, bytes).err().map(|(kind, what)| {
                Error::new(kind, self.stream.to_string(), format!("entry {position}: {what}"))
            });
        }
    }

    fn step(&mut self, position: Position, bytes: &[u8]) -> Result<(), (ErrorKind, String)> {
        let damaged = |what: String| (ErrorKind::Damaged, what);
        let record = stored::decode(bytes).map_err(|error| (kind_of(&error), error.to_string()))?;
        let place = record.place;
        if place.position != position {
            return Err(damaged(format!("it says that it is entry {}", place.position)));
        }
        let after_snapshot = self.after_snapshot.filter(|next| next.position == position);
        for expected in [self.expected, after_snapshot].into_iter().flatten() {
            if expected != place {
                return Err(damaged(format!("a record of place {place} where {expected} should be")));
            }
        }
        self.replay(&record).map_err(damaged)?;
        let then = record.then();
        if let Some(next) = self.after_snapshot.filter(|next| next.position == then.position && *next != then)
        {
            return Err(damaged(format!("the snapshot after it is at {next}, and not at {then}")));
        }
        self.expected = Some(then);
        self.records += 1;
        Ok(())
    }

    fn replay(&mut self, record: &Record) -> Result<(), String> {
        let Some(ledger) = &mut self.replayed else { return Ok(()) };
        ledger.replay(record).map_err(|error| error.fault.to_string())?;
        if let Some(snapshot) = self.snapshot.filter(|snapshot| snapshot.at == record.place.position) {
            if stored::encode_snapshot(ledger) != snapshot.bytes {
                return Err("the snapshot after it is not what the records make".to_owned());
            }
            self.is_compared = true;
        }
        Ok(())
    }
}
