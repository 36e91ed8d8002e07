//! Who uses a GPU.

use std::ffi::c_uint;

use gpu_sim::{Part, UseKind, UseState};

use super::nvml;
use crate::abi::{Code, NO_INSTANCE, ProcessOld535, ProcessSample, ProcessV1, ProcessV2};
use crate::handle::Device;
use crate::out::{Out, list};
use crate::state::State;

/// NVML's three lists.
#[derive(Clone, Copy)]
enum Kind {
    Compute,
    Graphics,
    Mps,
}

impl Kind {
    /// A client of MPS is in the list of computing processes too (type `M+C` of `nvidia-smi`).
    fn has(self, kind: UseKind) -> bool {
        match self {
            Self::Compute => kind != UseKind::Graphics,
            Self::Graphics => matches!(kind, UseKind::Graphics | UseKind::Both),
            Self::Mps => kind == UseKind::MpsClient,
        }
    }
}

fn row(state: &State, of: &UseState) -> ProcessV2 {
    let (gi, ci) = match of.part {
        Part::Mig { gi, ci } => (gi, ci),
        _ => (NO_INSTANCE, NO_INSTANCE),
    };
    ProcessV2 { pid: of.pid.0.wrapping_add(state.faults.pid_shift), memory: of.memory.0, gi, ci }
}

/// A MIG device lists its own; the parent all, unless the caller may not see them.
fn rows(state: &State, device: Device, kind: Kind) -> Result<impl Iterator<Item = ProcessV2> + Clone, Code> {
    let (view, mig) = state.device(device)?;
    if mig.is_none() && view.is_cut() && state.faults.unprivileged {
        return Err(Code::NO_PERMISSION);
    }
    let own = mig.map(|mig| Part::Mig { gi: mig.gi.id, ci: mig.ci.id });
    let listed = move |of: &&UseState| kind.has(of.kind) && own.is_none_or(|own| own == of.part);
    Ok(view.uses.iter().filter(listed).map(move |of| row(state, of)))
}

fn v1(s: &State, device: Device, kind: Kind, count: Out<c_uint>, out: Out<ProcessV1>) -> Result<(), Code> {
    let rows = rows(s, device, kind)?.map(|row| ProcessV1 { pid: row.pid, memory: row.memory });
    list(count, out, s.growth(count.get()? == 0), rows)
}

fn v2(s: &State, device: Device, kind: Kind, count: Out<c_uint>, out: Out<ProcessV2>) -> Result<(), Code> {
    let rows = rows(s, device, kind)?;
    let more = s.growth(count.get()? == 0);
    if !s.faults.old_stride {
        return list(count, out, more, rows);
    }
    let wide = |row: ProcessV2| ProcessOld535 {
        pid: row.pid,
        memory: row.memory,
        gi: row.gi,
        ci: row.ci,
        protected: 0,
    };
    // What a client of the wrong driver meets: rows wider than it made room for. Only as many
    // bytes are written as it has.
    let room = count.get()? as usize * size_of::<ProcessV2>() / size_of::<ProcessOld535>();
    let there = rows.clone().count();
    count.put(c_uint::try_from(there).unwrap_or(c_uint::MAX))?;
    if there > 0 && out.is_null() {
        return Err(Code::INSUFFICIENT_SIZE);
    }
    let out = out.cast::<ProcessOld535>();
    rows.map(wide).take(room).enumerate().try_for_each(|(position, row)| out.put_at(position, row))
}

/// One row for each process that does something, each with the time of its own sample.
fn samples(state: &State, device: Device, since: u64) -> Result<Vec<ProcessSample>, Code> {
    let view = state.whole(device)?;
    if view.is_cut() {
        return Err(Code::NOT_SUPPORTED);
    }
    let now = state.wall_us();
    let mut rows: Vec<ProcessSample> = Vec::with_capacity(view.uses.len() + 2);
    for of in view.uses.iter().filter(|of| of.busy > 0) {
        let busy = c_uint::try_from(of.busy.min(1000) / 10).unwrap_or(100);
        let pid = of.pid.0.wrapping_add(state.faults.pid_shift);
        if let Some(row) = rows.iter_mut().find(|row| row.pid == pid) {
            row.sm = (row.sm + busy).min(100);
            continue;
        }
        let (encoder, decoder) = super::sensors::video(state, &view, Some(of.pid.0));
        // The later in the list, the older: a client that keeps one cursor for all loses some.
        let time_stamp = now.saturating_sub(1000 * rows.len() as u64);
        rows.push(ProcessSample { pid, time_stamp, sm: busy, memory: 0, encoder, decoder });
    }
    if state.faults.garbage {
        rows.reverse();
        let garbage =
            ProcessSample { pid: 0, time_stamp: now, sm: 1_651_076_143, memory: 0, encoder: 0, decoder: 0 };
        rows.insert(0, garbage);
        rows.push(ProcessSample { pid: 4_294_967_290, time_stamp: u64::MAX, sm: 101, ..garbage });
    }
    rows.retain(|row| row.time_stamp > since);
    if rows.is_empty() { Err(Code::NOT_FOUND) } else { Ok(rows) }
}

fn utilization(
    state: &State,
    device: Device,
    out: Out<ProcessSample>,
    count: Out<c_uint>,
    since: u64,
) -> Result<(), Code> {
    let rows = samples(state, device, since)?;
    if out.is_null() {
        count.put(0)?;
    }
    list(count, out, state.growth(out.is_null()), rows.iter().copied())
}

nvml! {
    fn nvmlDeviceGetComputeRunningProcesses(device: Device, count: Out<c_uint>, out: Out<ProcessV1>) |s| {
        v1(s, device, Kind::Compute, count, out)
    };
    fn nvmlDeviceGetComputeRunningProcesses_v2(device: Device, count: Out<c_uint>, out: Out<ProcessV2>) |s| {
        v2(s, device, Kind::Compute, count, out)
    };
    fn nvmlDeviceGetComputeRunningProcesses_v3(device: Device, count: Out<c_uint>, out: Out<ProcessV2>) |s| {
        v2(s, device, Kind::Compute, count, out)
    };
    fn nvmlDeviceGetGraphicsRunningProcesses(device: Device, count: Out<c_uint>, out: Out<ProcessV1>) |s| {
        v1(s, device, Kind::Graphics, count, out)
    };
    fn nvmlDeviceGetGraphicsRunningProcesses_v2(device: Device, count: Out<c_uint>, out: Out<ProcessV2>) |s| {
        v2(s, device, Kind::Graphics, count, out)
    };
    fn nvmlDeviceGetGraphicsRunningProcesses_v3(device: Device, count: Out<c_uint>, out: Out<ProcessV2>) |s| {
        v2(s, device, Kind::Graphics, count, out)
    };
    fn nvmlDeviceGetMPSComputeRunningProcesses(device: Device, count: Out<c_uint>, out: Out<ProcessV1>) |s| {
        v1(s, device, Kind::Mps, count, out)
    };
    fn nvmlDeviceGetMPSComputeRunningProcesses_v2(device: Device, count: Out<c_uint>, out: Out<ProcessV2>) |s| {
        v2(s, device, Kind::Mps, count, out)
    };
    fn nvmlDeviceGetMPSComputeRunningProcesses_v3(device: Device, count: Out<c_uint>, out: Out<ProcessV2>) |s| {
        v2(s, device, Kind::Mps, count, out)
    };
    fn nvmlDeviceGetProcessUtilization(
        device: Device, out: Out<ProcessSample>, count: Out<c_uint>, since: u64,
    ) |s| utilization(s, device, out, count, since);
}
