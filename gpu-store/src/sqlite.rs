//! [`SqliteJournal`]: streams in a file of SQLite's.

mod fault;
mod file;
mod mark;
mod options;
mod schema;
mod trust;

use core::time::Duration;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gpu_core::ledger::Position;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::error::{Error, ErrorKind};
use crate::extent::Extent;
use crate::journal::{Append, Journal, Snapshot};
use crate::limits::Limits;
use crate::stream::Stream;

use file::Files;
use mark::Marks;

pub use options::{Durability, SqliteOptions, Trust};

/// Of two who open one file in one process one closes it first, and with that drops the locks of
/// the other: POSIX locks are the process's. SQLite minds that for what it opens itself.
static OPENING: Mutex<()> = Mutex::new(());

/// Streams in a file of SQLite's, for the processes of one machine.
///
/// What is appended survives what its [`Durability`] says: the end of the power, unless told
/// otherwise. Several processes and threads may have one file open; it must lie on a file system
/// of the machine itself, because the log's index is shared memory. Beside `FILE` lie `FILE-wal` (the
/// log), `FILE-shm` (its index) and `FILE-mark` (how far each stream has come, so that a log that was
/// cut off, lost or exchanged is noticed): they belong together. All are made for their owner alone
/// (mode 0600). Who puts an older copy of the files in place, and means it, removes `FILE-mark`.
///
/// Who waits for others' records looks again every 1 to 20 ms; a file of SQLite's tells nobody.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_core::ledger::{Body, EntryId};
/// use gpu_store::{Keeper, SqliteJournal};
/// # let folder = std::env::temp_dir().join(format!("gpu-store-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # #[cfg(unix)]
/// # std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
/// # let file = folder.join("ledger.db");
/// let keeper = Keeper::open(SqliteJournal::open(&file)?, "node-1".parse()?)?;
/// keeper.apply(&keeper.entry(EntryId(1), Body::Inventory(Vec::new())))?;
/// drop(keeper);
/// let again = Keeper::open(SqliteJournal::open(&file)?, "node-1".parse()?)?;
/// assert_eq!(again.ledger().position().0, 1);
/// # drop(again);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SqliteJournal {
    files: Files,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    marks: Option<Marks>,
    read_only: bool,
    /// How many wait in this process to be told.
    turn: Mutex<usize>,
    appended: Condvar,
}

/// A stream's row, and its newest record. Where a stream ends stands nowhere else: an append that wrote
/// that down would have the drive take two pages in place of one.
#[derive(Clone, Copy)]
struct Row {
    id: i64,
    compacted: i64,
    newest: Option<i64>,
}

/// What a [`Row`] is read from.
const ROW: &str = "id, compacted, (SELECT max(position) FROM record WHERE stream = id) FROM stream";

impl Row {
    /// From columns as [`ROW`] names them.
    fn read(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(at)?, compacted: row.get(at + 1)?, newest: row.get(at + 2)? })
    }

    /// The end of the stream: its newest record, or the last of those that are compacted.
    fn last(self) -> Position {
        position(self.newest.unwrap_or(self.compacted))
    }
}

impl SqliteJournal {
    /// The store in a file, which is made where there is none.
    ///
    /// # Errors
    /// [`NotPermitted`](ErrorKind::NotPermitted) where it may not be written, or may be by others
    /// ([`Trust`]); [`Damaged`](ErrorKind::Damaged) where it is not what was written;
    /// [`Newer`](ErrorKind::Newer), [`Busy`](ErrorKind::Busy), [`Full`](ErrorKind::Full);
    /// [`Invalid`](ErrorKind::Invalid) for a database of something else.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(file, &SqliteOptions::new())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(file: impl AsRef<Path>, options: &SqliteOptions) -> Result<Self, Error> {
        let files = Files::at(file.as_ref())?;
        let _opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        files.prepare(options)?;
        let mut writer = connect(&files.store, options)?;
        match options.read_only {
            true => schema::is_newest(&writer, &files.store)?,
            false => schema::migrate(&mut writer, &files.store)?,
        }
        let reader = connect(&files.store, options)?;
        let marks = match options.durability {
            Durability::PowerLoss if options.read_only => Marks::there(files.mark.clone())?,
            Durability::PowerLoss => Some(Marks::open(files.mark.clone())?),
            // Nothing says of a power failure how much of what was acknowledged it took.
            Durability::ProcessCrash => None,
        };
        let (writer, reader) = (Mutex::new(writer), Mutex::new(reader));
        let (turn, appended) = (Mutex::new(0), Condvar::new());
        let journal = Self { files, writer, reader, marks, read_only: options.read_only, turn, appended };
        journal.check_ends()?;
        Ok(journal)
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.files.store
    }

    /// Lets SQLite check the whole file: that its pages, trees and indexes are what they should be.
    /// Takes time that grows with the file. What stands in records is
    /// [`verify`](crate::verify)'s.
    ///
    /// # Errors
    /// [`Damaged`](ErrorKind::Damaged), with the first thing that it finds.
    pub fn check(&self) -> Result<(), Error> {
        self.check_tables("PRAGMA integrity_check(1)")?;
        self.check_ends()
    }

    fn check_tables(&self, sql: &str) -> Result<(), Error> {
        let found: String =
            lock(&self.reader).query_row(sql, [], |row| row.get(0)).map_err(|e| self.fault(e))?;
        if found == "ok" { Ok(()) } else { Err(fault::new(ErrorKind::Damaged, self.file(), found)) }
    }

    /// Every stream ends and begins where its row says, and reaches what its mark says.
    fn check_ends(&self) -> Result<(), Error> {
        self.check_tables("PRAGMA integrity_check(stream)")?;
        // Read before the streams: others go on appending.
        let marks = self.marks.as_ref().map(Marks::read).transpose()?.unwrap_or_default();
        let mut reader = lock(&self.reader);
        let transaction = reader.transaction().map_err(|e| self.fault(e))?;
        for (stream, row) in all(&transaction).map_err(|e| self.fault(e))? {
            let name: Stream = stream.parse().map_err(|error| {
                fault::new(ErrorKind::Damaged, self.file(), format!("a stream without a name: {error}"))
            })?;
            ends(&transaction, row)
                .map_err(|e| self.fault(e))?
                .map_err(|what| fault::new(ErrorKind::Damaged, self.file(), format!("{name}: {what}")))?;
        }
        for mark in marks {
            let row = transaction
                .query_row(&format!("SELECT name, {ROW} WHERE id = ?1"), [mark.stream], |row| {
                    Ok((row.get::<_, String>(0)?, Row::read(row, 1)?))
                })
                .optional()
                .map_err(|e| self.fault(e))?;
            let row = row.filter(|(name, _)| mark::digest(name) == mark.name);
            let last = row.map_or(Position(0), |(_, row)| row.last());
            if last < mark.last {
                return Err(self.missing(mark, last));
            }
        }
        Ok(())
    }

    fn missing(&self, mark: mark::Mark, last: Position) -> Error {
        let beside = self.marks.as_ref().map_or(self.file(), Marks::path).display();
        let detail = format!(
            "stream {} ends at {last}, and record {} was acknowledged: the log or the file was cut off, lost or \
             exchanged for an older one (who means it removes {beside})",
            mark.stream, mark.last
        );
        fault::new(ErrorKind::Damaged, self.file(), detail)
    }

    fn fault(&self, error: rusqlite::Error) -> Error {
        fault::of(self.file(), error)
    }

    /// What `work` does, as one transaction, and what was wrong with its commit.
    fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Option<T>>,
    ) -> Result<Result<Option<T>, rusqlite::Error>, Error> {
        if self.read_only {
            return Err(fault::new(ErrorKind::NotPermitted, self.file(), "it was opened for reading alone"));
        }
        let writer = lock(&self.writer);
        let transaction = Write::begin(&writer).map_err(|e| self.fault(e))?;
        let Some(done) = work(&writer).map_err(|e| self.fault(e))? else {
            // Dropped, it is rolled back.
            return Ok(Ok(None));
        };
        Ok(transaction.commit().map(|()| Some(done)))
    }

    fn appended(&self, stream: &Stream, id: i64, last: Position) {
        if let Some(marks) = &self.marks {
            marks.write(id, stream, last);
        }
        let waiting = *self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting > 0 {
            self.appended.notify_all();
        }
    }
}

/// A transaction that writes, rolled back unless it is committed. Its statements are prepared once:
/// rusqlite's `Transaction` has SQLite read them anew each time.
struct Write<'a>(&'a Connection);

impl<'a> Write<'a> {
    fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(connection))
    }

    fn commit(self) -> rusqlite::Result<()> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        // What SQLite has rolled back by itself, or committed, is none any more.
        if !self.0.is_autocommit() {
            drop(self.0.execute_batch("ROLLBACK"));
        }
    }
}

/// Whoever panicked in a transaction has had it rolled back.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(file: &Path, options: &SqliteOptions) -> Result<Connection, Error> {
    let how = match options.read_only {
        true => OpenFlags::SQLITE_OPEN_READ_ONLY,
        false => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let flags = how | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(file, flags).map_err(|e| fault::of(file, e))?;
    // SQLite opens what may only be read for reading, without a word.
    if !options.read_only && connection.is_readonly(rusqlite::MAIN_DB).map_err(|e| fault::of(file, e))? {
        return Err(fault::new(ErrorKind::NotPermitted, file, "it may only be read"));
    }
    connection.busy_timeout(options.busy).map_err(|e| fault::of(file, e))?;
    schema::recognise(&connection, file)?;
    if options.read_only {
        careful(&connection).map_err(|e| fault::of(file, e))?;
        return Ok(connection);
    }
    let configured = patiently(options.busy, || configure(&connection, options));
    configured.map_err(|e| fault::of(file, e))?.map_err(|mode| {
        fault::new(ErrorKind::Io, file, format!("its journal is {mode}, and no write-ahead log is to be had"))
    })?;
    Ok(connection)
}

/// Asks again while somebody else is at work. SQLite waits by itself, but not where two who wait would
/// wait for each other: of several who make a write-ahead log at once, it sends all but one away.
fn patiently<T>(patience: Duration, mut attempt: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        let answer = attempt();
        let is_busy = matches!(&answer, Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy));
        if !is_busy || Instant::now() >= deadline {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sets what is a connection's own; the mode of its journal where that is not the one asked for.
fn configure(connection: &Connection, options: &SqliteOptions) -> rusqlite::Result<Result<(), String>> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Ok(Err(mode));
    }
    let set = |name: &str, value: &str| connection.pragma_update(None, name, value);
    match options.durability {
        Durability::PowerLoss => {
            set("synchronous", "FULL")?;
            set("fullfsync", "ON")?;
        }
        Durability::ProcessCrash => set("synchronous", "NORMAL")?,
    }
    careful(connection)?;
    if let Some(bytes) = options.most_bytes {
        let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
        connection.query_row(&format!("PRAGMA max_page_count = {}", pages.max(1)), [], |_| Ok(()))?;
    }
    Ok(Ok(()))
}

/// Of a file that somebody prepared nothing is executed, and cells are looked at before they are
/// believed.
fn careful(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.pragma_update(None, "cell_size_check", "ON")
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<(String, Row)>> {
    let mut statement = connection.prepare_cached(&format!("SELECT name, {ROW} ORDER BY name"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, Row::read(row, 1)?)))?;
    rows.collect()
}

fn row(connection: &Connection, stream: &Stream) -> rusqlite::Result<Option<Row>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {ROW} WHERE name = ?1"))?;
    statement.query_row([stream.to_string()], |row| Row::read(row, 0)).optional()
}

/// The row of a stream of which there is none yet.
fn insert(connection: &Connection, stream: &Stream) -> rusqlite::Result<Row> {
    let mut statement = connection.prepare_cached("INSERT INTO stream (name, compacted) VALUES (?1, 0)")?;
    let id = statement.insert([stream.to_string()])?;
    Ok(Row { id, compacted: 0, newest: None })
}

/// What is wrong with where a stream's records begin and end.
fn ends(connection: &Connection, row: Row) -> rusqlite::Result<Result<(), String>> {
    let Row { id, compacted, newest } = row;
    let mut statement = connection.prepare_cached("SELECT min(position) FROM record WHERE stream = ?1")?;
    let oldest: Option<i64> = statement.query_row([id], |row| row.get(0))?;
    if compacted < 0 || oldest.is_some_and(|oldest| Some(oldest) != compacted.checked_add(1)) {
        let detail = format!("records {oldest:?} to {newest:?} are there, and {compacted} is compacted");
        return Ok(Err(detail));
    }
    let last = row.last();
    let mut statement = connection.prepare_cached("SELECT at FROM snapshot WHERE stream = ?1")?;
    let at: Option<i64> = statement.query_row([id], |row| row.get(0)).optional()?;
    if at.unwrap_or(0) < compacted || at.is_some_and(|at| position(at) > last) {
        let detail = format!("a snapshot at {at:?}, and records from {compacted} on to {last}");
        return Ok(Err(detail));
    }
    Ok(Ok(()))
}

/// SQLite's numbers have a sign; a position that is too large for them is none that is there.
const fn position(stored: i64) -> Position {
    Position(stored.unsigned_abs())
}

fn number(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

impl Journal for SqliteJournal {
    fn limits(&self) -> Limits {
        Limits::EMBEDDED
    }

    fn extent(&self, stream: &Stream) -> Result<Extent, Error> {
        let reader = lock(&self.reader);
        let mut statement = reader
            .prepare_cached(&format!(
                "SELECT at, {ROW} LEFT JOIN snapshot ON snapshot.stream = id WHERE name = ?1"
            ))
            .map_err(|e| self.fault(e))?;
        let extent = statement.query_row([stream.to_string()], |row| {
            let (snapshot, row): (Option<i64>, _) = (row.get(0)?, Row::read(row, 1)?);
            Ok(Extent {
                last: row.last(),
                compacted: position(row.compacted),
                snapshot: snapshot.map(position),
            })
        });
        Ok(extent.optional().map_err(|e| self.fault(e))?.unwrap_or_default())
    }

    fn append(&self, stream: &Stream, after: Position, records: &[&[u8]]) -> Result<Append, Error> {
        self.limits().check_append(stream, records)?;
        let mut actual = Position(0);
        let written = self.write(|transaction| {
            let there = row(transaction, stream)?;
            actual = there.map_or(Position(0), Row::last);
            if actual != after || records.is_empty() {
                return Ok(None);
            }
            let row = there.map_or_else(|| insert(transaction, stream), Ok)?;
            let mut statement = transaction
                .prepare_cached("INSERT INTO record (stream, position, bytes) VALUES (?1, ?2, ?3)")?;
            let mut last = actual;
            for record in records {
                last = last.next();
                statement.execute(params![row.id, number(last), record])?;
            }
            Ok(Some((row.id, last)))
        })?;
        match written {
            Ok(Some((id, last))) => {
                self.appended(stream, id, last);
                Ok(Append::Appended { last })
            }
            Ok(None) if actual == after => Ok(Append::Appended { last: after }),
            Ok(None) => Ok(Append::Conflict { actual }),
            Err(error) if fault::leaves_doubt(&error) => {
                Ok(Append::Unknown { why: self.fault(error).to_string() })
            }
            Err(error) => Err(self.fault(error)),
        }
    }

    fn read(
        &self,
        stream: &Stream,
        after: Position,
        most: usize,
        each: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<Position, Error> {
        let mut reader = lock(&self.reader);
        // One view of both tables.
        let transaction = reader.transaction().map_err(|e| self.fault(e))?;
        let Some(row) = row(&transaction, stream).map_err(|e| self.fault(e))? else { return Ok(after) };
        if after < position(row.compacted) {
            let detail = format!("records up to {} are compacted", row.compacted);
            return Err(Error::new(ErrorKind::Compacted, stream.to_string(), detail));
        }
        let last = handed(&transaction, row, after, most, each).map_err(|e| self.fault(e))?;
        if last < row.last() && last.since(after) < most as u64 {
            let detail =
                format!("{stream}: record {} is missing, and {} is the last", last.next(), row.last());
            return Err(fault::new(ErrorKind::Damaged, self.file(), detail));
        }
        Ok(last)
    }

    fn snapshot(&self, stream: &Stream) -> Result<Option<Snapshot>, Error> {
        let reader = lock(&self.reader);
        let mut statement = reader
            .prepare_cached(
                "SELECT at, snapshot.bytes FROM snapshot JOIN stream ON snapshot.stream = id WHERE name = ?1",
            )
            .map_err(|e| self.fault(e))?;
        let snapshot = statement
            .query_row([stream.to_string()], |row| Ok(Snapshot::new(position(row.get(0)?), row.get(1)?)));
        snapshot.optional().map_err(|e| self.fault(e))
    }

    fn put_snapshot(&self, stream: &Stream, snapshot: &Snapshot) -> Result<(), Error> {
        self.limits().check_snapshot(stream, &snapshot.bytes)?;
        let mut last = Position(0);
        let put = self.write(|transaction| {
            let there = row(transaction, stream)?;
            last = there.map_or(Position(0), Row::last);
            if snapshot.at > last {
                return Ok(None);
            }
            let row = there.map_or_else(|| insert(transaction, stream), Ok)?;
            let mut statement = transaction.prepare_cached(
                "INSERT INTO snapshot (stream, at, bytes) VALUES (?1, ?2, ?3)
                 ON CONFLICT (stream) DO UPDATE SET at = excluded.at, bytes = excluded.bytes WHERE at < excluded.at",
            )?;
            statement.execute(params![row.id, number(snapshot.at), snapshot.bytes])?;
            Ok(Some(()))
        })?;
        match put.map_err(|e| self.fault(e))? {
            Some(()) => Ok(()),
            None => {
                let detail = format!("a snapshot at {} of a stream that ends at {last}", snapshot.at);
                Err(Error::new(ErrorKind::Invalid, stream.to_string(), detail))
            }
        }
    }

    fn compact(&self, stream: &Stream, through: Position) -> Result<(), Error> {
        let done = self.write(|transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT id FROM stream JOIN snapshot ON snapshot.stream = id WHERE name = ?1 AND at >= ?2",
            )?;
            let id: Option<i64> = statement
                .query_row(params![stream.to_string(), number(through)], |row| row.get(0))
                .optional()?;
            let Some(id) = id else { return Ok(None) };
            let mut statement =
                transaction.prepare_cached("DELETE FROM record WHERE stream = ?1 AND position <= ?2")?;
            statement.execute([id, number(through)])?;
            let mut statement = transaction
                .prepare_cached("UPDATE stream SET compacted = ?2 WHERE id = ?1 AND compacted < ?2")?;
            statement.execute([id, number(through)])?;
            Ok(Some(()))
        })?;
        done.map_err(|e| self.fault(e))?.ok_or_else(|| {
            let detail = format!("no snapshot stands for the records up to {through}");
            Error::new(ErrorKind::Invalid, stream.to_string(), detail)
        })
    }

    fn wait(&self, stream: &Stream, after: Position, limit: Duration) -> Result<Position, Error> {
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        loop {
            let last = self.extent(stream)?.last;
            let left = deadline.saturating_duration_since(Instant::now());
            if last > after || left.is_zero() {
                return Ok(last);
            }
            let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            *turn += 1;
            let told = self.appended.wait_timeout(turn, pause.min(left));
            *told.unwrap_or_else(PoisonError::into_inner).0 -= 1;
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn streams(&self) -> Result<Vec<Stream>, Error> {
        let all = all(&lock(&self.reader)).map_err(|e| self.fault(e))?;
        let streams = all.into_iter().map(|(name, _)| {
            name.parse().map_err(|error| fault::new(ErrorKind::Damaged, self.file(), format!("{error}")))
        });
        let mut streams: Vec<Stream> = streams.collect::<Result<_, _>>()?;
        streams.sort_unstable();
        Ok(streams)
    }
}

/// Hands on records that follow each other without a gap, and tells the last.
fn handed(
    connection: &Connection,
    row: Row,
    after: Position,
    most: usize,
    each: &mut dyn FnMut(Position, &[u8]),
) -> rusqlite::Result<Position> {
    let mut statement = connection.prepare_cached(
        "SELECT position, bytes FROM record WHERE stream = ?1 AND position > ?2 ORDER BY position LIMIT ?3",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query([row.id, number(after), most])?;
    let mut last = after;
    while let Some(row) = rows.next()? {
        if position(row.get(0)?) != last.next() {
            break;
        }
        last = last.next();
        each(last, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    Ok(last)
}
