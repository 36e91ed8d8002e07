//! [`Known`]: a fact about a unit, or why it is not known.

use core::fmt;

use crate::absence::Absence;

/// A fact that does not change from sample to sample, or the reason why it is not known.
///
/// Prints as the value or as the reason, so that a report needs no branch.
///
/// ```
/// use gpu_core::{Bytes, Known};
/// let total = Known::from(Bytes::gib(80));
/// assert_eq!(total.to_string(), "80 GiB");
/// let serial: Known<String> = Known::unsupported("no serial on this board");
/// assert_eq!(serial.to_string(), "(not supported: no serial on this board)");
/// assert!(serial.value().is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Known<T>(Result<T, Absence>);

impl<T> Known<T> {
    /// Not known, for this reason.
    #[must_use]
    pub const fn absent(absence: Absence) -> Self {
        Self(Err(absence))
    }

    /// Not known, because the source has no such thing.
    #[must_use]
    pub const fn unsupported(why: &'static str) -> Self {
        Self(Err(Absence::NotSupported { why }))
    }

    /// The value, or why there is none.
    ///
    /// # Errors
    /// The [`Absence`] that stands in the value's place.
    pub const fn get(&self) -> Result<&T, Absence> {
        match &self.0 {
            Ok(value) => Ok(value),
            Err(absence) => Err(*absence),
        }
    }

    /// The value, where it is known.
    #[must_use]
    pub const fn value(&self) -> Option<&T> {
        match &self.0 {
            Ok(value) => Some(value),
            Err(_) => None,
        }
    }

    /// Why the value is not known, where it is not.
    #[must_use]
    pub const fn absence(&self) -> Option<Absence> {
        match &self.0 {
            Ok(_) => None,
            Err(absence) => Some(*absence),
        }
    }

    /// The same fact about what `convert` makes of the value.
    #[must_use]
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Known<U> {
        Known(self.0.map(convert))
    }
}

impl<T> From<T> for Known<T> {
    fn from(value: T) -> Self {
        Self(Ok(value))
    }
}

impl<T> From<Result<T, Absence>> for Known<T> {
    fn from(result: Result<T, Absence>) -> Self {
        Self(result)
    }
}

impl<T: fmt::Display> fmt::Display for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(value) => value.fmt(f),
            Err(absence) if f.width().is_some() => f.pad(&format!("({absence})")),
            Err(absence) => write!(f, "({absence})"),
        }
    }
}

#[cfg(feature = "serde")]
impl<T: serde::Serialize> serde::Serialize for Known<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Ok(value) => value.serialize(serializer),
            Err(absence) => absence.serialize(serializer),
        }
    }
}
