//! Traces of requests (`--otlp-endpoint`): what a collector is told, and that nobody waits for one that is away.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};
use steps_tests::collector::Collector;
use steps_tests::server::Builder;
use steps_tests::{Answer, DatabaseKind, SLACK, Server, TestDb, block_on, eventually, on_both_stores};

on_both_stores!(a_request_is_a_span_within_that_of_its_caller,);

const STEP: [(&str, &str); 4] = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "started")];
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn attribute(span: &Value, key: &str) -> Value {
    let all = span["attributes"].as_array().cloned().unwrap_or_default();
    let found = all.into_iter().find(|one| one["key"] == key).unwrap_or_else(|| panic!("{key} is not in {span}"));
    found["value"].clone()
}

fn nanos(span: &Value, key: &str) -> u128 {
    span[key].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {key} in {span}"))
}

async fn asked_within(server: &Server, path: &str, parent: &str) -> Answer {
    Answer::of(server.request(Method::GET, path).header("traceparent", parent)).await
}

async fn a_request_is_a_span_within_that_of_its_caller(db: TestDb) {
    let collector = Collector::start();
    // OpenTelemetry's own variables, as an operator sets them for all services.
    let builder = Builder::on(&db.url())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=other");
    let server = builder.start().await;
    let before = steps_tests::steps::now().micros();
    server.record(&STEP).await.recorded();
    asked_within(&server, "/v1/deployments?component=c", &format!("00-{TRACE}-{PARENT}-01")).await.ok();
    // Who does not want to be traced is not, and nobody is told of health checks.
    asked_within(&server, "/v1/stats", &format!("00-{TRACE}-{PARENT}-00")).await.ok();
    server.get("/healthz").await.ok();
    asked_within(&server, "/v1/steps/nothing", "00-wrong").await;
    server.get("/nowhere").await;

    let (span, phases) = collector.span("POST /v1/steps").await;
    assert_eq!((&span["kind"], &span["parentSpanId"]), (&json!(2), &Value::Null), "{span}");
    assert_eq!(attribute(&span, "http.response.status_code"), json!({"intValue": "201"}));
    assert_eq!(attribute(&span, "http.request.method"), json!({"stringValue": "POST"}));
    assert_eq!(attribute(&span, "steps.operation"), json!({"stringValue": "record_step"}));
    let [began, ended] = ["startTimeUnixNano", "endTimeUnixNano"].map(|key| nanos(&span, key));
    assert!(u128::try_from(before).unwrap() * 1000 <= began && began < ended, "{span}");
    let names = |phases: &[Value]| phases.iter().map(|phase| phase["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&phases), ["commit"]);
    for phase in &phases {
        assert!((&phase["kind"], &phase["traceId"]) == (&json!(1), &span["traceId"]), "{phase}");
        // Microseconds of the clock and nanoseconds of its measure.
        let slack = 2000;
        assert!(began <= nanos(phase, "startTimeUnixNano") + slack, "{span} {phase}");
        assert!(nanos(phase, "endTimeUnixNano") <= ended + slack, "{span} {phase}");
    }

    let (span, phases) = collector.span("GET /v1/deployments").await;
    assert_eq!((&span["traceId"], &span["parentSpanId"]), (&json!(TRACE), &json!(PARENT)), "{span}");
    assert_eq!(names(&phases), ["wait for the fold", "read"]);
    let (unknown, _) = collector.span("GET unknown").await;
    assert_eq!(attribute(&unknown, "http.response.status_code"), json!({"intValue": "404"}));
    assert!(unknown.get("status").is_none(), "a client's mistake is no error of the server");
    assert_ne!(unknown["traceId"], json!(TRACE));

    // What is traced last is sent at the end.
    server.get("/v1/notes").await.ok();
    server.stop().await;
    let spans = collector.spans();
    let named = |name: &str| spans.iter().filter(|span| span["name"] == name).count();
    assert_eq!((named("GET /v1/notes"), named("GET /v1/stats"), named("GET /healthz")), (1, 0, 0));
    let heads = collector.heads();
    assert!(heads.iter().all(|head| head.starts_with("post /v1/traces ")), "{heads:?}");
    assert!(heads.iter().all(|head| head.contains("authorization: bearer s3cret")), "{heads:?}");
    let resource = collector.resource().to_string();
    assert!(resource.contains(r#""service.name","value":{"stringValue":"steps-server"}"#), "{resource}");
    assert!(resource.contains("deployment.environment.name") && !resource.contains("other"), "{resource}");
}

#[test]
fn nobody_waits_for_a_collector_that_is_away() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let collector = Collector::start();
    collector.answers(400);
    block_on(async {
        let server = Builder::on(&db.url()).args(&["--otlp-endpoint", collector.url()]).start().await;
        let began = Instant::now();
        for _ in 0..50 {
            server.record(&STEP).await.recorded();
        }
        server.process().logged("the collector does not take traces").await;
        assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
        collector.answers(200);
        eventually("traces are taken again", async || {
            server.get("/v1/steps").await.ok();
            (!collector.spans().is_empty()).then_some(())
        })
        .await;
        server.process().logged("the collector takes traces again").await;
        // It says what is wrong once, whatever it answers.
        assert_eq!(server.process().log().matches("does not take traces").count(), 1);
        server.stop().await;

        // A share of them, and none.
        let asked = collector.asked();
        for arguments in [
            [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")],
            [("OTEL_SDK_DISABLED", "true"), ("A", "b")],
        ] {
            let mut builder = Builder::on(&db.url()).env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
            for (name, value) in arguments {
                builder = builder.env(name, value);
            }
            let server = builder.start().await;
            server.get("/v1/steps").await.ok();
            server.stop().await;
        }
        assert_eq!(collector.asked(), asked);
    });
}

#[test]
fn a_wrong_collector_is_a_wrong_setting() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let refused = |builder: Builder, says: &str| {
        let run = builder.run_with(&[]);
        assert!(run.code == 2 && run.stderr.contains(says), "{says}: {} {}", run.code, run.stderr);
    };
    let on = || Builder::on(&db.url());
    refused(on().args(&["--otlp-endpoint", "localhost:4318"]), "write http://localhost:4318");
    refused(on().env("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost"), "OTEL_EXPORTER_OTLP_ENDPOINT");
    let at = || on().args(&["--otlp-endpoint", "http://localhost:4318"]);
    refused(at().env("OTEL_TRACES_SAMPLER", "jaeger_remote"), "parentbased_traceidratio");
    refused(at().env("OTEL_EXPORTER_OTLP_HEADERS", "a b=s3cret"), "is not a header");
}
