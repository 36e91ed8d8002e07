//! [`Traces`]: what units and owners showed at the looks before.

use std::collections::{BTreeMap, VecDeque};

use gpu_accounting::{Absence, Metric, Microjoules, UnitId, Value, Watch};

/// Most looks that are kept: the widest terminal shows no more.
const MOST: usize = 240;

/// What a unit showed, look after look: thousandths, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    busy: VecDeque<Option<u16>>,
    memory: VecDeque<Option<u16>>,
}

impl Trace {
    fn push(&mut self, busy: Option<u16>, memory: Option<u16>) {
        for (series, value) in [(&mut self.busy, busy), (&mut self.memory, memory)] {
            if series.len() == MOST {
                series.pop_front();
            }
            series.push_back(value);
        }
    }

    /// How busy it was; where that was never told, how full its memory was.
    pub fn shown(&self) -> Shown {
        let is_told = |series: &VecDeque<Option<u16>>| series.iter().any(Option::is_some);
        match (is_told(&self.busy), is_told(&self.memory)) {
            (true, _) => Shown { what: "busy", values: self.busy.iter().copied().collect() },
            (_, true) => Shown { what: "mem", values: self.memory.iter().copied().collect() },
            _ => Shown { what: "", values: Vec::new() },
        }
    }
}

/// A series to be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// What it is of: `busy` or `mem`.
    pub what: &'static str,
    /// Thousandths, the latest last; `None` for a look that had no number.
    pub values: Vec<Option<u16>>,
}

/// Energy since the first look: the growth of a counter, added up.
#[derive(Clone, Copy, Debug)]
struct Spent {
    last: Microjoules,
    sum: Microjoules,
}

/// What units showed at the looks before.
#[derive(Debug, Default)]
pub struct Traces {
    units: BTreeMap<UnitId, Trace>,
    spent: BTreeMap<UnitId, Spent>,
    holders: BTreeMap<(UnitId, String), Trace>,
}

impl Traces {
    /// Takes over what the last look showed; forgets units that are gone.
    pub fn look(&mut self, watch: &Watch<'_>) {
        let inventory = watch.inventory();
        self.units.retain(|unit, _| inventory.contains(*unit));
        for unit in inventory.units() {
            let reading = watch.sample().reading(unit);
            let busy = match reading.get(Metric::Busy).map(|of| of.value) {
                Ok(Value::Permille(part)) => u16::try_from(part.get()).ok(),
                _ => None,
            };
            let memory = match (reading.memory_used, reading.memory_total) {
                (Ok(used), Ok(total)) => thousandths(used.value.get(), total.value.get()),
                _ => None,
            };
            self.units.entry(unit).or_default().push(busy, memory);
            let Ok(energy) = reading.energy else { continue };
            let spent =
                self.spent.entry(unit).or_insert(Spent { last: energy.value, sum: Microjoules::ZERO });
            spent.sum = spent.sum.saturating_add(grown(spent.last, energy.value));
            spent.last = energy.value;
        }
    }

    /// Takes over what holders showed: the share of the engine that works most for each, and of the
    /// unit's memory. Who is on nothing any more is forgotten.
    pub fn holders(&mut self, shown: &[(UnitId, String, Option<u16>, Option<u16>)]) {
        self.holders.retain(|(unit, who), _| shown.iter().any(|of| of.0 == *unit && of.1 == *who));
        for (unit, who, engine, memory) in shown {
            self.holders.entry((*unit, who.clone())).or_default().push(*engine, *memory);
        }
    }

    pub fn of_holder(&self, unit: UnitId, who: &str) -> Shown {
        self.holders.get(&(unit, who.to_owned())).map(Trace::shown).unwrap_or_default()
    }

    pub fn of(&self, unit: UnitId) -> Shown {
        self.units.get(&unit).map(Trace::shown).unwrap_or_default()
    }

    /// Energy of a unit since the first look, where it has a counter now.
    pub fn spent(&self, unit: UnitId, now: Result<(), Absence>) -> Result<Microjoules, Absence> {
        now?;
        self.spent.get(&unit).map(|spent| spent.sum).ok_or(Absence::NotYet)
    }
}

/// By how much a counter grew. One that fell has begun anew: what it shows came since.
fn grown(last: Microjoules, now: Microjoules) -> Microjoules {
    now.checked_sub(last).unwrap_or(now)
}

pub fn thousandths(part: u64, whole: u64) -> Option<u16> {
    let of = (u128::from(part) * 1000).checked_div(u128::from(whole))?;
    u16::try_from(of.min(1000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_fell_began_anew() {
        let grown = |last, now| grown(Microjoules(last), Microjoules(now)).get();
        assert_eq!([grown(10, 25), grown(10, 10), grown(1000, 7)], [15, 0, 7]);
    }
}
