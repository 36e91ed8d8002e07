//! [`Journal`]: what keeps streams of records.

use core::fmt::Debug;
use core::time::Duration;

use gpu_core::ledger::Position;

use crate::error::Error;
use crate::extent::Extent;
use crate::limits::Limits;
use crate::stream::Stream;

/// What became of an append that was not refused outright.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "an append may have met another's, or be unknown"]
#[non_exhaustive]
pub enum Append {
    /// All records are there and will stay, as far as the store promises.
    Appended {
        /// The position of the last of them.
        last: Position,
    },
    /// Somebody else has appended meanwhile: nothing was.
    Conflict {
        /// The position of the last record that is there.
        actual: Position,
    },
    /// The answer was lost: either all are there, or none, or they may still come to be there. Who
    /// appends the same records after the same position again gets an answer that holds: only one
    /// of both can be the next. [`Conflict`](Self::Conflict) says that something is there: it may
    /// be these very records, and reading tells.
    Unknown {
        /// What happened.
        why: String,
    },
}

/// A state that stands for all records up to a position.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The position of the last record that is in it.
    pub at: Position,
    /// What was put: [`gpu_core::stored::encode_snapshot`] for a ledger.
    pub bytes: Vec<u8>,
}

impl Snapshot {
    /// A state that stands for all records up to `at`.
    #[must_use]
    pub const fn new(at: Position, bytes: Vec<u8>) -> Self {
        Self { at, bytes }
    }
}

/// What keeps streams of records: appended in order, each once, read again by anybody.
///
/// Records are bytes that nobody here looks into. The first record of a stream has position 1.
/// Several threads and processes may use one store; of two that append at the same place one is
/// told of the [`Conflict`](Append::Conflict).
///
/// *Implementers*: what [`append`](Self::append) called appended is never lost and never another
/// for as long as the store promises; an error says that nothing was appended and that nothing
/// will come of it later; whatever is in doubt is [`Unknown`](Append::Unknown). The functions of
/// `conformance` (by feature) hold a journal to what stands here.
pub trait Journal: Debug + Send + Sync {
    /// How much is taken at a time.
    fn limits(&self) -> Limits;

    /// How far a stream reaches; nothing at all for one of which nobody has heard.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn extent(&self, stream: &Stream) -> Result<Extent, Error>;

    /// Appends records after the position `after`: all, or none. When that is no longer the last,
    /// none, and the answer says which is. No records: the answer tells whether `after` is the last.
    ///
    /// # Errors
    /// When nothing was appended for another reason: [`kind`](Error::kind) says which.
    /// [`TooLarge`](crate::ErrorKind::TooLarge) past the [`limits`](Self::limits).
    fn append(&self, stream: &Stream, after: Position, records: &[&[u8]]) -> Result<Append, Error>;

    /// Hands on records after the position `after`, in order, at most `most`, and says the position
    /// of the last one that was handed on (`after` itself when there was none). `each` must not
    /// call the journal: it may be locked meanwhile.
    ///
    /// # Errors
    /// [`Compacted`](crate::ErrorKind::Compacted) when the next record is gone;
    /// [`Damaged`](crate::ErrorKind::Damaged) when one is missing in between.
    fn read(
        &self,
        stream: &Stream,
        after: Position,
        most: usize,
        each: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<Position, Error>;

    /// The newest snapshot of a stream.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn snapshot(&self, stream: &Stream) -> Result<Option<Snapshot>, Error>;

    /// Keeps a snapshot, and the one before it no longer. One that is older than what is kept
    /// changes nothing.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when it reaches further than the stream;
    /// [`TooLarge`](crate::ErrorKind::TooLarge) past the [`limits`](Self::limits).
    fn put_snapshot(&self, stream: &Stream, snapshot: &Snapshot) -> Result<(), Error>;

    /// Forgets records up to `through`. Ones that are forgotten already stay so.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) when no snapshot stands for them.
    fn compact(&self, stream: &Stream, through: Position) -> Result<(), Error>;

    /// Waits until there is a record after the position `after`, at most this long, and says the
    /// position of the last.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn wait(&self, stream: &Stream, after: Position, limit: Duration) -> Result<Position, Error>;

    /// All streams of which there is anything, in order.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn streams(&self) -> Result<Vec<Stream>, Error>;
}
