//! How many threads a sampler has, whatever hangs. Alone in its program, whose threads it counts.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use gpu_accounting::sampler::{Answer, Sampler};
use gpu_accounting::{Node, Vendor};
use gpu_sim::{Machine, World};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Waits for a look in which NVIDIA's driver answered in time, or did not.
fn look(sampler: &Sampler, seen: &mut Option<u64>, answers: bool) {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(Instant::now() < end, "it never comes to {answers}");
        let observation = sampler.wait_after(*seen, Duration::from_secs(120)).unwrap();
        *seen = Some(observation.number);
        let nvidia = observation.vendors.iter().find(|of| of.vendor == Vendor::NVIDIA).unwrap();
        if (nvidia.answer == Answer::InTime) == answers {
            return;
        }
    }
}

/// Two threads and one for each of three vendors: after a hundred hangs, and after a hundred looks
/// at one that lasts.
#[test]
fn hangs_do_not_pile_up_threads() {
    let before = threads();
    let world = World::new(Machine::preset("mixed").unwrap());
    let node = Node::builder().machine(world.host()).build();
    let sampler = Sampler::builder(node).period(Duration::from_millis(10)).start().unwrap();
    let mut seen = None;
    look(&sampler, &mut seen, true);
    assert_eq!(threads(), before + 5);
    for _ in 0..100 {
        world.hold(Vendor::NVIDIA);
        look(&sampler, &mut seen, false);
        world.release(Vendor::NVIDIA);
        look(&sampler, &mut seen, true);
    }
    assert_eq!(threads(), before + 5, "after a hundred hangs");
    world.hold(Vendor::NVIDIA);
    for _ in 0..100 {
        look(&sampler, &mut seen, false);
    }
    assert_eq!(threads(), before + 5, "after a hundred looks at one hang");
    // Once the driver has begun to hang, its thread stays with it; the others end.
    assert_eq!(sampler.stop(Duration::ZERO), [Vendor::NVIDIA]);
    comes_to(before + 1);
    world.release(Vendor::NVIDIA);
    comes_to(before);
}

/// A thread that has been joined is in the kernel's list for a moment yet.
fn comes_to(wanted: usize) {
    let end = Instant::now() + Duration::from_secs(120);
    while threads() != wanted {
        assert!(Instant::now() < end, "{} threads, not {wanted}", threads());
        std::thread::yield_now();
    }
}
