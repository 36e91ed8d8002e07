//! GPM: what went on in a GPU instance between two samples. Hopper and later.

use std::ffi::c_uint;
use std::sync::{Mutex, PoisonError};

use gpu_core::BootTime;

use super::nvml;
use crate::abi::{Code, GpmMetric, GpmMetrics, GpmSupport};
use crate::handle::{Device, GpmSample};
use crate::out::Out;
use crate::state::State;

/// `NVML_GPM_METRICS_GET_VERSION` and `NVML_GPM_SUPPORT_VERSION`.
const VERSION: c_uint = 1;
/// `NVML_GPM_METRIC_GRAPHICS_UTIL`, and `NVML_GPM_METRIC_SM_UTIL`, which is the same here.
const BUSY: [c_uint; 2] = [1, 2];
/// NVML's number of the Hopper architecture.
const HOPPER: u32 = 9;
const METRICS: c_uint = 210;

/// What a sample holds: where and when it was taken, and the time that was busy until then.
#[derive(Clone, Copy, Debug)]
struct Taken {
    at: BootTime,
    place: (usize, Option<u32>),
    /// Thousandths × nanoseconds since the simulation started.
    busy: u128,
}

/// The samples that clients have allocated; each is empty until it is taken.
static SAMPLES: Mutex<Vec<Option<Option<Taken>>>> = Mutex::new(Vec::new());

fn with<T>(sample: GpmSample, use_it: impl FnOnce(&mut Option<Taken>) -> T) -> Result<T, Code> {
    let mut samples = SAMPLES.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = samples.get_mut(sample.place()?).and_then(Option::as_mut);
    slot.map(use_it).ok_or(Code::INVALID_ARGUMENT)
}

fn allocate() -> GpmSample {
    let mut samples = SAMPLES.lock().unwrap_or_else(PoisonError::into_inner);
    let free = samples.iter().position(Option::is_none).unwrap_or(samples.len());
    if free == samples.len() {
        samples.push(None);
    }
    samples[free] = Some(None);
    GpmSample::new(free)
}

fn free(sample: GpmSample) -> Result<(), Code> {
    let mut samples = SAMPLES.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = samples.get_mut(sample.place()?).filter(|slot| slot.is_some());
    *slot.ok_or(Code::INVALID_ARGUMENT)? = None;
    Ok(())
}

fn supported(state: &State, device: Device) -> Result<bool, Code> {
    Ok(state.board(device)?.nvidia.architecture >= HOPPER)
}

fn take(state: &State, device: Device, instance: Option<u32>, sample: GpmSample) -> Result<(), Code> {
    if !supported(state, device)? {
        return Err(Code::NOT_SUPPORTED);
    }
    if state.faults.unprivileged {
        return Err(Code::NO_PERMISSION);
    }
    let view = state.board(device)?;
    if let Some(gi) = instance {
        view.instance(gi).map_err(|_| Code::INVALID_ARGUMENT)?;
    }
    let busy = state.scene.busy_time(view.position, instance);
    let place = (view.position, instance);
    with(sample, |slot| *slot = Some(Taken { at: state.scene.now(), place, busy }))
}

/// Percent of the time between two samples of one place in which something ran.
fn percent(first: Option<Taken>, second: Option<Taken>) -> Result<f64, Code> {
    let (Some(first), Some(second)) = (first, second) else { return Err(Code::INVALID_ARGUMENT) };
    if first.place != second.place {
        return Err(Code::INVALID_ARGUMENT);
    }
    let span = u128::from(second.at.since(first.at).0);
    if span == 0 {
        return Err(Code::NO_DATA);
    }
    let permille = second.busy.saturating_sub(first.busy) / span;
    Ok(u32::try_from(permille.min(1000)).map_or(0.0, f64::from) / 10.0)
}

fn metrics(out: Out<GpmMetrics>) -> Result<(), Code> {
    let mut asked = out.get()?;
    if asked.version != VERSION {
        return Err(Code::ARGUMENT_VERSION_MISMATCH);
    }
    if asked.count > METRICS {
        return Err(Code::INVALID_ARGUMENT);
    }
    let busy =
        percent(with(GpmSample(asked.first), |slot| *slot)?, with(GpmSample(asked.second), |slot| *slot)?);
    for metric in &mut asked.metrics[..asked.count as usize] {
        let told = if BUSY.contains(&metric.id) { busy } else { Err(Code::NOT_SUPPORTED) };
        let GpmMetric { code, value, .. } = metric;
        (*code, *value) = match told {
            Ok(value) => (0, value.to_bits()),
            Err(refused) => (refused.0, 0),
        };
    }
    out.put(asked)
}

nvml! {
    fn nvmlGpmQueryDeviceSupport(device: Device, out: Out<GpmSupport>) |s| {
        let version = out.get()?.version;
        if version != VERSION { return Err(Code::ARGUMENT_VERSION_MISMATCH); }
        out.put(GpmSupport { version, supported: supported(s, device)?.into() })
    };
    fn nvmlGpmSampleAlloc(out: Out<GpmSample>) |_s| out.put(allocate());
    fn nvmlGpmSampleFree(sample: GpmSample) |_s| free(sample);
    fn nvmlGpmSampleGet(device: Device, sample: GpmSample) |s| take(s, device, None, sample);
    fn nvmlGpmMigSampleGet(device: Device, instance: c_uint, sample: GpmSample) |s| {
        take(s, device, Some(instance), sample)
    };
    fn nvmlGpmMetricsGet(out: Out<GpmMetrics>) |_s| metrics(out);
}
