//! Steps that wait while the server is away: none is lost, none is doubled, and no deploy is held up.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use steps_tests::server::Builder;
use steps_tests::steps::{column, columns};
use steps_tests::{Cli, DatabaseKind, Run, Server, TestDb, block_on, eventually, on_both_stores};

on_both_stores!(
    what_was_kept_is_delivered_by_the_next_record,
    a_run_without_a_server_is_recorded_whole_later,
    an_answer_that_is_lost_after_the_commit_doubles_nothing,
    many_processes_killed_at_random_lose_nothing,
);

const AWAY: &str = "http://127.0.0.1:9";

fn record<'a>(version: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let step = ["record", "--component", "c", "--version", version, "--owner", "o", "--status", "s"];
    step.into_iter().chain(more.iter().copied()).collect()
}

/// A command whose server is at a port that nothing listens on yet.
async fn away() -> (Cli, u16) {
    let port = steps_tests::faults::free_port().await;
    (Cli::at(&format!("http://127.0.0.1:{port}")), port)
}

fn kept(run: Run) -> String {
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("is kept, and sent later"), "{}", run.stderr);
    run.stderr
}

fn status(cli: &Cli, name: &str) -> String {
    let csv = cli.run(&["status", "--format", "csv"]).stdout;
    let rows: BTreeMap<String, String> =
        columns(&csv, ["name", "value"]).into_iter().map(|[name, value]| (name, value)).collect();
    rows[name].clone()
}

async fn what_was_kept_is_delivered_by_the_next_record(db: TestDb) {
    let (cli, port) = away().await;
    let said = kept(cli.run(&record("1", &[])));
    assert!(said.contains("c 1 s") && said.contains("Connection refused"), "{said}");
    let said = kept(cli.run(&record("2", &["--ts", "2026-01-05T09:30:00Z"])));
    assert!(said.contains("a moment ago"), "{said}");
    assert_eq!(status(&cli, "waiting"), "2");
    assert_eq!(cli.run(&["status"]).code, 1);

    let server = Builder::on_port(port, &db.url()).start().await;
    cli.let_half_a_minute_pass();
    let run = cli.run(&record("3", &[]));
    assert!(run.stdout.starts_with("recorded c 3"), "{run:?}");
    assert!(run.stderr.contains("delivered 2 steps"), "{run:?}");
    assert_eq!(status(&cli, "waiting"), "0");
    let steps = columns(&server.list("").await, ["version", "started_at"]);
    let versions: Vec<&str> = steps.iter().map(|[version, _]| version.as_str()).collect();
    assert_eq!(versions, ["2", "1", "3"], "each at its own time");
    assert_eq!(steps[0][1], "2026-01-05T09:30:00.000000Z");
    assert_eq!(cli.run(&["flush"]).ok(), "nothing waits\n");
}

#[test]
fn flush_says_what_it_did_and_what_waits_on() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let (cli, port) = away().await;
        for version in 0..3 {
            kept(cli.run(&record(&version.to_string(), &[])));
        }
        let said = cli.run(&["flush"]).failed(1);
        assert!(said.contains("Connection refused") && said.contains("3 steps wait on"), "{said}");
        let server = Builder::on_port(port, &db.url()).start().await;
        assert_eq!(cli.run(&["flush"]).ok(), "delivered 3 steps (0 were there already), 0 refused\n");
        assert_eq!(column(&server.list("").await, "version"), ["0", "1", "2"]);
        // It is known to be back.
        assert!(cli.run(&record("4", &[])).ok().starts_with("recorded"));
    });
}

#[test]
fn status_tells_what_there_is() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server);
        let said: serde_json::Value = serde_json::from_str(&cli.run(&["status", "--format", "json"]).ok()).unwrap();
        assert_eq!((&said["server"], &said["waiting"]), (&server.url().into(), &0.into()), "{said}");
        assert_eq!(said["version"], env!("CARGO_PKG_VERSION"));
        assert!(said["state"].as_str().unwrap().starts_with("ready, in "), "{said}");
    });
}

/// What the server refuses would be refused for ever.
#[test]
fn what_is_refused_is_not_kept() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server);
        cli.run(&record("1", &["--ts", "2999-01-01T00:00:00Z"])).failed(3);
        let id = "0197a000-0000-7000-8000-000000000001";
        cli.run(&record("1", &["--id", id])).ok();
        cli.run(&record("2", &["--id", id])).failed(3);
        assert_eq!(cli.run(&["flush"]).ok(), "nothing waits\n");
        assert!(!cli.home().join(".local").exists(), "nothing was written");
        // That there is no such path says nothing of the step.
        let elsewhere = format!("{}/nowhere", server.url());
        kept(cli.run(&record("1", &["--server", &elsewhere])));
    });
}

#[test]
fn strict_and_no_spool_are_failures() {
    let cli = Cli::at(AWAY);
    let said = cli.run(&record("1", &["--strict"])).failed(1);
    assert!(said.contains("is kept, and sent later"), "{said}");
    assert_eq!(status(&cli, "waiting"), "1");
    let cli = Cli::at(AWAY);
    cli.run(&record("1", &["--no-spool"])).failed(1);
    let cli = cli.env("STEPS_NO_SPOOL", "1");
    cli.run(&record("1", &[])).failed(1);
    assert!(!cli.home().join(".local").exists(), "nothing was written");
    cli.run(&["flush"]).failed(2);
}

#[test]
fn the_spool_is_private_and_where_it_is_asked_to_be() {
    let cli = Cli::at(AWAY);
    kept(cli.run(&record("1", &["--spool-dir", "here/spool"])));
    let of_server = fs::read_dir(cli.work().join("here/spool")).unwrap().next().unwrap().unwrap().path();
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&of_server), 0o700);
    assert_eq!(mode(&of_server.join("waiting")), 0o600);
    let said =
        kept(cli.run(&["config"]).code.eq(&0).then(|| cli.run(&record("2", &["--spool-dir", "here/spool"]))).unwrap());
    assert!(said.contains("a moment ago"), "the same spool: {said}");
    assert!(cli.run(&["config"]).ok().contains("spool_dir,"));
}

#[test]
fn a_full_spool_and_a_full_disk_are_clear_errors_and_lose_nothing() {
    let cli = Cli::at(AWAY);
    kept(cli.run(&record("1", &[])));
    let whole = fs::read(cli.spool_file("waiting")).unwrap();
    let said = cli.run(&record("2", &["--spool-limit", "300"])).failed(1);
    assert!(said.contains("cannot be kept") && said.contains("--spool-limit allows 300"), "{said}");
    assert_eq!(fs::read(cli.spool_file("waiting")).unwrap(), whole);
    cli.run(&record("2", &["--spool-limit", "much"])).failed(2);

    // No file may grow beyond 1 KiB: what is written there is cut in the middle of a line, as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 1; for i in $(seq 20); do \"$0\" \"$@\" || exit $?; done";
    let steps = steps_tests::binary("steps").display().to_string();
    let args: Vec<&str> = ["-c", script, &steps].into_iter().chain(record("3", &[])).collect();
    let said = Run::of(&mut cli.program("bash".as_ref(), &args)).failed(1);
    assert!(said.contains("cannot be kept") && said.contains("File too large"), "{said}");
    let after = fs::read(cli.spool_file("waiting")).unwrap();
    assert!(after.starts_with(&whole) && after.ends_with(b"}\n"), "{}", String::from_utf8_lossy(&after));
    // The next place has what the first did not take, until it is as full.
    assert!(said.contains("so it waits in "), "{said}");
    let kept = said.lines().filter(|line| line.contains("is kept")).count();
    assert_eq!(status(&cli, "waiting"), (1 + kept).to_string());
    assert_eq!(status(&cli, "torn"), "0");
}

/// A writer that is killed leaves a part of a line, whichever.
#[test]
fn a_torn_line_is_set_aside_and_blocks_nothing() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let (cli, port) = away().await;
        kept(cli.run(&record("1", &[])));
        let first = fs::read(cli.spool_file("waiting")).unwrap();
        kept(cli.run(&record("2", &[])));
        let both = fs::read(cli.spool_file("waiting")).unwrap();
        let server = Builder::on_port(port, &db.url()).start().await;
        for cut in first.len() + 1..both.len() {
            fs::write(cli.spool_file("waiting"), &both[..cut]).unwrap();
            let run = cli.run(&["flush"]);
            assert!(run.stderr.contains("set aside"), "cut at {cut}: {run:?}");
            assert!(run.ok().starts_with("delivered 1 steps"), "cut at {cut}");
        }
        assert_eq!(column(&server.list("").await, "version"), ["1"], "nothing torn was delivered");
        assert_eq!(status(&cli, "torn"), (both.len() - first.len() - 1).to_string());
        // One that was damaged in the middle, and one that follows a torn one.
        let damaged = [b"deadbeef {\"queued_at\":1}\n", &both[first.len()..], b"0123"].concat();
        fs::write(cli.spool_file("waiting"), damaged).unwrap();
        cli.run(&["flush"]).ok();
        assert_eq!(column(&server.list("").await, "version"), ["1", "2"]);
    });
}

#[test]
fn what_the_server_refuses_later_is_set_aside_with_the_reason() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let (cli, port) = away().await;
        let id = "0197a000-0000-7000-8000-000000000001";
        for version in ["1", "2"] {
            kept(cli.run(&record(version, &["--id", id])));
        }
        kept(cli.run(&record("3", &[])));
        let server = Builder::on_port(port, &db.url()).start().await;
        let run = cli.run(&["flush"]);
        assert_eq!(run.stdout, "delivered 2 steps (0 were there already), 1 refused\n");
        assert!(run.failed(3).contains("recorded already with another version"));
        let rejected = fs::read_to_string(cli.spool_file("rejected")).unwrap();
        let rejected: serde_json::Value = serde_json::from_str(rejected.trim()).unwrap();
        assert_eq!(rejected["step"]["version"], "2");
        assert!(rejected["reason"].as_str().unwrap().contains(id), "{rejected}");
        assert_eq!(column(&server.list("").await, "version"), ["1", "3"]);
        assert_eq!((status(&cli, "waiting").as_str(), status(&cli, "rejected").as_str()), ("0", "1"));
    });
}

/// It takes the connection and never answers: that is waited for once, and by one.
#[test]
fn a_hanging_server_is_asked_once() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let cli = Cli::at(&format!("http://{}", silent.local_addr().unwrap()));
    let said = kept(cli.run(&record("1", &["--timeout", "300ms"])));
    assert!(said.contains("did not answer within 300ms"), "{said}");
    let asked: Vec<TcpStream> = std::iter::from_fn(|| silent.accept().ok().map(|(stream, _)| stream)).collect();
    assert_eq!(asked.len(), 1);
    for version in ["2", "3"] {
        kept(cli.run(&record(version, &["--timeout", "24h"])));
    }
    let run = cli.run(&[
        "run",
        "--component",
        "c",
        "--version",
        "4",
        "--owner",
        "o",
        "--status",
        "s",
        "--timeout",
        "24h",
        "--",
        "sh",
        "-c",
        "exit 7",
    ]);
    assert_eq!(run.code, 7, "{run:?}");
    assert!(run.stderr.contains("recorded later"), "{run:?}");
    assert!(silent.accept().is_err(), "nobody asked again");
    // The beginning of the run, and its end.
    assert_eq!(status(&cli.env("STEPS_TIMEOUT", "100ms"), "waiting"), "5");
}

async fn a_run_without_a_server_is_recorded_whole_later(db: TestDb) {
    let (cli, port) = away().await;
    let run = |args: &[&str]| {
        let stream = ["run", "--component", "c", "--version", "1", "--owner", "o"];
        cli.run(&stream.into_iter().chain(args.iter().copied()).collect::<Vec<_>>())
    };
    assert_eq!(run(&["--status", "migrating", "--", "sh", "-c", "sleep 0.2; exit 3"]).code, 3);
    assert_eq!(run(&["--deployment", "--", "true"]).code, 0);
    run(&["--strict", "--status", "s", "--", "true"]).failed(1);
    let server = Builder::on_port(port, &db.url()).start().await;
    assert_eq!(cli.run(&["flush"]).ok(), "delivered 4 steps (0 were there already), 0 refused\n");
    let steps = columns(&server.list("").await, ["status", "outcome", "exit_code", "duration_seconds"]);
    assert_eq!(steps.len(), 4, "{steps:?}");
    assert_eq!(steps[0][..3], ["migrating", "failed", "3"].map(str::to_owned));
    let took: f64 = steps[0][3].parse().unwrap();
    assert!((0.2..60.0).contains(&took), "by the clock of the command: {took}");
    assert_eq!([&steps[1][0], &steps[2][0], &steps[3][0]], ["started", "succeeded", "s"]);
}

/// Passes one request on, waits until it is answered, and gives the answer to nobody.
fn answer_to_nobody(listener: &TcpListener, server: &str) {
    let (mut client, _) = listener.accept().unwrap();
    let mut target = TcpStream::connect(server.trim_start_matches("http://")).unwrap();
    let mut to = target.try_clone().unwrap();
    let mut from = client.try_clone().unwrap();
    let passing = std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    assert!(target.read(&mut [0; 1024]).unwrap() > 0, "the server has answered");
    client.shutdown(std::net::Shutdown::Both).unwrap();
    let _ = passing.join().unwrap();
    let _ = client.read(&mut [0]);
}

async fn an_answer_that_is_lost_after_the_commit_doubles_nothing(db: TestDb) {
    let server = Server::start(&db).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let cli = Cli::at(&format!("http://127.0.0.1:{port}"));
    let mut command = cli.command(&record("1", &[]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    answer_to_nobody(&listener, server.url());
    kept(Run::from(child.wait_with_output().unwrap()));
    assert_eq!(db.stored_steps().await, 1, "it was committed, and nobody heard of it");
    drop(listener);
    server.stop().await;
    let _server = Builder::on_port(port, &db.url()).start().await;
    assert_eq!(cli.run(&["flush"]).ok(), "delivered 1 steps (1 were there already), 0 refused\n");
    assert_eq!(db.stored_steps().await, 1);
}

/// Fifty processes at a time, of which some are killed at any instant; then two deliver at the same time.
async fn many_processes_killed_at_random_lose_nothing(db: TestDb) {
    const PROCESSES: usize = 50;
    let (cli, port) = away().await;
    let started = AtomicUsize::new(0);
    let start = || {
        let version = started.fetch_add(1, Ordering::Relaxed).to_string();
        let mut command = cli.command(&record(&version, &[]));
        (version, command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let (mut acknowledged, mut killed) = (Vec::new(), 0);
    let mut processes: Vec<(String, Child)> = Vec::new();
    for at in 0..PROCESSES {
        let (version, mut process) = start();
        if at % 2 == 0 {
            // At any moment of its short life, while others write beside it.
            tokio::time::sleep(Duration::from_micros(fastrand::u64(0..15_000))).await;
            process.kill().unwrap();
        }
        processes.push((version, process));
    }
    for (version, mut process) in processes {
        match process.wait().unwrap().code() {
            Some(0) => acknowledged.push(version),
            Some(code) => panic!("steps record ended with {code}"),
            None => killed += 1,
        }
    }
    let server = Builder::on_port(port, &db.url()).start().await;
    let flush = || cli.command(&["flush"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for process in [flush(), flush()] {
        Run::from(process.wait_with_output().unwrap()).ok();
    }
    eventually("nothing waits", async || (status(&cli, "waiting") == "0").then_some(())).await;
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for version in column(&server.list("").await, "version") {
        *found.entry(version).or_default() += 1;
    }
    let missing = acknowledged.iter().filter(|version| !found.contains_key(*version)).count();
    let double = found.values().filter(|count| **count > 1).count();
    let report = format!(
        "steps record killed at random ({:?}): processes {PROCESSES}, killed {killed}, acknowledged {}, found {}, missing \
         {missing}, double {double}",
        db.kind(),
        acknowledged.len(),
        found.len()
    );
    steps_tests::faults::tell(&report);
    assert_eq!((missing, double), (0, 0), "{report}");
    assert!(acknowledged.len() >= PROCESSES / 2 && killed > 0, "{report}");
}
