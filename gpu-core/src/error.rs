//! [`Error`] and its [`ErrorKind`].

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::absence::{Absence, Need};

/// What sort of failure an [`Error`] is: what a program acts on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The unit that was named does not exist, or is not this backend's.
    #[error("unknown unit")]
    UnknownUnit,
    /// The device fell off the bus or was reset away.
    #[error("device lost")]
    DeviceLost,
    /// The caller may not do this.
    #[error("not permitted")]
    NotPermitted,
    /// This hardware, driver or source cannot do this.
    #[error("not supported")]
    NotSupported,
    /// No answer in time.
    #[error("timed out")]
    TimedOut,
    /// A vendor's library answered with an error.
    #[error("vendor library")]
    Library,
    /// A file or answer does not have the form that it should have.
    #[error("malformed")]
    Malformed,
    /// A file or directory does not exist.
    #[error("not found")]
    NotFound,
    /// The operating system answered with an error.
    #[error("input/output")]
    Io,
    /// Two parts of the machine contradict each other.
    #[error("inconsistent")]
    Inconsistent,
}

/// A failure: its kind, what was being read, what was wrong, and the cause.
///
/// Opaque, so that new causes do not break users; programs act on [`Error::kind`], people read
/// the text. Cheap to clone.
///
/// ```
/// use gpu_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::Malformed, "/sys/class/drm/card1/device/vendor", "not a number: \"0xzz\"");
/// assert_eq!(error.kind(), ErrorKind::Malformed);
/// assert_eq!(error.to_string(), "/sys/class/drm/card1/device/vendor: not a number: \"0xzz\"");
/// ```
#[derive(Clone, Debug)]
pub struct Error(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    at: String,
    detail: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of `kind` at `at` (a call, file or unit), with what was wrong.
    #[must_use]
    pub fn new(kind: ErrorKind, at: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, at: at.into(), detail: detail.into(), source: None }))
    }

    /// A failure of `kind` at `at` that `source` caused; its text becomes the detail.
    #[must_use]
    pub fn caused(
        kind: ErrorKind,
        at: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        let detail = source.to_string();
        Self(Arc::new(Inner { kind, at: at.into(), detail, source: Some(source) }))
    }

    /// The unit that was named does not exist.
    #[must_use]
    pub fn unknown_unit(unit: impl fmt::Display) -> Self {
        Self::new(ErrorKind::UnknownUnit, unit.to_string(), "no such unit here; take ids from the inventory")
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being read: a call, a file, a unit.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.0.at
    }

    /// What was wrong, without the place.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The absence that stands for this failure in the place of one value at `at`.
    #[must_use]
    pub fn absence(&self, at: &'static str) -> Absence {
        match self.0.kind {
            ErrorKind::DeviceLost | ErrorKind::UnknownUnit => Absence::Lost,
            ErrorKind::NotPermitted => Absence::NotPermitted { needs: Need::Access(at) },
            ErrorKind::NotSupported | ErrorKind::NotFound => Absence::NotSupported { why: at },
            ErrorKind::TimedOut => Absence::TimedOut,
            _ => Absence::Failed { at, code: None },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.at, self.0.detail)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl PartialEq for Error {
    /// Equal when kind, place and detail are; causes are not compared.
    fn eq(&self, other: &Self) -> bool {
        (self.kind(), self.at(), self.detail()) == (other.kind(), other.at(), other.detail())
    }
}

impl Eq for Error {}
