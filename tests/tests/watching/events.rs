//! `GET /v1/events`: what happens is told, to those who may see it, and told on behind whatever was told before.

use reqwest::Method;
use serde_json::{Value, json};
use steps_tests::access::Caller;
use steps_tests::events::Events;
use steps_tests::server::Builder;
use steps_tests::tls::TlsFiles;
use steps_tests::{Answer, PATIENCE, Server, TestDb, eventually, on_both_stores};
use tokio::time::timeout;

on_both_stores!(
    what_happens_is_told_by_its_filter,
    a_reader_resumes_behind_what_it_has_read,
    an_id_that_says_nothing_is_answered_with_a_reset,
    a_silent_stream_stays_open,
    a_reader_is_told_what_its_token_may_see,
    a_revoked_token_ends_its_streams,
    streams_end_when_the_server_stops,
    what_another_server_records_is_told,
    old_events_are_deleted,
    no_more_read_than_may,
    what_the_clock_ends_is_told,
    an_old_history_is_not_told,
);

/// Records a step.
async fn record(server: &Server, component: &str, status: &str, more: Value) -> String {
    let mut step = json!({"component": component, "version": "1", "owner": "ann", "status": status});
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = server.post_body("/v1/steps", "application/json", step.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn deploy(server: &Server, component: &str, end: &str) {
    for status in ["started", "building", end] {
        record(server, component, status, json!({})).await;
    }
}

async fn what_happens_is_told_by_its_filter(db: TestDb) {
    let server = Server::start(&db).await;
    record(&server, "shop", "started", json!({"version": "0"})).await;
    server.get("/v1/deployments").await.ok();
    let mut all = server.watch("").await;
    let mut bank = server.watch("component=bank").await;
    let mut ends = server.watch("event=deployment&status=succeeded").await;
    deploy(&server, "shop", "succeeded").await;
    deploy(&server, "bank", "failed").await;
    let mut steps = Vec::new();
    loop {
        let told = all.next().await;
        match told.event.as_str() {
            "step" => steps.push(format!("{} {}", told.data["component"], told.data["status"]).replace('"', "")),
            _ if told.data["outcome"] == "failed" => break,
            _ => {}
        }
    }
    let expected = ["started", "building", "succeeded"].map(|status| format!("shop {status}"));
    let expected = expected.into_iter().chain(["started", "building", "failed"].map(|status| format!("bank {status}")));
    assert_eq!(steps, expected.collect::<Vec<_>>());
    let told = bank.until("deployment failed").await;
    let steps: Vec<_> = told.iter().filter(|told| told.starts_with("step")).collect();
    assert_eq!(steps, ["step started", "step building", "step failed"]);
    let end = ends.next().await;
    assert_eq!((end.short().as_str(), &end.data["component"]), ("deployment succeeded", &json!("shop")));
    // It is what the list has.
    let listed = server.get("/v1/deployments?format=json&component=shop&version=1").await.json();
    assert_eq!(listed["deployments"][0], end.data);
    // The end of a span is told, beside its beginning.
    let span = record(&server, "span", "migrating", json!({"span": true})).await;
    let mut spans = server.watch("component=span&event=step").await;
    server.post_body(&format!("/v1/steps/{span}/finish"), "application/json", r#"{"outcome":"failed"}"#).await.ok();
    let mut told = spans.next().await;
    while told.data["outcome"].is_null() {
        told = spans.next().await;
    }
    assert_eq!((&told.data["id"], &told.data["outcome"]), (&json!(span), &json!("failed")));
    // A note of all environments is told, and its removal.
    let mut notes = server.watch("component=shop&environment=production").await;
    let mut versions = server.watch("component=shop&version=2").await;
    let note = json!({"component": "shop", "text": "moved", "owner": "ann"}).to_string();
    let note = server.post_body("/v1/notes", "application/json", note).await;
    assert_eq!(note.status, 201, "{}", note.text());
    let told = notes.next().await;
    assert_eq!((told.event.as_str(), &told.data), ("note", &note.json()));
    let path = format!("/v1/notes/{}", note.json()["id"].as_str().unwrap());
    assert_eq!(Answer::of(server.request(Method::DELETE, &path)).await.status, 204);
    let told = notes.next().await;
    let gone = json!({"component": "shop", "environment": null});
    assert_eq!((told.event.as_str(), &told.data), ("note_removed", &gone));
    // It is of no version.
    record(&server, "shop", "started", json!({"version": "2"})).await;
    assert_eq!(versions.next().await.short(), "step started");
    let wrong = server.get("/v1/events?onwer=ann&event=deploy&since=1h").await.problem(400);
    assert_eq!(wrong.errors.len(), 3, "{wrong:?}");
    server.stop().await;
}

async fn a_reader_resumes_behind_what_it_has_read(db: TestDb) {
    let server = Server::start(&db).await;
    let mut whole = server.watch("event=step").await;
    let begin = server.watch("event=step").await;
    let mut ids = Vec::new();
    for nth in 0..30 {
        record(&server, &format!("shop-{}", nth % 3), "building", json!({"version": nth.to_string()})).await;
        ids.push(whole.next().await);
    }
    drop(begin);
    let other = Server::start(&db).await;
    for (at, told) in ids.iter().enumerate().step_by(7) {
        for server in [&server, &other] {
            let header = server.request(Method::GET, "/v1/events?event=step").header("Last-Event-ID", &told.id);
            let mut by_header = Events::of(header).await;
            let mut by_parameter = server.watch(&format!("event=step&last_event_id={}", told.id)).await;
            for expected in &ids[at + 1..] {
                assert_eq!(by_header.next().await, *expected);
                assert_eq!(by_parameter.next().await, *expected);
            }
        }
    }
    // Who has read nothing resumes as well.
    let mut quiet = server.watch("component=quiet").await;
    quiet.beaten(2).await;
    let id = quiet.last_id.clone();
    drop(quiet);
    record(&server, "loud", "building", json!({})).await;
    record(&server, "quiet", "building", json!({})).await;
    let mut resumed = other.watch(&format!("component=quiet&last_event_id={id}")).await;
    assert_eq!(resumed.next().await.short(), "step building");
    other.stop().await;
    server.stop().await;
}

async fn an_id_that_says_nothing_is_answered_with_a_reset(db: TestDb) {
    let server = Server::start(&db).await;
    for id in ["1", "AAAA", &"A".repeat(59)] {
        let mut events = server.watch(&format!("component=shop&last_event_id={id}")).await;
        assert_eq!(events.next().await.event, "reset");
        record(&server, "shop", "building", json!({"version": id})).await;
        assert_eq!(events.next().await.short(), "step building");
    }
    server.stop().await;
}

async fn a_silent_stream_stays_open(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--stall-timeout", "2s"]).start().await;
    let mut events = server.watch("component=shop").await;
    events.beaten(3).await;
    let before = events.last_id.clone();
    assert!(!before.is_empty());
    // The same over HTTP/2.
    let files = TlsFiles::new();
    let secure = Builder::on(&db.url()).args(&["--stall-timeout", "2s"]).tls(&files);
    let secure = secure.start_for(files.client()).await;
    let http2 = files.http2(&secure).await;
    let request = http2.request("GET", "/v1/events?component=shop").body(()).unwrap();
    let (response, _) = http2.send.clone().ready().await.unwrap().send_request(request, true).unwrap();
    let mut body = response.await.unwrap().into_body();
    events.beaten(4).await;
    record(&server, "shop", "building", json!({})).await;
    assert_eq!(events.next().await.short(), "step building");
    let mut text = String::new();
    while !text.contains("event: step") {
        let data = timeout(PATIENCE, body.data()).await.unwrap().expect("the stream goes on").unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        text.push_str(std::str::from_utf8(&data).unwrap());
    }
    drop((body, http2));
    secure.stop().await;
    server.stop().await;
}

async fn a_reader_is_told_what_its_token_may_see(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--allow-anonymous"]).start().await;
    let limited = Caller::limited(&server, &["shop"], &["production"]).await;
    let mut events = Events::of(limited.request(Method::GET, "/v1/events")).await;
    let mut all = server.watch("").await;
    for (component, environment) in [("bank", "production"), ("shop", "staging"), ("shop", "production")] {
        record(&server, component, "succeeded", json!({"environment": environment})).await;
    }
    let mut told = Vec::new();
    while told.len() < 2 {
        told.push(events.next().await);
    }
    assert!(
        told.iter().all(|told| told.data["component"] == "shop" && told.data["environment"] == "production"),
        "{told:?}"
    );
    // The id of what others record resumes, and tells nothing of it.
    let others = all.next().await;
    let path = format!("/v1/events?last_event_id={}", others.id);
    let mut resumed = Events::of(limited.request(Method::GET, &path)).await;
    assert_eq!(resumed.next().await.data["component"], "shop");
    // Notes are seen by who may see the component in one of their environments.
    for (component, environment) in [("bank", json!(null)), ("shop", json!("staging")), ("shop", json!(null))] {
        let note =
            json!({"component": component, "environment": environment, "text": "moved", "owner": "ann"}).to_string();
        assert_eq!(server.post_body("/v1/notes", "application/json", note).await.status, 201);
    }
    let mut told = events.next().await;
    while told.event != "note" {
        told = events.next().await;
    }
    assert_eq!((&told.data["component"], &told.data["environment"]), (&json!("shop"), &json!(null)));
    server.stop().await;
}

async fn a_revoked_token_ends_its_streams(db: TestDb) {
    let admin = Builder::on(&db.url()).run_with(&["token", "create", "admin", "--scope", "admin"]).ok();
    let server = Server::start(&db).await;
    let other = Server::start(&db).await;
    let admin = Caller::with(&server, admin.trim());
    let made = admin.post("/v1/tokens", &json!({"name": "reader", "scopes": ["read"]})).await.json();
    let secret = made["secret"].as_str().unwrap();
    let mut here = Events::of(Caller::with(&server, secret).request(Method::GET, "/v1/events")).await;
    let mut there = Events::of(Caller::with(&other, secret).request(Method::GET, "/v1/events")).await;
    let mut own = Events::of(admin.request(Method::GET, "/v1/events")).await;
    let path = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(Answer::of(admin.request(Method::DELETE, &path)).await.status, 204);
    assert_eq!(here.try_next().await.unwrap(), None);
    assert_eq!(there.try_next().await.unwrap(), None);
    // That of the others goes on.
    let step = json!({"component": "shop", "version": "1", "owner": "ann", "status": "building"});
    assert_eq!(admin.post("/v1/steps", &step).await.status, 201);
    assert_eq!(own.next().await.short(), "step building");
    other.stop().await;
    server.stop().await;
}

async fn streams_end_when_the_server_stops(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--shutdown-delay", "1s"]).start().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(server.watch("").await);
    }
    server.process().terminate();
    for events in &mut streams {
        assert_eq!(events.try_next().await.unwrap(), None);
    }
    server.stop().await;
}

async fn what_another_server_records_is_told(db: TestDb) {
    let (one, other) = (Server::start(&db).await, Server::start(&db).await);
    let (mut here, mut there) = (one.watch("event=step").await, other.watch("event=step").await);
    for nth in 0..40 {
        let server = if nth % 2 == 0 { &one } else { &other };
        record(server, &format!("shop-{}", nth % 5), "building", json!({"version": nth.to_string()})).await;
    }
    let (mut of_here, mut of_there) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        of_here.push(here.next().await);
        of_there.push(there.next().await);
    }
    assert_eq!(of_here, of_there);
    one.stop().await;
    other.stop().await;
}

async fn old_events_are_deleted(db: TestDb) {
    let server = Server::start(&db).await;
    let mut events = server.watch("event=step").await;
    record(&server, "shop", "started", json!({})).await;
    let first = events.next().await;
    drop(events);
    db.execute("UPDATE events SET written_at = 1").await;
    eventually("old events are deleted", async || (db.number("SELECT COUNT(*) FROM events").await == 0).then_some(()))
        .await;
    let mut resumed = server.watch(&format!("event=step&last_event_id={}", first.id)).await;
    assert_eq!(resumed.next().await.event, "reset");
    record(&server, "shop", "building", json!({})).await;
    let second = resumed.next().await;
    assert_eq!(second.short(), "step building");
    // From there on nothing is missing.
    let mut again = server.watch(&format!("event=step&last_event_id={}", second.id)).await;
    record(&server, "shop", "testing", json!({})).await;
    assert_eq!(again.next().await.short(), "step testing");
    server.stop().await;
}

async fn no_more_read_than_may(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--event-readers", "2"]).start().await;
    let (first, _second) = (server.watch("").await, server.watch("").await);
    let refused = server.get("/v1/events").await;
    assert!(refused.problem(503).detail.contains("readers of events"), "{}", refused.text());
    assert_ne!(refused.header("retry-after"), "");
    drop(first);
    eventually("a place is free", async || {
        let response = server.request(Method::GET, "/v1/events").send().await.unwrap();
        (response.status() == 200).then_some(())
    })
    .await;
    server.stop().await;
}

async fn what_the_clock_ends_is_told(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--settle-after", "2s"]).start().await;
    let mut events = server.watch("event=deployment").await;
    record(&server, "shop", "migrating", json!({"span": true, "outcome": "succeeded", "duration": 1})).await;
    let told = events.until("deployment succeeded").await;
    assert_eq!(told, ["deployment running", "deployment succeeded"]);
    server.stop().await;
}

async fn an_old_history_is_not_told(db: TestDb) {
    let server = Server::start(&db).await;
    let mut events = server.watch("").await;
    for (nth, status) in ["started", "building", "succeeded"].into_iter().enumerate() {
        record(&server, "old", status, json!({"ts": format!("2026-01-05T09:3{nth}:00Z")})).await;
    }
    server.get("/v1/deployments").await.ok();
    assert_eq!(db.number("SELECT COUNT(*) FROM events").await, 0);
    deploy(&server, "new", "succeeded").await;
    let told = events.until("deployment succeeded").await;
    assert!(told.contains(&"step started".to_owned()), "{told:?}");
    // Nor is what a rebuild writes, which finds everything as it should be.
    let before = db.number("SELECT COUNT(*) FROM events").await;
    Builder::on(&db.url()).run("rebuild").ok();
    assert_eq!(db.number("SELECT COUNT(*) FROM events").await, before);
    db.execute("UPDATE deployments SET steps = 7").await;
    Builder::on(&db.url()).run("rebuild").ok();
    assert_eq!(events.until("reset ").await, ["reset "]);
    server.stop().await;
}
