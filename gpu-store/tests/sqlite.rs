//! Journals in files of SQLite's: what every journal must do, whose files they are, and what is said of
//! files that are not what was written.

#[path = "support/folder.rs"]
mod folder;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use folder::Folder;
use gpu_core::ledger::{Body, EntryId, NodeName, Position};
use gpu_store::{
    Append, Durability, Error, ErrorKind, Follower, Journal, Keeper, Snapshot, SqliteJournal, SqliteOptions,
    Stream, Trust, conformance, verify,
};
use rusqlite::Connection;

fn stream() -> Stream {
    "ledger/node-1".parse().expect("a name")
}

fn node() -> NodeName {
    stream().node()
}

#[track_caller]
fn open(file: &Path) -> SqliteJournal {
    SqliteJournal::open(file).unwrap_or_else(|error| panic!("{}: {error}", error.kind()))
}

#[track_caller]
fn refused(answer: Result<SqliteJournal, Error>) -> (ErrorKind, String) {
    let error = answer.map(drop).expect_err("it is refused");
    (error.kind(), error.to_string())
}

#[track_caller]
fn append(journal: &dyn Journal, after: u64, records: &[&[u8]]) {
    let appended =
        journal.append(&stream(), Position(after), records).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(appended, Append::Appended { last: Position(after + records.len() as u64) });
}

fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Copies a store with all that belongs to it.
fn copy(store: &Path, to: &Path) {
    for ending in ["", "-wal", "-mark"] {
        let _ = fs::remove_file(beside(to, ending));
        if beside(store, ending).exists() {
            fs::copy(beside(store, ending), beside(to, ending)).expect("it is copied");
        }
    }
    let _ = fs::remove_file(beside(to, "-shm"));
}

#[test]
fn it_does_what_every_journal_must() {
    let folder = Folder::new();
    conformance::run(&open(&folder.store()));
    open(&folder.store()).check().expect("it is whole");
}

#[test]
fn so_does_one_that_survives_its_process_alone() {
    let folder = Folder::new();
    let options = SqliteOptions::new().durability(Durability::ProcessCrash);
    conformance::run(&SqliteJournal::open_with(folder.store(), &options).expect("it opens"));
    assert!(!beside(&folder.store(), "-mark").exists());
}

/// Two journals over one file, as two processes have it.
#[derive(Debug)]
struct Both(SqliteJournal, SqliteJournal, std::sync::atomic::AtomicUsize);

impl Both {
    fn one(&self) -> &SqliteJournal {
        let turn = self.2.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if turn % 2 == 0 { &self.0 } else { &self.1 }
    }
}

impl Journal for Both {
    fn limits(&self) -> gpu_store::Limits {
        self.one().limits()
    }

    fn extent(&self, stream: &Stream) -> Result<gpu_store::Extent, Error> {
        self.one().extent(stream)
    }

    fn append(&self, stream: &Stream, after: Position, records: &[&[u8]]) -> Result<Append, Error> {
        self.one().append(stream, after, records)
    }

    fn read(
        &self,
        stream: &Stream,
        after: Position,
        most: usize,
        each: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<Position, Error> {
        self.one().read(stream, after, most, each)
    }

    fn snapshot(&self, stream: &Stream) -> Result<Option<Snapshot>, Error> {
        self.one().snapshot(stream)
    }

    fn put_snapshot(&self, stream: &Stream, snapshot: &Snapshot) -> Result<(), Error> {
        self.one().put_snapshot(stream, snapshot)
    }

    fn compact(&self, stream: &Stream, through: Position) -> Result<(), Error> {
        self.one().compact(stream, through)
    }

    fn wait(&self, stream: &Stream, after: Position, limit: Duration) -> Result<Position, Error> {
        self.one().wait(stream, after, limit)
    }

    fn streams(&self) -> Result<Vec<Stream>, Error> {
        self.one().streams()
    }
}

#[test]
fn two_over_one_file_do_what_one_does() {
    let folder = Folder::new();
    conformance::run(&Both(open(&folder.store()), open(&folder.store()), Default::default()));
}

#[test]
fn what_was_appended_is_there_when_it_is_opened_again() {
    let folder = Folder::new();
    append(&open(&folder.store()), 0, &[b"one", b"two"]);
    let journal = open(&folder.store());
    append(&journal, 2, &[b"three"]);
    assert_eq!(journal.extent(&stream()).unwrap().last, Position(3));
    assert_eq!(journal.streams().unwrap(), [stream()]);
    assert_eq!(journal.file(), folder.store().canonicalize().unwrap());
}

/// What the tables are said to be by SQLite's own program's library, not by this crate's.
#[test]
fn durability_and_identity_are_in_the_file() {
    let folder = Folder::new();
    append(&open(&folder.store()), 0, &[b"one"]);
    let bytes = fs::read(folder.store()).expect("it is there");
    // <https://www.sqlite.org/fileformat.html>: versions 18 and 19 are 2 for a write-ahead log, the
    // user's version stands at 60, the application's id at 68.
    assert_eq!(&bytes[..16], b"SQLite format 3\0");
    assert_eq!((bytes[18], bytes[19]), (2, 2));
    assert_eq!((&bytes[60..64], &bytes[68..72]), (&[0, 0, 0, 1][..], &b"GPUL"[..]));
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let journal = open(&folder.store());
    append(&journal, 0, &[b"one"]);
    let mut seen = 0;
    for entry in fs::read_dir(folder.path()).expect("it is there") {
        let entry = entry.expect("it is there");
        let mode = entry.metadata().expect("it is there").permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
        seen += 1;
    }
    assert_eq!(seen, 4, "the store, its log, the log's index and the marks");
}

#[cfg(unix)]
#[test]
fn what_others_may_write_is_refused_unless_told_otherwise() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new();
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    append(&open(&folder.store()), 0, &[b"one"]);
    let trusting = SqliteOptions::new().trust(Trust::Anybody);
    for (path, bad, good) in [(folder.store(), 0o620, 0o600), (folder.path().to_owned(), 0o702, 0o700)] {
        mode(&path, bad);
        let (kind, text) = refused(SqliteJournal::open(folder.store()));
        assert_eq!(kind, ErrorKind::NotPermitted);
        assert!(text.contains("may be written by others"), "{text}");
        SqliteJournal::open_with(folder.store(), &trusting).expect("told otherwise");
        mode(&path, good);
    }
    // A folder further up.
    let inner = Folder::at(folder.path().join("inner"));
    mode(folder.path(), 0o770);
    assert_eq!(refused(SqliteJournal::open(inner.store())).0, ErrorKind::NotPermitted);
    mode(folder.path(), 0o700);
    // A link in place of the file, of the marks, or of the log.
    symlink(folder.store(), inner.store()).expect("it is ours");
    assert_eq!(refused(SqliteJournal::open(inner.store())).0, ErrorKind::NotPermitted);
    fs::remove_file(inner.store()).expect("it is ours");
    for ending in ["-mark", "-wal"] {
        symlink(folder.store(), beside(&inner.store(), ending)).expect("it is ours");
        assert_eq!(refused(SqliteJournal::open(inner.store())).0, ErrorKind::NotPermitted, "{ending}");
        fs::remove_file(beside(&inner.store(), ending)).expect("it is ours");
    }
    // A link to the folder is one to where the folder is, and that is looked at.
    let link = folder.path().join("link");
    symlink(inner.path(), &link).expect("it is ours");
    open(&link.join("ledger.db"));
}

#[test]
fn what_is_no_store_is_named_and_left_alone() {
    let folder = Folder::new();
    let store = folder.store();
    fs::write(&store, b"this is a text of somebody else, and long enough to be looked at").expect("a file");
    private(&store);
    assert_eq!(refused(SqliteJournal::open(&store)).0, ErrorKind::Damaged);
    fs::remove_file(&store).expect("ours");
    let other = Connection::open(&store).expect("SQLite");
    other.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").expect("SQLite");
    drop(other);
    private(&store);
    let before = fs::read(&store).expect("it is there");
    assert_eq!(refused(SqliteJournal::open(&store)).0, ErrorKind::Invalid);
    assert_eq!(fs::read(&store).expect("it is there"), before, "what is another's is not touched");
    fs::remove_file(&store).expect("ours");
    let none = SqliteOptions::new().creates(false);
    assert_eq!(refused(SqliteJournal::open_with(&store, &none)).0, ErrorKind::Io);
    assert!(!store.exists());
    assert_eq!(refused(SqliteJournal::open(folder.path().join("none/ledger.db"))).0, ErrorKind::Io);
    assert_eq!(refused(SqliteJournal::open("/")).0, ErrorKind::Invalid);
}

/// Files that SQLite makes follow the umask.
fn private(store: &Path) {
    #[cfg(unix)]
    fs::set_permissions(store, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
    let _ = store;
}

#[test]
fn tables_of_a_newer_version_are_refused_by_name() {
    let folder = Folder::new();
    append(&open(&folder.store()), 0, &[b"one"]);
    let newer = Connection::open(folder.store()).expect("SQLite");
    newer.pragma_update(None, "user_version", 2).expect("SQLite");
    drop(newer);
    let (kind, text) = refused(SqliteJournal::open(folder.store()));
    assert_eq!(kind, ErrorKind::Newer);
    assert!(text.contains("version 2"), "{text}");
}

/// What was acknowledged and is not there any more is told, however it went.
#[test]
fn what_was_acknowledged_and_is_gone_is_named() {
    let (folder, damaged) = (Folder::new(), Folder::new());
    let store = folder.store();
    let journal = open(&store);
    append(&journal, 0, &[b"one"]);
    let early = Folder::new();
    copy(&store, &early.store());
    append(&journal, 1, &[b"two", b"three"]);
    let log = fs::read(beside(&store, "-wal")).expect("a log");
    let now = |change: &dyn Fn(&Path)| {
        copy(&store, &damaged.store());
        change(&damaged.store());
        SqliteJournal::open(damaged.store())
    };
    assert_eq!(now(&|_| {}).expect("the copy is whole").extent(&stream()).unwrap().last, Position(3));
    let gone = |what: &str, change: &dyn Fn(&Path)| {
        let (kind, text) = refused(now(change));
        assert_eq!(kind, ErrorKind::Damaged, "{what}: {text}");
        assert!(text.contains("acknowledged"), "{what}: {text}");
    };
    gone("a log whose tail is cut off", &|store| {
        fs::write(beside(store, "-wal"), &log[..log.len() - 1]).expect("ours");
    });
    gone("a log without its last page", &|store| {
        fs::write(beside(store, "-wal"), &log[..log.len() - 4120]).expect("ours");
    });
    gone("a flipped bit in the log", &|store| {
        let mut log = log.clone();
        let at = log.len() - 100;
        log[at] ^= 1;
        fs::write(beside(store, "-wal"), log).expect("ours");
    });
    gone("a log that is gone", &|store| fs::remove_file(beside(store, "-wal")).expect("ours"));
    gone("a log of another day", &|store| {
        fs::copy(beside(&early.store(), "-wal"), beside(store, "-wal")).expect("ours");
    });
    gone("a file that is gone", &|store| {
        fs::remove_file(beside(store, "-wal")).expect("ours");
        fs::remove_file(store).expect("ours");
    });
    gone("an older copy of both", &|store| {
        for ending in ["", "-wal"] {
            fs::copy(beside(&early.store(), ending), beside(store, ending)).expect("ours");
        }
    });
    // Who means it removes the marks.
    copy(&early.store(), &damaged.store());
    fs::remove_file(beside(&damaged.store(), "-mark")).expect("ours");
    assert_eq!(open(&damaged.store()).extent(&stream()).unwrap().last, Position(1));
}

#[test]
fn an_old_log_beside_a_newer_file_is_named() {
    let (folder, early) = (Folder::new(), Folder::new());
    let journal = open(&folder.store());
    append(&journal, 0, &[b"one"]);
    copy(&folder.store(), &early.store());
    for after in 1..200 {
        append(&journal, after, &[&[7; 500]]);
    }
    // The last to close brings all into the file, and removes the log.
    drop(journal);
    assert!(!beside(&folder.store(), "-wal").exists());
    fs::copy(beside(&early.store(), "-wal"), beside(&folder.store(), "-wal")).expect("ours");
    let (kind, text) = refused(SqliteJournal::open(folder.store()));
    assert_eq!(kind, ErrorKind::Damaged, "{text}");
}

#[test]
fn damaged_marks_are_named() {
    let folder = Folder::new();
    append(&open(&folder.store()), 0, &[b"one"]);
    let mark = beside(&folder.store(), "-mark");
    let mut bytes = fs::read(&mark).expect("marks");
    bytes[3] ^= 1;
    fs::write(&mark, &bytes).expect("ours");
    assert_eq!(refused(SqliteJournal::open(folder.store())).0, ErrorKind::Damaged);
    // Behind is what a power failure leaves.
    fs::write(&mark, [0; 24]).expect("ours");
    open(&folder.store());
}

#[test]
fn a_full_store_says_so_and_goes_on_when_there_is_room() {
    let folder = Folder::new();
    let small = SqliteOptions::new().most_bytes(20 * 4096);
    let journal = SqliteJournal::open_with(folder.store(), &small).expect("it opens");
    let mut last = 0;
    let full = loop {
        match journal.append(&stream(), Position(last), &[&[1; 1000]]) {
            Ok(appended) => {
                last += 1;
                assert_eq!(appended, Append::Appended { last: Position(last) });
            }
            Err(error) => break error,
        }
        assert!(last < 1000, "20 pages hold no {last} records");
    };
    assert_eq!(full.kind(), ErrorKind::Full);
    assert_eq!(journal.extent(&stream()).unwrap().last, Position(last));
    // Nothing half: a smaller one still goes, and compaction makes room.
    journal.put_snapshot(&stream(), &Snapshot::new(Position(last), b"all".to_vec())).expect("it is small");
    journal.compact(&stream(), Position(last)).expect("a snapshot stands for all");
    append(&journal, last, &[&[1; 1000]]);
    journal.check().expect("it is whole");
}

#[test]
fn who_is_waited_for_too_long_is_busy() {
    let folder = Folder::new();
    let impatient = SqliteOptions::new().busy(Duration::from_millis(1));
    let journal = SqliteJournal::open_with(folder.store(), &impatient).expect("it opens");
    append(&journal, 0, &[b"one"]);
    let other = Connection::open(folder.store()).expect("SQLite");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    assert_eq!(journal.append(&stream(), Position(1), &[b"two"]).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(journal.extent(&stream()).unwrap().last, Position(1), "readers do not wait");
    other.execute_batch("ROLLBACK").expect("it was begun");
    append(&journal, 1, &[b"two"]);
}

#[test]
fn a_hole_in_the_records_is_named() {
    let folder = Folder::new();
    let store = folder.store();
    let hole = |sql: &str| {
        let other = Folder::new();
        copy(&store, &other.store());
        Connection::open(other.store()).expect("SQLite").execute_batch(sql).expect(sql);
        let journal = SqliteJournal::open(other.store()).map_err(|error| error.kind())?;
        // One by one, too: what is there stands for no other.
        let mut at = Position(2);
        let mut check = |position: Position, bytes: &[u8]| {
            assert_eq!(bytes, position.to_string().as_bytes(), "{sql}");
        };
        let one_by_one = loop {
            match journal.read(&stream(), at, 1, &mut check) {
                Ok(next) if next == at => break Ok(()),
                Ok(next) => at = next,
                Err(error) => break Err(error.kind()),
            }
        };
        let whole = journal.read(&stream(), Position(2), usize::MAX, &mut check);
        assert_eq!(whole.map(drop).map_err(|error| error.kind()), one_by_one, "{sql}");
        one_by_one
    };
    let journal = open(&store);
    append(&journal, 0, &[b"1", b"2", b"3", b"4", b"5"]);
    journal.put_snapshot(&stream(), &Snapshot::new(Position(2), b"2".to_vec())).expect("it is there");
    journal.compact(&stream(), Position(2)).expect("it is there");
    drop(journal);
    assert_eq!(hole("SELECT 1"), Ok(()), "nothing is wrong with the copy");
    for sql in [
        "DELETE FROM record WHERE position = 4",
        "DELETE FROM record WHERE position = 5",
        "DELETE FROM record WHERE position = 3",
        "UPDATE record SET position = 9 WHERE position = 4",
        "UPDATE record SET position = -5 WHERE position = 5",
        "UPDATE stream SET compacted = 0",
        "UPDATE stream SET compacted = 4",
        "UPDATE stream SET compacted = -5",
        "UPDATE stream SET name = 'ledger/node-2'",
        "UPDATE stream SET name = 'nonsense'",
        "DELETE FROM stream",
        "DELETE FROM snapshot",
        "UPDATE snapshot SET at = 1",
        "UPDATE snapshot SET at = 99",
        "DROP TABLE record",
        "PRAGMA user_version = -1",
    ] {
        assert_eq!(hole(sql), Err(ErrorKind::Damaged), "{sql}");
    }
}

/// A name that is damaged in the table or in its index would be a stream of which nobody has heard,
/// and its units free.
#[test]
fn a_damaged_name_is_named() {
    let folder = Folder::new();
    append(&open(&folder.store()), 0, &[b"one"]);
    let whole = fs::read(folder.store()).expect("it is there");
    let name = stream().to_string();
    let found = whole.windows(name.len()).enumerate().filter(|(_, at)| *at == name.as_bytes());
    let places: Vec<usize> = found.map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2, "in the table and in its index");
    for at in places {
        let mut damaged = whole.clone();
        damaged[at + name.len() - 1] ^= 2;
        fs::write(folder.store(), &damaged).expect("ours");
        for marks in [true, false] {
            if !marks {
                fs::write(beside(&folder.store(), "-mark"), b"").expect("ours");
            }
            assert_eq!(
                refused(SqliteJournal::open(folder.store())).0,
                ErrorKind::Damaged,
                "byte {at}, marks: {marks}"
            );
        }
    }
}

#[test]
fn a_keeper_and_a_follower_over_one_file() {
    let folder = Folder::new();
    let keeper = Keeper::open(open(&folder.store()), node()).expect("it opens");
    let mut follower = Follower::open(open(&folder.store()), node()).expect("it opens");
    let other = Keeper::open(Arc::new(open(&folder.store())), node()).expect("it opens");
    keeper.apply(&keeper.entry(EntryId(1), Body::Inventory(Vec::new()))).expect("it is taken");
    other.apply(&other.entry(EntryId(2), Body::Inventory(Vec::new()))).expect("it is taken");
    while follower.ledger().position() < Position(2) {
        assert!(follower.wait(Duration::from_secs(60)).expect("it follows"));
    }
    keeper.snapshot().expect("it is put");
    assert_eq!(verify(keeper.journal(), &stream()).expect("it is whole").records, 2);
}

/// Who only reads follows who writes, changes nothing of the store and of its marks, and makes no store.
#[test]
fn who_only_reads_follows_and_changes_nothing() {
    let folder = Folder::new();
    let reading = SqliteOptions::new().read_only(true);
    let open_to_read = || SqliteJournal::open_with(folder.store(), &reading);
    let (kind, _) = refused(open_to_read());
    assert_eq!(kind, ErrorKind::Io);
    fs::write(folder.store(), "").expect("it is made");
    let (kind, error) = refused(open_to_read());
    assert!(kind == ErrorKind::Invalid && error.contains("empty"), "{kind}: {error}");
    fs::remove_file(folder.store()).expect("it is there");
    assert_eq!(fs::read_dir(folder.path()).expect("ours").count(), 0, "no file is made");
    let writer = Keeper::open(open(&folder.store()), node()).expect("it opens");
    let entry = || writer.apply(&writer.entry(EntryId(1), Body::Inventory(Vec::new()))).expect("applied");
    entry();
    let journal = Arc::new(open_to_read().expect("it opens"));
    let mut follower = Follower::open(Arc::clone(&journal), node()).expect("it is a ledger");
    assert_eq!(follower.ledger().position(), Position(1));
    let another = writer.entry(EntryId(2), Body::Inventory(Vec::new()));
    writer.apply(&another).expect("applied");
    assert!(follower.wait(Duration::from_secs(30)).expect("it is read"));
    assert_eq!(follower.ledger().history(), writer.ledger().history());
    // The last who writes goes; what it wrote is in the log, and who reads leaves it there.
    drop(writer);
    let bytes = |ending: &str| fs::read(beside(&folder.store(), ending)).ok();
    let before = ["", "-wal", "-mark"].map(bytes);
    for answer in [
        journal.append(&stream(), Position(2), &[b"x"]).map(drop),
        journal.put_snapshot(&stream(), &Snapshot::new(Position(1), Vec::new())),
        journal.compact(&stream(), Position(1)),
    ] {
        assert_eq!(answer.expect_err("it is refused").kind(), ErrorKind::NotPermitted);
    }
    drop(follower);
    drop(journal);
    assert_eq!(["", "-wal", "-mark"].map(bytes), before);
    let again = Follower::open(open(&folder.store()), node()).expect("it is whole");
    assert_eq!(again.ledger().position(), Position(2));
}

/// What cannot be trusted to be whole is refused to who reads, too; and marks stay unmade.
#[test]
fn who_only_reads_is_told_of_damage() {
    let folder = Folder::new();
    let reading = SqliteOptions::new().read_only(true);
    let journal = open(&folder.store());
    append(&journal, 0, &[b"one", b"two"]);
    drop(journal);
    let marks = fs::read(beside(&folder.store(), "-mark")).expect("they are there");
    let ahead = Connection::open(folder.store()).expect("it opens");
    ahead.execute("DELETE FROM record WHERE position = 2", []).expect("gone");
    drop(ahead);
    let (kind, error) = refused(SqliteJournal::open_with(folder.store(), &reading));
    assert!(kind == ErrorKind::Damaged && error.contains("acknowledged"), "{kind}: {error}");
    assert_eq!(fs::read(beside(&folder.store(), "-mark")).expect("still there"), marks);
    fs::remove_file(beside(&folder.store(), "-mark")).expect("it is there");
    drop(SqliteJournal::open_with(folder.store(), &reading).expect("it is whole without its marks"));
    assert!(!beside(&folder.store(), "-mark").exists());
    let newer = Connection::open(folder.store()).expect("it opens");
    newer.pragma_update(None, "user_version", 99).expect("set");
    drop(newer);
    let (kind, _) = refused(SqliteJournal::open_with(folder.store(), &reading));
    assert_eq!(kind, ErrorKind::Newer);
    fs::write(folder.store(), vec![b'x'; 8192]).expect("overwritten");
    let (kind, _) = refused(SqliteJournal::open_with(folder.store(), &reading));
    assert_eq!(kind, ErrorKind::Damaged);
}
