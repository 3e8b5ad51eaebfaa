//! Errors of the database, distinguished by what to do about them.

use sqlx::error::DatabaseError;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another row has the same key.
    #[error("a row with this key is there already")]
    Duplicate,
    /// This row can never be stored, however often it is tried.
    #[error("the database refuses the row: {0}")]
    Refused(#[source] sqlx::Error),
    /// Trying again may help: the database is away, busy, full or read-only, or it rolled this transaction back to
    /// resolve a deadlock.
    #[error("the database does not answer as it should: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Every connection is in use by others.
    #[error("every connection to the database is in use")]
    Busy,
    /// It did not answer in time.
    #[error("the database did not answer in time")]
    TimedOut,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(database) if database.is_unique_violation() => Self::Duplicate,
            Some(database) if is_about_the_data(database) => Self::Refused(error),
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
        _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 18..=20)),
    }
}
