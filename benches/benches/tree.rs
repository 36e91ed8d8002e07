//! A sample of AMD's and of Intel's GPUs from simulated trees, and the same files read bare.

use criterion::Criterion;
use gpu_benches::{Written, bare};
use gpu_core::{Query, Sample, Vendor};

fn tree(criterion: &mut Criterion) {
    for (preset, vendor) in [("mi300x-8-cpx", Vendor::AMD), ("max-1550-4", Vendor::INTEL)] {
        let written = Written::new(preset);
        let backend = written.backend(vendor);
        let files = bare::files(&written.machine(), &written.sysfs());
        let mut sample = Sample::new();
        let mut group = criterion.benchmark_group(preset);
        group.bench_function("sample", |bencher| {
            bencher.iter(|| {
                sample.clear();
                backend.sample_into(&Query::everything(), &mut sample).unwrap();
            });
        });
        group.bench_function("bare", |bencher| bencher.iter(|| files.read()));
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    tree(&mut criterion);
    criterion.final_summary();
}
