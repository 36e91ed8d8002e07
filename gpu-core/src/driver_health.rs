//! [`DriverHealth`]: how well a device is, in its driver's own judgement.

use core::fmt;

/// How well a device is, in its driver's own judgement. Ascends from good to bad.
///
/// Sources: xe's `gpu_health` (kernel: `Documentation/ABI/testing/sysfs-driver-intel-xe-ras`: `ok`,
/// `warning`, `critical`) and `survivability_mode` ("Xe Device Wedging"); Level Zero's `zes_mem_health_t`
/// (degraded is a warning) and `zes_reset_reason_flags_t` (what must be reset is critical).
///
/// ```
/// use gpu_core::DriverHealth;
/// assert!(DriverHealth::Critical > DriverHealth::Warning);
/// assert_eq!(DriverHealth::NeedsFirmware.to_string(), "needs firmware");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum DriverHealth {
    /// Well.
    Ok,
    /// It works, with less than it has.
    Warning,
    /// It may not work.
    Critical,
    /// Its firmware has to be flashed.
    NeedsFirmware,
    /// It has to be replaced.
    Replace,
    /// A judgement that this version does not know: the driver's number, or 0 for a word.
    Unknown(u32),
}

impl fmt::Display for DriverHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::NeedsFirmware => "needs firmware",
            Self::Replace => "replace",
            Self::Unknown(raw) => return write!(f, "unknown ({raw})"),
        })
    }
}
