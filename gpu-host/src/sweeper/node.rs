//! What a descriptor is open on, as far as it matters for GPUs.

use gpu_core::DeviceNumber;

use crate::folder::Folder;

/// A file that matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    /// A device file.
    Device(DeviceNumber),
    /// The kernel's virtual machines (`/dev/kvm`), or a device that is given to one (`/dev/vfio/7`), with
    /// its number where that is told.
    Machines(Option<DeviceNumber>),
}

impl Node {
    /// The number of the device file.
    pub(super) const fn number(self) -> Option<DeviceNumber> {
        match self {
            Self::Device(number) => Some(number),
            Self::Machines(number) => number,
        }
    }
}

/// What the descriptor of that name in `descriptors` is open on.
///
/// Most descriptors are sockets, pipes and plain files. They are told by the link's text, without
/// a look at the file: it may lie on a file system that does not answer. A link in the kernel's `/proc`
/// leads to what is open, whatever its text; one in a tree of plain files says no more than its text.
pub(super) fn behind(descriptors: &Folder, name: &str, is_proc: bool) -> Option<Node> {
    let mut room = [0_u8; 64];
    // No device file's text is as long as the room: what is cut off is none of them.
    let text = descriptors.link(name, &mut room).ok()?.strip_prefix(b"/dev/")?;
    let is_machines = text == b"kvm" || text.starts_with(b"vfio/");
    let number = if is_proc { descriptors.device(name).ok() } else { None };
    match number {
        Some(Some(number)) if is_machines => Some(Node::Machines(Some(number))),
        Some(Some(number)) => Some(Node::Device(number)),
        // An ordinary file of that name: in a container anybody makes one.
        Some(None) => None,
        None if is_machines => Some(Node::Machines(None)),
        None => by_name(std::str::from_utf8(text).ok()?).map(Node::Device),
    }
}

/// Linux' fixed numbers (`Documentation/admin-guide/devices.txt`): DRM is 226, NVIDIA is 195.
fn by_name(name: &str) -> Option<DeviceNumber> {
    let (major, minor) = if let Some(minor) = name.strip_prefix("dri/renderD") {
        (226, minor)
    } else if let Some(minor) = name.strip_prefix("dri/card") {
        (226, minor)
    } else {
        (195, name.strip_prefix("nvidia")?)
    };
    Some(DeviceNumber { major, minor: minor.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_files_by_name() {
        let number = |major, minor| Some(DeviceNumber { major, minor });
        assert_eq!(by_name("dri/renderD128"), number(226, 128));
        assert_eq!(by_name("dri/card1"), number(226, 1));
        assert_eq!(by_name("nvidia3"), number(195, 3));
        for other in ["nvidiactl", "nvidia-uvm", "dri/by-path", "null", "dri/card", "pts/0"] {
            assert_eq!(by_name(other), None, "{other}");
        }
    }
}
