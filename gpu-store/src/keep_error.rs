//! [`KeepError`]: why an entry is not known to be kept.

use gpu_core::choose::{Denied, Unmet};
use gpu_core::ledger::{Entry, Refusal};

use crate::error::Error;

/// Why an entry is not known to be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// The ledger refuses it, as the journal has it now: nothing was stored.
    #[error(transparent)]
    Refused(Refusal),
    /// No units would do, as the journal has it now: nothing was stored.
    #[error(transparent)]
    Unmet(Unmet),
    /// The store did not do it: nothing was stored.
    #[error(transparent)]
    Store(Error),
    /// The answer was lost, and did not come to be known for as long as was tried: the entry
    /// happened, or did not, or still may. Apply the same entry again
    /// ([`Keeper::apply`](crate::Keeper::apply)), or call again with the same key, now or after a
    /// restart: it happens once, and the answer is that of the first time.
    #[error("whether entry {} happened is unknown ({why}): apply it again", .entry.id)]
    Unknown {
        /// The entry.
        entry: Box<Entry>,
        /// What happened.
        why: String,
    },
}

impl From<Error> for KeepError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for KeepError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Denied> for KeepError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(refusal) => Self::Refused(refusal),
            Denied::Unmet(unmet) => Self::Unmet(unmet),
            // Named like this until it has a kind of its own here.
            other => Self::Store(Error::new(crate::ErrorKind::Invalid, "request", other.to_string())),
        }
    }
}
