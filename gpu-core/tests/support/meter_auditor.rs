//! An auditor of the meter: its own, simpler idea of what a statement must say. It shares no code with
//! the crate: it keeps every look, and computes everything from two of them with maps and fractions.

#![allow(dead_code)] // each test binary uses some of it

use std::collections::{BTreeMap, BTreeSet};

use gpu_core::{Owner, UnitId};

/// What one unit shows.
#[derive(Clone, Copy, Default, Debug)]
pub struct Shows {
    pub energy: Option<u64>,
    pub busy: Option<u64>,
    /// Total, reserved, used.
    pub memory: Option<[u64; 3]>,
}

/// A process: who, where, its memory, its counter.
#[derive(Clone, Debug)]
pub struct Runs {
    pub pid: u32,
    pub unit: UnitId,
    pub owner: Option<Owner>,
    pub memory: u64,
    pub counter: Option<u64>,
}

/// One look.
#[derive(Clone, Debug)]
pub struct Seen {
    pub boot: u8,
    pub time: u64,
    pub shows: BTreeMap<UnitId, Shows>,
    pub runs: Vec<Runs>,
    /// `None` for a unit that is set aside.
    pub held: Option<BTreeMap<UnitId, Option<Owner>>>,
}

/// A unit as the auditor was told of it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Which unit has its memory, its time (if any has).
    pub memory: UnitId,
    pub busy: Option<UnitId>,
    pub device: UnitId,
    /// Compute units.
    pub size: u64,
}

/// Total, attributed, idle, unattributed, covered.
pub type Sums = [u128; 5];

#[derive(Default, Debug)]
pub struct Auditor {
    pub places: BTreeMap<UnitId, Place>,
    pub longest: u64,
    pub most_power: u64,
    last: Option<Seen>,
    /// Value and how long it has not been read.
    counters: BTreeMap<UnitId, (u64, u64)>,
    /// The counters of processes, by number and unit.
    worked: BTreeMap<(u32, UnitId), u64>,
    pub accounts: BTreeMap<(UnitId, &'static str), Sums>,
    pub parts: BTreeMap<(UnitId, Owner, &'static str), u128>,
}

impl Auditor {
    pub fn new(longest: u64, most_power: u64) -> Self {
        Self { longest, most_power, ..Self::default() }
    }

    pub fn see(&mut self, seen: &Seen) {
        let before = self.last.replace(seen.clone()).filter(|before| before.boot == seen.boot);
        let worked = self.worked_since(seen);
        let Some(before) = before else {
            let read = seen.shows.iter().filter_map(|(unit, of)| Some((*unit, (of.energy?, 0))));
            self.counters = read.filter(|(_, (value, _))| *value != u64::MAX).collect();
            return;
        };
        let length = seen.time - before.time;
        let is_gap = length > self.longest;
        if !is_gap {
            self.held(&before, length.into());
            self.memory(&before, length.into());
        }
        let busy = if is_gap { BTreeMap::new() } else { self.busy(&before, seen, &worked, length.into()) };
        self.energy(seen, &busy, length, is_gap);
    }

    /// What every process worked since the look before.
    fn worked_since(&mut self, seen: &Seen) -> BTreeMap<(u32, UnitId), Option<u64>> {
        let mut now = BTreeMap::new();
        let mut worked = BTreeMap::new();
        for run in &seen.runs {
            let key = (run.pid, run.unit);
            let since = run.counter.and_then(|counter| Some(counter - self.worked.get(&key)?));
            worked.insert(key, since);
            if let Some(counter) = run.counter {
                now.insert(key, counter);
            }
        }
        self.worked = now;
        worked
    }

    fn add(&mut self, unit: UnitId, what: &'static str, sums: Sums) {
        let account = self.accounts.entry((unit, what)).or_default();
        for (sum, more) in account.iter_mut().zip(sums) {
            *sum += more;
        }
    }

    fn give(&mut self, unit: UnitId, owner: &Owner, what: &'static str, value: u128) {
        *self.parts.entry((unit, owner.clone(), what)).or_default() += value;
    }

    fn held(&mut self, before: &Seen, length: u128) {
        let Some(held) = &before.held else { return };
        for unit in self.places.keys().copied().collect::<Vec<_>>() {
            let (mut attributed, mut unattributed) = (0, 0);
            match held.get(&unit) {
                Some(Some(owner)) => {
                    attributed = length;
                    self.give(unit, owner, "held", length);
                }
                Some(None) => unattributed = length,
                None => {}
            }
            let idle = length - attributed - unattributed;
            self.add(unit, "held", [length, attributed, idle, unattributed, length]);
        }
    }

    fn memory(&mut self, before: &Seen, length: u128) {
        let keepers: BTreeSet<UnitId> = self.places.values().map(|place| place.memory).collect();
        for keeper in &keepers {
            let mut shown = before.shows[keeper].memory;
            // What is cut out of a device has its own account.
            let inner = keepers.iter().filter(|of| **of != *keeper && self.places[of].device == *keeper);
            for of in inner {
                shown = match (shown, before.shows[of].memory) {
                    (Some(own), Some(of)) => Some([0, 1, 2].map(|at| own[at].saturating_sub(of[at]))),
                    _ => None,
                };
            }
            let Some([total, reserved, used]) = shown else { continue };
            let reserved = reserved.min(total);
            let used = used.min(total - reserved);
            let here = |run: &&Runs| self.places[&run.unit].memory == *keeper;
            let mut wants: BTreeMap<(Option<Owner>, UnitId), u64> = BTreeMap::new();
            let mut strangers = 0;
            for run in before.runs.iter().filter(here) {
                match &run.owner {
                    Some(owner) => *wants.entry((Some(owner.clone()), run.unit)).or_default() += run.memory,
                    None => strangers += run.memory,
                }
            }
            // By unit, then by owner, and what is nobody's last.
            let mut list: Vec<((UnitId, Option<Owner>), u64)> =
                wants.into_iter().map(|((owner, unit), bytes)| ((unit, owner), bytes)).collect();
            list.sort();
            list.push(((*keeper, None), strangers));
            let weights: Vec<u64> = list.iter().map(|(_, bytes)| *bytes).collect();
            let sum: u128 = weights.iter().map(|of| u128::from(*of)).sum();
            let got = if sum > used.into() { spread(used, &weights) } else { weights };
            let mut attributed = 0;
            for (((unit, owner), _), bytes) in list.iter().zip(got) {
                if let Some(owner) = owner {
                    attributed += u128::from(bytes) * length;
                    self.give(*unit, owner, "memory", u128::from(bytes) * length);
                }
            }
            let (total, idle) = (u128::from(total) * length, u128::from(total - reserved - used) * length);
            self.add(*keeper, "memory", [total, attributed, idle, total - attributed - idle, length]);
        }
    }

    /// Hands out what each owner (or nobody) has on each unit, and on which devices somebody's is not
    /// told.
    fn busy(
        &mut self,
        before: &Seen,
        seen: &Seen,
        worked: &BTreeMap<(u32, UnitId), Option<u64>>,
        length: u128,
    ) -> BTreeMap<(UnitId, Option<Owner>), Option<u64>> {
        let mut all = BTreeMap::new();
        let keepers: BTreeSet<UnitId> = self.places.values().filter_map(|place| place.busy).collect();
        for unit in self.places.keys() {
            // On what no account is kept of, there are told times and untold ones too.
            if !keepers.contains(unit) {
                for run in seen.runs.iter().filter(|run| run.unit == *unit && run.owner.is_some()) {
                    let told = worked[&(run.pid, run.unit)];
                    let of: &mut Option<u64> = all.entry((*unit, run.owner.clone())).or_default();
                    *of = of.map_or(told, |sum| Some(sum + told.unwrap_or(0)));
                }
            }
        }
        for unit in keepers {
            let mut told: BTreeMap<Owner, Option<u64>> = BTreeMap::new();
            let (mut strangers, mut has_strangers) = (0, false);
            for run in seen.runs.iter().filter(|run| run.unit == unit) {
                let time = worked[&(run.pid, run.unit)];
                match &run.owner {
                    Some(owner) => {
                        let of = told.entry(owner.clone()).or_default();
                        *of = of.map_or(time, |sum| Some(sum + time.unwrap_or(0)));
                    }
                    None => {
                        has_strangers = true;
                        strangers += time.unwrap_or(0);
                    }
                }
            }
            let then = before.runs.iter().filter(|run| run.unit == unit);
            let mut gone = false;
            for run in then {
                has_strangers |= run.owner.is_none();
                gone |= run.owner.as_ref().is_some_and(|owner| !told.contains_key(owner));
            }
            let shown = seen.shows[&unit].busy.map(|share| length * u128::from(share.min(1000)) / 1000);
            let is_told = strangers > 0 || told.values().any(Option::is_some);
            if shown.is_none() && !is_told {
                all.extend(told.into_iter().map(|(owner, time)| ((unit, Some(owner)), time)));
                continue;
            }
            if let (Some(shown), [(owner, None)], false, false) = (
                shown.filter(|shown| *shown > 0),
                &told.clone().into_iter().collect::<Vec<_>>()[..],
                has_strangers,
                gone,
            ) {
                told.insert(owner.clone(), Some(u64::try_from(shown).unwrap()));
            }
            let owners: Vec<(&Owner, &Option<u64>)> = told.iter().collect();
            let mut weights: Vec<u64> = owners.iter().map(|(_, time)| time.unwrap_or(0)).collect();
            weights.push(strangers);
            let sum: u128 = weights.iter().map(|of| u128::from(*of)).sum();
            let mut got =
                if sum > length { spread(u64::try_from(length).unwrap(), &weights) } else { weights };
            let strangers = u128::from(got.pop().unwrap());
            let attributed: u128 = got.iter().map(|of| u128::from(*of)).sum();
            let used = shown.unwrap_or(0).max(attributed + strangers);
            let idle = shown.map_or(0, |_| length - used);
            for ((owner, time), got) in owners.iter().zip(&got) {
                all.insert((unit, Some((*owner).clone())), time.map(|_| *got));
                self.give(unit, owner, "busy", u128::from(*got));
            }
            all.insert((unit, None), Some(u64::try_from(used - attributed).unwrap()));
            self.add(unit, "busy", [length, attributed, idle, length - attributed - idle, length]);
        }
        all
    }

    fn energy(
        &mut self,
        seen: &Seen,
        busy: &BTreeMap<(UnitId, Option<Owner>), Option<u64>>,
        length: u64,
        is_gap: bool,
    ) {
        let devices: BTreeSet<UnitId> = self.places.values().map(|place| place.device).collect();
        for device in devices {
            let Some(value) = seen.shows[&device].energy else {
                if let Some((_, age)) = self.counters.get_mut(&device) {
                    *age += length;
                }
                continue;
            };
            let before = self.counters.insert(device, (value, 0));
            if value == u64::MAX && before.is_some_and(|(before, _)| value >= before) {
                self.counters.remove(&device);
                continue;
            }
            let Some((before, age)) = before else { continue };
            let Some(grown) = value.checked_sub(before) else { continue };
            let most = u128::from(self.most_power) * (u128::from(age) + u128::from(length) + 1_000_000_000);
            if u128::from(grown) > most / 1_000_000_000 {
                continue;
            }
            let energy = u128::from(grown);
            if is_gap || age > 0 {
                self.add(device, "energy", [energy, 0, 0, energy, 0]);
                continue;
            }
            self.spread_energy(device, busy, grown, length);
        }
    }

    fn spread_energy(
        &mut self,
        device: UnitId,
        busy: &BTreeMap<(UnitId, Option<Owner>), Option<u64>>,
        grown: u64,
        length: u64,
    ) {
        let energy = u128::from(grown);
        let here = |unit: &UnitId| self.places[unit].device == device;
        let all: Vec<_> = busy.iter().filter(|((unit, _), _)| here(unit)).collect();
        if all.iter().any(|(_, time)| time.is_none()) {
            self.add(device, "energy", [energy, 0, 0, energy, length.into()]);
            return;
        }
        let weigh = |unit: &UnitId, time: &Option<u64>| time.unwrap_or(0) * self.places[unit].size;
        let owned: Vec<_> = all.iter().filter(|((_, owner), _)| owner.is_some()).collect();
        let mut weights: Vec<u64> = owned.iter().map(|((unit, _), time)| weigh(unit, time)).collect();
        let nobodys = all.iter().filter(|((_, owner), _)| owner.is_none());
        weights.push(nobodys.map(|((unit, _), time)| weigh(unit, time)).sum());
        if weights.iter().all(|weight| *weight == 0) {
            self.add(device, "energy", [energy, 0, energy, 0, length.into()]);
            return;
        }
        let mut got = spread(grown, &weights);
        let nobodys = u128::from(got.pop().unwrap());
        let shares: Vec<_> = owned
            .iter()
            .zip(got)
            .map(|(((unit, owner), _), of)| (*unit, owner.clone().unwrap(), of))
            .collect();
        for (unit, owner, of) in shares {
            self.give(unit, &owner, "energy", of.into());
        }
        self.add(device, "energy", [energy, energy - nobodys, 0, nobodys, length.into()]);
    }
}

/// Largest remainder, one unit at a time.
fn spread(total: u64, weights: &[u64]) -> Vec<u64> {
    let whole: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if whole == 0 {
        return vec![0; weights.len()];
    }
    let due = |at: usize| u128::from(total) * u128::from(weights[at]);
    let mut got: Vec<u64> = (0..weights.len()).map(|at| u64::try_from(due(at) / whole).unwrap()).collect();
    let mut left = total - got.iter().sum::<u64>();
    let mut has_more = vec![false; weights.len()];
    while left > 0 {
        let next = (0..weights.len()).filter(|at| !has_more[*at]);
        let next = next.max_by_key(|at| (due(*at) % whole, std::cmp::Reverse(*at))).unwrap();
        (has_more[next], got[next]) = (true, got[next] + 1);
        left -= 1;
    }
    got
}
