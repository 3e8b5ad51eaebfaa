//! Whatever answers, the command takes a bounded amount of memory, ends, and says what happened.

use std::io::Write as _;
use std::time::Duration;

use steps_tests::hostile::{HostileServer, Measured, answer, chunked, measure};
use steps_tests::{Cli, SLACK, block_on};

const RECORD: [&str; 9] =
    ["record", "--component", "checkout", "--version", "4.2.0", "--owner", "ann", "--status", "building"];

/// What the command takes for itself, a document of 1 MiB and what is read of it, in MiB.
const SMALL: f64 = 48.0;

/// The same with a document of 64 MiB, which may be copied while it grows.
const LARGE: f64 = 300.0;

const OK_JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const OK_JSONL: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n";
const OK_CSV: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/csv; charset=utf-8; header=present\r\n";

#[track_caller]
fn assert_bounded(measured: &Measured, what: &str, mib: f64) {
    assert!(measured.peak_mib < mib, "{what}: {} MiB\n{measured:?}", measured.peak_mib);
}

/// Each of these commands, and the one answer that `server` gives to all of them; what they say, and what they take.
async fn all_fail(server: &HostileServer, commands: &[&[&str]], mib: f64, says: &str) {
    let cli = Cli::at(&server.url());
    let file = cli.file("old.csv", "component,version,owner,status,ts\nc,1,o,s,2026-01-05 09:30:00\n");
    for arguments in commands {
        let arguments: Vec<_> =
            arguments.iter().map(|word| if *word == "FILE" { file.as_str() } else { *word }).collect();
        let measured = measure(&cli.command(&arguments)).await;
        assert_bounded(&measured, &arguments.join(" "), mib);
        let stderr = measured.run.failed(1);
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}

#[test]
fn an_endless_document_is_given_up() {
    block_on(async {
        let record: Vec<&str> = RECORD.into_iter().chain(["--no-spool"]).collect();
        let small: [&[&str]; 3] = [
            &record,
            &["list", "--count"],
            &["exclude", "0197a000-0000-7000-8000-000000000001", "--reason", "x", "--owner", "ann"],
        ];
        let large: [&[&str]; 6] = [
            &["stats", "--format", "table"],
            &["trend", "--format", "table"],
            &["trend", "checkout", "--format", "table"],
            &["show", "0197a000-0000-7000-8000-000000000001", "--format", "table"],
            &["check", "--component", "checkout", "--max", "5m"],
            &["import", "FILE"],
        ];
        for filler in [" ", "\"x", "{\"steps\":[{},"] {
            let server = HostileServer::endless(OK_JSON, filler.repeat(64 * 1024));
            all_fail(&server, &small, SMALL, "is longer than 1 MiB").await;
        }
        // What it consists of does not matter: it is refused before it is read as JSON.
        let server = HostileServer::endless(OK_JSON, "{\"steps\":[{},".repeat(64 * 1024));
        all_fail(&server, &large, LARGE, "is longer than 64 MiB").await;
    });
}

#[test]
fn an_endless_list_is_given_up_or_streams() {
    block_on(async {
        let row = r#"{"id":"0197a000-0000-7000-8000-000000000001","component":"c","environment":"production","version":"1","owner":"o","status":"s","ts":"2026-01-05T09:30:00.000000Z","run":null,"span":false}"#;
        let server = HostileServer::endless(OK_JSONL, format!("{row}\n").repeat(1000));
        let table: [&[&str]; 2] = [&["list", "--format", "table"], &["deployments", "--format", "table"]];
        all_fail(&server, &table, LARGE, "is longer than 64 MiB").await;

        // More rows than were requested, of few bytes each.
        let many = HostileServer::saying(answer("200 OK", "application/x-ndjson", &format!("{row}\n").repeat(101)));
        all_fail(&many, &[&["list", "--format", "table"]], SMALL, "more than the 100 rows").await;

        // An export of 400 MB goes through as it comes, and then breaks.
        let server = HostileServer::start(|_, stream| {
            stream.write_all(format!("{OK_CSV}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
            let chunk = chunked("c,1,o,s,2026-01-05 09:30:00\r\n".repeat(10_000).as_bytes());
            (0..1400).try_for_each(|_| stream.write_all(&chunk))
        });
        all_fail(&server, &[&["list", "--format", "csv"]], SMALL, "is incomplete").await;
    });
}

#[test]
fn an_endless_problem_is_cut() {
    block_on(async {
        for status in ["400 Bad Request", "503 Service Unavailable", "301 Moved", "599 x"] {
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n");
            let server = HostileServer::endless(&head, "{\"detail\":\"".repeat(10_000));
            let measured = measure(&Cli::at(&server.url()).command(&["list"])).await;
            assert_bounded(&measured, status, SMALL);
            assert!([1, 3].contains(&measured.run.code), "{measured:?}");
        }
        // A detail that floods the screen.
        let detail = "x".repeat(60_000);
        let body = format!(
            r#"{{"type":"about:blank","title":"Bad Request","status":400,"detail":"{detail}","Error":"","errors":[]}}"#
        );
        let server = HostileServer::saying(answer("400 Bad Request", "application/problem+json", &body));
        let said = Cli::at(&server.url()).run(&["list"]).failed(3);
        assert!(said.len() < 5000 && said.ends_with("more characters)\n"), "{said}");
    });
}

#[test]
fn endless_heads_and_interim_answers_end_in_time() {
    block_on(async {
        let heads: [(&str, Vec<u8>); 4] = [
            ("HTTP/1.1 200 OK\r\n", b"x-a: b\r\n".repeat(1000)),
            ("HTTP/1.1 200 OK\r\nx-a: ", b"b".repeat(10_000)),
            ("", b"HTTP/1.1 100 Continue\r\n\r\n".repeat(5)),
            ("", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(5)),
        ];
        for (start, more) in heads {
            let name = format!("{start}{}", String::from_utf8_lossy(&more[..20]));
            let server = HostileServer::start(move |_, stream| {
                stream.write_all(start.as_bytes())?;
                loop {
                    stream.write_all(&more)?;
                    std::thread::park_timeout(Duration::from_millis(20));
                }
            });
            let cli = Cli::at(&server.url());
            let measured = measure(&cli.command(&["list", "--timeout", "2s"])).await;
            assert_bounded(&measured, &name, SMALL);
            assert!(measured.took < Duration::from_secs(2) + SLACK, "{name}: {measured:?}");
            measured.run.failed(1);
        }
    });
}

#[test]
fn what_trickles_is_given_up() {
    block_on(async {
        // A byte now and then, in the head and in the body.
        let trickle = |head: String, piece: Vec<u8>, pause: u64| {
            HostileServer::start(move |_, stream| {
                stream.write_all(head.as_bytes())?;
                loop {
                    stream.write_all(&piece)?;
                    std::thread::park_timeout(Duration::from_millis(pause));
                }
            })
        };
        let body = |head: &str| format!("{head}transfer-encoding: chunked\r\n\r\n");
        for (server, arguments, says) in [
            (
                trickle("HTTP/1.1 200 OK\r\nx: ".to_owned(), b"y".to_vec(), 100),
                &["list"][..],
                "did not answer within 2s",
            ),
            (trickle(body(OK_CSV), chunked(b"c"), 100), &["list", "--format", "csv"], "is incomplete"),
            (trickle(body(OK_JSON), chunked(b" "), 100), &["stats", "--format", "table"], "is incomplete"),
            (trickle(body(OK_JSON), chunked(b" "), 100), &["list", "--count"], "did not answer within 2s"),
        ] {
            let cli = Cli::at(&server.url()).env("STEPS_TIMEOUT", "2s");
            let measured = measure(&cli.command(arguments)).await;
            assert!(measured.took < Duration::from_secs(12) + SLACK, "{measured:?}");
            let stderr = measured.run.failed(1);
            assert!(stderr.contains(says), "{arguments:?}: {stderr}");
        }
    });
}

#[test]
fn a_broken_download_leaves_no_file() {
    let csv = "component,version\r\nc,1\r\n";
    let length = |length: usize| format!("{OK_CSV}content-length: {length}\r\n\r\n{csv}");
    let chunk = String::from_utf8(chunked(csv.as_bytes())).unwrap();
    for (name, sent, says) in [
        ("too short", length(csv.len() + 1), "is incomplete"),
        ("chunks without an end", format!("{OK_CSV}transfer-encoding: chunked\r\n\r\n{chunk}"), "is incomplete"),
        ("half a chunk", format!("{OK_CSV}transfer-encoding: chunked\r\n\r\n{}", &chunk[..9]), "is incomplete"),
        ("no chunk", format!("{OK_CSV}transfer-encoding: chunked\r\n\r\nzz\r\n"), "is incomplete"),
        ("no length", format!("{OK_CSV}\r\n{csv}"), "neither chunks nor a length"),
        (
            "a page",
            answer("200 OK", "text/html", "<html>log in</html>"),
            "answered text/html where text/csv was requested",
        ),
        ("no type", format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{csv}", csv.len()), "no media type"),
        (
            "compressed",
            format!("{OK_CSV}content-encoding: gzip\r\ncontent-length: {}\r\n\r\n{csv}", csv.len()),
            "is compressed (gzip), which was not requested",
        ),
        (
            "elsewhere",
            "HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/v1/steps\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "redirects to http://192.0.2.1/v1/steps; give the final address with --server",
        ),
        ("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "the exchange with the server"),
        ("nothing", String::new(), "the exchange with the server"),
    ] {
        let server = HostileServer::saying(sent);
        let cli = Cli::at(&server.url());
        for output in ["steps.csv", "steps.xlsx"] {
            let stderr = cli.run(&["list", "--format", "csv", "--output", output]).failed(1);
            assert!(stderr.contains(says), "{name}: {stderr}");
            assert_eq!(std::fs::read_dir(cli.work()).unwrap().count(), 0, "{name}: there is a file");
        }
        // A file that was there stays as it was.
        cli.file("kept.csv", "old");
        cli.run(&["list", "--output", "kept.csv"]).failed(1);
        assert_eq!(std::fs::read_to_string(cli.work().join("kept.csv")).unwrap(), "old", "{name}");
        assert_eq!(std::fs::read_dir(cli.work()).unwrap().count(), 1, "{name}");
    }
}

#[test]
fn no_pause_is_too_long_to_be_believed() {
    for pause in ["18446744073709551615", "9223372036854775807", "-1", "1e308", "Wed, 25 Nov 9999 00:00:00 GMT"] {
        let head = format!("HTTP/1.1 503 Service Unavailable\r\nretry-after: {pause}\r\ncontent-length: 0\r\n\r\n");
        let server = HostileServer::saying(head);
        let cli = Cli::at(&server.url());
        let file = cli.file("old.csv", "component,version,owner,status,ts\nc,1,o,s,2026-01-05 09:30:00\n");
        let stderr = cli.run(&["import", &file, "--timeout", "1s"]).failed(1);
        assert!(stderr.contains("answered 503") && stderr.contains("importing it again is safe"), "{pause}: {stderr}");
    }
}

#[test]
fn an_import_reads_rows_of_any_file_in_bounded_memory() {
    block_on(async {
        let server = HostileServer::saying(answer("200 OK", "application/json", "{}"));
        let cli = Cli::at(&server.url());
        let header = "component,version,owner,status,ts\n";
        for (name, start, filler) in [
            ("one.csv", header, "x"),
            ("quote.csv", "component,version,owner,status,ts\n\"", "a,b\n"),
            ("one.jsonl", "", "{"),
            ("one.json", "[\"", "x"),
            ("members.json", "{", "\"a\":1,"),
            ("header.csv", "", "component,"),
        ] {
            let file = cli.file(name, &(start.to_owned() + &filler.repeat((200 << 20) / filler.len())));
            for arguments in [&["import", "--dry-run", file.as_str()][..], &["import", file.as_str()]] {
                let measured = measure(&cli.command(arguments)).await;
                assert_bounded(&measured, name, SMALL);
                assert!([1, 2].contains(&measured.run.code), "{measured:?}");
                assert!(measured.run.stderr.contains("longer than 1 MiB"), "{measured:?}");
            }
            std::fs::remove_file(file).unwrap();
        }
    });
}
