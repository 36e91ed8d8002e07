//! Every preset, in process, against the conformance suite of gpu-core.

use gpu_core::{Backend, Nanoseconds, Vendor, conformance};
use gpu_sim::{Curve, Fault, Machine, SimBackend, World};

const VENDORS: [Vendor; 3] = [Vendor::NVIDIA, Vendor::AMD, Vendor::INTEL];

#[test]
fn every_preset_conforms() {
    for name in Machine::presets() {
        let world = World::new(Machine::preset(name).unwrap());
        for vendor in VENDORS.into_iter().filter(|vendor| world.scene().gpus_of(*vendor).count() > 0) {
            let backend = SimBackend::new(world.clone(), vendor);
            conformance::run(&backend);
            let boxed: Box<dyn Backend> = Box::new(backend);
            conformance::run(&boxed);
        }
    }
}

#[test]
fn an_empty_machine_is_no_error() {
    for vendor in VENDORS {
        let world = World::new(Machine::preset("empty").unwrap());
        conformance::an_empty_machine_is_no_error(&SimBackend::new(world, vendor));
    }
}

#[test]
fn a_lost_gpu_is_named_and_hides_nobody() {
    for name in ["hgx-h100-8", "mi300x-8-cpx", "max-1550-4"] {
        let world = World::new(Machine::preset(name).unwrap());
        let backend = SimBackend::new(world.clone(), world.machine().gpus[0].vendor());
        let devices = backend.inventory().unwrap().devices;
        world.lose(3);
        conformance::a_lost_device_is_named_and_hides_nobody(&backend, devices[3].id, &devices);
    }
}

#[test]
fn descriptions_survive_json() {
    for name in Machine::presets() {
        let machine = Machine::preset(name).unwrap();
        assert_eq!(Machine::from_json(&machine.to_json()), Ok(machine.clone()), "{name}");
        assert_eq!(machine.name, *name);
    }
}

#[test]
fn contradictions_are_refused() {
    let refused = |change: &dyn Fn(&mut Machine), what: &str| {
        let mut machine = Machine::preset("hgx-h100-8").unwrap();
        change(&mut machine);
        let error = machine.validate().unwrap_err().to_string();
        assert!(error.contains(what), "{error:?} does not say {what:?}");
    };
    refused(&|m| m.schema = 2, "schema 2 is not known");
    refused(&|m| m.gpus[1].pci = m.gpus[0].pci, "is used twice");
    refused(&|m| m.workloads[1].pid = m.workloads[0].pid, "is used twice");
    refused(&|m| m.workloads[0].uses[0].gpu = 8, "a GPU that is not there");
    refused(&|m| m.workloads[0].uses[0].part = gpu_sim::Part::Xcp { index: 0 }, "a part that is not there");
    refused(
        &|m| m.workloads[0].uses[0].busy.steps = vec![(Nanoseconds(5), 1), (Nanoseconds(5), 2)],
        "not in order",
    );
    assert!(Machine::from_json("{}").is_err());
    assert!(Machine::preset("no-such").unwrap_err().to_string().contains("hgx-h100-8"));
}

/// The witness is plain summation, nanosecond by nanosecond.
#[test]
fn integrals_are_exact() {
    let curve = Curve::steps([(Nanoseconds(3), 7), (Nanoseconds(5), 0), (Nanoseconds(8), 11)]);
    for curve in [curve.clone(), curve.clone().repeating(Nanoseconds(10)), curve.repeating(Nanoseconds(6))] {
        for from in 0..30 {
            for to in from..30 {
                let sum: u128 = (from..to).map(|t| u128::from(curve.at(Nanoseconds(t)))).sum();
                assert_eq!(curve.integral(Nanoseconds(from), Nanoseconds(to)), sum, "{curve:?} {from}..{to}");
            }
        }
    }
}

/// An H100 of the preset draws 70 W idle and 700 W full; its four processes are 40, 46, 52 and 58
/// thousandths busy, 196 together: 193.48 W, so 193.48 J a second.
#[test]
fn energy_is_the_integral_of_power() {
    let world = World::new(Machine::preset("hgx-h100-8").unwrap());
    let before = world.gpu(0);
    assert_eq!(before.power.get(), 193_480_000);
    world.clock().advance(Nanoseconds::from_secs(1000));
    let gained = world.gpu(0).energy.checked_sub(before.energy).unwrap();
    assert_eq!(gained.get(), 193_480_000_000);
}

/// The name rule of NVIDIA's guide, computed here from memory alone: the board's fraction rounded
/// up to eighths, times the board's size in whole GiB.
#[test]
fn profile_names_follow_from_memory() {
    let mut boards = std::collections::BTreeSet::new();
    for preset in Machine::presets() {
        for gpu in Machine::preset(preset).unwrap().gpus {
            let gpu_sim::Silicon::Nvidia(gpu_sim::NvidiaSpec { mig: Some(mig), .. }) = &gpu.silicon else {
                continue;
            };
            let total_mib = gpu.memory.total.get() >> 20;
            assert!(mig.profiles.len() >= 7, "{}", gpu.name);
            for profile in &mig.profiles {
                let mib = profile.memory.get() >> 20;
                let eighths = (mib * 8).div_ceil(total_mib);
                let gib = (eighths * total_mib.div_ceil(1024) + 4) / 8;
                let expected = format!("{}g.{gib}gb", profile.slices);
                assert_eq!(profile.name.split(['+', '-']).next(), Some(expected.as_str()), "{}", gpu.name);
                assert!(profile.multiprocessors > 0 && profile.multiprocessors <= gpu.compute_units);
            }
            boards.insert(gpu.name);
        }
    }
    let boards: Vec<&str> = boards.iter().map(String::as_str).collect();
    let expected = [
        "NVIDIA A100-SXM4-40GB",
        "NVIDIA B200",
        "NVIDIA GH200 480GB",
        "NVIDIA H100 80GB HBM3",
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",
    ];
    assert_eq!(boards, expected);
}

/// The energy counter of a GPU whose driver was loaded anew starts at 0, and the others go on.
#[test]
fn a_counter_that_is_reset_counts_from_there() {
    let mut machine = Machine::preset("l40s-4").unwrap();
    let reset = machine.started_at.plus(Nanoseconds::from_secs(10));
    machine.faults.push(Fault::CounterReset { gpu: 1, at: reset });
    let world = World::new(machine);
    let before = [0, 1].map(|gpu| world.gpu(gpu).energy);
    world.clock().advance(Nanoseconds::from_secs(15));
    let after = [0, 1].map(|gpu| world.gpu(gpu).energy);
    assert!(after[0] > before[0] && after[1] < before[1], "{before:?} {after:?}");
    // Five seconds at the power of now, which has not changed in between.
    assert_eq!(after[1].get(), world.gpu(1).power.get() * 5);
}
