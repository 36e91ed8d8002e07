//! What a GPU shows: sysfs attributes of i915 and xe, and their hwmon.

use std::path::{Path, PathBuf};

use gpu_core::{
    Absence, BootTime, Bytes, DriverHealth, Hertz, Measured, Metric, MetricSet, Microjoules, Microwatts,
    Millicelsius, PciAddress, Reading, Rpm, Source, ThrottleReasons,
};
use gpu_host::file::Attribute;
use gpu_host::hwmon::Hwmon;

use crate::board::{Gt, Tile, VirtualFunction};
use crate::error;

const LEVEL_ZERO: &str = "on Intel only through Level Zero, if it is there and has it";
const FDINFO: &str = "the kernel tells of clients alone: see the processes; of the whole, Level Zero";
const VIDEO: &str = "perf and Level Zero tell of video engines whatever they do: see video_busy";
const FUNCTION: &str =
    "of a virtual function only Level Zero tells, if it is there and its tables have it (specification 1.10)";
const COUNTS_ENERGY: &str = "the driver counts energy: take the difference of two samples";
const NO_FILE: &str = "the driver has no file for it";
const ENDPOINT: &str = "the GPU's own PCI function shows the link inside the card, not the slot's";

/// Why a part does not show what only the whole GPU does.
const WHOLE_GPU_ONLY: Absence =
    Absence::NotSupported { why: "the driver measures the whole GPU only: read the device" };

/// The files of one GPU, found once. One that was not there then is not looked for again until
/// the next inventory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sensors {
    path: PathBuf,
    runtime_status: Option<Attribute>,
    /// Memory of all tiles, where the driver has a file for it.
    total: Option<Attribute>,
    /// Memory of each tile, to be added up where there is no total.
    memory: Vec<Option<Attribute>>,
    gts: Vec<Gt>,
    energy: Option<Attribute>,
    power_limit: Option<Attribute>,
    power_limit_default: Option<Attribute>,
    temperature: Option<Attribute>,
    temperature_memory: Option<Attribute>,
    fan_rotation: Option<Attribute>,
    /// xe's own judgement.
    health: Option<Attribute>,
    /// There where the firmware of a GPU of xe's has to be flashed.
    survivability: Option<PathBuf>,
}

impl Sensors {
    /// The files of the GPU whose PCI function is at `path`. `total` is the file with the memory
    /// of all tiles, where the driver has one.
    pub(crate) fn of(
        path: &Path,
        is_xe: bool,
        chips: &[Hwmon],
        tiles: &[Tile],
        total: Option<Attribute>,
    ) -> Self {
        let status = "power/runtime_status";
        let mut sensors = Self {
            path: path.to_path_buf(),
            runtime_status: Some(Attribute::new(path.join(status), status)).filter(Attribute::exists),
            total,
            memory: tiles.iter().map(|tile| tile.memory.clone()).collect(),
            gts: tiles.iter().map(|tile| tile.gt.clone()).collect(),
            health: Some(Attribute::new(path.join("gpu_health"), "gpu_health")).filter(Attribute::exists),
            survivability: is_xe.then(|| path.join("survivability_mode")),
            ..Self::default()
        };
        if let Some(chip) = chips.iter().find(|chip| matches!(chip.name.as_str(), "i915" | "xe")) {
            sensors.add_hwmon(chip);
        }
        sensors
    }

    /// xe numbers its channels: 1 is the card and 2 the package; of temperatures, 2 is the package
    /// and 3 the memory (kernel: `sysfs-driver-intel-xe-hwmon`).
    fn add_hwmon(&mut self, chip: &Hwmon) {
        let either = |card: &'static str, package: &'static str| {
            chip.existing(card).or_else(|| chip.existing(package))
        };
        self.energy = either("energy1_input", "energy2_input");
        self.power_limit = either("power1_max", "power2_max");
        self.power_limit_default = either("power1_rated_max", "power2_rated_max");
        if chip.name == "xe" {
            self.temperature = chip.existing("temp2_input");
            self.temperature_memory = chip.existing("temp3_input");
        } else {
            self.temperature = chip.existing("temp1_input");
        }
        self.fan_rotation = chip.existing("fan1_input");
    }

    /// True when a file shows memory of the card's own.
    pub(crate) fn has_memory(&self) -> bool {
        self.total.is_some() || self.memory.iter().any(Option::is_some)
    }

    /// Memory of all tiles together.
    pub(crate) fn memory_total(&self) -> Result<Bytes, Absence> {
        Tiles::default().all_memory(self)
    }

    /// Why nothing can be read now, if so: the GPU is gone or sleeps.
    pub(crate) fn unreadable(&self) -> Option<Absence> {
        match self.runtime_status.as_ref().map(|file| file.with_bytes(|text| Some(error::is_asleep(text)))) {
            Some(Ok(true)) => Some(Absence::Asleep),
            Some(Ok(false)) => None,
            Some(Err(_)) | None if self.path.exists() => None,
            Some(Err(_)) | None => Some(Absence::Lost),
        }
    }

    /// Fills in what is wanted of the whole GPU.
    /// xe's own judgement: `gpu_health`, and `survivability_mode`, which is there where the firmware has to be
    /// flashed, and which root alone may read (kernel: "Xe Device Wedging", `xe_survivability_mode.c`).
    fn judgement(&self) -> Result<DriverHealth, Absence> {
        if self.survivability.as_ref().is_some_and(|path| path.exists()) {
            return Ok(DriverHealth::NeedsFirmware);
        }
        let file = self.health.as_ref().ok_or(Absence::NotSupported { why: "the driver does not judge" })?;
        file.with_bytes(judgement)
    }

    pub(crate) fn read(&self, tiles: &mut Tiles, wanted: MetricSet, now: BootTime, reading: &mut Reading) {
        let read = Reader { wanted, now };
        read.absences(reading);
        read.memory(reading, || tiles.all_memory(self));
        read.value(&mut reading.energy, Metric::Energy, self.energy.as_ref(), Source::Hwmon, Microjoules);
        let limit = |slot: &mut _, metric, file: &Option<Attribute>| {
            read.value(slot, metric, file.as_ref(), Source::Hwmon, Microwatts);
        };
        limit(&mut reading.power_limit, Metric::PowerLimit, &self.power_limit);
        limit(&mut reading.power_limit_default, Metric::PowerLimitDefault, &self.power_limit_default);
        read.heat(&mut reading.temperature, Metric::Temperature, self.temperature.as_ref());
        read.heat(
            &mut reading.temperature_memory,
            Metric::TemperatureMemory,
            self.temperature_memory.as_ref(),
        );
        if wanted.has(Metric::DriverHealth) {
            reading.driver_health = self.judgement().map(|health| Measured::new(health, now, Source::Sysfs));
        }
        let fan = self.fan_rotation.as_ref();
        read.value(&mut reading.fan_rotation, Metric::FanRotation, fan, Source::Hwmon, Rpm);
        match self.gts.as_slice() {
            [only] => read.clocks(reading, only),
            _ => {
                let why = "each tile has a clock of its own: read the tiles";
                let why = if self.gts.is_empty() { NO_FILE } else { why };
                read.absent(reading, Metric::ClockGraphics, why);
                read.absent(reading, Metric::ClockGraphicsMax, why);
            }
        }
        read.throttle(reading, || tiles.all_throttle(&self.gts));
    }
}

/// Fills in what is wanted of the tile at a position.
pub(crate) fn tile(
    tile: &Tile,
    position: usize,
    tiles: &mut Tiles,
    wanted: MetricSet,
    now: BootTime,
    reading: &mut Reading,
) {
    let read = Reader { wanted, now };
    read.fill(reading, WHOLE_GPU_ONLY);
    read.absences(reading);
    read.memory(reading, || tiles.memory(position, tile.memory.as_ref()));
    if tile.energy.is_some() {
        read.value(&mut reading.energy, Metric::Energy, tile.energy.as_ref(), Source::Hwmon, Microjoules);
    }
    read.clocks(reading, &tile.gt);
    read.throttle(reading, || tiles.throttle(position, &tile.gt));
}

/// Fills in what is wanted of one virtual function, as its physical function's driver shows it.
pub(crate) fn virtual_function(
    function: &VirtualFunction,
    wanted: MetricSet,
    now: BootTime,
    reading: &mut Reading,
) {
    let read = Reader { wanted, now };
    read.fill(reading, WHOLE_GPU_ONLY);
    read.memory(reading, || memory(&function.quota.memory));
    for metric in [Metric::MemoryUsed, Metric::MemoryFree, Metric::Busy, Metric::VideoBusy] {
        read.absent(reading, metric, FUNCTION);
    }
}

/// Puts one absence in the place of every wanted metric.
pub(crate) fn fill(reading: &mut Reading, wanted: MetricSet, absence: Absence) {
    Reader { wanted, now: BootTime(0) }.fill(reading, absence);
}

/// The sum of what the files say.
pub(crate) fn memory(files: &[Attribute]) -> Result<Bytes, Absence> {
    sum(files.iter().map(|file| file.read_u64().map(Bytes)))
}

/// A quota of 0 is none, and the driver shares out as it likes.
fn sum(parts: impl Iterator<Item = Result<Bytes, Absence>>) -> Result<Bytes, Absence> {
    const OVERFLOW: Absence = Absence::Failed { at: "the sum of the tiles' memory", code: None };
    let mut sum = None;
    for part in parts {
        sum = Some(sum.unwrap_or(Bytes::ZERO).checked_add(part?).ok_or(OVERFLOW)?);
    }
    match sum {
        None => Err(Absence::NotSupported { why: "the driver shows no memory that is its own" }),
        Some(Bytes::ZERO) => Err(Absence::NotSupported { why: "the driver says 0: no memory is set aside" }),
        Some(sum) => Ok(sum),
    }
}

/// The graphics of Intel's processors is always function 00:02.0.
pub(crate) fn is_integrated(address: PciAddress) -> bool {
    (address.domain, address.bus, address.device, address.function) == (0, 0, 2, 0)
}

/// One reading of one unit.
struct Reader {
    wanted: MetricSet,
    now: BootTime,
}

impl Reader {
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
            };
        }
    }

    fn heat(
        &self,
        slot: &mut Result<Measured<Millicelsius>, Absence>,
        metric: Metric,
        file: Option<&Attribute>,
    ) {
        if self.wanted.has(metric) {
            *slot = match file {
                Some(file) => {
                    file.read_i64().map(|n| Measured::new(Millicelsius(n), self.now, Source::Hwmon))
                }
                None => Err(Absence::NotSupported { why: "the driver shows no such temperature" }),
            };
        }
    }

    fn memory(&self, reading: &mut Reading, total: impl FnOnce() -> Result<Bytes, Absence>) {
        if self.wanted.has(Metric::MemoryTotal) {
            reading.memory_total = total().map(|total| Measured::new(total, self.now, Source::Sysfs));
        }
    }

    fn clocks(&self, reading: &mut Reading, gt: &Gt) {
        let (now, most) = (gt.clock.as_ref(), gt.clock_max.as_ref());
        let mhz = Hertz::from_mhz;
        self.value(&mut reading.clock_graphics, Metric::ClockGraphics, now, Source::Sysfs, mhz);
        self.value(&mut reading.clock_graphics_max, Metric::ClockGraphicsMax, most, Source::Sysfs, mhz);
    }

    fn throttle(&self, reading: &mut Reading, reasons: impl FnOnce() -> Result<ThrottleReasons, Absence>) {
        if self.wanted.has(Metric::Throttle) {
            reading.throttle = reasons().map(|reasons| Measured::new(reasons, self.now, Source::Sysfs));
        }
    }

    fn absences(&self, reading: &mut Reading) {
        use Metric::{
            ClockMemory, ClockMemoryMax, ClockSm, ClockVideo, DecoderBusy, EccCorrected,
            EccCorrectedLifetime, EccUncorrected, EccUncorrectedLifetime, EncoderBusy, Fabric, FanSpeed,
            JpegBusy, LinksDown, LinksUp, MemoryBusy, MemoryFree, MemoryRead, MemoryReserved, MemoryUsed,
            MemoryWritten, PcieGeneration, PcieGenerationMax, PcieNaksReceived, PcieNaksSent, PcieRecoveries,
            PcieReplays, PcieWidth, PcieWidthMax, PerformanceState, Power, PowerLimitMax, PowerLimitMin,
            RemappedRowsCorrected, RemappedRowsFailed, RemappedRowsPending, RemappedRowsUncorrected,
            RetiredPages, RetiredPagesPending, SystemMemoryTotal, SystemMemoryUsed, TemperatureHotspot,
            TemperatureShutdown, TemperatureSlowdown, ThrottleTicks, ThrottledByMemoryHeat, ThrottledByPower,
            ThrottledByProchot, ThrottledByRegulatorHeat, ThrottledBySocketHeat,
        };
        let groups: [(&[Metric], &'static str); 11] = [
            (&[MemoryUsed, MemoryFree, SystemMemoryUsed], FDINFO),
            (&[EncoderBusy, DecoderBusy, JpegBusy], VIDEO),
            (&[Power], COUNTS_ENERGY),
            (&[MemoryReserved, SystemMemoryTotal, PowerLimitMin, PowerLimitMax, FanSpeed], NO_FILE),
            (
                &[PcieGeneration, PcieWidth, PcieReplays, PcieRecoveries, PcieNaksSent, PcieNaksReceived],
                ENDPOINT,
            ),
            (
                &[
                    ThrottleTicks,
                    ThrottledByProchot,
                    ThrottledByPower,
                    ThrottledBySocketHeat,
                    ThrottledByRegulatorHeat,
                    ThrottledByMemoryHeat,
                ],
                "the driver says what throttles now, and counts nothing: see throttle",
            ),
            (&[PcieGenerationMax, PcieWidthMax], ENDPOINT),
            (
                &[
                    ClockSm,
                    PerformanceState,
                    RemappedRowsPending,
                    RemappedRowsFailed,
                    Fabric,
                    Metric::RecoveryAction,
                ],
                "NVIDIA's",
            ),
            (&[LinksUp, LinksDown], "this version does not read the state of Xe Links"),
            (&[Metric::DriverHealth], "the driver judges the whole GPU: read the device"),
            (
                &[
                    MemoryBusy,
                    MemoryRead,
                    MemoryWritten,
                    TemperatureHotspot,
                    TemperatureSlowdown,
                    TemperatureShutdown,
                    ClockMemory,
                    ClockMemoryMax,
                    ClockVideo,
                    EccCorrected,
                    EccUncorrected,
                    EccCorrectedLifetime,
                    EccUncorrectedLifetime,
                    RemappedRowsCorrected,
                    RemappedRowsUncorrected,
                    RetiredPages,
                    RetiredPagesPending,
                ],
                LEVEL_ZERO,
            ),
        ];
        for (metrics, why) in groups {
            for metric in metrics {
                self.absent(reading, *metric, why);
            }
        }
    }

    fn fill(&self, reading: &mut Reading, absence: Absence) {
        for metric in Metric::ALL.iter().filter(|metric| self.wanted.has(**metric)) {
            reading.set_absent(*metric, absence);
        }
    }

    fn absent(&self, reading: &mut Reading, metric: Metric, why: &'static str) {
        if self.wanted.has(metric) {
            reading.set_absent(metric, Absence::NotSupported { why });
        }
    }
}

/// More tiles than any GPU has: what is kept of one sample.
const KEPT: usize = 4;

/// What tiles showed in one sample. The whole GPU asks for it and so does each tile; the files
/// are read once.
#[derive(Default)]
pub(crate) struct Tiles {
    memory: [Option<Result<Bytes, Absence>>; KEPT],
    throttle: [Option<Result<ThrottleReasons, Absence>>; KEPT],
}

impl Tiles {
    fn bytes(&mut self, position: usize, file: &Attribute) -> Result<Bytes, Absence> {
        once(self.memory.get_mut(position), || file.read_u64().map(Bytes))
    }

    fn memory(&mut self, position: usize, file: Option<&Attribute>) -> Result<Bytes, Absence> {
        sum(file.into_iter().map(|file| self.bytes(position, file)))
    }

    /// Memory of all tiles together.
    fn all_memory(&mut self, sensors: &Sensors) -> Result<Bytes, Absence> {
        if let Some(total) = &sensors.total {
            return memory(std::slice::from_ref(total));
        }
        let files = sensors.memory.iter().enumerate();
        sum(files.filter_map(|(position, file)| Some(self.bytes(position, file.as_ref()?))))
    }

    /// A GT without a file for it does not tell.
    fn throttle(&mut self, position: usize, gt: &Gt) -> Result<ThrottleReasons, Absence> {
        const NONE: Absence = Absence::NotSupported { why: NO_FILE };
        let read = || if gt.throttle_status.is_some() { throttle_reasons(gt) } else { Err(NONE) };
        once(self.throttle.get_mut(position), read)
    }

    /// The reasons of all tiles together.
    fn all_throttle(&mut self, gts: &[Gt]) -> Result<ThrottleReasons, Absence> {
        let mut all = Err(Absence::NotSupported { why: NO_FILE });
        for (position, gt) in gts.iter().enumerate().filter(|(_, gt)| gt.throttle_status.is_some()) {
            let reasons = self.throttle(position, gt)?;
            all = Ok(all.unwrap_or(ThrottleReasons::NONE) | reasons);
        }
        all
    }
}

/// One word (kernel: `sysfs-driver-intel-xe-ras`); another one is kept as such.
fn judgement(text: &[u8]) -> Option<DriverHealth> {
    Some(match std::str::from_utf8(text).ok()?.trim() {
        "" => return None,
        "ok" => DriverHealth::Ok,
        "warning" => DriverHealth::Warning,
        "critical" => DriverHealth::Critical,
        _ => DriverHealth::Unknown(0),
    })
}

fn once<T: Copy>(
    kept: Option<&mut Option<Result<T, Absence>>>,
    read: impl FnOnce() -> Result<T, Absence>,
) -> Result<T, Absence> {
    match kept {
        Some(kept) => *kept.get_or_insert_with(read),
        None => read(),
    }
}

/// Why the GT runs slower than asked for: `status` says whether, the other files why.
fn throttle_reasons(gt: &Gt) -> Result<ThrottleReasons, Absence> {
    let is_set = |file: &Attribute| file.read_u64().map(|value| value != 0);
    match &gt.throttle_status {
        Some(status) if !is_set(status)? => return Ok(ThrottleReasons::NONE),
        _ => {}
    }
    let mut reasons = ThrottleReasons::NONE;
    let groups = [
        (&gt.throttle_power, ThrottleReasons::POWER_CAP),
        (&gt.throttle_heat, ThrottleReasons::THERMAL),
        (&gt.throttle_hardware, ThrottleReasons::HARDWARE),
    ];
    for (files, reason) in groups {
        for file in files {
            if is_set(file)? {
                reasons = reasons | reason;
            }
        }
    }
    // It is throttled for a reason that has no file that we know: the status itself is kept.
    Ok(if reasons.is_empty() { ThrottleReasons { known: 0, raw: 1 } } else { reasons })
}
