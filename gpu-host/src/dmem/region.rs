//! [`RegionName`], and the lines that the controller's files are made of.

use std::fmt;

use gpu_core::{Bytes, Device, DeviceId, Inventory, PciAddress, Tag};

/// The kernel's name of a region of device memory: `drm/0000:03:00.0/vram0`.
///
/// ```
/// use gpu_host::dmem::RegionName;
/// let name = RegionName::new("drm/0000:03:00.0/vram0").expect("one of DRM's");
/// assert_eq!((name.pci().to_string().as_str(), name.region()), ("0000:03:00.0", "vram0"));
/// assert_eq!(name.to_string(), "drm/0000:03:00.0/vram0");
/// assert!(RegionName::new("vram0").is_none());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RegionName {
    pci: PciAddress,
    region: String,
}

impl RegionName {
    /// The region of that name; `None` where it is not one of a DRM driver's.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (device, region) = text.strip_prefix("drm/")?.split_once('/')?;
        (!region.is_empty()).then_some(())?;
        Some(Self { pci: device.parse().ok()?, region: region.to_owned() })
    }

    /// The PCI function that it is of.
    #[must_use]
    pub const fn pci(&self) -> PciAddress {
        self.pci
    }

    /// The driver's name of it.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The driver's name as a tag, where it is short enough to be one.
    #[must_use]
    pub fn tag(&self) -> Option<Tag> {
        self.region.parse().ok()
    }

    /// The GPU of the inventory that it is of: whose function, or whose virtual function, it is.
    #[must_use]
    pub fn device(&self, inventory: &Inventory) -> Option<DeviceId> {
        let is_here = |device: &&Device| {
            let mut parts = device.partitions.iter();
            device.pci.value() == Some(&self.pci) || parts.any(|part| part.pci.value() == Some(&self.pci))
        };
        inventory.devices.iter().find(is_here).map(|device| device.id)
    }
}

impl fmt::Display for RegionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "drm/{}/{}", self.pci, self.region)
    }
}

/// The regions of one of the controller's files with their numbers; `None` for `max`. Regions that
/// are not a DRM driver's are left out.
///
/// # Errors
/// The first line that is not a name and a number.
///
/// ```
/// use gpu_core::Bytes;
/// let regions = gpu_host::dmem::parse("drm/0000:03:00.0/vram0 4096\ndrm/0000:03:00.0/vram1 max\n")?;
/// assert_eq!(regions[0].1, Some(Bytes(4096)));
/// assert_eq!(regions[1].1, None);
/// assert!(gpu_host::dmem::parse("drm/0000:03:00.0/vram0\n").is_err());
/// # Ok::<(), String>(())
/// ```
pub fn parse(text: &str) -> Result<Vec<(RegionName, Option<Bytes>)>, String> {
    let mut regions = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let refuse = || line.chars().take(80).collect::<String>();
        let (name, number) = line.trim().rsplit_once(' ').ok_or_else(refuse)?;
        let bytes = match number {
            "max" => None,
            digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                Some(Bytes(digits.parse().map_err(|_| refuse())?))
            }
            _ => return Err(refuse()),
        };
        regions.extend(RegionName::new(name).map(|name| (name, bytes)));
    }
    Ok(regions)
}
