//! A warm sample asks for no memory: neither through NVML nor from trees.

use gpu_benches::{Counting, Installed, Written};
use gpu_core::{Backend, Query, Sample, Vendor};
use gpu_sim::Machine;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often the third sample, into the same room, asks for memory.
fn warm(backend: &dyn Backend) -> u64 {
    let mut sample = Sample::new();
    let mut take = || {
        sample.clear();
        backend.sample_into(&Query::everything(), &mut sample).unwrap();
    };
    let cold = Counting::during(&mut take);
    assert!(cold > 0, "the first sample has to make room: the counter counts");
    take();
    let count = Counting::during(&mut take);
    assert!(!sample.units.is_empty() && sample.problems.is_empty(), "{:?}", sample.problems);
    count
}

#[test]
fn of_eight_h100_with_four_processes_each() {
    let installed = Installed::new(&Machine::preset("hgx-h100-8").unwrap());
    assert_eq!(warm(&*installed.backend()), 0);
}

#[test]
fn of_mig_devices() {
    let installed = Installed::new(&Machine::preset("dgx-a100-8").unwrap());
    assert_eq!(warm(&*installed.backend()), 0);
}

/// 64 partitions, and what 200 processes hold on them.
#[test]
fn of_eight_mi300x_in_cpx_mode() {
    let written = Written::new("mi300x-8-cpx");
    assert_eq!(warm(&*written.backend(Vendor::AMD)), 0);
}

#[test]
fn of_four_max_1550_with_two_tiles_each() {
    let written = Written::new("max-1550-4");
    assert_eq!(warm(&*written.backend(Vendor::INTEL)), 0);
}
