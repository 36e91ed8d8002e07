//! [`Partition`]: a hardware-isolated part of a device.

use core::fmt;

use crate::fingerprint::Incarnation;
use crate::id::{PartitionId, PartitionKind};
use crate::known::Known;
use crate::node_file::DeviceNode;
use crate::numa::NumaNode;
use crate::pci::PciAddress;
use crate::quantity::{Bytes, Count, Nanoseconds};

/// Where a partition sits among its device's slots, in the vendor's own unit (memory slices for
/// MIG, accelerator dies for AMD).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Placement {
    /// First slot.
    pub start: u32,
    /// Number of slots.
    pub size: u32,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.start, self.size)
    }
}

/// How many engines of each sort belong to a partition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Engines {
    /// Copy engines.
    pub copy: Known<Count>,
    /// Video decoders.
    pub decoder: Known<Count>,
    /// Video encoders.
    pub encoder: Known<Count>,
    /// JPEG engines.
    pub jpeg: Known<Count>,
    /// Optical flow engines.
    pub optical_flow: Known<Count>,
}

impl Engines {
    /// Engine counts that are all absent for the same reason.
    #[must_use]
    pub const fn unsupported(why: &'static str) -> Self {
        Self {
            copy: Known::unsupported(why),
            decoder: Known::unsupported(why),
            encoder: Known::unsupported(why),
            jpeg: Known::unsupported(why),
            optical_flow: Known::unsupported(why),
        }
    }
}

/// A hardware-isolated part of a device: a MIG instance, a compute partition, a tile, a VF.
///
/// Compute and memory are separate dimensions: neither is derived from the other.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Partition {
    /// Names the place.
    pub id: PartitionId,
    /// Which life of the place this is.
    pub incarnation: Incarnation,
    /// What kind of cut it is, by the vendor's name: `1g.10gb`, `CPX`, `tile`, `vf`.
    pub profile: Known<String>,
    /// Where it sits.
    pub placement: Known<Placement>,
    /// Memory of its own; for a part that shares memory with its parent (a compute instance),
    /// an absence that says so.
    pub memory_total: Known<Bytes>,
    /// Compute units of its own (SMs, CUs, Xe cores).
    pub compute_units: Known<Count>,
    /// Compute slices of its own, where the vendor cuts by slices.
    pub compute_slices: Known<Count>,
    /// Engines of its own.
    pub engines: Engines,
    /// The vendor's own text for it: `MIG-…`, `amdgpu_xcp_3`.
    pub vendor_name: Known<String>,
    /// An older text form of the same (`MIG-GPU-<uuid>/<gi>/<ci>`), where there is one.
    pub legacy_name: Known<String>,
    /// PCI function of its own, where it has one (virtual functions).
    pub pci: Known<PciAddress>,
    /// NUMA node that its memory is nearest to, where that differs by partition.
    pub numa: Known<NumaNode>,
    /// Time slice that the hardware gives it, where one is set (virtual functions).
    pub time_slice: Known<Nanoseconds>,
    /// True when the driver runs the processes on it one at a time and cleans up between them
    /// (amdgpu's `enforce_isolation`); a partition's processes are not kept apart otherwise.
    pub process_isolation: Known<bool>,
    /// Device files through which programs reach it.
    pub nodes: Vec<DeviceNode>,
    /// Partitions that lie in this one, ordered by id.
    pub partitions: Vec<Partition>,
}

impl Partition {
    /// A partition of which only the place and the life are known; everything else is absent
    /// because it was not reported.
    #[must_use]
    pub const fn new(id: PartitionId, incarnation: Incarnation) -> Self {
        const WHY: &str = "not reported by this source";
        Self {
            id,
            incarnation,
            profile: Known::unsupported(WHY),
            placement: Known::unsupported(WHY),
            memory_total: Known::unsupported(WHY),
            compute_units: Known::unsupported(WHY),
            compute_slices: Known::unsupported(WHY),
            engines: Engines::unsupported(WHY),
            vendor_name: Known::unsupported(WHY),
            legacy_name: Known::unsupported(WHY),
            pci: Known::unsupported(WHY),
            numa: Known::unsupported(WHY),
            time_slice: Known::unsupported(WHY),
            process_isolation: Known::unsupported(WHY),
            nodes: Vec::new(),
            partitions: Vec::new(),
        }
    }

    /// What sort of part it is.
    #[must_use]
    pub const fn kind(&self) -> PartitionKind {
        self.id.kind()
    }

    /// The partitions that lie in this one.
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter()
    }
}
