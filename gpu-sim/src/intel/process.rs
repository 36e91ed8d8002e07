//! Processes on Intel's GPUs as the in-process backend shows them: by the same clients as the
//! trees have, work of the whole GPU and memory of each tile.

use std::collections::BTreeSet;

use gpu_core::{
    Absence, ClientNames, ClientSums, DeviceId, DrmClient, EngineKind, PartitionKind, Pid, PidView,
    ProcessReading, RegionKind, Source, UnitId,
};

use super::client;
use crate::gpu::{Gpu, Silicon};
use crate::machine::DrmNumbers;
use crate::scene::Scene;
use crate::workload::Workload;

const NOT_TOLD: Absence = Absence::NotSupported { why: "the simulated driver does not tell" };
const NO_ENGINE: Absence = Absence::NotSupported { why: "the engines work for the whole GPU" };
const OF_TILES: Absence = Absence::NotSupported { why: "each tile has memory of its own: read the tiles" };
const OF_THE_MACHINE: Absence =
    Absence::NotSupported { why: "the GPU has no memory of its own: see the machine's that is used" };

/// Which of a client's regions and engines are the unit's.
#[derive(Clone, Copy)]
enum Part {
    Whole,
    AllButTiles,
    Tile(u32),
}

/// The drivers' names, for one unit.
#[derive(Clone, Copy)]
struct Names {
    part: Part,
    has_memory: bool,
}

impl ClientNames for Names {
    fn engine(&self, name: &str) -> Option<EngineKind> {
        match name {
            _ if matches!(self.part, Part::Tile(_)) => None,
            "rcs" | "render" => Some(EngineKind::Graphics),
            "ccs" | "compute" => Some(EngineKind::Compute),
            "bcs" | "copy" => Some(EngineKind::Copy),
            _ => Some(EngineKind::Video),
        }
    }

    fn region(&self, name: &str) -> Option<RegionKind> {
        let tile = name.strip_prefix("vram").or_else(|| name.strip_prefix("local"));
        let tile: Option<u32> = tile.and_then(|number| number.parse().ok());
        match (self.part, tile) {
            (Part::Whole, Some(_)) => Some(RegionKind::Device),
            (Part::Tile(own), Some(tile)) => (own == tile).then_some(RegionKind::Device),
            (Part::AllButTiles, Some(_)) | (Part::Tile(_), None) => None,
            (_, None) => Some(RegionKind::System),
        }
    }

    fn unnamed_engine(&self, _: &DrmClient) -> Result<(), Absence> {
        Err(NO_ENGINE)
    }

    fn no_device_memory(&self) -> Absence {
        if self.has_memory { OF_TILES } else { OF_THE_MACHINE }
    }
}

/// What processes show on one GPU, its tiles and its virtual functions. A client that several hold is
/// the first one's, and counts once.
pub(crate) fn readings(scene: &Scene, position: usize, id: DeviceId, gpu: &Gpu) -> Vec<ProcessReading> {
    let Silicon::Intel(intel) = &gpu.silicon else { return Vec::new() };
    let has_memory = !gpu.is_processor_graphics();
    let tiles = u32::try_from(intel.tiles.len()).unwrap_or(0);
    let whole = if tiles < 2 { Part::Whole } else { Part::AllButTiles };
    let mut units = vec![(UnitId::from(id), gpu.drm.as_ref(), whole)];
    if tiles > 1 {
        let tile = |n| (id.partition(PartitionKind::TILE, n).into(), gpu.drm.as_ref(), Part::Tile(n));
        units.extend((0..tiles).map(tile));
    }
    units.extend(intel.vfs.iter().map(|vf| {
        (id.partition(PartitionKind::VIRTUAL_FUNCTION, vf.number).into(), vf.drm.as_ref(), Part::Whole)
    }));
    let processes = processes(scene, position);
    let mut found = Vec::new();
    for (unit, drm, part) in units {
        let Some(node) = drm.map(DrmNumbers::render_number) else { continue };
        let names = Names { part, has_memory };
        for (pid, clients) in &processes {
            let here: Vec<&DrmClient> =
                clients.iter().filter(|client| client.node == node && names.concerns(client)).collect();
            if !here.is_empty() {
                found.push(reading(scene, unit, *pid, &here, names));
            }
        }
    }
    found
}

/// The processes with the clients that they have on a GPU, each client with the first who holds it.
fn processes(scene: &Scene, position: usize) -> Vec<(Pid, Vec<DrmClient>)> {
    let mut running: Vec<&Workload> = scene.running().collect();
    running.sort_by_key(|workload| workload.pid);
    let (mut told, mut processes) = (BTreeSet::new(), Vec::with_capacity(running.len()));
    for workload in running {
        let here = scene.opened(workload).filter(|(process, number)| process.uses[*number].gpu == position);
        let mut clients: Vec<DrmClient> = here.filter_map(|(of, number)| client(scene, of, number)).collect();
        clients.retain(|client| client.key().is_none_or(|key| told.insert(key)));
        processes.push((workload.pid, clients));
    }
    processes
}

impl Names {
    /// On a tile is who holds memory there.
    fn concerns(self, client: &DrmClient) -> bool {
        let mut sums = ClientSums::default();
        sums.add(client, &self);
        !matches!(self.part, Part::Tile(_)) || sums.device_memory().is_some_and(|held| held.get() > 0)
    }
}

fn reading(scene: &Scene, unit: UnitId, pid: Pid, clients: &[&DrmClient], names: Names) -> ProcessReading {
    let mut sums = ClientSums::default();
    for client in clients {
        sums.add(client, &names);
    }
    let mut reading = ProcessReading::new(unit, pid, PidView::Host, NOT_TOLD);
    sums.put(&names, scene.now(), Source::Simulated, &mut reading);
    reading.memory = reading.client_memory;
    reading
}
