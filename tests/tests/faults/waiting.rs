//! What takes long is waited for on a terminal, and it is seen what for; in a pipe it is an error.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use serde_json::json;
use steps_tests::faults::PrivateDatabase;
use steps_tests::hostile::{HostileServer, answer, chunked};
use steps_tests::pty::Pty;
use steps_tests::server::Builder;
use steps_tests::{Cli, SLACK, block_on, eventually};

#[test]
fn a_database_that_is_away_is_waited_for_on_a_terminal() {
    block_on(async {
        let database = PrivateDatabase::start().await;
        let server = Builder::on(&database.url()).args(&["--deadline", "1s"]).start().await;
        let cli = Cli::of(&server);
        cli.run(&["record", "--component", "shop", "--version", "1", "--owner", "o", "--status", "building"]).ok();
        database.pause();
        let said = cli.run(&["list"]).failed(1);
        assert!(said.contains("the database does not answer; try again a little later"), "{said}");
        let mut hurried = Pty::start(&cli.command(&["list", "--no-wait"]), 80, 24);
        assert_eq!(hurried.ended().await.code(), Some(1));
        let mut list = Pty::start(&cli.command(&["list"]), 80, 24);
        list.shows(": the database does not answer").await;
        database.resume();
        assert!(list.ended().await.success(), "{}", list.seen());
        list.shows("building").await;
        eventually("the line is gone", async || (!list.seen().contains("waiting, ")).then_some(())).await;
    });
}

/// An answer of a steps-server that is busy.
fn busy(detail: &str) -> String {
    let problem = json!({"type": "about:blank", "title": "", "status": 503, "detail": detail, "Error": detail});
    let problem = problem.to_string();
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n";
    format!("{head}content-length: {}\r\n\r\n{problem}", problem.len())
}

#[test]
fn a_server_that_folds_is_waited_for_with_a_bar() {
    block_on(async {
        let left = Arc::new(AtomicU64::new(1200));
        let of_server = Arc::clone(&left);
        let server = HostileServer::start(move |head, stream| {
            let left = of_server.load(Ordering::SeqCst);
            let answer = match (head.contains("/v1/projection"), left) {
                (true, _) => answer("200 OK", "application/json", &json!({"waiting": left, "last": null}).to_string()),
                (false, 0) => answer("200 OK", "application/json", r#"{"count": 7, "exact": true}"#),
                (false, _) => busy("deployments are still being computed; try again a little later"),
            };
            stream.write_all(answer.as_bytes())
        });
        let cli = Cli::at(&server.url());
        cli.run(&["deployments", "--count"]).failed(1);
        let mut counting = Pty::start(&cli.command(&["deployments", "--count"]), 80, 24);
        counting.shows("0 of 1,200 changes").await;
        left.store(300, Ordering::SeqCst);
        counting.shows("900 of 1,200 changes").await;
        assert!(counting.seen().lines().all(|line| line.chars().count() <= 80), "{}", counting.seen());
        left.store(0, Ordering::SeqCst);
        assert!(counting.ended().await.success(), "{}", counting.seen());
        eventually("only the answer is left", async || (counting.seen().trim() == "7").then_some(())).await;
    });
}

/// A server that prepares an export until it may answer, and then sends rows, a few at a time.
fn exporting(may_begin: &Arc<AtomicBool>, may_end: &Arc<AtomicBool>, media_type: &'static str) -> HostileServer {
    let (may_begin, may_end) = (Arc::clone(may_begin), Arc::clone(may_end));
    HostileServer::start(move |head, stream| {
        if head.contains("/readyz") {
            return stream.write_all(answer("200 OK", "application/json", "{}").as_bytes());
        }
        if head.contains("/count") {
            return stream
                .write_all(answer("200 OK", "application/json", r#"{"count":526000,"exact":true}"#).as_bytes());
        }
        while !may_begin.load(Ordering::SeqCst) {
            park_timeout(Duration::from_millis(10));
        }
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ntransfer-encoding: chunked\r\n\r\n")?;
        stream.write_all(&chunked(b"component\r\n"))?;
        while !may_end.load(Ordering::SeqCst) {
            stream.write_all(&chunked(&b"checkout\r\n".repeat(100)))?;
            park_timeout(Duration::from_millis(10));
        }
        stream.write_all(b"0\r\n\r\n")
    })
}

#[test]
fn an_export_says_how_many_rows_of_how_many_have_come() {
    block_on(async {
        let (begin, end) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let server = exporting(&begin, &end, "text/csv; charset=utf-8; header=present");
        let cli = Cli::at(&server.url());
        let mut export = Pty::start(&cli.command(&["list", "--output", "steps.csv"]), 80, 24);
        for words in [" of 526,000 rows, ", " MB/s, ", " left"] {
            export.shows(words).await;
        }
        assert!(export.seen().lines().all(|line| line.chars().count() <= 80), "{}", export.seen());
        end.store(true, Ordering::SeqCst);
        assert!(export.ended().await.success(), "{}", export.seen());
        eventually("the bar is gone", async || export.seen().trim().is_empty().then_some(())).await;
        assert!(cli.work().join("steps.csv").exists());
    });
}

/// The time-out is about silence: a server that answers other questions is at work.
#[test]
fn a_workbook_is_waited_for_while_the_server_works() {
    block_on(async {
        let (begin, end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        let server = exporting(&begin, &end, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
        let cli = Cli::at(&server.url());
        let export = ["list", "--timeout", "2s", "--output", "steps.xlsx"];
        let mut seen = Pty::start(&cli.command(&export), 80, 24);
        seen.shows("waiting, ").await;
        seen.shows("the server prepares the answer").await;
        begin.store(true, Ordering::SeqCst);
        assert!(seen.ended().await.success(), "{}", seen.seen());
        assert!(cli.work().join("steps.xlsx").exists());

        // One that answers nothing at all is given up.
        let silent = HostileServer::start(|_, _| {
            loop {
                park_timeout(Duration::from_secs(3600));
            }
        });
        let began = Instant::now();
        let said = Cli::at(&silent.url()).run(&export).failed(1);
        assert!(
            said.contains("did not answer within 2s") && began.elapsed() < Duration::from_secs(4) + SLACK,
            "{said}"
        );
        eventually("no part is left", async || (!cli.work().join("steps.csv").exists()).then_some(())).await;
    });
}
