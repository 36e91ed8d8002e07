//! Every file that this crate reads, broken in every way: the rest is told, and what is missing
//! has a reason that does not deny the hardware.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::conformance::{self, Shown};
use gpu_core::{Backend, DeviceId};
use gpu_host::Roots;
use gpu_sim::{Damage, Machine, Silicon, Tree, World};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn written(name: &str, machine: Machine) -> (Folder, World, Tree, Box<dyn Backend>) {
    let folder = Folder(std::env::temp_dir().join(format!("gpu-intel-damage-{name}-{}", std::process::id())));
    let world = World::new(machine);
    let tree = world.write_tree(&folder.0).unwrap();
    let roots = Roots::default().sysfs(tree.sysfs()).proc(tree.proc());
    let options = gpu_intel::Options::new(roots).clock(Arc::new(world.clock().clone()));
    let backend = gpu_intel::discover(&options).backend.expect("a driver is there");
    (folder, world, tree, backend)
}

/// Two GPUs of a preset, that can have three virtual functions: the files of one that is not there
/// are read by nobody, and all are alike.
fn small(name: &str) -> Machine {
    let mut machine = Machine::preset(name).unwrap();
    machine.gpus.truncate(2);
    machine.links.retain(|link| link.a < 2 && link.b < 2);
    machine.workloads.clear();
    for gpu in &mut machine.gpus {
        let Silicon::Intel(intel) = &mut gpu.silicon else { continue };
        intel.total_vfs = intel.total_vfs.min(3);
    }
    machine
}

/// The GPU that a file belongs to, and the end of its path that does not depend on the way to it.
struct Owner<'a> {
    gpu: Option<usize>,
    place: &'a str,
}

fn owner<'a>(machine: &Machine, file: &'a str) -> Owner<'a> {
    for (position, gpu) in machine.gpus.iter().enumerate() {
        let Silicon::Intel(intel) = &gpu.silicon else { continue };
        for pci in std::iter::once(gpu.pci).chain(intel.vfs.iter().map(|vf| vf.pci)) {
            if let Some(at) = file.rfind(&pci.to_string()) {
                // Files of the card are reached through its class.
                let way = file[at..].split_once("/drm/").map_or(&file[at..], |(_, way)| way);
                return Owner { gpu: Some(position), place: way };
            }
            // Folders of counters have the address in their name, spelled otherwise.
            if let Some(at) = file.rfind(&pci.to_string().replace(':', "_")) {
                return Owner { gpu: Some(position), place: &file[at..] };
            }
        }
    }
    Owner { gpu: None, place: file.strip_prefix("sys/").unwrap_or(file) }
}

fn break_everything(name: &str, machine: Machine) {
    let (_folder, world, tree, backend) = written(name, machine);
    let before = Shown::by(&*backend);
    let ids: Vec<DeviceId> = before.inventory.devices.iter().map(|device| device.id).collect();
    let machine = world.machine();
    let mut noticed = 0;
    let files: Vec<PathBuf> = tree.files().map(Path::to_path_buf).collect();
    for file in files.iter().filter(|file| file.starts_with("sys")) {
        let text = file.display().to_string();
        let Owner { gpu, place } = owner(&machine, &text);
        let hit: Vec<DeviceId> = gpu.map(|position| ids[position]).into_iter().collect();
        for damage in Damage::ALL {
            if !tree.damage(file, damage).unwrap() {
                continue; // root may read it
            }
            let after = Shown::by(&*backend);
            // Half a number is a number, a file may be missing because a driver has none, and a
            // chip may have any name: none can be told from what is right.
            let is_name = damage == Damage::OutOfRange && text.ends_with("/name");
            if !matches!(damage, Damage::Truncated | Damage::Missing) && !is_name {
                let told = std::panic::catch_unwind(|| {
                    conformance::an_unreadable_file_is_named_and_hides_nobody(&before, &after, &hit, place);
                });
                assert!(told.is_ok(), "{name}: {text}: {damage:?}");
            }
            noticed += usize::from(before.inventory != after.inventory || before.sample != after.sample);
        }
        tree.repair(file).unwrap();
    }
    assert!(noticed > files.len(), "{noticed} damages to {} files were noticed", files.len());
    let after = Shown::by(&*backend);
    assert_eq!((before.inventory, before.sample), (after.inventory, after.sample), "whole again");
}

#[test]
fn every_damage_to_every_file_of_i915() {
    break_everything("i915", small("flex-170-2"));
}

#[test]
fn every_damage_to_every_file_of_the_backport() {
    break_everything("prelim", small("max-1550-4"));
}

#[test]
fn every_damage_to_every_file_of_xe() {
    break_everything("xe", small("b60-2"));
}

#[test]
fn none_one_and_sixty_four() {
    for count in [0_u8, 1, 64] {
        let machine = small("b60-2").with_copies(count);
        let folder = Folder(std::env::temp_dir().join(format!("gpu-intel-{count}-{}", std::process::id())));
        let tree = World::new(machine).write_tree(&folder.0).unwrap();
        std::fs::create_dir_all(tree.sysfs().join("module/xe")).unwrap();
        let roots = Roots::default().sysfs(tree.sysfs()).proc(tree.proc());
        let backend = gpu_intel::discover(&gpu_intel::Options::new(roots)).backend.expect("xe is loaded");
        if count == 0 {
            conformance::an_empty_machine_is_no_error(&*backend);
        } else {
            assert_eq!(backend.inventory().unwrap().devices.len(), usize::from(count));
            conformance::run(&*backend);
        }
    }
}

/// Links that lead to themselves, where a reader goes through links.
#[test]
#[cfg(unix)]
fn links_in_circles() {
    let (_folder, world, tree, backend) = written("circles", small("b60-2"));
    let pci = world.machine().gpus[0].pci.to_string();
    let circle = |path: &str| tree.circle(&Path::new("sys").join(path)).unwrap();
    let before = Shown::by(&*backend);
    let ids: Vec<DeviceId> = before.inventory.devices.iter().map(|device| device.id).collect();
    circle(&format!("bus/pci/devices/{pci}/hwmon"));
    circle("class/drm/card99");
    circle("bus/pci/devices/0000:ee:00.0");
    let after = Shown::by(&*backend);
    assert_eq!(after.inventory.devices.len(), 2);
    assert_eq!(after.sample.reading(ids[1]).energy, before.sample.reading(ids[1]).energy);
    for place in [format!("{pci}/hwmon"), "card99".to_owned(), "0000:ee:00.0".to_owned()] {
        assert!(after.names(&place), "{place}: {:?}", after.inventory.problems);
    }
    circle(&format!("bus/pci/devices/{pci}"));
    let after = Shown::by(&*backend);
    assert!(after.names(&pci) && after.inventory.device(ids[1]).is_some());
}
