//! [`Policy`]: when a keeper makes snapshots, and how long it tries.

use core::time::Duration;

/// When a keeper makes snapshots, and how long it tries.
///
/// ```
/// use std::time::Duration;
/// use gpu_store::{Keeper, MemoryJournal, Policy};
/// let policy = Policy::default().every(1000).behind(Some(200)).patience(Duration::from_secs(2));
/// let keeper = Keeper::open_with(MemoryJournal::new(), "node-1".parse()?, policy)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// A snapshot is made once so many entries have been appended since the last; 0 for never.
    pub every: u64,
    /// So many records before the newest snapshot stay when others are compacted, so that who
    /// follows closely never starts anew; `None` keeps all.
    pub behind: Option<u64>,
    /// How long a call tries again while others append first, or while the outcome is unknown.
    pub patience: Duration,
}

impl Policy {
    /// The same with a snapshot every so many entries; 0 for none.
    #[must_use]
    pub const fn every(self, entries: u64) -> Self {
        Self { every: entries, ..self }
    }

    /// The same with so many records kept behind the newest snapshot; `None` keeps all.
    #[must_use]
    pub const fn behind(self, records: Option<u64>) -> Self {
        Self { behind: records, ..self }
    }

    /// The same trying so long.
    #[must_use]
    pub const fn patience(self, time: Duration) -> Self {
        Self { patience: time, ..self }
    }
}

impl Default for Policy {
    /// A snapshot every 4,096 entries, 4,096 records kept behind it, 10 seconds.
    fn default() -> Self {
        Self { every: 4096, behind: Some(4096), patience: Duration::from_secs(10) }
    }
}
