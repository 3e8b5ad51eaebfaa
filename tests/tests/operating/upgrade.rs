//! From a database whose steps' rows say what was derived of them, as the version before left it, to one with timelines: it is
//! served meanwhile, and a server may die in the middle.

use serde_json::{Value, json};
use steps_shared::{Step, StepId};
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, Server, TestDb, eventually, on_both_stores};

on_both_stores!(
    the_version_before_is_served_as_it_is,
    the_version_before_is_converted_whatever_dies,
    a_database_keeps_the_index_by_streams_only_where_it_has_steps,
);

const QUESTIONS: [&str; 8] = [
    "/v1/steps",
    "/v1/steps?order=desc&limit=700",
    "/v1/steps?status=building&version=3",
    "/v1/deployments",
    "/v1/stats?by=status",
    "/v1/stats?by=status,component&status=testing",
    "/v1/trend?since=2026-01-01&until=2027-01-01&component=c&step=testing",
    "/v1/trend?since=2026-01-01&until=2027-01-01&component=c",
];

async fn answers(server: &Server) -> Vec<String> {
    let mut answers = Vec::new();
    let ids = steps_tests::steps::column(&server.deployments("").await, "id");
    let single = ids.iter().take(9).map(|id| format!("/v1/deployments/{id}"));
    for question in QUESTIONS.into_iter().map(str::to_owned).chain(single) {
        answers.push(server.get(&question).await.ok().to_owned());
    }
    answers
}

/// Many deployments, a long one, steps of an ignored status, and retries of a run.
async fn history(server: &Server) {
    let step = |version: &str, run: Option<&str>, status: &str, second: u32, span: bool| -> Value {
        let ts = format!(
            "2026-01-{:02}T{:02}:{:02}:{:02}Z",
            5 + second / 86_400,
            second / 3600 % 24,
            second / 60 % 60,
            second % 60
        );
        let mut step = json!({"id": StepId::generate(), "component": "c", "version": version, "owner": "o", "status": status, "ts": ts});
        if let Some(run) = run {
            step["run"] = json!(run);
        }
        if span {
            (step["span"], step["outcome"], step["duration"]) = (json!(true), json!("failed"), json!(7));
        }
        step
    };
    let mut steps = Vec::new();
    for nth in 0..200 {
        let (version, begin) = ((nth % 150).to_string(), nth * 600);
        let run = (nth % 5 == 4).then_some("7");
        for (status, after) in
            [("started", 0), ("building", 1), ("testing", 60 + nth % 7), ("succeeded", 200), ("cleanup", 201)]
        {
            steps.push(step(&version, run, status, begin + after, false));
        }
        steps.push(step(&version, run, "scan", begin + 20, true));
    }
    steps.extend((0..300).map(|nth| step("long", None, "part", 200_000 + nth, nth % 40 == 0)));
    for steps in steps.chunks(500) {
        assert_eq!(server.batch(steps).await.recorded, steps.len() as u64);
    }
}

/// Takes the database back to what the version before would have stored.
async fn go_back(db: &TestDb, server: &Server) {
    let steps: Vec<Step> =
        serde_json::from_value(server.get("/v1/steps?format=json").await.json()["steps"].take()).unwrap();
    let mut statements = String::new();
    for step in steps {
        let Some(deployment) = step.deployment_id else { continue };
        let ended_at = step.ended_at.map_or("NULL".to_owned(), |ended_at| ended_at.micros().to_string());
        let result = step.result.map_or("NULL".to_owned(), |result| format!("'{result}'"));
        statements.push_str(&format!(
            "UPDATE steps SET ended_at = {ended_at}, result = {result}, deployment_id = X'{}' WHERE id = X'{}';",
            deployment.0.simple(),
            step.id.0.simple(),
        ));
    }
    statements.push_str("DELETE FROM timelines; UPDATE deployments SET timeline = NULL, parts = 0");
    db.execute(&statements).await;
}

async fn the_version_before_is_served_as_it_is(db: TestDb) {
    let server = Server::start(&db).await;
    history(&server).await;
    let right = answers(&server).await;
    go_back(&db, &server).await;
    assert_eq!(answers(&server).await, right);
    // What is folded from now on stands beside what the version before has folded.
    let late = json!({"id": StepId::generate(), "component": "c", "version": "3", "owner": "o", "status": "late", "ts": "2026-01-05T10:00:02Z"});
    server.batch(&[late]).await;
    let mixed = answers(&server).await;
    assert_ne!(mixed, right);
    server.stop().await;
    Builder::bare().args(&["--database-url", &db.url()]).run("rebuild").ok();
    let server = Server::start(&db).await;
    assert_eq!(answers(&server).await, mixed);
    server.stop().await;
}

async fn the_version_before_is_converted_whatever_dies(db: TestDb) {
    let server = Server::start(&db).await;
    history(&server).await;
    let right = answers(&server).await;
    go_back(&db, &server).await;
    server.stop().await;
    let forget = "UPDATE projection SET statuses = 'rules 2; abandon 86400'";
    for _ in 0..4 {
        db.execute(forget).await;
        let mut server = Server::start(&db).await;
        assert_eq!(answers(&server).await, right, "in the middle");
        server.kill();
    }
    db.execute(forget).await;
    let server = Server::start(&db).await;
    eventually("all is folded", async || {
        let stored = server.process().log().contains("by the present rules");
        assert_eq!(answers(&server).await, right);
        stored.then_some(())
    })
    .await;
    server.stop().await;
    // Nothing of the version before is needed any more.
    db.execute("UPDATE steps SET ended_at = NULL, result = NULL, deployment_id = NULL").await;
    let server = Server::start(&db).await;
    assert_eq!(answers(&server).await, right);
    assert!(!server.process().log().contains("folding all"), "once is enough");
    server.stop().await;
    Builder::bare().args(&["--database-url", &db.url()]).run("verify").ok();
}

/// The version before needs it beside this one; it takes a fifth of the space.
async fn a_database_keeps_the_index_by_streams_only_where_it_has_steps(db: TestDb) {
    let indexes = match db.kind() {
        DatabaseKind::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE name = 'steps_stream'",
        DatabaseKind::MySql => {
            "SELECT COUNT(DISTINCT index_name) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND index_name = 'steps_stream'"
        }
    };
    let server = Server::start(&db).await;
    assert_eq!(db.number(indexes).await, 0, "new");
    history(&server).await;
    let right = answers(&server).await;
    server.stop().await;
    // As the version before left it, with changes that name no steps.
    db.execute(
        "CREATE INDEX steps_stream ON steps (stream, ts, id); DELETE FROM timelines; DELETE FROM deployments; \
         INSERT INTO changes (stream, since) SELECT DISTINCT stream, 0 FROM steps; \
         DELETE FROM _sqlx_migrations WHERE version = 30; ALTER TABLE changes DROP COLUMN ids",
    )
    .await;
    let server = Server::start(&db).await;
    assert_eq!(db.number(indexes).await, 1, "with steps");
    assert_eq!(answers(&server).await, right);
    server.stop().await;
}
