//! Whether a file is a whole database of this server.

use std::io::Read as _;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};

use super::file::MAGIC;
use super::migrate::newest_sqlite;

/// How much of a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// That its pages fit together.
    Quick,
    /// That its indexes say what its tables say, too. No connection is left in its log.
    Full,
}

/// What is in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub steps: i64,
    /// When the last of them began, in microseconds since 1970.
    pub last: Option<i64>,
}

/// Checks that a file is a whole database, of this server or an older one.
///
/// # Errors
/// Why it is not, as a sentence without its name.
pub async fn check(path: &Path, depth: Depth) -> Result<Contents, String> {
    // Opening a pipe would wait for its writer.
    match path.metadata() {
        Ok(file) if file.is_file() => {}
        Ok(_) => return Err("it is no file".to_owned()),
        Err(error) => return Err(error.to_string()),
    }
    let mut head = [0; 16];
    let read = std::fs::File::open(path).and_then(|file| file.take(16).read(&mut head));
    match read.map_err(|error| error.to_string())? {
        0 => return Err("it is empty".to_owned()),
        _ if &head == MAGIC => {}
        _ => return Err("it is no SQLite database".to_owned()),
    }
    let text = |error: sqlx::Error| error.to_string();
    let connect = SqliteConnectOptions::new().filename(path).create_if_missing(false).disable_statement_logging();
    let connect = if depth == Depth::Full { connect.journal_mode(SqliteJournalMode::Delete) } else { connect };
    let mut connection = connect.connect().await.map_err(|error| format!("it is damaged: {error}"))?;
    let checked = check_content(&mut connection, depth).await;
    connection.close().await.map_err(text)?;
    checked
}

async fn check_content(connection: &mut SqliteConnection, depth: Depth) -> Result<Contents, String> {
    let text = |error: sqlx::Error| error.to_string();
    let pragma = if depth == Depth::Full { "PRAGMA integrity_check(3)" } else { "PRAGMA quick_check(3)" };
    let found: Vec<String> = sqlx::query_scalar(pragma)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| format!("it is damaged: {error}"))?;
    if found != ["ok"] {
        return Err(format!("it is damaged: {}", found.join("; ")));
    }
    let versions = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";
    let version: Option<i64> = sqlx::query_scalar(versions)
        .fetch_one(&mut *connection)
        .await
        .map_err(|_| "it is no database of steps-server".to_owned())?;
    match version {
        None => return Err("it is no database of steps-server".to_owned()),
        Some(version) if depth == Depth::Full && version > newest_sqlite() => {
            return Err(format!(
                "a newer steps-server made it: its schema has the version {version}, and this one knows {}",
                newest_sqlite()
            ));
        }
        Some(_) => {}
    }
    let (steps, last) =
        sqlx::query_as("SELECT COUNT(*), MAX(ts) FROM steps").fetch_one(connection).await.map_err(text)?;
    Ok(Contents { steps, last })
}

/// Writes the log of the database at this path into it, and deletes the log, so that the file alone is all of it.
///
/// # Errors
/// Somebody has it open, or it is damaged.
pub async fn fold_log(path: &Path) -> Result<(), sqlx::Error> {
    let connect = SqliteConnectOptions::new().filename(path).create_if_missing(false).disable_statement_logging();
    let mut connection = connect.connect().await?;
    let folded = sqlx::raw_sql("PRAGMA journal_mode = DELETE").execute(&mut connection).await;
    // A connection that is dropped is closed some time later, and closing deletes the log.
    let closed = connection.close().await;
    folded.and(closed)
}
