//! [`CdiName`]: what the Container Device Interface calls AMD's GPUs.

use std::fmt;
use std::str::FromStr;

use gpu_core::ParseError;

const KIND: &str = "amd.com/gpu=";

/// A name of kind `amd.com/gpu`: the toolkit's number of a device, or all of them
/// (ROCm/container-toolkit, `internal/cdi/cdi.go`).
///
/// Numbers go by PCI address on a machine whose GPUs are whole; they are the toolkit's matter
/// where one is cut.
///
/// ```
/// use gpu_amd::names::CdiName;
/// assert_eq!("amd.com/gpu=3".parse(), Ok(CdiName::Number(3)));
/// assert_eq!(CdiName::All.to_string(), "amd.com/gpu=all");
/// assert!("nvidia.com/gpu=3".parse::<CdiName>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum CdiName {
    /// One device.
    Number(u32),
    /// All devices.
    All,
}

impl fmt::Display for CdiName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{KIND}{number}"),
            Self::All => write!(f, "{KIND}all"),
        }
    }
}

impl FromStr for CdiName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let name = match text.strip_prefix(KIND) {
            Some("all") => Some(Self::All),
            Some(number) => super::visible::number(number).map(Self::Number),
            None => None,
        };
        name.ok_or_else(|| ParseError::new("CDI name of AMD's", text, "amd.com/gpu= and a number or all"))
    }
}
