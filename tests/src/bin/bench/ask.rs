//! Asking about a year of many components: one deployment, the newest, statistics; beside SQL over the raw steps.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};
use serde_json::Value;
use steps_shared::TrendAnswer;
use steps_tests::server::Builder;
use steps_tests::steps::{column, encoded};
use steps_tests::{DatabaseKind, Server, TestDb, block_on};

use crate::tools::{median, percentile, product, query};
use crate::{Figure, Size};

/// Components of the history.
pub const COMPONENTS: u64 = 200;
const STEPS_EACH: u64 = 6;
const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// Rows in one INSERT.
const CHUNK: u64 = 600_000;

/// How long each component's steps take on average, from the recorded steps alone.
const RAW: &str = "SELECT component, COUNT(*), AVG(next_ts - ts) / 1000000 FROM (SELECT component, ts, LEAD(ts) OVER \
                   (PARTITION BY stream ORDER BY ts, id) AS next_ts FROM steps) AS timed GROUP BY component";

/// Everything on one database.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let (db, took) = stored(size.steps)?;
    let url = db.url();
    let mut figures = vec![Figure {
        what: format!("rebuild of {} steps, {}", size.steps, product()),
        steps: format!("{:.1} s, {:.0} steps/s", took.as_secs_f64(), size.steps as f64 / took.as_secs_f64()),
        beside: String::new(),
        ratio: String::new(),
        target: None,
    }];
    let server = block_on(Server::start(&db));
    figures.extend(block_on(single(&server, size.pairs))?);
    figures.push(all(&server, &url, size.rounds)?);
    figures.push(block_on(trends(&server, size.rounds))?);
    let peak = server.process().peak_mib().context("the server is running")?;
    figures.push(Figure {
        what: "peak memory of the server meanwhile".to_owned(),
        steps: format!("{peak:.0} MiB"),
        beside: String::new(),
        ratio: String::new(),
        target: Some(("< 128 MiB", peak < 128.0)),
    });
    block_on(server.stop());
    Ok(figures)
}

/// A database with so many steps, folded, and how long the folding took.
pub fn stored(steps: u64) -> anyhow::Result<(TestDb, Duration)> {
    let db = TestDb::new(DatabaseKind::MySql);
    let url = db.url();
    block_on(async { Server::start(&db).await.stop().await });
    let start = Instant::now();
    fill(&url, steps)?;
    eprintln!("{steps} steps of {COMPONENTS} components stored in {:.1} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let rebuilt = Builder::bare().args(&["--database-url", &url]).run("rebuild");
    ensure!(rebuilt.code == 0, "rebuild failed: {}", rebuilt.stderr);
    let took = start.elapsed();
    eprintln!("{} in {:.1} s", rebuilt.stdout.trim(), took.as_secs_f64());
    Ok((db, took))
}

/// Deployments of six steps, evenly over the last year; of each component one in 25 failed.
fn fill(url: &str, steps: u64) -> anyhow::Result<()> {
    let deployments = steps / STEPS_EACH;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros();
    let (begin, apart) = (now - YEAR.as_micros() - 1_000_000_000, YEAR.as_micros() / u128::from(deployments.max(1)));
    for first in (0..deployments * STEPS_EACH).step_by(CHUNK as usize) {
        let last = (first + CHUNK).min(deployments * STEPS_EACH) - 1;
        query(
            url,
            &format!(
                "INSERT INTO steps (id, stream, component, environment, version, owner, status, ts)
                 SELECT UNHEX(CONCAT(LPAD(HEX(ts DIV 1000), 12, '0'), '70008', LPAD(HEX(k), 15, '0'))),
                     UNHEX(MD5(CONCAT('deployment ', d))), CONCAT('service-', d MOD {COMPONENTS}), 'production',
                     CONCAT('1.', d DIV {COMPONENTS}), ELT(1 + d MOD 5, 'ann', 'bob', 'carmen', 'dmitri', 'eve'),
                     IF(p = 5 AND d DIV {COMPONENTS} MOD 25 = 0, 'failed',
                         ELT(p + 1, 'started', 'building', 'testing', 'migrating', 'deploying', 'succeeded')), ts
                 FROM (SELECT seq AS k, seq DIV {STEPS_EACH} AS d, seq MOD {STEPS_EACH} AS p,
                     {begin} + (seq DIV {STEPS_EACH}) * {apart} + CAST((300 + (seq DIV {STEPS_EACH}) * 7919 MOD 600) * 1000000
                         * ELT(1 + seq MOD {STEPS_EACH}, 0, 0.01, 0.35, 0.75, 0.8, 1) AS SIGNED) AS ts
                     FROM seq_{first}_to_{last}) AS numbered"
            ),
        )?;
    }
    query(url, "ANALYZE TABLE steps")?;
    Ok(())
}

/// The requests of which each should be answered at once.
async fn single(server: &Server, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    let mut ids = Vec::new();
    for _ in 0..rounds.div_ceil(10) {
        let component = fastrand::u64(..COMPONENTS);
        let list = format!("component=service-{component}&columns=id");
        let listed = column(&server.deployments(&list).await, "id");
        ids.extend((0..10).filter_map(|_| fastrand::choice(&listed).cloned()));
    }
    ensure!(!ids.is_empty(), "there are no deployments");
    let mut paths: Vec<String> = ids.iter().map(|id| format!("/v1/deployments/{id}")).collect();
    let one = p95(server, "/v1/deployments/{id}", &paths).await?;
    let newest = |_| "/v1/deployments?limit=50&order=desc".to_owned();
    paths = (0..rounds).map(newest).collect();
    let list = p95(server, "/v1/deployments", &paths).await?;
    let since = chrono::DateTime::<chrono::Utc>::from(SystemTime::now() - Duration::from_secs(90 * 86_400));
    let since = encoded(&since.to_rfc3339());
    let component =
        |_| format!("/v1/stats?by=week&component=service-{}&start_datetime={since}", fastrand::u64(..COMPONENTS));
    paths = (0..rounds.div_ceil(4)).map(component).collect();
    let stats = p95(server, "/v1/stats", &paths).await?;
    let figure = |what: &str, ms: f64, target, most: f64| Figure {
        what: what.to_owned(),
        steps: format!("p95 {ms:.2} ms at the server"),
        beside: String::new(),
        ratio: String::new(),
        target: Some((target, ms <= most)),
    };
    Ok(vec![
        figure("GET /v1/deployments/{id}", one, "p95 <= 20 ms", 20.0),
        figure("GET /v1/deployments?limit=50&order=desc", list, "p95 <= 20 ms", 20.0),
        figure("stats of one component, 90 days", stats, "<= 100 ms", 100.0),
    ])
}

/// The 95th percentile of the milliseconds that the server says each request took.
pub async fn p95(server: &Server, route: &str, paths: &[String]) -> anyhow::Result<f64> {
    let before = times(server, route).len();
    for path in paths {
        let answer = server.get(path).await;
        ensure!(answer.status == 200, "{path}: {}", answer.text());
    }
    Ok(logged_p95(server, route, before, paths.len()).await)
}

/// The same of so many requests that come behind the first `before`.
pub async fn logged_p95(server: &Server, route: &str, before: usize, many: usize) -> f64 {
    let logged = steps_tests::eventually("every request is logged", async || {
        let times = times(server, route);
        (times.len() >= before + many).then(|| times[before..].to_vec())
    });
    percentile(logged.await, 0.95)
}

/// How long each request to this route took, by the server's log.
pub fn times(server: &Server, route: &str) -> Vec<f64> {
    let log = server.process().log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["route"] == route).filter_map(|line| line["ms"].as_f64()).collect()
}

/// Statistics of everything by component, in turn with the window function over the steps.
fn all(server: &Server, url: &str, rounds: usize) -> anyhow::Result<Figure> {
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        let answer = block_on(server.get("/v1/stats?by=component"));
        ours.push(start.elapsed().as_secs_f64());
        ensure!(answer.status == 200, "{}", answer.text());
        let start = Instant::now();
        let rows = query(url, RAW)?;
        raw.push(start.elapsed().as_secs_f64());
        ensure!(rows.lines().count() as u64 == COMPONENTS, "{rows}");
    }
    let ratio = median(raw.iter().zip(&ours).map(|(raw, ours)| raw / ours).collect());
    Ok(Figure {
        what: "stats by component, everything".to_owned(),
        steps: format!("{:.0} ms", median(ours) * 1e3),
        beside: format!("LEAD() OVER in SQL {:.0} ms", median(raw) * 1e3),
        ratio: format!("{ratio:.1}x"),
        target: Some((">= 100x faster", ratio >= 100.0)),
    })
}

/// The trend of every component over 90 days.
async fn trends(server: &Server, rounds: usize) -> anyhow::Result<Figure> {
    let mut took = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let answer = server.get("/v1/trend?since=90d").await;
        took.push(start.elapsed().as_secs_f64());
        let answer: TrendAnswer = serde_json::from_str(answer.ok())?;
        ensure!(answer.trends.len() as u64 == COMPONENTS, "{} trends", answer.trends.len());
    }
    let seconds = median(took);
    Ok(Figure {
        what: format!("trend of {COMPONENTS} components, 90 days"),
        steps: format!("{seconds:.2} s"),
        beside: String::new(),
        ratio: String::new(),
        target: Some(("<= 0.3 s", seconds <= 0.3)),
    })
}
