//! What a program reads: every endpoint's answer, and every kind of problem, as it stands in `snapshots/`.
//!
//! `make snapshots` writes them again after a change that is meant; the diff shows what clients will notice.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};
use steps_tests::example::{deployment, id};
use steps_tests::server::Builder;
use steps_tests::{Answer, DatabaseKind, Server, TestDb, Transcript, block_on, eventually, on_both_stores};

on_both_stores!(recording, lists_of_steps, deployments, statistics, trends, checks, what_has_no_version, problems);

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A step of the component `c`, with this identity.
fn step(nth: usize, status: &str) -> serde_json::Value {
    json!({
        "id": id(nth), "component": "c", "version": "1", "owner": "o", "status": status,
        "ts": format!("2026-01-05T09:30:{nth:02}Z"),
    })
}

async fn post(transcript: &mut Transcript, server: &Server, path: &str, media_type: &str, body: &str) {
    let answer = server.post_body(path, media_type, body.to_owned()).await;
    transcript.answered(&format!("POST {path}\n{media_type}: {body}"), &answer);
}

/// A server that has the example.
async fn with_example(db: &TestDb) -> (Server, Transcript) {
    let server = Server::start(db).await;
    server.record_example().await;
    (server, Transcript::default())
}

async fn recording(db: TestDb) {
    let server = Server::start(&db).await;
    // They are there once they are computed.
    let mut seen = Transcript::default().hiding(&["deployment_id", "result"]);
    let query = format!("/v1/steps?component=c&version=1&owner=o&status=started&ts=2026-01-05T09:30:01Z&id={}", id(1));
    seen.answered(&format!("POST {query}"), &server.post(&query).await);
    seen.answered("the same again", &server.post(&query).await);
    let form = format!("component=c&version=1&owner=o&status=building&ts=2026-01-05+09:30:02&run=7&id={}", id(2));
    post(&mut seen, &server, "/v1/steps", FORM, &form).await;
    let mut span = step(3, "testing");
    span["span"] = json!(true);
    post(&mut seen, &server, "/v1/steps", JSON, &span.to_string()).await;
    let finish = format!("/v1/steps/{}/finish?outcome=failed&duration=2.5&exit_code=3", id(3));
    seen.answered(&format!("POST {finish}"), &server.post(&finish).await);
    seen.answered("the same again", &server.post(&finish).await);
    let mut ended = step(4, "linting");
    ended["span"] = json!(true);
    ended["outcome"] = json!("succeeded");
    ended["ended_at"] = json!("2026-01-05T09:31:00.000001Z");
    post(&mut seen, &server, "/v1/steps", JSON, &ended.to_string()).await;
    let other = step(1, "other");
    let batch =
        json!([step(5, "deploying"), step(5, "deploying"), other, {"id": id(6), "component": "", "versoin": 1}]);
    post(&mut seen, &server, "/v1/steps/batch", JSON, &batch.to_string()).await;
    let lines = format!("{}\nnot json\n", step(7, "succeeded"));
    post(&mut seen, &server, "/v1/steps/batch", "application/x-ndjson", &lines).await;
    assert_snapshot!("recording", seen.text());
}

async fn lists_of_steps(db: TestDb) {
    let (server, mut seen) = with_example(&db).await;
    let some = "component=billing&limit=4";
    for format in ["csv", "json", "jsonl"] {
        seen.get(&server, &format!("/v1/steps?{some}&format={format}")).await;
    }
    seen.get(&server, "/v1/steps?environment=staging").await;
    seen.get(
        &server,
        "/v1/steps?environment=staging&order=desc&format=json&limit=3&columns=status,ts,duration_seconds",
    )
    .await;
    seen.get(&server, "/v1/steps?component=nothing").await;
    seen.get(&server, "/v1/steps?component=nothing&format=json").await;
    seen.get(&server, "/v1/steps/count?component=billing&start_datetime=2026-01-20%2000:00:00").await;
    let spans = deployment("billing", "1.46").to_string();
    seen.get(&server, &format!("/v1/steps/{spans}")).await;
    seen.get(&server, &format!("/v1/steps/{spans}?format=csv")).await;
    assert_snapshot!("lists_of_steps", seen.text());
}

async fn deployments(db: TestDb) {
    let (server, mut seen) = with_example(&db).await;
    for format in ["csv", "json", "jsonl"] {
        seen.get(&server, &format!("/v1/deployments?component=billing&limit=2&format={format}")).await;
    }
    for outcome in ["failed", "running", "abandoned"] {
        seen.get(&server, &format!("/v1/deployments?outcome={outcome}&format=json")).await;
    }
    seen.get(&server, "/v1/deployments/count?component=checkout&min_duration=5m").await;
    for (component, version) in [("billing", "1.46"), ("checkout", "4.60"), ("checkout", "4.41"), ("search", "2.61")] {
        seen.get(&server, &format!("/v1/deployments/{}", deployment(component, version))).await;
    }
    seen.get(&server, &format!("/v1/deployments/{}?format=csv", deployment("billing", "1.46"))).await;
    assert_snapshot!("deployments", seen.text());
}

async fn statistics(db: TestDb) {
    let (server, mut seen) = with_example(&db).await;
    for format in ["json", "jsonl", "csv"] {
        seen.get(&server, &format!("/v1/stats?format={format}")).await;
        seen.get(&server, &format!("/v1/stats?by=component,environment&format={format}")).await;
    }
    seen.get(&server, "/v1/stats?by=month&tz=Europe/Berlin&component=checkout&format=csv").await;
    seen.get(&server, "/v1/stats?by=status&component=checkout&format=json").await;
    assert_snapshot!("statistics", seen.text());
}

async fn trends(db: TestDb) {
    let (server, mut seen) = with_example(&db).await;
    let range = "since=2026-01-05&until=2026-04-30";
    for format in ["json", "jsonl", "csv"] {
        seen.get(&server, &format!("/v1/trend?{range}&format={format}")).await;
    }
    let step = "component=checkout&step=migrating&by=sprint&sprint_length=3w&min_change=2%25";
    seen.get(&server, &format!("/v1/trend?{range}&{step}")).await;
    seen.get(&server, "/v1/trend?component=nothing&since=2026-01-05").await;
    assert_snapshot!("trends", seen.text());
}

async fn checks(db: TestDb) {
    let (server, mut seen) = with_example(&db).await;
    for query in [
        "component=checkout&max=5m&baseline=p95&max_growth=5%25/week&since=2026-01-05",
        "component=search&version=2.40&step=testing&baseline=median&last=20&margin=10%25",
        "component=billing&max=10m&baseline=p95",
    ] {
        seen.get(&server, &format!("/v1/check?{query}")).await;
    }
    // The answer to a replay ends now; what is in it is counted back from the year 2076.
    let mut replay = server.get("/v1/check?component=search&baseline=p95&replay=18000d").await;
    let mut answer = replay.json();
    answer["replay"]["since"] = json!("[since]");
    answer["replay"]["until"] = json!("[until]");
    replay.bytes = answer.to_string().into_bytes();
    seen.answered("GET /v1/check?component=search&baseline=p95&replay=18000d", &replay);
    assert_snapshot!("checks", seen.text());
}

async fn what_has_no_version(db: TestDb) {
    let server = Server::start(&db).await;
    let mut seen = Transcript::default();
    for path in ["/", "/healthz", "/readyz"] {
        seen.get(&server, path).await;
    }
    let workbook = server.get("/v1/steps?format=xlsx").await;
    let header = |name| workbook.header(name).to_owned();
    seen.add(&format!("a workbook: {}, {}\n", header("content-type"), header("content-disposition")));
    assert_snapshot!("what_has_no_version", seen.text());
}

async fn problems(db: TestDb) {
    let server = Server::start(&db).await;
    let mut seen = Transcript::default();
    let ask = async |seen: &mut Transcript, method: Method, path: &str| {
        seen.answered(&format!("{method} {path}"), &Answer::of(server.request(method.clone(), path)).await);
    };
    seen.add("=== 400\n");
    ask(&mut seen, Method::POST, "/v1/steps?component=&versoin=1&owner=o&owner=p").await;
    ask(&mut seen, Method::GET, "/v1/steps?start_datetime=yesterday").await;
    ask(&mut seen, Method::GET, "/v1/steps?order=up&limit=0&columns=a&format=pdf&colour=red").await;
    ask(&mut seen, Method::GET, "/v1/deployments?outcome=succeded&min_duration=long").await;
    ask(&mut seen, Method::GET, "/v1/stats?by=team&tz=Mars/Base").await;
    ask(&mut seen, Method::GET, "/v1/trend?since=x&by=year&min_change=-1").await;
    ask(&mut seen, Method::GET, "/v1/check?component=c").await;
    ask(&mut seen, Method::GET, "/v1/check?max=0&last=5&baseline=p200").await;
    post(&mut seen, &server, "/v1/steps", JSON, "{\"component\": ").await;
    post(&mut seen, &server, "/v1/steps/batch", JSON, "{}").await;
    seen.add("=== 404\n");
    ask(&mut seen, Method::GET, "/v2/steps").await;
    ask(&mut seen, Method::GET, &format!("/v1/steps/{}", id(1))).await;
    ask(&mut seen, Method::GET, "/v1/steps/7").await;
    ask(&mut seen, Method::GET, &format!("/v1/deployments/{}", id(1))).await;
    ask(&mut seen, Method::POST, &format!("/v1/steps/{}/finish?outcome=succeeded&duration=1", id(1))).await;
    seen.add("=== 405\n");
    ask(&mut seen, Method::DELETE, "/v1/steps").await;
    ask(&mut seen, Method::POST, "/v1/stats").await;
    seen.add("=== 409\n");
    post(&mut seen, &server, "/v1/steps", JSON, &step(1, "started").to_string()).await;
    post(&mut seen, &server, "/v1/steps", JSON, &step(1, "building").to_string()).await;
    ask(&mut seen, Method::POST, &format!("/v1/steps/{}/finish?outcome=succeeded&duration=1", id(1))).await;
    seen.add("=== 413, 415\n");
    let large = server.post_body("/v1/steps", JSON, " ".repeat(9 << 20)).await;
    seen.answered("POST /v1/steps\napplication/json: 9 MiB", &large);
    post(&mut seen, &server, "/v1/steps", "text/plain", "component=c").await;
    post(&mut seen, &server, "/v1/steps/batch", "text/csv", "component").await;
    assert_snapshot!("problems", seen.text());
}

/// The database is locked by somebody else.
#[test]
fn problems_of_the_database() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Builder::on(&db.url()).args(&["--deadline", "1s"]).start().await;
        let mut seen = Transcript::default();
        let mut other = SqliteConnection::connect(&db.url()).await.unwrap();
        eventually("it is locked", async || sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.ok()).await;
        post(&mut seen, &server, "/v1/steps", JSON, &step(1, "started").to_string()).await;
        assert_snapshot!("problems_of_the_database", seen.text());
    });
}
