//! What tells how well a GPU is, from the kernel's files, as the simulated machine says of itself.

#[path = "common/machine.rs"]
mod machine;

use gpu_core::health::{Fault, Health, Look, METRICS, State};
use gpu_core::{BackendExt, Clock, Count, Metric};
use gpu_sim::{Gpu, Machine, PcieSpec, SimBackend, World};
use machine::{Folder, backend};

/// Each sort of fault, read from files that say so.
#[test]
fn files_show_what_is_wrong() {
    let faults: [fn(&mut Gpu); 5] = [
        |_| {},
        |gpu| gpu.ecc.as_mut().unwrap().uncorrected = 3,
        |gpu| {
            let ecc = gpu.ecc.as_mut().unwrap();
            (ecc.retired_pages, ecc.retired_pending, ecc.corrected) = (400, true, 17);
        },
        |gpu| gpu.ecc.as_mut().unwrap().retired_pages = 400,
        |gpu| gpu.health.pcie_most = Some(PcieSpec { generation: 6, width: 32 }),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let mut machine = Machine::preset("mi300x-8").unwrap();
        fault(&mut machine.gpus[2]);
        let (folder, world) = (Folder::new("health"), World::new(machine));
        let tree = world.write_tree(&folder.0).unwrap();
        let backend = backend(&world, &tree);
        let told = SimBackend::new(world, backend.vendor()).sample().unwrap();
        let read = backend.sample().unwrap();
        for unit in &told.units {
            let metrics =
                Metric::ALL.iter().filter(|metric| METRICS.has(**metric) || **metric == Metric::RetiredPages);
            for metric in metrics {
                let value = |sample: &gpu_core::Sample| {
                    sample
                        .reading(unit.unit)
                        .get(*metric)
                        .map(|of| of.value)
                        .map_err(|absence| absence.kind())
                };
                assert_eq!(value(&read), value(&told), "fault {number}, {}: {metric}", unit.unit);
            }
        }
    }
}

/// RAS counters and pages of one GPU: it and its partitions, and no other GPU's.
#[test]
fn a_fault_in_files_reaches_the_partitions_of_its_gpu_alone() {
    let mut machine = Machine::preset("mi300x-8-cpx").unwrap();
    machine.gpus[1].ecc.as_mut().unwrap().uncorrected = 2;
    let (folder, world) = (Folder::new("health"), World::new(machine));
    let tree = world.write_tree(&folder.0).unwrap();
    let backend = backend(&world, &tree);
    let (inventory, sample) = (backend.inventory().unwrap(), backend.sample().unwrap());
    let (mut health, clock) = (Health::default(), world.clock());
    health.look(&Look {
        inventory: &inventory,
        sample: &sample,
        now: clock.boot_now(),
        boot: clock.boot_id(),
    });
    let (report, hit) = (health.report(clock.boot_now()), inventory.devices[1].id);
    assert_eq!(inventory.devices[1].partitions.len(), 8);
    for unit in inventory.units() {
        let expected = if unit.device() == hit { State::Unhealthy } else { State::Healthy };
        assert_eq!(report.state(unit), expected, "{unit}");
    }
    assert_eq!(report.get(hit).unwrap().evidence[0].fault, Fault::UncorrectedErrors(Count(2)));
    assert_eq!(report.forbidden().len(), 1);
    // It falls off the bus: its files are gone.
    world.lose(1);
    std::fs::remove_dir_all(&folder.0).unwrap();
    world.write_tree(&folder.0).unwrap();
    let (inventory, sample) = (backend.inventory().unwrap(), backend.sample().unwrap());
    health.look(&Look {
        inventory: &inventory,
        sample: &sample,
        now: clock.boot_now(),
        boot: clock.boot_id(),
    });
    let report = health.report(clock.boot_now());
    assert!(report.get(hit).unwrap().evidence.iter().any(|of| of.fault == Fault::Lost));
    assert!(inventory.units().all(|unit| report.state(unit) == State::Healthy), "the others");
}
