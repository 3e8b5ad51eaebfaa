//! Bringing the schema up to date, by one server at a time.

use std::fs::File;
use std::path::PathBuf;

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{MySqlConnection, MySqlPool, SqlitePool};

use super::OpenError;
use super::mysql::{MySqlServer, Rights, close};

static MYSQL: Migrator = sqlx::migrate!("migrations/mysql");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a server waits for another one that is migrating.
const LOCK_SECONDS: u32 = 60;

/// The version of the newest schema of SQLite that is known here.
pub(super) fn newest_sqlite() -> i64 {
    SQLITE.migrations.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Whether there are the index that a new database does not need, and steps.
const SQLITE_HAS_INDEX: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'steps_stream'), EXISTS (SELECT 1 FROM steps)";
const MYSQL_HAS_INDEX: &str = "SELECT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() \
    AND index_name = 'steps_stream'), EXISTS (SELECT 1 FROM steps)";

/// Drops the index of steps by their streams where nothing is recorded yet. Where the version before has recorded, it may have noted changes
/// that do not name their steps, and go on doing so beside this one.
macro_rules! drop_unused {
    ($connection:expr, $has_index:expr, $drop:literal) => {
        async {
            let (has_index, has_steps): (bool, bool) = sqlx::query_as($has_index).fetch_one(&mut *$connection).await?;
            if has_index && !has_steps {
                sqlx::query($drop).execute(&mut *$connection).await?;
            }
            Ok::<_, sqlx::Error>(())
        }
        .await
    };
}

/// Applies the migrations that are missing. A newer server's are left alone, so that the older one goes on serving
/// during a rolling upgrade.
pub(super) async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), OpenError> {
    let file = pool.connect_options().get_filename().to_owned();
    let _folder_lock = lock_folder(file).await?;
    let mut connection = pool.acquire().await.map_err(MigrateError::Execute)?;
    unlocked(&SQLITE).run(&mut *connection).await?;
    drop_unused!(&mut *connection, SQLITE_HAS_INDEX, "DROP INDEX steps_stream").map_err(MigrateError::Execute)?;
    Ok(())
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

/// What the server does with tables, on one that means nothing. A migration that fails in its middle is not undone, so what
/// its user may do is tried before.
const TRY_RIGHTS: [&str; 9] = [
    "DROP TABLE IF EXISTS steps_rights",
    "CREATE TABLE steps_rights (id INT PRIMARY KEY)",
    "ALTER TABLE steps_rights ADD COLUMN next INT",
    "CREATE INDEX steps_rights_next ON steps_rights (next)",
    "INSERT INTO steps_rights (id, next) VALUES (1, 1)",
    "UPDATE steps_rights SET next = 2 WHERE id = 1",
    "SELECT next FROM steps_rights",
    "DELETE FROM steps_rights",
    "DROP TABLE steps_rights",
];
/// The same where nothing is to be migrated; it changes nothing.
const CHECK_RIGHTS: [&str; 4] = [
    "SELECT seq FROM changes WHERE 1 = 0",
    "INSERT INTO changes (stream, since, ids) SELECT stream, since, ids FROM changes WHERE 1 = 0",
    "UPDATE projection SET turn = turn WHERE 1 = 0",
    "DELETE FROM changes WHERE 1 = 0",
];

/// The same on MySQL, after a look at what its user may do. Where nothing is missing, the user need not be one who may make tables:
/// the library would ask for that even then.
pub(super) async fn migrate_mysql(pool: &MySqlPool, server: &MySqlServer) -> Result<(), OpenError> {
    let mut holder = lock_database(pool).await.map_err(|error| server.not_migrated(error))?;
    if is_up_to_date(&mut holder).await {
        server.check_rights(&mut holder, &CHECK_RIGHTS, Rights::Serve).await?;
        close(holder).await;
        return Ok(());
    }
    server.check_rights(&mut holder, &TRY_RIGHTS, Rights::Migrate).await?;
    let mut migrated = unlocked(&MYSQL).run(&mut holder).await;
    if migrated.is_ok() {
        let dropped = drop_unused!(&mut holder, MYSQL_HAS_INDEX, "DROP INDEX steps_stream ON steps");
        migrated = dropped.map_err(MigrateError::Execute);
    }
    close(holder).await;
    migrated.map_err(|error| server.not_migrated(error))
}

/// Whether every migration that is known here has succeeded, as it stands here.
async fn is_up_to_date(connection: &mut MySqlConnection) -> bool {
    let applied: Result<Vec<(i64, bool, Vec<u8>)>, _> =
        sqlx::query_as("SELECT version, success, checksum FROM _sqlx_migrations").fetch_all(connection).await;
    let Ok(applied) = applied else { return false };
    let is_applied = |known: &Migration| {
        applied.iter().any(|(version, _, checksum)| *version == known.version && **checksum == *known.checksum)
    };
    applied.iter().all(|(_, success, _)| *success) && MYSQL.iter().all(is_applied)
}

/// A connection that holds the lock of the one that migrates, until it is closed. sqlx's own lock does nothing on MariaDB: it
/// waits "-1" seconds, which is NULL there. A lock's name has at most 64 characters, as many as the name of a database, so
/// that is hashed.
async fn lock_database(pool: &MySqlPool) -> Result<MySqlConnection, MigrateError> {
    let mut holder = pool.acquire().await?.detach();
    let locked: Option<i64> =
        sqlx::query_scalar("SELECT GET_LOCK(CONCAT('steps-migrate ', LEFT(SHA2(DATABASE(), 256), 40)), ?)")
            .bind(LOCK_SECONDS)
            .fetch_one(&mut holder)
            .await?;
    if locked == Some(1) {
        return Ok(holder);
    }
    Err(MigrateError::Execute(sqlx::Error::Protocol(format!(
        "another server has been migrating for more than {LOCK_SECONDS} s"
    ))))
}

fn unlocked(migrator: &Migrator) -> Migrator {
    let mut migrator = Migrator { migrations: migrator.migrations.clone(), ..Migrator::DEFAULT };
    migrator.set_locking(false).set_ignore_missing(true);
    migrator
}
