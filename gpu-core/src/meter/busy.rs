//! Busy time: what engines did since the last look, beside what the unit itself shows.

use super::Meter;
use super::account::Total;
use super::dimension::Dimension;
use super::gap::Gap;
use super::live::Standing;
use super::rules::By;
use super::scratch::Scratch;
use super::step::Step;
use crate::absence::Absence;
use crate::attribution::{Attribution, Basis, EndedUse, Rule};
use crate::fingerprint::Incarnation;
use crate::sample::Sample;

impl Meter {
    /// What busy time has come to since the last look.
    pub(super) fn settle_busy(&mut self, step: Step, sample: &Sample) {
        for at in 0..self.live.units.len() {
            self.live.units[at].unattributed = 0;
            if self.live.units[at].busy_in != Some(at) || !self.live.units[at].was {
                continue;
            }
            if step.is_gap {
                self.busy_account(at).gaps.add(Gap::Unobserved, step.length);
                continue;
            }
            let shown = self.busy_shown(at, sample, step);
            let mut scratch = core::mem::take(&mut self.scratch);
            self.settle_busy_of(at, step, shown, &mut scratch);
            self.scratch = scratch;
        }
    }

    fn busy_account(&mut self, at: usize) -> &mut super::account::Account {
        self.open.units[self.live.units[at].at].account_mut(Dimension::Busy)
    }

    /// How long a unit shows that it was busy.
    fn busy_shown(&self, at: usize, sample: &Sample, step: Step) -> Result<u64, Absence> {
        let own = self.live.reading(at, sample).and_then(|reading| reading.busy);
        let unit = &self.live.units[at];
        // The only instance in a GPU instance has all of its shaders that anybody has.
        let parent = unit.parent.filter(|_| unit.is_only);
        let busy = match (own, parent) {
            (Err(why), Some(parent)) => self.live.reading(parent, sample)?.busy.map_err(|_| why)?,
            (own, _) => own?,
        };
        let share = busy.value.get().min(1000);
        let time = u128::from(step.length.get()) * u128::from(share) / 1000;
        Ok(u64::try_from(time).unwrap_or(u64::MAX))
    }

    fn settle_busy_of(&mut self, at: usize, step: Step, shown: Result<u64, Absence>, scratch: &mut Scratch) {
        let length = step.length.get();
        let (strangers, is_told) = self.gather_busy(at, scratch);
        if let (Err(why), false) = (shown, is_told) {
            self.busy_account(at).gaps.add(why.into(), step.length);
            self.busy_untold(at, step);
            return;
        }
        self.give_untold(at, shown.unwrap_or(0), strangers, scratch);
        scratch.weights.push(strangers);
        let sum = scratch.sum();
        let mut excess = sum.saturating_sub(u128::from(length));
        if excess > 0 {
            scratch.spread(length);
        } else {
            scratch.keep();
        }
        let over = u128::from(self.live.units[at].unscaled.saturating_sub(1000));
        excess += over * u128::from(length) / 1000;
        let strangers = scratch.shares.pop().unwrap_or(0);
        let is_scaled = sum > u128::from(length);
        let attributed: u64 = scratch.shares.iter().sum();
        self.put_busy(step, is_scaled, scratch);
        self.busy_untold(at, step);
        // The unit's own activity is over a window of the driver's: parts may have more.
        let used = shown.unwrap_or(0).max(attributed + strangers);
        let idle = if shown.is_ok() { length - used } else { 0 };
        let account = self.busy_account(at);
        account.total += u128::from(length);
        account.attributed += u128::from(attributed);
        account.idle += u128::from(idle);
        account.unattributed += u128::from(length - attributed - idle);
        if shown.is_err() {
            account.untold += u128::from(length - attributed - strangers);
        }
        account.excess += excess;
        account.cover(step.length, Total::CapacityTime);
        self.live.units[at].unattributed = used - attributed;
    }

    /// Who has how much of a unit's time; that of those who cannot be named; whether anybody's is
    /// told.
    fn gather_busy(&self, at: usize, scratch: &mut Scratch) -> (u64, bool) {
        scratch.clear();
        let (mut strangers, mut is_told) = (0_u64, false);
        for member in &self.live.units[at].busy_of {
            let unit = &self.live.units[*member];
            strangers = strangers.saturating_add(unit.strangers);
            for (n, standing) in unit.standings.iter().enumerate() {
                is_told |= standing.busy.is_some();
                if standing.busy.is_some() || standing.busy_untold {
                    scratch.push((*member, n), standing.busy.map_or(0, |(time, _)| time));
                }
            }
        }
        (strangers, is_told || strangers > 0)
    }

    /// Gives what the unit shows beyond all parts to those of whom no time is told: to the only one, or
    /// by the rule.
    fn give_untold(&mut self, at: usize, shown: u64, strangers: u64, scratch: &mut Scratch) {
        let told = u64::try_from(scratch.sum()).unwrap_or(u64::MAX).saturating_add(strangers);
        let rest = shown.saturating_sub(told);
        let has_strangers = self.live.units[at].busy_of.iter().any(|member| {
            let unit = &self.live.units[*member];
            unit.strangers_now > 0 || unit.strangers_then > 0
        });
        let is_untold = |standing: &Standing| standing.busy_untold;
        let standing =
            |live: &super::live::Live, (unit, part): (usize, usize)| live.units[unit].standings[part];
        let untold = scratch.whose.iter().filter(|of| is_untold(&standing(&self.live, **of))).count();
        if rest == 0 || untold == 0 {
            return;
        }
        let was_there: usize = self.live.units[at]
            .busy_of
            .iter()
            .flat_map(|member| &self.live.units[*member].standings)
            .filter(|of| of.then.is_present && !of.now.is_present)
            .count();
        let is_only = untold == 1 && scratch.whose.len() == 1 && was_there == 0 && !has_strangers;
        let by = match (is_only, self.rules.busy) {
            (true, _) => None,
            (false, Some(By::EngineTime) | None) => return,
            (false, by) => by,
        };
        let mut spread = core::mem::take(&mut self.second);
        spread.clear();
        for (n, whose) in scratch.whose.iter().enumerate() {
            if is_untold(&standing(&self.live, *whose)) {
                spread.push((n, 0), by.map_or(1, |by| self.weight(by, *whose, false)));
            }
        }
        spread.spread(rest);
        let rule = by.map_or(Rule::OnlyUser, By::rule);
        for ((n, _), time) in spread.whose.iter().zip(&spread.shares) {
            let (unit, part) = scratch.whose[*n];
            scratch.weights[*n] = scratch.weights[*n].saturating_add(*time);
            let standing = &mut self.live.units[unit].standings[part];
            if *time > 0 || is_only {
                standing.busy = Some((scratch.weights[*n], Basis::Apportioned(rule)));
                standing.busy_untold = false;
            }
        }
        self.second = spread;
    }

    /// Adds what each got to his part.
    fn put_busy(&mut self, step: Step, is_scaled: bool, scratch: &Scratch) {
        for ((unit, part), time) in scratch.whose.iter().zip(&scratch.shares) {
            let unit = &mut self.live.units[*unit];
            let Some((counted, basis)) = &mut unit.standings[*part].busy else { continue };
            *counted = *time;
            if is_scaled {
                *basis = Basis::Apportioned(Rule::ScaledToWhole);
            }
            let part = &mut self.open.units[unit.at].parts[*part];
            part.busy.put(u128::from(*time), *basis, step.length);
        }
    }

    /// Notes for how long no time of somebody was told who was there.
    fn busy_untold(&mut self, at: usize, step: Step) {
        for member in 0..self.live.units[at].busy_of.len() {
            let unit = &self.live.units[self.live.units[at].busy_of[member]];
            let parts = &mut self.open.units[unit.at].parts;
            for (part, standing) in parts.iter_mut().zip(&unit.standings) {
                if standing.now.is_present && standing.busy.is_none() {
                    part.busy.miss(step.length);
                }
            }
        }
    }

    /// What processes used that have ended, and that is in no look: out of what nobody had.
    pub(super) fn settle_ended(&mut self, attribution: &Attribution) {
        for ended in &attribution.ended {
            self.settle_one(ended);
        }
    }

    fn settle_one(&mut self, ended: &EndedUse) {
        let (Ok(unseen), Some(owner)) = (ended.unseen, ended.holder.owner()) else { return };
        let key = (ended.device.into(), Incarnation::default());
        let Some(at) = self.live.find(key, 0).filter(|at| self.live.units[*at].busy_in == Some(*at)) else {
            return;
        };
        let unseen = u128::from(unseen.get());
        let account = self.busy_account(at);
        let given = unseen.min(account.unattributed);
        account.attributed += given;
        account.unattributed -= given;
        account.untold = account.untold.min(account.unattributed);
        account.excess += unseen - given;
        if given > 0 {
            let part = self.part(at, owner, 0);
            let place = self.live.units[at].at;
            let busy = &mut self.open.units[place].parts[part].busy;
            busy.value += given;
            busy.basis = busy.basis.max(Some(ended.basis));
        }
    }
}
