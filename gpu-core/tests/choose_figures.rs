//! What choosing costs: the figures of `BENCHMARKS.md`.
//!
//! ```text
//! cargo test --release -p gpu-core --test choose_figures -- --ignored --nocapture
//! ```

#[path = "support/site.rs"]
mod site;

use std::time::{Duration, Instant};

use gpu_core::Bytes;
use gpu_core::choose::{Index, Request, among};
use gpu_core::ledger::{Body, EntryId, Ledger, NodeName, Reserve};
use site::{board, cut};

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

fn name(number: usize) -> NodeName {
    format!("node-{number:05}").parse().expect("a name")
}

/// Nodes of eight boards, seven instances on each; every 16th node has whole boards. Filled to
/// some part with single instances, as chance has it.
fn cluster(devices: usize, filled_percent: u64) -> (Vec<Ledger>, Index) {
    let mut dice = Dice(7);
    let mut index = Index::default();
    let nodes = (0..devices / 8).map(|number| {
        let mut ledger = Ledger::new(name(number));
        let is_whole = number % 16 == 0;
        let boards = (0..8).map(|gpu| if is_whole { board(gpu) } else { cut(gpu, 0..7) }).collect();
        ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(boards))).expect("it is taken");
        let request = if is_whole { Request::memory(Bytes::gib(80)) } else { Request::memory(Bytes::gib(5)) };
        for id in 0..if is_whole { 8 } else { 56 } {
            if dice.below(100) < filled_percent {
                let key = ledger.key(EntryId(100 + id));
                ledger.reserve(key, &request).expect("there is room");
            }
        }
        index.update(&ledger);
        ledger
    });
    let nodes = nodes.collect();
    (nodes, index)
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100], times[times.len() - 1])
}

/// Choose, reserve, tell the index; with the times of choosing and of telling.
fn work(
    nodes: &mut [Ledger],
    index: &mut Index,
    request: &Request,
    rounds: u128,
    first: u128,
) -> [Vec<Duration>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let start = Instant::now();
        // Names are numbers here: the caller's own map is not measured.
        let number = |name: NodeName| name.as_str()[5..].parse::<usize>().expect("a number");
        let found = index.choose(request, |name| nodes.get(number(name)));
        times[0].push(start.elapsed());
        let (name, candidates) = found.expect("there is room");
        let ledger = &mut nodes[number(name)];
        let reserve = Reserve::new(candidates[0].claims());
        ledger
            .apply(&ledger.entry(ledger.key(EntryId(first + round)), Body::Reserve(reserve)))
            .expect("it is free");
        let start = Instant::now();
        index.update(ledger);
        times[1].push(start.elapsed());
    }
    times
}

#[test]
#[ignore = "a figure: for a release build"]
fn choosing_among_60_000_devices() {
    let mut medians = Vec::new();
    for devices in [600, 6_000, 60_000] {
        let (mut nodes, mut index) = cluster(devices, 60);
        let requests = [
            ("an instance", Request::memory(Bytes::gib(5)), 1_000),
            ("an instance, spread", Request::memory(Bytes::gib(5)).spread(), 1_000),
            ("four instances", Request::memory(Bytes::gib(5)).count(4), 40),
            ("a whole board", Request::memory(Bytes::gib(40)), 5),
        ];
        for (at, (what, request, rounds)) in requests.into_iter().enumerate() {
            let rounds = rounds.min(devices as u128 / 2);
            let [choosing, telling] =
                work(&mut nodes, &mut index, &request, rounds, 10_000 * (at as u128 + 1));
            let ((middle, late, worst), (told, ..)) = (median(choosing), median(telling));
            println!(
                "{devices} devices, {what}: median {middle:?}, 99 % {late:?}, worst {worst:?}; telling the index {told:?}"
            );
            medians.push((what, middle));
        }
        let node = &nodes[1];
        let times = (0..1_000).map(|_| {
            let start = Instant::now();
            let _ = among(node, &Request::memory(Bytes::gib(5)));
            start.elapsed()
        });
        println!("one node of 56 instances: median {:?}", median(times.collect()).0);
    }
    for (what, middle) in medians {
        assert!(middle <= Duration::from_micros(10), "{what}: {middle:?}");
    }
}
