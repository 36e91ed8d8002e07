//! Where xe shows what.

use std::path::{Path, PathBuf};

use gpu_host::file::Attribute;

use crate::board::{Gt, Quota, Tile, numbered};

/// Tiles below the device's directory. The lowest GT of a tile is its graphics GT; a second one
/// is the media GT (Battlemage: `tile0/gt1`) and no tile.
pub(crate) fn tiles(device: &Path) -> Vec<Tile> {
    numbered(device, "tile")
        .into_iter()
        .map(|number| tile(&device.join(format!("tile{number}")), number))
        .collect()
}

fn tile(path: &Path, number: u32) -> Tile {
    let file = |folder: &Path, name: &'static str| {
        Some(Attribute::new(folder.join(name), name)).filter(Attribute::exists)
    };
    let gt = numbered(path, "gt").first().map(|gt| path.join(format!("gt{gt}")));
    Tile {
        number,
        memory: file(path, "physical_vram_size_bytes"),
        energy: None,
        gt: gt.map(graphics).unwrap_or_default(),
    }
}

fn graphics(gt: PathBuf) -> Gt {
    let at = |name: &'static str| Some(Attribute::new(gt.join(name), name)).filter(Attribute::exists);
    Gt {
        clock: at("freq0/act_freq"),
        clock_max: at("freq0/rp0_freq"),
        throttle_status: at("freq0/throttle/status").or_else(|| at("freq0/throttle/reason_status")),
        throttle_power: [
            "freq0/throttle/reason_pl1",
            "freq0/throttle/reason_pl2",
            "freq0/throttle/reason_pl4",
        ]
        .into_iter()
        .filter_map(at)
        .collect(),
        throttle_heat: [
            "freq0/throttle/reason_thermal",
            "freq0/throttle/reason_ratl",
            "freq0/throttle/reason_vr_thermalert",
        ]
        .into_iter()
        .filter_map(at)
        .collect(),
        throttle_hardware: ["freq0/throttle/reason_prochot", "freq0/throttle/reason_vr_tdc"]
            .into_iter()
            .filter_map(at)
            .collect(),
        ccs_mode: at("ccs_mode"),
        slices: at("num_cslices"),
    }
}

/// Quotas of one virtual function, over all tiles (kernel 6.19 and later).
pub(crate) fn quota(device: &Path, number: u32) -> Quota {
    let folder = device.join(format!("sriov_admin/vf{number}/profile"));
    let at = |name: &'static str| Some(Attribute::new(folder.join(name), name)).filter(Attribute::exists);
    Quota { memory: at("vram_quota").into_iter().collect(), exec_quantum_ms: at("exec_quantum_ms") }
}
