//! Processes: their identity, and what one of them shows on one unit.

use core::fmt;

use crate::absence::Absence;
use crate::client_sums::EngineKind;
use crate::engine_cycles::EngineCycles;
use crate::id::UnitId;
use crate::measured::Measured;
use crate::quantity::{Bytes, Count, Nanoseconds, Permille};
use crate::time::{BootId, BootTime};

/// A process number. Says nothing without the namespace that it counts in, and is reused:
/// identity is [`ProcessKey`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Pid(pub u32);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The pid namespace in which a [`Pid`] counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PidView {
    /// The machine's own namespace.
    Host,
    /// The namespace of the process that asked; others may be missing from the list.
    Caller,
    /// The namespace of the `/proc` that was read, which is not known to be the machine's: numbers
    /// mean something among processes that were read there, and nowhere else.
    Mounted,
    /// Not known: the number must not be looked up anywhere.
    Unknown,
}

impl PidView {
    /// True when numbers of both mean the same process. Those of an unknown namespace never do.
    ///
    /// ```
    /// use gpu_core::PidView;
    /// assert!(PidView::Host.is_same(PidView::Host));
    /// assert!(!PidView::Unknown.is_same(PidView::Unknown));
    /// ```
    #[must_use]
    pub fn is_same(self, other: Self) -> bool {
        self == other && self != Self::Unknown
    }
}

/// One process for its whole life: boot, number and start time together are never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProcessKey {
    /// The boot in which it runs.
    pub boot: BootId,
    /// Its number in the namespace of the `/proc` that was read.
    pub pid: Pid,
    /// When it started.
    pub start: BootTime,
}

/// The name of a process as the kernel keeps it: at most 15 bytes, not always text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProcessName {
    bytes: [u8; 15],
    len: u8,
}

impl ProcessName {
    /// The name in these bytes, cut at 15.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        let len = name.len().min(15);
        let mut bytes = [0; 15];
        bytes[..len].copy_from_slice(&name[..len]);
        #[allow(clippy::cast_possible_truncation)] // at most 15
        Self { bytes, len: len as u8 }
    }

    /// The bytes as the kernel wrote them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Prints with control characters and broken text escaped: a process chooses its own name.
impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in String::from_utf8_lossy(self.as_bytes()).chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                fmt::Write::write_char(f, c)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

crate::text::serialize_as_text!(ProcessName);

/// What a process does on a GPU, as a set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProcessKinds(u8);

impl ProcessKinds {
    /// The driver does not tell.
    pub const NONE: Self = Self(0);
    /// Computes (has a compute context or queue).
    pub const COMPUTE: Self = Self(1);
    /// Draws (has a graphics context).
    pub const GRAPHICS: Self = Self(2);
    /// Computes through an MPS server.
    pub const MPS_CLIENT: Self = Self(4);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True when every kind in `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Display for ProcessKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(Self::COMPUTE, "compute"), (Self::GRAPHICS, "graphics"), (Self::MPS_CLIENT, "mps")];
        let mut separator = "";
        for (kind, name) in names {
            if self.contains(kind) {
                write!(f, "{separator}{name}")?;
                separator = "+";
            }
        }
        if separator.is_empty() { f.write_str("unknown") } else { Ok(()) }
    }
}

impl fmt::Debug for ProcessKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

crate::text::serialize_as_text!(ProcessKinds);

/// What one process shows on one unit at one time. A process on several units has several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProcessReading {
    /// The unit that it runs on: the smallest that the driver names.
    pub unit: UnitId,
    /// Its number.
    pub pid: Pid,
    /// The namespace in which the number counts.
    pub pid_view: PidView,
    /// When it started, from `/proc`: with boot and pid, its identity.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub start: Result<BootTime, Absence>,
    /// Its name, from `/proc`.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub name: Result<ProcessName, Absence>,
    /// What it does there.
    pub kinds: ProcessKinds,
    /// Device memory that the driver charges to it on this unit. Managed memory is in the
    /// device's used memory and in nobody's here.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub memory: Result<Measured<Bytes>, Absence>,
    /// Part of the time in which its kernels ran, by the driver's estimate.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub busy: Result<Measured<Permille>, Absence>,
    /// Part of the time in which it read or wrote device memory, by the driver's estimate.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub memory_busy: Result<Measured<Permille>, Absence>,
    /// Part of the time in which it encoded video.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub encoder_busy: Result<Measured<Permille>, Absence>,
    /// Part of the time in which it decoded video.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub decoder_busy: Result<Measured<Permille>, Absence>,
    /// Compute units that its waves fill at this moment, by the driver's extrapolation (AMD's
    /// `cu_occupancy`): a hint, never to be added up over time.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub occupied_units: Result<Measured<Count>, Absence>,
    /// Time that copy engines have worked for its own queues (AMD's `sdma_`). A counter.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub queue_copy_time: Result<Measured<Nanoseconds>, Absence>,
    /// Clients that it has of the unit's DRM device: the fields below are their sums. They are
    /// another account of what may be the same memory and work as above: never to be added to it.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub clients: Result<Measured<Count>, Absence>,
    /// Device memory that DRM charges to its clients.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub client_memory: Result<Measured<Bytes>, Absence>,
    /// System memory that DRM charges to its clients for the GPU's use (AMD's GTT).
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub system_memory: Result<Measured<Bytes>, Absence>,
    /// Memory of its clients that belongs on the device and was moved off it.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub evicted_memory: Result<Measured<Bytes>, Absence>,
    /// Time that graphics engines have worked for its clients. A counter, of the clients that are
    /// open: it falls when one is closed.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub graphics_time: Result<Measured<Nanoseconds>, Absence>,
    /// Time that compute engines have worked for its clients. A counter, as above.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub compute_time: Result<Measured<Nanoseconds>, Absence>,
    /// Time that copy engines have worked for its clients. A counter, as above.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub copy_time: Result<Measured<Nanoseconds>, Absence>,
    /// Time that video engines have worked for its clients. A counter, as above.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub video_time: Result<Measured<Nanoseconds>, Absence>,
    /// Part of the clients' device memory that other clients hold too. It is in the memory of each
    /// of them: sums over processes have it several times.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub shared_memory: Result<Measured<Bytes>, Absence>,
    /// Work of graphics engines for its clients, by drivers that count cycles (Intel's xe). A
    /// counter, as above.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub graphics_cycles: Result<Measured<EngineCycles>, Absence>,
    /// Work of compute engines for its clients, as above.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub compute_cycles: Result<Measured<EngineCycles>, Absence>,
    /// Work of copy engines for its clients, as above.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub copy_cycles: Result<Measured<EngineCycles>, Absence>,
    /// Work of video engines for its clients, as above.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_fact"))]
    pub video_cycles: Result<Measured<EngineCycles>, Absence>,
}

impl ProcessReading {
    /// A process of which only number and unit are known; the rest is absent for that reason.
    #[must_use]
    #[inline]
    pub const fn new(unit: UnitId, pid: Pid, pid_view: PidView, absence: Absence) -> Self {
        Self {
            unit,
            pid,
            pid_view,
            start: Err(Absence::NotYet),
            name: Err(Absence::NotYet),
            kinds: ProcessKinds::NONE,
            memory: Err(absence),
            busy: Err(absence),
            memory_busy: Err(absence),
            encoder_busy: Err(absence),
            decoder_busy: Err(absence),
            occupied_units: Err(absence),
            queue_copy_time: Err(absence),
            clients: Err(absence),
            client_memory: Err(absence),
            system_memory: Err(absence),
            evicted_memory: Err(absence),
            graphics_time: Err(absence),
            compute_time: Err(absence),
            copy_time: Err(absence),
            video_time: Err(absence),
            shared_memory: Err(absence),
            graphics_cycles: Err(absence),
            compute_cycles: Err(absence),
            copy_cycles: Err(absence),
            video_cycles: Err(absence),
        }
    }

    /// Puts the same absence in the place of everything that comes from DRM's accounting.
    pub const fn set_clients_absent(&mut self, absence: Absence) {
        self.clients = Err(absence);
        self.client_memory = Err(absence);
        self.system_memory = Err(absence);
        self.evicted_memory = Err(absence);
        self.graphics_time = Err(absence);
        self.compute_time = Err(absence);
        self.copy_time = Err(absence);
        self.video_time = Err(absence);
        self.shared_memory = Err(absence);
        self.graphics_cycles = Err(absence);
        self.compute_cycles = Err(absence);
        self.copy_cycles = Err(absence);
        self.video_cycles = Err(absence);
    }

    /// Time that engines of one kind have worked for its clients. A counter, of the clients that
    /// are open: it falls when one is closed.
    ///
    /// # Errors
    /// The reason for which the driver does not tell.
    pub const fn engine_time(&self, kind: EngineKind) -> Result<Measured<Nanoseconds>, Absence> {
        match kind {
            EngineKind::Graphics => self.graphics_time,
            EngineKind::Compute => self.compute_time,
            EngineKind::Copy => self.copy_time,
            EngineKind::Video => self.video_time,
        }
    }

    /// Work of engines of one kind for its clients, in cycles. A counter, as above.
    ///
    /// # Errors
    /// The reason for which the driver does not tell.
    pub const fn engine_cycles(&self, kind: EngineKind) -> Result<Measured<EngineCycles>, Absence> {
        match kind {
            EngineKind::Graphics => self.graphics_cycles,
            EngineKind::Compute => self.compute_cycles,
            EngineKind::Copy => self.copy_cycles,
            EngineKind::Video => self.video_cycles,
        }
    }

    /// Time that engines of one kind have worked for its clients since an earlier reading of the
    /// same process on the same unit, over that window: of drivers that count time and of those
    /// that count cycles. Two engines work two seconds in one.
    ///
    /// # Errors
    /// [`Absence::NotYet`] when the counter fell (a client was closed, the GPU was reset) or no
    /// time has passed; else the reason for which either reading has none.
    ///
    /// ```
    /// use gpu_core::{Absence, BootTime, EngineCycles, EngineKind, Measured, Nanoseconds, Pid};
    /// use gpu_core::{PidView, ProcessReading, Source};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let unit = "intel:pci:0000:03:00.0".parse()?;
    /// let mut earlier = ProcessReading::new(unit, Pid(7), PidView::Host, Absence::NotYet);
    /// let mut later = earlier;
    /// let cycles = |worked, elapsed| EngineCycles { worked, elapsed, engines: 1 };
    /// earlier.compute_cycles = Ok(Measured::new(cycles(10, 1_000), BootTime(0), Source::Fdinfo));
    /// later.compute_cycles = Ok(Measured::new(cycles(35, 1_100), BootTime(4_000), Source::Fdinfo));
    /// let worked = later.engine_time_since(&earlier, EngineKind::Compute)?;
    /// assert_eq!((worked.value, worked.window()), (Nanoseconds(1_000), Some(Nanoseconds(4_000))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn engine_time_since(
        &self,
        earlier: &Self,
        kind: EngineKind,
    ) -> Result<Measured<Nanoseconds>, Absence> {
        if let (Ok(now), Ok(then)) = (self.engine_cycles(kind), earlier.engine_cycles(kind)) {
            let took = now.as_of.since(then.as_of);
            let time = now.value.since(then.value).and_then(|cycles| cycles.time(took));
            return time.map(|time| Measured::over(time, now.as_of, took, now.source)).ok_or(Absence::NotYet);
        }
        let (now, then) = (self.engine_time(kind)?, earlier.engine_time(kind)?);
        let took = now.as_of.since(then.as_of);
        match now.value.get().checked_sub(then.value.get()) {
            Some(time) if took != Nanoseconds::ZERO => {
                Ok(Measured::over(Nanoseconds(time), now.as_of, took, now.source))
            }
            _ => Err(Absence::NotYet),
        }
    }

    pub(crate) const fn engine_time_mut(
        &mut self,
        kind: EngineKind,
    ) -> &mut Result<Measured<Nanoseconds>, Absence> {
        match kind {
            EngineKind::Graphics => &mut self.graphics_time,
            EngineKind::Compute => &mut self.compute_time,
            EngineKind::Copy => &mut self.copy_time,
            EngineKind::Video => &mut self.video_time,
        }
    }

    pub(crate) const fn engine_cycles_mut(
        &mut self,
        kind: EngineKind,
    ) -> &mut Result<Measured<EngineCycles>, Absence> {
        match kind {
            EngineKind::Graphics => &mut self.graphics_cycles,
            EngineKind::Compute => &mut self.compute_cycles,
            EngineKind::Copy => &mut self.copy_cycles,
            EngineKind::Video => &mut self.video_cycles,
        }
    }

    /// The reasons for which measurements are absent.
    pub fn absences(&self) -> impl Iterator<Item = Absence> {
        [
            self.memory.err(),
            self.busy.err(),
            self.memory_busy.err(),
            self.encoder_busy.err(),
            self.decoder_busy.err(),
            self.occupied_units.err(),
            self.queue_copy_time.err(),
            self.clients.err(),
            self.client_memory.err(),
            self.system_memory.err(),
            self.evicted_memory.err(),
            self.graphics_time.err(),
            self.compute_time.err(),
            self.copy_time.err(),
            self.video_time.err(),
            self.shared_memory.err(),
            self.graphics_cycles.err(),
            self.compute_cycles.err(),
            self.copy_cycles.err(),
            self.video_cycles.err(),
        ]
        .into_iter()
        .flatten()
    }
}

#[cfg(feature = "serde")]
pub(crate) fn serialize_fact<T: serde::Serialize, S: serde::Serializer>(
    fact: &Result<T, Absence>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::Serialize;
    match fact {
        Ok(value) => value.serialize(serializer),
        Err(absence) => absence.serialize(serializer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_cannot_break_a_line() {
        assert_eq!(ProcessName::new(b"a\nb\x1b[31m").to_string(), "a\\nb\\u{1b}[31m");
        assert_eq!(ProcessName::new(b"\xff\xfe").to_string(), "\u{fffd}\u{fffd}");
        assert_eq!(ProcessName::new(b"0123456789abcdefgh").as_bytes(), b"0123456789abcde");
    }
}
