//! Processes: NVML's lists, merged by process and unit.

use gpu_core::{
    Absence, BootTime, Bytes, Error, ErrorKind, Measured, Pid, PidView, Problem, ProcessKinds,
    ProcessReading, Sample, Source, UnitId, Vendor, WallTime,
};

use crate::backend::pid_view;
use crate::board::Board;
use crate::error::Code;
use crate::ffi::{Handle, Library, List, ProcessInfo, Utilization, zeroed};
use crate::utilization;

/// The driver's lists end at 950 processes (open-gpu-kernel-modules: `ctrl2080gpu.h`).
const ROWS: usize = 1024;
/// `gpuInstanceId` of a process that is on the whole GPU.
const NO_INSTANCE: u32 = u32::MAX;
/// `NVML_VALUE_NOT_AVAILABLE`.
const NOT_AVAILABLE: u64 = u64::MAX;

const LISTS: [(List, ProcessKinds, &str); 3] = [
    (List::Compute, ProcessKinds::COMPUTE, "nvmlDeviceGetComputeRunningProcesses_v3"),
    (List::Graphics, ProcessKinds::GRAPHICS, "nvmlDeviceGetGraphicsRunningProcesses_v3"),
    (List::Mps, ProcessKinds::MPS_CLIENT, "nvmlDeviceGetMPSComputeRunningProcesses_v3"),
];

/// Buffers for the lists, kept from sample to sample.
#[derive(Debug)]
pub(crate) struct Lists {
    rows: Vec<ProcessInfo>,
    pub(crate) busy: Vec<Utilization>,
    view: PidView,
    is_garbled: bool,
}

impl Lists {
    /// For a driver of `version` and a caller who sees `view`.
    pub(crate) fn new(version: &str, view: PidView) -> Self {
        Self {
            rows: (0..ROWS).map(|_| zeroed()).collect(),
            busy: (0..ROWS).map(|_| zeroed()).collect(),
            view: pid_view(version, view),
            is_garbled: is_garbled(version),
        }
    }

    /// The namespace in which the driver counts.
    pub(crate) const fn view(&self) -> PidView {
        self.view
    }
}

/// Major and minor of `535.104.05`.
pub(crate) fn version_of(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Drivers 535.43 to 535.86 have longer rows under the same name of the call: they would write
/// past the end of ours. A version that cannot be read may be one of them.
fn is_garbled(version: &str) -> bool {
    version_of(version).is_none_or(|version| ((535, 43)..=(535, 86)).contains(&version))
}

/// One look at the processes of one GPU.
pub(crate) struct Look<'a> {
    pub(crate) library: &'a Library,
    pub(crate) board: &'a Board,
    pub(crate) lists: &'a mut Lists,
    pub(crate) now: BootTime,
    pub(crate) wall: WallTime,
}

/// Adds what NVML tells of processes on a GPU. Lists that are refused are a problem, those that
/// a GPU does not have are not.
pub(crate) fn add(look: &mut Look<'_>, wants: &dyn Fn(UnitId) -> bool, sample: &mut Sample) {
    let board = look.board;
    if look.lists.is_garbled {
        let why = "drivers 535.43 to 535.86, and ones that do not tell their version, give process lists of an unknown layout";
        let error = Error::new(ErrorKind::NotSupported, board.id.to_string(), why);
        sample.problems.push(Problem::new(Vendor::NVIDIA, &error));
        return;
    }
    let device = UnitId::Device(board.id);
    if !board.is_cut() {
        if wants(device) {
            let first = sample.processes.len();
            whole(look, board.handle, device, None, sample);
            utilization::add(look, first, sample);
        }
        return;
    }
    // The GPU's own handle tells of processes in instances to the privileged only; those of the
    // MIG devices tell everyone who may use them.
    for (instance, mig) in board.mig_devices() {
        let unit = UnitId::Partition(board.compute_instance(instance, mig));
        if wants(unit) || wants(device) || wants(board.gpu_instance(instance).into()) {
            whole(look, mig.handle, unit, Some((instance.id, mig.id)), sample);
        }
    }
}

fn whole(look: &mut Look<'_>, handle: Handle, unit: UnitId, only: Option<(u32, u32)>, sample: &mut Sample) {
    let (first, now, view) = (sample.processes.len(), look.now, look.lists.view);
    for (list, kind, at) in LISTS {
        let rows = &mut look.lists.rows;
        match look.library.processes(handle, list, rows) {
            Ok(count) => {
                for row in rows[..count].iter().filter(|row| is_of(row, only)) {
                    merge(row, kind, unit, view, first, now, sample);
                }
            }
            // A library without these calls is older than their second version: that is said.
            Err(Code::NOT_SUPPORTED | Code::NOT_FOUND) => {}
            Err(code) => {
                let error = code.error(at, unit);
                sample.problems.push(Problem::new(Vendor::NVIDIA, &error));
            }
        }
    }
}

/// A MIG device may list what is elsewhere in its GPU instance.
fn is_of(row: &ProcessInfo, only: Option<(u32, u32)>) -> bool {
    let Some((gpu, compute)) = only else { return true };
    (row.gpuInstanceId == NO_INSTANCE || row.gpuInstanceId == gpu)
        && (row.computeInstanceId == NO_INSTANCE || row.computeInstanceId == compute)
}

/// A process in two lists holds its memory once: the larger number counts.
fn merge(
    row: &ProcessInfo,
    kind: ProcessKinds,
    unit: UnitId,
    view: PidView,
    first: usize,
    now: BootTime,
    sample: &mut Sample,
) {
    let pid = Pid(row.pid);
    let memory = match row.usedGpuMemory {
        NOT_AVAILABLE => Err(Absence::NotSupported { why: "the driver does not tell a process's memory" }),
        bytes => Ok(Measured::new(Bytes(bytes), now, Source::Nvml)),
    };
    if let Some(known) = sample.processes[first..].iter_mut().find(|known| known.pid == pid) {
        known.kinds = known.kinds.and(kind);
        known.memory = match (known.memory, memory) {
            (Ok(one), Ok(other)) => Ok(if one.value >= other.value { one } else { other }),
            (Ok(one), Err(_)) => Ok(one),
            (Err(_), other) => other,
        };
        return;
    }
    const NOT_NVML: Absence = Absence::NotSupported { why: "NVML has no such number of a process" };
    const UNDER_MIG: Absence = Absence::NotSupported { why: "NVML tells no process's engine time under MIG" };
    let mut reading = ProcessReading::new(unit, pid, view, NOT_NVML);
    let busy = if matches!(unit, UnitId::Device(_)) { Absence::NotYet } else { UNDER_MIG };
    (reading.busy, reading.memory_busy) = (Err(busy), Err(busy));
    (reading.encoder_busy, reading.decoder_busy) = (Err(busy), Err(busy));
    reading.kinds = kind;
    reading.memory = memory;
    sample.processes.push(reading);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_drivers_have_longer_rows() {
        let versions = ["535.43.02", "535.86.10", "535.104.05", "530.30.02", "", "x.y"];
        assert_eq!(versions.map(is_garbled), [true, true, false, false, true, true]);
    }

    #[test]
    fn in_which_namespace_drivers_count() {
        assert_eq!(pid_view("470.57.02", PidView::Caller), PidView::Host);
        assert_eq!(pid_view("535.113.01", PidView::Caller), PidView::Caller);
        assert_eq!(pid_view("570.86.15", PidView::Host), PidView::Host);
        assert_eq!(pid_view("?", PidView::Caller), PidView::Unknown);
        assert_eq!(pid_view("570.86.15", PidView::Mounted), PidView::Unknown);
        assert_eq!(pid_view("470.57.02", PidView::Mounted), PidView::Host);
    }
}
