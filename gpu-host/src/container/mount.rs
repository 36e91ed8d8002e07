//! What is mounted in a container: devices that are named by mounts, and file systems that are not
//! to be touched.

use std::path::Path;

use gpu_core::Absence;

use crate::file;

const NAME: &str = "/proc/<pid>/mountinfo";

/// Where NVIDIA's runtime looks for names that are mounted (`/dev/null` onto each).
const FOLDERS: [&str; 2] = ["/var/run/nvidia-container-devices/", "/run/nvidia-container-devices/"];

/// Most names that are kept, and their longest.
const MOST: usize = 1024;
const LONGEST: usize = 256;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Mounts {
    /// Names below NVIDIA's folder.
    pub(super) devices: Vec<String>,
    /// Where programs serve file systems (FUSE): they may never answer.
    pub(super) served: Vec<String>,
}

pub(super) fn read(folder: &Path) -> Result<Mounts, Absence> {
    file::read_text(&folder.join("mountinfo")).map(|text| parse(&text)).map_err(|error| error.absence(NAME))
}

/// Lines `36 35 98:0 /root /mount/point opts… - type source opts` (kernel:
/// `Documentation/filesystems/proc.rst`, 3.5).
fn parse(text: &str) -> Mounts {
    let mut mounts = Mounts::default();
    for line in text.lines() {
        let Some((mount, kind)) = line.split_once(" - ") else { continue };
        let Some(point) = mount.split(' ').nth(4).map(unescaped) else { continue };
        let kind = kind.split(' ').next().unwrap_or("");
        if kind.starts_with("fuse") && kind != "fusectl" && mounts.served.len() < MOST {
            mounts.served.push(point);
            continue;
        }
        let name = FOLDERS.iter().find_map(|folder| point.strip_prefix(folder));
        if let Some(name) = name.filter(|name| !name.is_empty() && name.len() <= LONGEST) {
            if mounts.devices.len() < MOST {
                mounts.devices.push(name.to_owned());
            }
        }
    }
    mounts
}

/// White space and backslashes stand as octal numbers.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or("").to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if byte.is_ascii() => {
                plain.push(char::from(byte));
                plain.push_str(&part[3..]);
            }
            _ => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_file_systems_of_programs() {
        let text = "\
            22 1 0:21 / / rw - overlay overlay rw\n\
            30 22 0:5 /null /run/nvidia-container-devices/GPU-5eed\\0401 rw,nosuid - devtmpfs udev rw\n\
            31 22 0:5 /null /var/run/nvidia-container-devices/cdi/nvidia.com/gpu/0 rw shared:3 - tmpfs t rw\n\
            32 22 0:5 / /run/nvidia-container-devices rw - tmpfs t rw\n\
            33 22 0:9 / /dev/dri rw - fuse.evil evil rw\n\
            34 22 0:9 / /sys/fs/fuse/connections rw - fusectl f rw\n\
            nonsense\n 1 2 - \n";
        let mounts = parse(text);
        assert_eq!(mounts.devices, ["GPU-5eed 1", "cdi/nvidia.com/gpu/0"]);
        assert_eq!(mounts.served, ["/dev/dri"]);
        assert_eq!(unescaped(r"a\134b\9\"), r"a\b\9\");
    }
}
