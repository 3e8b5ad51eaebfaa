//! Whatever was recorded comes back byte for byte, through every text format and both stores.

use std::cell::Cell;

use chrono::{DateTime, Days, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use steps_shared::{Component, Step, StepId, StepOutcome, Timestamp};
use steps_tests::steps::{encoded, rows};
use steps_tests::{Cli, DatabaseKind, Server, TestDb, block_on};

const CASES: u32 = 64;

/// A day of its own for each case, so that a list can ask for the steps of one.
fn day(case: u64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Days::new(10_000 + case)
}

/// Any valid name of at most so many characters; those that formats trip over come often.
fn name(limit: usize) -> impl Strategy<Value = String> {
    let tricky = prop::sample::select(vec![
        '=',
        '+',
        '-',
        '@',
        '"',
        '\'',
        ',',
        ';',
        '\\',
        '/',
        '%',
        '&',
        '#',
        '?',
        '<',
        '{',
        ' ',
        '\u{a0}',
        '\u{feff}',
        '\u{200d}',
        '\u{2028}',
        'é',
        'e',
        '\u{301}',
        'ß',
        '中',
        '🚀',
        '👩',
        '\u{10ffff}',
        '\u{fffd}',
        '0',
        '1',
    ]);
    let character = prop_oneof![3 => tricky, 1 => any::<char>(), 2 => prop::char::range('a', 'z')];
    let text = prop_oneof![
        6 => prop::collection::vec(character.clone(), 1..20),
        1 => prop::collection::vec(character, limit),
        1 => prop::sample::select(vec!["NULL", "null", "true", "=1+1", "1e5", "007", "-0", "''", "\"\"", "2026-01-05"])
            .prop_map(|text| text.chars().collect()),
    ];
    text.prop_map(|text| text.into_iter().filter(|c| !c.is_control()).collect::<String>().trim().to_owned())
        .prop_filter("a name has something visible in it", |text| text.parse::<Component>().is_ok())
}

/// The day is filled in when the case is run.
fn step() -> impl Strategy<Value = Step> {
    let id = any::<u128>().prop_map(|bits| uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid());
    let names = (name(255), name(64), name(255), name(255), name(64), prop::option::of(name(255)));
    let attempt = prop::option::of(1..5_u32);
    // A step is no span, an open one, or one with its end: how it ended, after how long, and its exit code.
    let end = (prop::sample::select(vec![StepOutcome::Succeeded, StepOutcome::Failed]), 0..90_000_000_i64);
    let span = prop::option::of(prop::option::of((end, prop::option::of(any::<i32>()))));
    (id, names, attempt, 0..86_400_000_000_i64, span).prop_map(
        |(id, (component, environment, version, owner, status, run), attempt, micros, span)| Step {
            id: StepId(id),
            component: component.parse().unwrap(),
            environment: environment.parse().unwrap(),
            version: version.parse().unwrap(),
            owner: owner.parse().unwrap(),
            status: status.parse().unwrap(),
            ts: Timestamp::from_micros(micros).unwrap(),
            run: run.map(|run| run.parse().unwrap()),
            attempt: attempt.map(|number| number.try_into().unwrap()),
            span: span.is_some(),
            outcome: span.flatten().map(|((outcome, _), _)| outcome),
            exit_code: span.flatten().and_then(|(_, code)| code),
            ended_at: span.flatten().map(|((_, took), _)| Timestamp::from_micros(micros + took).unwrap()),
            deployment_id: None,
            result: None,
        },
    )
}

/// Steps without equal ids, in the order of a list, on the day of this case.
fn on_day(mut steps: Vec<Step>, case: u64) -> Vec<Step> {
    for step in &mut steps {
        let moved = |ts: Timestamp| Timestamp::from_micros(day(case).timestamp_micros() + ts.micros()).unwrap();
        (step.ts, step.ended_at) = (moved(step.ts), step.ended_at.map(moved));
    }
    steps.sort_by_key(|step| (step.ts, step.id));
    steps.dedup_by_key(|step| step.id);
    steps
}

/// What was recorded of a step as a list shows it: without what was derived.
fn recorded(mut shown: Value) -> Step {
    let told = ["succeeded", "failed"].iter().any(|outcome| shown["outcome"] == *outcome);
    for derived in ["outcome", "ended_at"] {
        if !told {
            shown[derived] = Value::Null;
        }
    }
    shown["deployment_id"] = Value::Null;
    shown["result"] = Value::Null;
    serde_json::from_value(shown).unwrap()
}

/// As it is sent.
fn sent(step: &Step) -> Value {
    let mut json = json!(step);
    json.as_object_mut()
        .unwrap()
        .retain(|name, _| !["deployment_id", "duration_seconds", "result"].contains(&name.as_str()));
    json
}

fn from_csv(csv: &str) -> Vec<Step> {
    let step = |mut row: steps_tests::steps::Row| {
        let ts: Timestamp = row["started_at"].parse().unwrap();
        assert_eq!(row.remove("ts"), Some(ts.to_seconds_text()));
        row.remove("started_at");
        row.retain(|_, value| !value.is_empty());
        let mut object = json!(row);
        object["ts"] = json!(ts);
        object["span"] = json!(row["span"] == "true");
        object["attempt"] = json!(row.get("attempt").map(|attempt| attempt.parse::<u32>().unwrap()));
        object["exit_code"] = json!(row.get("exit_code").map(|code| code.parse::<i32>().unwrap()));
        recorded(object)
    };
    rows(csv).into_iter().map(step).collect()
}

async fn comes_back(server: &Server, steps: &[Step], case: u64) {
    let sent: Vec<Value> = steps.iter().map(sent).collect();
    let answer = server.batch(&sent).await;
    assert_eq!(answer.recorded, steps.len() as u64, "{answer:#?}");

    let end = day(case + 1) - chrono::TimeDelta::microseconds(1);
    let day =
        format!("start_datetime={}&end_datetime={}", encoded(&day(case).to_rfc3339()), encoded(&end.to_rfc3339()));
    assert_eq!(from_csv(&server.list(&day).await), steps, "through CSV");
    let json = server.get(&format!("/v1/steps?{day}&format=json")).await.json();
    let listed = json["steps"].as_array().unwrap().iter().cloned().map(recorded);
    assert_eq!(listed.collect::<Vec<_>>(), steps, "through JSON");
    let jsonl = server.get(&format!("/v1/steps?{day}&format=jsonl")).await;
    let lines = jsonl.ok().split_terminator('\n').map(|line| recorded(serde_json::from_str(line).unwrap()));
    assert_eq!(lines.collect::<Vec<_>>(), steps, "through JSONL");
    for step in steps.iter().take(2) {
        let (component, run) = (encoded(step.component.as_str()), step.run.as_ref().map(|run| encoded(run.as_str())));
        let run = run.map_or_else(String::new, |run| format!("&run={run}"));
        let found = from_csv(&server.list(&format!("component={component}{run}&{day}")).await);
        assert!(found.contains(step), "its own names find {step:?}");
        assert_eq!(recorded(server.get(&format!("/v1/steps/{}", step.id)).await.json()), *step);
    }
}

fn any_valid_step_comes_back(kind: DatabaseKind) {
    let db = TestDb::new(kind);
    let server = block_on(Server::start(&db));
    let case = Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    runner
        .run(&prop::collection::vec(step(), 1..12), |steps| {
            let this = case.replace(case.get() + 1);
            block_on(comes_back(&server, &on_day(steps, this), this));
            Ok(())
        })
        .unwrap();

    // The whole export, imported into an empty server, is the same export; in every format that import reads.
    let (exported, deployments) = (block_on(server.list("")), block_on(server.deployments("")));
    let json = block_on(server.get("/v1/steps?format=json"));
    let jsonl = block_on(server.get("/v1/steps?format=jsonl"));
    let exports = [("export.csv", exported.as_str()), ("export.json", json.ok()), ("export.jsonl", jsonl.ok())];
    for (name, export) in exports {
        let other_db = TestDb::new(kind);
        let other = block_on(Server::start(&other_db));
        let cli = Cli::of(&other);
        cli.run(&["import", &cli.file(name, export)]).ok();
        assert_eq!(block_on(other.list("")), exported, "{name} imports without loss");
        assert_eq!(block_on(other.deployments("")), deployments, "{name} gives the same deployments");
    }
}

#[test]
fn any_valid_step_comes_back_from_sqlite() {
    any_valid_step_comes_back(DatabaseKind::Sqlite);
}

#[test]
fn any_valid_step_comes_back_from_mysql() {
    any_valid_step_comes_back(DatabaseKind::MySql);
}
