//! [`Fault`]: what is broken on a simulated machine.

use gpu_core::{BootTime, EventKind, Nanoseconds};
use serde::{Deserialize, Serialize};

/// Something that is broken, or unusual, on a simulated machine.
///
/// Not every fault shows in every form: a return code is a matter of the C library, a file of
/// the tree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// The vendor's kernel driver is not loaded.
    DriverAbsent {
        /// `nvidia`, `amdgpu`, `i915` or `xe`.
        driver: String,
    },
    /// The GPU falls off the bus at a time.
    DeviceLost {
        /// Position in `gpus`.
        gpu: usize,
        /// From when on.
        at: BootTime,
    },
    /// NVIDIA's driver tells of an event at a time, to whoever listens then.
    Event {
        /// Position in `gpus`; one that is not there makes an event of a device that nobody knows.
        gpu: usize,
        /// When.
        at: BootTime,
        /// NVML's bit of the kind (`nvmlEventType*`): 8 is an Xid. Others too.
        kind: u64,
        /// What comes with it: of an Xid its number.
        #[serde(default)]
        data: u64,
        /// The GPU instance that it is about.
        #[serde(default)]
        gi: Option<u32>,
        /// The compute instance that it is about.
        #[serde(default)]
        ci: Option<u32>,
    },
    /// The library writes more than the struct of an event has, as a newer one might.
    LongEvents,
    /// The caller is not privileged: NVML refuses memory and processes on the parent of MIG
    /// devices and lists of GPU instances, while MIG handles answer.
    Unprivileged,
    /// One library function answers with this code, on one GPU or all.
    ReturnCode {
        /// Name of the function, such as `nvmlDeviceGetPowerUsage`; `*` for all but init.
        function: String,
        /// The vendor's code; unknown ones too.
        code: u32,
        /// Position in `gpus`; `None` for all.
        #[serde(default)]
        gpu: Option<usize>,
    },
    /// One library function, or all (`*`), takes this long; or one call of an in-process backend, in
    /// real time.
    Latency {
        /// Name of the function, or `*`; or vendor and method of a backend (`nvidia/sample_into`,
        /// `amd/inventory`).
        function: String,
        /// How long each call takes.
        time: Nanoseconds,
    },
    /// Every string that the library fills lacks its terminator.
    UnterminatedStrings,
    /// Every list grows by one between asking for its length and filling it.
    GrowingLists,
    /// The energy counter starts again at 0 at a time.
    CounterReset {
        /// Position in `gpus`.
        gpu: usize,
        /// When.
        at: BootTime,
    },
    /// A file of the tree holds this instead of its content.
    FileContent {
        /// Path below the tree's root.
        path: String,
        /// What it holds.
        content: Vec<u8>,
    },
    /// A file or directory of the tree is missing.
    FileMissing {
        /// Path below the tree's root.
        path: String,
    },
    /// A file of the tree is a directory, so that reading it fails.
    FileUnreadable {
        /// Path below the tree's root.
        path: String,
    },
    /// NVML's list of processes uses the struct size that drivers 535.43 to 535.86 had.
    OldProcessStride,
    /// Pids in NVML's lists count in a namespace shifted by this much, as in a container.
    PidsShifted {
        /// Added to every pid.
        by: u32,
    },
    /// Process utilisation has one row a pid, late and in no order, with garbage rows among them.
    GarbageUtilisation,
    /// The management library's indexes run against PCI order, as after a reset.
    IndexesPermuted,
    /// The length of every list that the library tells is garbage: almost as large as it can be.
    GarbageCounts,
    /// Every handle that the library hands out in a list is null.
    NullHandles,
    /// The library leaves the slot of a function empty, as a driver does that does not have it
    /// (Level Zero).
    EmptySlot {
        /// Name of the function, such as `zesDeviceEnumFans`; `*` for all that may be missing.
        function: String,
    },
}

impl Fault {
    /// An Xid of a whole GPU.
    #[must_use]
    pub const fn xid(gpu: usize, at: BootTime, number: u64) -> Self {
        Self::Event { gpu, at, kind: 8, data: number, gi: None, ci: None }
    }
}

/// What an event of this NVML bit is.
pub(crate) const fn event_kind(kind: u64, data: u64) -> EventKind {
    match kind {
        0x1 => EventKind::ErrorsCorrected,
        0x2 => EventKind::ErrorUncorrected,
        0x8 => EventKind::Xid(data),
        0x200 => EventKind::CorrectedStorm,
        0x400 => EventKind::MemoryRetired,
        0x800 => EventKind::RetirementFailed,
        0x1000 => EventKind::PoisonContained,
        0x2000 => EventKind::PoisonFatal,
        0x4000 => EventKind::Unavailable,
        0x8000 => EventKind::RecoveryChanged,
        kind => EventKind::Unknown { kind, data },
    }
}
