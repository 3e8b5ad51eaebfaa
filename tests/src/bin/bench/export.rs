//! The CSV of a long history from MariaDB, beside `mariadb --batch` writing the same columns in the same order.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use steps_tests::{Cli, DatabaseKind, Server, TestDb, binary, block_on};

use crate::fold::waiting;
use crate::tools::{database, mariadb, median, output_of, product};
use crate::{Figure, Size};

/// The columns of the CSV as they are stored: MariaDB is spared the formatting of times and ids, which the CSV has.
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
        let ours = curl(&server)?;
        let mut client = mariadb("mariadb", &url)?;
        client.args(["--batch", "--quick", &database(&url), "-e", SELECT]).stdout(Stdio::null());
        let start = Instant::now();
        ensure!(client.status()?.success(), "{client:?} failed");
        // The first round is for the caches.
        if round > 0 {
            rounds.push((ours, start.elapsed()));
        }
    }
    let peak = server.process().peak_mib().context("the server is running")?;
    block_on(server.stop());

    let seconds =
        |pick: fn(&(Duration, Duration)) -> Duration| median(rounds.iter().map(|r| pick(r).as_secs_f64()).collect());
    let ratio = median(rounds.iter().map(|(ours, client)| ours.as_secs_f64() / client.as_secs_f64()).collect());
    Ok(vec![
        Figure {
            what: format!("CSV of {} rows, {}", size.rows, product()),
            steps: format!("{:.2} s", seconds(|round| round.0)),
            beside: format!("mariadb --batch --quick {:.2} s", seconds(|round| round.1)),
            ratio: format!("{ratio:.2}x"),
            target: Some(("<= 1.5x", ratio <= 1.5)),
        },
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

fn curl(server: &Server) -> anyhow::Result<Duration> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--fail", "--output", "/dev/null", "--write-out", "%{size_download}"]);
    command.arg(format!("{}/v1/steps", server.url()));
    let start = Instant::now();
    let size: u64 = output_of(&mut command)?.trim().parse().context("a size")?;
    let took = start.elapsed();
    ensure!(size > 1_000_000, "only {size} bytes came");
    Ok(took)
}
