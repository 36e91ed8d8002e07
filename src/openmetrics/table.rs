//! Which metric of the model is in which family, under which labels.

use gpu_core::{Metric, Value};

use super::decimal::Decimal;
use super::family::Family;

/// A metric of a device: its family, further labels, decimal places of its unit.
pub(super) struct Row {
    pub(super) family: Family,
    pub(super) metrics: &'static [(Metric, &'static str)],
    pub(super) places: u32,
}

const fn row(family: Family, metrics: &'static [(Metric, &'static str)], places: u32) -> Row {
    Row { family, metrics, places }
}

/// The families of whole devices.
pub(super) static DEVICES: &[Row] = &[
    row(
        Family::gauge("hw_gpu_memory_limit", "bytes", "Device memory that exists."),
        &[(Metric::MemoryTotal, "")],
        0,
    ),
    row(
        Family::gauge("hw_gpu_memory_usage", "bytes", "Device memory in use, without what the driver keeps."),
        &[(Metric::MemoryUsed, "")],
        0,
    ),
    row(
        Family::gauge("gpu_memory_reserved", "bytes", "Device memory that driver and firmware keep."),
        &[(Metric::MemoryReserved, "")],
        0,
    ),
    row(
        Family::gauge("hw_gpu_utilization", "ratio", "Part of the time in which something ran."),
        &[
            (Metric::Busy, "hw_gpu_task=\"general\""),
            (Metric::EncoderBusy, "hw_gpu_task=\"encoder\""),
            (Metric::DecoderBusy, "hw_gpu_task=\"decoder\""),
            (Metric::VideoBusy, "hw_gpu_task=\"video\""),
            (Metric::JpegBusy, "hw_gpu_task=\"jpeg\""),
        ],
        3,
    ),
    row(
        Family::gauge(
            "gpu_memory_bandwidth_utilization",
            "ratio",
            "Part of the time in which device memory was read or written.",
        ),
        &[(Metric::MemoryBusy, "")],
        3,
    ),
    row(
        Family::counter(
            "gpu_memory_traffic",
            "bytes",
            "Bytes that went to and from device memory since the driver was loaded.",
        ),
        &[(Metric::MemoryRead, "direction=\"read\""), (Metric::MemoryWritten, "direction=\"write\"")],
        0,
    ),
    row(Family::gauge("hw_power", "watts", "Power drawn."), &[(Metric::Power, "hw_type=\"gpu\"")], 6),
    row(
        Family::gauge("gpu_power_limit", "watts", "The power limit in force."),
        &[(Metric::PowerLimit, "")],
        6,
    ),
    row(
        Family::counter(
            "hw_energy",
            "joules",
            "Energy since the driver was loaded; where the hardware counter wraps, the raw counter.",
        ),
        &[(Metric::Energy, "hw_type=\"gpu\"")],
        6,
    ),
    row(
        Family::gauge("hw_temperature", "celsius", "Temperature."),
        &[
            (Metric::Temperature, "hw_sensor_location=\"gpu\""),
            (Metric::TemperatureHotspot, "hw_sensor_location=\"hotspot\""),
            (Metric::TemperatureMemory, "hw_sensor_location=\"memory\""),
        ],
        3,
    ),
    row(
        Family::gauge(
            "hw_temperature_limit",
            "celsius",
            "Temperature at which the hardware slows down or shuts off.",
        ),
        &[
            (Metric::TemperatureSlowdown, "hw_limit_type=\"high.degraded\""),
            (Metric::TemperatureShutdown, "hw_limit_type=\"high.critical\""),
        ],
        3,
    ),
    row(
        Family::gauge("gpu_clock", "hertz", "Clock now."),
        &[
            (Metric::ClockGraphics, "clock=\"graphics\""),
            (Metric::ClockSm, "clock=\"sm\""),
            (Metric::ClockMemory, "clock=\"memory\""),
            (Metric::ClockVideo, "clock=\"video\""),
        ],
        0,
    ),
    row(
        Family::counter("hw_errors", "", "Memory errors since the driver was loaded."),
        &[
            (Metric::EccCorrected, "hw_type=\"gpu\",error_type=\"corrected\""),
            (Metric::EccUncorrected, "hw_type=\"gpu\",error_type=\"uncorrected\""),
        ],
        0,
    ),
    row(
        Family::counter("gpu_memory_remapped_rows", "", "Rows of device memory replaced."),
        &[
            (Metric::RemappedRowsCorrected, "error_type=\"corrected\""),
            (Metric::RemappedRowsUncorrected, "error_type=\"uncorrected\""),
        ],
        0,
    ),
    row(
        Family::gauge(
            "gpu_memory_remap_pending",
            "",
            "1 when a row waits for the next reset to be replaced.",
        ),
        &[(Metric::RemappedRowsPending, "")],
        0,
    ),
    row(
        Family::gauge("gpu_memory_remap_failed", "", "1 when replacing a row has failed."),
        &[(Metric::RemappedRowsFailed, "")],
        0,
    ),
    row(
        Family::counter("gpu_memory_retired_pages", "", "Pages of device memory taken out of use."),
        &[(Metric::RetiredPages, "")],
        0,
    ),
    row(Family::counter("gpu_pcie_replays", "", "PCIe packets sent again."), &[(Metric::PcieReplays, "")], 0),
    row(
        Family::gauge("gpu_pcie_generation", "", "PCIe generation of the link now."),
        &[(Metric::PcieGeneration, "")],
        0,
    ),
    row(Family::gauge("gpu_pcie_lanes", "", "Lanes of the PCIe link now."), &[(Metric::PcieWidth, "")], 0),
    row(
        Family::gauge("hw_fan_speed", "ratio", "Speed that the fan is told to turn at, of its maximum."),
        &[(Metric::FanSpeed, "hw_type=\"fan\"")],
        3,
    ),
    row(
        Family::gauge("hw_fan_speed", "rpm", "Speed at which the fan turns."),
        &[(Metric::FanRotation, "hw_type=\"fan\"")],
        0,
    ),
    row(
        Family::gauge(
            "gpu_performance_state",
            "",
            "NVML's performance state: 0 is the fastest, 15 the slowest.",
        ),
        &[(Metric::PerformanceState, "")],
        0,
    ),
];

/// The families of partitions: other names than the devices', so that no sum takes both.
pub(super) static PARTITIONS: &[Row] = &[
    row(
        Family::gauge("gpu_partition_memory_limit", "bytes", "Memory of the partition."),
        &[(Metric::MemoryTotal, "")],
        0,
    ),
    row(
        Family::gauge("gpu_partition_memory_usage", "bytes", "Memory of the partition in use."),
        &[(Metric::MemoryUsed, "")],
        0,
    ),
    row(
        Family::gauge(
            "gpu_partition_utilization",
            "ratio",
            "Part of the time in which something ran on the partition.",
        ),
        &[(Metric::Busy, "")],
        3,
    ),
];

/// A value in units of ten to the power of `places`.
pub(super) fn decimal(value: Value, places: u32) -> Option<Decimal> {
    let number: i128 = match value {
        Value::Bytes(of) => of.get().into(),
        Value::Microwatts(of) => of.get().into(),
        Value::Microjoules(of) => of.get().into(),
        Value::Millicelsius(of) => of.get().into(),
        Value::Hertz(of) => of.get().into(),
        Value::Permille(of) => of.get().into(),
        Value::Nanoseconds(of) => of.get().into(),
        Value::Count(of) => of.get().into(),
        Value::Rpm(of) => of.get().into(),
        // Reasons have a family of their own; what a later release adds has none yet.
        _ => return None,
    };
    Some(Decimal::new(number, places))
}
