//! What `deploy/compose` starts, as plain processes: two servers on one MariaDB, and HAProxy in front of them with the very
//! configuration file that stands there. Either server is stopped, killed and hung, and both are away for a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use steps_tests::access::generated_token;
use steps_tests::balancer::{Balancer, Failure, Traffic, client_with, port_of};
use steps_tests::faults::load::with_load;
use steps_tests::faults::{Report, free_port};
use steps_tests::http::builder;
use steps_tests::server::Builder;
use steps_tests::tls::{HTTP_1, HTTP_2, TlsFiles};
use steps_tests::{Answer, Cli, DatabaseKind, Server, TestDb, block_on, eventually};
use tokio::net::TcpStream;

/// A server as in `compose.yaml`: the balancer's address is trusted, and it goes on for five seconds after SIGTERM.
fn server(port: u16, db: &TestDb, token: &str) -> Builder {
    let settings = ["--trusted-proxy", "127.0.0.1", "--shutdown-delay", "5s", "--database-wait", "60s"];
    Builder::on_port(port, &db.url()).args(&settings).env("STEPS_BOOTSTRAP_TOKEN", token)
}

/// Both servers on one database, and the balancer in front of them.
struct Site {
    balancer: Balancer,
    servers: [Server; 2],
    token: String,
    /// The last that goes.
    db: TestDb,
}

impl Site {
    async fn start() -> Self {
        Self::with(async |urls| Balancer::start(urls).await).await
    }

    async fn with(balancer: impl AsyncFnOnce([&str; 2]) -> Balancer) -> Self {
        let (db, token) = (TestDb::new(DatabaseKind::MySql), generated_token());
        let first = server(free_port().await, &db, &token).start().await;
        let second = server(free_port().await, &db, &token).start().await;
        let servers = [first, second];
        let balancer = balancer([servers[0].url(), servers[1].url()]).await;
        Self { db, token, servers, balancer }
    }

    fn traffic(&self) -> Traffic {
        Traffic::start(self.balancer.url(), &self.token)
    }

    /// Starts a server again that has ended, and waits until it gets requests; how long that took.
    async fn restart(&mut self, at: usize) -> Duration {
        let (lines, began) = (self.balancer.lines(), Instant::now());
        self.servers[at] = server(port_of(&self.servers[at]), &self.db, &self.token).start().await;
        self.balancer.says(lines, at + 1, "UP").await;
        began.elapsed()
    }

    /// Ends the traffic, and compares what was acknowledged with what is stored.
    async fn close(&self, what: &str, faults: usize, recoveries: Vec<Duration>, traffic: Traffic) {
        Report::close(&format!("behind haproxy: {what}"), faults, recoveries, &traffic.stop().await, &self.db.url())
            .await;
    }
}

#[track_caller]
fn assert_none(failures: &[Failure], when: &str) {
    assert!(failures.is_empty(), "{when}: {} requests failed: {failures:#?}", failures.len());
}

#[test]
fn servers_are_replaced_one_after_the_other_and_no_request_fails() {
    with_load(async {
        let mut site = Site::start().await;
        let traffic = site.traffic();
        let mut recoveries = Vec::new();
        for at in [0, 1] {
            traffic.more(200).await;
            let lines = site.balancer.lines();
            site.servers[at].process().terminate();
            site.balancer.says(lines, at + 1, "stopping").await;
            assert!(site.servers[at].ended().await.success());
            traffic.more(100).await;
            recoveries.push(site.restart(at).await);
        }
        traffic.more(200).await;
        assert_none(&traffic.failures(), "servers were replaced");
        site.close("servers replaced", 2, recoveries, traffic).await;
    });
}

#[test]
fn only_requests_in_flight_fail_when_a_server_is_killed() {
    with_load(async {
        let mut site = Site::start().await;
        let traffic = site.traffic();
        let mut recoveries = Vec::new();
        for at in [0, 1, 0] {
            traffic.more(200).await;
            assert_none(&traffic.failures(), "both servers serve");
            let lines = site.balancer.lines();
            let before = Instant::now();
            site.servers[at].kill();
            let killed = Instant::now();
            // Long before the balancer has noticed, requests find the other server.
            traffic.more(100).await;
            site.balancer.says(lines, at + 1, "DOWN").await;
            traffic.more(100).await;
            let failures = traffic.failures();
            let others: Vec<_> =
                failures.iter().filter(|failure| failure.began > killed || failure.ended < before).collect();
            assert!(others.is_empty(), "not in flight: {others:#?}");
            recoveries.push(site.restart(at).await);
        }
        traffic.more(100).await;
        assert_none(&traffic.failures(), "both servers serve again");
        site.close("servers killed", 3, recoveries, traffic).await;
    });
}

#[test]
fn a_server_that_hangs_gets_no_request_once_that_is_noticed() {
    with_load(async {
        let site = Site::start().await;
        let traffic = site.traffic();
        let mut recoveries = Vec::new();
        for at in [0, 1] {
            traffic.more(200).await;
            let lines = site.balancer.lines();
            site.servers[at].process().pause();
            site.balancer.says(lines, at + 1, "DOWN").await;
            let noticed = Instant::now();
            traffic.more(200).await;
            let began = Instant::now();
            site.servers[at].process().resume();
            site.balancer.says(lines, at + 1, "UP").await;
            recoveries.push(began.elapsed());
            traffic.more(200).await;
            // Who had asked the one that hangs waited for it, for half a minute; nobody else did.
            let failures = traffic.failures();
            let late: Vec<_> = failures.iter().filter(|failure| failure.began > noticed).collect();
            assert!(late.is_empty(), "after it was noticed: {late:#?}");
        }
        site.close("servers hung", 2, recoveries, traffic).await;
    });
}

#[test]
fn the_command_never_fails_and_every_step_is_recorded_once() {
    block_on(async {
        let Site { db, token, mut servers, balancer } = Site::start().await;
        let ports = [port_of(&servers[0]), port_of(&servers[1])];
        let is_stopping = Arc::new(AtomicBool::new(false));
        let pipelines: Vec<_> = (0..2)
            .map(|number| {
                let cli = Cli::new().env("STEPS_SERVER", balancer.url()).env("STEPS_TOKEN", &token);
                let is_stopping = Arc::clone(&is_stopping);
                tokio::task::spawn_blocking(move || pipeline(&cli, number, &is_stopping))
            })
            .collect();
        let recorded = async |steps: i64| {
            let wanted = db.stored_steps().await + steps;
            eventually("steps are recorded", async || (db.stored_steps().await >= wanted).then_some(())).await;
        };
        recorded(10).await;
        servers[0].kill();
        recorded(10).await;
        servers[0] = server(ports[0], &db, &token).start().await;
        let lines = balancer.lines();
        servers[1].process().pause();
        balancer.says(lines, 2, "DOWN").await;
        recorded(10).await;
        servers[1].process().resume();
        recorded(10).await;
        // Both are away for a moment.
        servers[1].kill();
        servers[0].process().terminate();
        assert!(servers[0].ended().await.success());
        for at in [0, 1] {
            servers[at] = server(ports[at], &db, &token).start().await;
        }
        recorded(10).await;
        is_stopping.store(true, Ordering::Relaxed);
        let mut sent = 0;
        for pipeline in pipelines {
            sent += pipeline.await.expect("the pipeline goes on");
        }
        assert_eq!(db.stored_steps().await, sent, "every step is recorded");
        assert_eq!(db.number("SELECT count(DISTINCT owner) FROM steps").await, sent, "each of them once");
    });
}

/// Records steps of other owners with the command until it is told to stop, and delivers what waits then; how many there were.
fn pipeline(cli: &Cli, number: usize, is_stopping: &AtomicBool) -> i64 {
    let mut sent = 0;
    while !is_stopping.load(Ordering::Relaxed) {
        let owner = format!("pipeline-{number}-{sent}");
        let step = ["record", "--component", "checkout", "--version", "1", "--owner", &owner, "--status", "building"];
        cli.run(&step).ok();
        sent += 1;
    }
    // After a failure a server counts as away for half a minute, for `record`; `flush` asks it.
    cli.run(&["flush"]).ok();
    sent
}

#[test]
fn a_long_export_is_whole_though_its_server_is_stopped() {
    block_on(async {
        let Site { db: _db, token, mut servers, balancer } = Site::start().await;
        let client = client_with(&token, 8);
        let component = format!("checkout/{}", "long".repeat(50));
        for version in 0..10 {
            let step = |nth: usize| {
                let ts = format!("2026-03-{:02}T{:02}:{:02}:00Z", version + 1, nth / 60, nth % 60);
                json!({"component": component, "version": version.to_string(), "owner": "ann", "status": "building", "ts": ts})
            };
            let body: Vec<_> = (0..1000).map(step).collect();
            let request = client.request(Method::POST, format!("{}/v1/steps/batch", balancer.url())).json(&body);
            Answer::of(request).await.ok();
        }
        let path = "/v1/steps?format=jsonl";
        let whole = Answer::of(client.get(format!("{}{path}", servers[0].url()))).await;
        assert_eq!(whole.ok().lines().count(), 10_000);

        // One of the two exports is of the server that is stopped in their midst.
        let mut exports = Vec::new();
        for _ in 0..2 {
            let export = client.get(format!("{}{path}", balancer.url())).send().await.expect("an answer");
            assert_eq!(export.status(), 200);
            exports.push((Vec::new(), export));
        }
        for (bytes, export) in &mut exports {
            bytes.extend(export.chunk().await.expect("a part").expect("the first"));
        }
        let lines = balancer.lines();
        servers[0].process().terminate();
        balancer.says(lines, 1, "stopping").await;
        for (mut bytes, mut export) in exports {
            while let Some(part) = export.chunk().await.expect("it goes on") {
                bytes.extend(part);
            }
            assert!(bytes == whole.bytes, "{} bytes of {}", bytes.len(), whole.bytes.len());
        }
        assert!(servers[0].ended().await.success());
        // A workbook is written before its first byte is sent.
        let workbook = Answer::of(client.get(format!("{}/v1/steps?format=xlsx", balancer.url()))).await;
        assert!(workbook.status == 200 && workbook.bytes.starts_with(b"PK"));
    });
}

#[test]
fn wrong_tokens_are_counted_for_the_client_and_not_for_the_balancer() {
    block_on(async {
        let Site { db: _db, token, servers, balancer } = Site::start().await;
        let from = async |address: [u8; 4], token: &str, forwarded: &str| {
            let client = builder().local_address(Some(address.into())).build().expect("a client");
            let request = client.get(format!("{}/v1/steps/count", balancer.url())).bearer_auth(token);
            Answer::of(request.header("x-forwarded-for", forwarded)).await.status
        };
        let (attacker, other) = ([127, 0, 0, 7], [127, 0, 0, 8]);
        // Another address that the attacker makes up each time does not help.
        let mut statuses = Vec::new();
        for nth in 0..200 {
            statuses.push(from(attacker, "steps_x", &format!("192.0.2.{nth}")).await);
        }
        // A busy machine is slow enough for one of the last to be let through again.
        assert!(statuses.contains(&429), "{statuses:?}");
        assert_eq!(from(other, "steps_x", "").await, 401);
        assert_eq!(from(other, &token, "").await, 200);
        assert_eq!(from(attacker, &token, "").await, 200);
        let log = servers.iter().map(|server| server.process().log()).collect::<String>();
        assert!(log.contains("127.0.0.7") && !log.contains("192.0.2.1\""), "{log}");
    });
}

#[test]
fn the_balancer_speaks_tls_and_answers_in_the_form_of_the_servers() {
    block_on(async {
        let files = TlsFiles::new();
        let site = Site::with(async |urls| Balancer::with_tls(urls, &files).await).await;
        let Site { db: _db, token, mut servers, balancer } = site;
        let stream = TcpStream::connect(balancer.url().trim_start_matches("https://")).await.expect("a connection");
        let name = "127.0.0.1".try_into().expect("a name");
        let stream = files.connector(&[HTTP_2, HTTP_1]).connect(name, stream).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(HTTP_2));

        let client = files.client();
        let answer = Answer::of(client.get(format!("{}/v1/steps/count", balancer.url())).bearer_auth(&token)).await;
        assert_eq!(answer.status, 200);
        // The servers know that the client speaks TLS.
        assert!(answer.header("strict-transport-security").contains("max-age"), "{:?}", answer.headers);
        assert!(client_with(&token, 0).get(balancer.url().replace("https", "http")).send().await.is_err());

        let lines = balancer.lines();
        for at in [0, 1] {
            servers[at].kill();
            balancer.says(lines, at + 1, "DOWN").await;
        }
        let answer = Answer::of(client.get(format!("{}/v1/steps", balancer.url())).bearer_auth(&token)).await;
        assert_eq!(answer.header("retry-after"), "1");
        assert!(answer.problem(503).detail.contains("no server"));
    });
}
