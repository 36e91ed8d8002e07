//! [`ParseError`]: text that is not what it should be.

use std::error::Error;
use std::fmt;

/// Text that could not be read as a value: which kind of value, the text, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    what: &'static str,
    text: String,
    expected: &'static str,
}

/// Longest piece of the offending text that an error repeats, in bytes.
const SHOWN: usize = 96;

impl ParseError {
    /// An error about `text`, which should have been a `what` in the form `expected`.
    /// Long text is cut at 96 bytes, so that hostile input does not fill a log.
    #[must_use]
    pub fn new(what: &'static str, text: &str, expected: &'static str) -> Self {
        let mut end = text.len().min(SHOWN);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self { what, text: text[..end].to_owned(), expected }
    }

    /// The kind of value that was expected, such as `"PCI address"`.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.what
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a {}: expected {}", self.text, self.what, self.expected)
    }
}

impl Error for ParseError {}
