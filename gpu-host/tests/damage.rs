//! Every file of a simulated machine that this crate reads, broken in every way: what is broken
//! is named, and everything else is as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gpu_core::{Clock, DeviceNumber, Error, ErrorKind, Pid, Sweep, SweepRequest, Sweeper};
use gpu_host::{ProcSweeper, SystemClock, drm, hwmon, pci};
use gpu_sim::{Damage, Machine, Silicon, Tree, World};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn written(name: &str) -> (Folder, World, Tree) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("gpu-host-damage-{}-{number}", std::process::id()));
    let folder = Folder(folder);
    let world = World::new(Machine::preset(name).unwrap());
    let tree = world.write_tree(&folder.0).unwrap();
    (folder, world, tree)
}

/// Each file whose path has `part`, broken in each way; `check` is told which and how.
fn break_each(tree: &Tree, part: &str, mut check: impl FnMut(&str, Damage)) {
    let files: Vec<PathBuf> = tree.files().map(Path::to_path_buf).collect();
    let mut tried = 0;
    for file in files.iter().filter(|file| file.to_string_lossy().contains(part)) {
        for damage in Damage::ALL {
            if !tree.damage(file, damage).unwrap() {
                continue; // root may read it
            }
            check(&file.to_string_lossy(), damage);
            tried += 1;
        }
        tree.repair(file).unwrap();
    }
    assert!(tried > 0, "the tree has files with {part} in their paths");
}

fn are_named(errors: &[Error], end: &str) -> bool {
    errors.iter().any(|error| error.at().ends_with(end) && !error.detail().is_empty())
}

#[test]
fn functions_on_the_bus() {
    let (_folder, world, tree) = written("mixed");
    let (whole, errors) = pci::gpu_functions(&tree.sysfs()).unwrap();
    assert!(errors.is_empty() && whole.len() == 7, "{errors:?}");
    let address = world.machine().gpus[2].pci;
    break_each(&tree, &format!("{address}/"), |file, damage| {
        let (functions, errors) = pci::gpu_functions(&tree.sysfs()).unwrap();
        let others = |all: &[pci::PciFunction]| -> Vec<pci::PciFunction> {
            all.iter().filter(|function| function.address != address).cloned().collect()
        };
        assert_eq!(others(&functions), others(&whole), "{file}: {damage:?}");
        if functions.len() < whole.len() {
            let (_, name) = file.rsplit_once('/').unwrap();
            assert!(["class", "vendor", "device"].contains(&name), "{file}: {damage:?}");
            // Half a class is another class.
            let is_named = are_named(&errors, &format!("{address}/{name}"));
            assert!(is_named || damage == Damage::Truncated, "{file}: {damage:?}: {errors:?}");
        }
    });
}

/// Two functions with one address, and one that leads to itself.
#[test]
#[cfg(unix)]
fn a_bus_that_makes_no_sense() {
    let (_folder, world, tree) = written("b60-2");
    let (whole, _) = pci::gpu_functions(&tree.sysfs()).unwrap();
    let bus = tree.sysfs().join("bus/pci/devices");
    let twin = bus.join(format!("0000{}", world.machine().gpus[1].pci));
    let other = bus.join(world.machine().gpus[0].pci.to_string()).canonicalize().unwrap();
    std::os::unix::fs::symlink(other, &twin).unwrap();
    let circle = bus.join("0000:ee:00.0");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    let (functions, errors) = pci::gpu_functions(&tree.sysfs()).unwrap();
    assert_eq!(functions, whole);
    let kinds: Vec<ErrorKind> = errors.iter().map(Error::kind).collect();
    assert_eq!(kinds, [ErrorKind::Io, ErrorKind::Inconsistent], "{errors:?}");
    assert!(are_named(&errors, &twin.display().to_string()));
    assert!(are_named(&errors, "0000:ee:00.0/class"));
}

#[test]
fn drm_nodes() {
    let (_folder, _world, tree) = written("b60-2");
    let (whole, errors) = drm::nodes(&tree.sysfs()).unwrap();
    assert!(errors.is_empty() && whole.len() == 4, "{errors:?}");
    break_each(&tree, "/drm/", |file, damage| {
        let (nodes, errors) = drm::nodes(&tree.sysfs()).unwrap();
        assert_eq!(nodes.len(), whole.len(), "{file}: {damage:?}");
        let changed: Vec<_> = nodes.iter().zip(&whole).filter(|(one, other)| one != other).collect();
        assert!(changed.len() <= 1, "{file}: {damage:?}: {changed:?}");
        for (node, _) in changed {
            let is_named = are_named(&errors, &format!("{}/dev", node.name));
            assert!(node.number.is_some() || is_named, "{file}: {damage:?}: {errors:?}");
        }
    });
}

#[test]
fn sensor_chips() {
    let (_folder, world, tree) = written("mi210-8");
    let pci = world.machine().gpus[0].pci.to_string();
    let device = tree.sysfs().join("bus/pci/devices").join(&pci);
    let edge = |errors: &mut Vec<Error>| {
        let chips = hwmon::of(&device, errors);
        chips.into_iter().find(|chip| chip.name == "amdgpu")?.labelled("temp", "edge", errors)
    };
    let mut errors = Vec::new();
    assert_eq!((edge(&mut errors), errors.len()), (Some(1), 0));
    break_each(&tree, &format!("{pci}/hwmon/"), |file, damage| {
        let mut errors = Vec::new();
        if edge(&mut errors) != Some(1) {
            let (_, name) = file.rsplit_once('/').unwrap();
            assert!(["name", "temp1_label"].contains(&name), "{file}: {damage:?}");
            // Half a name is another name, and a sensor may have no label.
            let is_silent = matches!(damage, Damage::Truncated | Damage::Missing);
            assert!(is_silent || are_named(&errors, name), "{file}: {damage:?}: {errors:?}");
        }
    });
}

/// The time and name of a process, and what it holds: one that is broken is counted, the others
/// are there.
#[test]
fn processes() {
    let (folder, world, tree) = written("mixed");
    let clock: Arc<dyn Clock> = Arc::new(world.clock().clone());
    let sweeper = ProcSweeper::new(tree.proc(), &clock);
    let machine = world.machine();
    let pids: Vec<Pid> = machine.workloads.iter().map(|workload| workload.pid).collect();
    let render = machine.gpus.iter().filter_map(|gpu| Some(gpu.drm.as_ref()?.render_number()));
    let nvidia = [0, 1].map(|minor| DeviceNumber { major: 195, minor });
    // A process in an AMD partition holds the partition's own node.
    let parts = machine.gpus.iter().filter_map(|gpu| match &gpu.silicon {
        Silicon::Amd(amd) => Some(amd.partitions.iter().map(|part| part.drm.render_number())),
        _ => None,
    });
    let numbers: Vec<DeviceNumber> = nvidia.into_iter().chain(render).chain(parts.flatten()).collect();
    let sweep = || {
        let mut sweep = Sweep::default();
        sweeper.sweep_into(&SweepRequest::new(&numbers, &pids), &mut sweep).unwrap();
        sweep
    };
    let whole = sweep();
    assert_eq!((whole.processes.len(), whole.unreadable), (pids.len(), 0));
    assert!(whole.processes.iter().all(|process| !process.holds.is_empty()));
    let pid = pids[2];
    break_each(&tree, &format!("proc/{pid}/"), |file, damage| {
        let now = sweep();
        let others = |sweep: &Sweep| -> Vec<_> {
            sweep.processes.iter().filter(|process| process.key.pid != pid).cloned().collect()
        };
        assert_eq!(others(&now), others(&whole), "{file}: {damage:?}");
        let is_here = now.processes.iter().any(|process| process.key.pid == pid);
        // A process without `stat` has ended.
        assert!(is_here || damage == Damage::Missing || now.unreadable > 0, "{file}: {damage:?}");
    });
    let descriptors = folder.0.join(format!("proc/{pid}/fd"));
    fs::remove_dir_all(&descriptors).unwrap();
    fs::write(&descriptors, "").unwrap();
    assert_eq!(sweep().processes.len(), pids.len(), "it is named by its pid");
}

#[test]
fn the_boot() {
    let (_folder, world, tree) = written("empty");
    assert_eq!(SystemClock::new(&tree.proc()).unwrap().boot_id(), world.machine().boot_id);
    break_each(&tree, "boot_id", |file, damage| {
        let clock = SystemClock::new(&tree.proc());
        if damage == Damage::NulPadded {
            assert_eq!(clock.unwrap().boot_id(), world.machine().boot_id, "padding is no damage");
        } else {
            let error = clock.unwrap_err();
            assert!(error.at().ends_with("boot_id") && !error.detail().is_empty(), "{file}: {damage:?}");
        }
    });
}
