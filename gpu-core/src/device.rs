//! [`Device`]: one physical GPU, and what does not change from sample to sample.

use core::hash::Hash;

use crate::fingerprint::{Digest, Fingerprint};
use crate::id::DeviceId;
use crate::known::Known;
use crate::mode::Mode;
use crate::node_file::DeviceNode;
use crate::numa::NumaNode;
use crate::partition::Partition;
use crate::pci::{PciAddress, PciId};
use crate::quantity::{Bytes, Count};
use crate::vendor::Vendor;

/// Whose memory a device computes in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MemoryKind {
    /// Memory of its own.
    Dedicated,
    /// Memory of its own that the operating system manages as a NUMA node (GH200): "used" is
    /// then the system's number.
    NumaNode,
    /// The machine's memory (integrated GPUs, GB10, MI300A).
    System,
}

/// One physical GPU.
///
/// Built with [`Device::new`] and filled in: facts that a source does not have stay absent with
/// their reason.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Device {
    /// Names the device. Stable as [`DeviceId::stability`] says.
    pub id: DeviceId,
    /// The product's name, such as `NVIDIA H100 80GB HBM3`; where no source has one, the vendor
    /// with the PCI device id.
    pub name: String,
    /// Where it sits.
    pub pci: Known<PciAddress>,
    /// What the PCI function says it is.
    pub pci_id: Known<PciId>,
    /// The NUMA node that it hangs on. Absent where the machine has only one or does not tell.
    pub numa: Known<NumaNode>,
    /// The vendor's own text for the device, to be used with the vendor's tools: `GPU-…` for
    /// NVIDIA, `0x…` unique id for AMD, the PCI address for Intel.
    pub vendor_name: Known<String>,
    /// Serial number of the board.
    pub serial: Known<String>,
    /// Part number of the board.
    pub board_part: Known<String>,
    /// Family of the chip: `hopper`, `gfx942`, `xe2`…
    pub architecture: Known<String>,
    /// Version of the board's firmware (video BIOS).
    pub firmware: Known<String>,
    /// Kernel driver bound to the device: `nvidia`, `amdgpu`, `i915`, `xe`.
    pub driver: Known<String>,
    /// Device memory.
    pub memory_total: Known<Bytes>,
    /// Whose memory it is.
    pub memory_kind: Known<MemoryKind>,
    /// Compute units: SMs (NVIDIA), CUs (AMD), Xe cores (Intel).
    pub compute_units: Known<Count>,
    /// True when the driver runs the processes on it one at a time and cleans up between them
    /// (amdgpu's `enforce_isolation`). Absent on a device that is cut: see its partitions.
    pub process_isolation: Known<bool>,
    /// Device files through which programs reach it.
    pub nodes: Vec<DeviceNode>,
    /// Position in the vendor's own list: for display, never for identity; it may change at
    /// every boot, reset or mode change.
    pub index: u32,
    /// Modes that decide how it is cut, such as MIG on or off, or SPX and NPS1.
    pub modes: Vec<Mode>,
    /// Partitions directly below the device, ordered by id.
    pub partitions: Vec<Partition>,
}

impl Device {
    /// A device of which only the identity is known; everything else is absent because it was
    /// not reported.
    #[must_use]
    pub fn new(id: DeviceId, name: impl Into<String>) -> Self {
        const WHY: &str = "not reported by this source";
        Self {
            id,
            name: name.into(),
            pci: Known::unsupported(WHY),
            pci_id: Known::unsupported(WHY),
            numa: Known::unsupported(WHY),
            vendor_name: Known::unsupported(WHY),
            serial: Known::unsupported(WHY),
            board_part: Known::unsupported(WHY),
            architecture: Known::unsupported(WHY),
            firmware: Known::unsupported(WHY),
            driver: Known::unsupported(WHY),
            memory_total: Known::unsupported(WHY),
            memory_kind: Known::unsupported(WHY),
            compute_units: Known::unsupported(WHY),
            process_isolation: Known::unsupported(WHY),
            nodes: Vec::new(),
            index: 0,
            modes: Vec::new(),
            partitions: Vec::new(),
        }
    }

    /// Who made it.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        self.id.vendor()
    }

    /// The partitions directly below the device; those inside them are in their own lists.
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter()
    }

    /// Every partition of the device, each before those that lie in it.
    pub fn all_partitions(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().flat_map(|p| core::iter::once(p).chain(p.partitions.iter()))
    }

    /// The mode of that name, if the device has it.
    #[must_use]
    pub fn mode(&self, name: &str) -> Option<&Mode> {
        self.modes.iter().find(|mode| mode.name == name)
    }

    /// A digest of how the device is cut now: modes, and partitions with their incarnations.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut digest = Digest::new();
        self.id.hash(&mut digest);
        self.modes.hash(&mut digest);
        for partition in self.all_partitions() {
            (partition.id, partition.incarnation).hash(&mut digest);
        }
        digest.fingerprint()
    }
}
