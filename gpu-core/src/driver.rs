//! [`Driver`]: the kernel driver and library behind a vendor's devices.

use crate::known::Known;
use crate::vendor::Vendor;

/// The software behind a vendor's devices.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Driver {
    /// Whose devices it drives.
    pub vendor: Vendor,
    /// Name of the kernel module, such as `nvidia`, `amdgpu`, `i915`, `xe`.
    pub name: String,
    /// Version of the kernel driver. In-tree drivers have none of their own.
    pub version: Known<String>,
    /// Version of the vendor's management library, where one is used.
    pub library: Known<String>,
    /// Version of the vendor's compute API that the driver offers (CUDA 12.4 as `12.4`).
    pub compute_api: Known<String>,
}

impl Driver {
    /// A driver of which only the name is known.
    #[must_use]
    pub fn new(vendor: Vendor, name: impl Into<String>) -> Self {
        const WHY: &str = "not reported by this source";
        Self {
            vendor,
            name: name.into(),
            version: Known::unsupported(WHY),
            library: Known::unsupported(WHY),
            compute_api: Known::unsupported(WHY),
        }
    }
}
