//! The ledger beside what the machine shows.

#[path = "support/site.rs"]
mod site;

use gpu_core::ledger::{Body, EntryId, Expiry, HoldingState, Key, Ledger, Reserve};
use gpu_core::reconcile::{Finding, How, Look, Presence, Report, Seen};
use gpu_core::{
    Container, Nanoseconds, Owner, PartitionKind, Pod, QosClass, Runtime, SlurmJob, UnitId, Uuid, WallTime,
};
use gpu_core::{Evidence, EvidenceSource, Strength};
use site::{board, claim, commit, cut, done, gpu, holder, holding, instance, of, reserve, shared};

fn seen(owner: Owner, unit: impl Into<UnitId>, how: How) -> Seen {
    Seen { unit: unit.into(), owner, how }
}

const NOW: WallTime = WallTime(1_000);

fn used(owner: Owner, unit: impl Into<UnitId>) -> Seen {
    seen(owner, unit, How::Used { last: NOW })
}

fn report(ledger: &Ledger, seen: &[Seen], dead: &[Owner]) -> Report {
    let presence = |owner: &Owner| if dead.contains(owner) { Presence::Gone } else { Presence::Here };
    let look = Look { seen, presence: &presence, now: NOW, idle_after: Nanoseconds(100) };
    Report::of(ledger, &look)
}

fn findings(report: &Report) -> Vec<(UnitId, Finding)> {
    report.lines.iter().map(|line| (line.unit, line.finding)).collect()
}

/// Applies the repairs to a copy. They are taken, each of them, and after them there is nothing
/// more to repair.
fn repaired(ledger: &Ledger, seen: &[Seen], dead: &[Owner]) -> (Ledger, usize) {
    let mut fresh = 5_000..;
    let before = report(ledger, seen, dead);
    let repairs = before.repairs(ledger, || EntryId(fresh.next().unwrap()));
    let mut ledger = ledger.clone();
    for entry in &repairs {
        ledger.apply(entry).unwrap_or_else(|refusal| panic!("{refusal}"));
        ledger.check().unwrap();
    }
    let after = report(&ledger, seen, dead);
    assert_eq!(after.repairs(&ledger, || EntryId(fresh.next().unwrap())), []);
    (ledger, repairs.len())
}

fn hold(ledger: &mut Ledger, id: u128, by: u32, units: impl IntoIterator<Item = UnitId>) {
    done(ledger, id, reserve(units));
    done(ledger, id + 1000, commit(id, by));
}

#[test]
fn held_and_used_and_unused_since_when() {
    let mut ledger = of(vec![cut(1, 0..4), board(2)]);
    hold(&mut ledger, 1, 1, [instance(1, 0).into()]);
    hold(&mut ledger, 2, 2, [instance(1, 1).into()]);
    let at = Key { at: Some(WallTime(40)), ..ledger.key(EntryId(1003)) };
    done(&mut ledger, 3, reserve([instance(1, 2).into()]));
    ledger.apply(&ledger.entry(at, commit(3, 3))).unwrap();
    done(&mut ledger, 4, reserve([gpu(2).into()]));
    let machine = [
        used(holder(1), instance(1, 0)),
        seen(holder(2), instance(1, 1), How::Used { last: WallTime(899) }),
        seen(holder(2), instance(1, 1), How::Used { last: WallTime(800) }),
        seen(holder(3), instance(1, 2), How::Given),
    ];
    let report = report(&ledger, &machine, &[]);
    let unused = |since| Finding::HeldAndUnused { since };
    let expected = [
        (instance(1, 0).into(), Finding::HeldAndUsed),
        (instance(1, 1).into(), unused(Some(WallTime(899)))),
        (instance(1, 2).into(), unused(Some(WallTime(40)))),
        (gpu(2).into(), Finding::Reserved),
    ];
    assert_eq!(findings(&report), expected);
    assert!(report.is_clean());
    assert_eq!(report.lines[0].to_string(), "nvidia:pci:0000:01:00.0/gi:0 held and used by containerd c1");
    assert_eq!(repaired(&ledger, &machine, &[]).1, 0);
}

#[test]
fn the_dead_are_released_and_only_the_dead() {
    let mut ledger = of(vec![cut(1, 0..3), board(2)]);
    hold(&mut ledger, 1, 1, [instance(1, 0).into(), instance(1, 1).into()]);
    hold(&mut ledger, 2, 2, [gpu(2).into()]);
    let report = report(&ledger, &[], &[holder(1)]);
    assert_eq!(report.lines.iter().filter(|line| line.finding == Finding::HeldByTheDead).count(), 2);
    let (after, repairs) = repaired(&ledger, &[], &[holder(1)]);
    assert_eq!((repairs, after.len()), (1, 1));
    // Who cannot be told alive from dead is not dead.
    let unknown = |_: &Owner| Presence::Unknown;
    let look = Look { seen: &[], presence: &unknown, now: NOW, idle_after: Nanoseconds(0) };
    assert!(Report::of(&ledger, &look).is_clean());
}

#[test]
fn what_is_lost_is_told_to_the_living_and_released_for_the_dead() {
    let mut ledger = of(vec![board(1), board(2), board(3), board(4)]);
    hold(&mut ledger, 1, 1, [gpu(1).into()]);
    hold(&mut ledger, 2, 2, [gpu(2).into()]);
    done(&mut ledger, 3, reserve([gpu(3).into()]));
    done(&mut ledger, 9, Body::Inventory(vec![board(4)]));
    let report = report(&ledger, &[], &[holder(2)]);
    let expected = [Finding::LostToTheLiving, Finding::Lost, Finding::Lost]
        .into_iter()
        .zip([1, 2, 3])
        .map(|(f, n)| (gpu(n).into(), f));
    assert_eq!(findings(&report), expected.collect::<Vec<_>>());
    let (after, repairs) = repaired(&ledger, &[], &[holder(2)]);
    assert_eq!((repairs, after.len()), (2, 1));
    assert_eq!(after.holding(holding(1)).unwrap().state(), HoldingState::Lost);
}

#[test]
fn what_was_given_past_the_ledger_is_taken_in_where_nobody_holds_it() {
    let mut ledger = of(vec![cut(1, 0..3), board(2)]);
    hold(&mut ledger, 1, 1, [instance(1, 0).into()]);
    let machine = [
        used(holder(1), instance(1, 0)),
        used(holder(7), instance(1, 1)),
        seen(holder(7), instance(1, 1), How::Given),
        // Given what another holds, and used without being given.
        seen(holder(8), instance(1, 0), How::Given),
        used(holder(9), gpu(2)),
        seen(holder(9), instance(1, 2), How::Used { last: WallTime(3) }),
    ];
    let report = report(&ledger, &machine, &[]);
    let expected = [
        (instance(1, 0).into(), Finding::HeldAndUsed),
        (gpu(2).into(), Finding::UsedAndNotHeld),
        (instance(1, 0).into(), Finding::GivenAndNotHeld),
        (instance(1, 1).into(), Finding::GivenAndNotHeld),
    ];
    assert_eq!(findings(&report), expected);
    assert!(!report.is_clean());
    let (after, repairs) = repaired(&ledger, &machine, &[]);
    assert_eq!((repairs, after.len()), (2, 2));
    let new = after.holdings().find(|held| held.holder() == Some(holder(7))).unwrap();
    assert_eq!(new.units().next().map(|unit| unit.unit), Some(instance(1, 1).into()));
}

/// What the dead held can be taken in by who was given it since, in one go.
#[test]
fn repairs_come_in_an_order_in_which_they_are_taken() {
    let mut ledger = of(vec![board(1)]);
    hold(&mut ledger, 1, 1, [gpu(1).into()]);
    let machine = [seen(holder(2), gpu(1), How::Given), used(holder(2), gpu(1))];
    let (after, repairs) = repaired(&ledger, &machine, &[holder(1)]);
    assert_eq!((repairs, after.len()), (3, 1));
    assert_eq!(after.holdings().next().unwrap().holder(), Some(holder(2)));
}

#[test]
fn what_is_overdue_expires_and_a_clock_that_went_back_makes_nothing_so() {
    let mut ledger = of(vec![board(1), board(2)]);
    let until = |time| Body::Reserve(Reserve::new([claim(gpu(1))]).until(Expiry::At(WallTime(time))));
    done(&mut ledger, 1, until(NOW.0));
    assert_eq!(findings(&report(&ledger, &[], &[])), [(gpu(1).into(), Finding::Overdue)]);
    assert!(repaired(&ledger, &[], &[]).0.is_empty());
    let here = |_: &Owner| Presence::Here;
    let earlier = Look { seen: &[], presence: &here, now: WallTime(1), idle_after: Nanoseconds(0) };
    assert!(Report::of(&ledger, &earlier).is_clean());
    hold(&mut ledger, 2, 2, [gpu(2).into()]);
    let ahead = [used(holder(2), gpu(2))];
    let earlier = Look { seen: &ahead, ..earlier };
    assert_eq!(Report::of(&ledger, &earlier).lines[1].finding, Finding::HeldAndUsed);
}

/// What is written down may be a wish; what the kernel enforces was given.
#[test]
fn evidence_that_the_kernel_enforces_is_taken_in() {
    let ledger = of(vec![board(1), board(2)]);
    let evidence =
        |number, strength| Evidence::new(holder(7), gpu(number), EvidenceSource::DeviceFiles, strength);
    let evidence = [evidence(1, Strength::Enforced), evidence(2, Strength::Declared)];
    let machine: Vec<Seen> = evidence.iter().filter_map(Seen::of_evidence).collect();
    assert_eq!(machine, [seen(holder(7), gpu(1), How::Given)]);
    assert_eq!(repaired(&ledger, &machine, &[]).0.len(), 1);
    assert_eq!(Seen::used(holder(7), gpu(1), NOW), used(holder(7), gpu(1)));
}

/// Sources name units more or less exactly, and owners with more or less beside the name.
#[test]
fn what_is_seen_is_found_under_the_names_that_sources_have() {
    let inner = instance(1, 0).inner(PartitionKind::COMPUTE_INSTANCE, 0).unwrap();
    let held_as: [(UnitId, UnitId, bool); 9] = [
        (instance(1, 0).into(), inner.into(), true),
        (inner.into(), instance(1, 0).into(), true),
        (instance(1, 0).into(), gpu(1).into(), true),
        (gpu(1).into(), instance(1, 0).into(), true),
        (instance(1, 0).into(), instance(1, 1).into(), false),
        (gpu(1).share(0, 2).into(), gpu(1).into(), true),
        (gpu(1).share(0, 2).into(), gpu(1).share(1, 2).into(), false),
        (gpu(1).share(0, 2).into(), gpu(1).share(0, 2).into(), true),
        (gpu(1).into(), gpu(2).into(), false),
    ];
    for (held, at, is_it) in held_as {
        let mut board = cut(1, 0..2);
        board.parts.insert(1, gpu_core::ledger::Offer::new(inner, site::LIFE));
        board.whole.shared = shared(1, 2).whole.shared;
        let mut ledger = of(vec![board]);
        hold(&mut ledger, 1, 1, [held]);
        let first = report(&ledger, &[used(holder(1), at)], &[]).lines[0].finding;
        assert_eq!(first == Finding::HeldAndUsed, is_it, "{held} seen at {at}: {first}");
    }
    let mut exact = Container::new(Runtime::Kubernetes, "c1".parse().unwrap());
    exact.pod = Some(Pod { uid: Uuid([1; 16]), qos: QosClass::Burstable });
    let mut ledger = of(vec![board(1)]);
    hold(&mut ledger, 1, 1, [gpu(1).into()]);
    assert!(report(&ledger, &[used(Owner::Container(exact), gpu(1))], &[]).is_clean());
    let nameless = Owner::Slurm(SlurmJob::new(None));
    assert!(!report(&ledger, &[used(nameless, gpu(1))], &[]).is_clean());
}
