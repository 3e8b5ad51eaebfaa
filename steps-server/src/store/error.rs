//! Errors of the database, distinguished by what to do about them.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use super::FileProblem;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another row has the same key.
    #[error("a row with this key is there already")]
    Duplicate,
    /// This row can never be stored, however often it is tried.
    #[error("the database refuses the row: {0}")]
    Refused(#[source] sqlx::Error),
    /// Trying again may help: the database is away or busy, or it rolled this transaction back to resolve a deadlock.
    #[error("the database does not answer as it should: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Every connection is in use by others.
    #[error("every connection to the database is in use")]
    Busy,
    /// It takes no writes now. In a fail-over that ends by itself, or with another connection.
    #[error("the database cannot write: {0}")]
    ReadOnly(#[source] sqlx::Error),
    /// It cannot write until somebody does something about it: its disk is full or fails, or its file is read-only. Trying again
    /// at once does not help.
    #[error("the database cannot write: {0}")]
    Unwritable(#[source] sqlx::Error),
    /// The SQLite file that is open is not the one at its path.
    #[error(transparent)]
    FileLost(#[from] FileProblem),
    /// It did not answer in time.
    #[error("the database did not answer in time")]
    TimedOut,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(database) if database.is_unique_violation() => Self::Duplicate,
            Some(database) if is_about_the_data(database) => Self::Refused(error),
            Some(database) if is_read_only(database) => Self::ReadOnly(error),
            Some(database) if cannot_write(database) => Self::Unwritable(error),
            _ => Self::Unavailable(error),
        }
    }
}

/// SQLSTATE class 22 (data exception) or 23 (constraint violation) on MySQL; on SQLite, whose codes are numbers,
/// SQLITE_TOOBIG (18), SQLITE_CONSTRAINT (19) or SQLITE_MISMATCH (20).
fn is_about_the_data(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    match code.len() {
        5 => code.starts_with("22") || code.starts_with("23"),
        _ => matches!(sqlite_code(error), Some(18..=20)),
    }
}

/// Whether a MySQL or MariaDB takes no writes as a whole: `read_only` (1290), a read-only transaction (1792), and the rest of it
/// (1836).
fn is_read_only(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| matches!(error.number(), 1290 | 1792 | 1836))
}

/// On MySQL and MariaDB: no room (1021, 1114, and 1030 and 1296 with the system's 28 or 122, which say so in words alone), a write
/// that failed (3, 1026), and an engine or a table that is read-only (1036, and 1015 with the engine's 165). On SQLite: SQLITE_PERM (3), SQLITE_READONLY (8), SQLITE_IOERR (10),
/// SQLITE_CORRUPT (11), SQLITE_FULL (13), SQLITE_CANTOPEN (14) and SQLITE_NOTADB (26).
fn cannot_write(error: &dyn DatabaseError) -> bool {
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return match error.number() {
            3 | 1021 | 1026 | 1036 | 1114 => true,
            1015 => error.message().contains("errno: 165 "),
            1030 | 1296 => ["error 28 ", "error 122 "].iter().any(|number| error.message().contains(number)),
            _ => false,
        };
    }
    matches!(sqlite_code(error), Some(3 | 8 | 10 | 11 | 13 | 14 | 26))
}

/// The primary result code of an error of SQLite.
pub(super) fn sqlite_code(error: &dyn DatabaseError) -> Option<u32> {
    Some(error.code()?.parse::<u32>().ok()? & 0xff)
}
