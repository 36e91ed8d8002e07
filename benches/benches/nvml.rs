//! A sample of eight H100 with four processes each through the simulated library, the same calls
//! made directly, and the sweep of this machine's processes.

use std::sync::Arc;

use criterion::Criterion;
use gpu_benches::{Direct, Installed};
use gpu_core::{Clock, DeviceNumber, Nanoseconds, Query, Sample, Sweep, SweepRequest, Sweeper};
use gpu_host::{ProcSweeper, Roots, SystemClock};
use gpu_sim::{Fault, Machine};

fn nvml(criterion: &mut Criterion) {
    for latency in [0, 5000] {
        let mut machine = Machine::preset("hgx-h100-8").unwrap();
        if latency > 0 {
            machine.faults.push(Fault::Latency { function: "*".to_owned(), time: Nanoseconds(latency) });
        }
        let installed = Installed::new(&machine);
        let (backend, mut direct) = (installed.backend(), Direct::new(&installed.library()));
        let mut sample = Sample::new();
        let mut group = criterion.benchmark_group(format!("nvml/calls of {latency} ns"));
        group.bench_function("sample", |bencher| {
            bencher.iter(|| {
                sample.clear();
                sample.cursors.iter_mut().for_each(|cursor| cursor.stamp = 0);
                backend.sample_into(&Query::everything(), &mut sample).unwrap();
            });
        });
        group.bench_function("direct", |bencher| bencher.iter(|| direct.sample()));
        group.finish();
    }
}

fn sweep(criterion: &mut Criterion) {
    let roots = Roots::default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new_or_unknown(&roots.proc));
    let sweeper = ProcSweeper::new(roots.proc, &clock);
    let node = [DeviceNumber { major: 226, minor: 128 }];
    let mut swept = Sweep::new();
    criterion.bench_function("sweep of this machine's processes", |bencher| {
        bencher.iter(|| sweeper.sweep_into(&SweepRequest::new(&node, &[]), &mut swept).unwrap());
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    nvml(&mut criterion);
    sweep(&mut criterion);
    criterion.final_summary();
}
