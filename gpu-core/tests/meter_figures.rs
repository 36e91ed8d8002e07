//! What the meter costs: the figures of `BENCHMARKS.md`. What else the machine does only ever slows:
//! what is promised is held against the fastest, and the mean is printed beside it.
//!
//! ```text
//! cargo test --release -p gpu-core --features meter --test meter_figures -- --ignored --nocapture --test-threads 1
//! ```

#[path = "support/crowd.rs"]
mod crowd;
#[path = "support/hand.rs"]
mod hand;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crowd::{Crowd, Taken};
use gpu_core::attribution::Engine;
use gpu_core::meter::{IdlePower, Meter, Rules, Statement};
use gpu_core::{Owner, UnitId};

/// The fastest and the mean of some runs.
struct Times {
    best: Duration,
    total: Duration,
    count: u32,
}

impl Times {
    const fn new() -> Self {
        Self { best: Duration::MAX, total: Duration::ZERO, count: 0 }
    }

    fn time<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let made = run();
        let time = start.elapsed();
        (self.best, self.total, self.count) = (self.best.min(time), self.total + time, self.count + 1);
        made
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {:?} at best, {:?} on average of {}",
            self.best,
            self.total / self.count,
            self.count
        );
    }
}

/// What one would write first: sums in a map, by unit and owner, without totals, without anything that
/// has to add up.
#[derive(Default)]
struct Naive {
    sums: BTreeMap<(UnitId, Owner), [u128; 3]>,
    last: u64,
}

impl Naive {
    fn observe(&mut self, crowd: &Crowd, look: &Taken) {
        let length = look.at.since_boot.0 - self.last;
        self.last = look.at.since_boot.0;
        for line in &look.attribution.lines {
            let Some(owner) = line.holder.owner() else { continue };
            let [busy, memory, _] = self.sums.entry((line.unit, owner.clone())).or_default();
            let time = line.engine(Engine::Compute).and_then(|of| of.time.ok());
            *busy += u128::from(time.map_or(0, |time| time.get()));
            let bytes = line.memory.as_ref().map_or(0, |memory| memory.value.get());
            *memory += u128::from(bytes) * u128::from(length);
        }
        for held in &crowd.held {
            if let Some(owner) = &held.owner {
                self.sums.entry((held.unit, owner.clone())).or_default()[2] += u128::from(length);
            }
        }
    }

    fn close(&mut self) -> Vec<((UnitId, Owner), [u128; 3])> {
        std::mem::take(&mut self.sums).into_iter().collect()
    }
}

fn measure(containers: u32, everywhere: bool, most: Option<Duration>) {
    let looks = if everywhere { 20 } else { 200 };
    let crowd = Crowd::new(looks, containers, everywhere);
    let lines = crowd.looks[1].attribution.lines.len();
    println!("8 devices x 7 instances, {containers} containers, {lines} lines");
    let rules = Rules::new().idle_power(IdlePower::ToHolders);
    let mut meter = Meter::new("node-1".parse().unwrap(), rules);
    let mut naive = Naive::default();
    let mut statement = Statement::new("node-1".parse().unwrap());
    let (mut observe, mut close, mut both, mut other) =
        (Times::new(), Times::new(), Times::new(), Times::new());
    for look in &crowd.looks {
        // Both sides in turn.
        let start = Instant::now();
        observe.time(|| crowd.tell(&mut meter, look));
        close.time(|| meter.close_into(&mut statement));
        let time = start.elapsed();
        (both.best, both.total, both.count) = (both.best.min(time), both.total + time, both.count + 1);
        let made = other.time(|| {
            naive.observe(&crowd, look);
            naive.close()
        });
        assert_eq!(made.len().min(lines), lines);
        statement.check().unwrap();
    }
    assert_eq!(statement.parts().filter(|(_, part)| part.busy.basis.is_some()).count(), lines);
    observe.print("  a look taken");
    close.print("  a statement closed");
    both.print("  an interval of one look, taken and closed");
    other.print("  the same by a map of sums that need not add up");
    if let Some(most) = most {
        assert!(both.best <= most, "{:?}", both.best);
    }
}

/// Promised: an interval of 8 devices × 7 instances × 200 containers in 100 µs.
#[test]
#[ignore = "a figure: for a release build"]
fn an_interval_in_100_microseconds() {
    measure(200, false, Some(Duration::from_micros(100)));
}

/// Every container on every instance: what a step costs then, for the record.
#[test]
#[ignore = "a figure: for a release build"]
fn all_containers_on_all_instances() {
    measure(200, true, None);
}
