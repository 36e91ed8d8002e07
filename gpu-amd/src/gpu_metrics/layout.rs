//! The layouts of `gpu_metrics` as one table: which field lies where in which version.
//!
//! Offsets follow from the structures in the kernel's
//! `drivers/gpu/drm/amd/include/kgd_pp_interface.h`: mainline for 1.0 to 1.6, 2.x and 3.0;
//! ROCm's amdgpu (6.16) for the other 1.6, 1.7 and 1.8. Structures that only grew at their end
//! share a column: what lies beyond a version's size is not in it.

use super::Field;
use super::unit::Unit;

/// One version of the structure. Version *and* size tell which: 1.6 exists twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    pub(super) version: (u8, u8),
    /// What the header must give as its size.
    pub(super) size: u16,
    /// The column of [`ROWS`] that holds its offsets.
    pub(super) column: Column,
    /// Where the statistics of its partitions lie.
    pub(super) partitions: Option<Partitions>,
}

/// Where the statistics of partitions lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Partitions {
    pub(super) at: u16,
    /// Size of one partition's statistics.
    pub(super) stride: u16,
    /// Which offsets count within them: the column of [`PARTITION_ROWS`].
    pub(super) column: u8,
}

/// How many partitions have statistics in a structure (`NUM_XCP`).
pub(super) const MOST_PARTITIONS: usize = 8;

/// Structures whose common fields have the same offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Column {
    V1_0,
    V1_1,
    V1_4,
    V1_5,
    V1_6,
    V1_6Rocm,
    V1_7,
    V2_0,
    V2_1,
    V3_0,
}

const fn plain(version: (u8, u8), size: u16, column: Column) -> Layout {
    Layout { version, size, column, partitions: None }
}

const fn cut(version: (u8, u8), size: u16, column: Column, at: u16, stride: u16, form: u8) -> Layout {
    Layout { version, size, column, partitions: Some(Partitions { at, stride, column: form }) }
}

/// Every version that is known.
pub(super) const LAYOUTS: [Layout; 16] = [
    plain((1, 0), 80, Column::V1_0),
    plain((1, 1), 96, Column::V1_1),
    plain((1, 2), 104, Column::V1_1),
    plain((1, 3), 120, Column::V1_1),
    plain((1, 4), 288, Column::V1_4),
    plain((1, 5), 360, Column::V1_5),
    plain((1, 6), 384, Column::V1_6),
    cut((1, 6), 1664, Column::V1_6Rocm, 312, 168, 0),
    cut((1, 7), 2208, Column::V1_7, 344, 232, 1),
    cut((1, 8), 3872, Column::V1_7, 344, 440, 2),
    plain((2, 0), 120, Column::V2_0),
    plain((2, 1), 120, Column::V2_1),
    plain((2, 2), 128, Column::V2_1),
    plain((2, 3), 152, Column::V2_1),
    plain((2, 4), 168, Column::V2_1),
    plain((3, 0), 264, Column::V3_0),
];

/// One field: its width in bytes, how many of it there are, its unit, its offset by column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) field: Field,
    pub(super) width: u8,
    pub(super) count: u8,
    pub(super) unit: Unit,
    pub(super) at: [u16; 10],
}

/// The field is not in these structures: offset 0 is the header's.
const NO: u16 = 0;

macro_rules! rows {
    ($($field:ident $width:literal x $count:literal $unit:ident [$($at:expr),*];)*) => {
        /// The table. A field whose width or unit differs by version has several rows.
        pub(super) const ROWS: &[Row] = &[$(Row {
            field: Field::$field, width: $width, count: $count, unit: Unit::$unit, at: [$($at),*],
        }),*];
    };
}

// Units are the header's; where it is silent, they are those by which the driver's own sensors
// read the same firmware table: APUs have hundredths of degrees and milliwatts. The activity of
// 2.0 to 2.3 and 3.0 is in per cent or in hundredths of it, by chip: it has no unit here.
rows! {
    //                              1.0 1.1  1.4  1.5  1.6  1.6R 1.7  2.0  2.1  3.0
    TemperatureEdge     2 x 1 Celsius     [16, 4,  NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO];
    TemperatureHotspot  2 x 1 Celsius     [18, 6,  4,   4,   4,   4,   4,   NO,  NO,  NO];
    TemperatureMemory   2 x 1 Celsius     [20, 8,  6,   6,   6,   6,   6,   NO,  NO,  NO];
    TemperatureVrGfx    2 x 1 Celsius     [22, 10, NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO];
    TemperatureVrSoc    2 x 1 Celsius     [24, 12, 8,   8,   8,   8,   8,   NO,  NO,  NO];
    TemperatureVrMemory 2 x 1 Celsius     [26, 14, NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO];
    TemperatureHbm      2 x 4 Celsius     [NO, 88, NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO];
    TemperatureGfx      2 x 1 Centi       [NO, NO, NO,  NO,  NO,  NO,  NO,  16,  4,   4];
    TemperatureSoc      2 x 1 Centi       [NO, NO, NO,  NO,  NO,  NO,  NO,  18,  6,   6];
    GfxActivity         2 x 1 Percent     [28, 16, 12,  12,  12,  12,  12,  NO,  NO,  NO];
    GfxActivity         2 x 1 Unstated    [NO, NO, NO,  NO,  NO,  NO,  NO,  40,  28,  42];
    MemoryActivity      2 x 1 Percent     [30, 18, 14,  14,  14,  14,  14,  NO,  NO,  NO];
    VideoActivity       2 x 1 Percent     [32, 20, NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO];
    VideoActivity       2 x 4 Percent     [NO, NO, 16,  16,  16,  NO,  NO,  NO,  NO,  NO];
    VideoActivity       2 x 1 Unstated    [NO, NO, NO,  NO,  NO,  NO,  NO,  42,  30,  44];
    JpegActivity        2 x 32 Percent    [NO, NO, NO,  24,  24,  NO,  NO,  NO,  NO,  NO];
    GfxActivitySum      4 x 1 Number      [NO, 80, 56,  120, 144, 68,  76,  NO,  NO,  NO];
    MemoryActivitySum   4 x 1 Number      [NO, 84, 60,  124, 148, 72,  80,  NO,  NO,  NO];
    SocketPower         2 x 1 Watts       [34, 22, 10,  10,  10,  10,  10,  NO,  NO,  NO];
    SocketPower         2 x 1 Milliwatts  [NO, NO, NO,  NO,  NO,  NO,  NO,  44,  40,  NO];
    SocketPower         4 x 1 Milliwatts  [NO, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  112];
    GfxPower            2 x 1 Milliwatts  [NO, NO, NO,  NO,  NO,  NO,  NO,  50,  46,  NO];
    GfxPower            4 x 1 Milliwatts  [NO, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  124];
    Energy              8 x 1 EnergyUnits [NO, 24, 24,  88,  88,  16,  24,  NO,  NO,  NO];
    DriverTime          8 x 1 Nanoseconds [8,  32, 32,  96,  96,  24,  32,  32,  32,  104];
    FirmwareTime        8 x 1 TensOfNs    [NO, 96, 232, 304, 328, 256, 288, NO,  NO,  NO];
    AverageGfxClock     2 x 1 Megahertz   [40, 40, NO,  NO,  NO,  NO,  NO,  68,  64,  174];
    AverageSocClock     2 x 1 Megahertz   [42, 42, NO,  NO,  NO,  NO,  NO,  70,  66,  176];
    AverageMemoryClock  2 x 1 Megahertz   [44, 44, NO,  NO,  NO,  NO,  NO,  72,  68,  186];
    AverageVideoClock   2 x 1 Megahertz   [46, 46, NO,  NO,  NO,  NO,  NO,  76,  72,  184];
    GfxClock            2 x 1 Megahertz   [54, 54, NO,  NO,  NO,  NO,  NO,  80,  76,  NO];
    GfxClock            2 x 8 Megahertz   [NO, NO, 240, 312, 336, 264, 296, NO,  NO,  NO];
    SocClock            2 x 1 Megahertz   [56, 56, NO,  NO,  NO,  NO,  NO,  82,  78,  NO];
    SocClock            2 x 4 Megahertz   [NO, NO, 256, 328, 352, 280, 312, NO,  NO,  NO];
    MemoryClock         2 x 1 Megahertz   [58, 58, 280, 352, 376, 304, 336, 84,  80,  NO];
    VideoClock          2 x 1 Megahertz   [60, 60, NO,  NO,  NO,  NO,  NO,  88,  84,  NO];
    VideoClock          2 x 4 Megahertz   [NO, NO, 264, 336, 360, 288, 320, NO,  NO,  NO];
    ThrottleStatus      4 x 1 Bits        [68, 68, 40,  104, 128, NO,  NO,  112, 108, NO];
    Throttle            8 x 1 Throttlers  [NO, 112, NO, NO,  NO,  NO,  NO,  NO,  120, NO];
    GfxClockLocks       4 x 1 Bits        [NO, NO, 44,  108, 132, 56,  64,  NO,  NO,  NO];
    Accumulations       4 x 1 Number      [NO, NO, NO,  NO,  104, 32,  40,  NO,  NO,  NO];
    ThrottledProchot    4 x 1 Number      [NO, NO, NO,  NO,  108, 36,  44,  NO,  NO,  228];
    ThrottledPower      4 x 1 Number      [NO, NO, NO,  NO,  112, 40,  48,  NO,  NO,  NO];
    ThrottledSocketHeat 4 x 1 Number      [NO, NO, NO,  NO,  116, 44,  52,  NO,  NO,  NO];
    ThrottledVrHeat     4 x 1 Number      [NO, NO, NO,  NO,  120, 48,  56,  NO,  NO,  NO];
    ThrottledHbmHeat    4 x 1 Number      [NO, NO, NO,  NO,  124, 52,  60,  NO,  NO,  NO];
    ThrottledSpl        4 x 1 Number      [NO, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  232];
    ThrottledFastPower  4 x 1 Number      [NO, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  236];
    ThrottledSlowPower  4 x 1 Number      [NO, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  240];
    ThrottledCoreHeat   4 x 1 Number      [NO, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  244];
    ThrottledGfxHeat    4 x 1 Number      [NO, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  248];
    ThrottledSocHeat    4 x 1 Number      [NO, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  252];
    FanRotation         2 x 1 Rotations   [72, 72, NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO];
    FanDuty             2 x 1 Number      [NO, NO, NO,  NO,  NO,  NO,  NO,  116, 112, NO];
    PcieWidth           1 x 1 Number      [74, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO];
    PcieWidth           2 x 1 Number      [NO, 74, 48,  112, 136, 60,  68,  NO,  NO,  NO];
    PcieSpeed           1 x 1 Number      [75, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO,  NO];
    PcieSpeed           2 x 1 Number      [NO, 76, 50,  114, 138, 62,  70,  NO,  NO,  NO];
    PcieTraffic         8 x 1 Number      [NO, NO, 64,  128, 152, 80,  88,  NO,  NO,  NO];
    PcieTrafficNow      8 x 1 Number      [NO, NO, 72,  136, 160, 88,  96,  NO,  NO,  NO];
    PcieRecoveries      8 x 1 Number      [NO, NO, 80,  144, 168, 96,  104, NO,  NO,  NO];
    PcieReplays         8 x 1 Number      [NO, NO, 88,  152, 176, 104, 112, NO,  NO,  NO];
    PcieReplayRollovers 8 x 1 Number      [NO, NO, 96,  160, 184, 112, 120, NO,  NO,  NO];
    PcieNaksSent        4 x 1 Number      [NO, NO, NO,  168, 192, 120, 128, NO,  NO,  NO];
    PcieNaksReceived    4 x 1 Number      [NO, NO, NO,  172, 196, 124, 132, NO,  NO,  NO];
    XgmiWidth           2 x 1 Number      [NO, NO, 52,  116, 140, 64,  72,  NO,  NO,  NO];
    XgmiSpeed           2 x 1 Number      [NO, NO, 54,  118, 142, 66,  74,  NO,  NO,  NO];
    XgmiRead            8 x 8 Number      [NO, NO, 104, 176, 200, 128, 136, NO,  NO,  NO];
    XgmiWritten         8 x 8 Number      [NO, NO, 168, 240, 264, 192, 200, NO,  NO,  NO];
    XgmiStatus          2 x 8 Number      [NO, NO, NO,  NO,  NO,  NO,  264, NO,  NO,  NO];
    MemoryBandwidthMax  8 x 1 Number      [NO, NO, NO,  NO,  NO,  NO,  16,  NO,  NO,  NO];
    VoltageSoc          2 x 1 Number      [NO, 104, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO];
    VoltageGfx          2 x 1 Number      [NO, 106, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO];
    VoltageMemory       2 x 1 Number      [NO, 108, NO, NO,  NO,  NO,  NO,  NO,  NO,  NO];
    Partitions          2 x 1 Number      [NO, NO, NO,  NO,  NO,  306, 338, NO,  NO,  NO];
}

/// What 2.4 says in hundredths of per cent, where 2.0 to 2.3 leave it open.
pub(super) const HUNDREDTHS: (u8, u8) = (2, 4);

/// One field of a partition's statistics: offsets within them, by [`Partitions::column`].
#[derive(Clone, Copy, Debug)]
pub(super) struct PartitionRow {
    pub(super) field: super::PartitionField,
    pub(super) width: u8,
    pub(super) count: u8,
    pub(super) unit: Unit,
    pub(super) at: [Option<u16>; 3],
}

macro_rules! partition_rows {
    ($($field:ident $width:literal x $count:literal $unit:ident [$($at:expr),*];)*) => {
        /// The table of partitions' statistics (`amdgpu_xcp_metrics`, `_v1_1`, `_v1_2`).
        pub(super) const PARTITION_ROWS: &[PartitionRow] = &[$(PartitionRow {
            field: super::PartitionField::$field, width: $width, count: $count, unit: Unit::$unit, at: [$($at),*],
        }),*];
    };
}

partition_rows! {
    //                                  1.6R       1.7        1.8
    GfxBusy         4 x 8 Percent  [Some(0),   Some(0),   Some(0)];
    JpegBusy        2 x 32 Percent [Some(32),  Some(32),  None];
    JpegBusy        2 x 40 Percent [None,      None,      Some(32)];
    VideoBusy       2 x 4 Percent  [Some(96),  Some(96),  Some(112)];
    GfxBusySum      8 x 8 Number   [Some(104), Some(104), Some(120)];
    BelowLimit      8 x 8 Number   [None,      Some(168), None];
    BelowLimitPower 8 x 8 Number   [None,      None,      Some(184)];
    BelowLimitHeat  8 x 8 Number   [None,      None,      Some(248)];
    LowUse          8 x 8 Number   [None,      None,      Some(312)];
    BelowLimitAll   8 x 8 Number   [None,      None,      Some(376)];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every offset lies in its structure, and no two fields share a byte.
    #[test]
    fn fields_fit_and_do_not_overlap() {
        for layout in LAYOUTS {
            let mut taken = vec![None; usize::from(layout.size)];
            let mut take = |at: usize, len: usize, what: String| {
                for slot in &mut taken[at..at + len] {
                    assert_eq!(*slot, None, "{:?}: {what} lies on another field", layout.version);
                    *slot = Some(what.clone());
                }
            };
            take(0, 4, "header".to_owned());
            for row in ROWS {
                let at = usize::from(row.at[layout.column as usize]);
                let len = usize::from(row.width) * usize::from(row.count);
                if at != 0 && at + len <= usize::from(layout.size) {
                    assert!(at % usize::from(row.width) == 0, "{:?} {:?}", layout.version, row.field);
                    take(at, len, format!("{:?}", row.field));
                } else {
                    // Beyond the end of an older structure, never across it.
                    assert!(
                        at == 0 || at >= usize::from(layout.size),
                        "{:?} {:?}",
                        layout.version,
                        row.field
                    );
                }
            }
            let Some(partitions) = layout.partitions else { continue };
            let all = usize::from(partitions.stride) * MOST_PARTITIONS;
            take(usize::from(partitions.at), all, "partitions".to_owned());
            let mut inner = vec![false; usize::from(partitions.stride)];
            for row in PARTITION_ROWS {
                let Some(at) = row.at[usize::from(partitions.column)] else { continue };
                let len = usize::from(row.width) * usize::from(row.count);
                for slot in &mut inner[usize::from(at)..usize::from(at) + len] {
                    assert!(!*slot, "{:?}: {:?} lies on another field", layout.version, row.field);
                    *slot = true;
                }
            }
            assert!(
                inner.iter().all(|slot| *slot),
                "{:?}: a byte of a partition has no field",
                layout.version
            );
        }
    }

    #[test]
    fn version_and_size_tell_a_layout() {
        for (i, one) in LAYOUTS.iter().enumerate() {
            for other in &LAYOUTS[i + 1..] {
                assert_ne!((one.version, one.size), (other.version, other.size));
            }
        }
    }
}
