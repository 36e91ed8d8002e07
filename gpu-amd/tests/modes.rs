//! Modes set through files, over trees behind which the simulated driver does what is written,
//! and over trees in which something else happens.

#[path = "common/machine.rs"]
mod machine;

use std::path::Path;
use std::sync::{Arc, Mutex};

use gpu_core::{
    Absence, Backend, BackendExt, DeviceId, ErrorKind, Fingerprint, Mode, ModeChange, Partitioner, Pid,
    PidView, Query, Refusal, Runtime, UnitId, Units, Vendor,
};
use gpu_sim::{Machine, SimBackend, Tree, UseKind, World};
use machine::{Folder, few, read_by, roots};

const COMPUTE: &str = Mode::COMPUTE_PARTITION;
const MEMORY: &str = Mode::MEMORY_PARTITION;

/// The driver behind a tree: does what is written into its files before the write ends, until it is
/// dropped. Nothing runs beside the test.
struct Driver(Driven);

type Driven = Arc<Mutex<Option<Box<Following>>>>;
type Following = dyn Fn(&Path) -> std::io::Result<()> + Send;

impl Drop for Driver {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = None;
    }
}

/// A machine's tree, and the backend that reads it.
struct Node {
    folder: Folder,
    world: World,
    tree: Tree,
    backend: Box<dyn Backend>,
    /// Who follows the files, while there is a driver.
    driven: Driven,
}

impl Node {
    fn of(machine: Machine) -> Self {
        let folder = Folder::new("modes");
        let world = World::new(machine);
        let tree = world.write_tree(&folder.0).unwrap();
        let driven = Driven::default();
        let behind = Arc::clone(&driven);
        let follow = move |path: &Path| behind.lock().unwrap().as_ref().map_or(Ok(()), |driver| driver(path));
        let backend = read_by(&world, roots(&tree).followed_by(follow));
        Self { folder, world, tree, backend, driven }
    }

    /// GPUs of a preset with nothing running.
    fn idle(preset: &str, gpus: usize) -> Self {
        let mut machine = few(preset, gpus);
        machine.workloads.clear();
        Self::of(machine)
    }

    fn driver(&self) -> Driver {
        *self.driven.lock().unwrap() = Some(Box::new(self.tree.clone().into_driver()));
        Driver(Arc::clone(&self.driven))
    }

    fn device(&self, gpu: usize) -> DeviceId {
        self.backend.inventory().unwrap().devices[gpu].id
    }

    fn partitioner(&self) -> &dyn Partitioner {
        self.backend.partitioner().unwrap()
    }

    fn on(&self, gpu: usize) -> Fingerprint {
        self.partitioner().board(self.device(gpu)).unwrap().fingerprint()
    }

    fn set(&self, gpu: usize, mode: &str, value: &str) -> Result<ModeChange, Refusal> {
        self.partitioner().set_mode(self.device(gpu), self.on(gpu), mode, value)
    }

    fn profiles(&self, gpu: usize) -> (Vec<String>, String) {
        let board = self.partitioner().board(self.device(gpu)).unwrap();
        let names = board.geometry.profiles().iter().map(|of| of.name().to_owned()).collect();
        let now = board.geometry.profile(board.layout.live[0].profile).expect("the pair in force is offered");
        (names, now.name().to_owned())
    }

    /// A file of the first GPU.
    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.attribute(&self.world, name)).unwrap().trim().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.attribute(&self.world, name), text).unwrap();
    }
}

/// Every mode, there and back, as the simulated machine itself says.
#[test]
fn compute_modes_are_set_and_read_back() {
    for (preset, modes) in [
        ("mi300x-8", [("CPX", 8), ("QPX", 4), ("DPX", 2), ("SPX", 1)].as_slice()),
        ("mi300a-4", &[("CPX", 6), ("TPX", 3), ("SPX", 1)]),
    ] {
        let node = Node::idle(preset, 2);
        let _driver = node.driver();
        let simulated = SimBackend::new(node.world.clone(), Vendor::AMD);
        let other = node.on(1);
        for (mode, parts) in modes {
            let before = node.on(0);
            let change = node.set(0, COMPUTE, mode).unwrap();
            assert_eq!(change.device.mode(COMPUTE).unwrap().current.value().unwrap(), mode);
            let cut = if *parts == 1 { 0 } else { *parts };
            assert_eq!((change.device.partitions.len(), change.awaits), (cut, None), "{preset} {mode}");
            assert!(change.notes.iter().any(|note| note.contains("gpu_ids")), "{:?}", change.notes);
            assert_eq!(change.device.fingerprint(), node.on(0));
            assert_ne!(before, node.on(0));

            let told = simulated.partitioner().unwrap().board(node.device(0)).unwrap();
            let read = node.partitioner().board(node.device(0)).unwrap();
            assert_eq!(read.geometry, told.geometry, "{preset} {mode}");
            assert_eq!(read.layout.live, told.layout.live, "{preset} {mode}");
        }
        assert_eq!(node.on(1), other, "the other GPU is as it was");
    }
}

/// What a change was planned on is no more after it: not the fingerprint, nor the partitions.
#[test]
fn what_was_keyed_on_the_old_partitions_is_refused() {
    let node = Node::idle("mi300x-8", 1);
    let _driver = node.driver();
    let (device, on) = (node.device(0), node.on(0));
    let cut = node.set(0, COMPUTE, "CPX").unwrap().device;
    let stale = node.partitioner().set_mode(device, on, COMPUTE, "SPX").unwrap_err();
    assert!(matches!(stale, Refusal::Stale { planned, .. } if planned == on), "{stale}");
    assert_eq!(node.text("current_compute_partition"), "CPX");

    let last: UnitId = cut.partitions[7].id.into();
    let first = (cut.partitions[0].id, cut.partitions[0].incarnation);
    node.set(0, COMPUTE, "QPX").unwrap();
    let error = node.backend.sample_of(&Query::everything().units(Units::Only(&[last]))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownUnit);
    let now = &node.backend.inventory().unwrap().devices[0].partitions[0];
    assert!(now.id == first.0 && now.incarnation != first.1, "the same place, another life");
}

/// A context of the compute driver stands in the way though it holds nothing, and so does whoever
/// holds a DRM node open. Nothing is written.
#[test]
fn users_are_named_and_nothing_is_written() {
    let node = Node::of(few("mi300x-8-cpx", 1));
    let refused = node.set(0, COMPUTE, "SPX").unwrap_err();
    let Refusal::InUse { unit, by } = &refused else { panic!("{refused}") };
    assert_eq!(*unit, node.device(0).into());
    assert_eq!(by.len(), 32, "{refused}");
    let board = node.partitioner().board(node.device(0)).unwrap();
    assert_eq!(by, &board.users);
    assert!(board.layout.live[0].pinned && by.iter().all(|user| user.pid_view == PidView::Host));
    let mut parts: Vec<_> = by.iter().map(|user| user.partition).collect();
    parts.sort_unstable();
    parts.dedup();
    assert_eq!(parts.len(), 8, "on all partitions");
    assert_eq!(node.text("current_compute_partition"), "CPX");

    // Two GPUs, one process on the second: it has a context on the first, too.
    let mut machine = few("mi300x-8", 2);
    machine.workloads.retain(|workload| workload.uses[0].gpu == 1);
    let pid = machine.workloads[0].pid;
    let node = Node::of(machine.clone());
    let refused = node.set(0, COMPUTE, "CPX").unwrap_err();
    assert!(matches!(&refused, Refusal::InUse { by, .. } if by.len() == 1 && by[0].pid == pid), "{refused}");

    // The same process draws: it holds the second GPU's node alone.
    machine.workloads[0].uses[0].kind = UseKind::Graphics;
    let node = Node::of(machine);
    let refused = node.set(1, COMPUTE, "CPX").unwrap_err();
    assert!(matches!(&refused, Refusal::InUse { by, .. } if by.len() == 1 && by[0].pid == pid), "{refused}");
    let _driver = node.driver();
    assert_eq!(node.set(0, COMPUTE, "CPX").unwrap().device.partitions.len(), 8);
}

/// Whose processes they are is told with them, by their cgroups: containers, pods, jobs. One that
/// has ended since, or whose number counts elsewhere, is named without.
#[test]
fn users_are_named_with_the_containers_that_they_run_in() {
    let mut machine = few("mi300x-8", 1);
    let pod = "kubepods-burstable-pod0b5b3b3e_0a0d_4c3b_9f5e_1d2c3b4a5f60.slice";
    let id = "4f".repeat(32);
    let cgroups = [
        format!("/kubepods.slice/kubepods-burstable.slice/{pod}/cri-containerd-{id}.scope"),
        "/system.slice/slurmstepd.scope/job_4711/step_0/user/task_3".to_owned(),
        "/".to_owned(),
    ];
    let mut template = machine.workloads[0].clone();
    machine.workloads.clear();
    for (n, cgroup) in (0..).zip(cgroups) {
        template.pid = Pid(7000 + n);
        // The second draws: it holds a device file alone, and the driver does not name it.
        template.uses[0].kind = if n == 1 { UseKind::Graphics } else { UseKind::Compute };
        template.cgroup = cgroup;
        machine.workloads.push(template.clone());
    }
    let node = Node::of(machine);
    let users = node.partitioner().board(node.device(0)).unwrap().users;
    let simulated = SimBackend::new(node.world.clone(), Vendor::AMD);
    assert_eq!(users, simulated.partitioner().unwrap().board(node.device(0)).unwrap().users);
    let container = users[0].owner.as_ref().unwrap().container().expect("the first is in a container");
    assert_eq!((container.runtime, container.id.as_str()), (Runtime::Containerd, id.as_str()));
    assert_eq!(container.pod.unwrap().uid.to_string(), "0b5b3b3e-0a0d-4c3b-9f5e-1d2c3b4a5f60");
    let refused = node.set(0, COMPUTE, "CPX").unwrap_err().to_string();
    let told = "in use by process 7000 (containerd 4f4f4f4f4f4f), 7001 (slurm 4711.0), 7002";
    assert!(refused.ends_with(told), "{refused}");

    let cgroup = |pid: &str| node.tree.proc().join(pid).join("cgroup");
    std::fs::remove_file(cgroup("7000")).unwrap();
    let users = node.partitioner().board(node.device(0)).unwrap().users;
    assert_eq!(users[0].owner, Err(Absence::Lost));
    assert!(users[1].owner.is_ok());
    // Numbers of a namespace that nobody knows may be others' numbers here.
    std::fs::remove_file(node.tree.proc().join("1/ns/pid")).unwrap();
    let users = node.partitioner().board(node.device(0)).unwrap().users;
    assert!(users.iter().all(|user| matches!(user.owner, Err(Absence::NotSupported { .. }))), "{users:?}");
}

/// Who does not see all processes does not know that nobody draws: in a container of its own, beside
/// processes that it may not look into, and without a list of processes. The driver asks for those alone
/// who compute.
#[test]
#[cfg(unix)]
fn who_cannot_see_the_users_changes_nothing() {
    let refused = |node: &Node, needs: &str| {
        let _driver = node.driver();
        let before = node.text("current_compute_partition");
        let Err(refused) = node.set(0, COMPUTE, "CPX") else { panic!("{needs}: not refused") };
        assert_eq!(refused.kind(), "not_permitted", "{refused}");
        assert!(refused.to_string().contains(needs), "{refused}");
        assert_eq!(node.text("current_compute_partition"), before);
    };
    let node = Node::idle("mi300x-8", 1);
    std::fs::remove_file(node.tree.proc().join("1/ns/pid")).unwrap();
    refused(&node, "pid namespace");

    let node = Node::idle("mi300x-8", 1);
    let pid = node.tree.proc().join("4242");
    std::fs::create_dir_all(pid.join("fd")).unwrap();
    std::fs::write(pid.join("stat"), "no such text").unwrap();
    std::os::unix::fs::symlink("/dev/dri/renderD129", pid.join("fd/3")).unwrap();
    refused(&node, "CAP_SYS_PTRACE");
    std::fs::remove_dir_all(&pid).unwrap();
    let driver = node.driver();
    assert!(node.set(0, COMPUTE, "CPX").is_ok(), "all are seen");
    drop(driver);

    let node = Node::idle("mi300x-8", 1);
    std::fs::remove_dir_all(node.tree.proc()).unwrap();
    refused(&node, "the list of processes");
    // Who is seen is named first.
    let node = Node::of(few("mi300x-8", 1));
    std::fs::remove_dir_all(node.tree.proc()).unwrap();
    let in_use = node.set(0, COMPUTE, "CPX").unwrap_err();
    assert!(matches!(in_use, Refusal::InUse { .. }), "the driver names who computes: {in_use}");
}

/// A memory mode is the hive's, waits for the driver, and pulls the compute mode along.
#[test]
fn memory_modes_wait_for_the_driver() {
    let mut node = Node::idle("mi300x-8", 2);
    let driver = node.driver();
    let before = (node.on(0), node.on(1));
    let change = node.set(0, MEMORY, "NPS4").unwrap();
    let awaits = change.awaits.expect("the driver has to be loaded again");
    assert!(awaits.contains("unloaded and loaded again"), "{awaits}");
    let notes = change.notes.join("; ");
    assert!(notes.contains("hive") && notes.contains("CPX with NPS4"), "{notes}");
    assert_eq!((node.on(0), node.on(1)), before, "not yet");
    // The mode in force asks for nothing, and that takes nothing back.
    let none = node.set(1, MEMORY, "NPS1").unwrap();
    assert!(none.awaits.is_none() && none.notes[0].contains("not taken back"), "{:?}", none.notes);
    drop(driver);

    node.world.change_modes(Machine::reload_amd_driver).unwrap();
    node.tree.refresh().unwrap();
    for gpu in 0..2 {
        let (names, now) = node.profiles(gpu);
        assert_eq!(now, "cpx_nps4");
        assert_eq!(names, ["spx_nps1", "dpx_nps1", "qpx_nps1", "cpx_nps1", "qpx_nps4", "cpx_nps4"]);
    }
    // SPX goes with NPS1 alone, and the driver's list says so.
    let refused = node.set(0, COMPUTE, "SPX").unwrap_err();
    let text = refused.to_string();
    assert_eq!(refused.kind(), "invalid");
    assert!(text.contains("available_compute_partition has QPX, CPX"), "{text}");
}

/// Whoever is on another GPU of the hive is in the way of its memory mode; another hive is not
/// asked.
#[test]
fn the_whole_hive_has_to_be_free() {
    let mut machine = few("mi300x-8", 2);
    machine.workloads.retain(|workload| workload.uses[0].gpu == 1);
    machine.workloads[0].uses[0].kind = UseKind::Graphics;
    let node = Node::of(machine.clone());
    let refused = node.set(0, MEMORY, "NPS4").unwrap_err();
    assert!(matches!(&refused, Refusal::InUse { by, .. } if by.len() == 1), "{refused}");
    let gpu_sim::Silicon::Amd(amd) = &mut machine.gpus[1].silicon else { panic!("an AMD GPU") };
    amd.hive_id = Some(1);
    let node = Node::of(machine);
    let _driver = node.driver();
    assert!(node.set(0, MEMORY, "NPS4").unwrap().awaits.is_some());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_touched() {
    let node = Node::idle("mi300x-8", 1);
    for (mode, value, kind, text) in [
        ("mig", "enabled", "invalid", "compute_partition and memory_partition"),
        (COMPUTE, "TPX", "invalid", "available_compute_partition has SPX, DPX, QPX, CPX"),
        (COMPUTE, "cpx", "invalid", "\"cpx\" is not offered"),
        (COMPUTE, "", "invalid", "\"\" is not offered"),
        (MEMORY, "NPS2", "invalid", "available_memory_partition has NPS1, NPS4"),
    ] {
        let refused = node.set(0, mode, value).unwrap_err();
        assert_eq!(refused.kind(), kind, "{mode} {value}: {refused}");
        assert!(refused.to_string().contains(text), "{mode} {value}: {refused}");
    }
    assert_eq!(node.text("current_compute_partition"), "SPX");
    let (device, on) = (node.device(0), node.on(0));
    let part = device.partition(gpu_core::PartitionKind::COMPUTE_PARTITION, 0);
    assert_eq!(node.partitioner().destroy(part, on).unwrap_err().kind(), "not_supported");
    assert_eq!(node.partitioner().create_inner(part, on, 1).unwrap_err().kind(), "not_supported");
    let same = node.set(0, COMPUTE, "SPX").unwrap();
    assert!(same.awaits.is_none() && same.notes.is_empty(), "nothing to do");

    let whole = Node::idle("mi210-8", 1);
    let refused = whole.partitioner().board(whole.device(0)).unwrap_err();
    assert!(refused.to_string().contains("no current_compute_partition"), "{refused}");
}

/// Another writer of this family has the lock; of a memory mode, one of any GPU of the hive.
#[test]
fn writers_are_kept_apart() {
    let node = Node::idle("mi300x-8", 2);
    let _driver = node.driver();
    let held = gpu_host::lock::Lock::of(&node.folder.0.join("locks"), node.device(1)).unwrap();
    assert!(matches!(held, gpu_host::lock::Locking::Held(_)));
    let refused = node.set(1, COMPUTE, "CPX").unwrap_err();
    assert!(matches!(&refused, Refusal::Busy { lock } if lock.ends_with(".lock")), "{refused}");
    assert_eq!(node.set(0, MEMORY, "NPS4").unwrap_err().kind(), "busy");
    assert!(node.set(0, COMPUTE, "CPX").is_ok());
}

/// Replaces a file of the first GPU by a link to another that refuses in its own way.
#[cfg(target_os = "linux")]
fn replace(node: &Node, name: &str, by: &str) {
    let path = node.folder.attribute(&node.world, name);
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(by, &path).unwrap();
}

/// Files that refuse: the running kernel's own stand for amdgpu's.
#[test]
#[cfg(target_os = "linux")]
fn files_that_refuse_are_named() {
    let node = Node::idle("mi300x-8", 1);
    // EINVAL: it holds a number, and takes none but numbers.
    replace(&node, "current_compute_partition", "/proc/self/oom_score_adj");
    let refused = node.set(0, COMPUTE, "CPX").unwrap_err();
    assert_eq!(refused.kind(), "invalid");
    assert!(refused.to_string().contains("current_compute_partition does not take CPX"), "{refused}");

    // EACCES even for root, or EROFS: what sysfs answers about a file that is to be read only.
    let node = Node::idle("mi300x-8", 1);
    replace(&node, "current_compute_partition", "/sys/kernel/fscaps");
    if Path::new("/sys/kernel/fscaps").exists() {
        let refused = node.set(0, COMPUTE, "CPX").unwrap_err();
        assert_eq!(refused.to_string(), "not permitted: needs access to current_compute_partition");
    }

    let node = Node::idle("mi300x-8", 1);
    let path = node.folder.attribute(&node.world, "current_compute_partition");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let refused = node.partitioner().board(node.device(0)).unwrap_err();
    assert!(refused.to_string().contains("current_compute_partition"), "{refused}");
}

/// A driver that takes a mode and keeps the old one, one that shows the new one without new
/// partitions, and one that shows a third: none is taken for a success.
#[test]
fn what_is_read_back_counts() {
    let node = Node::idle("mi300x-8", 1);
    let refused = node.set(0, COMPUTE, "CPX").unwrap_err();
    let Refusal::Failed(error) = &refused else { panic!("{refused}") };
    assert_eq!(error.kind(), ErrorKind::Inconsistent);
    assert!(error.to_string().contains("the partitions are those of the old mode"), "{error}");

    for (then, kind) in [("SPX\n", "failed"), ("DPX\n", "interfered")] {
        let node = Node::idle("mi300x-8", 1);
        *node.driven.lock().unwrap() = Some(Box::new(move |path| std::fs::write(path, then)));
        let refused = node.set(0, COMPUTE, "CPX").unwrap_err();
        assert_eq!(refused.kind(), kind, "{refused}");
    }
}

/// The driver's lists are believed, names never heard of too; where there are none the kernel's
/// rules say what there is. Files that are not there are said.
#[test]
fn lists_win_over_rules() {
    let node = Node::idle("mi300x-8", 1);
    node.write("available_compute_partition", "SPX, OPX\n");
    node.write("current_compute_partition", "OPX\n");
    let (names, now) = node.profiles(0);
    assert_eq!(now, "opx_nps1");
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, ["cpx_nps4", "opx_nps1", "qpx_nps4", "spx_nps1"]);
    assert_eq!(node.set(0, COMPUTE, "CPX").unwrap_err().kind(), "invalid");

    let node = Node::idle("mi300x-8", 1);
    let remove = |name: &str| std::fs::remove_file(node.folder.attribute(&node.world, name)).unwrap();
    remove("available_compute_partition");
    remove("available_memory_partition");
    assert_eq!(node.profiles(0).0, ["spx_nps1", "dpx_nps1", "qpx_nps1", "cpx_nps1"]);
    let refused = node.set(0, MEMORY, "NPS4").unwrap_err();
    assert_eq!(refused.kind(), "not_supported");
    assert!(refused.to_string().contains("available_memory_partition"), "{refused}");
    remove("current_memory_partition");
    assert_eq!(node.profiles(0).0, ["spx", "dpx", "qpx", "cpx"]);
}

/// A GPU whose last partition is not there has as many dies as its model says.
#[test]
fn a_hole_makes_no_smaller_board() {
    let mut machine = few("mi300x-8-cpx", 1);
    machine.workloads.clear();
    let node = Node::of(machine);
    let nodes = node.tree.sysfs().join("class/kfd/kfd/topology/nodes");
    std::fs::remove_dir_all(nodes.join("9")).unwrap();
    let board = node.partitioner().board(node.device(0)).unwrap();
    assert_eq!((board.device.partitions.len(), board.geometry.slots()), (7, 8));
    assert_eq!(board.layout.live[0].placement.size, 8);
}
