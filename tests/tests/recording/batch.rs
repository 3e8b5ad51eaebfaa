//! `POST /v1/steps/batch`: many steps at once, each with an answer of its own.

use serde_json::{Value, json};
use steps_shared::{BatchAnswer, LineResult, MAX_BATCH_STEPS, StepId};
use steps_tests::steps::column;
use steps_tests::{Server, TestDb, on_both_stores};

fn step(status: &str) -> Value {
    json!({"id": StepId::generate(), "component": "c", "version": "1", "owner": "o", "status": status, "ts": "2026-01-05T09:30:00Z"})
}

fn counts(answer: &BatchAnswer) -> [u64; 3] {
    [answer.recorded, answer.already_recorded, answer.refused]
}

on_both_stores!(
    an_array_and_ndjson_are_the_same,
    a_bad_row_never_fails_its_neighbours,
    half_a_line_is_refused_alone,
    a_repeated_batch_is_already_recorded,
    duplicates_inside_a_batch_are_seen,
    a_batch_has_its_limit,
    many_writers_at_once_lose_nothing,
);

async fn an_array_and_ndjson_are_the_same(db: TestDb) {
    let server = Server::start(&db).await;
    let answer = server.batch(&[step("a"), step("b")]).await;
    assert_eq!(counts(&answer), [2, 0, 0]);
    let lines = format!("{}\n\n{}\r\n", step("c"), step("d"));
    for media_type in ["application/x-ndjson", "application/jsonl"] {
        let answer = server.post_body("/v1/steps/batch", media_type, lines.clone()).await;
        let answer: BatchAnswer = serde_json::from_str(answer.ok()).unwrap();
        assert_eq!(
            answer.steps.iter().map(|step| step.line).collect::<Vec<_>>(),
            [1, 3],
            "lines are those of the file"
        );
    }
    assert_eq!(column(&server.list("").await, "status"), ["a", "b", "c", "d"], "in the order they were sent");
}

async fn a_bad_row_never_fails_its_neighbours(db: TestDb) {
    let server = Server::start(&db).await;
    let mut future = step("later");
    future["ts"] = json!("2999-01-01T00:00:00Z");
    let nameless = json!({"component": "c", "onwer": "o"});
    let answer = server.batch(&[step("a"), nameless, step("b"), json!(7), future, step("c")]).await;
    assert_eq!(counts(&answer), [3, 0, 3]);
    let refused: Vec<usize> =
        answer.steps.iter().filter(|step| step.result == LineResult::Refused).map(|step| step.line).collect();
    assert_eq!(refused, [2, 4, 5]);
    let fields: Vec<&str> = answer.steps[1].errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields.len(), 4, "onwer, version, owner, status: {fields:?}");
    assert_eq!(column(&server.list("").await, "status"), ["a", "b", "c"]);
}

async fn half_a_line_is_refused_alone(db: TestDb) {
    let server = Server::start(&db).await;
    let lines = format!("{}\n{{\"component\":\n{}\n", step("a"), step("b"));
    let answer = server.post_body("/v1/steps/batch", "application/x-ndjson", lines).await;
    let answer: BatchAnswer = serde_json::from_str(answer.ok()).unwrap();
    assert_eq!(counts(&answer), [2, 0, 1]);
    assert_eq!(answer.steps[1].line, 2);
    assert_eq!(column(&server.list("").await, "status"), ["a", "b"]);
}

async fn a_repeated_batch_is_already_recorded(db: TestDb) {
    let server = Server::start(&db).await;
    let steps: Vec<Value> = ["a", "b", "c"].map(step).to_vec();
    assert_eq!(counts(&server.batch(&steps[..2]).await), [2, 0, 0]);
    let again = server.batch(&steps).await;
    assert_eq!(counts(&again), [1, 2, 0]);
    let results: Vec<LineResult> = again.steps.iter().map(|step| step.result).collect();
    assert_eq!(results, [LineResult::AlreadyRecorded, LineResult::AlreadyRecorded, LineResult::Recorded]);
    assert_eq!(again.steps[0].id.unwrap().to_string(), steps[0]["id"]);
    assert_eq!(db.stored_steps().await, 3);
}

async fn duplicates_inside_a_batch_are_seen(db: TestDb) {
    let server = Server::start(&db).await;
    let one = step("a");
    let mut changed = one.clone();
    changed["status"] = json!("b");
    let answer = server.batch(&[one.clone(), one, changed]).await;
    assert_eq!(counts(&answer), [1, 1, 1]);
    assert_eq!(answer.steps[2].result, LineResult::Refused);
    assert!(!answer.steps[2].errors.is_empty());
    assert_eq!(column(&server.list("").await, "status"), ["a"]);
}

async fn a_batch_has_its_limit(db: TestDb) {
    let server = Server::start(&db).await;
    let most: Vec<Value> = (0..=MAX_BATCH_STEPS).map(|_| step("a")).collect();
    let body = Value::from(most.clone()).to_string();
    let refused = server.post_body("/v1/steps/batch", "application/json", body).await;
    assert!([400, 413].contains(&refused.status), "{}", refused.text());
    assert!(refused.text().contains("10000") || refused.text().contains("10,000"), "{}", refused.text());
    assert_eq!(server.count("").await, 0, "nothing of it was kept");

    assert_eq!(counts(&server.batch(&most[1..]).await), [MAX_BATCH_STEPS as u64, 0, 0]);
    assert_eq!(server.count("").await, MAX_BATCH_STEPS as u64);
    assert_eq!(counts(&server.batch(&[]).await), [0, 0, 0]);
}

async fn many_writers_at_once_lose_nothing(db: TestDb) {
    let server = Server::start(&db).await;
    let batches = futures_util::future::join_all((0..8).map(|_| async {
        let steps: Vec<Value> = (0..200).map(|_| step("a")).collect();
        let (answer, single) = tokio::join!(
            server.batch(&steps),
            server.record(&[("component", "single"), ("version", "1"), ("owner", "o"), ("status", "s"),])
        );
        single.recorded();
        answer.recorded
    }))
    .await;
    assert_eq!(batches.iter().sum::<u64>(), 1600);
    assert_eq!(server.count("component=c").await, 1600);
    assert_eq!(server.count("component=single").await, 8);
}
