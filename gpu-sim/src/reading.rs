//! What the units of a world show.

use gpu_core::{
    Absence, BootTime, Bytes, Count, Measured, Metric, MetricSet, Millicelsius, Permille, Reading, Source,
    ThrottleReasons,
};

use crate::amd;
use crate::gpu::{AmdMetricsForm, AmdSpec, Gpu, IntelDriver, Silicon};
use crate::health::{driver as of_driver, fabric as of_fabric, recovery};
use crate::inventory::tells_memory;
use crate::scene::{GpuState, UseState};

/// What a whole GPU shows. Every metric that the description does not have is absent.
pub(crate) fn device(gpu: &Gpu, state: &GpuState, now: BootTime, wanted: MetricSet) -> Reading {
    if state.lost || gpu.asleep {
        let absence = if state.lost { Absence::Lost } else { Absence::Asleep };
        return only(Reading::absent(absence), wanted);
    }
    let mut reading =
        Reading::absent(Absence::NotSupported { why: "the simulated machine does not have it" });
    let put = Put { now };
    memory(gpu, state, &put, &mut reading);
    reading.clock_graphics = put.ok(state.clock_graphics);
    reading.clock_graphics_max = put.ok(gpu.clocks.graphics_max);
    // The graphics of a processor has no sensors, no memory and no slot of its own.
    if !gpu.is_processor_graphics() {
        power(gpu, state, &put, &mut reading);
        heat(gpu, state, &put, &mut reading);
        reading.clock_memory = put.ok(state.clock_memory);
        reading.clock_memory_max = put.ok(gpu.clocks.memory_max);
        link(gpu, &put, &mut reading);
    }
    errors(gpu, &put, &mut reading);
    health(gpu, state, &put, &mut reading);
    if is_cut_by_mig(gpu) {
        reading.busy =
            Err(Absence::NotSupported { why: "the driver does not measure a whole GPU under MIG" });
    } else {
        reading.busy = put.ok(Permille(state.busy));
    }
    if let Silicon::Amd(amd) = &gpu.silicon {
        of_gpu_metrics(gpu, amd, &put, &mut reading);
    }
    only(reading, wanted)
}

/// What a partition shows: its memory, and what the processes in it hold.
pub(crate) fn partition(
    gpu: &Gpu,
    state: &GpuState,
    total: Option<Bytes>,
    uses: &[UseState],
    now: BootTime,
    wanted: MetricSet,
) -> Reading {
    if state.lost || gpu.asleep {
        let absence = if state.lost { Absence::Lost } else { Absence::Asleep };
        return only(Reading::absent(absence), wanted);
    }
    let mut reading = Reading::absent(Absence::NotSupported { why: "measured for the whole GPU only" });
    let put = Put { now };
    if let Some(total) = total {
        let used = uses.iter().fold(Bytes::ZERO, |sum, of| sum.saturating_add(of.memory)).min(total);
        reading.memory_total = put.ok(total);
        reading.memory_used = put.ok(used);
        reading.memory_free = put.ok(total.saturating_sub(used));
    }
    if let Silicon::Amd(amd) = &gpu.silicon {
        of_partition(gpu, amd, uses, &put, &mut reading);
    }
    only(reading, wanted)
}

/// What AMD's driver has only in `gpu_metrics`: which form it writes decides.
fn of_gpu_metrics(gpu: &Gpu, amd: &AmdSpec, put: &Put, reading: &mut Reading) {
    const NO_FILE: Absence = Absence::NotSupported { why: "the simulated driver writes no gpu_metrics" };
    const OTHER_DIE: Absence =
        Absence::NotSupported { why: "the card's other die measures the power of both" };
    if amd.power_on_other_die {
        (reading.power, reading.energy) = (Err(OTHER_DIE), Err(OTHER_DIE));
    }
    let Some(form) = amd.gpu_metrics else {
        reading.energy = Err(NO_FILE);
        return;
    };
    // Nothing is encoded or decoded, nothing throttles, and no link is disturbed.
    reading.video_busy = put.ok(Permille::ZERO);
    if let Some(video) = gpu.clocks.video {
        reading.clock_video = put.ok(video);
    }
    if form == AmdMetricsForm::V1_3 {
        reading.throttle = put.ok(ThrottleReasons::NONE);
        return;
    }
    reading.jpeg_busy = put.ok(Permille::ZERO);
    if form != AmdMetricsForm::V1_5 {
        reading.throttle_ticks = put.ok(Count(amd::throttle_ticks(put.now)));
        reading.throttled_by_prochot = put.ok(Count::ZERO);
        reading.throttled_by_power = put.ok(Count::ZERO);
        reading.throttled_by_socket_heat = put.ok(Count::ZERO);
        reading.throttled_by_regulator_heat = put.ok(Count::ZERO);
        reading.throttled_by_memory_heat = put.ok(Count::ZERO);
    }
    reading.pcie_replays = put.ok(Count::ZERO);
    reading.pcie_recoveries = put.ok(Count::ZERO);
    reading.pcie_naks_sent = put.ok(Count::ZERO);
    reading.pcie_naks_received = put.ok(Count::ZERO);
}

/// What `gpu_metrics` has of one partition.
fn of_partition(gpu: &Gpu, amd: &AmdSpec, uses: &[UseState], put: &Put, reading: &mut Reading) {
    let Some(form) = amd.gpu_metrics else { return };
    let busy = uses.iter().map(|of| of.busy).sum::<u64>().min(1000);
    if form != AmdMetricsForm::V1_3 {
        let clock = if busy > 0 { gpu.clocks.graphics_max } else { gpu.clocks.graphics_idle };
        reading.clock_graphics = put.ok(clock);
    }
    if form.has_partitions() {
        reading.busy = put.ok(Permille(busy));
        reading.video_busy = put.ok(Permille::ZERO);
        reading.jpeg_busy = put.ok(Permille::ZERO);
    }
}

struct Put {
    now: BootTime,
}

impl Put {
    #[allow(clippy::unnecessary_wraps)] // the form in which readings hold values
    fn ok<T>(&self, value: T) -> Result<Measured<T>, Absence> {
        Ok(Measured::new(value, self.now, Source::Simulated))
    }
}

fn memory(gpu: &Gpu, state: &GpuState, put: &Put, reading: &mut Reading) {
    if !tells_memory(gpu) {
        return;
    }
    let spec = &gpu.memory;
    reading.memory_total = put.ok(spec.total);
    reading.memory_used = put.ok(state.memory_used);
    reading.memory_free = put.ok(spec.total.saturating_sub(spec.reserved).saturating_sub(state.memory_used));
    if spec.reserved != Bytes::ZERO {
        reading.memory_reserved = put.ok(spec.reserved);
    }
    if let Some(total) = spec.system_total {
        reading.system_memory_total = put.ok(total);
    }
}

fn power(gpu: &Gpu, state: &GpuState, put: &Put, reading: &mut Reading) {
    reading.power = put.ok(state.power);
    reading.power_limit = put.ok(gpu.power.limit);
    reading.power_limit_default = put.ok(gpu.power.limit_default);
    reading.power_limit_min = put.ok(gpu.power.limit_min);
    reading.power_limit_max = put.ok(gpu.power.limit_max);
    reading.energy = put.ok(state.energy);
}

/// The link to the slot, as it is and as it could be.
fn link(gpu: &Gpu, put: &Put, reading: &mut Reading) {
    let most = gpu.health.pcie_most.as_ref().unwrap_or(&gpu.pcie);
    reading.pcie_generation = put.ok(Count(gpu.pcie.generation.into()));
    reading.pcie_width = put.ok(Count(gpu.pcie.width.into()));
    reading.pcie_generation_max = put.ok(Count(most.generation.into()));
    reading.pcie_width_max = put.ok(Count(most.width.into()));
}

fn heat(gpu: &Gpu, state: &GpuState, put: &Put, reading: &mut Reading) {
    let above = |more: Millicelsius| put.ok(Millicelsius(state.temperature.get() + more.get()));
    reading.temperature = put.ok(state.temperature);
    if let Some(more) = gpu.thermal.hotspot_above {
        reading.temperature_hotspot = above(more);
    }
    if let Some(more) = gpu.thermal.memory_above {
        reading.temperature_memory = above(more);
    }
    if let Some(limit) = gpu.thermal.slowdown {
        reading.temperature_slowdown = put.ok(limit);
    }
    if let Some(limit) = gpu.thermal.shutdown {
        reading.temperature_shutdown = put.ok(limit);
    }
}

fn errors(gpu: &Gpu, put: &Put, reading: &mut Reading) {
    let Some(ecc) = &gpu.ecc else { return };
    reading.ecc_corrected = put.ok(Count(ecc.corrected));
    reading.ecc_uncorrected = put.ok(Count(ecc.uncorrected));
    // Boards that remap rows retire no pages.
    if ecc.remapped_corrected.is_none() {
        reading.retired_pages = put.ok(Count(ecc.retired_pages));
        reading.retired_pages_pending = put.ok(Count(u64::from(ecc.retired_pending)));
    }
    if let Some(remapped) = ecc.remapped_corrected {
        reading.remapped_rows_corrected = put.ok(Count(remapped));
        reading.remapped_rows_uncorrected = put.ok(Count(ecc.remapped_uncorrected));
        reading.remapped_rows_pending = put.ok(Count(u64::from(ecc.remap_pending)));
        reading.remapped_rows_failed = put.ok(Count(u64::from(ecc.remap_failed)));
    }
}

/// How well it is, in what its vendor's driver tells of that.
fn health(gpu: &Gpu, state: &GpuState, put: &Put, reading: &mut Reading) {
    let health = &gpu.health;
    match &gpu.silicon {
        Silicon::Nvidia(_) => {
            reading.throttle = put.ok(throttle(gpu, state.busy == 0, ThrottleReasons::POWER_BRAKE));
            if state.nvlinks > 0 {
                let down = health.links_down.min(state.nvlinks);
                reading.links_up = put.ok(Count((state.nvlinks - down).into()));
                reading.links_down = put.ok(Count(down.into()));
            }
            if let Some(action) = health.recovery_action {
                reading.recovery_action = put.ok(recovery(action));
            }
            if let Some(fabric) = &health.fabric {
                reading.fabric = put.ok(of_fabric(fabric));
            }
        }
        Silicon::Amd(_) => {}
        Silicon::Intel(intel) => {
            reading.throttle = put.ok(throttle(gpu, false, ThrottleReasons::HARDWARE));
            if intel.driver == IntelDriver::Xe {
                if let Some(verdict) = of_driver(health) {
                    reading.driver_health = put.ok(verdict);
                }
            }
        }
    }
}

fn throttle(gpu: &Gpu, is_idle: bool, brake: ThrottleReasons) -> ThrottleReasons {
    let reasons = [
        (is_idle, ThrottleReasons::IDLE),
        (gpu.health.hot, ThrottleReasons::THERMAL),
        (gpu.health.power_brake, brake),
    ];
    let given = reasons.iter().filter(|(is_so, _)| *is_so);
    given.fold(ThrottleReasons::NONE, |all, (_, reason)| all | *reason)
}

fn is_cut_by_mig(gpu: &Gpu) -> bool {
    matches!(&gpu.silicon, Silicon::Nvidia(nvidia) if nvidia.mig.as_ref().is_some_and(|mig| mig.enabled))
}

/// What was not asked for is not there yet.
fn only(mut reading: Reading, wanted: MetricSet) -> Reading {
    for metric in Metric::ALL.iter().filter(|metric| !wanted.has(**metric)) {
        reading.set_absent(*metric, Absence::NotYet);
    }
    reading
}
