//! [`KernelMemory`]: device memory as the kernel charges it to a cgroup.

use crate::evidence::{Evidence, EvidenceSource, Strength};
use crate::id::{DeviceId, PartitionKind, UnitId};
use crate::inventory::Inventory;
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
    /// The hard limit as evidence: the kernel enforces it. Of the tile where the region is one's, of
    /// the device otherwise; `None` without a limit.
    ///
    /// ```
    /// use gpu_core::{Bytes, Inventory, KernelMemory, Owner, Strength};
    /// let device = "amd:pci:0000:05:00.0".parse()?;
    /// let mut memory = KernelMemory::new(Owner::Machine, device, "vram".parse()?, Bytes::gib(3));
    /// assert_eq!(memory.evidence(&Inventory::new()), None);
    /// memory.max = Some(Bytes::gib(8));
    /// let evidence = memory.evidence(&Inventory::new()).expect("a limit");
    /// assert_eq!((evidence.strength, evidence.memory_limit), (Strength::Enforced, Some(Bytes::gib(8))));
    /// # Ok::<(), gpu_core::ParseError>(())
    /// ```
    #[must_use]
    pub fn evidence(&self, inventory: &Inventory) -> Option<Evidence> {
        // What keeps somebody off a device gives it to nobody.
        let max = self.max.filter(|max| *max > Bytes::ZERO)?;
        let tile = self.region.as_str().strip_prefix("vram").and_then(|number| number.parse().ok());
        let tile = tile.map(|number| self.device.partition(PartitionKind::TILE, number));
        let unit = tile.filter(|tile| inventory.partition(*tile).is_some()).map(UnitId::Partition);
        let unit = unit.unwrap_or(self.device.into());
        let mut evidence =
            Evidence::new(self.owner.clone(), unit, EvidenceSource::MemoryLimit, Strength::Enforced);
        evidence.memory_limit = Some(max);
        Some(evidence)
    }
}

/// Memory of one owner on one device as two accounts have it. They are never added.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MemoryComparison {
    /// Whose.
    pub owner: Owner,
    /// On which device.
    pub device: DeviceId,
    /// What the kernel charges, over all regions; `None` where it has no account of this owner.
    pub kernel: Option<Bytes>,
    /// The sum over the processes of this owner; `None` where none was seen.
    pub processes: Option<Bytes>,
}

impl MemoryComparison {
    /// By how much the kernel's account is larger: memory that no process shows, such as what was
    /// left behind by one that is gone. 0 where it is not, or one account is missing.
    #[must_use]
    pub fn only_kernel(&self) -> Bytes {
        self.beyond(self.kernel, self.processes)
    }

    /// By how much the processes' sum is larger: memory that is counted in several of them, was
    /// charged to somebody else, or came back after an eviction. 0 where it is not, or one account is
    /// missing.
    #[must_use]
    pub fn only_processes(&self) -> Bytes {
        self.beyond(self.processes, self.kernel)
    }

    fn beyond(&self, one: Option<Bytes>, other: Option<Bytes>) -> Bytes {
        match (one, other) {
            (Some(one), Some(other)) => Bytes(one.get().saturating_sub(other.get())),
            _ => Bytes::ZERO,
        }
    }
}

/// The kernel's account beside the sum over processes, for every owner and device that is in either,
/// in their order. An account of an owner's that lies in another's (a step of a job, a container in a
/// container) is in both.
///
/// ```
/// use gpu_core::{Bytes, KernelMemory, Owner};
/// let device = "amd:pci:0000:05:00.0".parse()?;
/// let kernel = [KernelMemory::new(Owner::Machine, device, "vram".parse()?, Bytes(700))];
/// let processes = [(Owner::Machine, device, Bytes(400)), (Owner::Machine, device, Bytes(200))];
/// let compared = gpu_core::compare_memory(&kernel, processes);
/// assert_eq!((compared[0].kernel, compared[0].processes), (Some(Bytes(700)), Some(Bytes(600))));
/// assert_eq!((compared[0].only_kernel(), compared[0].only_processes()), (Bytes(100), Bytes(0)));
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[must_use]
pub fn compare_memory(
    kernel: &[KernelMemory],
    processes: impl IntoIterator<Item = (Owner, DeviceId, Bytes)>,
) -> Vec<MemoryComparison> {
    let mut compared: Vec<MemoryComparison> = Vec::new();
    for memory in kernel {
        let sum = &mut comparison(&mut compared, memory.owner.clone(), memory.device).kernel;
        *sum = Some(sum.unwrap_or_default().saturating_add(memory.current));
    }
    for (owner, device, bytes) in processes {
        let sum = &mut comparison(&mut compared, owner, device).processes;
        *sum = Some(sum.unwrap_or_default().saturating_add(bytes));
    }
    compared
}

/// The comparison of an owner and device among those that are in order, made when there is none yet.
fn comparison(all: &mut Vec<MemoryComparison>, owner: Owner, device: DeviceId) -> &mut MemoryComparison {
    let place = all.binary_search_by(|of| of.owner.cmp(&owner).then(of.device.cmp(&device)));
    let at = place.unwrap_or_else(|at| {
        all.insert(at, MemoryComparison { owner, device, kernel: None, processes: None });
        at
    });
    &mut all[at]
}
