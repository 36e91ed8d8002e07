//! [`DraName`] and [`DraDevice`]: what Intel's driver for dynamic resource allocation publishes
//! (intel/intel-resource-drivers-for-kubernetes).

use std::fmt;
use std::str::FromStr;

use gpu_core::{Bytes, Device, Inventory, Mode, ParseError, PciAddress, UnitId, Vendor};

use super::plugin::functions;

/// The name of a device: its PCI function and what it is, `0000-03-00-0-0x56c0`.
///
/// ```
/// use gpu_core::PciAddress;
/// use gpu_intel::names::DraName;
/// let name: DraName = "0000-03-00-0-0x56c0".parse()?;
/// assert_eq!((name.address, name.device_id), (PciAddress::new(0, 3, 0, 0), 0x56c0));
/// assert_eq!(name.to_string(), "0000-03-00-0-0x56c0");
/// assert!("0000-03-00-0".parse::<DraName>().is_err());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DraName {
    /// The PCI function.
    pub address: PciAddress,
    /// PCI device id.
    pub device_id: u16,
}

impl DraName {
    /// The name of a GPU; `None` when its place or its id is not known.
    #[must_use]
    pub fn of_device(device: &Device) -> Option<Self> {
        Some(Self { address: *device.pci.value()?, device_id: device.pci_id.value()?.device })
    }
}

impl fmt::Display for DraName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PciAddress { domain, bus, device, function } = self.address;
        write!(f, "{domain:04x}-{bus:02x}-{device:02x}-{function:x}-{:#06x}", self.device_id)
    }
}

impl FromStr for DraName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let read = || {
            let (slot, id) = text.rsplit_once('-')?;
            let id = id.strip_prefix("0x").filter(|id| id.len() == 4)?;
            let [domain, bus, device, function] = slot.split('-').collect::<Vec<_>>()[..] else {
                return None;
            };
            let address = format!("{domain}:{bus}:{device}.{function}").parse().ok()?;
            let digits = id.bytes().all(|digit| digit.is_ascii_hexdigit());
            Some(Self { address, device_id: digits.then(|| u16::from_str_radix(id, 16).ok())?? })
        };
        read().ok_or_else(|| ParseError::new("name of Intel's DRA driver", text, "0000-03-00-0-0x56c0"))
    }
}

/// What is published of one GPU or virtual function.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DraDevice {
    /// What it is here.
    pub unit: UnitId,
    /// Its name.
    pub name: DraName,
    /// Attributes by name: model, family, driver, sriov, type, pciId. What is not known is left out.
    pub attributes: Vec<(&'static str, String)>,
    /// Memory, published in MiB; `None` when it is not known.
    pub memory: Option<Bytes>,
    /// Thousandths of its compute, all of which one claim may have.
    pub millicores: u32,
}

/// What the driver publishes for an inventory: virtual functions where there are any, else the GPU,
/// which is not offered beside them.
#[must_use]
pub fn dra_devices(inventory: &Inventory) -> Vec<DraDevice> {
    let ours = inventory.devices.iter().filter(|device| device.id.vendor() == Vendor::INTEL);
    ours.flat_map(of_device).collect()
}

fn of_device(device: &Device) -> Vec<DraDevice> {
    let Some(name) = DraName::of_device(device) else { return Vec::new() };
    let mut found: Vec<DraDevice> = functions(device)
        .filter_map(|part| {
            let name = DraName { address: *part.pci.value()?, ..name };
            let attributes = attributes(device, "vf");
            let memory = part.memory_total.value().copied();
            Some(DraDevice { unit: part.id.into(), name, attributes, memory, millicores: 1000 })
        })
        .collect();
    if functions(device).next().is_none() {
        let (attributes, memory) = (attributes(device, "gpu"), device.memory_total.value().copied());
        found.push(DraDevice { unit: device.id.into(), name, attributes, memory, millicores: 1000 });
    }
    found
}

fn attributes(device: &Device, kind: &str) -> Vec<(&'static str, String)> {
    let model = device.name.strip_prefix("Intel ").unwrap_or(&device.name);
    let families = ["Max", "Flex", "Arc"];
    let family = families.iter().find(|family| model.split(' ').any(|word| word == **family));
    let sriov = device.mode(Mode::SRIOV).is_some();
    let id = device.pci_id.value().map(|id| format!("0x{:04x}", id.device));
    let all = [
        ("model", Some(model.to_owned())),
        ("family", family.map(|family| (*family).to_owned())),
        ("driver", device.driver.value().cloned()),
        ("sriov", Some(sriov.to_string())),
        ("type", Some(kind.to_owned())),
        ("pciId", id),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
