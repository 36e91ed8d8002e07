//! [`Ledger::replay`]: the same ledger again, from what was stored.

use core::fmt;
use std::error::Error as StdError;

use crate::stored::{self, Record};

use super::Ledger;
use super::position::{Place, Position};
use super::receipt::Receipt;
use super::refusal::Refusal;

/// Why a ledger cannot be made again from what is stored. The ledger stands as the last whole entry
/// left it: what comes after is not lost silently, it is named here.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ReplayError {
    /// The position of the entry that should have come.
    pub position: Position,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with what is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Fault {
    /// The record cannot be read.
    Record(stored::Error),
    /// The record belongs elsewhere: one is missing before it, it is there twice, or it is of
    /// another history.
    Misplaced {
        /// Where it says that it stands.
        place: Place,
        /// Where one should.
        expected: Place,
    },
    /// The entry is none that this ledger would have taken.
    Refused(Refusal),
    /// The ledger took the entry before.
    Repeated,
    /// The records end before the entry that is known to have been stored last.
    Missing {
        /// The position of that.
        last: Position,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: {}", self.position, self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => error.fmt(f),
            Self::Misplaced { place, expected } => {
                write!(f, "a record of place {place} where {expected} should be")
            }
            Self::Refused(refusal) => write!(f, "it is none that was taken: {refusal}"),
            Self::Repeated => f.write_str("it is there twice"),
            Self::Missing { last } => write!(f, "it is missing, and all up to entry {last}"),
        }
    }
}

impl StdError for ReplayError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.fault {
            Fault::Record(error) => Some(error),
            Fault::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl Ledger {
    /// Makes a stored entry happen again: it has to be the next of just this history.
    ///
    /// # Errors
    /// When it is not, or is none that this ledger would have taken. The ledger is as it was.
    pub fn replay(&mut self, record: &Record) -> Result<Receipt, ReplayError> {
        let expected = self.next();
        let refuse = |fault| Err(ReplayError { position: expected.position, fault });
        if record.place != expected {
            return refuse(Fault::Misplaced { place: record.place, expected });
        }
        match self.apply(&record.entry) {
            Ok(receipt) if receipt.position == expected.position => Ok(receipt),
            Ok(_) => refuse(Fault::Repeated),
            Err(refusal) => refuse(Fault::Refused(refusal)),
        }
    }

    /// Makes stored entries happen again, each from its bytes, and tells how far the ledger has
    /// come.
    ///
    /// # Errors
    /// The first record that is damaged, misplaced or not to be taken. The ledger stands as the
    /// entry before left it.
    ///
    /// ```
    /// use gpu_core::ledger::{Body, EntryId, Fault, Ledger};
    /// use gpu_core::stored;
    /// let mut live = Ledger::new("node-1".parse()?);
    /// let mut journal = Vec::new();
    /// for id in 1..=3 {
    ///     let entry = live.entry(live.key(EntryId(id)), Body::Inventory(Vec::new()));
    ///     journal.push(stored::encode(live.next(), &entry));
    ///     live.apply(&entry)?;
    /// }
    /// let mut again = Ledger::new("node-1".parse()?);
    /// again.replay_all(&journal)?;
    /// assert_eq!(stored::encode_snapshot(&again), stored::encode_snapshot(&live));
    ///
    /// journal[2].truncate(20);
    /// let mut again = Ledger::new("node-1".parse()?);
    /// let lost = again.replay_all(&journal).unwrap_err();
    /// assert!(lost.to_string().starts_with("entry 3: truncated"), "{lost}");
    /// assert_eq!(again.position().0, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replay_all<R: AsRef<[u8]>>(
        &mut self,
        records: impl IntoIterator<Item = R>,
    ) -> Result<Position, ReplayError> {
        for record in records {
            let position = self.position.next();
            let record = stored::decode(record.as_ref())
                .map_err(|error| ReplayError { position, fault: Fault::Record(error) })?;
            self.replay(&record)?;
        }
        Ok(self.position)
    }

    /// Checks that the ledger has come as far as is known to have been stored. A tail that is
    /// missing as a whole leaves no trace in what is left: whoever keeps the journal keeps its end,
    /// too.
    ///
    /// # Errors
    /// When entries are missing.
    pub fn reaches(&self, last: Position) -> Result<(), ReplayError> {
        if self.position >= last {
            return Ok(());
        }
        Err(ReplayError { position: self.position.next(), fault: Fault::Missing { last } })
    }
}
