//! What SQLite and the file system say, as kinds of this crate.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::error::{Error, ErrorKind};

/// The error of a call on a file.
pub(super) fn of(file: &Path, error: rusqlite::Error) -> Error {
    Error::new(kind(&error), file.display().to_string(), error.to_string()).caused_by(error)
}

/// An error of ours about a file.
pub(super) fn new(kind: ErrorKind, file: &Path, detail: impl Into<String>) -> Error {
    Error::new(kind, file.display().to_string(), detail)
}

/// The error of the file system.
pub(super) fn io(file: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::NotPermitted,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        _ => ErrorKind::Io,
    };
    new(kind, file, error.to_string()).caused_by(error)
}

fn kind(error: &rusqlite::Error) -> ErrorKind {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => of_code(*failure),
        rusqlite::Error::SqlInputError { error, .. } => of_code(*error),
        // A row that is not as the tables are declared.
        rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::QueryReturnedNoRows => ErrorKind::Damaged,
        _ => ErrorKind::Io,
    }
}

fn of_code(failure: ffi::Error) -> ErrorKind {
    match failure.code {
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => ErrorKind::Damaged,
        // The statements are fixed: tables that do not know them, or hold what contradicts them, are
        // not those that were made.
        ErrorCode::Unknown
        | ErrorCode::TypeMismatch
        | ErrorCode::ConstraintViolation
        | ErrorCode::SchemaChanged => ErrorKind::Damaged,
        ErrorCode::DiskFull => ErrorKind::Full,
        ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::AuthorizationForStatementDenied => ErrorKind::NotPermitted,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => ErrorKind::Busy,
        ErrorCode::TooBig => ErrorKind::TooLarge,
        ErrorCode::SystemIoFailure => match failure.extended_code {
            ffi::SQLITE_IOERR_CORRUPTFS | ffi::SQLITE_IOERR_DATA | ffi::SQLITE_IOERR_SHORT_READ => {
                ErrorKind::Damaged
            }
            _ => ErrorKind::Io,
        },
        _ => ErrorKind::Io,
    }
}

/// Whether a commit that failed like this may have been written all the same: its pages are in the
/// log, and the drive has not said that it has them.
pub(super) fn leaves_doubt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}
