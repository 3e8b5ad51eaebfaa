//! `/metrics`: what it tells, that its series are bounded, and that the rules and the dashboard ask for what there is.

use std::collections::BTreeSet;

use serde_json::json;
use steps_tests::steps::now;
use steps_tests::{Server, TestDb, on_both_stores, repository};

on_both_stores!(figures_are_told_and_bounded,);

/// The value of a series; its labels as they are written.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[track_caller]
fn at_least(text: &str, series: &str, least: f64) {
    let value = value(text, series).unwrap_or_else(|| panic!("{series} is not in\n{text}"));
    assert!(value >= least, "{series} is {value}, less than {least}");
}

/// The metrics of ours that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("steps_")).map(str::to_owned).collect()
}

async fn figures_are_told_and_bounded(db: TestDb) {
    let server = Server::start(&db).await;
    let names = 230;
    let step = |at: usize, status: &str, ago: i64| {
        let micros = now().micros() - ago * 1_000_000;
        let ts = steps_shared::Timestamp::from_micros(micros).unwrap();
        json!({"component": format!("c{at:03}"), "version": "1", "owner": "ann", "status": status, "ts": ts})
    };
    let steps: Vec<_> = (0..names).flat_map(|at| [step(at, "started", 90), step(at, "succeeded", 30)]).collect();
    server.batch(&steps).await;
    // A deployment that is running is not the last one that has ended; a step that waited says so.
    server.batch(&[step(0, "started", 5)]).await;
    server.batch(&[step(1, "started", 20), step(1, "failed", 10)]).await;
    let waited = [("component", "zz"), ("version", "1"), ("owner", "ann"), ("status", "started"), ("age", "400")];
    server.record(&waited).await.recorded();
    server.list("").await;
    server.deployments("").await;
    assert_eq!(server.get("/nowhere").await.status, 404);

    let answer = server.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.ok();
    for (series, least) in [
        ("steps_requests_total{operation=\"record_batch\",status=\"2xx\"}", 2.0),
        ("steps_requests_total{operation=\"none\",status=\"4xx\"}", 1.0),
        ("steps_request_duration_seconds_count{operation=\"list_steps\"}", 1.0),
        ("steps_commit_facts_sum", 462.0),
        ("steps_commit_facts_count", 3.0),
        ("steps_commit_duration_seconds_count", 3.0),
        ("steps_commit_waited_seconds_sum", 400.0),
        ("steps_recording_queue_limit_facts", 20_000.0),
        ("steps_event_readers_limit", 1000.0),
        ("steps_database_up", 1.0),
        ("steps_deployments_running", 2.0),
        ("steps_last_deployment_left_out", 31.0),
        ("steps_last_deployment_succeeded{component=\"c000\",environment=\"production\"}", 1.0),
        (concat!("steps_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        at_least(text, series, least);
    }
    let failed = "steps_last_deployment_succeeded{component=\"c001\",environment=\"production\"}";
    assert_eq!(value(text, failed), Some(0.0));
    let name = "{component=\"c000\",environment=\"production\"}";
    let took = value(text, &format!("steps_last_deployment_duration_seconds{name}")).unwrap();
    assert!((took - 60.0).abs() < 1.0, "{took}");
    let ended = value(text, &format!("steps_last_deployment_end_timestamp_seconds{name}")).unwrap();
    let since = now().micros() as f64 / 1e6 - ended;
    assert!((30.0..600.0).contains(&since), "{since}");
    for series in [
        "steps_recording_queue_facts",
        "steps_recording_blocked",
        "steps_projection_waiting_changes",
        "steps_projection_lag_seconds",
    ] {
        assert_eq!(value(text, series), Some(0.0), "{series}");
    }
    assert_eq!(text.matches("steps_last_deployment_succeeded{").count(), 200);
    assert!(text.lines().count() < 1500, "{}", text.lines().count());
    assert!(text.ends_with("# EOF\n"));

    // What is named in the rules and on the dashboard is there.
    let told = named(text);
    for file in ["rules.yml", "rules_test.yml", "dashboard.json"] {
        let file = repository().join("deploy/monitoring").join(file);
        let text = std::fs::read_to_string(file).unwrap();
        let unknown: Vec<_> = named(&text).difference(&told).cloned().collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
    // Whatever is asked for, there are no more series.
    for at in 0..20 {
        server.get(&format!("/v1/steps/{at}?a{at}=b")).await;
        server.get(&format!("/{at}")).await;
    }
    let again = server.get("/metrics").await;
    assert!(again.ok().lines().count() <= text.lines().count() + 40, "{}", again.text().lines().count());
    server.stop().await;
}
