//! [`Link`]: how two devices reach each other.

use core::fmt;

use crate::id::DeviceId;

/// The nearest point on PCIe where the paths of two devices meet. Earlier is nearer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PcieAncestor {
    /// On the same board.
    Board,
    /// One PCIe switch.
    Switch,
    /// Several PCIe switches, no host bridge.
    Switches,
    /// The same host bridge (root complex).
    HostBridge,
    /// The same NUMA node, different host bridges.
    NumaNode,
    /// Only the link between NUMA nodes.
    System,
    /// A level that this version does not know, as the vendor wrote it.
    Unknown(u32),
}

impl fmt::Display for PcieAncestor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Board => "board",
            Self::Switch => "switch",
            Self::Switches => "switches",
            Self::HostBridge => "host bridge",
            Self::NumaNode => "NUMA node",
            Self::System => "system",
            Self::Unknown(_) => "unknown",
        })
    }
}

/// What a link is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LinkKind {
    /// NVLink, direct or through NVSwitch, with the number of links that are up.
    NvLink {
        /// Links that are up between the two, or from each of them to the switch.
        links: u32,
        /// True when a switch lies between.
        switched: bool,
    },
    /// AMD xGMI, with the kernel's weight of the path.
    Xgmi {
        /// The kernel's weight; 15 per hop.
        weight: u32,
    },
    /// Intel Xe Link.
    XeLink,
    /// PCIe.
    Pcie {
        /// Where the paths meet.
        ancestor: PcieAncestor,
    },
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NvLink { links, switched: false } => write!(f, "NVLink ×{links}"),
            Self::NvLink { links, switched: true } => write!(f, "NVLink ×{links} by switch"),
            Self::Xgmi { .. } => f.write_str("xGMI"),
            Self::XeLink => f.write_str("Xe Link"),
            Self::Pcie { ancestor } => write!(f, "PCIe, {ancestor}"),
        }
    }
}

/// A path between two devices. Two devices may have several, such as NVLink and PCIe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Link {
    /// One end: the smaller identifier.
    pub a: DeviceId,
    /// The other end.
    pub b: DeviceId,
    /// What it is made of.
    pub kind: LinkKind,
}

impl Link {
    /// The link between two devices, its ends in order, so that equal links compare equal.
    #[must_use]
    pub fn new(one: DeviceId, other: DeviceId, kind: LinkKind) -> Self {
        let (a, b) = if one <= other { (one, other) } else { (other, one) };
        Self { a, b, kind }
    }

    /// True when the link joins these two.
    #[must_use]
    pub fn joins(&self, one: DeviceId, other: DeviceId) -> bool {
        (self.a == one && self.b == other) || (self.a == other && self.b == one)
    }
}
