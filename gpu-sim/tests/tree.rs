//! Trees: that they follow their world, hold what the drivers show, and break as they are told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gpu_core::{Bytes, Nanoseconds};
use gpu_sim::{Curve, Damage, Fault, Machine, Silicon, Tree, VfSpec, World};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("gpu-sim-tree-{}-{number}", std::process::id())))
    }

    fn read(&self, path: impl AsRef<Path>) -> String {
        let path = self.0.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn written(machine: Machine) -> (Folder, World, Tree) {
    let (folder, world) = (Folder::new(), World::new(machine));
    let tree = world.write_tree(&folder.0).unwrap();
    (folder, world, tree)
}

fn preset(name: &str) -> (Folder, World, Tree) {
    written(Machine::preset(name).unwrap())
}

/// What there is below a folder, with what each file holds and where each link leads.
fn everything(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_symlink() {
            found.push((path.clone(), fs::read_link(&path).unwrap().display().to_string()));
        } else if kind.is_dir() {
            found.push((path.clone(), "a folder".to_owned()));
            found.extend(everything(&path));
        } else {
            found.push((path.clone(), String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()));
        }
    }
    found.sort();
    found
}

fn below(folder: &Folder) -> Vec<(PathBuf, String)> {
    let strip = |(path, text): (PathBuf, String)| (path.strip_prefix(&folder.0).unwrap().to_owned(), text);
    everything(&folder.0).into_iter().map(strip).collect()
}

/// A tree that followed its world is the tree that is written afresh.
#[test]
fn a_refreshed_tree_is_as_one_written_afresh() {
    for name in ["mixed", "mi300a-4", "dgx-a100-8", "max-1550-4"] {
        let (folder, world, mut tree) = preset(name);
        let before = below(&folder);
        world.lose(0);
        world.clock().advance(Nanoseconds::from_secs(100));
        world.change(|machine| {
            machine.workloads.pop();
            machine.gpus[1].asleep = true;
            machine.gpus[1].numa = None;
        });
        tree.refresh().unwrap();
        let fresh = Folder::new();
        world.write_tree(&fresh.0).unwrap();
        assert_ne!(before, below(&folder), "{name}");
        assert_eq!(below(&folder), below(&fresh), "{name}");
    }
}

#[test]
fn readers_can_follow_a_process() {
    let mut machine = Machine::preset("mi300x-8").unwrap();
    machine.workloads.truncate(1);
    let starts = machine.workloads[0].starts;
    machine.workloads[0].ends = Some(gpu_core::BootTime(starts.0 + 7_200_000_000_000));
    machine.workloads[0].uses[0].memory = Curve::constant(Bytes::gib(3).get());
    let pid = machine.workloads[0].pid;
    let (folder, world, mut tree) = written(machine);
    let stat = folder.0.join(format!("proc/{pid}/stat"));
    let held = folder.0.join(format!("sys/class/kfd/kfd/proc/{pid}"));
    assert!(stat.exists() && held.exists());
    world.clock().advance(Nanoseconds::from_secs(8000));
    tree.refresh().unwrap();
    assert!(!stat.exists() && !held.exists(), "it ended");
    let used = folder.0.join("sys/bus/pci/devices").join(world.machine().gpus[0].pci.to_string());
    let used: u64 = fs::read_to_string(used.join("mem_info_vram_used")).unwrap().trim().parse().unwrap();
    assert!(used < Bytes::gib(3).get(), "and its memory is free: {used}");
}

/// The tree is the caller's folder: only what was written there is taken away.
#[test]
fn files_of_others_stay() {
    let (folder, world, mut tree) = preset("l40s-4");
    let pci = world.machine().gpus[0].pci.to_string();
    let folder_of_gpu = folder.0.join("sys/bus/pci/devices").join(pci).canonicalize().unwrap();
    fs::write(folder_of_gpu.join("note"), "mine").unwrap();
    world.lose(0);
    tree.refresh().unwrap();
    assert_eq!(fs::read_to_string(folder_of_gpu.join("note")).unwrap(), "mine");
    assert!(!folder_of_gpu.join("vendor").exists());
}

/// A tree may be moved, or mounted in the place of `/sys`.
#[test]
fn links_survive_a_move() {
    let (folder, world, _tree) = preset("max-1550-4");
    let moved = Folder::new();
    fs::rename(&folder.0, &moved.0).unwrap();
    let pci = world.machine().gpus[2].pci.to_string();
    assert_eq!(moved.read(format!("sys/bus/pci/devices/{pci}/vendor")), "0x8086\n");
    let driver = moved.0.join(format!("sys/bus/pci/devices/{pci}/driver")).canonicalize().unwrap();
    assert!(driver.starts_with(moved.0.canonicalize().unwrap()) && driver.ends_with("drivers/i915"));
}

/// Form: open-gpu-kernel-modules, `nv_procfs_read_gpu_info`.
#[test]
fn nvidias_files_have_the_drivers_form() {
    let (folder, world, _tree) = preset("mixed");
    let gpu = &world.machine().gpus[0];
    let information = folder.read(format!("proc/driver/nvidia/gpus/{}/information", gpu.pci));
    let expected = "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 100\nGPU UUID: \t GPU-5eed2330-";
    assert!(information.starts_with(expected), "{information}");
    let end = "Bus Location: \t 0000:1b:00.0\nDevice Minor: \t 0\nGPU Firmware: \t 570.124.06\nGPU Excluded:\t No\n";
    assert!(information.ends_with(end), "{information}");
    let version = folder.read("proc/driver/nvidia/version");
    assert!(version.starts_with("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  "));
    assert!(version.contains("simulated"), "nobody takes it for hardware");
    assert_eq!(folder.read("sys/module/nvidia/version"), "570.124.06\n");
    let minors = folder.read("proc/driver/nvidia-caps/mig-minors");
    assert!(minors.starts_with("config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi0/ci0/access 4\n"));
    assert!(minors.contains("\ngpu1/gi0/access 138\n"), "15 instances with 8 inner ones each a GPU");
    assert_eq!(minors.lines().count(), 2 + 32 * 15 * 9);
    assert!(folder.read("proc/devices").contains("\n238 nvidia-caps\n"));
}

/// Minors of all that could be, files of what there is.
#[test]
fn capability_files_are_those_of_live_instances() {
    let (folder, world, mut tree) = preset("mixed");
    let mig = |machine: &Machine| match &machine.gpus[0].silicon {
        gpu_sim::Silicon::Nvidia(nvidia) => nvidia.mig.clone().unwrap(),
        _ => panic!("the first GPU is NVIDIA's"),
    };
    let ids: Vec<u32> = mig(&world.machine()).instances.iter().map(|instance| instance.id).collect();
    let capabilities = folder.0.join("proc/driver/nvidia/capabilities/gpu0/mig");
    for id in &ids {
        let minor = 3 + id * 9;
        let expected = format!("DeviceFileMinor: {minor}\nDeviceFileMode: 256\nDeviceFileModify: 1\n");
        assert_eq!(folder.read(capabilities.join(format!("gi{id}/access"))), expected);
        assert!(capabilities.join(format!("gi{id}/ci0/access")).exists());
    }
    world.change(|machine| {
        if let gpu_sim::Silicon::Nvidia(nvidia) = &mut machine.gpus[0].silicon {
            nvidia.mig.as_mut().unwrap().instances.remove(0);
        }
    });
    tree.refresh().unwrap();
    assert!(!capabilities.join(format!("gi{}", ids[0])).exists());
    assert!(capabilities.join(format!("gi{}", ids[1])).exists());
}

#[test]
fn processes_hold_the_files_of_their_vendor() {
    let (folder, _world, _tree) = preset("mixed");
    let held = |pid: u32| -> Vec<String> {
        let folder = folder.0.join(format!("proc/{pid}/fd"));
        let mut links: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        links.sort();
        links.iter().map(|link| fs::read_link(link).unwrap().display().to_string()).collect()
    };
    assert_eq!(held(9003), ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia1"]);
    assert!(held(9006)[0].starts_with("/dev/dri/renderD"), "{:?}", held(9006));
}

#[test]
fn a_driver_that_is_not_loaded_leaves_the_bus() {
    for (name, driver) in [("l40s-4", "nvidia"), ("mi210-8", "amdgpu"), ("b60-2", "xe")] {
        let mut machine = Machine::preset(name).unwrap();
        machine.faults = vec![Fault::DriverAbsent { driver: driver.to_owned() }];
        let (folder, world, tree) = written(machine);
        let function = folder.0.join("sys/bus/pci/devices").join(world.machine().gpus[0].pci.to_string());
        assert!(function.join("vendor").exists(), "{name}");
        assert!(!function.join("driver").exists() && !function.join("drm").exists(), "{name}");
        assert!(!tree.sysfs().join("module").exists(), "{name}");
        assert!(!tree.proc().join("driver").exists() && !tree.sysfs().join("class/kfd").exists(), "{name}");
        assert!(!world.has_driver(world.machine().gpus[0].vendor()));
    }
}

/// Paths of faults lead through links, as those of readers do.
#[test]
fn faults_break_files() {
    let mut machine = Machine::preset("mi210-8").unwrap();
    let at = |n: usize, name: &str| format!("sys/bus/pci/devices/{}/{name}", machine.gpus[n].pci);
    let (garbled, missing, unreadable) = (at(0, "mem_info_vram_used"), at(1, "hwmon"), at(2, "product_name"));
    let whole = [at(0, "mem_info_vram_total"), at(1, "product_name"), at(2, "unique_id")];
    machine.faults = vec![
        Fault::FileContent { path: garbled.clone(), content: b"\xff\0".to_vec() },
        Fault::FileMissing { path: missing.clone() },
        Fault::FileUnreadable { path: unreadable.clone() },
    ];
    let (folder, world, mut tree) = written(machine);
    assert_eq!(fs::read(folder.0.join(&garbled)).unwrap(), b"\xff\0");
    assert!(!folder.0.join(&missing).exists());
    assert!(folder.0.join(&unreadable).is_dir());
    assert!(whole.iter().all(|path| folder.0.join(path).is_file()));
    world.change(|machine| machine.faults.clear());
    tree.refresh().unwrap();
    assert!(folder.0.join(&missing).is_dir() && folder.0.join(&unreadable).is_file(), "it was repaired");
}

#[test]
fn damage_is_done_and_undone() {
    let (folder, _world, tree) = preset("b60-2");
    let whole = below(&folder);
    let file = tree.files().find(|file| file.ends_with("rp0_freq")).unwrap();
    for damage in Damage::ALL {
        tree.damage(file, damage).unwrap();
        let path = folder.0.join(file);
        match damage {
            Damage::Missing => assert!(!path.exists()),
            Damage::Directory => assert!(path.is_dir()),
            Damage::Forbidden => assert!(path.is_file()),
            Damage::OutOfRange => assert_eq!(folder.read(file), "99999999999999999999\n"),
            Damage::Truncated => assert_eq!(folder.read(file), "16"),
            _ => assert_ne!(fs::read(&path).unwrap(), b"1600\n"),
        }
    }
    tree.repair(file).unwrap();
    assert_eq!(below(&folder), whole);
    assert!(tree.damage(Path::new("sys/nothing"), Damage::Empty).is_err());
}

/// Quotas are written before the functions that shall have them, by somebody beside the driver. Files
/// that were looked at one after another showed the count and missed a quota: functions came up with
/// what was set before, or not at all. And a file that was put in order while the next text was being
/// written into it lost that.
#[test]
fn writes_are_seen_in_their_order() {
    let mut machine = Machine::preset("b60-2").unwrap();
    machine.gpus.truncate(1);
    machine.workloads.clear();
    let Silicon::Intel(intel) = &mut machine.gpus[0].silicon else { panic!() };
    intel.total_vfs = 8;
    let (_folder, world, mut tree) = written(machine);
    let gpu = tree.sysfs().join("bus/pci/devices").join(world.machine().gpus[0].pci.to_string());
    let (is_over, idle) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (over, turns) = (Arc::clone(&is_over), Arc::clone(&idle));
    let driver = std::thread::spawn(move || {
        let mut answers = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let answered = tree.obey().unwrap();
            turns.fetch_add(u32::from(answered.is_empty()), Ordering::Relaxed);
            answers.extend(answered);
        }
        answers
    });
    let functions = |count: usize| -> Vec<VfSpec> {
        let limit = Instant::now() + Duration::from_secs(120);
        while Instant::now() < limit && !driver.is_finished() {
            let Silicon::Intel(intel) = world.machine().gpus[0].silicon.clone() else { panic!() };
            if intel.vfs.len() == count {
                return intel.vfs;
            }
            std::thread::yield_now();
        }
        panic!("never {count} functions");
    };
    for round in 0..40_u64 {
        // The driver is looking, and finds nothing: what is written comes in the middle of that.
        let before = idle.load(Ordering::Relaxed);
        while idle.load(Ordering::Relaxed).wrapping_sub(before) < 2 && !driver.is_finished() {
            std::hint::spin_loop();
        }
        let quota = |number: u64| ((round % 3 + 1) * number) << 21;
        for number in 1..=8 {
            let file = gpu.join(format!("sriov_admin/vf{number}/profile/vram_quota"));
            fs::write(file, quota(number).to_string()).unwrap();
        }
        fs::write(gpu.join("sriov_numvfs"), "8").unwrap();
        for vf in functions(8) {
            assert_eq!(vf.memory_quota, Bytes(quota(vf.number.into())), "round {round}, {}", vf.number);
        }
        fs::write(gpu.join("sriov_numvfs"), "0").unwrap();
        functions(0);
    }
    is_over.store(true, Ordering::Relaxed);
    let answers = driver.join().unwrap();
    assert!(answers.len() >= 80 && answers.iter().all(Result::is_ok), "{answers:?}");
}
