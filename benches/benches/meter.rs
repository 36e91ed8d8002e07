//! The meter: a look of a crowded node taken, and a statement closed, stored and read back.
//!
//! The figure that is promised is in `gpu-core/tests/meter_figures.rs`, beside a map of sums.

#[path = "../../gpu-core/tests/support/crowd.rs"]
mod crowd;
#[path = "../../gpu-core/tests/support/hand.rs"]
mod hand;

use criterion::Criterion;
use crowd::Crowd;
use gpu_core::meter::{IdlePower, Meter, Rules, Statement};
use gpu_core::stored;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut crowd = Crowd::new(3, 200, false);
    let mut meter = Meter::new("node-1".parse().unwrap(), Rules::new().idle_power(IdlePower::ToHolders));
    let mut statement = Statement::new("node-1".parse().unwrap());
    let mut last = crowd.looks.pop().expect("three looks");
    crowd.looks.iter().for_each(|look| crowd.tell(&mut meter, look));
    criterion.bench_function("meter/a look of 200 containers taken, a statement closed", |bencher| {
        bencher.iter(|| {
            last.at.since_boot.0 += 1_000_000_000;
            crowd.tell(&mut meter, &last);
            meter.close_into(&mut statement);
        });
    });
    let bytes = stored::encode_statement(&statement);
    criterion.bench_function("meter/a statement stored", |bencher| {
        bencher.iter(|| stored::encode_statement(&statement));
    });
    criterion.bench_function("meter/a statement read", |bencher| {
        bencher.iter(|| stored::decode_statement(&bytes).unwrap());
    });
    criterion.final_summary();
}
