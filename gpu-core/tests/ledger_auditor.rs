//! Random workloads of several callers against an auditor with books of its own. The seed is
//! printed when they differ. A million entries, in release mode:
//!
//! ```text
//! cargo test --release -p gpu-core --test ledger_auditor -- --ignored --nocapture
//! ```
//!
//! `GPU_ACCOUNTING_SEED=n` runs that seed alone.

#[path = "support/auditor.rs"]
mod auditor;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/site.rs"]
mod site;

use std::collections::{BTreeMap, BTreeSet};

use auditor::{Ask, Auditor, Card, Thing};
use gpu_core::ledger::{Ledger, Position};
use gpu_core::stored;
use scene::Scene;

/// Xorshift: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { all.get(self.below(all.len() as u64) as usize).cloned() }
    }
}

const GPUS: u64 = 3;

fn card(dice: &mut Dice) -> Card {
    let mut instances = BTreeMap::new();
    if !dice.one_in(3) {
        for at in 0..7 {
            if !dice.one_in(3) {
                instances.insert(at, 1 + dice.below(3));
            }
        }
    }
    let shares = if dice.one_in(3) { Some(2 + dice.below(2) as u16) } else { None };
    let memory = if dice.one_in(6) { 72 } else { 80 };
    Card { instances, is_whole: !dice.one_in(5), shares, memory }
}

fn cards(dice: &mut Dice) -> BTreeMap<u8, Card> {
    let present: Vec<u8> = (0..GPUS as u8).filter(|_| !dice.one_in(8)).collect();
    present.into_iter().map(|number| (number, card(dice))).collect()
}

/// Mostly something that is there, sometimes anything.
fn thing(dice: &mut Dice, books: &Auditor) -> Thing {
    let gpu = dice.below(GPUS) as u8;
    let known = books.cards.get(&gpu);
    let instances: Vec<(u8, u64)> =
        known.map_or(Vec::new(), |card| card.instances.iter().map(|(at, life)| (*at, *life)).collect());
    let strange = dice.one_in(12);
    match dice.below(6) {
        0 => Thing { gpu, instance: None, share: None, life: u64::from(strange) },
        1 => {
            let n = known.and_then(|card| card.shares).filter(|_| !strange).unwrap_or(2);
            Thing { gpu, instance: None, share: Some((dice.below(u64::from(n) + 1) as u16, n)), life: 0 }
        }
        _ => match dice.of(&instances).filter(|_| !strange) {
            Some((at, life)) => Thing { gpu, instance: Some(at), share: None, life },
            None => Thing { gpu, instance: Some(dice.below(8) as u8), share: None, life: 1 + dice.below(3) },
        },
    }
}

fn things(dice: &mut Dice, books: &Auditor) -> Vec<(Thing, u64)> {
    let count = if dice.one_in(4) { 2 + dice.below(3) } else { 1 };
    let mut things = Vec::new();
    for _ in 0..count {
        let memory = if dice.one_in(8) { dice.below(100) } else { dice.below(11) };
        let thing = thing(dice, books);
        let memory = if thing.share.is_some() && !dice.one_in(6) { 0 } else { memory };
        things.push((thing, memory));
    }
    // As the crate orders units: by GPU, then wholes before parts before shares.
    things.sort_by_key(|(thing, _)| scene::unit(*thing));
    things
}

fn expiry(dice: &mut Dice) -> Option<u64> {
    if dice.one_in(2) { None } else { Some(dice.below(6)) }
}

fn ask(dice: &mut Dice, books: &Auditor) -> Ask {
    let live: Vec<u128> = books.grants.keys().copied().collect();
    let of = dice.of(&live).filter(|_| !dice.one_in(10)).unwrap_or(1000 + u128::from(dice.below(4000)));
    let places = |dice: &mut Dice| -> BTreeSet<(u8, Option<u8>)> {
        let mut place = || {
            let instance = if dice.one_in(2) { None } else { Some(dice.below(7) as u8) };
            (dice.below(GPUS) as u8, instance)
        };
        [place(), place()].into_iter().collect()
    };
    // Where nobody holds anything there is not much else to do.
    let roll = dice.below(100);
    match if live.is_empty() && roll < 90 { roll % 50 } else { roll } {
        0..40 => Ask::Reserve { things: things(dice, books), expiry: expiry(dice) },
        40..58 => Ask::Commit { of, by: dice.below(4) as u32, expiry: expiry(dice) },
        58..80 => Ask::Release { of },
        80..86 => {
            let known = books.grants.get(&of).and_then(|grant| grant.expiry);
            Ask::Expire { of, expiry: if dice.one_in(4) { expiry(dice) } else { known } }
        }
        86..90 => Ask::Renew { of, expiry: expiry(dice) },
        90..92 => Ask::Inventory(cards(dice)),
        92..96 => Ask::Repartition(dice.below(GPUS) as u8, card(dice)),
        96..98 => Ask::Withdraw(places(dice)),
        _ => {
            let withdrawn: Vec<(u8, Option<u8>)> = books.withdrawn.keys().copied().collect();
            match dice.of(&withdrawn) {
                Some(place) if !dice.one_in(5) => Ask::Restore([place].into()),
                _ => Ask::Restore(places(dice)),
            }
        }
    }
}

/// So many entries of one seed: new ones, repeated ones, old ids with other bodies, callers that are
/// late and callers that are ahead. Between them the ledger goes through its stored form.
fn run(seed: u64, entries: u64) -> BTreeMap<String, u64> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let first = cards(&mut dice).into_iter().collect::<Vec<_>>();
    let mut scene = Scene::new(&first);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let mut past: Vec<(u128, u64, Ask)> = Vec::new();
    let (mut anchor, mut journal) = (stored::encode_snapshot(&scene.ledger), Vec::new());
    for step in 0..entries {
        let now = scene.auditor.position;
        let (id, seen, ask) = match dice.below(20) {
            0 if !past.is_empty() => {
                // An old one again, with what was seen then.
                let back = if dice.one_in(3) { past.len() as u64 } else { (past.len() as u64).min(300) };
                let at = past.len() as u64 - 1 - dice.below(back);
                past[at as usize].clone()
            }
            1 if !past.is_empty() => {
                let (id, seen, _) = dice.of(&past).expect("some");
                // An id that was forgotten may be taken for another thing with a newer `seen` alone.
                (id, seen, ask(&mut dice, &scene.auditor))
            }
            _ => {
                let back = if dice.one_in(20) { dice.below(600) } else { dice.below(4) };
                let ahead = if dice.one_in(200) { 1 + dice.below(3) } else { 0 };
                let id = 1000 + u128::from(step);
                (id, now.saturating_sub(back) + ahead, ask(&mut dice, &scene.auditor))
            }
        };
        let outcome = scene.ask(id, seen, &ask);
        *kinds.entry(format!("{:?}", outcome.as_ref().map(|_| kind(&ask)))).or_default() += 1;
        if let Ok(record) = outcome {
            journal.push(record);
            past.push((id, seen, ask));
        }
        if step % 16 == 0 {
            scene.compare();
        }
        if step % 512 == 511 {
            scene.ledger.check().unwrap();
            let mut again = stored::decode_snapshot(&anchor).unwrap();
            again.replay_all(&journal).unwrap();
            anchor = stored::encode_snapshot(&scene.ledger);
            assert!(stored::encode_snapshot(&again) == anchor, "replay differs");
            scene.ledger = again;
            journal.clear();
        }
    }
    assert!(scene.ledger.position() > Position(Ledger::WINDOW));
    kinds
}

fn kind(ask: &Ask) -> &'static str {
    match ask {
        Ask::Reserve { .. } => "reserve",
        Ask::Commit { .. } => "commit",
        Ask::Release { .. } => "release",
        Ask::Expire { .. } => "expire",
        Ask::Renew { .. } => "renew",
        Ask::Inventory(_) => "inventory",
        Ask::Repartition(..) => "repartition",
        Ask::Withdraw(_) => "withdraw",
        Ask::Restore(_) => "restore",
    }
}

fn seeds(count: u64, entries: u64) {
    let only = std::env::var("GPU_ACCOUNTING_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(1..count + 1, |seed: u64| seed..seed + 1);
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| run(seed, entries));
        let kinds = outcome.unwrap_or_else(|_| panic!("seed {seed}: ledger and auditor differ (see above)"));
        kinds.into_iter().for_each(|(kind, count)| *all.entry(kind).or_default() += count);
    }
    println!("{all:#?}");
    if only.is_none() {
        // Every sort of entry was taken, and every sort of refusal was given.
        for kind in [
            "reserve",
            "commit",
            "release",
            "expire",
            "renew",
            "inventory",
            "repartition",
            "withdraw",
            "restore",
        ] {
            assert!(all.contains_key(&format!("Ok({kind:?})")), "no {kind} was taken");
        }
        for kind in [
            "repeated",
            "id_reused",
            "outdated",
            "ahead",
            "unknown_unit",
            "other_life",
            "not_offered",
            "withdrawn",
            "too_small",
            "taken",
            "contradiction",
            "not_held",
            "already_held",
            "gone",
            "other_expiry",
            "invalid",
        ] {
            assert!(all.contains_key(&format!("Err({kind:?})")), "nothing was refused as {kind}");
        }
    }
}

#[test]
fn ledger_and_auditor_agree() {
    seeds(8, 4_000);
}

#[test]
#[ignore = "a million entries: for a release build"]
fn ledger_and_auditor_agree_on_a_million_entries() {
    seeds(100, 12_000);
}
