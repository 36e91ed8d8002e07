//! [`ResourceName`]: how Kubernetes counts AMD's GPUs, and what a node would [show](resources).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use gpu_core::{Device, Inventory, Mode, ParseError, Vendor};

use super::plugin::DevicePluginId;
use crate::mode::ModePair;

const DOMAIN: &str = "amd.com/";

/// A resource of AMD's device plugin: `amd.com/gpu`, or the modes that partitions are of.
///
/// ```
/// use gpu_amd::names::ResourceName;
/// assert_eq!("amd.com/gpu".parse(), Ok(ResourceName::Gpu));
/// let name: ResourceName = "amd.com/cpx_nps4".parse()?;
/// assert_eq!(name.to_string(), "amd.com/cpx_nps4");
/// assert!("amd.com/nic".parse::<ResourceName>().is_err());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum ResourceName {
    /// GPUs and partitions, whatever their modes.
    Gpu,
    /// Those of GPUs in these modes.
    Modes(ModePair),
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpu => write!(f, "{DOMAIN}gpu"),
            Self::Modes(pair) => write!(f, "{DOMAIN}{pair}"),
        }
    }
}

impl FromStr for ResourceName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("resource of AMD's", text, "amd.com/gpu or amd.com/cpx_nps1");
        match text.strip_prefix(DOMAIN).ok_or_else(refuse)? {
            "gpu" => Ok(Self::Gpu),
            // Kubernetes' names have no capitals.
            pair if pair.bytes().any(|letter| letter.is_ascii_uppercase()) => Err(refuse()),
            pair => pair.parse().map(Self::Modes).map_err(|_| refuse()),
        }
    }
}

/// How the device plugin names resources (`-resource_naming_strategy`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum NamingStrategy {
    /// All are `amd.com/gpu`; the plugin does not run where GPUs are in different modes.
    #[default]
    Single,
    /// By modes, where the GPUs have any.
    Mixed,
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

/// GPUs of one node are in different modes, which strategy `single` does not allow: the modes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StylesDiffer(Vec<String>);

impl fmt::Display for StylesDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GPUs are in the modes {}: only strategy mixed has a name for each", self.0.join(", "))
    }
}

impl std::error::Error for StylesDiffer {}

/// What a Kubernetes node with AMD's device plugin shows for an inventory
/// (ROCm/k8s-device-plugin, `getResourceList`). GPUs of other vendors are left out, and so is a
/// partition without a name of its own.
///
/// # Errors
/// [`StylesDiffer`] where the plugin would not start.
pub fn resources(inventory: &Inventory, strategy: NamingStrategy) -> Result<Vec<Resource>, StylesDiffer> {
    let ours = inventory.devices.iter().filter(|device| device.id.vendor() == Vendor::AMD);
    let mut by_style: BTreeMap<Option<ModePair>, Vec<DevicePluginId>> = BTreeMap::new();
    for device in ours {
        by_style.entry(modes(device)).or_default().extend(ids(device));
    }
    if strategy == NamingStrategy::Single {
        if by_style.len() > 1 {
            let name = |style: &Option<ModePair>| style.map_or("none".to_owned(), |pair| pair.to_string());
            return Err(StylesDiffer(by_style.keys().map(name).collect()));
        }
        let devices = by_style.into_values().next();
        return Ok(devices
            .map(|devices| Resource { name: ResourceName::Gpu, devices })
            .into_iter()
            .collect());
    }
    let resource = |(style, devices): (Option<ModePair>, Vec<DevicePluginId>)| Resource {
        name: style.map_or(ResourceName::Gpu, ResourceName::Modes),
        devices,
    };
    Ok(by_style.into_iter().map(resource).collect())
}

/// The modes that a device is in, where it has both and they are known ones.
pub(crate) fn modes(device: &Device) -> Option<ModePair> {
    let value = |mode: &str| device.mode(mode)?.current.value();
    let compute = value(Mode::COMPUTE_PARTITION)?.parse().ok()?;
    Some(ModePair { compute, memory: value(Mode::MEMORY_PARTITION)?.parse().ok()? })
}

fn ids(device: &Device) -> Vec<DevicePluginId> {
    if device.partitions.is_empty() {
        return device.pci.value().map(|address| DevicePluginId::Pci(*address)).into_iter().collect();
    }
    let names = device.partitions.iter().filter_map(|part| part.vendor_name.value());
    names.filter_map(|name| name.parse().ok()).collect()
}
