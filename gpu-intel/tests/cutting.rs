//! Virtual functions and the compute mode, changed in process by the simulated partitioner and through
//! files by the real one: two machines that begin alike are told the same, and answer and end alike.

#![cfg(unix)]

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use gpu_core::{
    Backend, Bytes, DeviceId, Done, Fingerprint, Mode, ModeChange, PartitionId, PartitionKind, Partitioner,
    Pid, Refusal,
};
use gpu_host::Roots;
use gpu_intel::{FunctionSpec, IntelBackend, Priority};
use gpu_sim::{
    DrmNumbers, IntelDriver, Machine, Part, Silicon, SimBackend, SimPartitioner, Tree, UseKind, VfQuota,
    World,
};

#[path = "common/machine.rs"]
mod machine;

use machine::{Folder, half, one, process};

const DRIVERS: [IntelDriver; 2] = [IntelDriver::Xe, IntelDriver::I915Prelim];

/// Somebody who cuts a machine's first GPU.
trait Cutter {
    fn backend(&self) -> &dyn Backend;
    fn world(&self) -> &World;
    /// The world has changed by itself.
    fn follow(&self);
    fn cut(&self, on: Fingerprint, quotas: &[VfQuota]) -> Result<Done, Refusal>;
    fn adjust(&self, function: PartitionId, on: Fingerprint, to: &VfQuota) -> Result<Done, Refusal>;

    fn partitioner(&self) -> &dyn Partitioner {
        self.backend().partitioner().unwrap()
    }

    fn id(&self) -> DeviceId {
        self.backend().inventory().unwrap().devices[0].id
    }

    fn on(&self) -> Fingerprint {
        self.partitioner().board(self.id()).unwrap().fingerprint()
    }

    fn set(&self, mode: &str, value: &str) -> Result<ModeChange, Refusal> {
        self.partitioner().set_mode(self.id(), self.on(), mode, value)
    }
}

/// In process.
struct InProcess {
    world: World,
    backend: SimBackend,
    partitioner: SimPartitioner,
}

impl Cutter for InProcess {
    fn backend(&self) -> &dyn Backend {
        &self.backend
    }

    fn world(&self) -> &World {
        &self.world
    }

    fn follow(&self) {}

    fn cut(&self, on: Fingerprint, quotas: &[VfQuota]) -> Result<Done, Refusal> {
        self.partitioner.cut(self.id(), on, quotas)
    }

    fn adjust(&self, function: PartitionId, on: Fingerprint, to: &VfQuota) -> Result<Done, Refusal> {
        self.partitioner.adjust(function, on, to)
    }
}

/// Through the files of a tree, with the driver behind it.
struct ThroughFiles {
    world: World,
    backend: IntelBackend,
    tree: Arc<Mutex<Tree>>,
    _folder: Folder,
}

impl Cutter for ThroughFiles {
    fn backend(&self) -> &dyn Backend {
        &self.backend
    }

    fn world(&self) -> &World {
        &self.world
    }

    fn follow(&self) {
        self.tree.lock().unwrap().refresh().unwrap();
    }

    fn cut(&self, on: Fingerprint, quotas: &[VfQuota]) -> Result<Done, Refusal> {
        let specs: Vec<FunctionSpec> = quotas.iter().map(spec).collect();
        self.backend.cut(self.id(), on, &specs)
    }

    fn adjust(&self, function: PartitionId, on: Fingerprint, to: &VfQuota) -> Result<Done, Refusal> {
        self.backend.adjust(function, on, &spec(to))
    }
}

fn spec(of: &VfQuota) -> FunctionSpec {
    let mut spec = FunctionSpec::new();
    (spec.memory, spec.exec_quantum_ms) = (of.memory, of.exec_quantum_ms);
    spec.preempt_timeout_us = of.preempt_timeout_us;
    spec.priority = of.priority.map(|n| [Priority::Low, Priority::Normal, Priority::High][n as usize]);
    spec
}

fn in_process(machine: Machine) -> InProcess {
    let world = World::new(machine);
    let backend = SimBackend::new(world.clone(), gpu_core::Vendor::INTEL);
    InProcess { partitioner: SimPartitioner::new(world.clone()), backend, world }
}

fn through_files(machine: Machine) -> ThroughFiles {
    let (folder, world) = (Folder::new("cutting"), World::new(machine));
    let tree = Arc::new(Mutex::new(world.write_tree(&folder.0).unwrap()));
    let behind = Arc::clone(&tree);
    let follow = move |_: &Path| {
        let refused = behind.lock().unwrap().obey()?.into_iter().find_map(Result::err);
        refused.map_or(Ok(()), |of| Err(io::Error::from_raw_os_error(of.errno())))
    };
    let roots = Roots::default().sysfs(folder.0.join("sys")).proc(folder.0.join("proc"));
    let roots = roots.locks(folder.0.join("locks")).followed_by(follow);
    let backend = IntelBackend::new(roots, Arc::new(world.clock().clone())).unwrap();
    ThroughFiles { world, backend, tree, _folder: folder }
}

/// Both of a machine.
fn both(machine: &Machine) -> [Box<dyn Cutter>; 2] {
    [Box::new(in_process(machine.clone())), Box::new(through_files(machine.clone()))]
}

fn memory(bytes: Bytes) -> VfQuota {
    VfQuota { memory: Some(bytes), ..VfQuota::default() }
}

/// Memory of each virtual function that is there.
fn memories(cutter: &dyn Cutter) -> Vec<Bytes> {
    let device = cutter.backend().inventory().unwrap().devices.remove(0);
    device.partitions().filter_map(|part| part.memory_total.value().copied()).collect()
}

/// What is offered of the machine: by names that clusters know.
fn offered(cutter: &dyn Cutter) -> Vec<String> {
    let published = gpu_intel::names::dra_devices(&cutter.backend().inventory().unwrap());
    published.iter().map(|device| format!("{} {:?}", device.unit, device.memory)).collect()
}

/// From none to some, never from some to others, and to none.
#[test]
fn the_number_goes_from_none_and_to_none() {
    for driver in DRIVERS {
        for cutter in both(&one(driver)) {
            let cutter = &*cutter;
            let whole = offered(cutter);
            assert_eq!(whole.len(), 1);
            let change = cutter.set(Mode::SRIOV, "4").unwrap();
            assert_eq!(change.device.partitions.len(), 4, "{driver:?}");
            assert!(!change.notes.is_empty() && change.awaits.is_none());
            let shares = memories(cutter);
            assert!(
                shares.len() == 4 && shares.iter().all(|one| *one == shares[0] && one.get() > 0),
                "{shares:?}"
            );
            let total = cutter.world().machine().gpus[0].memory.total;
            assert!(shares.iter().map(|one| one.get()).sum::<u64>() <= total.get(), "{shares:?}");
            assert!(
                offered(cutter).iter().all(|one| one.contains("/vf:")),
                "not the GPU beside its functions"
            );
            assert_eq!(offered(cutter).len(), 4);
            for other in ["2", "8"] {
                let refused = cutter.set(Mode::SRIOV, other).unwrap_err();
                assert!(
                    refused.kind() == "invalid" && refused.to_string().contains("set 0 first"),
                    "{refused}"
                );
            }
            assert!(cutter.set(Mode::SRIOV, "4").unwrap().notes.is_empty(), "nothing to do");
            assert!(cutter.set(Mode::SRIOV, "0").unwrap().device.partitions.is_empty());
            assert_eq!(offered(cutter), whole);
        }
    }
}

#[test]
fn quotas_add_up_to_no_more_than_there_is() {
    for driver in DRIVERS {
        for cutter in both(&one(driver)) {
            let on = cutter.on();
            let cut = |quotas: &[VfQuota]| cutter.cut(on, quotas).unwrap_err();
            let none = VfQuota::default();
            let half = Bytes(cutter.world().machine().gpus[0].memory.total.get() / 2);
            let more = memory(Bytes(half.get() + (2 << 20)));
            for quotas in
                [&[memory(half), more][..], &[memory(half), none], &[memory(Bytes::ZERO)], &[none; 9]]
            {
                assert_eq!(cut(quotas).kind(), "invalid", "{driver:?} {quotas:?}");
            }
            if driver != IntelDriver::Xe {
                let priority = VfQuota { priority: Some(2), ..none };
                assert_eq!(cut(&[priority]).kind(), "not_supported");
            }
            assert_eq!(cutter.on(), on, "nothing was touched");
            assert_eq!(cutter.cut(Fingerprint::default(), &[none]).unwrap_err().kind(), "stale");
            let done = cutter.cut(on, &[memory(half), memory(Bytes::gib(2))]).unwrap();
            assert_eq!(done.made.len(), 2);
            assert_eq!(memories(&*cutter), [half, Bytes::gib(2)]);
            // The other's may grow by what is left, and no further.
            let second = done.made[1].id;
            let grow = |to: Bytes| cutter.adjust(second, cutter.on(), &memory(to));
            assert_eq!(grow(Bytes(half.get() + (2 << 20))).unwrap_err().kind(), "invalid");
            let before = cutter.backend().inventory().unwrap().devices[0].partitions[1].incarnation;
            let after = grow(half).unwrap().state.device.partitions[1].incarnation;
            assert_ne!(before, after, "another life");
            assert_eq!(memories(&*cutter), [half, half]);
            // Who takes all away takes their quotas away, too: the driver shares out by itself again, and
            // what it gave to one is not there for the other.
            assert!(cutter.cut(cutter.on(), &[]).unwrap().made.is_empty());
            let made = cutter.set(Mode::SRIOV, "2").unwrap().device.partitions;
            let shares = memories(&*cutter);
            assert!(shares.len() == 2 && shares[0] == shares[1] && shares[0] < half, "{driver:?} {shares:?}");
            let all_but_a_piece = Bytes(2 * half.get() - (2 << 20));
            let refused = cutter.adjust(made[0].id, cutter.on(), &memory(all_but_a_piece)).unwrap_err();
            assert_eq!(refused.kind(), "invalid", "{driver:?}");
            assert_eq!(memories(&*cutter), shares);
        }
    }
}

/// On a function that the host's driver holds, or on the GPU itself.
fn enter(cutter: &dyn Cutter, pid: u32, function: Option<u32>) {
    cutter.world().change(|machine| {
        let Silicon::Intel(intel) = &mut machine.gpus[0].silicon else { panic!() };
        let part = function.map_or(Part::Whole, |number| Part::Function { number });
        if let Some(vf) = intel.vfs.iter_mut().find(|vf| Some(vf.number) == function) {
            vf.drm = Some(DrmNumbers { card: 40 + vf.number, render: 160 + vf.number });
        }
        machine.workloads.push(process(pid, vec![half(0, part, UseKind::Compute, Bytes::gib(1))]));
    });
    cutter.follow();
}

fn leave(cutter: &dyn Cutter) {
    cutter.world().change(|machine| machine.workloads.clear());
    cutter.follow();
}

/// Nothing is made beside somebody, nothing taken away from under somebody, and who it is, is said.
#[test]
fn who_is_in_the_way_is_named() {
    for driver in DRIVERS {
        for cutter in both(&one(driver)) {
            let cutter = &*cutter;
            enter(cutter, 7, None);
            for (mode, value) in [(Mode::SRIOV, "2"), (Mode::CCS, "2")] {
                let Refusal::InUse { by, .. } = cutter.set(mode, value).unwrap_err() else {
                    panic!("in use")
                };
                assert_eq!(by.iter().map(|user| user.pid).collect::<Vec<_>>(), [Pid(7)], "{driver:?} {mode}");
            }
            assert_eq!(cutter.cut(cutter.on(), &[memory(Bytes::gib(1))]).unwrap_err().kind(), "in_use");
            leave(cutter);
            let made = cutter.set(Mode::SRIOV, "2").unwrap().device.partitions;
            enter(cutter, 8, Some(2));
            for refused in
                [cutter.set(Mode::SRIOV, "0").unwrap_err(), cutter.cut(cutter.on(), &[]).unwrap_err()]
            {
                let Refusal::InUse { by, .. } = refused else { panic!("{refused}") };
                assert_eq!((by.len(), by[0].pid, by[0].partition), (1, Pid(8), made[1].id), "{driver:?}");
            }
            let quota = VfQuota { exec_quantum_ms: Some(5), ..VfQuota::default() };
            assert_eq!(cutter.adjust(made[1].id, cutter.on(), &quota).unwrap_err().kind(), "in_use");
            assert!(cutter.adjust(made[0].id, cutter.on(), &quota).is_ok(), "the other one is idle");
            leave(cutter);
            assert!(cutter.set(Mode::SRIOV, "0").is_ok());
        }
    }
}

/// By itself no function comes or goes, in either.
#[test]
fn functions_are_cut_as_a_whole() {
    for cutter in both(&one(IntelDriver::Xe)) {
        let board = cutter.partitioner().board(cutter.id()).unwrap();
        assert_eq!(board.geometry.profiles().len(), 9);
        let wanted = board.geometry.wanted(["4vf"]).unwrap();
        let plan = board.geometry.plan(&board.layout, &gpu_core::plan::Request::exactly(wanted)).unwrap();
        let whole = gpu_core::Inner::Whole;
        let create = |on| cutter.partitioner().create(cutter.id(), on, &plan.create[0], &whole);
        let refused = create(board.fingerprint()).unwrap_err();
        assert!(refused.kind() == "not_supported" && refused.to_string().contains("sriov"), "{refused}");
        let made = cutter.set(Mode::SRIOV, "1").unwrap().device.partitions.remove(0).id;
        assert_eq!(cutter.partitioner().destroy(made, cutter.on()).unwrap_err().kind(), "not_supported");
        assert_eq!(cutter.set(Mode::CCS, "2").unwrap_err().kind(), "not_supported", "fixed under SR-IOV");
        assert_eq!(cutter.set(Mode::MIG, "1").unwrap_err().kind(), "invalid");
        let nobody = cutter.id().partition(PartitionKind::VIRTUAL_FUNCTION, 3);
        assert_eq!(
            cutter.adjust(nobody, cutter.on(), &VfQuota::default()).unwrap_err().kind(),
            "unknown_unit"
        );
    }
}

/// A GPU that has no virtual functions says so, and one that is gone is unknown.
#[test]
fn what_is_not_there_is_refused() {
    let mut machine = one(IntelDriver::Xe);
    let Silicon::Intel(intel) = &mut machine.gpus[0].silicon else { panic!() };
    intel.total_vfs = 0;
    for cutter in both(&machine) {
        assert_eq!(cutter.set(Mode::SRIOV, "1").unwrap_err().kind(), "not_supported");
        assert_eq!(cutter.cut(cutter.on(), &[VfQuota::default()]).unwrap_err().kind(), "not_supported");
        let (id, on) = (cutter.id(), cutter.on());
        cutter.world().lose(0);
        cutter.follow();
        assert_eq!(cutter.partitioner().set_mode(id, on, Mode::CCS, "2").unwrap_err().kind(), "unknown_unit");
    }
}

/// Numbers without a pattern, the same in each run (Knuth's `MMIX` constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.roll(2) == 0).then(|| value(self))
    }

    fn quota(&mut self) -> VfQuota {
        VfQuota {
            // Some of them no whole pieces, which the driver rounds.
            memory: self.maybe(|dice| {
                let most = if dice.roll(4) == 0 { 20 } else { 5 };
                Bytes(((1 + dice.roll(most)) << 30) + (dice.roll(2) << 20))
            }),
            exec_quantum_ms: self.maybe(|dice| 1 + u32::try_from(dice.roll(40)).unwrap()),
            preempt_timeout_us: self.maybe(|dice| 1 + u32::try_from(dice.roll(9000)).unwrap()),
            priority: if self.roll(4) == 0 { Some(u32::try_from(self.roll(3)).unwrap()) } else { None },
        }
    }
}

/// What is done to a GPU.
#[derive(Debug)]
enum Step {
    Set(&'static str, String),
    Cut(Vec<VfQuota>),
    Adjust(u32, VfQuota),
    Enter(Option<u32>),
    Leave,
}

impl Step {
    fn roll(dice: &mut Dice) -> Self {
        match dice.roll(12) {
            0..=2 => Self::Set(Mode::SRIOV, dice.roll(10).to_string()),
            3 | 4 => Self::Set(Mode::SRIOV, "0".to_owned()),
            5 => Self::Set(Mode::CCS, dice.roll(6).to_string()),
            6 | 7 => {
                let quota = dice.quota();
                let count = if dice.roll(3) == 0 { 0 } else { dice.roll(10) };
                let mut quotas: Vec<VfQuota> = (0..count).map(|_| quota).collect();
                if let Some(last) = quotas.last_mut().filter(|_| dice.roll(3) == 0) {
                    *last = dice.quota();
                }
                Self::Cut(quotas)
            }
            8 | 9 => Self::Adjust(1 + u32::try_from(dice.roll(4)).unwrap(), dice.quota()),
            10 => Self::Enter(dice.maybe(|dice| 1 + u32::try_from(dice.roll(4)).unwrap())),
            _ => Self::Leave,
        }
    }

    /// What came of it: of a refusal its kind, and who is in the way.
    fn take(&self, cutter: &dyn Cutter, pid: u32) -> String {
        let told = |refusal: &Refusal| match refusal {
            Refusal::InUse { by, .. } => {
                let by: Vec<_> = by.iter().map(|user| (user.pid, user.partition.to_string())).collect();
                format!("in use by {by:?}")
            }
            other => other.kind().to_owned(),
        };
        match self {
            Self::Set(mode, value) => match cutter.set(mode, value) {
                Ok(change) => format!("set, {} awaited", change.awaits.is_some()),
                Err(refusal) => told(&refusal),
            },
            Self::Cut(quotas) => match cutter.cut(cutter.on(), quotas) {
                Ok(done) => format!("made {:?}", done.made.iter().map(|made| made.id).collect::<Vec<_>>()),
                Err(refusal) => told(&refusal),
            },
            Self::Adjust(number, to) => {
                let function = cutter.id().partition(PartitionKind::VIRTUAL_FUNCTION, *number);
                match cutter.adjust(function, cutter.on(), to) {
                    Ok(done) => format!("adjusted, {} made", done.made.len()),
                    Err(refusal) => told(&refusal),
                }
            }
            Self::Enter(function) => {
                let machine = cutter.world().machine();
                let Silicon::Intel(intel) = &machine.gpus[0].silicon else { panic!() };
                // Who comes to a function that is not there comes to the GPU.
                enter(cutter, pid, function.filter(|number| intel.vf(*number).is_some()));
                "entered".to_owned()
            }
            Self::Leave => {
                leave(cutter);
                "left".to_owned()
            }
        }
    }
}

/// Everything that planners and clusters see of the GPU.
fn shown(cutter: &dyn Cutter) -> Vec<String> {
    let board = cutter.partitioner().board(cutter.id()).unwrap();
    let mut shown = offered(cutter);
    for mode in &board.device.modes {
        shown.push(format!("{} {:?} of {:?}", mode.name, mode.current.value(), mode.available.value()));
    }
    for part in board.device.all_partitions() {
        let (memory, slice) = (part.memory_total.value(), part.time_slice.value());
        shown.push(format!("{} {memory:?} {slice:?} {:?} {:?}", part.id, part.pci.value(), part.nodes));
    }
    shown.extend(board.users.iter().map(|user| format!("{} on {}", user.pid, user.partition)));
    let live = board
        .layout
        .live
        .iter()
        .map(|live| (board.geometry.profile(live.profile).unwrap().name(), live.pinned));
    shown.push(format!("{:?}", live.collect::<Vec<_>>()));
    shown
}

/// Whatever is done, in whatever order: the answers are the same, and so is what is there after each.
#[test]
fn both_answer_alike_whatever_is_asked() {
    let mut answers = std::collections::BTreeMap::<String, u32>::new();
    for driver in DRIVERS {
        for seed in 1..=4 {
            let mut dice = Dice(seed);
            let [one, other] = both(&one(driver));
            for n in 0..60 {
                let step = Step::roll(&mut dice);
                let (told, found) = (step.take(&*one, 100 + n), step.take(&*other, 100 + n));
                assert_eq!(told, found, "{driver:?} {seed} step {n}: {step:?}");
                assert_eq!(shown(&*one), shown(&*other), "{driver:?} {seed} after step {n}: {step:?}");
                *answers.entry(told.split([' ', ',']).next().unwrap().to_owned()).or_default() += 1;
            }
        }
    }
    // It was no walk of refusals alone.
    for kind in ["set", "made", "adjusted", "invalid", "in", "unknown_unit", "not_supported"] {
        assert!(answers.get(kind).is_some_and(|count| *count >= 3), "{kind}: {answers:?}");
    }
}
