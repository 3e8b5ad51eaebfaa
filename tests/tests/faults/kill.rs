//! SIGKILL of the server at random moments, under load: nothing that it acknowledged is lost, nothing is there twice.

use std::time::{Duration, Instant};

use steps_tests::faults::load::with_load;
use steps_tests::faults::{Load, Report, Shape, free_port, short_or_long};
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, TestDb};

#[test]
fn killed_at_random_moments_on_sqlite() {
    with_load(killed_at_random_moments(TestDb::new(DatabaseKind::Sqlite)));
}

#[test]
fn killed_at_random_moments_on_mysql() {
    with_load(killed_at_random_moments(TestDb::new(DatabaseKind::MySql)));
}

async fn killed_at_random_moments(db: TestDb) {
    let kills = short_or_long(20, 60);
    let port = free_port().await;
    let mut server = Builder::on_port(port, &db.url()).start().await;
    let load = Load::start(&[server.url()], Shape::default());
    let mut recoveries = Vec::new();
    for _ in 0..kills {
        load.more(fastrand::usize(1..short_or_long(200, 1500))).await;
        // Not right after an answer, when the server has just written: at any moment between two.
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..20_000))).await;
        server.kill();
        server = Builder::on_port(port, &db.url()).start().await;
        recoveries.push(load.recovered(Instant::now()).await);
    }
    let ledger = load.stop().await;
    let fault = format!("SIGKILL of the server ({:?})", db.kind());
    Report::close(&fault, kills, recoveries, &ledger, &db.url()).await;
    server.stop().await;
}
