//! Processes: what they hold on each partition by the compute driver's files, and beside it by
//! DRM's accounting of their open descriptors.
//!
//! Source: `class/kfd/kfd/proc/<pid>` (kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c`), and
//! the clients that a sweep brings. Nothing here opens `/dev/kfd`: whoever does becomes such a
//! process.

mod client;

use std::path::{Path, PathBuf};

use gpu_core::{
    Absence, BootTime, Bytes, Count, ErrorKind, Measured, Nanoseconds, Pid, PidView, ProcessKinds,
    ProcessReading, Source, UnitId,
};
use gpu_host::file::{self, Attribute};

pub(crate) use client::add_clients;

const ENGINES: Absence =
    Absence::NotSupported { why: "the compute driver gives no engine time for a process" };

/// What one process holds on the GPU of one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holding {
    pub(crate) pid: Pid,
    pub(crate) gpu_id: u32,
    pub(crate) memory: Result<Bytes, Absence>,
    /// Time that copy engines have worked for its queues.
    pub(crate) copies: Result<Nanoseconds, Absence>,
    /// Compute units that its waves fill now.
    pub(crate) units: Result<Count, Absence>,
}

/// Every process with memory, a queue or copies on a GPU. One that ends while it is looked at is
/// left out; the driver lists a file for each GPU that a process *could* use, so that one with
/// nothing there says nothing.
pub(crate) fn list(folder: &Path) -> Vec<Holding> {
    let mut holdings = Vec::new();
    for name in file::list(folder).unwrap_or_default() {
        let Ok(pid) = name.parse().map(Pid) else { continue };
        add(&folder.join(&name), pid, &mut holdings);
    }
    holdings
}

fn add(process: &Path, pid: Pid, holdings: &mut Vec<Holding>) {
    let contexts = contexts(process);
    let mut queues = None;
    let first = holdings.len();
    for context in &contexts {
        for entry in file::list(context).unwrap_or_default() {
            let Some(gpu_id) = entry.strip_prefix("vram_").and_then(|id| id.parse().ok()) else { continue };
            let Some(mut holding) = holding(context, &entry, pid, gpu_id) else { continue };
            let nothing = holding.memory == Ok(Bytes::ZERO) && !has_copied(&holding);
            if nothing && !queues.get_or_insert_with(|| queue_gpus(&contexts)).contains(&gpu_id) {
                continue;
            }
            match holdings[first..].iter_mut().find(|holding| holding.gpu_id == gpu_id) {
                Some(other) => other.join(&holding),
                None => {
                    holding.units = occupied(process, gpu_id);
                    holdings.push(holding);
                }
            }
        }
    }
}

/// What the files of one context say; nothing when the process has ended meanwhile.
fn holding(context: &Path, entry: &str, pid: Pid, gpu_id: u32) -> Option<Holding> {
    const VRAM: &str = "class/kfd/kfd/proc/*/vram_*";
    const SDMA: &str = "class/kfd/kfd/proc/*/sdma_*";
    let memory = match file::read_u64(&context.join(entry)) {
        Ok(bytes) => Ok(Bytes(bytes)),
        // Its folder is gone, or being taken down (ENODEV).
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DeviceLost) => return None,
        Err(error) => Err(error.absence(VRAM)),
    };
    // The driver writes microseconds (kernel: `kfd_priv.h`, SDMA_ACTIVITY_DIVISOR).
    let copies = Attribute::new(context.join(format!("sdma_{gpu_id}")), SDMA).read_u64();
    let copies = copies.map(Nanoseconds::from_micros);
    Some(Holding { pid, gpu_id, memory, copies, units: Err(Absence::NotYet) })
}

fn has_copied(holding: &Holding) -> bool {
    holding.copies.is_ok_and(|time| time != Nanoseconds::ZERO)
}

impl Holding {
    /// Adds what another context of the same process holds.
    fn join(&mut self, other: &Self) {
        self.memory = both(self.memory, other.memory, Bytes::saturating_add);
        self.copies = match (self.copies, other.copies) {
            // A context without copy queues has no such file.
            (Err(Absence::NotSupported { .. }), copies) => copies,
            (copies, Err(Absence::NotSupported { .. })) => copies,
            (one, other) => both(one, other, Nanoseconds::saturating_add),
        };
    }
}

fn both<T>(one: Result<T, Absence>, other: Result<T, Absence>, add: fn(T, T) -> T) -> Result<T, Absence> {
    Ok(add(one?, other?))
}

/// Compute units that the process' waves fill now, in all its contexts: the driver looks at the
/// queues of the process as a whole.
fn occupied(process: &Path, gpu_id: u32) -> Result<Count, Absence> {
    const OCCUPANCY: &str = "class/kfd/kfd/proc/*/stats_*/cu_occupancy";
    let path = process.join(format!("stats_{gpu_id}")).join("cu_occupancy");
    Attribute::new(path, OCCUPANCY).read_u64().map(Count)
}

/// The process itself and, on newer kernels, its secondary contexts.
fn contexts(process: &Path) -> Vec<PathBuf> {
    let nested =
        file::list(process).unwrap_or_default().into_iter().filter(|name| name.starts_with("context_"));
    std::iter::once(process.to_path_buf()).chain(nested.map(|name| process.join(name))).collect()
}

/// The GPUs on which the process has queues.
fn queue_gpus(contexts: &[PathBuf]) -> Vec<u32> {
    let mut found = Vec::new();
    for queues in contexts.iter().map(|context| context.join("queues")) {
        let names = file::list(&queues).unwrap_or_default();
        found.extend(
            names.iter().filter_map(|name| {
                file::read_text(&queues.join(name).join("gpuid")).ok()?.parse::<u32>().ok()
            }),
        );
    }
    found
}

/// The reading that a holding is on `unit`.
pub(crate) fn reading(holding: &Holding, unit: UnitId, now: BootTime) -> ProcessReading {
    // The compute driver counts in the machine's own namespace, whoever reads.
    let mut reading = ProcessReading::new(unit, holding.pid, PidView::Host, ENGINES);
    reading.kinds = ProcessKinds::COMPUTE;
    reading.memory = holding.memory.map(|bytes| Measured::new(bytes, now, Source::Kfd));
    reading.queue_copy_time = holding.copies.map(|time| Measured::new(time, now, Source::Kfd));
    reading.occupied_units = holding.units.map(|units| Measured::new(units, now, Source::Kfd));
    reading
}
