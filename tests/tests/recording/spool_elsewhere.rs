//! Steps that wait: for another server, and while a question is asked.

use std::fs::File;

use steps_tests::server::Builder;
use steps_tests::steps::column;
use steps_tests::{Cli, DatabaseKind, Run, Server, TestDb, block_on, on_both_stores};

on_both_stores!(a_question_is_asked_when_all_is_delivered);

fn record<'a>(version: &'a str, status: &'a str, ts: &'a str) -> [&'a str; 11] {
    ["record", "--component", "c", "--version", version, "--owner", "o", "--status", status, "--ts", ts]
}

#[test]
fn what_waits_for_another_server_is_named_and_delivered_here() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server);
        let old = "http://127.0.0.1:9/steps";
        for version in ["1", "2"] {
            let args = [&record(version, "s", "2026-01-05T09:30:00Z")[..], &["--server", old]].concat();
            assert!(cli.run(&args).stderr.contains("is kept, and sent later"));
        }
        assert!(cli.run(&["status", "--format", "csv"]).ok().contains(&format!("\nwaiting_elsewhere,2 for {old}\n")));
        let run = cli.run(&["flush"]);
        let told = format!("steps: 2 steps wait for {old}; 'steps flush --from {old}' delivers to {}\n", server.url());
        assert_eq!(
            (run.stdout.as_str(), run.stderr.as_str()),
            (&*format!("nothing waits for {}\n", server.url()), &*told)
        );
        assert_eq!(run.code, 0);
        cli.run(&["flush", "--from", "nonsense"]).failed(2);
        let run = cli.run(&["flush", "--from", &format!("{old}/")]);
        assert_eq!(run.stderr, "");
        assert_eq!(run.ok(), "delivered 2 steps (0 were there already), 0 refused\n");
        assert_eq!(column(&server.list("").await, "version"), ["1", "2"]);
        assert_eq!(cli.run(&["flush", "--from", old]).ok(), format!("nothing waits for {old}\n"));
        assert_eq!(cli.run(&["flush"]).ok(), "nothing waits\n");
        assert!(cli.run(&["status", "--format", "csv"]).ok().contains("\nwaiting_elsewhere,\n"));
    });
}

async fn a_question_is_asked_when_all_is_delivered(db: TestDb) {
    let port = steps_tests::faults::free_port().await;
    let cli = Cli::at(&format!("http://127.0.0.1:{port}"));
    let server = Builder::on_port(port, &db.url()).start().await;
    let deploy = |version: &str, hour: &str, minutes: &str| -> [Run; 2] {
        let at = [format!("2026-11-01T{hour}:00:00Z"), format!("2026-11-01T{hour}:{minutes}:00Z")];
        [cli.run(&record(version, "started", &at[0])), cli.run(&record(version, "succeeded", &at[1]))]
    };
    let check = ["check", "--component", "c", "--max", "5m"];
    for run in deploy("1", "10", "01") {
        run.ok();
    }
    assert_eq!(cli.run(&check).code, 0);
    server.stop().await;
    // The one to be judged is too slow, and waits here.
    for run in deploy("2", "11", "10") {
        assert!(run.stderr.contains("is kept"), "{run:?}");
    }
    let unknown = cli.run(&check).failed(5);
    assert!(
        unknown.contains("others still wait: ") && unknown.contains("2 steps wait here of what is judged"),
        "{unknown}"
    );
    assert_eq!(cli.run(&["check", "--component", "other", "--max", "5m"]).code, 1, "nothing of that waits");

    let _server = Builder::on_port(port, &db.url()).start().await;
    let delivering = File::options().write(true).open(cli.spool_file("delivering")).unwrap();
    delivering.lock().unwrap();
    let run = cli.run(&[&check[..], &["--timeout", "1s"]].concat());
    assert!(run.stdout.contains("within"), "the answer is of the one before: {run:?}");
    assert!(run.failed(5).contains("2 steps wait here of what is judged, so that the answer is not known"));
    assert_eq!(cli.run(&[&check[..], &["--timeout", "1s", "--replay", "90d"]].concat()).code, 0);
    drop(delivering);

    let run = cli.run(&check);
    assert_eq!((run.code, run.stderr.as_str()), (4, "steps: delivered 2 steps that waited\n"), "{}", run.stdout);
}

#[test]
fn what_was_just_recorded_is_shown() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let port = steps_tests::faults::free_port().await;
        let cli = Cli::at(&format!("http://127.0.0.1:{port}"));
        assert!(cli.run(&record("1", "started", "2026-11-01T10:00:00Z")).stderr.contains("is kept"));
        assert!(cli.run(&["show", "c"]).failed(1).contains("others still wait: "));
        let _server = Builder::on_port(port, &db.url()).start().await;
        let run = cli.run(&["show", "c"]);
        assert_eq!(run.stderr, "steps: delivered 1 step that waited\n");
        assert!(run.ok().contains("started"));
    });
}
