//! Device files: [`DeviceNode`] and its [`DeviceNumber`].

use core::fmt;
use core::str::FromStr;

use crate::parse::ParseError;

/// Major and minor number of a device file, printed as `226:128`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeviceNumber {
    /// Which driver.
    pub major: u32,
    /// Which of the driver's devices.
    pub minor: u32,
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl FromStr for DeviceNumber {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("device number", text, "major:minor");
        let (major, minor) = text.split_once(':').ok_or_else(refuse)?;
        Ok(Self { major: major.parse().map_err(|_| refuse())?, minor: minor.parse().map_err(|_| refuse())? })
    }
}

crate::text::serde_as_text!(DeviceNumber);

/// What a device file is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum NodeRole {
    /// The device itself (`/dev/nvidia0`).
    Device,
    /// A DRM primary node (`/dev/dri/card1`).
    Card,
    /// A DRM render node (`/dev/dri/renderD128`).
    Render,
    /// A MIG capability (`/dev/nvidia-caps/nvidia-cap21`).
    Capability,
}

/// A device file through which programs reach a unit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DeviceNode {
    /// Where the file usually lies, such as `/dev/dri/renderD128`.
    pub path: String,
    /// Major and minor number, where the machine tells.
    pub number: Option<DeviceNumber>,
    /// What the file is for.
    pub role: NodeRole,
}
