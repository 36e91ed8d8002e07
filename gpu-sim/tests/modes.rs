//! The simulated amdgpu's modes, against what the kernel's sources say, and the partitioner over
//! them.

use gpu_core::{Backend, Fingerprint, Mode, Partitioner, Refusal, Vendor};
use gpu_sim::{AmdSpec, Machine, ModeRefusal, Silicon, SimBackend, SimPartitioner, UseKind, World, XcpSpec};

fn idle(preset: &str) -> Machine {
    let mut machine = Machine::preset(preset).unwrap();
    machine.workloads.clear();
    machine
}

fn amd(machine: &Machine, gpu: usize) -> &AmdSpec {
    let Silicon::Amd(amd) = &machine.gpus[gpu].silicon else { panic!("an AMD GPU") };
    amd
}

/// `aqua_vanjaram.c`: which modes there are by dies, and which go with which memory mode.
#[test]
fn modes_are_those_of_the_kernel() {
    for (preset, wanted) in [
        ("mi300x-8", [("SPX", 1), ("DPX", 2), ("QPX", 4), ("CPX", 8)].as_slice()),
        ("mi300a-4", &[("SPX", 1), ("TPX", 3), ("CPX", 6)]),
    ] {
        let mut machine = idle(preset);
        let units = machine.gpus[0].compute_units;
        for (mode, parts) in wanted.iter().rev() {
            machine.set_compute_mode(0, mode).unwrap();
            let made = machine.gpus[0].compute_partitions();
            assert_eq!(made.len(), *parts, "{preset} {mode}");
            assert_eq!(made.iter().map(|part| part.compute_units).sum::<u32>(), units);
            let memory: u64 = made.iter().map(|part| part.memory.get()).sum();
            assert_eq!(memory, machine.gpus[0].memory.total.get());
            machine.validate().unwrap();
        }
        for mode in ["SPX", "DPX", "TPX", "QPX", "CPX"] {
            let known = wanted.iter().any(|of| of.0 == mode);
            assert_eq!(machine.set_compute_mode(0, mode).is_ok(), known, "{preset} {mode}");
        }
    }
    let mut machine = idle("mi300x-8");
    for text in ["", "XPX", "SP", "ŚPX"] {
        assert_eq!(machine.set_compute_mode(0, text), Err(ModeRefusal::Invalid), "{text:?}");
    }
    // The kernel compares the beginning, in whatever case.
    assert_eq!(machine.set_compute_mode(0, "cpx\n"), Ok(()));
    assert_eq!(idle("mi210-8").set_compute_mode(0, "SPX"), Err(ModeRefusal::NotFound));
    assert_eq!(machine.set_compute_mode(99, "SPX"), Err(ModeRefusal::NotFound));
}

/// Everything by which a partition can be named is another one's after a change, but for the
/// first one's DRM nodes.
#[test]
fn partitions_are_others_after_a_change() {
    let mut machine = idle("mi300x-8");
    let others: Vec<XcpSpec> =
        machine.gpus[1..].iter().flat_map(|gpu| gpu.compute_partitions().to_vec()).collect();
    let before = machine.gpus[0].compute_partitions()[0].clone();
    machine.set_compute_mode(0, "CPX").unwrap();
    let after = machine.gpus[0].compute_partitions();
    assert_eq!(after[0].drm, before.drm);
    assert!(after.iter().all(|part| part.gpu_id != before.gpu_id));
    let mut all: Vec<&XcpSpec> = after.iter().chain(&others).collect();
    let count = all.len();
    all.sort_by_key(|part| part.gpu_id);
    all.dedup_by_key(|part| part.gpu_id);
    assert_eq!(all.len(), count, "no number is given twice");
    all.sort_by_key(|part| part.drm.render);
    all.dedup_by_key(|part| part.drm.render);
    assert_eq!(all.len(), count, "no minor is given twice");
}

/// A memory mode is asked for by one GPU and changes all of its hive, when the driver is loaded
/// again; the driver then takes the compute mode that goes with it.
#[test]
fn memory_modes_are_the_hives_and_wait_for_the_driver() {
    let mut machine = idle("mi300x-8");
    assert_eq!(machine.set_memory_mode(0, "NPS3"), Err(ModeRefusal::Invalid));
    machine.set_memory_mode(0, "NPS4").unwrap();
    assert_eq!(amd(&machine, 5).memory_mode.as_deref(), Some("NPS1"), "not yet");
    // The mode that is in force asks for nothing, and takes nothing back.
    machine.set_memory_mode(3, "NPS1").unwrap();
    machine.reload_amd_driver().unwrap();
    for gpu in 0..8 {
        let amd = amd(&machine, gpu);
        assert_eq!(amd.memory_mode.as_deref(), Some("NPS4"));
        assert_eq!((amd.compute_mode.as_deref(), amd.partitions.len()), (Some("CPX"), 8));
        assert_eq!(amd.compute_modes, ["QPX", "CPX"], "what goes with NPS4");
    }
    assert_eq!(machine.set_compute_mode(0, "SPX"), Err(ModeRefusal::Invalid), "SPX goes with NPS1 alone");
    machine.set_memory_mode(7, "NPS1").unwrap();
    machine.reload_amd_driver().unwrap();
    assert_eq!(amd(&machine, 0).compute_mode.as_deref(), Some("SPX"));
    // An APU's driver takes TPX where its memory is in as many parts as half its dies.
    let mut apus = idle("mi300a-4");
    let Silicon::Amd(spec) = &mut apus.gpus[0].silicon else { panic!("an AMD GPU") };
    (spec.memory_modes, spec.hive_id) = (vec!["NPS1".into(), "NPS3".into()], None);
    apus.set_memory_mode(0, "NPS3").unwrap();
    apus.reload_amd_driver().unwrap();
    assert_eq!(amd(&apus, 0).compute_mode.as_deref(), Some("TPX"));
    assert_eq!(amd(&apus, 1).memory_mode.as_deref(), Some("NPS1"), "outside the hive");
}

/// Contexts of the compute driver stand in the way of a compute mode, graphics clients do not;
/// the driver is not unloaded under either.
#[test]
fn users_stand_in_the_way() {
    let mut machine = Machine::preset("mi300x-8").unwrap();
    assert_eq!(machine.set_compute_mode(0, "CPX"), Err(ModeRefusal::Busy));
    assert_eq!(machine.set_compute_mode(0, "SPX"), Ok(()), "it is set");
    machine.workloads.truncate(1);
    assert_eq!(machine.set_compute_mode(1, "CPX"), Ok(()), "nobody is on this one");
    machine.workloads[0].uses[0].kind = UseKind::Graphics;
    assert_eq!(machine.set_compute_mode(0, "CPX"), Ok(()));
    machine.set_memory_mode(0, "NPS4").unwrap();
    assert_eq!(machine.reload_amd_driver(), Err(ModeRefusal::Busy));
    // One that has ended is no user.
    let world = World::new(machine);
    world.change(|machine| machine.workloads[0].ends = Some(machine.started_at));
    assert_eq!(world.change_modes(Machine::reload_amd_driver), Ok(()));
}

#[test]
fn the_partitioner_sets_modes_as_a_whole() {
    let world = World::new(idle("mi300x-8"));
    let backend = SimBackend::new(world.clone(), Vendor::AMD);
    let partitioner = backend.partitioner().unwrap();
    let device = backend.inventory().unwrap().devices[0].id;
    let board = partitioner.board(device).unwrap();
    let names: Vec<_> = board.geometry.profiles().iter().map(|profile| profile.name()).collect();
    assert_eq!(names, ["spx_nps1", "dpx_nps1", "qpx_nps1", "cpx_nps1", "qpx_nps4", "cpx_nps4"]);
    let now = board.geometry.profile(board.layout.live[0].profile).unwrap();
    assert_eq!(now.name(), "spx_nps1");

    let stale = partitioner.set_mode(device, Fingerprint(1), Mode::COMPUTE_PARTITION, "CPX");
    assert!(matches!(stale, Err(Refusal::Stale { .. })), "{stale:?}");
    let change = partitioner.set_mode(device, board.fingerprint(), Mode::COMPUTE_PARTITION, "CPX").unwrap();
    assert_eq!((change.device.partitions.len(), change.awaits), (8, None));
    let again = partitioner.set_mode(device, board.fingerprint(), Mode::COMPUTE_PARTITION, "SPX");
    assert!(matches!(again, Err(Refusal::Stale { .. })), "{again:?}");
    let on = change.device.fingerprint();
    let part = change.device.partitions[0].id;
    let refused = partitioner.destroy(part, on).unwrap_err();
    assert!(refused.to_string().contains("set the mode compute_partition"), "{refused}");
    assert!(matches!(partitioner.create_inner(part, on, 1), Err(Refusal::NotSupported { .. })));
    let change = partitioner.set_mode(device, on, Mode::MEMORY_PARTITION, "NPS4").unwrap();
    assert!(change.awaits.is_some() && !change.notes.is_empty());
    world.change_modes(Machine::reload_amd_driver).unwrap();
    assert_ne!(partitioner.board(device).unwrap().fingerprint(), on);
}

#[test]
fn the_partitioner_names_who_is_in_the_way() {
    let world = World::new(Machine::preset("mi300x-8-cpx").unwrap());
    let device = SimBackend::new(world.clone(), Vendor::AMD).inventory().unwrap().devices[0].id;
    let partitioner = SimPartitioner::new(world);
    let board = partitioner.board(device).unwrap();
    assert!(board.layout.live[0].pinned);
    for (mode, value) in [(Mode::COMPUTE_PARTITION, "SPX"), (Mode::MEMORY_PARTITION, "NPS4")] {
        let refused = partitioner.set_mode(device, board.fingerprint(), mode, value).unwrap_err();
        let Refusal::InUse { by, .. } = refused else { panic!("{refused}") };
        assert_eq!(by, board.users);
        assert_eq!(by.len(), 32, "eight partitions, four times over, of the 200");
    }
}
