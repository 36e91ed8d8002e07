//! [`Book`]: the ledger of a store that gpu-lease made, followed and never written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gpu_accounting::ledger::{Ledger, NodeName};
use gpu_store::{Follower, Journal, SqliteJournal, SqliteOptions, Stream, Trust};

/// How long is waited for others who write: a look is not to take longer for it.
const BUSY: Duration = Duration::from_millis(500);

/// The ledger of a store, as it was read last, and why it cannot be read any more where that is so.
pub struct Book {
    file: PathBuf,
    node: NodeName,
    /// `None` once it could not be read: the next look opens the store anew.
    follower: Option<Follower<SqliteJournal>>,
    stamp: Option<Stamp>,
    ledger: Arc<Ledger>,
}

/// What of a file tells that it is not the one that was opened, or was written past SQLite's log.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    number: u64,
    length: u64,
    written: Option<SystemTime>,
}

impl Stamp {
    fn of(file: &Path) -> Result<Self, String> {
        let found = fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let number = 0;
        Ok(Self { number, length: found.len(), written: found.modified().ok() })
    }
}

impl Book {
    /// Opens the ledger of the node that was named, or else of this one. Nothing is made and nothing
    /// written.
    ///
    /// # Errors
    /// In words: no store there, a file of something else, damage, a newer version, no such node in it.
    pub fn open(file: &Path, named: Option<NodeName>, own: NodeName) -> Result<Self, String> {
        let stamp = Stamp::of(file)?;
        let journal = journal(file)?;
        let node = node(&journal, file, named, own)?;
        let follower = Follower::open(journal, node).map_err(|error| error.to_string())?;
        let ledger = follower.ledger();
        Ok(Self { file: file.to_owned(), node, follower: Some(follower), stamp: Some(stamp), ledger })
    }

    /// Whose ledger of which file it is.
    pub fn name(&self) -> String {
        format!("{} of {}", self.node, self.file.display())
    }

    /// The ledger as it was read last.
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// Reads what was appended since; tells why it cannot be read where that is so. The ledger then stays
    /// as it was read last.
    pub fn look(&mut self) -> Option<String> {
        let read = self.read();
        if read.is_err() {
            self.follower = None;
        }
        read.err()
    }

    fn read(&mut self) -> Result<(), String> {
        // Who has a file open is not told that it was removed or overwritten.
        let stamp = Stamp::of(&self.file)?;
        if self.stamp.replace(stamp) != Some(stamp) {
            self.follower = None;
        }
        let words = |error: gpu_store::Error| error.to_string();
        let follower = match &mut self.follower {
            Some(follower) => {
                // No wait: a look at whether there is more, and whether it still ends where it did.
                follower.wait(Duration::ZERO).map_err(words)?;
                follower
            }
            none => none.insert(Follower::open(journal(&self.file)?, self.node).map_err(words)?),
        };
        self.ledger = follower.ledger();
        Ok(())
    }
}

fn journal(file: &Path) -> Result<SqliteJournal, String> {
    // Nothing is done by what it says: who might have written it is of no matter.
    let options = SqliteOptions::new().read_only(true).trust(Trust::Anybody).busy(BUSY);
    SqliteJournal::open_with(file, &options).map_err(|error| error.to_string())
}

/// The node whose ledger is shown: the one that was named; else this one, where the store has it or has
/// none at all yet.
fn node(
    journal: &SqliteJournal,
    file: &Path,
    named: Option<NodeName>,
    own: NodeName,
) -> Result<NodeName, String> {
    let streams = journal.streams().map_err(|error| error.to_string())?;
    let of_ledgers = streams.iter().filter(|of| matches!(of, Stream::Ledger(_)));
    let nodes: Vec<NodeName> = of_ledgers.map(Stream::node).collect();
    let wanted = named.unwrap_or(own);
    if nodes.contains(&wanted) || (nodes.is_empty() && named.is_none()) {
        return Ok(wanted);
    }
    let there: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    Err(format!("{}: it has no ledger of node {wanted} (--node chooses; it has: {there})", file.display()))
}
