//! Folding a long import: how fast, and what a deploy notices of it that records meanwhile.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use steps_tests::{Cli, DatabaseKind, Server, TestDb, binary, block_on};

use crate::tools::{percentile, product, query, record_together};
use crate::{Figure, Size};

/// Deploys that record at the same time, and the pause of each between two steps.
const DEPLOYS: usize = 4;
const PAUSE: Duration = Duration::from_millis(20);

/// The bytes of a step before changes named their steps.
const BYTES_BEFORE: f64 = 523.0;
/// Throws away all that was folded, and asks for all of it again, in the order in which it was recorded. Nothing else is recorded, so
/// that any bucket is as good as the right one.
const FORGET: &str = "SET SESSION group_concat_max_len = 1048576; DELETE FROM deployments; DELETE FROM timelines; \
    INSERT INTO changes (stream, since, bucket, ids) SELECT stream, 0, ORD(stream) % 64, GROUP_CONCAT(id SEPARATOR '') \
    FROM steps GROUP BY stream ORDER BY MIN(ts)";

/// An import with others recording, then the fold alone.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let db = TestDb::new(DatabaseKind::MySql);
    let url = db.url();
    let server = block_on(Server::start(&db));
    let cli = Cli::of(&server);
    let file = cli.work().join("history.csv");
    let components: Vec<String> = (0..50).map(|nth| format!("service-{nth}")).collect();
    let mut history = Command::new(binary("history"));
    history.args(["--weeks", "20", "--per-day", "60", "--components", &components.join(",")]);
    history.args(["--rows", &size.rows.to_string()]).stdout(File::create(&file)?);
    ensure!(history.status()?.success(), "{history:?} failed");

    let mut import = cli.command(&["import", &file.display().to_string()]);
    let mut import = import.stdout(Stdio::null()).spawn()?;
    let start = Instant::now();
    let mut imported = None;
    let mut posts: Vec<f64> = Vec::new();
    // Until it is all folded: asking the database for what is left, because a read would make the server hurry.
    while imported.is_none() || waiting(&url)? {
        let version = start.elapsed().as_nanos().to_string();
        let deploys: Vec<_> = (0..DEPLOYS).map(|nth| (format!("deploy-{nth}"), version.clone())).collect();
        posts.extend(block_on(record_together(&server, &deploys, PAUSE, Duration::from_millis(500)))?);
        if imported.is_none()
            && let Some(status) = import.try_wait()?
        {
            ensure!(status.success(), "the import failed: {status}");
            imported = Some(start.elapsed());
        }
    }
    let (imported, all) = (imported.context("the import ended")?, start.elapsed());
    eprintln!("imported in {:.1} s, folded {:.1} s later", imported.as_secs_f64(), (all - imported).as_secs_f64());
    let p99 = percentile(posts.clone(), 0.99);
    block_on(server.stop());
    let bytes = bytes_a_step(&url)?;

    query(&url, FORGET)?;
    let server = block_on(Server::start(&db));
    let start = Instant::now();
    while waiting(&url)? {}
    let (per_second, import) =
        (size.rows as f64 / start.elapsed().as_secs_f64(), size.rows as f64 / imported.as_secs_f64());
    let peak = server.process().peak_mib().context("the server is running")?;
    block_on(server.stop());
    Ok(vec![
        Figure {
            what: format!("POST while {} imported steps are folded, {}", size.rows, product()),
            steps: format!("p50 {:.2} ms, p99 {p99:.2} ms of {}", percentile(posts.clone(), 0.5), posts.len()),
            beside: format!("import and fold {:.1} s", all.as_secs_f64()),
            ratio: String::new(),
            target: Some(("all in 40 s, p99 <= 20 ms", all.as_secs_f64() <= 40.0 && p99 <= 20.0)),
        },
        Figure {
            what: format!("folding {} steps, {}", size.rows, product()),
            steps: format!("{per_second:.0} steps/s, peak {peak:.0} MiB"),
            beside: format!("import {import:.0} steps/s"),
            ratio: format!("{:.2}x", per_second / import),
            target: Some((">= 1.2x", per_second >= 1.2 * import)),
        },
        Figure {
            what: format!("space of {} imported steps, {}", size.rows, product()),
            steps: format!("{bytes:.0} bytes a step"),
            beside: format!("{BYTES_BEFORE:.0} bytes before"),
            ratio: format!("{:.2}x", bytes / BYTES_BEFORE),
            target: Some(("<= 0.7x", bytes <= 0.7 * BYTES_BEFORE)),
        },
    ])
}

/// How many bytes a step takes on the disk: all tables and indexes.
fn bytes_a_step(url: &str) -> anyhow::Result<f64> {
    let tables = query(url, "SHOW TABLES")?;
    for table in tables.lines() {
        query(url, &format!("ANALYZE TABLE `{table}`"))?;
    }
    let bytes = query(
        url,
        "SELECT SUM(stat_value) * @@innodb_page_size / (SELECT COUNT(*) FROM steps) FROM mysql.innodb_index_stats \
         WHERE database_name = DATABASE() AND stat_name = 'size'",
    )?;
    bytes.trim().parse().context("the size of the tables")
}

/// Whether anything is still to be folded.
pub fn waiting(url: &str) -> anyhow::Result<bool> {
    Ok(!query(url, "SELECT 1 FROM changes LIMIT 1")?.trim().is_empty())
}
