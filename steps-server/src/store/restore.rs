//! Putting a backup in the place of an SQLite database that nobody serves.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::sqlite::SqliteConnectOptions;

use super::DatabaseUrl;
use super::backup_file::{self, Depth};
use super::error::sqlite_code;
use super::file::{SHM, WAL, beside};
use super::migrate::lock_folder;
use super::open::{LOCK, create_folder};

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The database's file.
    pub path: PathBuf,
    /// How many steps it has now.
    pub steps: i64,
    /// When the last of them began, in microseconds since 1970.
    pub last: Option<i64>,
    /// The file that was replaced, under its new name.
    pub replaced: Option<PathBuf>,
}

/// Puts a copy of `backup` in the place of the database at this URL; `None` where that is not an SQLite file. The replaced file
/// is kept beside it, with `suffix` behind its name.
///
/// # Errors
/// A server has the database, the backup is not whole, or a newer server made it, or the file system refuses. Nothing is
/// changed then.
pub async fn restore(url: &DatabaseUrl, backup: &Path, suffix: &str) -> anyhow::Result<Option<Restored>> {
    let Some(connect) = url.expose().starts_with("sqlite:").then(|| SqliteConnectOptions::from_str(url.expose()))
    else {
        return Ok(None);
    };
    let given = connect?.get_filename().to_owned();
    create_folder(&given)?;
    // The file itself, and not a link to it.
    let path = given.canonicalize().unwrap_or(given);
    let _lock = lock_alone(&path)?;
    if path.exists() && fs::canonicalize(backup).is_ok_and(|backup| backup == path) {
        anyhow::bail!("{} is the database itself; name a backup of it", backup.display());
    }
    let copy = beside(&path, &format!(".restoring-{}", std::process::id()));
    let restored = put(&path, backup, &copy, &beside(&path, suffix)).await;
    if restored.is_err() {
        for left in [copy.clone(), beside(&copy, WAL), beside(&copy, SHM)] {
            // Most of them are not there.
            let _: io::Result<()> = fs::remove_file(left);
        }
    }
    restored.map(Some)
}

/// Locks the file beside the database against every server.
fn lock_alone(path: &Path) -> anyhow::Result<File> {
    let lock_path = beside(path, LOCK);
    let lock = File::options().create(true).append(true).open(&lock_path);
    let lock = lock.map_err(|error| anyhow::anyhow!("{}: {error}", lock_path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(in_use(path)),
        Err(fs::TryLockError::Error(error)) => Err(anyhow::anyhow!("{}: {error}", lock_path.display())),
    }
}

fn in_use(path: &Path) -> anyhow::Error {
    anyhow::anyhow!("{} is in use; stop every server that has it, then restore", path.display())
}

async fn put(path: &Path, backup: &Path, copy: &Path, replaced: &Path) -> anyhow::Result<Restored> {
    let named = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| anyhow::anyhow!("{path}: {error}")
    };
    anyhow::ensure!(backup.is_file(), "{} is not there, or no file", backup.display());
    fs::copy(backup, copy).map_err(named(backup))?;
    // A copy that was made of the files of a running server has its newest steps in its log.
    let log = beside(backup, WAL);
    if log.is_file() {
        fs::copy(&log, beside(copy, WAL)).map_err(named(&log))?;
    }
    let contents = backup_file::check(copy, Depth::Full)
        .await
        .map_err(|reason| anyhow::anyhow!("{} cannot be restored: {reason}", backup.display()))?;
    File::open(copy).and_then(|file| file.sync_all()).map_err(named(copy))?;
    let _folder_lock = lock_folder(path.to_owned()).await?;
    let replaced = match path.exists() {
        true => Some(keep(path, replaced).await?),
        false => None,
    };
    if let Some(replaced) = &replaced {
        let rights = replaced.metadata().map_err(named(replaced))?.permissions();
        fs::set_permissions(copy, rights).map_err(named(copy))?;
    }
    for suffix in [WAL, SHM] {
        // What is left belongs to a file that is gone.
        match fs::remove_file(beside(path, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(path)(error)),
            _ => {}
        }
    }
    fs::rename(copy, path).map_err(named(path))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(named(folder))?;
    Ok(Restored { path: path.to_owned(), steps: contents.steps, last: contents.last, replaced })
}

/// Gives the present database a second name, under which it is whole.
async fn keep(path: &Path, replaced: &Path) -> anyhow::Result<PathBuf> {
    let named = |error: io::Error| anyhow::anyhow!("{}: {error}", replaced.display());
    anyhow::ensure!(!replaced.exists(), "{} is there already", replaced.display());
    // Closing a damaged database deletes its log, so a copy of that is made first.
    let (log, kept_log) = (beside(path, WAL), beside(replaced, WAL));
    let has_log = log.is_file();
    if has_log {
        fs::copy(&log, &kept_log).map_err(named)?;
    }
    let folded = backup_file::fold_log(path).await;
    let is_busy = folded.as_ref().is_err_and(is_busy);
    if has_log && (folded.is_ok() || is_busy) {
        fs::remove_file(&kept_log).map_err(named)?;
    }
    if is_busy {
        return Err(in_use(path));
    }
    // A second name, so that at no moment nothing stands at the path.
    fs::hard_link(path, replaced).or_else(|_| fs::rename(path, replaced)).map_err(named)?;
    Ok(replaced.to_owned())
}

/// `SQLITE_BUSY` and `SQLITE_LOCKED`: somebody who knows nothing of our lock has it open.
fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error.as_database_error().and_then(sqlite_code), Some(5 | 6))
}
