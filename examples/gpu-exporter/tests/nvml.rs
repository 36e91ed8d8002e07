//! The sampler over a library that is really loaded: NVIDIA's, simulated, whose calls hang.
#![cfg(target_os = "linux")]

#[path = "../../shared/built.rs"]
mod built;

use std::time::{Duration, Instant};

use gpu_accounting::sampler::{Answer, Sampler};
use gpu_accounting::{Absence, Nanoseconds, Node, Vendor};
use gpu_sim::library::Installed;
use gpu_sim::{Fault, Machine};

const PATIENCE: Duration = Duration::from_secs(120);

/// Whether the process has the library loaded.
fn is_loaded(library: &Installed) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains(library.folder().file_name().unwrap().to_str().unwrap())
}

/// NVML is not shut down nor unloaded under a call that hangs, though everybody has gone who could use
/// it: a thread would return into what is not there. When the call returns, it is.
#[test]
fn nvml_stays_while_a_call_hangs() {
    let mut machine = Machine::preset("gh200-1").unwrap();
    let time = Nanoseconds::from_secs(8);
    machine.faults.push(Fault::Latency { function: "nvmlDeviceGetPowerUsage".to_owned(), time });
    let library = Installed::new(built::built(), &machine).unwrap();
    let node = Node::builder().only([Vendor::NVIDIA]).nvml(library.path()).build();
    assert_eq!(node.inventory().devices.len(), 1, "{:?}", node.outcomes());
    assert!(is_loaded(&library));
    let sampler = Sampler::builder(node).period(Duration::from_millis(40)).start().unwrap();
    let mut seen = None;
    let hanging = loop {
        let observed = sampler.wait_after(seen, PATIENCE).unwrap();
        seen = Some(observed.number);
        if matches!(observed.vendors[0].answer, Answer::Hanging(_)) && !observed.inventory.devices.is_empty()
        {
            break observed;
        }
    };
    let device = hanging.inventory.devices[0].id;
    assert_eq!(hanging.sample.reading(device).memory_used, Err(Absence::TimedOut));
    let began = Instant::now();
    assert_eq!(sampler.stop(Duration::ZERO), [Vendor::NVIDIA]);
    // A machine that stopped this test for longer than the call hangs has seen nothing.
    let is_there = is_loaded(&library);
    assert!(is_there || began.elapsed() > Duration::from_secs(7), "it was unloaded under the call");
    let end = Instant::now() + PATIENCE;
    while is_loaded(&library) {
        assert!(Instant::now() < end, "it is never unloaded");
        std::thread::sleep(Duration::from_millis(10));
    }
}
