//! What is kept, how old it is then, and who asks the server: the rules of the spool, one by one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use steps_tests::server::Builder;
use steps_tests::steps::{column, now};
use steps_tests::{Cli, DatabaseKind, Run, TestDb, block_on};

const STEP: [&str; 8] = ["--component", "c", "--version", "1", "--owner", "o", "--status", "s"];

/// What waited for the server until the time-out began before that.
#[test]
fn the_wait_for_a_server_is_part_of_the_age() {
    for (name, command) in [("run", &["--", "true"][..]), ("record", &[])] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let cli = Cli::at(&format!("http://{}", silent.local_addr().unwrap()));
        let args = [&[name][..], &STEP, &["--timeout", "3s"], command].concat();
        let child = cli.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _connection = silent.accept().unwrap();
        let asked = now().micros();
        let run = Run::from(child.wait_with_output().unwrap());
        assert_eq!(run.code, 0, "{name}: {}", run.stderr);
        let waiting = fs::read_to_string(cli.spool_file("waiting")).unwrap();
        assert!(!waiting.is_empty());
        for line in waiting.lines() {
            let entry: serde_json::Value = serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
            let age = entry["step"]["age"].as_f64().unwrap();
            let began = entry["queued_at"].as_i64().unwrap() - (age * 1e6) as i64;
            assert!(began <= asked, "{name}: {} µs after it was asked: {line}", began - asked);
        }
    }
}

/// What answers every request with this head and body.
fn answering(head: &'static str, body: &'static str) -> Cli {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 4096]);
            let length = body.len();
            let _ = client.write_all(format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes());
        }
    });
    Cli::at(&url)
}

const PAGE: &str = "<html><body><h1>Not for you</h1></body></html>";

/// A proxy's page, another program's document, our own document with another status in it.
const ELSE: [(&str, &str); 4] = [
    ("server: nginx/1.28\r\ncontent-type: text/html", PAGE),
    ("content-type: application/problem+json", PAGE),
    ("content-type: application/problem+json", r#"{"type":"about:blank","title":"t","status":400,"detail":"d"}"#),
    ("content-type: application/json", r#"{"type":"about:blank","title":"t","status":400,"detail":"d","Error":"d"}"#),
];

#[test]
fn whatever_answers_but_the_server_is_an_outage() {
    let record = [&["record"][..], &STEP].concat();
    let run = [&["run"][..], &STEP, &["--", "true"]].concat();
    for head in [
        "200 OK",
        "302 Found\r\nlocation: /maintenance",
        "408 Request Timeout",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ] {
        let run = answering(head, "").run(&record);
        assert!(run.stderr.contains("is kept, and sent later"), "{head}: {run:?}");
        assert_eq!(run.code, 0, "{head}: {run:?}");
    }
    for status in [
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "405 Method Not Allowed",
        "407 Proxy Authentication Required",
        "409 Conflict",
        "413 Content Too Large",
        "422 Unprocessable Entity",
    ] {
        for (head, body) in ELSE {
            let head: &'static str = format!("{status}\r\n{head}").leak();
            let cli = answering(head, body);
            let recorded = cli.run(&record);
            assert_eq!((recorded.code, recorded.stderr.lines().count()), (0, 1), "{head}: {recorded:?}");
            let said = ["is kept, and sent later", &status[..3], "by a proxy before it, or --server is wrong"];
            assert!(said.iter().all(|part| recorded.stderr.contains(part)), "{head}: {recorded:?}");
            assert_eq!(recorded.stderr.contains("by nginx/1.28"), head.contains("nginx"), "{head}: {recorded:?}");
            let ran = cli.run(&run);
            assert_eq!(ran.code, 0, "{head}: {ran:?}");
            assert!(ran.stderr.contains("kept, and recorded later"), "{head}: {ran:?}");
            assert_ne!(cli.run(&["flush"]).code, 0, "{head}");
            let waiting = fs::read_to_string(cli.spool_file("waiting")).unwrap();
            assert_eq!(waiting.lines().count(), 3, "{head}: {waiting}");
        }
    }
}

/// Its own document, of that step.
#[test]
fn only_a_refusal_is_not_kept() {
    let refused = |status: &str, number: u16| {
        let body = format!(
            r#"{{"type":"about:blank","title":"t","status":{number},"detail":"not this step","Error":"not this step"}}"#
        );
        let head = format!("{status}\r\ncontent-type: application/problem+json; charset=utf-8");
        answering(head.leak(), body.leak())
    };
    let record = [&["record"][..], &STEP].concat();
    for (status, number) in [("400 Bad Request", 400), ("409 Conflict", 409), ("413 Content Too Large", 413)] {
        let cli = refused(status, number);
        assert!(cli.run(&record).failed(3).contains("the server refused: not this step"), "{status}");
        assert!(!cli.home().join(".local").exists(), "{status}: nothing was written");
    }
    // The right to record, or a path, may be given later.
    for (status, number) in [("401 Unauthorized", 401), ("403 Forbidden", 403), ("405 Method Not Allowed", 405)] {
        let run = refused(status, number).run(&record);
        assert!(run.stderr.contains("is kept, and sent later: the server refused: not this step"), "{run:?}");
    }
}

/// As on a full disk, where the file that keeps others out cannot be made.
#[test]
fn who_cannot_keep_others_out_asks_all_the_same() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let port = steps_tests::faults::free_port().await;
        let cli = Cli::at(&format!("http://127.0.0.1:{port}"));
        let record = [&["record"][..], &STEP].concat();
        assert_eq!(cli.run(&record).ok(), "", "it is kept");
        let server = Builder::on_port(port, &db.url()).start().await;
        cli.let_half_a_minute_pass();
        fs::create_dir(cli.spool_file("trying")).unwrap();
        assert!(cli.run(&record).ok().starts_with("recorded c 1"));
        assert_eq!(column(&server.list("").await, "version"), ["1", "1"], "and so is what waited");
    });
}
