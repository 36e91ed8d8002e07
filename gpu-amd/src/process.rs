//! Processes of the compute driver, with what they hold on each partition.
//!
//! Source: `class/kfd/kfd/proc/<pid>` (kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c`).
//! Nothing here opens `/dev/kfd`: whoever does becomes such a process.

use std::path::Path;

use gpu_core::{
    Absence, BootTime, Bytes, Measured, Pid, PidView, ProcessKinds, ProcessReading, Source, UnitId,
};
use gpu_host::Folder;

const ENGINES: Absence =
    Absence::NotSupported { why: "the compute driver gives no engine time for a process" };

/// What one process holds on the GPU of one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holding {
    pub(crate) pid: Pid,
    pub(crate) gpu_id: u32,
    pub(crate) memory: Result<Bytes, Absence>,
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
    /// Looks at every process with memory or a queue on a GPU. One that ends while it is looked
    /// at is left out; the driver lists a file for each GPU that a process *could* use, so that
    /// one with neither memory nor queue there says nothing.
    pub(crate) fn look(&mut self, folder: &Path) {
        self.all.clear();
        let Ok(processes) = Folder::open(folder) else { return };
        // A list that breaks off is as long as it is.
        let _ = processes.each(|name| {
            if let (Ok(pid), Ok(process)) = (name.parse(), processes.folder(name)) {
                Process { pid: Pid(pid), folder: &process, first: self.all.len(), knows_queues: false }
                    .look(self);
            }
        });
        self.all.sort_unstable_by_key(|holding| (holding.pid, holding.gpu_id));
    }
}

/// One process that is looked at.
struct Process<'a> {
    pid: Pid,
    folder: &'a Folder,
    /// Where its holdings begin.
    first: usize,
    /// True when its queues were looked at.
    knows_queues: bool,
}

impl Process<'_> {
    /// The process itself and, on newer kernels, its secondary contexts.
    fn look(&mut self, holdings: &mut Holdings) {
        let folder = self.folder;
        let _ = folder.each(|name| match name.strip_prefix("context_") {
            Some(_) => {
                let Ok(context) = folder.folder(name) else { return };
                let _ = context.each(|name| self.file(&context, name, holdings));
            }
            None => self.file(folder, name, holdings),
        });
    }

    fn file(&mut self, folder: &Folder, name: &str, holdings: &mut Holdings) {
        let Some(gpu_id) = name.strip_prefix("vram_").and_then(|id| id.parse().ok()) else { return };
        let memory = match folder.read_u64(name, "class/kfd/kfd/proc/*/vram_*") {
            Ok(0) if !self.has_queue(gpu_id, &mut holdings.queues) => return,
            memory => memory.map(Bytes),
        };
        match holdings.all[self.first..].iter_mut().find(|holding| holding.gpu_id == gpu_id) {
            Some(holding) => holding.memory = sum(holding.memory, memory),
            None => holdings.all.push(Holding { pid: self.pid, gpu_id, memory }),
        }
    }

    fn has_queue(&mut self, gpu_id: u32, queues: &mut Vec<u32>) -> bool {
        if !self.knows_queues {
            queues.clear();
            if let Ok(folder) = self.folder.folder("queues") {
                let _ = folder.each(|queue| queues.extend(gpu_of(&folder, queue)));
            }
            self.knows_queues = true;
        }
        queues.contains(&gpu_id)
    }
}

fn gpu_of(queues: &Folder, queue: &str) -> Option<u32> {
    let id = queues.folder(queue).ok()?.read_u64("gpuid", "class/kfd/kfd/proc/*/queues/*/gpuid").ok()?;
    u32::try_from(id).ok()
}

fn sum(one: Result<Bytes, Absence>, other: Result<Bytes, Absence>) -> Result<Bytes, Absence> {
    Ok(one?.saturating_add(other?))
}

/// The reading that a holding is on `unit`.
pub(crate) fn reading(holding: &Holding, unit: UnitId, now: BootTime) -> ProcessReading {
    // The compute driver counts in the machine's own namespace, whoever reads.
    let mut reading = ProcessReading::new(unit, holding.pid, PidView::Host, ENGINES);
    reading.kinds = ProcessKinds::COMPUTE;
    reading.memory = holding.memory.map(|bytes| Measured::new(bytes, now, Source::Kfd));
    reading
}
