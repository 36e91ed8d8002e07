//! Load, power, energy, heat, and NVML's numbered fields.

use std::ffi::{c_int, c_uint};

use super::{nvml, unsupported};
use crate::abi::{Code, FieldValue, TemperatureV1, Utilization, version};
use crate::handle::Device;
use crate::out::{Out, check_version};
use crate::state::{State, View};

/// How long the driver gathers encoder and decoder load, in µs, as boards commonly say.
const VIDEO_WINDOW_US: c_uint = 167_000;

fn milli(micro: u64) -> c_uint {
    c_uint::try_from(micro / 1000).unwrap_or(c_uint::MAX)
}

fn degrees(milli: i64) -> c_int {
    c_int::try_from(milli / 1000).unwrap_or(c_int::MAX)
}

/// A whole GPU that measures load: not under MIG.
fn uncut(state: &State, device: Device) -> Result<View<'_>, Code> {
    let view = state.whole(device)?;
    if view.is_cut() { Err(Code::NOT_SUPPORTED) } else { Ok(view) }
}

/// Load of the video engines, in percent: encoder and decoder.
pub(super) fn video(state: &State, view: &View<'_>, pid: Option<u32>) -> (c_uint, c_uint) {
    use gpu_core::Clock;
    let now = state.world.clock().boot_now();
    let mut sums = (0, 0);
    for workload in state.scene.running().filter(|w| pid.is_none_or(|pid| w.pid.0 == pid)) {
        let age = now.since(workload.starts);
        for of in workload.uses.iter().filter(|of| of.gpu == view.position) {
            sums.0 += of.encoder_busy.at(age);
            sums.1 += of.decoder_busy.at(age);
        }
    }
    let percent = |permille: u64| c_uint::try_from(permille.min(1000) / 10).unwrap_or(100);
    (percent(sums.0), percent(sums.1))
}

fn threshold(view: &View<'_>, kind: c_uint) -> Result<c_int, Code> {
    let limit = match kind {
        0 => view.gpu.thermal.shutdown,
        1 => view.gpu.thermal.slowdown,
        2..=7 => None,
        _ => return Err(Code::INVALID_ARGUMENT),
    };
    limit.map(|limit| degrees(limit.get())).ok_or(Code::NOT_SUPPORTED)
}

fn memory_heat(view: &View<'_>) -> Result<c_int, Code> {
    let above = view.gpu.thermal.memory_above.ok_or(Code::NOT_SUPPORTED)?;
    Ok(degrees(view.state.temperature.get() + above.get()))
}

/// A numbered field: type of value (1 `unsigned int`, 3 `unsigned long long`), and value.
fn field(view: &View<'_>, field: c_uint, scope: c_uint) -> Result<(c_uint, u64), Code> {
    let power = &view.gpu.power;
    let rows = || view.gpu.ecc.as_ref().ok_or(Code::NOT_SUPPORTED);
    let milliwatts = |power: gpu_core::Microwatts| Ok((1, u64::from(milli(power.get()))));
    match field {
        82 => memory_heat(view).map(|heat| (1, u64::try_from(heat).unwrap_or(0))),
        83 | 191 => Ok((3, view.state.energy.get() / 1000)),
        91 => Ok((1, view.state.nvlinks.into())),
        165 => super::topology::link_state(view, scope).map(|state| (1, state.into())),
        29 => Ok((1, 0)).and_then(|zero| super::memory::retired(view).map(|_| zero)),
        30 => super::memory::retired(view).map(|pages| (1, pages.0)),
        31 => super::memory::retired(view).map(|pages| (1, pages.1.into())),
        230 => Ok((1, view.gpu.health.recovery_action.ok_or(Code::NOT_SUPPORTED)?.into())),
        142 => Ok((1, rows()?.remapped_corrected.ok_or(Code::NOT_SUPPORTED)?)),
        143 => Ok((1, rows()?.remapped_uncorrected)),
        144 => Ok((1, rows()?.remap_pending.into())),
        145 => Ok((1, rows()?.remap_failed.into())),
        185 | 186 => milliwatts(view.state.power),
        187 => milliwatts(power.limit_min),
        188 => milliwatts(power.limit_max),
        189 => milliwatts(power.limit_default),
        190 | 192 => milliwatts(power.limit),
        _ => Err(Code::NOT_SUPPORTED),
    }
}

fn fields(state: &State, device: Device, count: c_int, values: Out<FieldValue>) -> Result<(), Code> {
    let view = state.whole(device)?;
    let count = usize::try_from(count).map_err(|_| Code::INVALID_ARGUMENT)?;
    for position in 0..count {
        let mut value = values.get_at(position)?;
        value.timestamp = i64::try_from(state.wall_us()).unwrap_or(i64::MAX);
        value.latency_us = 1;
        match field(&view, value.field, value.scope) {
            Ok((kind, number)) => {
                (value.value_type, value.value, value.code) = (kind, number, Code::SUCCESS.0);
            }
            Err(code) => value.code = code.0,
        }
        values.put_at(position, value)?;
    }
    if count == 0 { Err(Code::INVALID_ARGUMENT) } else { Ok(()) }
}

nvml! {
    /// The simulated machine has no load of the memory: 0.
    fn nvmlDeviceGetUtilizationRates(device: Device, rates: Out<Utilization>) |s| {
        let busy = uncut(s, device)?.state.busy / 10;
        rates.put(Utilization { gpu: c_uint::try_from(busy).unwrap_or(100), memory: 0 })
    };
    fn nvmlDeviceGetEncoderUtilization(device: Device, load: Out<c_uint>, window: Out<c_uint>) |s| {
        load.put(video(s, &uncut(s, device)?, None).0)?;
        window.put(VIDEO_WINDOW_US)
    };
    fn nvmlDeviceGetDecoderUtilization(device: Device, load: Out<c_uint>, window: Out<c_uint>) |s| {
        load.put(video(s, &uncut(s, device)?, None).1)?;
        window.put(VIDEO_WINDOW_US)
    };
    fn nvmlDeviceGetPowerUsage(device: Device, power: Out<c_uint>) |s| {
        power.put(milli(s.whole(device)?.state.power.get()))
    };
    fn nvmlDeviceGetTotalEnergyConsumption(device: Device, energy: Out<u64>) |s| {
        energy.put(s.whole(device)?.state.energy.get() / 1000)
    };
    fn nvmlDeviceGetPowerManagementMode(device: Device, mode: Out<c_uint>) |s| {
        s.whole(device)?;
        mode.put(1)
    };
    fn nvmlDeviceGetPowerManagementLimit(device: Device, limit: Out<c_uint>) |s| {
        limit.put(milli(s.whole(device)?.gpu.power.limit.get()))
    };
    fn nvmlDeviceGetEnforcedPowerLimit(device: Device, limit: Out<c_uint>) |s| {
        limit.put(milli(s.whole(device)?.gpu.power.limit.get()))
    };
    fn nvmlDeviceGetPowerManagementDefaultLimit(device: Device, limit: Out<c_uint>) |s| {
        limit.put(milli(s.whole(device)?.gpu.power.limit_default.get()))
    };
    fn nvmlDeviceGetPowerManagementLimitConstraints(device: Device, low: Out<c_uint>, high: Out<c_uint>) |s| {
        let power = &s.whole(device)?.gpu.power;
        low.put(milli(power.limit_min.get()))?;
        high.put(milli(power.limit_max.get()))
    };
    fn nvmlDeviceGetTemperature(device: Device, sensor: c_uint, heat: Out<c_uint>) |s| {
        let view = s.whole(device)?;
        if sensor != 0 { return Err(Code::INVALID_ARGUMENT); }
        heat.put(c_uint::try_from(degrees(view.state.temperature.get())).unwrap_or(0))
    };
    fn nvmlDeviceGetTemperatureV(device: Device, heat: Out<TemperatureV1>) |s| {
        check_version(heat, &[version::<TemperatureV1>(1)])?;
        let view = s.whole(device)?;
        let asked = heat.get()?;
        if asked.sensor != 0 { return Err(Code::INVALID_ARGUMENT); }
        heat.put(TemperatureV1 { temperature: degrees(view.state.temperature.get()), ..asked })
    };
    fn nvmlDeviceGetTemperatureThreshold(device: Device, kind: c_uint, heat: Out<c_uint>) |s| {
        heat.put(c_uint::try_from(threshold(&s.whole(device)?, kind)?).unwrap_or(0))
    };
    fn nvmlDeviceGetFieldValues(device: Device, count: c_int, values: Out<FieldValue>) |s| {
        fields(s, device, count, values)
    };
}

unsupported! {
    nvmlDeviceGetFanSpeed;
    nvmlDeviceGetFanSpeed_v2;
    nvmlDeviceGetSamples;
    nvmlDeviceGetViolationStatus;
}
