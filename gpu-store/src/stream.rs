//! [`Stream`]: which records follow each other.

use core::fmt;
use core::str::FromStr;

use gpu_core::ParseError;
use gpu_core::ledger::NodeName;

/// A row of records, each at the position after the last one's: of one node, and of one sort.
///
/// ```
/// use gpu_store::Stream;
/// let stream: Stream = "ledger/node-1".parse()?;
/// assert_eq!(stream, Stream::ledger("node-1".parse()?));
/// assert_eq!(stream.to_string(), "ledger/node-1");
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Stream {
    /// Entries of a node's ledger.
    Ledger(NodeName),
    /// Statements of what was used on a node.
    Statements(NodeName),
}

impl Stream {
    /// The entries of a node's ledger.
    #[must_use]
    pub const fn ledger(node: NodeName) -> Self {
        Self::Ledger(node)
    }

    /// The statements of a node.
    #[must_use]
    pub const fn statements(node: NodeName) -> Self {
        Self::Statements(node)
    }

    /// Whose it is.
    #[must_use]
    pub const fn node(&self) -> NodeName {
        match self {
            Self::Ledger(node) | Self::Statements(node) => *node,
        }
    }

    /// The name of its sort: `ledger` or `statements`.
    #[must_use]
    pub const fn sort(&self) -> &'static str {
        match self {
            Self::Ledger(_) => "ledger",
            Self::Statements(_) => "statements",
        }
    }
}

impl FromStr for Stream {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once('/') {
            Some(("ledger", node)) => node.parse().map(Self::Ledger),
            Some(("statements", node)) => node.parse().map(Self::Statements),
            _ => Err(ParseError::new("stream", text, "ledger/NODE or statements/NODE")),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.sort(), self.node())
    }
}
