//! `steps import` of files that other programs wrote, and times as they write them, everywhere a time is taken.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use steps_tests::steps::{column, columns, encoded};
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(
    every_export_is_read_again,
    equal_rows_of_several_files_are_one_step,
    the_next_question_is_answered,
    times_are_read_in_every_form,
    files_of_other_programs,
    a_dry_run_records_nothing,
    a_file_that_begins_with_the_newest,
    files_that_are_something_else,
);

const HEADER: &str = "component,version,owner,status,ts\n";

/// Writes bytes into the working folder; the path.
fn file(cli: &Cli, name: &str, bytes: &[u8]) -> String {
    let path = cli.file(name, "");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

async fn every_export_is_read_again(db: TestDb) {
    let server = Server::start(&db).await;
    let step = |status: &str, second: u32, more: serde_json::Value| {
        let mut step = json!({"component": "é;,\"c", "version": "1.10", "owner": "o", "status": status,
            "ts": format!("2026-01-05T09:30:{second:02}.000123Z"), "run": "9123456789"});
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    };
    server
        .batch(&[
            step("started", 0, json!({})),
            step("building", 1, json!({"span": true, "outcome": "succeeded", "duration": 1.000_001, "exit_code": 0})),
            step("testing", 3, json!({"span": true, "outcome": "failed", "duration": 2, "exit_code": -3})),
            step("open", 4, json!({"span": true})),
            step("succeeded", 6, json!({})),
            step("open again", 7, json!({"span": true})),
        ])
        .await;
    let exported = server.list("").await;
    let cli = Cli::of(&server);
    for format in ["csv", "json", "jsonl"] {
        let export = cli.run(&["list", "--format", format]).ok();
        let newest_first = cli.run(&["list", "--format", format, "--order", "desc"]).ok();
        let chosen = ["--columns", "run,status,started_at,owner,version,component,span,outcome,ended_at,exit_code,id"];
        let chosen = cli.run(&[&["list", "--format", format][..], &chosen].concat()).ok();
        for (name, bytes) in [
            (format!("a.{format}"), export.clone().into_bytes()),
            ("export".to_owned(), export.clone().into_bytes()),
            (format!("a.{format}.gz"), gzip(export.as_bytes())),
            (format!("16.{format}"), utf16(&export)),
            (format!("newest.{format}"), newest_first.into_bytes()),
            (format!("chosen.{format}"), chosen.into_bytes()),
        ] {
            let other_db = TestDb::new(db.kind());
            let other = Server::start(&other_db).await;
            let elsewhere = Cli::of(&other);
            let path = file(&elsewhere, &name, &bytes);
            elsewhere.run(&["import", &path]).ok();
            assert_eq!(other.list("").await, exported, "{name} of {format}");
        }
    }
}

async fn equal_rows_of_several_files_are_one_step(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let row = "c,1,o,s,2026-01-05 09:30:00\n";
    let twice = format!("{HEADER}{row}c,1,o,t,2026-01-05 09:30:01\n{row}");
    let summary = cli.run(&["import", &cli.file("twice.csv", &twice)]).ok();
    assert_eq!(summary, "imported 3 steps: 2 recorded, 1 already recorded, 0 refused\n");
    cli.run(&["import", &cli.file("other.csv", &format!("{HEADER}{row}"))]).ok();
    let other_form = "{\"status\":\"s\",\"component\":\"c\",\"version\":1,\"owner\":\"o\",\"ts\":1767605400}\n";
    cli.run_with_input(&["import", "-"], other_form).ok();
    assert_eq!(db.stored_steps().await, 2);
    // What differs in anything is another.
    let spans = format!(
        "component,version,owner,status,ts,span,outcome,ended_at\n{0},true,success,2026-01-05 09:31\n{0},true,failure,2026-01-05 09:31\n",
        "c,1,o,spanned,2026-01-05 09:30:00"
    );
    cli.run(&["import", &cli.file("spans.csv", &spans)]).ok();
    assert_eq!(column(&server.list("status=spanned").await, "outcome").len(), 2);
}

async fn the_next_question_is_answered(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let mut history = HEADER.to_owned();
    for row in 0..6000 {
        history.push_str(&format!("c{},1,o,s,2026-01-05 09:{:02}:00\n", row % 1500, row / 1500));
    }
    cli.run(&["import", &cli.file("many.csv", &history)]).ok();
    let answer = server.get("/v1/projection").await.json();
    assert_eq!(answer, json!({"waiting": 0, "last": null}), "everything is folded when the command ends");
    assert_eq!(cli.run(&["deployments", "--count"]).ok(), "1500\n");
    let problem = server.get("/v1/projection?until=soon&after=1").await.problem(400);
    assert_eq!(problem.errors.len(), 2);
}

/// One instant in many forms: in what is recorded, in filters, in flags and in files.
async fn times_are_read_in_every_form(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let mut file = String::new();
    let forms = [
        "2021-12-23T10:26:21Z",
        "2021-12-23 10:26:21",
        "2021-12-23 11:26:21 +0100",
        "2021-12-23 10:26:21 UTC",
        "2021-12-23T11:26:21+0100",
        "2021-12-23 10:26:21+00",
        "2021-12-23 10:26:21.000000+00",
        "2021-12-23T10:26:21",
        "1640255181",
        "1640255181000",
        "1640255181.0",
    ];
    for (nth, form) in forms.into_iter().enumerate() {
        let status = format!("s{nth:02}");
        let step = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", &status), ("ts", form)];
        server.record(&step).await.recorded();
        let row = json!({"component": "d", "version": "1", "owner": "o", "status": status, "ts": form});
        file.push_str(&format!("{row}\n"));
        let bounds = format!("component=c&start_datetime={0}&end_datetime={0}", encoded(form));
        assert_eq!(server.count(&bounds).await, nth as u64 + 1, "{form}");
        let asked = ["list", "--component", "c", "--since", form, "--until", form, "--count"];
        assert_eq!(cli.run(&asked).ok(), format!("{}\n", nth + 1), "{form}");
    }
    let number = json!({"component": "c", "version": "1", "owner": "o", "status": "s", "ts": 1_640_255_181.25});
    let recorded = server.post_body("/v1/steps", "application/json", number.to_string()).await.recorded();
    assert_eq!(recorded.ts.to_rfc3339(), "2021-12-23T10:26:21.250000Z");
    cli.run(&["import", &cli.file("forms.jsonl", &file)]).ok();
    let listed = column(&server.list("component=d").await, "started_at");
    assert_eq!(listed, vec!["2021-12-23T10:26:21.000000Z"; forms.len()]);

    // A whole minute, and what people type.
    assert_eq!(server.count("component=c&end_datetime=2021-12-23%2010:26").await, forms.len() as u64 + 1);
    assert_eq!(server.count("component=c&end_datetime=2021-12-23%2010:25").await, 0);
    cli.run(&["record", "--component", "now", "--version", "1", "--owner", "o", "--status", "s"]).ok();
    for since in ["today", "yesterday", "2 weeks ago", "1h ago"] {
        // Around midnight "today" may have just begun.
        let count = cli.run(&["list", "--since", since, "--until", "now", "--count"]).ok();
        assert!(count == "1\n" || since == "today", "{since}: {count}");
    }
    for (wrong, hint) in [("03/04/2026", "YYYY-MM-DD"), ("2026-11-01 10:00 CET", "offset"), ("5 nov", "2 weeks ago")] {
        let said = cli.run(&["list", "--since", wrong]).failed(2);
        assert!(said.contains(hint), "{wrong}: {said}");
        let problem = server.get(&format!("/v1/steps?start_datetime={}", encoded(wrong))).await.problem(400);
        assert!(problem.legacy.contains("Datetimes must follow the YYYY-MM-DD HH:MM:SS format"), "{}", problem.legacy);
    }
}

const JOBS: &str = "component;version;owner;pipeline_id;name;begin;end;outcome;colour\n\
    shop;1.10;ann;9123456789;build;2026-07-01 12:00:00;2026-07-01 12:03:00;success;red\n\
    shop;1.10;ann;9123456789;deploy;2026-07-01 12:03;2026-07-01 12:05:30;failure;red\n";

const MAP: [&str; 4] = ["--tz", "Europe/Berlin", "--map", "run=pipeline_id,status=name,started_at=begin,ended_at=end"];

async fn files_of_other_programs(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let tabs = JOBS.replace(';', "\t");
    let json = json!([
        {"component": "shop", "version": "1.10", "owner": "ann", "pipeline_id": 9_123_456_789_u64, "name": "build",
         "begin": "2026-07-01 12:00:00", "end": "2026-07-01T10:03:00Z", "outcome": "success", "colour": {"r": 255}},
        {"component": "shop", "version": "1.10", "owner": "ann", "pipeline_id": 9_123_456_789_u64, "name": "deploy",
         "begin": 1_782_900_180, "end": "2026-07-01 12:05:30", "outcome": "failure"},
    ]);
    let crlf = JOBS.replace('\n', "\r\n");
    for (name, bytes) in [
        ("jobs.csv", JOBS.as_bytes().to_vec()),
        ("jobs.tsv", tabs.into_bytes()),
        ("crlf.csv", crlf.into_bytes()),
        ("jobs.csv.gz", gzip(JOBS.as_bytes())),
        ("jobs.txt", utf16(JOBS)),
        ("jobs.json", json.to_string().into_bytes()),
        ("document.json", serde_json::to_vec_pretty(&json!({"page": 1, "steps": json, "next": null})).unwrap()),
    ] {
        let path = file(&cli, name, &bytes);
        let run = cli.run(&[&["import", &path][..], &MAP].concat());
        assert!(run.stderr.contains("left aside: column \"colour\""), "{name}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{name}: {}", run.stderr);
        run.ok();
        let found =
            columns(&server.list("").await, ["version", "run", "status", "started_at", "outcome", "duration_seconds"]);
        let expected = [
            ["1.10", "9123456789", "build", "2026-07-01T10:00:00.000000Z", "succeeded", "180"],
            ["1.10", "9123456789", "deploy", "2026-07-01T10:03:00.000000Z", "failed", "150"],
        ];
        assert_eq!(found, expected, "{name}");
    }
}

async fn a_dry_run_records_nothing(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let jobs = format!(
        "{JOBS}shop;1.10;ann;1;twice;2026-10-25 02:30;;;\nshop;;ann;1;x;03/04/2026;;;\nshop;1;ann;1;x;2999-01-01 00:00;;;\n"
    );
    let path = cli.file("jobs.csv", &jobs);
    let run = cli.run(&[&["import", "--dry-run", &path][..], &MAP].concat());
    for words in ["2026-07-01T10:03:00.000000Z", "9123456789", "failed", "would import 2 steps, 3 refused"] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    let said = run.failed(3);
    for (line, words) in [(4, "clocks were put back"), (5, "YYYY-MM-DD"), (5, "version"), (6, "in the future")] {
        let named = said.lines().any(|said| said.contains(&format!("jobs.csv:{line}: ")) && said.contains(words));
        assert!(named, "line {line}, {words}: {said}");
    }
    assert_eq!(db.stored_steps().await, 0);
    let away = [
        "import",
        "--dry-run",
        "--server",
        "http://127.0.0.1:1",
        &cli.file("good.csv", &format!("{HEADER}c,1,o,s,2026-01-05 09:30\n")),
    ];
    assert!(cli.run(&away).ok().contains("would import 1 steps, 0 refused"), "a dry run asks no server");
}

/// Steps of one second are in the order in which they happened, whichever end of the history stands first.
async fn a_file_that_begins_with_the_newest(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let mut rows: Vec<String> = Vec::new();
    for (nth, status) in ["started", "building", "deploying", "succeeded"].into_iter().enumerate() {
        rows.push(format!("c,1,o,{status},2026-01-05 09:30:0{}\n", nth / 2));
    }
    let newest_first: String = rows.iter().rev().map(String::as_str).collect();
    cli.run(&["import", &cli.file("newest.csv", &format!("{HEADER}{newest_first}"))]).ok();
    assert_eq!(column(&server.list("").await, "status"), ["started", "building", "deploying", "succeeded"]);
    assert_eq!(column(&server.deployments("").await, "outcome"), ["succeeded"]);
    cli.run(&["import", &cli.file("oldest.csv", &format!("{HEADER}{}", rows.concat()))]).ok();
    assert_eq!(db.stored_steps().await, 4, "the same history the other way round");
}

async fn files_that_are_something_else(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    cli.run_with_input(&["import", "-"], &format!("{HEADER}c,1,o,started,2026-01-05 09:30\n")).ok();
    let deployments = |format| cli.run(&["deployments", "--format", format]).ok();
    let history = format!("{HEADER}{}", "d,1,o,s,2026-01-05 09:30:00\n".repeat(3000));
    let cut_off = &gzip(history.as_bytes())[..60];
    for (name, bytes, args, code, words) in [
        ("deployments.csv", deployments("csv").as_bytes(), &[][..], 2, "list of deployments"),
        ("deployments.json", deployments("json").as_bytes(), &[], 3, "list of deployments"),
        ("deployments.jsonl", deployments("jsonl").as_bytes(), &[], 3, "list of deployments"),
        ("page.html", b"<html></html>", &[], 2, "the first line must name the columns"),
        ("cut.json", b"[{\"component\":\"c\"", &[], 1, "not JSON"),
        ("cut.csv.gz", cut_off, &[], 2, "cut.csv.gz"),
        ("a.csv", HEADER.as_bytes(), &["--map", "colour=x"], 2, "known are"),
        ("a.csv", HEADER.as_bytes(), &["--map", "status=nam"], 2, "no column \"nam\""),
        ("a.csv", HEADER.as_bytes(), &["--tz", "Berlin"], 2, "Europe/Berlin"),
    ] {
        let path = file(&cli, name, bytes);
        let said = cli.run(&[&["import", &path][..], args].concat()).failed(code);
        assert!(said.contains(words), "{name}: {said}");
    }
    assert_eq!(db.stored_steps().await, 1);
}
