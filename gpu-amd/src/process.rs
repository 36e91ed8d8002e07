//! Processes of the compute driver, with what they hold on each partition.
//!
//! Source: `class/kfd/kfd/proc/<pid>` (kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c`).
//! Nothing here opens `/dev/kfd`: whoever does becomes such a process.

use std::path::{Path, PathBuf};

use gpu_core::{
    Absence, BootTime, Bytes, Measured, Pid, PidView, ProcessKinds, ProcessReading, Source, UnitId,
};
use gpu_host::file;

const ENGINES: Absence =
    Absence::NotSupported { why: "the compute driver gives no engine time for a process" };

/// What one process holds on the GPU of one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holding {
    pub(crate) pid: Pid,
    pub(crate) gpu_id: u32,
    pub(crate) memory: Result<Bytes, Absence>,
}

/// Every process with memory or a queue on a GPU. One that ends while it is looked at is left
/// out; the driver lists a file for each GPU that a process *could* use, so that one with
/// neither memory nor queue there says nothing.
pub(crate) fn list(folder: &Path) -> Vec<Holding> {
    let mut holdings = Vec::new();
    for name in file::list(folder).unwrap_or_default() {
        let Ok(pid) = name.parse().map(Pid) else { continue };
        let process = folder.join(&name);
        add(&process, pid, &mut holdings);
    }
    holdings
}

fn add(process: &Path, pid: Pid, holdings: &mut Vec<Holding>) {
    let mut queues = None;
    let first = holdings.len();
    for context in contexts(process) {
        for entry in file::list(&context).unwrap_or_default() {
            let Some(gpu_id) = entry.strip_prefix("vram_").and_then(|id| id.parse().ok()) else { continue };
            let memory = match file::read_u64(&context.join(&entry)) {
                Ok(0) if !queues.get_or_insert_with(|| queue_gpus(process)).contains(&gpu_id) => continue,
                Ok(bytes) => Ok(Bytes(bytes)),
                Err(error) => Err(error.absence("class/kfd/kfd/proc/*/vram_*")),
            };
            match holdings[first..].iter_mut().find(|holding| holding.gpu_id == gpu_id) {
                Some(holding) => holding.memory = sum(holding.memory, memory),
                None => holdings.push(Holding { pid, gpu_id, memory }),
            }
        }
    }
}

/// The process itself and, on newer kernels, its secondary contexts.
fn contexts(process: &Path) -> Vec<PathBuf> {
    let nested =
        file::list(process).unwrap_or_default().into_iter().filter(|name| name.starts_with("context_"));
    std::iter::once(process.to_path_buf()).chain(nested.map(|name| process.join(name))).collect()
}

fn sum(one: Result<Bytes, Absence>, other: Result<Bytes, Absence>) -> Result<Bytes, Absence> {
    Ok(one?.saturating_add(other?))
}

/// The GPUs on which the process has queues.
fn queue_gpus(process: &Path) -> Vec<u32> {
    let queues = process.join("queues");
    let names = file::list(&queues).unwrap_or_default();
    names
        .iter()
        .filter_map(|name| file::read_text(&queues.join(name).join("gpuid")).ok()?.parse().ok())
        .collect()
}

/// The reading that a holding is on `unit`.
pub(crate) fn reading(holding: &Holding, unit: UnitId, now: BootTime) -> ProcessReading {
    // The compute driver counts in the machine's own namespace, whoever reads.
    let mut reading = ProcessReading::new(unit, holding.pid, PidView::Host, ENGINES);
    reading.kinds = ProcessKinds::COMPUTE;
    reading.memory = holding.memory.map(|bytes| Measured::new(bytes, now, Source::Kfd));
    reading
}
