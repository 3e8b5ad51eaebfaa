//! Spans: steps that are told when they end.

use serde_json::{Value, json};
use steps_shared::{Problem, Step, StepId};
use steps_tests::steps::{column, columns, now};
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(
    a_span_ends_when_it_is_told_to,
    the_servers_clock_ends_a_span_unless_said,
    finishing_twice_is_the_same_or_refused,
    what_cannot_be_finished_is_refused,
    no_end_lies_in_the_future,
    a_finished_span_is_recorded_at_once,
    spans_overlap_and_end_nothing,
    a_span_left_open_ends_with_its_deployment,
    an_export_with_spans_imports_without_loss,
);

const SPAN: [(&str, &str); 6] = [
    ("component", "c"),
    ("version", "1"),
    ("owner", "o"),
    ("status", "migrating"),
    ("ts", "2026-01-05 09:00:10"),
    ("span", "true"),
];

fn span_with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    SPAN.into_iter().chain(more.iter().copied()).collect()
}

fn fields(problem: &Problem) -> Vec<&str> {
    problem.errors.iter().map(|error| error.field.as_str()).collect()
}

/// A step so many seconds after 09:00; what more it has is added.
fn step(status: &str, second: u32, more: Value) -> Value {
    let ts = format!("2026-01-05T09:{:02}:{:02}Z", second / 60, second % 60);
    let mut step =
        json!({"id": StepId::generate(), "component": "c", "version": "1", "owner": "o", "status": status, "ts": ts});
    if let (Some(step), Value::Object(more)) = (step.as_object_mut(), more) {
        step.extend(more);
    }
    step
}

/// The steps as `STATUS DURATION OUTCOME`.
async fn listed(server: &Server) -> Vec<String> {
    let rows = columns(&server.list("").await, ["status", "duration_seconds", "outcome"]);
    rows.iter().map(|row| row.join(" ").trim_end().to_owned()).collect()
}

async fn a_span_ends_when_it_is_told_to(db: TestDb) {
    let server = Server::start(&db).await;
    let finish = [("outcome", "failed"), ("duration", "12.345678"), ("exit_code", "3")];
    let object = json!({"outcome": "failed", "duration": 12.345678, "exit_code": 3});
    let mut finished = Vec::new();
    for form in ["query", "form", "json"] {
        let span = server.record(&SPAN).await.recorded();
        assert_eq!((span.span, span.outcome, span.ended_at), (true, None, None));
        let path = format!("/v1/steps/{}/finish", span.id);
        let request = server.request(reqwest::Method::POST, &path);
        let answer = match form {
            "query" => server.finish(span.id, &finish).await,
            "form" => steps_tests::Answer::of(request.form(&finish)).await,
            _ => steps_tests::Answer::of(request.json(&object)).await,
        };
        let step = answer.step(200);
        assert_eq!(step.duration().unwrap().seconds(), 12.345678);
        assert_eq!((step.outcome.unwrap().name(), step.exit_code), ("failed", Some(3)));
        let shown = server.get(&format!("/v1/steps/{}", span.id)).await.step(200);
        assert_eq!(shown.finish(), step.finish());
        finished.push(Step { id: StepId(uuid::Uuid::nil()), deployment_id: None, ..step });
    }
    assert!(finished.iter().all(|step| *step == finished[0]));
    let span = server.record(&SPAN).await.recorded();
    let at = [("outcome", "succeeded"), ("ended_at", "2026-01-05T09:00:10.5Z")];
    assert_eq!(server.finish(span.id, &at).await.step(200).duration().unwrap().seconds(), 0.5);
}

async fn the_servers_clock_ends_a_span_unless_said(db: TestDb) {
    let server = Server::start(&db).await;
    let span =
        server.record(&[("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s"), ("span", "true")]);
    let span = span.await.recorded();
    let before = now();
    let step = server.finish(span.id, &[("outcome", "succeeded")]).await.step(200);
    let ended = step.ended_at.unwrap();
    assert!(before <= ended && ended <= now(), "{ended}");
    // Told again without an end, it is the same.
    assert_eq!(server.finish(span.id, &[("outcome", "succeeded")]).await.step(200).ended_at, Some(ended));
}

async fn no_end_lies_in_the_future(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let started = steps_shared::Timestamp::from_micros(now().micros() - 60_000_000).unwrap().to_string();
    let begun: Vec<_> =
        SPAN.into_iter().map(|(name, value)| (name, if name == "ts" { &*started } else { value })).collect();
    let span = server.record(&begun).await.recorded();
    // Milliseconds that were taken for seconds, and a year that is none of ours.
    for (field, value) in [("duration", "60000"), ("duration", "361"), ("ended_at", "2126-01-05T09:00:00Z")] {
        let end = [("outcome", "succeeded"), (field, value)];
        let told = |said: &str| {
            assert!(said.contains("5 minutes in the future") && said.contains(field), "{field} {value}: {said}");
        };
        let problem = server.finish(span.id, &end).await.problem(400);
        assert_eq!(fields(&problem), [field]);
        told(&problem.detail);
        let whole: Vec<_> = begun.iter().copied().chain(end).collect();
        let problem = server.record(&whole).await.problem(400);
        assert_eq!(fields(&problem), [field]);
        told(&problem.detail);
        let object: serde_json::Map<_, _> =
            whole.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let answer = server.post_body("/v1/steps/batch", "application/json", json!([object]).to_string()).await;
        told(answer.text());
        assert!(answer.text().contains("refused"), "{}", answer.text());
        if field == "ended_at" {
            let (names, values): (Vec<_>, Vec<_>) = whole.iter().copied().unzip();
            let file = cli.file("spans.csv", &format!("{}\n{}\n", names.join(","), values.join(",")));
            told(&cli.run(&["import", &file]).failed(3));
        }
    }
    assert_eq!(column(&server.list("").await, "ended_at"), [""]);
    // The clocks may differ a little.
    server.finish(span.id, &[("outcome", "succeeded"), ("duration", "300")]).await.step(200);
}

async fn finishing_twice_is_the_same_or_refused(db: TestDb) {
    let server = Server::start(&db).await;
    let span = server.record(&SPAN).await.recorded();
    let finish = [("outcome", "failed"), ("duration", "5"), ("exit_code", "1")];
    let first = server.finish(span.id, &finish).await.step(200);
    assert_eq!(server.finish(span.id, &finish).await.step(200).finish(), first.finish());
    for (at, other) in [(0, "succeeded"), (1, "6"), (2, "2")] {
        let mut finish = finish;
        finish[at].1 = other;
        let problem = server.finish(span.id, &finish).await.problem(409);
        assert!(problem.detail.contains("finished already"), "{}", problem.detail);
    }
    assert_eq!(server.get(&format!("/v1/steps/{}", span.id)).await.step(200).finish(), first.finish());
    // Recording its beginning again is still answered with it.
    let id = span.id.to_string();
    assert_eq!(server.record(&span_with(&[("id", &id)])).await.step(200).finish(), first.finish());
}

async fn what_cannot_be_finished_is_refused(db: TestDb) {
    let server = Server::start(&db).await;
    let plain = server.record(&SPAN[..5]).await.recorded();
    let end = [("outcome", "succeeded"), ("duration", "1")];
    let problem = server.finish(plain.id, &end).await.problem(409);
    assert!(problem.detail.contains("not a span"), "{}", problem.detail);
    server.finish(StepId::generate(), &end).await.problem(404);
    server.finish("7", &end).await.problem(400);
    let span = server.record(&SPAN).await.recorded();
    for (finish, field) in [
        (&[][..], "outcome"),
        (&[("outcome", "unfinished")], "outcome"),
        (&[("outcome", "failed"), ("duration", "-1")], "duration"),
        (&[("outcome", "failed"), ("duration", "NaN")], "duration"),
        (&[("outcome", "failed"), ("exit_code", "x")], "exit_code"),
        (&[("outcome", "failed"), ("ended_at", "2026-01-05 09:00:09")], "ended_at"),
        (&[("outcome", "failed"), ("duration", "1"), ("ended_at", "2026-01-05 09:00:11")], "duration"),
        (&[("outcome", "failed"), ("exitcode", "1")], "exitcode"),
    ] {
        let problem = server.finish(span.id, finish).await.problem(400);
        assert_eq!(fields(&problem), [field], "{finish:?}");
    }
    assert_eq!(server.get(&format!("/v1/steps/{}", span.id)).await.step(200).finish(), None, "it is still open");
}

async fn a_finished_span_is_recorded_at_once(db: TestDb) {
    let server = Server::start(&db).await;
    let id = StepId::generate().to_string();
    let whole = span_with(&[("outcome", "succeeded"), ("duration", "2.5"), ("exit_code", "0"), ("id", &id)]);
    let step = server.record(&whole).await.recorded();
    assert_eq!((step.duration().unwrap().seconds(), step.exit_code), (2.5, Some(0)));
    assert_eq!(server.record(&whole).await.step(200).finish(), step.finish());
    for (more, field) in [(&[("outcome", "succeeded")][..], "outcome"), (&[("duration", "2.5")], "outcome")] {
        assert_eq!(fields(&server.record(&span_with(more)).await.problem(400)), [field], "{more:?}");
    }
    let mut plain = SPAN[..5].to_vec();
    plain.extend([("outcome", "succeeded"), ("duration", "1")]);
    let problem = server.record(&plain).await.problem(400);
    assert!(problem.detail.contains("span=true"), "{}", problem.detail);
    assert_eq!(db.stored_steps().await, 1);
}

async fn spans_overlap_and_end_nothing(db: TestDb) {
    let server = Server::start(&db).await;
    let ended = |seconds| json!({"span": true, "outcome": "succeeded", "duration": seconds});
    server
        .batch(&[
            step("building", 0, json!({})),
            step("lint", 5, ended(100)),
            step("test", 6, ended(30)),
            step("deploying", 60, json!({})),
            // A span is never an end, whatever it is called: it takes time.
            step("done", 70, ended(5)),
            step("succeeded", 90, json!({})),
        ])
        .await;
    assert_eq!(
        listed(&server).await,
        ["building 60", "lint 100 succeeded", "test 30 succeeded", "deploying 30", "done 5 succeeded", "succeeded 0"]
    );
    assert_eq!(column(&server.deployments("").await, "duration_seconds"), ["90"]);
}

async fn a_span_left_open_ends_with_its_deployment(db: TestDb) {
    let server = Server::start(&db).await;
    let open = step("migrating", 10, json!({"span": true}));
    let id = open["id"].as_str().unwrap().to_owned();
    server.batch(&[step("building", 0, json!({})), open, step("deploying", 30, json!({}))]).await;
    assert_eq!(listed(&server).await, ["building 30", "migrating", "deploying"], "nobody knows yet");
    server.batch(&[step("failed", 50, json!({}))]).await;
    assert_eq!(listed(&server).await, ["building 30", "migrating 40 unfinished", "deploying 20", "failed 0"]);
    // It is told after all, in the middle of another day.
    server.finish(id, &[("outcome", "succeeded"), ("duration", "15")]).await.step(200);
    assert_eq!(listed(&server).await, ["building 30", "migrating 15 succeeded", "deploying 20", "failed 0"]);
    // A deployment that was left behind has no end to end with.
    server
        .batch(&[step("started", 60, json!({})), step("x", 70, json!({"span": true})), step("started", 80, json!({}))])
        .await;
    assert_eq!(listed(&server).await[4..], ["started", "x", "started"]);
    assert_eq!(column(&server.deployments("").await, "outcome"), ["failed", "abandoned", "running"]);
}

async fn an_export_with_spans_imports_without_loss(db: TestDb) {
    let server = Server::start(&db).await;
    server
        .batch(&[
            step("building", 0, json!({"run": "7"})),
            step(
                "lint",
                5,
                json!({"run": "7", "span": true, "outcome": "failed", "duration": 0.123456, "exit_code": 2}),
            ),
            step("left open", 6, json!({"run": "7", "span": true})),
            step("cancelled", 60, json!({"run": "7"})),
            step("still open", 80, json!({"span": true})),
        ])
        .await;
    let (steps, deployments) = (server.list("").await, server.deployments("").await);
    for format in ["csv", "jsonl"] {
        let export = server.get(&format!("/v1/steps?format={format}")).await;
        let other_db = TestDb::new(db.kind());
        let other = Server::start(&other_db).await;
        let cli = Cli::of(&other);
        let file = cli.file(&format!("export.{format}"), export.ok());
        cli.run(&["import", &file]).ok();
        assert_eq!(other.list("").await, steps, "{format}");
        assert_eq!(other.deployments("").await, deployments, "{format}");
        // What was open is open there, too.
        let open = &column(&steps, "id")[4];
        other.finish(open, &[("outcome", "succeeded"), ("duration", "1")]).await.step(200);
        cli.run(&["import", &file]).ok();
        assert_eq!(other.count("").await, 5, "{format}: importing again records nothing twice");
    }
}
