//! Whether the range of the expected time left holds what it promises, and what it costs to tell.

use std::time::SystemTime;

use anyhow::ensure;
use serde_json::{Value, json};
use steps_shared::{Expected, Timestamp};
use steps_tests::{DatabaseKind, Server, TestDb, block_on};

use crate::ask::{p95, stored};
use crate::calibration::{KINDS, STATIONARY, Tally, history, recorded, replay};
use crate::tools::{product, record_all};
use crate::{Figure, Size};

/// Deployments of a history, and histories of a kind.
const MANY: usize = 80;
const SEEDS: u64 = 8;

/// Deployments before the one that is running, and its steps.
const BEFORE: i64 = 60;
const STEPS: [&str; 8] =
    ["started", "fetching", "building", "testing", "pushing", "migrating", "deploying", "checking"];

/// Every kind of history, the real data, and the time at the server.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let seeds = if size.rounds > 1 { SEEDS } else { 1 };
    for (nth, (name, make)) in KINDS.iter().enumerate() {
        let mut tally = Tally::default();
        (0..seeds).for_each(|seed| tally.add(&replay(&history(*make, MANY, seed), 1)));
        let target = (nth < STATIONARY).then(|| ("76 % to 84 %", (76.0..=84.0).contains(&tally.percent())));
        figures.push(figure(&format!("80 % range of the time left, {name}"), &tally, target));
    }
    if let Some(folder) = steps_tests::steps::real_data() {
        let mut tally = Tally::default();
        let csv = std::fs::read_to_string(folder.join("ants-ci-steps.csv"))?;
        recorded(&csv).iter().for_each(|deployments| tally.add(&replay(deployments, 1)));
        let target = Some(("70 % to 90 %", (70.0..=90.0).contains(&tally.percent())));
        figures.push(figure("80 % range of the time left, real CI", &tally, target));
    }
    let (many, _) = stored(size.steps.min(1_000_000))?;
    figures.push(served(&many, product(), size)?);
    figures.push(served(&TestDb::new(DatabaseKind::Sqlite), "SQLite", size)?);
    Ok(figures)
}

fn figure(what: &str, tally: &Tally, target: Option<(&'static str, bool)>) -> Figure {
    let percent = |part: u64| 100.0 * part as f64 / tally.asked.max(1) as f64;
    Figure {
        what: what.to_owned(),
        steps: format!("holds {:.1} %", tally.percent()),
        beside: format!(
            "less {:.1} %, more {:.1} %, median off by {:.2}, range {:.2}, asked {}",
            percent(tally.below),
            percent(tally.above),
            tally.error(),
            tally.width(),
            tally.asked,
        ),
        ratio: String::new(),
        target,
    }
}

/// How long the server takes to tell it.
fn served(db: &TestDb, store: &str, size: Size) -> anyhow::Result<Figure> {
    block_on(async {
        let server = Server::start(db).await;
        let now = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros())?;
        let mut steps = Vec::new();
        for nth in 0..=BEFORE {
            let mut ts = now - (BEFORE - nth) * 3_600_000_000 - 100_000_000;
            let is_running = nth == BEFORE;
            for status in
                STEPS.iter().take(if is_running { 3 } else { STEPS.len() }).chain((!is_running).then_some(&"succeeded"))
            {
                steps.push(json!({
                    "component": "shop", "version": format!("1.{nth}"), "owner": "ann", "status": status,
                    "ts": Timestamp::from_micros(ts)?,
                }));
                ts += fastrand::i64(20_000_000..40_000_000);
            }
        }
        record_all(&server, &steps).await?;
        let list: Value = server.get("/v1/deployments?component=shop&outcome=running&format=json").await.json();
        let id = list["deployments"][0]["id"].as_str().unwrap_or_default().to_owned();
        let path = format!("/v1/deployments/{id}/expected");
        let told: Expected = serde_json::from_str(server.get(&path).await.ok())?;
        ensure!(told.median_left.is_some() && told.past_deployments == 50, "{told:?}");
        let paths: Vec<String> = (0..size.pairs).map(|_| path.clone()).collect();
        let ms = p95(&server, "/v1/deployments/{id}/expected", &paths).await?;
        server.stop().await;
        Ok(Figure {
            what: format!("expected time left by 50 deployments of {} steps, {store}", STEPS.len()),
            steps: format!("p95 {ms:.2} ms at the server"),
            beside: String::new(),
            ratio: String::new(),
            target: Some(("<= 5 ms", ms <= 5.0)),
        })
    })
}
