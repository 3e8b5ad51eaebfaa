//! The CSV of a long history from MariaDB, beside `mariadb --batch` writing its recorded columns in the same order.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use steps_tests::{Cli, DatabaseKind, Server, TestDb, binary, block_on};

use crate::fold::waiting;
use crate::tools::{database, mariadb, median, output_of, product};
use crate::{Figure, Size};

/// The first columns of the CSV, all of them recorded.
const COLUMNS: &str = "component,version,owner,status,ts,environment,run,id,started_at";
/// The same as they are stored: MariaDB is spared the formatting of times and ids, which the CSV has.
const SELECT: &str =
    "SELECT component, version, owner, status, ts, environment, run, id, ts FROM steps ORDER BY ts, id";

/// How long a whole CSV takes, and the server's memory.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let db = TestDb::new(DatabaseKind::MySql);
    import(&db, size.rows)?;
    // Another process than that which took the import, so that the peak is the export's.
    let server = block_on(Server::start(&db));
    ensure!(block_on(server.count("")) == size.rows as u64, "the history is not whole");
    let url = db.url();
    // An export waits for what is not folded yet, and no longer than its deadline.
    while waiting(&url)? {}

    let mut rounds = Vec::new();
    for round in 0..=size.rounds {
        let whole = curl(&server, "")?;
        let same = curl(&server, &format!("?columns={COLUMNS}"))?;
        let mut client = mariadb("mariadb", &url)?;
        client.args(["--batch", "--quick", &database(&url), "-e", SELECT]).stdout(Stdio::null());
        let start = Instant::now();
        ensure!(client.status()?.success(), "{client:?} failed");
        // The first round is for the caches.
        if round > 0 {
            rounds.push([whole, same, start.elapsed()].map(|took| took.as_secs_f64()));
        }
    }
    let peak = server.process().peak_mib().context("the server is running")?;
    block_on(server.stop());

    let figure = |which: usize, columns: &str, target: &'static str, most: f64| {
        let median_of = |value: &dyn Fn(&[f64; 3]) -> f64| median(rounds.iter().map(value).collect());
        let ratio = median_of(&|round| round[which] / round[2]);
        Figure {
            what: format!("CSV of {} rows, {columns}, {}", size.rows, product()),
            steps: format!("{:.2} s", median_of(&|round| round[which])),
            beside: format!("mariadb --batch --quick {:.2} s", median_of(&|round| round[2])),
            ratio: format!("{ratio:.2}x"),
            target: Some((target, ratio <= most)),
        }
    };
    Ok(vec![
        figure(1, "the same columns", "<= 1.2x", 1.2),
        figure(0, "with all that is derived", "<= 1.5x", 1.5),
        Figure {
            what: "peak memory of the server meanwhile".to_owned(),
            steps: format!("{peak:.0} MiB"),
            beside: String::new(),
            ratio: String::new(),
            target: Some(("< 64 MiB", peak < 64.0)),
        },
    ])
}

/// Fills the database as a user would: a generated history through `steps import`.
fn import(db: &TestDb, rows: usize) -> anyhow::Result<()> {
    let server = block_on(Server::start(db));
    let cli = Cli::of(&server);
    let file = cli.work().join("history.csv");
    let mut history = Command::new(binary("history"));
    history.args(["--per-day", "4000", "--rows", &rows.to_string()]).stdout(File::create(&file)?);
    ensure!(history.status()?.success(), "{history:?} failed");
    let start = Instant::now();
    let summary = output_of(&mut cli.command(&["import", &file.display().to_string()]))?;
    eprintln!("imported in {:.1} s: {}", start.elapsed().as_secs_f64(), summary.trim());
    block_on(server.stop());
    Ok(())
}

fn curl(server: &Server, query: &str) -> anyhow::Result<Duration> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--fail", "--output", "/dev/null", "--write-out", "%{size_download}"]);
    command.arg(format!("{}/v1/steps{query}", server.url()));
    let start = Instant::now();
    let size: u64 = output_of(&mut command)?.trim().parse().context("a size")?;
    let took = start.elapsed();
    ensure!(size > 1_000_000, "only {size} bytes came");
    Ok(took)
}
