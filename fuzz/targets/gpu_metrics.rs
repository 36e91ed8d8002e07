//! `gpu_metrics`: every field of every form, and every partition's.

#![no_main]

use gpu_amd::gpu_metrics::{Field, GpuMetrics, PartitionField};
use libfuzzer_sys::fuzz_target;

const FIELDS: [Field; 64] = [
    Field::TemperatureEdge,
    Field::TemperatureHotspot,
    Field::TemperatureMemory,
    Field::TemperatureVrGfx,
    Field::TemperatureVrSoc,
    Field::TemperatureVrMemory,
    Field::TemperatureHbm,
    Field::TemperatureGfx,
    Field::TemperatureSoc,
    Field::GfxActivity,
    Field::MemoryActivity,
    Field::VideoActivity,
    Field::JpegActivity,
    Field::GfxActivitySum,
    Field::MemoryActivitySum,
    Field::SocketPower,
    Field::GfxPower,
    Field::Energy,
    Field::DriverTime,
    Field::FirmwareTime,
    Field::AverageGfxClock,
    Field::AverageSocClock,
    Field::AverageMemoryClock,
    Field::AverageVideoClock,
    Field::GfxClock,
    Field::SocClock,
    Field::MemoryClock,
    Field::VideoClock,
    Field::ThrottleStatus,
    Field::Throttle,
    Field::GfxClockLocks,
    Field::Accumulations,
    Field::ThrottledProchot,
    Field::ThrottledPower,
    Field::ThrottledSocketHeat,
    Field::ThrottledVrHeat,
    Field::ThrottledHbmHeat,
    Field::ThrottledSpl,
    Field::ThrottledFastPower,
    Field::ThrottledSlowPower,
    Field::ThrottledCoreHeat,
    Field::ThrottledGfxHeat,
    Field::ThrottledSocHeat,
    Field::FanRotation,
    Field::FanDuty,
    Field::PcieWidth,
    Field::PcieSpeed,
    Field::PcieTraffic,
    Field::PcieTrafficNow,
    Field::PcieRecoveries,
    Field::PcieReplays,
    Field::PcieReplayRollovers,
    Field::PcieNaksSent,
    Field::PcieNaksReceived,
    Field::XgmiWidth,
    Field::XgmiSpeed,
    Field::XgmiRead,
    Field::XgmiWritten,
    Field::XgmiStatus,
    Field::MemoryBandwidthMax,
    Field::VoltageSoc,
    Field::VoltageGfx,
    Field::VoltageMemory,
    Field::Partitions,
];

const OF_PARTITIONS: [PartitionField; 9] = [
    PartitionField::GfxBusy,
    PartitionField::JpegBusy,
    PartitionField::VideoBusy,
    PartitionField::GfxBusySum,
    PartitionField::BelowLimit,
    PartitionField::BelowLimitPower,
    PartitionField::BelowLimitHeat,
    PartitionField::LowUse,
    PartitionField::BelowLimitAll,
];

/// One field of each kind, by the first byte of the input: all of them at every input would take
/// a hundred times as long.
fn look(which: usize, bytes: &[u8]) {
    let Ok(metrics) = GpuMetrics::decode(bytes) else { return };
    assert_eq!(metrics.version(), (bytes[2], bytes[3]));
    assert_eq!(metrics.size(), usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    assert!(metrics.size() <= bytes.len());
    let field = FIELDS[which % FIELDS.len()];
    let instances = metrics.instances(field);
    assert!(metrics.values(field).count() <= instances);
    assert!(metrics.value(field, instances).is_err(), "{field:?} has one more than it has");
    assert!(metrics.value(field, usize::MAX).is_err());
    assert!(metrics.partition(8).is_err() && metrics.partition(u32::MAX).is_err());
    let field = OF_PARTITIONS[which % OF_PARTITIONS.len()];
    for partition in (0..8).map_while(|index| metrics.partition(index).ok()) {
        let instances = partition.instances(field);
        assert!(partition.values(field).count() <= instances);
        assert!(partition.value(field, instances).is_err());
    }
}

fuzz_target!(|data: &[u8]| {
    let [which, bytes @ ..] = data else { return };
    let which = usize::from(*which);
    look(which, bytes);
    // As long as it says, so that the largest forms need no large input.
    if let [a, b, ..] = *bytes {
        let size = usize::from(u16::from_le_bytes([a, b]));
        let mut whole = [0xff_u8; 4096];
        if bytes.len() < size && size <= whole.len() {
            whole[..bytes.len()].copy_from_slice(bytes);
            look(which, &whole[..size]);
        }
    }
});
