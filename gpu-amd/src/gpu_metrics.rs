//! `gpu_metrics`: one binary file in which the driver puts most of what it measures.
//!
//! Its structure has had sixteen forms, told apart by version and size: rows and columns of one table
//! (`layout.rs`). The seventeenth, 1.9, has records that say what they are (`record.rs`).
//!
//! ```
//! use gpu_amd::gpu_metrics::{Field, GpuMetrics};
//! let mut blob = vec![0xff; 120];
//! blob[..4].copy_from_slice(&[120, 0, 1, 3]); // size, format and content revision
//! blob[22..24].copy_from_slice(&310_u16.to_le_bytes());
//! let metrics = GpuMetrics::decode(&blob)?;
//! assert_eq!(metrics.value(Field::SocketPower, 0)?.to_string(), "310 W");
//! assert!(metrics.value(Field::Energy, 0).is_err(), "all ones: the driver has no value");
//! # Ok::<(), gpu_core::Absence>(())
//! ```

mod layout;
mod record;
mod unit;

use gpu_core::{Absence, Value};

use layout::{
    HUNDREDTHS, LAYOUTS, Layout, MOST_PARTITIONS, PARTITION_ROWS, PartitionRow, Partitions, ROWS, Row,
};
use unit::Unit;

/// What absences call the file.
const NAME: &str = "gpu_metrics";
/// The header: size, format revision, content revision.
#[cfg(test)]
const HEADER: usize = 4;

const NOT_IN_VERSION: Absence =
    Absence::NotSupported { why: "this driver's version of gpu_metrics does not have it" };
const OTHER_UNIT: Absence =
    Absence::NotSupported { why: "gpu_metrics gives it in another unit than is known here" };
const NEGATIVE: Absence = Absence::Failed { at: "gpu_metrics holds a value that cannot be", code: None };
const ALL_ONES: Absence = Absence::NotSupported { why: "the driver has no value for it in gpu_metrics" };

/// The name of one number, or list of numbers, in `gpu_metrics`.
///
/// Lists have one instance for each die (clocks of graphics), block (video, JPEG, memory stacks)
/// or link (xGMI), in the driver's order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Field {
    /// Temperature at the edge of the die.
    TemperatureEdge,
    /// The hottest spot of the die.
    TemperatureHotspot,
    /// Temperature of the device memory.
    TemperatureMemory,
    /// Temperature of the regulator for graphics.
    TemperatureVrGfx,
    /// Temperature of the regulator for the SoC.
    TemperatureVrSoc,
    /// Temperature of the regulator for the memory.
    TemperatureVrMemory,
    /// Temperature of each memory stack.
    TemperatureHbm,
    /// Temperature of an APU's graphics.
    TemperatureGfx,
    /// Temperature of an APU's SoC.
    TemperatureSoc,
    /// Part of the time in which graphics or compute ran.
    GfxActivity,
    /// Part of the time in which the memory controller was busy.
    MemoryActivity,
    /// Part of the time in which each video engine ran.
    VideoActivity,
    /// Part of the time in which each JPEG engine ran.
    JpegActivity,
    /// Per cent of activity, added up by the firmware at each of its ticks.
    GfxActivitySum,
    /// Per cent of the memory controller's activity, added up by the firmware at each of its ticks.
    MemoryActivitySum,
    /// Power of the socket.
    SocketPower,
    /// Power of an APU's graphics.
    GfxPower,
    /// Energy counter. 1.0 has one of 32 bits and unknown unit, which is not read.
    Energy,
    /// Time since boot at which the driver filled the structure.
    DriverTime,
    /// Time at which the firmware filled its own, by its own clock.
    FirmwareTime,
    /// Clock of graphics, averaged.
    AverageGfxClock,
    /// Clock of the SoC, averaged.
    AverageSocClock,
    /// Clock of the memory, averaged.
    AverageMemoryClock,
    /// Clock of the first video engine, averaged.
    AverageVideoClock,
    /// Clock of graphics now, for each die.
    GfxClock,
    /// Clock of the SoC now.
    SocClock,
    /// Clock of the memory now.
    MemoryClock,
    /// Clock of each video engine now.
    VideoClock,
    /// Throttlers at work, in bits whose meaning differs by chip.
    ThrottleStatus,
    /// Throttlers at work, in bits that all chips share.
    Throttle,
    /// Dies whose graphics clock is locked, a bit each.
    GfxClockLocks,
    /// Ticks at which the firmware has added up: what the counters below are parts of.
    Accumulations,
    /// Ticks in which the board's alarm (`PROCHOT`) throttled.
    ThrottledProchot,
    /// Ticks in which the power limit throttled.
    ThrottledPower,
    /// Ticks in which the socket's temperature throttled.
    ThrottledSocketHeat,
    /// Ticks in which a regulator's temperature throttled.
    ThrottledVrHeat,
    /// Ticks in which the memory's temperature throttled.
    ThrottledHbmHeat,
    /// Throttling of an APU by its sustained power limit.
    ThrottledSpl,
    /// Throttling of an APU by its fast power limit.
    ThrottledFastPower,
    /// Throttling of an APU by its slow power limit.
    ThrottledSlowPower,
    /// Throttling of an APU by a core's temperature.
    ThrottledCoreHeat,
    /// Throttling of an APU by its graphics' temperature.
    ThrottledGfxHeat,
    /// Throttling of an APU by its SoC's temperature.
    ThrottledSocHeat,
    /// Speed of the fan.
    FanRotation,
    /// What an APU's fan is told, 0 to 255.
    FanDuty,
    /// Lanes of the PCIe link.
    PcieWidth,
    /// Rate of the PCIe link, in tenths of GT/s.
    PcieSpeed,
    /// PCIe traffic, added up. The header says GB/s in some versions and Mb/s in others.
    PcieTraffic,
    /// PCIe traffic now, in the same unit.
    PcieTrafficNow,
    /// Times that the PCIe link went from L0 into recovery.
    PcieRecoveries,
    /// PCIe packets sent again.
    PcieReplays,
    /// Times that the counter of PCIe packets sent again rolled over.
    PcieReplayRollovers,
    /// PCIe packets refused by the GPU.
    PcieNaksSent,
    /// PCIe packets of the GPU's that were refused.
    PcieNaksReceived,
    /// Lanes of an xGMI link.
    XgmiWidth,
    /// Rate of an xGMI link, in Gb/s.
    XgmiSpeed,
    /// Data read over each xGMI link, in the driver's KB.
    XgmiRead,
    /// Data written over each xGMI link, in the driver's KB.
    XgmiWritten,
    /// Whether each xGMI link is up: 0 no, 1 yes, 2 not known.
    XgmiStatus,
    /// Bandwidth of the memory at its highest clock, in GB/s.
    MemoryBandwidthMax,
    /// Voltage of the SoC, in millivolts.
    VoltageSoc,
    /// Voltage of graphics, in millivolts.
    VoltageGfx,
    /// Voltage of the memory, in millivolts.
    VoltageMemory,
    /// Number of partitions that the structure has statistics for.
    Partitions,
}

/// The name of a list of numbers in one partition's statistics, one for each of its dies,
/// JPEG engines or video engines.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum PartitionField {
    /// Part of the time in which the die ran, now.
    GfxBusy,
    /// Part of the time in which the JPEG engine ran.
    JpegBusy,
    /// Part of the time in which the video engine ran.
    VideoBusy,
    /// Per cent of the die's activity, added up by the firmware.
    GfxBusySum,
    /// Ticks in which the die's clock was below what was asked for.
    BelowLimit,
    /// Of those, for power.
    BelowLimitPower,
    /// Of those, for heat.
    BelowLimitHeat,
    /// Ticks in which the die was little used.
    LowUse,
    /// Ticks in which the die's clock was below what was asked for, whatever the reason.
    BelowLimitAll,
}

/// One state of `gpu_metrics`, whose form has been found out. Looks into the bytes that it was
/// made of, copies nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GpuMetrics<'a> {
    bytes: &'a [u8],
    form: Form,
}

/// How the bytes are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// A structure of the table.
    Fixed(&'static Layout),
    /// Records that say what they are.
    Records,
}

/// Where the numbers of a field are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    at: usize,
    width: u8,
    count: u16,
    is_signed: bool,
    /// `None` where it is none that is known of the field.
    unit: Option<Unit>,
}

impl<'a> GpuMetrics<'a> {
    /// Finds out which form these bytes have.
    ///
    /// # Errors
    /// `UnknownVersion` with the version. `Failed` when the header is cut off, the size is not
    /// that of the version, the bytes are fewer than the size, or more (NULs after the end are
    /// let pass: copies of files are padded with them).
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Absence> {
        let [a, b, format, content, ..] = *bytes else {
            return Err(refuse("gpu_metrics is shorter than its header"));
        };
        let (size, version) = (u16::from_le_bytes([a, b]), (format, content));
        if version == record::VERSION {
            let bytes = cut(bytes, size)?;
            if !record::are_whole(bytes) {
                return Err(refuse("gpu_metrics holds other records than it says"));
            }
            return Ok(Self { bytes, form: Form::Records });
        }
        let mut known = LAYOUTS.iter().filter(|layout| layout.version == version).peekable();
        if known.peek().is_none() {
            return Err(Absence::UnknownVersion { of: NAME, version });
        }
        let layout = known
            .find(|layout| layout.size == size)
            .ok_or(refuse("gpu_metrics gives a size that is not its version's"))?;
        cut(bytes, size).map(|bytes| Self { bytes, form: Form::Fixed(layout) })
    }

    /// Format and content revision: (1, 3) for 1.3.
    #[must_use]
    pub const fn version(&self) -> (u8, u8) {
        match self.form {
            Form::Fixed(layout) => layout.version,
            Form::Records => record::VERSION,
        }
    }

    /// Size of the structure: tells the two forms of 1.6 apart.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// How many instances of a field the structure has room for; 0 when it does not have it.
    #[must_use]
    pub fn instances(&self, field: Field) -> usize {
        self.place(field).map_or(0, |place| usize::from(place.count))
    }

    /// One instance of a field, as the quantity that it is.
    ///
    /// # Errors
    /// `NotSupported` when this version does not have it, the driver has no value (all ones), or
    /// its unit is not known; `Failed` when the value cannot be.
    pub fn value(&self, field: Field, instance: usize) -> Result<Value, Absence> {
        let place = self.place(field).ok_or(NOT_IN_VERSION)?;
        let raw = self.number(place.at, place.width, place.count, instance)?;
        if place.is_signed && raw >> (u32::from(place.width) * 8 - 1) != 0 {
            return Err(NEGATIVE);
        }
        place.unit.ok_or(OTHER_UNIT)?.value(raw)
    }

    /// Every instance of a field that has a value.
    pub fn values(&self, field: Field) -> impl Iterator<Item = Value> + '_ {
        (0..self.instances(field)).filter_map(move |instance| self.value(field, instance).ok())
    }

    /// The statistics of one partition.
    ///
    /// # Errors
    /// `NotSupported` when this version has none, or fewer partitions.
    pub fn partition(&self, index: u32) -> Result<PartitionMetrics<'a>, Absence> {
        const FEWER: Absence =
            Absence::NotSupported { why: "gpu_metrics has statistics for fewer partitions" };
        let Form::Fixed(layout) = self.form else { return Err(NOT_IN_VERSION) };
        let partitions = layout.partitions.ok_or(NOT_IN_VERSION)?;
        let number = match self.value(Field::Partitions, 0)? {
            Value::Count(number) => number.get().min(MOST_PARTITIONS as u64),
            _ => return Err(FEWER),
        };
        let index = usize::try_from(index).map_err(|_| FEWER)?;
        if index as u64 >= number {
            return Err(FEWER);
        }
        let start = usize::from(partitions.at) + index * usize::from(partitions.stride);
        Ok(PartitionMetrics { metrics: *self, partitions, start })
    }

    /// Where a field is, if it is in this version.
    fn place(&self, field: Field) -> Option<Place> {
        match self.form {
            Form::Fixed(layout) => {
                let row = self.row(layout, field)?;
                let unit = match row.unit {
                    Unit::Unstated if layout.version == HUNDREDTHS => Unit::CentiPercent,
                    unit => unit,
                };
                let (at, count) = (usize::from(row.at[layout.column as usize]), u16::from(row.count));
                Some(Place { at, width: row.width, count, is_signed: false, unit: Some(unit) })
            }
            Form::Records => {
                let record = record::of(self.bytes, field)?;
                let (at, width, count) = (record.at, record.width, record.count);
                Some(Place { at, width, count, is_signed: record.is_signed, unit: record.unit_of(field) })
            }
        }
    }

    /// The row of a field in a structure.
    fn row(&self, layout: &Layout, field: Field) -> Option<&'static Row> {
        let column = layout.column as usize;
        ROWS.iter().find(|row| {
            let end = usize::from(row.at[column]) + usize::from(row.width) * usize::from(row.count);
            row.field == field && row.at[column] != 0 && end <= self.size()
        })
    }

    /// One number of a list that starts at `at`.
    fn number(&self, at: usize, width: u8, count: u16, instance: usize) -> Result<u64, Absence> {
        if instance >= usize::from(count) {
            return Err(NOT_IN_VERSION);
        }
        let width = usize::from(width);
        let at = at + instance * width;
        let bytes = self.bytes.get(at..at + width).ok_or(NOT_IN_VERSION)?;
        if bytes.iter().all(|byte| *byte == 0xff) {
            return Err(ALL_ONES);
        }
        // amdgpu runs on little-endian machines in this form, and writes in their order.
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

const SHORT: &str = "gpu_metrics is shorter than it says";

const fn refuse(at: &'static str) -> Absence {
    Absence::Failed { at, code: None }
}

/// As many bytes as the header says; behind them only NULs may stand.
fn cut(bytes: &[u8], size: u16) -> Result<&[u8], Absence> {
    let (whole, rest) = bytes.split_at_checked(usize::from(size)).ok_or(refuse(SHORT))?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(refuse("gpu_metrics is longer than it says"));
    }
    Ok(whole)
}

/// The statistics of one partition in `gpu_metrics`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionMetrics<'a> {
    metrics: GpuMetrics<'a>,
    partitions: Partitions,
    start: usize,
}

impl PartitionMetrics<'_> {
    /// How many instances of a field there is room for; 0 when this version does not have it.
    #[must_use]
    pub fn instances(&self, field: PartitionField) -> usize {
        self.row(field).map_or(0, |(row, _)| usize::from(row.count))
    }

    /// One instance of a field, as the quantity that it is. A partition fills as many as it has
    /// dies or engines.
    ///
    /// # Errors
    /// As [`GpuMetrics::value`].
    pub fn value(&self, field: PartitionField, instance: usize) -> Result<Value, Absence> {
        let (row, at) = self.row(field).ok_or(NOT_IN_VERSION)?;
        let raw = self.metrics.number(self.start + at, row.width, row.count.into(), instance)?;
        row.unit.value(raw)
    }

    /// Every instance of a field that has a value.
    pub fn values(&self, field: PartitionField) -> impl Iterator<Item = Value> + '_ {
        (0..self.instances(field)).filter_map(move |instance| self.value(field, instance).ok())
    }

    fn row(&self, field: PartitionField) -> Option<(&'static PartitionRow, usize)> {
        let column = usize::from(self.partitions.column);
        let row = PARTITION_ROWS.iter().find(|row| row.field == field && row.at[column].is_some())?;
        Some((row, usize::from(row.at[column]?)))
    }
}

#[cfg(test)]
const _: () = assert!(HEADER <= LAYOUTS[0].size as usize, "a structure holds its header");

#[cfg(test)]
mod tests;
