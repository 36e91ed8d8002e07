//! [`CdiName`]: what the Container Device Interface calls Intel's GPUs.

use std::fmt;
use std::str::FromStr;

use gpu_core::ParseError;

use super::dra::DraName;

const KIND: &str = "intel.com/gpu=";

/// A name of kind `intel.com/gpu`: the device plugin's card, the DRA driver's name, or all of them.
///
/// ```
/// use gpu_intel::names::CdiName;
/// assert_eq!("intel.com/gpu=card0".parse(), Ok(CdiName::Card(0)));
/// assert_eq!("intel.com/gpu=0000-03-00-0-0x56c0".parse::<CdiName>()?.to_string(), "intel.com/gpu=0000-03-00-0-0x56c0");
/// assert!("intel.com/gpu=".parse::<CdiName>().is_err());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum CdiName {
    /// N of `/dev/dri/cardN`.
    Card(u32),
    /// A PCI function and what it is.
    Dra(DraName),
    /// All devices.
    All,
}

impl fmt::Display for CdiName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(card) => write!(f, "{KIND}card{card}"),
            Self::Dra(name) => write!(f, "{KIND}{name}"),
            Self::All => write!(f, "{KIND}all"),
        }
    }
}

impl FromStr for CdiName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse =
            || ParseError::new("CDI name of Intel's", text, "intel.com/gpu= and card0, a slot or all");
        match text.strip_prefix(KIND).ok_or_else(refuse)? {
            "all" => Ok(Self::All),
            name => match name.strip_prefix("card") {
                Some(card) => super::number(card).map(Self::Card).ok_or_else(refuse),
                None => name.parse().map(Self::Dra).map_err(|_| refuse()),
            },
        }
    }
}
