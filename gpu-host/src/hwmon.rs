//! The kernel's sensors of one device.

use std::path::{Path, PathBuf};

use gpu_core::{Error, ErrorKind};

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
    /// Labels that cannot be read are added to `errors`, each once.
    #[must_use]
    pub fn labelled(&self, kind: &str, label: &str, errors: &mut Vec<Error>) -> Option<u32> {
        (1..16).find(|n| {
            let path = self.path.join(format!("{kind}{n}_label"));
            let text = match file::read_optional(&path) {
                Ok(Some(text)) if text.is_empty() => Err(file::malformed(&path, "empty")),
                read => read,
            };
            match text {
                Ok(text) => text.as_deref() == Some(label),
                Err(error) => {
                    if !errors.contains(&error) {
                        errors.push(error);
                    }
                    false
                }
            }
        })
    }
}

/// The sensor chips of the device at `path`, by number: none for a device without any. A chip
/// whose name cannot be read has none, and is among `errors`.
#[must_use]
pub fn of(path: &Path, errors: &mut Vec<Error>) -> Vec<Hwmon> {
    let folder = path.join("hwmon");
    let names = match file::list(&folder) {
        Ok(names) => names,
        Err(error) => {
            errors.extend(Some(error).filter(|error| error.kind() != ErrorKind::NotFound));
            return Vec::new();
        }
    };
    let mut chips: Vec<(u32, Hwmon)> = names
        .into_iter()
        .filter_map(|entry| {
            let number = entry.strip_prefix("hwmon")?.parse().ok()?;
            let path = folder.join(&entry);
            let file = path.join("name");
            let name = match file::read_text(&file) {
                Ok(name) if name.is_empty() => Err(file::malformed(&file, "empty")),
                read => read,
            };
            let name = name.map_err(|error| errors.push(error)).unwrap_or_default();
            Some((number, Hwmon { name, path }))
        })
        .collect();
    chips.sort_by_key(|(number, _)| *number);
    chips.into_iter().map(|(_, chip)| chip).collect()
}
