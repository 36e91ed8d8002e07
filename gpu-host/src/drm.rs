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

/// Every card and render node, by name. Connectors (`card0-DP-1`) are none. What cannot be read
/// of them is named in the second list: a node whose device cannot be found (a link in a circle)
/// is left out, one whose number is not told has none.
///
/// # Errors
/// When `class/drm` cannot be listed; without DRM the list is empty.
pub fn nodes(sysfs: &Path) -> Result<(Vec<DrmNode>, Vec<Error>), Error> {
    let class = sysfs.join("class/drm");
    let names = match file::list(&class) {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        Err(error) => return Err(error),
    };
    let mut errors = Vec::new();
    let nodes = names.into_iter().filter_map(|name| node(&class, name, &mut errors)).collect();
    Ok((nodes, errors))
}

fn node(class: &Path, name: String, errors: &mut Vec<Error>) -> Option<DrmNode> {
    let (role, digits) = match name.strip_prefix("renderD") {
        Some(digits) => (NodeRole::Render, digits),
        None => (NodeRole::Card, name.strip_prefix("card")?),
    };
    let minor = digits.parse().ok()?;
    let path = class.join(&name);
    let device = match path.join("device").canonicalize() {
        Ok(device) => device,
        Err(error) => {
            errors.push(file::at_path(&path.join("device"), error));
            return None;
        }
    };
    let number = number(&device.join("drm").join(&name).join("dev"));
    let number = number.map_err(|error| errors.push(error)).ok();
    Some(DrmNode { name, role, minor, path, device, number })
}

fn number(path: &Path) -> Result<DeviceNumber, Error> {
    file::read_text(path)?.parse().map_err(|error| file::malformed(path, &format!("{error}")))
}
