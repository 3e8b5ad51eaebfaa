//! The pages beside a million steps: how long the server takes for them, how much is transferred, and when a phone shows the first.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{bail, ensure};
use serde_json::json;
use steps_shared::Timestamp;
use steps_tests::browser::Browser;
use steps_tests::{Answer, DatabaseKind, Server, TestDb, block_on, eventually};

use crate::ask::{COMPONENTS, logged_p95, stored, times};
use crate::tools::{median, product, record_all};
use crate::trend::{self, BATCH, DEPLOYMENTS};
use crate::{Figure, Size};

/// The most steps beside those of the page of one component.
const STEPS: u64 = 1_000_000;
const STATUSES: [&str; 6] = ["started", "building", "testing", "migrating", "deploying", "succeeded"];
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// How long folding may take.
const FOLDING: Duration = Duration::from_secs(900);

/// A phone's network, as browsers throttle to it: bytes a second, and milliseconds.
const DOWN: f64 = 1.6e6 / 8.0;
const UP: f64 = 750e3 / 8.0;
const LATENCY: u32 = 150;

/// On both databases.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let steps = size.steps.min(STEPS);
    let (many, _) = stored(steps)?;
    let mut figures = of(&many, product(), size, 0)?;
    figures.extend(of(&TestDb::new(DatabaseKind::Sqlite), "SQLite", size, steps)?);
    Ok(figures)
}

/// On one database, in which so many steps are recorded first.
fn of(db: &TestDb, store: &str, size: Size, steps: u64) -> anyhow::Result<Vec<Figure>> {
    block_on(async {
        let server = Server::start(db).await;
        fill(&server, steps).await?;
        trend::record(&server).await?;
        folded(&server).await?;
        // A server looks every ten seconds for days whose deployments are to be packed, and these are a year's at once.
        let waiting = "SELECT COUNT(*) FROM days WHERE state = 1";
        eventually("days are packed", async || (db.number(waiting).await == 0).then_some(())).await;
        let rounds = size.pairs.div_ceil(4);
        let home = format!("home page of {} components, {store}", COMPONENTS + 1);
        let component = format!("page of a component of {DEPLOYMENTS} deployments, {store}");
        let mut figures = vec![
            page(&server, &home, ("/", "/"), rounds, ("<= 50 ms, <= 60 kB", 50.0, 60)).await?,
            page(&server, &component, ("/component", COMPONENT), rounds, ("<= 100 ms, <= 100 kB", 100.0, 100)).await?,
        ];
        figures.push(assets(&server).await?);
        figures.push(first_paint(&server, store, size.rounds.max(3)).await?);
        server.stop().await;
        Ok(figures)
    })
}

/// Waits until all is folded, and the trends of all are known.
async fn folded(server: &Server) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let answer = server.get("/v1/trend?by=sprint").await;
        match answer.status {
            200 => return Ok(()),
            503 if began.elapsed() < FOLDING => tokio::time::sleep(Duration::from_secs(1)).await,
            status => bail!("{status}: {}", answer.text()),
        }
    }
}

/// Longer than any deployment: nothing is recorded for the future.
const LONGEST: Duration = Duration::from_secs(3600);

const COMPONENT: &str = "/component?component=checkout&since=370d";

/// Deployments of six steps, evenly over a year and over all components; the last of them has ended.
async fn fill(server: &Server, steps: u64) -> anyhow::Result<()> {
    let deployments = steps / STATUSES.len() as u64;
    let begin = (SystemTime::now() - YEAR - LONGEST).duration_since(SystemTime::UNIX_EPOCH)?;
    let mut waiting = Vec::with_capacity(BATCH);
    for nth in 0..deployments {
        let mut ts = begin + YEAR.mul_f64(nth as f64 / deployments as f64);
        for status in STATUSES {
            let moment = Timestamp::from_micros(i64::try_from(ts.as_micros())?)?;
            waiting.push(json!({
                "component": format!("service-{}", nth % COMPONENTS), "version": format!("1.{}", nth / COMPONENTS),
                "owner": "ann", "status": status, "ts": moment,
            }));
            ts += Duration::from_millis(fastrand::u64(40_000..160_000));
        }
        if waiting.len() + STATUSES.len() > BATCH || nth + 1 == deployments {
            record_all(server, &waiting).await?;
            waiting.clear();
        }
    }
    Ok(())
}

/// A page as a browser asks for it.
async fn get(server: &Server, path: &str) -> anyhow::Result<Answer> {
    let request = server.request(reqwest::Method::GET, path).header("accept", "text/html");
    let answer = Answer::of(request.header("accept-encoding", "gzip")).await;
    ensure!(answer.status == 200, "{path}: {}", answer.status);
    Ok(answer)
}

/// How long the server takes for a page, and how much is transferred; the target, in words, milliseconds and kB.
async fn page(
    server: &Server,
    what: &str,
    (route, path): (&str, &str),
    rounds: usize,
    (target, most, most_kb): (&'static str, f64, usize),
) -> anyhow::Result<Figure> {
    let bytes = get(server, path).await?.bytes.len();
    let before = times(server, route).len();
    for _ in 0..rounds {
        get(server, path).await?;
    }
    let ms = logged_p95(server, route, before, rounds).await;
    Ok(Figure {
        what: what.to_owned(),
        steps: format!("p95 {ms:.1} ms at the server, {:.1} kB", bytes as f64 / 1000.0),
        beside: String::new(),
        ratio: String::new(),
        target: Some((target, ms <= most && bytes <= most_kb * 1000)),
    })
}

/// What every page loads, as it is transferred.
async fn assets(server: &Server) -> anyhow::Result<Figure> {
    let home = server.request(reqwest::Method::GET, "/").header("accept", "text/html").send().await?.text().await?;
    let names: Vec<&str> = home.split('"').filter(|part| part.starts_with("/assets/page-")).collect();
    ensure!(names.len() == 2, "a style and a script, not {names:?}");
    let mut bytes = 0;
    for name in names {
        bytes += get(server, name).await?.bytes.len();
    }
    Ok(Figure {
        what: "script and style, compressed".to_owned(),
        steps: format!("{:.1} kB", bytes as f64 / 1000.0),
        beside: String::new(),
        ratio: String::new(),
        target: Some(("<= 16 kB", bytes <= 16_000)),
    })
}

/// When a browser behind a phone's network shows the first of the home page that it has never loaded.
async fn first_paint(server: &Server, store: &str, rounds: usize) -> anyhow::Result<Figure> {
    let browser = Browser::start().await;
    browser.look(375, "light").await;
    browser.devtools("Network.enable", json!({})).await;
    let network = json!({"offline": false, "latency": LATENCY, "downloadThroughput": DOWN, "uploadThroughput": UP});
    browser.devtools("Network.emulateNetworkConditions", network).await;
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        browser.devtools("Network.clearBrowserCache", json!({})).await;
        browser.open(&format!("{}/", server.url())).await;
        let painted = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
        let painted = eventually("it is painted", async || browser.value(painted).await.as_f64()).await;
        seconds.push(painted / 1000.0);
        browser.open("about:blank").await;
    }
    let longest = seconds.iter().copied().fold(0.0, f64::max);
    let middle = median(seconds);
    Ok(Figure {
        what: format!("first paint of the home page, 1.6 Mbit/s and {LATENCY} ms, {store}"),
        steps: format!("{middle:.2} s, at most {longest:.2} s"),
        beside: String::new(),
        ratio: String::new(),
        target: Some(("<= 1.2 s", middle <= 1.2)),
    })
}
