//! What a server remembers of its answers is never seen in them: each is that of a server which has just started.

use serde_json::json;
use steps_tests::history::{History, deploy, lasting, wobble};
use steps_tests::server::{Builder, Server};
use steps_tests::steps::column;
use steps_tests::{TestDb, eventually, on_both_stores};

on_both_stores!(answers_are_those_of_a_new_server, what_has_not_changed_is_not_read_again);

const ALL: &str = "since=2026-01-01";

/// Every kind of answer that is remembered, and some that are not.
const QUESTIONS: [&str; 12] = [
    "/v1/trend?since=2026-01-01",
    "/v1/trend?since=2026-01-05T09:00:00Z",
    "/v1/trend?since=2026-01-06",
    "/v1/trend?since=2026-01-01&until=2026-01-20",
    "/v1/trend?since=2026-01-01&component=shop",
    "/v1/trend?since=2026-01-01&environment=staging&by=sprint&exclude_waiting=true",
    "/v1/stats?by=component",
    "/v1/stats?by=component&exclude_waiting=true",
    "/v1/stats?by=owner,component&environment=production",
    "/v1/stats?by=component,environment&start_datetime=2026-01-06T00:00:00Z",
    "/v1/stats?by=component&owner=ann&end_datetime=2026-01-12T00:00:00Z",
    "/v1/stats?by=component,week",
];

/// Long enough to be one of those that are open, and short enough to wait for.
const ABANDONED: &str = "3s";

fn builder(db: &TestDb) -> Builder {
    Builder::on(&db.url()).args(&["--abandon-after", ABANDONED])
}

async fn answers(server: &Server) -> Vec<String> {
    let mut answers = Vec::new();
    for question in QUESTIONS {
        answers.push(server.get(question).await.ok().to_owned());
    }
    answers
}

/// Twice, so that the second time may be remembered; and as a server tells it that knows nothing yet.
async fn compare(db: &TestDb, server: &Server, after: &str) -> Vec<String> {
    let (first, second) = (answers(server).await, answers(server).await);
    let new = builder(db).start().await;
    let told = answers(&new).await;
    new.stop().await;
    for (nth, question) in QUESTIONS.into_iter().enumerate() {
        assert_eq!(first[nth], told[nth], "{question}, asked at once after {after}");
        assert_eq!(second[nth], told[nth], "{question}, asked again after {after}");
    }
    told
}

/// Each deployment by a minute, past the server: so it is seen whether they are read again.
async fn lengthen(db: &TestDb) {
    db.execute("UPDATE deployments SET duration = duration + 60000000").await;
    db.execute("DELETE FROM days").await;
    db.execute("UPDATE projection SET days_until = 0").await;
}

async fn answers_are_those_of_a_new_server(db: TestDb) {
    let server = builder(&db).start().await;
    let told = compare(&db, &server, "nothing").await;
    let history = |component: &str| History::of(component).every_hours(12.0);
    for component in ["shop", "bank"] {
        history(component).record(&server, (0..60).map(|nth| lasting(100.0 + wobble(nth)))).await;
    }
    history("shop").to("staging").record(&server, (0..60).map(|nth| lasting(50.0 + nth as f64))).await;
    let mut before = compare(&db, &server, "a history").await;
    assert_ne!(told, before);
    let mut changed = async |after: &str| {
        let now = compare(&db, &server, after).await;
        assert_ne!(before, now, "{after} changes something");
        before = now;
    };
    // At the end, in the middle, and before everything.
    deploy(&server, "2026-02-10 09:00:00", "building@0 succeeded@900", json!({"component": "bank", "run": "1"})).await;
    changed("one more").await;
    deploy(&server, "2026-01-07 11:00:00", "building@0 succeeded@900", json!({"component": "bank", "run": "2"})).await;
    changed("one in the middle").await;
    deploy(&server, "2026-01-02 11:00:00", "building@0 succeeded@900", json!({"component": "shop", "run": "3"})).await;
    changed("an earlier first one").await;
    deploy(&server, "2026-01-08 11:00:00", "building@0 failed@9", json!({"component": "shop", "run": "4"})).await;
    changed("one that failed").await;
    deploy(&server, "2026-01-08 11:00:00", "building@0 succeeded@9", json!({"component": "new", "run": "5"})).await;
    changed("a new component").await;
    // Another server on the same database.
    let other = builder(&db).start().await;
    deploy(&other, "2026-01-09 11:00:00", "building@0 succeeded@500", json!({"component": "shop", "run": "6"})).await;
    changed("one by another server").await;
    let id = column(&server.deployments("component=bank&columns=id").await, "id").remove(9);
    let exclusion = json!({"reason": "a drill", "owner": "ann"}).to_string();
    other.post_body(&format!("/v1/deployments/{id}/exclude"), "application/json", exclusion).await.ok();
    changed("an exclusion").await;
    let inclusion = json!({"owner": "ann"}).to_string();
    other.post_body(&format!("/v1/deployments/{id}/include"), "application/json", inclusion).await.ok();
    changed("an inclusion").await;
    other.stop().await;
    // What nobody ends has ended by itself after a while.
    let now = "/v1/steps?component=shop&environment=production&version=9&owner=ann&status=building&run=7";
    server.post(now).await.recorded();
    eventually("it is abandoned, which is told though nothing is recorded", async || {
        let stats = server.get("/v1/stats?by=component").await.json();
        let shop = stats["stats"].as_array()?.iter().find(|row| row["component"] == "shop")?;
        (shop["abandoned"] == 1).then_some(())
    })
    .await;
    changed("one that was abandoned").await;
    let pruned = builder(&db).run_with(&["prune", "--version", "1.20"]);
    pruned.ok();
    changed("pruning").await;
    builder(&db).run_with(&["rebuild"]).ok();
    compare(&db, &server, "rebuilding").await;
    // A server of the version before gives no turns, but locks.
    lengthen(&db).await;
    db.execute("UPDATE buckets SET turn = turn + 1").await;
    changed("a change by a server of the version before").await;
}

async fn what_has_not_changed_is_not_read_again(db: TestDb) {
    let server = builder(&db).start().await;
    for component in ["shop", "bank"] {
        History::of(component).record(&server, (0..60).map(|nth| lasting(100.0 + wobble(nth)))).await;
    }
    let before = answers(&server).await;
    lengthen(&db).await;
    let again = answers(&server).await;
    for (nth, question) in QUESTIONS.into_iter().enumerate() {
        match question.contains("week") {
            true => assert_ne!(again[nth], before[nth], "{question}"),
            false => assert_eq!(again[nth], before[nth], "{question}"),
        }
    }
    // One of them is deployed again, the other is not.
    let deployed = History::of("bank").going_on_at(60);
    deployed.record(&server, [lasting(100.0)]).await;
    let medians = async |component: &str| server.trend(&format!("component={component}&{ALL}")).await.now_median;
    assert_eq!(medians("shop").await.seconds(), 100.0);
    assert!(medians("bank").await.seconds() > 150.0);
}
