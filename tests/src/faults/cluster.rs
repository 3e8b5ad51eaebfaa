//! What clusters have in common: a node dies, and nothing that was acknowledged dies with it.

use std::time::Instant;

use super::{Load, Report, Shape};
use crate::server::Builder;
use crate::{Server, eventually};

/// Three nodes with one database.
pub trait Cluster {
    /// What a node is called in a report.
    const NODE: &str;

    /// The URL of the database at one of the nodes.
    fn url(&self, node: usize) -> String;

    /// Ends a node at once, as a power cut would: SIGKILL.
    fn kill(&mut self, node: usize);

    /// Starts a node that was killed, and waits until it has what it missed.
    fn rejoin(&mut self, node: usize) -> impl Future<Output = ()>;
}

/// Kills each node under load and brings it back, one server beside each; then compares what each of them tells.
pub async fn nodes_die_and_come_back<C: Cluster>(mut cluster: C) {
    let mut servers: Vec<Server> = Vec::new();
    // One after the other: the first brings the schema up to date.
    for node in 0..3 {
        servers.push(Builder::on(&cluster.url(node)).args(&["--deadline", "5s"]).start().await);
    }
    let urls: Vec<&str> = servers.iter().map(Server::url).collect();
    let load = Load::start(&urls, Shape::default());
    let mut recoveries = Vec::new();
    for node in [2, 0, 1] {
        load.more(2000).await;
        cluster.kill(node);
        let killed = Instant::now();
        eventually("its server is not ready", async || is(&servers[node], 503).await).await;
        recoveries.push(load.recovered(killed).await);
        load.more(500).await;
        cluster.rejoin(node).await;
        eventually("its server is ready again", async || is(&servers[node], 200).await).await;
    }
    load.more(500).await;
    let ledger = load.stop().await;
    for node in 0..3 {
        let fault = format!("SIGKILL of a {} node, as node {} tells it", C::NODE, node + 1);
        Report::close(&fault, 3, recoveries.clone(), &ledger, &cluster.url(node)).await;
    }
    for server in servers {
        server.stop().await;
    }
}

async fn is(server: &Server, status: u16) -> Option<()> {
    (server.get("/readyz").await.status == status).then_some(())
}
