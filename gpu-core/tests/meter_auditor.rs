//! The meter beside an auditor with a simpler idea of it: random nodes that run, break, sleep, boot and
//! are held; every number of every account and part has to be the same.

#[path = "support/meter_auditor.rs"]
mod auditor;
#[path = "support/hand.rs"]
mod hand;

use std::collections::BTreeMap;

use auditor::{Auditor, Place, Runs, Seen, Shows};
use gpu_core::meter::{Dimension, Held, Meter, Rules, Statement, Statements};
use gpu_core::{Absence, Bytes, Incarnation, Owner, UnitId, stored};
use hand::{Hand, SECOND, docker, measured};

/// A generator of numbers that is the same everywhere (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A node of a board cut by MIG and a whole one, and its auditor.
struct Scene {
    hand: Hand,
    auditor: Auditor,
    places: Vec<UnitId>,
    energy: BTreeMap<UnitId, u64>,
    pid: u32,
}

impl Scene {
    fn new() -> Self {
        let mut hand = Hand::new("mixed", Rules::new());
        hand.inventory.devices.truncate(2);
        let [cut, whole] = [0, 1].map(|at| hand.unit(at));
        let units = |of: &gpu_core::Known<gpu_core::Count>| of.value().map_or(1, |count| count.get());
        let mut auditor = Auditor::new(10 * SECOND, Rules::new().most_power.get());
        let size = units(&hand.device(1).compute_units);
        auditor.places.insert(whole, Place { memory: whole, busy: Some(whole), device: whole, size });
        let size = units(&hand.device(0).compute_units);
        auditor.places.insert(cut, Place { memory: cut, busy: None, device: cut, size });
        for outer in &hand.device(0).partitions {
            let id = outer.id.into();
            let place = Place { memory: id, busy: None, device: cut, size: units(&outer.compute_units) };
            auditor.places.insert(id, place);
            for inner in &outer.partitions {
                let (at, size) = (inner.id.into(), units(&inner.compute_units));
                auditor.places.insert(at, Place { memory: id, busy: Some(at), device: cut, size });
            }
        }
        let places = auditor.places.iter().filter(|(_, of)| of.busy.is_some()).map(|(at, _)| *at).collect();
        Self { hand, auditor, places, energy: BTreeMap::new(), pid: 100 }
    }

    /// Something happens.
    fn happen(&mut self, dice: &mut Dice) {
        self.hand.processes.retain(|_| !dice.one_in(6));
        for _ in 0..dice.below(4) {
            self.pid += 1;
            let unit = self.places[dice.below(self.places.len() as u64) as usize];
            let owner = (!dice.one_in(8)).then(|| docker(char::from(b'a' + dice.below(4) as u8)));
            let counter = (!dice.one_in(5)).then(|| dice.below(SECOND));
            self.hand.run(self.pid, unit, owner, dice.below(6 << 30), counter);
        }
        self.held(dice);
        let length = match dice.below(30) {
            0 => 3600 * SECOND,
            1 => 10 * SECOND + 1,
            2 => 1,
            _ => SECOND / 2 + dice.below(SECOND),
        };
        self.hand.pass(length);
        if dice.one_in(60) {
            self.hand.boot += 1;
            self.hand.now = 50 * SECOND;
            self.hand.processes.clear();
        }
        for process in &mut self.hand.processes {
            process.busy = process.busy.map(|busy| busy + dice.below(length / 2 + 2));
            if dice.one_in(3) {
                process.memory = Some(dice.below(6 << 30));
            }
        }
        self.readings(dice, length);
    }

    fn held(&mut self, dice: &mut Dice) {
        if dice.one_in(5) {
            let lives: BTreeMap<UnitId, Incarnation> = self
                .hand
                .inventory
                .devices
                .iter()
                .flat_map(|device| {
                    let parts = device.all_partitions().map(|of| (UnitId::from(of.id), of.incarnation));
                    std::iter::once((UnitId::from(device.id), Incarnation(0))).chain(parts)
                })
                .collect();
            let mut held = Vec::new();
            for (unit, incarnation) in lives {
                if dice.one_in(2) {
                    let owner = (!dice.one_in(4)).then(|| docker(char::from(b'a' + dice.below(5) as u8)));
                    held.push(Held { unit, incarnation, owner });
                }
            }
            self.hand.held = (!dice.one_in(8)).then_some(held);
        }
    }

    fn readings(&mut self, dice: &mut Dice, length: u64) {
        for (unit, place) in self.auditor.places.clone() {
            let is_device = place.device == unit;
            if is_device {
                let energy = self.energy.entry(unit).or_insert(7_000_000);
                *energy = match dice.below(25) {
                    0 => dice.below(1000),
                    1 => energy.saturating_add(1 << 60),
                    2 => *energy,
                    _ => energy.saturating_add(dice.below(length / 4_000 + 2)),
                };
                let energy = *energy;
                self.hand.energy(unit, if dice.one_in(40) { u64::MAX } else { energy });
                if dice.one_in(15) {
                    self.hand.reading(unit).energy = Err(Absence::TimedOut);
                }
            }
            self.hand.reading(unit).busy = Err(hand::WHY);
            if place.busy == Some(unit) && !dice.one_in(3) {
                let share = dice.below(1100);
                self.hand.busy(unit, share);
            }
            let total = if is_device { 80 << 30 } else { 9 << 30 };
            self.hand.memory(unit, total, dice.one_in(2).then_some(1 << 28), dice.below(total + 5));
            if dice.one_in(12) {
                self.hand.reading(unit).memory_used = Err(Absence::Asleep);
            }
            let _ = measured(Bytes::ZERO);
        }
    }

    /// Both look.
    fn look(&mut self) {
        self.hand.look();
        let shows = self.auditor.places.keys().map(|unit| {
            let reading = self.hand.sample.reading(*unit);
            let memory = reading.memory_total.ok().zip(reading.memory_used.ok()).map(|(total, used)| {
                let reserved = reading.memory_reserved.map_or(0, |of| of.value.get());
                [total.value.get(), reserved, used.value.get()]
            });
            let busy = reading.busy.ok().map(|of| of.value.get());
            (*unit, Shows { energy: reading.energy.ok().map(|of| of.value.get()), busy, memory })
        });
        let runs = self.hand.processes.iter().map(|of| Runs {
            pid: of.pid,
            unit: of.unit,
            owner: of.owner.clone(),
            memory: of.memory.unwrap(),
            counter: of.busy,
        });
        let held = self.hand.held.as_ref().map(|list| {
            let pairs = list.iter().map(|held| (held.unit, held.owner.clone()));
            pairs.collect::<BTreeMap<UnitId, Option<Owner>>>()
        });
        let seen = Seen {
            boot: self.hand.boot,
            time: self.hand.now,
            shows: shows.collect(),
            runs: runs.collect(),
            held,
        };
        self.auditor.see(&seen);
    }

    fn compare(&self, statement: &Statement) {
        let mut ours = BTreeMap::new();
        let mut parts = BTreeMap::new();
        for unit in &statement.units {
            for dimension in Dimension::ALL {
                let of = unit.account(dimension);
                let sums = [of.total, of.attributed, of.idle, of.unattributed, u128::from(of.covered.get())];
                if sums != [0; 5] {
                    ours.insert((unit.unit, dimension.name()), sums);
                }
                for part in &unit.parts {
                    let value = part.get(dimension).value;
                    if value != 0 {
                        parts.insert((unit.unit, part.owner.clone(), dimension.name()), value);
                    }
                }
            }
        }
        let theirs: BTreeMap<_, _> = self
            .auditor
            .accounts
            .iter()
            .filter(|(_, sums)| **sums != [0; 5])
            .map(|(k, v)| (*k, *v))
            .collect();
        assert_eq!(ours, theirs, "accounts");
        let theirs: BTreeMap<_, _> = self
            .auditor
            .parts
            .iter()
            .filter(|(_, value)| **value != 0)
            .map(|(k, v)| (k.clone(), *v))
            .collect();
        assert_eq!(parts, theirs, "parts");
    }
}

/// So many looks from a seed: compared as they go, statements closed at random and added up, each
/// through its stored form.
fn campaign(seed: u64, looks: u32) {
    let mut dice = Dice(seed);
    let mut scene = Scene::new();
    let mut pieces = Vec::new();
    for n in 0..looks {
        scene.happen(&mut dice);
        scene.look();
        if dice.one_in(7) {
            pieces.push(scene.hand.close());
        }
        if n % 16 == 0 || n + 1 == looks {
            let mut all = scene.hand.meter.open().clone();
            all.check().unwrap();
            for piece in &pieces {
                let bytes = stored::encode_statement(piece);
                let read = stored::decode_statement(&bytes).unwrap();
                assert_eq!(read, *piece);
                all.add(&read).unwrap();
            }
            scene.compare(&all);
        }
    }
    pieces.push(scene.hand.close());
    associative(&mut dice, &pieces);
}

/// In whichever order and grouping statements are added, they make the same; what is added twice is
/// refused.
fn associative(dice: &mut Dice, pieces: &[Statement]) {
    let add = |one: &Statement, two: &Statement| {
        let mut sum = one.clone();
        sum.add(two).unwrap();
        sum.check().unwrap();
        sum
    };
    let in_order = pieces.iter().skip(1).fold(pieces[0].clone(), |sum, piece| add(&sum, piece));
    let mut heap = pieces.to_vec();
    while heap.len() > 1 {
        let one = heap.swap_remove(dice.below(heap.len() as u64) as usize);
        let two = heap.swap_remove(dice.below(heap.len() as u64) as usize);
        heap.push(add(&one, &two));
    }
    assert_eq!(heap[0], in_order);
    if let Some(piece) = pieces.iter().find(|piece| !piece.spans.is_empty()) {
        let mut sum = in_order.clone();
        assert_eq!(sum.add(piece).unwrap_err().kind(), "overlap");
        assert_eq!(sum, in_order);
    }
}

#[test]
fn the_auditor_agrees() {
    for seed in 0..12 {
        eprintln!("seed {seed}");
        campaign(seed, 200);
    }
}

/// Statements of several nodes, in any order: of each node they make what its own auditor says.
#[test]
fn statements_of_several_nodes_add_up() {
    let mut dice = Dice(7);
    let mut scenes = ["node-2", "node-10", "node-1"].map(|name| {
        let mut scene = Scene::new();
        scene.hand.meter = Meter::new(name.parse().unwrap(), Rules::new());
        (name, scene)
    });
    let mut pieces = Vec::new();
    for _ in 0..40 {
        for (_, scene) in &mut scenes {
            scene.happen(&mut dice);
            scene.look();
            if dice.one_in(4) {
                pieces.push(scene.hand.close());
            }
        }
    }
    pieces.extend(scenes.iter_mut().map(|(_, scene)| scene.hand.close()));
    let (mut all, last) = (Statements::new(), pieces.last().unwrap().clone());
    while !pieces.is_empty() {
        let piece = pieces.swap_remove(dice.below(pieces.len() as u64) as usize);
        all.add(&piece).unwrap();
    }
    assert_eq!(all.iter().map(|of| of.node.as_str()).collect::<Vec<_>>(), ["node-1", "node-10", "node-2"]);
    for (name, scene) in &scenes {
        let of = all.of(&name.parse().unwrap()).unwrap();
        of.check().unwrap();
        scene.compare(of);
    }
    // What was added already is refused, and nothing is changed; nor does one node's go into another's.
    let before = all.clone();
    assert_eq!(all.add(&last).unwrap_err().kind(), "overlap");
    assert_eq!(all, before);
    let mut of_another = all.of(&"node-10".parse().unwrap()).unwrap().clone();
    assert_eq!(of_another.add(&last).unwrap_err().kind(), "other_node");
}

#[test]
#[ignore = "long: for a release build"]
fn the_auditor_agrees_for_long() {
    let first =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |of| of.as_secs());
    for seed in first..first + 400 {
        eprintln!("seed {seed}");
        campaign(seed, 600);
    }
}
