//! [`LevelZeroError`]: why there is no second source; and what the library's answers mean.

use std::fmt;

use gpu_core::{Absence, Error, ErrorKind, Need};
use level_zero_sys::{LoadError, ze_result_t};

use super::ffi::Fault;

/// Why Level Zero tells nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LevelZeroError {
    /// The caller did not want it.
    Off,
    /// There is no loader, or the system cannot load it: its reason.
    NotLoaded {
        /// What the system said, with the library's name.
        detail: String,
    },
    /// The loader is from before `zesInit` (1.9), as Debian 12's.
    TooOld {
        /// Which library.
        library: String,
    },
    /// The library is no loader: it lacks a function.
    NotALoader {
        /// Which library and function.
        detail: String,
    },
    /// The loader is there, and no driver behind it that has a device.
    NoDriver,
    /// Another version of the library or of one of its layers is in the way.
    WrongVersion,
    /// It does not start: the library's code.
    NotStarted {
        /// The code, as in the specification's `ze_result_t`.
        code: u32,
    },
}

impl LevelZeroError {
    pub(super) fn from_load(error: &LoadError) -> Self {
        match error {
            LoadError::TooOld { library } => Self::TooOld { library: library.display().to_string() },
            LoadError::NoFunction { .. } => Self::NotALoader { detail: error.to_string() },
            _ => Self::NotLoaded { detail: error.to_string() },
        }
    }

    pub(super) const fn from_start(code: ze_result_t) -> Self {
        match code {
            ze_result_t::ERROR_UNINITIALIZED => Self::NoDriver,
            ze_result_t::ERROR_UNSUPPORTED_VERSION => Self::WrongVersion,
            other => Self::NotStarted { code: other.0 },
        }
    }

    /// The problem that it is; `None` where a machine simply has no Level Zero.
    pub(crate) fn problem(&self) -> Option<Error> {
        match self {
            Self::Off | Self::NotLoaded { .. } | Self::NoDriver => None,
            other => Some(Error::new(ErrorKind::Library, "Level Zero", other.to_string())),
        }
    }

    /// A few words for facts that it would have told.
    pub(crate) const fn why(&self) -> &'static str {
        match self {
            Self::Off => "only Level Zero tells, which is switched off",
            Self::NotLoaded { .. } => "only Level Zero tells, which is not installed",
            Self::TooOld { .. } => "only Level Zero tells, whose loader is too old: it has no zesInit",
            Self::NotALoader { .. } => "only Level Zero tells, and the library is no loader",
            Self::NoDriver => "only Level Zero tells, which has no driver for a device here",
            Self::WrongVersion => "only Level Zero tells, whose loader and layers do not go together",
            Self::NotStarted { .. } => "only Level Zero tells, which does not start",
        }
    }
}

impl fmt::Display for LevelZeroError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("switched off"),
            Self::NotLoaded { detail } => write!(f, "not loaded: {detail}"),
            Self::TooOld { library } => write!(f, "{library}: too old, it has no zesInit (from 1.9 on)"),
            Self::NotALoader { detail } => f.write_str(detail),
            Self::NoDriver => f.write_str("the loader found no driver with a device"),
            Self::WrongVersion => f.write_str(
                "zesInit says that versions do not go together: an older libze_tracing_layer or \
                 libze_validation_layer on the library path does that",
            ),
            Self::NotStarted { code } => write!(f, "zesInit answers {code:#x}"),
        }
    }
}

impl std::error::Error for LevelZeroError {}

/// What is wrong with one answer, for readings. `needs` is what the caller lacks when it may not
/// ask.
pub(super) const fn absence(fault: Fault, at: &'static str, needs: Need) -> Absence {
    match fault {
        Fault::Code(code) if code.is_absent() => {
            Absence::NotSupported { why: "Level Zero's driver does not have it" }
        }
        Fault::Code(ze_result_t::ERROR_DEVICE_LOST) => Absence::Lost,
        Fault::Code(ze_result_t::ERROR_DEVICE_IN_LOW_POWER_STATE) => Absence::Asleep,
        Fault::Code(ze_result_t::ERROR_INSUFFICIENT_PERMISSIONS) => Absence::NotPermitted { needs },
        #[allow(clippy::cast_possible_wrap)] // the library's codes have no sign
        Fault::Code(code) => Absence::Failed { at, code: Some(code.0 as i32) },
        Fault::Length(_) | Fault::Null | Fault::Nonsense => Absence::Failed { at, code: None },
    }
}

/// The same in words, for problems; `None` for what is simply not there.
pub(super) fn problem(fault: Fault, at: &str, device: &str) -> Option<Error> {
    let (kind, detail) = match fault {
        Fault::Code(code) if code.is_absent() => return None,
        Fault::Code(ze_result_t::ERROR_INSUFFICIENT_PERMISSIONS) => {
            (ErrorKind::NotPermitted, "the caller may not".to_owned())
        }
        Fault::Code(ze_result_t::ERROR_DEVICE_LOST) => {
            (ErrorKind::DeviceLost, "the device is lost".to_owned())
        }
        Fault::Code(code) => (ErrorKind::Library, format!("answers {:#x}", code.0)),
        Fault::Length(length) => (ErrorKind::Malformed, format!("says that there are {length}")),
        Fault::Null => (ErrorKind::Malformed, "hands out a handle that is null".to_owned()),
        Fault::Nonsense => (ErrorKind::Malformed, "says something that cannot be".to_owned()),
    };
    Some(Error::new(kind, format!("{device} {at}"), detail))
}
