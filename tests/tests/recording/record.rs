//! `POST /v1/steps`: one step, in whatever form it comes, and every way it can be refused.

use reqwest::Method;
use serde_json::json;
use steps_shared::{Problem, Step, StepId};
use steps_tests::steps::{as_recorded, now};
use steps_tests::{Answer, Server, TestDb, on_both_stores};

const STEP: [(&str, &str); 4] =
    [("component", "checkout"), ("version", "4.2.0"), ("owner", "ann"), ("status", "building")];

/// A good step, and more fields.
fn step_with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    STEP.into_iter().chain(more.iter().copied()).collect()
}

fn fields(problem: &Problem) -> Vec<&str> {
    problem.errors.iter().map(|error| error.field.as_str()).collect()
}

on_both_stores!(
    query_form_and_json_record_the_same,
    what_is_not_given_has_its_default,
    the_same_id_again_is_answered_with_the_stored_step,
    age_is_subtracted_from_the_servers_clock,
    a_future_ts_is_refused,
    every_wrong_field_is_named_at_once,
    an_unknown_parameter_is_refused_with_the_nearest_name,
    a_body_that_is_not_a_step_is_refused,
    a_body_over_the_limit_is_413,
    a_wrong_method_is_405_and_says_which_are_right,
    the_request_id_is_taken_or_made,
    head_answers_as_get_without_the_body,
    one_step_is_shown_in_every_format,
);

async fn query_form_and_json_record_the_same(db: TestDb) {
    let server = Server::start(&db).await;
    let more = step_with(&[("environment", "staging"), ("ts", "2026-01-05T09:30:00.5Z"), ("run", "é/7 & 8")]);
    let request = || server.request(Method::POST, "/v1/steps");
    let object: serde_json::Map<_, _> = more.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let mut answers = Vec::new();
    for request in [request().query(&more), request().form(&more), request().json(&object)] {
        let answer = Answer::of(request).await;
        let mut step = answer.recorded();
        assert_eq!(as_recorded(&server.get(&format!("/v1/steps/{}", step.id)).await.step(200)), step);
        step.id = StepId(uuid::Uuid::nil());
        answers.push(step);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[0].environment.as_str(), "staging");
    assert_eq!(answers[0].ts.to_rfc3339(), "2026-01-05T09:30:00.500000Z");
    assert_eq!(answers[0].run.as_ref().unwrap().as_str(), "é/7 & 8");
    assert_eq!(server.count("").await, 3);
}

async fn what_is_not_given_has_its_default(db: TestDb) {
    let server = Server::start(&db).await;
    let answer = server.record(&step_with(&[("run", ""), ("ts", ""), ("environment", "")])).await;
    let step = answer.recorded();
    assert_eq!(step.environment.as_str(), "production");
    assert_eq!(step.run, None);
    assert_eq!(step.id.0.get_version_num(), 7);
    assert_eq!(answer.header("location"), format!("/v1/steps/{}", step.id));
}

async fn the_same_id_again_is_answered_with_the_stored_step(db: TestDb) {
    let server = Server::start(&db).await;
    let id = StepId::generate().to_string();
    let first = server.record(&step_with(&[("id", &id)])).await.recorded();
    assert_eq!(first.id.to_string(), id);
    let again = server.record(&step_with(&[("id", &id)])).await.step(200);
    assert_eq!(as_recorded(&again), first, "the time is the earlier one");

    let mut changed = step_with(&[("id", &id)]);
    changed[3].1 = "testing";
    let problem = server.record(&changed).await.problem(409);
    assert!(problem.detail.contains("status"), "names what differs: {}", problem.detail);
    let problem = server.record(&step_with(&[("id", &id), ("ts", "2026-01-05 09:30:00")])).await.problem(409);
    assert!(problem.detail.contains("ts"), "{}", problem.detail);
    assert_eq!(server.count("").await, 1);
    assert_eq!(db.stored_steps().await, 1);
}

async fn age_is_subtracted_from_the_servers_clock(db: TestDb) {
    let server = Server::start(&db).await;
    let before = now().micros();
    let step = server.record(&step_with(&[("age", "90.5")])).await.recorded();
    let after = now().micros();
    let began = step.ts.micros() + 90_500_000;
    assert!((before..=after).contains(&began), "{before} {began} {after}");
}

async fn a_future_ts_is_refused(db: TestDb) {
    let server = Server::start(&db).await;
    let problem = server.record(&step_with(&[("ts", "2999-01-05 09:30:00")])).await.problem(400);
    assert_eq!(fields(&problem), ["ts"]);
    assert!(problem.detail.contains("5 minutes in the future"), "{}", problem.detail);
    assert_eq!(server.count("").await, 0);
}

async fn every_wrong_field_is_named_at_once(db: TestDb) {
    let server = Server::start(&db).await;
    let (long, control) = ("x".repeat(256), "a\nb");
    let wrong = [("component", long.as_str()), ("version", control), ("status", " "), ("ts", "soon"), ("id", "7")];
    let problem = server.record(&wrong).await.problem(400);
    let mut named = fields(&problem);
    named.sort_unstable();
    assert_eq!(named, ["component", "id", "owner", "status", "ts", "version"]);
    for words in ["256 characters long; at most 255", "control character", "status must not be empty", "Missing owner"]
    {
        assert!(problem.legacy.contains(words), "{words}: {}", problem.legacy);
    }
    assert_eq!(problem.title, "Bad Request");
    assert_eq!(problem.kind, "about:blank");
}

async fn an_unknown_parameter_is_refused_with_the_nearest_name(db: TestDb) {
    let server = Server::start(&db).await;
    let problem = server.record(&step_with(&[("enviroment", "staging")])).await.problem(400);
    assert_eq!(problem.errors[0].suggestion.as_deref(), Some("environment"));
    assert!(
        problem.detail.contains(r#"Unknown parameter "enviroment"; did you mean "environment"?"#),
        "{}",
        problem.detail
    );
    let json = json!({"component": "c", "version": "1", "owner": "o", "status": "s", "colour": "red"});
    let answer = server.post_body("/v1/steps", "application/json", json.to_string()).await;
    assert_eq!(fields(&answer.problem(400)), ["colour"]);
    let problem = server.record(&step_with(&[("owner", "bob")])).await.problem(400);
    assert!(problem.detail.contains("owner is given more than once"), "{}", problem.detail);
    assert_eq!(server.count("").await, 0);
}

async fn a_body_that_is_not_a_step_is_refused(db: TestDb) {
    let server = Server::start(&db).await;
    let good = r#"{"component":"c","version":"1","owner":"o","status":"s"}"#;
    for (body, words) in [
        ("{", "JSON"),
        ("[1]", "a JSON object"),
        (&format!("{good} x"), "JSON"),
        (r#"{"component":"c","version":1.10,"owner":"o","status":"s"}"#, "version must be a JSON string"),
    ] {
        let problem = server.post_body("/v1/steps", "application/json", body.to_owned()).await.problem(400);
        assert!(problem.detail.contains(words), "{body}: {}", problem.detail);
    }
    let problem = server.post_body("/v1/steps", "application/json", vec![0xff, 0xfe]).await.problem(400);
    assert!(problem.detail.contains("UTF-8") || problem.detail.contains("JSON"), "{}", problem.detail);
    server.post_body("/v1/steps", "text/xml", "<step/>").await.problem(415);
    server.post_body("/v1/steps", "application/json; charset=utf-8", good).await.recorded();
    assert_eq!(server.count("").await, 1);
}

async fn a_body_over_the_limit_is_413(db: TestDb) {
    let server = Server::start(&db).await;
    let endless = json!({"component": "x".repeat(20 * 1024 * 1024)}).to_string();
    for path in ["/v1/steps", "/v1/steps/batch"] {
        let problem = server.post_body(path, "application/json", endless.clone()).await.problem(413);
        assert_eq!(problem.title, "Payload Too Large");
    }
    // Of unknown length, too.
    let chunks = futures_util::stream::iter((0..320).map(|_| Ok::<_, std::io::Error>(vec![b' '; 65_536])));
    let request = server.request(Method::POST, "/v1/steps/batch").header("content-type", "application/json");
    Answer::of(request.body(reqwest::Body::wrap_stream(chunks))).await.problem(413);
    server.record(&STEP).await.recorded();
}

async fn a_wrong_method_is_405_and_says_which_are_right(db: TestDb) {
    let server = Server::start(&db).await;
    for (method, path, right) in [
        (Method::PUT, "/v1/steps", "GET, HEAD, POST"),
        (Method::GET, "/v1/steps/batch", "POST"),
        (Method::DELETE, "/v1/steps/0197a000-0000-7000-8000-000000000001", "GET, HEAD"),
        (Method::POST, "/healthz", "GET, HEAD"),
    ] {
        let answer = Answer::of(server.request(method.clone(), path)).await;
        answer.problem(405);
        let mut allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(", "), right, "{method} {path}");
    }
}

async fn the_request_id_is_taken_or_made(db: TestDb) {
    let server = Server::start(&db).await;
    let with_id = |path: &str| server.request(Method::POST, path).header("x-request-id", "deploy-7");
    let answer = Answer::of(with_id("/v1/steps").query(&STEP)).await;
    answer.recorded();
    assert_eq!(answer.header("x-request-id"), "deploy-7");
    let refused = Answer::of(with_id("/v1/steps")).await;
    assert_eq!(refused.header("x-request-id"), "deploy-7");
    assert_eq!(refused.problem(400).request_id.as_deref(), Some("deploy-7"));
    server.process().logged("deploy-7").await;

    let (one, other) = (server.get("/healthz").await, server.get("/healthz").await);
    assert!(!one.header("x-request-id").is_empty());
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

async fn head_answers_as_get_without_the_body(db: TestDb) {
    let server = Server::start(&db).await;
    let Step { id, .. } = server.record(&STEP).await.recorded();
    for path in [
        "/v1/steps",
        "/v1/steps?format=json",
        &format!("/v1/steps/{id}"),
        "/v1/steps/count",
        "/",
        "/healthz",
        "/readyz",
    ] {
        let (get, head) = (server.get(path).await, Answer::of(server.request(Method::HEAD, path)).await);
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        assert_eq!(get.header("content-type"), head.header("content-type"), "{path}");
        assert!(head.bytes.is_empty(), "{path}");
    }
}

async fn one_step_is_shown_in_every_format(db: TestDb) {
    let server = Server::start(&db).await;
    let step = server.record(&step_with(&[("ts", "2026-01-05 09:30:00")])).await.recorded();
    let csv = server.get(&format!("/v1/steps/{}?format=csv", step.id)).await;
    assert_eq!(csv.ok().lines().count(), 2);
    assert!(csv.text().contains("checkout,4.2.0,ann,building,2026-01-05 09:30:00,production"), "{}", csv.text());
    server.get(&format!("/v1/steps/{}", StepId::generate())).await.problem(404);
    let problem = server.get("/v1/steps/seven").await.problem(400);
    assert!(problem.detail.contains("UUID"), "{}", problem.detail);
}
