//! [`DrmClient`]: what DRM's accounting says of one open descriptor of a GPU.

use crate::node_file::DeviceNumber;
use crate::pci::PciAddress;
use crate::process::Pid;
use crate::quantity::{Bytes, Hertz, Nanoseconds};
use crate::tag::Tag;

/// What DRM's accounting says of one open descriptor of a GPU (`/proc/<pid>/fdinfo/<fd>`).
///
/// What a driver does not write is `None`, as the format allows; names of engines and memory
/// regions are the driver's own.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DrmClient {
    /// The device file that is open: tells the partition, which `pdev` does not.
    pub node: DeviceNumber,
    /// The kernel driver's name.
    pub driver: Option<Tag>,
    /// The GPU's PCI function.
    pub pdev: Option<PciAddress>,
    /// The client's number. With `pdev` it tells duplicates: descriptors that were copied, passed
    /// on or inherited are the same client. Without one, duplicates cannot be told.
    pub id: Option<u64>,
    /// Other processes that hold the same client open (inherited, or passed on), in order: it is
    /// listed with the one of lowest number alone.
    pub also: Vec<Pid>,
    /// Engines that it has used.
    pub engines: Vec<DrmEngine>,
    /// Memory regions that it has a share of.
    pub regions: Vec<DrmRegion>,
    /// Lines of the file with a key that is not known here.
    pub unknown: u32,
    /// Lines with a known key and a value that cannot be.
    pub malformed: u32,
}

/// What a client has used of one engine, or one group of equal engines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DrmEngine {
    /// The driver's name: `gfx`, `render`, `rcs`.
    pub name: Tag,
    /// Time that the engine has spent on the client's work, over all engines of the group.
    pub time: Option<Nanoseconds>,
    /// Cycles that the engine has spent on the client's work.
    pub cycles: Option<u64>,
    /// Cycles that the engine has run in the meantime, whoever it worked for.
    pub total_cycles: Option<u64>,
    /// Number of engines in the group.
    pub capacity: u32,
    /// The engine's highest clock.
    pub max_frequency: Option<Hertz>,
}

/// What a client holds in one memory region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DrmRegion {
    /// The driver's name: `vram`, `gtt`, `system0`.
    pub name: Tag,
    /// Its buffers, resident or not.
    pub total: Option<Bytes>,
    /// Of them, those that others have too.
    pub shared: Option<Bytes>,
    /// Of them, those that are in the region now (`drm-resident-`, in older kernels `drm-memory-`).
    pub resident: Option<Bytes>,
    /// Of the resident ones, those that may be thrown away.
    pub purgeable: Option<Bytes>,
    /// Of them, those that an engine works on.
    pub active: Option<Bytes>,
    /// Buffers that belong here and were moved elsewhere (amdgpu's `amd-evicted-`).
    pub evicted: Option<Bytes>,
    /// Buffers that the client asked to have here (amdgpu's `amd-requested-`).
    pub requested: Option<Bytes>,
}

impl DrmClient {
    /// A client of which only the open file is known.
    #[must_use]
    pub const fn new(node: DeviceNumber) -> Self {
        Self {
            node,
            driver: None,
            pdev: None,
            id: None,
            also: Vec::new(),
            engines: Vec::new(),
            regions: Vec::new(),
            unknown: 0,
            malformed: 0,
        }
    }

    /// What tells the client from every other; `None` when it has no number.
    #[must_use]
    pub fn key(&self) -> Option<(Option<PciAddress>, u64)> {
        self.id.map(|id| (self.pdev, id))
    }

    /// The engine of that name, made when the client has none yet.
    pub fn engine(&mut self, name: Tag) -> &mut DrmEngine {
        let at = self.engines.iter().position(|engine| engine.name == name).unwrap_or_else(|| {
            let (time, cycles, total_cycles, max_frequency) = (None, None, None, None);
            self.engines.push(DrmEngine { name, time, cycles, total_cycles, capacity: 1, max_frequency });
            self.engines.len() - 1
        });
        &mut self.engines[at]
    }

    /// The memory region of that name, made when the client has none yet.
    pub fn region(&mut self, name: Tag) -> &mut DrmRegion {
        let at = self.regions.iter().position(|region| region.name == name).unwrap_or_else(|| {
            self.regions.push(DrmRegion::new(name));
            self.regions.len() - 1
        });
        &mut self.regions[at]
    }
}

impl DrmRegion {
    /// A region of which only the name is known.
    #[must_use]
    pub const fn new(name: Tag) -> Self {
        Self {
            name,
            total: None,
            shared: None,
            resident: None,
            purgeable: None,
            active: None,
            evicted: None,
            requested: None,
        }
    }

    /// What the client holds in the region now, as far as the driver tells: what is resident,
    /// else all of it.
    #[must_use]
    pub fn held(&self) -> Option<Bytes> {
        self.resident.or(self.total)
    }
}
