//! What Intel's drivers tell of a scene beyond what all vendors do: DRM's accounting of clients.

mod fdinfo;
mod function;
mod process;
mod tile;

use gpu_core::DrmClient;

use crate::amd::drm;
use crate::gpu::Silicon;
use crate::scene::Scene;
use crate::workload::Workload;

pub(crate) use fdinfo::text as fdinfo;
pub(crate) use function::Quota;
pub(crate) use process::readings;
pub use tile::IntelTile;

/// DRM's accounting of one use, as a sweep brings it; `None` on a GPU of another vendor.
pub(crate) fn client(scene: &Scene, workload: &Workload, number: usize) -> Option<DrmClient> {
    let of = workload.uses.get(number)?;
    let gpu = scene.machine().gpus.get(of.gpu)?;
    let Silicon::Intel(intel) = &gpu.silicon else { return None };
    Some(fdinfo::client(scene, workload, number, gpu, intel, drm(gpu, of.part)?.render_number()))
}
