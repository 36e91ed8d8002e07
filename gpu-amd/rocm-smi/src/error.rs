//! What the library's answers mean.

use std::fmt;

use gpu_core::{Absence, Error, ErrorKind, Need};

/// The library refused, or answered with something that makes no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    /// The function.
    pub(crate) at: &'static str,
    /// `rsmi_status_t`; `None` for an answer that makes no sense.
    pub(crate) code: Option<u32>,
}

/// What a call gives.
pub(crate) type Answer<T> = Result<T, Refused>;

impl Refused {
    /// `RSMI_STATUS_NOT_SUPPORTED`.
    const NOT_SUPPORTED: u32 = 2;
    /// `RSMI_STATUS_PERMISSION`.
    const PERMISSION: u32 = 4;
    /// `RSMI_STATUS_NOT_YET_IMPLEMENTED`.
    const NOT_YET_IMPLEMENTED: u32 = 9;
    /// `RSMI_STATUS_NOT_FOUND`.
    const NOT_FOUND: u32 = 10;
    /// `RSMI_STATUS_NO_DATA`.
    const NO_DATA: u32 = 14;
    /// `RSMI_STATUS_BUSY`: another process holds the lock of the device.
    const BUSY: u32 = 16;

    /// An answer that makes no sense.
    pub(crate) const fn malformed(at: &'static str) -> Self {
        Self { at, code: None }
    }

    /// What stands in the value's place.
    pub(crate) fn absence(self) -> Absence {
        match self.code {
            Some(Self::NOT_SUPPORTED | Self::NOT_YET_IMPLEMENTED) => {
                Absence::NotSupported { why: "rocm_smi does not support it on this device" }
            }
            Some(Self::NOT_FOUND | Self::NO_DATA) => Absence::NotSupported { why: "rocm_smi finds none" },
            Some(Self::PERMISSION) => {
                Absence::NotPermitted { needs: Need::Other("to read what rocm_smi reads (root, mostly)") }
            }
            Some(Self::BUSY) => Absence::TimedOut,
            Some(code) => Absence::Failed { at: self.at, code: Some(i32::from_ne_bytes(code.to_ne_bytes())) },
            None => Absence::Failed { at: self.at, code: None },
        }
    }

    /// The failure of a whole call.
    pub(crate) fn error(self) -> Error {
        let kind = match self.code {
            Some(Self::PERMISSION) => ErrorKind::NotPermitted,
            Some(Self::NOT_SUPPORTED | Self::NOT_YET_IMPLEMENTED) => ErrorKind::NotSupported,
            Some(Self::BUSY) => ErrorKind::TimedOut,
            Some(_) => ErrorKind::Library,
            None => ErrorKind::Malformed,
        };
        Error::new(kind, self.at, self.to_string())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "rocm_smi answers {} ({code})", name(code)),
            None => f.write_str("rocm_smi's answer makes no sense"),
        }
    }
}

/// The name of a status in `rocm_smi.h`.
fn name(code: u32) -> &'static str {
    match code {
        1 => "invalid arguments",
        2 => "not supported",
        3 => "file error",
        4 => "not permitted",
        5 => "out of resources",
        6 => "internal exception",
        7 => "input out of bounds",
        8 => "initialisation error",
        9 => "not yet implemented",
        10 => "not found",
        11 => "insufficient size",
        12 => "interrupted",
        13 => "unexpected size",
        14 => "no data",
        15 => "unexpected data",
        16 => "busy",
        17 => "too many users",
        18 => "setting unavailable",
        19 => "amdgpu could not be restarted",
        u32::MAX => "unknown error",
        _ => "a status that is not known",
    }
}
