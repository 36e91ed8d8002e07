//! What the kernel's files and Level Zero tell of one machine, side by side.

use gpu_core::{
    Absence, Backend, BackendExt, BootTime, Device, Metric, MetricSet, PartitionKind, Reading, Source, UnitId,
};
use gpu_intel::level_zero::LevelZero;

/// The device and its tiles, as units and as Level Zero names them.
pub fn units(device: &Device) -> Vec<(UnitId, Option<u32>)> {
    let tiles = device.partitions.iter().filter(|part| part.kind() == PartitionKind::TILE);
    let tiles = tiles.map(|tile| (tile.id.into(), Some(tile.id.index())));
    std::iter::once((device.id.into(), None)).chain(tiles).collect()
}

/// What Level Zero alone tells of a unit.
pub fn alone(level_zero: &LevelZero, device: &Device, tile: Option<u32>) -> Reading {
    let mut told = Reading::absent(Absence::NotSupported { why: "the test asks Level Zero alone" });
    let address = *device.pci.value().unwrap();
    assert!(level_zero.read(address, tile, MetricSet::ALL, BootTime(1), &mut told), "{address} is not there");
    told
}

/// Every metric that both have is the same; how many there were.
pub fn compare(kernel: &dyn Backend, level_zero: &LevelZero) -> usize {
    let (inventory, sample) = (kernel.inventory().unwrap(), kernel.sample().unwrap());
    let mut compared = 0;
    for device in &inventory.devices {
        for (unit, tile) in units(device) {
            let told = alone(level_zero, device, tile);
            for metric in Metric::ALL {
                if let (Ok(kernel), Ok(other)) = (sample.reading(unit).get(*metric), told.get(*metric)) {
                    assert_eq!(kernel.value, other.value, "{unit} {metric}");
                    assert_eq!(other.source, Source::LevelZero);
                    compared += 1;
                }
            }
        }
    }
    compared
}
