//! [`Label`]: a caller's own words on a reservation.

use core::fmt;
use core::str::FromStr;

use crate::parse::ParseError;

/// A caller's own words on a reservation, for people: a job's name, a tenant. 1 to 256 bytes
/// without control characters; the ledger never looks into it.
///
/// ```
/// use gpu_core::ledger::Label;
/// let label: Label = "training run 7, team red".parse()?;
/// assert_eq!(label.as_str(), "training run 7, team red");
/// assert!("x".repeat(1 << 20).parse::<Label>().is_err());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(Box<str>);

impl Label {
    /// The longest label, in bytes.
    pub const LONGEST: usize = 256;

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() || text.len() > Self::LONGEST || text.chars().any(char::is_control) {
            return Err(ParseError::new("label", text, "1 to 256 bytes without control characters"));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

crate::text::serde_as_text!(Label);
