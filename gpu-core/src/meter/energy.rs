//! Energy: what counters grew by since the last look, and for whom it was.

use super::Meter;
use super::account::Total;
use super::dimension::Dimension;
use super::event::EventKind;
use super::gap::Gap;
use super::live::{HeldBy, Stood, Unit};
use super::rules::{Baseline, By, IdlePower};
use super::scratch::{Scratch, Whose};
use super::step::Step;
use crate::attribution::Basis;
use crate::sample::Sample;

/// A device as such, beside which its partitions are so many parts.
const WHOLE: u64 = 1_000_000;

/// µW × ns in a µJ.
const PER_MICROJOULE: u128 = 1_000_000_000;

/// What a domain drew since the last look.
enum Drawn {
    /// This much, in this step.
    Here(u64, Total),
    /// This much, and nobody looked in between: for whom, cannot be said.
    Unseen(u64, Total, Gap),
    Not(Gap),
}

impl Meter {
    /// What energy has come to since the last look.
    pub(super) fn settle_energy(&mut self, step: Step, sample: &Sample) {
        for at in 0..self.live.units.len() {
            if self.live.units[at].power_in != Some(at) {
                continue;
            }
            let drawn = self.drawn(at, step, sample);
            if !self.live.units[at].was {
                continue;
            }
            match drawn {
                Drawn::Here(energy, total) => {
                    let mut scratch = core::mem::take(&mut self.scratch);
                    self.spread_energy(at, step, energy, &mut scratch);
                    self.scratch = scratch;
                    self.energy_account(at).cover(step.length, total);
                }
                Drawn::Unseen(energy, total, gap) => {
                    let account = self.energy_account(at);
                    account.total += u128::from(energy);
                    account.unattributed += u128::from(energy);
                    account.untold += u128::from(energy);
                    account.gaps.add(gap, step.length);
                    account.kind = account.kind.max(Some(total));
                }
                Drawn::Not(gap) => {
                    self.energy_account(at).gaps.add(gap, step.length);
                    self.energy_untold(at, step);
                }
            }
        }
    }

    fn energy_account(&mut self, at: usize) -> &mut super::account::Account {
        self.open.units[self.live.units[at].at].account_mut(Dimension::Energy)
    }

    /// Reads the counter of a domain, and tells what it grew by.
    fn drawn(&mut self, at: usize, step: Step, sample: &Sample) -> Drawn {
        let reading = self.live.reading(at, sample);
        let read = reading.and_then(|reading| reading.energy);
        let unit = &mut self.live.units[at];
        let total = if unit.members > 1 { Total::DomainCounter } else { Total::DeviceCounter };
        let value = match read {
            Ok(read) => read.value.get(),
            Err(why) => {
                if let Some(stood) = &mut unit.counter {
                    stood.age = stood.age.saturating_add(step.length.get());
                }
                return if unit.counter.is_some() {
                    Drawn::Not(why.into())
                } else {
                    by_power(unit, step, why.into())
                };
            }
        };
        let before = unit.counter.replace(Stood { value, age: 0 });
        let Some(before) = before else { return Drawn::Not(Gap::NotYet) };
        let unread = before.age;
        let device = unit.key.0;
        let span = u128::from(unread) + u128::from(step.length.get()) + 1_000_000_000;
        let most = u128::from(self.rules.most_power.get()) * u128::from(unit.members) * span / PER_MICROJOULE;
        // The largest number that there is, is no energy: drivers say so what they do not know.
        let (gap, kind) = match value.checked_sub(before.value) {
            Some(energy) if value != u64::MAX && u128::from(energy) <= most => {
                return match (step.is_gap, unread) {
                    (true, _) => Drawn::Unseen(energy, total, Gap::Unobserved),
                    (false, 0) => Drawn::Here(energy, total),
                    (false, _) => Drawn::Unseen(energy, total, Gap::NotYet),
                };
            }
            None => (
                Gap::CounterFell,
                EventKind::CounterFell { unit: device, before: before.value, after: value },
            ),
            Some(_) => {
                if value == u64::MAX {
                    unit.counter = None;
                }
                (
                    Gap::CounterJumped,
                    EventKind::CounterJumped { unit: device, before: before.value, after: value },
                )
            }
        };
        self.note(kind);
        Drawn::Not(gap)
    }

    /// Spreads what a domain drew over those whose work it was, and over holders.
    fn spread_energy(&mut self, at: usize, step: Step, energy: u64, scratch: &mut Scratch) {
        let baseline = self.baseline(at, step, energy);
        let (by, runs) = self.weigh(at, scratch);
        let idle = if runs { energy.min(baseline) } else { energy };
        let active = energy - idle;
        let attributed = match by {
            Some(by) if active > 0 => {
                scratch.spread(active);
                let nobodys = scratch.shares.pop().unwrap_or(0);
                self.put_energy(step, by, scratch);
                active - nobodys
            }
            // Nothing is for anybody of what nothing ran for.
            Some(by) => {
                scratch.shares.clear();
                scratch.shares.resize(scratch.whose.len(), 0);
                self.put_energy(step, by, scratch);
                0
            }
            None => {
                self.energy_untold(at, step);
                0
            }
        };
        let standby = match self.rules.idle_power {
            IdlePower::ToHolders if idle > 0 => self.spread_idle(at, idle, scratch),
            _ => 0,
        };
        let account = self.energy_account(at);
        account.total += u128::from(energy);
        account.attributed += u128::from(attributed);
        account.idle += u128::from(idle);
        account.unattributed += u128::from(active - attributed);
        account.standby += u128::from(standby);
    }

    /// What idling took, by the rule.
    fn baseline(&mut self, at: usize, step: Step, energy: u64) -> u64 {
        let length = u128::from(step.length.get());
        let unit = &mut self.live.units[at];
        let power = u128::from(energy) * PER_MICROJOULE / length.max(1);
        let power = u64::try_from(power).unwrap_or(u64::MAX);
        unit.least = Some(unit.least.map_or(power, |least| least.min(power)));
        let power = match self.rules.baseline {
            Baseline::Unknown => 0,
            Baseline::Each(power) => power.get(),
            Baseline::LeastSeen => unit.least.unwrap_or(0),
        };
        u64::try_from(u128::from(power) * length / PER_MICROJOULE).unwrap_or(u64::MAX)
    }

    /// Weighs the parts of a domain, and what is nobody's last, by the first rule that says something;
    /// and whether anything ran.
    fn weigh(&self, at: usize, scratch: &mut Scratch) -> (Option<By>, bool) {
        let here = || self.live.units[at].power_of.iter().map(|member| &self.live.units[*member]);
        let is_untold = here().any(|unit| unit.standings.iter().any(|of| of.busy_untold));
        let by = match self.rules.energy {
            By::EngineTime if is_untold => self.rules.otherwise.filter(|by| *by != By::EngineTime),
            by => Some(by),
        };
        scratch.clear();
        let Some(by) = by else { return (None, true) };
        for member in &self.live.units[at].power_of {
            for part in 0..self.live.units[*member].standings.len() {
                let whose = (*member, part);
                let weight = self.weight(by, whose, true);
                let standing = &self.live.units[*member].standings[part];
                if weight > 0 || standing.then.is_present || standing.now.is_present {
                    scratch.push(whose, weight);
                }
            }
        }
        let nobodys = self.live.units[at].power_of.iter().map(|member| self.nobodys(by, *member));
        scratch.weights.push(nobodys.fold(0, u64::saturating_add));
        (Some(by), scratch.sum() > 0)
    }

    /// What a part weighs by a rule: in the step that ends, or at the look that ends it.
    pub(super) fn weight(&self, by: By, (unit, part): Whose, is_over: bool) -> u64 {
        let unit = &self.live.units[unit];
        let standing = &unit.standings[part];
        let seen = if is_over { standing.then } else { standing.now };
        let here = u64::from(seen.is_present);
        match by {
            By::EngineTime => {
                let time = standing.busy.map_or(0, |(time, _)| time);
                time.saturating_mul(self.live.size(unit, By::ComputeUnits))
            }
            By::MemoryHeld => seen.memory.map_or(0, |(bytes, _)| bytes),
            By::Slices | By::ComputeUnits => here
                .saturating_mul(self.live.size(unit, by))
                .saturating_mul(TURNS / unit.users(is_over).max(1)),
            By::Equal => here,
        }
    }

    /// What weighs on a unit that is nobody's who can be named.
    fn nobodys(&self, by: By, at: usize) -> u64 {
        let unit = &self.live.units[at];
        let strangers = u64::from(unit.strangers_then);
        match by {
            By::EngineTime => unit.unattributed.saturating_mul(self.live.size(unit, By::ComputeUnits)),
            By::MemoryHeld => match (unit.memory, unit.memory_in == Some(at)) {
                (Ok(rate), true) => rate.total - rate.attributed - rate.idle - rate.reserved,
                _ => 0,
            },
            By::Slices | By::ComputeUnits => strangers
                .saturating_mul(self.live.size(unit, by))
                .saturating_mul(TURNS / unit.users(true).max(1)),
            By::Equal => strangers,
        }
    }

    fn put_energy(&mut self, step: Step, by: By, scratch: &Scratch) {
        for ((unit, part), energy) in scratch.whose.iter().zip(&scratch.shares) {
            let part = &mut self.open.units[self.live.units[*unit].at].parts[*part];
            part.energy.put(u128::from(*energy), Basis::Apportioned(by.rule()), step.length);
        }
    }

    /// Notes for how long nobody was told what energy his work took.
    fn energy_untold(&mut self, at: usize, step: Step) {
        for member in 0..self.live.units[at].power_of.len() {
            let unit = &self.live.units[self.live.units[at].power_of[member]];
            let parts = &mut self.open.units[unit.at].parts;
            for (part, standing) in parts.iter_mut().zip(&unit.standings) {
                if standing.then.is_present || standing.now.is_present {
                    part.energy.miss(step.length);
                }
            }
        }
    }

    /// Gives the energy of idling to those who hold the units, by size; tells how much that was.
    fn spread_idle(&mut self, at: usize, idle: u64, scratch: &mut Scratch) -> u64 {
        scratch.clear();
        let mut given = 0_u64;
        for (n, unit) in self.live.units.iter().enumerate() {
            let device = self.live.find_unit(unit.key.0.device().into(), n);
            let is_here = device.is_some_and(|device| self.live.units[device].power_in == Some(at));
            if !is_here || unit.held_then != HeldBy::Somebody {
                continue;
            }
            let size = self.live.part_of_device(n);
            for part in (0..unit.standings.len()).filter(|part| unit.standings[*part].then.is_held) {
                scratch.push((n, part), size);
                given = given.saturating_add(size);
            }
        }
        let whole = WHOLE.saturating_mul(self.live.units[at].members);
        scratch.weights.push(whole.saturating_sub(given));
        scratch.spread(idle);
        scratch.shares.pop();
        for ((unit, part), energy) in scratch.whose.iter().zip(&scratch.shares) {
            self.open.units[self.live.units[*unit].at].parts[*part].standby += u128::from(*energy);
        }
        scratch.shares.iter().sum()
    }
}

/// Those who share a unit have so many parts of it together: what most numbers divide.
const TURNS: u64 = 720_720;

/// Power at the last look × the time since, for want of a counter.
fn by_power(unit: &mut Unit, step: Step, gap: Gap) -> Drawn {
    let Some(power) = unit.power.filter(|_| gap == Gap::NotSupported) else { return Drawn::Not(gap) };
    if step.is_gap {
        return Drawn::Not(Gap::Unobserved);
    }
    let product = u128::from(power) * u128::from(step.length.get()) + u128::from(unit.power_rest);
    unit.power_rest = u64::try_from(product % PER_MICROJOULE).unwrap_or(0);
    Drawn::Here(u64::try_from(product / PER_MICROJOULE).unwrap_or(u64::MAX), Total::PowerTime)
}

impl super::live::Live {
    /// How much a unit is beside others of its device, by compute units or by slices.
    fn size(&self, unit: &Unit, by: By) -> u64 {
        let (first, second) = match by {
            By::Slices => (unit.own_slices, unit.own_units),
            _ => (unit.own_units, unit.own_slices),
        };
        let own = if first > 0 { first } else { second };
        // What has none of its own has all of what it lies in.
        match (own, unit.parent) {
            (0, Some(parent)) => self.size(&self.units[parent], by),
            (0, None) => 1,
            (own, _) => own,
        }
    }

    /// Which part of its device a unit is, of [`WHOLE`]; 0 where nobody tells.
    fn part_of_device(&self, at: usize) -> u64 {
        use crate::id::UnitId;
        let unit = &self.units[at];
        match unit.key.0 {
            UnitId::Device(_) => WHOLE,
            UnitId::Partition(id) => {
                let Some(device) = self.find_unit(id.device().into(), 0) else { return 0 };
                let whole = &self.units[device];
                let pairs = [(unit.own_units, whole.own_units), (unit.own_slices, whole.own_slices)];
                let told = pairs.into_iter().find(|(own, of)| *own > 0 && *of > 0);
                told.map_or(0, |(own, of)| WHOLE.saturating_mul(own) / of)
            }
            UnitId::Share(id) => {
                let whole = self.find_unit(id.whole(), at).map_or(0, |whole| self.part_of_device(whole));
                whole / u64::from(id.replicas().max(1))
            }
        }
    }
}

impl Unit {
    /// How many use it.
    fn users(&self, is_over: bool) -> u64 {
        let here = |of: &&super::live::Standing| if is_over { of.then.is_present } else { of.now.is_present };
        let strangers = if is_over { self.strangers_then } else { self.strangers_now };
        self.standings.iter().filter(here).count() as u64 + u64::from(strangers)
    }
}

/// Notes power as it stands, for want of a counter.
pub(super) fn note_power(unit: &mut Unit, reading: Option<&crate::reading::Reading>) {
    unit.power = reading.and_then(|reading| reading.power.ok()).map(|power| power.value.get());
}
