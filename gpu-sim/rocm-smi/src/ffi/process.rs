//! Processes of the compute driver.

use gpu_core::Pid;
use gpu_sim::AmdUse;

use crate::abi::{Code, Process};
use crate::gate::call;
use crate::out::Out;
use crate::state::{State, View};

/// What the uses of one process add up to. Occupancy is in per cent of full dies, as in the
/// library: cut-down ones never reach 100.
fn sum(pid: u32, uses: &[&AmdUse], dies: u64) -> Process {
    let (mut vram, mut sdma_us, mut units) = (0, 0, 0);
    for of in uses {
        vram += of.memory.get();
        sdma_us += of.copies.get() / 1000;
        units += of.units.get();
    }
    let cu_occupancy = u32::try_from(units * 100 / (40 * dies.max(1))).unwrap_or(u32::MAX);
    Process { pid, pasid: 0x8000 + pid, vram, sdma_us, cu_occupancy }
}

fn pids(state: &State) -> Vec<u32> {
    let mut pids: Vec<u32> = state.views().flat_map(|(_, view)| view.uses().map(|of| of.pid.0)).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

fn dies(view: &View<'_>) -> u64 {
    u64::from(view.amd.xcc) / view.amd.partitions.len().max(1) as u64
}

fn process(state: &State, pid: u32) -> Result<Process, Code> {
    let all: Vec<&AmdUse> =
        state.views().flat_map(|(_, view)| view.uses()).filter(|of| of.pid == Pid(pid)).collect();
    if all.is_empty() {
        return Err(Code::NOT_FOUND);
    }
    Ok(sum(pid, &all, state.views().map(|(_, view)| dies(&view)).sum()))
}

#[unsafe(no_mangle)]
pub extern "C" fn rsmi_compute_process_info_get(processes: Out<Process>, count: Out<u32>) -> Code {
    call("rsmi_compute_process_info_get", None, |state| {
        let pids = pids(state);
        let all: Result<Vec<_>, _> = pids.iter().map(|pid| process(state, *pid)).collect();
        processes.list(count, &all?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rsmi_compute_process_info_by_pid_get(pid: u32, out: Out<Process>) -> Code {
    call("rsmi_compute_process_info_by_pid_get", None, |state| out.put(process(state, pid)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rsmi_compute_process_gpus_get(pid: u32, indexes: Out<u32>, count: Out<u32>) -> Code {
    call("rsmi_compute_process_gpus_get", None, |state| {
        process(state, pid)?;
        let on = |view: &View<'_>| view.uses().any(|of| of.pid == Pid(pid));
        let all: Vec<u32> = state.views().filter(|(_, view)| on(view)).map(|(index, _)| index).collect();
        indexes.list(count, &all)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rsmi_compute_process_info_by_device_get(pid: u32, index: u32, out: Out<Process>) -> Code {
    call("rsmi_compute_process_info_by_device_get", Some(index), |state| {
        let view = state.at(index)?;
        let uses: Vec<&AmdUse> = view.uses().filter(|of| of.pid == Pid(pid)).collect();
        if uses.is_empty() {
            return Err(Code::NOT_FOUND);
        }
        out.put(sum(pid, &uses, dies(&view)))
    })
}
