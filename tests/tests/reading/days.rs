//! Figures of a long time are read from packed days: whatever changes in them, they tell what the deployments say.

use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::server::Builder;
use steps_tests::steps::columns;
use steps_tests::{Server, TestDb, eventually, on_both_stores};

on_both_stores!(packed_days_tell_what_the_deployments_say, days_are_packed_again_after_other_rules);

/// With `version`, statistics are read from the deployments themselves; all of them have this one.
const VERSION: &str = "version=1";

const QUESTIONS: [&str; 9] = [
    "by=component",
    "by=owner,environment",
    "by=day&component=checkout",
    "by=week,owner&tz=America/New_York",
    "by=component&exclude_waiting=true",
    "by=component&outcome=failed",
    "by=owner&owner=bob&outcome=running",
    "by=environment&min_duration=5m&max_duration=8m",
    "by=month&start_datetime=2026-01-09T11:00:00Z&end_datetime=2026-02-03T12:30:00Z",
];

fn step(component: &str, nth: u64, status: &str, seconds: u64) -> Value {
    let second = nth * 10_000 + seconds;
    let (day, rest) = (second / 86_400, second % 86_400);
    let (month, day) = (1 + day / 28, 1 + day % 28);
    let ts = format!("2026-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60);
    let owner = ["ann", "bob", "cä"][(nth % 3) as usize];
    let environment = if nth.is_multiple_of(4) { "staging" } else { "production" };
    json!({
        "id": StepId::generate(), "component": component, "environment": environment, "version": "1", "owner": owner,
        "status": status, "ts": ts,
    })
}

/// Deployments of two months: some failed, one in twenty never ended.
async fn history(server: &Server) {
    let mut steps = Vec::new();
    for nth in 0..450 {
        let component = ["checkout", "billing"][(nth % 2) as usize];
        steps.extend([step(component, nth, "started", 0), step(component, nth, "waiting", 60 + nth % 50)]);
        steps.push(step(component, nth, "building", 120 + nth % 70));
        if !nth.is_multiple_of(20) {
            steps.push(step(
                component,
                nth,
                if nth.is_multiple_of(9) { "failed" } else { "succeeded" },
                300 + nth % 301,
            ));
        }
    }
    for steps in steps.chunks(600) {
        server.batch(steps).await;
    }
}

async fn packed(db: &TestDb) {
    eventually("all days are packed", async || {
        let [changed, packed, until] = [
            "SELECT COUNT(*) FROM days WHERE state <> 0",
            "SELECT COUNT(*) FROM days WHERE state = 0",
            "SELECT MAX(days_until) FROM projection",
        ];
        let is_packed = db.number(until).await > 20_000 && db.number(packed).await > 100;
        (is_packed && db.number(changed).await == 0).then_some(())
    })
    .await;
}

/// The figures are those of the deployments; how many there are.
async fn check(server: &Server) -> u64 {
    for question in QUESTIONS {
        let days = server.get(&format!("/v1/stats?{question}")).await.ok().to_owned();
        let deployments = server.get(&format!("/v1/stats?{question}&{VERSION}")).await.ok().to_owned();
        assert_eq!(days, deployments, "{question}");
    }
    for component in ["checkout", "billing"] {
        let times = "start_datetime=2026-01-03T03:04:05Z&end_datetime=2026-02-20T03:04:05Z";
        let list = server.deployments(&format!("component={component}&{times}&outcome=succeeded")).await;
        let list: Vec<[String; 3]> = columns(&list, ["environment", "started_at", "excluded"]);
        let times = "since=2026-01-03T03:04:05Z&until=2026-02-20T03:04:05Z";
        for trend in server.trends(&format!("component={component}&{times}")).await.trends {
            let of = |row: &&[String; 3]| row[0] == trend.environment.as_str() && row[2].is_empty();
            let listed: Vec<&str> = list.iter().filter(of).map(|row| row[1].as_str()).collect();
            assert_eq!(trend.deployments as usize, listed.len());
            assert_eq!(trend.first_started_at, listed[0].parse().unwrap());
            assert_eq!(trend.last_started_at, listed[listed.len() - 1].parse().unwrap());
        }
    }
    server.stats("").await.iter().map(|row| row.count).sum()
}

async fn packed_days_tell_what_the_deployments_say(db: TestDb) {
    let server = Server::start(&db).await;
    history(&server).await;
    let all = check(&server).await;
    packed(&db).await;
    assert_eq!(check(&server).await, all);

    // A late step in the middle, an earlier first step that puts a deployment into the day before, and another deployment.
    let before_midnight = json!({
        "id": StepId::generate(), "component": "checkout", "environment": "production", "version": "1", "owner": "ann",
        "status": "started", "ts": "2026-01-20T23:59:00Z",
    });
    for late in [
        step("checkout", 102, "testing", 200),
        step("billing", 2_001, "started", 0),
        before_midnight,
        step("billing", 2_001, "succeeded", 60),
    ] {
        server.batch(&[late]).await;
        check(&server).await;
    }
    packed(&db).await;
    let all = check(&server).await;

    // One is left out.
    let first = columns(&server.deployments("limit=40&columns=id").await, ["id"]);
    for [id] in &first[30..33] {
        server.post(&format!("/v1/deployments/{id}/exclude?reason=a+test&owner=ann")).await.ok();
        check(&server).await;
    }
    packed(&db).await;
    assert_eq!(check(&server).await, all - 3);

    // Old ones are deleted.
    server.stop().await;
    let pruned = Builder::bare().args(&["--database-url", &db.url(), "prune"]);
    pruned.run_with(&["--component", "billing"]).ok();
    let server = Server::start(&db).await;
    let left = check(&server).await;
    assert!(left > 100 && left < all * 2 / 3, "{left} of {all}");
    packed(&db).await;
    assert_eq!(check(&server).await, left);
    server.stop().await;
}

async fn days_are_packed_again_after_other_rules(db: TestDb) {
    let server = Server::start(&db).await;
    history(&server).await;
    packed(&db).await;
    let before = check(&server).await;
    server.stop().await;
    // All that has ended has succeeded now.
    let server = Builder::on(&db.url())
        .args(&["--success-statuses", "succeeded,failed", "--failure-statuses", "bad"])
        .start()
        .await;
    server.process().logged("all deployments are folded by the present rules").await;
    check(&server).await;
    packed(&db).await;
    check(&server).await;
    assert_eq!(server.stats("outcome=failed").await.len(), 0);

    // Whatever an operator's slip has left in them, a rebuild packs them anew.
    db.execute("DELETE FROM days WHERE day % 3 = 0; DELETE FROM deployments WHERE component = 'billing'").await;
    server.stop().await;
    Builder::bare()
        .args(&["--database-url", &db.url(), "--success-statuses", "succeeded,failed", "--failure-statuses", "bad"])
        .run("rebuild")
        .ok();
    let server = Server::start(&db).await;
    server.process().logged("all deployments are folded by the present rules").await;
    packed(&db).await;
    assert_eq!(check(&server).await, before);
    server.stop().await;
}
