//! What the library would end the process for, looked for before it is called; and whether the
//! machine is still the one that it has counted.

use std::path::{Path, PathBuf};

use gpu_core::{Error, ErrorKind};
use gpu_host::file;

/// Temperature labels that 6.1.2 knows: at another `rsmi_init` throws, and answers with an error
/// that names nothing.
const LABELS: [&str; 7] = ["edge", "junction", "mem", "HBM 0", "HBM 1", "HBM 2", "HBM 3"];

/// What there was when the library counted its devices.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Census {
    cards: Vec<String>,
    /// Nodes of the compute driver, with their `gpu_id`: a mode change makes them anew.
    nodes: Vec<(String, String)>,
}

fn nodes(sysfs: &Path) -> PathBuf {
    sysfs.join("class/kfd/kfd/topology/nodes")
}

impl Census {
    /// Looks at the machine, and refuses one at which the library would abort or give up.
    ///
    /// # Errors
    /// `NotFound` without cards or the compute driver's topology; `Inconsistent`, with the path, for
    /// what the library cannot bear.
    pub(crate) fn take(sysfs: &Path) -> Result<Self, Error> {
        let cards = file::list(&sysfs.join("class/drm"))?;
        let mut census = Self { cards, nodes: Vec::new() };
        let nodes = nodes(sysfs);
        for name in file::list(&nodes)? {
            let node = nodes.join(&name);
            // Seen in 6.1.2 (rocm_smi_io_link.cc): `assert(io_link_dir != nullptr)`.
            let links = node.join("io_links");
            std::fs::read_dir(&links)
                .map_err(|error| unbearable(&links, format!("librocm_smi64 would abort: {error}")))?;
            let id = file::read_optional(&node.join("gpu_id")).ok().flatten().unwrap_or_default();
            census.nodes.push((name, id));
        }
        for card in &census.cards {
            labels(&sysfs.join("class/drm").join(card).join("device/hwmon"))?;
        }
        Ok(census)
    }
}

/// Refuses labels of temperatures that the library does not know. Those that are missing it bears.
fn labels(hwmon: &Path) -> Result<(), Error> {
    for chip in file::list(hwmon).unwrap_or_default() {
        let chip = hwmon.join(chip);
        if !file::read_text(&chip.join("name")).is_ok_and(|name| name == "amdgpu") {
            continue;
        }
        for name in file::list(&chip).unwrap_or_default() {
            if !(name.starts_with("temp") && name.ends_with("_label")) {
                continue;
            }
            let path = chip.join(name);
            let label = file::read_text(&path)?;
            if !LABELS.contains(&label.as_str()) {
                return Err(unbearable(&path, format!("librocm_smi64 gives up at the label {label:?}")));
            }
        }
    }
    Ok(())
}

fn unbearable(path: &Path, detail: String) -> Error {
    Error::new(ErrorKind::Inconsistent, path.display().to_string(), detail)
}
