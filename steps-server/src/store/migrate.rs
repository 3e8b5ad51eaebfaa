//! Bringing the schema up to date, by one server at a time.

use std::fs::File;
use std::path::PathBuf;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection as _, MySqlPool};

use super::{OpenError, Store};

static MYSQL: Migrator = sqlx::migrate!("migrations/mysql");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a server waits for another one that is migrating.
const LOCK_SECONDS: u32 = 60;

/// The version of the newest schema of SQLite that is known here.
pub(super) fn newest_sqlite() -> i64 {
    SQLITE.migrations.iter().map(|migration| migration.version).max().unwrap_or_default()
}

impl Store {
    /// Applies the migrations that are missing. A newer server's are left alone, so that the older one goes on serving
    /// during a rolling upgrade.
    pub(super) async fn migrate(&self) -> Result<(), OpenError> {
        match self {
            Self::MySql(pools) => migrate_mysql(&pools.write.get()).await.map_err(OpenError::Migrate),
            Self::Sqlite(pools) => {
                let file = pools.write.get().connect_options().get_filename().to_owned();
                let _folder_lock = lock_folder(file).await?;
                let mut connection = pools.write.get().acquire().await.map_err(MigrateError::Execute)?;
                Ok(unlocked(&SQLITE).run(&mut *connection).await?)
            }
        }
    }
}

/// Locks the folder that holds the database's file until what this returns is dropped.
pub(super) async fn lock_folder(file: PathBuf) -> Result<File, OpenError> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let locking = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || File::open(folder).and_then(|folder| folder.lock().map(|()| folder))
    });
    let locked = locking.await.map_err(std::io::Error::other).flatten();
    locked.map_err(|error| OpenError::File { path: folder, error })
}

/// sqlx's own lock does nothing on MariaDB (it waits "-1" seconds, which is NULL there), so this takes one on a
/// connection of its own. The lock goes with that connection, however this ends.
async fn migrate_mysql(pool: &MySqlPool) -> Result<(), MigrateError> {
    let mut holder = pool.acquire().await?.detach();
    let locked: Option<i64> = sqlx::query_scalar("SELECT GET_LOCK(CONCAT('steps-migrate ', DATABASE()), ?)")
        .bind(LOCK_SECONDS)
        .fetch_one(&mut holder)
        .await?;
    if locked != Some(1) {
        return Err(MigrateError::Execute(sqlx::Error::Protocol(format!(
            "another server has been migrating for more than {LOCK_SECONDS} s"
        ))));
    }
    let mut connection = pool.acquire().await?;
    let migrated = unlocked(&MYSQL).run(&mut *connection).await;
    holder.close().await?;
    migrated
}

fn unlocked(migrator: &Migrator) -> Migrator {
    let mut migrator = Migrator { migrations: migrator.migrations.clone(), ..Migrator::DEFAULT };
    migrator.set_locking(false).set_ignore_missing(true);
    migrator
}
