//! Processes, by DRM's accounting of the descriptors that a sweep found: i915 and xe list none
//! themselves.
//!
//! Source of the names: the kernel's `i915_drm_client.c`, `intel_memory_region.c`,
//! `xe_drm_client.c` and `xe_hw_engine.c`.

use gpu_core::{
    Absence, BootTime, Bytes, ClientNames, DeviceNumber, DrmClient, EngineKind, ProcessReading, Query,
    RegionKind, Tag, UnitId, add_clients,
};
use gpu_host::drm::DrmNode;

use crate::board::Board;

const NOT_TOLD: Absence =
    Absence::NotSupported { why: "Intel's drivers tell of a process what DRM accounts" };
const NO_ENGINE: Absence = Absence::NotSupported { why: "the driver names no such engine of its clients" };
const WHOLE_GPU: Absence = Absence::NotSupported { why: "engines work for the whole GPU: read the device" };
const OF_TILES: Absence = Absence::NotSupported { why: "each tile has memory of its own: read the tiles" };
const OF_THE_MACHINE: Absence =
    Absence::NotSupported { why: "the GPU has no memory of its own: see the machine's that is used" };
const NO_REGION: Absence = Absence::NotSupported { why: "the driver gives no memory of its clients" };

/// Which of a client's regions and engines are the unit's.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// All of them.
    Whole,
    /// All but the memory of tiles.
    AllButTiles,
    /// The memory of one tile.
    Tile(u32),
}

/// The drivers' names, for one unit.
#[derive(Clone, Copy, Debug)]
struct Names {
    part: Part,
    /// The GPU has memory of its own, of which `stolen` is then a part.
    has_memory: bool,
}

/// A region of the device's own, with the tile whose memory it is; `None` for the machine's.
///
/// i915 has `localN` and `stolen-localN`, xe has `vramN`.
fn tile_of(region: &str) -> Option<u32> {
    let number = ["vram", "local", "stolen-local"].iter().find_map(|name| region.strip_prefix(name))?;
    number.parse().ok()
}

impl ClientNames for Names {
    fn engine(&self, name: &str) -> Option<EngineKind> {
        if matches!(self.part, Part::Tile(_)) {
            return None;
        }
        match name {
            "render" | "rcs" => Some(EngineKind::Graphics),
            "compute" | "ccs" => Some(EngineKind::Compute),
            "copy" | "bcs" => Some(EngineKind::Copy),
            "video" | "video-enhance" | "vcs" | "vecs" => Some(EngineKind::Video),
            _ => None,
        }
    }

    fn region(&self, name: &str) -> Option<RegionKind> {
        match (self.part, tile_of(name)) {
            (Part::Whole, Some(_)) => Some(RegionKind::Device),
            (Part::Tile(own), Some(tile)) => (own == tile).then_some(RegionKind::Device),
            (Part::AllButTiles, Some(_)) | (Part::Tile(_), None) => None,
            (Part::Whole | Part::AllButTiles, None) => match name {
                "system" | "gtt" | "system0" | "stolen-system0" => Some(RegionKind::System),
                // xe's is of the memory that the GPU has; of which tile is not told.
                "stolen" if !self.has_memory => Some(RegionKind::System),
                "stolen" if matches!(self.part, Part::Whole) => Some(RegionKind::Device),
                _ => None,
            },
        }
    }

    /// Both drivers write every engine that the GPU has, worked or not; i915 none at all where
    /// the firmware schedules.
    fn unnamed_engine(&self, _: &DrmClient) -> Result<(), Absence> {
        Err(if matches!(self.part, Part::Tile(_)) { WHOLE_GPU } else { NO_ENGINE })
    }

    fn no_device_memory(&self) -> Absence {
        match self.part {
            Part::AllButTiles => OF_TILES,
            Part::Whole if !self.has_memory => OF_THE_MACHINE,
            Part::Whole | Part::Tile(_) => NO_REGION,
        }
    }
}

/// Adds the processes of one GPU, of its tiles and of its virtual functions.
pub(crate) fn add(board: &Board, query: &Query<'_>, now: BootTime, processes: &mut Vec<ProcessReading>) {
    let has_memory = board.sensors.has_memory();
    let wants = |unit: UnitId| query.wants(unit) || query.wants(board.id);
    let mut unit = |unit: UnitId, part: Part, nodes: &[DrmNode]| {
        if !wants(unit) {
            return;
        }
        let names = Names { part, has_memory };
        let is_here =
            |client: &DrmClient| is_of(nodes, client.node) && is_ours(client) && names.concerns(client);
        let first = processes.len();
        add_clients(query.sweep, unit, &names, is_here, NOT_TOLD, now, first, processes);
    };
    if board.has_tiles() {
        unit(board.id.into(), Part::AllButTiles, &board.drm);
        for tile in &board.tiles {
            unit(board.tile_id(tile).into(), Part::Tile(tile.number), &board.drm);
        }
    } else {
        unit(board.id.into(), Part::Whole, &board.drm);
    }
    for function in &board.virtual_functions {
        unit(board.function_id(function).into(), Part::Whole, &function.drm);
    }
}

/// Adds those who hold a file of a GPU that sleeps and whose account was not read for that reason: they
/// are there, and what they hold is not told.
pub(crate) fn add_asleep(
    board: &Board,
    query: &Query<'_>,
    first: usize,
    processes: &mut Vec<ProcessReading>,
) {
    let (Some(sweep), true) = (query.sweep, query.wants(board.id)) else { return };
    let listed = first..processes.len();
    for swept in &sweep.processes {
        let holds = swept.holds.iter().any(|number| is_of(&board.drm, *number));
        if holds && processes[listed.clone()].iter().all(|process| process.pid != swept.key.pid) {
            let id = board.id.into();
            let mut process = ProcessReading::new(id, swept.key.pid, sweep.pids, Absence::Asleep);
            process.set_clients_absent(Absence::Asleep);
            processes.push(process);
        }
    }
}

impl Names {
    /// On a tile is who holds memory there; on the others, who has opened them.
    fn concerns(&self, client: &DrmClient) -> bool {
        let Part::Tile(tile) = self.part else { return true };
        let mut here = client.regions.iter().filter(|region| tile_of(region.name.as_str()) == Some(tile));
        here.any(|region| region.held().is_some_and(|held| held != Bytes::ZERO))
    }
}

fn is_ours(client: &DrmClient) -> bool {
    const OURS: [Tag; 2] = [Tag::literal("i915"), Tag::literal("xe")];
    client.driver.is_some_and(|driver| OURS.contains(&driver))
}

fn is_of(nodes: &[DrmNode], number: DeviceNumber) -> bool {
    nodes.iter().any(|node| node.number == Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_a_unit() {
        use RegionKind::{Device, System};
        let whole = Names { part: Part::Whole, has_memory: true };
        let rest = Names { part: Part::AllButTiles, ..whole };
        let tile = Names { part: Part::Tile(1), ..whole };
        let integrated = Names { part: Part::Whole, has_memory: false };
        for (name, expected) in [
            ("vram0", [Some(Device), None, None, Some(Device)]),
            ("vram1", [Some(Device), None, Some(Device), Some(Device)]),
            ("local1", [Some(Device), None, Some(Device), Some(Device)]),
            ("stolen-local1", [Some(Device), None, Some(Device), Some(Device)]),
            ("gtt", [Some(System), Some(System), None, Some(System)]),
            ("system0", [Some(System), Some(System), None, Some(System)]),
            ("stolen", [Some(Device), None, None, Some(System)]),
            ("local", [None; 4]),
            ("vram99999999999", [None; 4]),
        ] {
            let found = [whole, rest, tile, integrated].map(|names| names.region(name));
            assert_eq!(found, expected, "{name}");
        }
    }
}
