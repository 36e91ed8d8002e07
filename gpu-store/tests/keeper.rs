//! Keepers over journals: what is acknowledged is stored, what is refused is not, and no unit is
//! held twice, whatever the journal answers and whoever else writes.

#[path = "support/shaky.rs"]
mod shaky;
#[path = "../../gpu-core/tests/support/site.rs"]
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gpu_core::choose::Request;
use gpu_core::ledger::{
    Body, EntryId, Expiry, HoldingState, Key, Ledger, NodeName, Outlook, Position, Reason, Receipt, Reserve,
};
use gpu_core::{Bytes, WallTime, stored};
use gpu_store::{
    Append, ErrorKind, Follower, Journal, KeepError, Keeper, MemoryJournal, Policy, Snapshot, Stream, verify,
};
use shaky::{Chance, Shaky};

const AT_SOME_TIME: Duration = Duration::from_secs(60);

fn node() -> NodeName {
    "node-1".parse().expect("a name")
}

fn stream() -> Stream {
    Stream::ledger(node())
}

/// A keeper of a node of so many GPUs, of which each is whole.
fn keeper<J: Journal>(journal: J, gpus: u8) -> Keeper<J> {
    let keeper = Keeper::open(journal, node()).expect("it opens");
    let boards = (0..gpus).map(site::board).collect();
    applied(&keeper, 1 << 100, Body::Inventory(boards));
    keeper
}

#[track_caller]
fn applied<J: Journal>(keeper: &Keeper<J>, id: u128, body: Body) -> Receipt {
    keeper.apply(&keeper.entry(EntryId(id), body)).unwrap_or_else(|error| panic!("{id}: {error}"))
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, KeepError>) -> Reason {
    match answer {
        Err(KeepError::Refused(refusal)) => refusal.reason().clone(),
        other => panic!("it is refused, and not {other:?}"),
    }
}

/// The ledger that the records make, and every record with its position.
fn replayed(journal: &dyn Journal) -> (Ledger, BTreeMap<u64, EntryId>) {
    let mut ledger = Ledger::new(node());
    let last = journal.read(&stream(), Position(0), usize::MAX, &mut |_, bytes| {
        ledger.replay_all([bytes]).unwrap_or_else(|error| panic!("{error}"));
    });
    assert_eq!(last.expect("it is read"), ledger.position());
    (ledger, ids_from(journal, Position(0)))
}

/// Which entry stands where, after a position.
fn ids_from(journal: &dyn Journal, after: Position) -> BTreeMap<u64, EntryId> {
    let mut ids = BTreeMap::new();
    let read = journal.read(&stream(), after, usize::MAX, &mut |position, bytes| {
        ids.insert(position.0, stored::decode(bytes).expect("a record").entry.id);
    });
    read.expect("it is read");
    ids
}

#[track_caller]
fn same(one: &Ledger, other: &Ledger) {
    assert_eq!(stored::encode_snapshot(one), stored::encode_snapshot(other));
}

#[test]
fn a_holding_outlives_its_keeper() {
    let journal = MemoryJournal::new();
    let (key, receipt) = {
        let keeper = keeper(&journal, 2);
        let key = keeper.key(EntryId(7));
        let receipt = keeper.reserve(key, &Request::memory(Bytes::gib(20)).exclusive()).expect("it is free");
        keeper.commit(key, site::holder(1)).expect("it is reserved");
        (key, receipt)
    };
    let again = Keeper::open(&journal, node()).expect("it opens");
    let ledger = again.ledger();
    assert_eq!(ledger.holding(key.holding()).expect("it is there").state(), HoldingState::Held);
    assert_eq!(again.reserve(key, &Request::memory(Bytes::gib(20)).exclusive()).expect("the same"), receipt);
    assert_eq!(journal.extent(&stream()).unwrap().last, Position(3), "what is repeated is not stored again");
    again.release(key).expect("it is held");
    assert_eq!(ledger.len(), 1, "a view stays as it is");
    same(&replayed(&journal).0, &again.ledger());
    verify(&journal, &stream()).expect("it is whole");
}

#[test]
fn a_refusal_stores_nothing() {
    let journal = MemoryJournal::new();
    let keeper = keeper(&journal, 1);
    applied(&keeper, 2, site::reserve([site::gpu(0).into()]));
    let before = journal.extent(&stream()).unwrap();
    let taken = keeper.apply(&keeper.entry(EntryId(3), site::reserve([site::gpu(0).into()])));
    assert!(matches!(refused(taken), Reason::Taken { .. }));
    let reused = keeper.apply(&keeper.entry(EntryId(2), site::reserve([site::gpu(1).into()])));
    assert!(matches!(refused(reused), Reason::IdReused { .. }));
    let mut entry = keeper.entry(EntryId(4), site::release(2));
    entry.node = "node-2".parse().expect("a name");
    assert!(matches!(refused(keeper.apply(&entry)), Reason::OtherNode { .. }));
    assert!(matches!(refused(keeper.release(keeper.key(EntryId(9)))), Reason::NotHeld { .. }));
    match keeper.reserve(keeper.key(EntryId(5)), &Request::memory(Bytes::gib(500))) {
        Err(KeepError::Unmet(unmet)) => assert_eq!(unmet.outlook, Outlook::Never),
        other => panic!("no GPU is so large: {other:?}"),
    }
    assert_eq!(journal.extent(&stream()).unwrap(), before);
    same(&replayed(&journal).0, &keeper.ledger());
}

/// What another keeper did is seen before anything is refused.
#[test]
fn nothing_is_refused_by_what_is_past() {
    let journal = MemoryJournal::new();
    let one = keeper(&journal, 1);
    let key = one.key(EntryId(2));
    one.reserve(key, &Request::memory(Bytes::gib(1)).exclusive()).expect("it is free");
    let other = Keeper::open(&journal, node()).expect("it opens");
    one.release(key).expect("it is held");
    let key = other.key(EntryId(3));
    assert_eq!(other.ledger().len(), 1, "it has not looked");
    other.reserve(key, &Request::memory(Bytes::gib(1)).exclusive()).expect("it is free again");
    // And the first learns of that when it writes, with a key from before.
    let late = one.reserve(one.key(EntryId(4)), &Request::memory(Bytes::gib(1)).exclusive());
    assert!(matches!(late, Err(KeepError::Unmet(_))), "{late:?}");
    let ahead = Key::new(EntryId(5), other.ledger().position());
    assert!(
        matches!(refused(one.release(ahead)), Reason::NotHeld { .. }),
        "it has seen what the key has seen"
    );
}

#[test]
fn of_all_who_race_for_a_unit_one_gets_it() {
    const GPUS: u8 = 6;
    const KEEPERS: u128 = 3;
    const THREADS: u128 = 2;
    let journal = MemoryJournal::new();
    keeper(&journal, GPUS);
    let keepers: Vec<_> = (0..KEEPERS).map(|_| Keeper::open(&journal, node()).expect("it opens")).collect();
    let mut won: Vec<(u8, EntryId)> = thread::scope(|scope| {
        let race = |keeper, me: u128| {
            (0..GPUS).filter_map(move |gpu| {
                let keeper: &Keeper<&MemoryJournal> = keeper;
                let id = EntryId(me * 1000 + u128::from(gpu) + 10);
                match keeper.apply(&keeper.entry(id, site::reserve([site::gpu(gpu).into()]))) {
                    Ok(receipt) => Some((gpu, receipt.id)),
                    Err(KeepError::Refused(refusal)) => {
                        assert!(matches!(refusal.reason(), Reason::Taken { .. }), "{refusal}");
                        None
                    }
                    Err(error) => panic!("{error}"),
                }
            })
        };
        let threads: Vec<_> = (0..KEEPERS * THREADS)
            .map(|me| {
                let keeper = &keepers[(me % KEEPERS) as usize];
                scope.spawn(move || race(keeper, me).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    won.sort_unstable();
    let gpus: Vec<u8> = won.iter().map(|(gpu, _)| *gpu).collect();
    assert_eq!(gpus, (0..GPUS).collect::<Vec<_>>(), "each is won once");
    let ledger = replayed(&journal).0;
    assert_eq!(ledger.len(), usize::from(GPUS));
    for (gpu, id) in won {
        let holding = ledger.holding(site::holding(id.0)).expect("who won holds");
        assert!(holding.units().all(|held| held.unit == site::gpu(gpu).into()));
    }
}

/// Threads that reserve, commit and release on keepers over a journal whose answers get lost: every
/// receipt is stored where it says, what is unknown is resolved by the same call, and nothing else
/// happened.
#[test]
fn lost_answers_lose_nothing_and_double_nothing() {
    let unknown: u64 = (0..30).map(lost_answers).sum();
    assert!(unknown > 0, "nothing was ever unknown to a caller");
}

#[test]
#[ignore = "three thousand of them: for a release build"]
fn a_campaign_of_lost_answers() {
    let unknown: u64 = (100..3100).map(lost_answers).sum();
    println!("3,000 scenes, {unknown} outcomes were unknown to callers");
}

/// How many outcomes were unknown to callers.
fn lost_answers(seed: u64) -> u64 {
    const THREADS: u64 = 4;
    let journal = Shaky::new(seed, 0);
    keeper(&journal, 3);
    journal.set(300);
    // Little patience, so that what is unknown is handed to callers, too.
    let policy = Policy::default().patience(Duration::from_millis(seed % 3)).every(7);
    // Every other journal forgets what a snapshot stands for, under the feet of those who read.
    let policy = policy.behind((seed % 2 == 1).then_some(3));
    let open = || Keeper::open_with(&journal, node(), policy).expect("it opens");
    let keepers = [open(), open()];
    let unknown = AtomicU64::new(0);
    let receipts: Vec<Receipt> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|me| {
                let (keeper, unknown) = (&keepers[(me % 2) as usize], &unknown);
                scope.spawn(move || holdings(keeper, seed, me, unknown))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let verified = verify(&journal.inner, &stream()).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let from = verified.extent.compacted;
    let ids = ids_from(&journal.inner, from);
    for receipt in receipts.iter().filter(|receipt| receipt.position > from) {
        let stored = ids.get(&receipt.position.0);
        assert_eq!(stored, Some(&receipt.id), "seed {seed}: {receipt:?} is not stored where it says");
    }
    let told: BTreeMap<_, _> = receipts.iter().map(|receipt| (receipt.position, receipt.id)).collect();
    assert_eq!(told.len(), receipts.len(), "seed {seed}: two calls are told of one entry");
    let told: BTreeSet<_> = told.into_values().collect();
    assert_eq!(told.len(), receipts.len(), "seed {seed}: an entry is stored twice");
    // The inventory was nobody's of these.
    assert_eq!(verified.extent.last.0, 1 + receipts.len() as u64, "seed {seed}");
    let untold: Vec<_> = ids.iter().filter(|(position, id)| **position > 1 && !told.contains(id)).collect();
    assert!(untold.is_empty(), "seed {seed}: stored, and nobody was told: {untold:?}");
    assert!(verified.ledger.is_empty(), "seed {seed}: {} holdings are left", verified.ledger.len());
    assert!(journal.lost.load(Ordering::Relaxed) > 0, "seed {seed}: no answer was lost");
    unknown.into_inner()
}

/// Calls until the outcome is known.
fn insist(
    what: impl Fn() -> Result<Receipt, KeepError>,
    unknown: &AtomicU64,
) -> Result<Receipt, gpu_core::ledger::Refusal> {
    let deadline = Instant::now() + AT_SOME_TIME;
    loop {
        match what() {
            Ok(receipt) => return Ok(receipt),
            Err(KeepError::Refused(refusal)) => return Err(refusal),
            Err(KeepError::Unknown { .. }) => drop(unknown.fetch_add(1, Ordering::Relaxed)),
            Err(KeepError::Unmet(_) | KeepError::Store(_)) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < deadline, "it is never done");
        thread::yield_now();
    }
}

/// Reserves, commits and releases a few times; each call is made again until its outcome is known.
fn holdings(keeper: &Keeper<&Shaky>, seed: u64, me: u64, unknown: &AtomicU64) -> Vec<Receipt> {
    let chance = Chance::new(seed * 1000 + me);
    let mut receipts = Vec::new();
    for round in 0..6_u128 {
        let key = keeper.key(EntryId(1000 + u128::from(me) * 100 + round));
        let request = Request::memory(Bytes::gib(80)).exclusive();
        receipts
            .push(insist(|| keeper.reserve(key, &request), unknown).expect("it is reserved at some time"));
        if chance.below(2) == 0 {
            let commit = || keeper.commit(key, site::holder(me as u32));
            receipts.push(insist(commit, unknown).expect("it is reserved"));
        }
        receipts.push(insist(|| keeper.release(key), unknown).expect("it is there"));
    }
    receipts
}

/// The outcome that stays unknown has a type, and the same entry again settles it.
#[test]
fn what_stays_unknown_is_settled_by_the_same_entry() {
    for seed in 0..20 {
        let journal = Shaky::new(seed, 0);
        keeper(&journal, 1);
        let policy = Policy::default().patience(Duration::ZERO);
        let keeper = Keeper::open_with(&journal, node(), policy).expect("it opens");
        let entry = keeper.entry(EntryId(2), site::reserve([site::gpu(0).into()]));
        journal.set(1000);
        let told = match keeper.apply(&entry) {
            Err(KeepError::Unknown { entry: of, .. }) => *of,
            // Nothing was stored: the other way to fail.
            Err(KeepError::Store(error)) => {
                assert_eq!(error.kind(), ErrorKind::Unreachable);
                continue;
            }
            other => panic!("seed {seed}: {other:?}"),
        };
        assert_eq!(told, entry);
        journal.set(0);
        // By another keeper, as after a restart, and by the same one.
        let other = Keeper::open(&journal, node()).expect("it opens");
        let receipt = other.apply(&told).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(keeper.apply(&told).expect("it is the same"), receipt);
        let (ledger, ids) = replayed(&journal.inner);
        assert_eq!((ledger.len(), ids.len()), (1, 2), "seed {seed}");
    }
}

/// An expiry whose answer was lost is not refused by its own effect, nor is a renewal done twice.
#[test]
fn who_expired_a_holding_is_told_so_whatever_got_lost() {
    let mut landed = 0;
    for seed in 0..30 {
        let journal = Shaky::new(seed, 0);
        let keeper = keeper(&journal, 1);
        let key = keeper.key(EntryId(2));
        let request = Request::memory(Bytes::gib(1)).exclusive();
        keeper.reserve(key, &request.until(Expiry::At(WallTime(5)))).expect("it is free");
        journal.set(700);
        let renewed = keeper.renew(key, Expiry::At(WallTime(6)));
        let before = journal.inner.extent(&stream()).unwrap().last;
        let renewed = match renewed {
            Ok(receipt) => receipt,
            // That says that nothing is stored, and that nothing will be.
            Err(KeepError::Store(error)) if error.kind() == ErrorKind::Unreachable => {
                (0..50).for_each(|_| drop(journal.extent(&stream())));
                assert_eq!(journal.inner.extent(&stream()).unwrap().last, Position(2), "seed {seed}");
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        assert_eq!((renewed.position, before), (Position(3), Position(3)), "seed {seed}: it is done once");
        match keeper.expire_due(WallTime(6)) {
            Ok(done) => assert_eq!(done.len(), 1, "seed {seed}: it was done, and is told"),
            Err(KeepError::Store(error)) if error.kind() == ErrorKind::Unreachable => continue,
            Err(error) => panic!("seed {seed}: {error}"),
        }
        landed += 1;
        assert!(replayed(&journal.inner).0.is_empty());
    }
    assert!(landed > 10, "{landed} of 30 came to be known");
}

/// What callers ask for while a batch is being written is written as one.
#[test]
fn callers_who_wait_are_written_together() {
    const CALLERS: u64 = 8;
    let (journal, deadline) = (Shaky::new(0, 0), Instant::now() + AT_SOME_TIME);
    let keeper = keeper(&journal, 8);
    for round in 0_u64.. {
        let before = journal.appends.load(Ordering::Relaxed);
        thread::scope(|scope| {
            for me in 0..CALLERS {
                let (keeper, id) = (&keeper, u128::from(1000 + round * 100 + me));
                scope.spawn(move || {
                    applied(keeper, id, site::reserve([site::gpu(me as u8).into()]));
                    applied(keeper, id + 50, site::release(id));
                });
            }
        });
        if journal.appends.load(Ordering::Relaxed) - before < 2 * CALLERS {
            break;
        }
        assert!(Instant::now() < deadline, "no two are ever written together");
    }
    same(&replayed(&journal.inner).0, &keeper.ledger());
}

/// An entry that rests on another one of the same batch is answered when both are stored.
#[test]
fn the_same_entry_by_many_at_once_is_stored_once() {
    let journal = Shaky::new(1, 0);
    let keeper = keeper(&journal, 1);
    let entry = keeper.entry(EntryId(2), site::reserve([site::gpu(0).into()]));
    let receipts: Vec<Receipt> = thread::scope(|scope| {
        let callers: Vec<_> =
            (0..6).map(|_| scope.spawn(|| keeper.apply(&entry).expect("it is free"))).collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    assert_eq!(journal.inner.extent(&stream()).unwrap().last, Position(2));
}

#[test]
fn snapshots_and_compaction_follow_the_policy() {
    let journal = MemoryJournal::new();
    keeper(&journal, 1);
    let mut slow = Follower::open(&journal, node()).expect("it opens");
    let policy = Policy::default().every(10).behind(Some(4));
    let keeper = Keeper::open_with(&journal, node(), policy).expect("it opens");
    for id in (10..110).step_by(2) {
        applied(&keeper, id, site::reserve([site::gpu(0).into()]));
        applied(&keeper, id + 1, site::release(id));
    }
    let extent = journal.extent(&stream()).unwrap();
    assert_eq!(
        (extent.last, extent.snapshot, extent.compacted),
        (Position(101), Some(Position(100)), Position(96))
    );
    assert!(keeper.take_snapshot_trouble().is_none());
    // What the slow one has not read is gone, and it goes on.
    assert_eq!(slow.ledger().position(), Position(1));
    assert!(slow.wait(AT_SOME_TIME).expect("it follows"));
    same(&slow.ledger(), &keeper.ledger());
    let again = Keeper::open(&journal, node()).expect("it opens");
    same(&again.ledger(), &keeper.ledger());
    let verified = verify(&journal, &stream()).expect("it is whole");
    assert_eq!((verified.records, verified.is_compared), (5, false));
    let never = Keeper::open_with(&journal, node(), policy.every(0)).expect("it opens");
    for id in 200..230 {
        applied(&never, id, Body::Inventory(vec![site::board(0)]));
    }
    assert_eq!(journal.extent(&stream()).unwrap().snapshot, Some(Position(100)));
}

#[test]
fn a_follower_sees_what_is_appended_while_it_waits() {
    let journal = MemoryJournal::new();
    let keeper = keeper(&journal, 1);
    let mut follower = Follower::open(&journal, node()).expect("it opens");
    assert!(!follower.wait(Duration::from_millis(1)).expect("nothing comes"));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            while follower.ledger().is_empty() {
                follower.wait(AT_SOME_TIME).expect("it follows");
            }
            follower.ledger()
        });
        applied(&keeper, 2, site::reserve([site::gpu(0).into()]));
        same(&waiting.join().expect("no panic"), &keeper.ledger());
    });
}

#[test]
fn holdings_expire_once_and_only_what_is_due() {
    let journal = MemoryJournal::new();
    let (one, other) = (keeper(&journal, 4), Keeper::open(&journal, node()).expect("it opens"));
    let request = |expiry| Request::memory(Bytes::gib(1)).exclusive().until(expiry);
    let at = |seconds: u64| Expiry::At(WallTime(seconds * 1_000_000_000));
    let keys: Vec<Key> = (2..6).map(|id| one.key(EntryId(id))).collect();
    for (key, expiry) in keys.iter().zip([at(10), at(10), Expiry::Lease(7), Expiry::Never]) {
        one.reserve(*key, &request(expiry)).expect("it is free");
    }
    one.renew(keys[1], at(20)).expect("it is there");
    assert!(other.expire_due(WallTime(9_999_999_999)).expect("nothing is due").is_empty());
    let done = other.expire_due(WallTime(10_000_000_000)).expect("one is due");
    assert_eq!(done.iter().map(|receipt| receipt.holding).collect::<Vec<_>>(), [Some(keys[0].holding())]);
    assert!(one.expire_due(WallTime(10_000_000_000)).expect("it was done").is_empty());
    assert!(one.expire_lease(8).expect("nobody has it").is_empty());
    assert_eq!(one.expire_lease(7).expect("its end").len(), 1);
    let late = one.commit(keys[0], site::holder(1));
    assert!(matches!(refused(late), Reason::NotHeld { ended: Some(_), .. }), "after expiry");
    one.commit_until(keys[1], site::holder(1), at(30)).expect("it was renewed");
    assert_eq!(one.ledger().holding(keys[1].holding()).expect("it is held").expiry(), at(30));
    // A clock that goes backwards undoes nothing.
    assert!(one.expire_due(WallTime(0)).expect("nothing is due").is_empty());
    assert_eq!(one.ledger().len(), 2);
    same(&replayed(&journal).0, &one.ledger());
}

/// An id that is used anew after it was forgotten, with the same expiry: the entry that ended its
/// first life does not stand for the second.
#[test]
fn a_second_life_of_a_holding_expires_too() {
    let journal = MemoryJournal::new();
    let keeper = keeper(&journal, 2);
    let expiry = Expiry::At(WallTime(5));
    let request = Request::memory(Bytes::gib(1)).exclusive().until(expiry);
    keeper.reserve(keeper.key(EntryId(2)), &request).expect("it is free");
    let end = |from: u128| {
        for id in from..from + u128::from(Ledger::WINDOW) - 2 {
            applied(&keeper, id, Body::Inventory(vec![site::board(0), site::board(1)]));
        }
    };
    end(1000);
    assert_eq!(keeper.expire_due(WallTime(5)).expect("it is due").len(), 1);
    // The first reservation is forgotten, its end is not.
    end(2000);
    keeper.reserve(keeper.key(EntryId(2)), &request).expect("its id is forgotten");
    assert_eq!(keeper.expire_due(WallTime(5)).expect("it is due again").len(), 1);
    assert!(keeper.ledger().is_empty());
}

/// A journal that was damaged is refused by name, and one that ends before what was seen.
#[test]
fn what_is_damaged_is_named() {
    let journal = MemoryJournal::new();
    let keeper = keeper(&journal, 1);
    applied(&keeper, 2, site::reserve([site::gpu(0).into()]));
    let mut records = Vec::new();
    journal
        .read(&stream(), Position(0), 9, &mut |_, bytes| records.push(bytes.to_vec()))
        .expect("it is read");
    let opened = |records: &[&[u8]], snapshot: Option<Snapshot>| {
        let journal = MemoryJournal::new();
        let _ = journal.append(&stream(), Position(0), records).expect("bytes");
        snapshot.iter().for_each(|snapshot| journal.put_snapshot(&stream(), snapshot).expect("bytes"));
        let verified = verify(&journal, &stream()).map(drop).map_err(|error| error.kind());
        let error = Keeper::open(journal, node()).map(drop).map_err(|error| error.kind());
        assert_eq!(verified.is_ok(), error.is_ok());
        error
    };
    assert_eq!(opened(&[&records[0], &records[1]], None), Ok(()));
    let mut flipped = records[1].clone();
    flipped[20] ^= 4;
    assert_eq!(opened(&[&records[0], &flipped], None), Err(ErrorKind::Damaged));
    assert_eq!(opened(&[&records[0], &records[0]], None), Err(ErrorKind::Damaged), "twice");
    assert_eq!(opened(&[&records[1]], None), Err(ErrorKind::Damaged), "the first is missing");
    let snapshot = stored::encode_snapshot(&keeper.ledger());
    let put = |at, bytes: &[u8]| Some(Snapshot::new(Position(at), bytes.to_vec()));
    assert_eq!(opened(&[&records[0], &records[1]], put(2, &snapshot)), Ok(()));
    assert_eq!(opened(&[&records[0], &records[1]], put(1, &snapshot)), Err(ErrorKind::Damaged), "elsewhere");
    assert_eq!(opened(&[&records[0], &records[1]], put(2, &snapshot[1..])), Err(ErrorKind::Damaged));
    // Another node's.
    let other = stored::encode_snapshot(&Ledger::new("node-2".parse().unwrap()));
    assert_eq!(opened(&[], put(0, &other)), Err(ErrorKind::Damaged));
}

/// A snapshot that is whole, and of another way to the same position.
#[test]
fn a_snapshot_of_another_history_is_found() {
    let journal = MemoryJournal::new();
    let keeper = keeper(&journal, 1);
    applied(&keeper, 2, site::reserve([site::gpu(0).into()]));
    let mut other = Ledger::new(node());
    site::done(&mut other, 1 << 100, Body::Inventory(vec![site::board(0)]));
    site::done(&mut other, 3, site::reserve([site::gpu(0).into()]));
    let snapshot = Snapshot::new(Position(2), stored::encode_snapshot(&other));
    journal.put_snapshot(&stream(), &snapshot).expect("bytes");
    let error = verify(&journal, &stream()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("entry 2"), "{error}");
    // Where the records before are gone, what comes after tells.
    journal.compact(&stream(), Position(1)).expect("a snapshot stands for it");
    assert_eq!(verify(&journal, &stream()).unwrap_err().kind(), ErrorKind::Damaged);
}

/// A snapshot with a check sum that is right, and a word in it that is not what the records make.
#[test]
fn a_forged_snapshot_is_found() {
    let journal = MemoryJournal::new();
    let keeper = keeper(&journal, 1);
    let label = "honest".parse().expect("a label");
    applied(&keeper, 2, Body::Reserve(Reserve::new([site::claim(site::gpu(0))]).labelled(label)));
    let honest = stored::encode_snapshot(&keeper.ledger());
    let at = honest.windows(6).position(|word| word == b"honest").expect("it is in there");
    let mut forged = honest.clone();
    forged[at..at + 6].copy_from_slice(b"forged");
    let summed = forged.len() - 4;
    let sum = crc32c(&forged[..summed]);
    assert_eq!(
        crc32c(&honest[..summed]).to_le_bytes(),
        honest[summed..],
        "the sum is computed as it is written"
    );
    forged[summed..].copy_from_slice(&sum.to_le_bytes());
    journal.put_snapshot(&stream(), &Snapshot::new(Position(2), forged)).expect("bytes");
    let error = verify(&journal, &stream()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("not what the records make"), "{error}");
}

/// Castagnoli's, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg()))
    })
}

#[test]
fn a_stream_that_went_back_is_noticed() {
    let (long, short) = (MemoryJournal::new(), MemoryJournal::new());
    for journal in [&long, &short] {
        keeper(journal, 1);
    }
    let switch = Arc::new(Switch { is_short: AtomicBool::new(false), long, short });
    let keeper = Keeper::open(Arc::clone(&switch), node()).expect("it opens");
    applied(&keeper, 2, site::reserve([site::gpu(0).into()]));
    let mut follower = Follower::open(Arc::clone(&switch), node()).expect("it opens");
    switch.is_short.store(true, Ordering::Relaxed);
    match keeper.apply(&keeper.entry(EntryId(3), site::release(2))) {
        Err(KeepError::Store(error)) => assert_eq!(error.kind(), ErrorKind::Damaged, "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(follower.wait(Duration::ZERO).unwrap_err().kind(), ErrorKind::Damaged);
}

/// One journal, and from some time on an older copy of it.
#[derive(Debug)]
struct Switch {
    is_short: AtomicBool,
    long: MemoryJournal,
    short: MemoryJournal,
}

impl Switch {
    fn now(&self) -> &MemoryJournal {
        if self.is_short.load(Ordering::Relaxed) { &self.short } else { &self.long }
    }
}

impl Journal for Switch {
    fn limits(&self) -> gpu_store::Limits {
        self.now().limits()
    }

    fn extent(&self, stream: &Stream) -> Result<gpu_store::Extent, gpu_store::Error> {
        self.now().extent(stream)
    }

    fn append(
        &self,
        stream: &Stream,
        after: Position,
        records: &[&[u8]],
    ) -> Result<Append, gpu_store::Error> {
        self.now().append(stream, after, records)
    }

    fn read(
        &self,
        stream: &Stream,
        after: Position,
        most: usize,
        each: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<Position, gpu_store::Error> {
        self.now().read(stream, after, most, each)
    }

    fn snapshot(&self, stream: &Stream) -> Result<Option<Snapshot>, gpu_store::Error> {
        self.now().snapshot(stream)
    }

    fn put_snapshot(&self, stream: &Stream, snapshot: &Snapshot) -> Result<(), gpu_store::Error> {
        self.now().put_snapshot(stream, snapshot)
    }

    fn compact(&self, stream: &Stream, through: Position) -> Result<(), gpu_store::Error> {
        self.now().compact(stream, through)
    }

    fn wait(&self, stream: &Stream, after: Position, limit: Duration) -> Result<Position, gpu_store::Error> {
        self.now().wait(stream, after, limit)
    }

    fn streams(&self) -> Result<Vec<Stream>, gpu_store::Error> {
        self.now().streams()
    }
}
