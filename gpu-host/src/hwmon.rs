//! The kernel's sensors of one device.

use std::path::{Path, PathBuf};

use crate::file::{self, Attribute};

/// One sensor chip of a device: `hwmon/hwmonN`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Hwmon {
    /// The name that the driver gave it: `amdgpu`, `i915`, `i915_gt0`, `xe`.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
}

impl Hwmon {
    /// The file of that name.
    #[must_use]
    pub fn attribute(&self, name: &'static str) -> Attribute {
        Attribute::new(self.path.join(name), name)
    }

    /// The file of that name, if it is there now.
    #[must_use]
    pub fn existing(&self, name: &'static str) -> Option<Attribute> {
        Some(self.attribute(name)).filter(Attribute::exists)
    }

    /// The sensor whose `<kind>N_label` says `label`, as `N`: up to 15, more than any GPU has.
    #[must_use]
    pub fn labelled(&self, kind: &str, label: &str) -> Option<u32> {
        (1..16).find(|n| {
            let path = self.path.join(format!("{kind}{n}_label"));
            file::read_text(&path).is_ok_and(|text| text == label)
        })
    }
}

/// The sensor chips of the device at `path`, by number. Without any, an empty list.
#[must_use]
pub fn of(path: &Path) -> Vec<Hwmon> {
    let folder = path.join("hwmon");
    let Ok(names) = file::list(&folder) else { return Vec::new() };
    let mut chips: Vec<(u32, Hwmon)> = names
        .into_iter()
        .filter_map(|entry| {
            let number = entry.strip_prefix("hwmon")?.parse().ok()?;
            let path = folder.join(&entry);
            let name = file::read_text(&path.join("name")).unwrap_or_default();
            Some((number, Hwmon { name, path }))
        })
        .collect();
    chips.sort_by_key(|(number, _)| *number);
    chips.into_iter().map(|(_, chip)| chip).collect()
}
