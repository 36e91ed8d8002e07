//! Memory: what is shown at a look counts until the next.

use super::Meter;
use super::account::Total;
use super::dimension::Dimension;
use super::gap::Gap;
use super::live::MemoryRate;
use super::step::Step;
use crate::attribution::{Balance, Basis, Rule};
use crate::sample::Sample;

impl Meter {
    /// What memory has come to since the last look, by what that showed.
    pub(super) fn settle_memory(&mut self, step: Step) {
        for at in 0..self.live.units.len() {
            let unit = &self.live.units[at];
            if unit.memory_in != Some(at) {
                continue;
            }
            let account = self.open.units[unit.at].account_mut(Dimension::Memory);
            let gap = if step.is_gap { Some(Gap::Unobserved) } else { unit.memory.err() };
            match (gap, unit.memory) {
                (None, Ok(rate)) => {
                    let over = |bytes: u64| u128::from(bytes) * u128::from(step.length.get());
                    let (total, attributed, idle) =
                        (over(rate.total), over(rate.attributed), over(rate.idle));
                    account.total += total;
                    account.attributed += attributed;
                    account.idle += idle;
                    account.unattributed += total - attributed - idle;
                    account.reserved += over(rate.reserved);
                    account.excess += over(rate.excess);
                    account.cover(step.length, Total::CapacityTime);
                }
                (gap, _) => account.gaps.add(gap.unwrap_or(Gap::Failed), step.length),
            }
            if !step.is_gap {
                self.settle_memory_parts(at, step);
            }
        }
    }

    fn settle_memory_parts(&mut self, domain: usize, step: Step) {
        let has_rate = self.live.units[domain].memory.is_ok();
        for member in 0..self.live.units[domain].memory_of.len() {
            let unit = &self.live.units[self.live.units[domain].memory_of[member]];
            let parts = &mut self.open.units[unit.at].parts;
            for (part, standing) in parts.iter_mut().zip(&unit.standings) {
                match standing.then.memory.filter(|_| has_rate) {
                    Some((_, basis)) => {
                        let bytes = u128::from(standing.then.memory_counted);
                        part.memory.put(bytes * u128::from(step.length.get()), basis, step.length);
                    }
                    None if standing.then.is_present => part.memory.miss(step.length),
                    None => {}
                }
            }
        }
    }

    /// What memory counts from this look on.
    pub(super) fn rate_memory(&mut self, sample: &Sample) {
        for at in 0..self.live.units.len() {
            if self.live.units[at].memory_in == Some(at) {
                let rate = self.memory_shown(at, sample).map(|shown| self.memory_rate(at, shown));
                self.live.units[at].memory = rate;
            }
        }
    }

    /// Total, reserved and used of a unit, without what is cut out of it.
    fn memory_shown(&self, at: usize, sample: &Sample) -> Result<[u64; 3], Gap> {
        let shown = |at: usize| {
            let reading = self.live.reading(at, sample)?;
            let (total, used) = (reading.memory_total?.value.get(), reading.memory_used?.value.get());
            Ok([total, reading.memory_reserved.map_or(0, |of| of.value.get()), used])
        };
        let mut own = shown(at).map_err(|why: crate::absence::Absence| Gap::from(why))?;
        for carved in &self.live.units[at].carved {
            let inner = shown(*carved).map_err(Gap::from)?;
            for (own, inner) in own.iter_mut().zip(inner) {
                *own = own.saturating_sub(inner);
            }
        }
        Ok(own)
    }

    fn memory_rate(&mut self, at: usize, [total, reserved, used]: [u64; 3]) -> MemoryRate {
        let mut scratch = core::mem::take(&mut self.scratch);
        scratch.clear();
        let mut strangers = 0_u64;
        for member in &self.live.units[at].memory_of {
            let unit = &self.live.units[*member];
            strangers = strangers.saturating_add(unit.strangers_memory);
            for (n, standing) in unit.standings.iter().enumerate() {
                if let Some((bytes, _)) = standing.now.memory {
                    scratch.push((*member, n), bytes);
                }
            }
        }
        scratch.weights.push(strangers);
        let sum = u64::try_from(scratch.sum()).unwrap_or(u64::MAX);
        let balance = Balance::of(total, reserved, used, sum);
        if balance.excess > 0 {
            scratch.spread(balance.total - balance.reserved - balance.free);
        } else {
            scratch.keep();
        }
        let mut attributed = 0;
        for ((unit, part), bytes) in scratch.whose.iter().zip(&scratch.shares) {
            let now = &mut self.live.units[*unit].standings[*part].now;
            now.memory_counted = *bytes;
            attributed += *bytes;
            if balance.excess > 0 {
                now.memory = now.memory.map(|(shown, _)| (shown, Basis::Apportioned(Rule::ScaledToWhole)));
            }
        }
        self.scratch = scratch;
        MemoryRate {
            total: balance.total,
            attributed,
            idle: balance.free,
            reserved: balance.reserved,
            excess: balance.excess,
        }
    }
}
