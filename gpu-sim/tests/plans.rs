//! Every plan of the planner, carried out on the simulated driver, which was written without it.
//!
//! All of them: `cargo test --release -p gpu-sim --test plans -- --ignored` (a minute or two).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gpu_core::plan::{Geometry, Layout, Live, ProfileKey, Request, Wanted};
use gpu_core::{Fingerprint, Placement};
use gpu_nvidia_mig::Board;
use gpu_sim::{Machine, MigProfile, MigRefusal, MigSpec, Silicon};

/// Profile index and first slot of every instance, in order.
type Cut = Vec<(u32, u32)>;

fn machine(preset: &str) -> Machine {
    let mut machine = Machine::preset(preset).unwrap();
    machine.workloads.clear();
    machine.links.clear();
    machine.gpus.truncate(1);
    if let Silicon::Nvidia(nvidia) = &mut machine.gpus[0].silicon {
        nvidia.mig.as_mut().unwrap().instances.clear();
    }
    machine.set_mig_mode(0, true).unwrap();
    machine
}

fn mig(machine: &Machine) -> &MigSpec {
    let Silicon::Nvidia(nvidia) = &machine.gpus[0].silicon else { panic!("an NVIDIA GPU") };
    nvidia.mig.as_ref().unwrap()
}

fn cut(machine: &Machine) -> Cut {
    let mig = mig(machine);
    let index = |name: &str| mig.profiles.iter().find(|profile| profile.name == name).unwrap().index;
    let mut cut: Cut = mig.instances.iter().map(|of| (index(&of.profile), of.start)).collect();
    cut.sort_unstable();
    cut
}

/// Every way in which the driver lets the board be cut, by trying everything everywhere.
fn reachable(empty: &Machine) -> BTreeMap<Cut, Machine> {
    let profiles: Vec<MigProfile> = mig(empty).profiles.clone();
    let mut found = BTreeMap::from([(Vec::new(), empty.clone())]);
    let mut open = VecDeque::from([empty.clone()]);
    while let Some(from) = open.pop_front() {
        for profile in &profiles {
            for start in &profile.starts {
                let mut next = from.clone();
                match next.create_gpu_instance(0, profile.id, Some(*start)) {
                    Ok(_) => {
                        if found.insert(cut(&next), next.clone()).is_none() {
                            open.push_back(next);
                        }
                    }
                    Err(refused) => assert_eq!(refused, MigRefusal::InsufficientResources),
                }
            }
        }
    }
    found
}

struct Campaign {
    geometry: Geometry,
    ids: BTreeMap<u32, u32>,
    sizes: BTreeMap<u32, u32>,
}

impl Campaign {
    fn layout(&self, machine: &Machine) -> Layout {
        let live = mig(machine).instances.iter().map(|of| {
            let profile = mig(machine).profiles.iter().find(|profile| profile.name == of.profile).unwrap();
            let placement = Placement { start: of.start, size: self.sizes[&profile.index] };
            Live::new(ProfileKey(profile.index), placement, of.id)
        });
        Layout::new(Fingerprint(0), live.collect())
    }

    /// Carries out the plan for a request, if there is one, and checks what comes of it.
    fn run(&self, machine: &Machine, wanted: &Wanted, moving: bool) -> bool {
        let request = Request::exactly(wanted.clone());
        let request = if moving { request.moving() } else { request };
        let Ok(plan) = self.geometry.plan(&self.layout(machine), &request) else { return false };
        let mut machine = machine.clone();
        for live in &plan.destroy {
            machine.destroy_gpu_instance(0, live.tag).unwrap();
        }
        for new in &plan.create {
            let told = machine.create_gpu_instance(0, self.ids[&new.profile.0], Some(new.placement.start));
            assert!(told.is_ok(), "{plan:?}: {} at {}: {told:?}", new.name, new.placement);
        }
        let result: Wanted = cut(&machine).into_iter().map(|(index, _)| ProfileKey(index)).collect();
        assert_eq!(result, *wanted, "{plan:?}");
        true
    }
}

/// Runs every `step`th pair of a live layout and a wanted multiset; says how many layouts there
/// are, and how many plans were carried out.
fn campaign(preset: &str, board: &str, step: usize) -> (usize, usize) {
    let empty = machine(preset);
    let layouts = reachable(&empty);
    let profiles = &mig(&empty).profiles;
    let campaign = Campaign {
        geometry: Board::named(board).unwrap().geometry().unwrap(),
        ids: profiles.iter().map(|of| (of.index, of.id)).collect(),
        sizes: profiles.iter().map(|of| (of.index, of.size)).collect(),
    };
    let wanted: BTreeSet<Wanted> =
        layouts.keys().map(|cut| cut.iter().map(|(index, _)| ProfileKey(*index)).collect()).collect();
    let pairs = layouts.values().flat_map(|machine| wanted.iter().map(move |wanted| (machine, wanted)));
    let mut done = 0;
    for (machine, wanted) in pairs.step_by(step) {
        // What the driver can hold at all can be reached by moving what is there.
        assert!(campaign.run(machine, wanted, true), "{:?} to {wanted:?}", cut(machine));
        done += 1 + usize::from(campaign.run(machine, wanted, false));
    }
    (layouts.len(), done)
}

/// Layouts by the driver's rules are as many as the planner's witness counts by the geometry's.
#[test]
fn some_plans_are_taken_by_the_driver() {
    let (layouts, done) = campaign("hgx-h100-8", "h100-80", 997);
    assert_eq!(layouts, 2319);
    assert!(done > 500, "{done}");
    let (layouts, done) = campaign("rtx-pro-6000-2", "rtx-pro-6000", 211);
    assert_eq!(layouts, 717);
    assert!(done > 500, "{done}");
}

#[test]
#[ignore = "long: for a release build, by the command at the head of this file"]
fn all_plans_are_taken_by_the_driver() {
    for (preset, board) in [
        ("hgx-h100-8", "h100-80"),
        ("dgx-a100-8", "a100-40"),
        ("b200-8", "b200-180"),
        ("rtx-pro-6000-2", "rtx-pro-6000"),
    ] {
        let (layouts, done) = campaign(preset, board, 1);
        println!("{board}: {layouts} layouts, {done} plans carried out");
    }
}
