//! Clients of HTTP/2 that mean harm: who does not read, who never sends on, who takes back, who floods. Each is cut off, and others
//! record meanwhile.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use steps_tests::faults::attack::Recordings;
use steps_tests::server::Builder;
use steps_tests::tls::{HTTP_2, TlsFiles};
use steps_tests::{DatabaseKind, PATIENCE, Server, TestDb, block_on, on_both_stores};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

on_both_stores!(readers_that_do_not_read, bodies_that_never_end);

/// What the server may hold in memory, in MiB.
const MOST_MIB: f64 = 300.0;

async fn with_tls(db: &TestDb, files: &TlsFiles, args: &[&str]) -> Server {
    Builder::on(&db.url()).tls(files).args(args).start_for(files.client()).await
}

async fn record_beside(server: &Server) {
    println!("{}", Recordings::of_four(server, Duration::from_millis(200)).await);
    let peak = server.process().peak_mib().expect("the server lives");
    assert!(peak < MOST_MIB, "{peak} MiB");
}

/// A client says itself how much it takes: with a window that is never opened, the socket tells nothing.
async fn readers_that_do_not_read(db: TestDb) {
    let files = TlsFiles::new();
    let server = with_tls(&db, &files, &["--stall-timeout", "3s"]).await;
    let long = "v".repeat(255);
    let step = |_| serde_json::json!({"component": long, "version": long, "owner": long, "status": "phase"});
    for _ in 0..10 {
        server.batch(&(0..500).map(step).collect::<Vec<_>>()).await;
    }
    for (window, path) in
        [(0, "/healthz"), (0, "/v1/steps?format=json"), (1000, "/v1/steps?format=jsonl"), (1, "/nothing")]
    {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window).initial_max_send_streams(100);
        let connections = join_all((0..3).map(|_| files.http2_with(&server, &builder))).await;
        let mut answers = Vec::new();
        for http2 in &connections {
            for _ in 0..10 {
                let request = http2.request("GET", path).body(()).unwrap();
                let mut send = http2.send.clone().ready().await.expect("room for a request");
                answers.push(send.send_request(request, true).expect("it is sent").0);
            }
        }
        record_beside(&server).await;
        let closed = join_all(connections.into_iter().map(|http2| http2.connection));
        timeout(PATIENCE, closed).await.unwrap_or_else(|_| panic!("{path}: they are not closed"));
        drop(answers);
    }
    server.process().logged("reads its answer too slowly").await;
    // Others still have their answers, and large ones have their memory.
    let http2 = files.http2(&server).await;
    assert_eq!(
        http2.get("/v1/steps?format=jsonl").await.unwrap().ok().lines().count(),
        5000 + recorded_beside(&server).await
    );
    server.stop().await;
}

/// How many steps [`record_beside`] has recorded.
async fn recorded_beside(server: &Server) -> usize {
    usize::try_from(server.count("").await).unwrap() - 5000
}

async fn bodies_that_never_end(db: TestDb) {
    let files = TlsFiles::new();
    let server = with_tls(&db, &files, &["--stall-timeout", "3s"]).await;
    let http2 = files.http2(&server).await;
    let mut answers = Vec::new();
    let mut bodies = Vec::new();
    for _ in 0..100 {
        let request = http2.request("POST", "/v1/steps").header("content-type", "application/json").body(()).unwrap();
        let mut send = http2.send.clone().ready().await.unwrap();
        let (answer, mut body) = send.send_request(request, false).unwrap();
        body.send_data(Bytes::from_static(b"{"), false).unwrap();
        answers.push(answer);
        bodies.push(body);
    }
    record_beside(&server).await;
    for answer in answers {
        assert_eq!(timeout(PATIENCE, answer).await.expect("an answer").expect("an answer").status(), 408);
    }
    drop(bodies);
    http2.get("/healthz").await.unwrap().ok();
    server.stop().await;
}

#[test]
fn who_asks_nothing_is_told_to_go() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let files = TlsFiles::new();
        let server = with_tls(&db, &files, &["--stall-timeout", "2s"]).await;
        let (idle, silent) = (files.http2(&server).await, files.http2(&server).await);
        idle.get("/healthz").await.unwrap().ok();
        timeout(PATIENCE, idle.connection).await.expect("it is closed").unwrap().expect("it is told to go");
        timeout(PATIENCE, silent.connection).await.expect("it is closed").unwrap().ok();
        // One that waits for an answer, or asks now and then, goes on.
        let busy = files.http2(&server).await;
        for _ in 0..10 {
            busy.get("/healthz").await.expect("it goes on").ok();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        server.stop().await;
    });
}

/// Requests that are taken back at once (CVE-2023-44487).
#[test]
fn requests_that_are_taken_back() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let files = TlsFiles::new();
        let server = with_tls(&db, &files, &[]).await;
        let attack = async {
            let mut sent = 0;
            for _ in 0..5 {
                let http2 = files.http2(&server).await;
                for _ in 0..2000 {
                    let request = http2.request("GET", "/v1/trend").body(()).unwrap();
                    let Ok(mut send) = http2.send.clone().ready().await else { break };
                    let Ok((_, mut stream)) = send.send_request(request, true) else { break };
                    stream.send_reset(h2::Reason::CANCEL);
                    sent += 1;
                    tokio::task::yield_now().await;
                }
            }
            sent
        };
        let (sent, ()) = tokio::join!(attack, record_beside(&server));
        assert!(sent > 0);
        record_beside(&server).await;
        assert!(!server.process().log().contains("panicked"));
        server.stop().await;
    });
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Heads without an end, settings and pings without a pause, and what is no frame: memory stays bounded, and the connection ends.
#[test]
fn floods_of_frames() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let files = TlsFiles::new();
        let server = with_tls(&db, &files, &["--stall-timeout", "3s"]).await;
        let settings = frame(4, 0, 0, &[]);
        // A header that is 16 KiB long and is not indexed, and one that is indexed 4,000 times.
        let literal = [&[0x00, 0x01, b'x', 0x7f, 0x81, 0x7d][..], &[b'y'; 16_000]].concat();
        let bomb = [&[0x40, 0x01, b'x', 0x7f, 0x81, 0x1e][..], &[b'y'; 4000], &[0xbe; 12_000]].concat();
        let floods: [(&str, Vec<u8>, Vec<u8>); 6] = [
            ("a head without an end", frame(1, 0, 1, &literal), frame(9, 0, 1, &literal)),
            ("empty parts of a head", frame(1, 0, 1, &literal), frame(9, 0, 1, &[])),
            ("a head of repetitions", frame(1, 0, 1, &bomb), frame(9, 0, 1, &[0xbe; 16_000])),
            ("pings", Vec::new(), frame(6, 0, 0, &[0; 8])),
            ("settings", Vec::new(), settings.clone()),
            ("frames of no known kind", Vec::new(), frame(0x77, 0xff, 0, &[0; 1000])),
        ];
        for (what, first, again) in floods {
            let attack = async {
                let mut stream = files.connect(&server, &[HTTP_2]).await;
                let _: std::io::Result<()> = stream.write_all(&[PREFACE, &settings, &first].concat()).await;
                let many = again.repeat((64 * 1024 / again.len()).max(1));
                // Without reading an answer, until it is closed, or nothing more is taken.
                for _ in 0..200 {
                    let written = timeout(Duration::from_secs(5), stream.write_all(&many)).await;
                    if !matches!(written, Ok(Ok(()))) {
                        break;
                    }
                }
                let mut answer = Vec::new();
                let closed = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
                assert!(closed.is_ok(), "{what}: it is not closed");
            };
            tokio::join!(attack, record_beside(&server));
        }
        assert!(!server.process().log().contains("panicked"));
        server.stop().await;
    });
}
