//! `GET /v1/events`: what a thousand readers cost, and how soon they are told.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use steps_shared::StepId;
use steps_tests::events::Events;
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, Server, TestDb, block_on};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::ask::{COMPONENTS, stored};
use crate::tools::{median, percentile, product};
use crate::{Figure, Size};

const READERS: usize = 1000;
/// Steps a second where everybody watches everything, and where each watches a component: far more than teams record.
const FOR_ALL: u32 = 20;
const FOR_SOME: u32 = 200;
/// How long an event may take before the measurement fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// On both stores, and between two servers of one database.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let (db, _) = stored(size.steps.min(1_000_000))?;
    let mut figures = on(&db, product(), size)?;
    figures.extend(on(&TestDb::new(DatabaseKind::Sqlite), "SQLite", size)?);
    Ok(figures)
}

fn on(db: &TestDb, store: &str, size: Size) -> anyhow::Result<Vec<Figure>> {
    block_on(async {
        let (server, other) = (start(db).await, start(db).await);
        let mut figures =
            vec![latency(&server, &server, store, size).await?, latency(&server, &other, store, size).await?];
        other.stop().await;
        figures.push(memory(&server, store).await?);
        let everything = |_| String::new();
        figures.push(beside(&server, store, FOR_ALL, "of everything", everything, size).await?);
        let one = |nth| format!("?component=service-{}", nth as u64 % COMPONENTS);
        figures.push(beside(&server, store, FOR_SOME, "of one component each", one, size).await?);
        server.stop().await;
        Ok(figures)
    })
}

async fn start(db: &TestDb) -> Server {
    Builder::on(&db.url()).args(&["--event-readers", "2000", "--requests-per-second", "0"]).start().await
}

/// From the 201 of one server to the event at a reader of the other, or of the same.
async fn latency(recorder: &Server, teller: &Server, store: &str, size: Size) -> anyhow::Result<Figure> {
    let mut events = teller.watch("event=step").await;
    let mut took = Vec::new();
    for nth in 0..size.pairs {
        let id = StepId::generate();
        let step =
            json!({"id": id, "component": "told", "version": nth.to_string(), "owner": "ann", "status": "building"});
        let answer = recorder.post_body("/v1/steps", "application/json", step.to_string()).await;
        let answered = Instant::now();
        ensure!(answer.status == 201, "{}", answer.text());
        told(&mut events, id).await?;
        took.push(answered.elapsed().as_secs_f64() * 1e3);
    }
    let is_same = recorder.url() == teller.url();
    let (whom, target, most) =
        if is_same { ("the same server", "p99 <= 50 ms", 50.0) } else { ("another server", "p99 <= 1 s", 1000.0) };
    let p99 = percentile(took.clone(), 0.99);
    Ok(Figure {
        what: format!("from the 201 to the event at a reader of {whom}, {store}"),
        steps: format!("p50 {:.1} ms, p99 {p99:.1} ms", median(took)),
        beside: String::new(),
        ratio: String::new(),
        target: Some((target, p99 <= most)),
    })
}

async fn told(events: &mut Events, id: StepId) -> anyhow::Result<()> {
    let id = id.to_string();
    let found = async {
        while events.try_next().await?.context("the stream has ended")?.data["id"] != id.as_str() {}
        anyhow::Ok(())
    };
    timeout(PATIENCE, found).await?
}

async fn memory(server: &Server, store: &str) -> anyhow::Result<Figure> {
    let now = || server.process().memory_mib().context("the server is running");
    // One reader makes what all share.
    let first = readers(server, 1, |_| String::new()).await?;
    let before = now()?;
    let all = readers(server, READERS, |_| String::new()).await?;
    let more = now()? - before;
    first.iter().chain(&all).for_each(JoinHandle::abort);
    Ok(Figure {
        what: format!("{READERS} readers connected, {store}"),
        steps: format!("{more:.1} MiB more memory"),
        beside: String::new(),
        ratio: String::new(),
        target: Some(("<= 32 MiB", more <= 32.0)),
    })
}

/// Recording at a steady pace with readers, in turn with recording without.
async fn beside(
    server: &Server,
    store: &str,
    pace: u32,
    which: &str,
    query: impl Fn(usize) -> String,
    size: Size,
) -> anyhow::Result<Figure> {
    let (mut alone, mut with) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        alone.push(recording(server, pace, size).await?);
        let readers = readers(server, READERS, &query).await?;
        with.push(recording(server, pace, size).await?);
        ensure!(readers.iter().all(|reader| !reader.is_finished()), "readers were cut off");
        readers.iter().for_each(JoinHandle::abort);
    }
    let ratio = median(with.iter().zip(&alone).map(|(with, alone)| with / alone).collect());
    Ok(Figure {
        what: format!("POST at {pace}/s beside {READERS} readers {which}, {store}"),
        steps: format!("p99 {:.1} ms", median(with)),
        beside: format!("without p99 {:.1} ms", median(alone)),
        ratio: format!("{ratio:.2}x"),
        target: Some(("<= 1.2x", ratio <= 1.2)),
    })
}

/// The 99th percentile of the milliseconds that a recording takes, from the moment at which it was due.
async fn recording(server: &Server, pace: u32, size: Size) -> anyhow::Result<f64> {
    let mut ticks = interval(Duration::from_secs(1) / pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut answers = Vec::new();
    for nth in 0..u64::from(pace) * size.seconds * 3 {
        let due = ticks.tick().await;
        let path =
            format!("/v1/steps?component=service-{}&version=2.{nth}&owner=ann&status=building", nth % COMPONENTS);
        let request = server.request(reqwest::Method::POST, &path);
        answers.push(tokio::spawn(async move {
            let status = request.send().await?.status();
            ensure!(status == 201, "{status}");
            Ok(due.elapsed().as_secs_f64() * 1e3)
        }));
    }
    let took: Vec<f64> = try_join_all(answers).await?.into_iter().collect::<Result<_, _>>()?;
    Ok(percentile(took, 0.99))
}

/// So many, each connected and reading.
async fn readers(
    server: &Server,
    count: usize,
    query: impl Fn(usize) -> String,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let address = server.url().strip_prefix("http://").context("http")?.to_owned();
    let mut readers = Vec::new();
    for nth in 0..count {
        let mut stream = TcpStream::connect(&address).await?;
        let head = format!("GET /v1/events{} HTTP/1.1\r\nHost: {address}\r\n\r\n", query(nth));
        stream.write_all(head.as_bytes()).await?;
        let mut begin = [0; 15];
        stream.read_exact(&mut begin).await?;
        ensure!(&begin == b"HTTP/1.1 200 OK", "{}", String::from_utf8_lossy(&begin));
        readers.push(tokio::spawn(async move {
            let mut bytes = vec![0; 4096];
            while let Ok(1..) = stream.read(&mut bytes).await {}
        }));
    }
    Ok(readers)
}
