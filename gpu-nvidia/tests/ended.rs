//! Processes that have ended, by NVML's accounting over the simulated library, against what the
//! simulated machine says in process.

use std::sync::Arc;

use gpu_core::{
    Absence, Backend, BackendExt, BootTime, Bytes, EndedReading, Nanoseconds, Permille, Pid, Query, Sample,
};
use gpu_sim::{Curve, Machine, Part, Silicon, SimBackend, Use, UseKind, Workload, World};

#[path = "common/installed.rs"]
mod installed;
use installed::Installed;

const SECOND: u64 = 1_000_000_000;

/// L40S boards with accounting on, and processes that have ended on the first.
fn machine() -> Machine {
    let mut machine = Machine::preset("l40s-4").unwrap();
    for gpu in &mut machine.gpus {
        let Silicon::Nvidia(nvidia) = &mut gpu.silicon else { unreachable!() };
        nvidia.accounting = true;
    }
    for (pid, starts, ends) in [(71, 1000, Some(1010)), (72, 1500, Some(3599)), (73, 2000, None)] {
        machine.workloads.push(Workload {
            pid: Pid(pid),
            name: "past".to_owned(),
            starts: BootTime(starts * SECOND),
            ends: ends.map(|ends| BootTime(ends * SECOND)),
            cgroup: "/".to_owned(),
            uses: vec![Use {
                gpu: 0,
                part: Part::Whole,
                kind: UseKind::Compute,
                memory: Curve::steps([(Nanoseconds(0), 5 << 30), (Nanoseconds(SECOND), 2 << 30)]),
                busy: Curve::constant(400),
                encoder_busy: Curve::default(),
                decoder_busy: Curve::default(),
            }],
            descriptors: Vec::new(),
            threads: Vec::new(),
        });
    }
    machine
}

fn ended(sample: &Sample, device: usize) -> Result<Vec<EndedReading>, Absence> {
    let mut ended = sample.ended[device].processes.clone()?;
    ended.sort_by_key(|of| of.pid);
    Ok(ended)
}

#[test]
fn what_the_driver_remembers_is_read_as_it_is() {
    let machine = machine();
    let world = World::new(machine.clone());
    let installed = Installed::new(&machine);
    let backend = installed.backend_by(Arc::new(world.clock().clone()));
    let query = Query::everything().with_ended();
    let sample = backend.sample_of(&query).unwrap();
    let read = ended(&sample, 0).unwrap();
    let told = SimBackend::new(world, backend.vendor()).sample_of(&query).unwrap();
    let fields = |of: &EndedReading| (of.pid, of.began, of.lasted, of.memory_peak, of.busy);
    let expected: Vec<_> = ended(&told, 0).unwrap().iter().map(fields).collect();
    assert_eq!(read.iter().map(fields).collect::<Vec<_>>(), expected);
    let (first, began) = (&read[0], Ok(BootTime(1000 * SECOND)));
    assert_eq!((first.pid, first.began, first.lasted), (Pid(71), began, Ok(Nanoseconds(10 * SECOND))));
    assert_eq!((first.memory_peak, first.busy), (Ok(Bytes::gib(5)), Ok(Permille(400))));
    assert!(first.memory_busy.is_err(), "the simulated driver does not tell");
    assert_eq!(read.len(), 2, "one runs");
    assert_eq!(ended(&sample, 1), Ok(vec![]), "nobody has ended there");
    // The next sample says the same.
    assert_eq!(ended(&backend.sample_of(&query).unwrap(), 0), Ok(read));
    assert_eq!(backend.sample().unwrap().ended, [], "only where it is asked for");
}

#[test]
fn a_driver_that_keeps_nothing_says_why() {
    let world = World::new(Machine::preset("mixed").unwrap());
    let installed = Installed::new(&world.machine());
    let backend = installed.backend_by(Arc::new(world.clock().clone()));
    let sample = backend.sample_of(&Query::everything().with_ended()).unwrap();
    let why: Vec<String> =
        sample.ended.iter().map(|of| of.processes.as_ref().unwrap_err().to_string()).collect();
    assert!(why[0].contains("MIG is on"), "{why:?}");
    assert!(why[1].contains("accounting-mode=1"), "{why:?}");
}

/// A call that fails is an absence of that list, and nothing else is lost.
#[test]
fn a_refused_account_hides_nothing_else() {
    for (function, code) in [
        ("nvmlDeviceGetAccountingMode", 4),
        ("nvmlDeviceGetAccountingPids", 999),
        ("nvmlDeviceGetAccountingStats", 4),
    ] {
        let mut machine = machine();
        machine.faults.push(gpu_sim::Fault::ReturnCode { function: function.to_owned(), code, gpu: Some(0) });
        let installed = Installed::new(&machine);
        let sample = installed.backend().sample_of(&Query::everything().with_ended()).unwrap();
        match (function, &sample.ended[0].processes) {
            // Each account by itself: the numbers are there.
            ("nvmlDeviceGetAccountingStats", Ok(processes)) => {
                assert!(processes.iter().all(|of| of.began.is_err() && of.busy.is_err()), "{processes:?}");
            }
            (_, processes) => assert!(processes.is_err(), "{function}"),
        }
        assert!(sample.ended[1].processes.is_ok(), "{function}");
        assert!(sample.units.iter().all(|of| of.reading.power.is_ok()), "{function}");
    }
}
