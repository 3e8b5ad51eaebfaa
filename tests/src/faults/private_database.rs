//! A MySQL or MariaDB server of the test's own, to be killed, stopped, filled and cut off.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, MySqlConnection};
use tempfile::TempDir;

use super::free_port;
use crate::eventually;

/// The variable that names the folder with the programs of MySQL.
pub const MYSQL_PROGRAMS_VARIABLE: &str = "STEPS_TEST_MYSQL_BIN";

/// A private server with full durability, its data and its port; it is gone with this. It is MySQL under `tests/with-mysql`,
/// and MariaDB otherwise.
#[derive(Debug)]
pub struct PrivateDatabase {
    folder: TempDir,
    port: u16,
    child: Child,
    /// Arguments beside the usual ones.
    args: Vec<String>,
}

impl PrivateDatabase {
    /// Makes one, with an empty database `steps` and a user `steps` who may do all with it, and nothing else.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with these arguments beside the usual ones.
    pub async fn start_with(args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let folder = TempDir::with_prefix("steps-mariadb-").expect("a temporary folder");
        let mut install = match mysql_program("mysqld") {
            Some(mut mysqld) => {
                mysqld.arg("--initialize-insecure");
                mysqld
            }
            None => {
                let mut install = program("mariadb-install-db");
                install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
                install
            }
        };
        install.arg(user()).arg(format!("--datadir={}", folder.path().join("data").display()));
        // Two that are made at the same time would use the same names in the usual folder.
        install.env("TMPDIR", folder.path());
        let made = install.stdin(Stdio::null()).output().expect("the database is made");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port().await;
        let child = spawn(&folder, port, &args);
        let mut database = Self { folder, port, child, args };
        while !database.answers().await {
            // Somebody else has taken the port in between.
            database.port = free_port().await;
            database.child = spawn(&database.folder, database.port, &database.args);
        }
        let statements = [
            "CREATE DATABASE steps CHARACTER SET utf8mb4",
            "CREATE USER steps@'%' IDENTIFIED BY 'steps'",
            "GRANT ALL ON steps.* TO steps@'%'",
        ];
        for statement in statements {
            database.execute(statement).await;
        }
        database
    }

    /// The URL of the database for the user who may do nothing else.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at_port(self.port)
    }

    /// The same behind a proxy.
    #[must_use]
    pub fn url_at_port(&self, port: u16) -> String {
        format!("mysql://steps:steps@127.0.0.1:{port}/steps")
    }

    /// `MySQL` or `MariaDB`.
    #[must_use]
    pub fn product() -> &'static str {
        if mysql_program("mysqld").is_some() { "MySQL" } else { "MariaDB" }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once, as a power cut would: SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("the database can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Stops it as an administrator does, and waits until it has ended.
    pub async fn stop(&mut self) {
        self.execute("SHUTDOWN").await;
        eventually("the database ends", async || self.child.try_wait().ok().flatten()).await;
    }

    /// From its next start on it has these arguments beside the usual ones.
    pub fn set_args(&mut self, args: &[&str]) {
        self.args = args.iter().map(|&arg| arg.to_owned()).collect();
    }

    /// Starts it again where it was; the moment from which on it answers.
    pub async fn restart(&mut self) -> Instant {
        self.child = spawn(&self.folder, self.port, &self.args);
        assert!(self.answers().await, "the database does not start again:\n{}", self.log());
        Instant::now()
    }

    /// Stops it in the middle of whatever it does: SIGSTOP.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on: SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("the database takes a signal");
    }

    /// A connection of its administrator, which is to be had however many others there are.
    pub async fn administrator(&self) -> MySqlConnection {
        eventually("the administrator's connection", async || self.options().connect().await.ok()).await
    }

    /// Runs a statement as the administrator.
    pub async fn execute(&self, statement: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut self.administrator().await).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// Breaks every connection of the server's user; how many there were.
    pub async fn kill_connections(&self) -> usize {
        kill_connections(&mut self.administrator().await).await
    }

    fn options(&self) -> MySqlConnectOptions {
        MySqlConnectOptions::new().username("root").socket(self.folder.path().join("socket")).database("mysql")
    }

    /// Waits until it answers; whether it does and has not ended.
    async fn answers(&mut self) -> bool {
        let options = self.options();
        eventually("the database answers or ends", async || {
            if let Ok(Some(_)) = self.child.try_wait() {
                return Some(false);
            }
            options.connect().await.ok().map(|_| true)
        })
        .await
    }

    fn log(&self) -> String {
        std::fs::read_to_string(log(&self.folder)).unwrap_or_default()
    }
}

/// The same through a connection that is there already, when there may be no other.
pub async fn kill_connections(administrator: &mut MySqlConnection) -> usize {
    // One that is still signing in has no name of its own, and may be the server's next. MySQL's list of processes cannot show a
    // statement that has binary values in it.
    let of_user = match PrivateDatabase::product() {
        "MySQL" => {
            "SELECT CAST(processlist_id AS SIGNED) FROM performance_schema.threads \
             WHERE processlist_user IN ('steps', 'unauthenticated user')"
        }
        _ => "SELECT id FROM information_schema.processlist WHERE user IN ('steps', 'unauthenticated user')",
    };
    let ids: Vec<i64> = sqlx::query_scalar(of_user).fetch_all(&mut *administrator).await.expect("the connections");
    for id in &ids {
        // It may have gone by itself.
        let _ = sqlx::raw_sql(AssertSqlSafe(format!("KILL CONNECTION {id}"))).execute(&mut *administrator).await;
    }
    ids.len()
}

impl Drop for PrivateDatabase {
    fn drop(&mut self) {
        // It may have ended already, which is as good. A stopped process, too, can be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
}

fn spawn(folder: &TempDir, port: u16, args: &[String]) -> Child {
    let path = |name: &str| folder.path().join(name).display().to_string();
    // A socket that a killed server has left answers nobody, but whoever looks for it should find the new one.
    let _ = std::fs::remove_file(path("socket"));
    let mut command = match mysql_program("mysqld") {
        Some(mysqld) => mysqld,
        None => {
            let mut mariadbd = program("mariadbd");
            mariadbd.arg("--no-defaults");
            mariadbd
        }
    };
    command.args(["--bind-address=127.0.0.1", "--max-connections=100"]).arg(user());
    command.arg(format!("--tmpdir={}", folder.path().display()));
    command.arg(format!("--datadir={}", path("data"))).arg(format!("--socket={}", path("socket")));
    command.arg(format!("--pid-file={}", path("pid"))).arg(format!("--port={port}"));
    command.args(args);
    let log = File::options().create(true).append(true).open(log(folder)).expect("a file for the log");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("the database does not start: {error}"))
}

/// A program of MySQL, which `tests/with-mysql` has unpacked; `None` where MariaDB is tested.
pub(super) fn mysql_program(name: &str) -> Option<Command> {
    let folder = std::env::var_os(MYSQL_PROGRAMS_VARIABLE).filter(|folder| !folder.is_empty())?;
    Some(Command::new(PathBuf::from(folder).join(name)))
}

/// A program of MariaDB, which may lie where only administrators look.
pub(super) fn program(name: &str) -> Command {
    let mut command = Command::new(crate::program(name, "tests/with-mariadb installs it"));
    command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
    command
}

/// The server drops no privileges: it runs as whoever runs this.
pub(super) fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id starts");
    format!("--user={}", String::from_utf8_lossy(&output.stdout).trim())
}
