//! [`Outcome`]: what came of looking for one vendor's GPUs.

use core::fmt;

use crate::absence::Need;
use crate::backend::Backend;
use crate::error::Error;
use crate::vendor::Vendor;

/// Something that discovery looked for, and what it found instead.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LookedFor {
    /// The file, library or directory.
    pub what: String,
    /// What was there: `not found`, `a directory`, `no symbol nvmlInit_v2`…
    pub found: String,
}

impl fmt::Display for LookedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.found)
    }
}

/// What came of looking for one vendor's GPUs. None of these is an error of the caller's.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The driver answers. There may still be no device.
    Available,
    /// Devices can be listed, but a source is missing (the library, say): what, and why.
    Partial {
        /// What is missing.
        missing: String,
        /// Where it was looked for.
        looked_for: Vec<LookedFor>,
    },
    /// No driver and no device of this vendor: what was looked for.
    NoDriver {
        /// Each thing that was looked for, in order.
        looked_for: Vec<LookedFor>,
    },
    /// Kernel driver and library do not fit together; usually after an update without reboot.
    Mismatch {
        /// What the driver or library said, with the versions where it told them.
        detail: String,
    },
    /// The driver is there and this caller may not use it.
    NotPermitted {
        /// What the caller would need.
        needs: Need,
        /// What was refused.
        detail: String,
    },
    /// Nothing can be read on this operating system or from this kind of binary.
    UnsupportedPlatform {
        /// Why.
        why: &'static str,
    },
    /// The embedder switched this vendor off.
    Disabled,
    /// Looking failed.
    Failed(Error),
}

impl Outcome {
    /// A short constant name, for JSON and metric labels.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Partial { .. } => "partial",
            Self::NoDriver { .. } => "no_driver",
            Self::Mismatch { .. } => "mismatch",
            Self::NotPermitted { .. } => "not_permitted",
            Self::UnsupportedPlatform { .. } => "unsupported_platform",
            Self::Disabled => "disabled",
            Self::Failed(_) => "failed",
        }
    }

    /// True when the vendor's devices can be listed.
    #[must_use]
    pub const fn is_available(&self) -> bool {
        matches!(self, Self::Available | Self::Partial { .. })
    }

    /// What was looked for and not found, in order; nothing where that says nothing.
    #[must_use]
    pub fn looked_for(&self) -> &[LookedFor] {
        match self {
            Self::Partial { looked_for, .. } | Self::NoDriver { looked_for } => looked_for,
            _ => &[],
        }
    }
}

/// In words, with all that was looked for; the alternate form (`{:#}`) leaves that out, for those
/// who show [`Outcome::looked_for`] in their own way.
///
/// ```
/// use gpu_core::{LookedFor, Outcome};
/// let item = LookedFor { what: "/sys/module/amdgpu".to_owned(), found: "not found".to_owned() };
/// let outcome = Outcome::NoDriver { looked_for: vec![item] };
/// assert_eq!(outcome.to_string(), "no driver (/sys/module/amdgpu: not found)");
/// assert_eq!(format!("{outcome:#}"), "no driver");
/// ```
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, looked_for: &[LookedFor]| {
            if f.alternate() {
                return Ok(());
            }
            for (i, item) in looked_for.iter().enumerate() {
                write!(f, "{}{item}", if i == 0 { " (" } else { "; " })?;
            }
            if looked_for.is_empty() { Ok(()) } else { f.write_str(")") }
        };
        match self {
            Self::Available => f.write_str("available"),
            Self::Partial { missing, looked_for } => {
                write!(f, "available without {missing}")?;
                list(f, looked_for)
            }
            Self::NoDriver { looked_for } => {
                f.write_str("no driver")?;
                list(f, looked_for)
            }
            Self::Mismatch { detail } => write!(f, "driver and library do not fit: {detail}"),
            Self::NotPermitted { needs, detail } => write!(f, "not permitted: {detail}; needs {needs}"),
            Self::UnsupportedPlatform { why } => write!(f, "unsupported platform: {why}"),
            Self::Disabled => f.write_str("disabled"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

/// The result of looking for one vendor's GPUs: what came of it, and the backend where there is
/// one.
#[derive(Debug)]
pub struct Discovery {
    /// Whose GPUs were looked for.
    pub vendor: Vendor,
    /// What came of it.
    pub outcome: Outcome,
    /// Reads the devices; there exactly when the outcome [is available](Outcome::is_available).
    pub backend: Option<Box<dyn Backend>>,
}

impl Discovery {
    /// The driver answers: its devices are read through `backend`.
    #[must_use]
    pub fn available(backend: Box<dyn Backend>) -> Self {
        Self { vendor: backend.vendor(), outcome: Outcome::Available, backend: Some(backend) }
    }

    /// Devices can be listed through `backend`, and something is missing.
    #[must_use]
    pub fn partial(
        backend: Box<dyn Backend>,
        missing: impl Into<String>,
        looked_for: Vec<LookedFor>,
    ) -> Self {
        let outcome = Outcome::Partial { missing: missing.into(), looked_for };
        Self { vendor: backend.vendor(), outcome, backend: Some(backend) }
    }

    /// Nothing can be read, for the reason in `outcome`.
    #[must_use]
    pub const fn without(vendor: Vendor, outcome: Outcome) -> Self {
        Self { vendor, outcome, backend: None }
    }
}
