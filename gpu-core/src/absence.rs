//! [`Absence`]: why a value is not there.

use core::fmt;

/// Why a value is not there. Never 0, −1, an empty list or a bare `None`.
///
/// `Copy` and without heap, so that a sample full of absences costs nothing.
///
/// ```
/// use gpu_core::{Absence, Need};
/// let absence = Absence::NotPermitted { needs: Need::Capability("CAP_PERFMON") };
/// assert_eq!(absence.to_string(), "not permitted: needs CAP_PERFMON");
/// assert_eq!(absence.kind(), "not_permitted");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Absence {
    /// This hardware, driver or source does not have it, and why.
    NotSupported {
        /// What is missing, in a few words.
        why: &'static str,
    },
    /// The driver writes it in a version of its own form that this release does not know. Of the
    /// same kind as [`NotSupported`](Self::NotSupported), with the version in it.
    UnknownVersion {
        /// What has the version, such as `gpu_metrics`.
        of: &'static str,
        /// Major and minor number.
        version: (u8, u8),
    },
    /// It exists, and this caller may not read it.
    NotPermitted {
        /// What the caller would need.
        needs: Need,
    },
    /// It needs an earlier sample, or the driver has not collected it yet.
    NotYet,
    /// The device sleeps (runtime power management), and asking would wake it.
    Asleep,
    /// The source did not answer in time.
    TimedOut,
    /// The device fell off the bus, or the unit is gone.
    Lost,
    /// The source answered with an error or with something that makes no sense.
    Failed {
        /// The call or file that failed.
        at: &'static str,
        /// The vendor's return code or the operating system's error number, where there is one.
        code: Option<i32>,
    },
}

impl Absence {
    /// A short constant name of the kind, for JSON and metric labels.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotSupported { .. } | Self::UnknownVersion { .. } => "not_supported",
            Self::NotPermitted { .. } => "not_permitted",
            Self::NotYet => "not_yet",
            Self::Asleep => "asleep",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Failed { .. } => "failed",
        }
    }

    /// True when a later sample of the same unit may well have the value.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::NotYet | Self::Asleep | Self::TimedOut | Self::Failed { .. })
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSupported { why } => write!(f, "not supported: {why}"),
            Self::UnknownVersion { of, version: (major, minor) } => {
                write!(f, "not supported: version {major}.{minor} of {of} is not known")
            }
            Self::NotPermitted { needs } => write!(f, "not permitted: needs {needs}"),
            Self::NotYet => f.write_str("not yet"),
            Self::Asleep => f.write_str("asleep"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Lost => f.write_str("lost"),
            Self::Failed { at, code: Some(code) } => write!(f, "failed: {at} (code {code})"),
            Self::Failed { at, code: None } => write!(f, "failed: {at}"),
        }
    }
}

impl std::error::Error for Absence {}

#[cfg(feature = "serde")]
impl serde::Serialize for Absence {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Absence", 2)?;
        out.serialize_field("absent", self.kind())?;
        out.serialize_field("why", &crate::text::Shown(self))?;
        out.end()
    }
}

/// What a caller would need to be permitted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Need {
    /// To be root.
    Root,
    /// A Linux capability, such as `CAP_PERFMON`.
    Capability(&'static str),
    /// Access to a file or device node, such as `/proc/driver/nvidia/capabilities/mig/monitor`.
    Access(&'static str),
    /// To see the machine's own pid namespace.
    HostPids,
    /// Something else, in words.
    Other(&'static str),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Capability(name) => f.write_str(name),
            Self::Access(path) => write!(f, "access to {path}"),
            Self::HostPids => f.write_str("the machine's own pid namespace"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

crate::text::serialize_as_text!(Need);
