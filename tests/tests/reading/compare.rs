//! Two deployments beside each other: what `steps compare` and the API tell of them.

use serde_json::{Value, json};
use steps_shared::{Comparison, StepId};
use steps_tests::history::deploy;
use steps_tests::steps::{column, columns};
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(a_deployment_is_compared_step_by_step);

async fn compare(server: &Server, id: &str, query: &str) -> Comparison {
    serde_json::from_str(server.get(&format!("/v1/deployments/{id}/compare{query}")).await.ok()).unwrap()
}

async fn a_deployment_is_compared_step_by_step(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server).env("LC_ALL", "C.UTF-8");
    let of = |version: &str, more: Value| {
        let mut of = json!({"component": "shop", "version": version});
        of.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        of
    };
    // Two spans beside each other, a gap, a step that comes twice; then one that failed, with another step and an approval.
    let steps = "building@0+60.000001 testing@10+20 checking@70+10 checking@80+5 succeeded@90";
    deploy(&server, "2026-01-05 09:00:00", steps, of("1", json!({}))).await;
    deploy(&server, "2026-01-06 09:00:00", "building@0 failed@500", of("2", json!({}))).await;
    deploy(&server, "2026-01-07 09:00:00", "building@0 succeeded@70", of("3", json!({"environment": "staging"}))).await;
    let steps = "building@0+30 testing@10+50.5 approval@60.5 checking@160.5 migrating@170 succeeded@200";
    deploy(&server, "2026-01-08 09:00:00", steps, of("4", json!({}))).await;
    deploy(&server, "2026-01-09 09:00:00", "started@0", of("5", json!({}))).await;
    let ids = column(&server.deployments("columns=id").await, "id");

    let told = compare(&server, &ids[3], "").await;
    assert_eq!(told.with.version.as_str(), "1", "the last that succeeded in the same environment");
    let parts: Vec<(String, f64, f64)> = told
        .parts
        .iter()
        .map(|part| {
            let step = part.step.as_ref().map_or_else(String::new, ToString::to_string);
            (step, part.before.seconds(), part.after.seconds())
        })
        .collect();
    let expected = [
        ("approval", 0.0, 100.0),
        ("testing", 0.0, 50.5),
        ("building", 60.000_001, 10.0),
        ("migrating", 0.0, 30.0),
        ("", 14.999_999, 0.0),
        ("checking", 15.0, 9.5),
    ];
    assert_eq!(parts, expected.map(|(step, before, after)| (step.to_owned(), before, after)));
    assert_eq!((told.before.seconds(), told.after.seconds(), told.change_seconds), (90.0, 200.0, 110.0));
    let micros: i64 = told.parts.iter().map(steps_shared::ComparedPart::change_micros).sum();
    assert_eq!(micros, 110_000_000, "the parts add up");
    // The other way round, and with itself.
    let back = compare(&server, &ids[0], &format!("?with={}", ids[3])).await;
    assert_eq!((back.change_seconds, back.parts[0].change_seconds), (-110.0, -100.0));
    let same = compare(&server, &ids[3], &format!("?with={}", ids[3])).await;
    assert!(same.change_seconds == 0.0 && same.parts.iter().all(|part| part.share.is_none()));

    let run = cli.run(&["compare", "shop", "--environment", "production", "--format", "table"]).ok();
    let prose = run.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = "shop 4 (2026-01-08 09:00) took 1m50.0s more than 1 (2026-01-05 09:00): 3m20.0s instead of 1m30.0s; 91% of that \
        is waiting in `approval`, which is new.";
    assert!(prose.starts_with(sentence), "{run}");
    for row in ["approval (waiting) 0.0s 1m40.0s +1m40.0s 91% new", "(gaps) 15.0s 0.0s -15.0s", "total 1m30.0s 3m20.0s"]
    {
        assert!(prose.contains(row), "{row}: {run}");
    }
    let csv = cli.run(&["compare", &ids[3], &ids[2], "--format", "csv"]).ok();
    let told = columns(&csv, ["step", "change_seconds", "change"]);
    assert_eq!(told[0], ["approval", "100", "appeared"]);
    let sum: f64 = told.iter().map(|[_, change, _]| change.parse::<f64>().unwrap()).sum();
    assert!((sum - 130.0).abs() < 1e-6, "{csv}");
    let document: Value = serde_json::from_str(&cli.run(&["compare", &ids[3], "--format", "json"]).ok()).unwrap();
    assert_eq!((&document["with"]["version"], &document["change_seconds"]), (&json!("1"), &json!(110.0)));

    for (asked, status, words) in [
        (format!("{}/compare", ids[0]), 404, "succeeded before"),
        (format!("{}/compare", ids[4]), 409, "has no duration"),
        (format!("{}/compare?with={}", ids[3], ids[4]), 409, "has no duration"),
        (format!("{}/compare?with={}", ids[3], StepId::generate()), 404, "no deployment has the id"),
        (format!("{}/compare?with=4", ids[3]), 400, "is not an id"),
    ] {
        let answer = server.get(&format!("/v1/deployments/{asked}")).await;
        let problem = answer.problem(status);
        let said = problem.errors.iter().map(|error| error.message.as_str()).chain([problem.detail.as_str()]);
        assert!(said.collect::<String>().contains(words), "{asked}: {problem:?}");
    }
    assert!(cli.run(&["compare", "nothing"]).failed(3).contains("there is no deployment of nothing"));
    server.stop().await;
}
