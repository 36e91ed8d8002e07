//! Attribution: whose each use is. Simulated machines as a whole, and looks made by hand for what
//! no machine shows on demand.

use std::collections::BTreeMap;

use gpu_core::attribution::{
    Attribution, Balance, Basis, ContradictionKind, Engine, History, Holder, Look, MpsRule, Role, Rule,
    Standing, attribute,
};
use gpu_core::{
    Absence, BootId, BootTime, Bytes, Count, Device, DeviceNumber, DrmClient, EndedList, EndedProcess,
    EndedReading, EngineCycles, Evidence, EvidenceList, EvidenceSource, Host, Inventory, Measured,
    Nanoseconds, Need, Owner, Permille, Pid, PidView, ProcessKey, ProcessKinds, ProcessName, ProcessReading,
    Query, Sample, Sandbox, Source, Strength, Sweep, SweepRequest, SweptProcess, UnitId, Uuid, cgroup,
};
use gpu_sim::{Machine, World};

const WHY: Absence = Absence::NotSupported { why: "not in this test" };
const SECOND: u64 = 1_000_000_000;

/// A look that is put together by hand.
struct Hand {
    inventory: Inventory,
    sample: Sample,
    sweep: Sweep,
    evidence: Option<EvidenceList>,
    mps: MpsRule,
    now: BootTime,
}

impl Hand {
    /// With the devices of a machine, and nobody on them.
    fn new(preset: &str) -> Self {
        let mut machine = Machine::preset(preset).unwrap();
        machine.workloads.clear();
        let (inventory, sample) = read(&World::new(machine));
        let mut sweep = Sweep::new();
        sweep.pids = PidView::Host;
        Self {
            inventory,
            sample,
            sweep,
            evidence: None,
            mps: MpsRule::KeepApart,
            now: BootTime(100 * SECOND),
        }
    }

    fn device(&self) -> &Device {
        &self.inventory.devices[0]
    }

    fn unit(&self) -> UnitId {
        self.device().id.into()
    }

    /// A process of an owner on the first device; what it shows is for the test to set.
    fn process(&mut self, pid: u32, cgroup: &str) -> &mut ProcessReading {
        let key = ProcessKey { boot: BootId(Uuid([7; 16])), pid: Pid(pid), start: BootTime(u64::from(pid)) };
        let mut swept = SweptProcess::new(key, ProcessName::new(b"test"));
        swept.owner = Ok(cgroup::owner(&format!("0::{cgroup}\n")));
        self.sweep.processes.push(swept);
        self.sweep.processes.sort_by_key(|process| process.key.pid);
        let mut reading = ProcessReading::new(self.unit(), Pid(pid), PidView::Host, WHY);
        reading.start = Ok(key.start);
        reading.name = Ok(ProcessName::new(b"test"));
        self.sample.processes.push(reading);
        self.sample.processes.last_mut().unwrap()
    }

    fn swept(&mut self, pid: u32) -> &mut SweptProcess {
        self.sweep.processes.iter_mut().find(|process| process.key.pid == Pid(pid)).unwrap()
    }

    fn reading(&mut self, pid: u32) -> &mut ProcessReading {
        self.sample.processes.iter_mut().find(|process| process.pid == Pid(pid)).unwrap()
    }

    fn look(&self, history: &mut History) -> Attribution {
        let mut look = Look::new(&self.inventory, &self.sample, &self.sweep).mps(self.mps);
        if let Some(evidence) = &self.evidence {
            look = look.evidence(evidence);
        }
        attribute(&look, history)
    }

    fn busy(&self, permille: u64) -> Result<Measured<Permille>, Absence> {
        Ok(Measured::new(Permille(permille), self.now, Source::Nvml))
    }

    fn time(&self, ns: u64) -> Result<Measured<Nanoseconds>, Absence> {
        Ok(Measured::new(Nanoseconds(ns), self.now, Source::Fdinfo))
    }

    fn bytes(&self, bytes: Bytes, source: Source) -> Result<Measured<Bytes>, Absence> {
        Ok(Measured::new(bytes, self.now, source))
    }
}

fn read(world: &World) -> (Inventory, Sample) {
    let host = Host::from(world);
    let (mut inventory, mut sample) = (Inventory::new(), Sample::new());
    for backend in host.discoveries.iter().filter_map(|of| of.backend.as_ref()) {
        inventory.append(backend.inventory().unwrap());
        backend.sample_into(&Query::everything(), &mut sample).unwrap();
    }
    (inventory, sample)
}

fn docker(digit: char) -> String {
    format!("/docker/{}", digit.to_string().repeat(64))
}

fn owner(cgroup: &str) -> Owner {
    cgroup::owner(&format!("0::{cgroup}\n"))
}

fn adds_up(balance: Balance) {
    let Balance { total, reserved, attributed, unattributed, excess, free, .. } = balance;
    let sum = i128::from(attributed) - i128::from(excess)
        + i128::from(unattributed)
        + i128::from(reserved)
        + i128::from(free);
    assert_eq!(sum, i128::from(total), "{balance:?}");
    assert!(excess == 0 || unattributed == 0, "{balance:?}");
}

/// Every preset, at several times: each process' memory is on exactly one line, and every balance
/// adds up.
#[test]
fn simulated_machines_add_up() {
    for preset in Machine::presets() {
        let world = World::new(Machine::preset(preset).unwrap());
        let host = Host::from(&world);
        let mut history = History::new();
        for _ in 0..3 {
            world.clock().advance(Nanoseconds(SECOND));
            let (inventory, sample) = read(&world);
            let pids: Vec<Pid> = sample.processes.iter().map(|process| process.pid).collect();
            let mut sweep = Sweep::new();
            host.sweeper.sweep_into(&SweepRequest::new(&[], &pids).with_owners(), &mut sweep).unwrap();
            let attribution = attribute(&Look::new(&inventory, &sample, &sweep), &mut history);
            let shown: u64 = sample
                .processes
                .iter()
                .filter_map(|process| process.memory.ok())
                .map(|of| of.value.get())
                .sum();
            let attributed: u64 =
                attribution.lines.iter().filter_map(|line| line.memory.ok()).map(|of| of.value.get()).sum();
            assert_eq!(attributed, shown, "{preset}");
            let processes: usize = attribution.lines.iter().map(|line| line.processes.len()).sum();
            assert_eq!(processes, sample.processes.len(), "{preset}");
            assert_eq!(attribution.balances.len(), inventory.units().count());
            for balance in &attribution.balances {
                [balance.memory, balance.shader].into_iter().filter_map(Result::ok).for_each(adds_up);
            }
            assert!(attribution.lines.iter().all(|line| matches!(line.holder, Holder::Owner(_))), "{preset}");
        }
    }
}

#[test]
fn containers_of_one_pod_and_what_runs_outside_are_kept_apart() {
    let world = World::new(Machine::preset("mixed").unwrap());
    let host = Host::from(&world);
    let (inventory, sample) = read(&world);
    let pids: Vec<Pid> = sample.processes.iter().map(|process| process.pid).collect();
    let mut sweep = Sweep::new();
    host.sweeper.sweep_into(&SweepRequest::new(&[], &pids).with_owners(), &mut sweep).unwrap();
    let attribution = attribute(&Look::new(&inventory, &sample, &sweep), &mut History::new());
    let memory: BTreeMap<String, u64> = attribution
        .by_container()
        .map(|(container, lines)| {
            let memory = lines.iter().map(|line| line.memory.unwrap().value.get() >> 30).sum();
            (container.id.as_str()[..1].to_owned(), memory)
        })
        .collect();
    assert_eq!(
        memory,
        [("a", 31), ("b", 6), ("c", 12), ("d", 9)].map(|(id, gib)| (id.to_owned(), gib)).into()
    );
    let (pod, lines) =
        attribution.by_pod().find(|(_, lines)| lines.len() == 2).expect("a pod of two containers");
    assert_eq!(pod.uid.to_string(), "6f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0");
    assert!(lines.iter().all(|line| line.unit.to_string().contains("/gi:")), "on their instances");
    assert_eq!(attribution.by_job().map(|(job, lines)| (job, lines.len())).collect::<Vec<_>>(), [(4711, 1)]);
    let outside = attribution.lines.iter().find(|line| matches!(line.holder, Holder::Owner(Owner::Unit(_))));
    assert_eq!(outside.unwrap().holder.to_string(), "unit render-farm.service");
}

/// Shares of a GPU in turns, each over the time since the process' own last row.
#[test]
fn shares_of_time_are_of_the_interval_that_each_row_covers() {
    let mut hand = Hand::new("l40s-4");
    let mut history = History::new();
    let busy = hand.busy(300);
    hand.process(1, &docker('a')).busy = busy;
    let busy = hand.busy(200);
    hand.process(2, &docker('a')).busy = busy;
    hand.process(3, &docker('b')).busy = Err(Absence::NotYet);
    let first = hand.look(&mut history);
    let used = first.lines[0].engine(Engine::Shader).unwrap();
    assert_eq!((used.share, used.time), (Permille(500), Err(Absence::NotYet)), "one look has no length");
    assert_eq!(first.lines[1].untold, Some(Absence::NotYet));

    // One row comes after two seconds; the second process has none then, and one a second later, which
    // does not speak of the time in which it had none. The third is idle throughout.
    hand.now = BootTime(102 * SECOND);
    hand.reading(1).busy = Ok(Measured::new(Permille(400), BootTime(102 * SECOND), Source::Nvml));
    hand.reading(2).busy = Err(Absence::NotYet);
    let second = hand.look(&mut history);
    let used = second.lines[0].engine(Engine::Shader).unwrap();
    assert_eq!((used.share, used.missing), (Permille(400), 1));
    assert_eq!((used.time, used.covered), (Ok(Nanoseconds(800_000_000)), Ok(Nanoseconds(2 * SECOND))));
    assert_eq!(used.basis, Basis::Estimated(Source::Nvml));
    hand.reading(1).busy = Err(Absence::NotYet);
    hand.reading(2).busy = Ok(Measured::new(Permille(100), BootTime(103 * SECOND), Source::Nvml));
    let third = hand.look(&mut history);
    let used = third.lines[0].engine(Engine::Shader).unwrap();
    assert_eq!((used.time, used.covered), (Ok(Nanoseconds(100_000_000)), Ok(Nanoseconds(SECOND))));
}

/// Parts that make more than the whole are scaled to it, and the sum before is told.
#[test]
fn shares_beyond_the_whole_are_scaled_to_it() {
    let mut hand = Hand::new("l40s-4");
    for (pid, permille) in [(1, 600), (2, 600), (3, 300)] {
        let busy = hand.busy(permille);
        hand.process(pid, &docker(char::from_digit(pid, 10).unwrap())).busy = busy;
    }
    let attribution = hand.look(&mut History::new());
    let shares: Vec<u64> =
        attribution.lines.iter().map(|line| line.engine(Engine::Shader).unwrap().share.get()).collect();
    assert_eq!(shares, [400, 400, 200]);
    assert!(
        attribution.lines.iter().all(|line| line.engines[0].basis == Basis::Apportioned(Rule::ScaledToWhole))
    );
    let balance = attribution.balance(hand.unit()).unwrap();
    assert_eq!(balance.unscaled_shares, Some(Permille(1500)));
    adds_up(balance.shader.unwrap());
}

#[test]
fn numbers_of_another_namespace_and_of_another_life_are_nobodys() {
    let mut hand = Hand::new("l40s-4");
    for pid in 1..=4 {
        let memory = hand.bytes(Bytes::gib(1), Source::Nvml);
        hand.process(pid, &docker('a')).memory = memory;
    }
    hand.reading(1).pid_view = PidView::Unknown;
    hand.reading(2).start = Ok(BootTime(77));
    hand.sweep.processes.retain(|process| process.key.pid != Pid(3));
    let attribution = hand.look(&mut History::new());
    let holders: Vec<(String, Bytes)> =
        attribution.lines.iter().map(|line| (line.holder.to_string(), line.memory.unwrap().value)).collect();
    let needs = Absence::NotPermitted { needs: Need::HostPids };
    assert_eq!(
        holders,
        [
            ("docker aaaaaaaaaaaa".to_owned(), Bytes::gib(1)),
            (Holder::Unknown(needs).to_string(), Bytes::gib(1)),
            (Holder::Unknown(Absence::Lost).to_string(), Bytes::gib(2)),
        ]
    );
    hand.swept(4).owner = Err(Absence::NotPermitted { needs: Need::Root });
    let attribution = hand.look(&mut History::new());
    assert_eq!(attribution.by_container().count(), 0);
}

/// Managed memory is in the device's used memory and in no process': nobody's, and not free.
#[test]
fn managed_memory_is_nobodys() {
    let mut hand = Hand::new("l40s-4");
    let unit = hand.unit();
    let memory = hand.bytes(Bytes::gib(2), Source::Nvml);
    hand.process(1, &docker('a')).memory = memory;
    let used = hand.bytes(Bytes::gib(30), Source::Nvml);
    let of = hand.sample.units.iter_mut().find(|of| of.unit == unit).unwrap();
    of.reading.memory_used = used;
    let attribution = hand.look(&mut History::new());
    let balance = attribution.balance(unit).unwrap();
    assert_eq!(balance.unattributed_memory(), Ok(Bytes::gib(28)));
    adds_up(balance.memory.unwrap());
}

/// The server's time is its own unless a rule spreads it, and never counted twice.
#[test]
fn an_mps_server_and_its_clients() {
    let mut hand = Hand::new("l40s-4");
    let busy = hand.busy(900);
    let server = hand.process(1, "/system.slice/nvidia-mps.service");
    (server.busy, server.name) = (busy, Ok(ProcessName::new(b"nvidia-cuda-mps-server")));
    for (pid, gib) in [(2, 3), (3, 6)] {
        let memory = hand.bytes(Bytes::gib(gib), Source::Nvml);
        let client = hand.process(pid, &docker(char::from_digit(pid, 10).unwrap()));
        (client.memory, client.kinds) = (memory, ProcessKinds::COMPUTE.and(ProcessKinds::MPS_CLIENT));
    }
    let shares = |hand: &Hand| -> Vec<(Role, Option<(u64, Basis)>)> {
        let attribution = hand.look(&mut History::new());
        let share = |line: &gpu_core::attribution::Line| {
            line.engine(Engine::Shader).map(|of| (of.share.get(), of.basis))
        };
        attribution.lines.iter().map(|line| (line.role, share(line))).collect()
    };
    assert_eq!(
        shares(&hand),
        [
            (Role::Program, None),
            (Role::Program, None),
            (Role::MpsServer, Some((900, Basis::Estimated(Source::Nvml)))),
        ]
    );
    for (rule, named, first, second) in
        [(MpsRule::Equally, Rule::MpsEqually, 450, 450), (MpsRule::ByMemory, Rule::MpsByMemory, 300, 600)]
    {
        hand.mps = rule;
        let by = Basis::Apportioned(named);
        assert_eq!(
            shares(&hand),
            [
                (Role::Program, Some((first, by))),
                (Role::Program, Some((second, by))),
                (Role::MpsServer, Some((0, by))),
            ]
        );
    }
    // A client that the driver tells the time of keeps it.
    let busy = hand.busy(50);
    hand.reading(2).busy = busy;
    hand.mps = MpsRule::Equally;
    assert_eq!(shares(&hand)[0].1, Some((50, Basis::Estimated(Source::Nvml))));
    assert_eq!(shares(&hand)[1].1, Some((900, Basis::Apportioned(Rule::MpsEqually))));
}

#[test]
fn counters_are_counted_from_look_to_look() {
    let mut hand = Hand::new("mi300x-8");
    let mut history = History::new();
    let time = hand.time(5_000_000_000);
    hand.process(1, &docker('a')).graphics_time = time;
    let first = hand.look(&mut history);
    assert_eq!(first.lines[0].untold, Some(Absence::NotYet));
    hand.now = BootTime(104 * SECOND);
    let time = hand.time(6_000_000_000);
    hand.reading(1).graphics_time = time;
    let used = *hand.look(&mut history).lines[0].engine(Engine::Graphics).unwrap();
    assert_eq!((used.share, used.time), (Permille(250), Ok(Nanoseconds(SECOND))));
    assert_eq!((used.covered, used.basis), (Ok(Nanoseconds(4 * SECOND)), Basis::Measured(Source::Fdinfo)));
    // A client was closed and took its counter with it: nothing is made up, and nothing negative.
    hand.now = BootTime(105 * SECOND);
    let time = hand.time(2_000_000_000);
    hand.reading(1).graphics_time = time;
    let third = hand.look(&mut history);
    assert!(third.lines[0].engines.is_empty(), "{:?}", third.lines[0]);
    hand.now = BootTime(106 * SECOND);
    let time = hand.time(2_500_000_000);
    hand.reading(1).graphics_time = time;
    let fourth = *hand.look(&mut history).lines[0].engine(Engine::Graphics).unwrap();
    assert_eq!((fourth.share, fourth.time), (Permille(500), Ok(Nanoseconds(500_000_000))));
    // Another process under the same number starts anew.
    hand.now = BootTime(107 * SECOND);
    let time = hand.time(9_000_000_000);
    let reading = hand.reading(1);
    (reading.graphics_time, reading.start) = (time, Ok(BootTime(99)));
    hand.swept(1).key.start = BootTime(99);
    assert!(hand.look(&mut history).lines[0].engines.is_empty());
}

/// Intel's xe counts cycles of a clock whose rate it does not tell: two looks make time of them.
#[test]
fn cycles_become_time_between_two_looks() {
    let mut hand = Hand::new("b60-2");
    let mut history = History::new();
    let cycles = |hand: &Hand, worked, elapsed| {
        Ok(Measured::new(EngineCycles { worked, elapsed, engines: 2 }, hand.now, Source::Fdinfo))
    };
    let first = cycles(&hand, 1_000, 500_000);
    hand.process(1, &docker('a')).compute_cycles = first;
    hand.look(&mut history);
    hand.now = BootTime(110 * SECOND);
    let second = cycles(&hand, 1_600, 501_000);
    hand.reading(1).compute_cycles = second;
    let used = *hand.look(&mut history).lines[0].engine(Engine::Compute).unwrap();
    assert_eq!((used.time, used.covered), (Ok(Nanoseconds(6 * SECOND)), Ok(Nanoseconds(10 * SECOND))));
    assert_eq!((used.share, used.basis), (Permille(600), Basis::Measured(Source::Fdinfo)));
}

/// On AMD the compute driver counts no time for a process: that it had none is not said.
#[test]
fn work_through_the_compute_driver_is_untold() {
    let mut hand = Hand::new("mi300x-8");
    let mut history = History::new();
    let (none, units) = (hand.time(0), Ok(Measured::new(Count(96), hand.now, Source::Kfd)));
    let process = hand.process(1, &docker('a'));
    (process.compute_time, process.graphics_time, process.occupied_units) = (none, none, units);
    hand.look(&mut history);
    hand.now = BootTime(101 * SECOND);
    let none = hand.time(0);
    let process = hand.reading(1);
    (process.compute_time, process.graphics_time) = (none, none);
    let line = &hand.look(&mut history).lines[0];
    assert!(line.engine(Engine::Compute).is_none());
    assert_eq!(line.engine(Engine::Graphics).unwrap().share, Permille(0));
    assert!(line.untold.unwrap().to_string().contains("compute driver"), "{line:?}");
    assert_eq!(line.occupied_units.unwrap().value, Count(96), "a hint beside, of no length");
}

/// Compute driver and DRM show the same memory twice: never added.
#[test]
fn two_accounts_of_one_memory_are_not_added() {
    let mut hand = Hand::new("mi300x-8");
    let (kfd, drm) = (hand.bytes(Bytes::gib(4), Source::Kfd), hand.bytes(Bytes::gib(5), Source::Fdinfo));
    let process = hand.process(1, &docker('a'));
    (process.memory, process.client_memory) = (kfd, drm);
    hand.process(2, &docker('b')).client_memory = drm;
    let attribution = hand.look(&mut History::new());
    let memory: Vec<(Bytes, Basis)> =
        attribution.lines.iter().map(|line| line.memory.map(|of| (of.value, of.basis)).unwrap()).collect();
    assert_eq!(
        memory,
        [(Bytes::gib(4), Basis::Measured(Source::Kfd)), (Bytes::gib(5), Basis::Measured(Source::Fdinfo)),]
    );
}

#[test]
fn a_client_that_two_containers_hold_is_the_first_ones_and_says_so() {
    let mut hand = Hand::new("mi300x-8");
    let memory = hand.bytes(Bytes::gib(1), Source::Fdinfo);
    hand.process(1, &docker('a')).memory = memory;
    hand.process(2, &docker('b'));
    let mut client = DrmClient::new(DeviceNumber { major: 226, minor: 128 });
    client.also = vec![Pid(2)];
    hand.swept(1).clients.push(client);
    let line = &hand.look(&mut History::new()).lines[0];
    assert_eq!(line.memory.unwrap().basis, Basis::Apportioned(Rule::FirstHolder));
    assert_eq!(line.shared_with, [owner(&docker('b'))]);
    // Of the same container it is nobody else's.
    hand.swept(2).owner = Ok(owner(&docker('a')));
    let line = &hand.look(&mut History::new()).lines[0];
    assert!(line.shared_with.is_empty());
    assert_eq!(line.memory.unwrap().basis, Basis::Measured(Source::Fdinfo));
}

#[test]
fn sandboxes_are_named_as_such() {
    let mut hand = Hand::new("l40s-4");
    hand.process(1, &docker('a'));
    hand.process(2, &docker('a'));
    hand.swept(2).sandbox = Some(Sandbox::Gvisor);
    let roles: Vec<Role> = hand.look(&mut History::new()).lines.iter().map(|line| line.role).collect();
    assert_eq!(roles, [Role::Program, Role::Sandbox(Sandbox::Gvisor)]);
}

#[test]
fn what_was_given_and_what_is_used_are_held_against_each_other() {
    let mut hand = Hand::new("l40s-4");
    let units: Vec<UnitId> = hand.inventory.devices.iter().map(|device| device.id.into()).collect();
    for (pid, digit) in [(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')] {
        hand.process(pid, &docker(digit));
    }
    hand.process(5, "/system.slice/x.service");
    let mut list = EvidenceList::new();
    let mut give = |digit, unit: usize, source, strength| {
        list.give(&owner(&docker(digit)), units[unit], source, strength)
    };
    // a: given what it uses, by both. b: given another. c: declared one, reaches another.
    give('a', 0, EvidenceSource::Environment, Strength::Declared);
    give('a', 0, EvidenceSource::DeviceFiles, Strength::Enforced);
    give('b', 1, EvidenceSource::DeviceFiles, Strength::Enforced);
    give('c', 0, EvidenceSource::Environment, Strength::Declared);
    give('c', 2, EvidenceSource::DeviceFiles, Strength::Enforced);
    let mut limited =
        Evidence::new(owner(&docker('a')), units[0], EvidenceSource::MemoryLimit, Strength::Enforced);
    // Of two limits the smaller one holds.
    for gib in [7, 9] {
        limited.memory_limit = Some(Bytes::gib(gib));
        list.push(limited.clone());
    }
    list.unrestrict(&owner(&docker('d')));
    hand.evidence = Some(list);
    let attribution = hand.look(&mut History::new());
    let standings: Vec<Standing> = attribution.lines.iter().map(|line| line.standing).collect();
    let entitled = |strength, source, memory_limit| Standing::Entitled { strength, source, memory_limit };
    assert_eq!(
        standings,
        [
            entitled(Strength::Enforced, EvidenceSource::DeviceFiles, Some(Bytes::gib(7))),
            Standing::NotEntitled,
            entitled(Strength::Declared, EvidenceSource::Environment, None),
            Standing::Unrestricted,
            Standing::Unknown,
        ]
    );
    let odds: Vec<(char, usize, ContradictionKind)> = attribution
        .contradictions
        .iter()
        .map(|of| {
            let digit = of.owner.container().unwrap().id.as_str().chars().next().unwrap();
            (digit, units.iter().position(|unit| *unit == of.unit).unwrap(), of.kind)
        })
        .collect();
    assert_eq!(
        odds,
        [
            ('b', 0, ContradictionKind::UsedNotEntitled),
            ('b', 1, ContradictionKind::EntitledNotUsed),
            ('c', 0, ContradictionKind::DeclaredNotReachable),
            ('c', 2, ContradictionKind::EntitledNotUsed),
            ('c', 2, ContradictionKind::DeclaredNotEnforced),
        ]
    );
    hand.evidence = None;
    assert!(hand.look(&mut History::new()).lines.iter().all(|line| line.standing == Standing::NotAsked));
}

/// What a driver remembers of an ended process is told once, under whoever it ran for, and only the
/// time that no earlier look had is to be added.
#[test]
fn a_process_that_ended_is_told_once() {
    let mut hand = Hand::new("l40s-4");
    let mut history = History::new();
    let device = hand.device().id;
    // What a driver remembers at the first look ended before it.
    let mut old = EndedReading::new(Pid(5), PidView::Host, Source::Nvml, WHY);
    old.began = Ok(BootTime(3));
    hand.sample.ended = vec![EndedList::new(device, Ok(vec![old]))];
    // Seen alive in two looks: 40 % of two seconds are in its line.
    let busy = hand.busy(400);
    hand.process(1000, &docker('a')).busy = busy;
    assert_eq!(hand.look(&mut history).ended, []);
    hand.now = BootTime(102 * SECOND);
    let busy = hand.busy(400);
    hand.reading(1000).busy = busy;
    hand.look(&mut history);

    let key = hand.swept(1000).key;
    let mut gone = EndedProcess::new(key, ProcessName::new(b"train"), BootTime(102 * SECOND));
    gone.owner = Ok(owner(&docker('a')));
    hand.sweep.processes.clear();
    hand.sample.processes.clear();
    // Looks without it forget nothing: it may come back, or end later.
    for _ in 0..5 {
        hand.look(&mut history);
    }
    hand.sweep.ended = vec![gone];
    let account = |pid, began: u64| {
        let mut account = EndedReading::new(Pid(pid), PidView::Host, Source::Nvml, WHY);
        account.began = Ok(BootTime(began));
        account.lasted = Ok(Nanoseconds(10 * SECOND));
        account.busy = Ok(Permille(500));
        account
    };
    // Beside it: one of the same number long ago, one that nobody saw, one whose start is not told.
    let mut timeless = account(1000, 0);
    timeless.began = Err(WHY);
    let accounts = vec![account(1000, 90 * SECOND), account(1000, 500 * SECOND), account(7, 1), timeless];
    hand.sample.ended = vec![EndedList::new(device, Ok(accounts))];
    let ended = hand.look(&mut history).ended;
    let told: Vec<(String, Result<Nanoseconds, Absence>)> =
        ended.iter().map(|of| (of.holder.to_string(), of.unseen)).collect();
    let all = Ok(Nanoseconds(5 * SECOND));
    assert_eq!(told[0], ("docker aaaaaaaaaaaa".to_owned(), Ok(Nanoseconds(4_200_000_000))));
    assert_eq!((ended[0].time, ended[0].basis), (all, Basis::Estimated(Source::Nvml)));
    assert!(
        told[1..].iter().all(|(holder, unseen)| holder.starts_with("unknown") && *unseen == all),
        "{told:?}"
    );
    assert_eq!(told.len(), 4);
    assert_eq!(hand.look(&mut history).ended, [], "told once");
    // A driver that fails in between, and answers again.
    let answered = hand.sample.ended.clone();
    hand.sample.ended = vec![EndedList::new(device, Err(Absence::TimedOut))];
    hand.look(&mut history);
    hand.sample.ended = answered;
    assert_eq!(hand.look(&mut history).ended, [], "still told");
}

/// A process that ends after the sweep of a look and before the driver is asked is still its owner's.
#[test]
fn who_ends_within_a_look_is_not_nobody() {
    let mut hand = Hand::new("l40s-4");
    let mut history = History::new();
    let device = hand.device().id;
    hand.sample.ended = vec![EndedList::new(device, Ok(Vec::new()))];
    hand.process(1000, &docker('a'));
    hand.look(&mut history);
    hand.sample.processes.clear();
    let mut account = EndedReading::new(Pid(1000), PidView::Host, Source::Nvml, WHY);
    account.began = Ok(BootTime(50 * SECOND));
    hand.sample.ended = vec![EndedList::new(device, Ok(vec![account]))];
    assert_eq!(hand.look(&mut history).ended[0].holder, Holder::Owner(owner(&docker('a'))));
}

/// What was scaled in the lines is counted as scaled: the rest is still to be added at the end.
#[test]
fn what_lines_had_is_counted_as_they_had_it() {
    let mut hand = Hand::new("l40s-4");
    let mut history = History::new();
    let device = hand.device().id;
    hand.sample.ended = vec![EndedList::new(device, Ok(Vec::new()))];
    for pid in 1..=4 {
        let busy = hand.busy(500);
        hand.process(pid, &docker('a')).busy = busy;
    }
    hand.look(&mut history);
    hand.now = BootTime(110 * SECOND);
    for pid in 1..=4 {
        let busy = hand.busy(500);
        hand.reading(pid).busy = busy;
    }
    let line = hand.look(&mut history).lines[0].clone();
    // Ten seconds of the whole, and 250 of 1000 for each.
    assert_eq!(line.engine(Engine::Shader).unwrap().time, Ok(Nanoseconds(10 * SECOND)));
    let mut account = EndedReading::new(Pid(1), PidView::Host, Source::Nvml, WHY);
    account.began = Ok(BootTime(50 * SECOND));
    account.lasted = Ok(Nanoseconds(60 * SECOND));
    account.busy = Ok(Permille(250));
    hand.sample.ended = vec![EndedList::new(device, Ok(vec![account]))];
    let ended = &hand.look(&mut history).ended[0];
    assert_eq!((ended.time, ended.unseen), (Ok(Nanoseconds(15 * SECOND)), Ok(Nanoseconds(12_500_000_000))));
}

/// A client that passes from one process to another brings its counter along: it was counted there.
#[test]
fn a_client_that_is_passed_on_is_not_counted_again() {
    let mut hand = Hand::new("mi300x-8");
    let mut history = History::new();
    let client = |id| {
        let mut client = DrmClient::new(DeviceNumber { major: 226, minor: 128 });
        client.id = Some(id);
        client
    };
    let (first, second) = (hand.time(3600 * SECOND), hand.time(SECOND));
    hand.process(1, &docker('a')).graphics_time = first;
    hand.process(2, &docker('b')).graphics_time = second;
    hand.swept(1).clients.push(client(7));
    hand.swept(2).clients.push(client(8));
    hand.look(&mut history);
    // The first ends, and the second holds what it left.
    hand.now = BootTime(101 * SECOND);
    let both = hand.time(3601 * SECOND);
    hand.sweep.processes.remove(0);
    hand.sample.processes.remove(0);
    hand.swept(2).clients.push(client(7));
    hand.reading(2).graphics_time = both;
    assert!(hand.look(&mut history).lines[0].engines.is_empty());
    hand.now = BootTime(102 * SECOND);
    let both = hand.time(3601 * SECOND + SECOND / 2);
    hand.reading(2).graphics_time = both;
    let used = *hand.look(&mut history).lines[0].engine(Engine::Graphics).unwrap();
    assert_eq!(used.time, Ok(Nanoseconds(SECOND / 2)));
}

/// Copies for the compute driver's queues and for DRM's clients are two counters: one is never taken for
/// the other's past.
#[test]
fn a_counter_of_another_account_begins_anew() {
    let mut hand = Hand::new("mi300x-8");
    let mut history = History::new();
    let queues = hand.time(SECOND / 2);
    hand.process(1, &docker('a')).queue_copy_time = queues;
    hand.look(&mut history);
    hand.now = BootTime(101 * SECOND);
    let clients = hand.time(3600 * SECOND);
    hand.reading(1).copy_time = clients;
    assert!(hand.look(&mut history).lines[0].engine(Engine::Copy).is_none());
    hand.now = BootTime(102 * SECOND);
    let clients = hand.time(3600 * SECOND + SECOND / 4);
    hand.reading(1).copy_time = clients;
    let used = *hand.look(&mut history).lines[0].engine(Engine::Copy).unwrap();
    assert_eq!(used.time, Ok(Nanoseconds(SECOND / 4)));
}

/// A process that has a share and no time yet is missing in the line's time, and that is said.
#[test]
fn a_new_process_is_missing_in_the_time() {
    let mut hand = Hand::new("l40s-4");
    let mut history = History::new();
    let busy = hand.busy(300);
    hand.process(1, &docker('a')).busy = busy;
    hand.look(&mut history);
    hand.now = BootTime(101 * SECOND);
    let busy = hand.busy(300);
    hand.reading(1).busy = busy;
    hand.process(2, &docker('a')).busy = busy;
    let used = *hand.look(&mut history).lines[0].engine(Engine::Shader).unwrap();
    assert_eq!((used.share, used.time, used.missing), (Permille(600), Ok(Nanoseconds(300_000_000)), 1));
}

/// A thousand containers of a few processes each, at random: every process is on one line of its own
/// owner, and the same looks give the same answer.
#[test]
fn a_thousand_containers() {
    let mut hand = Hand::new("l40s-4");
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for pid in 1..=3000 {
        let (cgroup, mib) = (format!("/docker/{:064x}", random(1000)), random(64));
        let memory = hand.bytes(Bytes::mib(mib), Source::Nvml);
        hand.process(pid, &cgroup).memory = memory;
    }
    let attribution = hand.look(&mut History::new());
    assert_eq!(attribution, hand.look(&mut History::new()));
    let mut expected = BTreeMap::<Owner, u64>::new();
    for process in &hand.sample.processes {
        let swept = hand.sweep.process(process.pid).unwrap();
        *expected.entry(swept.owner.clone().unwrap()).or_default() += process.memory.unwrap().value.get();
    }
    let shown: BTreeMap<Owner, u64> = attribution
        .lines
        .iter()
        .map(|line| (line.holder.owner().unwrap().clone(), line.memory.unwrap().value.get()))
        .collect();
    assert_eq!(shown, expected);
}
