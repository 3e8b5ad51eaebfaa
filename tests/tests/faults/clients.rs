//! Clients that mean harm: each is answered or cut off, memory and connections stay bounded, and others record meanwhile.
//!
//! `make soak` runs the same for longer, and prints how long recordings take without and beside each attack.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use steps_shared::BatchAnswer;
use steps_tests::faults::attack::{Attack, Recordings, address, raw, slow_reader};
use steps_tests::faults::{short_or_long, tell};
use steps_tests::http::client;
use steps_tests::server::Builder;
use steps_tests::{Answer, Server, TestDb, eventually, on_both_stores};
use tokio::io::AsyncReadExt as _;

on_both_stores!(
    hostile_batches,
    hostile_parameters,
    readers_that_do_not_read,
    many_workbooks,
    an_idle_flood,
    bodies_that_never_end,
);

/// What the server may hold in memory, in MiB.
const MOST_MIB: f64 = 300.0;

/// Recordings without the attack, then beside it.
async fn beside(what: &str, server: &Server, attack: impl FnOnce() -> Attack) {
    let time = Duration::from_millis(short_or_long(300, 15_000));
    let without = Recordings::of_four(server, time).await;
    let attack = attack();
    eventually("the attack has begun", async || (attack.times() > 0).then_some(())).await;
    let with = Recordings::of_four(server, time).await;
    let times = attack.stop().await;
    let peak = server.process().peak_mib().expect("the server lives");
    tell(format!("attack: {what}, {times} times; without it {without}; beside it {with}; peak {peak:.0} MiB"));
    assert!(peak < MOST_MIB, "{what}: {peak} MiB");
}

/// Bodies of 8 MiB, most of them smaller in a short test: unknown names, one long name, many lines, many elements, deep nesting.
fn hostile_bodies() -> Vec<(&'static str, &'static str, Bytes)> {
    let largest = 8 * 1024 * 1024 - 64;
    let (most, most_unknown) = (short_or_long(1024 * 1024, largest), short_or_long(128 * 1024, largest));
    let mut names = String::from("{\"a\":1");
    while names.len() < largest {
        let _ = write!(names, ",\"{:x}\":1", names.len());
    }
    names.push('}');
    let mut lines = String::new();
    for line in 0..10_000 {
        lines.push_str("{\"component\":\"c\"");
        (0..60).for_each(|n| lines.push_str(&format!(",\"ownr{n}\":\"\"")));
        lines.push_str("}\n");
        if lines.len() > most_unknown - 1024 || line == 9_999 {
            break;
        }
    }
    let bodies = [
        ("many names", "application/x-ndjson", names),
        ("a long name", "application/x-ndjson", format!("{{\"{}\":1}}", "é".repeat(most / 2 - 8))),
        ("a long value", "application/x-ndjson", format!("{{\"ts\":\"{}\"}}", "9".repeat(most - 16))),
        ("unknown names in each line", "application/x-ndjson", lines),
        ("many lines", "application/x-ndjson", "1\n".repeat(most / 2)),
        ("many elements", "application/json", format!("[1{}]", ",1".repeat(most / 2 - 2))),
        ("deep nesting", "application/json", "[".repeat(most)),
    ];
    bodies.map(|(what, media_type, body)| (what, media_type, Bytes::from(body))).into()
}

async fn hostile_batches(db: TestDb) {
    let server = Server::start(&db).await;
    for (what, media_type, body) in hostile_bodies() {
        let answer = server.post_body("/v1/steps/batch", media_type, body.clone()).await;
        assert!(answer.bytes.len() < 4 * 1024 * 1024, "{what}: an answer of {} bytes", answer.bytes.len());
        match answer.status {
            200 => {
                let answer: BatchAnswer = serde_json::from_slice(&answer.bytes).expect("the answer to a batch");
                assert_eq!(answer.recorded, 0, "{what}");
                let listed: usize = answer.steps.iter().map(|step| step.errors.len()).sum();
                assert!(listed <= 1000 + answer.steps.len(), "{what}: {listed} errors");
            }
            status => drop(answer.problem(status)),
        }
        let url = format!("{}/v1/steps/batch", server.url());
        beside(what, &server, || {
            let client = client();
            Attack::start(4, move || {
                let request = client.post(&url).header("content-type", media_type).body(body.clone());
                async {
                    // Refused for want of memory, or answered; never broken off.
                    let status = Answer::of(request).await.status;
                    assert!([200, 400, 413, 503].contains(&status), "{status}");
                }
            })
        })
        .await;
    }
    server.stop().await;
}

async fn hostile_parameters(db: TestDb) {
    let server = Server::start(&db).await;
    let query: Vec<String> = (0..8_000).map(|n| format!("{n:x}")).collect();
    let path = format!("/v1/steps?{}", &query.join("&")[..30_000]);
    assert!(server.get(&path).await.problem(400).detail.contains("more than 64 parameters"));
    assert_eq!(server.post(&path).await.problem(400).errors, []);
    let long = server.get(&format!("/v1/steps?{}=1", "component".repeat(3000))).await.problem(400);
    assert_eq!((long.errors.len(), long.errors[0].suggestion.clone()), (1, None));
    let many = server.get(&format!("/v1/steps?{}", &query[..60].join("&"))).await.problem(400);
    assert_eq!((many.errors.len(), many.more_errors), (16, 44));
    assert!(many.detail.ends_with("; and 44 more"), "{}", many.detail);
    let url = format!("{}{path}", server.url());
    beside("thousands of parameters", &server, || {
        let client = client();
        Attack::start(4, move || {
            let request = client.get(&url);
            async { drop(Answer::of(request).await.problem(400)) }
        })
    })
    .await;
    server.stop().await;
}

/// So many steps that no buffer of a connection holds a list of them.
async fn fill(server: &Server, batches: usize) {
    for _ in 0..batches * 10 {
        let version = "v".repeat(255);
        let step = |_| json!({"component": version, "version": version, "owner": version, "status": "phase"});
        server.batch(&(0..500).map(step).collect::<Vec<_>>()).await;
    }
}

/// How many connections to the database the server has open.
async fn database_connections(server: &Server, db: &TestDb) -> usize {
    match db {
        TestDb::Sqlite(_) => {
            let folder = format!("/proc/{}/fd", server.process().pid());
            let files = std::fs::read_dir(folder).expect("the server's files");
            let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
            links.filter(|link| link.ends_with("steps.db")).count()
        }
        TestDb::MySql { name, .. } => {
            let count = "SELECT count(*) FROM information_schema.processlist WHERE db = ?";
            let count: i64 =
                sqlx::query_scalar(count).bind(name).fetch_one(&mut db.connection().await).await.expect("a number");
            // This one is counted, too.
            usize::try_from(count).expect("a number") - 1
        }
    }
}

async fn readers_that_do_not_read(db: TestDb) {
    let args = ["--stall-timeout", "3s", "--database-connections", "4"];
    let server = Builder::on(&db.url()).args(&args).start().await;
    fill(&server, 2).await;
    let list = "GET /v1/steps?format=jsonl HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let target = address(&server).to_owned();
    // Two read at the same time; the list that is to find its place waits for as long as half of the others take.
    let attack = Attack::start(short_or_long(4, 12), move || {
        let target = target.clone();
        async move {
            let mut stream = slow_reader(&target, list.as_bytes()).await;
            // About 1 kB/s, until it is cut off.
            let mut bytes = [0; 256];
            while let Ok(1..) = stream.read(&mut bytes).await {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    });
    server.process().logged("reads its answer too slowly").await;
    let mut most = 0;
    for _ in 0..short_or_long(1, 10) {
        let (recorded, short, count) = tokio::join!(
            Recordings::of_four(&server, Duration::from_millis(200)),
            server.list("limit=5"),
            server.count("")
        );
        assert!(short.lines().count() == 6 && count >= 10_000, "{short} {recorded}");
        most = most.max(database_connections(&server, &db).await);
        // A long list finds its place, because those that do not read lose theirs.
        let long = server.get("/v1/steps?format=jsonl&columns=id").await;
        assert!(long.ok().lines().count() > 10_000);
    }
    // Four for reading, and as many others as deploy/README.md says: of MySQL four for recording, six for folding, one each for
    // tokens and events. Of SQLite one each for recording, for all others that write, for the fold to read with, for tokens and
    // events, and the one that keeps the file open.
    let others = if matches!(db, TestDb::Sqlite(_)) { 6 } else { 12 };
    assert!(most <= 4 + others, "{most} connections to the database");
    if let TestDb::Sqlite(folder) = &db {
        let wal = folder.path().join("steps.db-wal").metadata().expect("the WAL").len();
        assert!(wal < 128 * 1024 * 1024, "the WAL has {wal} bytes");
    }
    // Whoever reads is cut off with it.
    drop(server);
    attack.abandon();
}

async fn many_workbooks(db: TestDb) {
    let server = Builder::on(&db.url()).env("STEPS_DEADLINE", "15s").start().await;
    fill(&server, 1).await;
    let url = format!("{}/v1/steps?format=xlsx&limit={}", server.url(), short_or_long(500, 5000));
    beside("ten workbooks", &server, || {
        let client = client();
        Attack::start(10, move || {
            let request = client.get(&url);
            async {
                let answer = Answer::of(request).await;
                match answer.status {
                    200 => assert!(answer.bytes.starts_with(b"PK")),
                    _ => {
                        assert!(answer.problem(503).detail.contains("too many workbooks"));
                        assert_eq!(answer.header("retry-after"), "5");
                    }
                }
            }
        })
    })
    .await;
    server.stop().await;
}

async fn an_idle_flood(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--connections", "64"]).start().await;
    let mut idle = join_all((0..200).map(|_| raw(&server, b"GET / HT"))).await;
    server.get("/healthz").await.ok();
    // The longest idle has been closed.
    let closed = tokio::time::timeout(steps_tests::PATIENCE, idle[0].read(&mut [0; 8])).await.expect("it is closed");
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    let target = address(&server).to_owned();
    beside("idle connections", &server, || {
        Attack::start(1, move || {
            let target = target.clone();
            async move {
                let connections = (0..100).map(|_| slow_reader(&target, b"POST /v1/st"));
                let _open = join_all(connections).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    })
    .await;
    server.stop().await;
}

/// Bodies of which a part comes, and then nothing: they hold neither every place nor all memory.
async fn bodies_that_never_end(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--connections", "64"]).start().await;
    let head = "POST /v1/steps/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n";
    let body = [head.as_bytes(), &vec![b' '; 7_000_000]].concat();
    let mut open = join_all((0..8).map(|_| raw(&server, &body))).await;
    let full = eventually("batches are refused", async || {
        let answer = server.post_body("/v1/steps/batch", "application/json", " ".repeat(8_000_000)).await;
        // Where two of them were refused because of each other, there is room for one more.
        open.push(raw(&server, &body).await);
        (answer.status == 503).then_some(answer)
    });
    full.await.problem(503);
    Recordings::of_four(&server, Duration::from_millis(200)).await;
    let post =
        b"POST /v1/steps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let _more = join_all((0..100).map(|_| raw(&server, post))).await;
    Recordings::of_four(&server, Duration::from_millis(200)).await;
    Answer::of(server.request(Method::GET, "/healthz")).await.ok();
    let peak = server.process().peak_mib().expect("the server lives");
    assert!(peak < MOST_MIB, "{peak} MiB");
    drop(server);
    drop(open);
}
