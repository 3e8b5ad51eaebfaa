//! What a caller may not see is in no answer: each is, byte for byte, that of a server which has nothing else.

mod recording;

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use steps_shared::{Glob, StepId, Timestamp};
use steps_tests::access::Caller;
use steps_tests::history::step;
use steps_tests::server::Builder;
use steps_tests::steps::{column, encoded};
use steps_tests::{Answer, Server, TestDb, eventually, on_both_stores};

use recording::{recording_tells_nothing_of_what_is_not_seen, what_is_not_seen_cannot_be_recorded};

on_both_stores!(
    every_answer_is_that_of_a_server_with_nothing_else,
    patterns_mean_the_same_in_the_database,
    recording_tells_nothing_of_what_is_not_seen,
    what_is_not_seen_cannot_be_recorded,
);

const COMPONENTS: [&str; 4] = ["acme/shop", "acme/Shop", "acmeXshop", "bank"];
const ENVIRONMENTS: [&str; 3] = ["production", "staging", "staging-2"];
const DAY_MICROS: i64 = 86_400_000_000;

/// Patterns of components and environments.
type Limits = (&'static [&'static str], &'static [&'static str]);
/// How many of them are tried in a run, by chance.
const MANY_LIMITS: usize = 2;
/// How many of all questions are asked each time, by chance.
const MANY_QUESTIONS: usize = 120;
const LIMITS: [Limits; 5] = [
    (&["acme/*"], &[]),
    (&[], &["staging*"]),
    (&["*shop", "ban_", "BANK"], &["production"]),
    (&["bank"], &["production", "staging-2"]),
    (&["elsewhere"], &[]),
];

/// A server that believes whoever has no token.
async fn open(db: &TestDb) -> Server {
    Builder::on(&db.url()).args(&["--allow-anonymous", "--requests-per-second", "0"]).start().await
}

/// Another database of the same kind.
fn another(db: &TestDb) -> TestDb {
    TestDb::new(match db {
        TestDb::Sqlite(_) => steps_tests::DatabaseKind::Sqlite,
        TestDb::MySql { .. } => steps_tests::DatabaseKind::MySql,
    })
}

fn sees((components, environments): Limits, step: &Value) -> bool {
    let any = |globs: &[&str], field: &str| {
        let name = step[field].as_str().unwrap_or("production");
        globs.is_empty() || globs.iter().any(|glob| glob.parse::<Glob>().unwrap().matches(name))
    };
    any(components, "component") && any(environments, "environment")
}

/// Deployments of every component into every environment, which have versions, owners and runs in common. One series is long, and
/// grows.
fn history(rng: &mut Rng) -> Vec<Value> {
    let first: Timestamp = "2026-01-05 00:00:00".parse().unwrap();
    let long = (*rng.choice(&COMPONENTS).unwrap(), *rng.choice(&ENVIRONMENTS).unwrap());
    let mut steps = Vec::new();
    for component in COMPONENTS {
        for environment in ENVIRONMENTS {
            let is_long = (component, environment) == long;
            for nth in 0..if is_long { 70 } else { rng.usize(2..20) } {
                let start = first.micros() + rng.i64(0..60 * DAY_MICROS) / if is_long { 1 } else { 3 };
                let start = Timestamp::from_micros(start).unwrap();
                let mut of = json!({
                    "component": component, "environment": environment,
                    "version": format!("1.{}", nth % 17), "owner": rng.choice(["ann", "bob", "cä"]).unwrap(),
                });
                if rng.u8(..3) == 0 {
                    of["run"] = json!(format!("r{}", rng.u8(..6)));
                    of["attempt"] = json!(rng.u8(1..3));
                }
                let grown = if is_long { (start.micros() - first.micros()) / DAY_MICROS * 10 } else { 0 };
                let building = 100 + grown + rng.i64(0..60);
                let end = rng.choice(["succeeded", "succeeded", "succeeded", "failed", "cancelled", ""]).unwrap();
                let mut words = vec!["started@0".to_owned(), "queued@5".to_owned(), "building@20".to_owned()];
                words.push(format!("migrating@{}+{}", 30, rng.i64(1..40)));
                words.push(format!("testing@{building}"));
                if !end.is_empty() {
                    words.push(format!("{end}@{}", building + rng.i64(10..90)));
                }
                steps.extend(words.iter().map(|word| step(start, word, of.clone())));
            }
        }
    }
    rng.shuffle(&mut steps);
    steps
}

async fn record(server: &Server, steps: &[&Value]) {
    for steps in steps.chunks(500) {
        let steps: Vec<Value> = steps.iter().copied().cloned().collect();
        assert_eq!(server.batch(&steps).await.recorded, steps.len() as u64);
    }
}

/// What there is to ask of a history.
fn questions(rng: &mut Rng, steps: &[Value]) -> Vec<String> {
    let mut questions: Vec<String> = Vec::new();
    let filters = [
        "",
        "component=acme/shop",
        "component=bank",
        "component=ACME/shop",
        "environment=staging",
        "version=1.3",
        "owner=bob",
        "run=r1",
        "start_datetime=2026-01-09&end_datetime=2026-02-03",
        "order=desc&limit=7",
        "limit=250",
        "component=acme/Shop&environment=production&order=desc",
    ];
    for list in ["steps", "deployments"] {
        for format in ["csv", "json", "jsonl", "xlsx"] {
            let filters = filters.iter().filter(|_| format == "csv" || rng.u8(..4) == 0);
            questions.extend(filters.map(|filter| format!("/v1/{list}?{filter}&format={format}")));
        }
        let counted = filters.iter().filter(|filter| !filter.contains("limit") && !filter.contains("order"));
        questions.extend(counted.map(|filter| format!("/v1/{list}/count?{filter}")));
    }
    questions.push("/v1/steps?status=building".to_owned());
    questions.push("/v1/deployments?outcome=failed&min_duration=2m".to_owned());
    questions.push("/v1/deployments?outcome=running".to_owned());
    // The deployments are named after some of the steps.
    for step in steps.iter().filter(|step| step["status"] == "started" || step["status"] == "queued") {
        let id = step["id"].as_str().unwrap();
        if rng.u8(..6) == 0 {
            questions.push(format!("/v1/steps/{id}"));
            questions.push(format!("/v1/deployments/{id}"));
            let format = rng.choice(["csv", "jsonl", "xlsx"]).unwrap();
            questions.push(format!("/v1/steps/{id}?format={format}"));
            questions.push(format!("/v1/deployments/{id}?format={format}"));
        }
    }
    for by in ["component", "environment", "owner", "status", "day,component", "week", "month", "status,owner"] {
        let times = "start_datetime=2026-01-06&end_datetime=2026-02-20";
        for filter in ["", "component=bank", "environment=staging-2", "version=1.2", "outcome=failed", times] {
            questions.push(format!("/v1/stats?by={by}&{filter}"));
        }
    }
    questions.push("/v1/stats?by=owner&exclude_waiting=true&tz=America/New_York".to_owned());
    questions.extend(["csv", "jsonl", "xlsx"].map(|format| format!("/v1/stats?by=component&format={format}")));
    let ever = "since=2026-01-01T00:00:00Z&until=2026-04-01T00:00:00Z";
    questions.push(format!("/v1/trend?{ever}&by=sprint&exclude_waiting=true"));
    questions.push(format!("/v1/trend?{ever}&environment=production"));
    questions.extend(["csv", "jsonl", "xlsx"].map(|format| format!("/v1/trend?{ever}&format={format}")));
    for component in COMPONENTS.iter().chain(&["elsewhere"]) {
        questions.push(format!("/v1/trend?{ever}&component={component}"));
        questions.push(format!("/v1/trend?{ever}&component={component}&step=building"));
        for environment in ENVIRONMENTS {
            let series = format!("component={component}&environment={environment}");
            questions.push(format!("/v1/check?{series}&max=3m&baseline=p95&max_growth=1%25"));
            questions.push(format!("/v1/check?{series}&max=1m&version=1.4&replay=3000d"));
            questions.push(format!("/v1/check?{series}&max=1m&step=building"));
        }
    }
    questions.extend(["/v1/projection", "/", "/healthz", "/readyz", "/v1/nothing"].map(str::to_owned));
    questions
}

/// What is the same whenever it is asked.
fn lasting(question: &str, answer: &Answer) -> (u16, Vec<String>, String) {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id", "content-length"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    let body = if answer.bytes.starts_with(b"PK") {
        // A workbook says when it was written.
        let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(answer.bytes.as_slice())).unwrap();
        let sheets = workbook.worksheets();
        let rows = |rows: Vec<Vec<Data>>| format!("{rows:?}");
        sheets.into_iter().map(|(name, range)| name + &rows(range.rows().map(<[Data]>::to_vec).collect())).collect()
    } else if answer.status >= 400 || question.contains("replay") {
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("request_id");
        if let Some(replay) = body.get_mut("replay").and_then(Value::as_object_mut) {
            replay.retain(|name, _| name != "since" && name != "until");
        }
        body.to_string()
    } else {
        answer.text().to_owned()
    };
    (answer.status, headers, body)
}

async fn packed(db: &TestDb) {
    eventually("all days are packed", async || {
        let until = db.number("SELECT MAX(days_until) FROM projection").await;
        let changed = db.number("SELECT COUNT(*) FROM days WHERE state <> 0").await;
        (until > 20_000 && changed == 0).then_some(())
    })
    .await;
}

async fn every_answer_is_that_of_a_server_with_nothing_else(db: TestDb) {
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let all = history(&mut rng);
    let server = open(&db).await;
    let excluded: Vec<&Value> = all.iter().filter(|step| step["status"] == "started" && rng.u8(..8) == 0).collect();
    record(&server, &all.iter().collect::<Vec<_>>()).await;
    exclude(&server, &excluded).await;
    for limits in rng.choose_multiple(LIMITS, MANY_LIMITS) {
        let questions = questions(&mut rng, &all);
        let questions = rng.choose_multiple(questions, MANY_QUESTIONS);
        let own = another(&db);
        let lone = open(&own).await;
        record(&lone, &all.iter().filter(|step| sees(limits, step)).collect::<Vec<_>>()).await;
        let seen: Vec<&Value> = excluded.iter().copied().filter(|step| sees(limits, step)).collect();
        exclude(&lone, &seen).await;
        let caller = Caller::limited(&server, limits.0, limits.1).await;
        let expected = Caller::anonymous(&lone);
        let mut differing = 0;
        for is_packed in [false, true] {
            if is_packed {
                packed(&db).await;
                packed(&own).await;
            }
            for question in &questions {
                let (of_all, of_own) = (caller.get(question).await, expected.get(question).await);
                let context = format!("{limits:?} {question}, packed: {is_packed}, seed {seed}");
                assert_eq!(lasting(question, &of_all), lasting(question, &of_own), "{context}");
                // The test tells something only where there is something else.
                let unlimited = server.get(question).await;
                differing += u32::from(lasting(question, &unlimited) != lasting(question, &of_all));
                let head = |caller: &Caller<'_>| Answer::of(caller.request(Method::HEAD, question));
                if rng.u8(..10) == 0 {
                    assert_eq!(head(&caller).await.status, head(&expected).await.status, "{context}");
                }
            }
        }
        assert!(differing as usize > questions.len() / 4, "{limits:?}: {differing} of {}", questions.len());
        lone.stop().await;
    }
    server.stop().await;
}

async fn exclude(server: &Server, deployments: &[&Value]) {
    for first in deployments {
        let id = first["id"].as_str().unwrap();
        let answer = server.post(&format!("/v1/deployments/{id}/exclude?reason=a+test&owner=ann")).await;
        // Others have been recorded of the same stream at the same time: then it is the first step of none.
        assert!([200, 404].contains(&answer.status), "{}", answer.text());
    }
}

/// Names and patterns of what means something to LIKE, to GLOB, or to a collation.
const ODD_NAMES: [&str; 29] = [
    "a",
    "A",
    "ab",
    "aB",
    "a%b",
    "a_b",
    "a|b",
    "a||b",
    "a\\b",
    "a\\\\b",
    "a[b",
    "a]b",
    "a[b]c",
    "a?b",
    "a^b",
    "a-b",
    "ä",
    "Ä",
    "a\u{308}",
    "ß",
    "ss",
    "a'b",
    "a\"b",
    "a\u{10ffff}b",
    "a🚀",
    "a🚀b",
    "a b",
    "a  b",
    "a\u{ffff}b",
];

async fn patterns_mean_the_same_in_the_database(db: TestDb) {
    let server = open(&db).await;
    let of = |name: &&str| json!({"id": StepId::generate(), "component": name, "environment": name, "version": "1", "owner": "o", "status": "s"});
    record(&server, &ODD_NAMES.iter().map(of).collect::<Vec<_>>().iter().collect::<Vec<_>>()).await;
    let mut patterns: Vec<String> = ODD_NAMES.iter().map(|name| (*name).to_owned()).collect();
    patterns.extend(ODD_NAMES.iter().flat_map(|name| [format!("{name}*"), format!("*{name}"), format!("*{name}*")]));
    for name in ODD_NAMES {
        let (first, rest) = name.split_at(name.chars().next().unwrap().len_utf8());
        patterns.extend([
            format!("{first}*{rest}"),
            format!("{first}*{}", rest.trim_start_matches(['%', '_', '|', '\\', '['])),
        ]);
    }
    patterns.extend(
        ["a[ab]*", "a[^b]*", "[a]*", "a_*", "a%*", "%", "_", "?", "a?*", "*|*", "*\\*", "*]*", "**"].map(str::to_owned),
    );
    patterns.push("a *".to_owned());
    // Some are of characters that no pattern may have.
    patterns.retain(|pattern| pattern.parse::<Glob>().is_ok());
    patterns.sort();
    patterns.dedup();
    for pattern in &patterns {
        let glob: Glob = pattern.parse().unwrap();
        let mut expected: Vec<&str> = ODD_NAMES.iter().copied().filter(|name| glob.matches(name)).collect();
        expected.sort_unstable();
        for limits in [(&[pattern.as_str()][..], &[][..]), (&[], &[pattern.as_str()])] {
            let caller = Caller::limited(&server, limits.0, limits.1).await;
            let mut found = column(caller.get("/v1/steps?columns=component").await.ok(), "component");
            found.sort_unstable();
            assert_eq!(found, expected, "{pattern}");
            // Also where the query has an index of the names.
            let stats = caller.get("/v1/stats?by=component").await.json();
            let of_stats = stats["stats"].as_array().unwrap();
            assert_eq!(of_stats.len(), expected.len(), "{pattern}: {stats}");
        }
    }
    server.stop().await;
}
