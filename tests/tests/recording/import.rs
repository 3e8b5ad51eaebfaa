//! `steps import`: histories, twice, longer, broken, and a real one.

use std::fmt::Write as _;

use steps_tests::steps::column;
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(
    importing_again_records_nothing_twice,
    refused_lines_are_named_and_the_rest_is_kept,
    reads_jsonl_and_standard_input,
    many_rows_arrive_in_order,
    the_real_history_is_imported_once,
);

const HEADER: &str = "component,version,owner,status,ts\n";

async fn importing_again_records_nothing_twice(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let mut history = format!("{HEADER}c,1,o,building,2026-01-05 09:30:00\nc,1,o,testing,2026-01-05 09:30:00\n");
    // The same row twice is one step.
    history.push_str("c,1,o,testing,2026-01-05 09:30:00\n");
    let file = cli.file("history.csv", &history);
    cli.run(&["import", &file]).ok();
    let first = server.list("").await;
    assert_eq!(column(&first, "status"), ["building", "testing"]);
    cli.run(&["import", &file]).ok();
    assert_eq!(server.list("").await, first);

    history.push_str("c,1,o,building,2026-01-05 09:31:00\nd,1,o,building,2026-01-05 09:31:00\n");
    let summary = cli.run(&["import", &cli.file("longer.csv", &history)]).ok();
    assert!(summary.contains('2') && summary.contains('3'), "2 recorded, 3 already: {summary}");
    assert_eq!(column(&server.list("").await, "component").concat(), "cccd");
    assert_eq!(db.stored_steps().await, 4);
}

async fn refused_lines_are_named_and_the_rest_is_kept(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let history = format!(
        "{HEADER}c,1,o,a,2026-01-05 09:30:00\nc,,o,a,2026-01-05 09:30:00\n\"c\nd\",1,o,a,2026-01-05 09:30:00\n\
         c,1,o,a,soon\nc,1,o\nc,1,o,a,2999-01-05 09:30:00\nc,1,o,b,2026-01-05 09:30:01\n"
    );
    let said = cli.run(&["import", &cli.file("broken.csv", &history)]).failed(3);
    // Line 4 goes on in line 5.
    for (line, word) in [(3, "version"), (4, "control character"), (6, "soon"), (7, "3 "), (8, "future")] {
        let named = said.lines().any(|said| said.contains(&format!("broken.csv:{line}: ")) && said.contains(word));
        assert!(named, "line {line}, {word}: {said}");
    }
    assert!(!said.contains("broken.csv:2:") && !said.contains("broken.csv:9:"), "{said}");
    assert_eq!(column(&server.list("").await, "status"), ["a", "b"]);

    for (name, content, words) in [
        ("empty.csv", "", "empty"),
        ("headless.csv", "c,1,o,a,2026-01-05 09:30:00\n", "component"),
        ("short.csv", "component,version,status,ts\nc,1,a,2026-01-05 09:30:00\n", "owner"),
    ] {
        let said = cli.run(&["import", &cli.file(name, content)]).failed(2);
        assert!(said.contains(words), "{name}: {said}");
    }
    assert_eq!(server.count("").await, 2);
}

async fn reads_jsonl_and_standard_input(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let jsonl = "{\"component\":\"c\",\"version\":\"1\",\"owner\":\"o\",\"status\":\"a\",\"ts\":\"2026-01-05T09:30:00Z\"}\n\
                 {\"component\":\"c\",\"version\":\"1\",\"owner\":\"o\",\"status\":\"b\",\"ts\":\"2026-01-05T09:30:00Z\",\"run\":null}\n";
    cli.run(&["import", &cli.file("history.jsonl", jsonl)]).ok();
    cli.run_with_input(&["import", "-"], &format!("{HEADER}c,1,o,c,2026-01-05 09:30:01\n")).ok();
    assert_eq!(column(&server.list("").await, "status").concat(), "abc");
    cli.run_with_input(&["import", "-"], jsonl).ok();
    assert_eq!(server.count("").await, 3, "the same rows from another place are the same steps");
}

/// More than one batch holds.
async fn many_rows_arrive_in_order(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let mut history = HEADER.to_owned();
    for row in 0..25_000 {
        let (minute, second) = (row / 1000, row / 100 % 60);
        writeln!(history, "c,1,o,s{row},2026-01-05 09:{minute:02}:{second:02}").unwrap();
    }
    let file = cli.file("long.csv", &history);
    cli.run(&["import", &file]).ok();
    assert_eq!(server.count("").await, 25_000);
    // The file is not in the order of time everywhere; what is of one time is in the order of the file.
    let mut expected: Vec<(&str, &str)> =
        history.lines().skip(1).map(|line| (&line[line.len() - 19..], line.split(',').nth(3).unwrap())).collect();
    expected.sort_by_key(|(ts, _)| *ts);
    let listed = column(&server.list("columns=status").await, "status");
    assert!(listed.iter().eq(expected.iter().map(|(_, status)| status)));
    cli.run(&["import", &file]).ok();
    assert_eq!(server.count("").await, 25_000);
}

/// The steps of a public project's CI, 2021 to now: one row of `ants/CodeQL` after another.
async fn the_real_history_is_imported_once(db: TestDb) {
    let Some(path) = steps_tests::steps::real_data().map(|folder| folder.join("ants-ci-steps.csv")) else { return };
    let history = std::fs::read_to_string(&path).unwrap();
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let path = path.display().to_string();
    cli.run(&["import", &path]).ok();
    cli.run(&["import", &path]).ok();
    assert_eq!(server.count("").await, history.lines().count() as u64 - 1);

    let listed = cli.run(&["list", "--component", "ants/CodeQL", "--format", "csv"]).ok();
    let expected: Vec<[String; 4]> = steps_tests::steps::rows(&history)
        .into_iter()
        .filter(|row| row["component"] == "ants/CodeQL")
        .map(|row| ["version", "owner", "status", "ts"].map(|name| row[name].trim_end_matches(".000").to_owned()))
        .collect();
    let found: Vec<[String; 4]> = steps_tests::steps::rows(&listed)
        .into_iter()
        .map(|row| ["version", "owner", "status", "ts"].map(|name| row[name].clone()))
        .collect();
    assert!(!expected.is_empty());
    if let Some(place) = (0..expected.len().max(found.len())).find(|place| expected.get(*place) != found.get(*place)) {
        panic!("row {place}: {:?} in the file, {:?} in the list", expected.get(place), found.get(place));
    }
}
