//! [`DevicePluginId`]: what the device plugin calls a GPU or a partition.

use std::fmt;
use std::str::FromStr;

use gpu_core::{Inventory, ParseError, PciAddress, UnitId, Vendor};

/// The id under which AMD's device plugin hands out a GPU or a partition: the PCI address of a GPU,
/// or of the first partition of one that is cut; the platform device of every other partition.
///
/// Mainline names platform devices `amdgpu_xcp_3`, AMD's own driver `amdgpu_xcp.3`: both are read,
/// and the former is written.
///
/// ```
/// use gpu_amd::names::DevicePluginId;
/// let id: DevicePluginId = "0000:05:00.0".parse()?;
/// assert_eq!(id.to_string(), "0000:05:00.0");
/// assert_eq!("amdgpu_xcp_12".parse(), Ok(DevicePluginId::Platform(12)));
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum DevicePluginId {
    /// A GPU, or its first partition.
    Pci(PciAddress),
    /// Another partition.
    Platform(u32),
}

impl DevicePluginId {
    /// What it names on a machine; `None` when that is not there.
    #[must_use]
    pub fn unit(self, inventory: &Inventory) -> Option<UnitId> {
        let mut devices = inventory.devices.iter().filter(|device| device.id.vendor() == Vendor::AMD);
        match self {
            Self::Pci(address) => {
                let device = devices.find(|device| device.pci.value() == Some(&address))?;
                match device.partitions.first() {
                    Some(first) if first.id.index() == 0 => Some(first.id.into()),
                    Some(_) => None,
                    None => Some(device.id.into()),
                }
            }
            Self::Platform(_) => {
                let mut parts = devices.flat_map(|device| &device.partitions);
                let named = |name: Option<&String>| name.and_then(|name| name.parse().ok()) == Some(self);
                parts.find(|part| named(part.vendor_name.value())).map(|part| part.id.into())
            }
        }
    }
}

impl fmt::Display for DevicePluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pci(address) => address.fmt(f),
            Self::Platform(number) => write!(f, "amdgpu_xcp_{number}"),
        }
    }
}

impl FromStr for DevicePluginId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let Some(number) = text.strip_prefix("amdgpu_xcp") else {
            return text.parse().map(Self::Pci);
        };
        let number = number.strip_prefix(['_', '.']).and_then(super::visible::number);
        let refuse =
            || ParseError::new("device plugin's id", text, "a PCI address or amdgpu_xcp_ and a number");
        number.map(Self::Platform).ok_or_else(refuse)
    }
}
