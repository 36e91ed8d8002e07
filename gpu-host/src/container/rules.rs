//! The rules of a device cgroup of version 1.

use std::path::{Path, PathBuf};

use gpu_core::{Absence, DeviceRules, Known};

use crate::{Roots, file};

const NAME: &str = "devices.list";
const VERSION_2: &str = "cgroup version 2 has no list of device rules, but a program";

pub(super) fn read(roots: &Roots, folder: &Path) -> Known<DeviceRules> {
    let text = match file::read_text(&folder.join("cgroup")) {
        Ok(text) => text,
        Err(error) => return Known::absent(error.absence("/proc/<pid>/cgroup")),
    };
    let Some(path) = path(&text) else { return Known::unsupported(VERSION_2) };
    let list = roots.cgroup.join("devices").join(path).join(NAME);
    match file::read_text(&list).map(|text| DeviceRules::of_list(&text)) {
        Ok((rules, 0)) => rules.into(),
        // What is read in part would let at too little, or at too much.
        Ok(_) => Known::absent(Absence::Failed { at: NAME, code: None }),
        Err(error) => Known::absent(error.absence(NAME)),
    }
}

/// The cgroup of the controller `devices`, below its hierarchy; `None` without such a hierarchy, or
/// when it lies outside what the reader sees.
fn path(text: &str) -> Option<PathBuf> {
    let line = text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == "devices").then_some(path)
    })?;
    let path = Path::new(line.trim_start_matches('/'));
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    plain.then(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchy_of_devices() {
        let text = "12:pids:/other\n5:devices:/docker/abc\n0::/docker/abc\n";
        assert_eq!(path(text), Some(PathBuf::from("docker/abc")));
        assert_eq!(path("5:cpu,devices:/\n"), Some(PathBuf::new()));
        assert_eq!(path("0::/docker/abc\n"), None);
        assert_eq!(path("5:devices:/../../etc\n"), None);
    }
}
