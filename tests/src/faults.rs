//! Faults that really happen: many clients record, something breaks and is healed, and then what the database holds
//! is compared with what was acknowledged.

pub mod attack;
pub mod cluster;
pub mod galera;
pub mod group_replication;
pub mod ledger;
pub mod load;
pub mod private_database;
pub mod probe;
pub mod proxy;
pub mod replicated;

use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use tokio::net::TcpListener;

pub use cluster::{Cluster, nodes_die_and_come_back};
pub use galera::Galera;
pub use group_replication::GroupReplication;
pub use ledger::{Comparison, Ledger};
pub use load::{Load, Shape};
pub use private_database::PrivateDatabase;
pub use probe::{PROBE, forget_probes, refuses_a_recording};
pub use proxy::{Fault, Proxy};
pub use replicated::Replicated;

use crate::eventually;
use crate::server::Builder;

/// A file to which each fault's report is appended: the runner hides what a passing test prints.
pub const REPORT_VARIABLE: &str = "STEPS_FAULTS_REPORT";

/// The one of the two that fits: `make test` is short, `make soak` (which sets `STEPS_SOAK=1`) is long.
#[must_use]
pub fn short_or_long<T>(short: T, long: T) -> T {
    if std::env::var_os("STEPS_SOAK").is_some_and(|value| !value.is_empty()) { long } else { short }
}

/// A port of 127.0.0.1 that nothing listens on; below those that outgoing connections are given.
pub async fn free_port() -> u16 {
    eventually("a free port", async || {
        let port = fastrand::u16(20_000..32_000);
        TcpListener::bind(("127.0.0.1", port)).await.is_ok().then_some(port)
    })
    .await
}

/// What was done, and what became of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// What broke.
    pub fault: String,
    /// How often.
    pub injected: usize,
    /// How long it took from each healing until a step was recorded again.
    pub recoveries: Vec<Duration>,
    /// The database beside what was acknowledged.
    pub comparison: Comparison,
    /// The longest that a client waited for an answer.
    pub longest: Duration,
}

impl Report {
    /// Compares what `ledger` says was acknowledged with the database at this URL itself, prints the report, and asserts
    /// that nothing is missing, nothing double, and that the deployments are those of a fold from scratch.
    ///
    /// # Panics
    /// Where one of these is not so.
    pub async fn close(fault: &str, injected: usize, recoveries: Vec<Duration>, ledger: &Ledger, url: &str) -> Self {
        let comparison = ledger.compare(url).await;
        let longest = ledger.longest;
        let report = Self { fault: fault.to_owned(), injected, recoveries, comparison, longest };
        tell(&report);
        assert!(ledger.odd.is_empty(), "answers that nobody should get: {:?}", ledger.odd);
        report.assert_whole();
        let builder = Builder::on(url);
        // Not on this thread, on which proxies may run: the server is still folding through them.
        let verified = tokio::task::spawn_blocking(move || builder.run("verify")).await.expect("verify runs");
        assert_eq!(verified.code, 0, "verify: {}{}", verified.stdout, verified.stderr);
        report
    }

    /// # Panics
    /// Where a step is missing or double.
    fn assert_whole(&self) {
        let Comparison { missing, double, strange, examples, .. } = &self.comparison;
        assert_eq!((*missing, *double, *strange), (0, 0, 0), "{self}\n{examples:#?}");
        assert!(self.comparison.acknowledged > 0, "{self}: nothing was recorded at all");
    }
}

/// Prints a line, and appends it to the file that [`REPORT_VARIABLE`] names.
///
/// # Panics
/// Where that cannot be written.
pub fn tell(line: impl fmt::Display) {
    println!("{line}");
    let Some(path) = std::env::var_os(REPORT_VARIABLE).filter(|path| !path.is_empty()) else { return };
    let file = std::fs::File::options().create(true).append(true).open(&path);
    // One write a line: several tests append to it at the same time.
    let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { acknowledged, found, missing, double, strange, .. } = self.comparison;
        let (fault, injected) = (&self.fault, self.injected);
        write!(
            f,
            "{fault}: injected {injected}, acknowledged {acknowledged}, found {found}, missing {missing}, \
             double {}, longest answer {:.2} s",
            double + strange,
            self.longest.as_secs_f64()
        )?;
        let mut recoveries = self.recoveries.clone();
        recoveries.sort_unstable();
        match (recoveries.get(recoveries.len() / 2), recoveries.last()) {
            (Some(median), Some(most)) => {
                write!(f, ", recovery {:.2} s (median) {:.2} s (most)", median.as_secs_f64(), most.as_secs_f64())
            }
            _ => Ok(()),
        }
    }
}
