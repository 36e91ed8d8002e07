//! What keepers over a real etcd come through: it is killed, stopped and cut off, leases end, revisions
//! are compacted, and several race. No unit is held twice, no entry that was acknowledged is lost.

#[path = "support/etcd.rs"]
mod etcd;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use etcd::{AT_SOME_TIME, Etcd, Proxy};
use gpu_core::choose::Request;
use gpu_core::ledger::{
    Board, Body, Entry, EntryId, Expire, Expiry, HoldingState, Key, Ledger, NodeName, Position, Reason,
};
use gpu_core::{Backend, Container, Owner, Runtime, UnitId, WallTime, stored};
use gpu_store::{
    Append, EtcdConfig, EtcdJournal, Follower, Journal, KeepError, Keeper, LeaseState, Policy, Snapshot,
    Stream, verify,
};

fn node() -> NodeName {
    "node-1".parse().unwrap()
}

fn stream() -> Stream {
    Stream::ledger(node())
}

fn holder(name: &str) -> Owner {
    Container::new(Runtime::Containerd, name.parse().unwrap()).into()
}

/// Eight boards.
fn boards() -> Vec<Board> {
    Board::all(&gpu_sim::Machine::preset("hgx-h100-8").unwrap().backend().inventory().unwrap(), &[])
}

/// A keeper of the node, which knows what the node has.
fn keeper(config: EtcdConfig) -> Keeper<Arc<EtcdJournal>> {
    let journal = Arc::new(EtcdJournal::open(config).unwrap());
    let keeper = Keeper::open(journal, node()).unwrap();
    if keeper.ledger().position() == Position(0) {
        let entry = keeper.entry(EntryId(1), Body::Inventory(boards()));
        keeper.apply(&entry).unwrap();
    }
    keeper
}

/// What etcd has, replayed by nothing but the ledger: no keeper, no snapshot, no cache.
fn replayed(etcd: &Etcd) -> Ledger {
    let (journal, mut records) = (etcd.open(), Vec::new());
    journal.read(&stream(), Position(0), usize::MAX, &mut |_, record| records.push(record.to_vec())).unwrap();
    let mut ledger = Ledger::new(node());
    ledger.replay_all(&records).unwrap();
    ledger.check().unwrap();
    ledger
}

/// Books of the test's own: who was told that he has which unit.
#[derive(Default)]
struct Books(Mutex<BTreeMap<UnitId, u128>>);

impl Books {
    fn took(&self, units: &[UnitId], id: u128) {
        let mut books = self.0.lock().unwrap();
        for unit in units {
            let before = books.insert(*unit, id);
            assert_eq!(before, None, "{unit} was given to {id} while {before:?} has it");
        }
    }

    /// Before it is asked for: from then on another may have it.
    fn gives(&self, units: &[UnitId]) {
        let mut books = self.0.lock().unwrap();
        books.retain(|unit, _| !units.contains(unit));
    }
}

/// The units of a receipt's holding, as this keeper has it.
fn units<J: Journal>(keeper: &Keeper<J>, key: Key) -> Vec<UnitId> {
    let ledger = keeper.ledger();
    ledger.holding(key.holding()).map(|held| held.units().map(|of| of.unit).collect()).unwrap_or_default()
}

/// Calls until the answer is known; the same call each time.
fn settled<T>(mut call: impl FnMut() -> Result<T, KeepError>) -> Result<T, KeepError> {
    let deadline = Instant::now() + 2 * AT_SOME_TIME;
    loop {
        match call() {
            Err(KeepError::Unknown { .. } | KeepError::Store(_)) if Instant::now() < deadline => {}
            answer => return answer,
        }
    }
}

/// Takes a unit, holds it, gives it back, again and again; every answer is written into the books.
/// Returns how often it had one.
fn worker(
    keeper: &Keeper<Arc<EtcdJournal>>,
    books: &Books,
    first: u128,
    until: &AtomicBool,
    acknowledged: &Mutex<BTreeSet<EntryId>>,
) -> u32 {
    let (mut had, mut id) = (0, first);
    while !until.load(Ordering::SeqCst) {
        id += 1;
        let key = keeper.key(EntryId(id));
        match settled(|| keeper.reserve(key, &Request::any().count(3))) {
            Ok(receipt) => drop(acknowledged.lock().unwrap().insert(receipt.id)),
            // Eight boards, three each: somebody else has them.
            Err(KeepError::Unmet(_)) => continue,
            Err(error) => panic!("{error:?}"),
        }
        let mine = units(keeper, key);
        assert_eq!(mine.len(), 3);
        books.took(&mine, id);
        let committed = settled(|| keeper.commit(key, holder(&format!("c{id}")))).unwrap();
        acknowledged.lock().unwrap().insert(committed.id);
        had += 1;
        books.gives(&mine);
        let released = settled(|| match keeper.release(key) {
            // The answer of an earlier try was lost.
            Err(KeepError::Refused(refusal))
                if matches!(refusal.reason(), Reason::NotHeld { ended: Some(_), .. }) =>
            {
                Ok(None)
            }
            answer => answer.map(Some),
        });
        if let Some(receipt) = released.unwrap() {
            acknowledged.lock().unwrap().insert(receipt.id);
        }
    }
    had
}

/// All ids in the journal, in order.
fn stored_ids(etcd: &Etcd) -> Vec<EntryId> {
    let mut ids = Vec::new();
    let read = etcd.open().read(&stream(), Position(0), usize::MAX, &mut |_, record| {
        ids.push(stored::decode(record).unwrap().entry.id);
    });
    read.unwrap();
    ids
}

fn nothing_is_lost(etcd: &Etcd, acknowledged: &Mutex<BTreeSet<EntryId>>) {
    let stored = stored_ids(etcd);
    let once: BTreeSet<EntryId> = stored.iter().copied().collect();
    assert_eq!(once.len(), stored.len(), "no entry is there twice");
    let lost: Vec<_> = acknowledged.lock().unwrap().difference(&once).copied().collect();
    assert!(lost.is_empty(), "acknowledged, and not there: {lost:?}");
    verify(&etcd.open(), &stream()).unwrap();
    replayed(etcd);
}

/// Without snapshots, so that the journal keeps everything for the test to read.
fn plain(config: EtcdConfig) -> Keeper<Arc<EtcdJournal>> {
    drop(keeper(config.clone()));
    let journal = Arc::new(EtcdJournal::open(config).unwrap());
    Keeper::open_with(journal, node(), Policy::default().every(0).patience(Duration::from_secs(2))).unwrap()
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn three_race_while_etcd_is_killed_and_restarted() {
    let mut etcd = Etcd::start();
    let (books, stop, acknowledged) = (Books::default(), AtomicBool::new(false), Mutex::default());
    let config = etcd.config().request_timeout(Duration::from_secs(1)).patience(Duration::from_secs(2));
    let keepers: Vec<_> = (0..3).map(|_| plain(config.clone())).collect();
    let had = thread::scope(|scope| {
        let workers: Vec<_> = (1_u128..)
            .zip(&keepers)
            .map(|(number, keeper)| {
                let (books, stop, acknowledged) = (&books, &stop, &acknowledged);
                scope.spawn(move || worker(keeper, books, number << 64, stop, acknowledged))
            })
            .collect();
        for _ in 0..8 {
            // Let them get something done first.
            let before = acknowledged.lock().unwrap().len();
            let deadline = Instant::now() + AT_SOME_TIME;
            while acknowledged.lock().unwrap().len() < before + 20 && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
            etcd.kill();
            etcd.restart();
        }
        stop.store(true, Ordering::SeqCst);
        workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u32>()
    });
    assert!(had >= 20, "{had}");
    nothing_is_lost(&etcd, &acknowledged);
}

/// A process that does not answer and lives on: what was sent may happen later. The same entry again
/// settles it.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn what_a_stopped_etcd_was_sent_is_unknown_and_settled_by_the_same_entry() {
    let etcd = Etcd::start();
    let config =
        etcd.config().request_timeout(Duration::from_millis(300)).patience(Duration::from_millis(700));
    let journal = Arc::new(EtcdJournal::open(config).unwrap());
    drop(keeper(etcd.config()));
    let policy = Policy::default().every(0).patience(Duration::from_millis(1));
    let keeper = Keeper::open_with(Arc::clone(&journal), node(), policy).unwrap();
    // The bare journal says so, too.
    etcd.stop();
    let unknown = journal.append(&stream(), keeper.ledger().position(), &[]);
    assert_eq!(unknown.unwrap_err().kind().name(), "unreachable", "reading is an error, no doubt");
    let key = keeper.key(EntryId(7));
    let error = keeper.reserve(key, &Request::any().count(8)).unwrap_err();
    let KeepError::Unknown { entry, .. } = error else { panic!("{error:?}") };
    assert_eq!(entry.id, EntryId(7));
    etcd.go_on();
    let receipt = settled(|| keeper.apply(&entry)).unwrap();
    let again = keeper.reserve(key, &Request::any().count(8)).unwrap();
    assert_eq!(receipt, again, "the same key is the same receipt");
    assert_eq!(stored_ids(&etcd).iter().filter(|id| **id == EntryId(7)).count(), 1, "and it is there once");
    // While nobody knew, nobody else was given it.
    let other = plain(etcd.config());
    let KeepError::Unmet(unmet) = other.reserve(other.key(EntryId(8)), &Request::any()).unwrap_err() else {
        panic!("all eight are held")
    };
    assert_eq!(unmet.to_free, [key.holding()]);
    replayed(&etcd);
}

/// Requests arrive and answers do not: the append is recognised when it is asked again by another way.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn an_append_whose_answer_was_lost_is_recognised() {
    let etcd = Etcd::start();
    let proxy = Proxy::to(etcd.port());
    let both = EtcdConfig::new(&format!("{},{}", proxy.url(), etcd.url())).unwrap();
    let journal = EtcdJournal::open(both.request_timeout(Duration::from_millis(500))).unwrap();
    proxy.lose_answers();
    let done = journal.append(&stream(), Position(0), &[b"a", b"b"]).unwrap();
    assert_eq!(done, Append::Appended { last: Position(2) });
    let mut records = Vec::new();
    etcd.open().read(&stream(), Position(0), 9, &mut |_, record| records.push(record.to_vec())).unwrap();
    assert_eq!(records, [b"a", b"b"], "once");
    // By that way alone it stays unknown, though it happened.
    let alone = EtcdConfig::new(&proxy.url()).unwrap().request_timeout(Duration::from_millis(300));
    proxy.mend();
    let journal = EtcdJournal::open(alone.patience(Duration::from_millis(900))).unwrap();
    proxy.lose_answers();
    let done = journal.append(&stream(), Position(2), &[b"c"]).unwrap();
    assert!(matches!(done, Append::Unknown { .. }), "{done:?}");
    let deadline = Instant::now() + AT_SOME_TIME;
    while etcd.open().extent(&stream()).unwrap().last != Position(3) {
        assert!(Instant::now() < deadline, "it was sent");
    }
    proxy.mend();
    // Who asks again learns that something is there, and that it is what he appended.
    let again = journal.append(&stream(), Position(2), &[b"c"]).unwrap();
    assert_eq!(again, Append::Conflict { actual: Position(3) });
}

/// One of three clients is cut off for a while: the others go on, and what it holds is held.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn one_of_three_clients_is_cut_off() {
    let etcd = Etcd::start();
    let proxy = Proxy::to(etcd.port());
    let (books, stop, acknowledged) = (Books::default(), AtomicBool::new(false), Mutex::default());
    let quick = |config: EtcdConfig| {
        config.request_timeout(Duration::from_millis(500)).patience(Duration::from_millis(1200))
    };
    let cut = plain(quick(EtcdConfig::new(&proxy.url()).unwrap()));
    let others = [plain(quick(etcd.config())), plain(quick(etcd.config()))];
    let counts: Vec<AtomicU32> = (0..3).map(|_| AtomicU32::new(0)).collect();
    thread::scope(|scope| {
        for (number, keeper) in [&cut, &others[0], &others[1]].into_iter().enumerate() {
            let (books, stop, acknowledged, counts) = (&books, &stop, &acknowledged, &counts);
            scope.spawn(move || {
                let had = worker(keeper, books, (number as u128 + 1) << 64, stop, acknowledged);
                counts[number].store(had, Ordering::SeqCst);
            });
        }
        for _ in 0..4 {
            let more = |count: usize| {
                let (before, deadline) = (acknowledged.lock().unwrap().len(), Instant::now() + AT_SOME_TIME);
                while acknowledged.lock().unwrap().len() < before + count {
                    assert!(Instant::now() < deadline, "the others go on");
                    thread::sleep(Duration::from_millis(5));
                }
            };
            more(15);
            proxy.cut();
            more(15);
            proxy.mend();
        }
        stop.store(true, Ordering::SeqCst);
    });
    let counts: Vec<u32> = counts.into_iter().map(AtomicU32::into_inner).collect();
    assert!(counts[1] + counts[2] > 10, "{counts:?}");
    nothing_is_lost(&etcd, &acknowledged);
}

/// A lease that ends causes `expire` entries, by whoever looks, and nothing else; a commit that comes
/// too late is refused, and one that comes before the entry stands until it.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn a_lease_ends_around_a_commit() {
    let etcd = Etcd::start();
    let (keeper, reaper) = (plain(etcd.config()), plain(etcd.config()));
    let leases = reaper.journal();
    let lease = keeper.journal().grant(Duration::from_secs(1)).unwrap();
    let other = keeper.journal().grant(Duration::from_secs(1000)).unwrap();
    let request = Request::any().until(lease.expiry());
    let [early, late, kept, plain] = [11, 12, 13, 14].map(|id| keeper.key(EntryId(id)));
    keeper.reserve(early, &request).unwrap();
    keeper.reserve(late, &request).unwrap();
    keeper.reserve(kept, &Request::any().until(other.expiry())).unwrap();
    keeper.reserve(plain, &Request::any().until(Expiry::At(WallTime(1)))).unwrap();
    assert_eq!(leases.ended(&reaper.catch_up().unwrap()).unwrap(), [], "all are alive");
    let deadline = Instant::now() + AT_SOME_TIME;
    while leases.lease(lease.id).unwrap() != LeaseState::Ended {
        assert!(Instant::now() < deadline, "it ends");
        thread::sleep(Duration::from_millis(20));
    }
    // The lease is over, and no entry says so: nothing has changed in the ledger. A commit with the same
    // expiry is taken.
    assert_eq!(keeper.catch_up().unwrap().len(), 4);
    keeper.commit_until(early, holder("early"), lease.expiry()).unwrap();
    let ended = leases.ended(&reaper.catch_up().unwrap()).unwrap();
    let expected = [early, late].map(|key| Expire { holding: key.holding(), expiry: lease.expiry() });
    assert_eq!(ended, expected);
    // Two reapers at once: each holding ends once.
    let second = self::plain(etcd.config());
    thread::scope(|scope| {
        let one = scope.spawn(|| reaper.expire_lease(lease.id).unwrap().len());
        let two = scope.spawn(|| second.expire_lease(lease.id).unwrap().len());
        let done = one.join().unwrap() + two.join().unwrap();
        assert!((2..=4).contains(&done), "{done}");
    });
    let KeepError::Refused(refusal) = keeper.commit_until(late, holder("late"), lease.expiry()).unwrap_err()
    else {
        panic!("it has expired")
    };
    assert_eq!(refusal.to_string(), format!("holding {} expired", late.holding()));
    let ledger = replayed(&etcd);
    let left: Vec<_> = ledger.holdings().map(|held| held.id()).collect();
    assert_eq!(left, [kept.holding(), plain.holding()], "nothing else ended");
    let expiries = stored_bodies(&etcd).into_iter().filter(|body| matches!(body, Body::Expire(_))).count();
    assert_eq!(expiries, 2);
}

fn stored_bodies(etcd: &Etcd) -> Vec<Body> {
    let mut bodies = Vec::new();
    let read = etcd.open().read(&stream(), Position(0), usize::MAX, &mut |_, record| {
        bodies.push(stored::decode(record).unwrap().entry.body);
    });
    read.unwrap();
    bodies
}

/// Entries carry the time of day of whoever made them: years back, years ahead, none. Nothing rests on it.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn clocks_of_clients_step() {
    let etcd = Etcd::start();
    let (one, two) = (plain(etcd.config()), plain(etcd.config()));
    let lease = one.journal().grant(Duration::from_secs(1000)).unwrap();
    let times = [Some(WallTime(u64::MAX)), Some(WallTime(0)), None, Some(WallTime(1 << 60))];
    let mut taken = Vec::new();
    for (id, time) in (20..).zip(times) {
        let key = Key { at: time, ..one.key(EntryId(id)) };
        one.reserve(key, &Request::any().until(lease.expiry())).unwrap();
        taken.extend(units(&one, key));
        assert_eq!(two.journal().ended(&two.catch_up().unwrap()).unwrap(), [], "by no clock of ours");
        assert_eq!(two.expire_due(WallTime(u64::MAX)).unwrap().len(), 0);
    }
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 4, "each another");
    assert_eq!(replayed(&etcd).len(), 4);
}

/// etcd forgets its own old revisions under a follower that watches, and our journal its old records
/// under one that sleeps.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn a_follower_comes_through_compactions() {
    let etcd = Etcd::start();
    let keeper = plain(etcd.config());
    let mut awake = Follower::open(etcd.open(), node()).unwrap();
    let mut asleep = Follower::open(etcd.open(), node()).unwrap();
    let catches_up = |follower: &mut Follower<EtcdJournal>, ledger: &Ledger| {
        let deadline = Instant::now() + AT_SOME_TIME;
        while follower.ledger().position() < ledger.position() {
            assert!(Instant::now() < deadline, "it catches up");
            follower.wait(Duration::from_secs(5)).unwrap();
        }
        assert_eq!(follower.ledger().history(), ledger.history());
        assert_eq!(stored::encode_snapshot(&follower.ledger()), stored::encode_snapshot(ledger));
    };
    for round in 0..5_u128 {
        for id in 0..10 {
            let key = keeper.key(EntryId(100 + 10 * round + id));
            keeper.reserve(key, &Request::any()).unwrap();
            keeper.release(key).unwrap();
        }
        let revision = etcd.etcdctl(&["get", "none", "-w", "json"]);
        let revision = revision.split("\"revision\":").nth(1).unwrap();
        let revision: String = revision.chars().take_while(char::is_ascii_digit).collect();
        etcd.etcdctl(&["compact", "--physical", &revision]);
        catches_up(&mut awake, &keeper.ledger());
    }
    let ledger = keeper.ledger();
    keeper
        .journal()
        .put_snapshot(&stream(), &Snapshot::new(ledger.position(), stored::encode_snapshot(&ledger)))
        .unwrap();
    keeper.journal().compact(&stream(), ledger.position()).unwrap();
    catches_up(&mut asleep, &ledger);
    // Between its look and its watch everything may be forgotten: it looks again.
    thread::scope(|scope| {
        let waiting = scope.spawn(|| awake.wait(AT_SOME_TIME).unwrap());
        keeper.reserve(keeper.key(EntryId(999)), &Request::any()).unwrap();
        assert!(waiting.join().unwrap());
    });
}

/// A follower hears of entries across a restart of etcd and a cut of its connection.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn a_follower_reconnects() {
    let mut etcd = Etcd::start();
    let keeper = plain(etcd.config());
    let proxy = Proxy::to(etcd.port());
    let config = EtcdConfig::new(&proxy.url()).unwrap().request_timeout(Duration::from_secs(1));
    let journal = EtcdJournal::open(config.patience(AT_SOME_TIME)).unwrap();
    let mut follower = Follower::open(journal, node()).unwrap();
    let mut id = 100;
    let mut hears = |keeper: &Keeper<Arc<EtcdJournal>>, disturb: &mut dyn FnMut()| {
        id += 1;
        thread::scope(|scope| {
            let waiting = scope.spawn(|| follower.wait(AT_SOME_TIME).unwrap());
            disturb();
            let key = keeper.key(EntryId(id));
            settled(|| keeper.reserve(key, &Request::any())).unwrap();
            assert!(waiting.join().unwrap(), "it hears of entry {id}");
        });
        assert_eq!(follower.ledger().history(), keeper.ledger().history());
    };
    hears(&keeper, &mut || {});
    hears(&keeper, &mut || {
        etcd.kill();
        etcd.restart();
    });
    hears(&keeper, &mut || proxy.mend());
}

/// Several nodes on one etcd: each its own ledger, followed by one who chooses among all.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn several_nodes_share_one_etcd() {
    let etcd = Etcd::start();
    let names: Vec<NodeName> = (0..4).map(|number| format!("node-{number}").parse().unwrap()).collect();
    thread::scope(|scope| {
        for name in &names {
            let etcd = &etcd;
            scope.spawn(move || {
                let keeper = Keeper::open(etcd.open(), *name).unwrap();
                keeper.apply(&keeper.entry(EntryId(1), Body::Inventory(boards()))).unwrap();
                // The same ids on each node: they are each node's own.
                for id in 2..10 {
                    keeper.reserve(keeper.key(EntryId(id)), &Request::any()).unwrap();
                }
            });
        }
    });
    let journal = Arc::new(etcd.open());
    let expected: Vec<Stream> = names.iter().map(|name| Stream::ledger(*name)).collect();
    assert_eq!(journal.streams().unwrap(), expected);
    for name in names {
        let follower = Follower::open(Arc::clone(&journal), name).unwrap();
        let ledger = follower.ledger();
        assert_eq!((ledger.len(), ledger.node()), (8, name));
        assert!(ledger.holdings().all(|held| held.state() == HoldingState::Reserved));
        // An entry of another node's is refused, and changes nothing.
        let keeper = Keeper::open(Arc::clone(&journal), name).unwrap();
        let strange =
            Entry::new("node-9".parse().unwrap(), keeper.key(EntryId(77)), Body::Inventory(Vec::new()));
        let KeepError::Refused(refusal) = keeper.apply(&strange).unwrap_err() else {
            panic!("it is another's")
        };
        assert_eq!(refusal.kind(), "other_node");
    }
}
