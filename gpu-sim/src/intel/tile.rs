//! [`IntelTile`]: what one tile shows to who can ask the whole driver (Level Zero).

use gpu_core::{Bytes, Nanoseconds};

use super::fdinfo::{Work, share, work};
use crate::gpu::Silicon;
use crate::scene::Scene;
use crate::workload::Part;

/// What one tile of an Intel GPU shows: the sum over the processes on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct IntelTile {
    /// All of its memory.
    pub memory: Bytes,
    /// Memory in use: processes', and on the first tile the driver's.
    pub memory_used: Bytes,
    /// Time that its compute engines have worked.
    pub compute: Nanoseconds,
    /// Time that its render engine has worked.
    pub render: Nanoseconds,
    /// Time that its copy engines have worked.
    pub copy: Nanoseconds,
    /// Time that its media engines have worked.
    pub video: Nanoseconds,
}

impl Scene {
    /// What a tile of an Intel GPU shows; `None` when there is none.
    ///
    /// A process on the whole GPU keeps every tile busy, and has an equal part of its memory on
    /// each.
    #[must_use]
    pub fn intel_tile(&self, position: usize, tile: usize) -> Option<IntelTile> {
        let gpu = self.machine().gpus.get(position)?;
        let Silicon::Intel(intel) = &gpu.silicon else { return None };
        let mut found = IntelTile { memory: intel.tiles.get(tile)?.memory, ..IntelTile::default() };
        if tile == 0 {
            found.memory_used = gpu.memory.base_used;
        }
        let (number, count) = (tile as u64, intel.tiles.len() as u64);
        let now = self.now();
        for workload in self.machine().workloads.iter().filter(|workload| workload.starts <= now) {
            let runs = workload.ends.is_none_or(|ends| now < ends);
            let age = workload.ends.map_or(now, |ends| ends.min(now)).since(workload.starts);
            for of in workload.uses.iter().filter(|of| of.gpu == position) {
                let held = Bytes(of.memory.at(age) / 1024 * 1024);
                let held = match of.part {
                    Part::Tile { index } if u64::from(index) == number => held,
                    Part::Tile { .. } => continue,
                    _ => share(held, number, count),
                };
                if runs {
                    found.memory_used = found.memory_used.saturating_add(held);
                }
                found.add(&work(of, age));
            }
        }
        found.memory_used = found.memory_used.min(found.memory);
        Some(found)
    }
}

impl IntelTile {
    fn add(&mut self, work: &Work) {
        self.compute = self.compute.saturating_add(work.compute);
        self.render = self.render.saturating_add(work.render);
        self.copy = self.copy.saturating_add(work.copy);
        self.video = self.video.saturating_add(work.video);
    }
}
