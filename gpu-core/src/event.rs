//! [`Event`]: something that happened to a device, as its driver told it, and [`Events`], which waits for
//! such.

use core::fmt;

use crate::error::Error;
use crate::id::UnitId;
use crate::measured::Source;
use crate::quantity::Nanoseconds;
use crate::time::BootTime;
use crate::vendor::Vendor;

/// Something that happened to a device, as its driver told it. What it means is told by `health`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// Whose driver told it.
    pub vendor: Vendor,
    /// What it happened to: the device, or the partition that the driver names. `None` where the driver
    /// names a device that is not known.
    pub unit: Option<UnitId>,
    /// What happened.
    pub kind: EventKind,
    /// When it was told: the reader's clock. Drivers do not say when it happened.
    pub at: BootTime,
    /// Who said it.
    pub source: Source,
}

impl Event {
    /// An event of `vendor`'s at a unit.
    #[must_use]
    pub const fn new(
        vendor: Vendor,
        unit: Option<UnitId>,
        kind: EventKind,
        at: BootTime,
        source: Source,
    ) -> Self {
        Self { vendor, unit, kind, at, source }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Some(unit) => write!(f, "{unit}: {}", self.kind),
            None => write!(f, "{}, an unknown device: {}", self.vendor, self.kind),
        }
    }
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EventKind {
    /// NVIDIA's driver wrote an error of this number into the kernel's log (`nvmlEventTypeXidCriticalError`;
    /// 999 is NVML's own "unknown"). Numbers that nobody knows are kept.
    Xid(u64),
    /// Memory errors were corrected (`nvmlEventTypeSingleBitEccError`).
    ErrorsCorrected,
    /// Very many memory errors were corrected (`nvmlEventTypeSingleBitEccErrorStorm`).
    CorrectedStorm,
    /// A memory error could not be corrected (`nvmlEventTypeDoubleBitEccError`).
    ErrorUncorrected,
    /// Memory was taken out of use (`nvmlEventTypeDramRetirementEvent`).
    MemoryRetired,
    /// Memory could not be taken out of use (`nvmlEventTypeDramRetirementFailure`).
    RetirementFailed,
    /// Data that was known to be wrong was used, and only the program that did is hit
    /// (`nvmlEventTypeNonFatalPoisonError`).
    PoisonContained,
    /// Data that was known to be wrong was used, and the GPU is hit (`nvmlEventTypeFatalPoisonError`).
    PoisonFatal,
    /// The GPU cannot be used (`nvmlEventTypeGpuUnavailableError`).
    Unavailable,
    /// What the driver asks for to be done is another thing now: read it
    /// (`nvmlEventTypeGpuRecoveryAction`).
    RecoveryChanged,
    /// A kind that this version does not know, as the driver wrote it.
    Unknown {
        /// The kind's number or bit.
        kind: u64,
        /// What came with it.
        data: u64,
    },
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Xid(number) => return write!(f, "Xid {number}"),
            Self::ErrorsCorrected => "memory errors corrected",
            Self::CorrectedStorm => "very many memory errors corrected",
            Self::ErrorUncorrected => "uncorrectable memory error",
            Self::MemoryRetired => "memory retired",
            Self::RetirementFailed => "memory could not be retired",
            Self::PoisonContained => "poisoned data, contained",
            Self::PoisonFatal => "poisoned data, fatal",
            Self::Unavailable => "GPU unavailable",
            Self::RecoveryChanged => "recovery action changed",
            Self::Unknown { kind, data } => return write!(f, "unknown event {kind:#x} (data {data})"),
        })
    }
}

/// Waits for what happens to a vendor's devices.
///
/// Object-safe and synchronous: the thread that waits is the caller's. A backend lives at least as long as
/// a wait on it, since the wait borrows it: no library is unloaded under one.
///
/// *Implementers:*
/// - Events between two waits are kept by the driver, or lost by it; never invented.
/// - One device that cannot be waited for never hides the others.
/// - Several threads may wait; each event reaches one of them.
pub trait Events: Send + Sync + fmt::Debug {
    /// Waits until something happens, at most for `limit`, and adds it to `events`, with what else happened
    /// by then. Nothing added means that the time is over.
    ///
    /// Begins to listen at the first call: a `limit` of 0 does that and takes what is there.
    ///
    /// # Errors
    /// When nothing can be waited for: `NotSupported` when no device here tells of events; other kinds when
    /// the driver fails. It may be tried again; devices that answer elsewhere are well.
    fn wait(&self, limit: Nanoseconds, events: &mut Vec<Event>) -> Result<(), Error>;
}
