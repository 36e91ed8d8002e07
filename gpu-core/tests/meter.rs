//! The meter: looks made by hand, whose statements are computed by hand.

#[path = "support/hand.rs"]
mod hand;

use gpu_core::attribution::{Basis, Rule};
use gpu_core::meter::{
    Baseline, By, Dimension, EventKind, Gap, Held, IdlePower, Meter, PowerDomain, Refused, Rules, Statement,
    Total,
};
use gpu_core::{
    Absence, Bytes, Count, Incarnation, Known, Label, LabelSource, Labels, Nanoseconds, Owner, Source, UnitId,
};
use hand::{Hand, SECOND, WHY, docker, measured};

const GIB: u64 = 1 << 30;
const DEVICE: Incarnation = Incarnation(0);

/// One whole GPU with a counter, 48 GiB and nobody on it.
fn one_gpu(rules: Rules) -> (Hand, UnitId) {
    let mut hand = Hand::new("l40s-4", rules);
    let gpu = hand.unit(0);
    hand.memory(gpu, 48 * GIB, Some(GIB), 2 * GIB);
    hand.energy(gpu, 1_000_000);
    hand.busy(gpu, 0);
    (hand, gpu)
}

fn part(statement: &Statement, unit: UnitId, owner: &Owner, dimension: Dimension) -> u128 {
    let mut units = statement.units.iter().filter(|of| of.unit == unit);
    units.find_map(|of| of.part(owner)).map_or(0, |part| part.get(dimension).value)
}

/// Two containers and what nobody can be named for: every number, by hand.
#[test]
fn a_step_is_what_it_is() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    let (a, b) = (docker('a'), docker('b'));
    hand.run(10, gpu, Some(a.clone()), 9 * GIB, Some(5));
    hand.run(11, gpu, Some(b.clone()), 12 * GIB, Some(7));
    hand.memory(gpu, 48 * GIB, Some(GIB), 25 * GIB);
    hand.look();
    hand.pass(SECOND);
    hand.of(10).busy = Some(5 + 300_000_000);
    hand.of(11).busy = Some(7 + 100_000_000);
    hand.of(10).memory = Some(0);
    hand.busy(gpu, 600);
    hand.energy(gpu, 1_000_000 + 300);
    hand.look();
    let statement = hand.close();
    let unit = statement.unit(gpu, DEVICE).unwrap();

    let busy = unit.account(Dimension::Busy);
    assert_eq!((busy.total, busy.attributed), (1_000_000_000, 400_000_000));
    assert_eq!((busy.unattributed, busy.idle, busy.untold), (200_000_000, 400_000_000, 0));
    assert_eq!(part(&statement, gpu, &a, Dimension::Busy), 300_000_000);
    assert_eq!(unit.part(&a).unwrap().busy.basis, Some(Basis::Measured(Source::Fdinfo)));

    // Memory as it stood at the first look.
    let memory = unit.account(Dimension::Memory);
    let over = |gib: u64| u128::from(gib * GIB) * 1_000_000_000;
    assert_eq!((memory.total, memory.attributed, memory.idle), (over(48), over(21), over(22)));
    assert_eq!((memory.unattributed, memory.reserved), (over(5), over(1)));
    assert_eq!(part(&statement, gpu, &b, Dimension::Memory), over(12));

    // 300 µJ by 3 : 1, and 2 for what was busy for nobody.
    let energy = unit.account(Dimension::Energy);
    assert_eq!((energy.total, energy.attributed, energy.unattributed, energy.idle), (300, 200, 100, 0));
    assert_eq!(part(&statement, gpu, &a, Dimension::Energy), 150);
    assert_eq!(part(&statement, gpu, &b, Dimension::Energy), 50);
    assert_eq!(energy.kind, Some(Total::DeviceCounter));
    assert_eq!(unit.part(&a).unwrap().energy.basis, Some(Basis::Apportioned(Rule::ByEngineTime)));

    // Nobody said who holds what: an absence, and no zero.
    let held = unit.account(Dimension::Held);
    assert!(held.get().is_err(), "{held:?}");
    assert_eq!(held.gaps.get(Gap::NotTold), Nanoseconds(SECOND));
    assert_eq!(statement.length(), Nanoseconds(SECOND));
}

/// MPS and sampling noise: parts that make more than the time there was are scaled to it, and by how
/// much they exceeded it is told.
#[test]
fn more_than_all_is_scaled_and_told() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    for (pid, digit) in [(10, 'a'), (11, 'b'), (12, 'c')] {
        hand.run(pid, gpu, Some(docker(digit)), 20 * GIB, Some(0));
    }
    hand.memory(gpu, 48 * GIB, Some(GIB), 40 * GIB);
    hand.look();
    hand.pass(SECOND);
    for (pid, busy) in [(10, 900_000_000), (11, 600_000_000), (12, 1)] {
        hand.of(pid).busy = Some(busy);
    }
    hand.busy(gpu, 1000);
    hand.look();
    let statement = hand.close();
    let unit = statement.unit(gpu, DEVICE).unwrap();
    let busy = unit.account(Dimension::Busy);
    assert_eq!((busy.total, busy.attributed, busy.excess), (1_000_000_000, 1_000_000_000, 500_000_001));
    // By largest remainder: of 599 999 999.6, 399 999 999.7 and 0.67, the last two are rounded up.
    assert_eq!(part(&statement, gpu, &docker('a'), Dimension::Busy), 599_999_999);
    assert_eq!(part(&statement, gpu, &docker('b'), Dimension::Busy), 400_000_000);
    assert_eq!(part(&statement, gpu, &docker('c'), Dimension::Busy), 1);
    let scaled = Some(Basis::Apportioned(Rule::ScaledToWhole));
    assert_eq!(unit.part(&docker('a')).unwrap().busy.basis, scaled);
    // 60 GiB in 40: buffers that several hold.
    let memory = unit.account(Dimension::Memory);
    assert_eq!(memory.excess, u128::from(20 * GIB) * 1_000_000_000);
    assert_eq!(memory.attributed, u128::from(40 * GIB) * 1_000_000_000);
    assert_eq!(unit.part(&docker('a')).unwrap().memory.basis, scaled);
}

/// What attribution had to scale itself (NVML's estimates under MPS) is told too.
#[test]
fn what_attribution_scaled_is_excess() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    hand.run(10, gpu, Some(docker('a')), GIB, None);
    hand.run(11, gpu, Some(docker('b')), GIB, None);
    for _ in 0..3 {
        let attribution = {
            let at = gpu_core::BootTime(hand.now);
            let mut attribution = hand.attribution();
            // The estimates are set where the hand knows only counters.
            for process in &mut hand.sample.processes {
                let window = Nanoseconds(SECOND);
                process.busy =
                    Ok(gpu_core::Measured::over(gpu_core::Permille(800), at, window, Source::Nvml));
            }
            let mut sweep = gpu_core::Sweep::new();
            sweep.pids = gpu_core::PidView::Host;
            for process in &hand.processes {
                let key = gpu_core::ProcessKey {
                    boot: hand.boot_id(),
                    pid: gpu_core::Pid(process.pid),
                    start: gpu_core::BootTime(process.start),
                };
                let mut swept = gpu_core::SweptProcess::new(key, gpu_core::ProcessName::new(b"test"));
                swept.owner = Ok(process.owner.clone().unwrap());
                sweep.processes.push(swept);
            }
            let look = gpu_core::attribution::Look::new(&hand.inventory, &hand.sample, &sweep);
            attribution.clone_from(&gpu_core::attribution::attribute(&look, &mut hand.history));
            attribution
        };
        let look =
            gpu_core::meter::Observation::new(hand.moment(), &hand.inventory, &hand.sample, &attribution);
        hand.meter.observe(&look).unwrap();
        hand.pass(SECOND);
    }
    let statement = hand.close();
    let busy = *statement.unit(gpu, DEVICE).unwrap().account(Dimension::Busy);
    assert_eq!((busy.attributed, busy.excess), (2_000_000_000, 1_200_000_000));
}

/// Counters that fall, jump, say 2^64−1 or begin anew: recognised, told, and never energy. What lies
/// before and after is counted to the last microjoule.
#[test]
fn counters_that_make_no_sense_make_no_energy() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    let shown = [
        (1_000_000, None),
        (1_000_400, Some(400)),
        (100, None), // the driver was loaded anew
        (600, Some(500)),
        (u64::MAX, None), // "not available"
        (700, None),      // the first to count from again
        (1_000, Some(300)),
        (900_000_000_000_000, None), // 900 MJ in a second
        (900_000_000_000_001, Some(1)),
    ];
    let mut expected = 0_u128;
    for (value, counted) in shown {
        hand.energy(gpu, value);
        hand.look();
        hand.pass(SECOND);
        expected += counted.unwrap_or(0_u128);
        assert_eq!(hand.meter.open().unit(gpu, DEVICE).unwrap().account(Dimension::Energy).total, expected);
    }
    let statement = hand.close();
    let energy = statement.unit(gpu, DEVICE).unwrap().account(Dimension::Energy);
    assert_eq!((energy.total, energy.idle), (1201, 1201), "nothing ran: all is idle");
    assert_eq!(energy.gaps.get(Gap::CounterFell), Nanoseconds(SECOND));
    assert_eq!(energy.gaps.get(Gap::CounterJumped), Nanoseconds(2 * SECOND));
    assert_eq!(energy.gaps.get(Gap::NotYet), Nanoseconds(SECOND));
    assert_eq!(energy.covered, Nanoseconds(4 * SECOND));
    let told: Vec<EventKind> = statement.events.iter().map(|event| event.kind).collect();
    assert_eq!(told[0], EventKind::CounterFell { unit: gpu, before: 1_000_400, after: 100 });
    assert_eq!(told[1], EventKind::CounterJumped { unit: gpu, before: 600, after: u64::MAX });
    assert_eq!(told[2], EventKind::CounterJumped { unit: gpu, before: 1_000, after: 900_000_000_000_000 });
    assert_eq!(told.len(), 3);
}

/// A counter that could not be read for some looks goes on from where it stood; who took what it
/// grew by meanwhile, nobody can tell.
#[test]
fn a_counter_that_was_away_is_nobodys() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    hand.run(10, gpu, Some(docker('a')), GIB, Some(0));
    hand.look();
    for (energy, busy) in [(None, 10), (None, 20), (Some(1_000_900), 30), (Some(1_001_000), 40)] {
        hand.pass(SECOND);
        hand.of(10).busy = Some(busy);
        match energy {
            Some(energy) => hand.energy(gpu, energy),
            None => hand.reading(gpu).energy = Err(Absence::TimedOut),
        }
        hand.look();
    }
    let statement = hand.close();
    let energy = statement.unit(gpu, DEVICE).unwrap().account(Dimension::Energy);
    assert_eq!((energy.total, energy.attributed, energy.unattributed, energy.untold), (1000, 100, 900, 900));
    assert_eq!(energy.gaps.get(Gap::TimedOut), Nanoseconds(2 * SECOND));
    assert_eq!(energy.covered, Nanoseconds(SECOND));
}

/// Nobody looked for an hour: a gap, and nothing is made up for it. The energy counter has counted on.
#[test]
fn an_hour_without_looks_is_a_gap() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    let a = docker('a');
    hand.held = Some(vec![Held { unit: gpu, incarnation: DEVICE, owner: Some(a.clone()) }]);
    hand.run(10, gpu, Some(a.clone()), 9 * GIB, Some(0));
    hand.look();
    hand.pass(3600 * SECOND);
    hand.of(10).busy = Some(1800 * SECOND);
    hand.busy(gpu, 1000);
    hand.energy(gpu, 1_000_000 + 3600 * 300_000_000);
    hand.look();
    hand.pass(SECOND);
    hand.of(10).busy = Some(1801 * SECOND);
    hand.energy(gpu, 1_000_000 + 3601 * 300_000_000);
    hand.look();
    let statement = hand.close();
    let unit = statement.unit(gpu, DEVICE).unwrap();
    for dimension in Dimension::ALL {
        let account = unit.account(dimension);
        assert_eq!(account.covered, Nanoseconds(SECOND), "{dimension}");
        assert_eq!(account.gaps.get(Gap::Unobserved), Nanoseconds(3600 * SECOND), "{dimension}");
    }
    assert_eq!(part(&statement, gpu, &a, Dimension::Busy), u128::from(SECOND));
    assert_eq!(part(&statement, gpu, &a, Dimension::Held), u128::from(SECOND));
    let energy = unit.account(Dimension::Energy);
    assert_eq!((energy.total, energy.attributed), (3601 * 300_000_000, 300_000_000));
    assert_eq!(energy.untold, 3600 * 300_000_000);
    assert_eq!(statement.length(), Nanoseconds(3601 * SECOND));
    assert!(
        statement.events.iter().any(|of| of.kind == EventKind::Paused { length: Nanoseconds(3600 * SECOND) })
    );
}

/// The clock on the wall is set back by a year and forward by two: told, and no number changes.
#[test]
fn clock_steps_change_no_number() {
    let run = |steps: &[i64]| {
        let (mut hand, gpu) = one_gpu(Rules::new());
        hand.run(10, gpu, Some(docker('a')), 9 * GIB, Some(0));
        for (n, step) in steps.iter().enumerate() {
            hand.look();
            hand.pass(SECOND);
            hand.wall = hand.wall.saturating_add_signed(*step);
            hand.of(10).busy = Some(n as u64 * 1000);
        }
        hand.look();
        hand.close()
    };
    let year: i64 = 365 * 86_400 * 1_000_000_000;
    let (calm, stepped) = (run(&[0, 0, 0]), run(&[-year, 2 * year, 0]));
    assert_eq!(calm.units, stepped.units);
    assert_eq!(calm.length(), stepped.length());
    let told: Vec<EventKind> = stepped.events.iter().map(|event| event.kind).collect();
    assert_eq!(told, [EventKind::ClockSet { by: -year }, EventKind::ClockSet { by: 2 * year }]);
    assert!(calm.events.is_empty());
}

/// Time since boot that does not go forward is refused, and changes nothing.
#[test]
fn time_since_boot_only_goes_forward() {
    let (mut hand, _) = one_gpu(Rules::new());
    hand.look();
    hand.pass(SECOND);
    hand.look();
    let before = hand.meter.open().clone();
    let last = gpu_core::BootTime(hand.now);
    assert_eq!(hand.try_look(), Err(Refused::NotLater { last }));
    hand.now -= 1;
    assert_eq!(hand.try_look(), Err(Refused::NotLater { last }));
    assert_eq!(*hand.meter.open(), before);
}

/// Another boot begins anew: no step across it, and counters are not compared.
#[test]
fn a_reboot_is_no_step() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    hand.look();
    hand.pass(SECOND);
    hand.energy(gpu, 1_000_100);
    hand.look();
    (hand.boot, hand.now) = (2, 5 * SECOND);
    hand.energy(gpu, 7_000_000);
    hand.look();
    hand.pass(SECOND);
    hand.energy(gpu, 7_000_050);
    hand.look();
    let statement = hand.close();
    assert_eq!(statement.spans.len(), 2);
    assert_eq!(statement.length(), Nanoseconds(2 * SECOND));
    assert_eq!(statement.unit(gpu, DEVICE).unwrap().account(Dimension::Energy).total, 150);
    assert!(statement.events.iter().any(|event| matches!(event.kind, EventKind::Rebooted { .. })));
}

/// A meter's statements, added up, are what one statement of all would have been: closing loses nothing
/// and makes nothing.
#[test]
fn closing_often_changes_nothing() {
    let run = |closes: bool| {
        let (mut hand, gpu) =
            one_gpu(Rules::new().idle_power(IdlePower::ToHolders).baseline(Baseline::LeastSeen));
        let mut all = Statement::new("node-1".parse().unwrap());
        let mut spare = all.clone();
        for n in 0..50_u64 {
            let owner = docker(char::from(b'a' + u8::try_from(n % 5).unwrap()));
            hand.processes.retain(|process| n % 7 != 0 || process.pid % 2 == 0);
            hand.run(100 + u32::try_from(n).unwrap(), gpu, Some(owner.clone()), GIB / 8, Some(0));
            hand.held =
                (n % 9 > 2).then(|| vec![Held { unit: gpu, incarnation: DEVICE, owner: Some(owner) }]);
            for process in &mut hand.processes {
                process.busy = process.busy.map(|busy| busy + 7_000_000 * (u64::from(process.pid) % 3));
            }
            let used = hand.processes.iter().filter_map(|process| process.memory).sum::<u64>();
            hand.memory(gpu, 48 * GIB, None, used + 5);
            hand.busy(gpu, n * 13 % 1001);
            hand.energy(gpu, 1_000_000 + n * 123_457);
            hand.look();
            hand.pass(SECOND + n);
            if closes && n % 3 == 0 {
                hand.meter.close_into(&mut spare);
                spare.check().unwrap();
                all.add(&spare).unwrap();
            }
        }
        all.add(&hand.close()).unwrap();
        all
    };
    let (one, many) = (run(false), run(true));
    assert!(one.unit(run(false).units[0].unit, DEVICE).is_some());
    assert_eq!(one.spans, many.spans);
    for (one, many) in one.units.iter().zip(&many.units) {
        assert_eq!(one.accounts, many.accounts, "{}", one.unit);
        let used = |unit: &gpu_core::meter::UnitStatement| -> Vec<_> {
            unit.parts.iter().filter(|part| part.busy.basis.is_some()).cloned().collect()
        };
        assert_eq!(used(one), used(many));
    }
}

/// Idle energy goes to holders by size, or to nobody; and is never in a number with what was used.
#[test]
fn idle_energy_goes_to_whom_the_rule_says() {
    for (idle_power, standby) in [(IdlePower::ToNobody, [0, 0]), (IdlePower::ToHolders, [300, 150])] {
        let mut hand = Hand::new("mi300x-8-cpx", Rules::new().idle_power(idle_power));
        let gpu = hand.unit(0);
        let parts: Vec<_> = hand.device(0).all_partitions().map(|of| (of.id, of.incarnation)).collect();
        assert_eq!(parts.len(), 8);
        // Two eighths are a's, one is b's, one is set aside, the rest is free.
        let owners = [Some(docker('a')), Some(docker('a')), Some(docker('b')), None];
        let held = owners.iter().zip(&parts).map(|(owner, (id, incarnation))| Held {
            unit: (*id).into(),
            incarnation: *incarnation,
            owner: owner.clone(),
        });
        hand.held = Some(held.collect());
        hand.energy(gpu, 5);
        hand.look();
        hand.pass(SECOND);
        hand.energy(gpu, 5 + 1200);
        hand.look();
        let statement = hand.close();
        let energy = *statement.unit(gpu, DEVICE).unwrap().account(Dimension::Energy);
        assert_eq!((energy.total, energy.idle, energy.attributed), (1200, 1200, 0));
        let of = |digit| -> u128 { statement.of(&docker(digit)).map(|(_, part)| part.standby).sum() };
        assert_eq!([of('a'), of('b')], standby);
        assert_eq!(energy.standby, of('a') + of('b'));
        assert!(statement.parts().all(|(_, part)| part.energy.value == 0));
        let held = statement.sum(gpu, Dimension::Held);
        let second = u128::from(SECOND);
        assert_eq!((held.total, held.attributed, held.unattributed), (9 * second, 3 * second, second));
    }
}

/// Below the baseline is idle, above it is for what ran.
#[test]
fn the_baseline_is_idle() {
    let watts = gpu_core::Microwatts(60);
    let (mut hand, gpu) = one_gpu(Rules::new().baseline(Baseline::Each(watts)));
    hand.run(10, gpu, Some(docker('a')), GIB, Some(0));
    hand.look();
    hand.pass(SECOND);
    hand.of(10).busy = Some(1);
    hand.energy(gpu, 1_000_100);
    hand.look();
    let energy = *hand.close().unit(gpu, DEVICE).unwrap().account(Dimension::Energy);
    assert_eq!((energy.total, energy.idle, energy.attributed), (100, 60, 40));
}

/// Each rule, on one GPU with two owners of whom one has twice the memory and no time is told: by
/// engine time nothing can be said.
#[test]
fn rules_are_what_they_are_called() {
    let spread = |rules: Rules| {
        let (mut hand, gpu) = one_gpu(rules);
        hand.run(10, gpu, Some(docker('a')), 20 * GIB, None);
        hand.run(11, gpu, Some(docker('a')), 20 * GIB, None);
        hand.run(12, gpu, Some(docker('b')), 20 * GIB, None);
        hand.memory(gpu, 80 * GIB, None, 60 * GIB);
        hand.look();
        hand.pass(SECOND);
        hand.energy(gpu, 1_000_900);
        hand.busy(gpu, 900);
        hand.look();
        let statement = hand.close();
        let energy = *statement.unit(gpu, DEVICE).unwrap().account(Dimension::Energy);
        let of = |digit| part(&statement, gpu, &docker(digit), Dimension::Energy);
        let busy = |digit| part(&statement, gpu, &docker(digit), Dimension::Busy);
        let basis = statement.unit(gpu, DEVICE).unwrap().part(&docker('a')).unwrap().energy.basis;
        ([of('a'), of('b'), energy.unattributed], [busy('a'), busy('b')], basis)
    };
    let (energy, busy, basis) = spread(Rules::new());
    assert_eq!((energy, busy, basis), ([0, 0, 900], [0, 0], None));
    let (energy, _, basis) = spread(Rules::new().otherwise(By::MemoryHeld));
    assert_eq!((energy, basis), ([600, 300, 0], Some(Basis::Apportioned(Rule::ByMemoryHeld))));
    for by in [By::Equal, By::Slices, By::ComputeUnits] {
        let (energy, _, basis) = spread(Rules::new().energy(by));
        assert_eq!((energy, basis), ([450, 450, 0], Some(Basis::Apportioned(by.rule()))));
    }
    let (energy, busy, basis) = spread(Rules::new().busy(By::MemoryHeld));
    assert_eq!(busy, [600_000_000, 300_000_000]);
    assert_eq!((energy, basis), ([600, 300, 0], Some(Basis::Apportioned(Rule::ByEngineTime))));
}

/// Kepler spreads a GPU's power over MIG instances by how active each is (`DCGM_FI_PROF_GR_ENGINE_ACTIVE`,
/// as dcgm-exporter shows it of the instance alone), and a busy small instance is charged like a busy
/// large one. Here a 1g and a 3g instance are busy all the time: the energy that it took is as their
/// compute units are.
#[test]
fn a_small_instance_is_not_charged_like_a_large_one() {
    let mut hand = Hand::new("mixed", Rules::new());
    let gpu = hand.unit(0);
    let instances: Vec<_> = hand.device(0).partitions.clone();
    let unit = |name: &str| -> UnitId {
        let of = instances.iter().find(|of| of.profile.value().is_some_and(|profile| profile == name));
        of.unwrap().partitions[0].id.into()
    };
    let (large, small) = (unit("3g.40gb"), unit("1g.10gb"));
    hand.run(10, large, Some(docker('a')), 20 * GIB, None);
    hand.run(11, small, Some(docker('b')), 5 * GIB, None);
    hand.energy(gpu, 0);
    hand.look();
    hand.pass(SECOND);
    hand.busy(large, 1000);
    hand.busy(small, 1000);
    hand.energy(gpu, 400_000_000);
    hand.look();
    let statement = hand.close();
    let of = |unit: UnitId| statement.units.iter().find(|of| of.unit == unit).unwrap();
    let sizes = [of(large).size.unwrap(), of(small).size.unwrap()];
    assert!(sizes[0].own.get() >= 3 * sizes[1].own.get(), "{sizes:?}");
    for (unit, owner) in [(large, docker('a')), (small, docker('b'))] {
        let part = of(unit).part(&owner).unwrap();
        assert_eq!(part.busy.value, u128::from(SECOND));
        assert_eq!(part.busy.basis, Some(Basis::Apportioned(Rule::OnlyUser)));
    }
    let [a, b] = [(large, 'a'), (small, 'b')]
        .map(|(unit, digit)| part(&statement, unit, &docker(digit), Dimension::Energy));
    assert_eq!(a + b, 400_000_000);
    let [large, small] = sizes.map(|size| u128::from(size.own.get()));
    assert_eq!(a, (400_000_000 * large + (large + small) / 2) / (large + small));
}

/// Kepler counted a GPU's energy once for each process (sustainable-computing-io/kepler#956), and
/// dcgm-exporter shows each pod that shares a GPU the whole GPU's numbers (NVIDIA/dcgm-exporter#587):
/// three pods make three times the power and the time. Here they make the counter's, and the GPU's,
/// once.
#[test]
fn power_is_not_copied_to_every_pod() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    for (pid, digit) in [(10, 'a'), (11, 'b'), (12, 'c')] {
        hand.run(pid, gpu, Some(docker(digit)), GIB, Some(0));
    }
    for second in 0..61 {
        hand.energy(gpu, second * 300_000_000);
        for pid in 10..13 {
            hand.of(pid).busy = Some(second * 200_000_000);
        }
        hand.busy(gpu, 600);
        hand.look();
        hand.pass(SECOND);
    }
    let statement = hand.close();
    let pods: u128 =
        ['a', 'b', 'c'].map(|digit| part(&statement, gpu, &docker(digit), Dimension::Energy)).iter().sum();
    assert_eq!(pods, 60 * 300_000_000);
    assert_eq!(statement.sum(gpu, Dimension::Energy).total, pods);
    let busy = statement.sum(gpu, Dimension::Busy);
    assert_eq!((busy.total, busy.attributed), (60_000_000_000, 36_000_000_000));
    assert_eq!(part(&statement, gpu, &docker('a'), Dimension::Busy), 12_000_000_000);
}

/// Two dies, one counter (MI250X): both dies' containers share what the one shows.
#[test]
fn a_power_domain_spans_devices() {
    let mut hand = Hand::new("l40s-4", Rules::new());
    let [one, other] = [0, 1].map(|at| hand.device(at).id);
    let domain = PowerDomain { leader: one, others: vec![other] };
    hand.meter = Meter::new("node-1".parse().unwrap(), Rules::new().domain(domain));
    hand.run(10, one.into(), Some(docker('a')), GIB, Some(0));
    hand.run(11, other.into(), Some(docker('b')), GIB, Some(0));
    hand.energy(one.into(), 0);
    hand.reading(other.into()).energy = Err(WHY);
    hand.look();
    hand.pass(SECOND);
    hand.of(10).busy = Some(100_000_000);
    hand.of(11).busy = Some(300_000_000);
    hand.busy(one.into(), 100);
    hand.busy(other.into(), 300);
    hand.energy(one.into(), 1000);
    hand.look();
    let statement = hand.close();
    assert_eq!(part(&statement, one.into(), &docker('a'), Dimension::Energy), 250);
    assert_eq!(part(&statement, other.into(), &docker('b'), Dimension::Energy), 750);
    let account = statement.unit(one, DEVICE).unwrap().account(Dimension::Energy);
    assert_eq!((account.total, account.kind), (1000, Some(Total::DomainCounter)));
    assert!(!statement.unit(other, DEVICE).unwrap().account(Dimension::Energy).is_kept());
    assert_eq!(statement.energy_of(other), one);
}

/// Without a counter there is power × time, and it says so; without either an absence.
#[test]
fn a_total_has_a_name_or_is_absent() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    hand.reading(gpu).energy = Err(WHY);
    hand.reading(gpu).power = measured(gpu_core::Microwatts(1_500_000_001));
    for _ in 0..4 {
        hand.look();
        hand.pass(SECOND / 2);
    }
    let energy = *hand.close().unit(gpu, DEVICE).unwrap().account(Dimension::Energy);
    assert_eq!((energy.total, energy.kind), (2_250_000_001, Some(Total::PowerTime)), "halves are kept");
    hand.reading(gpu).power = Err(WHY);
    hand.look();
    hand.close();
    hand.pass(SECOND);
    hand.look();
    let statement = hand.close();
    let energy = statement.unit(gpu, DEVICE).unwrap().account(Dimension::Energy);
    assert!(matches!(energy.get(), Err(Absence::NotSupported { .. })), "{energy:?}");
}

/// MIG: memory cut out of the GPU is in the instances' accounts and in no other; a re-created instance
/// in the same place is another life, and nothing of the old one's is its.
#[test]
fn accounts_cut_a_device() {
    let mut hand = Hand::new("mixed", Rules::new());
    let gpu = hand.unit(0);
    let total = hand.device(0).memory_total.value().copied().unwrap();
    let instance = hand.device(0).partitions[0].clone();
    let inner = UnitId::from(instance.partitions[0].id);
    hand.run(10, inner, Some(docker('a')), 3 * GIB, None);
    hand.memory(instance.id.into(), instance.memory_total.value().unwrap().get(), None, 3 * GIB);
    hand.look();
    hand.pass(SECOND);
    hand.look();
    let first = hand.close();
    assert_eq!(first.sum(gpu, Dimension::Memory).total, u128::from(total.get()) * u128::from(SECOND));
    let own = first.unit(instance.id, instance.incarnation).unwrap().account(Dimension::Memory);
    assert_eq!(own.attributed, u128::from(3 * GIB) * u128::from(SECOND));

    let again = Incarnation(instance.incarnation.0 ^ 1);
    hand.inventory.devices[0].partitions[0].incarnation = again;
    hand.inventory.devices[0].partitions[0].partitions[0].incarnation = again;
    hand.pass(SECOND);
    hand.look();
    hand.pass(SECOND);
    hand.look();
    let second = hand.close();
    let lives: Vec<_> = second.units.iter().filter(|of| of.unit == instance.id.into()).collect();
    assert_eq!(lives.len(), 2);
    let per_second = u128::from(3 * GIB) * u128::from(SECOND);
    for life in lives {
        assert_eq!(life.account(Dimension::Memory).attributed, per_second, "{:?}", life.incarnation);
    }
    assert!(
        second
            .events
            .iter()
            .any(|of| matches!(of.kind, EventKind::Appeared { incarnation, .. } if incarnation == again))
    );
}

/// Shares are held, and what is used of their whole stands on the whole: 3 of 4 replicas held.
#[test]
fn shares_are_held_and_not_measured() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    let device = hand.device(0).id;
    let share = |k: u16, digit| Held {
        unit: device.share(k, 4).into(),
        incarnation: DEVICE,
        owner: Some(docker(digit)),
    };
    hand.held = Some(vec![share(0, 'a'), share(1, 'a'), share(3, 'b')]);
    hand.run(10, gpu, Some(docker('a')), GIB, Some(0));
    hand.look();
    hand.pass(SECOND);
    hand.of(10).busy = Some(77);
    hand.look();
    let statement = hand.close();
    let held = |digit| -> u64 { statement.of(&docker(digit)).map(|(_, part)| part.held.get()).sum() };
    assert_eq!((held('a'), held('b')), (2 * SECOND, SECOND));
    assert_eq!(part(&statement, gpu, &docker('a'), Dimension::Busy), 77);
    let shares = statement.units.iter().filter(|of| matches!(of.unit, UnitId::Share(_)));
    for share in shares {
        assert!(share.accounts[1..].iter().all(|account| !account.is_kept()), "{share:?}");
    }
}

/// Two who say that they hold one unit: the first does, and that there was another is told.
#[test]
fn a_unit_is_held_once() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    let by = |digit| Held { unit: gpu, incarnation: DEVICE, owner: Some(docker(digit)) };
    hand.held = Some(vec![by('a'), by('b')]);
    hand.look();
    hand.pass(SECOND);
    hand.look();
    let held = *hand.close().unit(gpu, DEVICE).unwrap().account(Dimension::Held);
    assert_eq!((held.total, held.attributed, held.excess), (1_000_000_000, 1_000_000_000, 1_000_000_000));
}

/// Memory and time of processes of nobody's are unattributed, and weigh when energy is spread.
#[test]
fn strangers_are_nobody() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    hand.run(10, gpu, Some(docker('a')), GIB, Some(0));
    hand.run(11, gpu, None, 3 * GIB, Some(0));
    hand.memory(gpu, 48 * GIB, None, 4 * GIB);
    hand.look();
    hand.pass(SECOND);
    hand.of(10).busy = Some(100);
    hand.of(11).busy = Some(300);
    hand.energy(gpu, 1_004_000);
    hand.busy(gpu, 0);
    hand.look();
    let statement = hand.close();
    let unit = statement.unit(gpu, DEVICE).unwrap();
    assert_eq!(unit.parts.len(), 1);
    assert_eq!(unit.account(Dimension::Busy).unattributed, 300);
    assert_eq!(unit.account(Dimension::Energy).unattributed, 3000);
    assert_eq!(unit.account(Dimension::Memory).unattributed, u128::from(3 * GIB) * u128::from(SECOND));
}

/// 200 labels of odd characters: they are kept as they are, and identify nobody.
#[test]
fn names_are_kept_and_identify_nobody() {
    let (mut hand, gpu) = one_gpu(Rules::new());
    let odd = ["\u{202e}evil", "a\nb", "\"}{", "", "ä".repeat(300).as_str(), "\0"].map(str::to_owned);
    for n in 0..200_usize {
        let owner: Owner = gpu_core::cgroup::owner(&format!("0::/docker/{n:064x}\n"));
        let mut labels = Labels::unsupported("nobody says");
        labels.namespace = Known::from(Label::new(&odd[n % odd.len()], LabelSource::Embedder));
        labels.pod = Known::from(Label::new(&format!("{}{n}", odd[n % odd.len()]), LabelSource::OciBundle));
        hand.run(u32::try_from(n).unwrap() + 10, gpu, Some(owner.clone()), 1, Some(0));
        hand.meter.call(&owner, &labels);
    }
    hand.look();
    hand.pass(SECOND);
    hand.look();
    let statement = hand.close();
    assert_eq!((statement.names.len(), statement.unit(gpu, DEVICE).unwrap().parts.len()), (200, 200));
    let bytes = gpu_core::stored::encode_statement(&statement);
    assert_eq!(gpu_core::stored::decode_statement(&bytes).unwrap(), statement);
    // They stay while their owners do, and go with them.
    hand.pass(SECOND);
    hand.look();
    assert_eq!(hand.close().names.len(), 200);
    hand.processes.clear();
    hand.pass(SECOND);
    hand.look();
    assert_eq!(hand.close().names.len(), 200, "they were there until the last look");
    hand.pass(SECOND);
    hand.look();
    assert_eq!(hand.close().names.len(), 0);
}

/// A device's slices are told where its inventory cannot tell what its compute units are.
#[test]
fn sizes_are_told() {
    let mut hand = Hand::new("mixed", Rules::new());
    let id = hand.device(0).id;
    hand.inventory.devices[0].compute_units = Known::unsupported("as NVML");
    let rules = Rules::new().device_slices(id, Count(7));
    hand.meter = Meter::new("node-1".parse().unwrap(), rules);
    hand.look();
    hand.pass(SECOND);
    hand.look();
    let statement = hand.close();
    let named = |name: &str| statement.units.iter().find(|of| &*of.name == name).unwrap().size.unwrap();
    assert_eq!((named("3g.40gb").own, named("3g.40gb").of), (Count(3), Count(7)));
    assert_eq!(named("1g.10gb").own, Count(1));
    let _ = Bytes::ZERO;
}
