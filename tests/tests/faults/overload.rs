//! Far more work than can be done, and clients that do nothing: what is refused is refused at once, memory stays bounded.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::faults::{PrivateDatabase, tell};
use steps_tests::http::client;
use steps_tests::server::Builder;
use steps_tests::{Answer, Server, TestDb, block_on, eventually, on_both_stores};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

on_both_stores!(clients_that_stall_are_cut_off, connections_are_bounded);

const CONNECTIONS: usize = 2000;
/// Steps in each batch: the queue holds 20,000, and ten times as many are sent.
const BATCH: usize = 100;
/// What the server may hold in memory, in MiB.
const MOST_MIB: f64 = 200.0;

fn batch() -> (Vec<StepId>, Value) {
    let ids: Vec<StepId> = (0..BATCH).map(|_| StepId::generate()).collect();
    let step = |id: &StepId| json!({"id": id, "component": "c", "version": "1", "owner": "o", "status": "phase"});
    let steps = ids.iter().map(step).collect();
    (ids, steps)
}

/// The database stands still, so that nothing leaves the queue, while 2,000 connections send ten times what it holds.
#[test]
fn ten_times_too_much() {
    block_on(async {
        let database = PrivateDatabase::start().await;
        // Longer than it takes to send all of it.
        let server = Builder::on(&database.url()).args(&["--deadline", "20s"]).start().await;
        let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "phase")];
        server.record(&fields).await.recorded();
        database.pause();
        // What is sent is made before the first connection: a server gives one that has sent nothing ten seconds.
        let batches: Vec<_> = (0..CONNECTIONS).map(|_| batch()).collect();
        let (client, began) = (client(), Instant::now());
        let send = async |(ids, steps): (Vec<StepId>, Value)| {
            let request = client.post(format!("{}/v1/steps/batch", server.url())).json(&steps);
            let answer = Answer::of(request).await;
            (ids, answer)
        };
        let healthy = async {
            let mut longest = Duration::ZERO;
            while began.elapsed() < Duration::from_secs(3) {
                let asked = Instant::now();
                server.get("/healthz").await.ok();
                longest = longest.max(asked.elapsed());
            }
            longest
        };
        let (answers, longest) = tokio::join!(join_all(batches.into_iter().map(send)), healthy);
        let at_once = answers.iter().filter(|(_, answer)| answer.text().contains("too many steps are waiting")).count();
        for (_, answer) in &answers {
            answer.problem(503);
            assert_eq!(answer.header("retry-after"), "1");
        }
        let peak = server.process().peak_mib().expect("the server lives");
        database.resume();
        eventually("it is ready", async || (server.get("/readyz").await.status == 200).then_some(())).await;
        let recorded = eventually("a step is recorded", async || {
            let answer = server.record(&fields).await;
            (answer.status == 201).then_some(answer)
        });
        recorded.await.recorded();
        // What was refused may be sent again, as often as it takes.
        for (ids, _) in answers.iter().take(20) {
            let step =
                |id: &StepId| json!({"id": id, "component": "c", "version": "1", "owner": "o", "status": "phase"});
            let steps: Vec<Value> = ids.iter().map(step).collect();
            let answer = server.batch(&steps).await;
            assert_eq!(answer.recorded + answer.already_recorded, BATCH as u64);
        }
        tell(format!(
            "overload: {CONNECTIONS} connections, {} steps sent, queue 20000, refused at once {at_once}, peak {peak:.0} MiB, \
             longest /healthz {:.2} s",
            CONNECTIONS * BATCH,
            longest.as_secs_f64()
        ));
        assert!(peak < MOST_MIB, "{peak} MiB");
        // The queue takes 200 of the batches; those wait for the database until their deadline.
        assert!(at_once >= CONNECTIONS - 400, "{at_once} were refused at once");
        server.stop().await;
    });
}

async fn connect(server: &Server, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    stream
}

/// Nothing at all, a part of a head, and a part of a body.
async fn clients_that_stall_are_cut_off(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--stall-timeout", "1s"]).start().await;
    let post =
        "POST /v1/steps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    for (head, answer) in
        [("", ""), ("GET /v1/st", ""), ("GET / HTTP/1.1\r\nHost: localhost", ""), (post, "HTTP/1.1 408")]
    {
        let mut stream = connect(&server, head).await;
        let mut said = String::new();
        let reading = stream.read_to_string(&mut said);
        let read = tokio::time::timeout(steps_tests::PATIENCE, reading).await.expect("the server ends it");
        read.expect("it ends in order");
        assert!(said.starts_with(answer), "{head:?} is answered with {said:?}");
    }
    server.get("/healthz").await.ok();
    server.stop().await;
}

/// Those beyond the limit wait until others are done, and are then served.
async fn connections_are_bounded(db: TestDb) {
    let args = ["--connections", "3", "--stall-timeout", "1s"];
    let server = Builder::on(&db.url()).args(&args).start().await;
    let idle = join_all((0..3).map(|_| connect(&server, ""))).await;
    let mut fourth = connect(&server, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let mut said = String::new();
    let reading = fourth.read_to_string(&mut said);
    tokio::time::timeout(steps_tests::PATIENCE, reading).await.expect("an answer").expect("a whole answer");
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    drop(idle);
    let steps = server.request(Method::GET, "/v1/steps/count").send().await.expect("an answer");
    assert_eq!(steps.status(), 200);
    server.stop().await;
}
