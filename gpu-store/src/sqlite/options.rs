//! [`SqliteOptions`]: how a file is opened.

use core::time::Duration;

/// What an append that was acknowledged survives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Durability {
    /// The end of the process, of the operating system and of the power: each append waits until
    /// the drive says that it has it (`PRAGMA synchronous = FULL`, and `fullfsync` where there is
    /// that). As far as the drive tells the truth.
    #[default]
    PowerLoss,
    /// The end of the process alone (`PRAGMA synchronous = NORMAL`): after a power failure the
    /// file is whole, and the last entries may be missing, though they were acknowledged.
    ProcessCrash,
}

/// Who may be able to write a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Trust {
    /// Nobody but its owner, who is this user or root: a file or folder that others may write, or a
    /// link in place of a file, is refused. Permission bits are looked at, of the file and of
    /// every folder above it; access control lists are not.
    #[default]
    OwnerOnly,
    /// Whoever may: nothing is looked at.
    Anybody,
}

/// How a file is opened.
///
/// ```
/// use std::time::Duration;
/// use gpu_store::{Durability, SqliteOptions};
/// let options = SqliteOptions::new().durability(Durability::PowerLoss).busy(Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SqliteOptions {
    pub(super) durability: Durability,
    pub(super) trust: Trust,
    pub(super) busy: Duration,
    pub(super) most_bytes: Option<u64>,
    pub(super) creates: bool,
    pub(super) read_only: bool,
}

impl SqliteOptions {
    /// What [`SqliteJournal::open`](crate::SqliteJournal::open) does.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            durability: Durability::PowerLoss,
            trust: Trust::OwnerOnly,
            busy: Duration::from_secs(5),
            most_bytes: None,
            creates: true,
            read_only: false,
        }
    }

    /// What an append survives; the end of the power unless told otherwise. Each process that
    /// has the file open decides for its own appends.
    #[must_use]
    pub const fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// Who may be able to write the store; its owner alone unless told otherwise.
    #[must_use]
    pub const fn trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// How long is waited for others who write; 5 seconds unless told otherwise. What takes longer
    /// is [`Busy`](crate::ErrorKind::Busy).
    #[must_use]
    pub const fn busy(self, limit: Duration) -> Self {
        Self { busy: limit, ..self }
    }

    /// The largest that the file may become through this journal, in bytes, rounded down to pages of
    /// 4 KiB: what does not fit is [`Full`](crate::ErrorKind::Full). The log beside it comes on top.
    #[must_use]
    pub const fn most_bytes(self, bytes: u64) -> Self {
        Self { most_bytes: Some(bytes), ..self }
    }

    /// Whether a file that is not there is made; it is, unless told otherwise.
    #[must_use]
    pub const fn creates(self, creates: bool) -> Self {
        Self { creates, ..self }
    }

    /// Whether the store is for reading alone; it is not, unless told otherwise. Then a file that is not
    /// there, or empty, is an error, tables of an older version stay as they are and are refused, and
    /// whatever would change something is [`NotPermitted`](crate::ErrorKind::NotPermitted). The store and
    /// its marks are left as they are; SQLite may make `FILE-shm` and an empty `FILE-wal` beside it, so the
    /// folder has to be writable where no other program has the store open.
    ///
    /// ```
    /// use gpu_store::{SqliteJournal, SqliteOptions};
    /// let missing = SqliteJournal::open_with("/nonexistent/ledger.db", &SqliteOptions::new().read_only(true));
    /// assert!(missing.is_err());
    /// ```
    #[must_use]
    pub const fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}
