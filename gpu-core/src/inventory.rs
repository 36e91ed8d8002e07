//! [`Inventory`]: what GPUs there are, how they are cut and joined.

use core::hash::Hash;

use crate::device::Device;
use crate::driver::Driver;
use crate::fingerprint::{Digest, Fingerprint};
use crate::id::{DeviceId, PartitionId, UnitId};
use crate::known::Known;
use crate::link::Link;
use crate::partition::Partition;
use crate::pci::{PciAddress, PciId};
use crate::problem::Problem;
use crate::vendor::Vendor;

/// A GPU on the PCI bus that no backend drives: there, and not to be had.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Unmanaged {
    /// Where it sits.
    pub pci: PciAddress,
    /// What it says it is.
    pub pci_id: PciId,
    /// Its maker, where that is one of the three known here.
    pub vendor: Option<Vendor>,
    /// Kernel driver bound to it, such as `vfio-pci`; absent when none is.
    pub driver: Known<String>,
    /// Why no backend drives it.
    pub why: String,
}

impl Unmanaged {
    /// A GPU at `pci` that nobody drives, and why.
    #[must_use]
    pub fn new(pci: PciAddress, pci_id: PciId, driver: Known<String>, why: impl Into<String>) -> Self {
        Self { pci, pci_id, vendor: Vendor::of_pci(pci_id.vendor), driver, why: why.into() }
    }
}

/// What GPUs there are, how they are cut and joined, and what could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Inventory {
    /// The software behind the devices.
    pub drivers: Vec<Driver>,
    /// The devices: by vendor, then in the vendor's order.
    pub devices: Vec<Device>,
    /// Paths between devices.
    pub links: Vec<Link>,
    /// GPUs that are present and that no backend drives.
    pub unmanaged: Vec<Unmanaged>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Inventory {
    /// An inventory of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            drivers: Vec::new(),
            devices: Vec::new(),
            links: Vec::new(),
            unmanaged: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The devices.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter()
    }

    /// The device of that id, if it is here.
    #[must_use]
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }

    /// The partition of that id, if it is here.
    #[must_use]
    pub fn partition(&self, id: PartitionId) -> Option<&Partition> {
        self.device(id.device())?.all_partitions().find(|partition| partition.id == id)
    }

    /// True when the device or partition is here, or the thing that the share shares.
    #[must_use]
    pub fn contains(&self, unit: impl Into<UnitId>) -> bool {
        match unit.into() {
            UnitId::Device(id) => self.device(id).is_some(),
            UnitId::Partition(id) => self.partition(id).is_some(),
            UnitId::Share(id) => self.contains(id.whole()),
        }
    }

    /// Every device and partition: each device, then its partitions, each before those in it.
    pub fn units(&self) -> impl Iterator<Item = UnitId> + '_ {
        self.devices.iter().flat_map(|device| {
            let parts = device.all_partitions().map(|partition| UnitId::Partition(partition.id));
            core::iter::once(UnitId::Device(device.id)).chain(parts)
        })
    }

    /// The paths between two devices, in the order of the list.
    pub fn links_between(&self, one: DeviceId, other: DeviceId) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| link.joins(one, other))
    }

    /// A digest of what devices there are and how each is cut.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut digest = Digest::new();
        for device in &self.devices {
            device.fingerprint().hash(&mut digest);
        }
        digest.fingerprint()
    }

    /// Takes over everything in `other`.
    pub fn append(&mut self, other: Self) {
        let Self { drivers, devices, links, unmanaged, problems } = other;
        self.drivers.extend(drivers);
        self.devices.extend(devices);
        self.links.extend(links);
        self.unmanaged.extend(unmanaged);
        self.problems.extend(problems);
    }
}
