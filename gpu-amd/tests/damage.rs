//! Every file that this crate reads, broken in every way: the rest is told, and what is missing
//! has a reason that does not deny the hardware.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::conformance::{self, Shown};
use gpu_core::{Backend, DeviceId};
use gpu_host::Roots;
use gpu_sim::{Damage, Machine, Part, Silicon, Tree, World};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn written(name: &str, machine: Machine) -> (Folder, World, Tree, Box<dyn Backend>) {
    let folder = Folder(std::env::temp_dir().join(format!("gpu-amd-damage-{name}-{}", std::process::id())));
    let world = World::new(machine);
    let tree = world.write_tree(&folder.0).unwrap();
    let roots = Roots::default().sysfs(tree.sysfs()).proc(tree.proc());
    let options = gpu_amd::Options::new(roots).clock(Arc::new(world.clock().clone()));
    let backend = gpu_amd::discover(&options).backend.expect("amdgpu is there");
    (folder, world, tree, backend)
}

/// Two GPUs of a preset, each cut into at most two.
fn small(name: &str) -> Machine {
    let mut machine = Machine::preset(name).unwrap();
    machine.gpus.truncate(2);
    machine.links.retain(|link| link.a < 2 && link.b < 2);
    for gpu in &mut machine.gpus {
        let Silicon::Amd(amd) = &mut gpu.silicon else { continue };
        amd.partitions.truncate(2);
    }
    for workload in &mut machine.workloads {
        workload.uses.retain(|of| of.gpu < 2 && !matches!(of.part, Part::Xcp { index } if index > 1));
    }
    machine.workloads.retain(|workload| !workload.uses.is_empty());
    machine
}

/// The GPU that a file belongs to, and the end of its path that does not depend on the way to it.
struct Owner<'a> {
    gpu: Option<usize>,
    place: &'a str,
}

fn owner<'a>(machine: &Machine, file: &'a str) -> Owner<'a> {
    let gpus = || machine.gpus.iter().enumerate();
    for (position, gpu) in gpus() {
        if let Some(at) = file.rfind(&gpu.pci.to_string()) {
            return Owner { gpu: Some(position), place: &file[at..] };
        }
    }
    let parts = || {
        gpus().flat_map(|(position, gpu)| match &gpu.silicon {
            Silicon::Amd(amd) => amd.partitions.iter().map(|part| (position, part)).collect(),
            _ => Vec::new(),
        })
    };
    let numa_nodes = machine.numa_nodes.len();
    let gpu = if let Some(rest) = file.strip_prefix("sys/class/kfd/kfd/topology/nodes/") {
        let node: usize = rest.split('/').next().unwrap().parse().unwrap();
        node.checked_sub(numa_nodes).and_then(|at| parts().nth(at)).map(|(position, _)| position)
    } else if let Some((_, id)) = file.rsplit_once("/vram_") {
        parts().find(|(_, part)| part.gpu_id.to_string() == id).map(|(position, _)| position)
    } else {
        parts().find(|(_, part)| file.contains(&format!("amdgpu_xcp_{}/", part.drm.card))).map(|(at, _)| at)
    };
    Owner { gpu, place: file.strip_prefix("sys/").unwrap_or(file) }
}

/// What a driver leaves empty when it has nothing to say.
const TEXTS: [&str; 6] =
    ["product_name", "serial_number", "vbios_version", "unique_id", "compute_partition", "memory_partition"];

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
            // Half a number is a number, and a file may be missing because a driver has none:
            // neither can be told from what is right.
            let may_be_empty = damage == Damage::Empty && TEXTS.iter().any(|name| text.ends_with(name));
            if !matches!(damage, Damage::Truncated | Damage::Missing) && !may_be_empty {
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
fn every_damage_to_every_file_of_whole_gpus() {
    break_everything("whole", small("mi210-8"));
}

#[test]
fn every_damage_to_every_file_of_cut_gpus() {
    break_everything("cut", small("mi300x-8-cpx"));
}

#[test]
fn none_one_and_sixty_four() {
    for count in [0_u8, 1, 64] {
        let machine = small("mi210-8").with_copies(count);
        let folder = Folder(std::env::temp_dir().join(format!("gpu-amd-{count}-{}", std::process::id())));
        let tree = World::new(machine).write_tree(&folder.0).unwrap();
        std::fs::create_dir_all(tree.sysfs().join("module/amdgpu")).unwrap();
        let roots = Roots::default().sysfs(tree.sysfs()).proc(tree.proc());
        let backend = gpu_amd::discover(&gpu_amd::Options::new(roots)).backend.expect("amdgpu is loaded");
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
    let (_folder, world, tree, backend) = written("circles", small("mi210-8"));
    let pci = world.machine().gpus[0].pci.to_string();
    let circle = |path: &str| tree.circle(&Path::new("sys").join(path)).unwrap();
    let before = Shown::by(&*backend);
    let ids: Vec<DeviceId> = before.inventory.devices.iter().map(|device| device.id).collect();
    circle(&format!("bus/pci/devices/{pci}/hwmon"));
    circle(&format!("bus/pci/devices/{pci}/product_name"));
    circle("class/drm/card99");
    circle("bus/pci/devices/0000:ee:00.0");
    circle("class/kfd/kfd/topology/nodes/99");
    let after = Shown::by(&*backend);
    assert_eq!(after.inventory.devices.len(), 2);
    assert_eq!(after.sample.reading(ids[1]).power, before.sample.reading(ids[1]).power);
    for place in [format!("{pci}/product_name"), "0000:ee:00.0".to_owned(), "nodes/99".to_owned()] {
        assert!(after.names(&place), "{place}: {:?}", after.inventory.problems);
    }
    circle(&format!("bus/pci/devices/{pci}"));
    let after = Shown::by(&*backend);
    assert!(after.names(&pci) && after.inventory.device(ids[1]).is_some());
}
