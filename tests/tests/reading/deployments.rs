//! Deployments: what the recorded steps are folded into, rule by rule, and how they are listed.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use serde_json::{Value, json};
use steps_shared::{Deployment, DeploymentDetail, StepId};
use steps_tests::steps::{column, columns, real_data, rows};
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(
    the_real_history_has_the_durations_that_its_ci_declared,
    steps_become_deployments_by_the_rules,
    a_late_first_step_is_the_new_identity_and_any_other_keeps_it,
    runs_that_interleave_are_apart,
    what_was_recorded_is_in_the_very_next_answer,
    any_order_of_arrival_gives_the_same_deployments,
    a_beginning_in_the_moment_of_the_last_end_is_its_own,
    steps_say_when_they_ended_and_nothing_where_unknown,
    filters_choose_deployments,
    one_deployment_has_its_timeline,
    formats_hold_the_same,
    wrong_questions_are_refused,
);

const HEADER: &str = "component,version,started_at,ended_at,duration_seconds,outcome,status,owner,environment,run,steps,id,attempt,retry,\
     work_seconds,waiting_seconds,gap_seconds,clocks_differ,looks_concurrent,excluded";

/// A step of component `c` so many seconds after 09:00, with an identity that is made now.
fn step(status: &str, second: u32) -> Value {
    let ts = format!("2026-01-05T09:{:02}:{:02}Z", second / 60, second % 60);
    json!({"id": StepId::generate(), "component": "c", "version": "1", "owner": "o", "status": status, "ts": ts})
}

/// `building@0 succeeded@10` as steps.
fn steps(text: &str) -> Vec<Value> {
    let read = |word: &str| {
        let (status, second) = word.split_once('@').unwrap();
        step(status, second.parse().unwrap())
    };
    text.split_whitespace().map(read).collect()
}

/// Each deployment as `OUTCOME STATUS STEPS DURATION`; the duration is empty where unknown.
async fn found(server: &Server, query: &str) -> Vec<String> {
    let columns = columns(&server.deployments(query).await, ["outcome", "status", "steps", "duration_seconds"]);
    columns.iter().map(|row| row.join(" ").trim_end().to_owned()).collect()
}

/// The steps of a public project's CI, and what GitHub itself says about how long its jobs took and how they ended.
async fn the_real_history_has_the_durations_that_its_ci_declared(db: TestDb) {
    let Some(folder) = real_data() else { return };
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    cli.run(&["import", &folder.join("ants-ci-steps.csv").display().to_string()]).ok();

    let declared = std::fs::read_to_string(folder.join("ants-ci-declared.csv")).unwrap();
    let mut expected: Vec<[String; 6]> = rows(&declared)
        .into_iter()
        .map(|row| {
            let outcome = match row["outcome"].as_str() {
                "success" => "succeeded",
                "cancelled" => "cancelled",
                _ => "failed",
            };
            let start = format!("{}000Z", row["started_at"].replace(' ', "T"));
            let seconds: f64 = row["duration_seconds"].parse().unwrap();
            let status = row["outcome"].clone();
            [&row["component"], &row["version"], &start, &seconds.to_string(), outcome, &status].map(str::to_owned)
        })
        .collect();
    expected.sort();
    let listed = |csv: &str| {
        let names = ["component", "version", "started_at", "duration_seconds", "outcome", "status"];
        let mut listed = columns(csv, names);
        for row in &mut listed {
            row[3] = row[3].parse::<f64>().unwrap().to_string();
        }
        listed.sort();
        listed
    };
    assert_eq!(listed(&server.deployments("").await), expected);
    assert_eq!(listed(&cli.run(&["deployments", "--format", "csv"]).ok()), expected);
}

async fn steps_become_deployments_by_the_rules(db: TestDb) {
    let server = Server::start(&db).await;
    for (nth, (recorded, expected)) in [
        ("building@0 testing@60 succeeded@90.", vec!["succeeded succeeded 3 90"]),
        ("building@0 testing@60", vec!["running testing 2"]),
        // What follows an end begins the next one: a redeploy, a retry, the rerun of next week.
        ("a@0 failed@10 a@20 OK@50", vec!["failed failed 2 10", "succeeded OK 2 30"]),
        ("a@0 cancelled@10", vec!["cancelled cancelled 2 10"]),
        // An end after an end corrects how it ended, and moves nothing.
        ("a@0 deployed@10 rolled_back@700", vec!["failed rolled_back 3 10"]),
        ("a@0 failed@10 failed@20 succeeded@30", vec!["succeeded succeeded 4 10"]),
        // Of one of which only the end was recorded nobody knows how long it took.
        ("succeeded@10", vec!["succeeded succeeded 1"]),
        ("succeeded@10 failed@20", vec!["succeeded succeeded 1", "failed failed 1"]),
        ("succeeded@10 a@20 done@30", vec!["succeeded succeeded 1", "succeeded done 2 10"]),
        // The job died and was run again.
        ("started@0 a@10 started@100 done@130", vec!["abandoned a 2", "succeeded done 2 30"]),
        ("queued@0 started@10 done@130", vec!["succeeded done 3 130"]),
        ("a@0 done@0", vec!["succeeded done 2 0"]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut steps = steps(&recorded.replace('.', ""));
        for step in &mut steps {
            step["version"] = json!(format!("v{nth}"));
        }
        server.batch(&steps).await;
        assert_eq!(found(&server, &format!("version=v{nth}")).await, expected, "{recorded}");
    }
    // Another environment, another stream.
    let mut staging = step("done", 5);
    staging["environment"] = json!("staging");
    server.batch(&[step("a", 0), staging]).await;
    assert_eq!(found(&server, "version=1").await, ["running a 1", "succeeded done 1"]);
}

async fn a_late_first_step_is_the_new_identity_and_any_other_keeps_it(db: TestDb) {
    let server = Server::start(&db).await;
    let ids = async || column(&server.deployments("").await, "id");
    let recorded = steps("building@60 done@120");
    let (first, middle, earlier) = (recorded[0]["id"].clone(), step("testing", 90), step("queued", 0));
    server.batch(&recorded).await;
    assert_eq!(ids().await, [first.as_str().unwrap()], "that of its first step");
    server.batch(&[middle]).await;
    assert_eq!(ids().await, [first.as_str().unwrap()]);
    assert_eq!(found(&server, "").await, ["succeeded done 3 60"]);
    server.batch(std::slice::from_ref(&earlier)).await;
    assert_eq!(ids().await, [earlier["id"].as_str().unwrap()]);
    assert_eq!(found(&server, "").await, ["succeeded done 4 120"]);
    server.get(&format!("/v1/deployments/{}", first.as_str().unwrap())).await.problem(404);
    // A late end in the middle makes two of one.
    server.batch(&[step("failed", 75)]).await;
    assert_eq!(found(&server, "").await, ["failed failed 3 75", "succeeded done 2 30"]);
    assert_eq!(column(&server.list("").await, "deployment_id")[0], earlier["id"]);
}

async fn runs_that_interleave_are_apart(db: TestDb) {
    let server = Server::start(&db).await;
    let mut recorded = steps("a@0 a@1 b@20 b@30 done@40 failed@70");
    for (step, run) in recorded.iter_mut().zip(["7", "8", "7", "8", "7", "8"]) {
        step["run"] = json!(run);
    }
    server.batch(&recorded).await;
    let of = |run: &str| format!("run={run}");
    assert_eq!(found(&server, &of("7")).await, ["succeeded done 3 40"]);
    assert_eq!(found(&server, &of("8")).await, ["failed failed 3 69"]);
    server.batch(&[step("a", 10)]).await;
    assert_eq!(rows(&server.deployments("").await).len(), 3, "without a run is a stream of its own");
}

async fn what_was_recorded_is_in_the_very_next_answer(db: TestDb) {
    let server = Server::start(&db).await;
    let mut expected = Vec::new();
    for round in 0..60_u32 {
        let end = if round % 2 == 0 { "done" } else { "failed" };
        for (status, outcome, steps) in [("a", "running", 1), ("b", "running", 2), (end, "", 3)] {
            server.batch(&[step(status, round * 10 + steps * 2)]).await;
            if steps == 1 {
                expected.push(String::new());
            }
            let outcome =
                if outcome.is_empty() { if end == "done" { "succeeded 4" } else { "failed 4" } } else { outcome };
            let (outcome, took) = outcome.split_once(' ').unwrap_or((outcome, ""));
            let line = format!("{outcome} {status} {steps} {took}").trim_end().to_owned();
            *expected.last_mut().unwrap() = line;
            let listed = found(&server, "").await;
            assert_eq!(listed, expected, "round {round}, {status}");
        }
    }
}

async fn any_order_of_arrival_gives_the_same_deployments(db: TestDb) {
    let server = Server::start(&db).await;
    let mut rng = fastrand::Rng::with_seed(7);
    // Ends and beginnings in the same second, corrections, lone ends, second starts.
    let text = "started@0 a@1 done@5 rolled_back@5 started@5 b@5 failed@9 a@9 started@20 started@20 a@25 done@25 done@26 \
                succeeded@40 succeeded@41";
    let mut all: Vec<Value> = steps(text);
    let mut span = step("migrating", 7);
    let end =
        [("span", json!(true)), ("outcome", json!("failed")), ("duration", json!(100.5)), ("exit_code", json!(3))];
    span.as_object_mut().unwrap().extend(end.map(|(name, value)| (name.to_owned(), value)));
    all.push(span);
    let mut lists: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..12 {
        for step in &mut all {
            step["version"] = json!(format!("v{round}"));
            // Identities differ from round to round, and their order does not.
            let id = step["id"].as_str().unwrap();
            step["id"] = json!(format!("{:08x}{}", round + 1, &id[8..]));
        }
        let mut order: Vec<usize> = (0..all.len()).collect();
        rng.shuffle(&mut order);
        for at in order {
            let step = all[at].clone();
            let answer = server.post_body("/v1/steps", "application/json", step.to_string()).await;
            answer.recorded();
            // Most of the time something is folded between two steps.
            if rng.bool() {
                server.deployments("limit=1").await;
            }
        }
        let strip = |csv: String| csv.replace(&format!("{:08x}-", round + 1), "").replace(&format!("v{round}"), "v");
        let deployments = strip(server.deployments(&format!("version=v{round}")).await);
        let steps = strip(server.list(&format!("version=v{round}")).await);
        lists.insert(format!("{deployments}\n{steps}"), format!("round {round}"));
        assert_eq!(lists.len(), 1, "{lists:#?}");
    }
}

/// Sources with whole seconds have many of these; each step is folded by itself.
async fn a_beginning_in_the_moment_of_the_last_end_is_its_own(db: TestDb) {
    let server = Server::start(&db).await;
    for step in steps("started@0 done@10 started@10 a@20 done@30") {
        server.batch(&[step]).await;
        server.deployments("").await;
    }
    assert_eq!(found(&server, "").await, ["succeeded done 2 10", "succeeded done 3 20"]);
}

async fn steps_say_when_they_ended_and_nothing_where_unknown(db: TestDb) {
    let server = Server::start(&db).await;
    let recorded = steps("building@0 testing@60 done@90 done@91 building@100");
    server.batch(&recorded).await;
    let ids: Vec<&str> = recorded.iter().map(|step| step["id"].as_str().unwrap()).collect();
    let listed = columns(&server.list("").await, ["status", "ended_at", "duration_seconds", "deployment_id"]);
    let row = |status: &str, ended: &str, seconds: &str, of: &str| {
        let ended = if ended.is_empty() { String::new() } else { format!("2026-01-05T{ended}.000000Z") };
        [status.to_owned(), ended, seconds.to_owned(), of.to_owned()]
    };
    let expected = [
        row("building", "09:01:00", "60", ids[0]),
        row("testing", "09:01:30", "30", ids[0]),
        row("done", "09:01:30", "0", ids[0]),
        row("done", "09:01:31", "0", ids[0]),
        row("building", "", "", ids[4]),
    ];
    assert_eq!(listed, expected);
    let last = server.get("/v1/steps?format=json&order=desc&limit=1").await.json();
    assert_eq!((&last["steps"][0]["ended_at"], &last["steps"][0]["duration_seconds"]), (&Value::Null, &Value::Null));
}

async fn filters_choose_deployments(db: TestDb) {
    let server = Server::start(&db).await;
    server.batch(&steps("a@0 done@90 a@100 done@189.".trim_end_matches('.'))).await;
    let mut more = steps("b@300 failed@391 b@400 c@410");
    for step in &mut more {
        step["owner"] = json!("eve");
        step["component"] = json!("d");
    }
    server.batch(&more).await;
    for (query, expected) in [
        ("outcome=succeeded", "90 89"),
        ("outcome=failed", "91"),
        ("outcome=running", ""),
        ("min_duration=90", "90 91"),
        ("min_duration=1m30s", "90 91"),
        ("max_duration=1m30s", "90 89"),
        ("min_duration=89.5&max_duration=90.5", "90"),
        ("owner=eve&outcome=failed", "91"),
        ("status=failed", "91"),
        // Dates are of the start.
        ("start_datetime=2026-01-05%2009:01:30", "89 91"),
        ("end_datetime=2026-01-05%2009:01:39", "90"),
        ("component=c&order=desc&limit=1", "89"),
    ] {
        let seconds = column(&server.deployments(query).await, "duration_seconds");
        let seconds: Vec<&str> = seconds.iter().map(String::as_str).filter(|seconds| !seconds.is_empty()).collect();
        assert_eq!(seconds.join(" "), expected, "{query}");
    }
    let count = server.get("/v1/deployments/count?component=d").await.json();
    assert_eq!((&count["count"], &count["exact"]), (&json!(2), &json!(true)), "{count}");
}

async fn one_deployment_has_its_timeline(db: TestDb) {
    let server = Server::start(&db).await;
    // Earlier ones say what is usual; a failed one does not, nor one of another environment.
    let all = steps("a@0 b@10 done@30 a@100 b@112 done@136 a@200 b@214 done@242 a@300 b@900 failed@901 a@1000 b@1099");
    server.batch(&all).await;
    let id = all[12]["id"].as_str().unwrap();
    let answer = server.get(&format!("/v1/deployments/{id}")).await;
    let detail: DeploymentDetail = serde_json::from_str(answer.ok()).unwrap();
    assert_eq!(detail.deployment.outcome.name(), "running");
    assert_eq!(detail.usual.map(|usual| usual.seconds()), Some(36.0), "the median of 30, 36 and 42");
    let timeline: Vec<_> = detail
        .timeline
        .iter()
        .map(|row| {
            (row.step.status.as_str(), row.step.duration().map(|took| took.seconds()), row.usual.map(|u| u.seconds()))
        })
        .collect();
    assert_eq!(timeline, [("a", Some(99.0), Some(12.0)), ("b", None, Some(24.0))]);
    let kinds = async |id: &Value| {
        let detail = server.get(&format!("/v1/deployments/{}", id.as_str().unwrap())).await.json();
        let steps = detail["timeline"].as_array().unwrap().clone();
        steps.iter().map(|step| step["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&all[0]["id"]).await, ["phase", "phase", "success"]);
    assert_eq!(kinds(&all[9]["id"]).await, ["phase", "phase", "failure"]);
    let started = steps("done@1900 started@2000 a@2010");
    server.batch(&started).await;
    assert_eq!(kinds(&started[1]["id"]).await, ["start", "phase"]);

    let first = all[0]["id"].as_str().unwrap();
    let detail = server.get(&format!("/v1/deployments/{first}")).await.json();
    assert_eq!(detail["usual_seconds"], Value::Null, "nothing was before it");
    assert_eq!(detail["duration_seconds"], json!(30.0));
    let csv = server.get(&format!("/v1/deployments/{first}?format=csv")).await;
    assert_eq!(column(csv.ok(), "status"), ["a", "b", "done"], "its steps");
    server.get(&format!("/v1/deployments/{}", StepId::generate())).await.problem(404);
    server.get("/v1/deployments/7").await.problem(400);
}

async fn formats_hold_the_same(db: TestDb) {
    let server = Server::start(&db).await;
    assert_eq!(server.deployments("").await, format!("{HEADER}\r\n"));
    assert_eq!(server.get("/v1/deployments?format=json").await.json(), json!({"deployments": []}));
    let recorded = steps("a@0 done@90 a@100");
    server.batch(&recorded).await;
    let csv = server.deployments("").await;
    let first = csv.lines().nth(1).unwrap();
    let id = recorded[0]["id"].as_str().unwrap();
    let expected = "c,1,2026-01-05T09:00:00.000000Z,2026-01-05T09:01:30.000000Z,90,succeeded,done,o,production,,2,";
    assert_eq!(first, format!("{expected}{id},,,90,0,0,false,false,"));
    assert_eq!(server.deployments("columns=outcome,steps&limit=1").await, "outcome,steps\r\nsucceeded,2\r\n");

    let json = server.get("/v1/deployments?format=json").await.json();
    let listed: Vec<Deployment> = serde_json::from_value(json["deployments"].clone()).unwrap();
    assert_eq!(
        listed.iter().map(|one| one.duration.map(|took| took.seconds())).collect::<Vec<_>>(),
        [Some(90.0), None]
    );
    assert_eq!(json["deployments"][1]["duration_seconds"], Value::Null, "unknown is not 0");
    let jsonl = server.get("/v1/deployments?format=jsonl").await;
    let lines: Vec<Value> = jsonl.ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::from(lines), json["deployments"]);

    let answer = server.get("/v1/deployments?format=xlsx").await;
    let mut book = Xlsx::new(Cursor::new(answer.bytes)).unwrap();
    let name = book.sheet_names()[0].clone();
    let sheet = book.worksheet_range(&name).unwrap();
    let row =
        |row: u32| (0..20).map(|at| sheet.get_value((row, at)).cloned().unwrap_or(Data::Empty)).collect::<Vec<_>>();
    assert_eq!(row(0).iter().map(ToString::to_string).collect::<Vec<_>>().join(","), HEADER);
    assert_eq!(row(1)[4], Data::Float(90.0), "a number that a spreadsheet adds up");
    assert_eq!(row(2)[4], Data::Empty);
    assert!(matches!(row(1)[2], Data::DateTime(_)), "{:?}", row(1)[2]);
}

async fn wrong_questions_are_refused(db: TestDb) {
    let server = Server::start(&db).await;
    for (query, field) in [
        ("outcome=succeded", "outcome"),
        ("min_duration=soon", "min_duration"),
        ("max_duration=-1", "max_duration"),
        ("onwer=ann", "onwer"),
        ("columns=took", "columns"),
    ] {
        let problem = server.get(&format!("/v1/deployments?{query}")).await.problem(400);
        assert_eq!(problem.errors[0].field, field, "{query}");
    }
    let problem = server.get("/v1/deployments?outcome=succeded").await.problem(400);
    assert!(problem.detail.contains("did you mean \"succeeded\"?"), "{}", problem.detail);
}
