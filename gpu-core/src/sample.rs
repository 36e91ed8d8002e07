//! [`Sample`]: what units and processes showed at one time.

use crate::cursor::Cursor;
use crate::ended::EndedList;
use crate::id::{DeviceId, UnitId};
use crate::problem::Problem;
use crate::process::{Pid, ProcessReading};
use crate::reading::Reading;

/// What one unit showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct UnitReading {
    /// Which unit.
    pub unit: UnitId,
    /// What it showed.
    pub reading: Reading,
}

/// What units and processes showed at one time. The caller's, and reused: once its lists have
/// grown to the machine's size, sampling into it allocates nothing.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_core::{Backend, BackendExt, Query, Sample};
/// let backend = gpu_sim::Machine::preset("hgx-h100-8")?.backend();
/// let mut sample = Sample::new();
/// for _ in 0..3 {
///     sample.clear();
///     backend.sample_into(&Query::everything(), &mut sample)?;
/// }
/// let first = backend.inventory()?.devices[0].id;
/// assert!(sample.reading(first).power.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Sample {
    /// One reading a unit, in the order of the inventory.
    pub units: Vec<UnitReading>,
    /// One reading a process and unit.
    pub processes: Vec<ProcessReading>,
    /// What drivers remember of processes that have ended, device by device, where the query asks
    /// for that.
    pub ended: Vec<EndedList>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// How far each process's history has been read, by device and pid. Kept by
    /// [`Sample::clear`], so that the next sample goes on where this one ended.
    pub cursors: Vec<Cursor>,
}

/// What a unit that was not sampled shows.
static NOT_SAMPLED: Reading = Reading::absent(crate::absence::Absence::NotYet);

impl Sample {
    /// A sample of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            units: Vec::new(),
            processes: Vec::new(),
            ended: Vec::new(),
            problems: Vec::new(),
            cursors: Vec::new(),
        }
    }

    /// Forgets readings, processes and problems; keeps the cursors and the room.
    pub fn clear(&mut self) {
        self.units.clear();
        self.processes.clear();
        self.ended.clear();
        self.problems.clear();
    }

    /// What the unit showed; for one that is not in the sample, a reading in which everything is
    /// [`Absence::NotYet`](crate::Absence::NotYet).
    #[must_use]
    pub fn reading(&self, unit: impl Into<UnitId>) -> &Reading {
        self.get(unit).unwrap_or(&NOT_SAMPLED)
    }

    /// What the unit showed, if it is in the sample.
    #[must_use]
    pub fn get(&self, unit: impl Into<UnitId>) -> Option<&Reading> {
        let unit = unit.into();
        self.units.iter().find(|of| of.unit == unit).map(|of| &of.reading)
    }

    /// The processes on a unit, and on the parts of it.
    pub fn processes_on(&self, unit: impl Into<UnitId>) -> impl Iterator<Item = &ProcessReading> {
        let unit = unit.into();
        self.processes.iter().filter(move |process| process.unit.lies_in(unit))
    }

    /// Adds a unit with every metric absent for one reason, and hands out its reading to be
    /// filled in. For backends.
    #[inline]
    pub fn push(&mut self, unit: impl Into<UnitId>, reading: Reading) -> &mut Reading {
        self.units.push(UnitReading { unit: unit.into(), reading });
        let last = self.units.len() - 1;
        &mut self.units[last].reading
    }

    /// The stamp up to which a process's history on a device has been read; 0 before the first.
    #[must_use]
    pub fn cursor(&self, device: DeviceId, pid: Pid) -> u64 {
        self.cursor_at(device, pid).map_or(0, |at| self.cursors[at].stamp)
    }

    /// Notes how far a process's history on a device has been read. For backends.
    pub fn set_cursor(&mut self, device: DeviceId, pid: Pid, stamp: u64) {
        match self.cursor_at(device, pid) {
            Ok(at) => self.cursors[at].stamp = stamp,
            Err(at) => self.cursors.insert(at, Cursor { device, pid, stamp }),
        }
    }

    /// Where the cursor is, or would be: they are in order.
    fn cursor_at(&self, device: DeviceId, pid: Pid) -> Result<usize, usize> {
        self.cursors.binary_search_by(|cursor| cursor.device.cmp(&device).then(cursor.pid.cmp(&pid)))
    }
}
