//! [`FormatError`]: what is wrong in a configuration, and where.

use std::fmt;

/// A configuration that cannot be used: where in the text, where in the structure, and why.
///
/// ```
/// use gpu_nvidia_mig::formats::MigParted;
/// let error = MigParted::from_yaml("version: v1\nmig-configs: {}\nmig-config: {}\n").unwrap_err();
/// assert_eq!((error.line(), error.column()), (3, 1));
/// assert_eq!(error.to_string(), "line 3, column 1: unknown key mig-config: there are version, mig-configs");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormatError {
    line: usize,
    column: usize,
    path: String,
    what: String,
}

impl FormatError {
    pub(super) fn new(at: At, path: &str, what: impl Into<String>) -> Self {
        let mut what = what.into();
        if let Some((end, _)) = what.char_indices().nth(MOST_SHOWN) {
            what.truncate(end);
            what.push('…');
        }
        Self { line: at.line, column: at.column, path: path.to_owned(), what }
    }

    /// Line of the text, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Column in the line, from 1.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.column
    }
}

/// Longest message, in characters: hostile input shall not fill a log.
const MOST_SHOWN: usize = 400;

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.what)
    }
}

impl std::error::Error for FormatError {}

/// A place in the text, both from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) struct At {
    pub line: usize,
    pub column: usize,
}
