//! Readings of one GPU.

use std::cell::Cell;

use gpu_core::{
    Absence, BootTime, Bytes, Count, Hertz, Measured, Metric, MetricSet, Microjoules, Microwatts,
    Millicelsius, Nanoseconds, Permille, Reading, Source, ThrottleReasons,
};

use crate::board::Board;
use crate::error::Code;
use crate::ffi::{Handle, Library};

const PROCESSORS_MEMORY: Absence =
    Absence::NotSupported { why: "NVML does not tell how much of the system's memory a GPU may use" };

const NOT_COUNTED: Absence =
    Absence::NotSupported { why: "AMD's; NVML says what throttles now: see throttle" };

type Slot<T> = Result<Measured<T>, Absence>;

/// One reading of one GPU.
pub(crate) struct Reader<'a> {
    pub(crate) library: &'a Library,
    pub(crate) board: &'a Board,
    pub(crate) wanted: MetricSet,
    pub(crate) now: BootTime,
    /// The worst that a call said of the handle so far.
    trust: Cell<Trust>,
}

/// What the answers to calls said of the handle that they were about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Trust {
    /// Nothing against it.
    Good,
    /// It may name nothing any more.
    Suspect,
    /// The GPU is lost.
    Lost,
}

impl Code {
    /// What the code says of the handle that was asked about.
    #[cold]
    pub(crate) const fn trust(self) -> Trust {
        match self {
            Self::GPU_IS_LOST => Trust::Lost,
            Self::UNINITIALIZED | Self::INVALID_ARGUMENT | Self::NOT_FOUND => Trust::Suspect,
            _ => Trust::Good,
        }
    }
}

/// Memory of a GPU, or of the GPU instance of a MIG device.
pub(crate) fn memory(
    library: &Library,
    handle: Handle,
    wanted: MetricSet,
    now: BootTime,
    reading: &mut Reading,
) -> Trust {
    use Metric::{MemoryFree, MemoryReserved, MemoryTotal, MemoryUsed};
    if ![MemoryTotal, MemoryUsed, MemoryFree, MemoryReserved].iter().any(|metric| wanted.has(*metric)) {
        return Trust::Good;
    }
    let told = library.memory(handle);
    let trust = told.as_ref().map_or_else(|code| code.trust(), |_| Trust::Good);
    let memory = told.map_err(|code| code.absence("nvmlDeviceGetMemoryInfo"));
    let bytes = |n: u64| Measured::new(Bytes(n), now, Source::Nvml);
    if wanted.has(MemoryTotal) {
        reading.memory_total = memory.map(|memory| bytes(memory.total));
    }
    if wanted.has(MemoryUsed) {
        reading.memory_used = memory.map(|memory| bytes(memory.used));
    }
    if wanted.has(MemoryFree) {
        reading.memory_free = memory.map(|memory| bytes(memory.free));
    }
    if wanted.has(MemoryReserved) {
        reading.memory_reserved = match memory {
            Ok(memory) if memory.version == 1 => {
                Err(Absence::NotSupported { why: "this driver counts what it keeps as used" })
            }
            memory => memory.map(|memory| bytes(memory.reserved)),
        };
    }
    trust
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(
        library: &'a Library,
        board: &'a Board,
        wanted: MetricSet,
        now: BootTime,
    ) -> Self {
        Self { library, board, wanted, now, trust: Cell::new(Trust::Good) }
    }
}

impl Reader<'_> {
    /// Everything that is wanted, and what became of the handle.
    pub(crate) fn device(&self, reading: &mut Reading) -> Trust {
        self.trust.set(memory(self.library, self.board.handle, self.wanted, self.now, reading));
        self.activity(reading);
        self.power(reading);
        self.heat(reading);
        self.clocks(reading);
        self.state(reading);
        self.errors(reading);
        self.link(reading);
        self.health(reading);
        self.never(reading);
        self.trust.get()
    }

    /// The absence that a code stands for, and what it says of the handle.
    #[cold]
    pub(crate) fn refused(&self, code: Code, at: &'static str) -> Absence {
        self.trust.set(self.trust.get().max(code.trust()));
        code.absence(at)
    }

    /// The answer of one call for one metric.
    pub(crate) fn value<T, N>(
        &self,
        slot: &mut Slot<T>,
        metric: Metric,
        at: &'static str,
        call: impl FnOnce(Handle) -> Result<N, Code>,
        convert: impl FnOnce(N) -> T,
    ) {
        if self.wanted.has(metric) {
            *slot = match call(self.board.handle) {
                Ok(answer) => Ok(Measured::new(convert(answer), self.now, Source::Nvml)),
                Err(code) => Err(self.refused(code, at)),
            };
        }
    }

    fn activity(&self, reading: &mut Reading) {
        let (busy, memory) = (self.wanted.has(Metric::Busy), self.wanted.has(Metric::MemoryBusy));
        if busy || memory {
            let both = self.library.utilization(self.board.handle);
            let both = both.map_err(|code| self.refused(code, "nvmlDeviceGetUtilizationRates"));
            if busy {
                reading.busy = both.and_then(|(gpu, _)| self.percent(gpu));
            }
            if memory {
                reading.memory_busy = both.and_then(|(_, memory)| self.percent(memory));
            }
        }
        if self.wanted.has(Metric::EncoderBusy) {
            let told = self.library.encoder(self.board.handle);
            reading.encoder_busy = self.over_period(told, "nvmlDeviceGetEncoderUtilization");
        }
        if self.wanted.has(Metric::DecoderBusy) {
            let told = self.library.decoder(self.board.handle);
            reading.decoder_busy = self.over_period(told, "nvmlDeviceGetDecoderUtilization");
        }
    }

    fn percent(&self, percent: u32) -> Slot<Permille> {
        match percent {
            0..=100 => Ok(Measured::new(Permille::from_percent(percent.into()), self.now, Source::Nvml)),
            _ => Err(Absence::Failed { at: "NVML tells more than 100 percent", code: None }),
        }
    }

    fn over_period(&self, told: Result<(u32, u32), Code>, at: &'static str) -> Slot<Permille> {
        let (percent, micros) = told.map_err(|code| self.refused(code, at))?;
        let value = self.percent(percent)?.value;
        Ok(Measured::over(value, self.now, Nanoseconds::from_micros(micros.into()), Source::Nvml))
    }

    fn power(&self, reading: &mut Reading) {
        let milliwatts = |n: u32| Microwatts::from_milliwatts(n.into());
        let of = self.library;
        self.value(&mut reading.power, Metric::Power, "nvmlDeviceGetPowerUsage", |h| of.power(h), milliwatts);
        if self.board.averages_power() && self.wanted.has(Metric::Power) {
            let second = Nanoseconds::from_secs(1);
            reading.power =
                reading.power.map(|told| Measured::over(told.value, self.now, second, Source::Nvml));
        }
        let at = "nvmlDeviceGetEnforcedPowerLimit";
        self.value(&mut reading.power_limit, Metric::PowerLimit, at, |h| of.power_limit(h), milliwatts);
        let (slot, metric) = (&mut reading.power_limit_default, Metric::PowerLimitDefault);
        let at = "nvmlDeviceGetPowerManagementDefaultLimit";
        self.value(slot, metric, at, |h| of.power_limit_default(h), milliwatts);
        self.power_limits(reading);
        let at = "nvmlDeviceGetTotalEnergyConsumption";
        self.value(&mut reading.energy, Metric::Energy, at, |h| of.energy(h), Microjoules::from_millijoules);
    }

    /// One call answers for both.
    fn power_limits(&self, reading: &mut Reading) {
        let (min, max) = (self.wanted.has(Metric::PowerLimitMin), self.wanted.has(Metric::PowerLimitMax));
        if min || max {
            let both = self.library.power_limits(self.board.handle);
            let both =
                both.map_err(|code| self.refused(code, "nvmlDeviceGetPowerManagementLimitConstraints"));
            let limit = |n: u32| Measured::new(Microwatts::from_milliwatts(n.into()), self.now, Source::Nvml);
            if min {
                reading.power_limit_min = both.map(|(min, _)| limit(min));
            }
            if max {
                reading.power_limit_max = both.map(|(_, max)| limit(max));
            }
        }
    }

    fn heat(&self, reading: &mut Reading) {
        let degrees = |n: u32| Millicelsius::from_degrees(n.into());
        let of = self.library;
        let at = "nvmlDeviceGetTemperature";
        self.value(&mut reading.temperature, Metric::Temperature, at, |h| of.temperature(h, 0), degrees);
        let at = "nvmlDeviceGetTemperatureThreshold";
        let (slot, metric) = (&mut reading.temperature_shutdown, Metric::TemperatureShutdown);
        self.value(slot, metric, at, |h| of.temperature_threshold(h, 0), degrees);
        let (slot, metric) = (&mut reading.temperature_slowdown, Metric::TemperatureSlowdown);
        self.value(slot, metric, at, |h| of.temperature_threshold(h, 1), degrees);
    }

    /// `nvmlClockType_t`: 0 graphics, 1 SM, 2 memory, 3 video.
    fn clocks(&self, reading: &mut Reading) {
        let mhz = |n: u32| Hertz::from_mhz(n.into());
        let of = self.library;
        let now = "nvmlDeviceGetClockInfo";
        self.value(&mut reading.clock_graphics, Metric::ClockGraphics, now, |h| of.clock(h, 0), mhz);
        self.value(&mut reading.clock_sm, Metric::ClockSm, now, |h| of.clock(h, 1), mhz);
        self.value(&mut reading.clock_memory, Metric::ClockMemory, now, |h| of.clock(h, 2), mhz);
        self.value(&mut reading.clock_video, Metric::ClockVideo, now, |h| of.clock(h, 3), mhz);
        let max = "nvmlDeviceGetMaxClockInfo";
        let (slot, metric) = (&mut reading.clock_graphics_max, Metric::ClockGraphicsMax);
        self.value(slot, metric, max, |h| of.clock_max(h, 0), mhz);
        self.value(&mut reading.clock_memory_max, Metric::ClockMemoryMax, max, |h| of.clock_max(h, 2), mhz);
    }

    fn state(&self, reading: &mut Reading) {
        let of = self.library;
        let at = "nvmlDeviceGetCurrentClocksThrottleReasons";
        self.value(&mut reading.throttle, Metric::Throttle, at, |h| of.throttle(h), throttle);
        let (slot, metric) = (&mut reading.performance_state, Metric::PerformanceState);
        // 32 is NVML_PSTATE_UNKNOWN.
        let known = |state: u32| if state < 16 { Ok(state) } else { Err(Code::NO_DATA) };
        let at = "nvmlDeviceGetPerformanceState";
        self.value(slot, metric, at, |h| of.performance_state(h).and_then(known), count);
        let at = "nvmlDeviceGetFanSpeed";
        let part = |n: u32| Permille::from_percent(n.into());
        self.value(&mut reading.fan_speed, Metric::FanSpeed, at, |h| of.fan_speed(h), part);
    }

    /// Kinds: 0 corrected, 1 uncorrected. Counters: 0 since the driver was loaded, 1 for life.
    fn errors(&self, reading: &mut Reading) {
        let of = self.library;
        let at = "nvmlDeviceGetTotalEccErrors";
        self.value(&mut reading.ecc_corrected, Metric::EccCorrected, at, |h| of.ecc_errors(h, 0, 0), Count);
        let (slot, metric) = (&mut reading.ecc_uncorrected, Metric::EccUncorrected);
        self.value(slot, metric, at, |h| of.ecc_errors(h, 1, 0), Count);
        let (slot, metric) = (&mut reading.ecc_corrected_lifetime, Metric::EccCorrectedLifetime);
        self.value(slot, metric, at, |h| of.ecc_errors(h, 0, 1), Count);
        let (slot, metric) = (&mut reading.ecc_uncorrected_lifetime, Metric::EccUncorrectedLifetime);
        self.value(slot, metric, at, |h| of.ecc_errors(h, 1, 1), Count);
        self.remapped_rows(reading);
    }

    /// One call answers for all four.
    fn remapped_rows(&self, reading: &mut Reading) {
        use Metric::{
            RemappedRowsCorrected, RemappedRowsFailed, RemappedRowsPending, RemappedRowsUncorrected,
        };
        let slots = [
            (RemappedRowsCorrected, &mut reading.remapped_rows_corrected),
            (RemappedRowsUncorrected, &mut reading.remapped_rows_uncorrected),
            (RemappedRowsPending, &mut reading.remapped_rows_pending),
            (RemappedRowsFailed, &mut reading.remapped_rows_failed),
        ];
        if !slots.iter().any(|(metric, _)| self.wanted.has(*metric)) {
            return;
        }
        let rows = self.library.remapped_rows(self.board.handle);
        let rows = rows.map_err(|code| self.refused(code, "nvmlDeviceGetRemappedRows"));
        for (position, (metric, slot)) in slots.into_iter().enumerate() {
            if self.wanted.has(metric) {
                *slot = rows.map(|rows| Measured::new(count(rows[position]), self.now, Source::Nvml));
            }
        }
    }

    fn link(&self, reading: &mut Reading) {
        let of = self.library;
        let at = "nvmlDeviceGetCurrPcieLinkGeneration";
        let (slot, metric) = (&mut reading.pcie_generation, Metric::PcieGeneration);
        self.value(slot, metric, at, |h| of.pcie_generation(h), count);
        let at = "nvmlDeviceGetCurrPcieLinkWidth";
        self.value(&mut reading.pcie_width, Metric::PcieWidth, at, |h| of.pcie_width(h), count);
        let at = "nvmlDeviceGetPcieReplayCounter";
        self.value(&mut reading.pcie_replays, Metric::PcieReplays, at, |h| of.pcie_replays(h), count);
    }

    fn never(&self, reading: &mut Reading) {
        let not_read = |why| Absence::NotSupported { why };
        for (metric, absence) in [
            (Metric::SystemMemoryTotal, PROCESSORS_MEMORY),
            (Metric::SystemMemoryUsed, PROCESSORS_MEMORY),
            (Metric::MemoryRead, not_read("NVML counts no bytes of memory: see memory_busy")),
            (Metric::MemoryWritten, not_read("NVML counts no bytes of memory: see memory_busy")),
            (Metric::TemperatureHotspot, not_read("NVML does not tell")),
            (
                Metric::VideoBusy,
                not_read("NVIDIA's engines do one or the other: see encoder_busy, decoder_busy"),
            ),
            (Metric::JpegBusy, not_read("this version does not read it")),
            (Metric::PcieRecoveries, not_read("this version does not read it; see pcie_replays")),
            (Metric::PcieNaksSent, not_read("this version does not read it; see pcie_replays")),
            (Metric::PcieNaksReceived, not_read("this version does not read it; see pcie_replays")),
            (Metric::ThrottleTicks, NOT_COUNTED),
            (Metric::ThrottledByProchot, NOT_COUNTED),
            (Metric::ThrottledByPower, NOT_COUNTED),
            (Metric::ThrottledBySocketHeat, NOT_COUNTED),
            (Metric::ThrottledByRegulatorHeat, NOT_COUNTED),
            (Metric::ThrottledByMemoryHeat, NOT_COUNTED),
            (Metric::DriverHealth, not_read("NVML does not judge: see recovery_action")),
            (Metric::FanRotation, not_read("this version does not read it; see fan_speed")),
        ] {
            if self.wanted.has(metric) {
                reading.set_absent(metric, absence);
            }
        }
    }
}

fn count(n: u32) -> Count {
    Count(n.into())
}

/// `nvmlClocksThrottleReason*`. Bits that have no name here are kept as they are.
fn throttle(bits: u64) -> ThrottleReasons {
    const NAMED: [(u64, ThrottleReasons); 9] = [
        (0x1, ThrottleReasons::IDLE),
        (0x2, ThrottleReasons::SETTING),
        (0x4, ThrottleReasons::POWER_CAP),
        (0x8, ThrottleReasons::HARDWARE),
        (0x10, ThrottleReasons::SYNC),
        (0x20, ThrottleReasons::THERMAL),
        (0x40, ThrottleReasons::THERMAL),
        (0x80, ThrottleReasons::POWER_BRAKE),
        (0x100, ThrottleReasons::DISPLAY),
    ];
    let named = NAMED.iter().filter(|(bit, _)| bits & bit != 0);
    let known = named.fold(ThrottleReasons::NONE, |all, (_, reason)| all | *reason);
    known | ThrottleReasons { known: 0, raw: bits & !0x1ff }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_without_a_name_are_kept() {
        assert_eq!(throttle(0), ThrottleReasons::NONE);
        let told = throttle(0x1000_0044);
        assert!(told.contains(ThrottleReasons::POWER_CAP) && told.contains(ThrottleReasons::THERMAL));
        assert_eq!(told.raw, 0x1000_0000);
    }
}
