//! Processes by DRM's accounting: what trees show, against what the simulated machine says, and
//! the cases in which Intel's own library counts twice or nothing.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gpu_core::{
    Absence, BackendExt, Bytes, Clock, Count, EngineKind, Nanoseconds, PartitionKind, PidView, ProcessKinds,
    ProcessReading, Query, Source, Sweep, SweepRequest, Sweeper, Vendor, conformance,
};
use gpu_host::{ProcSweeper, WatchingSweeper};
use gpu_sim::{IntelDriver, Machine, Part, Silicon, SimBackend, SimSweeper, UseKind};

#[path = "common/machine.rs"]
mod machine;

use machine::{Written, half, of, process, written};

/// A Max 1550 and a Flex 170 on i915, or two B60 on xe, with processes of every kind.
fn busy(preset: &str) -> Machine {
    let mut machine = Machine::preset(preset).unwrap();
    machine.gpus.truncate(2);
    machine.links.clear();
    let whole = |gpu, kind| half(gpu, Part::Whole, kind, Bytes::gib(6));
    machine.workloads = vec![
        process(100, vec![whole(0, UseKind::Compute)]),
        process(101, vec![whole(0, UseKind::Graphics), whole(1, UseKind::Both)]),
        process(102, vec![whole(1, UseKind::Compute), whole(1, UseKind::Graphics)]),
        process(103, vec![half(0, Part::Tile { index: 0 }, UseKind::Compute, Bytes::gib(1))]),
    ];
    machine
}

/// The same, without what differs by who says it.
fn plain(reading: &ProcessReading) -> impl PartialEq + std::fmt::Debug {
    let times = EngineKind::ALL.map(|kind| reading.engine_time(kind).ok().map(|time| time.value));
    let cycles = EngineKind::ALL.map(|kind| reading.engine_cycles(kind).ok().map(|cycles| cycles.value));
    let bytes = [reading.memory, reading.client_memory, reading.shared_memory, reading.system_memory]
        .map(|bytes| bytes.ok().map(|bytes| bytes.value));
    (reading.unit, reading.pid, reading.kinds, reading.clients.ok().map(|n| n.value), bytes, times, cycles)
}

#[test]
fn trees_and_the_simulated_machine_show_the_same_processes() {
    for preset in ["max-1550-4", "flex-170-2", "b60-2"] {
        let written = written(busy(preset));
        let sample = written.sample();
        conformance::run(&*written.backend);
        let told = SimBackend::new(written.world.clone(), Vendor::INTEL).sample().unwrap();
        assert_eq!(
            sample.processes.iter().map(plain).collect::<Vec<_>>(),
            told.processes.iter().map(plain).collect::<Vec<_>>(),
            "{preset}"
        );
        // And the sweep of the one is the sweep of the other.
        let mut simulated = Sweep::new();
        let numbers = written.numbers();
        let request = gpu_core::SweepRequest::new(&numbers, &[]).with_clients();
        gpu_core::Sweeper::sweep_into(&SimSweeper::new(written.world.clone()), &request, &mut simulated)
            .unwrap();
        assert_eq!(written.sweep().processes, simulated.processes, "{preset}");
    }
}

#[test]
fn memory_is_of_the_tiles_and_work_of_the_gpu() {
    let written = written(busy("max-1550-4"));
    let sample = written.sample();
    let [device, first, second] = of(&sample, 100)[..] else { panic!("{:?}", of(&sample, 100)) };
    let id = device.unit.device();
    assert_eq!((device.unit, device.pid_view), (id.into(), PidView::Host));
    assert_eq!(first.unit, id.partition(PartitionKind::TILE, 0).into());
    assert_eq!(second.unit, id.partition(PartitionKind::TILE, 1).into());
    assert_eq!((first.memory.unwrap().value, second.memory.unwrap().value), (Bytes::gib(3), Bytes::gib(3)));
    assert!(device.memory.unwrap_err().to_string().contains("read the tiles"));
    assert_eq!(device.system_memory.unwrap().value, Bytes::mib(2));
    assert!(first.system_memory.is_err() && first.compute_time.is_err());
    // 3000 s since the process started, half of them busy.
    assert_eq!(device.compute_time.unwrap().value, Nanoseconds::from_secs(1500));
    assert_eq!(device.video_time.unwrap().value, Nanoseconds::from_secs(300));
    assert_eq!(device.graphics_time.unwrap().value, Nanoseconds::ZERO);
    assert_eq!((device.kinds, first.kinds), (ProcessKinds::COMPUTE, ProcessKinds::NONE));
    assert_eq!(of(&sample, 103).len(), 2, "nothing of it is on the second tile");
    // Nothing stands in two units.
    let all: u64 =
        sample.processes_on(id).filter_map(|process| process.memory.ok()).map(|m| m.value.get()).sum();
    assert_eq!(all, Bytes::gib(6 + 6 + 1).get());
}

/// xe counts cycles; between two samples they are time, on the same scale as i915's.
#[test]
fn work_over_an_interval_is_the_same_in_cycles_and_in_time() {
    for preset in ["flex-170-2", "b60-2"] {
        let mut written = written(busy(preset));
        let before = written.sample();
        written.world.clock().advance(Nanoseconds::from_secs(10));
        written.tree.refresh().unwrap();
        let after = written.sample();
        let (then, now) = (of(&before, 100)[0], of(&after, 100)[0]);
        assert_eq!(now.compute_time.is_ok(), preset == "flex-170-2");
        assert_eq!(now.compute_cycles.is_ok(), preset == "b60-2");
        let worked = now.engine_time_since(&then, EngineKind::Compute).unwrap();
        assert_eq!(worked.value, Nanoseconds::from_secs(5), "{preset}");
        assert_eq!((worked.window(), worked.source), (Some(Nanoseconds::from_secs(10)), Source::Fdinfo));
        assert_eq!(then.engine_time_since(&now, EngineKind::Compute), Err(Absence::NotYet), "{preset}");
    }
}

/// Adds a descriptor with this accounting to a process.
fn open(written: &Written, pid: u32, fd: u32, text: &str) {
    let path = written.folder.process(&pid.to_string());
    let link = fs::read_link(written.folder.process("100/fd/3")).unwrap();
    std::os::unix::fs::symlink(link, path.join(format!("fd/{fd}"))).unwrap();
    fs::create_dir_all(path.join("fdinfo")).unwrap();
    fs::write(path.join(format!("fdinfo/{fd}")), text).unwrap();
}

fn text(written: &Written) -> String {
    fs::read_to_string(written.folder.process("100/fdinfo/3")).unwrap()
}

/// Intel's library adds up every descriptor: two of one client with 6 GiB are 12 GiB there.
#[test]
fn a_client_counts_once_however_many_descriptors_share_it() {
    for preset in ["flex-170-2", "b60-2"] {
        let written = written(busy(preset));
        let before = of(&written.sample(), 100)[0];
        open(&written, 100, 9, &text(&written));
        open(&written, 103, 9, &text(&written)); // inherited over a fork
        let sample = written.sample();
        let after = of(&sample, 100)[0];
        assert_eq!(after.clients.unwrap().value, Count(1));
        assert_eq!(plain(&after), plain(&before), "{preset}");
        assert_eq!(of(&sample, 103)[0].memory.unwrap().value, Bytes::gib(1), "{preset}: not the other's too");
        // Another client of the same process is counted.
        open(&written, 100, 10, &text(&written).replace("\t10000\n", "\t77\n"));
        let two = of(&written.sample(), 100)[0];
        assert_eq!((two.clients.unwrap().value, two.memory.unwrap().value), (Count(2), Bytes::gib(12)));
    }
}

/// i915's memory regions are `local0`, which Intel's library passes over.
#[test]
fn regions_of_both_drivers_are_memory_and_what_is_shared_stands_apart() {
    for (preset, region) in [("flex-170-2", "local0"), ("b60-2", "vram0")] {
        let written = written(busy(preset));
        let shared = text(&written)
            .replace(&format!("drm-shared-{region}:\t0"), &format!("drm-shared-{region}:\t768 MiB"))
            .replace(&format!("drm-resident-{region}:\t6144 MiB"), &format!("drm-resident-{region}:\t5 GiB"));
        fs::write(written.folder.process("100/fdinfo/3"), shared).unwrap();
        let process = of(&written.sample(), 100)[0];
        assert_eq!(process.memory.unwrap().value, Bytes::gib(5), "{preset}: what is resident");
        assert_eq!(process.shared_memory.unwrap().value, Bytes::mib(768), "{preset}");
    }
}

#[test]
fn a_driver_that_tells_no_engine_time_is_not_idle() {
    let mut machine = busy("flex-170-2");
    let Silicon::Intel(intel) = &mut machine.gpus[0].silicon else { panic!() };
    intel.driver = IntelDriver::I915;
    let written = written(machine);
    let lines: Vec<String> = text(&written).lines().map(str::to_owned).collect();
    let without: Vec<String> = lines.into_iter().filter(|line| !line.starts_with("drm-engine")).collect();
    fs::write(written.folder.process("100/fdinfo/3"), without.join("\n")).unwrap();
    let process = of(&written.sample(), 100)[0];
    assert!(process.memory.is_ok());
    assert!(matches!(process.compute_time, Err(Absence::NotSupported { .. })));
    assert_eq!(process.kinds, ProcessKinds::NONE, "what it does is not told");
}

/// Each kind of nonsense spoils itself.
#[test]
fn nonsense_in_one_descriptor_spoils_no_other() {
    let written = written(busy("b60-2"));
    let before = of(&written.sample(), 101);
    for bad in [
        "",
        "drm-driver:\txe\n",
        "drm-driver:\tnouveau\ndrm-client-id:\t5\ndrm-total-vram0:\t1 GiB\n",
        "drm-driver:\txe\ndrm-client-id:\t99999999999999999999\ndrm-resident-vram0:\t99999999999999999999 MiB\n",
        "drm-driver:\txe\ndrm-client-id:\t1\ndrm-resident-vram0:\t5 parsecs\ndrm-cycles-rcs:\t-1\nwhat-is-this:\t3\n",
        "drm-driver:\txe\ndrm-client-id:\t1\ndrm-cycles-rcs:\t18446744073709551615\ndrm-total-cycles-rcs:\t1\n",
    ] {
        fs::write(written.folder.process("100/fdinfo/3"), bad).unwrap();
        let sample = written.sample();
        assert_eq!(
            of(&sample, 101).iter().map(plain).collect::<Vec<_>>(),
            before.iter().map(plain).collect::<Vec<_>>()
        );
        for process in of(&sample, 100) {
            assert!(
                process.memory.is_err() || process.memory.unwrap().value < Bytes::gib(1),
                "{bad}: {process:?}"
            );
        }
    }
    // Unreadable: counted, not passed over in silence.
    fs::remove_file(written.folder.process("100/fdinfo/3")).unwrap();
    fs::create_dir(written.folder.process("100/fdinfo/3")).unwrap();
    assert_eq!(written.sweep().unreadable_clients, 1);
}

/// A descriptor's account that is not written until somebody writes it, as xe's can be: a pipe with a name.
struct Blocked {
    pipe: std::path::PathBuf,
    text: Vec<u8>,
}

impl Blocked {
    /// In the place of the account that a process' client of a GPU has.
    fn of(written: &Written, pid: u32) -> Self {
        let folder = written.folder.process(&format!("{pid}/fdinfo"));
        let accounts = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let is_gpus = |path: &std::path::PathBuf| fs::read_to_string(path).unwrap().contains("drm-client-id");
        let pipe = accounts.into_iter().find(is_gpus).unwrap();
        let text = fs::read(&pipe).unwrap();
        fs::remove_file(&pipe).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        Self { pipe, text }
    }

    /// Waits until somebody reads the account, and is at it from then on.
    fn reached(&self) -> fs::File {
        let (tell, told) = std::sync::mpsc::channel();
        let pipe = self.pipe.clone();
        std::thread::spawn(move || tell.send(fs::OpenOptions::new().write(true).open(pipe)));
        told.recv_timeout(std::time::Duration::from_secs(60)).expect("somebody reads it").unwrap()
    }
}

/// A sweep of a machine's processes on a thread of its own.
fn sweeping(written: &Written) -> std::thread::JoinHandle<Sweep> {
    let clock: Arc<dyn Clock> = Arc::new(written.world.clock().clone());
    let (proc, numbers) = (written.tree.proc(), written.numbers());
    std::thread::spawn(move || {
        let mut sweep = Sweep::new();
        let request = SweepRequest::new(&numbers, &[]).with_clients();
        ProcSweeper::new(proc, &clock).counting_in(PidView::Host).sweep_into(&request, &mut sweep).unwrap();
        sweep
    })
}

/// xe waits for its GPU while it writes an account. The sweep that reads it waits with it, and nobody else:
/// GPUs are read meanwhile, and what comes late comes whole.
#[test]
fn an_account_that_keeps_its_reader_waiting_holds_up_no_gpu() {
    let written = written(busy("b60-2"));
    let undisturbed = written.sweep();
    let blocked = Blocked::of(&written, 101);
    let sweep = sweeping(&written);
    let mut account = blocked.reached();
    let sample = written.backend.sample().unwrap();
    assert!(sample.units.iter().all(|unit| unit.reading.energy.is_ok()), "read while the sweep waits");
    assert!(!sweep.is_finished(), "it has nothing to read yet");
    std::io::Write::write_all(&mut account, &blocked.text).unwrap();
    drop(account);
    assert_eq!(sweep.join().unwrap().processes, undisturbed.processes);
}

/// While an account is read, its process ends, and another gets the number: nothing of the one stands beside
/// anything of the other.
#[test]
fn a_number_that_changes_hands_while_an_account_is_read() {
    let written = written(busy("b60-2"));
    let undisturbed = written.sweep();
    let blocked = Blocked::of(&written, 101);
    let sweep = sweeping(&written);
    let mut account = blocked.reached();
    let (own, gone) = (written.folder.process("101"), written.folder.0.join("gone"));
    fs::rename(&own, gone).unwrap();
    // The other one is a copy of 103 that started later, and has 103's client.
    let copied =
        std::process::Command::new("cp").arg("-a").arg(written.folder.process("103")).arg(&own).status();
    assert!(copied.unwrap().success());
    let stat = fs::read_to_string(own.join("stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let mut fields: Vec<&str> = rest.split_whitespace().collect();
    fields[19] = "123456";
    fs::write(own.join("stat"), format!("101 (other) {}\n", fields.join(" "))).unwrap();
    std::io::Write::write_all(&mut account, &blocked.text).unwrap();
    drop(account);
    let swept = sweep.join().unwrap();
    let of = |sweep: &Sweep| sweep.processes.iter().find(|process| process.key.pid.0 == 101).cloned();
    let old = of(&undisturbed).unwrap();
    let found = of(&swept).expect("it was being looked at");
    assert_eq!((found.key, &found.name), (old.key, &old.name), "who was there first");
    assert_eq!(found.clients, old.clients, "nothing of who came after");
    // The next sweep has the other.
    let next = of(&written.sweep()).unwrap();
    assert_ne!(next.key, old.key);
    assert_ne!(next.clients, old.clients);
}

/// xe wakes a GPU to write an account of it, and takes its time: of a GPU that sleeps none is read, by
/// either sweeper. Who holds it is told all the same, and that it sleeps. i915 writes what it has counted.
#[test]
fn accounts_that_would_wake_a_gpu_are_left_alone() {
    for (preset, is_left) in [("b60-2", true), ("flex-170-2", false)] {
        let mut machine = busy(preset);
        machine.gpus[0].asleep = true;
        let written = written(machine);
        let proc = written.tree.proc();
        let clock: Arc<dyn Clock> = Arc::new(written.world.clock().clone());
        let sysfs = written.tree.sysfs();
        let watching = WatchingSweeper::new(proc.clone(), Arc::clone(&clock)).counting_in(PidView::Host);
        let sweepers: [Box<dyn Sweeper>; 2] = [
            Box::new(ProcSweeper::new(proc, &clock).counting_in(PidView::Host).sparing_sleepers(&sysfs)),
            Box::new(watching.sparing_sleepers(&sysfs)),
        ];
        let (numbers, device) = (written.numbers(), written.backend.inventory().unwrap().devices[0].id);
        for sweeper in sweepers {
            let mut sweep = Sweep::new();
            sweeper.sweep_into(&SweepRequest::new(&numbers, &[]).with_clients(), &mut sweep).unwrap();
            assert_eq!(sweep.asleep_clients > 0, is_left, "{preset}: {sweep:?}");
            let sample = written.backend.sample_of(&Query::everything().sweep(&sweep)).unwrap();
            let here: Vec<_> = sample.processes.iter().filter(|of| of.unit == device.into()).collect();
            assert_eq!(here.len(), 3, "{preset}: {here:?}");
            let asleep = here.iter().filter(|of| of.clients == Err(Absence::Asleep)).count();
            assert_eq!(asleep == here.len(), is_left, "{preset}: {here:?}");
            let elsewhere = sample.processes.iter().filter(|of| of.unit != device.into());
            assert!(elsewhere.count() > 0, "{preset}: the other GPU is told");
        }
    }
}

#[test]
fn two_drivers_in_one_process_are_two_gpus() {
    let mut machine = busy("max-1550-4");
    let mut other = Machine::preset("b60-2").unwrap().gpus.remove(1);
    other.pci = gpu_core::PciAddress::new(0, 0xb0, 0, 0);
    other.bridges = Vec::new();
    other.drm = Some(gpu_sim::DrmNumbers { card: 9, render: 140 });
    machine.gpus[1] = other;
    let written = written(machine);
    let sample = written.sample();
    let found = of(&sample, 101);
    assert!(found.iter().any(|process| process.graphics_time.is_ok()), "on i915");
    assert!(found.iter().any(|process| process.graphics_cycles.is_ok()), "on xe");
}

#[test]
fn without_a_sweep_there_are_no_processes() {
    let written = written(busy("b60-2"));
    assert!(written.backend.sample().unwrap().processes.is_empty());
    let sweep = written.sweep();
    let query = Query::everything().without_processes().sweep(&sweep);
    assert!(written.backend.sample_of(&query).unwrap().processes.is_empty());
    assert!(Path::new(&written.folder.process("100/fdinfo/3")).exists());
}
