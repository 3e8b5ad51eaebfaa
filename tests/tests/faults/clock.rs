//! A clock that stands before 1970, and a server that stands still.

use std::time::{Duration, Instant};

use serde_json::json;
use steps_shared::{LineResult, Step, StepId};
use steps_tests::clock::Clock;
use steps_tests::faults::{Load, Report, Shape, short_or_long};
use steps_tests::server::Builder;
use steps_tests::steps::now;
use steps_tests::{Server, TestDb, eventually, on_both_stores};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

on_both_stores!(
    a_clock_before_1970_stops_nothing,
    of_two_deliveries_the_earlier_time_holds,
    a_time_that_was_sent_is_not_moved_by_an_age,
    a_span_is_moved_as_a_whole,
    a_server_that_stands_still_loses_nothing,
);

/// From now back into 1926.
const BEFORE_1970: i64 = -3_155_760_000;

const STEP: [(&str, &str); 4] = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];

async fn a_clock_before_1970_stops_nothing(db: TestDb) {
    let clock = Clock::new();
    clock.set(BEFORE_1970);
    let library = clock.library();
    let builder = Builder::on(&db.url()).env("LD_PRELOAD", library).env("CLOCK_SHIFT", clock.shift());
    let mut process = builder.spawn();
    process.logged("the clock of this machine stands before 1970").await;
    assert!(process.try_ended().is_none());
    clock.set(0);
    let url = process.listening().await;
    let client = steps_tests::http::client();
    let post = async || client.post(format!("{url}/v1/steps")).query(&STEP).send().await.unwrap();
    let ready = async || client.get(format!("{url}/readyz")).send().await.unwrap().status().as_u16();
    assert_eq!(post().await.status(), 201);
    clock.set(BEFORE_1970);
    for path in ["/v1/steps", "/v1/steps?format=xlsx", "/v1/deployments", "/v1/stats", "/readyz"] {
        let answer = client.get(format!("{url}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 503, "{path}");
        assert!(answer.text().await.unwrap().contains("stands before 1970"), "{path}");
    }
    let refused = post().await;
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (503, true));
    assert_eq!(client.get(format!("{url}/healthz")).send().await.unwrap().status(), 200);
    clock.set(0);
    assert_eq!((post().await.status().as_u16(), ready().await), (201, 200));
    assert!(!process.log().contains("panicked"), "{}", process.log());
    assert_eq!(db.stored_steps().await, 2);
    process.terminate();
    assert!(process.ended().await.success());
    // A command of the operator meets the same clock.
    clock.set(BEFORE_1970);
    let library = clock.library();
    let builder = Builder::on(&db.url()).env("LD_PRELOAD", library).env("CLOCK_SHIFT", clock.shift());
    let refused = builder.run("verify").stderr;
    assert!(
        refused.contains("the clock of this machine stands before 1970") && !refused.contains("panicked"),
        "{refused}"
    );
}

/// Sends a request, and does not wait for its answer: what is sent to a server that stands still.
async fn send(server: &Server, path: &str) -> TcpStream {
    let address = server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// How long the server stands still.
const STILL: Duration = Duration::from_secs(4);

/// Lets the server stand still with this request in its sockets; the moment at which it was sent.
async fn stand_still(server: &Server, path: &str) -> (i64, String) {
    server.process().pause();
    let sent = now().micros();
    let stream = send(server, path).await;
    // What is tested is that this time passes.
    tokio::time::sleep(STILL).await;
    server.process().resume();
    (sent, answer(stream).await)
}

fn age(since: i64) -> String {
    format!("{:.6}", (now().micros() - since) as f64 / 1e6)
}

async fn of_two_deliveries_the_earlier_time_holds(db: TestDb) {
    let server = Server::start(&db).await;
    let second = 1_000_000;
    let phase = |id: StepId, status: &str| format!("/v1/steps?id={id}&component=c&version=1&owner=o&status={status}");
    let (id, next) = (StepId::generate(), StepId::generate());
    let (sent, answered) = stand_still(&server, &phase(id, "building")).await;
    assert!(answered.starts_with("HTTP/1.1 201"), "{answered}");
    let late = server.get(&format!("/v1/steps/{id}")).await.step(200);
    assert!(late.ts.micros() - sent >= 3 * second, "the server gave it the time at which it woke");
    let end = server.post(&phase(next, "succeeded")).await.recorded();

    // The command, which had no answer, delivers it again.
    let again = server.post(&format!("{}&age={}", phase(id, "building"), age(sent))).await.step(200);
    assert!((again.ts.micros() - sent).abs() < second, "{} is not {sent}", again.ts);
    // Later deliveries move nothing, in a batch neither.
    let line = |age: &str, status: &str| json!({"id": id, "component": "c", "version": "1", "owner": "o", "status": status, "age": age.parse::<f64>().unwrap()});
    let batch = server.batch(&[line("0", "building"), line("1", "building")]).await;
    assert!(batch.steps.iter().all(|line| line.result == LineResult::AlreadyRecorded), "{batch:?}");
    assert_eq!(server.post(&phase(id, "building")).await.step(200).ts, again.ts);
    // Another step under its id is a conflict, whatever its age.
    server.post(&format!("{}&age=3600", phase(id, "testing"))).await.problem(409);
    let batch = server.batch(&[line("3600", "testing")]).await;
    assert_eq!(batch.refused, 1, "{batch:?}");

    // What is derived of it follows.
    let stored = server.get(&format!("/v1/steps/{id}")).await.step(200);
    assert_eq!((stored.ts, stored.ended_at), (again.ts, Some(end.ts)));
    let deployments = server.deployments("component=c").await;
    assert!(deployments.contains(&again.ts.to_rfc3339()), "{deployments}");
    assert!(!deployments.contains(&late.ts.to_rfc3339()), "{deployments}");
    // An entry of a batch moves it, too.
    let batch = server.batch(&[line("60", "building")]).await;
    assert_eq!(batch.steps[0].result, LineResult::AlreadyRecorded);
    let earlier = server.get(&format!("/v1/steps/{id}")).await.step(200);
    assert!(again.ts.micros() - earlier.ts.micros() > 40 * second, "{}", earlier.ts);
    assert_eq!(db.stored_steps().await, 2);
    server.stop().await;
    Builder::on(&db.url()).run("verify").ok();
}

async fn a_time_that_was_sent_is_not_moved_by_an_age(db: TestDb) {
    let server = Server::start(&db).await;
    let id = StepId::generate().to_string();
    let sent = [("id", id.as_str()), ("ts", "2026-01-05T09:30:00Z")];
    let with = |more: &[(&'static str, &str)]| -> Vec<(String, String)> {
        STEP.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let record = async |fields: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        server.record(&fields).await
    };
    let first = record(with(&[("id", sent[0].1), sent[1]])).await.recorded();
    // Ten years, to be sure.
    let again = record(with(&[("id", sent[0].1), ("age", "300000000")])).await.step(200);
    assert_eq!(again.ts, first.ts);
    server.stop().await;
    Builder::on(&db.url()).run("verify").ok();
}

/// `steps run` could not tell the beginning in time, and sends the whole span when its command has ended.
async fn a_span_is_moved_as_a_whole(db: TestDb) {
    let server = Server::start(&db).await;
    let id = StepId::generate();
    let path = format!("/v1/steps?id={id}&component=c&version=1&owner=o&status=building&span=true");
    let (sent, _) = stand_still(&server, &path).await;
    let whole = format!("{path}&outcome=succeeded&duration=2&exit_code=0&age={}", age(sent));
    let told: Step = server.post(&whole).await.step(201);
    let near = |step: &Step| (step.ts.micros() - sent).abs() < 1_000_000 && step.duration().unwrap().seconds() == 2.0;
    assert!(near(&told), "{told:?} is not of {sent}");
    assert!(near(&server.post(&whole).await.step(200)));
    let stored = eventually("it is folded", async || {
        let stored = server.get(&format!("/v1/steps/{id}")).await.step(200);
        stored.deployment_id.is_some().then_some(stored)
    })
    .await;
    assert!(near(&stored), "{stored:?}");
    server.post(&whole.replace("duration=2", "duration=3")).await.problem(409);
    server.stop().await;
    Builder::on(&db.url()).run("verify").ok();
}

async fn a_server_that_stands_still_loses_nothing(db: TestDb) {
    let (times, still) = short_or_long((2, Duration::from_secs(2)), (6, Duration::from_secs(10)));
    LocalSet::new()
        .run_until(async {
            let server = Server::start(&db).await;
            let load = Load::start(&[server.url()], Shape::default());
            let mut recoveries = Vec::new();
            for _ in 0..times {
                load.more(100).await;
                server.process().pause();
                // What is tested is that this time passes.
                tokio::time::sleep(still).await;
                server.process().resume();
                recoveries.push(load.recovered(Instant::now()).await);
            }
            let ledger = load.stop().await;
            let fault = format!("SIGSTOP of the server ({:?})", db.kind());
            Report::close(&fault, times, recoveries, &ledger, &db.url()).await;
            server.stop().await;
        })
        .await;
}
