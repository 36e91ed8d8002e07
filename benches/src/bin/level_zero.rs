//! Prints what Level Zero, as a second source beside the kernel's files, adds to finding Intel's GPUs and
//! to a sample of them. The driver is the simulated one, whose calls wait for no hardware: what is
//! printed is the least that it costs, and nothing of it is promised.

use std::time::Instant;

use gpu_benches::beside::Beside;
use gpu_benches::{Ratio, Written};
use gpu_core::{Backend, Metric, Query, Sample, Source, Vendor};

/// A library can be loaded for the first time once: so many copies of it are.
const STARTS: usize = 40;

fn main() {
    println!("| what, of simulated nodes | ratio | with Level Zero | files alone |");
    println!("| --- | --- | --- | --- |");
    for preset in ["max-1550-4", "flex-170-2"] {
        let written = Written::new(preset);
        row(&format!("{preset}: found, and Level Zero loaded and started"), start(&written));
        let (both, files) = (Beside::new(&written).backend(), written.backend(Vendor::INTEL));
        let added = told(&*both);
        assert!(added > 0 && told(&*files) == 0, "{preset}: Level Zero tells {added} values");
        let what = format!("{preset}: a warm sample, with {added} values of Level Zero's");
        row(&what, samples(&*both, &*files));
    }
}

fn row(what: &str, of: Ratio) {
    let micros = |ns: u64| format!("{}.{} µs", ns / 1000, ns % 1000 / 100);
    let (whole, rest) = (of.permille() / 1000, of.permille() % 1000);
    println!("| {what} | {whole}.{rest:03} | {} | {} |", micros(of.ours_ns), micros(of.bare_ns));
}

/// The fastest of the times that it takes to find the GPUs, with and without Level Zero, in turn.
fn start(written: &Written) -> Ratio {
    let time = |find: &dyn Fn() -> Box<dyn Backend>| {
        let start = Instant::now();
        let found = find();
        let took = start.elapsed();
        assert!(!found.inventory().expect("the simulated machine is read").devices.is_empty());
        u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
    };
    let mut best = Ratio { ours_ns: u64::MAX, bare_ns: u64::MAX };
    for _ in 0..STARTS {
        let beside = Beside::new(written);
        let ours_ns = time(&|| beside.backend());
        best = best.best(Ratio { ours_ns, bare_ns: time(&|| written.backend(Vendor::INTEL)) });
    }
    best
}

/// Warm samples of both, each into one that is reused.
fn samples(both: &dyn Backend, files: &dyn Backend) -> Ratio {
    let measure = || {
        let (mut one, mut other) = (Sample::new(), Sample::new());
        Ratio::of(|| sample(both, &mut one), || sample(files, &mut other))
    };
    measure().best(measure()).best(measure())
}

fn sample(backend: &dyn Backend, sample: &mut Sample) {
    sample.clear();
    backend.sample_into(&Query::everything(), sample).expect("the simulated machine is sampled");
}

/// How many values of a sample are Level Zero's.
fn told(backend: &dyn Backend) -> usize {
    let mut sampled = Sample::new();
    sample(backend, &mut sampled);
    let values = |unit: &gpu_core::UnitReading| {
        let told = Metric::ALL.iter().filter_map(|metric| unit.reading.get(*metric).ok());
        told.filter(|value| value.source == Source::LevelZero).count()
    };
    sampled.units.iter().map(values).sum()
}
