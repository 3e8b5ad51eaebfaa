//! The harness of the end-to-end suite: a database per test, the real server on a port of its own, the
//! real command in a home of its own.
//!
//! Nothing here sleeps for a guessed time: [`eventually`] asks again until a deadline.

pub mod access;
pub mod balancer;
pub mod browser;
pub mod cli;
pub mod clock;
pub mod collector;
pub mod db;
pub mod events;
pub mod example;
pub mod faults;
pub mod history;
pub mod hostile;
pub mod http;
pub mod issuer;
pub mod pty;
pub mod server;
pub mod steps;
pub mod tls;
pub mod transcript;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use cli::{Cli, Run};
pub use db::{DatabaseKind, TestDb};
pub use http::Answer;
pub use server::Server;
pub use transcript::Transcript;

/// How long anything may take before a test gives up on it: whatever takes longer is broken, and not only slow.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// What a busy machine may add to a deadline that a test has set.
pub const SLACK: Duration = Duration::from_secs(20);

/// Runs one async test body; each test has a runtime of its own.
pub fn block_on<T>(body: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(body)
}

/// Asks until there is an answer, and panics, saying `what` never came, after [`PATIENCE`].
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "{what}: still not so after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Makes tests of async functions: each runs on SQLite and on MySQL, and a failure is named
/// `function::sqlite` or `function::mysql`.
///
/// ```ignore
/// on_both_stores!(what_is_recorded_is_listed);
///
/// async fn what_is_recorded_is_listed(db: TestDb) { let server = Server::start(&db).await; … }
/// ```
#[macro_export]
macro_rules! on_both_stores {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                $crate::block_on(super::$name($crate::TestDb::new($crate::DatabaseKind::Sqlite)));
            }

            #[test]
            fn mysql() {
                $crate::block_on(super::$name($crate::TestDb::new($crate::DatabaseKind::MySql)));
            }
        }
    )*};
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// The method and the path of each endpoint, as README tells them; a unit test of the server compares that with what is served.
///
/// # Panics
/// There is no README, or no such section in it.
#[must_use]
pub fn endpoints() -> Vec<(String, String)> {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("The HTTP API")).expect("its section");
    let calls = section.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let calls = calls.flat_map(|calls| calls.split('`')).filter_map(|call| call.split_once(' '));
    let calls = calls.filter(|(method, _)| ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(method));
    let mut endpoints: Vec<(String, String)> = Vec::new();
    for (method, path) in calls {
        let endpoint = (method.to_owned(), path.split('?').next().unwrap_or(path).to_owned());
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    endpoints
}

/// The folder of the built commands: that of the profile this program was built in.
///
/// # Panics
/// Where they have not been built.
#[must_use]
pub fn binaries() -> PathBuf {
    let program = std::env::current_exe().expect("this program has a path");
    let folder = program.parent().expect("a program is in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    for name in ["steps", "steps-server"] {
        let path = folder.join(name);
        assert!(path.exists(), "{} is missing; run `cargo build --workspace --bins` first", path.display());
    }
    folder.to_owned()
}

/// A program of this machine, also where only administrators look.
///
/// # Panics
/// It is not there; `hint` says how to get it.
#[must_use]
pub fn program(name: &str, hint: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing; {hint}"))
}

/// One of the built commands.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    binaries().join(name)
}
