//! A group of three MySQL nodes, one server beside each: a node dies, and nothing that was acknowledged dies with it.

use std::time::Instant;

use steps_tests::faults::load::with_load;
use steps_tests::faults::{GroupReplication, Load, Report, Shape};
use steps_tests::server::Builder;
use steps_tests::{Server, eventually};

#[test]
fn a_node_dies_and_comes_back() {
    with_load(async {
        let mut group = GroupReplication::start().await;
        let mut servers: Vec<Server> = Vec::new();
        // One after the other: the first brings the schema up to date.
        for node in 0..3 {
            servers.push(Builder::on(&group.url(node)).args(&["--deadline", "5s"]).start().await);
        }
        let urls: Vec<&str> = servers.iter().map(Server::url).collect();
        let load = Load::start(&urls, Shape::default());
        let mut recoveries = Vec::new();
        for node in [2, 0, 1] {
            load.more(2000).await;
            group.kill(node);
            let killed = Instant::now();
            eventually("its server is not ready", async || {
                (servers[node].get("/readyz").await.status == 503).then_some(())
            })
            .await;
            recoveries.push(load.recovered(killed).await);
            load.more(500).await;
            group.rejoin(node).await;
            eventually("its server is ready again", async || {
                (servers[node].get("/readyz").await.status == 200).then_some(())
            })
            .await;
        }
        load.more(500).await;
        let ledger = load.stop().await;
        for node in 0..3 {
            let fault = format!("SIGKILL of a MySQL node, as node {} tells it", node + 1);
            Report::close(&fault, 3, recoveries.clone(), &ledger, &group.url(node)).await;
        }
        for server in servers {
            server.stop().await;
        }
    });
}
