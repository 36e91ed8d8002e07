//! [`History`]: what earlier looks showed, so that counters become times.

use std::collections::BTreeMap;

use super::engine::Engine;
use crate::absence::Absence;
use crate::ended::{EndedList, EndedReading};
use crate::engine_cycles::EngineCycles;
use crate::id::{DeviceId, UnitId};
use crate::measured::Measured;
use crate::process::{Pid, PidView, ProcessKey, ProcessReading};
use crate::quantity::{Nanoseconds, Permille};
use crate::sweep::EndedProcess;
use crate::time::BootTime;

/// What earlier looks showed: the caller's, kept from look to look. Holds nothing of processes that
/// are gone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    lives: BTreeMap<Life, Kept>,
    /// Ended processes that were told, with the look that last had them.
    told: BTreeMap<(DeviceId, Pid, Option<BootTime>), u64>,
    look: u64,
}

/// One process' life on one unit.
type Life = (UnitId, Pid, PidView, BootTime);

/// What is kept of one life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Kept {
    counters: [Option<Counter>; Engine::ALL.len()],
    /// How much time of the shaders its lines have had.
    counted: Nanoseconds,
    /// The look that last had it.
    look: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Counter {
    value: Value,
    as_of: BootTime,
}

/// What an engine's counter stands at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// Time that it has worked.
    Time(Nanoseconds),
    /// Cycles that it has worked, beside all.
    Cycles(EngineCycles),
    /// An estimate, which counts nothing.
    Nothing,
}

impl Value {
    /// How long the engine has worked since an earlier value, `took` ago.
    fn since(self, earlier: Self, took: Nanoseconds) -> Option<Nanoseconds> {
        match (self, earlier) {
            (Self::Time(now), Self::Time(then)) => now.checked_sub(then),
            (Self::Cycles(now), Self::Cycles(then)) => now.since(then)?.time(took),
            // The driver has begun to count otherwise.
            _ => None,
        }
    }
}

/// What a process did on an engine: part of the time, how long, and of what time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Work {
    pub(super) share: Permille,
    pub(super) time: Result<Nanoseconds, Absence>,
    pub(super) covered: Result<Nanoseconds, Absence>,
}

/// A client that was closed took its counter with it.
const WENT_BACK: Absence =
    Absence::Failed { at: "a counter that went back: a client was closed", code: None };
const NAMELESS: Absence =
    Absence::NotSupported { why: "the process' start is not known: two of one number cannot be told" };

impl History {
    /// A history of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { lives: BTreeMap::new(), told: BTreeMap::new(), look: 0 }
    }

    /// Begins a look that has these processes.
    pub(super) fn begin(&mut self, processes: &[ProcessReading]) {
        self.look += 1;
        for life in processes.iter().filter_map(|process| life(process).ok()) {
            self.lives.entry(life).or_default().look = self.look;
        }
    }

    /// Forgets the processes that the look does not have any more. One that it has, and that had no
    /// number this time, keeps its last; of one that ended, what was counted stays while the sweeper
    /// remembers it.
    pub(super) fn end(&mut self, ended: &[EndedProcess]) {
        let look = self.look;
        self.lives.retain(|(_, pid, _, start), kept| {
            let is_it = |process: &EndedProcess| (process.key.pid, process.key.start) == (*pid, *start);
            kept.look == look || ended.iter().any(is_it)
        });
    }

    /// How much time of the shaders a process' lines have had on a device and its parts.
    pub(super) fn counted_so_far(&self, device: DeviceId, process: &ProcessKey) -> Nanoseconds {
        let lives = self.lives.iter().filter(|((unit, pid, _, start), _)| {
            (unit.device(), *pid, *start) == (device, process.pid, process.start)
        });
        lives.fold(Nanoseconds::ZERO, |sum, (_, kept)| sum.saturating_add(kept.counted))
    }

    /// Whether an ended process was told before; it is from now on.
    pub(super) fn is_told(&mut self, device: DeviceId, process: &EndedReading) -> bool {
        self.told.insert((device, process.pid, process.began.ok()), self.look).is_some()
    }

    /// Forgets the ended processes that the drivers have forgotten. Of a device whose driver does not
    /// answer this time nothing is forgotten: it would be told again.
    pub(super) fn keep_told(&mut self, lists: &[EndedList]) {
        let look = self.look;
        self.told.retain(|(device, ..), told| {
            let answers = |list: &EndedList| list.device == *device && list.processes.is_ok();
            *told == look || !lists.iter().any(answers)
        });
    }

    /// What the counter has grown by since the last look.
    pub(super) fn counted(
        &mut self,
        process: &ProcessReading,
        engine: Engine,
        now: Measured<Value>,
    ) -> Result<Work, Absence> {
        let earlier = self.put(process, engine, now.value, now.as_of)?.ok_or(Absence::NotYet)?;
        let covered = now.as_of.since(earlier.as_of);
        if covered == Nanoseconds::ZERO {
            return Err(Absence::NotYet);
        }
        let time = now.value.since(earlier.value, covered).ok_or(WENT_BACK)?;
        Ok(Work { share: share(time, covered), time: Ok(time), covered: Ok(covered) })
    }

    /// What a part of the time comes to: of the window that the source states, else of the time
    /// since its last answer.
    pub(super) fn estimated(
        &mut self,
        process: &ProcessReading,
        engine: Engine,
        now: Measured<Permille>,
    ) -> Work {
        let earlier = self.put(process, engine, Value::Nothing, now.as_of);
        let since = |earlier: Option<Counter>| match earlier {
            Some(earlier) if earlier.as_of < now.as_of => Ok(now.as_of.since(earlier.as_of)),
            _ => Err(Absence::NotYet),
        };
        let covered = now.window().map_or_else(|| earlier.and_then(since), Ok);
        let time = covered.map(|covered| part(covered, now.value));
        if let (Engine::Shader, Ok(time), Ok(life)) = (engine, time, life(process)) {
            let kept = self.lives.entry(life).or_default();
            kept.counted = kept.counted.saturating_add(time);
        }
        Work { share: now.value, time, covered }
    }

    /// Notes a counter, and hands out what it was.
    fn put(
        &mut self,
        process: &ProcessReading,
        engine: Engine,
        value: Value,
        as_of: BootTime,
    ) -> Result<Option<Counter>, Absence> {
        let kept = self.lives.entry(life(process)?).or_default();
        Ok(kept.counters[engine as usize].replace(Counter { value, as_of }))
    }
}

fn life(process: &ProcessReading) -> Result<Life, Absence> {
    let start = process.start.map_err(|_| NAMELESS)?;
    Ok((process.unit, process.pid, process.pid_view, start))
}

/// A part of a span of time, rounded down.
pub(super) fn part(span: Nanoseconds, part: Permille) -> Nanoseconds {
    let time = u128::from(span.get()) * u128::from(part.get()) / 1000;
    Nanoseconds(u64::try_from(time).unwrap_or(u64::MAX))
}

/// Which part of `span` a time is, rounded down; more than 1000 ‰ where several engines worked.
fn share(time: Nanoseconds, span: Nanoseconds) -> Permille {
    let share = u128::from(time.get()) * 1000 / u128::from(span.get().max(1));
    Permille(u64::try_from(share).unwrap_or(u64::MAX))
}
