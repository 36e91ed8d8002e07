//! What AMD's drivers tell of a scene beyond what all vendors do: `gpu_metrics`, the compute
//! driver's counters of a process, DRM's accounting of its clients.

mod fdinfo;
mod metrics;
mod mode;

use gpu_core::{Bytes, Count, DrmClient, Nanoseconds, Pid};

use crate::gpu::{AmdSpec, Gpu, Silicon};
use crate::machine::{DrmNumbers, Machine};
use crate::scene::Scene;
use crate::workload::{Part, Use, UseKind, Workload};

pub(crate) use fdinfo::text as fdinfo;
pub(crate) use metrics::{blob as gpu_metrics, throttle_ticks};
pub use mode::ModeRefusal;
pub(crate) use mode::valid as valid_modes;

/// What one process shows on one partition of an AMD GPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AmdUse {
    /// The process.
    pub pid: Pid,
    /// Position of the partition.
    pub partition: usize,
    /// Memory that it holds.
    pub memory: Bytes,
    /// Compute units that its waves fill.
    pub units: Count,
    /// Time that copy engines have worked for its queues.
    pub copies: Nanoseconds,
    /// Has a context of the compute driver.
    pub computes: bool,
}

impl Scene {
    /// What processes show on one AMD GPU, in the order of the description; nothing on a GPU of
    /// another vendor.
    ///
    /// # Panics
    /// When the machine has no GPU at that position.
    #[must_use]
    pub fn amd_uses(&self, position: usize) -> Vec<AmdUse> {
        uses(self, position)
    }
}

/// What processes show on one GPU, in the order of the description.
pub(crate) fn uses(scene: &Scene, position: usize) -> Vec<AmdUse> {
    let machine = scene.machine();
    let Silicon::Amd(amd) = &machine.gpus[position].silicon else { return Vec::new() };
    let mut found = Vec::new();
    for workload in scene.running() {
        for of in workload.uses.iter().filter(|of| of.gpu == position) {
            found.push(use_of(scene, amd, workload, of));
        }
    }
    found
}

fn use_of(scene: &Scene, amd: &AmdSpec, workload: &Workload, of: &Use) -> AmdUse {
    let age = scene.now().since(workload.starts);
    let partition = partition_of(of.part);
    let units = amd.partitions.get(partition).map_or(0, |part| u64::from(part.compute_units));
    let computes = of.kind != UseKind::Graphics;
    AmdUse {
        pid: workload.pid,
        partition,
        memory: Bytes(of.memory.at(age)),
        units: Count(if computes { units * of.busy.at(age).min(1000) / 1000 } else { 0 }),
        copies: if computes { copies(of, age) } else { Nanoseconds::ZERO },
        computes,
    }
}

/// A sixteenth of the time in which a process' kernels run it also copies; the driver counts
/// whole microseconds.
fn copies(of: &Use, age: Nanoseconds) -> Nanoseconds {
    Nanoseconds(busy_time(of, age).get() / 16 / 1000 * 1000)
}

/// Time that the process' kernels have run since it started.
pub(crate) fn busy_time(of: &Use, age: Nanoseconds) -> Nanoseconds {
    let thousandths = of.busy.integral(Nanoseconds::ZERO, age);
    Nanoseconds(u64::try_from(thousandths / 1000).unwrap_or(u64::MAX))
}

/// Position of the partition on which a use is; of a GPU that is not cut, the first.
pub(crate) const fn partition_of(part: Part) -> usize {
    match part {
        Part::Xcp { index } => index as usize,
        _ => 0,
    }
}

/// The DRM nodes that a use goes through: those of its partition, or of its virtual function.
pub(crate) fn drm(gpu: &Gpu, part: Part) -> Option<&DrmNumbers> {
    match (&gpu.silicon, part) {
        (Silicon::Amd(amd), _) => amd.partitions.get(partition_of(part)).map(|part| &part.drm),
        (Silicon::Intel(intel), Part::Function { number }) => intel.vf(number)?.drm.as_ref(),
        _ => gpu.drm.as_ref(),
    }
}

/// Thousandths of the time in which something runs on a partition.
pub(crate) fn partition_busy(scene: &Scene, position: usize, partition: usize) -> u64 {
    let uses = scene.uses(position);
    let here = uses.iter().filter(|of| partition_of(of.part) == partition);
    here.map(|of| of.busy).sum::<u64>().min(1000)
}

/// DRM's accounting of one use, as a sweep brings it.
pub(crate) fn client(scene: &Scene, workload: &Workload, number: usize) -> Option<DrmClient> {
    let machine: &Machine = scene.machine();
    let of = workload.uses.get(number)?;
    let gpu = machine.gpus.get(of.gpu)?;
    if !matches!(gpu.silicon, Silicon::Amd(_)) {
        return None;
    }
    Some(fdinfo::client(scene, workload, number, gpu, drm(gpu, of.part)?.render_number()))
}
