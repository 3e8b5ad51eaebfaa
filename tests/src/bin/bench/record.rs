//! `steps record`: how long a deploy waits for it, beside `curl` doing the same POST.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use steps_tests::{Cli, DatabaseKind, Server, TestDb, block_on};

use crate::tools::{median, ms};
use crate::{Figure, Size};

/// Pairs of the two commands, in turn who is first.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let server = block_on(Server::start(&db));
    let cli = Cli::of(&server);
    let fields = [("component", "checkout"), ("version", "4.2.0"), ("owner", "ann"), ("status", "building")];
    let flags = fields.map(|(name, value)| format!("--{name}={value}"));
    let args: Vec<&str> = ["record"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    let query = fields.map(|(name, value)| format!("{name}={value}")).join("&");
    let url = format!("{}/v1/steps?{query}", server.url());
    let steps = || took(cli.command(&args));
    let curl = || took(cli.program("curl".as_ref(), &["--silent", "--show-error", "--fail", "-X", "POST", &url]));

    // Once for the caches.
    steps()?;
    curl()?;
    let mut pairs = Vec::new();
    for pair in 0..size.pairs {
        pairs.push(if pair % 2 == 0 {
            let ours = steps()?;
            (ours, curl()?)
        } else {
            let beside = curl()?;
            (steps()?, beside)
        });
    }
    let recorded = block_on(server.count(""));
    ensure!(recorded == 2 * (size.pairs as u64 + 1), "{recorded} steps of {} pairs are stored", size.pairs);
    block_on(server.stop());

    let seconds = |pick: fn(&(Duration, Duration)) -> Duration| {
        Duration::from_secs_f64(median(pairs.iter().map(|pair| pick(pair).as_secs_f64()).collect()))
    };
    let ratio = median(pairs.iter().map(|(ours, curl)| ours.as_secs_f64() / curl.as_secs_f64()).collect());
    Ok(vec![Figure {
        what: format!("steps record, median of {} pairs", size.pairs),
        steps: ms(seconds(|pair| pair.0)),
        beside: format!("curl {}", ms(seconds(|pair| pair.1))),
        ratio: format!("{ratio:.2}x"),
        target: Some(("<= 1.0x", ratio <= 1.0)),
    }])
}

fn took(mut command: Command) -> anyhow::Result<Duration> {
    command.stdout(std::process::Stdio::null());
    let start = Instant::now();
    let status = command.status().with_context(|| format!("{command:?} does not start"))?;
    let took = start.elapsed();
    ensure!(status.success(), "{command:?}: {status}");
    Ok(took)
}
