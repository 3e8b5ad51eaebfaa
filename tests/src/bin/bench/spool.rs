//! Steps that wait: what a server that is away costs a deploy, and how soon what has waited is delivered.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use steps_tests::server::Builder;
use steps_tests::{Cli, DatabaseKind, TestDb, block_on};

use crate::tools::{median, ms};
use crate::{Figure, Size};

/// How many steps wait to be delivered together.
const WAITING: usize = 1000;
/// How long `steps record` waits for a server that hangs.
const TIMEOUT: Duration = Duration::from_millis(200);
/// What keeping a step may cost.
const MOST: Duration = Duration::from_millis(20);

/// A server that refuses, one that hangs, and one that is back.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let silent = format!("http://{}", silent.local_addr().context("a bound socket")?);
    let refused = kept("http://127.0.0.1:9", size.pairs / 4)?;
    let hanging = kept(&silent, size.pairs / 10)?.saturating_sub(TIMEOUT);
    let delivered = deliver()?;
    let line = |what: &str, took: Duration, target, reached| Figure {
        what: what.to_owned(),
        steps: ms(took),
        beside: String::new(),
        ratio: String::new(),
        target: Some((target, reached)),
    };
    Ok(vec![
        line("steps record, the server refuses, median", refused, "<= 20 ms", refused <= MOST),
        line("steps record, the server hangs, beyond the time-out, median", hanging, "<= 20 ms", hanging <= MOST),
        line("1,000 steps that waited, steps flush", delivered, "<= 1 s", delivered <= Duration::from_secs(1)),
    ])
}

/// How long `steps record` takes that asks this server in vain and keeps the step.
fn kept(server: &str, times: usize) -> anyhow::Result<Duration> {
    let cli = Cli::new().env("STEPS_SERVER", server).env("STEPS_TIMEOUT", &format!("{}ms", TIMEOUT.as_millis()));
    record(&cli)?;
    let mut took = Vec::new();
    for _ in 0..times.max(3) {
        forget_that_it_is_away(&cli.home())?;
        took.push(record(&cli)?.as_secs_f64());
    }
    Ok(Duration::from_secs_f64(median(took)))
}

fn record(cli: &Cli) -> anyhow::Result<Duration> {
    let args = ["record", "--component", "c", "--version", "1", "--owner", "o", "--status", "s"];
    let mut command = cli.command(&args);
    let begun = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "steps record: {status}");
    Ok(begun.elapsed())
}

fn forget_that_it_is_away(home: &Path) -> anyhow::Result<()> {
    for spool in fs::read_dir(home.join(".local/state/steps/spool"))? {
        fs::remove_file(spool?.path().join("away"))?;
    }
    Ok(())
}

fn deliver() -> anyhow::Result<Duration> {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let port = block_on(steps_tests::faults::free_port());
    let cli = Cli::new().env("STEPS_SERVER", &format!("http://127.0.0.1:{port}"));
    for _ in 0..WAITING {
        record(&cli)?;
    }
    let server = block_on(Builder::on_port(port, &db.url()).start());
    let begun = Instant::now();
    let said = cli.run(&["flush"]);
    let took = begun.elapsed();
    ensure!(said.stdout.starts_with("delivered 1000 steps"), "{said:?}");
    block_on(server.stop());
    Ok(took)
}
