//! MIG changed over the simulated `libnvidia-ml.so.1`, whose driver side was written from NVIDIA's
//! guide and listings of real boards, without the planner.

use gpu_core::apply::{Left, Step, apply};
use gpu_core::plan::{Request, Wanted};
use gpu_core::{
    Backend, BoardState, DeviceId, Fingerprint, Inner, PartitionId, Partitioner, Refusal, UnitId,
};
use gpu_sim::{Fault, Machine, MigSpec, Silicon};

#[path = "common/installed.rs"]
mod installed;
use installed::Installed;

/// Eight H100, nothing running, MIG on for the first.
fn idle() -> Machine {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    machine.workloads.clear();
    machine.set_mig_mode(0, true).unwrap();
    machine
}

/// A backend, its first device, and what keeps the library's folder.
struct Bench {
    installed: Installed,
    backend: Box<dyn Backend>,
    device: DeviceId,
}

impl Bench {
    fn new(machine: &Machine) -> Self {
        let installed = Installed::new(machine);
        std::fs::write(installed.folder().join("state.json"), "").unwrap();
        std::fs::write(installed.folder().join("control.json"), "{}").unwrap();
        let backend = installed.backend();
        let device = backend.inventory().unwrap().devices[0].id;
        Self { installed, backend, device }
    }

    fn partitioner(&self) -> &dyn Partitioner {
        self.backend.partitioner().unwrap()
    }

    fn board(&self) -> BoardState {
        self.partitioner().board(self.device).unwrap()
    }

    fn wanted(&self, names: &[&str]) -> Wanted {
        self.board().geometry.wanted(names.iter().copied()).unwrap()
    }

    fn apply(&self, names: &[&str]) -> Vec<(String, u32, u32)> {
        let board = self.board();
        let request = Request::exactly(self.wanted(names));
        let plan = board.geometry.plan(&board.layout, &request).unwrap();
        let done = apply(self.partitioner(), self.device, &plan, &Inner::Whole).unwrap();
        layout(&done.state)
    }

    /// What the machine behind the library has: the truth, which nothing here wrote.
    fn truth(&self) -> MigSpec {
        let text = std::fs::read_to_string(self.installed.folder().join("state.json")).unwrap();
        mig(&Machine::from_json(&text).unwrap()).clone()
    }

    /// Adds faults to the machine behind the library.
    fn break_it(&self, faults: &str) {
        let next = self.installed.folder().join("control.next");
        std::fs::write(&next, format!(r#"{{"faults": [{faults}]}}"#)).unwrap();
        std::fs::rename(next, self.installed.folder().join("control.json")).unwrap();
    }
}

fn mig(machine: &Machine) -> &MigSpec {
    let Silicon::Nvidia(nvidia) = &machine.gpus[0].silicon else { panic!("an NVIDIA GPU") };
    nvidia.mig.as_ref().unwrap()
}

fn layout(state: &BoardState) -> Vec<(String, u32, u32)> {
    let parts = state.device.partitions().map(|part| {
        let place = part.placement.value().unwrap();
        (part.profile.to_string(), place.start, place.size)
    });
    let mut parts: Vec<_> = parts.collect();
    parts.sort_by_key(|part| part.1);
    parts
}

fn named(part: (&str, u32, u32)) -> (String, u32, u32) {
    (part.0.to_owned(), part.1, part.2)
}

#[test]
fn the_geometry_is_the_drivers() {
    let bench = Bench::new(&idle());
    let told = bench.board().geometry;
    let table = gpu_nvidia_mig::Board::named("h100-80").unwrap().geometry().unwrap();
    assert_eq!((told.kind(), told.slots()), ("h100-80", 8));
    for profile in table.profiles() {
        let other = told.named(profile.name()).unwrap_or_else(|| panic!("{}", profile.name()));
        assert_eq!(other.places().collect::<Vec<_>>(), profile.places().collect::<Vec<_>>());
        assert_eq!((other.key(), other.maximum()), (profile.key(), profile.maximum()));
    }
    assert_eq!(told.profiles().len(), table.profiles().len());
    assert_eq!(told.dimensions(), table.dimensions());
}

/// What stays is not touched, what is made is told with its names and life, and the machine
/// behind the library has exactly that.
#[test]
fn a_plan_changes_only_what_it_must() {
    let bench = Bench::new(&idle());
    let first = bench.apply(&["3g.40gb", "2g.20gb", "1g.10gb"]);
    assert_eq!(first, [("2g.20gb", 0, 2), ("1g.10gb", 2, 1), ("3g.40gb", 4, 4)].map(named));
    let before = bench.board();
    let kept = before.device.partitions().find(|part| part.profile.to_string() == "3g.40gb").unwrap().clone();
    let request = Request::exactly(bench.wanted(&["3g.40gb", "1g.10gb", "1g.10gb", "1g.10gb"]));
    let plan = before.geometry.plan(&before.layout, &request).unwrap();
    assert_eq!((plan.keep.len(), plan.destroy.len(), plan.create.len()), (2, 1, 2));
    let done = apply(bench.partitioner(), bench.device, &plan, &Inner::Whole).unwrap();
    let after = done.state.device.partitions().find(|part| part.id == kept.id).unwrap();
    assert_eq!((after.incarnation, &after.vendor_name), (kept.incarnation, &kept.vendor_name));
    assert_eq!(done.destroyed.len(), 1);
    let outer: Vec<_> = done.made.iter().filter(|made| made.id.parent().is_none()).collect();
    assert_eq!(outer.len(), 2);
    assert!(
        done.made
            .iter()
            .filter(|made| made.id.parent().is_some())
            .all(|made| { made.vendor_name.as_ref().is_some_and(|name| name.starts_with("MIG-")) })
    );
    let truth = bench.truth();
    assert_eq!(truth.instances.len(), 4);
    assert!(truth.instances.iter().all(|instance| instance.compute_instances.len() == 1));
}

/// The place of an instance that was destroyed is cut anew: the UUID comes back, the life does not.
#[test]
fn a_life_ends_though_its_name_comes_back() {
    let bench = Bench::new(&idle());
    bench.apply(&["1g.10gb"]);
    let before = bench.board();
    let old = before.device.partitions().next().unwrap().clone();
    let gone = bench.partitioner().destroy(old.id, before.fingerprint()).unwrap();
    assert!(gone.state.device.partitions.is_empty());
    let plan =
        gone.state.geometry.plan(&gone.state.layout, &Request::add(bench.wanted(&["1g.10gb"]))).unwrap();
    let done = apply(bench.partitioner(), bench.device, &plan, &Inner::Whole).unwrap();
    let new = done.state.device.partitions().next().unwrap();
    assert_eq!((new.id, &new.vendor_name), (old.id, &old.vendor_name));
    assert_ne!(new.incarnation, old.incarnation);
}

#[test]
fn compute_instances_share_a_gpu_instance() {
    let bench = Bench::new(&idle());
    let board = bench.board();
    let plan = board.geometry.plan(&board.layout, &Request::add(bench.wanted(&["3g.40gb"]))).unwrap();
    let done = apply(bench.partitioner(), bench.device, &plan, &Inner::Slices(vec![1])).unwrap();
    let outer = done.made[0].id;
    let partitioner = bench.partitioner();
    let more = partitioner.create_inner(outer, done.state.fingerprint(), 2).unwrap();
    assert_eq!(more.made[0].profile, "2c.3g.40gb");
    let full = partitioner.create_inner(outer, more.state.fingerprint(), 1).unwrap_err();
    assert!(matches!(full, Refusal::NoRoom { .. }), "{full}");
    let four = partitioner.create_inner(outer, more.state.fingerprint(), 4).unwrap_err();
    assert!(matches!(four, Refusal::Invalid { .. }), "{four}");
    let inner = more.made[0].id;
    let less = partitioner.destroy(inner, more.state.fingerprint()).unwrap();
    assert_eq!(less.state.device.all_partitions().count(), 2);
    let none = partitioner.destroy(outer, less.state.fingerprint()).unwrap();
    assert!(none.state.device.partitions.is_empty());
}

#[test]
fn who_works_on_an_old_state_is_refused() {
    let bench = Bench::new(&idle());
    let board = bench.board();
    let plan = board.geometry.plan(&board.layout, &Request::add(bench.wanted(&["1g.10gb"]))).unwrap();
    bench.apply(&["4g.40gb"]);
    let refused = apply(bench.partitioner(), bench.device, &plan, &Inner::Whole).unwrap_err();
    assert_eq!((refused.refusal.kind(), &refused.left), ("stale", &Left::Untouched));
    for refused in [
        bench.partitioner().create(bench.device, Fingerprint(1), &plan.create[0], &Inner::Whole).unwrap_err(),
        bench.partitioner().set_mode(bench.device, Fingerprint(1), "mig", "disabled").unwrap_err(),
    ] {
        assert_eq!(refused.kind(), "stale");
    }
    assert_eq!(bench.truth().instances.len(), 1);
}

/// Nobody is thrown out: neither by a plan, which does not move them, nor by hand.
#[test]
fn who_is_in_use_stays_and_is_named() {
    let bench = Bench::new(&Machine::preset("mixed").unwrap());
    let board = bench.board();
    let serving = board.device.partitions().find(|part| part.profile.to_string() == "3g.40gb").unwrap().id;
    let refused = bench.partitioner().destroy(serving, board.fingerprint()).unwrap_err();
    let Refusal::InUse { unit, by } = &refused else { panic!("{refused}") };
    assert_eq!((*unit, by.len(), by[0].pid.0), (UnitId::Partition(serving), 1, 9001));
    assert!(refused.to_string().ends_with("in use by process 9001"), "{refused}");
    let request = Request::exactly(bench.wanted(&["7g.80gb"])).moving();
    let infeasible = board.geometry.plan(&board.layout, &request).unwrap_err();
    assert!(infeasible.to_string().contains("pinned"), "{infeasible}");
    let refused =
        bench.partitioner().set_mode(bench.device, board.fingerprint(), "mig", "disabled").unwrap_err();
    assert_eq!(refused.kind(), "in_use");
    assert_eq!(bench.backend.inventory().unwrap().devices[0].fingerprint(), board.fingerprint());
}

fn code(function: &str, code: u32) -> String {
    format!(r#"{{"return_code": {{"function": "{function}", "code": {code}, "gpu": 0}}}}"#)
}

/// The second of two instances cannot be filled: both are taken back, and what had been destroyed
/// for them is there again.
#[test]
fn a_failure_in_the_middle_is_undone() {
    let bench = Bench::new(&idle());
    bench.apply(&["2g.20gb", "2g.20gb"]);
    let before = layout(&bench.board());
    let board = bench.board();
    let request = Request::exactly(bench.wanted(&["4g.40gb", "3g.40gb"]));
    let plan = board.geometry.plan(&board.layout, &request).unwrap();
    assert_eq!(plan.destroy.len(), 2);
    // Instances can be made, but not the places of the second plan's first one.
    bench.break_it(&code("nvmlDeviceCreateGpuInstanceWithPlacement", 23));
    let failed = apply(bench.partitioner(), bench.device, &plan, &Inner::Whole).unwrap_err();
    assert!(matches!(failed.step, Step::Create(_)), "{failed}");
    let Left::Half { state: Ok(state), because } = &failed.left else { panic!("{failed}") };
    assert!(matches!(**because, Refusal::NoRoom { .. }), "nothing can be made, not even what was there");
    assert!(state.device.partitions.is_empty());
    assert!(failed.to_string().contains("the board now has nothing"), "{failed}");
    // Once the driver makes instances again, but not what lies in the large one.
    bench.break_it("");
    assert_eq!(bench.apply(&["2g.20gb", "2g.20gb"]), before);
    let board = bench.board();
    let plan = board.geometry.plan(&board.layout, &request).unwrap();
    let failed = apply(bench.partitioner(), bench.device, &plan, &Inner::Slices(vec![4])).unwrap_err();
    assert!(matches!(&failed.step, Step::Create(new) if new.name == "3g.40gb"), "{failed}");
    let Left::Undone(state) = &failed.left else { panic!("{failed}") };
    assert_eq!(layout(state), before);
    assert!(state.device.partitions().all(|part| part.partitions.len() == 1));
    assert_eq!(bench.truth().instances.len(), 2);
}

#[test]
fn an_instance_that_cannot_be_filled_is_not_left() {
    let bench = Bench::new(&idle());
    let board = bench.board();
    let plan = board.geometry.plan(&board.layout, &Request::add(bench.wanted(&["1g.10gb"]))).unwrap();
    bench.break_it(&code("nvmlGpuInstanceCreateComputeInstance", 999));
    let failed = apply(bench.partitioner(), bench.device, &plan, &Inner::Whole).unwrap_err();
    assert_eq!(failed.left, Left::Untouched, "{failed}");
    assert!(bench.truth().instances.is_empty());
    // And where it cannot be taken back either, that is said.
    let faults = [code("nvmlGpuInstanceCreateComputeInstance", 999), code("nvmlGpuInstanceDestroy", 999)];
    bench.break_it(&faults.join(","));
    let failed = apply(bench.partitioner(), bench.device, &plan, &Inner::Whole).unwrap_err();
    assert!(failed.refusal.to_string().contains("is left without what should be in it"), "{failed}");
    assert_eq!(bench.truth().instances.len(), 1);
}

#[test]
fn privilege_is_asked_for_by_name() {
    let mut machine = idle();
    machine.faults.push(Fault::Unprivileged);
    let bench = Bench::new(&machine);
    let refused = bench.partitioner().board(bench.device).unwrap_err();
    assert!(matches!(refused, Refusal::NotPermitted { .. }), "{refused}");
    let on = bench.backend.inventory().unwrap().devices[0].fingerprint();
    let refused = bench.partitioner().set_mode(bench.device, on, "mig", "disabled").unwrap_err();
    let needs = "/proc/driver/nvidia/capabilities/mig/config";
    assert!(refused.to_string().contains(needs), "{refused}");
}

#[test]
fn writers_are_kept_apart_by_a_lock() {
    let bench = Bench::new(&idle());
    let folder = bench.installed.folder().join("locks");
    let held = gpu_host::lock::Lock::of(&folder, bench.device).unwrap();
    assert!(matches!(held, gpu_host::lock::Locking::Held(_)));
    let board = bench.board();
    let plan = board.geometry.plan(&board.layout, &Request::add(bench.wanted(&["1g.10gb"]))).unwrap();
    let refused = apply(bench.partitioner(), bench.device, &plan, &Inner::Whole).unwrap_err();
    assert_eq!((refused.refusal.kind(), refused.left), ("busy", Left::Untouched));
    drop(held);
    assert!(apply(bench.partitioner(), bench.device, &plan, &Inner::Whole).is_ok());
}

/// Ampere waits for its reset, Hopper switches at once; what to do is said.
#[test]
fn modes_say_what_they_wait_for() {
    let idle_h100 = idle();
    let bench = Bench::new(&Machine::preset("dgx-a100-8").unwrap());
    let devices = bench.backend.inventory().unwrap().devices;
    let busy = &devices[2];
    let refused = bench.partitioner().board(busy.id).unwrap_err();
    assert!(refused.to_string().contains("MIG mode is off"), "{refused}");
    let change = bench.partitioner().set_mode(busy.id, busy.fingerprint(), "mig", "enabled").unwrap();
    assert_eq!(change.awaits, Some("a reset of the GPU, once nothing runs on it"));
    assert!(change.notes.iter().any(|note| note.contains("minors")), "{:?}", change.notes);
    let idle = &devices[3];
    let change = bench.partitioner().set_mode(idle.id, idle.fingerprint(), "mig", "enabled").unwrap();
    assert_eq!(change.awaits, None);
    assert!(bench.partitioner().board(idle.id).is_ok());
    let on = change.device.fingerprint();
    for (mode, value) in [("mig", "on"), ("compute_partition", "CPX")] {
        let refused = bench.partitioner().set_mode(idle.id, on, mode, value).unwrap_err();
        assert!(matches!(refused, Refusal::Invalid { .. }), "{refused}");
    }
    let hopper = Bench::new(&idle_h100);
    let board = &hopper.backend.inventory().unwrap().devices[1];
    let change = hopper.partitioner().set_mode(board.id, board.fingerprint(), "mig", "enabled").unwrap();
    assert_eq!(change.awaits, None);
    assert!(change.notes.iter().any(|note| note.contains("forgotten")), "{:?}", change.notes);
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let bench = Bench::new(&idle());
    let on = bench.board().fingerprint();
    let stranger: PartitionId = format!("{}/gi:9", bench.device).parse().unwrap();
    let refused = bench.partitioner().destroy(stranger, on).unwrap_err();
    assert!(matches!(refused, Refusal::UnknownUnit { .. }), "{refused}");
    let other: DeviceId = "nvidia:uuid:00000000-0000-4000-8000-000000000000".parse().unwrap();
    assert!(matches!(bench.partitioner().board(other), Err(Refusal::UnknownUnit { .. })));
    let none = Bench::new(&Machine::preset("l40s-4").unwrap());
    let refused = none.partitioner().board(none.device).unwrap_err();
    assert!(matches!(refused, Refusal::NotSupported { .. }), "{refused}");
}
