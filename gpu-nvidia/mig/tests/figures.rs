//! How long plans take. Built in release mode alone:
//!
//! ```text
//! cargo test --release -p gpu-nvidia-mig --test figures -- --ignored --nocapture
//! ```

#![cfg(not(debug_assertions))]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use gpu_core::plan::{
    Demand, Geometry, Layout, Live, NodeBoard, NodeError, NodePlan, ProfileKey, Request, Wanted,
};
use gpu_core::{Fingerprint, Placement};
use gpu_nvidia_mig::Board;

/// Every layout that the planner's own walk finds, full or not.
fn layouts(geometry: &Geometry) -> Vec<Layout> {
    let mut found: BTreeSet<Vec<(u32, ProfileKey, u32)>> = BTreeSet::new();
    for full in geometry.layouts() {
        for choice in 0..1_u32 << full.len() {
            let some = full.iter().enumerate().filter(|(n, _)| choice >> n & 1 == 1);
            found.insert(some.map(|(_, (key, place))| (place.start, *key, place.size)).collect());
        }
    }
    let live = |(start, key, size): &(u32, ProfileKey, u32)| {
        Live::new(*key, Placement { start: *start, size: *size }, *start)
    };
    found.iter().map(|all| Layout::new(Fingerprint(0), all.iter().map(live).collect())).collect()
}

/// Every multiset of at most so many instances, one more of each than there may be.
fn multisets(geometry: &Geometry, most: u32) -> Vec<Wanted> {
    let mut all = vec![Wanted::default()];
    for profile in geometry.profiles() {
        let mut more = Vec::new();
        for wanted in &all {
            for count in 0..=profile.maximum() + 1 {
                let mut wanted = wanted.clone();
                wanted.add(profile.key(), count);
                if wanted.total() <= u64::from(most) {
                    more.push(wanted);
                }
            }
        }
        all = more;
    }
    all
}

/// The quickest of a few: what the planner takes, without what else the machine does.
fn quickest(times: u32, mut run: impl FnMut()) -> Duration {
    let once = |_| {
        let begin = Instant::now();
        run();
        begin.elapsed()
    };
    (0..times).map(once).min().unwrap_or_default()
}

struct Spread {
    count: usize,
    median: Duration,
    most: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |permille: usize| {
            times.get(times.len().saturating_sub(1) * permille / 1000).copied().unwrap_or_default()
        };
        Self { count: times.len(), median: at(500), most: at(990) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} runs, median {:?}, 99 % {:?}", self.count, self.median, self.most)
    }
}

#[test]
#[ignore = "a measurement: release mode, by the command at the head of this file"]
fn one_board() {
    for (key, most) in [("h100-80", 7), ("rtx-pro-6000", 4), ("a30-24", 4)] {
        let geometry = Board::named(key).unwrap().geometry().unwrap();
        let (layouts, multisets) = (layouts(&geometry), multisets(&geometry, most));
        let (mut times, mut found) = (Vec::new(), Vec::new());
        let mut worst = (Duration::ZERO, String::new());
        for layout in &layouts {
            for wanted in &multisets {
                let (add, exactly) = (Request::add(wanted.clone()), Request::exactly(wanted.clone()));
                for request in [add.clone(), add.moving(), exactly.clone(), exactly.moving()] {
                    let mut run = || drop(std::hint::black_box(geometry.plan(layout, &request)));
                    let mut time = quickest(1, &mut run);
                    if time > worst.0 {
                        time = time.min(quickest(7, &mut run));
                    }
                    if time > worst.0 {
                        worst = (time, format!("{layout:?} {request:?}"));
                    }
                    times.push(time);
                    if geometry.plan(layout, &request).is_ok() {
                        found.push(time);
                    }
                }
            }
        }
        let (all, plans) = (Spread::of(times), Spread::of(found));
        println!("{key}: {} layouts × {} multisets × 4 requests", layouts.len(), multisets.len());
        println!("  all: {all}");
        println!("  those that have a plan: {plans}");
        println!("  worst: {:?} for {}", worst.0, worst.1);
        assert!(plans.median <= Duration::from_micros(50), "median");
        assert!(worst.0 <= Duration::from_millis(1), "worst");
    }
}

#[test]
#[ignore = "a measurement: release mode, by the command at the head of this file"]
fn a_node_of_eight_mixed_boards() {
    let mixed =
        ["h100-80", "h100-80", "a100-40", "a100-80", "h200-141", "b200-180", "rtx-pro-6000", "a30-24"];
    let names = ["1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "1g.24gb", "2g.48gb-me", "1g.18gb", "3g.90gb"];
    node("8 mixed boards", &mixed, &names, false, 20_000);
    node("8 mixed boards, moving", &mixed, &names, true, 2_000);
    let names = ["1g.10gb", "1g.10gb+me", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"];
    node("8 boards of one kind", &["h100-80"; 8], &names, false, 20_000);
}

/// Prints how long a node takes. On mixed boards, without moving, a millisecond is the limit.
fn node(title: &str, keys: &[&str], names: &[&str], moving: bool, rounds: usize) {
    let geometries: Vec<Geometry> =
        keys.iter().map(|key| Board::named(key).unwrap().geometry().unwrap()).collect();
    let all: Vec<Vec<Layout>> = geometries.iter().map(layouts).collect();
    let (mut held, mut refused) = (Vec::new(), Vec::new());
    let mut worst = (Duration::ZERO, String::new());
    for round in 0..rounds {
        let scattered = |n: usize| {
            let mixed = ((round * 64 + n + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) as usize
        };
        // Few instances on some nodes, so that there is much to choose from.
        let few = round % 4;
        let pick = |n: usize| {
            let fits = |layout: &&Layout| layout.live.len() <= few + 1;
            let some: Vec<&Layout> = all[n].iter().filter(fits).collect();
            some[scattered(n) % some.len()]
        };
        let boards: Vec<NodeBoard<'_>> = geometries
            .iter()
            .enumerate()
            .map(|(n, geometry)| NodeBoard { geometry, layout: pick(n) })
            .collect();
        // From a few to about what the node can hold.
        let count = |n: usize| u32::try_from(scattered(100 + n) % (2 + round % 7)).unwrap();
        let demands: Vec<Demand> =
            names.iter().enumerate().map(|(n, name)| Demand::new(*name, count(n))).collect();
        let mut run = || drop(std::hint::black_box(NodePlan::of(&boards, &demands, moving)));
        let mut time = quickest(1, &mut run);
        if time > worst.0 {
            time = time.min(quickest(7, &mut run));
        }
        if time > worst.0 {
            worst = (time, format!("{demands:?}"));
        }
        let plan = NodePlan::of(&boards, &demands, moving);
        assert_ne!(plan, Err(NodeError::Undecided), "{demands:?}");
        let all = if plan.is_ok() { &mut held } else { &mut refused };
        all.push(time);
    }
    let (held, refused) = (Spread::of(held), Spread::of(refused));
    println!("{title}\n  held: {held}\n  refused: {refused}\n  worst: {:?} for {}", worst.0, worst.1);
    assert!(moving || title != "8 mixed boards" || worst.0 <= Duration::from_millis(1), "worst");
}
