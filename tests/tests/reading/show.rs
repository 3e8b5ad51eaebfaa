//! `steps show` and `steps deployments`: what an engineer looks at in a terminal.

use serde_json::{Value, json};
use steps_shared::Timestamp;
use steps_tests::history::step;
use steps_tests::steps::{column, now};
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(
    a_timeline_has_a_row_for_each_step,
    what_is_slow_is_marked_and_what_runs_has_its_time_left,
    the_newest_is_found_by_component_version_and_environment,
    deployments_are_a_table_or_an_export,
);

/// Records a deployment of version `version`, so many seconds after 09:00; steps as `STATUS@SECOND`, and spans as
/// `STATUS@SECOND+DURATION`.
async fn deploy(server: &Server, version: &str, start: u32, steps: &str) -> Vec<Value> {
    let nine: Timestamp = "2026-01-05 09:00:00".parse().unwrap();
    let start = Timestamp::from_micros(nine.micros() + i64::from(start) * 1_000_000).unwrap();
    let of = json!({"component": "checkout", "version": version, "owner": "ann"});
    let steps: Vec<Value> = steps.split_whitespace().map(|word| step(start, word, of.clone())).collect();
    assert_eq!(server.batch(&steps).await.recorded, steps.len() as u64);
    steps
}

/// The name that a line is of, behind the mark of what runs beside something else.
fn name(line: &str) -> Option<&str> {
    line.split_whitespace().find(|word| *word != "=")
}

/// The line of a table that begins with this word, as words.
#[track_caller]
fn line<'a>(table: &'a str, word: &str) -> Vec<&'a str> {
    let line = table.lines().find(|line| name(line) == Some(word));
    line.unwrap_or_else(|| panic!("no line of {word}:\n{table}")).split_whitespace().collect()
}

/// Where the bar of a line begins and ends.
#[track_caller]
fn bar(table: &str, word: &str) -> (usize, usize) {
    let found = table.lines().find(|line| name(line) == Some(word));
    let found = found.unwrap_or_else(|| panic!("no line of {word}:\n{table}"));
    (found.find('#').unwrap(), found.rfind('#').unwrap())
}

async fn a_timeline_has_a_row_for_each_step(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let steps = deploy(&server, "1", 0, "started@0 building@10 lint@40+30 test@40+20 deploying@80 succeeded@100").await;
    let id = steps[0]["id"].as_str().unwrap();
    let shown = cli.run(&["show", id, "--format", "table", "--ascii"]).ok();
    assert!(shown.is_ascii(), "{shown}");
    for words in ["checkout 1", "production", "succeeded", "1m40s", "ann", "2026-01-05 09:00:00", id] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    for (status, time, share) in [
        ("started", "10.0s", "10%"),
        ("building", "1m10s", "70%"),
        ("lint", "30.0s", "30%"),
        ("test", "20.0s", "20%"),
        ("deploying", "20.0s", "20%"),
    ] {
        let line = line(&shown, status);
        assert!(line.contains(&time) && line.contains(&share), "{status} {time} {share}:\n{shown}");
    }
    // Parallel spans begin in one place, and the longer one ends later; what comes after begins after it.
    let (lint, test, deploying) = (bar(&shown, "lint"), bar(&shown, "test"), bar(&shown, "deploying"));
    assert_eq!(lint.0, test.0, "{shown}");
    assert!(lint.1 > test.1 && deploying.0 > lint.1, "{shown}");
    line(&shown, "succeeded");

    let csv = cli.run(&["show", id]).ok();
    assert_eq!(column(&csv, "status").len(), 6, "its steps as CSV when piped");
    let answer = server.get(&format!("/v1/deployments/{id}")).await.json();
    assert_eq!(serde_json::from_str::<Value>(&cli.run(&["show", id, "--format", "json"]).ok()).unwrap(), answer);
}

async fn what_is_slow_is_marked_and_what_runs_has_its_time_left(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server).env("LC_ALL", "C.UTF-8");
    for version in 10..16_u32 {
        deploy(&server, &version.to_string(), 400 * (version - 10), "building@0 migrating@60 succeeded@90").await;
    }
    deploy(&server, "4", 3000, "building@0 migrating@61 succeeded@361").await;
    let shown = cli.run(&["show", "checkout", "4", "--format", "table"]).ok();
    let (building, migrating) = (line(&shown, "building"), line(&shown, "migrating"));
    assert!(building.contains(&"1m00s") && migrating.contains(&"30.0s"), "what they usually take:\n{shown}");
    assert!(migrating.concat().contains('▲') && !building.concat().contains('▲'), "{shown}");
    assert!(shown.contains("usually 1m30s"), "{shown}");

    // Between spans are gaps.
    deploy(&server, "5", 4000, "a@0+10 b@40+10 succeeded@50").await;
    let shown = cli.run(&["show", "checkout", "5", "--format", "table"]).ok();
    assert!(line(&shown, "(gap)").contains(&"30.0s"), "{shown}");

    let ts = steps_shared::Timestamp::from_micros(now().micros() - 45_000_000).unwrap().to_string();
    server
        .record(&[("component", "checkout"), ("version", "6"), ("owner", "ann"), ("status", "building"), ("ts", &ts)])
        .await
        .recorded();
    let shown = cli.run(&["show", "checkout", "--format", "table"]).ok();
    assert!(shown.contains("running") && shown.contains('%') && shown.contains("left"), "{shown}");
}

async fn the_newest_is_found_by_component_version_and_environment(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    deploy(&server, "1", 0, "a@0 succeeded@10").await;
    let two = deploy(&server, "2", 100, "a@0 failed@20").await;
    let again = deploy(&server, "1", 200, "a@0 succeeded@30").await;
    let fields =
        [("component", "checkout"), ("version", "1"), ("owner", "o"), ("status", "s"), ("environment", "staging")];
    let staging = server.record(&fields).await.recorded();
    let shown = |args: &[&str]| column(&cli.run(&[&["show"][..], args].concat()).ok(), "deployment_id")[0].clone();
    assert_eq!(shown(&["checkout", "--environment", "production"]), again[0]["id"]);
    assert_eq!(shown(&["checkout", "2"]), two[0]["id"]);
    assert_eq!(shown(&["checkout"]), staging.id.to_string());
    for nothing in [&["nothing"][..], &["checkout", "3"], &["checkout", "--environment", "test"]] {
        let said = cli.run(&[&["show"][..], nothing].concat()).failed(3);
        assert!(said.contains("no deployment"), "{nothing:?}: {said}");
    }
    assert!(cli.run(&["show", "chekout"]).failed(3).contains("under the component chekout; did you mean checkout?"));
    cli.run(&["show", &steps_shared::StepId::generate().to_string()]).failed(3);
    // The identity of a step that is not the first is no deployment's.
    cli.run(&["show", two[1]["id"].as_str().unwrap()]).failed(3);
}

async fn deployments_are_a_table_or_an_export(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let said = cli.run(&["deployments", "--format", "table"]);
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.trim()), (0, "", "no deployments"));
    deploy(&server, "1", 0, "a@0 succeeded@90").await;
    deploy(&server, "2", 1000, "a@0 failed@91").await;
    deploy(&server, "3", 2000, "a@0").await;
    assert_eq!(cli.run(&["deployments"]).ok(), server.deployments("").await.replace("\r\n", "\n"));
    for (args, expected) in [
        (&["--outcome", "failed"][..], "2"),
        (&["--min-duration", "1m31s"], "2"),
        (&["--max-duration", "90"], "1"),
        (&["--since", "2026-01-05 09:16:40"], "2 3"),
        (&["--until", "2026-01-05 09:00:00"], "1"),
        (&["--order", "desc", "--limit", "2"], "3 2"),
    ] {
        let csv = cli.run(&[&["deployments"][..], args].concat()).ok();
        assert_eq!(column(&csv, "version").join(" "), expected, "{args:?}");
    }
    assert_eq!(cli.run(&["deployments", "--count", "--component", "checkout"]).ok(), "3\n");
    let table = cli.run(&["deployments", "--format", "table"]).ok();
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert!(rows[0].contains("succeeded") && rows[0].contains("1m30s"), "the oldest first: {table}");
    assert!(rows[2].contains("running") && !rows[2].contains("0.00s"), "{table}");
    cli.run(&["deployments", "--format", "xlsx", "--output", "d.xlsx"]).ok();
    assert!(std::fs::read(cli.work().join("d.xlsx")).unwrap().starts_with(b"PK"));
    let said = cli.run(&["deployments", "--outcome", "succeded"]).failed(2);
    assert!(said.contains("succeeded"), "{said}");
}
