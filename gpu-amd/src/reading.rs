//! What a GPU shows: sysfs attributes of amdgpu, and its hwmon.

use std::path::{Path, PathBuf};

use gpu_core::{
    Absence, BootTime, Bytes, Count, Error, Hertz, Measured, Metric, MetricSet, Microjoules, Microwatts,
    Millicelsius, Permille, Reading, Rpm, Source,
};
use gpu_host::file::{self, Attribute};
use gpu_host::{hwmon, pci};

use crate::blob::Blob;
use crate::{error, model};

const NO_FILE: &str = "the driver has no file for it";
const BOTH_WAYS: &str = "AMD's video engines encode and decode: see video_busy";
const NO_LEVELS: &str = "the driver lists no clock levels";
const NO_FAN: &str = "this board has no fan sensor";

/// Why a partition does not show what only the whole GPU does.
pub(crate) const WHOLE_GPU_ONLY: Absence =
    Absence::NotSupported { why: "amdgpu measures the whole GPU only: read the device" };

/// The files of one GPU, found once. One that was not there then is not looked for again until
/// the next inventory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sensors {
    path: Option<PathBuf>,
    runtime_status: Option<Attribute>,
    vram_total: Option<Attribute>,
    vram_used: Option<Attribute>,
    gtt_total: Option<Attribute>,
    gtt_used: Option<Attribute>,
    busy: Option<Attribute>,
    memory_busy: Option<Attribute>,
    power: Option<Attribute>,
    power_limit: Option<Attribute>,
    power_limit_default: Option<Attribute>,
    power_limit_min: Option<Attribute>,
    power_limit_max: Option<Attribute>,
    edge: Option<Attribute>,
    junction: Option<Attribute>,
    memory_temperature: Option<Attribute>,
    slowdown: Option<Attribute>,
    shutdown: Option<Attribute>,
    graphics_clock: Option<Attribute>,
    memory_clock: Option<Attribute>,
    fan_pwm: Option<Attribute>,
    fan_rotation: Option<Attribute>,
    link_speed: Option<Attribute>,
    link_width: Option<Attribute>,
    /// Of the function, and of the port above it.
    most_speed: [Option<Attribute>; 2],
    most_width: [Option<Attribute>; 2],
    replays: Option<Attribute>,
    errors: Vec<Attribute>,
    bad_pages: Option<Attribute>,
    graphics_levels: Option<Attribute>,
    memory_levels: Option<Attribute>,
    pub(crate) gpu_metrics: Option<Attribute>,
    /// One of two dies of which only one measures power, and that of both.
    power_may_be_elsewhere: bool,
}

impl Sensors {
    /// The files of the GPU whose PCI function is at `path`.
    pub(crate) fn of(path: &Path, device_id: u16, errors: &mut Vec<Error>) -> Self {
        let at = |name: &'static str| Some(Attribute::new(path.join(name), name)).filter(Attribute::exists);
        let port = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_path_buf));
        let above = |name: &'static str| {
            let file = Attribute::new(port.as_ref()?.join(name), name);
            Some(file).filter(Attribute::exists)
        };
        let mut sensors = Self {
            path: Some(path.to_path_buf()),
            runtime_status: at("power/runtime_status"),
            vram_total: at("mem_info_vram_total"),
            vram_used: at("mem_info_vram_used"),
            gtt_total: at("mem_info_gtt_total"),
            gtt_used: at("mem_info_gtt_used"),
            busy: at("gpu_busy_percent"),
            memory_busy: at("mem_busy_percent"),
            link_speed: at("current_link_speed"),
            link_width: at("current_link_width"),
            most_speed: [at("max_link_speed"), above("max_link_speed")],
            most_width: [at("max_link_width"), above("max_link_width")],
            replays: at("pcie_replay_count"),
            bad_pages: at("ras/gpu_vram_bad_pages"),
            graphics_levels: at("pp_dpm_sclk"),
            memory_levels: at("pp_dpm_mclk"),
            gpu_metrics: at("gpu_metrics"),
            power_may_be_elsewhere: model::is_one_of_two_dies(device_id),
            errors: error_counts(path),
            ..Self::default()
        };
        if let Some(chip) = hwmon::of(path, errors).into_iter().find(|chip| chip.name == "amdgpu") {
            sensors.add_hwmon(&chip, errors);
        }
        sensors
    }

    fn add_hwmon(&mut self, chip: &hwmon::Hwmon, errors: &mut Vec<Error>) {
        let mut labelled = |kind: &str, label: &str, files: [&'static str; 8]| {
            let number = chip.labelled(kind, label, errors)?;
            files.get(number.checked_sub(1)? as usize).and_then(|name| chip.existing(name))
        };
        // Older parts report an average, MI300 and newer the present value; APUs have both.
        self.power = chip.existing("power1_average").or_else(|| chip.existing("power1_input"));
        self.power_limit = chip.existing("power1_cap");
        self.power_limit_default = chip.existing("power1_cap_default");
        self.power_limit_min = chip.existing("power1_cap_min");
        self.power_limit_max = chip.existing("power1_cap_max");
        self.edge = labelled("temp", "edge", TEMPERATURES);
        self.junction = labelled("temp", "junction", TEMPERATURES);
        self.memory_temperature = labelled("temp", "mem", TEMPERATURES);
        self.slowdown = labelled("temp", "junction", CRITICAL).or_else(|| labelled("temp", "edge", CRITICAL));
        self.shutdown =
            labelled("temp", "junction", EMERGENCY).or_else(|| labelled("temp", "edge", EMERGENCY));
        self.graphics_clock = labelled("freq", "sclk", FREQUENCIES);
        self.memory_clock = labelled("freq", "mclk", FREQUENCIES);
        self.fan_pwm = chip.existing("pwm1");
        self.fan_rotation = chip.existing("fan1_input");
    }

    /// Why nothing can be read now, if so: the GPU is gone or sleeps. Looked at before any
    /// sensor, since reading one wakes the GPU on kernels that do not refuse it.
    pub(crate) fn unreadable(&self) -> Option<Absence> {
        let path = self.path.as_ref()?;
        match &self.runtime_status {
            Some(status) => match status.with_bytes(|text| Some(error::is_asleep(text))) {
                Ok(true) => Some(Absence::Asleep),
                Ok(false) => None,
                Err(_) if path.exists() => None,
                Err(_) => Some(Absence::Lost),
            },
            None if path.exists() => None,
            None => Some(Absence::Lost),
        }
    }

    /// Fills in what is wanted: from files of their own, else from `gpu_metrics`.
    pub(crate) fn read(&self, wanted: MetricSet, now: BootTime, blob: &Blob<'_>, reading: &mut Reading) {
        let read = Reader { sensors: self, wanted, now };
        read.memory(reading);
        read.activity(reading);
        read.power(reading);
        read.heat(reading);
        read.clocks(reading);
        read.errors(reading);
        read.link(reading);
        read.rest(reading);
        blob.fill(wanted, |metric| self.has_no_file_for(metric), reading);
        if self.power_may_be_elsewhere {
            power_of_both_dies(reading);
        }
    }

    /// True for what has no file of its own here. (With gpu_metrics missing too, its absence says
    /// so.)
    fn has_no_file_for(&self, metric: Metric) -> bool {
        let file = match metric {
            Metric::Busy => &self.busy,
            Metric::MemoryBusy => &self.memory_busy,
            Metric::Power => &self.power,
            Metric::Temperature => &self.edge,
            Metric::TemperatureHotspot => &self.junction,
            Metric::TemperatureMemory => &self.memory_temperature,
            Metric::ClockGraphics => &self.graphics_clock,
            Metric::ClockMemory => &self.memory_clock,
            Metric::PcieGeneration => &self.link_speed,
            Metric::PcieWidth => &self.link_width,
            Metric::PcieReplays => &self.replays,
            Metric::FanRotation => &self.fan_rotation,
            _ => &None,
        };
        file.is_none()
    }
}

/// True for the answer of a sensor whose GPU may have fallen asleep since we looked: the driver's
/// EPERM, which it gives while the GPU resets too (kernel: `amdgpu_pm.c`), or a file that refuses.
pub(crate) const fn may_be_sleep(absence: Absence) -> bool {
    matches!(absence, Absence::NotPermitted { .. } | Absence::Failed { code: Some(file::EPERM), .. })
}

/// Two dies of one card share a power sensor: the first reports both, the second nothing, as 0
/// (kernel: `aldebaran_ppt.c`, "valid power data is available only from primary die").
fn power_of_both_dies(reading: &mut Reading) {
    const WHY: Absence =
        Absence::NotSupported { why: "the card's other die measures the power of both: read that" };
    if reading.power.is_ok_and(|power| power.value == Microwatts::ZERO) {
        reading.power = Err(WHY);
    }
    if reading.energy.is_ok_and(|energy| energy.value == Microjoules::ZERO) {
        reading.energy = Err(WHY);
    }
}

const TEMPERATURES: [&str; 8] = [
    "temp1_input",
    "temp2_input",
    "temp3_input",
    "temp4_input",
    "temp5_input",
    "temp6_input",
    "temp7_input",
    "temp8_input",
];
const CRITICAL: [&str; 8] = [
    "temp1_crit",
    "temp2_crit",
    "temp3_crit",
    "temp4_crit",
    "temp5_crit",
    "temp6_crit",
    "temp7_crit",
    "temp8_crit",
];
const EMERGENCY: [&str; 8] = [
    "temp1_emergency",
    "temp2_emergency",
    "temp3_emergency",
    "temp4_emergency",
    "temp5_emergency",
    "temp6_emergency",
    "temp7_emergency",
    "temp8_emergency",
];
const FREQUENCIES: [&str; 8] = [
    "freq1_input",
    "freq2_input",
    "freq3_input",
    "freq4_input",
    "freq5_input",
    "freq6_input",
    "freq7_input",
    "freq8_input",
];

/// `ras/<block>_err_count`, one a block of the chip that counts errors.
fn error_counts(path: &Path) -> Vec<Attribute> {
    let folder = path.join("ras");
    let names = file::list(&folder).unwrap_or_default();
    let counts = names.into_iter().filter(|name| name.ends_with("_err_count"));
    counts.map(|name| Attribute::new(folder.join(name), "ras/*_err_count")).collect()
}

/// One reading of one GPU.
struct Reader<'a> {
    sensors: &'a Sensors,
    wanted: MetricSet,
    now: BootTime,
}

impl Reader<'_> {
    /// The value of `file` for `metric`, as `convert` makes it.
    fn value<T>(
        &self,
        slot: &mut Result<Measured<T>, Absence>,
        metric: Metric,
        file: Option<&Attribute>,
        source: Source,
        convert: impl FnOnce(u64) -> T,
    ) {
        if self.wanted.has(metric) {
            *slot = match file {
                Some(file) => file.read_u64().map(|n| Measured::new(convert(n), self.now, source)),
                None => Err(Absence::NotSupported { why: NO_FILE }),
            }
            .map_err(|absence| self.explain(absence));
        }
    }

    fn explain(&self, absence: Absence) -> Absence {
        if may_be_sleep(absence) { self.sensors.unreadable().unwrap_or(absence) } else { absence }
    }

    fn memory(&self, reading: &mut Reading) {
        use Metric::{
            MemoryFree, MemoryReserved, MemoryTotal, MemoryUsed, SystemMemoryTotal, SystemMemoryUsed,
        };
        let s = self.sensors;
        let (total, used) = (s.vram_total.as_ref(), s.vram_used.as_ref());
        let wanted = |metric| self.wanted.has(metric) || self.wanted.has(MemoryFree);
        let all = Self { wanted: if wanted(MemoryTotal) { MetricSet::ALL } else { self.wanted }, ..*self };
        let (mut of_all, mut of_used) = (Err(Absence::NotYet), Err(Absence::NotYet));
        all.value(&mut of_all, MemoryTotal, total, Source::Sysfs, Bytes);
        all.value(&mut of_used, MemoryUsed, used, Source::Sysfs, Bytes);
        if self.wanted.has(MemoryTotal) {
            reading.memory_total = of_all;
        }
        if self.wanted.has(MemoryUsed) {
            reading.memory_used = of_used;
        }
        if self.wanted.has(MemoryFree) {
            reading.memory_free = free(of_all, of_used);
        }
        if self.wanted.has(MemoryReserved) {
            reading.memory_reserved =
                Err(Absence::NotSupported { why: "amdgpu counts what it keeps as used" });
        }
        self.value(
            &mut reading.system_memory_total,
            SystemMemoryTotal,
            s.gtt_total.as_ref(),
            Source::Sysfs,
            Bytes,
        );
        self.value(
            &mut reading.system_memory_used,
            SystemMemoryUsed,
            s.gtt_used.as_ref(),
            Source::Sysfs,
            Bytes,
        );
    }

    fn activity(&self, reading: &mut Reading) {
        let s = self.sensors;
        let percent = |n: u64| Permille::from_percent(n.min(100));
        self.value(&mut reading.busy, Metric::Busy, s.busy.as_ref(), Source::Sysfs, percent);
        self.value(
            &mut reading.memory_busy,
            Metric::MemoryBusy,
            s.memory_busy.as_ref(),
            Source::Sysfs,
            percent,
        );
        for metric in [Metric::MemoryRead, Metric::MemoryWritten] {
            self.absent(reading, metric, "amdgpu counts no bytes of memory: see memory_busy");
        }
        self.absent(reading, Metric::EncoderBusy, BOTH_WAYS);
        self.absent(reading, Metric::DecoderBusy, BOTH_WAYS);
    }

    fn power(&self, reading: &mut Reading) {
        use Metric::{Power, PowerLimit, PowerLimitDefault, PowerLimitMax, PowerLimitMin};
        let s = self.sensors;
        let hwmon = |slot: &mut _, metric, file: &Option<Attribute>| {
            self.value(slot, metric, file.as_ref(), Source::Hwmon, Microwatts);
        };
        hwmon(&mut reading.power, Power, &s.power);
        hwmon(&mut reading.power_limit, PowerLimit, &s.power_limit);
        hwmon(&mut reading.power_limit_default, PowerLimitDefault, &s.power_limit_default);
        hwmon(&mut reading.power_limit_min, PowerLimitMin, &s.power_limit_min);
        hwmon(&mut reading.power_limit_max, PowerLimitMax, &s.power_limit_max);
    }

    fn heat(&self, reading: &mut Reading) {
        use Metric::{
            Temperature, TemperatureHotspot, TemperatureMemory, TemperatureShutdown, TemperatureSlowdown,
        };
        let s = self.sensors;
        let heat = |slot: &mut Result<Measured<Millicelsius>, Absence>, metric, file: &Option<Attribute>| {
            if self.wanted.has(metric) {
                *slot = match file {
                    Some(file) => {
                        file.read_i64().map(|n| Measured::new(Millicelsius(n), self.now, Source::Hwmon))
                    }
                    None => Err(Absence::NotSupported { why: "this board has no such temperature sensor" }),
                }
                .map_err(|absence| self.explain(absence));
            }
        };
        heat(&mut reading.temperature, Temperature, &s.edge);
        heat(&mut reading.temperature_hotspot, TemperatureHotspot, &s.junction);
        heat(&mut reading.temperature_memory, TemperatureMemory, &s.memory_temperature);
        heat(&mut reading.temperature_slowdown, TemperatureSlowdown, &s.slowdown);
        heat(&mut reading.temperature_shutdown, TemperatureShutdown, &s.shutdown);
    }

    fn clocks(&self, reading: &mut Reading) {
        use Metric::{ClockGraphics, ClockGraphicsMax, ClockMemory, ClockMemoryMax, ClockSm};
        let s = self.sensors;
        self.value(
            &mut reading.clock_graphics,
            ClockGraphics,
            s.graphics_clock.as_ref(),
            Source::Hwmon,
            Hertz,
        );
        self.value(&mut reading.clock_memory, ClockMemory, s.memory_clock.as_ref(), Source::Hwmon, Hertz);
        if self.wanted.has(ClockGraphicsMax) {
            reading.clock_graphics_max = self.highest_level(s.graphics_levels.as_ref());
        }
        if self.wanted.has(ClockMemoryMax) {
            reading.clock_memory_max = self.highest_level(s.memory_levels.as_ref());
        }
        self.absent(reading, ClockSm, "NVIDIA's; see clock_graphics");
    }

    fn highest_level(&self, levels: Option<&Attribute>) -> Result<Measured<Hertz>, Absence> {
        let levels = levels.ok_or(Absence::NotSupported { why: NO_LEVELS })?;
        levels.with_bytes(highest_level).map(|clock| Measured::new(clock, self.now, Source::Sysfs))
    }

    /// Errors of all blocks of the chip: lines `ue: N` and `ce: N` in each file.
    fn errors(&self, reading: &mut Reading) {
        use Metric::{EccCorrected, EccUncorrected};
        if self.wanted.has(EccCorrected) || self.wanted.has(EccUncorrected) {
            let counts = self.error_counts();
            let value = |pick: fn((u64, u64)) -> u64| {
                counts.map(|both| Measured::new(Count(pick(both)), self.now, Source::Sysfs))
            };
            if self.wanted.has(EccCorrected) {
                reading.ecc_corrected = value(|(_, corrected)| corrected);
            }
            if self.wanted.has(EccUncorrected) {
                reading.ecc_uncorrected = value(|(uncorrected, _)| uncorrected);
            }
        }
        self.pages(reading);
        for metric in [Metric::EccCorrectedLifetime, Metric::EccUncorrectedLifetime] {
            self.absent(reading, metric, "amdgpu counts since it was loaded");
        }
        for metric in [
            Metric::RemappedRowsCorrected,
            Metric::RemappedRowsUncorrected,
            Metric::RemappedRowsPending,
            Metric::RemappedRowsFailed,
        ] {
            self.absent(reading, metric, "AMD retires pages; see retired_pages");
        }
    }

    /// Lines `address : size : flag`: the flag is `R` for a page that is retired, `P` for one that waits for
    /// that, and `F` for one that could not be (kernel: `amdgpu_ras.c`).
    fn pages(&self, reading: &mut Reading) {
        let (all, pending) =
            (self.wanted.has(Metric::RetiredPages), self.wanted.has(Metric::RetiredPagesPending));
        if !all && !pending {
            return;
        }
        let counted = match &self.sensors.bad_pages {
            Some(file) => file.count_lines_ending(b'P'),
            None => Err(Absence::NotSupported { why: NO_FILE }),
        };
        let value = |n| Measured::new(Count(n), self.now, Source::Sysfs);
        if all {
            reading.retired_pages = counted.map(|(pages, _)| value(pages));
        }
        if pending {
            reading.retired_pages_pending = counted.map(|(_, waiting)| value(u64::from(waiting > 0)));
        }
    }

    fn error_counts(&self) -> Result<(u64, u64), Absence> {
        if self.sensors.errors.is_empty() {
            return Err(Absence::NotSupported { why: "this board counts no memory errors" });
        }
        let mut sum = (0_u64, 0_u64);
        for file in &self.sensors.errors {
            let (uncorrected, corrected) = file.with_bytes(parse_error_count)?;
            sum = (sum.0.saturating_add(uncorrected), sum.1.saturating_add(corrected));
        }
        Ok(sum)
    }

    fn link(&self, reading: &mut Reading) {
        let s = self.sensors;
        if self.wanted.has(Metric::PcieGeneration) {
            reading.pcie_generation = match &s.link_speed {
                Some(file) => file
                    .with_bytes(|text| pci::generation_of_speed(std::str::from_utf8(text).ok()?))
                    .map(|n| Measured::new(Count(n), self.now, Source::Sysfs)),
                None => Err(Absence::NotSupported { why: NO_FILE }),
            };
        }
        self.value(&mut reading.pcie_width, Metric::PcieWidth, s.link_width.as_ref(), Source::Sysfs, Count);
        if self.wanted.has(Metric::PcieGenerationMax) {
            let generation = |file: &Attribute| {
                file.with_bytes(|text| pci::generation_of_speed(std::str::from_utf8(text).ok()?))
            };
            reading.pcie_generation_max = self.least(&s.most_speed, generation);
        }
        if self.wanted.has(Metric::PcieWidthMax) {
            reading.pcie_width_max = self.least(&s.most_width, Attribute::read_u64);
        }
        self.value(&mut reading.pcie_replays, Metric::PcieReplays, s.replays.as_ref(), Source::Sysfs, Count);
    }

    /// What both ends of a link have: the lesser.
    fn least(
        &self,
        files: &[Option<Attribute>; 2],
        read: impl Fn(&Attribute) -> Result<u64, Absence>,
    ) -> Result<Measured<Count>, Absence> {
        let mut least = Err(Absence::NotSupported { why: NO_FILE });
        for file in files.iter().flatten() {
            let most = read(file)?;
            least = Ok(least.map_or(most, |least: u64| least.min(most)));
        }
        least.map(|most| Measured::new(Count(most), self.now, Source::Sysfs))
    }

    fn rest(&self, reading: &mut Reading) {
        let s = self.sensors;
        // pwm1 runs from 0 to 255 (kernel: hwmon sysfs interface).
        let part = |n: u64| Permille(n.min(255) * 1000 / 255);
        self.value(&mut reading.fan_speed, Metric::FanSpeed, s.fan_pwm.as_ref(), Source::Hwmon, part);
        self.value(
            &mut reading.fan_rotation,
            Metric::FanRotation,
            s.fan_rotation.as_ref(),
            Source::Hwmon,
            Rpm,
        );
        if s.fan_pwm.is_none() {
            self.absent(reading, Metric::FanSpeed, NO_FAN);
        }
        if s.fan_rotation.is_none() {
            self.absent(reading, Metric::FanRotation, NO_FAN);
        }
        self.absent(reading, Metric::PerformanceState, "NVIDIA's");
        self.absent(reading, Metric::Fabric, "NVIDIA's");
        self.absent(
            reading,
            Metric::RecoveryAction,
            "NVIDIA's; see ecc_uncorrected and retired_pages_pending",
        );
        self.absent(reading, Metric::DriverHealth, "amdgpu does not judge; see ecc_uncorrected");
        for metric in [Metric::LinksUp, Metric::LinksDown] {
            self.absent(reading, metric, "this version does not read the state of xGMI links");
        }
    }

    fn absent(&self, reading: &mut Reading, metric: Metric, why: &'static str) {
        if self.wanted.has(metric) {
            reading.set_absent(metric, Absence::NotSupported { why });
        }
    }
}

/// What is neither used nor more than there is.
fn free(
    total: Result<Measured<Bytes>, Absence>,
    used: Result<Measured<Bytes>, Absence>,
) -> Result<Measured<Bytes>, Absence> {
    let (total, used) = (total?, used?);
    match total.value.checked_sub(used.value) {
        Some(free) => Ok(Measured::new(free, total.as_of, total.source)),
        None => {
            Err(Absence::Failed { at: "mem_info_vram_used is more than mem_info_vram_total", code: None })
        }
    }
}

/// The highest clock of the driver's levels: `1: 2100Mhz *` is one, the star marks the present.
pub(crate) fn highest_level(text: &[u8]) -> Option<Hertz> {
    let text = std::str::from_utf8(text).ok()?;
    let level = |line: &str| {
        let (_, rest) = line.split_once(':')?;
        let digits = rest.trim().trim_end_matches('*').trim_end();
        let digits = digits.strip_suffix("Mhz").or_else(|| digits.strip_suffix("MHz"))?;
        digits.parse().ok().map(Hertz::from_mhz)
    };
    text.lines().filter_map(level).max()
}

/// `ue: 0\nce: 3` → (0, 3).
pub(crate) fn parse_error_count(text: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(text).ok()?;
    let count = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some((count("ue:")?, count("ce:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_levels_as_the_kernel_writes_them() {
        assert_eq!(highest_level(b"0: 132Mhz *\n1: 2100Mhz\n"), Some(Hertz::from_mhz(2100)));
        // MI300 marks a present clock between levels as a level of its own.
        assert_eq!(highest_level(b"S: 85Mhz *\n0: 500Mhz\n1: 1700Mhz"), Some(Hertz::from_mhz(1700)));
        for none in [&b""[..], b"\n", b"0: fast", b"0 2100Mhz", b"1: -5Mhz", b"\xff: 1Mhz"] {
            assert_eq!(highest_level(none), None, "{none:?}");
        }
    }

    #[test]
    fn error_counts_as_the_kernel_writes_them() {
        assert_eq!(parse_error_count(b"ue: 0\nce: 3"), Some((0, 3)));
        assert_eq!(parse_error_count(b"ue: 1\nce: 0\nde: 7"), Some((1, 0)));
        assert_eq!(parse_error_count(b"ue: x\nce: 0"), None);
        assert_eq!(parse_error_count(b""), None);
    }
}
