//! [`Blob`]: what one read of `gpu_metrics` tells, as the family's metrics.
//!
//! Files with a unit of their own (sysfs, hwmon) come first; `gpu_metrics` fills what has none.

use gpu_core::{
    Absence, BootTime, Count, Hertz, Measured, Metric, MetricSet, Permille, Reading, Source, ThrottleReasons,
    Value,
};
use gpu_host::file::Attribute;

use crate::gpu_metrics::{Field, GpuMetrics, PartitionField, PartitionMetrics};

/// The quantity in a value, when it is of that kind.
macro_rules! pick {
    ($value:expr, $kind:ident) => {
        match $value {
            Value::$kind(value) => Some(value),
            _ => None,
        }
    };
}

/// Largest state of the file: sysfs gives at most a page.
pub(crate) const PAGE: usize = 4096;

/// The metrics that `gpu_metrics` may be read for.
const SERVED: &[Metric] = &[
    Metric::Busy,
    Metric::MemoryBusy,
    Metric::VideoBusy,
    Metric::JpegBusy,
    Metric::Power,
    Metric::Energy,
    Metric::Temperature,
    Metric::TemperatureHotspot,
    Metric::TemperatureMemory,
    Metric::ClockGraphics,
    Metric::ClockMemory,
    Metric::ClockVideo,
    Metric::Throttle,
    Metric::ThrottleTicks,
    Metric::ThrottledByProchot,
    Metric::ThrottledByPower,
    Metric::ThrottledBySocketHeat,
    Metric::ThrottledByRegulatorHeat,
    Metric::ThrottledByMemoryHeat,
    Metric::PcieGeneration,
    Metric::PcieWidth,
    Metric::PcieReplays,
    Metric::PcieRecoveries,
    Metric::PcieNaksSent,
    Metric::PcieNaksReceived,
    Metric::FanRotation,
];

/// What one read of `gpu_metrics` tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blob<'a> {
    metrics: Result<GpuMetrics<'a>, Absence>,
    as_of: BootTime,
}

/// A value, as readings hold it.
type Slot<T> = Result<Measured<T>, Absence>;

impl<'a> Blob<'a> {
    /// Reads the file once, if anything that is wanted is in it.
    pub(crate) fn read(
        file: Option<&Attribute>,
        wanted: MetricSet,
        now: BootTime,
        page: &'a mut [u8; PAGE],
    ) -> Self {
        let metrics = match file {
            None => Err(Absence::NotSupported { why: "this driver writes no gpu_metrics for this GPU" }),
            Some(_) if SERVED.iter().all(|metric| !wanted.has(*metric)) => Err(Absence::NotYet),
            Some(file) => match file.read_into(page) {
                Ok(count) => GpuMetrics::decode(&page[..count]),
                Err(absence) => Err(absence),
            },
        };
        // The driver stamps what it writes with the time since boot; a stamp of the future is none.
        let stamp = metrics.and_then(|metrics| metrics.value(Field::DriverTime, 0));
        let as_of = match stamp {
            Ok(Value::Nanoseconds(stamp)) if stamp.get() != 0 && stamp.get() <= now.0 => {
                BootTime(stamp.get())
            }
            _ => now,
        };
        Self { metrics, as_of }
    }

    fn measured<T>(&self, value: T) -> Measured<T> {
        Measured::new(value, self.as_of, Source::Sysfs)
    }

    fn field(&self, field: Field) -> Result<Value, Absence> {
        self.metrics?.value(field, 0)
    }

    /// Fills in what is wanted of the whole GPU, as far as `missing` says that no file has it. A
    /// reason for which a file is missing stays where `gpu_metrics` does not have it either.
    pub(crate) fn fill(&self, wanted: MetricSet, missing: impl Fn(Metric) -> bool, reading: &mut Reading) {
        for metric in SERVED.iter().copied().filter(|metric| wanted.has(*metric) && missing(*metric)) {
            let before = reading.get(metric).err();
            self.device(metric, reading);
            let after = reading.get(metric).err();
            if let (Some(Absence::NotSupported { why }), Some(Absence::NotSupported { .. })) = (before, after)
            {
                reading.set_absent(metric, Absence::NotSupported { why });
            }
        }
    }

    /// A file that refuses may belong to a GPU that has fallen asleep since it was looked at.
    pub(crate) fn explain(self, unreadable: impl FnOnce() -> Option<Absence>) -> Self {
        match self.metrics {
            Err(absence) if crate::reading::may_be_sleep(absence) => {
                Self { metrics: unreadable().map_or(self.metrics, Err), ..self }
            }
            _ => self,
        }
    }

    fn device(&self, metric: Metric, to: &mut Reading) {
        match metric {
            Metric::Busy => to.busy = self.permille(Field::GfxActivity),
            Metric::MemoryBusy => to.memory_busy = self.permille(Field::MemoryActivity),
            Metric::VideoBusy => {
                to.video_busy = self.engines(Field::VideoActivity, PartitionField::VideoBusy)
            }
            Metric::JpegBusy => to.jpeg_busy = self.engines(Field::JpegActivity, PartitionField::JpegBusy),
            Metric::Power => to.power = self.quantity(Field::SocketPower, |v| pick!(v, Microwatts)),
            Metric::Energy => to.energy = self.quantity(Field::Energy, |v| pick!(v, Microjoules)),
            Metric::Temperature => {
                let edge = self.quantity(Field::TemperatureEdge, |v| pick!(v, Millicelsius));
                to.temperature =
                    edge.or_else(|_| self.quantity(Field::TemperatureGfx, |v| pick!(v, Millicelsius)));
            }
            Metric::TemperatureHotspot => {
                to.temperature_hotspot = self.quantity(Field::TemperatureHotspot, |v| pick!(v, Millicelsius));
            }
            Metric::TemperatureMemory => {
                to.temperature_memory = self.quantity(Field::TemperatureMemory, |v| pick!(v, Millicelsius));
            }
            Metric::ClockGraphics => to.clock_graphics = self.fastest(Field::GfxClock, 0, usize::MAX),
            Metric::ClockMemory => to.clock_memory = self.fastest(Field::MemoryClock, 0, usize::MAX),
            Metric::ClockVideo => to.clock_video = self.fastest(Field::VideoClock, 0, usize::MAX),
            Metric::Throttle => to.throttle = self.throttle(),
            Metric::ThrottleTicks => to.throttle_ticks = self.throttled(Field::Accumulations),
            Metric::ThrottledByProchot => to.throttled_by_prochot = self.throttled(Field::ThrottledProchot),
            Metric::ThrottledByPower => to.throttled_by_power = self.throttled(Field::ThrottledPower),
            Metric::ThrottledBySocketHeat => {
                to.throttled_by_socket_heat = self.throttled(Field::ThrottledSocketHeat);
            }
            Metric::ThrottledByRegulatorHeat => {
                to.throttled_by_regulator_heat = self.throttled(Field::ThrottledVrHeat);
            }
            Metric::ThrottledByMemoryHeat => {
                to.throttled_by_memory_heat = self.throttled(Field::ThrottledHbmHeat);
            }
            Metric::PcieGeneration => to.pcie_generation = self.pcie_generation(),
            Metric::PcieWidth => to.pcie_width = self.quantity(Field::PcieWidth, |v| pick!(v, Count)),
            Metric::PcieReplays => to.pcie_replays = self.quantity(Field::PcieReplays, |v| pick!(v, Count)),
            Metric::PcieRecoveries => {
                to.pcie_recoveries = self.quantity(Field::PcieRecoveries, |v| pick!(v, Count));
            }
            Metric::PcieNaksSent => {
                to.pcie_naks_sent = self.quantity(Field::PcieNaksSent, |v| pick!(v, Count))
            }
            Metric::PcieNaksReceived => {
                to.pcie_naks_received = self.quantity(Field::PcieNaksReceived, |v| pick!(v, Count));
            }
            Metric::FanRotation => to.fan_rotation = self.quantity(Field::FanRotation, |v| pick!(v, Rpm)),
            _ => {}
        }
    }

    fn quantity<T>(&self, field: Field, pick: impl FnOnce(Value) -> Option<T>) -> Slot<T> {
        const OTHER: Absence = Absence::Failed { at: "gpu_metrics: a field of another quantity", code: None };
        pick(self.field(field)?).map(|value| self.measured(value)).ok_or(OTHER)
    }

    fn permille(&self, field: Field) -> Slot<Permille> {
        self.quantity(field, |value| pick!(value, Permille))
    }

    /// The mean over the engines of the whole GPU; where only partitions list them, over theirs.
    fn engines(&self, whole: Field, part: PartitionField) -> Slot<Permille> {
        let metrics = self.metrics?;
        if metrics.instances(whole) > 0 {
            return match mean(metrics.values(whole)) {
                Some(busy) => Ok(self.measured(busy)),
                None => Err(metrics.value(whole, 0).err().unwrap_or(NO_ENGINE)),
            };
        }
        let partitions = (0..).map_while(|index| metrics.partition(index).ok());
        let mut sum = (0, 0);
        for partition in partitions {
            let (total, number) = total(partition.values(part));
            sum = (sum.0 + total, sum.1 + number);
        }
        if sum.1 == 0 {
            return Err(metrics.value(whole, 0).err().unwrap_or(NO_ENGINE));
        }
        Ok(self.measured(Permille(sum.0 / sum.1)))
    }

    /// The fastest of the instances `from..to`: dies of one partition, or of the GPU.
    fn fastest(&self, field: Field, from: usize, to: usize) -> Slot<Hertz> {
        let metrics = self.metrics?;
        let to = to.min(metrics.instances(field).max(1));
        let mut fastest = Err(metrics.value(field, from).err().unwrap_or(NO_ENGINE));
        for instance in from..to {
            if let Ok(Value::Hertz(clock)) = metrics.value(field, instance) {
                fastest = Ok(fastest.map_or(clock, |other: Hertz| other.max(clock)));
            }
        }
        fastest.map(|clock| self.measured(clock))
    }

    /// What throttles: by the bits that all chips share, else by the chip's own, kept raw.
    fn throttle(&self) -> Slot<ThrottleReasons> {
        const COUNTED: Absence = Absence::NotSupported {
            why: "the driver counts throttling, and does not say what throttles now: see throttled_by_*",
        };
        let metrics = self.metrics?;
        let reasons = match metrics.value(Field::Throttle, 0) {
            Ok(value) => Ok(value),
            Err(_) => metrics.value(Field::ThrottleStatus, 0),
        };
        match reasons {
            Ok(Value::ThrottleReasons(reasons)) => Ok(self.measured(reasons)),
            _ if metrics.instances(Field::Accumulations) > 0 => Err(COUNTED),
            Ok(_) => Err(NO_ENGINE),
            Err(absence) => Err(absence),
        }
    }

    /// A counter of throttling: ticks among those of [`Field::Accumulations`]. What has no such
    /// total (APUs, 3.0) counts in a unit that is not known.
    fn throttled(&self, field: Field) -> Slot<Count> {
        const NO_TICKS: Absence =
            Absence::NotSupported { why: "this version of gpu_metrics counts no ticks" };
        if self.metrics?.instances(Field::Accumulations) == 0 {
            return Err(NO_TICKS);
        }
        self.quantity(field, |value| pick!(value, Count))
    }

    fn pcie_generation(&self) -> Slot<Count> {
        let tenths = self.quantity(Field::PcieSpeed, |value| pick!(value, Count))?;
        // PCI-SIG's rates by generation, in tenths of GT/s.
        let generation = [25, 50, 80, 160, 320, 640].iter().position(|rate| *rate == tenths.value.get());
        match generation {
            Some(index) => Ok(tenths.map(|_| Count(index as u64 + 1))),
            None => Err(Absence::NotSupported { why: "gpu_metrics gives a rate that PCIe does not have" }),
        }
    }

    /// Fills in what is truly one partition's: activity and clock of its own dies and engines.
    pub(crate) fn fill_partition(&self, of: Place, wanted: MetricSet, reading: &mut Reading) {
        let partition = self.metrics.and_then(|metrics| metrics.partition(of.index));
        let busy = |field| self.partition_busy(partition, field);
        if wanted.has(Metric::Busy) {
            reading.busy = busy(PartitionField::GfxBusy);
        }
        if wanted.has(Metric::VideoBusy) {
            reading.video_busy = busy(PartitionField::VideoBusy);
        }
        if wanted.has(Metric::JpegBusy) {
            reading.jpeg_busy = busy(PartitionField::JpegBusy);
        }
        if wanted.has(Metric::ClockGraphics) {
            reading.clock_graphics = self.clock_of_dies(of).map_err(whole_gpu_only);
        }
    }

    /// The fastest of a partition's dies, where the driver tells them apart.
    fn clock_of_dies(&self, of: Place) -> Slot<Hertz> {
        const NOT_TOLD: Absence =
            Absence::NotSupported { why: "the compute driver does not tell which dies it has" };
        let (start, size) = of.dies.ok_or(NOT_TOLD)?;
        if self.metrics?.instances(Field::GfxClock) < 2 {
            return Err(crate::reading::WHOLE_GPU_ONLY);
        }
        self.fastest(Field::GfxClock, start, start.saturating_add(size))
    }

    fn partition_busy(
        &self,
        partition: Result<PartitionMetrics<'_>, Absence>,
        field: PartitionField,
    ) -> Slot<Permille> {
        let partition = partition.map_err(whole_gpu_only)?;
        match mean(partition.values(field)) {
            Some(busy) => Ok(self.measured(busy)),
            None => Err(partition.value(field, 0).err().unwrap_or(NO_ENGINE)),
        }
    }
}

/// Where a partition is on its GPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) index: u32,
    /// First die and number of dies.
    pub(crate) dies: Option<(usize, usize)>,
}

const NO_ENGINE: Absence = Absence::NotSupported { why: "the driver has no value for it in gpu_metrics" };

/// A driver that has nothing for partitions measures the whole GPU; other reasons stay.
fn whole_gpu_only(absence: Absence) -> Absence {
    match absence {
        Absence::NotSupported { .. } => crate::reading::WHOLE_GPU_ONLY,
        other => other,
    }
}

/// Sum and number of the parts of time.
fn total(values: impl Iterator<Item = Value>) -> (u64, u64) {
    values.fold((0, 0), |(sum, number), value| match value {
        Value::Permille(part) => (sum + part.get(), number + 1),
        _ => (sum, number),
    })
}

/// The mean of the parts of time, cut to thousandths; none of none.
fn mean(values: impl Iterator<Item = Value>) -> Option<Permille> {
    let (sum, number) = total(values);
    sum.checked_div(number).map(Permille)
}
