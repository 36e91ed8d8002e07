//! The simulated driver's MIG, against what NVIDIA's guide and listings of real boards say.

use gpu_sim::{GpuInstanceSpec, Machine, MigRefusal, MigSpec, Silicon, World};

/// A machine of eight H100, nothing running, with MIG on for the first.
fn h100() -> Machine {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    machine.workloads.clear();
    assert_eq!(machine.set_mig_mode(0, true), Ok(true));
    machine
}

fn mig(machine: &Machine, gpu: usize) -> &MigSpec {
    let Silicon::Nvidia(nvidia) = &machine.gpus[gpu].silicon else { panic!("an NVIDIA GPU") };
    nvidia.mig.as_ref().expect("a board with MIG")
}

/// Ids by `mig -lgip` of an H100.
const ONE: u32 = 19;
const ONE_ME: u32 = 20;
const ONE_DOUBLE: u32 = 15;
const TWO: u32 = 14;
const THREE: u32 = 9;
const FOUR: u32 = 5;
const SEVEN: u32 = 0;

fn fill(machine: &mut Machine, profile: u32) -> usize {
    (0..).take_while(|_| machine.create_gpu_instance(0, profile, None).is_ok()).count()
}

#[test]
fn as_many_fit_as_the_guide_says() {
    for (profile, most) in
        [(ONE, 7), (ONE_ME, 1), (ONE_DOUBLE, 4), (TWO, 3), (THREE, 2), (FOUR, 1), (SEVEN, 1)]
    {
        let mut machine = h100();
        assert_eq!(fill(&mut machine, profile), most, "profile {profile}");
        let refused = machine.create_gpu_instance(0, profile, None);
        assert_eq!(refused, Err(MigRefusal::InsufficientResources));
    }
}

/// Four and three fill the board; three and three leave a compute slice that no profile can have,
/// because no memory slot is left for it.
#[test]
fn memory_and_compute_both_bind() {
    let mut machine = h100();
    machine.create_gpu_instance(0, FOUR, Some(0)).unwrap();
    machine.create_gpu_instance(0, THREE, Some(4)).unwrap();
    assert_eq!(fill(&mut machine, ONE), 0);
    let mut machine = h100();
    machine.create_gpu_instance(0, THREE, Some(0)).unwrap();
    machine.create_gpu_instance(0, THREE, Some(4)).unwrap();
    assert_eq!(fill(&mut machine, ONE), 0);
    // Compute binds where memory does not: four and three singles are seven slices, and one memory
    // slot is left, which no single may have.
    let mut machine = h100();
    machine.create_gpu_instance(0, FOUR, Some(0)).unwrap();
    assert_eq!(fill(&mut machine, ONE), 3);
}

#[test]
fn places_are_the_boards() {
    let mut machine = h100();
    for (profile, start) in [(ONE, 7), (THREE, 3), (TWO, 6), (FOUR, 4), (99, 0)] {
        let refused = machine.create_gpu_instance(0, profile, Some(start));
        assert_eq!(refused, Err(MigRefusal::InvalidArgument), "{profile} at {start}");
    }
    machine.create_gpu_instance(0, ONE, Some(3)).unwrap();
    assert_eq!(machine.create_gpu_instance(0, FOUR, None), Err(MigRefusal::InsufficientResources));
    let three = machine.create_gpu_instance(0, THREE, None).unwrap();
    let at = |id: u32| mig(&machine, 0).instances.iter().find(|of| of.id == id).map(|of| of.start);
    assert_eq!(at(three), Some(4));
}

#[test]
fn instances_are_taken_down_inside_out() {
    let mut machine = h100();
    let gi = machine.create_gpu_instance(0, THREE, None).unwrap();
    let one = machine.create_compute_instance(0, gi, 1, None).unwrap();
    let two = machine.create_compute_instance(0, gi, 2, None).unwrap();
    assert_eq!((one, two), (0, 1));
    assert_eq!(machine.create_compute_instance(0, gi, 1, None), Err(MigRefusal::InsufficientResources));
    assert_eq!(machine.create_compute_instance(0, gi, 4, None), Err(MigRefusal::InvalidArgument));
    assert_eq!(machine.destroy_gpu_instance(0, gi), Err(MigRefusal::InUse));
    assert_eq!(machine.destroy_compute_instance(0, gi, 7), Err(MigRefusal::NotFound));
    machine.destroy_compute_instance(0, gi, one).unwrap();
    // The slice that is free again is the first.
    let again = machine.create_compute_instance(0, gi, 1, Some(0)).unwrap();
    assert_eq!(again, one);
    machine.destroy_compute_instance(0, gi, again).unwrap();
    machine.destroy_compute_instance(0, gi, two).unwrap();
    machine.destroy_gpu_instance(0, gi).unwrap();
    assert_eq!(machine.destroy_gpu_instance(0, gi), Err(MigRefusal::NotFound));
}

/// What is made again in the same place has the id and UUID of before, whatever its profile.
#[test]
fn names_come_back() {
    let mut machine = h100();
    let mut made = |profile: u32| {
        let gi = machine.create_gpu_instance(0, profile, Some(4)).unwrap();
        machine.create_compute_instance(0, gi, 1, None).unwrap();
        let GpuInstanceSpec { id, compute_instances, .. } = mig(&machine, 0).instances[0].clone();
        machine.destroy_compute_instance(0, gi, 0).unwrap();
        machine.destroy_gpu_instance(0, gi).unwrap();
        (id, compute_instances[0].uuid)
    };
    assert_eq!(made(TWO), made(ONE_DOUBLE));
    assert_ne!(made(TWO), made(THREE));
}

#[test]
fn who_is_in_use_stays() {
    let world = World::new(Machine::preset("mixed").unwrap());
    let board = mig(&world.machine(), 0).clone();
    let serving = board.instances.iter().find(|of| of.profile == "3g.40gb").unwrap().id;
    let idle = board.instances.iter().find(|of| of.profile == "2g.20gb").unwrap().id;
    let destroy = |gi: u32| world.change_mig(|machine| machine.destroy_compute_instance(0, gi, 0));
    assert_eq!(destroy(serving), Err(MigRefusal::InUse));
    assert_eq!(destroy(idle), Ok(()));
    assert_eq!(world.change_mig(|machine| machine.reset_board(0)), Err(MigRefusal::InUse));
    assert_eq!(world.change_mig(|machine| machine.set_mig_mode(0, false)), Err(MigRefusal::InUse));
    assert_eq!(world.machine().workloads.len(), 6, "the processes are as they were");
}

/// Ampere keeps a change for the reset while processes run; Hopper switches at once, or not at
/// all, and forgets it with the driver.
#[test]
fn modes_change_as_the_architecture_does() {
    let mut ampere = Machine::preset("dgx-a100-8").unwrap();
    assert_eq!(ampere.set_mig_mode(2, true), Ok(false), "a process runs on it");
    assert_eq!((mig(&ampere, 2).enabled, mig(&ampere, 2).pending), (false, true));
    assert_eq!(ampere.create_gpu_instance(2, 19, None), Err(MigRefusal::NotSupported));
    ampere.workloads.clear();
    ampere.reset_board(2).unwrap();
    assert!(mig(&ampere, 2).enabled);
    ampere.reload_nvidia_driver();
    assert!(mig(&ampere, 2).enabled && mig(&ampere, 0).instances.is_empty());
    let mut hopper = h100();
    hopper.reload_nvidia_driver();
    assert!(!mig(&hopper, 0).enabled);
    let mut busy = Machine::preset("hgx-h100-8").unwrap();
    assert_eq!(busy.set_mig_mode(0, true), Err(MigRefusal::InUse));
    let mut none = Machine::preset("l40s-4").unwrap();
    assert_eq!(none.set_mig_mode(0, true), Err(MigRefusal::NotSupported));
    assert_eq!(none.set_mig_mode(9, true), Err(MigRefusal::InvalidArgument));
}
