//! What a store on SQLite costs beside SQLite: the figures of `BENCHMARKS.md`. Both sides in turn, in
//! one run, on one drive, with one policy of what is waited for.
//!
//! ```text
//! cargo test --release -p gpu-store --features sqlite --test figures -- --ignored --nocapture --test-threads 1
//! ```

#![cfg(unix)]

#[path = "support/folder.rs"]
mod folder;
#[path = "../../gpu-core/tests/support/site.rs"]
mod site;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use folder::Folder;
use gpu_core::ledger::{Body, Entry, EntryId, Ledger, NodeName, Position};
use gpu_core::stored;
use gpu_store::{Append, Journal, Keeper, MemoryJournal, Policy, Snapshot, SqliteJournal, Stream};
use rusqlite::{Connection, params};

fn stream() -> Stream {
    "ledger/node-1".parse().expect("a name")
}

fn node() -> NodeName {
    stream().node()
}

fn keeper(file: &Path) -> Keeper<SqliteJournal> {
    let journal = SqliteJournal::open(file).expect("it opens");
    // A log that grows has the file system write down its length, too: it is as long as it gets. What
    // makes it so stands before the ledger's entries, as on the bare side.
    let other = Stream::statements(node());
    for after in 0..6 {
        let grown = journal.append(&other, Position(after), &[&[1; 1 << 20]]).expect("there is room");
        assert_eq!(grown, Append::Appended { last: Position(after + 1) });
    }
    // Without snapshots: the bare side has none.
    let keeper = Keeper::open_with(journal, node(), Policy::default().every(0)).expect("it opens");
    let boards = Body::Inventory((0..8).map(|gpu| site::cut(gpu, 0..7)).collect());
    keeper.apply(&keeper.entry(EntryId(1), boards)).expect("it is taken");
    keeper
}

/// What a holding's life is made of: the entry of that number on the instance of that number.
fn step(ledger: &Ledger, unit: u32, number: u128) -> Entry {
    let id = u128::from(unit) << 64 | (number - number % 3 + 10) << 2;
    let (id, body) = match number % 3 {
        0 => (id, site::reserve([site::instance((unit / 7) as u8, unit % 7).into()])),
        1 => (id + 1, site::commit(id, unit)),
        _ => (id + 2, site::release(id)),
    };
    ledger.entry(ledger.key(EntryId(id)), body)
}

/// Rows of the same bytes by a prepared statement, each its own transaction.
struct Bare {
    connection: Connection,
    last: i64,
}

impl Bare {
    fn new(file: &Path) -> Self {
        let connection = Connection::open(file).expect("SQLite");
        let mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).expect("SQLite");
        assert_eq!(mode, "wal");
        connection.pragma_update(None, "synchronous", "FULL").expect("SQLite");
        let table = "CREATE TABLE record (
            stream INTEGER NOT NULL, position INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (stream, position)) STRICT, WITHOUT ROWID";
        connection.execute_batch(table).expect("SQLite");
        let mut bare = Self { connection, last: 0 };
        // As long a log as ours.
        (0..6).for_each(|_| bare.insert(&[1; 1 << 20]));
        bare
    }

    fn insert(&mut self, record: &[u8]) {
        self.last += 1;
        let mut statement =
            self.connection.prepare_cached("INSERT INTO record VALUES (1, ?1, ?2)").expect("SQLite");
        statement.execute(params![self.last, record]).expect("SQLite");
    }

    /// Rows per second, so many of them a transaction, over a while.
    fn rate(&mut self, rows: u32) -> f64 {
        let run = |bare: &Self, sql: &str| {
            bare.connection.prepare_cached(sql).and_then(|mut sql| sql.execute([])).expect("SQLite");
        };
        let (mut count, start) = (0, Instant::now());
        while start.elapsed() < Duration::from_millis(200) {
            run(self, "BEGIN IMMEDIATE");
            (0..rows).for_each(|_| self.insert(&[1; 100]));
            run(self, "COMMIT");
            count += rows;
        }
        f64::from(count) / start.elapsed().as_secs_f64()
    }
}

/// How long each of so many entries took: ours and the bare row, one after the other, who is first
/// by turns. What the file system does for one of both is soon done for the other, too.
fn side_by_side(folder: &Folder, entries: u32) -> [Vec<Duration>; 2] {
    let keeper = keeper(&folder.store());
    let mut bare = Bare::new(&folder.path().join("bare.db"));
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..entries {
        let ledger = keeper.ledger();
        let entry = step(&ledger, 0, u128::from(number));
        let record = stored::encode(ledger.next(), &entry);
        drop(ledger);
        for side in [number % 2, (number + 1) % 2] {
            let start = Instant::now();
            if side == 0 {
                keeper.apply(&entry).expect("it is taken");
            } else {
                bare.insert(&record);
            }
            times[side as usize].push(start.elapsed());
        }
    }
    times
}

#[test]
#[ignore = "a figure: for a release build"]
fn an_entry_costs_little_more_than_its_row() {
    for (what, folder, entries) in
        [("on the drive", Folder::new(), 3_000), ("in memory", Folder::fast(), 30_000)]
    {
        let mut times = side_by_side(&folder, entries);
        let rate = |times: &[Duration]| times.len() as f64 / times.iter().sum::<Duration>().as_secs_f64();
        let all = times.each_ref().map(|times| rate(times));
        times.iter_mut().for_each(|times| times.sort_unstable());
        let most = times.each_ref().map(|times| rate(&times[..times.len() * 9 / 10]));
        let median = times.each_ref().map(|times| times[times.len() / 2]);
        println!(
            "{what}: {:.0}/s, a bare row {:.0}/s: {:.2} of it; without the slowest tenth {:.0}/s and {:.0}/s: {:.2}; \
             medians {:.1?} and {:.1?}",
            all[0],
            all[1],
            all[0] / all[1],
            most[0],
            most[1],
            most[0] / most[1],
            median[0],
            median[1]
        );
        if what == "on the drive" {
            // What else the machine does makes some of either side slow beyond measure.
            let ratio = (all[0] / all[1]).max(most[0] / most[1]);
            assert!(ratio >= 0.8, "{ratio} of a bare row's");
        }
    }
}

/// What judging, encoding and queueing cost where a journal costs next to nothing: no promise.
#[test]
#[ignore = "a figure: for a release build"]
fn what_a_keeper_adds() {
    const ENTRIES: u32 = 3000;
    let journal = MemoryJournal::new();
    let keeper = Keeper::open_with(&journal, node(), Policy::default().every(0)).expect("it opens");
    let boards = Body::Inventory((0..8).map(|gpu| site::cut(gpu, 0..7)).collect());
    keeper.apply(&keeper.entry(EntryId(1), boards)).expect("it is taken");
    // The half of the node is held.
    for unit in 28..56 {
        keeper.apply(&step(&keeper.ledger(), unit, 0)).expect("it is free");
    }
    let mut number = 0;
    let kept = fastest(20, || {
        for _ in 0..ENTRIES {
            keeper.apply(&step(&keeper.ledger(), 0, number)).expect("it is taken");
            number += 1;
        }
    });
    println!("a keeper over memory: {:.0} entries/s", f64::from(ENTRIES) / kept.1.as_secs_f64());
    assert_eq!(u128::from(journal.extent(&stream()).expect("it is there").last.0), 29 + number);
}

#[test]
#[ignore = "a figure: for a release build"]
fn eight_writers_share_what_is_waited_for() {
    const WRITERS: u32 = 8;
    let folder = Folder::new();
    let keeper = keeper(&folder.store());
    let (mut one, mut eight) = (Rate::default(), Rate::default());
    let mut numbers = [0_u128; WRITERS as usize];
    let mut bare = Bare::new(&folder.path().join("bare.db"));
    let mut rows = [0.0; 2];
    for _ in 0..8 {
        one.add(&keeper, &mut numbers[..1]);
        eight.add(&keeper, &mut numbers);
        rows[0] += bare.rate(1);
        rows[1] += bare.rate(WRITERS);
    }
    let (times, most) = (eight.whole() / one.whole(), rows[1] / rows[0]);
    println!(
        "one writer {:.0}/s, {WRITERS} writers {:.0}/s: {times:.1} times; bare rows, one and {WRITERS} a transaction: {most:.1} times",
        one.whole(),
        eight.whole()
    );
    // A drive may be so fast that even bare rows win little by going together.
    assert!(times >= f64::min(4.0, 0.6 * most), "only {times}");
}

/// Entries, and the time that they took.
#[derive(Default)]
struct Rate(u64, Duration);

impl Rate {
    fn whole(&self) -> f64 {
        self.0 as f64 / self.1.as_secs_f64()
    }

    /// A writer for each number, each on an instance of its own, for a while.
    fn add(&mut self, keeper: &Keeper<SqliteJournal>, numbers: &mut [u128]) {
        let count = AtomicU64::new(0);
        let start = Instant::now();
        thread::scope(|scope| {
            for (unit, number) in (0..).zip(numbers.iter_mut()) {
                let count = &count;
                scope.spawn(move || {
                    while start.elapsed() < Duration::from_millis(400) {
                        keeper.apply(&step(&keeper.ledger(), unit, *number)).expect("it is taken");
                        *number += 1;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        self.0 += count.into_inner();
        self.1 += start.elapsed();
    }
}

/// A million entries, appended as many at a time as the store takes.
fn million(journal: &SqliteJournal) -> Ledger {
    let mut ledger = Ledger::new(node());
    let boards = Body::Inventory((0..8).map(|gpu| site::cut(gpu, 0..7)).collect());
    let mut records = vec![];
    let mut take = |ledger: &mut Ledger, entry: &Entry| {
        records.push(stored::encode(ledger.next(), entry));
        ledger.apply(entry).expect("it is taken");
        if records.len() == 4096 {
            flush(journal, ledger, &mut records);
        }
    };
    let first = ledger.entry(ledger.key(EntryId(1)), boards);
    take(&mut ledger, &first);
    for number in 0..999_999_u128 {
        let entry = step(&ledger, (number / 3 % 56) as u32, number);
        take(&mut ledger, &entry);
    }
    flush(journal, &ledger, &mut records);
    ledger
}

fn flush(journal: &SqliteJournal, ledger: &Ledger, records: &mut Vec<Vec<u8>>) {
    let batch: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let after = Position(ledger.position().0 - batch.len() as u64);
    let appended = journal.append(&stream(), after, &batch).expect("there is room");
    assert_eq!(appended, Append::Appended { last: ledger.position() });
    records.clear();
}

/// What this thread has had of a processor: others are at work, too.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}

/// The fastest of some, on the wall and of the processor.
fn fastest(times: u32, mut work: impl FnMut()) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..times {
        let (start, processor) = (Instant::now(), processor_time());
        work();
        best = (best.0.min(start.elapsed()), best.1.min(processor_time() - processor));
    }
    best
}

fn opened(file: &Path, ledger: &Ledger) {
    let keeper = Keeper::open(SqliteJournal::open(file).expect("it opens"), node()).expect("it opens");
    assert_eq!(keeper.ledger().history(), ledger.history());
}

#[test]
#[ignore = "a figure: for a release build"]
fn opening_and_replay() {
    let folder = Folder::new();
    let journal = SqliteJournal::open(folder.store()).expect("it opens");
    let mut ledger = million(&journal);
    let bare = Connection::open(folder.store()).expect("SQLite");
    let rows = fastest(3, || {
        let mut statement =
            bare.prepare("SELECT position, bytes FROM record ORDER BY stream, position").expect("SQLite");
        let mut rows = statement.query([]).expect("SQLite");
        let mut bytes = 0;
        while let Some(row) = rows.next().expect("SQLite") {
            bytes += row.get_ref(1).expect("bytes").as_blob().expect("bytes").len();
        }
        assert!(bytes > 1_000_000);
    });
    drop(bare);
    let whole = fastest(3, || opened(&folder.store(), &ledger));
    let bytes = std::fs::metadata(folder.store()).expect("it is there").len();
    println!(
        "a million entries ({} MB) opened without a snapshot: {} ms ({} of the processor); bare rows {} ms ({})",
        bytes >> 20,
        whole.0.as_millis(),
        whole.1.as_millis(),
        rows.0.as_millis(),
        rows.1.as_millis()
    );
    assert!(whole.1 <= Duration::from_secs(2), "{whole:?}");

    // A full node, and the newest entries after the snapshot, as the policy leaves them at worst.
    let snapshot = Snapshot::new(ledger.position(), stored::encode_snapshot(&ledger));
    journal.put_snapshot(&stream(), &snapshot).expect("it is the end");
    let mut records = Vec::new();
    for number in 999_999..999_999 + 4095_u128 {
        let entry = step(&ledger, (number / 3 % 56) as u32, number);
        records.push(stored::encode(ledger.next(), &entry));
        ledger.apply(&entry).expect("it is taken");
    }
    flush(&journal, &ledger, &mut records);
    drop(journal);
    let open = fastest(5, || opened(&folder.store(), &ledger));
    println!(
        "opened with a snapshot and 4,095 entries after it: {:.1?} ({:.1?} of the processor)",
        open.0, open.1
    );
    assert!(open.0 <= Duration::from_millis(100), "{open:?}");
}
