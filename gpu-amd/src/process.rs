//! Processes: what they hold on each partition by the compute driver's files, and beside it by
//! DRM's accounting of their open descriptors.
//!
//! Source: `class/kfd/kfd/proc/<pid>` (kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c`), and
//! the clients that a sweep brings. Nothing here opens `/dev/kfd`: whoever does becomes such a
//! process.

mod client;

use std::path::Path;

use gpu_core::{
    Absence, BootTime, Bytes, Count, Measured, Nanoseconds, Pid, PidView, ProcessKinds, ProcessReading,
    Source, UnitId,
};
use gpu_host::Folder;

pub(crate) use client::add_clients;

const ENGINES: Absence =
    Absence::NotSupported { why: "the compute driver gives no engine time for a process" };
/// What a holding starts from: no such file was met.
const NO_FILE: Absence = Absence::NotSupported { why: "the compute driver has no such file for it" };

const VRAM: &str = "class/kfd/kfd/proc/*/vram_*";
const SDMA: &str = "class/kfd/kfd/proc/*/sdma_*";
const OCCUPANCY: &str = "class/kfd/kfd/proc/*/stats_*/cu_occupancy";
const QUEUE: &str = "class/kfd/kfd/proc/*/queues/*/gpuid";

/// What a name in a process' folder stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    Vram(u32),
    Sdma(u32),
    Stats(u32),
    Queues,
}

impl Entry {
    pub(crate) fn of(name: &str) -> Option<Self> {
        if name == "queues" {
            return Some(Self::Queues);
        }
        let (kind, id) = name.split_once('_')?;
        // `parse` takes a leading '+', which no kernel writes.
        let id = if id.starts_with('+') { None } else { id.parse().ok() }?;
        match kind {
            "vram" => Some(Self::Vram(id)),
            "sdma" => Some(Self::Sdma(id)),
            "stats" => Some(Self::Stats(id)),
            _ => None,
        }
    }
}

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

/// What processes hold, and room to find it out, kept from sample to sample.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    /// By pid and GPU.
    pub(crate) all: Vec<Holding>,
    /// The GPUs on which one process has queues.
    queues: Vec<u32>,
}

impl Holdings {
    /// Looks at every process with memory, a queue or copies on a GPU. One that ends while it is
    /// looked at is left out; the driver lists files for each GPU that a process *could* use, so
    /// that one with nothing there says nothing.
    pub(crate) fn look(&mut self, folder: &Path) {
        self.all.clear();
        let Ok(processes) = Folder::open(folder) else { return };
        // A list that breaks off is as long as it is.
        let _ = processes.each(|name| {
            if let (Ok(pid), Ok(process)) = (name.parse(), processes.folder(name)) {
                self.process(Pid(pid), &process);
            }
        });
        self.all.sort_unstable_by_key(|holding| (holding.pid, holding.gpu_id));
    }

    /// One process, with its secondary contexts on newer kernels.
    fn process(&mut self, pid: Pid, folder: &Folder) {
        let first = self.all.len();
        self.queues.clear();
        let _ = folder.each(|name| match name.strip_prefix("context_") {
            Some(_) => {
                let Ok(context) = folder.folder(name) else { return };
                let _ = context.each(|name| self.file(pid, first, &context, name));
            }
            None => self.file(pid, first, folder, name),
        });
        let (mut kept, queues) = (first, &self.queues);
        for at in first..self.all.len() {
            if self.all[at].says_something(queues) {
                self.all.swap(kept, at);
                kept += 1;
            }
        }
        self.all.truncate(kept);
    }

    fn file(&mut self, pid: Pid, first: usize, folder: &Folder, name: &str) {
        match Entry::of(name) {
            Some(Entry::Vram(gpu_id)) => {
                let memory = folder.read_u64(name, VRAM).map(Bytes);
                let holding = self.holding(pid, first, gpu_id);
                holding.memory = joined(holding.memory, memory, Bytes::saturating_add);
            }
            Some(Entry::Sdma(gpu_id)) => {
                // The driver writes microseconds (kernel: `kfd_priv.h`, SDMA_ACTIVITY_DIVISOR).
                let copies = folder.read_u64(name, SDMA).map(Nanoseconds::from_micros);
                let holding = self.holding(pid, first, gpu_id);
                holding.copies = joined(holding.copies, copies, Nanoseconds::saturating_add);
            }
            Some(Entry::Stats(gpu_id)) => {
                let units = folder.read_u64_in(name, "cu_occupancy", OCCUPANCY).map(Count);
                let holding = self.holding(pid, first, gpu_id);
                holding.units = joined(holding.units, units, Count::saturating_add);
            }
            Some(Entry::Queues) => {
                let Ok(queues) = folder.folder(name) else { return };
                let _ = queues.each(|queue| self.queues.extend(gpu_of(&queues, queue)));
            }
            None => {}
        }
    }

    /// The process' holding on a GPU, made when there is none yet.
    fn holding(&mut self, pid: Pid, first: usize, gpu_id: u32) -> &mut Holding {
        let known = self.all[first..].iter().position(|holding| holding.gpu_id == gpu_id);
        let at = known.map_or(self.all.len(), |at| first + at);
        if known.is_none() {
            let (memory, copies, units) = (Err(NO_FILE), Err(NO_FILE), Err(NO_FILE));
            self.all.push(Holding { pid, gpu_id, memory, copies, units });
        }
        &mut self.all[at]
    }
}

impl Holding {
    /// True for a process that uses the GPU. One without a readable `vram_` file has ended.
    fn says_something(&self, queues: &[u32]) -> bool {
        match self.memory {
            Ok(Bytes::ZERO) => {
                self.copies.is_ok_and(|time| time != Nanoseconds::ZERO) || queues.contains(&self.gpu_id)
            }
            Err(Absence::NotSupported { .. } | Absence::Lost) => false,
            _ => true,
        }
    }
}

fn gpu_of(queues: &Folder, queue: &str) -> Option<u32> {
    u32::try_from(queues.read_u64_in(queue, "gpuid", QUEUE).ok()?).ok()
}

/// What two contexts hold together; a context without such a file holds nothing of the sort.
fn joined<T>(one: Result<T, Absence>, other: Result<T, Absence>, add: fn(T, T) -> T) -> Result<T, Absence> {
    match (one, other) {
        (Err(Absence::NotSupported { .. }), other) => other,
        (one, Err(Absence::NotSupported { .. })) => one,
        (one, other) => Ok(add(one?, other?)),
    }
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
