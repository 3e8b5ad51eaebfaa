//! Connections that break, stall, or lose their answers: between the server and its database, and between clients and
//! the server.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use steps_shared::StepId;
use steps_tests::faults::load::with_load;
use steps_tests::faults::{Fault, Load, Proxy, Report, Shape, forget_probes, refuses_a_recording, short_or_long};
use steps_tests::http::client;
use steps_tests::server::Builder;
use steps_tests::{Answer, DatabaseKind, SLACK, Server, TestDb, block_on, eventually, on_both_stores};

on_both_stores!(an_answer_that_is_lost_after_the_commit_doubles_nothing);

/// A server whose database is behind a proxy, and clients at work.
async fn start(db: &TestDb, args: &[&str]) -> (Proxy, Server, Load) {
    let proxy = Proxy::start(db.port()).await;
    let server = Builder::on(&db.url_at_port(proxy.port())).args(args).start().await;
    let load = Load::start(&[server.url()], Shape::default());
    load.more(50).await;
    (proxy, server, load)
}

#[test]
fn connections_to_the_database_that_are_cut() {
    let db = TestDb::new(DatabaseKind::MySql);
    with_load(async {
        let cuts = short_or_long(20, 200);
        let (proxy, server, load) = start(&db, &["--deadline", "5s"]).await;
        let mut recoveries = Vec::new();
        for _ in 0..cuts {
            load.more(fastrand::usize(1..100)).await;
            proxy.cut().await;
            recoveries.push(load.recovered(Instant::now()).await);
        }
        let ledger = load.stop().await;
        Report::close("connections to the database cut", cuts, recoveries, &ledger, &db.url()).await;
        server.stop().await;
    });
}

#[test]
fn a_database_that_refuses_connections() {
    let db = TestDb::new(DatabaseKind::MySql);
    with_load(async {
        let (proxy, server, load) = start(&db, &["--deadline", "1s"]).await;
        proxy.set(Fault::Refuse);
        eventually("not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
        refuses_a_recording(&server).await;
        proxy.set(Fault::None);
        let recovery = load.recovered(Instant::now()).await;
        eventually("ready again", async || (server.get("/readyz").await.status == 200).then_some(())).await;
        let ledger = load.stop().await;
        forget_probes(&db.url()).await;
        Report::close("connections to the database refused", 1, vec![recovery], &ledger, &db.url()).await;
        server.stop().await;
    });
}

/// Nothing comes through, nothing breaks, and what was sent is not lost but late.
#[test]
fn a_network_that_swallows_everything() {
    let db = TestDb::new(DatabaseKind::MySql);
    with_load(async {
        let (deadline, holes) = (Duration::from_secs(1), short_or_long(2, 10));
        let (proxy, server, load) = start(&db, &["--deadline", "1s"]).await;
        let mut recoveries = Vec::new();
        for _ in 0..holes {
            proxy.set(Fault::BlackHole);
            eventually("not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
            for path in ["/v1/steps?limit=1", "/v1/deployments?limit=1", "/v1/stats"] {
                server.get(path).await.problem(503);
            }
            server.get("/healthz").await.ok();
            // The connections that were there never come to life again.
            proxy.set(Fault::None);
            recoveries.push(load.recovered(Instant::now()).await);
            for path in ["/readyz", "/v1/steps?limit=1", "/v1/deployments?limit=1"] {
                eventually(path, async || (server.get(path).await.status == 200).then_some(())).await;
            }
        }
        let ledger = load.stop().await;
        assert_eq!(ledger.unanswered, 0, "requests without an answer");
        assert!(ledger.longest < deadline + SLACK, "{:?}", ledger.longest);
        Report::close("a network that swallows everything", holes, recoveries, &ledger, &db.url()).await;
        server.stop().await;
    });
}

#[test]
fn a_slow_network() {
    let db = TestDb::new(DatabaseKind::MySql);
    with_load(async {
        let (proxy, server, load) = start(&db, &["--deadline", "30s"]).await;
        proxy.set(Fault::Delay(Duration::from_millis(30)));
        load.more(short_or_long(200, 800)).await;
        proxy.set(Fault::None);
        let ledger = load.stop().await;
        assert!(ledger.statuses.keys().all(|status| [200, 201].contains(status)), "{:?}", ledger.statuses);
        Report::close("30 ms more to the database", 1, Vec::new(), &ledger, &db.url()).await;
        server.stop().await;
    });
}

/// The commit is done, and its answer is cut in the middle: the server cannot know, and must not record it twice.
#[test]
fn answers_to_commits_that_are_truncated() {
    let db = TestDb::new(DatabaseKind::MySql);
    with_load(async {
        let wanted = short_or_long(20, 200);
        let (proxy, server, load) = start(&db, &["--deadline", "5s"]).await;
        while proxy.truncated() < wanted {
            let before = proxy.truncated();
            proxy.set(Fault::Truncate(b"COMMIT", fastrand::usize(0..7)));
            eventually("an answer is truncated", async || (proxy.truncated() > before).then_some(())).await;
            proxy.set(Fault::None);
            load.more(1).await;
        }
        let truncated = proxy.truncated();
        let ledger = load.stop().await;
        Report::close("answers to COMMIT truncated", truncated, Vec::new(), &ledger, &db.url()).await;
        server.stop().await;
    });
}

#[test]
fn connections_of_clients_that_are_cut() {
    let db = TestDb::new(DatabaseKind::MySql);
    with_load(async {
        let cuts = short_or_long(50, 500);
        let server = Server::start(&db).await;
        let port = server.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let proxy = Proxy::start(port).await;
        let load = Load::start(&[&format!("http://127.0.0.1:{}", proxy.port())], Shape::default());
        for _ in 0..cuts {
            load.more(fastrand::usize(1..50)).await;
            proxy.cut().await;
        }
        let ledger = load.stop().await;
        assert!(ledger.broken > 0, "no client has noticed");
        Report::close("connections of clients cut", cuts, Vec::new(), &ledger, &db.url()).await;
        server.stop().await;
    });
}

/// The client hears nothing, sends the same again, and is told that it is recorded.
async fn an_answer_that_is_lost_after_the_commit_doubles_nothing(db: TestDb) {
    let server = Server::start(&db).await;
    let port = server.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let proxy = Proxy::start(port).await;
    proxy.set(Fault::Truncate(b"POST", 9));
    let step = json!({"id": StepId::generate(), "component": "c", "version": "1", "owner": "o", "status": "s"});
    let send = || client().request(Method::POST, format!("http://127.0.0.1:{}/v1/steps", proxy.port())).json(&step);
    send().send().await.expect_err("half a line is no answer");
    assert_eq!(db.stored_steps().await, 1, "it was committed all the same");
    proxy.set(Fault::None);
    assert_eq!(Answer::of(send()).await.step(200).version.as_str(), "1");
    assert_eq!(db.stored_steps().await, 1);
    server.stop().await;
}

/// The projector's connections, too, are not waited for for ever: reads come back.
#[test]
fn reads_come_back_after_a_cut() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let proxy = Proxy::start(db.port()).await;
        let server = Builder::on(&db.url_at_port(proxy.port())).args(&["--deadline", "5s"]).start().await;
        let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "started")];
        server.record(&fields).await.recorded();
        server.get("/v1/deployments").await.ok();
        proxy.set(Fault::Cut);
        server.get("/v1/deployments").await.problem(503);
        proxy.set(Fault::None);
        eventually("deployments", async || (server.get("/v1/deployments").await.status == 200).then_some(())).await;
        server.record(&fields).await.recorded();
        assert_eq!(server.deployments("").await.lines().count(), 3);
        server.stop().await;
    });
}
