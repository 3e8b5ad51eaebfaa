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
        let args = [&[name][..], &STEP, &["--timeout", "500ms"], command].concat();
        let child = cli.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _connection = silent.accept().unwrap();
        let asked = now().micros();
        assert_eq!(Run::from(child.wait_with_output().unwrap()).code, 0);
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

/// A server that answers every request with this.
fn answering(head: &'static str) -> Cli {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n").as_bytes());
        }
    });
    Cli::at(&url)
}

#[test]
fn only_a_refusal_is_not_kept() {
    let record = [&["record"][..], &STEP].concat();
    for head in [
        "200 OK",
        "302 Found\r\nlocation: /maintenance",
        "408 Request Timeout",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ] {
        let run = answering(head).run(&record);
        assert!(run.stderr.contains("is kept, and sent later"), "{head}: {run:?}");
        assert_eq!(run.code, 0, "{head}: {run:?}");
    }
    for head in ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "413 Content Too Large"] {
        let cli = answering(head);
        cli.run(&record).failed(3);
        assert!(!cli.home().join(".local").exists(), "{head}: nothing was written");
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
