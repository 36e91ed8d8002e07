//! [`Measured`]: a value with when, over how long, and from where.

use core::fmt;
use core::num::NonZeroU64;

use crate::quantity::Nanoseconds;
use crate::time::BootTime;

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Source {
    /// NVIDIA's management library.
    Nvml,
    /// A driver's own sysfs attribute.
    Sysfs,
    /// The kernel's hwmon class.
    Hwmon,
    /// The AMD compute driver's tree in sysfs.
    Kfd,
    /// `/proc`.
    Procfs,
    /// DRM's per-descriptor accounting in `/proc/<pid>/fdinfo`.
    Fdinfo,
    /// Intel's Level Zero Sysman.
    LevelZero,
    /// AMD's `rocm_smi` library.
    RocmSmi,
    /// The kernel's performance counters.
    Perf,
    /// A simulated node: not hardware.
    Simulated,
    /// A third party's source.
    Other,
}

impl Source {
    /// A short constant name, for JSON and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvml => "nvml",
            Self::Sysfs => "sysfs",
            Self::Hwmon => "hwmon",
            Self::Kfd => "kfd",
            Self::Procfs => "procfs",
            Self::Fdinfo => "fdinfo",
            Self::LevelZero => "level_zero",
            Self::RocmSmi => "rocm_smi",
            Self::Perf => "perf",
            Self::Simulated => "simulated",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A value, when it was so, over what window, and who said it. Prints as the value alone.
///
/// ```
/// use gpu_core::{BootTime, Measured, Microwatts, Source};
/// let power = Measured::new(Microwatts::from_watts(310), BootTime(1_000), Source::Nvml);
/// assert_eq!(power.to_string(), "310 W");
/// assert_eq!(power.window(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Measured<T> {
    /// The value.
    pub value: T,
    /// When it was so: the reader's clock at the call, or the source's own stamp where it has one.
    pub as_of: BootTime,
    window: Option<NonZeroU64>,
    /// Who said it.
    pub source: Source,
}

impl<T> Measured<T> {
    /// A value that held at one moment.
    #[must_use]
    pub const fn new(value: T, as_of: BootTime, source: Source) -> Self {
        Self { value, as_of, window: None, source }
    }

    /// A value that is an average or a total over the `window` that ended at `as_of`.
    #[must_use]
    pub const fn over(value: T, as_of: BootTime, window: Nanoseconds, source: Source) -> Self {
        Self { value, as_of, window: NonZeroU64::new(window.0), source }
    }

    /// The length of time that the value speaks of, where the source states one; `None` for a
    /// momentary value, a counter, or a window that the source does not state.
    #[must_use]
    pub fn window(&self) -> Option<Nanoseconds> {
        self.window.map(|ns| Nanoseconds(ns.get()))
    }

    /// The same measurement of what `convert` makes of the value.
    #[must_use]
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Measured<U> {
        let Self { value, as_of, window, source } = self;
        Measured { value: convert(value), as_of, window, source }
    }
}

impl<T: fmt::Display> fmt::Display for Measured<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

#[cfg(feature = "serde")]
impl<T: serde::Serialize> serde::Serialize for Measured<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Measured", 4)?;
        out.serialize_field("value", &self.value)?;
        out.serialize_field("as_of_ns", &self.as_of)?;
        match self.window() {
            Some(window) => out.serialize_field("window_ns", &window)?,
            None => out.skip_field("window_ns")?,
        }
        out.serialize_field("source", &self.source)?;
        out.end()
    }
}
