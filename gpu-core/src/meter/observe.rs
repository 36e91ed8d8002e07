//! How a meter takes a look.

use super::Meter;
use super::account::Total;
use super::dimension::Dimension;
use super::energy::note_power;
use super::event::{Event, EventKind};
use super::gap::Gap;
use super::held::Held;
use super::live::{HeldBy, Live, Seen};
use super::moment::Moment;
use super::observation::Observation;
use super::part::Part;
use super::refused::Refused;
use super::span::Span;
use super::step::Step;
use crate::absence::Absence;
use crate::attribution::{Attribution, Engine, Line};
use crate::measured::Source;
use crate::owner::Owner;
use crate::quantity::{Count, Nanoseconds};
use crate::reading::Reading;
use crate::sample::Sample;

/// By how much the time of day may move otherwise than time since boot, and nobody has set it.
const SLEW: i128 = 1_000_000_000;

impl Meter {
    pub(super) fn take(&mut self, look: &Observation<'_>) -> Result<(), Refused> {
        let last = self.last;
        let same_boot = last.filter(|last| last.boot == look.at.boot);
        if let Some(last) = same_boot.filter(|last| look.at.since_boot <= last.since_boot) {
            return Err(Refused::NotLater { last: last.since_boot });
        }
        self.last = Some(look.at);
        let step = same_boot.map(|last| self.begin(last, look.at));
        if let Some(before) = last.filter(|_| step.is_none()) {
            self.note(EventKind::Rebooted { before: before.boot });
            self.forget();
        }
        if let Some(step) = step {
            self.settle_held(step);
            self.settle_memory(step);
        }
        self.look_at_units(look, step);
        self.read(look);
        if let Some(step) = step {
            self.settle_busy(step, look.sample);
            self.settle_energy(step, look.sample);
            self.settle_ended(look.attribution);
        } else {
            self.note_counters(look.sample);
        }
        self.rate_memory(look.sample);
        self.roll(look.sample);
        Ok(())
    }

    /// Notes that time has passed.
    fn begin(&mut self, last: Moment, at: Moment) -> Step {
        let length = at.since_boot.since(last.since_boot);
        let is_gap = length > self.rules.longest_step;
        if is_gap {
            self.note(EventKind::Paused { length });
        }
        let moved = i128::from(at.wall.0) - i128::from(last.wall.0) - i128::from(length.get());
        if moved.abs() > SLEW {
            let by = i64::try_from(moved).unwrap_or(if moved < 0 { i64::MIN } else { i64::MAX });
            self.note(EventKind::ClockSet { by });
        }
        match self.open.spans.last_mut().filter(|span| span.boot == at.boot && span.to == last.since_boot) {
            Some(span) => {
                (span.to, span.wall_to) = (at.since_boot, at.wall);
                span.looks = span.looks.saturating_add(Count(1));
            }
            None => self.open.spans.push(Span {
                boot: at.boot,
                from: last.since_boot,
                to: at.since_boot,
                wall_from: last.wall,
                wall_to: at.wall,
                looks: Count(1),
            }),
        }
        Step { length, is_gap }
    }

    /// Notes what happened, while there is room.
    pub(super) fn note(&mut self, kind: EventKind) {
        let Some(at) = self.last else { return };
        let event = Event { boot: at.boot, at: at.since_boot, kind };
        if self.open.events.len() < self.rules.most_events {
            // Those of one look are not told in the order of the list.
            let place = self.open.events.partition_point(|of| *of <= event);
            self.open.events.insert(place, event);
        } else {
            self.open.more_events = self.open.more_events.saturating_add(1);
        }
    }

    /// Forgets what stood in another boot.
    fn forget(&mut self) {
        for unit in &mut self.live.units {
            // Where counters stand is noted anew.
            (unit.power, unit.was) = (None, false);
        }
    }

    /// Sees which units are there.
    fn look_at_units(&mut self, look: &Observation<'_>, step: Option<Step>) {
        if !self.live.is_changed(look.inventory, look.held.unwrap_or_default()) {
            return;
        }
        self.before.clear();
        self.before.extend(self.live.units.iter().map(|unit| unit.key));
        let is_first = !self.was_looked;
        self.was_looked = true;
        self.leave(step);
        self.live.change(look.inventory, &self.rules, &mut self.open);
        for at in 0..self.live.units.len() {
            let (unit, incarnation) = self.live.units[at].key;
            if !is_first && self.before.binary_search(&(unit, incarnation)).is_err() {
                self.note(EventKind::Appeared { unit, incarnation });
            }
        }
    }

    /// Notes which units are gone, and that nothing is known of what they did last.
    fn leave(&mut self, step: Option<Step>) {
        for at in 0..self.live.units.len() {
            let unit = &self.live.units[at];
            let (id, incarnation) = unit.key;
            if self.live.listing().contains(&unit.key) {
                continue;
            }
            if let Some(step) = step.filter(|_| unit.was) {
                let gap = if step.is_gap { Gap::Unobserved } else { Gap::Lost };
                let statement = &mut self.open.units[unit.at];
                if unit.busy_in == Some(at) {
                    statement.account_mut(Dimension::Busy).gaps.add(gap, step.length);
                }
                if unit.power_in == Some(at) {
                    statement.account_mut(Dimension::Energy).gaps.add(gap, step.length);
                }
            }
            self.note(EventKind::Disappeared { unit: id, incarnation });
        }
    }

    /// Notes what the look shows of everybody.
    fn read(&mut self, look: &Observation<'_>) {
        for unit in &mut self.live.units {
            (unit.strangers, unit.strangers_now, unit.strangers_memory, unit.unscaled) = (0, 0, 0, 0);
            (unit.held_now, unit.held_excess, unit.reading_at) = (HeldBy::Nobody, 0, None);
            for standing in &mut unit.standings {
                (standing.now, standing.busy, standing.busy_untold) = (Seen::default(), None, false);
            }
        }
        let mut near = 0;
        for (n, of) in look.sample.units.iter().enumerate() {
            let Some(at) = self.live.find_unit(of.unit, near) else { continue };
            self.live.units[at].reading_at = Some(n);
            self.open.simulated |= is_simulated(&of.reading);
            near = at + 1;
        }
        self.read_lines(look.attribution);
        self.live.is_told = look.held.is_some();
        for held in look.held.unwrap_or_default() {
            self.read_held(held);
        }
    }

    fn read_lines(&mut self, attribution: &Attribution) {
        let (mut unit, mut part) = (0, 0);
        for line in &attribution.lines {
            let Some(at) = self.live.find_unit(line.unit, unit) else { continue };
            part = if at == unit { part } else { 0 };
            unit = at;
            match line.holder.owner() {
                Some(owner) => {
                    let at = self.part(unit, owner, part);
                    part = at + 1;
                    self.read_line(unit, at, line);
                }
                None => self.read_stranger(unit, line),
            }
        }
        for balance in &attribution.balances {
            if let Some(shares) = balance.unscaled_shares {
                if let Some(at) = self.live.find_unit(balance.unit, unit) {
                    self.live.units[at].unscaled = shares.get();
                }
            }
        }
    }

    /// Where the part of an owner is on a unit; it is made where there is none. `near` is a guess.
    pub(super) fn part(&mut self, unit: usize, owner: &Owner, near: usize) -> usize {
        let unit = &mut self.live.units[unit];
        let parts = &mut self.open.units[unit.at].parts;
        if parts.get(near).is_some_and(|part| part.owner == *owner) {
            return near;
        }
        match parts.binary_search_by(|part| part.owner.cmp(owner)) {
            Ok(at) => at,
            Err(at) => {
                parts.insert(at, Part::new(owner.clone()));
                unit.standings.insert(at, super::live::Standing::default());
                at
            }
        }
    }

    fn read_line(&mut self, unit: usize, part: usize, line: &Line) {
        let standing = &mut self.live.units[unit].standings[part];
        standing.now.is_present = true;
        if let Ok(memory) = line.memory {
            let (sum, basis) = standing.now.memory.unwrap_or((0, memory.basis));
            standing.now.memory = Some((sum.saturating_add(memory.value.get()), basis.max(memory.basis)));
        }
        let mut is_told = false;
        for engine in line.engines.iter().filter(|of| is_shader(of.engine)) {
            let Ok(time) = engine.time else { continue };
            let (sum, basis) = standing.busy.unwrap_or((0, engine.basis));
            standing.busy = Some((sum.saturating_add(time.get()), basis.max(engine.basis)));
            is_told = true;
        }
        standing.busy_untold |= !is_told || line.untold.is_some();
    }

    /// What nobody uses who can be named.
    fn read_stranger(&mut self, unit: usize, line: &Line) {
        let unit = &mut self.live.units[unit];
        unit.strangers_now = unit.strangers_now.saturating_add(1);
        let memory = line.memory.map_or(0, |memory| memory.value.get());
        unit.strangers_memory = unit.strangers_memory.saturating_add(memory);
        for engine in line.engines.iter().filter(|of| is_shader(of.engine)) {
            let time = engine.time.map_or(0, Nanoseconds::get);
            unit.strangers = unit.strangers.saturating_add(time);
        }
    }

    fn read_held(&mut self, held: &Held) {
        let Some(at) = self.live.find((held.unit, held.incarnation), 0) else { return };
        let unit = &mut self.live.units[at];
        if unit.held_now != HeldBy::Nobody {
            // A ledger gives a unit to one only; of two who say that they hold it, the first does.
            unit.held_excess = unit.held_excess.saturating_add(1);
            return;
        }
        unit.held_now = if held.owner.is_some() { HeldBy::Somebody } else { HeldBy::SetAside };
        if let Some(owner) = &held.owner {
            let part = self.part(at, owner, 0);
            self.live.units[at].standings[part].now.is_held = true;
        }
    }

    /// For how long who held what since the last look.
    fn settle_held(&mut self, step: Step) {
        for unit in &self.live.units {
            let statement = &mut self.open.units[unit.at];
            let account = statement.account_mut(Dimension::Held);
            if step.is_gap || !self.live.is_told {
                account.gaps.add(if step.is_gap { Gap::Unobserved } else { Gap::NotTold }, step.length);
                continue;
            }
            let length = u128::from(step.length.get());
            account.total += length;
            match unit.held_then {
                HeldBy::Nobody => account.idle += length,
                HeldBy::SetAside => account.unattributed += length,
                HeldBy::Somebody => account.attributed += length,
            }
            account.excess += length * u128::from(unit.held_excess);
            account.cover(step.length, Total::CapacityTime);
            for (part, standing) in statement.parts.iter_mut().zip(&unit.standings) {
                if standing.then.is_held {
                    part.held = part.held.saturating_add(step.length);
                }
            }
        }
    }

    /// Of the first look there is no energy: only where counters stand.
    fn note_counters(&mut self, sample: &Sample) {
        for at in 0..self.live.units.len() {
            let energy = self.live.reading(at, sample).and_then(|reading| reading.energy);
            let value = energy.ok().map(|energy| energy.value.get()).filter(|value| *value != u64::MAX);
            self.live.units[at].counter = value.map(|value| super::live::Stood { value, age: 0 });
        }
    }

    /// What is now was then at the next look.
    fn roll(&mut self, sample: &Sample) {
        for unit in &mut self.live.units {
            unit.was = true;
            (unit.strangers_then, unit.held_then) = (unit.strangers_now, unit.held_now);
            note_power(unit, unit.reading_at.and_then(|at| sample.units.get(at)).map(|of| &of.reading));
            for standing in &mut unit.standings {
                standing.then = standing.now;
            }
        }
    }
}

/// The engines whose time is the shaders'.
const fn is_shader(engine: Engine) -> bool {
    matches!(engine, Engine::Shader | Engine::Graphics | Engine::Compute)
}

fn is_simulated(reading: &Reading) -> bool {
    let sources = [
        reading.energy.map(|of| of.source),
        reading.power.map(|of| of.source),
        reading.memory_used.map(|of| of.source),
        reading.busy.map(|of| of.source),
    ];
    sources.into_iter().flatten().any(|source| source == Source::Simulated)
}

impl Live {
    /// What a unit showed at this look.
    ///
    /// # Errors
    /// When it is not in the sample.
    pub fn reading<'a>(&self, at: usize, sample: &'a Sample) -> Result<&'a Reading, Absence> {
        let of = self.units[at].reading_at.and_then(|at| sample.units.get(at));
        of.map(|of| &of.reading).ok_or(Absence::NotYet)
    }
}
