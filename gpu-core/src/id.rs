//! Identifiers of devices, partitions and shares: places, never indexes.
//!
//! Every identifier is `Copy`, opaque, and has one canonical text form that reads back to the
//! same value:
//!
//! | what | text |
//! |---|---|
//! | device | `nvidia:uuid:3c92a7a5-…`, `amd:serial:1f2e3d4c5b6a7988`, `intel:pci:0000:03:00.0` |
//! | partition | `<device>/gi:7`, `<device>/gi:7/ci:0`, `<device>/xcp:3`, `<device>/tile:1`, `<device>/vf:2` |
//! | share | `<device or partition>::2of4` |
//!
//! An identifier names a *place*. Who needs to know whether it is still the same life of that
//! place compares [`Incarnation`](crate::Incarnation)s too.

use core::fmt;
use core::str::FromStr;

use crate::parse::ParseError;
use crate::pci::PciAddress;
use crate::tag::Tag;
use crate::uuid::Uuid;
use crate::vendor::Vendor;

/// How long an identifier keeps naming the same thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Stability {
    /// Until the machine boots again.
    Boot,
    /// As long as the board stays in its slot.
    Slot,
    /// For the life of the board, wherever it is plugged.
    Hardware,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Uuid(Uuid),
    Serial(u64),
    Pci(PciAddress),
}

/// Names one physical GPU.
///
/// ```
/// use gpu_core::{DeviceId, PciAddress, Stability, Vendor};
/// let id = DeviceId::from_pci(Vendor::INTEL, PciAddress::new(0, 3, 0, 0));
/// assert_eq!(id.to_string(), "intel:pci:0000:03:00.0");
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert_eq!(id.stability(), Stability::Slot);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId {
    vendor: Vendor,
    place: Place,
}

impl DeviceId {
    /// The device that the vendor gave this UUID. Stable for the life of the hardware.
    #[must_use]
    pub const fn from_uuid(vendor: Vendor, uuid: Uuid) -> Self {
        Self { vendor, place: Place::Uuid(uuid) }
    }

    /// The device that carries this 64-bit number (AMD's `unique_id`). Stable for the life of
    /// the hardware. The caller makes sure that the number is not zero and is unique on the node.
    #[must_use]
    pub const fn from_serial(vendor: Vendor, serial: u64) -> Self {
        Self { vendor, place: Place::Serial(serial) }
    }

    /// The device in this PCI slot. Stable while the board stays in it.
    #[must_use]
    pub const fn from_pci(vendor: Vendor, address: PciAddress) -> Self {
        Self { vendor, place: Place::Pci(address) }
    }

    /// Who made the device.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// How long this identifier keeps naming the same device.
    #[must_use]
    pub const fn stability(&self) -> Stability {
        match self.place {
            Place::Uuid(_) | Place::Serial(_) => Stability::Hardware,
            Place::Pci(_) => Stability::Slot,
        }
    }

    /// The UUID, where that is what identifies the device.
    #[must_use]
    pub const fn uuid(&self) -> Option<Uuid> {
        match self.place {
            Place::Uuid(uuid) => Some(uuid),
            Place::Serial(_) | Place::Pci(_) => None,
        }
    }

    /// The 64-bit number, where that is what identifies the device.
    #[must_use]
    pub const fn serial(&self) -> Option<u64> {
        match self.place {
            Place::Serial(serial) => Some(serial),
            Place::Uuid(_) | Place::Pci(_) => None,
        }
    }

    /// The PCI slot, where that is what identifies the device.
    #[must_use]
    pub const fn slot(&self) -> Option<PciAddress> {
        match self.place {
            Place::Pci(address) => Some(address),
            Place::Uuid(_) | Place::Serial(_) => None,
        }
    }

    /// The partition at `index` of `kind` directly below this device.
    #[must_use]
    pub const fn partition(self, kind: PartitionKind, index: u32) -> PartitionId {
        PartitionId { device: self, outer: Step { kind, index }, inner: None }
    }

    /// Share number `replica` of `of` of this device.
    #[must_use]
    pub const fn share(self, replica: u16, of: u16) -> ShareId {
        ShareId { of: Shared::Device(self), replica, replicas: of }
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Uuid(uuid) => write!(f, "{}:uuid:{uuid}", self.vendor),
            Place::Serial(serial) => write!(f, "{}:serial:{serial:016x}", self.vendor),
            Place::Pci(address) => write!(f, "{}:pci:{address}", self.vendor),
        }
    }
}

impl FromStr for DeviceId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("device id", text, "vendor:uuid:…, vendor:serial:… or vendor:pci:…");
        let (vendor, rest) = text.split_once(':').ok_or_else(refuse)?;
        let (scheme, value) = rest.split_once(':').ok_or_else(refuse)?;
        let vendor = vendor.parse()?;
        let id = match scheme {
            "uuid" => Self::from_uuid(vendor, value.parse()?),
            "serial" if value.len() == 16 && value.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Self::from_serial(vendor, u64::from_str_radix(value, 16).map_err(|_| refuse())?)
            }
            "pci" => Self::from_pci(vendor, value.parse()?),
            _ => return Err(refuse()),
        };
        Ok(id)
    }
}

/// What sort of part a partition is. Open: a third-party backend names its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKind(Tag);

impl PartitionKind {
    /// A MIG GPU instance (NVIDIA): memory slices and compute slices of its own.
    pub const GPU_INSTANCE: Self = Self::new(Tag::literal("gi"));
    /// A MIG compute instance (NVIDIA): compute slices inside a GPU instance, memory shared with it.
    pub const COMPUTE_INSTANCE: Self = Self::new(Tag::literal("ci"));
    /// A compute partition (AMD): some of the accelerator dies of one GPU.
    pub const COMPUTE_PARTITION: Self = Self::new(Tag::literal("xcp"));
    /// A tile (Intel): fixed, never created.
    pub const TILE: Self = Self::new(Tag::literal("tile"));
    /// An SR-IOV virtual function with its quotas.
    pub const VIRTUAL_FUNCTION: Self = Self::new(Tag::literal("vf"));

    /// The kind of that name.
    #[must_use]
    pub const fn new(name: Tag) -> Self {
        Self(name)
    }

    /// The name as text, such as `"gi"`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for PartitionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PartitionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for PartitionKind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Step {
    kind: PartitionKind,
    index: u32,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.index)
    }
}

impl FromStr for Step {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("partition step", text, "kind:number");
        let (kind, index) = text.split_once(':').ok_or_else(refuse)?;
        // One text form each: no sign, no leading zero.
        let canonical = index == "0"
            || (!index.starts_with('0') && !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()));
        if !canonical {
            return Err(refuse());
        }
        Ok(Self { kind: kind.parse()?, index: index.parse().map_err(|_| refuse())? })
    }
}

/// Names the place of one partition: a device, and one or two steps down.
///
/// ```
/// use gpu_core::{DeviceId, PartitionKind, PciAddress, Vendor};
/// let device = DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, 0x1b, 0, 0));
/// let instance = device.partition(PartitionKind::GPU_INSTANCE, 7);
/// let compute = instance.inner(PartitionKind::COMPUTE_INSTANCE, 0).expect("one step below");
/// assert_eq!(compute.to_string(), "nvidia:pci:0000:1b:00.0/gi:7/ci:0");
/// assert_eq!(compute.parent(), Some(instance));
/// assert_eq!(compute.to_string().parse(), Ok(compute));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    device: DeviceId,
    outer: Step,
    inner: Option<Step>,
}

impl PartitionId {
    /// The device that this is a part of.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The part one step down, or `None` when this one is already the second step.
    #[must_use]
    pub const fn inner(self, kind: PartitionKind, index: u32) -> Option<Self> {
        match self.inner {
            None => Some(Self { inner: Some(Step { kind, index }), ..self }),
            Some(_) => None,
        }
    }

    /// The partition that this one lies in, where it is not directly below the device.
    #[must_use]
    pub const fn parent(&self) -> Option<Self> {
        match self.inner {
            Some(_) => Some(Self { inner: None, ..*self }),
            None => None,
        }
    }

    /// What sort of part this is.
    #[must_use]
    pub const fn kind(&self) -> PartitionKind {
        self.last().kind
    }

    /// The number of the part among its siblings, as the vendor counts (a GI id, an XCP index…).
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.last().index
    }

    /// Share number `replica` of `of` of this partition.
    #[must_use]
    pub const fn share(self, replica: u16, of: u16) -> ShareId {
        ShareId { of: Shared::Partition(self), replica, replicas: of }
    }

    const fn last(&self) -> Step {
        match self.inner {
            Some(step) => step,
            None => self.outer,
        }
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.device, self.outer)?;
        match self.inner {
            Some(step) => write!(f, "/{step}"),
            None => Ok(()),
        }
    }
}

impl FromStr for PartitionId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("partition id", text, "device/kind:n or device/kind:n/kind:n");
        let mut parts = text.split('/');
        let (Some(device), Some(outer)) = (parts.next(), parts.next()) else {
            return Err(refuse());
        };
        let inner = parts.next().map(str::parse).transpose()?;
        if parts.next().is_some() {
            return Err(refuse());
        }
        Ok(Self { device: device.parse()?, outer: outer.parse()?, inner })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Shared {
    Device(DeviceId),
    Partition(PartitionId),
}

/// Names replica `k` of `n` of a device or partition.
///
/// ```
/// use gpu_core::{DeviceId, PciAddress, UnitId, Vendor};
/// let device = DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, 0x1b, 0, 0));
/// let share = device.share(2, 4);
/// assert_eq!(share.to_string(), "nvidia:pci:0000:1b:00.0::2of4");
/// assert_eq!(share.whole(), UnitId::Device(device));
/// assert_eq!(share.to_string().parse(), Ok(share));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareId {
    of: Shared,
    replica: u16,
    replicas: u16,
}

impl ShareId {
    /// The device or partition that is shared.
    #[must_use]
    pub const fn whole(&self) -> UnitId {
        match self.of {
            Shared::Device(id) => UnitId::Device(id),
            Shared::Partition(id) => UnitId::Partition(id),
        }
    }

    /// Which replica this is.
    #[must_use]
    pub const fn replica(&self) -> u16 {
        self.replica
    }

    /// How many replicas there are.
    #[must_use]
    pub const fn replicas(&self) -> u16 {
        self.replicas
    }
}

impl fmt::Display for ShareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}of{}", self.whole(), self.replica, self.replicas)
    }
}

impl FromStr for ShareId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("share id", text, "unit::KofN");
        let (whole, share) = text.rsplit_once("::").ok_or_else(refuse)?;
        let (replica, replicas) = share.split_once("of").ok_or_else(refuse)?;
        let of = if whole.contains('/') {
            Shared::Partition(whole.parse()?)
        } else {
            Shared::Device(whole.parse()?)
        };
        let id = Self {
            of,
            replica: replica.parse().map_err(|_| refuse())?,
            replicas: replicas.parse().map_err(|_| refuse())?,
        };
        // Only the canonical spelling: "+2of04" is somebody else's.
        if id.to_string() == text { Ok(id) } else { Err(refuse()) }
    }
}

/// Names what can be held and measured: a device, a partition or a share.
///
/// ```
/// use gpu_core::UnitId;
/// let unit: UnitId = "amd:serial:1f2e3d4c5b6a7988/xcp:3".parse()?;
/// assert!(matches!(unit, UnitId::Partition(_)));
/// assert_eq!(unit.device().to_string(), "amd:serial:1f2e3d4c5b6a7988");
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum UnitId {
    /// A whole device.
    Device(DeviceId),
    /// A partition of a device.
    Partition(PartitionId),
    /// A share of a device or partition.
    Share(ShareId),
}

impl UnitId {
    /// The device that the unit is, or is a part of.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        match self {
            Self::Device(id) => *id,
            Self::Partition(id) => id.device,
            Self::Share(ShareId { of: Shared::Device(id), .. }) => *id,
            Self::Share(ShareId { of: Shared::Partition(id), .. }) => id.device,
        }
    }

    /// Who made the device.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        self.device().vendor
    }

    /// True when the unit is `whole` or lies in it; a share lies in what it is a share of.
    ///
    /// ```
    /// use gpu_core::UnitId;
    /// let unit = |text: &str| text.parse::<UnitId>();
    /// let compute = unit("nvidia:pci:0000:1b:00.0/gi:1/ci:0")?;
    /// assert!(compute.lies_in(unit("nvidia:pci:0000:1b:00.0/gi:1")?));
    /// assert!(compute.lies_in(unit("nvidia:pci:0000:1b:00.0")?));
    /// assert!(!compute.lies_in(unit("nvidia:pci:0000:1b:00.0/gi:2")?));
    /// # Ok::<(), gpu_core::ParseError>(())
    /// ```
    #[must_use]
    pub fn lies_in(&self, whole: impl Into<UnitId>) -> bool {
        let whole = whole.into();
        if *self == whole {
            return true;
        }
        match self {
            Self::Device(_) => false,
            Self::Partition(id) => match id.parent() {
                Some(parent) => Self::Partition(parent).lies_in(whole),
                None => Self::Device(id.device()) == whole,
            },
            Self::Share(id) => id.whole().lies_in(whole),
        }
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(id) => fmt::Display::fmt(id, f),
            Self::Partition(id) => fmt::Display::fmt(id, f),
            Self::Share(id) => fmt::Display::fmt(id, f),
        }
    }
}

impl FromStr for UnitId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.contains("::") && text.rsplit_once("::").is_some_and(|(_, tail)| tail.contains("of")) {
            text.parse().map(Self::Share)
        } else if text.contains('/') {
            text.parse().map(Self::Partition)
        } else {
            text.parse().map(Self::Device)
        }
    }
}

impl From<DeviceId> for UnitId {
    fn from(id: DeviceId) -> Self {
        Self::Device(id)
    }
}

impl From<PartitionId> for UnitId {
    fn from(id: PartitionId) -> Self {
        Self::Partition(id)
    }
}

impl From<ShareId> for UnitId {
    fn from(id: ShareId) -> Self {
        Self::Share(id)
    }
}

macro_rules! debug_as_text {
    ($($type:ty),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        crate::text::serde_as_text!($type);
    )*};
}

debug_as_text!(DeviceId, PartitionId, ShareId, UnitId);
crate::text::serde_as_text!(PartitionKind);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_read() {
        for bad in [
            "",
            "nvidia",
            "nvidia:pci",
            "nvidia:index:0",
            "nvidia:serial:1",
            "nvidia:serial:+f2e3d4c5b6a7988",
            "intel:pci:0000:03:00.0/",
            "intel:pci:0000:03:00.0/tile",
            "intel:pci:0000:03:00.0/tile:01",
            "intel:pci:0000:03:00.0/tile:+1",
            "intel:pci:0000:03:00.0/tile:1/x:1/y:1",
            "intel:pci:0000:03:00.0/tile:4294967296",
            "intel:pci:0000:03:00.0::1of",
            "intel:pci:0000:03:00.0::01of4",
        ] {
            assert!(bad.parse::<UnitId>().is_err(), "{bad:?} must be refused");
        }
    }
}
