//! Watching a node: looks that follow each other, what an embedder knows, what changes in between.

use std::sync::atomic::{AtomicUsize, Ordering};

use gpu_accounting::attribution::{Engine, Holder, Standing};
use gpu_accounting::{
    Absence, BootTime, ContainerFacts, ContainerReader, Error, Evidence, EvidenceSource, Inventory,
    KernelMemory, Nanoseconds, Node, Owner, Permille, Pid, Strength, UnitId, cgroup,
};
use gpu_sim::{Machine, Silicon, World};

const SECOND: u64 = 1_000_000_000;

fn world(preset: &str) -> World {
    World::new(Machine::preset(preset).unwrap())
}

fn docker(digit: char) -> String {
    format!("/docker/{}", digit.to_string().repeat(64))
}

fn owner(cgroup: &str) -> Owner {
    cgroup::owner(&format!("0::{cgroup}\n"))
}

/// A container that starts between two looks is there in the next, and one that ends is gone: with
/// what the driver remembers of it, once, under its owner.
#[test]
fn containers_come_and_go() {
    let world = world("l40s-4");
    world.change(|machine| {
        let Silicon::Nvidia(nvidia) = &mut machine.gpus[0].silicon else { unreachable!() };
        nvidia.accounting = true;
        machine.workloads.truncate(2);
        let now = machine.started_at;
        machine.workloads[0].cgroup = docker('a');
        machine.workloads[0].ends = Some(BootTime(now.0 + 5 * SECOND));
        machine.workloads[1].cgroup = docker('b');
        machine.workloads[1].starts = BootTime(now.0 + SECOND);
    });
    let node = Node::builder().machine(world.host()).build();
    let mut watch = node.watch();
    let ids = |attribution: &gpu_accounting::attribution::Attribution| -> String {
        attribution
            .by_container()
            .map(|(container, _)| &container.id.as_str()[..1])
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(ids(&watch.look()), "a");
    world.clock().advance(Nanoseconds(2 * SECOND));
    let second = watch.look();
    assert_eq!(ids(&second), "ab");
    let used = second.lines[0].engine(Engine::Shader).unwrap();
    let share = Permille(world.machine().workloads[0].uses[0].busy.steps[0].1);
    assert_eq!((used.share, used.covered), (share, Ok(Nanoseconds(2 * SECOND))));
    assert_eq!(second.ended, []);
    world.clock().advance(Nanoseconds(4 * SECOND));
    let third = watch.look();
    assert_eq!(ids(&third), "b");
    let [ended] = &third.ended[..] else { panic!("{:?}", third.ended) };
    assert_eq!(ended.holder, Holder::Owner(owner(&docker('a'))));
    // All of its life, but for the two seconds that were in a line.
    let lasted = world.machine().started_at.0 + 5 * SECOND - world.machine().workloads[0].starts.0;
    let of = |span: u64| Nanoseconds(span * share.get() / 1000);
    assert_eq!((ended.time, ended.unseen), (Ok(of(lasted)), Ok(of(lasted - 2 * SECOND))));
    assert_eq!(watch.look().ended, []);
}

/// What a container was given is forgotten with it, and read anew when it comes again.
#[test]
fn what_was_given_goes_with_the_container() {
    let world = world("l40s-4");
    world.change(|machine| {
        machine.workloads.truncate(1);
        machine.workloads[0].cgroup = docker('a');
    });
    let node = Node::builder().machine(world.host()).build();
    let mut watch = node.watch();
    assert_eq!(watch.look().lines.len(), 1);
    world.change(|machine| {
        machine.workloads[0].pid = gpu_accounting::Pid(7777);
        machine.workloads[0].uses[0].gpu = 2;
    });
    let attribution = watch.look();
    assert_eq!(watch.facts(&owner(&docker('a'))).unwrap().pid, gpu_accounting::Pid(7777));
    assert_eq!(attribution.contradictions, [], "it was given another GPU than in its last life");
    world.change(|machine| machine.workloads.clear());
    assert_eq!(watch.look().contradictions, []);
    assert!(watch.facts(&owner(&docker('a'))).is_none());
}

/// Reads of a container nothing at first: it is being made.
#[derive(Debug)]
struct Early {
    world: World,
    reads: AtomicUsize,
}

impl ContainerReader for Early {
    fn containers(&self) -> Result<Vec<(Owner, Pid)>, Error> {
        Ok(Vec::new())
    }

    fn is_current(&self, _: &Owner, _: Pid) -> bool {
        true
    }

    fn facts(&self, owner: &Owner, pid: Pid) -> ContainerFacts {
        let is_first = self.reads.fetch_add(1, Ordering::Relaxed) == 0;
        let told = self.world.container_facts().into_iter().find(|facts| facts.owner == *owner);
        told.filter(|_| !is_first).unwrap_or_else(|| ContainerFacts::new(owner.clone(), pid))
    }

    fn kernel_memory(&self, _: &Inventory) -> Result<Vec<KernelMemory>, Absence> {
        Err(Absence::NotSupported { why: "not in this test" })
    }
}

/// A container that was read while it was being made is read once more, and not at every look.
#[test]
fn a_container_that_is_being_made_is_read_again() {
    let world = world("l40s-4");
    world.change(|machine| {
        machine.workloads.truncate(1);
        machine.workloads[0].cgroup = docker('a');
    });
    let reader = Early { world: world.clone(), reads: AtomicUsize::new(0) };
    let node = Node::builder().machine(world.host().containers(reader)).build();
    let mut watch = node.watch();
    // The first look reads all that there are: none. The second finds it by its process.
    watch.look();
    assert_eq!(watch.look().lines[0].standing, Standing::Unknown);
    for _ in 0..3 {
        let seen = watch.look().lines[0].standing;
        assert!(matches!(seen, Standing::Entitled { .. }), "{seen:?}");
    }
}

/// What an embedder knows counts beside what the machine shows, until it says otherwise.
#[test]
fn an_embedder_hands_in_what_it_knows() {
    let world = world("l40s-4");
    world.change(|machine| machine.workloads[0].cgroup = docker('a'));
    let node = Node::builder().machine(world.host()).build();
    let mut watch = node.watch();
    let standing = |attribution: gpu_accounting::attribution::Attribution| attribution.lines[0].standing;
    let seen = standing(watch.look());
    assert!(matches!(seen, Standing::Entitled { source: EvidenceSource::DeviceFiles, .. }), "{seen:?}");
    let other = UnitId::from(watch.inventory().devices[3].id);
    let known = Evidence::new(owner(&docker('a')), other, EvidenceSource::Embedder, Strength::Declared);
    watch.know(vec![known.clone()]);
    let attribution = watch.look();
    assert!(watch.evidence().unwrap().evidence.contains(&known));
    let odd: Vec<UnitId> = attribution.contradictions.iter().map(|of| of.unit).collect();
    assert!(odd.contains(&other), "it is not used, and not reached: {odd:?}");
    watch.know(Vec::new());
    assert_eq!(watch.look().contradictions, []);
    assert!(watch.facts(&owner(&docker('a'))).is_some_and(|facts| facts.device_files.value().is_some()));
}

/// A board that is cut anew between two looks: processes stand on what there is now.
#[test]
fn a_board_that_is_cut_anew() {
    let world = world("mixed");
    let node = Node::builder().machine(world.host()).build();
    let mut watch = node.watch();
    let before = watch.look();
    assert!(before.lines[0].unit.to_string().ends_with("/gi:1/ci:0"));
    world.change(|machine| {
        let Silicon::Nvidia(nvidia) = &mut machine.gpus[0].silicon else { unreachable!() };
        nvidia.mig.as_mut().unwrap().enabled = false;
        for workload in &mut machine.workloads[..2] {
            workload.uses[0].part = gpu_sim::Part::Whole;
        }
    });
    let after = watch.look();
    assert!(matches!(after.lines[0].unit, UnitId::Device(_)), "{}", after.lines[0].unit);
    assert_eq!(after.balances.len(), watch.inventory().units().count());
}

/// Kernel's account and processes, side by side, and a limit of the kernel's as evidence.
#[test]
fn the_kernels_account_stands_beside() {
    let world = world("mixed");
    let node = Node::builder().machine(world.host()).build();
    let mut watch = node.watch();
    let attribution = watch.look();
    let memory = watch.kernel_memory().unwrap();
    assert_eq!(memory.len(), 1, "{memory:?}");
    let [compared] = &attribution.memory_accounts[..] else { panic!("{:?}", attribution.memory_accounts) };
    assert_eq!((compared.kernel, compared.processes), (Some(memory[0].current), Some(memory[0].current)));
}
