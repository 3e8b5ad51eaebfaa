//! The server as its operator knows it: starting, waiting, restarting, stopping, and keeping its secrets.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use steps_tests::db::PASSWORD;
use steps_tests::server::Builder;
use steps_tests::steps::{as_recorded, column};
use steps_tests::{Answer, DatabaseKind, SLACK, Server, TestDb, block_on, eventually, on_both_stores};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

on_both_stores!(
    restarts_on_its_own_database,
    stops_in_time_and_keeps_what_it_acknowledged,
    a_request_under_way_is_finished,
    health_and_readiness,
    several_start_at_once_on_an_empty_database,
);

const STEP: [(&str, &str); 4] = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];

async fn restarts_on_its_own_database(db: TestDb) {
    let server = Server::start(&db).await;
    let step = server.record(&STEP).await.recorded();
    server.stop().await;
    let server = Server::start(&db).await;
    assert_eq!(as_recorded(&server.get(&format!("/v1/steps/{}", step.id)).await.step(200)), step);
    server.record(&STEP).await.recorded();
    assert_eq!(server.count("").await, 2);
    server.stop().await;
}

async fn stops_in_time_and_keeps_what_it_acknowledged(db: TestDb) {
    let server = Server::start(&db).await;
    let done = AtomicBool::new(false);
    // Writers that go on until the server no longer answers.
    let write = async || {
        let mut acknowledged = Vec::new();
        while let Ok(response) = server.request(Method::POST, "/v1/steps").query(&STEP).send().await {
            let status = response.status().as_u16();
            // Whoever comes while it stops is told to come again.
            assert!([201, 503].contains(&status), "{status}");
            if let (201, Ok(step)) = (status, response.json::<serde_json::Value>().await) {
                acknowledged.push(step["id"].as_str().unwrap_or_default().to_owned());
            }
            done.fetch_or(acknowledged.len() > 20, Ordering::Relaxed);
        }
        acknowledged
    };
    let stop = async {
        eventually("steps are recorded", async || done.load(Ordering::Relaxed).then_some(())).await;
        server.process().terminate();
        Instant::now()
    };
    let (acknowledged, asked) = tokio::join!(join_all((0..16).map(|_| write())), stop);
    server.stop().await;
    assert!(asked.elapsed() < SLACK, "{:?}", asked.elapsed());

    let again = Server::start(&db).await;
    let stored: BTreeSet<String> = column(&again.list("").await, "id").into_iter().collect();
    let lost: Vec<String> = acknowledged.into_iter().flatten().filter(|id| !stored.contains(id)).collect();
    assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
}

/// A body of which the second half comes after SIGTERM.
async fn a_request_under_way_is_finished(db: TestDb) {
    let server = Server::start(&db).await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let body = r#"{"component":"c","version":"1","owner":"o","status":"s"}"#;
    let (first, second) = body.split_at(20);
    let mut connection = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/steps HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    // The interim answer says that the request has reached its handler.
    let mut answer = vec![0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut connection, &mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(first.as_bytes()).await.unwrap();

    server.process().terminate();
    eventually("no new connection is taken", async || TcpStream::connect(&address).await.err()).await;
    connection.write_all(second.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut connection, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    server.stop().await;
    assert_eq!(db.stored_steps().await, 1);
}

async fn health_and_readiness(db: TestDb) {
    let server = Server::start(&db).await;
    server.get("/healthz").await.ok();
    server.get("/readyz").await.ok();
}

async fn several_start_at_once_on_an_empty_database(db: TestDb) {
    let servers = join_all((0..4).map(|_| Server::start(&db))).await;
    join_all(servers.iter().map(|server| async { server.record(&STEP).await.recorded() })).await;
    for server in servers {
        assert_eq!(server.count("").await, 4);
        server.stop().await;
    }
}

/// Passes connections on to the database while `open`, and breaks them otherwise, all at once.
async fn forward(listener: TcpListener, to: u16, open: &AtomicBool) {
    let mut connections = futures_util::stream::FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (mut client, _) = accepted.unwrap();
                connections.push(async move {
                    if open.load(Ordering::Relaxed) {
                        let mut database = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                        // However it ends, the other end sees it.
                        let _: std::io::Result<_> = copy_bidirectional(&mut client, &mut database).await;
                    }
                });
            }
            Some(()) = futures_util::StreamExt::next(&mut connections), if !connections.is_empty() => {}
            () = eventually_closed(open), if !connections.is_empty() => connections.clear(),
        }
    }
}

async fn eventually_closed(open: &AtomicBool) {
    while open.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A port of 127.0.0.1 that nothing listens on; below those that outgoing connections are given.
async fn free_port() -> u16 {
    eventually("a free port", async || {
        let port = fastrand::u16(20_000..32_000);
        TcpListener::bind(("127.0.0.1", port)).await.is_ok().then_some(port)
    })
    .await
}

#[test]
fn waits_for_a_database_that_is_still_starting() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let port = free_port().await;
        let mut process = Builder::on(&db.url_at_port(port)).spawn();
        process.logged(&port.to_string()).await;
        assert!(!process.log().contains("listening on"), "{}", process.log());
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let open = AtomicBool::new(true);
        tokio::select! {
            () = forward(listener, db.port(), &open) => {}
            _ = process.listening() => {}
        }
    });
}

#[test]
fn gives_up_on_a_database_that_never_comes() {
    block_on(async {
        let port = free_port().await;
        let url = format!("mysql://ann:{PASSWORD}@127.0.0.1:{port}/steps");
        let began = Instant::now();
        let mut process = Builder::on(&url).args(&["--database-wait", "1s"]).spawn();
        assert_eq!(process.ended().await.code(), Some(1));
        assert!(began.elapsed() >= Duration::from_secs(1));
        process.logged(&format!("127.0.0.1:{port}")).await;
        assert!(!process.log().contains(PASSWORD), "{}", process.log());
    });
}

#[test]
fn not_ready_while_the_database_is_away_and_ready_again_after() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = AtomicBool::new(true);
        let checks = async {
            let server = Builder::on(&db.url_at_port(port)).args(&["--deadline", "5s"]).start().await;
            server.record(&STEP).await.recorded();
            open.store(false, Ordering::Relaxed);
            eventually("not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
            server.get("/readyz").await.problem(503);
            server.get("/healthz").await.ok();
            let refused = server.record(&STEP).await;
            refused.problem(503);
            assert!(refused.header("retry-after").parse::<u32>().is_ok());
            server.get("/v1/steps").await.problem(503);

            open.store(true, Ordering::Relaxed);
            eventually("ready again", async || (server.get("/readyz").await.status == 200).then_some(())).await;
            eventually("recording again", async || (server.record(&STEP).await.status == 201).then_some(())).await;
            server.list("").await;
            server.stop().await;
        };
        tokio::select! {
            () = forward(listener, db.port(), &open) => {}
            () = checks => {}
        }
    });
}

#[test]
fn no_output_shows_a_password_and_one_in_a_flag_is_warned_of() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let url = db.with_password();
        assert!(url.contains(PASSWORD));
        let server = Builder::on(&url).env("STEPS_LOG", "trace").start().await;
        server.record(&STEP).await.recorded();
        // The process list shows every flag: the log says what to do instead.
        server.process().logged("--database-url-file").await;
        assert!(!server.process().log().contains(PASSWORD), "{}", server.process().log());
        server.stop().await;

        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{url}\n")).unwrap();
        let listen = ["--listen", "127.0.0.1:0"];
        let server = Builder::bare().args(&listen).env("STEPS_DATABASE_URL_FILE", file.path()).start().await;
        assert_eq!(server.count("").await, 1, "the file with the URL is read");
        assert!(!server.process().log().contains("--database-url-file"), "{}", server.process().log());
        server.stop().await;

        let server = Builder::bare().env("STEPS_LISTEN", "127.0.0.1:0").env("STEPS_DATABASE_URL", &url).start().await;
        assert_eq!(server.count("").await, 1, "the variables are read");
        server.stop().await;

        let wrong = url.replace(PASSWORD, "another-secret-word");
        let mut process = Builder::on(&wrong).args(&["--database-wait", "1s"]).spawn();
        assert_eq!(process.ended().await.code(), Some(1));
        process.logged("denied").await;
        assert!(!process.log().contains("another-secret-word"), "{}", process.log());
    });
}

#[test]
fn alone_it_keeps_an_sqlite_file_in_the_users_data_folder() {
    block_on(async {
        let server = Builder::bare().args(&["--listen", "127.0.0.1:0"]).start().await;
        server.record(&STEP).await.recorded();
        assert!(server.process().log().contains(".db"), "says where: {}", server.process().log());
        server.stop().await;
    });
}

#[test]
fn a_port_in_use_and_a_wrong_setting_are_said_clearly() {
    block_on(async {
        let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let mut process = Builder::bare().args(&["--listen", &address]).spawn();
        assert_eq!(process.ended().await.code(), Some(1));
        process.logged(&address).await;

        for wrong in [&["--listen", "here"][..], &["--lisen", "127.0.0.1:0"], &["--database-url", "oracle://x"]] {
            let mut process = Builder::bare().args(wrong).spawn();
            assert_eq!(process.ended().await.code(), Some(2), "{wrong:?}: {}", process.log());
        }
    });
}

#[test]
fn every_request_is_one_line_of_json() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let id = "line-by-line";
        Answer::of(server.request(Method::GET, "/v1/steps?owner=ann").header("x-request-id", id)).await.ok();
        server.process().logged(id).await;
        let log = server.process().log();
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect();
        let ours: Vec<_> = lines.iter().filter(|line| line.to_string().contains(id)).collect();
        assert_eq!(ours.len(), 1, "{log}");
        let line = ours[0].to_string();
        assert!(line.contains("/v1/steps") && line.contains("200") && line.contains("GET"), "{line}");
        server.stop().await;
    });
}
