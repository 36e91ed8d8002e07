//! DRM device nodes: which card and render node belongs to which device.

use std::path::{Path, PathBuf};

use gpu_core::{DeviceNode, DeviceNumber, Error, ErrorKind, NodeRole};

use crate::file;

/// One entry of `class/drm`: a card or a render node.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DrmNode {
    /// `card1`, `renderD128`.
    pub name: String,
    /// Card or render node.
    pub role: NodeRole,
    /// The number in the name, which is the minor number of the device file.
    pub minor: u32,
    /// Its directory in `class/drm`.
    pub path: PathBuf,
    /// The directory of the device behind it, resolved.
    pub device: PathBuf,
    /// Major and minor number of the device file.
    pub number: Option<DeviceNumber>,
}

impl DrmNode {
    /// The device file through which programs open it.
    #[must_use]
    pub fn device_node(&self) -> DeviceNode {
        DeviceNode { path: format!("/dev/dri/{}", self.name), number: self.number, role: self.role }
    }
}

/// Every card and render node, by name. Connectors (`card0-DP-1`) are none.
///
/// # Errors
/// When `class/drm` cannot be listed; without DRM the list is empty. Nodes whose device cannot
/// be resolved (a link in a circle, a device that is going away) are left out.
pub fn nodes(sysfs: &Path) -> Result<Vec<DrmNode>, Error> {
    let class = sysfs.join("class/drm");
    let names = match file::list(&class) {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(names.into_iter().filter_map(|name| node(&class, name)).collect())
}

fn node(class: &Path, name: String) -> Option<DrmNode> {
    let (role, digits) = match name.strip_prefix("renderD") {
        Some(digits) => (NodeRole::Render, digits),
        None => (NodeRole::Card, name.strip_prefix("card")?),
    };
    let minor = digits.parse().ok()?;
    let path = class.join(&name);
    let device = path.join("device").canonicalize().ok()?;
    let number = file::read_text(&path.join("dev")).ok().and_then(|text| text.parse().ok());
    Some(DrmNode { name, role, minor, path, device, number })
}
