//! What NVML's return codes mean.

use gpu_core::{Absence, Error, ErrorKind, Need};

/// A return code of NVML other than success (`nvmlReturn_t`, `nvml.h`). Codes that this crate does
/// not know are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Code(pub(crate) u32);

impl Code {
    pub(crate) const UNINITIALIZED: Self = Self(1);
    pub(crate) const INVALID_ARGUMENT: Self = Self(2);
    pub(crate) const NOT_SUPPORTED: Self = Self(3);
    pub(crate) const NO_PERMISSION: Self = Self(4);
    pub(crate) const NOT_FOUND: Self = Self(6);
    pub(crate) const TIMEOUT: Self = Self(10);
    pub(crate) const FUNCTION_NOT_FOUND: Self = Self(13);
    pub(crate) const GPU_IS_LOST: Self = Self(15);
    pub(crate) const RESET_REQUIRED: Self = Self(16);
    pub(crate) const IN_USE: Self = Self(19);
    pub(crate) const NO_DATA: Self = Self(21);
    pub(crate) const INSUFFICIENT_SIZE: Self = Self(7);
    pub(crate) const INSUFFICIENT_RESOURCES: Self = Self(23);
    pub(crate) const ARGUMENT_VERSION_MISMATCH: Self = Self(25);
    pub(crate) const DEPRECATED: Self = Self(26);
    pub(crate) const NOT_READY: Self = Self(27);
    /// Ours, not NVML's: an answer that contradicts itself.
    pub(crate) const NONSENSE: Self = Self(u32::MAX);

    /// Why a value is not there; `at` is the function that was asked.
    pub(crate) fn absence(self, at: &'static str) -> Absence {
        match self {
            Self::NOT_SUPPORTED => Absence::NotSupported { why: "NVML: this GPU or driver does not tell" },
            Self::FUNCTION_NOT_FOUND | Self::DEPRECATED | Self::ARGUMENT_VERSION_MISMATCH => {
                Absence::NotSupported { why: "this version of NVML has no such function" }
            }
            Self::NO_PERMISSION => {
                Absence::NotPermitted { needs: Need::Other("the privilege that the driver asks for") }
            }
            Self::NO_DATA | Self::NOT_READY => Absence::NotYet,
            Self::TIMEOUT => Absence::TimedOut,
            Self::GPU_IS_LOST => Absence::Lost,
            Self(code) => Absence::Failed { at, code: i32::try_from(code).ok() },
        }
    }

    /// The same as an error; `at` is the function that was asked, `of` what about.
    pub(crate) fn error(self, at: &str, of: impl std::fmt::Display) -> Error {
        let kind = match self {
            Self::NOT_SUPPORTED | Self::FUNCTION_NOT_FOUND | Self::DEPRECATED => ErrorKind::NotSupported,
            Self::NO_PERMISSION => ErrorKind::NotPermitted,
            Self::NOT_FOUND => ErrorKind::NotFound,
            Self::TIMEOUT => ErrorKind::TimedOut,
            Self::GPU_IS_LOST => ErrorKind::DeviceLost,
            _ => ErrorKind::Library,
        };
        Error::new(kind, of.to_string(), format!("{at} answers {}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_nobody_knows_are_kept() {
        assert_eq!(Code(4711).absence("f"), Absence::Failed { at: "f", code: Some(4711) });
        assert_eq!(Code(15).absence("f"), Absence::Lost);
        assert_eq!(Code(15).error("f", "g").kind(), ErrorKind::DeviceLost);
    }
}
