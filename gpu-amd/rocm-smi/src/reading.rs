//! What a GPU shows, by the library. Partitions show nothing here: the library repeats the whole
//! GPU's numbers on each.

use gpu_core::{
    Absence, BootTime, Bytes, Count, Hertz, Measured, Metric, MetricSet, Microjoules, Microwatts,
    Millicelsius, Permille, Reading, Rpm, Source,
};

use crate::board::Board;
use crate::error::Answer;
use crate::ffi::Library;

/// `rsmi_memory_type_t`.
pub(crate) const VRAM: u32 = 0;
const GTT: u32 = 2;

/// `rsmi_temperature_type_t`.
const EDGE: u32 = 0;
const JUNCTION: u32 = 1;
const MEMORY: u32 = 2;

/// `rsmi_temperature_metric_t`.
const CURRENT: u32 = 0;
const CRITICAL: u32 = 5;
const EMERGENCY: u32 = 7;

/// `rsmi_clk_type_t`.
const CLOCK_SYSTEM: u32 = 0;
const CLOCK_MEMORY: u32 = 4;

/// `rsmi_gpu_block_t`: a bit for each block, from memory controllers to fuses.
const BLOCKS: std::ops::Range<u32> = 0..14;

/// Why a partition does not show what only the whole GPU does.
pub(crate) const WHOLE_GPU_ONLY: Absence = Absence::NotSupported {
    why: "rocm_smi repeats the whole GPU's numbers on its partitions: read the device, or gpu-amd",
};

const NOT_TOLD: Absence = Absence::NotSupported { why: "rocm_smi does not tell" };
const OTHER_DIE: Absence =
    Absence::NotSupported { why: "the card's other die measures the power of both: read that" };

/// Fills in what is wanted of a GPU.
pub(crate) fn read(
    library: &Library,
    board: &Board,
    wanted: MetricSet,
    now: BootTime,
    reading: &mut Reading,
) {
    for metric in Metric::ALL.iter().filter(|metric| wanted.has(**metric)) {
        reading.set_absent(*metric, not_here(*metric));
    }
    let read = Reader { library, index: board.index(), wanted, now };
    read.memory(reading);
    read.activity(reading);
    read.power(board, reading);
    read.heat(reading);
    read.clocks(reading);
    read.errors(reading);
    read.link(reading);
    read.fan(reading);
}

/// Why a metric that is not asked for is not there.
fn not_here(metric: Metric) -> Absence {
    match metric {
        Metric::EncoderBusy
        | Metric::DecoderBusy
        | Metric::VideoBusy
        | Metric::JpegBusy
        | Metric::Throttle
        | Metric::ThrottleTicks
        | Metric::ThrottledByProchot
        | Metric::ThrottledByPower
        | Metric::ThrottledBySocketHeat
        | Metric::ThrottledByRegulatorHeat
        | Metric::ThrottledByMemoryHeat
        | Metric::ClockVideo
        | Metric::PcieRecoveries
        | Metric::PcieNaksSent
        | Metric::PcieNaksReceived => {
            Absence::NotSupported { why: "only in gpu_metrics, which gpu-amd reads" }
        }
        Metric::MemoryReserved => Absence::NotSupported { why: "amdgpu counts what it keeps as used" },
        _ => NOT_TOLD,
    }
}

/// One reading of one GPU.
struct Reader<'a> {
    library: &'a Library,
    index: u32,
    wanted: MetricSet,
    now: BootTime,
}

type Slot<T> = Result<Measured<T>, Absence>;

impl Reader<'_> {
    /// What the library answers for a metric, if that is wanted.
    fn put<T>(&self, slot: &mut Slot<T>, metric: Metric, answer: impl FnOnce() -> Result<T, Absence>) {
        if self.wanted.has(metric) {
            *slot = answer().map(|value| Measured::new(value, self.now, Source::RocmSmi));
        }
    }

    fn memory(&self, reading: &mut Reading) {
        let total = || self.library.memory_total(self.index, VRAM).map_err(|r| r.absence());
        let used = || self.library.memory_used(self.index, VRAM).map_err(|r| r.absence());
        self.put(&mut reading.memory_total, Metric::MemoryTotal, || total().map(Bytes));
        self.put(&mut reading.memory_used, Metric::MemoryUsed, || used().map(Bytes));
        self.put(&mut reading.memory_free, Metric::MemoryFree, || {
            const AT: &str = "rsmi_dev_memory_usage_get says more than rsmi_dev_memory_total_get";
            total()?.checked_sub(used()?).map(Bytes).ok_or(Absence::Failed { at: AT, code: None })
        });
        let gtt = |answer: Answer<u64>| answer.map(Bytes).map_err(|r| r.absence());
        self.put(&mut reading.system_memory_total, Metric::SystemMemoryTotal, || {
            gtt(self.library.memory_total(self.index, GTT))
        });
        self.put(&mut reading.system_memory_used, Metric::SystemMemoryUsed, || {
            gtt(self.library.memory_used(self.index, GTT))
        });
    }

    fn activity(&self, reading: &mut Reading) {
        let percent = |answer: Answer<u32>| {
            answer.map(|n| Permille::from_percent(u64::from(n.min(100)))).map_err(|r| r.absence())
        };
        self.put(&mut reading.busy, Metric::Busy, || percent(self.library.busy(self.index)));
        self.put(&mut reading.memory_busy, Metric::MemoryBusy, || {
            percent(self.library.memory_busy(self.index))
        });
    }

    fn power(&self, board: &Board, reading: &mut Reading) {
        let (library, index) = (self.library, self.index);
        let limit = |answer: Answer<u64>| answer.map(Microwatts).map_err(|r| r.absence());
        self.put(&mut reading.power, Metric::Power, || {
            // Older parts have an average, MI300 and newer the present value; APUs have both.
            let answer = library.average_power(index, 0).or_else(|_| library.socket_power(index));
            elsewhere(board, limit(answer)?, Microwatts::ZERO)
        });
        self.put(&mut reading.power_limit, Metric::PowerLimit, || limit(library.power_limit(index, 0)));
        self.put(&mut reading.power_limit_default, Metric::PowerLimitDefault, || {
            limit(library.power_limit_default(index))
        });
        let limits = || library.power_limits(index);
        self.put(&mut reading.power_limit_min, Metric::PowerLimitMin, || limit(limits().map(|(min, _)| min)));
        self.put(&mut reading.power_limit_max, Metric::PowerLimitMax, || limit(limits().map(|(_, max)| max)));
        self.put(&mut reading.energy, Metric::Energy, || {
            if board.has_mainlines_metrics() {
                return Err(Absence::NotSupported { why: "rocm_smi misreads mainline's gpu_metrics 1.6" });
            }
            elsewhere(board, self.energy()?, Microjoules::ZERO)
        });
    }

    /// The counter counts in 2⁻¹⁶ J (kernel: `energy_accumulator`), which the library rounds to
    /// 15.3 µJ: a unit near that is taken for the exact one, another is not known.
    fn energy(&self) -> Result<Microjoules, Absence> {
        let energy = self.library.energy(self.index).map_err(|r| r.absence())?;
        if energy.counter == u64::MAX {
            return Err(Absence::NotSupported { why: "gpu_metrics has no energy" });
        }
        if !(15_200..=15_400).contains(&energy.unit_nj) {
            return Err(Absence::NotSupported { why: "rocm_smi counts energy in a unit that is not known" });
        }
        let microjoules = u128::from(energy.counter) * 15_625 / 1024;
        let too_much = Absence::Failed { at: "rsmi_dev_energy_count_get", code: None };
        u64::try_from(microjoules).map(Microjoules).map_err(|_| too_much)
    }

    fn heat(&self, reading: &mut Reading) {
        let heat = |sensor, metric| {
            let answer = self.library.temperature(self.index, sensor, metric);
            answer.map(Millicelsius).map_err(|r| r.absence())
        };
        let bound = |metric| heat(JUNCTION, metric).or_else(|_| heat(EDGE, metric));
        self.put(&mut reading.temperature, Metric::Temperature, || heat(EDGE, CURRENT));
        self.put(&mut reading.temperature_hotspot, Metric::TemperatureHotspot, || heat(JUNCTION, CURRENT));
        self.put(&mut reading.temperature_memory, Metric::TemperatureMemory, || heat(MEMORY, CURRENT));
        self.put(&mut reading.temperature_slowdown, Metric::TemperatureSlowdown, || bound(CRITICAL));
        self.put(&mut reading.temperature_shutdown, Metric::TemperatureShutdown, || bound(EMERGENCY));
    }

    fn clocks(&self, reading: &mut Reading) {
        let clock = |kind| self.library.clock(self.index, kind).map_err(|r| r.absence());
        let told = |level: Option<u64>| {
            level.map(Hertz).ok_or(Absence::NotSupported { why: "the driver marks no clock level" })
        };
        self.put(&mut reading.clock_graphics, Metric::ClockGraphics, || told(clock(CLOCK_SYSTEM)?.current));
        self.put(&mut reading.clock_graphics_max, Metric::ClockGraphicsMax, || {
            told(clock(CLOCK_SYSTEM)?.highest)
        });
        self.put(&mut reading.clock_memory, Metric::ClockMemory, || told(clock(CLOCK_MEMORY)?.current));
        self.put(&mut reading.clock_memory_max, Metric::ClockMemoryMax, || {
            told(clock(CLOCK_MEMORY)?.highest)
        });
    }

    /// Errors of all blocks of the chip that count any, as (corrected, not corrected).
    fn error_counts(&self) -> Result<(u64, u64), Absence> {
        let mut sum = Err(Absence::NotSupported { why: "this board counts no memory errors" });
        for bit in BLOCKS {
            let counts = match self.library.errors(self.index, 1 << bit) {
                Ok(counts) => (counts.correctable_err, counts.uncorrectable_err),
                Err(refused) => match refused.absence() {
                    Absence::NotSupported { .. } => continue,
                    absence => return Err(absence),
                },
            };
            let (corrected, uncorrected) = sum.unwrap_or((0, 0));
            sum = Ok((counts.0.saturating_add(corrected), counts.1.saturating_add(uncorrected)));
        }
        sum
    }

    fn errors(&self, reading: &mut Reading) {
        self.put(&mut reading.ecc_corrected, Metric::EccCorrected, || Ok(Count(self.error_counts()?.0)));
        self.put(&mut reading.ecc_uncorrected, Metric::EccUncorrected, || Ok(Count(self.error_counts()?.1)));
        self.put(&mut reading.retired_pages, Metric::RetiredPages, || {
            let pages = self.library.retired_pages(self.index);
            pages.map(|n| Count(u64::from(n))).map_err(|r| r.absence())
        });
    }

    fn link(&self, reading: &mut Reading) {
        let link = || self.library.pcie_link(self.index).map_err(|r| r.absence());
        self.put(&mut reading.pcie_generation, Metric::PcieGeneration, || {
            generation(link()?.transfers)
                .map(Count)
                .ok_or(Absence::NotSupported { why: "rocm_smi tells a PCIe speed of no generation" })
        });
        self.put(&mut reading.pcie_width, Metric::PcieWidth, || Ok(Count(u64::from(link()?.lanes))));
        self.put(&mut reading.pcie_replays, Metric::PcieReplays, || {
            self.library.pcie_replays(self.index).map(Count).map_err(|r| r.absence())
        });
    }

    fn fan(&self, reading: &mut Reading) {
        self.put(&mut reading.fan_rotation, Metric::FanRotation, || {
            let rotation = self.library.fan_rotation(self.index, 0).map_err(|r| r.absence())?;
            let backwards = Absence::Failed { at: "rsmi_dev_fan_rpms_get", code: None };
            u64::try_from(rotation).map(Rpm).map_err(|_| backwards)
        });
        self.put(&mut reading.fan_speed, Metric::FanSpeed, || {
            let speed = self.library.fan_speed(self.index, 0).map_err(|r| r.absence())?;
            let most = self.library.fan_speed_max(self.index, 0).map_err(|r| r.absence())?;
            part(speed, most).ok_or(Absence::Failed { at: "rsmi_dev_fan_speed_get", code: None })
        });
    }
}

/// Power of a die of which another measures both: 0 is no measurement.
fn elsewhere<T: PartialEq>(board: &Board, value: T, zero: T) -> Result<T, Absence> {
    if board.is_one_of_two_dies() && value == zero { Err(OTHER_DIE) } else { Ok(value) }
}

/// A speed in thousandths of the highest.
fn part(speed: i64, most: u64) -> Option<Permille> {
    let speed = u64::try_from(speed).ok()?.min(most);
    speed.checked_mul(1000)?.checked_div(most).map(Permille)
}

/// The PCIe generation of so many transfers a second of a lane.
fn generation(transfers: u64) -> Option<u64> {
    const MEGA: u64 = 1_000_000;
    let speeds = [2_500, 5_000, 8_000, 16_000, 32_000, 64_000];
    let found = speeds.iter().position(|speed| transfers / MEGA == *speed)?;
    u64::try_from(found + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_by_speed() {
        assert_eq!(generation(2_500_000_000), Some(1));
        assert_eq!(generation(32_000_000_000), Some(5));
        assert_eq!(generation(0), None);
        assert_eq!(generation(u64::MAX), None);
    }

    #[test]
    fn parts_of_a_fans_speed() {
        assert_eq!(part(128, 255), Some(Permille(501)));
        assert_eq!(part(300, 255), Some(Permille(1000)));
        assert_eq!(part(-1, 255), None);
        assert_eq!(part(1, 0), None);
        assert_eq!(part(i64::MAX, u64::MAX), None);
    }
}
