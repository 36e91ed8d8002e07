//! Device memory as the kernel's `dmem` controller would charge it: for AMD's GPUs, and Intel's that
//! xe drives.

use std::collections::BTreeMap;

use gpu_core::{Bytes, DeviceId, KernelMemory, Owner, Tag, cgroup};

use crate::gpu::{Gpu, IntelDriver, Silicon};
use crate::inventory;
use crate::scene::Scene;
use crate::workload::Part;
use crate::world::World;

/// The regions that a GPU's driver registers, with their sizes: amdgpu one, xe one for each tile;
/// the others none.
pub(crate) fn regions(gpu: &Gpu) -> Vec<(String, Bytes)> {
    match &gpu.silicon {
        Silicon::Amd(_) => vec![("vram".to_owned(), gpu.memory.total)],
        Silicon::Intel(intel) if intel.driver == IntelDriver::Xe => {
            // Of a tile without memory of its own there is no region.
            let tiles = intel.tiles.iter().enumerate().filter(|(_, tile)| tile.memory != Bytes::ZERO);
            tiles.map(|(number, tile)| (format!("vram{number}"), tile.memory)).collect()
        }
        _ => Vec::new(),
    }
}

/// The region that a part's memory lies in. What is on a whole GPU of several tiles is on the first; a
/// virtual function's driver has regions of its own, which are not the GPU's.
fn region_of(gpu: &Gpu, part: Part) -> Option<String> {
    let tile = match part {
        Part::Tile { index } => index as usize,
        Part::Function { .. } => return None,
        _ => 0,
    };
    let mut regions = regions(gpu);
    (tile < regions.len()).then(|| regions.swap_remove(tile).0)
}

/// What is charged now: cgroup path, position of the GPU, region. Of each cgroup alone, without what
/// lies below.
pub(crate) fn charges(scene: &Scene) -> BTreeMap<(String, usize, String), u64> {
    let machine = scene.machine();
    let paths: BTreeMap<_, _> = scene.running().map(|workload| (workload.pid, &workload.cgroup)).collect();
    let mut charges = BTreeMap::new();
    for (position, gpu) in machine.gpus.iter().enumerate() {
        if scene.gpu(position).lost || !scene.drives(gpu) {
            continue;
        }
        for of in scene.uses(position) {
            let (Some(path), Some(region)) = (paths.get(&of.pid), region_of(gpu, of.part)) else { continue };
            let path = path.trim_end_matches('/').to_owned();
            *charges.entry((path, position, region)).or_insert(0) += of.memory.get();
        }
    }
    charges
}

impl World {
    /// What the kernel's `dmem` controller would charge to each container and job: AMD's GPUs, and
    /// Intel's that xe drives.
    ///
    /// ```
    /// let mut machine = gpu_sim::Machine::preset("mi300x-8")?;
    /// for workload in &mut machine.workloads {
    ///     workload.cgroup = format!("/docker/{}", "c".repeat(64));
    /// }
    /// let world = gpu_sim::World::new(machine);
    /// let memory = world.kernel_memory();
    /// let used: u64 = memory.iter().map(|one| one.current.get()).sum();
    /// let processes: u64 = (0..8).flat_map(|gpu| world.uses(gpu)).map(|of| of.memory.get()).sum();
    /// assert_eq!(used, processes);
    /// assert!(used > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn kernel_memory(&self) -> Vec<KernelMemory> {
        let scene = self.scene();
        let mut sums: BTreeMap<(Owner, DeviceId, Tag), u64> = BTreeMap::new();
        for ((path, position, region), bytes) in charges(&scene) {
            let owner = cgroup::owner(&format!("0::{path}"));
            let is_counted = matches!(owner, Owner::Container(_) | Owner::Slurm(_));
            let (Some(gpu), Ok(region)) = (scene.machine().gpus.get(position), region.parse()) else {
                continue;
            };
            if is_counted && bytes > 0 {
                let device = inventory::device_id(scene.machine(), gpu);
                *sums.entry((owner, device, region)).or_insert(0) += bytes;
            }
        }
        let account = |((owner, device, region), bytes)| {
            let mut account = KernelMemory::new(owner, device, region, Bytes(bytes));
            account.peak = Some(Bytes(bytes));
            account
        };
        sums.into_iter().map(account).collect()
    }
}
