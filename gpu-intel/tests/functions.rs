//! Virtual functions and the compute mode, through files, over trees behind which the simulated
//! driver does what is written, and over trees in which something else happens.

#![cfg(unix)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use gpu_core::{
    Backend, Bytes, DeviceId, Done, ErrorKind, Fingerprint, Mode, ModeChange, Nanoseconds, PartitionKind,
    Partitioner, Pid, Refusal,
};
use gpu_host::Roots;
use gpu_intel::{FunctionSpec, IntelBackend, Priority};
use gpu_sim::{IntelDriver, Machine, ModeRefusal, Part, Silicon, Tree, UseKind, World};

#[path = "common/machine.rs"]
mod machine;

use machine::{Folder, half, one, process};

/// The driver behind a tree: does what is written into its files before the write ends, until it is
/// dropped. Nothing runs beside the test.
struct Driver(Arc<Mutex<Option<Tree>>>);

impl Drop for Driver {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = None;
    }
}

struct Node {
    folder: Folder,
    world: World,
    tree: Tree,
    backend: IntelBackend,
    /// Whose files the driver follows, while there is one.
    driven: Arc<Mutex<Option<Tree>>>,
    /// What it said of each write.
    answers: Arc<Mutex<Vec<Result<(), ModeRefusal>>>>,
    refusing: Arc<Mutex<Vec<Refusing>>>,
}

/// A write that the driver refuses, once, after those before it in the list.
struct Refusing {
    /// How the file's path ends, and what is written.
    file: &'static str,
    errno: i32,
    /// What was written has come to pass all the same.
    is_done: bool,
}

impl Node {
    fn of(machine: Machine) -> Self {
        let folder = Folder::new("functions");
        let world = World::new(machine);
        let tree = world.write_tree(&folder.0).unwrap();
        let (driven, answers) = (Arc::<Mutex<Option<Tree>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let refusing = Arc::<Mutex<Vec<Refusing>>>::default();
        let (behind, said, refused_by) = (Arc::clone(&driven), Arc::clone(&answers), Arc::clone(&refusing));
        let follow = move |path: &Path| {
            let Some(tree) = &mut *behind.lock().unwrap() else { return Ok(()) };
            let mut refusing = refused_by.lock().unwrap();
            if refusing.first().is_some_and(|of| path.ends_with(of.file)) {
                let of = refusing.remove(0);
                // What is refused reads as before.
                if of.is_done {
                    tree.obey().map(|_| ())?
                } else {
                    tree.refresh()?
                }
                return Err(io::Error::from_raw_os_error(of.errno));
            }
            let answered = tree.obey().unwrap();
            said.lock().unwrap().extend(answered.iter().copied());
            let refused = answered.into_iter().find_map(Result::err);
            refused.map_or(Ok(()), |of| Err(io::Error::from_raw_os_error(of.errno())))
        };
        let roots = Roots::default().sysfs(tree.sysfs()).proc(tree.proc()).locks(folder.0.join("locks"));
        let backend = IntelBackend::new(roots.followed_by(follow), Arc::new(world.clock().clone())).unwrap();
        Self { folder, world, tree, backend, driven, answers, refusing }
    }

    /// One GPU on the driver, idle, that can have eight virtual functions.
    fn idle(driver: IntelDriver) -> Self {
        Self::of(one(driver))
    }

    fn driver(&self) -> Driver {
        *self.driven.lock().unwrap() = Some(self.tree.clone());
        Driver(Arc::clone(&self.driven))
    }

    fn id(&self) -> DeviceId {
        self.backend.inventory().unwrap().devices[0].id
    }

    fn on(&self) -> Fingerprint {
        self.backend.board(self.id()).unwrap().fingerprint()
    }

    fn set(&self, mode: &str, value: &str) -> Result<ModeChange, Refusal> {
        self.backend.set_mode(self.id(), self.on(), mode, value)
    }

    fn cut(&self, specs: &[FunctionSpec]) -> Result<Done, Refusal> {
        self.backend.cut(self.id(), self.on(), specs)
    }

    fn file(&self, name: &str) -> PathBuf {
        let pci = self.world.machine().gpus[0].pci.to_string();
        self.folder.0.join("sys/bus/pci/devices").join(pci).join(name)
    }

    /// Memory of each virtual function that is there.
    fn memories(&self) -> Vec<Bytes> {
        let device = &self.backend.inventory().unwrap().devices[0];
        let parts = device.partitions.iter().filter(|part| part.kind() == PartitionKind::VIRTUAL_FUNCTION);
        parts.filter_map(|part| part.memory_total.value().copied()).collect()
    }
}

const EPERM: i32 = 1;
const EIO: i32 = 5;
const EBUSY: i32 = 16;
const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;

const DRIVERS: [IntelDriver; 2] = [IntelDriver::Xe, IntelDriver::I915Prelim];

#[test]
fn the_mode_makes_and_unmakes_functions() {
    for driver in DRIVERS {
        let node = Node::idle(driver);
        let _driver = node.driver();
        let change = node.set(Mode::SRIOV, "4").unwrap();
        assert_eq!(change.device.partitions.len(), 4, "{driver:?}");
        assert_eq!(change.device.mode(Mode::SRIOV).unwrap().current.value().map(String::as_str), Some("4"));
        assert!(!change.notes.is_empty() && change.awaits.is_none());
        let memories = node.memories();
        assert!(
            memories.len() == 4 && memories.iter().all(|memory| *memory == memories[0] && memory.get() > 0)
        );
        // Never from one number to another.
        let refused = node.set(Mode::SRIOV, "2").unwrap_err();
        assert!(refused.kind() == "invalid" && refused.to_string().contains("set 0 first"), "{refused}");
        assert_eq!(node.memories().len(), 4);
        assert!(node.set(Mode::SRIOV, "4").unwrap().notes.is_empty(), "nothing to do");
        assert_eq!(node.set(Mode::SRIOV, "0").unwrap().device.partitions.len(), 0);
        assert_eq!(node.set(Mode::SRIOV, "2").unwrap().device.partitions.len(), 2);
    }
}

#[test]
fn each_function_has_what_is_said_of_it() {
    for driver in DRIVERS {
        let node = Node::idle(driver);
        let _driver = node.driver();
        let mut specs =
            [FunctionSpec::new().memory(Bytes::gib(2)).exec_quantum_ms(10).preempt_timeout_us(7000); 3];
        specs[2] = specs[2].memory(Bytes::gib(5));
        if driver == IntelDriver::Xe {
            specs[1] = specs[1].priority(Priority::High);
        }
        let done = node.cut(&specs).unwrap();
        assert_eq!(done.made.len(), 3, "{driver:?}");
        assert_eq!(node.memories(), [Bytes::gib(2), Bytes::gib(2), Bytes::gib(5)]);
        let parts = &done.state.device.partitions;
        assert!(parts.iter().all(|part| part.time_slice.value() == Some(&Nanoseconds::from_millis(10))));
        assert!(parts.iter().all(|part| part.pci.value().is_some()));
        let Silicon::Intel(intel) = node.world.machine().gpus[0].silicon.clone() else { panic!() };
        assert!(intel.vfs.iter().all(|vf| vf.preempt_timeout_us == 7000));
        let priority = if driver == IntelDriver::Xe { 2 } else { 1 };
        assert_eq!(intel.vfs[1].priority, priority);

        // One of them is changed while it is there.
        let more = FunctionSpec::new().memory(Bytes::gib(3));
        let done = node.backend.adjust(parts[0].id, node.on(), &more).unwrap();
        assert_eq!(done.state.device.partitions[0].memory_total.value(), Some(&Bytes::gib(3)));
        assert_ne!(done.state.device.partitions[0].incarnation, parts[0].incarnation, "another life");

        // And all go, with what was set for them.
        assert!(node.cut(&[]).unwrap().made.is_empty());
        let automatic = node.set(Mode::SRIOV, "2").unwrap().device;
        let memory = *automatic.partitions[0].memory_total.value().unwrap();
        assert!(memory > Bytes::gib(5), "the driver shares out again: {memory}");
    }
}

/// Quotas are set before the functions are there: the drivers show their files from the start, for as
/// many as there could be.
#[test]
fn a_first_cut_sets_quotas_of_functions_that_are_not_there_yet() {
    for (preset, most, gib) in [("flex-170-2", 31, 1), ("max-1550-4", 63, 2)] {
        let mut machine = Machine::preset(preset).unwrap();
        machine.workloads.clear();
        machine.gpus.truncate(1);
        let total = machine.gpus[0].memory.total;
        let node = Node::of(machine);
        let _driver = node.driver();
        assert_eq!(node.memories(), [], "{preset}");
        let spec = FunctionSpec::new().memory(Bytes::gib(gib)).exec_quantum_ms(15);
        // More than a few, and as many as memory is left for.
        for count in [9, most.min(total.get() / Bytes::gib(gib).get()) as usize - 1] {
            let done = node.cut(&vec![spec; count]).unwrap();
            assert_eq!(done.made.len(), count, "{preset}");
            assert_eq!(node.memories(), vec![Bytes::gib(gib); count], "{preset}");
            let slices = done.state.device.partitions().filter_map(|part| part.time_slice.value());
            assert_eq!(slices.filter(|of| **of == Nanoseconds::from_millis(15)).count(), count, "{preset}");
            assert!(node.cut(&[]).unwrap().made.is_empty());
        }
        // One more than the hardware has is refused, and not for want of files.
        assert_eq!(node.cut(&vec![FunctionSpec::new(); most as usize + 1]).unwrap_err().kind(), "invalid");
        assert!(node.file(&format!("drm/card1/prelim_iov/vf{most}/gt0/lmem_quota")).is_file());
    }
}

/// Everything that can be refused is refused before anything is written.
#[test]
fn what_cannot_be_is_refused_before_anything_is_touched() {
    for driver in DRIVERS {
        let node = Node::idle(driver);
        let _driver = node.driver();
        let on = node.on();
        let gib = |n| FunctionSpec::new().memory(Bytes::gib(n));
        let cut = |specs: &[FunctionSpec]| node.backend.cut(node.id(), on, specs).unwrap_err();
        assert!(cut(&[gib(20), gib(20)]).to_string().contains("40 GiB"), "more than there is");
        assert!(cut(&[gib(2), FunctionSpec::new()]).to_string().contains("others would have none"));
        assert!(cut(&[gib(0)]).to_string().contains("does not come up"));
        assert_eq!(cut(&[gib(1); 9]).kind(), "invalid");
        for (mode, value, kind) in [
            (Mode::SRIOV, "9", "invalid"),
            (Mode::SRIOV, "-1", "invalid"),
            (Mode::SRIOV, "two", "invalid"),
            (Mode::CCS, "3", "invalid"),
            (Mode::MIG, "1", "invalid"),
        ] {
            assert_eq!(node.set(mode, value).unwrap_err().kind(), kind, "{mode} {value}");
        }
        let device = node.id();
        let stale = node.backend.set_mode(device, Fingerprint::default(), Mode::SRIOV, "1").unwrap_err();
        assert_eq!(stale.kind(), "stale");
        let stranger = DeviceId::from_pci(gpu_core::Vendor::INTEL, gpu_core::PciAddress::new(0, 0xee, 0, 0));
        assert_eq!(node.backend.set_mode(stranger, on, Mode::SRIOV, "1").unwrap_err().kind(), "unknown_unit");
        let nobody = device.partition(PartitionKind::VIRTUAL_FUNCTION, 3);
        assert_eq!(node.backend.adjust(nobody, on, &gib(1)).unwrap_err().kind(), "unknown_unit");
        if driver != IntelDriver::Xe {
            let priority = FunctionSpec::new().priority(Priority::Low);
            assert_eq!(cut(&[priority]).kind(), "not_supported");
        }
        assert_eq!(*node.answers.lock().unwrap(), [], "nothing was written");
        assert_eq!(node.on(), on);
    }
}

/// Somebody on the GPU: no functions beside him. Somebody on a function: it is not taken away.
#[test]
fn who_is_in_the_way_is_named() {
    let mut busy = one(IntelDriver::Xe);
    busy.workloads = vec![process(7, vec![half(0, Part::Whole, UseKind::Compute, Bytes::gib(1))])];
    let node = Node::of(busy);
    for (mode, value) in [(Mode::SRIOV, "2"), (Mode::CCS, "2")] {
        let Refusal::InUse { by, .. } = node.set(mode, value).unwrap_err() else { panic!("in use") };
        assert_eq!((by.len(), by[0].pid), (1, Pid(7)));
    }

    // A function's own render node, and the file under which a guest's program holds it.
    for device in ["/dev/dri/renderD140", "/dev/vfio/33"] {
        let node = Node::idle(IntelDriver::Xe);
        let _driver = node.driver();
        let made = node.set(Mode::SRIOV, "2").unwrap().device;
        let function = node.file("virtfn1").canonicalize().unwrap();
        let sys = node.folder.0.join("sys");
        let render = function.join("drm/renderD140");
        fs::create_dir_all(&render).unwrap();
        fs::write(render.join("dev"), "226:140\n").unwrap();
        std::os::unix::fs::symlink(&function, render.join("device")).unwrap();
        std::os::unix::fs::symlink(&render, sys.join("class/drm/renderD140")).unwrap();
        fs::create_dir_all(sys.join("class/vfio/33")).unwrap();
        // Tests have no such device: a number that is found by the file's name.
        fs::write(sys.join("class/vfio/33/dev"), "226:141\n").unwrap();
        fs::create_dir_all(sys.join("kernel/iommu_groups/33")).unwrap();
        std::os::unix::fs::symlink(sys.join("kernel/iommu_groups/33"), function.join("iommu_group")).unwrap();
        let held = if device.contains("vfio") { "/dev/dri/renderD141" } else { device };
        let pid = node.folder.process("4242");
        fs::create_dir_all(pid.join("fd")).unwrap();
        fs::write(pid.join("stat"), format!("4242 (qemu) S 1 {}20 0 77 0 0\n", "0 ".repeat(15))).unwrap();
        std::os::unix::fs::symlink(held, pid.join("fd/3")).unwrap();
        let Refusal::InUse { by, .. } = node.set(Mode::SRIOV, "0").unwrap_err() else { panic!("in use") };
        assert_eq!((by[0].pid, by[0].partition), (Pid(4242), made.partitions[1].id), "{device}");
        let spec = FunctionSpec::new().exec_quantum_ms(5);
        let adjust = |part: usize| node.backend.adjust(made.partitions[part].id, node.on(), &spec);
        assert_eq!(adjust(1).unwrap_err().kind(), "in_use", "{device}");
        assert!(adjust(0).is_ok(), "the other one is idle");
    }
}

#[test]
fn compute_engines_are_shared_otherwise() {
    for (driver, value) in [(IntelDriver::Xe, "4"), (IntelDriver::I915Prelim, "2")] {
        let node = Node::idle(driver);
        let _driver = node.driver();
        let before = node.backend.inventory().unwrap().devices[0].memory_total;
        let change = node.set(Mode::CCS, value).unwrap();
        assert_eq!(change.device.mode(Mode::CCS).unwrap().current.value().map(String::as_str), Some(value));
        assert_eq!(change.device.memory_total, before, "engines, not memory");
        node.set(Mode::SRIOV, "1").unwrap();
        assert_eq!(node.set(Mode::CCS, "1").unwrap_err().kind(), "not_supported", "fixed under SR-IOV");
    }
}

/// A board offers what there may be, as profiles of the whole of it.
#[test]
fn a_board_is_cut_as_a_whole() {
    let node = Node::idle(IntelDriver::Xe);
    let _driver = node.driver();
    let board = node.backend.board(node.id()).unwrap();
    assert_eq!(board.geometry.profiles().len(), 9);
    let plan = |to: &str| {
        let board = node.backend.board(node.id()).unwrap();
        let wanted = board.geometry.wanted([to]).unwrap();
        board.geometry.plan(&board.layout, &gpu_core::plan::Request::exactly(wanted))
    };
    let plan = plan("4vf").unwrap();
    assert_eq!((plan.destroy.len(), plan.create[0].name.as_str()), (1, "4vf"));
    let failed =
        gpu_core::apply::apply(&node.backend, node.id(), &plan, &gpu_core::Inner::Whole).unwrap_err();
    assert!(failed.to_string().contains("as it was"), "{failed}");
    let refused =
        node.backend.create(node.id(), node.on(), &plan.create[0], &gpu_core::Inner::Whole).unwrap_err();
    assert!(refused.to_string().contains("sriov"), "{refused}");
}

/// A tree that nobody follows: the count stands there, and no function does.
#[test]
fn a_driver_that_does_nothing_is_not_believed() {
    let node = Node::idle(IntelDriver::Xe);
    let refused = node.set(Mode::SRIOV, "2").unwrap_err();
    let Refusal::Failed(error) = &refused else { panic!("{refused}") };
    assert_eq!(error.kind(), ErrorKind::Inconsistent);
    assert!(error.to_string().contains("sriov_numvfs"), "{error}");
}

#[test]
fn a_gpu_without_functions_says_so() {
    let mut machine = one(IntelDriver::Xe);
    let Silicon::Intel(intel) = &mut machine.gpus[0].silicon else { panic!() };
    intel.total_vfs = 0;
    let node = Node::of(machine);
    assert_eq!(node.set(Mode::SRIOV, "1").unwrap_err().kind(), "not_supported");
    let missing = Node::idle(IntelDriver::Xe);
    fs::remove_dir_all(missing.file("sriov_admin").canonicalize().unwrap()).unwrap();
    let spec = FunctionSpec::new().memory(Bytes::gib(1));
    let refused = missing.backend.cut(missing.id(), missing.on(), &[spec]).unwrap_err();
    assert!(refused.kind() == "not_supported" && refused.to_string().contains("6.19"), "{refused}");
}

impl Node {
    fn refuse(&self, file: &'static str, errno: i32, is_done: bool) {
        self.refusing.lock().unwrap().push(Refusing { file, errno, is_done });
    }

    /// What stands in every file through which functions are set up.
    fn set_up(&self) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for path in self.tree.files() {
            let of = path.to_string_lossy();
            if of.contains("sriov_admin") || of.contains("prelim_iov") || of.ends_with("sriov_numvfs") {
                let text = fs::read_to_string(self.folder.0.join(path)).unwrap();
                found.push((path.to_path_buf(), text.trim().to_owned()));
            }
        }
        found.sort();
        found
    }

    fn is_set_up_as(&self, before: &[(PathBuf, String)]) {
        for (was, is) in before.iter().zip(self.set_up()) {
            assert_eq!(is, *was);
        }
    }

    /// Quotas that somebody has set by hand, so that the driver does not share memory out.
    fn by_hand(&self) {
        let specs =
            [FunctionSpec::new().memory(Bytes::gib(1)).exec_quantum_ms(33).preempt_timeout_us(440); 2];
        self.cut(&specs).unwrap();
        self.set(Mode::SRIOV, "0").unwrap();
        let files = self.set_up();
        let holds = |value: &str| files.iter().any(|(_, text)| text == value);
        assert!(holds("1073741824") && holds("33") && holds("440"), "{files:?}");
    }
}

/// Each answer of a driver to each kind of file, in the middle of the writes: it is named, and every
/// file holds what it held before. What nobody had set was taken for unset once, and the driver told to
/// share out where it had been told not to.
#[test]
fn what_was_set_is_taken_back() {
    let files = [
        ("vf2/profile/vram_quota", "vf2/profile/exec_quantum_ms"),
        ("vf2/gt0/lmem_quota", "vf2/gt0/exec_quantum_ms"),
    ];
    for (driver, (memory, quantum)) in DRIVERS.into_iter().zip(files) {
        for is_by_hand in [false, true] {
            let node = Node::idle(driver);
            let _driver = node.driver();
            if is_by_hand {
                node.by_hand();
            }
            let before = node.set_up();
            for (errno, kind) in [
                (EPERM, "failed"),
                (EIO, "failed"),
                (EBUSY, "failed"),
                (EINVAL, "invalid"),
                (ENOSPC, "no_room"),
            ] {
                let early: &[_] = if errno == EIO { &[memory, quantum] } else { &[] };
                for file in early.iter().copied().chain(["sriov_numvfs"]) {
                    node.refuse(file, errno, false);
                    let spec =
                        FunctionSpec::new().memory(Bytes::gib(2)).exec_quantum_ms(5).preempt_timeout_us(9);
                    let refused = node.cut(&[spec; 3]).unwrap_err();
                    assert_eq!(refused.kind(), kind, "{driver:?} {file} {errno}: {refused}");
                    assert!(node.refusing.lock().unwrap().is_empty(), "{file} was not written");
                    node.is_set_up_as(&before);
                }
            }
        }
    }
}

/// Functions that came up though the write failed are taken away before their quotas are touched;
/// where they cannot be, the quotas stay theirs, and the refusal says so.
#[test]
fn quotas_of_live_functions_are_not_taken_back() {
    for driver in DRIVERS {
        let node = Node::idle(driver);
        let _driver = node.driver();
        let before = node.set_up();
        node.refuse("sriov_numvfs", EIO, true);
        assert_eq!(node.cut(&[FunctionSpec::new().memory(Bytes::gib(2))]).unwrap_err().kind(), "failed");
        node.is_set_up_as(&before);
        assert_eq!(node.memories(), []);

        node.refuse("sriov_numvfs", EIO, true);
        node.refuse("sriov_numvfs", EBUSY, false);
        let refused = node.cut(&[FunctionSpec::new().memory(Bytes::gib(2))]).unwrap_err();
        assert!(refused.to_string().contains("1 virtual functions, with what was set for them"), "{refused}");
        assert_eq!(node.memories(), [Bytes::gib(2)], "{driver:?}");
    }
}

/// A function that is there keeps all that it had when one of the amounts is refused.
#[test]
fn an_adjustment_that_fails_changes_nothing() {
    let node = Node::idle(IntelDriver::Xe);
    let _driver = node.driver();
    let spec = FunctionSpec::new().memory(Bytes::gib(2)).exec_quantum_ms(10).priority(Priority::Low);
    let function = node.cut(&[spec]).unwrap().state.device.partitions[0].id;
    let before = node.set_up();
    let more = FunctionSpec::new().memory(Bytes::gib(4)).exec_quantum_ms(20).priority(Priority::High);
    node.refuse("sched_priority", EBUSY, false);
    assert_eq!(node.backend.adjust(function, node.on(), &more).unwrap_err().kind(), "failed");
    node.is_set_up_as(&before);
    // What cannot be brought back is named: the driver takes the amount, and then no other.
    node.refuse("exec_quantum_ms", EINVAL, false);
    node.refuse("vram_quota", EIO, false);
    let refused = node.backend.adjust(function, node.on(), &more).unwrap_err();
    assert_eq!(refused.kind(), "failed");
    let text = refused.to_string();
    assert!(text.contains("exec_quantum_ms does not take 20") && text.contains("stays"), "{text}");
    assert!(text.ends_with("vf1/profile/vram_quota"), "{text}");
}

/// Files of the running kernel's stand for the driver's: one that takes small numbers alone.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_refuses_is_named() {
    let node = Node::idle(IntelDriver::Xe);
    let quota = node.file("sriov_admin/vf2/profile/vram_quota");
    fs::remove_file(&quota).unwrap();
    std::os::unix::fs::symlink("/proc/self/oom_score_adj", &quota).unwrap();
    let before = fs::read_to_string(&quota).unwrap();
    let refused = node.cut(&[FunctionSpec::new().memory(Bytes::gib(1)); 2]).unwrap_err();
    assert_eq!(refused.kind(), "invalid");
    assert!(refused.to_string().contains("vf2/profile/vram_quota"), "{refused}");
    assert_eq!(fs::read_to_string(&quota).unwrap(), before);
    let first = fs::read_to_string(node.file("sriov_admin/vf1/profile/vram_quota")).unwrap();
    assert_eq!(first.trim(), "0", "the first was taken back");

    // A folder in the place of the count cannot be opened for writing.
    let node = Node::idle(IntelDriver::Xe);
    fs::remove_file(node.file("sriov_numvfs")).unwrap();
    fs::create_dir(node.file("sriov_numvfs")).unwrap();
    assert!(node.cut(&[FunctionSpec::new().memory(Bytes::gib(1))]).is_err());
    let quota = fs::read_to_string(node.file("sriov_admin/vf1/profile/vram_quota")).unwrap();
    assert_eq!(quota.trim(), "0");
}

/// Who does not see all processes does not know that a GPU is idle: in a container of its own, and
/// beside processes that it may not look into.
#[test]
fn who_cannot_see_the_users_changes_nothing() {
    let change = |node: &Node, needs: &str| {
        let before = node.set_up();
        for refused in [
            node.set(Mode::SRIOV, "2").unwrap_err(),
            node.set(Mode::CCS, "2").unwrap_err(),
            node.cut(&[FunctionSpec::new().exec_quantum_ms(3)]).unwrap_err(),
        ] {
            assert_eq!(refused.kind(), "not_permitted", "{refused}");
            assert!(refused.to_string().contains(needs), "{refused}");
        }
        assert_eq!((node.set_up(), node.answers.lock().unwrap().len()), (before, 0));
    };
    let node = Node::idle(IntelDriver::Xe);
    let _driver = node.driver();
    fs::remove_file(node.folder.process("1/ns/pid")).unwrap();
    change(&node, "pid namespace");

    let node = Node::idle(IntelDriver::Xe);
    let _driver = node.driver();
    let pid = node.folder.process("4242");
    fs::create_dir_all(pid.join("fd")).unwrap();
    fs::write(pid.join("stat"), "no such text").unwrap();
    std::os::unix::fs::symlink("/dev/dri/renderD128", pid.join("fd/3")).unwrap();
    change(&node, "CAP_SYS_PTRACE");
    fs::remove_dir_all(&pid).unwrap();
    assert!(node.set(Mode::SRIOV, "2").is_ok(), "all are seen");

    let node = Node::idle(IntelDriver::Xe);
    fs::remove_dir_all(node.folder.0.join("proc")).unwrap();
    assert_eq!(node.set(Mode::SRIOV, "2").unwrap_err().kind(), "not_permitted");
}

/// A Max 1550 has two tiles, and the backport a folder of quotas for each: amounts are in equal parts on
/// both, times on each, and all of it is taken back, from the middle of the writes too.
#[test]
fn amounts_are_on_both_tiles() {
    let mut machine = Machine::preset("max-1550-4").unwrap();
    machine.gpus.truncate(1);
    machine.links.clear();
    machine.workloads.clear();
    let Silicon::Intel(intel) = &mut machine.gpus[0].silicon else { panic!() };
    intel.total_vfs = 4;
    let node = Node::of(machine);
    let _driver = node.driver();
    let of = |number: u32, name: &str| {
        let read = |gt: u32| {
            let file = node.file(&format!("drm/card1/prelim_iov/vf{number}/gt{gt}/{name}"));
            fs::read_to_string(file).unwrap().trim().parse::<u64>().unwrap()
        };
        [read(0), read(1)]
    };
    let spec = FunctionSpec::new().exec_quantum_ms(9);
    let gib = |n| Bytes::gib(n).get();
    node.cut(&[spec.memory(Bytes::gib(20)), spec.memory(Bytes::gib(60))]).unwrap();
    assert_eq!((of(1, "lmem_quota"), of(2, "lmem_quota")), ([gib(10); 2], [gib(30); 2]));
    assert_eq!((of(1, "exec_quantum_ms"), of(2, "exec_quantum_ms")), ([9; 2], [9; 2]));
    assert_eq!(node.memories(), [Bytes::gib(20), Bytes::gib(60)], "over both tiles");
    let first = node.backend.inventory().unwrap().devices[0]
        .partitions
        .iter()
        .find_map(|part| (part.kind() == PartitionKind::VIRTUAL_FUNCTION).then_some(part.id));
    node.backend.adjust(first.unwrap(), node.on(), &FunctionSpec::new().memory(Bytes::gib(40))).unwrap();
    assert_eq!((of(1, "lmem_quota"), node.memories()[0]), ([gib(20); 2], Bytes::gib(40)));
    node.cut(&[]).unwrap();
    assert_eq!((of(1, "lmem_quota"), of(2, "lmem_quota")), ([0; 2], [0; 2]));

    // The second tile's file refuses, when the first's has been written.
    let before = node.set_up();
    node.refuse("vf2/gt1/lmem_quota", EIO, false);
    let refused = node.cut(&[spec.memory(Bytes::gib(8)); 3]).unwrap_err();
    assert_eq!(refused.kind(), "failed", "{refused}");
    assert!(refused.to_string().contains("vf2/gt1/lmem_quota"), "{refused}");
    node.is_set_up_as(&before);
    // What the driver shares out itself is on both, too.
    node.set(Mode::SRIOV, "2").unwrap();
    assert_eq!(of(1, "lmem_quota")[0], of(1, "lmem_quota")[1]);
    assert_eq!(node.memories()[0].get(), of(1, "lmem_quota").iter().sum::<u64>());
}

/// Functions without an amount and a driver that does not share out come to nothing: who takes amounts back
/// lets it share out again. Where no amount was set, that it shall not is somebody's own word.
#[test]
fn sharing_out_is_given_back_where_amounts_were_set() {
    let node = Node::idle(IntelDriver::I915Prelim);
    let _driver = node.driver();
    let automatic = node.file("drm/card1/prelim_iov/pf/auto_provisioning");
    let says = || fs::read_to_string(&automatic).unwrap().trim().to_owned();
    node.cut(&[FunctionSpec::new().memory(Bytes::gib(2)); 2]).unwrap();
    assert_eq!(says(), "0");
    node.cut(&[]).unwrap();
    assert_eq!(says(), "1", "the amounts are taken back");
    assert_eq!(node.set(Mode::SRIOV, "2").unwrap().device.partitions.len(), 2, "and functions come up again");

    // Nothing of memory was said: the file is the administrator's.
    let node = Node::idle(IntelDriver::I915Prelim);
    let _driver = node.driver();
    node.cut(&[FunctionSpec::new().exec_quantum_ms(7); 2]).unwrap();
    fs::write(node.file("drm/card1/prelim_iov/pf/auto_provisioning"), "0\n").unwrap();
    node.cut(&[]).unwrap();
    assert!(node.memories().is_empty());
    let kept = fs::read_to_string(node.file("drm/card1/prelim_iov/pf/auto_provisioning")).unwrap();
    assert_eq!(kept.trim(), "0", "nothing was set, and nothing is given back");
}

#[test]
fn two_writers_do_not_meet() {
    let node = Node::idle(IntelDriver::Xe);
    let held = gpu_host::lock::Lock::of(&node.folder.0.join("locks"), node.id()).unwrap();
    assert!(matches!(held, gpu_host::lock::Locking::Held(_)));
    assert_eq!(node.set(Mode::SRIOV, "1").unwrap_err().kind(), "busy");
}

/// The parent of a function disappears: what is asked of either says so, and the other GPU is told.
#[test]
fn a_function_whose_parent_disappears() {
    let mut machine = Machine::preset("flex-170-2").unwrap();
    machine.workloads.clear();
    let node = Node::of(machine);
    let devices = node.backend.inventory().unwrap().devices;
    let (whole, cut) = (devices[0].id, &devices[1]);
    let on = node.backend.board(cut.id).unwrap().fingerprint();
    let parent = node.world.machine().gpus[1].pci.to_string();
    let path = node.folder.0.join("sys/bus/pci/devices").join(parent).canonicalize().unwrap();
    fs::remove_dir_all(path).unwrap();
    let spec = FunctionSpec::new().exec_quantum_ms(5);
    let refused = node.backend.adjust(cut.partitions[0].id, on, &spec).unwrap_err();
    assert!(matches!(refused.kind(), "unknown_unit" | "failed"), "{refused}");
    let refused = node.backend.set_mode(cut.id, on, Mode::SRIOV, "0").unwrap_err();
    assert!(matches!(refused.kind(), "unknown_unit" | "failed"), "{refused}");
    assert!(node.backend.board(whole).is_ok());
    let left = node.backend.inventory().unwrap();
    assert!(left.device(whole).is_some());
}
