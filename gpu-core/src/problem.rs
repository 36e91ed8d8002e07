//! [`Problem`]: a part that could not be read, while the rest was.

use core::fmt;

use crate::error::{Error, ErrorKind};
use crate::vendor::Vendor;

/// A part of the machine that could not be read or makes no sense. The rest is reported
/// nevertheless.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Problem {
    /// Whose backend met it.
    pub vendor: Vendor,
    /// What could not be read: a device, a file, a call.
    pub at: String,
    /// What sort of failure it was.
    pub kind: ErrorKind,
    /// What was wrong, in words.
    pub detail: String,
}

impl Problem {
    /// The problem that `error` is, when it concerns only a part.
    #[must_use]
    pub fn new(vendor: Vendor, error: &Error) -> Self {
        Self { vendor, at: error.at().to_owned(), kind: error.kind(), detail: error.detail().to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {} ({})", self.vendor, self.at, self.detail, self.kind)
    }
}
