//! Where i915 shows what: upstream and Intel's own ("prelim") build of it.

use std::path::Path;

use gpu_host::file::{self, Attribute};
use gpu_host::hwmon::Hwmon;

use crate::board::{Gt, Quota, Tile, numbered};

/// GTs and tiles below the card's directory. A `gtN` is a tile on products with several
/// (`tiles` > 1); elsewhere only the first counts, and a second is the media GT.
pub(crate) fn tiles(card: &Path, tiles: u32, chips: &[Hwmon]) -> Vec<Tile> {
    let folder = card.join("gt");
    let mut found: Vec<Tile> = numbered(&folder, "gt")
        .into_iter()
        .take(tiles.max(1) as usize)
        .map(|number| tile(&folder.join(format!("gt{number}")), number, chips))
        .collect();
    // The card's own total counts every tile (prelim only).
    let total = Attribute::new(card.join("lmem_total_bytes"), "lmem_total_bytes");
    if let [only] = found.as_mut_slice() {
        if total.exists() {
            only.memory = Some(total);
        }
    }
    found
}

fn tile(path: &Path, number: u32, chips: &[Hwmon]) -> Tile {
    let at = |name: &'static str| Some(Attribute::new(path.join(name), name)).filter(Attribute::exists);
    let chip_name = format!("i915_gt{number}");
    let chip = chips.iter().find(|chip| chip.name == chip_name);
    Tile {
        number,
        memory: at("addr_range"),
        energy: chip.and_then(|chip| chip.existing("energy1_input")),
        gt: Gt {
            clock: at("rps_act_freq_mhz"),
            clock_max: at("rps_RP0_freq_mhz"),
            throttle_status: at("throttle_reason_status"),
            throttle_power: ["throttle_reason_pl1", "throttle_reason_pl2", "throttle_reason_pl4"]
                .into_iter()
                .filter_map(at)
                .collect(),
            throttle_heat: [
                "throttle_reason_thermal",
                "throttle_reason_ratl",
                "throttle_reason_vr_thermalert",
            ]
            .into_iter()
            .filter_map(at)
            .collect(),
            throttle_hardware: ["throttle_reason_prochot", "throttle_reason_vr_tdc"]
                .into_iter()
                .filter_map(at)
                .collect(),
            ccs_mode: at("ccs_mode"),
            slices: at("num_cslices"),
        },
    }
}

/// Total memory of the card, where the driver tells it.
pub(crate) fn total(card: &Path) -> Option<Attribute> {
    let name = "lmem_total_bytes";
    Some(Attribute::new(card.join(name), name)).filter(Attribute::exists)
}

/// Quotas of one virtual function: memory on every tile, time slice of the first (prelim only).
pub(crate) fn quota(card: &Path, number: u32) -> Quota {
    let folder = card.join(format!("prelim_iov/vf{number}"));
    let gts = file::list(&folder).unwrap_or_default();
    let of = |name: &'static str| -> Vec<Attribute> {
        let files = gts.iter().filter(|gt| gt.starts_with("gt"));
        files.map(|gt| Attribute::new(folder.join(gt).join(name), name)).filter(Attribute::exists).collect()
    };
    Quota { memory: of("lmem_quota"), exec_quantum_ms: of("exec_quantum_ms").into_iter().next() }
}
