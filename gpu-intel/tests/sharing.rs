//! Clients that several descriptors, processes and threads share, and processes on virtual functions, as a
//! machine's description has them: in trees and in process. Each client counts once.

#![cfg(unix)]

use std::fs;

use gpu_core::{BackendExt, Bytes, Count, PartitionKind, Pid, Sweep, SweepRequest, Sweeper, Vendor};
use gpu_sim::{Descriptor, Machine, Part, SimBackend, SimSweeper, UseKind};

#[path = "common/machine.rs"]
mod machine;

use machine::{Written, half, of, process, written};

fn shared() -> Written {
    written(Machine::preset("flex-170-2-vf").unwrap())
}

/// The same by somebody else: the simulated sweeper.
fn simulated_sweep(written: &Written) -> Sweep {
    let (numbers, mut sweep) = (written.numbers(), Sweep::new());
    let request = SweepRequest::new(&numbers, &[]).with_clients();
    SimSweeper::new(written.world.clone()).sweep_into(&request, &mut sweep).unwrap();
    sweep
}

/// The server opened its client and copied the descriptor; a fork of it inherited it and opened one of
/// its own; another process holds both, and has none.
#[test]
fn a_client_is_the_first_holders_however_many_there_are() {
    let written = shared();
    for sweep in [written.sweep(), simulated_sweep(&written)] {
        let of = |pid| sweep.processes.iter().find(|process| process.key.pid == Pid(pid)).unwrap();
        let ids = |pid| of(pid).clients.iter().map(|client| client.id).collect::<Vec<_>>();
        assert_eq!([ids(8101), ids(8111), ids(8112)], [vec![Some(810_100)], vec![Some(811_100)], vec![]]);
        assert_eq!(of(8101).clients[0].also, [Pid(8111), Pid(8112)]);
        assert_eq!(of(8111).clients[0].also, [Pid(8112)]);
        assert_eq!(of(8112).holds, of(8101).holds, "it holds the file all the same");
        // A copy of the server's own, one of the fork's, and two of the other's.
        assert_eq!(sweep.repeated_clients, 4);
        assert!(sweep.processes.iter().all(|process| ![8102, 8103].contains(&process.key.pid.0)), "threads");
    }
    assert_eq!(written.sweep().processes, simulated_sweep(&written).processes);
}

#[test]
fn nothing_is_counted_twice() {
    let written = shared();
    let simulated = SimBackend::new(written.world.clone(), Vendor::INTEL);
    let device = written.backend.inventory().unwrap().devices.remove(0).id;
    for sample in [written.sample(), simulated.sample().unwrap()] {
        let memory = |pid| of(&sample, pid).iter().map(|one| one.memory.unwrap().value).collect::<Vec<_>>();
        assert_eq!([memory(8101), memory(8111)], [[Bytes::gib(4)], [Bytes::gib(1)]]);
        assert_eq!(of(&sample, 8101)[0].clients.unwrap().value, Count(1));
        assert_eq!(of(&sample, 8112), [], "all that it holds is somebody's already");
        let all: u64 = sample.processes_on(device).map(|one| one.memory.unwrap().value.get()).sum();
        assert_eq!(all, Bytes::gib(5).get());
    }
}

/// Each thread's folder shows the table of descriptors again, and the copy of a descriptor says what the
/// first one says: by no key of its text can they be told from two clients but by their number.
#[test]
fn the_tree_shows_copies_as_the_kernel_does() {
    let written = shared();
    let read = |name: &str| fs::read_to_string(written.folder.process(name)).unwrap();
    let first = read("8101/fdinfo/3");
    assert!(
        first.contains("drm-client-id:\t810100\n") && first.contains("local0:\t4 GiB")
            || first.contains("4096 MiB")
    );
    for copy in [
        "8101/fdinfo/4",
        "8111/fdinfo/4",
        "8112/fdinfo/3",
        "8101/task/8102/fdinfo/3",
        "8101/task/8103/fdinfo/4",
    ] {
        assert_eq!(read(copy), first, "{copy}");
    }
    assert_ne!(read("8111/fdinfo/3"), first);
    assert!(!written.folder.process("8102").exists(), "a thread is in no list of processes");
    assert!(read("8101/task/8102/stat").starts_with("8102 (server) "));
}

/// A process on a virtual function is on that unit, and not on the GPU that it is a part of.
#[test]
fn processes_on_virtual_functions_are_theirs() {
    let written = shared();
    let simulated = SimBackend::new(written.world.clone(), Vendor::INTEL);
    let cut = written.backend.inventory().unwrap().devices.remove(1);
    assert_eq!(cut.partitions.len(), 2, "functions with drivers are parts still");
    for sample in [written.sample(), simulated.sample().unwrap()] {
        for (pid, number, gib) in [(8121, 1, 3), (8122, 2, 4)] {
            let [process] = of(&sample, pid)[..] else { panic!("{:?}", of(&sample, pid)) };
            assert_eq!(process.unit, cut.id.partition(PartitionKind::VIRTUAL_FUNCTION, number).into());
            assert_eq!(process.memory.unwrap().value, Bytes::gib(gib));
            assert!(process.compute_time.unwrap().value.get() > 0);
        }
        assert_eq!(sample.processes_on(cut.id).filter(|one| one.unit == cut.id.into()).count(), 0);
    }
    let client = fs::read_to_string(written.folder.process("8122/fdinfo/3")).unwrap();
    assert!(client.contains("drm-pdev:\t0000:4b:00.2\n"), "{client}");
}

/// The opener has ended, and the fork goes on with what it inherited: now it is the fork's.
#[test]
fn a_client_outlives_who_opened_it() {
    for preset in ["flex-170-2", "b60-2", "max-1550-4"] {
        let mut machine = Machine::preset(preset).unwrap();
        let uses = vec![half(0, Part::Whole, UseKind::Compute, Bytes::gib(2))];
        let mut parent = process(50, uses);
        parent.ends = Some(machine.started_at.plus(gpu_core::Nanoseconds::from_secs(5)));
        let mut child = process(51, Vec::new());
        child.descriptors = vec![Descriptor { opened_by: Pid(50), number: 0 }];
        machine.workloads = vec![child, parent];
        machine.validate().unwrap();
        let mut written = written(machine);
        let held = |written: &Written, pid| -> u64 {
            let simulated = SimBackend::new(written.world.clone(), Vendor::INTEL).sample().unwrap();
            let sums = [written.sample(), simulated].map(|sample| {
                of(&sample, pid)
                    .iter()
                    .filter_map(|one| one.memory.ok())
                    .map(|one| one.value.get())
                    .sum::<u64>()
            });
            assert_eq!(sums[0], sums[1], "{preset}");
            sums[0]
        };
        assert_eq!((held(&written, 50), held(&written, 51)), (Bytes::gib(2).get(), 0), "{preset}");
        written.world.clock().advance(gpu_core::Nanoseconds::from_secs(10));
        written.tree.refresh().unwrap();
        assert_eq!((held(&written, 50), held(&written, 51)), (0, Bytes::gib(2).get()), "{preset}");
    }
}

#[test]
fn what_cannot_be_is_no_description() {
    let refused = |change: &dyn Fn(&mut Machine), what: &str| {
        let mut machine = Machine::preset("flex-170-2-vf").unwrap();
        change(&mut machine);
        let error = machine.validate().unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    let of = |pid, number| Descriptor { opened_by: Pid(pid), number };
    refused(&|machine| machine.workloads[0].descriptors = vec![of(8101, 1)], "use 1 of pid 8101");
    refused(&|machine| machine.workloads[0].descriptors = vec![of(1, 0)], "of pid 1 that is not there");
    refused(&|machine| machine.workloads[1].threads = vec![Pid(8102)], "pid 8102 is used twice");
    refused(
        &|machine| machine.workloads[3].uses[0].part = Part::Function { number: 3 },
        "a part that is not there",
    );
    refused(
        &|machine| machine.workloads[0].uses[0].part = Part::Function { number: 1 },
        "a part that is not there",
    );
    let text = Machine::preset("flex-170-2-vf").unwrap().to_json();
    assert_eq!(Machine::from_json(&text).unwrap().to_json(), text);
}
