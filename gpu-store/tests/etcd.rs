//! Streams in a real etcd: what every journal must do, and what is etcd's own.

#[path = "support/etcd.rs"]
mod etcd;

use std::time::{Duration, Instant};

use etcd::{AT_SOME_TIME, Etcd, Proxy};
use gpu_core::ledger::Position;
use gpu_store::{
    Append, ErrorKind, EtcdConfig, EtcdJournal, Journal, LeaseState, Snapshot, Stream, conformance,
};

fn stream(name: &str) -> Stream {
    Stream::ledger(name.parse().unwrap())
}

#[track_caller]
fn appended(journal: &EtcdJournal, stream: &Stream, after: u64, records: &[&[u8]]) {
    let last = Position(after + records.len() as u64);
    assert_eq!(journal.append(stream, Position(after), records).unwrap(), Append::Appended { last });
}

fn all(journal: &EtcdJournal, stream: &Stream, after: u64) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    journal
        .read(stream, Position(after), usize::MAX, &mut |at, record| all.push((at.0, record.to_vec())))
        .unwrap();
    all
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn every_rule_of_journals_holds() {
    let etcd = Etcd::start();
    conformance::run(&etcd.open());
}

/// Judged by etcd's own program.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn what_stands_where_is_what_the_documentation_says() {
    let etcd = Etcd::start();
    let journal = EtcdJournal::open(etcd.config().prefix("site/gpu/").unwrap()).unwrap();
    let node = stream("node-1");
    appended(&journal, &node, 0, &[b"one", b"two"]);
    appended(&journal, &node, 2, &[b"three"]);
    journal.put_snapshot(&node, &Snapshot::new(Position(2), vec![7; 700_000])).unwrap();
    journal.compact(&node, Position(2)).unwrap();
    let text = etcd.etcdctl(&["get", "", "--prefix", "--keys-only"]);
    let keys: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(keys.len(), 6, "{keys:?}");
    assert_eq!(
        keys[..4],
        [
            "site/gpu/end/ledger/node-1",
            "site/gpu/format",
            "site/gpu/log/ledger/node-1/0000000000000003",
            "site/gpu/mark/ledger/node-1",
        ]
    );
    assert!(keys[4].starts_with("site/gpu/snap/ledger/node-1/0000000000000002-"), "{keys:?}");
    assert_eq!(etcd.etcdctl(&["get", "site/gpu/end/ledger/node-1", "--print-value-only"]), "3\n");
    assert_eq!(etcd.etcdctl(&["get", "site/gpu/format", "--print-value-only"]), "1\n");
    // Under another prefix there is nothing of it.
    assert_eq!(etcd.open().streams().unwrap(), []);
    assert_eq!(journal.streams().unwrap(), [node]);
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn a_newer_layout_is_refused_by_name() {
    let etcd = Etcd::start();
    drop(etcd.open());
    etcd.etcdctl(&["put", "gpu-store/format", "2"]);
    let error = EtcdJournal::open(etcd.config()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Newer, "{error}");
}

/// What somebody else's hand did to the keys is named, and not taken for an end.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn damage_is_named() {
    let etcd = Etcd::start();
    let (journal, node) = (etcd.open(), stream("node-1"));
    for after in 0..4 {
        appended(&journal, &node, after, &[b"record"]);
    }
    let read = || journal.read(&node, Position(0), usize::MAX, &mut |_, _| {}).map_err(|error| error.kind());
    let log = |last: u64| format!("gpu-store/log/ledger/node-1/{last:016x}");
    etcd.etcdctl(&["del", &log(4)]);
    assert_eq!(read(), Err(ErrorKind::Damaged), "the last is missing");
    etcd.etcdctl(&["del", &log(2)]);
    assert_eq!(read(), Err(ErrorKind::Damaged), "one in the middle is missing");
    etcd.etcdctl(&["put", &log(2), "GPUB nonsense"]);
    assert_eq!(read(), Err(ErrorKind::Damaged), "one is another");
    etcd.etcdctl(&["put", "gpu-store/end/ledger/node-1", "4x"]);
    assert_eq!(journal.extent(&node).unwrap_err().kind(), ErrorKind::Damaged);
    etcd.etcdctl(&["put", "gpu-store/mark/ledger/node-1", "{}"]);
    assert_eq!(journal.snapshot(&node).unwrap_err().kind(), ErrorKind::Damaged);
}

/// More appends than one page has, small and large: etcd's answers stay bounded.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn long_streams_are_read_in_pages() {
    let etcd = Etcd::start();
    let (journal, node) = (etcd.open(), stream("node-1"));
    let mut after = 0;
    for size in [1_usize; 200].into_iter().chain([1 << 20; 60]) {
        appended(&journal, &node, after, &[&vec![b'x'; size]]);
        after += 1;
    }
    let all = all(&journal, &node, 0);
    assert_eq!(all.len(), 260);
    let sizes: usize = all.iter().map(|(_, record)| record.len()).sum();
    assert_eq!(sizes, 200 + (60 << 20));
    assert!(all.iter().zip(1..).all(|((at, _), expected)| *at == expected));
    // From the middle of an append, up to the middle of another.
    appended(&journal, &node, after, &[b"a", b"b", b"c"]);
    appended(&journal, &node, after + 3, &[b"d", b"e"]);
    let mut some = Vec::new();
    let last =
        journal.read(&node, Position(after + 1), 3, &mut |at, record| some.push((at.0, record.to_vec())));
    assert_eq!(last.unwrap(), Position(after + 4));
    let expected = [(after + 2, b"b".to_vec()), (after + 3, b"c".to_vec()), (after + 4, b"d".to_vec())];
    assert_eq!(some, expected);
}

/// A compaction in the middle of an append forgets what it was told to, and no more.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn more_is_compacted_than_one_transaction_takes() {
    let etcd = Etcd::start();
    let (journal, node) = (etcd.open(), stream("node-1"));
    for after in 0..1500 {
        appended(&journal, &node, 2 * after, &[b"a", b"b"]);
    }
    journal.put_snapshot(&node, &Snapshot::new(Position(2999), b"state".to_vec())).unwrap();
    journal.compact(&node, Position(2999)).unwrap();
    assert_eq!(journal.extent(&node).unwrap().compacted, Position(2999));
    assert_eq!(all(&journal, &node, 2999), [(3000, b"b".to_vec())]);
    let error = journal.read(&node, Position(2998), 1, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Compacted);
    let keys = etcd.etcdctl(&["get", "gpu-store/log/", "--prefix", "--keys-only"]);
    assert_eq!(keys.lines().filter(|line| !line.is_empty()).count(), 1, "{keys}");
}

/// Of a snapshot that came to nothing no part is left when the next has come.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn large_snapshots_are_whole_and_old_ones_are_gone() {
    let etcd = Etcd::start();
    let (journal, node) = (etcd.open(), stream("node-1"));
    appended(&journal, &node, 0, &[b"a", b"b", b"c"]);
    etcd.etcdctl(&["put", "gpu-store/snap/ledger/node-1/0000000000000001-left/00000000", "left"]);
    let bytes: Vec<u8> = (0..9_000_001_u32).map(|at| (at % 251) as u8).collect();
    for at in [1, 3, 2] {
        journal.put_snapshot(&node, &Snapshot::new(Position(at), bytes.clone())).unwrap();
    }
    assert_eq!(journal.snapshot(&node).unwrap(), Some(Snapshot::new(Position(3), bytes)));
    let keys = etcd.etcdctl(&["get", "gpu-store/snap/", "--prefix", "--keys-only"]);
    let keys: Vec<&str> = keys.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(keys.len(), 18);
    assert!(keys.iter().all(|key| key.contains("/0000000000000003-")), "{keys:?}");
    etcd.etcdctl(&["del", keys[11]]);
    assert_eq!(journal.snapshot(&node).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn the_limits_that_are_stated_are_taken_and_no_more() {
    let etcd = Etcd::start();
    let (journal, node) = (etcd.open(), stream("node-1"));
    let limits = journal.limits();
    appended(&journal, &node, 0, &[&vec![b'x'; limits.record]]);
    let records = vec![&b"r"[..]; limits.records];
    appended(&journal, &node, 1, &records);
    let large = vec![b'x'; limits.batch / limits.records];
    let records = vec![&large[..]; limits.records];
    appended(&journal, &node, 1 + limits.records as u64, &records);
    let last = journal.extent(&node).unwrap().last;
    let error = journal.append(&node, last, &[&vec![0; limits.record + 1]]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    // A server that was told to take less says so.
    let small = Etcd::start_with("http", |_| vec!["--max-request-bytes".into(), "10000".into()]);
    let error = small.open().append(&node, Position(0), &[&vec![0; 20_000]]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn a_full_store_is_named_and_loses_nothing() {
    let etcd = Etcd::start_with("http", |_| vec!["--quota-backend-bytes".into(), (8 << 20).to_string()]);
    let (journal, node) = (etcd.open(), stream("node-1"));
    let record = vec![b'x'; 1 << 20];
    let mut last = 0;
    let error = loop {
        assert!(last < 64, "the quota is 8 MiB");
        match journal.append(&node, Position(last), &[&record]) {
            Ok(Append::Appended { .. }) => last += 1,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert!(last > 2);
    assert_eq!(journal.extent(&node).unwrap().last, Position(last));
    assert_eq!(all(&journal, &node, 0).len() as u64, last);
}

/// The member that runs over its quota by a request does it, and says that there is no room (etcd's
/// `quotaApplierV3`): what stands there counts, not what it says.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn what_is_stored_is_stored_whatever_is_said_of_room() {
    let etcd = Etcd::start();
    let proxy = Proxy::to(etcd.port());
    let (journal, node) =
        (EtcdJournal::open(EtcdConfig::new(&proxy.url()).unwrap()).unwrap(), stream("node-1"));
    appended(&journal, &node, 0, &[b"one"]);
    proxy.say_full_once();
    appended(&journal, &node, 1, &[b"two", b"three"]);
    // Another was first: this one is not there, and is said not to be.
    proxy.say_full_once();
    let error = journal.append(&node, Position(1), &[b"other"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    let texts = [(1, b"one".to_vec()), (2, b"two".to_vec()), (3, b"three".to_vec())];
    assert_eq!(all(&etcd.open(), &node, 0), texts);
}

/// Members that are not there, or take requests and never answer, are passed over.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn members_are_asked_in_turn() {
    let (etcd, silent) = (Etcd::start(), Etcd::start());
    silent.stop();
    let nobody = "http://127.0.0.1:1";
    let addresses = format!("{nobody},{},{}", silent.url(), etcd.url());
    let config = EtcdConfig::new(&addresses).unwrap();
    let journal = EtcdJournal::open(config.request_timeout(Duration::from_secs(1))).unwrap();
    appended(&journal, &stream("node-1"), 0, &[b"a"]);
    assert_eq!(etcd.open().extent(&stream("node-1")).unwrap().last, Position(1));
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn nobody_there_is_unreachable() {
    let config = EtcdConfig::new("http://127.0.0.1:1").unwrap().patience(Duration::from_millis(200));
    let error = EtcdJournal::open(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let mut etcd = Etcd::start();
    let journal = EtcdJournal::open(etcd.config().patience(Duration::from_millis(300))).unwrap();
    etcd.kill();
    // Nothing was sent: that is an error, and nothing is in doubt.
    let node = stream("node-1");
    let refused = || journal.append(&node, Position(0), &[b"a"]);
    // A connection that was open when it died may have carried it.
    let _ = refused();
    assert_eq!(refused().unwrap_err().kind(), ErrorKind::Unreachable);
}

/// User and password: rights, a wrong password, tokens that etcd has forgotten, and no word of either.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn users_are_known_by_tokens_that_are_had_anew() {
    const PASSWORD: &str = "corr3ct-horse";
    let mut etcd = Etcd::start_with("http", |_| vec!["--auth-token-ttl".into(), "1".into()]);
    let root = ["--user", "root:t0p"];
    etcd.etcdctl(&["user", "add", "root:t0p"]);
    etcd.etcdctl(&["user", "grant-role", "root", "root"]);
    etcd.etcdctl(&["user", "add", &format!("gpu:{PASSWORD}")]);
    etcd.etcdctl(&["user", "add", "stranger:word"]);
    etcd.etcdctl(&["role", "add", "gpu"]);
    etcd.etcdctl(&["role", "grant-permission", "gpu", "readwrite", "--prefix=true", "gpu-store/"]);
    etcd.etcdctl(&["user", "grant-role", "gpu", "gpu"]);
    etcd.etcdctl(&["auth", "enable"]);
    let refused = |config: EtcdConfig| {
        let error = EtcdJournal::open(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotPermitted, "{error}");
        assert!(!format!("{error} {error:?}").contains("corr3ct"), "{error:?}");
    };
    refused(etcd.config());
    refused(etcd.config().user("gpu", "corr3ct-pony"));
    refused(etcd.config().user("stranger", "word"));
    let journal = EtcdJournal::open(etcd.config().user("gpu", PASSWORD)).unwrap();
    assert!(!format!("{journal:?}").contains(PASSWORD));
    let node = stream("node-1");
    appended(&journal, &node, 0, &[b"a"]);
    // Tokens live in etcd's memory.
    etcd.kill();
    etcd.restart();
    appended(&journal, &node, 1, &[b"b"]);
    // The user's rights are another's now: the store of users has another revision.
    etcd.etcdctl(&[&root[..], &["role", "add", "more"]].concat());
    appended(&journal, &node, 2, &[b"c"]);
    // The token's second is over; etcd cleans up by and by.
    let deadline = Instant::now() + Duration::from_secs(4);
    let mut last = 3;
    while Instant::now() < deadline {
        assert_eq!(journal.wait(&node, Position(last), Duration::from_millis(1500)).unwrap(), Position(last));
        appended(&journal, &node, last, &[b"d"]);
        last += 1;
    }
    assert!(!etcd.log().contains(PASSWORD));
}

/// Told by the watch, and not found by the look that comes every ten seconds whether anything is told or
/// not.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn who_waits_is_told() {
    let etcd = Etcd::start();
    let proxy = Proxy::to(etcd.port());
    let waiting = EtcdJournal::open(EtcdConfig::new(&proxy.url()).unwrap().patience(AT_SOME_TIME)).unwrap();
    let (writing, node) = (etcd.open(), stream("node-1"));
    let took = |after: u64| {
        let before = proxy.heard("POST /v3/watch");
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| waiting.wait(&node, Position(after), AT_SOME_TIME).unwrap());
            while proxy.heard("POST /v3/watch") == before {
                std::thread::sleep(Duration::from_millis(5));
            }
            let began = Instant::now();
            appended(&writing, &node, after, &[b"a"]);
            assert_eq!(waiter.join().unwrap(), Position(after + 1));
            began.elapsed()
        })
    };
    // The fastest, because a busy machine may be slow once.
    let fastest = (0..4).map(took).min().unwrap();
    assert!(fastest < Duration::from_secs(5), "{fastest:?}");
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn leases_end_by_etcds_clock() {
    let etcd = Etcd::start();
    let journal = etcd.open();
    let lease = journal.grant(Duration::from_millis(1500)).unwrap();
    assert!(lease.lasts >= Duration::from_millis(1500) && lease.id > 0);
    let LeaseState::Alive { left } = journal.lease(lease.id).unwrap() else { panic!("it has just begun") };
    assert!(left <= lease.lasts);
    assert_eq!(journal.keep_alive(lease.id).unwrap(), LeaseState::Alive { left: lease.lasts });
    let shown = etcd.etcdctl(&["lease", "list"]);
    assert!(shown.contains(&format!("{:x}", lease.id)), "{shown}");
    let deadline = Instant::now() + AT_SOME_TIME;
    while journal.lease(lease.id).unwrap() != LeaseState::Ended {
        assert!(Instant::now() < deadline, "it ends");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(journal.keep_alive(lease.id).unwrap(), LeaseState::Ended, "what has ended does not come back");
    let other = journal.grant(Duration::from_secs(1000)).unwrap();
    journal.revoke(other.id).unwrap();
    journal.revoke(other.id).unwrap();
    assert_eq!(journal.lease(other.id).unwrap(), LeaseState::Ended);
    for never in [0, 77, u64::MAX] {
        assert_eq!(journal.lease(never).unwrap(), LeaseState::Ended);
    }
    assert_eq!(journal.grant(Duration::MAX).unwrap_err().kind(), ErrorKind::Invalid);
}
