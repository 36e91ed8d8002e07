//! [`Error`]: a store that did not do what it was asked.

use core::fmt;

/// A store that did not do what it was asked: nothing has been appended.
#[derive(Debug, thiserror::Error)]
#[error("{at}: {detail}")]
pub struct Error {
    kind: ErrorKind,
    at: String,
    detail: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What sort of fault it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store may not be opened, read or written by this user, or may be written by others.
    NotPermitted,
    /// The store is damaged: what it holds is not what was written.
    Damaged,
    /// A newer version of this crate made the store.
    Newer,
    /// There is no room: a full disk, or a quota.
    Full,
    /// Somebody else is at work for longer than was waited.
    Busy,
    /// The store cannot be reached.
    Unreachable,
    /// The records asked for have been compacted: begin with the snapshot.
    Compacted,
    /// A record, a batch or a snapshot is larger than the store takes.
    TooLarge,
    /// What was asked makes no sense: a snapshot past the end, an address that is none.
    Invalid,
    /// Anything else that the operating system or the store says.
    Io,
}

impl ErrorKind {
    /// A short constant name, for JSON and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotPermitted => "not_permitted",
            Self::Damaged => "damaged",
            Self::Newer => "newer",
            Self::Full => "full",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Compacted => "compacted",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::Io => "io",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Error {
    /// A fault of a kind at a place (a file, an address, a stream), in words.
    pub fn new(kind: ErrorKind, at: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, at: at.into(), detail: detail.into(), source: None }
    }

    /// The same, and what caused it.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The same for another who is concerned, without what caused it.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.kind, self.at.clone(), self.detail.clone())
    }

    /// What sort of fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where: a file, an address or a stream. Never with a password in it.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.at
    }
}
