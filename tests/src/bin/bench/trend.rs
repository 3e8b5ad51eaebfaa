//! The trend of one component over a year: 20 deployments a day of ten steps each, one of which grows.

use std::time::{Duration, SystemTime};

use anyhow::ensure;
use serde_json::{Value, json};
use steps_shared::{TrendAnswer, Verdict};
use steps_tests::{DatabaseKind, Server, TestDb, block_on};

use crate::ask::p95;
use crate::tools::record_all;
use crate::{Figure, Size};

pub const DEPLOYMENTS: u64 = 7_300;
const APART: Duration = Duration::from_secs(72 * 60);
/// Steps in one request.
pub const BATCH: usize = 10_000;
const STEPS: [&str; 10] = [
    "started",
    "fetching",
    "building",
    "testing",
    "packing",
    "pushing",
    "migrating",
    "deploying",
    "checking",
    "succeeded",
];

/// On both databases.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let (mysql, sqlite) = (of(DatabaseKind::MySql, size), of(DatabaseKind::Sqlite, size));
    Ok(mysql?.into_iter().chain(sqlite?).collect())
}

fn of(kind: DatabaseKind, size: Size) -> anyhow::Result<Vec<Figure>> {
    let db = TestDb::new(kind);
    block_on(async {
        let server = Server::start(&db).await;
        record(&server).await?;
        // It is folded before anything is measured: the first answer waits for it.
        p95(&server, "/v1/trend", &[PATH.to_owned()]).await?;
        let answer = server.get(PATH).await;
        let answer: TrendAnswer = serde_json::from_str(answer.ok())?;
        let [trend] = &answer.trends[..] else { anyhow::bail!("{} trends", answer.trends.len()) };
        ensure!(u64::from(trend.deployments) == DEPLOYMENTS && trend.verdict == Verdict::Growing, "it does not grow");
        let paths: Vec<String> = (0..size.pairs.div_ceil(4)).map(|_| PATH.to_owned()).collect();
        let ms = p95(&server, "/v1/trend", &paths).await?;
        server.stop().await;
        Ok(vec![Figure {
            what: format!("trend of one component, {DEPLOYMENTS} deployments of {} steps, {kind:?}", STEPS.len()),
            steps: format!("p95 {ms:.1} ms at the server"),
            beside: String::new(),
            ratio: String::new(),
            target: Some(("<= 150 ms", ms <= 150.0)),
        }])
    })
}

const PATH: &str = "/v1/trend?component=checkout&since=370d&by=sprint";

/// Records a year of deployments of `checkout`, up to now.
pub async fn record(server: &Server) -> anyhow::Result<()> {
    for batch in history()?.chunks(BATCH) {
        record_all(server, batch).await?;
    }
    Ok(())
}

fn history() -> anyhow::Result<Vec<Value>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros();
    let mut steps = Vec::new();
    for nth in 0..DEPLOYMENTS {
        let mut ts = now - APART.as_micros() * u128::from(DEPLOYMENTS - nth);
        for status in STEPS {
            let moment = steps_shared::Timestamp::from_micros(i64::try_from(ts)?)?;
            steps.push(json!({
                "component": "checkout", "version": format!("1.{nth}"), "owner": "ann", "status": status, "ts": moment,
            }));
            let grown = if status == "migrating" { nth / 20 } else { 0 };
            ts += u128::from(fastrand::u64(20_000..40_000) + grown * 1000) * 1000;
        }
    }
    Ok(steps)
}
