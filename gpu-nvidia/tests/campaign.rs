//! Random changes of MIG over the simulated `libnvidia-ml.so.1`: plans, instances by hand, modes,
//! calls that fail, and a second actor who changes the board without asking. After each, what the
//! inventory shows is what the machine behind the library has; nothing is leaked or forgotten.
//!
//! The long run, with its result in BENCHMARKS.md:
//! `GPU_ACCOUNTING_CAMPAIGN=100000 cargo test --release -p gpu-nvidia --test campaign -- --ignored`

use std::collections::BTreeSet;
use std::path::PathBuf;

use gpu_core::apply::{Left, apply};
use gpu_core::plan::{New, PlanError, Request, Wanted};
use gpu_core::{Backend, BoardState, Device, Fingerprint, Inner, Refusal};
use gpu_sim::{Machine, MigSpec, Silicon};

#[path = "common/installed.rs"]
mod installed;
use installed::Installed;

/// A generator of numbers (xorshift64*): the same from the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.roll()).unwrap() % n.max(1)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// What one instance is: id, profile, first slot, slices of the compute instances in it.
type Instance = (u32, String, u32, Vec<u32>);

struct Campaign {
    dice: Dice,
    backend: Box<dyn Backend>,
    installed: Installed,
    control: u32,
    /// How often something was refused or done, by its kind: a campaign that meets nothing is
    /// none.
    met: BTreeSet<String>,
}

impl Campaign {
    fn new(board: usize, seed: u64) -> Self {
        let name = ["hgx-h100-8", "dgx-a100-8", "rtx-pro-6000-2", "b200-8"][board];
        let mut machine = Machine::preset(name).unwrap();
        machine.workloads.clear();
        machine.gpus.truncate(1);
        machine.links.clear();
        if let Silicon::Nvidia(nvidia) = &mut machine.gpus[0].silicon {
            nvidia.mig.as_mut().unwrap().instances.clear();
        }
        machine.set_mig_mode(0, true).unwrap();
        let installed = Installed::new(&machine);
        std::fs::write(installed.folder().join("state.json"), machine.to_json()).unwrap();
        std::fs::write(installed.folder().join("control.json"), "{}").unwrap();
        let backend = installed.backend();
        let dice = Dice(seed * 2 + 1);
        Self { dice, backend, installed, control: 0, met: BTreeSet::new() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.installed.folder().join(name)
    }

    fn truth(&self) -> Machine {
        Machine::from_json(&std::fs::read_to_string(self.file("state.json")).unwrap()).unwrap()
    }

    /// The next calls of these functions fail.
    fn break_it(&mut self, faults: &[(&str, u32)]) {
        self.control += 1;
        let fault = |(function, code): &(&str, u32)| {
            format!(r#"{{"return_code": {{"function": "{function}", "code": {code}}}}}"#)
        };
        let faults: Vec<String> = faults.iter().map(fault).collect();
        let text =
            format!(r#"{{"faults": [{}]{}}}"#, faults.join(","), " ".repeat(self.control as usize % 512));
        std::fs::write(self.file("control.next"), text).unwrap();
        std::fs::rename(self.file("control.next"), self.file("control.json")).unwrap();
    }

    /// Somebody else changes the board, as `nvidia-smi` would.
    fn second_actor(&mut self) -> bool {
        let mut machine = self.truth();
        let instances = instances(&machine);
        let changed = if self.dice.below(2) == 0 && !instances.is_empty() {
            let id = self.dice.pick(&instances).0;
            for inside in 0..8 {
                // Not all of these numbers are there.
                let _ = machine.destroy_compute_instance(0, id, inside);
            }
            machine.destroy_gpu_instance(0, id).is_ok()
        } else {
            let profiles: Vec<(u32, u32)> =
                mig(&machine).profiles.iter().map(|of| (of.id, of.slices)).collect();
            let (profile, slices) = *self.dice.pick(&profiles);
            let made = machine.create_gpu_instance(0, profile, None);
            made.is_ok_and(|id| machine.create_compute_instance(0, id, slices, None).is_ok())
        };
        std::fs::write(self.file("other"), machine.to_json()).unwrap();
        std::fs::rename(self.file("other"), self.file("state.json")).unwrap();
        changed
    }

    fn board(&self) -> Result<BoardState, Refusal> {
        let device = self.backend.inventory().unwrap().devices[0].id;
        self.backend.partitioner().unwrap().board(device)
    }

    /// The inventory against the machine behind the library.
    fn check(&mut self, after: &str) {
        let inventory = self.backend.inventory().unwrap();
        let told = shown(&inventory.devices[0]);
        let truth = self.truth();
        let truth = if mig(&truth).enabled { instances(&truth) } else { Vec::new() };
        assert_eq!(told, truth, "after {after}");
    }

    fn step(&mut self) {
        let what = match self.dice.below(10) {
            0..=4 => self.plan(),
            5 => self.by_hand(),
            6 => self.take_down(),
            7 => self.mode(),
            8 => self.two_at_once(),
            _ => self.inner(),
        };
        self.break_it(&[]);
        self.check(&what);
        self.met.insert(what);
    }

    /// A random multiset, planned and carried out, at times with calls that fail on the way.
    fn plan(&mut self) -> String {
        let board = match self.board() {
            Ok(board) => board,
            Err(refused) => return format!("board {}", refused.kind()),
        };
        let keys: Vec<_> = board.geometry.profiles().iter().map(|profile| profile.key()).collect();
        let wanted: Wanted = (0..self.dice.below(8)).map(|_| *self.dice.pick(&keys)).collect();
        let request = match self.dice.below(3) {
            0 => Request::add(wanted),
            1 => Request::exactly(wanted),
            _ => Request::exactly(wanted).moving(),
        };
        let plan = match board.geometry.plan(&board.layout, &request) {
            Ok(plan) => plan,
            Err(PlanError::Infeasible(_)) => return "infeasible".to_owned(),
            Err(other) => panic!("{other}"),
        };
        let functions = [
            "nvmlDeviceCreateGpuInstanceWithPlacement",
            "nvmlGpuInstanceCreateComputeInstance",
            "nvmlGpuInstanceDestroy",
            "nvmlComputeInstanceDestroy",
            "nvmlGpuInstanceGetInfo",
        ];
        let fails = self.dice.below(4) == 0;
        if fails {
            let (function, code) = (*self.dice.pick(&functions), *self.dice.pick(&[4, 19, 23, 999]));
            self.break_it(&[(function, code)]);
        }
        // Two slices do not fit into every instance: such a plan fails on the way.
        let inners =
            [Inner::Whole, Inner::Whole, Inner::Nothing, Inner::Slices(vec![1]), Inner::Slices(vec![2])];
        let inner = self.dice.pick(&inners).clone();
        let fails = fails || inner == Inner::Slices(vec![2]);
        let device = board.device.id;
        let told = apply(self.backend.partitioner().unwrap(), device, &plan, &inner);
        match told {
            Ok(done) => {
                // What a plan says is what there is, unless calls about it fail.
                let result: BTreeSet<_> = plan.result().map(|(_, place)| (place.start, place.size)).collect();
                let there = done.state.device.partitions().filter_map(|part| part.placement.value());
                assert_eq!(there.map(|place| (place.start, place.size)).collect::<BTreeSet<_>>(), result);
                "applied".to_owned()
            }
            Err(failed) => {
                assert!(fails, "a plan on a quiet board fails: {failed}");
                self.break_it(&[]);
                let now = self.board().unwrap();
                match &failed.left {
                    Left::Untouched => assert_eq!(now.fingerprint(), board.fingerprint(), "{failed}"),
                    Left::Undone(state) => {
                        assert_eq!(shown(&state.device), shown(&now.device), "{failed}");
                        assert_eq!(places(&now), places(&board), "{failed}");
                    }
                    Left::Half { .. } => {}
                    _ => panic!("a new sort of remains"),
                }
                format!("failed {} {}", failed.refusal.kind(), left(&failed.left))
            }
        }
    }

    /// An instance by hand, at a place that may be taken.
    fn by_hand(&mut self) -> String {
        let Ok(board) = self.board() else { return "no board".to_owned() };
        let profile = self.dice.pick(board.geometry.profiles()).clone();
        let places: Vec<_> = profile.places().collect();
        let placement = *self.dice.pick(&places);
        let new = New { profile: profile.key(), name: profile.name().to_owned(), placement };
        let partitioner = self.backend.partitioner().unwrap();
        match partitioner.create(board.device.id, board.fingerprint(), &new, &Inner::Whole) {
            Ok(done) => {
                assert_eq!(done.made[0].placement, Some(placement));
                "made".to_owned()
            }
            Err(refused) => format!("not made {}", refused.kind()),
        }
    }

    fn take_down(&mut self) -> String {
        let Ok(board) = self.board() else { return "no board".to_owned() };
        let all: Vec<_> = board.device.all_partitions().map(|part| part.id).collect();
        if all.is_empty() {
            return "nothing to destroy".to_owned();
        }
        let id = *self.dice.pick(&all);
        match self.backend.partitioner().unwrap().destroy(id, board.fingerprint()) {
            Ok(_) => "destroyed".to_owned(),
            Err(refused) => format!("not destroyed {}", refused.kind()),
        }
    }

    fn mode(&mut self) -> String {
        let device = self.backend.inventory().unwrap().devices[0].clone();
        let partitioner = self.backend.partitioner().unwrap();
        let value = *self.dice.pick(&["enabled", "disabled"]);
        let told = partitioner.set_mode(device.id, device.fingerprint(), "mig", value);
        let told =
            told.map_or_else(|refused| refused.kind().to_owned(), |change| format!("{:?}", change.awaits));
        // So that most of the campaign has a board that can be cut.
        let device = self.backend.inventory().unwrap().devices[0].clone();
        let _ =
            self.backend.partitioner().unwrap().set_mode(device.id, device.fingerprint(), "mig", "enabled");
        format!("{value} {told}")
    }

    /// A plan that somebody else overtakes.
    fn two_at_once(&mut self) -> String {
        let Ok(board) = self.board() else { return "no board".to_owned() };
        let Some(name) = board.geometry.profiles().first().map(|profile| profile.name().to_owned()) else {
            return "no profile".to_owned();
        };
        let wanted = board.geometry.wanted([name.as_str()]).unwrap();
        let Ok(plan) = board.geometry.plan(&board.layout, &Request::add(wanted)) else {
            return "no room".to_owned();
        };
        let changed = self.second_actor();
        let told = apply(self.backend.partitioner().unwrap(), board.device.id, &plan, &Inner::Whole);
        match told {
            Ok(_) => assert!(!changed, "a plan on a state that is no more was carried out"),
            Err(failed) => {
                assert!(changed, "{failed}");
                assert_eq!((failed.refusal.kind(), &failed.left), ("stale", &Left::Untouched));
            }
        }
        format!("overtaken: {changed}")
    }

    fn inner(&mut self) -> String {
        let Ok(board) = self.board() else { return "no board".to_owned() };
        let outer: Vec<_> = board.device.partitions().map(|part| part.id).collect();
        if outer.is_empty() {
            return "nothing to fill".to_owned();
        }
        let (parent, slices) = (*self.dice.pick(&outer), *self.dice.pick(&[0, 1, 2, 3, 5, 99]));
        let on = if self.dice.below(8) == 0 { Fingerprint(0) } else { board.fingerprint() };
        match self.backend.partitioner().unwrap().create_inner(parent, on, slices) {
            Ok(_) => "filled".to_owned(),
            Err(refused) => format!("not filled {}", refused.kind()),
        }
    }
}

fn left(left: &Left) -> &'static str {
    match left {
        Left::Untouched => "untouched",
        Left::Undone(_) => "undone",
        _ => "half",
    }
}

fn places(board: &BoardState) -> BTreeSet<(String, u32)> {
    let parts = board.device.partitions();
    parts.map(|part| (part.profile.to_string(), part.placement.value().unwrap().start)).collect()
}

fn mig(machine: &Machine) -> &MigSpec {
    let Silicon::Nvidia(nvidia) = &machine.gpus[0].silicon else { panic!("an NVIDIA GPU") };
    nvidia.mig.as_ref().unwrap()
}

fn instances(machine: &Machine) -> Vec<Instance> {
    let of = mig(machine).instances.iter().map(|instance| {
        let slices = instance.compute_instances.iter().map(|compute| compute.slices).collect();
        (instance.id, instance.profile.clone(), instance.start, slices)
    });
    let mut of: Vec<_> = of.collect();
    of.sort();
    of
}

fn shown(device: &Device) -> Vec<Instance> {
    let of = device.partitions().map(|part| {
        let slices = part.partitions().map(|inner| inner.compute_slices.value().unwrap().0);
        let slices = slices.map(|count| u32::try_from(count).unwrap()).collect();
        (part.id.index(), part.profile.to_string(), part.placement.value().unwrap().start, slices)
    });
    let mut of: Vec<_> = of.collect();
    of.sort();
    of
}

fn run(steps: u64, seeds: std::ops::Range<u64>) {
    let mut met = BTreeSet::new();
    for seed in seeds {
        let mut campaign = Campaign::new(usize::try_from(seed % 4).unwrap(), seed);
        for step in 0..steps {
            let before = campaign.dice.0;
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| campaign.step()));
            assert!(told.is_ok(), "seed {seed}, step {step} (dice at {before:#x})");
        }
        met.extend(campaign.met);
    }
    println!("met: {met:#?}");
    for kind in ["applied", "infeasible", "made", "not made no_room", "destroyed", "overtaken: true"] {
        assert!(met.contains(kind), "no campaign met {kind:?}: {met:?}");
    }
    assert!(met.iter().any(|kind| kind.ends_with("undone")), "{met:?}");
}

#[test]
fn a_short_campaign_leaves_nothing_behind() {
    run(60, 0..8);
}

#[test]
#[ignore = "takes minutes: GPU_ACCOUNTING_CAMPAIGN says how many steps"]
fn a_long_campaign_leaves_nothing_behind() {
    let steps = std::env::var("GPU_ACCOUNTING_CAMPAIGN").ok().and_then(|text| text.parse().ok());
    let steps: u64 = steps.unwrap_or(2_000);
    run(steps / 20, 100..120);
}
