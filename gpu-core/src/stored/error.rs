//! [`Error`]: bytes that are no record.

use core::fmt;

/// Bytes that are no record: what sort of fault, and where.
///
/// ```
/// use gpu_core::stored::{self, Error};
/// assert_eq!(stored::decode(b"").unwrap_err(), Error::Truncated { needed: 15, found: 0 });
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Error {
    /// The bytes end before the record does.
    Truncated {
        /// How many bytes the record has.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// The bytes are not of this family: they begin otherwise.
    NotOurs,
    /// The bytes are damaged: their check sum is another.
    Damaged {
        /// The check sum that is written in them.
        written: u32,
        /// The check sum that they have.
        found: u32,
    },
    /// A version of this family wrote the record that is newer than this one, which knows not how
    /// to read it.
    Newer {
        /// The version of the record.
        version: u16,
        /// The newest that is known here.
        known: u16,
    },
    /// It is a record of the other sort: a snapshot where an entry should be, or the other way
    /// round.
    OtherSort {
        /// The sort that it says it is.
        sort: u8,
    },
    /// More bytes come after the record.
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The record is whole, and what it says cannot be.
    Malformed {
        /// At which byte of the record's content.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl Error {
    /// A short constant name of the kind, for JSON and logs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::NotOurs => "not_ours",
            Self::Damaged { .. } => "damaged",
            Self::Newer { .. } => "newer",
            Self::OtherSort { .. } => "other_sort",
            Self::Trailing { .. } => "trailing",
            Self::Malformed { .. } => "malformed",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, found } => {
                write!(f, "truncated: {needed} bytes are needed, and {found} are there")
            }
            Self::NotOurs => f.write_str("these bytes are no record of a GPU ledger or meter"),
            Self::Damaged { written, found } => {
                write!(f, "damaged: the check sum is {found:08x}, and {written:08x} is written")
            }
            Self::Newer { version, known } => {
                write!(f, "a record of version {version}: this program knows versions up to {known}")
            }
            Self::OtherSort { sort } => write!(f, "a record of another sort ({sort})"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes come after the record"),
            Self::Malformed { at, what } => write!(f, "malformed at byte {at}: {what}"),
        }
    }
}

impl std::error::Error for Error {}
