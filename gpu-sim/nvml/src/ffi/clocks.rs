//! Clocks, performance states, and the PCIe link.

use std::ffi::c_uint;

use gpu_sim::PcieSpec;

use super::{nvml, unsupported};
use crate::abi::Code;
use crate::handle::Device;
use crate::out::Out;
use crate::state::{State, View};

/// By kind: 0 graphics, 1 SM, 2 memory, 3 video.
fn clock(view: &View<'_>, kind: c_uint, highest: bool) -> Result<c_uint, Code> {
    let clocks = &view.gpu.clocks;
    let hertz = match (kind, highest) {
        (0 | 1, true) => clocks.graphics_max,
        (0 | 1, false) => view.state.clock_graphics,
        (2, true) => clocks.memory_max,
        (2, false) => view.state.clock_memory,
        (3, _) => clocks.video.ok_or(Code::NOT_SUPPORTED)?,
        _ => return Err(Code::INVALID_ARGUMENT),
    };
    Ok(c_uint::try_from(hertz.get() / 1_000_000).unwrap_or(c_uint::MAX))
}

/// Bit 0 idle, bit 6 heat by the hardware's own measure, bit 7 the power supply.
fn reasons(state: &State, device: Device) -> Result<u64, Code> {
    let view = state.whole(device)?;
    let health = &view.gpu.health;
    let idle = u64::from(view.state.busy == 0);
    Ok(idle | u64::from(health.hot) << 6 | u64::from(health.power_brake) << 7)
}

/// The link that GPU and slot could have.
fn most(state: &State, device: Device) -> Result<PcieSpec, Code> {
    let gpu = state.whole(device)?.gpu;
    Ok(gpu.health.pcie_most.clone().unwrap_or_else(|| gpu.pcie.clone()))
}

nvml! {
    fn nvmlDeviceGetClockInfo(device: Device, kind: c_uint, clock_mhz: Out<c_uint>) |s| {
        clock_mhz.put(clock(&s.whole(device)?, kind, false)?)
    };
    fn nvmlDeviceGetMaxClockInfo(device: Device, kind: c_uint, clock_mhz: Out<c_uint>) |s| {
        clock_mhz.put(clock(&s.whole(device)?, kind, true)?)
    };
    /// By id too: 0 current, 3 the customer's limit.
    fn nvmlDeviceGetClock(device: Device, kind: c_uint, id: c_uint, clock_mhz: Out<c_uint>) |s| {
        match id {
            0 => clock_mhz.put(clock(&s.whole(device)?, kind, false)?),
            1..=3 => Err(Code::NOT_SUPPORTED),
            _ => Err(Code::INVALID_ARGUMENT),
        }
    };
    fn nvmlDeviceGetPerformanceState(device: Device, state: Out<c_uint>) |s| {
        // P0 with something running, P8 without, as idle boards show.
        state.put(if s.whole(device)?.state.busy > 0 { 0 } else { 8 })
    };
    fn nvmlDeviceGetPowerState(device: Device, state: Out<c_uint>) |s| {
        state.put(if s.whole(device)?.state.busy > 0 { 0 } else { 8 })
    };
    fn nvmlDeviceGetCurrentClocksThrottleReasons(device: Device, bits: Out<u64>) |s| {
        bits.put(reasons(s, device)?)
    };
    fn nvmlDeviceGetCurrentClocksEventReasons(device: Device, bits: Out<u64>) |s| {
        bits.put(reasons(s, device)?)
    };
    fn nvmlDeviceGetSupportedClocksThrottleReasons(device: Device, bits: Out<u64>) |s| {
        s.whole(device)?;
        bits.put(0x1ff)
    };
    fn nvmlDeviceGetSupportedClocksEventReasons(device: Device, bits: Out<u64>) |s| {
        s.whole(device)?;
        bits.put(0x1ff)
    };
    fn nvmlDeviceGetCurrPcieLinkGeneration(device: Device, value: Out<c_uint>) |s| {
        value.put(s.whole(device)?.gpu.pcie.generation)
    };
    fn nvmlDeviceGetMaxPcieLinkGeneration(device: Device, value: Out<c_uint>) |s| {
        value.put(most(s, device)?.generation)
    };
    fn nvmlDeviceGetCurrPcieLinkWidth(device: Device, value: Out<c_uint>) |s| {
        value.put(s.whole(device)?.gpu.pcie.width)
    };
    fn nvmlDeviceGetMaxPcieLinkWidth(device: Device, value: Out<c_uint>) |s| {
        value.put(most(s, device)?.width)
    };
    fn nvmlDeviceGetPcieReplayCounter(device: Device, value: Out<c_uint>) |s| {
        s.whole(device)?;
        value.put(0)
    };
}

unsupported! {
    nvmlDeviceGetPcieThroughput;
    nvmlDeviceGetApplicationsClock;
    nvmlDeviceGetDefaultApplicationsClock;
    nvmlDeviceGetSupportedMemoryClocks;
    nvmlDeviceGetSupportedGraphicsClocks;
}
