//! [`Follower`]: a live copy of a node's ledger.

use core::time::Duration;
use std::sync::Arc;

use gpu_core::ledger::{Ledger, NodeName};

use crate::error::Error;
use crate::journal::Journal;
use crate::replica::Replica;
use crate::stream::Stream;

/// A copy of a node's ledger that follows its journal and appends nothing: for a scheduler that
/// looks at many nodes, or a report.
///
/// It may be behind; it is never anything that the ledger was not. When records that it has not
/// read yet are compacted, it goes on with the snapshot that stands for them.
///
/// ```
/// use std::time::Duration;
/// use gpu_core::ledger::{Body, EntryId};
/// use gpu_store::{Follower, Keeper, MemoryJournal};
/// let journal = MemoryJournal::new();
/// let keeper = Keeper::open(&journal, "node-1".parse()?)?;
/// let mut follower = Follower::open(&journal, "node-1".parse()?)?;
/// keeper.apply(&keeper.entry(EntryId(1), Body::Inventory(Vec::new())))?;
/// assert!(follower.wait(Duration::from_secs(1))?);
/// assert_eq!(follower.ledger().history(), keeper.ledger().history());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Follower<J: Journal> {
    journal: J,
    replica: Replica,
}

impl<J: Journal> Follower<J> {
    /// The ledger of a node as the journal has it now: empty where it has none yet.
    ///
    /// # Errors
    /// When the journal cannot be read, or what it holds is no ledger
    /// ([`Damaged`](crate::ErrorKind::Damaged), [`Newer`](crate::ErrorKind::Newer)).
    pub fn open(journal: J, node: NodeName) -> Result<Self, Error> {
        let replica = Replica::open(&journal, Stream::ledger(node))?;
        Ok(Self { journal, replica })
    }

    /// The ledger as it was read last. It stays as it is for as long as somebody has it.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.replica.ledger)
    }

    /// The journal that it follows.
    #[must_use]
    pub const fn journal(&self) -> &J {
        &self.journal
    }

    /// Reads what has been appended since.
    ///
    /// # Errors
    /// As [`open`](Self::open). The ledger stands as the last whole entry left it.
    pub fn catch_up(&mut self) -> Result<(), Error> {
        self.replica.catch_up(&self.journal)
    }

    /// Waits until something is appended, at most this long, and reads it. True when there was
    /// something.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`Damaged`](crate::ErrorKind::Damaged) when the stream ends
    /// before what was read from it.
    pub fn wait(&mut self, limit: Duration) -> Result<bool, Error> {
        let before = self.replica.ledger.position();
        let last = self.journal.wait(&self.replica.stream, before, limit)?;
        self.replica.still_reaches(last)?;
        if last > before {
            self.replica.catch_up(&self.journal)?;
        }
        Ok(self.replica.ledger.position() > before)
    }
}
