//! What devices show: activity, power, temperatures, clocks, fans, the PCIe link.

use gpu_core::{Hertz, MemoryKind, Millicelsius};
use gpu_sim::{AmdMetricsForm, AmdPowerFile};

use crate::abi::{Code, FREQUENCIES, Frequencies, PcieBandwidth, Utilization};
use crate::ffi::{rsmi, unsupported};
use crate::out::Out;
use crate::state::View;

/// `RSMI_POWER_TYPE`.
const AVERAGE: u32 = 0;
const CURRENT: u32 = 1;

/// `rsmi_temperature_metric_t`.
const NOW: u32 = 0;
const CRITICAL: u32 = 5;
const EMERGENCY: u32 = 7;

/// `rsmi_clk_type_t`.
const CLOCK_SYSTEM: u32 = 0;
const CLOCK_MEMORY: u32 = 4;

/// What the library calls the unit of its energy counter, in microjoules: 2⁻¹⁶ J, rounded.
const ENERGY_UNIT: f32 = 15.3;

fn average(view: &View<'_>) -> Result<u64, Code> {
    let is_there = view.amd.power_file != AmdPowerFile::Input;
    is_there.then(|| view.power()).ok_or(Code::NOT_SUPPORTED)
}

fn current(view: &View<'_>) -> Result<u64, Code> {
    let is_there = view.amd.power_file != AmdPowerFile::Average;
    is_there.then(|| view.power()).ok_or(Code::NOT_SUPPORTED)
}

/// Of sensor 0 (edge), 1 (junction) or 2 (memory).
fn temperature(view: &View<'_>, sensor: u32, metric: u32) -> Result<i64, Code> {
    let thermal = &view.gpu.thermal;
    let above = match sensor {
        0 => Some(Millicelsius::ZERO),
        1 => thermal.hotspot_above,
        2 => thermal.memory_above,
        _ => None,
    };
    let value = match (sensor, metric) {
        (_, NOW) => above.map(|above| view.state.temperature.saturating_add(above)),
        (1, CRITICAL) => thermal.slowdown,
        (1, EMERGENCY) => thermal.shutdown,
        _ => None,
    };
    value.map(Millicelsius::get).ok_or(Code::NOT_SUPPORTED)
}

fn levels(idle: Hertz, max: Hertz, now: Hertz) -> Frequencies {
    let mut levels = vec![idle, max];
    levels.dedup();
    let mut frequency = [0; FREQUENCIES];
    for (slot, level) in frequency.iter_mut().zip(&levels) {
        *slot = level.get();
    }
    let current = levels.iter().position(|level| *level == now).unwrap_or(0);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Frequencies {
        has_deep_sleep: false,
        num_supported: count(levels.len()),
        current: count(current),
        frequency,
    }
}

fn clock(view: &View<'_>, kind: u32) -> Result<Frequencies, Code> {
    let (clocks, state) = (&view.gpu.clocks, &view.state);
    match kind {
        CLOCK_SYSTEM => Ok(levels(clocks.graphics_idle, clocks.graphics_max, state.clock_graphics)),
        CLOCK_MEMORY => Ok(levels(clocks.memory_idle, clocks.memory_max, state.clock_memory)),
        _ => Err(Code::NOT_SUPPORTED),
    }
}

/// One level: the link as it is, in transfers a second.
fn link(view: &View<'_>) -> PcieBandwidth {
    let speeds =
        [2_500_000_000, 5_000_000_000, 8_000_000_000, 16_000_000_000, 32_000_000_000, 64_000_000_000];
    let mut transfer_rate =
        Frequencies { has_deep_sleep: false, num_supported: 1, current: 0, frequency: [0; FREQUENCIES] };
    transfer_rate.frequency[0] = speeds[view.gpu.pcie.generation.clamp(1, 6) as usize - 1];
    let mut lanes = [0; FREQUENCIES];
    lanes[0] = view.gpu.pcie.width;
    PcieBandwidth { transfer_rate, lanes }
}

fn percent(view: &View<'_>) -> u32 {
    u32::try_from(view.state.busy / 10).unwrap_or(100)
}

fn fan(view: &View<'_>, sensor: u32) -> Result<u64, Code> {
    view.gpu.thermal.fan_full_rpm.filter(|_| sensor == 0).ok_or(Code::NOT_SUPPORTED)
}

rsmi! {
    fn rsmi_dev_busy_percent_get(busy: Out<u32>) |view| busy.put(percent(view));
    fn rsmi_dev_memory_busy_percent_get(busy: Out<u32>) |view| {
        // APUs have no such file.
        if view.gpu.memory.kind == MemoryKind::System {
            return Err(Code::NOT_SUPPORTED);
        }
        busy.put(percent(view) / 2)
    };
    fn rsmi_utilization_count_get(counters: Out<Utilization>, count: u32, stamp: Out<u64>) |view| {
        view.metrics()?;
        for n in 0..count.min(64) as usize {
            let Utilization { kind, .. } = counters.get_at(n)?;
            let step = match kind {
                0 => 1000,
                1 => 500,
                _ => return Err(Code::INVALID_ARGS),
            };
            counters.put_at(n, Utilization { kind, value: u64::from(percent(view)) * step })?;
        }
        stamp.put(view.of.scene.now().0)
    };
    fn rsmi_dev_activity_avg_mm_get(activity: Out<u16>) |view| {
        view.metrics()?;
        activity.put(0)
    };
    fn rsmi_dev_power_ave_get(sensor: u32, power: Out<u64>) |view| {
        power.put(average(view).and_then(|power| if sensor == 0 { Ok(power) } else { Err(Code::NOT_SUPPORTED) })?)
    };
    fn rsmi_dev_current_socket_power_get(power: Out<u64>) |view| power.put(current(view)?);
    fn rsmi_dev_power_get(power: Out<u64>, kind: Out<u32>) |view| {
        let (value, of) = current(view).map(|n| (n, CURRENT)).or_else(|_| average(view).map(|n| (n, AVERAGE)))?;
        power.put(value)?;
        kind.put(of)
    };
    fn rsmi_dev_energy_count_get(counter: Out<u64>, unit: Out<f32>, stamp: Out<u64>) |view| {
        view.metrics()?;
        counter.put(view.energy())?;
        unit.put(ENERGY_UNIT)?;
        stamp.put(view.of.scene.now().0)
    };
    fn rsmi_dev_power_cap_get(sensor: u32, cap: Out<u64>) |view| match sensor {
        0 => cap.put(view.gpu.power.limit.get()),
        _ => Err(Code::NOT_SUPPORTED),
    };
    fn rsmi_dev_power_cap_default_get(cap: Out<u64>) |view| cap.put(view.gpu.power.limit_default.get());
    fn rsmi_dev_power_cap_range_get(sensor: u32, max: Out<u64>, min: Out<u64>) |view| {
        if sensor != 0 {
            return Err(Code::NOT_SUPPORTED);
        }
        max.put(view.gpu.power.limit_max.get())?;
        min.put(view.gpu.power.limit_min.get())
    };
    fn rsmi_dev_temp_metric_get(sensor: u32, metric: u32, value: Out<i64>) |view| {
        value.put(temperature(view, sensor, metric)?)
    };
    fn rsmi_dev_gpu_clk_freq_get(kind: u32, levels: Out<Frequencies>) |view| levels.put(clock(view, kind)?);
    fn rsmi_dev_pci_bandwidth_get(bandwidth: Out<PcieBandwidth>) |view| bandwidth.put(link(view));
    fn rsmi_dev_pci_replay_counter_get(count: Out<u64>) |view| {
        // As with gpu_metrics: drivers of boards of that age have no such file.
        match view.amd.gpu_metrics {
            Some(AmdMetricsForm::V1_3) | None => Err(Code::NOT_SUPPORTED),
            _ => count.put(0),
        }
    };
    fn rsmi_dev_fan_rpms_get(sensor: u32, speed: Out<i64>) |view| {
        speed.put(i64::try_from(fan(view, sensor)? / 2).unwrap_or(i64::MAX))
    };
    fn rsmi_dev_fan_speed_get(sensor: u32, speed: Out<i64>) |view| fan(view, sensor).and(speed.put(128));
    fn rsmi_dev_fan_speed_max_get(sensor: u32, speed: Out<u64>) |view| fan(view, sensor).and(speed.put(255));
    fn rsmi_dev_perf_level_get(level: Out<u32>) |view| {
        let _ = view;
        level.put(0)
    };
}

unsupported! {
    rsmi_dev_volt_metric_get;
    rsmi_dev_activity_metric_get;
    rsmi_dev_gpu_metrics_info_get;
    rsmi_dev_pci_throughput_get;
    rsmi_dev_overdrive_level_get;
    rsmi_dev_mem_overdrive_level_get;
    rsmi_dev_od_volt_info_get;
    rsmi_dev_od_volt_curve_regions_get;
    rsmi_dev_power_profile_presets_get;
    rsmi_dev_pci_bandwidth_set;
    rsmi_dev_power_cap_set;
    rsmi_dev_power_profile_set;
    rsmi_dev_fan_reset;
    rsmi_dev_fan_speed_set;
    rsmi_perf_determinism_mode_set;
    rsmi_dev_clk_range_set;
    rsmi_dev_od_clk_info_set;
    rsmi_dev_od_volt_info_set;
    rsmi_dev_perf_level_set;
    rsmi_dev_perf_level_set_v1;
    rsmi_dev_overdrive_level_set;
    rsmi_dev_overdrive_level_set_v1;
    rsmi_dev_gpu_clk_freq_set;
}
