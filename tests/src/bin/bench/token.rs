//! What a token costs: `POST /v1/steps` with one, beside the same without.

use steps_tests::access::generated_token;
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, Server, TestDb, block_on};

use crate::post::{Load, wrk};
use crate::tools::{median, ms, product};
use crate::{Figure, Size};

const CONNECTIONS: usize = 64;

/// At 64 connections, on both stores.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    [DatabaseKind::MySql, DatabaseKind::Sqlite].into_iter().map(|kind| on(kind, size)).collect()
}

fn on(kind: DatabaseKind, size: Size) -> anyhow::Result<Figure> {
    let (open, closed) = (TestDb::new(kind), TestDb::new(kind));
    let token = generated_token();
    let builder = Builder::on(&closed.url()).env("STEPS_BOOTSTRAP_TOKEN", &token);
    let closed_server = block_on(builder.args(&["--requests-per-second", "0"]).start());
    let open_server = block_on(Server::start(&open));
    let mut loads: Vec<(Load, Load)> = Vec::new();
    for _ in 0..size.rounds {
        let without = wrk(&open_server, None, CONNECTIONS, size.seconds)?;
        loads.push((wrk(&closed_server, Some(&token), CONNECTIONS, size.seconds)?, without));
    }
    block_on(async { tokio::join!(open_server.stop(), closed_server.stop()) });
    let ratio = median(loads.iter().map(|(with, without)| with.per_second / without.per_second).collect());
    let middle = |figure: fn(&(Load, Load)) -> f64| median(loads.iter().map(figure).collect());
    let p99 = |seconds: f64| ms(std::time::Duration::from_secs_f64(seconds));
    let store = if kind == DatabaseKind::MySql { product() } else { "SQLite" };
    Ok(Figure {
        what: format!("POST with a token, {store}, {CONNECTIONS} connections"),
        steps: format!(
            "{:.0}/s, p99 {}",
            middle(|(with, _)| with.per_second),
            p99(middle(|(with, _)| with.p99.as_secs_f64()))
        ),
        beside: format!(
            "without {:.0}/s, p99 {}",
            middle(|(_, without)| without.per_second),
            p99(middle(|(_, without)| without.p99.as_secs_f64()))
        ),
        ratio: format!("{ratio:.2}x"),
        target: Some((">= 0.97x", ratio >= 0.97)),
    })
}
