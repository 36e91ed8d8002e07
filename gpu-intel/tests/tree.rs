//! Simulated trees: what this crate reads from files, against what the simulated machine says of
//! itself; and trees with something broken.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gpu_core::{
    Absence, Backend, BackendExt, Bytes, ErrorKind, Hertz, Metric, Mode, Nanoseconds, PartitionKind,
    ThrottleReasons, UnitId, Vendor, conformance,
};
use gpu_host::Roots;
use gpu_sim::{Machine, Tree, World};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("gpu-intel-tree-{name}-{}-{number}", std::process::id())))
    }

    /// A file of the first GPU's PCI function.
    fn attribute(&self, world: &World, name: &str) -> PathBuf {
        let pci = world.machine().gpus[0].pci.to_string();
        self.0.join("sys/bus/pci/devices").join(pci).join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn backend(world: &World, tree: &Tree) -> Box<dyn Backend> {
    let roots = Roots::default().sysfs(tree.sysfs()).proc(tree.proc());
    let options = gpu_intel::Options::new(roots).clock(Arc::new(world.clock().clone()));
    gpu_intel::discover(&options).backend.expect("a driver is there")
}

fn preset(name: &str) -> (Folder, World, Box<dyn Backend>) {
    let folder = Folder::new(name);
    let world = World::new(Machine::preset(name).unwrap());
    let tree = world.write_tree(&folder.0).unwrap();
    let backend = backend(&world, &tree);
    (folder, world, backend)
}

const PRESETS: [&str; 8] =
    ["max-1550-4", "flex-170-2", "flex-170-2-vf", "flex-140-2", "b60-2", "iris-xe-1", "arc-140v-1", "mixed"];

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
            // What is absent each says in words of its own.
            let facts = |of: &gpu_core::Device| {
                (of.numa.value().copied(), of.memory_total.value().copied(), of.memory_kind.value().copied())
            };
            assert_eq!(facts(one), facts(other), "{name}");
            assert_eq!((&one.driver, &one.nodes), (&other.driver, &other.nodes));
            for (a, b) in one.partitions.iter().zip(&other.partitions) {
                assert_eq!((a.id, a.memory_total), (b.id, b.memory_total), "{name}");
            }
        }
    }
}

#[test]
fn readings_are_the_simulated_gpus() {
    for name in ["max-1550-4", "flex-170-2", "b60-2"] {
        let (_folder, world, backend) = preset(name);
        let sample = backend.sample().unwrap();
        for (position, device) in backend.inventory().unwrap().devices.iter().enumerate() {
            let (reading, state) = (sample.reading(device.id), world.gpu(position));
            let limit = world.machine().gpus[position].power.limit;
            assert_eq!(reading.energy.unwrap().value, state.energy, "{name}");
            assert_eq!(reading.power_limit.unwrap().value, limit, "{name}");
            assert_eq!(reading.throttle.unwrap().value, ThrottleReasons::NONE, "{name}");
            assert!(matches!(reading.power, Err(Absence::NotSupported { .. })), "hwmon counts energy only");
            assert!(matches!(reading.memory_used, Err(Absence::NotSupported { .. })));
            let clocked = match device.partitions.iter().find(|part| part.kind() == PartitionKind::TILE) {
                Some(tile) => sample.reading(tile.id),
                None => reading,
            };
            assert_eq!(clocked.clock_graphics.unwrap().value, state.clock_graphics, "{name}");
            assert_eq!(clocked.clock_graphics_max.unwrap().value, Hertz::from_mhz(1600), "{name}");
        }
    }
}

#[test]
fn a_max_1550_has_two_tiles_of_64_gib() {
    let (_folder, _world, backend) = preset("max-1550-4");
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices.len(), 4);
    for device in &inventory.devices {
        assert_eq!(device.name, "Intel Data Center GPU Max 1550");
        assert_eq!(device.memory_total.value(), Some(&Bytes::gib(128)));
        let tiles: Vec<_> = device.partitions().map(|tile| (tile.kind(), tile.memory_total)).collect();
        assert_eq!(tiles, [(PartitionKind::TILE, Bytes::gib(64).into()); 2]);
    }
}

/// Two GPUs behind one switch are two devices, not two tiles of one.
#[test]
fn a_flex_140_is_a_card_of_two_devices() {
    let (folder, world, backend) = preset("flex-140-2");
    let card = folder.attribute(&world, "device").canonicalize().unwrap();
    assert!(card.ends_with("0000:3a:00.0/0000:3b:00.0/0000:3c:00.0/device"), "{}", card.display());
    let devices = backend.inventory().unwrap().devices;
    assert_eq!(devices.len(), 2);
    for device in devices {
        assert_eq!(device.name, "Intel Data Center GPU Flex 140");
        assert_eq!(device.memory_total.value(), Some(&Bytes::gib(6)));
        assert!(device.partitions.is_empty());
    }
}

/// Battlemage's second GT is the media engines, and must not be taken for a tile.
#[test]
fn a_media_gt_is_no_tile() {
    let (folder, world, backend) = preset("b60-2");
    assert!(folder.attribute(&world, "tile0/gt1").exists(), "the tree has one");
    for device in backend.inventory().unwrap().devices {
        assert!(device.partitions.is_empty());
        assert_eq!(device.memory_total.value(), Some(&Bytes::gib(24)));
    }
}

/// xe: divisors of the number of slices. The backport of i915 may decide itself.
#[test]
fn compute_engines_are_shared_in_equal_parts() {
    for (name, expected, now) in
        [("b60-2", &["1", "2", "4"][..], "1"), ("max-1550-4", &["0", "1", "2", "4"], "0")]
    {
        let (folder, world, backend) = preset(name);
        let ccs = || backend.inventory().unwrap().devices[0].mode(Mode::CCS).cloned().unwrap();
        assert_eq!(ccs().available.value().unwrap(), expected, "{name}");
        assert_eq!(ccs().current.value().map(String::as_str), Some(now), "{name}");
        if name == "b60-2" {
            fs::write(folder.attribute(&world, "tile0/gt0/num_cslices"), "3\n").unwrap();
            assert_eq!(ccs().available.value().unwrap(), &["1", "3"]);
            fs::write(folder.attribute(&world, "tile0/gt0/num_cslices"), "x\n").unwrap();
            assert!(matches!(ccs().available.absence(), Some(Absence::Failed { .. })));
        }
    }
}

#[test]
fn virtual_functions_are_parts_with_quotas() {
    let (folder, world, backend) = preset("flex-170-2");
    let parent = world.machine().gpus[1].pci;
    for function in 1..=2 {
        // As after `sriov_drivers_autoprobe`: the host's driver holds them too.
        let address = gpu_core::PciAddress { function, ..parent }.to_string();
        let path = folder.0.join("sys/bus/pci/devices").join(address);
        let _ = fs::remove_file(path.join("driver"));
        std::os::unix::fs::symlink(folder.0.join("sys/bus/pci/drivers/i915"), path.join("driver")).unwrap();
    }
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices.len(), 2, "no virtual function is a device");
    let (whole, cut) = (&inventory.devices[0], &inventory.devices[1]);
    assert!(whole.partitions.is_empty());
    assert_eq!(cut.partitions.len(), 2);
    for (number, part) in (1_u8..).zip(&cut.partitions) {
        assert_eq!(part.id, cut.id.partition(PartitionKind::VIRTUAL_FUNCTION, number.into()));
        assert_eq!(part.memory_total.value(), Some(&Bytes::gib(6)));
        assert_eq!(part.time_slice.value(), Some(&Nanoseconds::from_millis(20)));
        assert_eq!(part.pci.value().unwrap().function, number);
    }
    let mode = cut.mode(Mode::SRIOV).unwrap();
    assert_eq!(mode.current.value().map(String::as_str), Some("2"));
    assert_eq!(mode.available.value().unwrap().len(), 32, "0 to 31");
    assert!(cut.mode(Mode::CCS).is_none(), "the driver fixes it under SR-IOV");
}

/// In a guest the physical function is not seen: the virtual one is the device.
#[test]
fn a_virtual_function_without_its_parent_is_a_device() {
    let folder = Folder::new("guest");
    let world = World::new(Machine::preset("flex-170-2").unwrap());
    let tree = world.write_tree(&folder.0).unwrap();
    let devices = tree.sysfs().join("bus/pci/devices");
    let parent = world.machine().gpus[1].pci;
    let function = devices.join(gpu_core::PciAddress { function: 1, ..parent }.to_string());
    fs::remove_file(function.join("physfn")).unwrap();
    std::os::unix::fs::symlink(tree.sysfs().join("bus/pci/drivers/i915"), function.join("driver")).unwrap();
    let inventory = backend(&world, &tree).inventory().unwrap();
    assert_eq!(inventory.devices.len(), 3);
}

#[test]
fn reasons_for_throttling_are_told() {
    let (folder, world, backend) = preset("b60-2");
    let throttle = "tile0/gt0/freq0/throttle";
    fs::write(folder.attribute(&world, &format!("{throttle}/status")), "1\n").unwrap();
    let id = backend.inventory().unwrap().devices[0].id;
    let reasons = || backend.sample().unwrap().reading(id).throttle.unwrap().value;
    assert_eq!(reasons(), ThrottleReasons { known: 0, raw: 1 }, "a reason without a file is kept");
    fs::write(folder.attribute(&world, &format!("{throttle}/reason_pl1")), "1\n").unwrap();
    fs::write(folder.attribute(&world, &format!("{throttle}/reason_thermal")), "1\n").unwrap();
    assert_eq!(reasons(), ThrottleReasons::POWER_CAP | ThrottleReasons::THERMAL);
}

#[test]
fn a_sleeping_gpu_is_not_touched() {
    let (folder, world, backend) = preset("max-1550-4");
    fs::write(folder.attribute(&world, "power/runtime_status"), "suspended\n").unwrap();
    let inventory = backend.inventory().unwrap();
    let sample = backend.sample().unwrap();
    let (sleeping, awake) = (&inventory.devices[0], &inventory.devices[1]);
    assert_eq!(sample.reading(sleeping.id).energy, Err(Absence::Asleep));
    assert_eq!(sample.reading(sleeping.partitions[0].id).clock_graphics, Err(Absence::Asleep));
    assert!(sample.reading(awake.id).energy.is_ok());
}

#[test]
fn a_lost_device_is_named_and_hides_nobody() {
    let (folder, world, backend) = preset("max-1550-4");
    let devices = backend.inventory().unwrap().devices;
    let path = folder.attribute(&world, "").canonicalize().unwrap();
    fs::remove_dir_all(path).unwrap();
    conformance::a_lost_device_is_named_and_hides_nobody(&*backend, devices[0].id, &devices[1..]);
    let sample = backend.sample().unwrap();
    assert!(sample.problems.iter().any(|problem| problem.kind == ErrorKind::DeviceLost));
}

/// Each kind of broken file spoils its own metric and no other.
#[test]
fn a_broken_file_spoils_one_metric() {
    let huge = vec![b'9'; 2 << 20];
    let bad: [&[u8]; 8] =
        [b"", b"\n", b"\0\0\0\0", b"\xff\xfe", b"99999999999999999999999", b"-1", b"12 34", &huge];
    let (folder, world, backend) = preset("b60-2");
    let id = backend.inventory().unwrap().devices[0].id;
    for bytes in bad {
        fs::write(folder.attribute(&world, "tile0/gt0/freq0/act_freq"), bytes).unwrap();
        let sample = backend.sample().unwrap();
        let reading = sample.reading(id);
        assert!(reading.clock_graphics.is_err(), "{:?}", &bytes[..bytes.len().min(8)]);
        assert!(reading.clock_graphics_max.is_ok() && reading.energy.is_ok());
    }
    fs::write(folder.attribute(&world, "tile0/gt0/freq0/act_freq"), b"1200\0\0\0\0").unwrap();
    let padded = backend.sample().unwrap().reading(id).clock_graphics.unwrap().value;
    assert_eq!(padded, Hertz::from_mhz(1200), "a page padded with NULs is read");
}

/// Directories, circles and nonsense in the place of files: the rest is still told.
#[test]
fn broken_trees_are_still_told() {
    let (folder, world, backend) = preset("flex-170-2");
    let at = |name: &str| folder.attribute(&world, name);
    fs::write(at("sriov_numvfs"), "4294967296\n").unwrap();
    fs::remove_file(at("power/runtime_status")).unwrap();
    fs::create_dir(at("power/runtime_status")).unwrap();
    std::os::unix::fs::symlink("virtfn0", at("virtfn0")).unwrap();
    fs::create_dir_all(at("hwmon/hwmon99")).unwrap();
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices.len(), 2);
    assert!(inventory.devices[0].partitions.len() <= 256, "bounded");
    assert!(inventory.devices[0].partitions.iter().all(|part| part.pci.value().is_none()));
    assert!(backend.sample().unwrap().reading(inventory.devices[1].id).energy.is_ok());
}

#[test]
fn without_a_driver_it_says_what_was_looked_for() {
    let folder = Folder::new("nothing");
    fs::create_dir_all(folder.0.join("sys")).unwrap();
    let found = gpu_intel::discover(&gpu_intel::Options::new(Roots::default().sysfs(folder.0.join("sys"))));
    assert!(found.backend.is_none());
    assert_eq!((found.vendor, found.outcome.kind()), (Vendor::INTEL, "no_driver"));
    assert!(found.outcome.to_string().contains("module/xe"));
}

#[test]
fn capabilities_of_a_tile_and_of_its_device_differ() {
    let (_folder, _world, backend) = preset("max-1550-4");
    let device = &backend.inventory().unwrap().devices[0];
    let sample = backend.sample().unwrap();
    let tile = sample.reading(device.partitions[0].id);
    assert!(tile.get(Metric::PowerLimit).is_err());
    assert!(tile.get(Metric::Energy).is_ok(), "i915 counts energy for each tile");
    assert!(backend.capabilities(UnitId::Device(device.id)).is_ok());
    assert_eq!(device.modes.iter().filter(|mode| mode.name == Mode::CCS).count(), 1);
    assert_eq!(sample.reading(device.id).get(Metric::PcieWidth).ok(), None);
}

/// What xe says of a GPU's health, by files that come and go; and what slows it down.
#[test]
fn the_drivers_own_judgement() {
    use gpu_core::DriverHealth::{Critical, NeedsFirmware, Ok as Well, Unknown, Warning};
    let (folder, world, backend) = preset("b60-2");
    let says = |backend: &dyn Backend| {
        let sample = backend.sample().unwrap();
        sample.units.iter().map(|of| of.reading.driver_health.map(|of| of.value)).collect::<Vec<_>>()
    };
    let none = Err(Absence::NotSupported { why: "the driver does not judge" });
    assert_eq!(says(&*backend), [none, none], "drivers before 7.3 do not judge");
    let file = folder.attribute(&world, "gpu_health");
    for (word, health) in
        [("ok", Well), ("warning", Warning), ("critical", Critical), ("splendid", Unknown(0))]
    {
        fs::write(&file, format!("{word}\n")).unwrap();
        // The file is found by the next look.
        backend.inventory().unwrap();
        assert_eq!(says(&*backend), [Ok(health), none], "{word}");
    }
    // Which root alone may read: that it is there says it.
    fs::write(folder.attribute(&world, "survivability_mode"), "Survivability mode type: Runtime\n").unwrap();
    assert_eq!(says(&*backend), [Ok(NeedsFirmware), none]);
    for text in ["", "\n", "\u{0}"] {
        fs::remove_file(folder.attribute(&world, "survivability_mode")).ok();
        fs::write(&file, text).unwrap();
        assert_eq!(says(&*backend)[0].map_err(|absence| absence.kind()), Err("failed"), "{text:?}");
    }
    let changes: [fn(&mut gpu_sim::Gpu); 4] = [
        |gpu| gpu.health.gpu_health = Some("warning".to_owned()),
        |gpu| gpu.health.survivability = true,
        |gpu| gpu.health.hot = true,
        |gpu| gpu.health.power_brake = true,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for name in ["b60-2", "max-1550-4", "flex-170-2"] {
            let mut machine = Machine::preset(name).unwrap();
            change(&mut machine.gpus[1]);
            let (folder, world) = (Folder::new("health"), World::new(machine));
            let tree = world.write_tree(&folder.0).unwrap();
            let read = self::backend(&world, &tree).sample().unwrap();
            let told = gpu_sim::SimBackend::new(world, Vendor::INTEL).sample().unwrap();
            for unit in told.units.iter().filter(|of| matches!(of.unit, UnitId::Device(_))) {
                for metric in [Metric::DriverHealth, Metric::Throttle] {
                    let value = |reading: &gpu_core::Reading| reading.get(metric).map(|of| of.value).ok();
                    let at = format!("{name}, change {number}, {}: {metric}", unit.unit);
                    assert_eq!(value(read.reading(unit.unit)), value(&unit.reading), "{at}");
                }
            }
        }
    }
}
