//! Simulated trees: what this crate reads from files, against what the simulated machine says of
//! itself in process; and trees with something broken.

#[path = "common/machine.rs"]
mod machine;

use gpu_core::{Absence, Backend, BackendExt, ErrorKind, Metric, Reading, conformance};
use gpu_sim::{Machine, Silicon, World};
use machine::{Folder, backend, preset};

const PRESETS: [&str; 6] = ["mi300x-8", "mi300x-8-cpx", "mi300a-4", "mi210-8", "mi250x-4", "mixed"];

#[test]
fn every_preset_conforms() {
    for name in PRESETS {
        let (_folder, _world, backend) = preset(name);
        conformance::run(&*backend);
    }
}

#[test]
fn files_and_process_show_the_same_machine() {
    for name in PRESETS {
        let (_folder, world, backend) = preset(name);
        let simulated = gpu_sim::SimBackend::new(world, backend.vendor());
        let (read, told) = (backend.inventory().unwrap(), simulated.inventory().unwrap());
        assert!(read.problems.is_empty(), "{name}: {:?}", read.problems);
        assert_eq!(read.units().collect::<Vec<_>>(), told.units().collect::<Vec<_>>(), "{name}");
        for (one, other) in read.devices.iter().zip(&told.devices) {
            assert_eq!((&one.name, one.pci, one.pci_id), (&other.name, other.pci, other.pci_id));
            assert_eq!(
                (one.numa, one.memory_total, one.compute_units),
                (other.numa, other.memory_total, other.compute_units)
            );
            assert_eq!(
                (&one.serial, &one.architecture, &one.modes),
                (&other.serial, &other.architecture, &other.modes)
            );
            assert_eq!((&one.vendor_name, &one.nodes), (&other.vendor_name, &other.nodes));
            for (a, b) in one.partitions.iter().zip(&other.partitions) {
                assert_eq!(
                    (&a.profile, a.placement, a.memory_total),
                    (&b.profile, b.placement, b.memory_total)
                );
                assert_eq!(
                    (&a.vendor_name, &a.nodes, a.compute_units),
                    (&b.vendor_name, &b.nodes, b.compute_units)
                );
            }
        }
        let (sampled, expected) = (backend.sample().unwrap(), simulated.sample().unwrap());
        for unit in &sampled.units {
            compare(&format!("{name}: {}", unit.unit), &unit.reading, expected.reading(unit.unit));
        }
        let processes = |sample: &gpu_core::Sample| {
            let mut rows: Vec<_> = sample
                .processes
                .iter()
                .map(|p| {
                    let counters = (p.queue_copy_time.map(|m| m.value), p.occupied_units.map(|m| m.value));
                    (p.pid, p.unit, p.memory.map(|m| m.value), counters)
                })
                .collect();
            rows.sort_unstable_by_key(|row| (row.0, row.1));
            rows
        };
        assert_eq!(processes(&sampled), processes(&expected), "{name}");
    }
}

/// Every value that is read from a file is the one that the machine says; at least these are.
fn compare(at: &str, read: &Reading, told: &Reading) {
    for (metric, value) in read.iter() {
        // The files hold whole per cent, and energy in units of 15.26 µJ.
        let rounded =
            matches!(metric, Metric::Busy | Metric::Energy | Metric::MemoryBusy | Metric::SystemMemoryUsed);
        if let (Ok(value), false) = (value, rounded) {
            assert_eq!(Ok(value.value), told.get(metric).map(|m| m.value), "{at}: {metric}");
        }
    }
    if let (Ok(read), Ok(told)) = (read.energy, told.energy) {
        assert!(read.value.get().abs_diff(told.value.get()) < 16, "{at}: {read} is not {told}");
    }
    if let (Ok(read), Ok(told)) = (read.busy, told.busy) {
        assert_eq!(read.value.get(), told.value.get() / 10 * 10, "{at}");
    }
    // What the machine says of itself and no file of its driver's holds.
    let silent = [Metric::MemoryFree];
    for (metric, value) in told.iter().filter(|(metric, _)| !silent.contains(metric)) {
        assert!(value.is_err() || read.get(metric).is_ok(), "{at}: {metric} is {:?}", read.get(metric));
    }
    if told.temperature.is_ok() {
        if told.power.is_err() {
            assert!(matches!(read.power, Err(Absence::NotSupported { .. })), "{at}: {:?}", read.power);
        }
        for metric in [Metric::MemoryUsed, Metric::Temperature, Metric::ClockGraphics, Metric::EccCorrected] {
            assert!(read.get(metric).is_ok(), "{at}: {metric} is {:?}", read.get(metric));
        }
    }
}

#[test]
fn a_lost_gpu_is_named_and_hides_nobody() {
    let (folder, world, backend) = preset("mi300x-8-cpx");
    let devices = backend.inventory().unwrap().devices;
    std::fs::remove_file(folder.attribute(&world, "")).ok();
    let path = folder.attribute(&world, "power");
    std::fs::remove_dir_all(path.parent().unwrap().canonicalize().unwrap()).unwrap();
    conformance::a_lost_device_is_named_and_hides_nobody(&*backend, devices[0].id, &devices);
}

#[test]
fn a_gpu_that_sleeps_is_not_touched() {
    let folder = Folder::new("asleep");
    let mut machine = Machine::preset("mi210-8").unwrap();
    machine.gpus[0].asleep = true;
    let world = World::new(machine);
    let tree = world.write_tree(&folder.0).unwrap();
    let backend = backend(&world, &tree);
    let device = backend.inventory().unwrap().devices[0].id;
    let sample = backend.sample().unwrap();
    for (metric, value) in sample.reading(device).iter() {
        assert_eq!(value, Err(Absence::Asleep), "{metric}");
    }
    conformance::run(&*backend);
}

/// One bad file at a time: the metric says why, everything else is still there, nothing panics.
#[test]
fn a_bad_file_spoils_only_itself() {
    let contents: [&[u8]; 7] =
        [b"", b"\n", b"garbage\n", b"-1\n", b"99999999999999999999\n", b"\xff\xfe\n", &[b'7'; 10_000]];
    for content in contents {
        let (folder, world, backend) = preset("mi210-8");
        let device = backend.inventory().unwrap().devices[0].id;
        std::fs::write(folder.attribute(&world, "mem_info_vram_used"), content).unwrap();
        let sample = backend.sample().unwrap();
        let reading = sample.reading(device);
        assert!(matches!(reading.memory_used, Err(Absence::Failed { .. })), "{:?}", reading.memory_used);
        assert!(matches!(reading.memory_free, Err(Absence::Failed { .. })));
        assert!(reading.memory_total.is_ok() && reading.power.is_ok() && reading.busy.is_ok());
    }
}

#[test]
fn a_file_padded_with_nul_reads_as_without() {
    let (folder, world, backend) = preset("mi210-8");
    let device = backend.inventory().unwrap().devices[0].id;
    let mut content = b"1234\n".to_vec();
    content.resize(4096, 0);
    std::fs::write(folder.attribute(&world, "mem_info_vram_used"), content).unwrap();
    let used = backend.sample().unwrap().reading(device).memory_used.unwrap();
    assert_eq!(used.value.get(), 1234);
}

#[test]
fn a_directory_in_place_of_a_file_is_named() {
    let (folder, world, backend) = preset("mi210-8");
    let path = folder.attribute(&world, "product_name");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices.len(), 8);
    assert_eq!(inventory.devices[0].name, "AMD Instinct MI210", "the table knows the model");
    let problem = inventory.problems.iter().find(|problem| problem.at.ends_with("product_name"));
    assert_eq!(problem.map(|problem| problem.kind), Some(ErrorKind::Io), "{:?}", inventory.problems);
}

/// `unique_id` is 0 on many boards, and two may carry the same: then the slot names them.
#[test]
fn boards_without_an_id_of_their_own_are_named_by_slot() {
    for id in [Some(0), Some(0x1234), None] {
        let folder = Folder::new("ids");
        let mut machine = Machine::preset("mi210-8").unwrap();
        for gpu in &mut machine.gpus {
            if let Silicon::Amd(amd) = &mut gpu.silicon {
                amd.unique_id = id;
            }
        }
        let world = World::new(machine);
        let tree = world.write_tree(&folder.0).unwrap();
        let backend = backend(&world, &tree);
        for device in backend.inventory().unwrap().devices {
            assert_eq!(device.id.stability(), gpu_core::Stability::Slot, "{:?}: {}", id, device.id);
        }
        conformance::run(&*backend);
    }
}

#[test]
fn a_truncated_topology_is_named() {
    let (folder, _world, backend) = preset("mi300x-8-cpx");
    let node = folder.0.join("sys/class/kfd/kfd/topology/nodes/9/properties");
    std::fs::write(node, "simd_count 152\nvendor_id 4098\n").unwrap();
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices.iter().map(|device| device.partitions.len()).sum::<usize>(), 63);
    assert!(
        inventory.problems.iter().any(|problem| problem.detail.contains("location_id")),
        "{:?}",
        inventory.problems
    );
}
