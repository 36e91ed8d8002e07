//! Processes: the compute driver's files and DRM's accounting, side by side and never added.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gpu_core::{
    Absence, Backend, BackendExt, Bytes, Clock, Count, DeviceNumber, Nanoseconds, Pid, PidView, ProcessKinds,
    ProcessReading, Query, Sample, Source, Sweep, SweepRequest, Sweeper,
};
use gpu_host::ProcSweeper;
use gpu_sim::{UseKind, World};

#[path = "common/machine.rs"]
mod machine;

use machine::{few, machine};

/// Every DRM node of a machine.
fn numbers(backend: &dyn Backend) -> Vec<DeviceNumber> {
    let inventory = backend.inventory().unwrap();
    let parts = inventory.devices.iter().flat_map(|device| device.all_partitions().map(|part| &part.nodes));
    let nodes = inventory.devices.iter().map(|device| &device.nodes).chain(parts);
    nodes.flatten().filter_map(|node| node.number).collect()
}

fn sweep(world: &World, proc: &Path, wanted: &[DeviceNumber], pids: PidView) -> Sweep {
    let clock: Arc<dyn Clock> = Arc::new(world.clock().clone());
    let sweeper = ProcSweeper::new(proc.to_path_buf(), &clock).counting_in(pids);
    let mut sweep = Sweep::new();
    sweeper.sweep_into(&SweepRequest::new(wanted, &[]).with_clients(), &mut sweep).unwrap();
    sweep
}

fn sample(backend: &dyn Backend, world: &World, root: &Path) -> Sample {
    let sweep = sweep(world, &root.join("proc"), &numbers(backend), PidView::Host);
    backend.sample_of(&Query::everything().sweep(&sweep)).unwrap()
}

fn of(sample: &Sample, pid: u32) -> Vec<ProcessReading> {
    sample.processes.iter().filter(|process| process.pid == Pid(pid)).copied().collect()
}

#[test]
fn both_accounts_stand_side_by_side() {
    let (folder, world, backend) = machine(few("mi300x-8-cpx", 2));
    let sample = sample(&*backend, &world, &folder.0);
    assert_eq!(sample.processes.len(), 56);
    for process in &sample.processes {
        let (kfd, drm) = (process.memory.unwrap(), process.client_memory.unwrap());
        assert_eq!((kfd.source, drm.source), (Source::Kfd, Source::Fdinfo));
        assert_eq!(kfd.value, drm.value, "the same allocations, not twice as many");
        assert_eq!(process.clients.unwrap().value, Count(1));
        assert_eq!(process.system_memory.unwrap().value, Bytes::mib(2));
        assert_eq!(process.graphics_time.unwrap().value, Nanoseconds::ZERO, "work of queues is not there");
        assert!(process.queue_copy_time.unwrap().value > Nanoseconds::ZERO);
        assert_eq!(process.pid_view, PidView::Host);
        assert_eq!(process.kinds, ProcessKinds::COMPUTE);
    }
    // The sum over a partition's processes is what the partition shows: not twice as much.
    for unit in sample.units.iter().filter(|unit| matches!(unit.unit, gpu_core::UnitId::Partition(_))) {
        let sum: u64 =
            sample.processes_on(unit.unit).map(|process| process.memory.unwrap().value.get()).sum();
        assert_eq!(unit.reading.memory_used.unwrap().value, Bytes(sum));
    }
}

#[test]
fn without_a_sweep_the_drivers_own_list_remains() {
    let (_folder, _world, backend) = machine(few("mi300x-8-cpx", 2));
    let sample = backend.sample().unwrap();
    assert_eq!(sample.processes.len(), 56);
    let process = &sample.processes[0];
    assert!(process.memory.is_ok() && process.queue_copy_time.is_ok());
    for absence in [process.clients.unwrap_err(), process.graphics_time.unwrap_err()] {
        assert!(absence.to_string().contains("sweep"), "{absence}");
    }
}

/// A process that only draws is not the compute driver's: DRM's is its only account.
#[test]
fn a_process_that_draws_is_found_by_its_client() {
    let mut described = few("mi300x-8", 2);
    described.workloads[0].uses[0].kind = UseKind::Graphics;
    described.workloads[1].uses[0].kind = UseKind::Both;
    let (draws, both) = (described.workloads[0].pid.0, described.workloads[1].pid.0);
    let (folder, world, backend) = machine(described);
    assert_eq!(of(&backend.sample().unwrap(), draws), [], "the compute driver does not know it");
    let sample = sample(&*backend, &world, &folder.0);
    let [drawing] = of(&sample, draws)[..] else { panic!("{:?}", of(&sample, draws)) };
    assert_eq!(drawing.kinds, ProcessKinds::GRAPHICS);
    assert_eq!(drawing.memory.unwrap().source, Source::Fdinfo);
    assert!(drawing.graphics_time.unwrap().value > Nanoseconds::ZERO);
    assert!(matches!(drawing.queue_copy_time, Err(Absence::NotSupported { .. })));
    let [both] = of(&sample, both)[..] else { panic!("{:?}", of(&sample, both)) };
    assert_eq!(both.kinds, ProcessKinds::COMPUTE.and(ProcessKinds::GRAPHICS));
    assert_eq!(both.memory.unwrap().source, Source::Kfd);
}

/// A `/proc` that counts otherwise than the machine: its numbers are not taken for the driver's.
#[test]
fn numbers_of_another_namespace_are_not_joined() {
    let (folder, world, backend) = machine(few("mi300x-8", 2));
    let found = sweep(&world, &folder.0.join("proc"), &numbers(&*backend), PidView::Caller);
    let sample = backend.sample_of(&Query::everything().sweep(&found)).unwrap();
    let (host, caller): (Vec<ProcessReading>, Vec<ProcessReading>) =
        sample.processes.iter().copied().partition(|p| p.pid_view == PidView::Host);
    assert!(!host.is_empty() && host.len() == caller.len());
    assert!(host.iter().all(|process| process.clients.is_err() && process.memory.is_ok()));
    assert!(caller.iter().all(|process| process.clients.is_ok()));
}

/// Newer kernels nest secondary contexts: one process, the sum of its contexts.
#[test]
fn nested_contexts_are_added_to_their_process() {
    let (folder, _world, backend) = machine(few("mi300x-8-cpx", 2));
    let before = of(&backend.sample().unwrap(), 7000);
    let [one] = before[..] else { panic!("{before:?}") };
    let gpu_id = 10_000;
    for (context, vram, sdma) in [("context_0", 4096, 7), ("context_12", 8192, 5)] {
        let path = folder.process(&format!("7000/{context}"));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(format!("vram_{gpu_id}")), format!("{vram}\n")).unwrap();
        fs::write(path.join(format!("sdma_{gpu_id}")), format!("{sdma}\n")).unwrap();
    }
    let after = of(&backend.sample().unwrap(), 7000);
    let [nested] = after[..] else { panic!("{after:?}") };
    let grown = |value: u64, by: u64| value + by;
    assert_eq!(nested.memory.unwrap().value.get(), grown(one.memory.unwrap().value.get(), 12_288));
    let copies = |process: &ProcessReading| process.queue_copy_time.unwrap().value.get();
    assert_eq!(copies(&nested), grown(copies(&one), 12_000));
}

/// Files that are missing, empty, not numbers, or gone with their process.
#[test]
fn broken_files_of_processes_spoil_only_themselves() {
    let (folder, _world, backend) = machine(few("mi300x-8-cpx", 2));
    fs::write(folder.process("7000/vram_10000"), "lots\n").unwrap();
    fs::write(folder.process("7001/sdma_10001"), "").unwrap();
    fs::remove_file(folder.process("7002/sdma_10002")).unwrap();
    fs::write(folder.process("7003/stats_10003/cu_occupancy"), "-1\n").unwrap();
    fs::remove_dir_all(folder.process("7004")).unwrap();
    fs::write(folder.process("7005/vram_10005"), "12").unwrap(); // without newline
    // One that ends while it is read: its files are listed, and gone when they are opened.
    for name in ["vram_10006", "sdma_10006"] {
        let path = folder.process("7006").join(name);
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(folder.process("7006/gone"), &path).unwrap();
    }
    fs::create_dir_all(folder.process("not-a-number")).unwrap();
    let sample = backend.sample().unwrap();
    assert_eq!(sample.processes.len(), 54, "those that ended are left out");
    let process = |pid| of(&sample, pid)[0];
    assert!(matches!(process(7000).memory, Err(Absence::Failed { .. })));
    assert!(process(7000).queue_copy_time.is_ok());
    assert!(matches!(process(7001).queue_copy_time, Err(Absence::Failed { .. })));
    assert!(matches!(process(7002).queue_copy_time, Err(Absence::NotSupported { .. })));
    assert!(matches!(process(7003).occupied_units, Err(Absence::Failed { .. })));
    assert!(process(7003).memory.is_ok());
    assert_eq!(process(7005).memory.unwrap().value, Bytes(12));
    // The partition of the unreadable one cannot be summed; its sisters can.
    let devices = backend.inventory().unwrap().devices;
    assert!(sample.reading(devices[0].partitions[0].id).memory_used.is_err());
    assert!(sample.reading(devices[0].partitions[1].id).memory_used.is_ok());
}

/// Two descriptors of one client, and one client of two processes, count once.
#[test]
fn a_client_counts_once() {
    let (folder, world, backend) = machine(few("mi300x-8-cpx", 2));
    let proc = folder.0.join("proc");
    let text = fs::read_to_string(proc.join("7000/fdinfo/3")).unwrap();
    for pid in [7000, 7001] {
        let path = proc.join(pid.to_string());
        std::os::unix::fs::symlink(fs::read_link(proc.join("7000/fd/3")).unwrap(), path.join("fd/9"))
            .unwrap();
        fs::write(path.join("fdinfo/9"), &text).unwrap();
    }
    let sample = sample(&*backend, &world, &folder.0);
    assert_eq!(of(&sample, 7000)[0].clients.unwrap().value, Count(1));
    let other = of(&sample, 7001);
    assert_eq!((other.len(), other[0].clients.unwrap().value), (1, Count(1)));
    // A partition of its own, told by the file that is open: pdev is the same for all.
    fs::write(proc.join("7001/fdinfo/9"), text.replace("700000", "999")).unwrap();
    let sample = self::sample(&*backend, &world, &folder.0);
    assert_eq!(of(&sample, 7001).len(), 2, "it is on two partitions now");
}

/// A machine's description says who shares a client: the tree's sweep and the simulated one agree on whose
/// it is, and that the other is there.
#[test]
fn a_described_fork_shares_its_parents_client() {
    let mut described = few("mi300x-8-cpx", 1);
    described.workloads.truncate(1);
    let parent = described.workloads[0].clone();
    let descriptors = vec![gpu_sim::Descriptor { opened_by: parent.pid, number: 0 }; 2];
    let child = Pid(parent.pid.0 + 1);
    described.workloads.push(gpu_sim::Workload {
        pid: child,
        uses: Vec::new(),
        descriptors,
        ..parent.clone()
    });
    described.validate().unwrap();
    let (folder, world, backend) = machine(described);
    let numbers = numbers(&*backend);
    let (read, mut told) = (sweep(&world, &folder.0.join("proc"), &numbers, PidView::Host), Sweep::new());
    let request = SweepRequest::new(&numbers, &[]).with_clients();
    gpu_sim::SimSweeper::new(world.clone()).sweep_into(&request, &mut told).unwrap();
    for sweep in [&read, &told] {
        let [first, second] = &sweep.processes[..] else { panic!("{sweep:?}") };
        assert_eq!((first.key.pid, second.key.pid, sweep.repeated_clients), (parent.pid, child, 2));
        assert_eq!((first.clients.len(), &first.clients[0].also[..]), (1, &[child][..]));
        assert!(second.clients.is_empty() && second.holds == first.holds);
    }
    assert_eq!(read.processes, told.processes);
}
