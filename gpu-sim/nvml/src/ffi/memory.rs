//! Memory, and its errors.

use std::ffi::c_uint;

use gpu_core::{Bytes, MemoryKind};

use super::nvml;
use crate::abi::{Bar1, Code, EccCounts, Memory, MemoryV2, version};
use crate::handle::Device;
use crate::out::{Out, check_version, list};
use crate::state::{State, View};

/// Total, reserved and used; used without reserved.
fn memory(state: &State, device: Device) -> Result<(u64, u64, u64), Code> {
    let (view, mig) = state.device(device)?;
    let spec = &view.gpu.memory;
    if let Some(mig) = mig {
        let here =
            |of: &&gpu_sim::UseState| matches!(of.part, gpu_sim::Part::Mig { gi, .. } if gi == mig.gi.id);
        let used: u64 = view.uses.iter().filter(here).map(|of| of.memory.0).sum();
        let total = mig.profile.memory.0;
        return Ok((total, 0, used.min(total)));
    }
    if spec.kind == MemoryKind::System || spec.total == Bytes::ZERO {
        return Err(Code::NOT_SUPPORTED);
    }
    if view.is_cut() && state.faults.unprivileged {
        return Err(Code::NO_PERMISSION);
    }
    Ok((spec.total.0, spec.reserved.0, view.state.memory_used.0))
}

fn rows(state: &State, device: Device) -> Result<&gpu_sim::EccSpec, Code> {
    state.whole(device)?.gpu.ecc.as_ref().ok_or(Code::NOT_SUPPORTED)
}

/// Errors by kind (0 corrected, 1 not) and counter (0 since the driver came, 1 of the board's life).
fn errors(state: &State, device: Device, kind: c_uint, counter: c_uint) -> Result<u64, Code> {
    let ecc = rows(state, device)?;
    match (kind, counter) {
        (0, 0) => Ok(ecc.corrected),
        (1, 0) => Ok(ecc.uncorrected),
        (0, 1) => Ok(ecc.corrected_lifetime),
        (1, 1) => Ok(ecc.uncorrected_lifetime),
        _ => Err(Code::INVALID_ARGUMENT),
    }
}

/// Pages that were retired, all for errors that could not be corrected, and whether one waits: where rows
/// are not remapped.
pub(super) fn retired(view: &View<'_>) -> Result<(u64, bool), Code> {
    let ecc =
        view.gpu.ecc.as_ref().filter(|ecc| ecc.remapped_corrected.is_none()).ok_or(Code::NOT_SUPPORTED)?;
    Ok((ecc.retired_pages, ecc.retired_pending))
}

/// By cause: 0 several errors that were corrected, 1 one that was not. Made-up addresses.
fn pages(
    state: &State,
    device: Device,
    cause: c_uint,
    count: Out<c_uint>,
    out: Out<u64>,
) -> Result<(), Code> {
    let (pages, _) = retired(&state.whole(device)?)?;
    let pages = match cause {
        0 => 0,
        1 => pages,
        _ => return Err(Code::INVALID_ARGUMENT),
    };
    list(count, out, 0, (0..pages).map(|page| page << 12))
}

nvml! {
    fn nvmlDeviceGetRetiredPages(
        device: Device, cause: c_uint, count: Out<c_uint>, out: Out<u64>,
    ) |s| pages(s, device, cause, count, out);
    fn nvmlDeviceGetRetiredPagesPendingStatus(device: Device, pending: Out<c_uint>) |s| {
        pending.put(retired(&s.whole(device)?)?.1.into())
    };
    /// The older form counts what is reserved as used.
    fn nvmlDeviceGetMemoryInfo(device: Device, info: Out<Memory>) |s| {
        let (total, reserved, used) = memory(s, device)?;
        let used = used + reserved;
        info.put(Memory { total, free: total.saturating_sub(used), used })
    };
    fn nvmlDeviceGetMemoryInfo_v2(device: Device, info: Out<MemoryV2>) |s| {
        let version = check_version(info, &[version::<MemoryV2>(2)])?;
        let (total, reserved, used) = memory(s, device)?;
        info.put(MemoryV2 { version, total, reserved, free: total.saturating_sub(used + reserved), used })
    };
    fn nvmlDeviceGetBAR1MemoryInfo(device: Device, info: Out<Bar1>) |s| {
        // Data centre boards map the whole memory: the next power of two.
        let (total, _, _) = memory(s, device)?;
        let total = total.next_power_of_two();
        info.put(Bar1 { total, free: total - (1 << 20), used: 1 << 20 })
    };
    fn nvmlDeviceGetEccMode(device: Device, current: Out<c_uint>, pending: Out<c_uint>) |s| {
        rows(s, device)?;
        current.put(1)?;
        pending.put(1)
    };
    fn nvmlDeviceGetDefaultEccMode(device: Device, mode: Out<c_uint>) |s| {
        rows(s, device)?;
        mode.put(1)
    };
    fn nvmlDeviceGetTotalEccErrors(device: Device, kind: c_uint, counter: c_uint, count: Out<u64>) |s| {
        count.put(errors(s, device, kind, counter)?)
    };
    /// All errors are those of the memory.
    fn nvmlDeviceGetMemoryErrorCounter(
        device: Device, kind: c_uint, counter: c_uint, location: c_uint, count: Out<u64>,
    ) |s| {
        let errors = errors(s, device, kind, counter)?;
        count.put(if location == 2 { errors } else { 0 })
    };
    fn nvmlDeviceGetDetailedEccErrors(
        device: Device, kind: c_uint, counter: c_uint, counts: Out<EccCounts>,
    ) |s| {
        let memory = errors(s, device, kind, counter)?;
        counts.put(EccCounts { l1: 0, l2: 0, memory, registers: 0 })
    };
    fn nvmlDeviceGetRemappedRows(
        device: Device, corrected: Out<c_uint>, uncorrected: Out<c_uint>,
        pending: Out<c_uint>, failed: Out<c_uint>,
    ) |s| {
        let ecc = rows(s, device)?;
        let number = |n: u64| c_uint::try_from(n).unwrap_or(c_uint::MAX);
        corrected.put(number(ecc.remapped_corrected.ok_or(Code::NOT_SUPPORTED)?))?;
        uncorrected.put(number(ecc.remapped_uncorrected))?;
        pending.put(ecc.remap_pending.into())?;
        failed.put(ecc.remap_failed.into())
    };
}
