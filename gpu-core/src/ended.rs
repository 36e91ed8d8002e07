//! [`EndedReading`]: what a driver keeps of a process that has ended.

use crate::absence::Absence;
use crate::id::DeviceId;
use crate::measured::Source;
use crate::process::{Pid, PidView};
use crate::quantity::{Bytes, Nanoseconds, Permille};
use crate::time::BootTime;

/// What a driver keeps of one process that has ended: its whole life on one device.
///
/// Source: NVML's accounting (`nvmlDeviceGetAccountingStats`), which root switches on; no other
/// vendor keeps anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EndedReading {
    /// Its number, which another process may have by now.
    pub pid: Pid,
    /// The namespace in which the number counts.
    pub pid_view: PidView,
    /// When it began to use the device: not before it started.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub began: Result<BootTime, Absence>,
    /// For how long it used the device.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub lasted: Result<Nanoseconds, Absence>,
    /// Most device memory that it held at a time.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub memory_peak: Result<Bytes, Absence>,
    /// Part of that time in which its kernels ran, by the driver's estimate.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub busy: Result<Permille, Absence>,
    /// Part of that time in which it read or wrote device memory, by the driver's estimate.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub memory_busy: Result<Permille, Absence>,
    /// Who says so.
    pub source: Source,
}

impl EndedReading {
    /// A process of which only the number is known; the rest is absent for that reason.
    #[must_use]
    pub const fn new(pid: Pid, pid_view: PidView, source: Source, absence: Absence) -> Self {
        let (began, lasted, memory_peak) = (Err(absence), Err(absence), Err(absence));
        Self {
            pid,
            pid_view,
            began,
            lasted,
            memory_peak,
            busy: Err(absence),
            memory_busy: Err(absence),
            source,
        }
    }
}

/// The ended processes that the driver of a device still remembers.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EndedList {
    /// The device.
    pub device: DeviceId,
    /// The processes, or why the driver remembers none. The same ones come in every sample until
    /// the driver forgets them.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub processes: Result<Vec<EndedReading>, Absence>,
}

impl EndedList {
    /// What the driver of a device remembers.
    #[must_use]
    pub const fn new(device: DeviceId, processes: Result<Vec<EndedReading>, Absence>) -> Self {
        Self { device, processes }
    }

    /// The answer of a driver that keeps nothing of processes that have ended.
    #[must_use]
    pub const fn not_kept(device: DeviceId) -> Self {
        const WHY: &str = "the driver keeps nothing of a process that has ended";
        Self { device, processes: Err(Absence::NotSupported { why: WHY }) }
    }
}
