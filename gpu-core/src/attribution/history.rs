//! [`History`]: what earlier looks showed, so that counters become times.

use std::collections::BTreeMap;

use super::engine::Engine;
use crate::absence::Absence;
use crate::drm_client::DrmClient;
use crate::ended::{EndedList, EndedReading};
use crate::engine_cycles::EngineCycles;
use crate::id::{DeviceId, UnitId};
use crate::measured::Measured;
use crate::pci::PciAddress;
use crate::process::{Pid, PidView, ProcessKey, ProcessReading};
use crate::quantity::{Nanoseconds, Permille};
use crate::sweep::Sweep;
use crate::time::BootTime;

/// What earlier looks showed: the caller's, kept from look to look. Holds nothing of processes that
/// are gone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    lives: BTreeMap<Life, Kept>,
    /// Ended processes that were told, with the look that last had them.
    told: BTreeMap<(DeviceId, Pid, Option<BootTime>), u64>,
    /// Devices whose driver has answered once: what it remembered then had ended before.
    listed: Vec<DeviceId>,
    /// The DRM clients of the look before, each with the process that it was listed with, in order.
    clients: Vec<(ClientKey, Pid)>,
    look: u64,
    /// When the look was taken, as far as its processes tell.
    taken_at: BootTime,
}

type ClientKey = (Option<PciAddress>, u64);

/// Looks for which what was counted of a process stays when it is not seen: it may come back, or end
/// later.
const LOOKS: u64 = 32;

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
    /// Time that it has worked, by DRM's accounting.
    Time(Nanoseconds),
    /// Time that it has worked for queues of the compute driver's: another account.
    QueueTime(Nanoseconds),
    /// Cycles that it has worked, beside all.
    Cycles(EngineCycles),
    /// An estimate, which counts nothing.
    Nothing,
}

impl Value {
    /// How long the engine has worked since an earlier value, `took` ago.
    fn since(self, earlier: Self, took: Nanoseconds) -> Option<Nanoseconds> {
        match (self, earlier) {
            (Self::Time(now), Self::Time(then)) | (Self::QueueTime(now), Self::QueueTime(then)) => {
                now.checked_sub(then)
            }
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
        Self {
            lives: BTreeMap::new(),
            told: BTreeMap::new(),
            listed: Vec::new(),
            clients: Vec::new(),
            look: 0,
            taken_at: BootTime(0),
        }
    }

    /// Begins a look that has these processes.
    pub(super) fn begin(&mut self, processes: &[ProcessReading]) {
        self.look += 1;
        let times = processes.iter().flat_map(|process| {
            [process.memory.ok().map(|of| of.as_of), process.busy.ok().map(|of| of.as_of)]
        });
        self.taken_at = times.flatten().fold(self.taken_at, BootTime::max);
        for life in processes.iter().filter_map(|process| life(process).ok()) {
            self.lives.entry(life).or_default().look = self.look;
        }
    }

    /// Forgets the processes that have not been seen for some looks. Of one that ended, what was
    /// counted stays while the sweeper remembers it; where the sweep failed, nothing is forgotten.
    pub(super) fn end(&mut self, sweep: &Sweep) {
        let holders = sweep.processes.iter().flat_map(|process| {
            process.clients.iter().filter_map(|client| Some((client.key()?, process.key.pid)))
        });
        self.clients.clear();
        self.clients.extend(holders);
        self.clients.sort_unstable();
        if sweep.pids == PidView::Unknown {
            return;
        }
        let look = self.look;
        let mut ended: Vec<(Pid, BootTime)> =
            sweep.ended.iter().map(|process| (process.key.pid, process.key.start)).collect();
        ended.sort_unstable();
        self.lives.retain(|(_, pid, _, start), kept| {
            kept.look + LOOKS > look || ended.binary_search(&(*pid, *start)).is_ok()
        });
    }

    /// Begins the counters of a process anew where it is now listed with a client that another had
    /// before: what that has worked so far is in the other's lines.
    pub(super) fn rebase(&mut self, process: &ProcessReading, clients: &[DrmClient]) {
        let is_anothers = |client: &DrmClient| {
            let key = client.key()?;
            let at = self.clients.binary_search_by(|(known, _)| known.cmp(&key)).ok()?;
            Some(self.clients[at].1 != process.pid)
        };
        if clients.iter().any(|client| is_anothers(client) == Some(true)) {
            if let Some(kept) = life(process).ok().and_then(|life| self.lives.get_mut(&life)) {
                kept.counters = [None; Engine::ALL.len()];
            }
        }
    }

    /// Adds the time of the shaders that a process' line has of it.
    pub(super) fn count(&mut self, process: &ProcessReading, time: Nanoseconds) {
        if let Ok(life) = life(process) {
            let kept = self.lives.entry(life).or_default();
            kept.counted = kept.counted.saturating_add(time);
        }
    }

    /// How much time of the shaders a process' lines have had on a device and its parts.
    pub(super) fn counted_so_far(&self, device: DeviceId, process: &ProcessKey) -> Nanoseconds {
        let lives = self.lives.iter().filter(|((unit, pid, _, start), _)| {
            (unit.device(), *pid, *start) == (device, process.pid, process.start)
        });
        lives.fold(Nanoseconds::ZERO, |sum, (_, kept)| sum.saturating_add(kept.counted))
    }

    /// Whether this is the first answer of a device's driver: what it remembers ended before.
    pub(super) fn is_first_answer(&mut self, device: DeviceId) -> bool {
        let is_first = !self.listed.contains(&device);
        if is_first {
            self.listed.push(device);
        }
        is_first
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

    /// Notes that the driver has no number of a process this time: a later one does not speak of the
    /// time before.
    pub(super) fn silent(&mut self, process: &ProcessReading, engine: Engine) {
        let Ok(life) = life(process) else { return };
        let counter = self.lives.get_mut(&life).and_then(|kept| kept.counters[engine as usize].as_mut());
        if let Some(counter) = counter {
            counter.as_of = counter.as_of.max(self.taken_at);
        }
    }

    /// What a part of the time comes to: of the window that the source states, else of the time
    /// since its last answer, or since the last look that had none.
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
