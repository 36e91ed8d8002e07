//! The tables of a store, and their versions.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, ErrorKind};

use super::fault;

/// `GPUL`, as records begin: says of a file whose it is.
const APPLICATION: i64 = 0x4750_554c;

/// The version of the tables: how many of the [`MIGRATIONS`] have been made.
const VERSION: i64 = MIGRATIONS.len() as i64;

/// What makes the tables of each version from those of the one before.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE migration (
        version INTEGER PRIMARY KEY,
        crate TEXT NOT NULL
    ) STRICT;
    CREATE TABLE stream (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        compacted INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE record (
        stream INTEGER NOT NULL,
        position INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (stream, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE snapshot (
        stream INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
"];

/// Passes a file that is ours and of a version that is known, or empty. Nothing is written.
pub(super) fn recognise(connection: &Connection, file: &Path) -> Result<i64, Error> {
    // In one statement, which sees what others make as a whole or not at all.
    let sql = "SELECT (SELECT application_id FROM pragma_application_id),
        (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)";
    let read = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (application, version, tables): (i64, i64, i64) = read.map_err(|error| fault::of(file, error))?;
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION, 1..=VERSION) => Ok(version),
        (APPLICATION, newer) if newer > VERSION => {
            let detail =
                format!("its tables are of version {newer}: this program knows versions up to {VERSION}");
            Err(fault::new(ErrorKind::Newer, file, detail))
        }
        (APPLICATION, _) => Err(fault::new(ErrorKind::Damaged, file, format!("tables of version {version}"))),
        _ => Err(fault::new(ErrorKind::Invalid, file, "it is a database of something else")),
    }
}

/// Passes a file whose tables are of the newest version, for who only reads.
pub(super) fn is_newest(connection: &Connection, file: &Path) -> Result<(), Error> {
    match recognise(connection, file)? {
        VERSION => Ok(()),
        0 => Err(fault::new(ErrorKind::Invalid, file, "it is empty: nobody has made a store of it")),
        older => {
            let detail =
                format!("its tables are of version {older}: who writes to it brings them to {VERSION}");
            Err(fault::new(ErrorKind::NotPermitted, file, detail))
        }
    }
}

/// Brings the tables to the newest version, once, whoever else does so too.
pub(super) fn migrate(connection: &mut Connection, file: &Path) -> Result<(), Error> {
    if recognise(connection, file)? == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = transaction.map_err(|error| fault::of(file, error))?;
    let version = recognise(&transaction, file)?;
    let make = || -> rusqlite::Result<()> {
        for (at, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(version).unwrap_or(0)) {
            transaction.execute_batch(migration)?;
            let made = (i64::try_from(at + 1).unwrap_or(i64::MAX), env!("CARGO_PKG_VERSION"));
            transaction.execute("INSERT INTO migration (version, crate) VALUES (?1, ?2)", made)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)
    };
    make().and_then(|()| transaction.commit()).map_err(|error| fault::of(file, error))
}
