//! [`Error`]: a recording that cannot be written or read.

use std::fmt;
use std::io;

use gpu_core::recorded;

/// Why a recording cannot be written, or be read any further.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: a full disk, a folder that is not there.
    Io {
        /// What was being done: the path, where there is one.
        at: String,
        /// What it said.
        error: io::Error,
    },
    /// The bytes are no frame, or not one that is known: how is in the error's own kind.
    Form {
        /// At which byte of the recording the frame begins.
        at: u64,
        /// What is wrong with it.
        error: recorded::Error,
    },
    /// The frame is whole, and what is compressed in it is not.
    Compressed {
        /// At which byte of the recording the frame begins.
        at: u64,
    },
    /// There is no moment in it.
    Empty,
    /// The stretch that begins here is of another machine than the one before: one has vendors that the
    /// other has not, or only one is simulated.
    OtherMachine {
        /// At which byte of the recording the stretch begins.
        at: u64,
    },
    /// Somebody else has written to the file since this recorder did.
    Changed {
        /// How long the file was.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// An earlier write failed half way, and cannot be taken back from where it was written to.
    Broken,
}

impl Error {
    pub(crate) fn io(at: impl fmt::Display, error: io::Error) -> Self {
        Self::Io { at: at.to_string(), error }
    }

    /// A short constant name of the kind, for JSON and logs: `io`, `full` (no room on the disk), `empty`,
    /// `other_machine`, `changed`, `broken`, `compressed`, and those of [`recorded::Error::kind`]:
    /// `not_ours`, `newer`, `damaged`, `truncated`, `malformed`, `other_sort`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Io { error, .. } if error.kind() == io::ErrorKind::StorageFull => "full",
            Self::Io { .. } => "io",
            Self::Form { error, .. } => error.kind(),
            Self::Compressed { .. } => "compressed",
            Self::Empty => "empty",
            Self::OtherMachine { .. } => "other_machine",
            Self::Changed { .. } => "changed",
            Self::Broken => "broken",
        }
    }

    /// At which byte of the recording it cannot be read any further: everything before is whole.
    #[must_use]
    pub const fn position(&self) -> Option<u64> {
        match self {
            Self::Form { at, .. } | Self::Compressed { at } | Self::OtherMachine { at } => Some(*at),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { at, error } => write!(f, "{at}: {error}"),
            Self::Form { at: 0, error: recorded::Error::NotOurs } => {
                f.write_str("this is no recording of a GPU node")
            }
            Self::Form { at, error } => write!(f, "at byte {at} of the recording: {error}"),
            Self::Compressed { at } => {
                write!(f, "at byte {at} of the recording: what is compressed there cannot be read")
            }
            Self::Empty => f.write_str("the recording has no moment in it"),
            Self::OtherMachine { at } => {
                write!(f, "at byte {at} of the recording: from here on it is of another machine")
            }
            Self::Changed { expected, found } => {
                write!(
                    f,
                    "somebody else has written to the recording: it is {found} bytes long, not {expected}"
                )
            }
            Self::Broken => f.write_str("an earlier write failed half way, and cannot be taken back"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Form { error, .. } => Some(error),
            _ => None,
        }
    }
}
