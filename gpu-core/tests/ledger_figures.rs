//! What the ledger costs: the figures of `BENCHMARKS.md`. What else the machine does only ever slows:
//! what is promised is held against the fastest stretch, and the whole is printed beside it.
//!
//! ```text
//! cargo test --release -p gpu-core --test ledger_figures -- --ignored --nocapture --test-threads 1
//! ```

#[path = "support/site.rs"]
mod site;

use std::time::{Duration, Instant};

use gpu_core::ledger::{Body, Entry, EntryId, Key, Ledger, Position};
use gpu_core::stored;
use site::{commit, cut, done, instance, release, reserve};

const GPUS: u8 = 8;
const INSTANCES: u32 = 7;

fn node(number: usize) -> Ledger {
    let mut ledger = Ledger::new(format!("node-{number}").parse().expect("a name"));
    let boards = (0..GPUS).map(|gpu| cut(gpu, 0..INSTANCES)).collect();
    ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(boards))).expect("it is taken");
    ledger
}

/// The entries of so many holdings that come, are committed and go, one after the other on each
/// instance in turn, as they follow on a ledger at `position`.
fn cycles(of: &Ledger, first: u128, count: u128) -> Vec<Entry> {
    let mut position = of.position().0;
    let mut entries = Vec::new();
    for number in first..first + count {
        let at = (number % 56) as u32;
        let unit = instance((at / INSTANCES) as u8, at % INSTANCES);
        let id = number * 4 + 100;
        for (id, body) in
            [(id, reserve([unit.into()])), (id + 1, commit(id, number as u32)), (id + 2, release(id))]
        {
            entries.push(of.entry(Key::new(EntryId(id), Position(position)), body));
            position += 1;
        }
    }
    entries
}

fn rate(count: usize, time: Duration) -> u128 {
    count as u128 * 1_000_000_000 / time.as_nanos().max(1)
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = text.split(' ').nth(1).expect("a second number").parse().expect("a number");
    pages * 4096
}

#[test]
#[ignore = "a figure: for a release build"]
fn a_million_entries_a_second() {
    let mut ledger = node(1);
    // The half that stays, so that a board is never empty.
    for at in (0..56).step_by(2) {
        let unit = instance((at / 7) as u8, at % 7);
        done(&mut ledger, u128::from(at) + 10_000_000_000, reserve([unit.into()]));
        done(&mut ledger, u128::from(at) + 20_000_000_000, release(u128::from(at) + 10_000_000_000));
    }
    let (mut best, mut total, mut count) = (Duration::MAX, Duration::ZERO, 0);
    let (mut bytes, mut memory) = (0, 0);
    for round in 0..100_u128 {
        let entries = cycles(&ledger, round * 3_400, 3_400);
        let start = Instant::now();
        for entry in &entries {
            ledger.apply(entry).expect("it is taken");
        }
        let time = start.elapsed();
        (best, total, count) = (best.min(time), total + time, count + entries.len());
        if round == 2 {
            (bytes, memory) = (stored::encode_snapshot(&ledger).len(), resident());
        }
    }
    println!(
        "applied: {count} entries, {}/s over all, {}/s in the fastest block",
        rate(count, total),
        rate(10_200, best)
    );
    let grown = resident().saturating_sub(memory);
    println!("grown since entry 30,000: {grown} bytes resident");
    assert_eq!(stored::encode_snapshot(&ledger).len(), bytes, "the state does not grow");
    assert!(grown < 1 << 20, "{grown} bytes");
    assert!(rate(10_200, best) >= 1_000_000, "{} entries/s", rate(10_200, best));
}

#[test]
#[ignore = "a figure: for a release build"]
fn a_fleet_of_7500_nodes() {
    let before = resident();
    let mut fleet: Vec<Ledger> = (0..7_500).map(node).collect();
    let empty = resident() - before;
    for ledger in &mut fleet {
        for at in 0..56_u32 {
            let unit = instance((at / INSTANCES) as u8, at % INSTANCES);
            let id = u128::from(at) + 10;
            for (id, body) in [(id, reserve([unit.into()])), (id + 1000, long_commit(id))] {
                let entry = ledger.entry(ledger.key(EntryId(id)), body);
                ledger.apply(&entry).expect("it is taken");
            }
        }
    }
    let full = resident() - before;
    // Until every window is full: one holding of each node goes and comes.
    for ledger in &mut fleet {
        for round in 0..60_u128 {
            let id = 10_000 + round * 10;
            let of = if round == 0 { 10 } else { id - 10 };
            for (id, body) in
                [(id + 1, release(of)), (id, reserve([instance(0, 0).into()])), (id + 2, long_commit(id))]
            {
                let entry = ledger.entry(ledger.key(EntryId(id)), body);
                ledger.apply(&entry).expect("it is taken");
            }
        }
    }
    let windows = resident() - before;
    println!("60,000 devices × 7 instances: {} MB with nobody on them", empty / 1_000_000);
    println!("every instance held by a container: {} MB", full / 1_000_000);
    println!("and every memory of ids full: {} MB", windows / 1_000_000);

    let mut time = Duration::ZERO;
    let mut count = 0;
    for round in 0..20_u128 {
        for (number, ledger) in fleet.iter_mut().enumerate().step_by(7) {
            let id = 100_000 + round * 10;
            let of = if round == 0 { 10_590 } else { id - 10 };
            let entries: Vec<Entry> =
                [(id + 1, release(of)), (id, reserve([instance(0, 0).into()])), (id + 2, long_commit(id))]
                    .into_iter()
                    .map(|(id, body)| ledger.entry(ledger.key(EntryId(id)), body))
                    .collect();
            let start = Instant::now();
            for entry in &entries {
                ledger.apply(entry).unwrap_or_else(|refusal| panic!("{number}: {refusal}"));
            }
            time += start.elapsed();
            count += entries.len();
        }
    }
    println!("applied, another node each time: {}/s", rate(count, time));

    let start = Instant::now();
    let snapshots: Vec<Vec<u8>> = fleet.iter().map(stored::encode_snapshot).collect();
    let size: usize = snapshots.iter().map(Vec::len).sum();
    println!("snapshots of all: {} MB in {} ms", size / 1_000_000, start.elapsed().as_millis());
    drop(fleet);
    let start = Instant::now();
    let one = stored::decode_snapshot(&snapshots[0]).expect("it opens");
    println!("one node of 56 holdings opened in {} µs", start.elapsed().as_micros());
    assert_eq!(one.len(), 56);
    let start = Instant::now();
    let again: Vec<Ledger> =
        snapshots.iter().map(|bytes| stored::decode_snapshot(bytes).expect("it opens")).collect();
    println!("all 7,500 opened in {} ms", start.elapsed().as_millis());
    assert_eq!(again.len(), 7_500);
    assert!(windows <= 250_000_000, "{windows} bytes");
}

/// A container with an id as most runtimes give it.
fn long_commit(of: u128) -> Body {
    use gpu_core::ledger::{Commit, Expiry};
    use gpu_core::{Container, Owner, Runtime};
    let id = format!("{of:064x}").parse().expect("an id");
    let holder = Owner::Container(Container::new(Runtime::Containerd, id));
    Body::Commit(Commit { holding: site::holding(of), holder, expiry: Expiry::Never })
}

#[test]
#[ignore = "a figure: for a release build"]
fn replay_of_a_million_entries() {
    let mut live = node(1);
    let mut journal: Vec<u8> = Vec::new();
    let mut again = node(1);
    let mut count = 0;
    while count < 1_000_000 {
        for entry in cycles(&live, count as u128 / 3, 3_000) {
            stored::encode_into(live.next(), &entry, &mut journal);
            live.apply(&entry).expect("it is taken");
            count += 1;
        }
    }
    let mut time = Duration::MAX;
    for _ in 0..3 {
        again = node(1);
        let start = Instant::now();
        let mut rest = &journal[..];
        while !rest.is_empty() {
            let (record, after) = stored::split(rest).expect("a record");
            again.replay_all([record]).expect("it is taken");
            rest = after;
        }
        time = time.min(start.elapsed());
    }
    println!("replay of {count} entries ({} MB): {} ms", journal.len() / 1_000_000, time.as_millis());
    let snapshot = stored::encode_snapshot(&live);
    assert!(stored::encode_snapshot(&again) == snapshot);
    let start = Instant::now();
    let opened = stored::decode_snapshot(&snapshot).expect("it opens");
    let opening = start.elapsed();
    println!("opening with a snapshot instead: {} µs", opening.as_micros());
    assert!(opening <= Duration::from_millis(100), "{opening:?}");
    assert_eq!(opened.position(), live.position());
    assert!(time <= Duration::from_secs(2), "{time:?}");
}
