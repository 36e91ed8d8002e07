//! Every way in which three callers can get in each other's way on a small machine: two GPUs, one of
//! them with three instances; each caller makes two entries, and they come in every order (90
//! interleavings of six). Ledger and auditor have to agree on each, and everything that always
//! holds has to hold.
//!
//! The short version takes some of the callers' scripts. All of them, in release mode:
//!
//! ```text
//! cargo test --release -p gpu-core --test ledger_small -- --ignored
//! ```

#[path = "support/auditor.rs"]
mod auditor;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/site.rs"]
mod site;

use std::collections::BTreeMap;

use auditor::{Ask, Card, Thing};
use gpu_core::stored;
use scene::Scene;

fn whole() -> Card {
    Card { instances: BTreeMap::new(), is_whole: true, shares: Some(2), memory: 80 }
}

fn cut() -> Card {
    Card { instances: (0..3).map(|at| (at, 1)).collect(), ..whole() }
}

const WHOLE: Thing = Thing { gpu: 1, instance: None, share: None, life: 0 };
const CUT: Thing = Thing { gpu: 0, instance: None, share: None, life: 0 };

const fn part(at: u8) -> Thing {
    Thing { instance: Some(at), life: 1, ..CUT }
}

const fn share(k: u16) -> Thing {
    Thing { share: Some((k, 2)), ..WHOLE }
}

/// What a caller may ask for first.
fn firsts() -> Vec<Vec<Thing>> {
    vec![
        vec![WHOLE],
        vec![CUT],
        vec![part(0)],
        vec![part(1)],
        vec![part(2)],
        vec![share(0)],
        vec![share(1)],
        // A GPU and an instance of the other, and two of one.
        vec![WHOLE, part(0)],
        vec![part(0), part(1)],
    ]
}

/// What it does then.
#[derive(Clone, Copy, Debug)]
enum Second {
    Again,
    Otherwise,
    Commit,
    Release,
    Expire,
    /// Not its own: what the machine shows.
    Gone,
    Remade,
    Recut,
}

const SECONDS: [Second; 8] = [
    Second::Again,
    Second::Otherwise,
    Second::Commit,
    Second::Release,
    Second::Expire,
    Second::Gone,
    Second::Remade,
    Second::Recut,
];

type Script = [(u128, Ask); 2];

fn script(caller: u128, first: &[Thing], second: Second) -> Script {
    let of = caller * 10;
    let expiry = Some(2);
    let reserve =
        |things: &[Thing]| Ask::Reserve { things: things.iter().map(|thing| (*thing, 0)).collect(), expiry };
    let mut remade = cut();
    remade.instances.insert(0, 2);
    let mut fewer = cut();
    fewer.instances.remove(&1);
    let second = match second {
        Second::Again => (of, reserve(first)),
        Second::Otherwise => (of, reserve(&[if first == [WHOLE] { part(0) } else { WHOLE }])),
        Second::Commit => (of + 1, Ask::Commit { of, by: 1, expiry: None }),
        Second::Release => (of + 1, Ask::Release { of }),
        Second::Expire => (of + 1, Ask::Expire { of, expiry }),
        Second::Gone => (of + 1, Ask::Inventory([(0, cut())].into())),
        Second::Remade => (of + 1, Ask::Inventory([(0, remade), (1, whole())].into())),
        Second::Recut => (of + 1, Ask::Repartition(0, fewer)),
    };
    [(of, reserve(first)), second]
}

/// Goes through all orders in which the rest of the scripts can come, each from a copy.
fn interleave(scene: &Scene, scripts: &[Script; 3], done: [usize; 3], orders: &mut u64) {
    if done == [2; 3] {
        scene.ledger.check().unwrap();
        *orders += 1;
        return;
    }
    for caller in 0..3 {
        let Some((id, ask)) = scripts[caller].get(done[caller]) else { continue };
        let mut next = scene.clone();
        // Each made its entries before anything happened, and some come late.
        let outcome = next.ask(*id, 1, ask);
        if outcome.is_err() {
            // A refusal changes nothing.
            assert!(stored::encode_snapshot(&next.ledger) == stored::encode_snapshot(&scene.ledger));
        }
        next.compare();
        let mut done = done;
        done[caller] += 1;
        interleave(&next, scripts, done, orders);
    }
}

fn all(firsts: &[Vec<Thing>], seconds: &[Second]) {
    let scene = Scene::new(&[(0, cut()), (1, whole())]);
    let scripts = |caller| -> Vec<Script> {
        firsts
            .iter()
            .flat_map(|first| seconds.iter().map(move |second| script(caller, first, *second)))
            .collect()
    };
    let (one, two, three) = (scripts(1), scripts(2), scripts(3));
    let mut orders = 0;
    // Which caller has which script makes no difference: each set of three is taken once.
    for (at, a) in one.iter().enumerate() {
        for (at, b) in two.iter().enumerate().skip(at) {
            for c in &three[at..] {
                interleave(&scene, &[a.clone(), b.clone(), c.clone()], [0; 3], &mut orders);
            }
        }
    }
    let scripts = (firsts.len() * seconds.len()) as u64;
    assert_eq!(orders, scripts * (scripts + 1) * (scripts + 2) / 6 * 90);
    println!("{orders} orders");
}

#[test]
fn three_callers_in_every_order() {
    use Second::{Again, Commit, Gone, Release};
    all(&[vec![WHOLE], vec![share(0)]], &[Again, Release]);
    all(&[vec![part(0)], vec![CUT]], &[Commit, Gone]);
}

#[test]
#[ignore = "5.8 million orders of six entries: for a release build"]
fn three_callers_with_every_script_in_every_order() {
    all(&firsts(), &SECONDS);
}
