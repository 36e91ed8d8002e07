//! [`Replica`]: the ledger that a journal's records make.

use std::sync::Arc;

use gpu_core::ledger::{Fault, Ledger, Position, ReplayError};
use gpu_core::stored;

use crate::error::{Error, ErrorKind};
use crate::journal::Journal;
use crate::stream::Stream;

/// The ledger that a journal's records make, as far as it has been read.
#[derive(Debug)]
pub(crate) struct Replica {
    pub stream: Stream,
    pub ledger: Arc<Ledger>,
    /// How far the newest snapshot reaches, as far as is known here.
    pub snapshot: Position,
}

impl Replica {
    /// Records that are read at a time.
    const PART: usize = 4096;
    /// How often others may compact what is being read before that is given up.
    const STARTS: usize = 16;

    /// Reads the newest snapshot and everything after it, and checks all that always holds.
    pub fn open(journal: &dyn Journal, stream: Stream) -> Result<Self, Error> {
        // Asked first: what others append meanwhile need not be there at the end.
        let last = journal.extent(&stream)?.last;
        let replica = Self::read(journal, stream)?;
        replica.ledger.reaches(last).map_err(|error| replica.damaged(error))?;
        replica.ledger.check().map_err(|broken| {
            Error::new(ErrorKind::Damaged, stream.to_string(), broken.to_string()).caused_by(broken)
        })?;
        Ok(replica)
    }

    fn read(journal: &dyn Journal, stream: Stream) -> Result<Self, Error> {
        let mut starts = 0;
        loop {
            let mut replica = Self::start(journal, stream)?;
            match replica.follow(journal) {
                // Somebody put a newer snapshot and compacted.
                Err(error) if error.kind() == ErrorKind::Compacted && starts < Self::STARTS => starts += 1,
                other => return other.map(|()| replica),
            }
        }
    }

    /// The state of the newest snapshot, or of the beginning.
    fn start(journal: &dyn Journal, stream: Stream) -> Result<Self, Error> {
        let Some(snapshot) = journal.snapshot(&stream)? else {
            let ledger = Arc::new(Ledger::new(stream.node()));
            return Ok(Self { stream, ledger, snapshot: Position(0) });
        };
        let at = || format!("{stream}, snapshot at {}", snapshot.at);
        let ledger = stored::decode_snapshot(&snapshot.bytes)
            .map_err(|error| Error::new(kind_of(&error), at(), error.to_string()).caused_by(error))?;
        if ledger.position() != snapshot.at || ledger.node() != stream.node() {
            let detail = format!("it is of {} at {}", ledger.node(), ledger.position());
            return Err(Error::new(ErrorKind::Damaged, at(), detail));
        }
        Ok(Self { stream, ledger: Arc::new(ledger), snapshot: snapshot.at })
    }

    /// Reads what was appended since; from the newest snapshot where that has been compacted.
    pub fn catch_up(&mut self, journal: &dyn Journal) -> Result<(), Error> {
        match self.follow(journal) {
            Err(error) if error.kind() == ErrorKind::Compacted => {
                let newer = Self::read(journal, self.stream)?;
                newer.ledger.reaches(self.ledger.position()).map_err(|error| self.damaged(error))?;
                *self = newer;
                Ok(())
            }
            other => other,
        }
    }

    fn follow(&mut self, journal: &dyn Journal) -> Result<(), Error> {
        loop {
            let mut fault = None;
            let after = self.ledger.position();
            let shared = &mut self.ledger;
            let read = journal.read(&self.stream, after, Self::PART, &mut |_, bytes| {
                // Copied only where somebody still looks at the state before.
                if fault.is_none() {
                    fault = Arc::make_mut(shared).replay_all([bytes]).err();
                }
            })?;
            if let Some(error) = fault {
                return Err(self.damaged(error));
            }
            if read == after {
                return Ok(());
            }
            self.ledger.reaches(read).map_err(|error| self.damaged(error))?;
        }
    }

    /// An end that lies before what was read is that of another stream.
    pub fn still_reaches(&self, actual: Position) -> Result<(), Error> {
        let position = self.ledger.position();
        if actual >= position {
            return Ok(());
        }
        let detail = format!("it ends at {actual}, and entry {position} was there before");
        Err(Error::new(ErrorKind::Damaged, self.stream.to_string(), detail))
    }

    fn damaged(&self, error: ReplayError) -> Error {
        let kind = match &error.fault {
            Fault::Record(error) => kind_of(error),
            _ => ErrorKind::Damaged,
        };
        Error::new(kind, self.stream.to_string(), error.to_string()).caused_by(error)
    }
}

/// The kind of what is wrong with stored bytes.
pub(crate) const fn kind_of(error: &stored::Error) -> ErrorKind {
    match error {
        stored::Error::Newer { .. } => ErrorKind::Newer,
        _ => ErrorKind::Damaged,
    }
}
