//! The family's conformance suite over the simulated library.

use gpu_amd_rocm_smi::discover;
use gpu_core::{Absence, Backend, BackendExt, Nanoseconds, Outcome, conformance};
use gpu_sim::Machine;

#[path = "common/machine.rs"]
mod machine;
use machine::{PRESETS, Simulated};

#[test]
fn every_preset_conforms() {
    for name in PRESETS {
        let simulated = Simulated::preset(name);
        let found = discover(&simulated.options());
        assert_eq!(found.outcome, Outcome::Available, "{name}");
        conformance::run(&found.backend.unwrap());
    }
}

#[test]
fn a_lost_device_is_named_and_hides_nobody() {
    for name in ["mi300x-8", "mi300x-8-cpx"] {
        let mut simulated = Simulated::few(name, 3);
        let backend = simulated.backend();
        let before = backend.inventory().unwrap();
        let lost = before.devices[1].id;
        simulated.lose(1);
        conformance::a_lost_device_is_named_and_hides_nobody(&backend, lost, &before.devices);
        let sample = backend.sample().unwrap();
        assert_eq!(sample.reading(lost).power, Err(Absence::Lost), "{name}");
        assert!(sample.problems.iter().any(|problem| problem.at == lost.to_string()), "{name}");
        assert_eq!(backend.details(lost).unwrap_err().kind(), gpu_core::ErrorKind::DeviceLost);
        // Counted anew, it is not there any more, and the others keep their names.
        let after = backend.inventory().unwrap();
        let left: Vec<_> = before.devices.iter().map(|d| d.id).filter(|id| *id != lost).collect();
        assert_eq!(after.devices.iter().map(|d| d.id).collect::<Vec<_>>(), left, "{name}");
        conformance::run(&backend);
    }
}

#[test]
fn a_gpu_that_sleeps_is_not_asked() {
    let mut machine = Machine::preset("mi210-8").unwrap();
    machine.gpus[0].asleep = true;
    let simulated = Simulated::new(machine);
    let backend = simulated.backend();
    let inventory = backend.inventory().unwrap();
    let sample = backend.sample().unwrap();
    assert_eq!(sample.reading(inventory.devices[0].id).power, Err(Absence::Asleep));
    assert!(sample.reading(inventory.devices[1].id).power.is_ok());
    assert!(backend.details(inventory.devices[0].id).is_err());
}

#[test]
fn counters_count() {
    let mut simulated = Simulated::preset("mi300x-8");
    let backend = simulated.backend();
    let gpu = backend.inventory().unwrap().devices[0].id;
    let before = backend.sample().unwrap().reading(gpu).energy.unwrap();
    simulated.advance(Nanoseconds::from_secs(60));
    let after = backend.sample().unwrap().reading(gpu).energy.unwrap();
    let joules = (after.value.get() - before.value.get()) / 1_000_000;
    // 80 % of the way from 125 W to 750 W, for a minute.
    assert_eq!(joules, 625 * 60);
}

/// MI250X: die 1 reads 0 W, which is no measurement.
#[test]
fn the_second_die_has_no_power_of_its_own() {
    let simulated = Simulated::preset("mi250x-4");
    let backend = simulated.backend();
    let (inventory, sample) = (backend.inventory().unwrap(), backend.sample().unwrap());
    for pair in inventory.devices.chunks(2) {
        assert!(sample.reading(pair[0].id).power.is_ok() && sample.reading(pair[0].id).energy.is_ok());
        let second = sample.reading(pair[1].id);
        assert!(matches!(second.power, Err(Absence::NotSupported { .. })), "{:?}", second.power);
        assert!(matches!(second.energy, Err(Absence::NotSupported { .. })), "{:?}", second.energy);
    }
}

#[test]
fn what_only_the_library_knows() {
    let simulated = Simulated::few("mi300x-8", 2);
    let backend = simulated.backend();
    let inventory = backend.inventory().unwrap();
    let [a, b] = [inventory.devices[0].id, inventory.devices[1].id];
    let details = backend.details(b).unwrap();
    assert_eq!(details.xgmi_hive.value(), Some(&0xd2c9_0000_0000_0017));
    assert_eq!(details.xgmi_physical_id.value(), Some(&1));
    assert_eq!(details.firmware.iter().map(|f| f.block).collect::<Vec<_>>(), ["SMC"]);
    let [path] = backend.paths()[..] else { panic!("two GPUs have one path") };
    assert_eq!((path.a, path.b, path.hops, path.is_xgmi), (a.min(b), a.max(b), 1, true));
    assert_eq!(path.bandwidth.value(), Some(&(50_000, 50_000)));
}
