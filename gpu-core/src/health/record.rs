//! [`Record`]: what stands against one device and its partitions.

use crate::absence::Absence;
use crate::device::Device;
use crate::fingerprint::Incarnation;
use crate::id::{DeviceId, UnitId};
use crate::measured::Source;
use crate::reading::{Metric, Reading};
use crate::recovery::RecoveryAction;
use crate::sample::Sample;
use crate::time::BootTime;

use super::advice::{Advice, Clears};
use super::change::{Cause, Change};
use super::condition::Condition;
use super::fault::Fault;
use super::look::METRICS;
use super::policy::Policy;
use super::report::UnitHealth;
use super::state::State;
use super::symptom::{Known, Symptom};

/// Most conditions of one device that are kept: a driver that tells nonsense fills no memory.
const MOST: usize = 64;

/// What stands against one device and its partitions.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub id: DeviceId,
    units: Vec<Standing>,
    conditions: Vec<Tracked>,
    /// When it was looked at, or counted as overdue, last.
    pub looked: BootTime,
    /// The last look that got an answer.
    answered: Option<BootTime>,
    silent: u32,
    causes: Vec<Cause>,
}

#[derive(Clone, Debug)]
struct Standing {
    unit: UnitId,
    life: Option<Incarnation>,
    known: Known,
    /// `None` before it was judged.
    state: Option<State>,
    since: BootTime,
}

#[derive(Clone, Debug)]
struct Tracked {
    condition: Condition,
    /// Looks in a row that did not show it.
    quiet: u32,
}

/// What a device's reading says as a whole.
enum Answer {
    Good,
    Lost,
    Silent,
    Asleep,
    Nothing(Absence),
}

impl Answer {
    fn of(reading: Option<&Reading>) -> Self {
        let Some(reading) = reading else { return Self::Silent };
        let told = Metric::ALL.iter().filter(|metric| METRICS.has(**metric));
        let told = told.map(|metric| reading.get(*metric));
        let absences = || told.clone().filter_map(Result::err);
        match () {
            () if absences().any(|absence| absence == Absence::Lost) => Self::Lost,
            () if told.clone().any(|value| value.is_ok()) => Self::Good,
            () if absences().any(|absence| absence == Absence::Asleep) => Self::Asleep,
            () if absences().any(|absence| absence == Absence::TimedOut) => Self::Silent,
            () => Self::Nothing(absences().next().unwrap_or(Absence::NotYet)),
        }
    }
}

impl Record {
    pub fn new(id: DeviceId, now: BootTime) -> Self {
        Self {
            id,
            units: vec![Standing::new(id.into(), None, now)],
            conditions: Vec::new(),
            looked: now,
            answered: None,
            silent: 0,
            causes: Vec::new(),
        }
    }

    /// Takes over how the device is cut. Where that may not all have been seen, nothing is concluded from
    /// what is missing.
    pub fn cut(&mut self, device: &Device, is_complete: bool, now: BootTime) {
        let mut units = Vec::with_capacity(1 + self.units.len());
        units.push(Standing::new(self.id.into(), None, now));
        let parts = device.all_partitions();
        units.extend(parts.map(|part| Standing::new(part.id.into(), Some(part.incarnation), now)));
        if !is_complete {
            let missed = self.units.iter().filter(|old| units.iter().all(|new| new.unit != old.unit));
            let missed: Vec<Standing> = missed.cloned().collect();
            units.extend(missed);
        }
        for unit in &mut units {
            let same = |old: &&Standing| old.unit == unit.unit && old.life == unit.life;
            if let Some(old) = self.units.iter().find(same) {
                unit.clone_from(old);
            }
        }
        let lives_on = |of: &Tracked| {
            let life = |units: &[Standing]| {
                units.iter().find(|unit| unit.unit == of.condition.at).map(|unit| unit.life)
            };
            life(&units) == life(&self.units)
        };
        self.conditions.retain(lives_on);
        self.units = units;
    }

    /// Takes over what the device and its partitions showed.
    pub fn see(&mut self, sample: &Sample, now: BootTime, policy: &Policy) {
        self.looked = now;
        match Answer::of(sample.get(self.id)) {
            Answer::Good => self.answer(sample, now, policy),
            Answer::Lost => self.lose(now),
            Answer::Silent => self.miss(now, policy),
            Answer::Asleep => self.nothing(Absence::Asleep, now),
            Answer::Nothing(absence) => self.nothing(absence, now),
        }
        self.fade(now, policy);
    }

    /// It fell off the bus, or is listed no more.
    pub fn lose(&mut self, now: BootTime) {
        self.looked = now;
        let advice = Advice::new(State::Unhealthy, RecoveryAction::RebootNode, Clears::WhenGone);
        self.put(self.id.into(), Fault::Lost, advice, Source::Other, now);
    }

    /// It did not answer.
    pub fn miss(&mut self, now: BootTime, policy: &Policy) {
        self.looked = now;
        self.silent = self.silent.saturating_add(1);
        let (state, action) = match self.silent >= policy.silent_looks {
            true => (State::Unhealthy, RecoveryAction::Reset),
            false => (State::Unknown, RecoveryAction::None),
        };
        let fault = Fault::Silent { looks: self.silent };
        self.put(self.id.into(), fault, Advice::new(state, action, Clears::WhenGone), Source::Other, now);
    }

    /// It tells nothing. A device that told something before is as it was.
    fn nothing(&mut self, absence: Absence, now: BootTime) {
        self.silent = 0;
        self.clear(|of| matches!(of.fault, Fault::Silent { .. }));
        if self.answered.is_none() || absence != Absence::Asleep {
            let advice = Advice::new(State::Unknown, RecoveryAction::None, Clears::WhenGone);
            self.put(self.id.into(), Fault::Unreadable(absence), advice, Source::Other, now);
        }
    }

    fn answer(&mut self, sample: &Sample, now: BootTime, policy: &Policy) {
        self.silent = 0;
        let was_lost = self.conditions.iter().any(|of| of.condition.fault == Fault::Lost);
        let mut shown = self.units.iter().filter_map(|unit| Some((unit, sample.get(unit.unit)?)));
        if was_lost || shown.any(|(unit, reading)| unit.known.was_reset(reading)) {
            self.reset();
        }
        self.clear(|of| matches!(of.fault, Fault::Lost | Fault::Silent { .. } | Fault::Unreadable(_)));
        for at in 0..self.units.len() {
            let unit = self.units[at].unit;
            if let Some(reading) = sample.get(unit) {
                let symptoms = self.units[at].known.symptoms(reading);
                self.end(unit, reading, &symptoms, policy);
                for Symptom { fault, advice, source } in symptoms {
                    self.put(unit, fault, advice, source, now);
                }
                self.units[at].known.learn(reading);
            }
        }
        self.answered = Some(now);
    }

    /// Ends what the reading of a unit could show and does not.
    fn end(&mut self, unit: UnitId, reading: &Reading, symptoms: &[Symptom], policy: &Policy) {
        for of in self.conditions.iter_mut().filter(|of| of.condition.at == unit) {
            let fault = of.condition.fault;
            let Some(metric) = fault.metric() else { continue };
            if symptoms.iter().any(|symptom| symptom.fault.is_same(&fault)) {
                of.quiet = 0;
            } else if reading.get(metric).is_ok() {
                of.quiet = of.quiet.saturating_add(1);
            }
        }
        let is_over = |of: &Tracked| match of.condition.advice.clears {
            Clears::Never => false,
            Clears::AfterQuiet => of.quiet >= policy.quiet_looks,
            _ => of.quiet > 0 && of.condition.fault.metric().is_some(),
        };
        self.clear_tracked(|of| of.condition.at == unit && is_over(of));
    }

    /// Ends what a reset ends. What was told since the look before may have come after the reset, and stays.
    fn reset(&mut self) {
        let answered = self.answered.unwrap_or_default();
        self.clear(|of| of.advice.clears == Clears::ByReset && of.last <= answered);
    }

    /// Ends what time ends.
    pub fn fade(&mut self, now: BootTime, policy: &Policy) {
        self.clear(|of| of.advice.clears == Clears::WithTime && now.since(of.last) > policy.notices_for);
    }

    /// Somebody says that it is well again.
    pub fn acknowledge(&mut self) {
        self.clear(|_| true);
        self.silent = 0;
        for unit in &mut self.units {
            unit.known.acknowledge();
        }
    }

    fn clear(&mut self, is_over: impl Fn(&Condition) -> bool) {
        self.clear_tracked(|of| is_over(&of.condition));
    }

    fn clear_tracked(&mut self, is_over: impl Fn(&Tracked) -> bool) {
        let causes = &mut self.causes;
        self.conditions.retain(|of| {
            let is_over = is_over(of);
            if is_over {
                causes.push(Cause::Cleared(of.condition));
            }
            !is_over
        });
    }

    /// The unit, where it is known; else the device: a driver may name a part that is not listed.
    pub fn place(&self, unit: UnitId) -> UnitId {
        let is_known = self.units.iter().any(|of| of.unit == unit);
        if is_known { unit } else { self.id.into() }
    }

    /// A fault is seen, again or for the first time.
    pub fn put(&mut self, at: UnitId, fault: Fault, advice: Advice, source: Source, now: BootTime) {
        let known =
            self.conditions.iter_mut().find(|of| of.condition.at == at && of.condition.fault.is_same(&fault));
        if let Some(Tracked { condition, .. }) = known {
            let is_event = matches!(fault, Fault::Event(_));
            let is_news = is_event || condition.advice != advice || is_other_value(&condition.fault, &fault);
            condition.times = condition.times.saturating_add(u64::from(is_event));
            (condition.fault, condition.advice, condition.last) = (fault, advice, now);
            if is_news {
                self.causes.push(Cause::Appeared(*condition));
            }
            return;
        }
        let condition = Condition { at, fault, advice, source, since: now, last: now, times: 1 };
        if self.make_room(advice.state) {
            self.conditions.push(Tracked { condition, quiet: 0 });
            self.causes.push(Cause::Appeared(condition));
        }
    }

    /// Where there are too many, the oldest of the least makes room, unless all are worse.
    fn make_room(&mut self, state: State) -> bool {
        if self.conditions.len() < MOST {
            return true;
        }
        let least = self.conditions.iter().enumerate();
        let least = least.min_by_key(|(_, of)| (of.condition.advice.state, of.condition.last));
        match least {
            Some((at, of)) if of.condition.advice.state <= state => {
                self.conditions.remove(at);
                true
            }
            _ => false,
        }
    }

    /// Judges every unit, and tells what has changed since it was judged last.
    pub fn settle(&mut self, now: BootTime, changes: &mut Vec<Change>) {
        let causes = std::mem::take(&mut self.causes);
        for at in 0..self.units.len() {
            let unit = self.units[at].unit;
            let after = self.state(unit);
            let standing = &mut self.units[at];
            let before = standing.state.unwrap_or(State::Unknown);
            let is_new = standing.state.is_none();
            if standing.state != Some(after) {
                (standing.state, standing.since) = (Some(after), now);
            }
            if is_new && after == State::Healthy {
                continue;
            }
            let own = causes.iter().filter(|cause| cause.condition().at == unit).copied();
            let change = |cause| Change { unit, at: now, before, after, cause };
            let mut told = false;
            for cause in own {
                changes.push(change(cause));
                told = true;
            }
            if !told && (is_new || before != after) {
                changes.extend(self.cause(unit, &causes).map(change));
            }
        }
    }

    /// Through what a unit has changed that has no cause of its own: the worst that reaches it, or else what
    /// is over.
    fn cause(&self, unit: UnitId, causes: &[Cause]) -> Option<Cause> {
        let standing = self.reaching(unit).max_by_key(|(state, _)| *state);
        let cleared = causes.iter().copied().find(|cause| matches!(cause, Cause::Cleared(_)));
        standing.filter(|(state, _)| *state > State::Healthy).map(|(_, of)| Cause::Appeared(*of)).or(cleared)
    }

    /// What reaches a unit, and what it makes of it.
    fn reaching(&self, unit: UnitId) -> impl Iterator<Item = (State, &Condition)> {
        self.conditions.iter().filter_map(move |Tracked { condition, .. }| {
            let state = condition.advice.state;
            match () {
                () if unit.lies_in(condition.at) => Some((state, condition)),
                // It cannot be had as a whole.
                () if condition.at.lies_in(unit) => Some((state.min(State::Degraded), condition)),
                () => None,
            }
        })
    }

    fn state(&self, unit: UnitId) -> State {
        self.reaching(unit).map(|(state, _)| state).max().unwrap_or(State::Healthy)
    }

    pub fn report(&self, units: &mut Vec<UnitHealth>) {
        for Standing { unit, since, .. } in &self.units {
            let mut reaching: Vec<(State, &Condition)> = self.reaching(*unit).collect();
            reaching.sort_by_key(|(state, of)| (core::cmp::Reverse(*state), of.since));
            let state = reaching.first().map_or(State::Healthy, |(state, _)| *state);
            let acted = reaching.iter().filter(|(state, _)| *state > State::Healthy);
            let action = acted.map(|(_, of)| of.advice.action).max().unwrap_or(RecoveryAction::None);
            let evidence = reaching.into_iter().map(|(_, of)| *of).collect();
            units.push(UnitHealth { unit: *unit, state, since: *since, action, evidence });
        }
    }
}

impl Standing {
    fn new(unit: UnitId, life: Option<Incarnation>, now: BootTime) -> Self {
        Self { unit, life, known: Known::default(), state: None, since: now }
    }
}

/// True where another value is worth telling: not how long there was no answer.
fn is_other_value(one: &Fault, other: &Fault) -> bool {
    one != other && !matches!(other, Fault::Silent { .. })
}

impl Cause {
    pub(super) const fn condition(&self) -> &Condition {
        match self {
            Self::Appeared(condition) | Self::Cleared(condition) => condition,
        }
    }
}
