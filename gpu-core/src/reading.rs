//! The table of metrics, and what is made of it: [`Metric`], [`MetricSet`], [`Reading`], [`Value`].
//!
//! One table is the source for the fields of a reading, the names that exporters use, the
//! capabilities, and the documentation: to add a metric, add a row.

use core::fmt;
use core::str::FromStr;

use crate::absence::Absence;
use crate::driver_health::DriverHealth;
use crate::fabric::Fabric;
use crate::measured::Measured;
use crate::parse::ParseError;
use crate::quantity::{
    Bytes, Count, Hertz, Microjoules, Microwatts, Millicelsius, Nanoseconds, Permille, Rpm,
};
use crate::recovery::RecoveryAction;
use crate::throttle::ThrottleReasons;

/// How a metric behaves over time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Behaviour {
    /// Goes up and down.
    Gauge,
    /// Only grows, but for resets and wraps.
    Counter,
    /// A bound that somebody or the hardware sets.
    Limit,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $field:ident / $variant:ident: $type:ident, $behaviour:ident;)*) => {
        /// The name of one number in a [`Reading`].
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Metric {
            $($(#[$doc])* $variant,)*
        }

        impl Metric {
            /// All metrics, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The metric's canonical name: the field of [`Reading`] that holds it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($field),)*
                }
            }

            /// The name of the type of the metric's value, which says its unit.
            #[must_use]
            pub const fn quantity(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($type),)*
                }
            }

            /// How the metric behaves over time.
            #[must_use]
            pub const fn behaviour(self) -> Behaviour {
                match self {
                    $(Self::$variant => Behaviour::$behaviour,)*
                }
            }
        }

        /// What one unit showed at one time: each metric measured, or why not.
        ///
        /// Backends start from [`Reading::absent`] and fill in what they have.
        ///
        /// ```
        /// use gpu_core::{Absence, BootTime, Measured, Metric, Microwatts, Reading, Source};
        /// let mut reading = Reading::absent(Absence::NotSupported { why: "not in this source" });
        /// reading.power = Ok(Measured::new(Microwatts::from_watts(310), BootTime(1), Source::Nvml));
        /// assert_eq!(reading.get(Metric::Power).unwrap().to_string(), "310 W");
        /// assert!(reading.get(Metric::Energy).is_err());
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[non_exhaustive]
        pub struct Reading {
            $(
                $(#[$doc])*
                #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_metric"))]
                pub $field: Result<Measured<$type>, Absence>,
            )*
        }

        impl Reading {
            /// A reading in which every metric is absent for the same reason.
            #[must_use]
            #[inline]
            pub const fn absent(absence: Absence) -> Self {
                Self { $($field: Err(absence),)* }
            }

            /// One metric, by name, with its quantity in [`Value`].
            ///
            /// # Errors
            /// The [`Absence`] that stands in the value's place.
            pub fn get(&self, metric: Metric) -> Result<Measured<Value>, Absence> {
                match metric {
                    $(Metric::$variant => self.$field.map(|m| m.map(Value::$type)),)*
                }
            }

            /// Adds every metric to a row, in the order of the table.
            #[cfg(feature = "record")]
            pub(crate) fn write(&self, to: &mut crate::recorded::Row<'_>) {
                $(crate::recorded::write_measured(to, &self.$field);)*
            }

            /// Takes one metric from a row.
            #[cfg(feature = "record")]
            pub(crate) fn read(
                &mut self,
                metric: Metric,
                from: &mut crate::recorded::Taken<'_>,
            ) -> Result<(), crate::stored::Error> {
                match metric {
                    $(Metric::$variant => self.$field = crate::recorded::read_measured(from)?,)*
                }
                Ok(())
            }

            /// Puts the same absence in the place of one metric.
            #[inline]
            pub fn set_absent(&mut self, metric: Metric, absence: Absence) {
                match metric {
                    $(Metric::$variant => self.$field = Err(absence),)*
                }
            }
        }
    };
}

metrics! {
    /// Device memory that exists, as the driver counts it. NVML `nvmlDeviceGetMemoryInfo_v2`,
    /// amdgpu `mem_info_vram_total`, Intel `lmem_total_bytes` or `physical_vram_size_bytes`.
    memory_total / MemoryTotal: Bytes, Limit;
    /// Device memory in use, without what the driver reserved for itself.
    memory_used / MemoryUsed: Bytes, Gauge;
    /// Device memory that could still be allocated.
    memory_free / MemoryFree: Bytes, Gauge;
    /// Device memory that driver and firmware keep (NVML `memory_v2.reserved`), in neither used nor free.
    memory_reserved / MemoryReserved: Bytes, Gauge;
    /// System memory that the GPU may use (amdgpu `mem_info_gtt_total`).
    system_memory_total / SystemMemoryTotal: Bytes, Limit;
    /// System memory that the GPU uses (amdgpu `mem_info_gtt_used`).
    system_memory_used / SystemMemoryUsed: Bytes, Gauge;
    /// Part of the time in which something ran (NVML `utilization.gpu`, amdgpu `gpu_busy_percent`):
    /// not how much of the chip it filled.
    busy / Busy: Permille, Gauge;
    /// Part of the time in which device memory was read or written (NVML `utilization.memory`, amdgpu
    /// `mem_busy_percent`); of Intel's the part of the most bytes that could have gone in the time
    /// (Level Zero `zesMemoryGetBandwidth`).
    memory_busy / MemoryBusy: Permille, Gauge;
    /// Bytes read from device memory since the driver was loaded (Level Zero `zesMemoryGetBandwidth`).
    memory_read / MemoryRead: Bytes, Counter;
    /// Bytes written to device memory since the driver was loaded (Level Zero `zesMemoryGetBandwidth`).
    memory_written / MemoryWritten: Bytes, Counter;
    /// Part of the time in which a video encoder ran.
    encoder_busy / EncoderBusy: Permille, Gauge;
    /// Part of the time in which a video decoder ran.
    decoder_busy / DecoderBusy: Permille, Gauge;
    /// Part of the time in which video engines ran that both encode and decode (AMD's VCN): the
    /// mean over those that there are.
    video_busy / VideoBusy: Permille, Gauge;
    /// Part of the time in which JPEG engines ran: the mean over those that there are.
    jpeg_busy / JpegBusy: Permille, Gauge;
    /// Power drawn now (or over the last second: see the measurement's window).
    power / Power: Microwatts, Gauge;
    /// The power limit in force.
    power_limit / PowerLimit: Microwatts, Limit;
    /// The power limit that the board was shipped with.
    power_limit_default / PowerLimitDefault: Microwatts, Limit;
    /// The lowest power limit that may be set.
    power_limit_min / PowerLimitMin: Microwatts, Limit;
    /// The highest power limit that may be set.
    power_limit_max / PowerLimitMax: Microwatts, Limit;
    /// Energy since the driver was loaded; where the hardware counter wraps, the raw counter.
    energy / Energy: Microjoules, Counter;
    /// Temperature of the GPU (NVML `GPU`, hwmon `edge`, Intel package).
    temperature / Temperature: Millicelsius, Gauge;
    /// The hottest spot of the die (hwmon `junction`).
    temperature_hotspot / TemperatureHotspot: Millicelsius, Gauge;
    /// Temperature of the device memory (NVML field `MEMORY_TEMP`, hwmon `mem`, Intel `vram`).
    temperature_memory / TemperatureMemory: Millicelsius, Gauge;
    /// Temperature from which on the hardware slows itself down.
    temperature_slowdown / TemperatureSlowdown: Millicelsius, Limit;
    /// Temperature at which the hardware shuts itself off.
    temperature_shutdown / TemperatureShutdown: Millicelsius, Limit;
    /// Clock of the shader or graphics engine now.
    clock_graphics / ClockGraphics: Hertz, Gauge;
    /// Highest graphics clock.
    clock_graphics_max / ClockGraphicsMax: Hertz, Limit;
    /// Clock of the streaming multiprocessors now (NVIDIA).
    clock_sm / ClockSm: Hertz, Gauge;
    /// Clock of the device memory now.
    clock_memory / ClockMemory: Hertz, Gauge;
    /// Highest memory clock.
    clock_memory_max / ClockMemoryMax: Hertz, Limit;
    /// Clock of the video engine now.
    clock_video / ClockVideo: Hertz, Gauge;
    /// What holds the clocks down (NVML's event reasons, AMD's independent throttler status,
    /// Intel's `reason_*`).
    throttle / Throttle: ThrottleReasons, Gauge;
    /// Ticks at which the firmware of an AMD accelerator has looked at what throttles it
    /// (`gpu_metrics` from 1.6 on, `accumulation_counter`): what the `throttled_by_*` are parts of.
    /// How long a tick is, is told nowhere: divide growth by growth. 32 bits wide: it wraps.
    throttle_ticks / ThrottleTicks: Count, Counter;
    /// Of `throttle_ticks`, those with the board's alarm (`prochot_residency_acc`).
    throttled_by_prochot / ThrottledByProchot: Count, Counter;
    /// Of `throttle_ticks`, those at the package's power limit (`ppt_residency_acc`).
    throttled_by_power / ThrottledByPower: Count, Counter;
    /// Of `throttle_ticks`, those with the socket too hot (`socket_thm_residency_acc`).
    throttled_by_socket_heat / ThrottledBySocketHeat: Count, Counter;
    /// Of `throttle_ticks`, those with a regulator too hot (`vr_thm_residency_acc`).
    throttled_by_regulator_heat / ThrottledByRegulatorHeat: Count, Counter;
    /// Of `throttle_ticks`, those with the memory too hot (`hbm_thm_residency_acc`).
    throttled_by_memory_heat / ThrottledByMemoryHeat: Count, Counter;
    /// NVML's performance state: 0 is the fastest, 15 the slowest.
    performance_state / PerformanceState: Count, Gauge;
    /// Memory errors corrected since the driver was loaded.
    ecc_corrected / EccCorrected: Count, Counter;
    /// Memory errors that could not be corrected since the driver was loaded.
    ecc_uncorrected / EccUncorrected: Count, Counter;
    /// Memory errors corrected in the life of the board.
    ecc_corrected_lifetime / EccCorrectedLifetime: Count, Counter;
    /// Memory errors that could not be corrected in the life of the board.
    ecc_uncorrected_lifetime / EccUncorrectedLifetime: Count, Counter;
    /// Rows of device memory replaced after errors that could be corrected.
    remapped_rows_corrected / RemappedRowsCorrected: Count, Counter;
    /// Rows of device memory replaced after errors that could not be corrected.
    remapped_rows_uncorrected / RemappedRowsUncorrected: Count, Counter;
    /// 1 when a row waits for the next reset to be replaced, else 0.
    remapped_rows_pending / RemappedRowsPending: Count, Gauge;
    /// 1 when replacing a row has failed, else 0.
    remapped_rows_failed / RemappedRowsFailed: Count, Gauge;
    /// Pages of device memory taken out of use (NVML retired pages; amdgpu `gpu_vram_bad_pages`).
    retired_pages / RetiredPages: Count, Counter;
    /// 1 when pages wait for the next reset or reboot to be taken out of use, else 0 (NVML field
    /// `RETIRED_PENDING`; amdgpu: a line with `P` in `gpu_vram_bad_pages`).
    retired_pages_pending / RetiredPagesPending: Count, Gauge;
    /// PCIe generation of the link now.
    pcie_generation / PcieGeneration: Count, Gauge;
    /// Lanes of the PCIe link now.
    pcie_width / PcieWidth: Count, Gauge;
    /// The highest PCIe generation that GPU and slot both have (NVML `nvmlDeviceGetMaxPcieLinkGeneration`;
    /// the lower `max_link_speed` of the function and of the port above it).
    pcie_generation_max / PcieGenerationMax: Count, Limit;
    /// The most PCIe lanes that GPU and slot both have (NVML `nvmlDeviceGetMaxPcieLinkWidth`; the lower
    /// `max_link_width` of the function and of the port above it).
    pcie_width_max / PcieWidthMax: Count, Limit;
    /// PCIe packets sent again.
    pcie_replays / PcieReplays: Count, Counter;
    /// Times that the PCIe link went into recovery.
    pcie_recoveries / PcieRecoveries: Count, Counter;
    /// PCIe packets that the GPU refused (negative acknowledgements sent).
    pcie_naks_sent / PcieNaksSent: Count, Counter;
    /// PCIe packets of the GPU's that were refused (negative acknowledgements received).
    pcie_naks_received / PcieNaksReceived: Count, Counter;
    /// Links to other GPUs or switches that are up: NVLink (NVML field `NVLINK_GET_STATE`). xGMI's and Xe
    /// Link's are not read yet.
    links_up / LinksUp: Count, Gauge;
    /// Links to other GPUs or switches that the GPU has and that are not up. Where all are down, nothing
    /// may be plugged in.
    links_down / LinksDown: Count, Gauge;
    /// How far the GPU has come in joining its NVLink fabric, and what is wrong there (NVML
    /// `nvmlDeviceGetGpuFabricInfoV`).
    fabric / Fabric: Fabric, Gauge;
    /// What the driver asks to be done so that the GPU can be used again (NVML field
    /// `GET_GPU_RECOVERY_ACTION`, driver 560 and later).
    recovery_action / RecoveryAction: RecoveryAction, Gauge;
    /// How well the GPU is, in its driver's own judgement (xe `gpu_health` and `survivability_mode`; Level
    /// Zero `zesMemoryGetState` and `zesDeviceGetState`).
    driver_health / DriverHealth: DriverHealth, Gauge;
    /// Speed that the fan is told to turn at, of its maximum.
    fan_speed / FanSpeed: Permille, Gauge;
    /// Speed at which the fan turns.
    fan_rotation / FanRotation: Rpm, Gauge;
}

const _: () = assert!(Metric::ALL.len() <= 128, "a metric set is 128 bits");

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .iter()
            .copied()
            .find(|metric| metric.name() == text)
            .ok_or_else(|| ParseError::new("metric", text, "a name such as memory_used or power"))
    }
}

crate::text::serde_as_text!(Metric);

impl Reading {
    /// Puts the same absence in the place of every metric that is `wanted`. For backends.
    pub fn fill(&mut self, wanted: MetricSet, absence: Absence) {
        for metric in Metric::ALL.iter().filter(|metric| wanted.has(**metric)) {
            self.set_absent(*metric, absence);
        }
    }

    /// Every metric in the order of the table, with its value or absence.
    pub fn iter(&self) -> impl Iterator<Item = (Metric, Result<Measured<Value>, Absence>)> + '_ {
        Metric::ALL.iter().map(|metric| (*metric, self.get(*metric)))
    }
}

impl Default for Reading {
    /// A reading of nothing yet.
    #[inline]
    fn default() -> Self {
        Self::absent(Absence::NotYet)
    }
}

/// The value of any metric, with its quantity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(untagged))]
#[non_exhaustive]
pub enum Value {
    /// Memory.
    Bytes(Bytes),
    /// Power.
    Microwatts(Microwatts),
    /// Energy.
    Microjoules(Microjoules),
    /// Temperature.
    Millicelsius(Millicelsius),
    /// Frequency.
    Hertz(Hertz),
    /// Part of a whole.
    Permille(Permille),
    /// Time.
    Nanoseconds(Nanoseconds),
    /// A number of things.
    Count(Count),
    /// Rotation.
    Rpm(Rpm),
    /// Reasons.
    ThrottleReasons(ThrottleReasons),
    /// State of an NVLink fabric.
    Fabric(Fabric),
    /// Something to be done.
    RecoveryAction(RecoveryAction),
    /// A driver's judgement.
    DriverHealth(DriverHealth),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(v) => v.fmt(f),
            Self::Microwatts(v) => v.fmt(f),
            Self::Microjoules(v) => v.fmt(f),
            Self::Millicelsius(v) => v.fmt(f),
            Self::Hertz(v) => v.fmt(f),
            Self::Permille(v) => v.fmt(f),
            Self::Nanoseconds(v) => v.fmt(f),
            Self::Count(v) => v.fmt(f),
            Self::Rpm(v) => v.fmt(f),
            Self::ThrottleReasons(v) => v.fmt(f),
            Self::Fabric(v) => v.fmt(f),
            Self::RecoveryAction(v) => v.fmt(f),
            Self::DriverHealth(v) => v.fmt(f),
        }
    }
}

/// Which metrics a query asks for.
///
/// ```
/// use gpu_core::{Metric, MetricSet};
/// let wanted = MetricSet::NONE.with(Metric::Power).with(Metric::Energy);
/// assert!(wanted.has(Metric::Power));
/// assert!(!wanted.has(Metric::Busy));
/// assert!(MetricSet::ALL.has(Metric::Busy));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MetricSet(u128);

impl MetricSet {
    /// Every metric.
    pub const ALL: Self = Self(u128::MAX);
    /// No metric.
    pub const NONE: Self = Self(0);

    /// The set with `metric` in it too.
    #[must_use]
    pub const fn with(self, metric: Metric) -> Self {
        Self(self.0 | 1 << metric as u8)
    }

    /// The set without `metric`.
    #[must_use]
    pub const fn without(self, metric: Metric) -> Self {
        Self(self.0 & !(1 << metric as u8))
    }

    /// What is in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// True when no metric is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        !Metric::ALL.iter().any(|metric| self.has(*metric))
    }

    /// True when `metric` is in the set.
    #[must_use]
    pub const fn has(self, metric: Metric) -> bool {
        self.0 & 1 << metric as u8 != 0
    }
}

impl Default for MetricSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<Metric> for MetricSet {
    fn from_iter<I: IntoIterator<Item = Metric>>(metrics: I) -> Self {
        metrics.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for MetricSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Metric::ALL.iter().filter(|m| self.has(**m))).finish()
    }
}

#[cfg(feature = "serde")]
fn serialize_metric<T: serde::Serialize, S: serde::Serializer>(
    metric: &Result<Measured<T>, Absence>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::Serialize;
    match metric {
        Ok(measured) => measured.serialize(serializer),
        Err(absence) => absence.serialize(serializer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(*metric));
        }
    }

    #[test]
    fn a_set_tells_every_metric_apart() {
        for metric in Metric::ALL {
            let only = MetricSet::NONE.with(*metric);
            assert_eq!(Metric::ALL.iter().filter(|m| only.has(**m)).count(), 1);
            assert!(!only.and(MetricSet::ALL).is_empty());
            assert!(only.and(MetricSet::ALL.without(*metric)).is_empty());
            assert!(!MetricSet::ALL.without(*metric).has(*metric));
        }
    }
}
