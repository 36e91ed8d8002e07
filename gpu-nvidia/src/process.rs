//! Processes: NVML's lists, merged by process and unit.

use gpu_core::{
    Absence, BootTime, Bytes, Error, ErrorKind, Measured, Permille, Pid, PidView, Problem, ProcessKinds,
    ProcessReading, Sample, Source, UnitId, Vendor,
};

use crate::backend::pid_view;
use crate::board::Board;
use crate::error::Code;
use crate::ffi::{Handle, Library, List, ProcessInfo, Utilization, zeroed};

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
    busy: Vec<Utilization>,
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

/// Adds what NVML tells of processes on `board`. Lists that are refused are a problem, those that
/// a GPU does not have are not.
pub(crate) fn add(
    library: &Library,
    board: &Board,
    lists: &mut Lists,
    now: BootTime,
    wants: &dyn Fn(UnitId) -> bool,
    sample: &mut Sample,
) {
    if lists.is_garbled {
        let why = "drivers 535.43 to 535.86, and ones that do not tell their version, give process lists of an unknown layout";
        let error = Error::new(ErrorKind::NotSupported, board.id.to_string(), why);
        sample.problems.push(Problem::new(Vendor::NVIDIA, &error));
        return;
    }
    let device = UnitId::Device(board.id);
    if !board.mig.is_ok_and(|(current, _)| current) {
        if wants(device) {
            let first = sample.processes.len();
            whole(library, board.handle, device, None, lists, now, sample);
            utilization(library, board, lists, now, first, sample);
        }
        return;
    }
    // The GPU's own handle tells of processes in instances to the privileged only; those of the
    // MIG devices tell everyone who may use them.
    for mig in &board.mig_devices {
        let unit = UnitId::Partition(board.compute_instance(mig));
        if wants(unit) || wants(device) || wants(board.gpu_instance(mig).into()) {
            let only = Some((mig.gpu_instance, mig.compute_instance));
            whole(library, mig.handle, unit, only, lists, now, sample);
        }
    }
}

fn whole(
    library: &Library,
    handle: Handle,
    unit: UnitId,
    only: Option<(u32, u32)>,
    lists: &mut Lists,
    now: BootTime,
    sample: &mut Sample,
) {
    let first = sample.processes.len();
    for (list, kind, at) in LISTS {
        match library.processes(handle, list, &mut lists.rows) {
            Ok(count) => {
                for row in lists.rows[..count].iter().filter(|row| is_of(row, only)) {
                    merge(row, kind, unit, lists.view, first, now, sample);
                }
            }
            // A library without these calls is older than their third version: that is said.
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
    const UNDER_MIG: Absence = Absence::NotSupported { why: "NVML tells no process's engine time under MIG" };
    let absence = if matches!(unit, UnitId::Device(_)) { Absence::NotYet } else { UNDER_MIG };
    let mut reading = ProcessReading::new(unit, pid, view, absence);
    reading.kinds = kind;
    reading.memory = memory;
    sample.processes.push(reading);
}

/// How busy each process was, by its newest row since the last sample. A process without a row
/// reads `NotYet`: that it was idle is not said.
fn utilization(
    library: &Library,
    board: &Board,
    lists: &mut Lists,
    now: BootTime,
    first: usize,
    sample: &mut Sample,
) {
    let since = sample.cursor(board.id);
    let rows = match library.process_utilization(board.handle, since, &mut lists.busy) {
        Ok(count) => &mut lists.busy[..count],
        // NOT_FOUND: no row since.
        Err(Code::NOT_FOUND) => return,
        Err(code) => {
            let absence = code.absence("nvmlDeviceGetProcessUtilization");
            for process in &mut sample.processes[first..] {
                process.busy = Err(absence);
                process.memory_busy = Err(absence);
                process.encoder_busy = Err(absence);
                process.decoder_busy = Err(absence);
            }
            return;
        }
    };
    rows.sort_unstable_by_key(|row| row.timeStamp);
    for row in rows.iter().filter(|row| row.timeStamp > since && is_plausible(row)) {
        let part = |percent: u32| {
            let value = Permille::from_percent(u64::from(percent));
            Ok(Measured::new(value, now, Source::Nvml))
        };
        if let Some(process) = sample.processes[first..].iter_mut().find(|known| known.pid.0 == row.pid) {
            process.busy = part(row.smUtil);
            process.memory_busy = part(row.memUtil);
            process.encoder_busy = part(row.encUtil);
            process.decoder_busy = part(row.decUtil);
        }
    }
    let newest = rows.iter().filter(|row| is_plausible(row)).map(|row| row.timeStamp).max();
    sample.set_cursor(board.id, newest.unwrap_or(since).max(since));
}

/// NVML gives garbage rows at times.
fn is_plausible(row: &Utilization) -> bool {
    [row.smUtil, row.memUtil, row.encUtil, row.decUtil].into_iter().all(|percent| percent <= 100)
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
    }
}
