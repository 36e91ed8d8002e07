//! [`Mode`]: a setting of a device that decides how it is cut.

use crate::known::Known;

/// A setting that decides how a device is cut: its value now, the value after the next reset,
/// and the values that it may take.
///
/// | vendor | name | values |
/// |---|---|---|
/// | NVIDIA | `mig` | `enabled`, `disabled` |
/// | AMD | `compute_partition` | `SPX`, `DPX`, `TPX`, `QPX`, `CPX` |
/// | AMD | `memory_partition` | `NPS1`, `NPS2`, `NPS4`, `NPS8` |
/// | Intel | `sriov` | number of virtual functions now; the highest number is the last of `available` |
/// | Intel | `ccs` | number of compute engines that are visible |
///
/// Values are the driver's own text; one never heard of is kept as it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Mode {
    /// The name of the setting.
    pub name: &'static str,
    /// The value in force.
    pub current: Known<String>,
    /// The value after the next reset. Equal to `current` where a change takes effect at once.
    pub pending: Known<String>,
    /// The values that the driver offers, in the driver's order. Absent where it does not tell.
    pub available: Known<Vec<String>>,
}

impl Mode {
    /// The name under which NVIDIA devices report MIG.
    pub const MIG: &'static str = "mig";
    /// The name under which AMD devices report the compute partition mode.
    pub const COMPUTE_PARTITION: &'static str = "compute_partition";
    /// The name under which AMD devices report the memory partition mode.
    pub const MEMORY_PARTITION: &'static str = "memory_partition";
    /// The name under which devices report SR-IOV.
    pub const SRIOV: &'static str = "sriov";
    /// The name under which Intel devices report the compute engine mode.
    pub const CCS: &'static str = "ccs";
    /// Whether errors of the memory are corrected: `enabled` or `disabled`.
    pub const ECC: &'static str = "ecc";

    /// A mode whose value takes effect at once and whose choices are not told.
    #[must_use]
    pub fn new(name: &'static str, current: Known<String>) -> Self {
        let pending = current.clone();
        Self { name, current, pending, available: Known::unsupported("the driver does not list them") }
    }
}
