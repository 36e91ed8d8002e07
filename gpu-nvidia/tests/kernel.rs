//! What the kernel module alone tells, over simulated trees: against what the simulated machine
//! says of itself, and with every file broken in every way.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gpu_core::conformance::{self, Shown};
use gpu_core::{
    Absence, Backend, BackendExt, Device, DeviceId, DeviceNumber, Discovery, ErrorKind, Known, Mode,
    NodeRole, Outcome, PciAddress, Stability, Vendor,
};
use gpu_host::Roots;
use gpu_sim::{Damage, Fault, Machine, Silicon, SimBackend, Tree, World};

#[path = "common/installed.rs"]
mod installed;

const PRESETS: [&str; 8] =
    ["hgx-h100-8", "dgx-a100-8", "b200-8", "l40s-4", "rtx-pro-6000-2", "gh200-1", "gb10-1", "mixed"];

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("gpu-nvidia-kernel-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn options(world: &World, tree: &Tree) -> gpu_nvidia::Options {
    let roots = Roots::default().sysfs(tree.sysfs()).proc(tree.proc());
    gpu_nvidia::Options::new(roots).clock(Arc::new(world.clock().clone()))
}

fn discover(world: &World, tree: &Tree) -> Discovery {
    gpu_nvidia::discover(&options(world, tree))
}

/// The tree of a machine, and its backend.
fn written(machine: Machine) -> (Folder, World, Tree, Box<dyn Backend>) {
    let (folder, world) = (Folder::new(), World::new(machine));
    let tree = world.write_tree(&folder.0).unwrap();
    let backend = discover(&world, &tree).backend.expect("the kernel module is loaded");
    (folder, world, tree, backend)
}

fn preset(name: &str) -> (Folder, World, Tree, Box<dyn Backend>) {
    written(Machine::preset(name).unwrap())
}

fn information(world: &World, gpu: usize) -> PathBuf {
    let pci = world.machine().gpus[gpu].pci;
    PathBuf::from(format!("proc/driver/nvidia/gpus/{pci}/information"))
}

fn devices(backend: &dyn Backend) -> Vec<Device> {
    backend.inventory().unwrap().devices
}

#[test]
fn every_preset_conforms() {
    for name in PRESETS {
        let (_folder, _world, _tree, backend) = preset(name);
        conformance::run(&*backend);
    }
}

#[test]
fn what_is_missing_is_said() {
    let folder = Folder::new();
    let world = World::new(Machine::preset("l40s-4").unwrap());
    let tree = world.write_tree(&folder.0).unwrap();
    let library = folder.0.join("libnvidia-ml.so.1");
    fs::write(&library, "not a library\n").unwrap();
    let found = gpu_nvidia::discover(&options(&world, &tree).library(&library));
    let Outcome::Partial { missing, looked_for } = &found.outcome else { panic!("{}", found.outcome) };
    assert_eq!(missing, "NVML");
    assert_eq!(looked_for.len(), 2, "the library, then the kernel module");
    assert_eq!(looked_for[0].what, library.display().to_string());
    assert!(looked_for[1].what.ends_with("driver/nvidia/version") && looked_for[1].found.contains("loaded"));
    let backend = found.backend.unwrap();
    for (metric, value) in backend.sample().unwrap().units[0].reading.iter() {
        let Err(Absence::NotSupported { why }) = value else { panic!("{metric} is {value:?}") };
        assert!(why.contains("NVML cannot be used"), "{why}");
    }
    let device = &devices(&*backend)[0];
    let reason = |absence: Option<Absence>| absence.unwrap().to_string();
    assert!(reason(device.serial.absence()).contains("NVML cannot be used"));
    assert!(reason(device.memory_total.absence()).contains("NVML cannot be used"));
}

/// What an agent sees with the library and without it.
#[test]
fn nvml_and_the_kernel_module_name_the_same_gpus() {
    for name in PRESETS {
        let (_folder, world, tree, backend) = preset(name);
        let roots = Roots::default().sysfs(tree.sysfs()).proc(tree.proc());
        let library = installed::Installed::new(&world.machine()).backend_over(roots);
        let (kernel, nvml) = (backend.inventory().unwrap(), library.inventory().unwrap());
        assert_eq!(kernel.units().collect::<Vec<_>>(), nvml.units().collect::<Vec<_>>(), "{name}");
        for (one, other) in kernel.devices.iter().zip(&nvml.devices) {
            assert_eq!((&one.name, &one.vendor_name, one.pci), (&other.name, &other.vendor_name, other.pci));
            assert_eq!((one.numa, &one.driver, &one.nodes), (other.numa, &other.driver, &other.nodes));
            assert_eq!((&one.firmware, one.pci_id), (&other.firmware, other.pci_id));
            for (a, b) in one.all_partitions().zip(other.all_partitions()) {
                assert_eq!((&a.nodes, a.legacy_name.value()), (&b.nodes, b.legacy_name.value()), "{}", a.id);
                assert_eq!(a.nodes.len(), 1, "{}", a.id);
            }
        }
        assert_eq!(kernel.drivers[0].version, nvml.drivers[0].version);
        let pcie = |link: &&gpu_core::Link| matches!(link.kind, gpu_core::LinkKind::Pcie { .. });
        assert!(kernel.links.iter().eq(nvml.links.iter().filter(pcie)), "{name}");
    }
}

/// Ids, names and places are those of the machine.
#[test]
fn the_same_gpus_are_listed_under_the_same_ids() {
    for name in PRESETS {
        let (_folder, world, _tree, backend) = preset(name);
        let simulated = SimBackend::new(world.clone(), Vendor::NVIDIA);
        let (read, told) = (backend.inventory().unwrap(), simulated.inventory().unwrap());
        assert!(read.problems.is_empty(), "{name}: {:?}", read.problems);
        assert_eq!(read.units().collect::<Vec<_>>(), told.units().collect::<Vec<_>>(), "{name}");
        for (one, other) in read.devices.iter().zip(&told.devices) {
            assert_eq!((&one.name, one.pci, one.pci_id), (&other.name, other.pci, other.pci_id));
            assert_eq!((&one.vendor_name, &one.firmware), (&other.vendor_name, &other.firmware));
            assert_eq!((one.numa, &one.driver, &one.nodes[0]), (other.numa, &other.driver, &other.nodes[0]));
            for (a, b) in one.all_partitions().zip(other.all_partitions()) {
                assert_eq!(a.nodes, b.nodes, "{}", a.id);
                if let Some(legacy) = b.legacy_name.value() {
                    assert_eq!(a.legacy_name.value(), Some(legacy));
                }
            }
            let enabled = !one.partitions.is_empty();
            assert_eq!(one.mode(Mode::MIG).is_some(), enabled);
        }
        assert_eq!(read.drivers[0].version, told.drivers[0].version);
    }
}

#[test]
fn mig_instances_have_their_device_files() {
    let (folder, _world, _tree, backend) = preset("mixed");
    let files = |backend: &dyn Backend| -> Vec<(String, Option<DeviceNumber>)> {
        let device = &devices(backend)[0];
        device
            .all_partitions()
            .flat_map(|part| &part.nodes)
            .map(|node| {
                assert_eq!(node.role, NodeRole::Capability);
                (node.path.clone(), node.number)
            })
            .collect()
    };
    let number = |minor| Some(DeviceNumber { major: 238, minor });
    let expected: Vec<_> = [12, 13, 48, 49, 120, 121]
        .map(|minor| (format!("/dev/nvidia-caps/nvidia-cap{minor}"), number(minor)))
        .into();
    assert_eq!(files(&*backend), expected);
    fs::remove_file(folder.0.join("proc/devices")).unwrap();
    assert!(files(&*backend).iter().all(|(_, number)| number.is_none()), "the major is in /proc/devices");
    fs::remove_file(folder.0.join("proc/driver/nvidia-caps/mig-minors")).unwrap();
    assert!(files(&*backend).is_empty());
    assert!(backend.inventory().unwrap().problems.is_empty(), "a driver without MIG has no such file");
}

/// Until the driver initialises a GPU, it shows question marks.
#[test]
fn a_gpu_that_is_not_initialised_is_named_by_its_slot() {
    let (_folder, world, mut tree, backend) = preset("l40s-4");
    let named = devices(&*backend)[1].id;
    let path = information(&world, 1).display().to_string();
    let text = fs::read_to_string(tree.proc().parent().unwrap().join(&path)).unwrap();
    let uuid = named.uuid().unwrap().to_string();
    let unknown = text.replace(&uuid, "????????-????-????-????-????????????");
    let unknown = unknown.replace("96.00.74.00.01", "??.??.??.??.??");
    world.change(|machine| machine.faults = vec![Fault::FileContent { path, content: unknown.into() }]);
    tree.refresh().unwrap();
    let device = devices(&*backend)[1].clone();
    assert_eq!(device.id, DeviceId::from_pci(Vendor::NVIDIA, world.machine().gpus[1].pci));
    assert_eq!(device.vendor_name.absence(), Some(Absence::NotYet));
    assert_eq!(device.firmware.absence(), Some(Absence::NotYet));
    assert!(backend.inventory().unwrap().problems.is_empty(), "nothing is wrong with it");
    conformance::run(&*backend);
    world.change(|machine| machine.faults.clear());
    tree.refresh().unwrap();
    assert_eq!(devices(&*backend)[1].id, named);
}

/// Reading what the driver says of a GPU wakes it (`nv_procfs_read_gpu_info`): a file that cannot
/// be read is not noticed, because it is not touched.
#[test]
fn a_gpu_that_sleeps_is_not_asked() {
    let (_folder, world, mut tree, backend) = preset("l40s-4");
    let before = devices(&*backend);
    world.change(|machine| machine.gpus[2].asleep = true);
    tree.refresh().unwrap();
    tree.damage(&information(&world, 2), Damage::Directory).unwrap();
    let inventory = backend.inventory().unwrap();
    assert!(inventory.problems.is_empty(), "{:?}", inventory.problems);
    assert_eq!(inventory.devices, before, "it is known from before");
    let sample = backend.sample().unwrap();
    assert!(sample.reading(before[2].id).iter().all(|(_, value)| value == Err(Absence::Asleep)));
    conformance::run(&*backend);

    let fresh = discover(&world, &tree).backend.unwrap();
    let asleep = devices(&*fresh)[2].clone();
    assert_eq!(asleep.id.stability(), Stability::Slot, "never seen awake");
    assert_eq!(asleep.vendor_name.absence(), Some(Absence::Asleep));
    assert_eq!(asleep.name, "NVIDIA GPU 10de:26b9");
    tree.damage(&information(&world, 3), Damage::Directory).unwrap();
    assert_eq!(backend.inventory().unwrap().problems.len(), 1, "one that is awake is asked");
}

#[test]
fn a_lost_gpu_is_named_and_hides_nobody() {
    let (_folder, world, mut tree, backend) = preset("hgx-h100-8");
    let before = devices(&*backend);
    world.lose(3);
    tree.refresh().unwrap();
    let sample = backend.sample().unwrap();
    for device in &before {
        let power = sample.reading(device.id).power.unwrap_err();
        assert_eq!(power == Absence::Lost, device.id == before[3].id, "{}", device.id);
    }
    let problem = &sample.problems[0];
    assert_eq!((problem.kind, &problem.at), (ErrorKind::DeviceLost, &before[3].id.to_string()));
    assert_eq!(devices(&*backend).len(), 7);
}

#[test]
fn a_gpu_that_the_driver_leaves_alone_is_present_and_unmanaged() {
    let (_folder, world, tree, backend) = preset("l40s-4");
    let path = tree.proc().parent().unwrap().join(information(&world, 0));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("Excluded:\t No", "Excluded:\t Yes")).unwrap();
    let inventory = backend.inventory().unwrap();
    assert_eq!((inventory.devices.len(), inventory.unmanaged.len()), (3, 1));
    assert_eq!(inventory.unmanaged[0].pci, world.machine().gpus[0].pci);
    assert!(inventory.unmanaged[0].why.contains("Excluded"));
    assert!(backend.sample().unwrap().units.len() == 3);
}

#[test]
fn two_gpus_with_one_uuid_are_named_by_their_slots() {
    let (_folder, world, tree, backend) = preset("l40s-4");
    let root = tree.proc().parent().unwrap().to_path_buf();
    fs::copy(root.join(information(&world, 0)), root.join(information(&world, 1))).unwrap();
    let inventory = backend.inventory().unwrap();
    let stabilities: Vec<_> = inventory.devices.iter().map(|device| device.id.stability()).collect();
    assert_eq!(stabilities, [Stability::Slot, Stability::Slot, Stability::Hardware, Stability::Hardware]);
    let clashes = inventory.problems.iter().filter(|problem| problem.kind == ErrorKind::Inconsistent);
    assert_eq!(clashes.count(), 2);
    conformance::run(&*backend);
}

#[test]
fn none_one_and_sixty_four() {
    for count in [0_u8, 1, 64] {
        let mut machine = Machine::preset("l40s-4").unwrap();
        let model = machine.gpus.remove(0);
        machine.gpus.clear();
        machine.workloads.clear();
        for n in 0..count {
            let mut gpu = model.clone();
            gpu.pci = PciAddress::new(u32::from(n / 16), 0x10 + n % 16, 0, 0);
            gpu.drm = None;
            gpu.bridges = Vec::new();
            if let Silicon::Nvidia(nvidia) = &mut gpu.silicon {
                nvidia.uuid.0[14] = n;
                nvidia.minor = n.into();
            }
            machine.gpus.push(gpu);
        }
        if count == 0 {
            let folder = Folder::new();
            fs::create_dir_all(folder.0.join("proc/driver/nvidia/gpus")).unwrap();
            let roots = Roots::default().sysfs(folder.0.join("sys")).proc(folder.0.join("proc"));
            let found = gpu_nvidia::discover(&gpu_nvidia::Options::new(roots));
            conformance::an_empty_machine_is_no_error(&*found.backend.unwrap());
            continue;
        }
        let (_folder, _world, _tree, backend) = written(machine);
        assert_eq!(devices(&*backend).len(), usize::from(count));
        conformance::run(&*backend);
    }
}

/// Every file of the machine, broken in every way.
#[test]
fn every_damage_to_every_file_is_survived_and_named() {
    let (_folder, world, tree, backend) = preset("mixed");
    let before = Shown::by(&*backend);
    let ours: Vec<(String, DeviceId)> =
        before.inventory.devices.iter().map(|device| (device.pci.to_string(), device.id)).collect();
    let mut broken = 0;
    let files: Vec<PathBuf> = tree.files().map(Path::to_path_buf).collect();
    let about_us = |file: &&PathBuf| {
        let text = file.to_string_lossy();
        text.contains("nvidia")
            || text.contains("proc/devices")
            || ours.iter().any(|(pci, _)| text.contains(pci))
    };
    for file in files.iter().filter(about_us) {
        let text = file.display().to_string();
        let mut hit: Vec<DeviceId> =
            ours.iter().filter(|(pci, _)| text.contains(pci)).map(|(_, id)| *id).collect();
        if text.contains("mig-minors") || text.contains("proc/devices") {
            hit.push(ours[0].1); // the one that is cut
        }
        // As a reader comes to it: through the bus's list, not through the bridges.
        let at = ours.iter().filter_map(|(pci, _)| text.rfind(pci.as_str())).max();
        let place = at.map_or(text.as_str(), |at| &text[at..]);
        for damage in Damage::ALL {
            if !tree.damage(file, damage).unwrap() {
                continue; // root may read it
            }
            let after = Shown::by(&*backend);
            // Half a number is a number, a driver without MIG has no minors, and an old kernel no
            // NUMA nodes: none can be told from what is right.
            let is_optional = ["mig-minors", "proc/devices"].iter().any(|name| text.ends_with(name))
                || (damage == Damage::Missing && text.ends_with("numa_node"));
            let is_silent = damage == Damage::Truncated || is_optional;
            if !is_silent || after.inventory.devices.len() < before.inventory.devices.len() {
                conformance::an_unreadable_file_is_named_and_hides_nobody(&before, &after, &hit, place);
            }
            broken += usize::from(after.names(place));
            assert!(discover(&world, &tree).outcome.is_available(), "{place}: {damage:?}");
        }
        tree.repair(file).unwrap();
    }
    assert!(broken > 40, "{broken} of the damages were noticed");
    let after = Shown::by(&*backend);
    assert_eq!(before.inventory, after.inventory, "whole again");
}

/// Folders in the place of the list, and the list in circles.
#[test]
#[cfg(unix)]
fn lists_that_are_none() {
    let (folder, world, _tree, backend) = preset("l40s-4");
    let before = devices(&*backend);
    let gpus = folder.0.join("proc/driver/nvidia/gpus");
    fs::create_dir(gpus.join("garbage")).unwrap();
    fs::create_dir(gpus.join(format!("0000{}", world.machine().gpus[0].pci))).unwrap();
    let circle = gpus.join("0000:ee:00.0");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    let inventory = backend.inventory().unwrap();
    let places: Vec<_> =
        inventory.problems.iter().map(|problem| (problem.kind, problem.at.clone())).collect();
    assert!(places.iter().any(|(kind, at)| *kind == ErrorKind::Malformed && at.ends_with("garbage")));
    assert!(places.iter().any(|(kind, _)| *kind == ErrorKind::Inconsistent), "one GPU twice: {places:?}");
    assert!(places.iter().any(|(kind, at)| *kind == ErrorKind::Io && at.contains("0000:ee:00.0")));
    assert!(before.iter().all(|device| inventory.device(device.id).is_some()));

    fs::remove_dir_all(&gpus).unwrap();
    fs::write(&gpus, "a file").unwrap();
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices.len(), 4, "by the driver that is bound");
    assert!(inventory.devices.iter().all(|device| device.id.stability() == Stability::Slot));
    assert!(inventory.problems.iter().any(|problem| problem.at.ends_with("driver/nvidia/gpus")));
    assert_eq!(inventory.devices[0].vendor_name, Known::unsupported("driver/nvidia/gpus/*/information"));
    conformance::run(&*backend);
}
