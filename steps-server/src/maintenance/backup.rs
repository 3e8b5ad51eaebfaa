//! `steps-server backup`: a copy that is whole, or not there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::store::Store;

/// Copies the SQLite database to `file`. It appears under its name only when it is whole and on the disk.
///
/// # Errors
/// There is such a file, it cannot be written, or the database is not SQLite.
pub async fn run(store: &Store, file: &Path) -> anyhow::Result<()> {
    let shown = file.display();
    anyhow::ensure!(!file.try_exists()?, "{shown} exists; name a file that does not");
    let unfinished = unfinished_name(file)?;
    let copied = copy(store, &unfinished, file).await;
    if copied.is_err() {
        // It may not exist.
        let _: io::Result<()> = fs::remove_file(&unfinished);
    }
    let bytes = copied.with_context(|| format!("{shown} cannot be written"))?;
    anyhow::ensure!(
        bytes.is_some(),
        "backup is for SQLite. On MariaDB: mariadb-dump --single-transaction --no-tablespaces DATABASE > FILE.sql. On MySQL: \
         mysqldump --single-transaction --no-tablespaces --set-gtid-purged=OFF --loose-skip-masking-policies DATABASE > FILE.sql"
    );
    let shown = steps_shared::escaped(&shown.to_string()).into_owned();
    println!("copied the database to {shown}, {}", indicatif::HumanBytes(bytes.unwrap_or_default()));
    Ok(())
}

async fn copy(store: &Store, unfinished: &Path, file: &Path) -> anyhow::Result<Option<u64>> {
    if !store.copy_to(unfinished).await? {
        return Ok(None);
    }
    let copy = File::open(unfinished)?;
    copy.sync_all()?;
    // Unlike a rename, this never replaces a file that appeared meanwhile.
    fs::hard_link(unfinished, file).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::rename(unfinished, file),
    })?;
    // After a rename it has gone.
    let _: io::Result<()> = fs::remove_file(unfinished);
    File::open(folder(file))?.sync_all()?;
    Ok(Some(copy.metadata()?.len()))
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn unfinished_name(file: &Path) -> anyhow::Result<PathBuf> {
    let mut name = file.file_name().with_context(|| format!("{} is no name for a file", file.display()))?.to_owned();
    name.push(format!(".unfinished-{}", std::process::id()));
    Ok(file.with_file_name(name))
}
