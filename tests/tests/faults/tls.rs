//! Connections that hold on: silent ones, half-done handshakes, idle TLS, heads that come a byte at a time. Others record meanwhile.
//!
//! `STEPS_SECURITY=1` holds 2,000 of each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use steps_tests::faults::attack::{Recordings, raw};
use steps_tests::faults::{PROBE, tell};
use steps_tests::server::Builder;
use steps_tests::tls::{HTTP_1, HTTP_2, TlsFiles};
use steps_tests::{PATIENCE, Server, TestDb, eventually, on_both_stores};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

on_both_stores!(connections_that_hold_on, more_connections_than_there_are_places);

/// What the server may hold in memory, in MiB.
const MOST_MIB: f64 = 400.0;

/// How many connections of each kind.
fn many() -> usize {
    if std::env::var_os("STEPS_SECURITY").is_some_and(|value| !value.is_empty()) { 2000 } else { 200 }
}

/// As many files as the system allows.
fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("the limit may be raised");
}

async fn record_beside(what: &str, server: &Server) {
    let recorded = Recordings::of_four(server, Duration::from_millis(300)).await;
    let peak = server.process().peak_mib().expect("the server lives");
    tell(format!("tls: {what}: {recorded}; peak {peak:.0} MiB"));
    assert!(peak < MOST_MIB, "{what}: {peak} MiB");
}

async fn connections_that_hold_on(db: TestDb) {
    raise_limit();
    let many = many();
    let files = TlsFiles::new();
    let server = Builder::on(&db.url()).tls(&files).start_for(files.client()).await;
    record_beside("alone", &server).await;

    let silent = join_all((0..many).map(|_| raw(&server, b""))).await;
    record_beside(&format!("{many} silent connections"), &server).await;
    drop(silent);

    let begun = join_all((0..many).map(|_| raw(&server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))).await;
    record_beside(&format!("{many} half-done handshakes"), &server).await;
    drop(begun);

    // Some at a time: handshakes under way are bounded.
    let mut idle = Vec::new();
    while idle.len() < many {
        let offers: &[&[u8]] = if idle.len() % 2 == 0 { &[HTTP_1] } else { &[HTTP_2] };
        idle.extend(join_all((0..50).map(|_| files.connect(&server, offers))).await);
    }
    record_beside(&format!("{many} idle connections with TLS"), &server).await;
    drop(idle);

    // Heads that come a byte at a time.
    let mut slow = Vec::new();
    while slow.len() < many / 2 {
        slow.extend(join_all((0..50).map(|_| files.connect(&server, &[HTTP_1]))).await);
    }
    let (sent, stop) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let head = b"GET /healthz HTTP/1.1\r\nHost: steps\r\nX-Slow: ";
    let drip = async |mut stream: tokio_rustls::client::TlsStream<tokio::net::TcpStream>| {
        for byte in head.iter().chain(std::iter::repeat(&b'x')) {
            if stop.load(Ordering::Relaxed) == 1
                || stream.write_all(&[*byte]).await.is_err()
                || stream.flush().await.is_err()
            {
                break;
            }
            sent.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let record = async {
        eventually("the heads have begun", async || (sent.load(Ordering::Relaxed) > many / 2).then_some(())).await;
        record_beside(&format!("{} heads that come a byte at a time", many / 2), &server).await;
        stop.store(1, Ordering::Relaxed);
    };
    tokio::join!(join_all(slow.into_iter().map(drip)), record);

    let log = server.process().log();
    assert!(!log.contains("panicked"), "{log}");
    server.stop().await;
}

/// With fewer places than there are attackers, those who hold on give theirs. Whoever is in the middle of a handshake may lose its
/// place too, and comes again.
async fn more_connections_than_there_are_places(db: TestDb) {
    let files = TlsFiles::new();
    let server = Builder::on(&db.url()).tls(&files).args(&["--connections", "64"]).start_for(files.client()).await;
    let record = async || {
        for _ in 0..4 {
            eventually("a recording is answered", async || {
                let sent = server.request(Method::POST, "/v1/steps").form(&PROBE).timeout(PATIENCE).send().await;
                sent.ok().filter(|answer| answer.status() == 201).map(drop)
            })
            .await;
        }
    };
    let mut first = files.connect(&server, &[HTTP_2]).await;
    let half_done = join_all((0..200).map(|_| raw(&server, b"\x16\x03\x01"))).await;
    record().await;
    let closed = tokio::time::timeout(PATIENCE, first.read_to_end(&mut Vec::new())).await;
    closed.expect("the longest idle is closed").ok();
    drop(half_done);
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.extend(join_all((0..40).map(|_| files.try_connect(&server, &[HTTP_1]))).await);
        record().await;
    }
    server.stop().await;
}
