//! [`KernelMemory`]: device memory as the kernel charges it to a cgroup.

use crate::id::DeviceId;
use crate::owner::Owner;
use crate::quantity::Bytes;
use crate::tag::Tag;

/// Device memory of one owner on one device as the kernel's `dmem` controller charges it (cgroup
/// version 2, Linux 6.14 and later; amdgpu and xe): without a look at any process.
///
/// Memory is charged to the task that allocates: what a kernel worker moves back after an eviction
/// is in nobody's account. System memory that a GPU uses (GTT) is not in it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KernelMemory {
    /// Whose cgroup it is.
    pub owner: Owner,
    /// On which device.
    pub device: DeviceId,
    /// The driver's name of the region: `vram`, `vram0`, `vram1` (xe's tiles).
    pub region: Tag,
    /// Charged now (`dmem.current`), descendants included.
    pub current: Bytes,
    /// Highest charge so far (`dmem.peak`), on kernels that keep it.
    pub peak: Option<Bytes>,
    /// The hard limit (`dmem.max`); `None` for none.
    pub max: Option<Bytes>,
    /// Protected from eviction (`dmem.min`); 0 for nothing.
    pub min: Bytes,
    /// Protected from eviction as far as possible (`dmem.low`); 0 for nothing.
    pub low: Bytes,
}

impl KernelMemory {
    /// An account without limits and protection.
    #[must_use]
    pub const fn new(owner: Owner, device: DeviceId, region: Tag, current: Bytes) -> Self {
        Self { owner, device, region, current, peak: None, max: None, min: Bytes::ZERO, low: Bytes::ZERO }
    }
}
