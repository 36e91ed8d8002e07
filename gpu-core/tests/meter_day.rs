//! A day of a simulated node, look by look: ten thousand processes come and go, counters are reset,
//! machines are booted, MIG instances made and unmade. It has to add up to the last unit, and memory
//! has to stay as it is.

#[path = "support/hand.rs"]
mod hand;

use std::collections::BTreeMap;

use gpu_core::attribution::{History, Look, attribute};
use gpu_core::meter::{
    Dimension, EventKind, Gap, Meter, Moment, Observation, Rules, Statement, UnitStatement,
};
use gpu_core::{
    BootId, BootTime, Host, Inventory, Nanoseconds, Owner, Pid, Sample, UnitId, Uuid, WallTime, cgroup,
    stored,
};
use gpu_sim::{Curve, Fault, Machine, Part, Silicon, Use, UseKind, Workload, World};
use hand::{SECOND, take};

/// Looks of one boot.
const BOOT: u64 = 7_200;
const JOBS: u32 = 834;

/// A boot of the preset `mixed` with jobs of its own.
fn world(boot: u8) -> World {
    let mut machine = Machine::preset("mixed").unwrap();
    machine.boot_id = BootId(Uuid([boot; 16]));
    machine.started_at = BootTime(100 * SECOND);
    machine.booted_at = WallTime((1_700_000_000 + u64::from(boot) * (BOOT + 60)) * SECOND);
    let mut number = u64::from(boot);
    let mut roll = |end: u64| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) % end
    };
    machine.workloads.clear();
    for n in 0..JOBS {
        let starts = 100 + roll(BOOT - 400);
        let part =
            [Part::Whole, Part::Mig { gi: 1, ci: 0 }, Part::Mig { gi: 13, ci: 0 }, Part::Xcp { index: 3 }];
        let (gpu, part) = [(1, part[0]), (0, part[1]), (0, part[2]), (2, part[3])][roll(4) as usize];
        machine.workloads.push(Workload {
            pid: Pid(10_000 + n),
            name: "job".to_owned(),
            starts: BootTime(starts * SECOND),
            ends: Some(BootTime((starts + 2 + roll(300)) * SECOND)),
            cgroup: format!("/docker/{:064x}", roll(300)),
            uses: vec![Use {
                gpu,
                part,
                kind: UseKind::Compute,
                memory: Curve::constant(roll(1 << 28)),
                busy: Curve::constant(roll(40)),
                encoder_busy: Curve::default(),
                decoder_busy: Curve::default(),
            }],
            descriptors: Vec::new(),
            threads: Vec::new(),
        });
    }
    let at = BootTime((1_000 + u64::from(boot)) * SECOND);
    machine.faults.push(Fault::CounterReset { gpu: 1, at });
    World::new(machine)
}

/// What a day has to come to, kept with maps and nothing else.
#[derive(Default)]
struct Books {
    energy: BTreeMap<UnitId, (u64, u128)>,
    resets: u32,
}

impl Books {
    fn see(&mut self, inventory: &Inventory, sample: &Sample, is_first: bool) {
        for device in &inventory.devices {
            let Ok(now) = sample.reading(device.id).energy else { continue };
            let now = now.value.get();
            let (before, sum) = self.energy.entry(device.id.into()).or_insert((now, 0));
            if !is_first && now >= *before {
                *sum += u128::from(now - *before);
            } else if !is_first {
                self.resets += 1;
            }
            *before = now;
        }
    }
}

/// Memory of each owner on the second GPU: bytes × seconds, from the description of the machine.
fn memory_of(world: &World, sums: &mut BTreeMap<Owner, u128>) {
    let end = 100 + BOOT;
    for job in &world.machine().workloads {
        for of in job.uses.iter().filter(|of| of.gpu == 1) {
            let until = job.ends.unwrap().min(BootTime((end - 1) * SECOND));
            let seconds = until.since(job.starts).get() / SECOND;
            let owner = cgroup::owner(&format!("0::{}\n", job.cgroup));
            *sums.entry(owner).or_default() +=
                u128::from(of.memory.at(Nanoseconds::ZERO)) * u128::from(seconds);
        }
    }
}

/// Thousandths × seconds that the second GPU worked, as looks show it: each tells of the second before.
fn work_of(world: &World, looks: u64) -> u128 {
    let end = BootTime((100 + looks) * SECOND);
    let uses = |job: &Workload| -> u128 {
        let here = job.uses.iter().filter(|of| of.gpu == 1);
        let seconds = job.ends.unwrap().min(end).since(job.starts).get() / SECOND;
        here.map(|of| u128::from(of.busy.at(Nanoseconds::ZERO)) * u128::from(seconds)).sum()
    };
    world.machine().workloads.iter().map(uses).sum()
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = text.split(' ').nth(1).expect("a second number").parse().expect("a number");
    pages * 4096
}

fn days(boots: u8, looks: u64) {
    let mut meter = Meter::new("node-1".parse().unwrap(), Rules::new());
    let mut history = History::new();
    let (mut all, mut closed) =
        (Statement::new("node-1".parse().unwrap()), Statement::new("node-1".parse().unwrap()));
    let (mut books, mut memory) = (Books::default(), BTreeMap::new());
    let (mut early, mut late, mut worked) = (0, 0, 0);
    for boot in 0..boots {
        let world = world(boot);
        let host = Host::from(&world);
        for n in 0..looks {
            change(&world, n);
            let (inventory, sample, sweep) = take(&host);
            let attribution = attribute(&Look::new(&inventory, &sample, &sweep), &mut history);
            let at = Moment::now(world.clock());
            meter.observe(&Observation::new(at, &inventory, &sample, &attribution)).unwrap();
            books.see(&inventory, &sample, n == 0);
            world.clock().advance(Nanoseconds(SECOND));
            if n % 60 == 59 {
                meter.close_into(&mut closed);
                closed.check().unwrap();
                let read = stored::decode_statement(&stored::encode_statement(&closed)).unwrap();
                all.add(&read).unwrap();
            }
        }
        worked += work_of(&world, looks);
        if looks == BOOT {
            memory_of(&world, &mut memory);
        }
        if boot == 1 {
            early = resident();
        }
        late = resident();
    }
    meter.close_into(&mut closed);
    all.add(&closed).unwrap();
    all.check().unwrap();
    assert_eq!(all.length(), Nanoseconds(u64::from(boots) * (looks - 1) * SECOND));
    for (device, (_, sum)) in &books.energy {
        assert_eq!(all.sum(*device, Dimension::Energy).total, *sum, "{device}");
    }
    let fell = all.events.iter().filter(|of| matches!(of.kind, EventKind::CounterFell { .. })).count();
    assert_eq!(fell, books.resets as usize);
    for (owner, bytes) in &memory {
        let gpu = all.units.iter().filter(|of| of.name.contains("L40S"));
        let ours: u128 = gpu.filter_map(|of| of.part(owner)).map(|part| part.memory.value).sum();
        assert_eq!(ours, bytes * u128::from(SECOND), "{owner}");
    }
    // Nobody worked longer than there was time, and what was estimated is somebody's.
    let busy = all.units.iter().find(|of| of.name.contains("L40S")).unwrap().account(Dimension::Busy);
    assert!(
        busy.attributed > 0 && busy.attributed <= worked * u128::from(SECOND) / 1000,
        "{busy:?} of {worked}"
    );
    // Nobody was away: nothing is missing because nobody looked.
    let unobserved = |of: &UnitStatement| of.accounts.map(|account| account.gaps.get(Gap::Unobserved));
    assert!(all.units.iter().all(|of| unobserved(of) == [Nanoseconds::ZERO; 4]));
    println!("{} units, {} events, {early} then {late} bytes resident", all.units.len(), all.events.len());
    if looks == BOOT {
        assert!(late < early + (8 << 20), "{early} bytes at first, {late} at the end");
        assert!(memory.len() > 100 && books.resets == u32::from(boots));
    }
}

/// Every ten minutes the last MIG instance goes, and comes again as another.
fn change(world: &World, look: u64) {
    if look % 600 != 300 {
        return;
    }
    world.change(|machine| {
        let Silicon::Nvidia(nvidia) = &mut machine.gpus[0].silicon else { return };
        let Some(mig) = &mut nvidia.mig else { return };
        if look / 600 % 2 == 0 {
            mig.instances.pop();
        } else if let Silicon::Nvidia(before) = &Machine::preset("mixed").unwrap().gpus[0].silicon {
            let mut again = before.mig.as_ref().unwrap().instances.last().unwrap().clone();
            mig.lives += 1;
            again.life = mig.lives;
            mig.instances.push(again);
        }
    });
}

#[test]
fn some_minutes_add_up() {
    days(2, 200);
}

#[test]
#[ignore = "long: for a release build"]
fn a_day_adds_up() {
    days(12, BOOT);
}
