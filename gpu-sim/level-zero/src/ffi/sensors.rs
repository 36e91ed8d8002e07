//! Memory, engines, power, temperatures, frequencies, errors and fans.

use gpu_core::Nanoseconds;
use level_zero_sys::{
    ze_result_t, zes_engine_group_t, zes_engine_properties_t, zes_engine_stats_t, zes_fan_properties_t,
    zes_fan_speed_units_t, zes_freq_domain_t, zes_freq_properties_t, zes_freq_state_t, zes_mem_bandwidth_t,
    zes_mem_health_t, zes_mem_loc_t, zes_mem_properties_t, zes_mem_state_t, zes_mem_type_t,
    zes_power_energy_counter_t, zes_power_properties_t, zes_ras_error_type_t, zes_ras_properties_t,
    zes_ras_state_t, zes_temp_properties_t, zes_temp_sensors_t,
};

use super::sysman;
use crate::handle::{Handle, Kind};
use crate::out::Out;
use crate::state::{Board, State};

/// The groups of engines of each tile.
const GROUPS: [zes_engine_group_t; 4] = [
    zes_engine_group_t::ALL,
    zes_engine_group_t::COMPUTE_ALL,
    zes_engine_group_t::MEDIA_ALL,
    zes_engine_group_t::COPY_ALL,
];

fn tile_number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn list(
    s: &State,
    device: Handle,
    kind: Kind,
    count: Out<u32>,
    out: Out<Handle>,
    length: impl FnOnce(&Board<'_>) -> usize,
) -> Result<(), ze_result_t> {
    let board = s.device(device)?;
    s.handles(count, out, kind, board.position, length(&board))
}

/// Degrees of the GPU, or of its memory.
fn degrees(board: &Board<'_>, sensor: usize) -> Result<f64, ze_result_t> {
    let above = match sensor {
        0 => 0,
        _ => board.gpu.thermal.memory_above.ok_or(ze_result_t::ERROR_INVALID_ARGUMENT)?.get(),
    };
    #[allow(clippy::cast_precision_loss)] // a temperature
    Ok((board.shown.temperature.get() + above) as f64 / 1000.0)
}

fn mhz(hertz: gpu_core::Hertz) -> f64 {
    #[allow(clippy::cast_precision_loss)] // a frequency
    let hertz = hertz.get() as f64;
    hertz / 1e6
}

/// Milliwatts, where a number has room for them.
fn milliwatts(power: gpu_core::Microwatts) -> i32 {
    i32::try_from(power.get() / 1000).unwrap_or(-1)
}

/// Bytes that a tile's memory moves at once.
const BUS_BYTES: u64 = 128;

/// Bytes that went to and from a tile's memory: half of the most while its engines compute or draw. Three
/// in four were read.
fn moved(tile: gpu_sim::IntelTile, most_a_second: u64) -> u64 {
    let worked = u128::from(tile.compute.max(tile.render).get());
    u64::try_from(worked * u128::from(most_a_second / 2) / 1_000_000_000).unwrap_or(u64::MAX)
}

/// How long the engines of a group have worked. Engines of all kinds work at once, so that all of
/// them together have worked at least as long as the busiest.
fn active(board: &Board<'_>, index: usize) -> Result<Nanoseconds, ze_result_t> {
    let tile = board.tile(index / GROUPS.len())?;
    Ok(match GROUPS[index % GROUPS.len()] {
        zes_engine_group_t::COMPUTE_ALL => tile.compute,
        zes_engine_group_t::MEDIA_ALL => tile.video,
        zes_engine_group_t::COPY_ALL => tile.copy,
        _ => tile.compute.max(tile.render).max(tile.copy).max(tile.video),
    })
}

sysman! {
    fn zesDeviceEnumMemoryModules(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        list(s, device, Kind::Memory, count, out, |board| if board.is_integrated() { 0 } else { board.tiles() })
    };
    fn zesMemoryGetProperties(memory: Handle, out: Out<zes_mem_properties_t>) |s| {
        let (board, index) = s.part(memory, Kind::Memory)?;
        let mut told = zes_mem_properties_t::new();
        told.type_ = if board.tiles() > 1 { zes_mem_type_t::HBM } else { zes_mem_type_t::GDDR6 };
        (told.onSubdevice, told.subdeviceId) = (board.on_tile(), tile_number(index));
        told.location = zes_mem_loc_t::DEVICE;
        told.physicalSize = board.tile(index)?.memory.get();
        (told.busWidth, told.numChannels) = (-1, -1);
        out.put(told)
    };
    fn zesMemoryGetState(memory: Handle, out: Out<zes_mem_state_t>) |s| {
        let (board, index) = s.part(memory, Kind::Memory)?;
        let tile = board.tile(index)?;
        let (size, free) = (tile.memory.get(), tile.memory.saturating_sub(tile.memory_used).get());
        let health = board.gpu.health.memory.get(index).map_or(zes_mem_health_t::OK, |told| zes_mem_health_t(*told));
        out.put(zes_mem_state_t { health, free, size, ..zes_mem_state_t::new() })
    };
    fn zesMemoryGetBandwidth(memory: Handle, out: Out<zes_mem_bandwidth_t>) |s| {
        let (board, index) = s.part(memory, Kind::Memory)?;
        if s.faults.unprivileged {
            return Err(ze_result_t::ERROR_INSUFFICIENT_PERMISSIONS);
        }
        let max = board.gpu.clocks.memory_max.get().saturating_mul(BUS_BYTES);
        let moved = moved(board.tile(index)?, max);
        let (read, write) = (moved / 4 * 3, moved / 4);
        let timestamp = board.now_us();
        out.put(zes_mem_bandwidth_t { readCounter: read, writeCounter: write, maxBandwidth: max, timestamp })
    };
    fn zesDeviceEnumEngineGroups(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        list(s, device, Kind::Engine, count, out, |board| board.tiles() * GROUPS.len())
    };
    fn zesEngineGetProperties(engine: Handle, out: Out<zes_engine_properties_t>) |s| {
        let (board, index) = s.part(engine, Kind::Engine)?;
        let mut told = zes_engine_properties_t::new();
        told.type_ = GROUPS[index % GROUPS.len()];
        (told.onSubdevice, told.subdeviceId) = (board.on_tile(), tile_number(index / GROUPS.len()));
        out.put(told)
    };
    /// From performance counters, which take a privilege.
    fn zesEngineGetActivity(engine: Handle, out: Out<zes_engine_stats_t>) |s| {
        let (board, index) = s.part(engine, Kind::Engine)?;
        if s.faults.unprivileged {
            return Err(ze_result_t::ERROR_INSUFFICIENT_PERMISSIONS);
        }
        out.put(zes_engine_stats_t { activeTime: active(&board, index)?.get() / 1000, timestamp: board.now_us() })
    };
    /// The card's, then each tile's; the graphics of a processor has no sensors of its own.
    fn zesDeviceEnumPowerDomains(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        list(s, device, Kind::Power, count, out, |board| match board.tiles() {
            _ if board.is_integrated() => 0,
            tiles if tiles > 1 => 1 + tiles,
            _ => 1,
        })
    };
    fn zesPowerGetProperties(power: Handle, out: Out<zes_power_properties_t>) |s| {
        let (board, index) = s.part(power, Kind::Power)?;
        let spec = &board.gpu.power;
        let mut told = zes_power_properties_t::new();
        (told.defaultLimit, told.minLimit, told.maxLimit) = (-1, -1, -1);
        match index.checked_sub(1) {
            Some(tile) => (told.onSubdevice, told.subdeviceId) = (1, tile_number(tile)),
            None => told.defaultLimit = milliwatts(spec.limit_default),
        }
        out.put(told)
    };
    fn zesPowerGetEnergyCounter(power: Handle, out: Out<zes_power_energy_counter_t>) |s| {
        let (board, index) = s.part(power, Kind::Power)?;
        let all = board.shown.energy.get();
        let energy = if index == 0 { all } else { all / board.tiles().max(1) as u64 };
        out.put(zes_power_energy_counter_t { energy, timestamp: board.now_us() })
    };
    fn zesDeviceEnumTemperatureSensors(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        list(s, device, Kind::Temperature, count, out, |board| match board.gpu.thermal.memory_above {
            _ if board.is_integrated() => 0,
            None => 1,
            Some(_) => 2,
        })
    };
    fn zesTemperatureGetProperties(sensor: Handle, out: Out<zes_temp_properties_t>) |s| {
        let (_, index) = s.part(sensor, Kind::Temperature)?;
        let mut told = zes_temp_properties_t::new();
        told.type_ = if index == 0 { zes_temp_sensors_t::GPU } else { zes_temp_sensors_t::MEMORY };
        told.maxTemperature = -1.0;
        out.put(told)
    };
    fn zesTemperatureGetState(sensor: Handle, out: Out<f64>) |s| {
        let (board, index) = s.part(sensor, Kind::Temperature)?;
        out.put(degrees(&board, index)?)
    };
    /// Each tile's GPU clock, then the memory's, where there is some.
    fn zesDeviceEnumFrequencyDomains(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        list(s, device, Kind::Frequency, count, out, |board| board.tiles() + usize::from(!board.is_integrated()))
    };
    fn zesFrequencyGetProperties(domain: Handle, out: Out<zes_freq_properties_t>) |s| {
        let (board, index) = s.part(domain, Kind::Frequency)?;
        let clocks = &board.gpu.clocks;
        let mut told = zes_freq_properties_t::new();
        if index < board.tiles() {
            (told.onSubdevice, told.subdeviceId) = (board.on_tile(), tile_number(index));
            (told.min, told.max) = (mhz(clocks.graphics_idle), mhz(clocks.graphics_max));
        } else {
            told.type_ = zes_freq_domain_t::MEMORY;
            (told.min, told.max) = (mhz(clocks.memory_idle), mhz(clocks.memory_max));
        }
        out.put(told)
    };
    fn zesFrequencyGetState(domain: Handle, out: Out<zes_freq_state_t>) |s| {
        let (board, index) = s.part(domain, Kind::Frequency)?;
        let now = if index < board.tiles() { board.shown.clock_graphics } else { board.shown.clock_memory };
        let mut told = zes_freq_state_t::new();
        (told.currentVoltage, told.request, told.tdp, told.efficient) = (-1.0, mhz(now), -1.0, -1.0);
        told.actual = mhz(now);
        out.put(told)
    };
    /// Two on the first tile: corrected, not corrected.
    fn zesDeviceEnumRasErrorSets(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        list(s, device, Kind::Ras, count, out, |board| if board.gpu.ecc.is_some() { 2 } else { 0 })
    };
    fn zesRasGetProperties(set: Handle, out: Out<zes_ras_properties_t>) |s| {
        let (board, index) = s.part(set, Kind::Ras)?;
        let mut told = zes_ras_properties_t::new();
        told.type_ = if index == 0 { zes_ras_error_type_t::CORRECTABLE } else { zes_ras_error_type_t::UNCORRECTABLE };
        told.onSubdevice = board.on_tile();
        out.put(told)
    };
    fn zesRasGetState(set: Handle, _clear: u8, out: Out<zes_ras_state_t>) |s| {
        let (board, index) = s.part(set, Kind::Ras)?;
        let ecc = board.gpu.ecc.as_ref().ok_or(ze_result_t::ERROR_UNSUPPORTED_FEATURE)?;
        if s.faults.unprivileged {
            return Err(ze_result_t::ERROR_INSUFFICIENT_PERMISSIONS);
        }
        let mut told = zes_ras_state_t::new();
        // Memory is among the hardware that does not compute; one error of a program beside it.
        told.category[4] = if index == 0 { ecc.corrected } else { ecc.uncorrected };
        told.category[1] = 1;
        out.put(told)
    };
    fn zesDeviceEnumFans(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        list(s, device, Kind::Fan, count, out, |board| usize::from(board.gpu.thermal.fan_full_rpm.is_some()))
    };
    fn zesFanGetProperties(fan: Handle, out: Out<zes_fan_properties_t>) |s| {
        let (board, _) = s.part(fan, Kind::Fan)?;
        let mut told = zes_fan_properties_t::new();
        told.supportedUnits = 1 << zes_fan_speed_units_t::RPM.0;
        told.maxRPM = board.gpu.thermal.fan_full_rpm.and_then(|rpm| i32::try_from(rpm).ok()).unwrap_or(-1);
        told.maxPoints = -1;
        out.put(told)
    };
    fn zesFanGetState(fan: Handle, unit: zes_fan_speed_units_t, out: Out<i32>) |s| {
        let (board, _) = s.part(fan, Kind::Fan)?;
        if unit != zes_fan_speed_units_t::RPM {
            return Err(ze_result_t::ERROR_UNSUPPORTED_FEATURE);
        }
        let full = board.gpu.thermal.fan_full_rpm.unwrap_or(0);
        out.put(i32::try_from(full * board.shown.busy / 1000).unwrap_or(-1))
    };
}
