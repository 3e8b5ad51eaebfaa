//! One deployment that goes on and on: what recording costs, and a read after it, however many steps there were before.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steps_shared::{StepId, Timestamp};
use steps_tests::steps::now;
use steps_tests::{DatabaseKind, Server, TestDb, block_on, eventually};

use crate::tools::{percentile, product, record_all, record_together};
use crate::{Figure, Size};

const LENGTHS: [usize; 3] = [1_000, 10_000, 100_000];
/// Clients that record at the same time, and the pause of each between two steps.
const CLIENTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(2);
const BATCH: usize = 1000;

/// On both stores.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (kind, store) in [(DatabaseKind::MySql, product()), (DatabaseKind::Sqlite, "SQLite")] {
        let db = TestDb::new(kind);
        let mut shortest = None;
        for length in LENGTHS {
            let (p99, read) = block_on(async {
                let server = Server::start(&db).await;
                let measured = of(&server, length, Duration::from_secs(size.seconds)).await;
                server.stop().await;
                measured
            })?;
            let ratio = p99 / *shortest.get_or_insert(p99);
            figures.push(Figure {
                what: format!("POST to one deployment of {length} steps, {store}"),
                steps: format!("p99 {p99:.2} ms, a read then {:.0} ms", read.as_secs_f64() * 1e3),
                beside: String::new(),
                ratio: format!("{ratio:.2}x"),
                target: Some(("p99 <= 1.5x", ratio <= 1.5)),
            });
        }
    }
    Ok(figures)
}

/// In milliseconds the p99 of recording, and how long a read takes after it.
async fn of(server: &Server, length: usize, time: Duration) -> anyhow::Result<(f64, Duration)> {
    let version = length.to_string();
    let first = now().micros() - 3_600_000_000;
    let step = |nth: usize| {
        let ts = Timestamp::from_micros(first + i64::try_from(nth)? * 1000)?;
        let status = format!("part {}", nth % 20);
        anyhow::Ok(
            json!({"id": StepId::generate(), "component": "checkout", "version": version, "owner": "ann", "status": status, "ts": ts}),
        )
    };
    for from in (0..length).step_by(BATCH) {
        let steps: Vec<Value> = (from..length.min(from + BATCH)).map(step).collect::<Result<_, _>>()?;
        record_all(server, &steps).await?;
    }
    read(server, &version).await;
    let clients = vec![("checkout".to_owned(), version.clone()); CLIENTS];
    let took = record_together(server, &clients, PAUSE, time).await?;
    Ok((percentile(took, 0.99), read(server, &version).await))
}

/// How long it takes until the deployment is told with all its steps; until then it is still being folded.
async fn read(server: &Server, version: &str) -> Duration {
    let start = Instant::now();
    let path = format!("/v1/deployments?component=checkout&version={version}");
    eventually("it is folded", async || (server.get(&path).await.status == 200).then_some(start.elapsed())).await
}
