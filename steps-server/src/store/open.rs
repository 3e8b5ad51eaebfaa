//! Opening the database: where it is, waiting until it is up, and its connections.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::MySqlPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::at_once::SeveralAtOnce;
use super::file::{OpenFile, beside};
use super::keep_file::{CLOSING, SqliteFile};
use super::migrate::{lock_folder, migrate_mysql, migrate_sqlite};
use super::mysql::MySqlServer;
use super::renewable::RenewablePool;
use super::replica::{Freshness, Replica};
use super::{DatabaseUrl, Pools, Store};

/// How to open a database.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// `mysql://…` or `sqlite:PATH`.
    pub url: DatabaseUrl,
    /// How long to wait for one that is still starting.
    pub wait: Duration,
    /// The most connections that read at the same time.
    pub connections: u32,
    /// The replica of a MySQL database that is read from, with as many connections.
    pub replica: Option<DatabaseUrl>,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL cannot be understood.
    #[error("the database URL is not valid: {0}; write mysql://user:password@host:3306/name or sqlite:PATH")]
    Url(String),
    /// The URL of the replica, or what it is a replica of.
    #[error("--database-read-url cannot be used: {0}")]
    Replica(String),
    /// It never answered.
    #[error("no answer from the database at {place} within {wait:?}: {error}")]
    Unreachable {
        /// Host and port, or the file; never the password.
        place: String,
        /// How long it was waited for.
        wait: Duration,
        /// The last answer.
        error: sqlx::Error,
    },
    /// It answered, and refused.
    #[error("the database at {place} refuses: {error}{remedy}")]
    Refused {
        /// Host and port, or the file; never the password.
        place: String,
        /// Its answer.
        error: sqlx::Error,
        /// What to do, after a semicolon; empty where nothing can be said.
        remedy: String,
    },
    /// The folder of the file cannot be made or locked.
    #[error("{} cannot be made or used: {error}; --database-url names the file of the database", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the database's schema cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// How long a request may wait for a connection. The driver's pauses between tries to connect grow up to this, and so
/// does the time until a database that is back is noticed.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// The recorder waits 2 s for another server's row lock, and not MySQL's 50 s, so that it can try again within the deadline
/// of a request.
const SHORT_LOCK_WAIT: &str = "SET SESSION innodb_lock_wait_timeout = 2";
/// A connection that was in use so short a time ago is used again without testing it: the test is a round trip, and a question
/// about one deployment is half a dozen statements.
const TRUSTED: Duration = Duration::from_millis(500);
/// How long an SQLite writer waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// When the machine of a projector is gone without closing its connections, its lock is released after 30 s, and not after
/// MySQL's eight hours.
const SHORT_WAIT_TIMEOUT: &str = "SET SESSION wait_timeout = 30";
/// The file beside an SQLite database that its servers lock together, and `restore` alone. SQLite's own locks are of another kind
/// and on other files.
pub(super) const LOCK: &str = "-lock";
/// Connections of the recorder: one for each of its writers, which may keep as many beside the pool (`RenewablePool::take`). Whatever
/// breaks is replaced with its pool.
const WRITERS: u32 = 2;
/// Connections of the projector: of so many folds at a time, or of one and spare ones for when it breaks.
const PROJECTORS: u32 = 6;
/// Connections that read tokens.
const TOKEN_READERS: u32 = 1;
/// Connections for the log of events; it is open while somebody watches.
const EVENT_READERS: u32 = 1;
/// Cached statements: one for each number of rows in an INSERT, and all others.
const STATEMENTS: usize = 256;

impl Store {
    /// Opens the database, waits for it if it is still starting, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`] says which of these failed; no message holds the password.
    pub async fn open(options: &OpenOptions) -> Result<Self, OpenError> {
        let url = options.url.expose();
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("mysql" | "mariadb") => Self::open_mysql(url, options).await,
            Some("sqlite") if options.replica.is_some() => Err(OpenError::Replica(
                "the database is an SQLite file, which has no replicas; leave it out, or give the --database-url of a MySQL or \
                 MariaDB that the replica follows"
                    .to_owned(),
            )),
            Some("sqlite") if url == "sqlite:" => Err(OpenError::Url("it names no file".to_owned())),
            Some("sqlite") => Self::open_sqlite(url, options).await,
            _ => Err(OpenError::Url("it must begin with mysql: or sqlite:".to_owned())),
        }
    }

    async fn open_mysql(url: &str, options: &OpenOptions) -> Result<Self, OpenError> {
        let server = MySqlServer::read(url, STATEMENTS)?;
        let replica = options.replica.as_ref().map(|url| replica_server(url.expose())).transpose()?;
        server.wait_for(options.wait).await?;
        let connect = server.options.clone();
        let pool = |most| MySqlPoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE_TIMEOUT);
        // A broken connection shows in the commit, which is tried again. Testing it first would cost every commit a
        // round trip.
        let write = pool(WRITERS).test_before_acquire(false).after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SHORT_LOCK_WAIT).await.map(drop) })
        });
        let read = pool(options.connections).test_before_acquire(false).before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > TRUSTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
        let project = pool(PROJECTORS).after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SHORT_WAIT_TIMEOUT).await.map(drop) })
        });
        // It holds the lock of those who give places to events.
        let events = pool(EVENT_READERS).after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SHORT_LOCK_WAIT).await?;
                connection.execute(SHORT_WAIT_TIMEOUT).await.map(drop)
            })
        });
        let mut pools = Pools {
            read: Arc::new(RenewablePool::new(read, connect.clone())),
            write: Arc::new(RenewablePool::new(write, connect.clone())),
            project: Arc::new(RenewablePool::new(project, connect.clone())),
            tokens: Arc::new(RenewablePool::new(pool(TOKEN_READERS), connect.clone())),
            events: Arc::new(RenewablePool::new(events, connect)),
            begin: "START TRANSACTION",
            several_at_once: SeveralAtOnce::default(),
            turn: Arc::default(),
            file: None,
            replica: None,
        };
        if let Some(replica) = replica {
            let freshness = Arc::new(Freshness::new());
            let read = RenewablePool::new(pool(options.connections), replica.options);
            let read = Arc::new(read.guarded(Arc::clone(&freshness) as _, Arc::clone(&pools.read)));
            let pools_of_replica = Pools {
                read: Arc::clone(&read),
                write: Arc::clone(&pools.write),
                project: Arc::clone(&pools.project),
                tokens: Arc::clone(&pools.tokens),
                events: Arc::clone(&pools.events),
                begin: pools.begin,
                several_at_once: SeveralAtOnce::default(),
                turn: Arc::default(),
                file: None,
                replica: None,
            };
            pools.replica = Some(Replica::new(pools_of_replica, read, freshness));
        }
        migrate_mysql(&pools.write.get(), &server).await?;
        Ok(Self::MySql(Arc::new(pools)))
    }

    async fn open_sqlite(url: &str, options: &OpenOptions) -> Result<Self, OpenError> {
        let connect = SqliteConnectOptions::from_str(url)
            .map_err(|error| OpenError::Url(error.to_string()))?
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        let path = connect.get_filename().to_owned();
        create_folder(&path)?;
        let closing = beside(&path, CLOSING);
        if !path.exists() && closing.exists() {
            let error = std::io::Error::other("a server was killed while it closed this file; rename it back");
            return Err(OpenError::File { path: closing, error });
        }
        let file = open_file(&path, &connect.clone().create_if_missing(true)).await?;
        // No connection is given up for its age, or asked whether it is alive before it is used: that would only cost.
        let pool = |most| {
            let pool = SqlitePoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE_TIMEOUT);
            pool.idle_timeout(None).max_lifetime(None).test_before_acquire(false)
        };
        let write = Arc::new(RenewablePool::new(pool(1), connect.clone()));
        migrate_sqlite(&write.get()).await?;
        Ok(Self::Sqlite(Arc::new(Pools {
            read: Arc::new(RenewablePool::new(pool(options.connections), connect.clone())),
            project: Arc::new(RenewablePool::new(pool(1), connect.clone())),
            tokens: Arc::new(RenewablePool::new(pool(TOKEN_READERS), connect.clone())),
            events: Arc::new(RenewablePool::new(pool(EVENT_READERS), connect.clone())),
            write,
            begin: "BEGIN IMMEDIATE",
            several_at_once: SeveralAtOnce::default(),
            turn: Arc::default(),
            file: Some(SqliteFile::new(path, connect, file)),
            replica: None,
        })))
    }
}

/// How to connect to a replica. It need not answer now: the writer does instead.
fn replica_server(url: &str) -> Result<MySqlServer, OpenError> {
    if !["mysql:", "mariadb:"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(OpenError::Replica("it must begin with mysql: or mariadb:".to_owned()));
    }
    MySqlServer::read(url, STATEMENTS).map_err(|error| match error {
        OpenError::Url(error) => OpenError::Replica(format!("it is not a valid URL: {error}")),
        error => error,
    })
}

/// Opens an SQLite file in WAL mode, and says to `restore` that it is in use.
pub(super) async fn open_file(path: &Path, connect: &SqliteConnectOptions) -> Result<OpenFile, OpenError> {
    let refused = |error| OpenError::Refused { place: path.display().to_string(), error, remedy: String::new() };
    let lock = lock_beside(path.to_owned()).await?;
    // SQLite has no lock for several processes that switch a new file to WAL at the same time.
    let folder_lock = lock_folder(path.to_owned()).await?;
    let mut anchor = connect.connect().await.map_err(refused)?;
    // Reading makes SQLite open the log, and keeps it open.
    sqlx::query("SELECT COUNT(*) FROM sqlite_schema").execute(&mut anchor).await.map_err(refused)?;
    drop(folder_lock);
    OpenFile::new(path.to_owned(), anchor, lock).map_err(|error| OpenError::File { path: path.to_owned(), error })
}

/// Locks the file beside the database, with others, for as long as what this returns lives.
async fn lock_beside(path: PathBuf) -> Result<File, OpenError> {
    let lock = beside(&path.canonicalize().unwrap_or(path), LOCK);
    let locking = tokio::task::spawn_blocking({
        let lock = lock.clone();
        move || File::options().create(true).append(true).open(lock).and_then(|file| file.lock_shared().map(|()| file))
    });
    let locked = locking.await.map_err(std::io::Error::other).flatten();
    locked.map_err(|error| OpenError::File { path: lock, error })
}

pub(super) fn create_folder(file: &Path) -> Result<(), OpenError> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder).map_err(|error| OpenError::File { path: folder.to_owned(), error })
        }
        _ => Ok(()),
    }
}
