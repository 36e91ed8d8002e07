//! Processes on Intel's GPUs as the in-process backend shows them: by the same clients as the
//! trees have, work of the whole GPU and memory of each tile.

use gpu_core::{
    Absence, ClientNames, ClientSums, DeviceId, DrmClient, EngineKind, PartitionKind, Pid, PidView,
    ProcessReading, RegionKind, Source, UnitId,
};

use super::client;
use crate::gpu::{Gpu, Silicon};
use crate::scene::Scene;

const NOT_TOLD: Absence = Absence::NotSupported { why: "the simulated driver does not tell" };
const NO_ENGINE: Absence = Absence::NotSupported { why: "the engines work for the whole GPU" };
const OF_TILES: Absence = Absence::NotSupported { why: "each tile has memory of its own: read the tiles" };

/// The regions of one unit.
#[derive(Clone, Copy)]
enum Names {
    Whole,
    AllButTiles,
    Tile(u32),
}

impl ClientNames for Names {
    fn engine(&self, name: &str) -> Option<EngineKind> {
        match name {
            _ if matches!(self, Self::Tile(_)) => None,
            "rcs" | "render" => Some(EngineKind::Graphics),
            "ccs" | "compute" => Some(EngineKind::Compute),
            "bcs" | "copy" => Some(EngineKind::Copy),
            _ => Some(EngineKind::Video),
        }
    }

    fn region(&self, name: &str) -> Option<RegionKind> {
        let tile = name.strip_prefix("vram").or_else(|| name.strip_prefix("local"));
        let tile: Option<u32> = tile.and_then(|number| number.parse().ok());
        match (self, tile) {
            (Self::Whole, Some(_)) => Some(RegionKind::Device),
            (Self::Tile(own), Some(tile)) => (*own == tile).then_some(RegionKind::Device),
            (Self::AllButTiles, Some(_)) | (Self::Tile(_), None) => None,
            (_, None) => Some(RegionKind::System),
        }
    }

    fn unnamed_engine(&self, _: &DrmClient) -> Result<(), Absence> {
        Err(NO_ENGINE)
    }

    fn no_device_memory(&self) -> Absence {
        OF_TILES
    }
}

/// What processes show on one GPU and its tiles.
pub(crate) fn readings(scene: &Scene, position: usize, id: DeviceId, gpu: &Gpu) -> Vec<ProcessReading> {
    let Silicon::Intel(intel) = &gpu.silicon else { return Vec::new() };
    let tiles = u32::try_from(intel.tiles.len()).unwrap_or(0);
    let mut units = vec![(UnitId::from(id), if tiles < 2 { Names::Whole } else { Names::AllButTiles })];
    if tiles > 1 {
        units.extend((0..tiles).map(|n| (id.partition(PartitionKind::TILE, n).into(), Names::Tile(n))));
    }
    let mut found = Vec::new();
    for (unit, names) in units {
        for workload in scene.running() {
            let uses = workload.uses.iter().enumerate().filter(|(_, of)| of.gpu == position);
            let clients = uses.filter_map(|(n, _)| client(scene, workload, n));
            let here: Vec<DrmClient> = clients.filter(|client| names.concerns(client)).collect();
            if !here.is_empty() {
                found.push(reading(scene, unit, workload.pid, &here, names));
            }
        }
    }
    found
}

impl Names {
    /// On a tile is who holds memory there.
    fn concerns(self, client: &DrmClient) -> bool {
        let mut sums = ClientSums::default();
        sums.add(client, &self);
        !matches!(self, Self::Tile(_)) || sums.device_memory().is_some_and(|held| held.get() > 0)
    }
}

fn reading(scene: &Scene, unit: UnitId, pid: Pid, clients: &[DrmClient], names: Names) -> ProcessReading {
    let mut sums = ClientSums::default();
    clients.iter().for_each(|client| sums.add(client, &names));
    let mut reading = ProcessReading::new(unit, pid, PidView::Host, NOT_TOLD);
    sums.put(&names, scene.now(), Source::Simulated, &mut reading);
    reading.memory = reading.client_memory;
    reading
}
