//! A reader of events who does not read is cut off, and costs the server nothing.

use std::time::Duration;

use serde_json::json;
use steps_tests::server::Builder;
use steps_tests::{Server, TestDb, on_both_stores};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

on_both_stores!(who_does_not_read_is_cut_off_and_resumes, a_thousand_readers_take_little_memory);

/// Records steps with long names.
async fn record_many(server: &Server, round: usize) {
    let long = "x".repeat(200);
    let batch: Vec<_> = (0..1000)
        .map(|nth| {
            let version = format!("{long}-{round}-{nth}");
            json!({"component": format!("{long}-{}", nth % 20), "version": version, "owner": long, "status": "building"})
        })
        .collect();
    let answer = server.post_body("/v1/steps/batch", "application/json", json!(batch).to_string()).await;
    answer.ok();
}

async fn open(server: &Server) -> TcpStream {
    let address = server.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET /v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = vec![0; 15];
    timeout(Duration::from_secs(60), stream.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(head, b"HTTP/1.1 200 OK");
    stream
}

async fn who_does_not_read_is_cut_off_and_resumes(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--stall-timeout", "2s", "--event-readers", "2"]).start().await;
    let mut fast = server.watch("event=step").await;
    let _slow = open(&server).await;
    let mut round = 0;
    // Until the sockets are full.
    while !server.process().log().contains("reads its answer too slowly") {
        record_many(&server, round).await;
        for _ in 0..1000 {
            assert_eq!(fast.next().await.short(), "step building");
        }
        round += 1;
        assert!(round < 60, "nobody was cut off");
    }
    // Its place is free, and what it missed is told to whoever resumes.
    let id = fast.last_id.clone();
    record_many(&server, round).await;
    drop(fast);
    let mut resumed = server.watch(&format!("event=step&last_event_id={id}")).await;
    for _ in 0..1000 {
        assert_eq!(resumed.next().await.short(), "step building");
    }
    server.stop().await;
}

async fn a_thousand_readers_take_little_memory(db: TestDb) {
    let server = Server::start(&db).await;
    let mut one = server.watch("event=step").await;
    record_many(&server, 0).await;
    for _ in 0..1000 {
        one.next().await;
    }
    let before = server.process().memory_mib().unwrap();
    let mut readers = Vec::new();
    for _ in 0..900 {
        readers.push(open(&server).await);
    }
    let connected = server.process().memory_mib().unwrap() - before;
    assert!(connected < 30.0, "900 readers take {connected} MiB");
    steps_tests::faults::tell(format!("events: 900 readers connected take {connected:.1} MiB (a debug build)"));
    drop(readers);
    server.stop().await;
}
