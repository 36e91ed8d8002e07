//! What Level Zero shows of one GPU or tile, in the places where the kernel's files show nothing.

use gpu_core::{
    Absence, BootTime, Bytes, Count, DriverHealth, Hertz, Measured, Metric, MetricSet, Microjoules,
    Millicelsius, Nanoseconds, Need, Permille, Reading, Rpm, Source,
};
use level_zero_sys::{
    Zero, zes_engine_group_t, zes_engine_stats_t, zes_freq_domain_t, zes_freq_state_t, zes_mem_bandwidth_t,
    zes_mem_health_t, zes_mem_state_t, zes_pci_state_t, zes_pci_stats_t, zes_power_energy_counter_t,
    zes_ras_error_type_t, zes_temp_sensors_t,
};

use super::device::{Device, Parts, hertz};
use super::error::absence;
use super::ffi::{Fault, Library};
use super::work::{Counts, Work};

const NONE: Absence = Absence::NotSupported { why: "Level Zero lists none of it" };
const EACH_TILE: Absence = Absence::NotSupported { why: "each tile has its own: read the tiles" };
const UNKNOWN: Absence = Absence::NotSupported { why: "Level Zero says that it does not know" };

/// One reading of one unit.
pub(super) struct Reader<'a> {
    pub(super) library: &'a Library,
    pub(super) device: &'a Device,
    /// Which tile; `None` for the whole GPU.
    pub(super) tile: Option<u32>,
    pub(super) wanted: MetricSet,
    pub(super) now: BootTime,
    pub(super) work: &'a Work,
}

impl Reader<'_> {
    /// Fills in what is wanted and what `reading` says is not supported.
    pub(super) fn read(&self, reading: &mut Reading) {
        self.memory(reading);
        self.traffic(reading);
        self.fill(&mut reading.energy, Metric::Energy, || self.energy());
        self.fill(&mut reading.temperature, Metric::Temperature, || {
            self.temperature(&[zes_temp_sensors_t::GPU, zes_temp_sensors_t::GLOBAL])
        });
        self.fill(&mut reading.temperature_memory, Metric::TemperatureMemory, || {
            self.temperature(&[zes_temp_sensors_t::MEMORY])
        });
        let (gpu, memory) = (zes_freq_domain_t::GPU, zes_freq_domain_t::MEMORY);
        self.fill(&mut reading.clock_graphics, Metric::ClockGraphics, || self.clock(gpu));
        self.fill(&mut reading.clock_graphics_max, Metric::ClockGraphicsMax, || self.clock_max(gpu));
        self.fill(&mut reading.clock_memory, Metric::ClockMemory, || self.clock(memory));
        self.fill(&mut reading.clock_memory_max, Metric::ClockMemoryMax, || self.clock_max(memory));
        self.fill(&mut reading.ecc_corrected, Metric::EccCorrected, || {
            self.errors(zes_ras_error_type_t::CORRECTABLE)
        });
        self.fill(&mut reading.ecc_uncorrected, Metric::EccUncorrected, || {
            self.errors(zes_ras_error_type_t::UNCORRECTABLE)
        });
        if self.tile.is_none() {
            self.fill(&mut reading.fan_rotation, Metric::FanRotation, || self.fan());
            self.link(reading);
        }
        self.work_of(&mut reading.busy, Metric::Busy, zes_engine_group_t::ALL);
        self.work_of(&mut reading.video_busy, Metric::VideoBusy, zes_engine_group_t::MEDIA_ALL);
    }

    /// Puts a value in a place that another source left empty because it has no such thing.
    pub(super) fn fill<T>(
        &self,
        slot: &mut Result<Measured<T>, Absence>,
        metric: Metric,
        value: impl FnOnce() -> Result<T, Absence>,
    ) {
        if self.wanted.has(metric) && matches!(slot, Err(Absence::NotSupported { .. })) {
            match value() {
                Ok(value) => *slot = Ok(Measured::new(value, self.now, Source::LevelZero)),
                // Where neither has it, the reason of the first stands.
                Err(Absence::NotSupported { .. }) => {}
                Err(other) => *slot = Err(other),
            }
        }
    }

    /// The same for a part of the time; what the kernel counts for others only is asked, too: the
    /// library has its own ways.
    pub(super) fn fill_over(
        &self,
        slot: &mut Result<Measured<Permille>, Absence>,
        metric: Metric,
        value: impl FnOnce() -> Result<(Permille, Nanoseconds), Absence>,
    ) {
        let is_open = matches!(slot, Err(Absence::NotSupported { .. } | Absence::NotPermitted { .. }));
        if !self.wanted.has(metric) || !is_open {
            return;
        }
        match value() {
            Ok((share, window)) => *slot = Ok(Measured::over(share, self.now, window, Source::LevelZero)),
            // Where neither has it, the reason of the first stands.
            Err(Absence::NotSupported { .. }) => {}
            Err(other) => *slot = Err(other),
        }
    }

    fn memory(&self, reading: &mut Reading) {
        let metrics = [Metric::MemoryTotal, Metric::MemoryUsed, Metric::MemoryFree, Metric::DriverHealth];
        if !metrics.iter().any(|metric| self.wanted.has(*metric)) {
            return;
        }
        let state = self.memory_state();
        self.fill(&mut reading.memory_total, Metric::MemoryTotal, || state.map(|state| state.physical));
        self.fill(&mut reading.memory_used, Metric::MemoryUsed, || {
            let MemoryState { size, free, .. } = state?;
            size.checked_sub(free)
                .ok_or(Absence::Failed { at: "zesMemoryGetState: more is free than there is", code: None })
        });
        self.fill(&mut reading.memory_free, Metric::MemoryFree, || state.map(|state| state.free));
        self.fill(&mut reading.driver_health, Metric::DriverHealth, || self.health(state?.health));
    }

    /// The worst of what the memory is said to be and, of the whole GPU, whether it must be reset. That it
    /// need not be is no judgement.
    fn health(&self, memory: Option<DriverHealth>) -> Result<DriverHealth, Absence> {
        let must_be_reset = self.tile.is_none() && self.device.must_be_reset(self.library);
        memory.max(must_be_reset.then_some(DriverHealth::Critical)).ok_or(UNKNOWN)
    }

    /// Bytes that went to and from all modules, and which part that is of the most since the last look.
    fn traffic(&self, reading: &mut Reading) {
        let metrics = [Metric::MemoryRead, Metric::MemoryWritten, Metric::MemoryBusy];
        if !metrics.iter().any(|metric| self.wanted.has(*metric)) {
            return;
        }
        let traffic = self.bandwidth();
        self.fill(&mut reading.memory_read, Metric::MemoryRead, || Ok(Bytes(traffic?.read)));
        self.fill(&mut reading.memory_written, Metric::MemoryWritten, || Ok(Bytes(traffic?.written)));
        self.fill_over(&mut reading.memory_busy, Metric::MemoryBusy, || traffic?.share);
    }

    fn bandwidth(&self) -> Result<Traffic, Absence> {
        const AT: &str = "zesMemoryGetBandwidth";
        let modules = listed(&self.device.memory)?;
        let function = self.library.functions().memory_get_bandwidth;
        let mut sum: Option<Traffic> = None;
        let (mut moved, mut could, mut window) = (0_u128, 0_u128, Nanoseconds::ZERO);
        let (mut is_new, mut is_known) = (false, true);
        for (number, module) in modules.iter().enumerate() {
            if self.tile.is_some() && module.tile != self.tile {
                continue;
            }
            let told = self.library.get(function, module.handle, zes_mem_bandwidth_t::ZERO);
            let told = told.map_err(|fault| absence(fault, AT, Need::Root))?;
            let so_far = sum.get_or_insert(Traffic { read: 0, written: 0, share: Err(UNKNOWN) });
            so_far.read = so_far.read.saturating_add(told.readCounter);
            so_far.written = so_far.written.saturating_add(told.writeCounter);
            is_known &= told.maxBandwidth > 0;
            let reader = (self.device.address, Counts::Memory(number), self.tile);
            let both = told.readCounter.saturating_add(told.writeCounter);
            match self.work.since_last(reader, (both, told.timestamp), self.now) {
                Some(since) => {
                    // The clock of the counters is in microseconds.
                    moved += u128::from(since.worked) * 1_000_000;
                    could += u128::from(since.elapsed) * u128::from(told.maxBandwidth);
                    window = since.took;
                }
                None => is_new = true,
            }
        }
        let mut traffic = sum.ok_or(NONE)?;
        traffic.share = match (moved * 1000).checked_div(could) {
            _ if !is_known => Err(UNKNOWN),
            Some(share) if !is_new => Ok((Permille(u64::try_from(share.min(1000)).unwrap_or(1000)), window)),
            _ => Err(Absence::NotYet),
        };
        Ok(traffic)
    }

    /// What there is, what can be had, what is free, and how well all modules are.
    fn memory_state(&self) -> Result<MemoryState, Absence> {
        const AT: &str = "zesMemoryGetState";
        let mut sum: Option<MemoryState> = None;
        for module in of_tile_or_all(&self.device.memory, self.tile)? {
            let function = self.library.functions().memory_get_state;
            let state = self.library.get(function, module.handle, zes_mem_state_t::new());
            let state = state.map_err(|fault| absence(fault, AT, Need::Root))?;
            let so_far = sum.unwrap_or_default();
            let physical = if module.what == Bytes::ZERO { Bytes(state.size) } else { module.what };
            let add = |a: Bytes, b: Bytes| a.checked_add(b).ok_or(Absence::Failed { at: AT, code: None });
            sum = Some(MemoryState {
                physical: add(so_far.physical, physical)?,
                size: add(so_far.size, Bytes(state.size))?,
                free: add(so_far.free, Bytes(state.free))?,
                health: so_far.health.max(judgement(state.health)),
            });
        }
        sum.ok_or(NONE)
    }

    fn energy(&self) -> Result<Microjoules, Absence> {
        const AT: &str = "zesPowerGetEnergyCounter";
        let domain = self.own(&self.device.energy, |()| true)?;
        let function = self.library.functions().power_get_energy_counter;
        let counter = self.library.get(function, domain.handle, zes_power_energy_counter_t::ZERO);
        counter.map(|counter| Microjoules(counter.energy)).map_err(|fault| absence(fault, AT, Need::Root))
    }

    fn temperature(&self, sensors: &[zes_temp_sensors_t]) -> Result<Millicelsius, Absence> {
        const AT: &str = "zesTemperatureGetState";
        let sensor = sensors.iter().find_map(|of| self.own(&self.device.temperature, |is| is == *of).ok());
        let function = self.library.functions().temperature_get_state;
        let degrees = self.library.get(function, sensor.ok_or(NONE)?.handle, 0.0);
        let degrees: f64 = degrees.map_err(|fault| absence(fault, AT, Need::Root))?;
        if !(-273.0..1000.0).contains(&degrees) {
            return Err(Absence::Failed { at: "zesTemperatureGetState: no temperature", code: None });
        }
        #[allow(clippy::cast_possible_truncation)] // checked: a temperature
        Ok(Millicelsius((degrees * 1000.0).round() as i64))
    }

    fn clock(&self, of: zes_freq_domain_t) -> Result<Hertz, Absence> {
        let domain = self.own(&self.device.clocks, |(is, _)| is == of)?;
        let function = self.library.functions().frequency_get_state;
        let state = self.library.get(function, domain.handle, zes_freq_state_t::new());
        let state = state.map_err(|fault| absence(fault, "zesFrequencyGetState", Need::Root))?;
        hertz(state.actual).ok_or(UNKNOWN)
    }

    fn clock_max(&self, of: zes_freq_domain_t) -> Result<Hertz, Absence> {
        self.own(&self.device.clocks, |(is, _)| is == of)?.what.1.ok_or(UNKNOWN)
    }

    /// Errors of compute units, of other hardware (memory is there) and of caches: not of
    /// programs, drivers or resets.
    fn errors(&self, of: zes_ras_error_type_t) -> Result<Count, Absence> {
        let mut sum = None;
        for set in of_tile_or_all(&self.device.errors, self.tile)?.filter(|set| set.what == of) {
            let state = self
                .library
                .errors(set.handle)
                .map_err(|fault| absence(fault, "zesRasGetState", Need::Root))?;
            let hardware = state.category[3..=5].iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
            sum = Some(sum.unwrap_or(Count(0)).saturating_add(Count(hardware)));
        }
        sum.ok_or(NONE)
    }

    fn fan(&self) -> Result<Rpm, Absence> {
        const AT: &str = "zesFanGetState";
        let fans = self.device.fans.as_ref().map_err(|fault| absence(*fault, AT, Need::Root))?;
        let speed = self.library.rotation(*fans.first().ok_or(NONE)?);
        let speed = speed.map_err(|fault| absence(fault, AT, Need::Root))?;
        u64::try_from(speed).map(Rpm).map_err(|_| UNKNOWN)
    }

    fn link(&self, reading: &mut Reading) {
        let f = self.library.functions();
        let metrics = [Metric::PcieGeneration, Metric::PcieWidth];
        if metrics.iter().any(|metric| self.wanted.has(*metric)) {
            let state = self.library.get(f.device_pci_get_state, self.device.handle, zes_pci_state_t::new());
            let state = state.map_err(|fault| absence(fault, "zesDevicePciGetState", Need::Root));
            let known = |n: i32| u64::try_from(n).ok().filter(|n| *n > 0).map(Count).ok_or(UNKNOWN);
            self.fill(&mut reading.pcie_generation, Metric::PcieGeneration, || known(state?.speed.gen_));
            self.fill(&mut reading.pcie_width, Metric::PcieWidth, || known(state?.speed.width));
        }
        self.fill(&mut reading.pcie_replays, Metric::PcieReplays, || {
            let stats = self.library.get(f.device_pci_get_stats, self.device.handle, zes_pci_stats_t::ZERO);
            let stats = stats.map_err(|fault| absence(fault, "zesDevicePciGetStats", Need::Root))?;
            // Drivers answer with zeros for what they do not count.
            if stats.timestamp == 0 { Err(UNKNOWN) } else { Ok(Count(stats.replayCounter)) }
        });
    }

    /// The part of the time in which engines worked since the last look, whoever looked; of
    /// several tiles the mean.
    fn work_of(
        &self,
        slot: &mut Result<Measured<Permille>, Absence>,
        metric: Metric,
        group: zes_engine_group_t,
    ) {
        self.fill_over(slot, metric, || self.busy(group));
    }

    fn busy(&self, group: zes_engine_group_t) -> Result<(Permille, Nanoseconds), Absence> {
        const AT: &str = "zesEngineGetActivity";
        const PERF: Need = Need::Capability("CAP_PERFMON");
        let engines = self.device.engines.as_ref().map_err(|fault| absence(*fault, AT, PERF))?;
        let function = self.library.functions().engine_get_activity;
        let (mut worked, mut elapsed, mut window) = (0_u64, 0_u64, Nanoseconds::ZERO);
        let mut is_new = false;
        for (number, engine) in engines.iter().enumerate() {
            if engine.what != group || self.tile.is_some() && engine.tile != self.tile {
                continue;
            }
            let stats = self.library.get(function, engine.handle, zes_engine_stats_t::ZERO);
            let stats = stats.map_err(|fault| absence(fault, AT, PERF))?;
            let reader = (self.device.address, Counts::Engines(number), self.tile);
            match self.work.since_last(reader, (stats.activeTime, stats.timestamp), self.now) {
                Some(since) => {
                    worked = worked.saturating_add(since.worked);
                    elapsed = elapsed.saturating_add(since.elapsed);
                    window = since.took;
                }
                None => is_new = true,
            }
        }
        if is_new {
            return Err(Absence::NotYet);
        }
        let share = (u128::from(worked) * 1000).checked_div(u128::from(elapsed)).ok_or(NONE)?;
        Ok((Permille(u64::try_from(share.min(1000)).unwrap_or(1000)), window))
    }

    /// The one part that is the unit's own: of a GPU with several tiles, that of the whole.
    fn own<'a, H, W: Copy>(
        &self,
        parts: &'a Parts<H, W>,
        wanted: impl Fn(W) -> bool,
    ) -> Result<&'a super::device::Part<H, W>, Absence> {
        let parts = listed(parts)?;
        let mut fitting = parts.iter().filter(|part| wanted(part.what));
        match fitting.clone().find(|part| part.tile == self.tile) {
            Some(part) => Ok(part),
            None if fitting.next().is_none() => Err(NONE),
            None if self.tile.is_none() && self.device.has_tiles() => Err(EACH_TILE),
            // A driver may say that the only tile's are on tile 0.
            None if self.tile.is_none() => parts.iter().find(|part| wanted(part.what)).ok_or(NONE),
            None => Err(NONE),
        }
    }
}

/// What memory modules show together.
#[derive(Clone, Copy, Default)]
struct MemoryState {
    physical: Bytes,
    size: Bytes,
    free: Bytes,
    /// The worst of those that are known.
    health: Option<DriverHealth>,
}

/// What went to and from memory modules together.
#[derive(Clone, Copy)]
struct Traffic {
    read: u64,
    written: u64,
    /// Of the most that could have gone since the last look, and how long that is ago.
    share: Result<(Permille, Nanoseconds), Absence>,
}

fn judgement(health: zes_mem_health_t) -> Option<DriverHealth> {
    Some(match health {
        zes_mem_health_t::UNKNOWN => return None,
        zes_mem_health_t::OK => DriverHealth::Ok,
        zes_mem_health_t::DEGRADED => DriverHealth::Warning,
        zes_mem_health_t::CRITICAL => DriverHealth::Critical,
        zes_mem_health_t::REPLACE => DriverHealth::Replace,
        other => DriverHealth::Unknown(other.0),
    })
}

fn listed<T>(parts: &Result<T, Fault>) -> Result<&T, Absence> {
    parts.as_ref().map_err(|fault| absence(*fault, "a list of Level Zero's", Need::Root))
}

/// The parts of a tile; of the whole GPU, all of them.
fn of_tile_or_all<H, W>(
    parts: &Parts<H, W>,
    tile: Option<u32>,
) -> Result<impl Iterator<Item = &super::device::Part<H, W>>, Absence> {
    Ok(listed(parts)?.iter().filter(move |part| tile.is_none() || part.tile == tile))
}
