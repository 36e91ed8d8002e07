//! The ledger, rule by rule.

#[path = "support/site.rs"]
mod site;

use gpu_core::ledger::{
    Body, Claim, Declared, Dimension, Ended, EntryId, Expire, Expiry, Fault, HoldingState, Key, Label,
    Ledger, Offer, Outlook, Position, Reason, Renew, Reserve, Right,
};
use gpu_core::{
    Bytes, Count, Entitlement, Exclusion, Incarnation, Owner, PartitionKind, Permille, SharingKind, UnitId,
    UnitName, WallTime, stored,
};
use site::{
    LIFE, board, claim, commit, cut, done, entry, gpu, holder, holding, instance, invalid, ledger, of,
    refused, refused_entry, release, reserve, shared,
};

fn state(ledger: &Ledger, id: u128) -> HoldingState {
    ledger.holding(holding(id)).expect("it is there").state()
}

// Entry ids.

#[test]
fn the_same_entry_again_gives_the_same_receipt_and_changes_nothing() {
    let mut ledger = of(vec![board(1), board(2)]);
    let first = entry(&ledger, 7, reserve([gpu(1).into()]));
    let receipt = ledger.apply(&first).unwrap();
    assert_eq!(receipt.holding, Some(holding(7)));
    let commit = entry(&ledger, 8, commit(7, 1));
    let committed = ledger.apply(&commit).unwrap();
    let before = stored::encode_snapshot(&ledger);
    for _ in 0..3 {
        assert_eq!(ledger.apply(&first), Ok(receipt));
        assert_eq!(ledger.apply(&commit), Ok(committed));
        assert_eq!(ledger.preview(&commit), Ok(committed));
    }
    // When it was made and what had been seen then is not what it says.
    let mut later = first.clone();
    (later.at, later.seen) = (Some(WallTime(5)), ledger.position());
    assert_eq!(ledger.apply(&later), Ok(receipt));
    assert_eq!(stored::encode_snapshot(&ledger), before);
}

#[test]
fn an_id_with_another_body_is_refused() {
    let mut ledger = of(vec![board(1), board(2)]);
    done(&mut ledger, 7, reserve([gpu(1).into()]));
    done(&mut ledger, 8, commit(7, 1));
    let bodies = [
        (7, reserve([gpu(2).into()])),
        (7, reserve([gpu(1).into(), gpu(2).into()])),
        (7, Body::Reserve(Reserve::new([claim(gpu(1))]).until(Expiry::Lease(1)))),
        (7, Body::Reserve(Reserve::new([claim(gpu(1)).memory(Bytes(1))]))),
        (7, Body::Reserve(Reserve::new([claim(gpu(1))]).labelled("x".parse().unwrap()))),
        (7, release(7)),
        (8, commit(7, 2)),
        (8, release(7)),
    ];
    for (id, body) in bodies {
        let refusal = refused(&mut ledger, id, body);
        assert!(matches!(refusal.reason(), Reason::IdReused { .. }), "{refusal}");
        assert_eq!(refusal.outlook(), Outlook::AskAnew);
    }
}

/// However late an entry comes again, it does not happen again; and the ledger remembers no more
/// for that.
#[test]
fn what_may_have_been_forgotten_is_refused_and_never_taken_for_new() {
    let mut ledger = of(vec![board(1), board(2)]);
    let lives = entry(&ledger, 1, reserve([gpu(1).into()]));
    let receipt = ledger.apply(&lives).unwrap();
    let ended = entry(&ledger, 2, reserve([gpu(2).into()]));
    let ended_receipt = ledger.apply(&ended).unwrap();
    let end = entry(&ledger, 3, release(2));
    ledger.apply(&end).unwrap();
    let mut sizes = Vec::new();
    for round in 0..4 * u128::from(Ledger::WINDOW) {
        // At every moment: the same receipt, or a refusal that says why.
        match ledger.apply(&ended) {
            Ok(again) => assert_eq!(again, ended_receipt),
            Err(refusal) => {
                assert!(matches!(refusal.reason(), Reason::Outdated { .. }), "{refusal}");
                assert!(ledger.position().since(ended_receipt.position) >= Ledger::WINDOW);
            }
        }
        assert_eq!(ledger.apply(&lives), Ok(receipt), "a holding remembers its own entry while it lives");
        for (id, body) in
            [(10 + 2 * round, reserve([gpu(2).into()])), (11 + 2 * round, release(10 + 2 * round))]
        {
            let next = entry(&ledger, id, body);
            ledger.apply(&next).unwrap();
        }
        sizes.push(stored::encode_snapshot(&ledger).len());
    }
    assert!(matches!(refused_entry(&mut ledger, &end).reason(), Reason::Outdated { .. }));
    assert!(matches!(refused_entry(&mut ledger, &ended).reason(), Reason::Outdated { .. }));
    assert_eq!(sizes.last(), sizes.get(sizes.len() / 2), "memory does not grow with history");
    ledger.check().unwrap();
}

/// A caller has seen what this ledger has not: the store lost entries, or is another one.
#[test]
fn a_ledger_that_is_behind_its_caller_grants_nothing() {
    let mut ledger = of(vec![board(1)]);
    let ahead = Key::new(EntryId(1), Position(2));
    let ahead = ledger.entry(ahead, reserve([gpu(1).into()]));
    let refusal = refused_entry(&mut ledger, &ahead);
    assert_eq!(refusal.to_string(), "made at position 2, and this ledger is at 1: entries are missing here");
}

// Two phases.

#[test]
fn a_reservation_is_committed_renewed_and_released() {
    let mut ledger = of(vec![board(1)]);
    let until = Expiry::At(WallTime(100));
    let label: Label = "team red".parse().unwrap();
    let reserve = Reserve::new([claim(gpu(1))]).until(until).labelled(label);
    let at = Key { at: Some(WallTime(50)), ..ledger.key(EntryId(1)) };
    ledger.apply(&ledger.entry(at, Body::Reserve(reserve))).unwrap();
    assert_eq!(state(&ledger, 1), HoldingState::Reserved);
    done(&mut ledger, 2, Body::Renew(Renew { holding: holding(1), expiry: Expiry::Lease(9) }));
    assert_eq!(ledger.of_lease(9).count(), 1);
    // The clock of this caller is behind: nothing is decided by it.
    let at = Key { at: Some(WallTime(20)), ..ledger.key(EntryId(3)) };
    ledger.apply(&ledger.entry(at, commit(1, 4))).unwrap();
    let held = ledger.holding(holding(1)).unwrap();
    assert_eq!(
        (held.state(), held.holder(), held.label()),
        (HoldingState::Held, Some(holder(4)), Some("team red"))
    );
    assert_eq!((held.reserved_since(), held.held_since()), (Some(WallTime(50)), Some(WallTime(20))));
    assert_eq!(held.expiry(), Expiry::Never);
    let right = Right::Whole { memory: Some(Bytes::gib(80)), compute: Some(Count(100)) };
    assert_eq!(held.units().map(|held| held.right).collect::<Vec<_>>(), [right]);
    done(&mut ledger, 5, release(1));
    assert!(ledger.is_empty() && ledger.in_the_way(gpu(1)).is_empty());
}

#[test]
fn nothing_expires_but_by_an_entry_and_what_expired_cannot_be_committed() {
    let mut ledger = of(vec![board(1), board(2)]);
    let until = Expiry::At(WallTime(100));
    done(&mut ledger, 1, Body::Reserve(Reserve::new([claim(gpu(1))]).until(until)));
    done(&mut ledger, 2, reserve([gpu(2).into()]));
    assert_eq!(ledger.due(WallTime(99)).count(), 0);
    let due: Vec<Expire> = ledger.due(WallTime(100)).collect();
    assert_eq!(due, [Expire { holding: holding(1), expiry: until }]);
    // The clock steps back, and nobody has lost anything.
    assert_eq!(ledger.due(WallTime(3)).count(), 0);
    assert_eq!(state(&ledger, 1), HoldingState::Reserved);

    let other = Expire { holding: holding(1), expiry: Expiry::At(WallTime(99)) };
    let refusal = refused(&mut ledger, 3, Body::Expire(other));
    assert_eq!(refusal.reason(), &Reason::OtherExpiry { holding: holding(1), expiry: until });
    let never = Expire { holding: holding(2), expiry: Expiry::Never };
    assert_eq!(refused(&mut ledger, 4, Body::Expire(never)).kind(), "other_expiry");

    done(&mut ledger, 5, Body::Expire(due[0]));
    for (id, body) in [(6, commit(1, 1)), (7, release(1)), (8, Body::Expire(due[0]))] {
        let refusal = refused(&mut ledger, id, body);
        assert_eq!(refusal.reason(), &Reason::NotHeld { holding: holding(1), ended: Some(Ended::Expired) });
        assert!(refusal.to_string().ends_with("expired"), "{refusal}");
    }
    done(&mut ledger, 9, reserve([gpu(1).into()]));
}

#[test]
fn what_is_not_held_is_not_released() {
    let mut ledger = of(vec![board(1)]);
    let renew = Body::Renew(Renew { holding: holding(1), expiry: Expiry::Never });
    let expire = Body::Expire(Expire { holding: holding(1), expiry: Expiry::Lease(1) });
    for body in [release(1), commit(1, 1), renew, expire] {
        let refusal = refused(&mut ledger, 9, body);
        assert_eq!(refusal.reason(), &Reason::NotHeld { holding: holding(1), ended: None });
    }
    done(&mut ledger, 1, reserve([gpu(1).into()]));
    done(&mut ledger, 2, release(1));
    let refusal = refused(&mut ledger, 3, release(1));
    assert_eq!(refusal.reason(), &Reason::NotHeld { holding: holding(1), ended: Some(Ended::Released) });
}

#[test]
fn nobody_in_particular_holds_nothing_and_nobody_takes_a_place_that_is_taken() {
    let mut ledger = of(vec![board(1)]);
    done(&mut ledger, 1, reserve([gpu(1).into()]));
    for holder in [
        Owner::Machine,
        Owner::Hidden,
        Owner::Unit(UnitName::new("")),
        Owner::Unit(UnitName::new(&"x".repeat(1 << 20))),
    ] {
        let commit = gpu_core::ledger::Commit { holding: holding(1), holder, expiry: Expiry::Never };
        invalid(&mut ledger, 2, Body::Commit(commit));
    }
    done(&mut ledger, 3, commit(1, 1));
    assert_eq!(refused(&mut ledger, 4, commit(1, 2)).kind(), "already_held");
}

// Units.

#[test]
fn entries_and_units_of_another_node_are_refused() {
    let mut ledger = of(vec![board(1)]);
    let mut other = entry(&ledger, 1, reserve([gpu(1).into()]));
    other.node = "node-2".parse().unwrap();
    let refusal = refused_entry(&mut ledger, &other);
    assert_eq!(refusal.to_string(), "the entry is for node node-2, and this is the ledger of node-1");
    let refusal = refused(&mut ledger, 1, reserve([gpu(9).into()]));
    assert_eq!(refusal.reason(), &Reason::UnknownUnit { unit: gpu(9).into() });
    assert_eq!(refusal.outlook(), Outlook::NotNow);
    assert_eq!(refused(&mut ledger, 1, reserve([instance(1, 3).into()])).kind(), "unknown_unit");
    assert_eq!(refused(&mut ledger, 1, Body::Withdraw(vec![gpu(9).into()])).kind(), "unknown_unit");
    assert_eq!(refused(&mut ledger, 1, Body::Repartition(board(9).into())).kind(), "unknown_unit");
}

#[test]
fn a_refusal_says_what_would_have_to_be_freed() {
    let mut ledger = of(vec![cut(1, 0..7)]);
    for number in [5, 3] {
        done(&mut ledger, number.into(), reserve([instance(1, number).into()]));
    }
    done(&mut ledger, 100, commit(3, 1));
    let refusal = refused(&mut ledger, 9, reserve([gpu(1).into()]));
    assert_eq!((refusal.outlook(), refusal.to_free()), (Outlook::NotNow, vec![holding(3), holding(5)]));
    let Reason::Taken { by } = refusal.reason() else { panic!("{refusal}") };
    assert_eq!((by[0].held, by[0].asked), (instance(1, 3).into(), gpu(1).into()));
    assert_eq!((by[0].exclusion, by[0].state), (Exclusion::Nested, HoldingState::Held));
    assert!(
        refusal.to_string().starts_with("taken; to be freed first: nvidia:pci:0000:01:00.0/gi:3 (held by"),
        "{refusal}"
    );
    done(&mut ledger, 10, release(3));
    done(&mut ledger, 11, release(5));
    done(&mut ledger, 9, reserve([gpu(1).into()]));
    assert_eq!(refused(&mut ledger, 12, reserve([instance(1, 0).into()])).to_free(), [holding(9)]);
}

#[test]
fn all_units_of_an_entry_or_none() {
    let mut ledger = of(vec![cut(1, 0..3), board(2)]);
    done(&mut ledger, 1, reserve([instance(1, 1).into()]));
    let three = || reserve([gpu(2).into(), instance(1, 0).into(), instance(1, 1).into()]);
    let refusal = refused(&mut ledger, 2, three());
    assert_eq!(refusal.to_free(), [holding(1)]);
    assert!(ledger.in_the_way(gpu(2)).is_empty());
    done(&mut ledger, 3, release(1));
    done(&mut ledger, 2, three());
    assert_eq!(ledger.holding(holding(2)).unwrap().units().count(), 3);
    done(&mut ledger, 4, release(2));
    assert!(ledger.in_the_way(gpu(1)).is_empty());
}

#[test]
fn what_contradicts_itself_or_is_too_much_is_never_possible() {
    let mut ledger = of(vec![cut(1, 0..2), shared(2, 4)]);
    let pairs: [[UnitId; 2]; 4] = [
        [gpu(1).into(), instance(1, 0).into()],
        [gpu(1).into(), gpu(1).into()],
        [gpu(2).into(), gpu(2).share(0, 4).into()],
        [gpu(2).share(0, 4).into(), gpu(2).share(1, 2).into()],
    ];
    for pair in pairs {
        let refusal = refused(&mut ledger, 1, reserve(pair));
        assert_eq!((refusal.kind(), refusal.outlook()), ("contradiction", Outlook::Never));
    }
    assert_eq!(invalid(&mut ledger, 1, reserve([])), "a reservation of nothing");
    let many = (0..300).map(|n| claim(gpu(7).partition(PartitionKind::TILE, n)));
    assert_eq!(
        invalid(&mut ledger, 1, Body::Reserve(Reserve::new(many))),
        "more units than one holding may have"
    );
    let mut shuffled = Reserve::new([claim(instance(1, 0)), claim(instance(1, 1))]);
    shuffled.claims.reverse();
    assert_eq!(invalid(&mut ledger, 1, Body::Reserve(shuffled)), "units that do not ascend");
}

#[test]
fn no_unit_gives_more_than_it_has() {
    let mut ledger = of(vec![cut(1, 0..2), board(2)]);
    let asks = [
        claim(gpu(2)).memory(Bytes::gib(81)),
        claim(gpu(2)).memory(Bytes(u64::MAX)),
        claim(gpu(2)).compute(Count(u64::MAX)),
        claim(instance(1, 0)).memory(Bytes::gib(11)),
        claim(instance(1, 0)).compute(Count(15)),
    ];
    for ask in asks {
        let refusal = refused(&mut ledger, 1, Body::Reserve(Reserve::new([ask])));
        assert_eq!((refusal.kind(), refusal.outlook()), ("too_small", Outlook::Never), "{refusal}");
    }
    done(
        &mut ledger,
        1,
        Body::Reserve(Reserve::new([claim(gpu(2)).memory(Bytes::gib(80)).compute(Count(100))])),
    );
}

#[test]
fn another_life_of_a_place_is_another_unit() {
    let mut ledger = of(vec![cut(1, 0..2)]);
    let old = Claim::new(instance(1, 0), Incarnation(77));
    let refusal = refused(&mut ledger, 1, Body::Reserve(Reserve::new([old])));
    let unit = instance(1, 0).into();
    assert_eq!(refusal.reason(), &Reason::OtherLife { unit, asked: Incarnation(77), here: LIFE });
}

// Shares.

#[test]
fn shares_guarantee_nothing_however_many_one_holds() {
    let mut ledger = of(vec![shared(1, 4)]);
    let all = (0..4).map(|k| claim(gpu(1).share(k, 4)));
    for memory in [Bytes(1), Bytes::gib(20), Bytes(u64::MAX)] {
        let greedy = Reserve::new(all.clone().map(|claim| claim.memory(memory)));
        let refusal = refused(&mut ledger, 1, Body::Reserve(greedy));
        assert_eq!(refusal.outlook(), Outlook::Never);
        assert!(refusal.to_string().contains("has no memory of its own"), "{refusal}");
    }
    done(&mut ledger, 1, Body::Reserve(Reserve::new(all)));
    let held = ledger.holding(holding(1)).unwrap();
    assert!(held.units().all(|unit| unit.right == Right::Share(Entitlement::NoGuarantee)));
    let shares = ledger.account(gpu(1), Dimension::Shares).unwrap();
    assert_eq!((shares.free, shares.reserved, shares.capacity), (0, 4, 4));
}

#[test]
fn shares_exclude_the_whole_and_shares_that_nobody_declared() {
    let mut ledger = of(vec![shared(1, 4), board(2)]);
    done(&mut ledger, 1, reserve([gpu(1).share(2, 4).into()]));
    done(&mut ledger, 2, reserve([gpu(1).share(3, 4).into()]));
    assert_eq!(refused(&mut ledger, 3, reserve([gpu(1).into()])).to_free(), [holding(1), holding(2)]);
    assert_eq!(refused(&mut ledger, 3, reserve([gpu(1).share(2, 4).into()])).to_free(), [holding(1)]);
    for share in [gpu(1).share(4, 4), gpu(1).share(0, 2), gpu(1).share(0, 0), gpu(2).share(0, 2)] {
        assert_eq!(refused(&mut ledger, 3, reserve([share.into()])).kind(), "not_offered", "{share}");
    }
    // What is shared is bound, and given to none of them.
    let memory = ledger.account(gpu(1), Dimension::Memory).unwrap();
    assert_eq!((memory.free, memory.reserved), (0, memory.capacity));
    done(&mut ledger, 4, commit(2, 1));
    let shares = ledger.account(gpu(1), Dimension::Shares).unwrap();
    assert_eq!((shares.free, shares.reserved, shares.held), (2, 1, 1));
    let memory = ledger.account(gpu(1), Dimension::Memory).unwrap();
    assert_eq!((memory.free, memory.held), (0, memory.capacity));
}

// Accounts.

#[test]
fn accounts_add_up_in_nested_parts() {
    let mut nested = cut(1, [1, 2]);
    let inner = |n| instance(1, 1).inner(PartitionKind::COMPUTE_INSTANCE, n).unwrap();
    nested.parts.extend([0, 1].map(|n| Offer::new(inner(n), LIFE).compute(Count(7))));
    nested.parts.sort_by_key(|part| part.unit);
    let mut ledger = of(vec![nested]);
    done(&mut ledger, 1, reserve([inner(0).into()]));
    // The memory of the instance around it is bound, and no more of the device's.
    let gib = |amount: u64| amount >> 30;
    let of = |ledger: &Ledger, unit: UnitId| {
        let memory = ledger.account(unit, Dimension::Memory).unwrap();
        let compute = ledger.account(unit, Dimension::Compute).unwrap();
        (gib(memory.free), gib(memory.reserved), compute.free, compute.reserved)
    };
    assert_eq!(of(&ledger, instance(1, 1).into()), (0, 10, 7, 7));
    assert_eq!(of(&ledger, gpu(1).into()), (70, 10, 93, 7));
    assert_eq!(of(&ledger, instance(1, 2).into()), (10, 0, 14, 0));
    assert_eq!(ledger.account(inner(1), Dimension::Memory), None);
    done(&mut ledger, 2, reserve([inner(1).into()]));
    assert_eq!(of(&ledger, gpu(1).into()), (70, 10, 86, 14));
    done(&mut ledger, 3, reserve([instance(1, 2).into()]));
    assert_eq!(of(&ledger, gpu(1).into()), (60, 20, 72, 28));
    assert_eq!(ledger.account(gpu(1).share(0, 2), Dimension::Memory), None);
    // One part drains and the other is held: what binds both is held.
    done(&mut ledger, 4, commit(2, 1));
    done(&mut ledger, 5, Body::Withdraw(vec![inner(0).into()]));
    let memory = ledger.account(instance(1, 1), Dimension::Memory).unwrap();
    assert_eq!((gib(memory.held), memory.draining), (10, 0));
    let compute = ledger.account(instance(1, 1), Dimension::Compute).unwrap();
    assert_eq!((compute.held, compute.draining), (7, 7));
}

// Units that change.

#[test]
fn a_device_that_goes_leaves_its_holdings_lost_and_reported() {
    let mut ledger = of(vec![cut(1, 0..2), board(2)]);
    done(&mut ledger, 1, reserve([gpu(2).into()]));
    done(&mut ledger, 2, commit(1, 1));
    done(&mut ledger, 3, reserve([instance(1, 0).into(), instance(1, 1).into()]));
    done(&mut ledger, 4, Body::Inventory(vec![cut(1, 0..1)]));
    let moved: Vec<_> = ledger.moved().iter().map(|moved| (moved.holding, moved.from, moved.to)).collect();
    use HoldingState::{Held, Lost, Reserved};
    assert_eq!(moved, [(holding(1), Held, Lost), (holding(3), Reserved, Lost)]);
    // Half of it is still there, and nobody else gets that.
    let units: Vec<_> =
        ledger.holding(holding(3)).unwrap().units().map(|unit| (unit.unit, unit.state)).collect();
    assert_eq!(units, [(instance(1, 0).into(), Reserved), (instance(1, 1).into(), Lost)]);
    assert_eq!(refused(&mut ledger, 5, reserve([instance(1, 0).into()])).to_free(), [holding(3)]);
    assert_eq!(refused(&mut ledger, 5, commit(3, 1)).kind(), "gone");
    assert_eq!(refused(&mut ledger, 5, reserve([gpu(2).into()])).kind(), "unknown_unit");

    // It comes back, and is whose it was.
    done(&mut ledger, 6, Body::Inventory(vec![cut(1, 0..2), board(2)]));
    let moved: Vec<_> = ledger.moved().iter().map(|moved| (moved.holding, moved.to)).collect();
    assert_eq!(moved, [(holding(1), Held), (holding(3), Reserved)]);
    done(&mut ledger, 7, release(1));
    assert_eq!(ledger.moved(), [], "only what the last entry moved");
}

#[test]
fn a_partition_that_is_made_again_is_not_the_one_that_was_held() {
    let mut ledger = of(vec![cut(1, 0..2)]);
    done(&mut ledger, 1, reserve([instance(1, 0).into()]));
    done(&mut ledger, 2, commit(1, 1));
    let mut again = cut(1, 0..2);
    again.parts[0].incarnation = Incarnation(2);
    done(&mut ledger, 3, Body::Inventory(vec![again]));
    assert_eq!(state(&ledger, 1), HoldingState::Lost);
    // The new life is free, and once it is given the old one never comes back beside it.
    done(&mut ledger, 4, Body::Reserve(Reserve::new([Claim::new(instance(1, 0), Incarnation(2))])));
    done(&mut ledger, 5, release(1));
    assert_eq!(ledger.len(), 1);
}

#[test]
fn what_was_lost_does_not_come_back_over_somebody_else() {
    let mut ledger = of(vec![cut(1, 0..2)]);
    done(&mut ledger, 1, reserve([instance(1, 0).into()]));
    done(&mut ledger, 2, Body::Inventory(vec![board(1)]));
    done(&mut ledger, 3, reserve([gpu(1).into()]));
    done(&mut ledger, 4, Body::Inventory(vec![cut(1, 0..2)]));
    assert_eq!((state(&ledger, 1), state(&ledger, 3)), (HoldingState::Lost, HoldingState::Reserved));
    done(&mut ledger, 5, release(3));
    done(&mut ledger, 6, Body::Inventory(vec![cut(1, 0..2)]));
    assert_eq!(state(&ledger, 1), HoldingState::Reserved);
}

#[test]
fn units_that_are_withdrawn_drain() {
    let mut ledger = of(vec![cut(1, 0..3), board(2)]);
    done(&mut ledger, 1, reserve([instance(1, 0).into()]));
    done(&mut ledger, 2, commit(1, 1));
    done(&mut ledger, 3, Body::Withdraw(vec![gpu(1).into()]));
    assert_eq!(state(&ledger, 1), HoldingState::Draining);
    assert_eq!(ledger.moved().len(), 1);
    let memory = ledger.account(gpu(1), Dimension::Memory).unwrap();
    assert_eq!((memory.draining, memory.held), (10 << 30, 0));
    for unit in [gpu(1).into(), instance(1, 1).into()] {
        let refusal = refused(&mut ledger, 4, reserve([unit]));
        assert_eq!((refusal.kind(), refusal.outlook()), ("withdrawn", Outlook::NotNow));
    }
    // Seeing the board again does not give it out again, nor does its being away.
    done(&mut ledger, 5, Body::Inventory(vec![board(2)]));
    assert_eq!(state(&ledger, 1), HoldingState::Lost);
    done(&mut ledger, 6, Body::Inventory(vec![cut(1, 0..3), board(2)]));
    assert_eq!(state(&ledger, 1), HoldingState::Draining);
    assert_eq!(ledger.withdrawn().collect::<Vec<_>>(), [UnitId::from(gpu(1))]);
    done(&mut ledger, 7, Body::Restore(vec![gpu(1).into()]));
    assert_eq!(state(&ledger, 1), HoldingState::Held);
    assert_eq!(invalid(&mut ledger, 8, Body::Restore(vec![gpu(1).into()])), "it is not withdrawn");
    // A partition that was withdrawn and destroyed comes back as another.
    done(&mut ledger, 9, Body::Withdraw(vec![instance(1, 1).into()]));
    let mut again = cut(1, 0..3);
    again.parts[1].incarnation = Incarnation(2);
    done(&mut ledger, 10, Body::Inventory(vec![again]));
    assert_eq!(ledger.withdrawn().count(), 0);
}

#[test]
fn a_declaration_that_changes_and_a_unit_that_shrinks_drain() {
    let mut ledger = of(vec![shared(1, 4), board(2)]);
    done(&mut ledger, 1, reserve([gpu(1).share(3, 4).into()]));
    done(&mut ledger, 2, Body::Reserve(Reserve::new([claim(gpu(2)).memory(Bytes::gib(80))])));
    let mut smaller = board(2);
    smaller.whole.memory = Some(Bytes::gib(79));
    done(&mut ledger, 3, Body::Inventory(vec![shared(1, 2), smaller.clone()]));
    assert_eq!((state(&ledger, 1), state(&ledger, 2)), (HoldingState::Draining, HoldingState::Draining));
    assert_eq!(refused(&mut ledger, 4, reserve([gpu(1).share(0, 2).into()])).to_free(), [holding(1)]);
    let mut cut_only = board(1);
    cut_only.whole.holdable = false;
    done(&mut ledger, 5, Body::Inventory(vec![cut_only, board(2)]));
    assert_eq!((state(&ledger, 1), state(&ledger, 2)), (HoldingState::Draining, HoldingState::Reserved));
    assert_eq!(refused(&mut ledger, 6, reserve([gpu(1).into()])).kind(), "not_offered");
}

#[test]
fn a_repartition_takes_nothing_from_anybody() {
    let mut ledger = of(vec![cut(1, 0..3), board(2)]);
    done(&mut ledger, 1, reserve([instance(1, 0).into()]));
    let refusal = refused(&mut ledger, 2, Body::Repartition(cut(1, 1..3).into()));
    assert_eq!(refusal.to_free(), [holding(1)]);
    let mut again = cut(1, 0..3);
    again.parts[0].incarnation = Incarnation(2);
    assert_eq!(refused(&mut ledger, 2, Body::Repartition(again.into())).to_free(), [holding(1)]);
    done(&mut ledger, 2, Body::Repartition(cut(1, [0, 5]).into()));
    assert_eq!(ledger.moved(), []);
    done(&mut ledger, 3, reserve([instance(1, 5).into()]));
    assert_eq!(refused(&mut ledger, 4, reserve([instance(1, 1).into()])).kind(), "unknown_unit");
    // A board that somebody holds as a whole is not cut.
    done(&mut ledger, 5, reserve([gpu(2).into()]));
    assert_eq!(refused(&mut ledger, 6, Body::Repartition(cut(2, 0..1).into())).to_free(), [holding(5)]);
    let mut other = board(2);
    other.whole.holdable = false;
    assert_eq!(refused(&mut ledger, 6, Body::Repartition(other.into())).to_free(), [holding(5)]);
}

#[test]
fn boards_that_cannot_be_are_refused() {
    let mut ledger = of(vec![board(1)]);
    let mut ask = |boards| invalid(&mut ledger, 1, Body::Inventory(boards));
    assert_eq!(ask(vec![board(2), board(1)]), "boards that do not ascend");
    assert_eq!(ask(vec![board(1), board(1)]), "boards that do not ascend");
    assert_eq!(ask(vec![cut(1, 0..9)]), "parts that have more together than what they lie in");
    let mut overflow = cut(1, 0..3);
    overflow.parts.iter_mut().for_each(|part| part.memory = Some(Bytes(u64::MAX - 1)));
    assert_eq!(ask(vec![overflow]), "parts that have more together than what they lie in");
    let mut most = board(1);
    most.whole.compute = Some(Count(u64::MAX));
    assert_eq!(ask(vec![most]), "more than any unit has");
    let mut other = cut(1, 0..2);
    other.parts[1].unit = instance(2, 1).into();
    assert_eq!(ask(vec![other]), "a part of another device");
    let mut orphan = board(1);
    let inner = instance(1, 1).inner(PartitionKind::COMPUTE_INSTANCE, 0).unwrap();
    orphan.parts = vec![Offer::new(inner, LIFE)];
    assert_eq!(ask(vec![orphan]), "a part in something that is not there");
    let mut long = board(1);
    long.model = "x".repeat(1 << 20).into();
    assert_eq!(ask(vec![long]), "too long a name of a model or profile");
    let mut one = board(1);
    let threads = Permille(1000);
    one.whole.shared = Some(Declared { kind: SharingKind::Mps, replicas: 1, memory: None, threads });
    assert_eq!(ask(vec![one]), "a unit is shared by two at least");
    let mut foreign = board(1);
    foreign.device = gpu(3);
    assert_eq!(ask(vec![foreign]), "a board whose device is another one's");
    assert_eq!(ask((0..=255).chain(0..=255).map(board).collect()), "boards that do not ascend");
}

#[test]
fn labels_are_bounded() {
    for bad in ["", "a\nb", &"x".repeat(257), &"x".repeat(1 << 20)] {
        let refused = bad.parse::<Label>().unwrap_err();
        assert!(refused.to_string().len() < 300, "what is refused does not fill a log");
    }
}

// Replay.

#[test]
fn a_journal_with_a_hole_a_double_or_a_stranger_is_refused() {
    let mut live = ledger();
    let mut journal = Vec::new();
    let bodies = [Body::Inventory(vec![board(1)]), reserve([gpu(1).into()]), commit(2, 1), release(2)];
    for (id, body) in (1..).zip(bodies) {
        let entry = entry(&live, id, body);
        journal.push(stored::encode(live.next(), &entry));
        live.apply(&entry).unwrap();
    }
    let replay = |records: &[&Vec<u8>]| {
        let mut again = ledger();
        let outcome = again.replay_all(records);
        again.check().unwrap();
        (outcome.map_err(|error| (error.position.0, error.fault)), again)
    };
    let all: Vec<&Vec<u8>> = journal.iter().collect();
    let (outcome, again) = replay(&all);
    assert_eq!(outcome, Ok(Position(4)));
    assert_eq!(stored::encode_snapshot(&again), stored::encode_snapshot(&live));
    again.reaches(Position(4)).unwrap();
    let missing = again.reaches(Position(5)).unwrap_err();
    assert_eq!(missing.fault, Fault::Missing { last: Position(5) });

    for (records, at) in [([0, 2, 3, 3], 2), ([0, 1, 1, 2], 3), ([1, 0, 2, 3], 1)] {
        let (outcome, again) = replay(&records.map(|at| &journal[at]));
        let (position, fault) = outcome.unwrap_err();
        assert!(matches!(fault, Fault::Misplaced { .. }), "{fault}");
        assert_eq!((position, again.position()), (at, Position(at - 1)));
    }
    // The same place in another history.
    let mut other = ledger();
    let first = entry(&other, 77, Body::Inventory(vec![board(1)]));
    let grafted = stored::encode(other.next(), &first);
    other.apply(&first).unwrap();
    let (outcome, _) = replay(&[&grafted, &journal[1]]);
    assert!(matches!(outcome, Err((2, Fault::Misplaced { .. }))), "{outcome:?}");
    // An entry that this ledger would never have taken.
    let never = entry(&other, 5, reserve([gpu(9).into()]));
    let never = stored::encode(other.next(), &never);
    let (outcome, again) = replay(&[&grafted, &never]);
    assert!(matches!(outcome, Err((2, Fault::Refused(_)))), "{outcome:?}");
    assert_eq!(stored::encode_snapshot(&again), stored::encode_snapshot(&other));
}
