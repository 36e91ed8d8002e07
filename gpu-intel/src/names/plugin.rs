//! [`ResourceName`] and [`DevicePluginId`]: how Kubernetes counts Intel's GPUs, and what a node would
//! [show](resources).

use std::fmt;
use std::str::FromStr;

use gpu_core::{
    Device, DeviceNode, Inventory, NodeRole, ParseError, Partition, PartitionKind, UnitId, Vendor,
};

const DOMAIN: &str = "gpu.intel.com/";

/// A resource of Intel's device plugin (intel/intel-device-plugins-for-kubernetes, `gpu_plugin`).
///
/// ```
/// use gpu_intel::names::ResourceName;
/// assert_eq!("gpu.intel.com/xe".parse(), Ok(ResourceName::Xe));
/// assert_eq!(ResourceName::Monitoring.to_string(), "gpu.intel.com/monitoring");
/// assert!("gpu.intel.com/npu".parse::<ResourceName>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum ResourceName {
    /// GPUs that i915 drives.
    I915,
    /// GPUs that xe drives.
    Xe,
    /// All GPUs, to be watched and not computed on.
    Monitoring,
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DOMAIN)?;
        f.write_str(match self {
            Self::I915 => "i915",
            Self::Xe => "xe",
            Self::Monitoring => "monitoring",
        })
    }
}

impl FromStr for ResourceName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.strip_prefix(DOMAIN) {
            Some("i915") => Ok(Self::I915),
            Some("xe") => Ok(Self::Xe),
            Some("monitoring") => Ok(Self::Monitoring),
            _ => {
                Err(ParseError::new("resource of Intel's", text, "gpu.intel.com/ and i915, xe or monitoring"))
            }
        }
    }
}

/// The id under which Intel's device plugin hands out a share of a GPU: `card0-1`. Shares are
/// advisory: neither memory nor time of one is kept from another's by anybody
/// ([`SharingKind`](gpu_core::SharingKind) says what each kind guarantees).
///
/// ```
/// use gpu_intel::names::DevicePluginId;
/// assert_eq!("card0-1".parse(), Ok(DevicePluginId { card: 0, share: 1 }));
/// assert!("card0".parse::<DevicePluginId>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DevicePluginId {
    /// N of `/dev/dri/cardN`.
    pub card: u32,
    /// Which share, from 0.
    pub share: u32,
}

impl DevicePluginId {
    /// What it names a share of on a machine; `None` when that is not there.
    #[must_use]
    pub fn unit(self, inventory: &Inventory) -> Option<UnitId> {
        let mut ours = inventory.devices.iter().filter(|device| device.id.vendor() == Vendor::INTEL);
        ours.find_map(|device| {
            if card(&device.nodes) == Some(self.card) {
                return Some(device.id.into());
            }
            let part = device.partitions.iter().find(|part| card(&part.nodes) == Some(self.card));
            part.map(|part| part.id.into())
        })
    }
}

impl fmt::Display for DevicePluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "card{}-{}", self.card, self.share)
    }
}

impl FromStr for DevicePluginId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parts = text.strip_prefix("card").and_then(|rest| rest.split_once('-'));
        let id = parts.and_then(|(card, share)| {
            Some(Self { card: super::number(card)?, share: super::number(share)? })
        });
        id.ok_or_else(|| ParseError::new("device plugin's id", text, "card0-1"))
    }
}

/// A resource that a node shows, with the ids that the plugin hands out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Resource {
    /// Its name.
    pub name: ResourceName,
    /// What is counted, in the order of the inventory.
    pub devices: Vec<DevicePluginId>,
}

/// What a Kubernetes node with Intel's device plugin shows for an inventory, with so many shares a
/// GPU (`-shared-dev-num`). A GPU that is cut into virtual functions is left out for those of them
/// that the host's driver holds, as is a GPU without a card's device file.
#[must_use]
pub fn resources(inventory: &Inventory, shares: u32) -> Vec<Resource> {
    let mut found = Vec::new();
    for (name, driver) in [(ResourceName::I915, "i915"), (ResourceName::Xe, "xe")] {
        let is_ours = |device: &&Device| {
            device.id.vendor() == Vendor::INTEL && device.driver.value().is_some_and(|of| of == driver)
        };
        let cards = inventory.devices.iter().filter(is_ours).flat_map(cards);
        let devices: Vec<DevicePluginId> = cards
            .flat_map(|card| (0..shares.max(1)).map(move |share| DevicePluginId { card, share }))
            .collect();
        if !devices.is_empty() {
            found.push(Resource { name, devices });
        }
    }
    found
}

fn cards(device: &Device) -> Vec<u32> {
    let mut functions = functions(device).peekable();
    match functions.peek() {
        Some(_) => functions.filter_map(|part| card(&part.nodes)).collect(),
        None => card(&device.nodes).into_iter().collect(),
    }
}

/// The virtual functions of a GPU: where there are any, the GPU itself is not offered.
pub(super) fn functions(device: &Device) -> impl Iterator<Item = &Partition> {
    device.partitions.iter().filter(|part| part.kind() == PartitionKind::VIRTUAL_FUNCTION)
}

fn card(nodes: &[DeviceNode]) -> Option<u32> {
    let node = nodes.iter().find(|node| node.role == NodeRole::Card)?;
    super::number(node.path.strip_prefix("/dev/dri/card")?)
}
