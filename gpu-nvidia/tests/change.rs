//! A machine that changes while it is read: boards cut anew, GPUs that vanish and come back,
//! clocks set back, process samples that come late. Over the simulated `libnvidia-ml.so.1`, which
//! a file beside it drives.

use std::path::Path;
use std::sync::Arc;

use gpu_core::{
    Absence, Backend, BootTime, Clock, Incarnation, Metric, Nanoseconds, PartitionId, Query, Sample, UnitId,
    Units, WallTime,
};
use gpu_sim::{Fault, Machine, MigSpec, Silicon};

#[path = "common/installed.rs"]
mod installed;
use installed::Installed;

/// Replaces what drives the library, as its documentation says: by renaming.
fn drive(folder: &Path, control: &str) {
    let next = folder.join("control.next");
    std::fs::write(&next, control).unwrap();
    std::fs::rename(next, folder.join("control.json")).unwrap();
}

/// Puts another machine behind the library.
fn change(installed: &Installed, machine: &Machine) {
    std::fs::write(installed.folder().join("next.json"), machine.to_json()).unwrap();
    // The number makes every control file another one, whatever the clock's grain.
    drive(installed.folder(), &format!(r#"{{"machine": "next.json"{}}}"#, " ".repeat(installed.count())));
}

fn start(machine: &Machine) -> (Installed, Box<dyn Backend>) {
    let installed = Installed::new(machine);
    drive(installed.folder(), "{}");
    let backend = installed.backend();
    (installed, backend)
}

fn mig(machine: &mut Machine, gpu: usize) -> &mut MigSpec {
    let Silicon::Nvidia(nvidia) = &mut machine.gpus[gpu].silicon else { panic!("an NVIDIA GPU") };
    nvidia.mig.as_mut().expect("a board that is cut")
}

/// An A100 whose instances 2 (3g), 3 (2g) and 9 (1g) are free of processes.
fn cut() -> Machine {
    let mut machine = Machine::preset("dgx-a100-8").unwrap();
    machine.workloads.clear();
    machine
}

fn lives(backend: &dyn Backend) -> Vec<(PartitionId, Incarnation)> {
    let inventory = backend.inventory().unwrap();
    inventory.devices[0].all_partitions().map(|part| (part.id, part.incarnation)).collect()
}

fn sample(backend: &dyn Backend) -> Sample {
    let mut sample = Sample::new();
    backend.sample_into(&Query::everything(), &mut sample).unwrap();
    sample
}

/// The driver lists GPU instances by profile, whether there is a compute instance in them or not.
#[test]
fn an_instance_without_compute_instance_is_listed() {
    let mut machine = cut();
    let instance = &mut mig(&mut machine, 0).instances[0];
    instance.compute_instances.clear();
    let (id, first) = (instance.id, instance.start);
    let (_installed, backend) = start(&machine);
    let inventory = backend.inventory().unwrap();
    let part = inventory.devices[0].partitions.iter().find(|part| part.id.index() == id).unwrap();
    assert_eq!(part.profile.value().map(String::as_str), Some("3g.20gb"));
    assert_eq!(part.placement.value().map(|place| (place.start, place.size)), Some((first, 4)));
    // The facts' table of the A100-40: 19,968 MiB and 42 multiprocessors.
    assert_eq!(part.memory_total.value().map(|bytes| bytes.get() >> 20), Some(19_968));
    assert_eq!(part.compute_units.value().map(|count| count.0), Some(42));
    assert!(part.partitions.is_empty() && part.vendor_name.value().is_none());
    let sample = sample(&*backend);
    assert!(matches!(sample.reading(part.id).memory_used, Err(Absence::NotSupported { .. })));
}

/// A caller without privilege sees the instances that have MIG devices, and names the same lives
/// as one with privilege.
#[test]
fn privilege_does_not_change_what_a_life_is_called() {
    let mut machine = cut();
    let (_one, privileged) = start(&machine);
    machine.faults.push(Fault::Unprivileged);
    let (_other, unprivileged) = start(&machine);
    assert_eq!(lives(&*privileged), lives(&*unprivileged));
    assert!(!lives(&*privileged).is_empty());
    let inventory = unprivileged.inventory().unwrap();
    let placement = inventory.devices[0].partitions[0].placement.absence();
    assert!(matches!(placement, Some(Absence::NotPermitted { .. })), "{placement:?}");
}

/// A board that is cut anew between two looks: what stayed keeps its life, and a place that was
/// made again, in between empty, has another, though its id and UUID are the same.
#[test]
fn a_place_that_is_made_again_is_another_life() {
    let mut machine = cut();
    let (installed, backend) = start(&machine);
    let before = lives(&*backend);
    let gone = mig(&mut machine, 0).instances.remove(1);
    change(&installed, &machine);
    let between = lives(&*backend);
    assert_eq!(between.len(), before.len() - 2, "the instance and the compute instance in it");
    assert!(between.iter().all(|life| before.contains(life)), "the others are as they were");
    mig(&mut machine, 0).instances.insert(1, gone);
    change(&installed, &machine);
    let after = lives(&*backend);
    let ids = |lives: &[(PartitionId, Incarnation)]| lives.iter().map(|life| life.0).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before));
    let renewed: Vec<_> = after.iter().filter(|life| !before.contains(life)).collect();
    assert_eq!(renewed.len(), 2, "{renewed:?}");
}

/// The same place with another profile under the same UUID: another life at once.
#[test]
fn a_uuid_that_comes_back_with_another_profile_is_another_life() {
    let mut machine = cut();
    let (installed, backend) = start(&machine);
    let before = lives(&*backend);
    let instance = &mut mig(&mut machine, 0).instances[0];
    assert_eq!(instance.profile, "3g.20gb");
    instance.profile = "2g.10gb".to_owned();
    instance.compute_instances[0].slices = 2;
    change(&installed, &machine);
    let after = lives(&*backend);
    assert_eq!(after.iter().filter(|life| !before.contains(life)).count(), 2);
}

/// Samples between two looks: an instance that is gone reads `Lost`, the others go on, and what
/// came since is there without a look at the inventory.
#[test]
fn a_sample_meets_a_board_that_was_cut_anew() {
    let mut machine = cut();
    let (installed, backend) = start(&machine);
    let inventory = backend.inventory().unwrap();
    let parts: Vec<PartitionId> = inventory.devices[0].partitions.iter().map(|part| part.id).collect();
    mig(&mut machine, 0).instances.retain(|instance| instance.id != parts[0].index());
    change(&installed, &machine);
    let mut answer = Sample::new();
    let units: Vec<UnitId> = parts.iter().map(|part| UnitId::Partition(*part)).collect();
    backend.sample_into(&Query::everything().units(Units::Only(&units)), &mut answer).unwrap();
    assert_eq!(answer.reading(parts[0]).memory_used, Err(Absence::Lost));
    for part in &parts[1..] {
        assert!(answer.reading(*part).memory_used.is_ok(), "{part}");
    }
    let whole = sample(&*backend);
    assert!(whole.get(parts[0]).is_none(), "it is known by now that it is gone");
}

/// A GPU that falls off the bus and comes back: named while it is gone, read again afterwards.
#[test]
fn a_gpu_that_comes_back_is_read_again() {
    let mut machine = Machine::preset("l40s-4").unwrap();
    let (installed, backend) = start(&machine);
    let lost = backend.inventory().unwrap().devices[2].id;
    machine.faults.push(Fault::DeviceLost { gpu: 2, at: BootTime(0) });
    change(&installed, &machine);
    for _ in 0..2 {
        let answer = sample(&*backend);
        assert_eq!(answer.reading(lost).power, Err(Absence::Lost));
        assert!(answer.problems.iter().any(|problem| problem.at == lost.to_string()));
        assert_eq!(backend.inventory().unwrap().devices.len(), 3);
    }
    machine.faults.clear();
    change(&installed, &machine);
    let answer = sample(&*backend);
    assert!(answer.reading(lost).power.is_ok());
    assert!(answer.problems.is_empty(), "{:?}", answer.problems);
    assert_eq!(backend.inventory().unwrap().devices.len(), 4);
}

/// Another board in the slot of the first is another device.
#[test]
fn another_board_in_the_same_slot_is_not_taken_for_the_first() {
    let mut machine = Machine::preset("l40s-4").unwrap();
    let (installed, backend) = start(&machine);
    let first = backend.inventory().unwrap().devices[0].id;
    let Silicon::Nvidia(nvidia) = &mut machine.gpus[0].silicon else { panic!("an NVIDIA GPU") };
    nvidia.uuid.0[15] ^= 0xff;
    // Its handle names nothing any more: the first call after the exchange says so.
    let fault = Fault::ReturnCode { function: "nvmlDeviceGetPowerUsage".to_owned(), code: 2, gpu: Some(0) };
    machine.faults.push(fault);
    change(&installed, &machine);
    let answer = sample(&*backend);
    assert!(answer.reading(first).power.is_err());
    let now = backend.inventory().unwrap().devices[0].id;
    assert_ne!(now, first);
    assert_eq!(sample(&*backend).reading(first).temperature, Err(Absence::Lost));
}

/// A call for the UUID that fails does not make a known GPU another one.
#[test]
fn a_gpu_keeps_its_name_when_the_call_for_it_fails() {
    let mut machine = Machine::preset("l40s-4").unwrap();
    let (installed, backend) = start(&machine);
    let ids = |backend: &dyn Backend| {
        backend.inventory().unwrap().devices.iter().map(|device| device.id).collect::<Vec<_>>()
    };
    let before = ids(&*backend);
    machine.faults.push(Fault::ReturnCode { function: "nvmlDeviceGetUUID".to_owned(), code: 999, gpu: None });
    change(&installed, &machine);
    assert_eq!(ids(&*backend), before);
}

/// Indexes that run backwards after a reset change positions, not identities.
#[test]
fn indexes_that_are_permuted_change_no_identity() {
    let mut machine = Machine::preset("mixed").unwrap();
    let told = |backend: &dyn Backend| {
        let mut inventory = backend.inventory().unwrap();
        inventory.devices.sort_by_key(|device| device.id);
        let parts = |device: &gpu_core::Device| {
            device.all_partitions().map(|part| (part.id, part.profile.clone())).collect::<Vec<_>>()
        };
        inventory.devices.iter().map(|of| (of.id, of.pci, of.name.clone(), parts(of))).collect::<Vec<_>>()
    };
    let (_one, straight) = start(&machine);
    machine.faults.push(Fault::IndexesPermuted);
    let (_other, permuted) = start(&machine);
    assert_eq!(told(&*straight), told(&*permuted));
    let first = |backend: &dyn Backend| backend.inventory().unwrap().devices[0].id;
    assert_ne!(first(&*straight), first(&*permuted));
}

/// A clock that stands where a test puts it.
#[derive(Debug)]
struct Hand(std::sync::Mutex<(BootTime, WallTime)>);

impl Hand {
    fn set(&self, boot: BootTime, wall: WallTime) {
        *self.0.lock().unwrap() = (boot, wall);
    }
}

impl Clock for Hand {
    fn boot_now(&self) -> BootTime {
        self.0.lock().unwrap().0
    }

    fn wall_now(&self) -> WallTime {
        self.0.lock().unwrap().1
    }

    fn boot_id(&self) -> gpu_core::BootId {
        "6f1c9d0e-0000-4000-8000-000000000001".parse().unwrap()
    }
}

/// Every process has a cursor of its own: rows that are older than the newest of another process
/// are not lost, rows that were seen are not shown again, and garbage never is.
#[test]
fn rows_come_late_out_of_order_and_with_garbage() {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    machine.faults.push(Fault::GarbageUtilisation);
    let up = machine.started_at;
    let wall = |boot: BootTime| WallTime(machine.booted_at.0 + boot.0);
    let clock = Arc::new(Hand(std::sync::Mutex::new((up, wall(up)))));
    let installed = Installed::new(&machine);
    drive(installed.folder(), "{}");
    let backend = installed.backend_by(Arc::<Hand>::clone(&clock));
    let mut answer = Sample::new();
    let look = |answer: &mut Sample| {
        answer.clear();
        backend.sample_into(&Query::everything(), answer).unwrap();
        let busy = answer.processes.iter().filter_map(|process| process.busy.ok());
        busy.map(|busy| (busy.value.get(), busy.as_of)).collect::<Vec<_>>()
    };
    let first = look(&mut answer);
    // The preset's four processes a GPU, each at its own rate in whole percents, as described.
    let world = gpu_sim::World::new(machine.clone());
    let told = (0..8).flat_map(|gpu| world.uses(gpu)).map(|of| of.busy / 10 * 10);
    assert_eq!(first.iter().map(|(busy, _)| *busy).collect::<Vec<_>>(), told.collect::<Vec<_>>());
    assert_eq!(first.len(), 32);
    // Stamps a millisecond apart.
    let stamps: Vec<BootTime> = first[..4].iter().map(|(_, as_of)| *as_of).collect();
    assert_eq!(stamps.iter().filter(|stamp| **stamp == up).count(), 1, "{stamps:?} of {up:?}");
    assert!(look(&mut answer).is_empty(), "the same rows are shown twice");
    // A second later every process has a row again.
    let later = up.plus(Nanoseconds::from_secs(1));
    clock.set(later, wall(later));
    drive(installed.folder(), &format!(r#"{{"uptime_ns": {}}}"#, later.0));
    assert_eq!(look(&mut answer).len(), 32);
    assert_eq!(answer.cursors.len(), 32);
}

/// A clock that is set back leaves the cursors in the future: without them rows would look as if
/// they had been seen, and the processes as if they were idle.
#[test]
fn a_clock_that_is_set_back_hides_no_rows() {
    let machine = Machine::preset("l40s-4").unwrap();
    let up = machine.started_at;
    let clock = Arc::new(Hand(std::sync::Mutex::new((up, WallTime(machine.booted_at.0 + up.0)))));
    let (installed, _) = start(&machine);
    let backend = installed.backend_by(Arc::<Hand>::clone(&clock));
    let mut answer = Sample::new();
    let device = backend.inventory().unwrap().devices[0].id;
    // As if the samples so far had been stamped an hour ahead.
    let ahead = (machine.booted_at.0 + up.0) / 1000 + 3_600_000_000;
    backend.sample_into(&Query::everything(), &mut answer).unwrap();
    let pids: Vec<_> = answer.processes_on(device).map(|process| process.pid).collect();
    assert!(!pids.is_empty());
    for pid in &pids {
        answer.set_cursor(device, *pid, ahead);
    }
    answer.clear();
    backend.sample_into(&Query::everything(), &mut answer).unwrap();
    assert!(answer.processes_on(device).all(|process| process.busy.is_ok()));
    assert!(pids.iter().all(|pid| answer.cursor(device, *pid) < ahead));
}

/// Processes that ended leave no cursor behind, and a list that is longer than it was grows.
#[test]
fn cursors_end_with_their_processes() {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    let (installed, backend) = start(&machine);
    let mut answer = Sample::new();
    backend.sample_into(&Query::everything(), &mut answer).unwrap();
    let device = answer.units[0].unit.device();
    let before = answer.cursors.iter().filter(|cursor| cursor.device == device).count();
    let pids: Vec<_> = answer.processes_on(device).map(|process| process.pid).collect();
    machine.workloads.retain(|workload| workload.pid != pids[0]);
    change(&installed, &machine);
    let up = machine.started_at.plus(Nanoseconds::from_secs(5));
    drive(installed.folder(), &format!(r#"{{"machine": "next.json", "uptime_ns": {}}}"#, up.0));
    answer.clear();
    backend.sample_into(&Query::everything(), &mut answer).unwrap();
    assert_eq!(answer.cursors.iter().filter(|cursor| cursor.device == device).count(), before - 1);
    assert_eq!(answer.cursor(device, pids[0]), 0);
    assert!(answer.reading(device).get(Metric::Power).is_ok());
}

/// Activity of an instance is what ran in it between two samples, by GPM: the preset's processes
/// are 350 and 60 thousandths busy. Before Hopper NVML measures none.
#[test]
fn instances_show_their_activity_from_hopper_on() {
    let machine = Machine::preset("mixed").unwrap();
    let up = machine.started_at;
    let clock = Arc::new(Hand(std::sync::Mutex::new((up, WallTime(machine.booted_at.0 + up.0)))));
    let (installed, _) = start(&machine);
    let backend = installed.backend_by(Arc::<Hand>::clone(&clock));
    let device = backend.inventory().unwrap().devices.remove(0);
    let part =
        |profile: &str| device.partitions().find(|part| part.profile.to_string() == profile).unwrap().id;
    let first = sample(&*backend);
    assert_eq!(first.reading(part("3g.40gb")).busy, Err(Absence::NotYet));
    let later = up.plus(Nanoseconds::from_secs(10));
    clock.set(later, WallTime(machine.booted_at.0 + later.0));
    drive(installed.folder(), &format!(r#"{{"uptime_ns": {}}}"#, later.0));
    let second = sample(&*backend);
    let busy = |profile: &str| second.reading(part(profile)).busy.unwrap();
    assert_eq!(busy("3g.40gb").value.get(), 350);
    assert_eq!(busy("3g.40gb").window(), Some(Nanoseconds::from_secs(10)));
    assert_eq!((busy("1g.10gb").value.get(), busy("2g.20gb").value.get()), (60, 0));
    // What is the whole board's stays the board's.
    assert!(second.reading(part("3g.40gb")).power.is_err() && second.reading(device.id).power.is_ok());

    let (_installed, ampere) = start(&Machine::preset("dgx-a100-8").unwrap());
    let cut = ampere.inventory().unwrap().devices.remove(0).partitions.remove(0).id;
    let told = sample(&*ampere).reading(cut).busy.unwrap_err().to_string();
    assert!(told.contains("from Hopper on"), "{told}");
}

/// An instance that is destroyed and made again in between:
/// what GPM held of the old life is not compared with the new.
#[test]
fn activity_of_an_old_life_is_not_the_new_ones() {
    let mut machine = Machine::preset("mixed").unwrap();
    machine.workloads.clear();
    let (installed, backend) = start(&machine);
    let part = backend.inventory().unwrap().devices[0].partitions[0].id;
    assert_eq!(sample(&*backend).reading(part).busy, Err(Absence::NotYet));
    let gone = mig(&mut machine, 0).instances.iter().position(|of| of.id == part.index()).unwrap();
    let instance = mig(&mut machine, 0).instances.remove(gone);
    change(&installed, &machine);
    assert!(backend.inventory().is_ok());
    mig(&mut machine, 0).instances.push(instance);
    change(&installed, &machine);
    assert!(backend.inventory().is_ok());
    assert_eq!(sample(&*backend).reading(part).busy, Err(Absence::NotYet));
}
