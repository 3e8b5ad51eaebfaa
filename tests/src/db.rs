//! A database per test, gone when the test is.

use std::path::Path;
use std::str::FromStr;

use reqwest::Url;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, MySqlConnection, SqliteConnection};
use tempfile::TempDir;

use crate::block_on;

/// The variable that names the MySQL or MariaDB server for tests, `mysql://root@127.0.0.1:PORT`.
pub const MYSQL_VARIABLE: &str = "STEPS_TEST_MYSQL_URL";

/// The password of the user that [`TestDb::with_password`] makes.
pub const PASSWORD: &str = "correct-horse-battery";

const PREFIX: &str = "steps_test_";

/// What the names of the users of a database end in.
const ENDS: [&str; 2] = ["", "_m"];

/// Which of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// An SQLite file.
    Sqlite,
    /// A database on the MySQL or MariaDB server of [`MYSQL_VARIABLE`].
    MySql,
}

/// An empty database; it is dropped with this.
#[derive(Debug)]
pub enum TestDb {
    /// A file in a folder of its own.
    Sqlite(TempDir),
    /// A database of its own.
    MySql {
        /// The server's URL, without a database.
        server: String,
        /// The database's name.
        name: String,
    },
}

impl TestDb {
    /// Makes one.
    ///
    /// # Panics
    /// For [`DatabaseKind::MySql`] where [`MYSQL_VARIABLE`] names no server: tests are never silently skipped.
    #[must_use]
    pub fn new(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Sqlite => Self::Sqlite(TempDir::with_prefix("steps-db-").expect("a temporary folder")),
            DatabaseKind::MySql => {
                let server = mysql_server();
                let name = format!("{PREFIX}{}_{:08x}", std::process::id(), fastrand::u32(..));
                in_a_thread(|| async {
                    let mut connection = connect(&server).await;
                    sweep(&mut connection).await;
                    execute(&mut connection, &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).await;
                });
                Self::MySql { server, name }
            }
        }
    }

    /// The URL for `steps-server --database-url`.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("steps.db").display()),
            Self::MySql { server, name } => {
                let mut url = parsed(server);
                url.set_path(name);
                url.into()
            }
        }
    }

    /// The same database at another port, behind a forwarder; not over the socket.
    ///
    /// # Panics
    /// On an SQLite file.
    #[must_use]
    pub fn url_at_port(&self, port: u16) -> String {
        let mut url = parsed(&self.url());
        url.set_port(Some(port)).expect("a MySQL URL has a port");
        without(&mut url, "socket");
        url.into()
    }

    /// The same database with something else, such as `ssl-mode=DISABLED`, in the query of the URL.
    #[must_use]
    pub fn url_with(&self, query: &str) -> String {
        let mut url = parsed(&self.url());
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url.into()
    }

    /// The name of the database on the MySQL server.
    ///
    /// # Panics
    /// On an SQLite file.
    #[must_use]
    pub fn name(&self) -> &str {
        let Self::MySql { name, .. } = self else { panic!("an SQLite file has no name") };
        name
    }

    /// The port of the MySQL server.
    ///
    /// # Panics
    /// On an SQLite file.
    #[must_use]
    pub fn port(&self) -> u16 {
        let url = parsed(&self.url());
        url.port().unwrap_or_else(|| panic!("{url} has no port"))
    }

    /// A URL of the same database for a user with [`PASSWORD`], made for this test and dropped with it.
    ///
    /// # Panics
    /// On an SQLite file.
    #[must_use]
    pub fn with_password(&self) -> String {
        self.user("", "ALL")
    }

    /// The same for a user who may do only this; the names of several differ in their ends.
    ///
    /// # Panics
    /// On an SQLite file.
    #[must_use]
    pub fn user(&self, end: &str, rights: &str) -> String {
        let Self::MySql { server, name } = self else { panic!("SQLite knows no passwords") };
        assert!(ENDS.contains(&end), "it would not be dropped");
        let user = format!("{}{end}", user_of(name));
        in_a_thread(|| async {
            let mut connection = connect(server).await;
            execute(&mut connection, &format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")).await;
            execute(&mut connection, &format!("GRANT {rights} ON {name}.* TO '{user}'@'%'")).await;
        });
        let mut url = parsed(&self.url());
        // MySQL takes a password over TLS only.
        without(&mut url, "ssl-mode");
        url.set_username(&user).expect("a MySQL URL has a user");
        url.set_password(Some(PASSWORD)).expect("a MySQL URL has a password");
        url.into()
    }

    /// How many steps are stored, as the database itself counts them.
    pub async fn stored_steps(&self) -> i64 {
        self.number("SELECT count(*) FROM steps").await
    }

    /// One number that the database itself tells.
    pub async fn number(&self, select: &'static str) -> i64 {
        let number = match self {
            Self::Sqlite(_) => sqlx::query_scalar(select).fetch_one(&mut open(&self.url()).await).await,
            Self::MySql { .. } => sqlx::query_scalar(select).fetch_one(&mut connect(&self.url()).await).await,
        };
        number.unwrap_or_else(|error| panic!("{select}: {error}"))
    }

    /// Runs statements past the server, as an operator's slip would.
    pub async fn execute(&self, statements: &str) {
        match self {
            Self::Sqlite(_) => {
                let done =
                    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut open(&self.url()).await).await;
                done.unwrap_or_else(|error| panic!("{statements}: {error}"));
            }
            Self::MySql { .. } => execute(&mut connect(&self.url()).await, statements).await,
        }
    }

    /// Brings an empty database to the schema of the migrations in a folder, as a server of that time did.
    pub async fn migrate(&self, folder: &Path) {
        let mut migrator = Migrator::new(folder).await.expect("the folder holds migrations");
        migrator.set_locking(false);
        let migrated = match self {
            Self::Sqlite(_) => migrator.run(&mut open(&self.url()).await).await,
            Self::MySql { .. } => migrator.run(&mut connect(&self.url()).await).await,
        };
        migrated.expect("the migrations run");
    }

    /// A connection of its own, to hold a lock on.
    ///
    /// # Panics
    /// On an SQLite file.
    pub async fn connection(&self) -> MySqlConnection {
        connect(&self.url()).await
    }

    /// Which of the two stores.
    #[must_use]
    pub fn kind(&self) -> DatabaseKind {
        match self {
            Self::Sqlite(_) => DatabaseKind::Sqlite,
            Self::MySql { .. } => DatabaseKind::MySql,
        }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if let Self::MySql { server, name } = self {
            in_a_thread(|| async {
                let mut connection = connect(server).await;
                drop_database(&mut connection, name).await;
            });
        }
    }
}

/// The URL in [`MYSQL_VARIABLE`], without a slash at its end.
///
/// # Panics
/// Where it is not set.
#[must_use]
pub fn mysql_server() -> String {
    match std::env::var(MYSQL_VARIABLE) {
        Ok(url) if !url.is_empty() => url.trim_end_matches('/').to_owned(),
        _ => panic!("{MYSQL_VARIABLE} is not set: run `make test`, or `tests/with-mariadb cargo test …`"),
    }
}

fn parsed(url: &str) -> Url {
    Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// Takes a parameter out of the query.
fn without(url: &mut Url, parameter: &str) {
    let kept: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(name, _)| name != parameter).collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
}

/// Drops what runs that ended without dropping it have left behind.
async fn sweep(connection: &mut MySqlConnection) {
    let names: Vec<Vec<u8>> =
        sqlx::query_scalar("SHOW DATABASES LIKE 'steps_test_%'").fetch_all(&mut *connection).await.unwrap_or_default();
    for name in names.iter().map(|name| String::from_utf8_lossy(name)) {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next()).unwrap_or_default();
        if !pid.is_empty() && !Path::new("/proc").join(pid).exists() {
            drop_database(connection, &name).await;
        }
    }
}

async fn drop_database(connection: &mut MySqlConnection, name: &str) {
    execute(connection, &format!("DROP DATABASE IF EXISTS {name}")).await;
    for end in ENDS {
        execute(connection, &format!("DROP USER IF EXISTS '{}{end}'@'%'", user_of(name))).await;
    }
}

/// The user of a database; MySQL allows 32 characters.
fn user_of(database: &str) -> String {
    format!("test_{}", database.trim_start_matches(PREFIX))
}

/// The SQLite file, which is made where it is not there.
async fn open(url: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::from_str(url).expect("a URL").create_if_missing(true);
    options.connect().await.unwrap_or_else(|error| panic!("{url} does not open: {error}"))
}

async fn connect(url: &str) -> MySqlConnection {
    MySqlConnection::connect(url).await.unwrap_or_else(|error| panic!("no connection to {url}: {error}"))
}

async fn execute(connection: &mut MySqlConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// Runs async work from any place, inside another runtime too: in a thread and a runtime of its own.
fn in_a_thread<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send) {
    let done = std::thread::scope(|scope| scope.spawn(|| block_on(work())).join());
    if done.is_err() && !std::thread::panicking() {
        panic!("the work on the test database failed; its message is above");
    }
}
