//! [`NodeName`]: which machine a ledger is of.

use core::fmt;
use core::str::FromStr;

use crate::parse::ParseError;

/// The name of a node in its cluster, as its users call it: the host's or Kubernetes' name. 1 to
/// 253 bytes of printable ASCII without spaces and slashes.
///
/// ```
/// use gpu_core::ledger::NodeName;
/// let node: NodeName = "gpu-07.rack4.example".parse()?;
/// assert_eq!(node.as_str(), "gpu-07.rack4.example");
/// assert!("two words".parse::<NodeName>().is_err());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName {
    bytes: [u8; Self::LONGEST],
    len: u8,
}

impl NodeName {
    /// The longest name, in bytes: that of the domain name system.
    pub const LONGEST: usize = 253;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII ever gets in: `from_str` is the one way to make a name.
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }
}

impl FromStr for NodeName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        if text.is_empty() || text.len() > Self::LONGEST || !is_plain {
            let expected = "1 to 253 printable characters without spaces and slashes";
            return Err(ParseError::new("node name", text, expected));
        }
        let mut bytes = [0; Self::LONGEST];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        #[allow(clippy::cast_possible_truncation)] // at most 253
        Ok(Self { bytes, len: text.len() as u8 })
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

crate::text::serde_as_text!(NodeName);
