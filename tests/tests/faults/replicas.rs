//! Several servers on one database, of which one dies, one is stopped and one is added.

use std::time::Instant;

use steps_tests::faults::load::with_load;
use steps_tests::faults::{Load, Report, Shape, short_or_long};
use steps_tests::{DatabaseKind, Server, TestDb};

#[test]
fn a_server_killed_a_server_stopped_a_server_added() {
    let db = TestDb::new(DatabaseKind::MySql);
    with_load(async {
        let rounds = short_or_long(3, 20);
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(Server::start(&db).await);
        }
        let urls: Vec<&str> = servers.iter().map(Server::url).collect();
        let load = Load::start(&urls, Shape::default());
        let mut recoveries = Vec::new();
        for _ in 0..rounds {
            load.more(200).await;
            let mut killed = servers.remove(0);
            killed.kill();
            recoveries.push(load.recovered(Instant::now()).await);
            let added = Server::start(&db).await;
            load.add_target(added.url());
            servers.push(added);
            load.more(100).await;
            servers.remove(0).stop().await;
            recoveries.push(load.recovered(Instant::now()).await);
            let added = Server::start(&db).await;
            load.add_target(added.url());
            servers.push(added);
        }
        let ledger = load.stop().await;
        let fault = "three servers: one killed, one stopped, two added";
        Report::close(fault, rounds * 4, recoveries, &ledger, &db.url()).await;
    });
}
