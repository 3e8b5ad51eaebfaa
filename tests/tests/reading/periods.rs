//! Days, weeks and sprints: what a date means in a zone, and periods without deployments.

use serde_json::json;
use steps_shared::Duration;
use steps_tests::history::deploy;
use steps_tests::steps::{column, columns};
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(a_date_is_of_its_zone, periods_without_deployments_have_a_row);

async fn a_date_is_of_its_zone(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    // Half past midnight in Berlin, when UTC is still in the day before; and after the clocks were put back.
    for (nth, start) in [
        "2026-10-24T22:30:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T12:00:00Z",
        "2026-10-25T22:59:59Z",
        "2026-10-26T10:00:00Z",
    ]
    .into_iter()
    .enumerate()
    {
        deploy(&server, start, "building@0 done@60", json!({"run": nth.to_string()})).await;
    }
    deploy(&server, "2026-10-24T21:50:00Z", "building@0 done@60", json!({"run": "before"})).await;
    let berlin = ["--tz", "Europe/Berlin"];
    let days = |cli: &Cli, more: &[&str]| {
        let args =
            [&["stats", "--by", "day", "--since", "2026-10-25", "--until", "2026-10-27", "--format", "csv"], more];
        columns(&cli.run(&args.concat()).ok(), ["day", "count"])
    };
    let expected = [["2026-10-25", "4"], ["2026-10-26", "1"], ["2026-10-27", "0"]];
    assert_eq!(days(&cli, &berlin), expected, "five of the five");
    assert_eq!(days(&cli, &[])[0], ["2026-10-25", "3"]);
    // As a variable, and as a setting.
    let variable = Cli::of(&server).env("STEPS_TZ", "Europe/Berlin");
    assert_eq!(days(&variable, &[]), expected);
    cli.user_settings("tz = \"Europe/Berlin\"\n");
    assert_eq!(days(&cli, &[]), expected);
    assert_eq!(days(&cli, &["--tz", "UTC"])[0], ["2026-10-25", "3"], "a flag is stronger");
    // Everywhere a date is taken.
    let count = |args: &[&str]| cli.run(&[args, &["--since", "2026-10-25", "--count"]].concat()).ok().trim().to_owned();
    assert_eq!((count(&["deployments"]), count(&["list"])), ("5".to_owned(), "10".to_owned()));
    let trend = |zone: &str| {
        let csv = cli.run(&["trend", "--since", "2026-10-25", "--tz", zone, "--format", "csv"]).ok();
        column(&csv, "deployments").remove(0)
    };
    assert_eq!((trend("Europe/Berlin"), trend("UTC")), ("5".to_owned(), "4".to_owned()));
    let check = |zone: &str| {
        let args = ["check", "--component", "c", "--baseline", "p95", "--since", "2026-10-25", "--tz", zone];
        cli.run(&args).stdout
    };
    assert!(check("Europe/Berlin").contains("4 deployments before it count"), "{}", check("Europe/Berlin"));
    assert!(check("UTC").contains("3 deployments before it count"), "{}", check("UTC"));
    let shown = cli.run(&["config", "--format", "csv"]).ok();
    assert!(shown.contains("tz,Europe/Berlin,"), "{shown}");
    for command in ["list", "deployments", "stats", "trend", "check"] {
        let said = cli.run(&[command, "--tz", "Mars"]).failed(2);
        assert!(said.contains("Mars") && said.contains("Europe/Berlin"), "{command}: {said}");
    }
    let said = cli.run(&["list", "--since", "2026-10-25 02:30"]).failed(2);
    assert!(said.contains("--since is there twice"), "{said}");
}

async fn periods_without_deployments_have_a_row(db: TestDb) {
    let server = Server::start(&db).await;
    for (nth, day) in ["2026-01-05", "2026-01-08", "2026-02-16"].into_iter().enumerate() {
        deploy(&server, &format!("{day} 09:00:00"), "building@0 done@60", json!({"run": nth.to_string()})).await;
    }
    let rows = async |query: &str| {
        let stats = server.stats(query).await;
        stats.iter().map(|row| (row.group.values().next().unwrap().clone(), row.count)).collect::<Vec<_>>()
    };
    assert_eq!(rows("by=month").await, [("2026-01".to_owned(), 2), ("2026-02".to_owned(), 1)]);
    let days = rows("by=day&end_datetime=2026-01-10%2000:00:00").await;
    let counts: Vec<_> = days.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [1, 0, 0, 1, 0, 0]);
    assert_eq!(rows("by=week").await.len(), 7);
    let csv = server.get("/v1/stats?by=week&format=csv").await;
    let told = columns(csv.ok(), ["week", "count", "p50_seconds", "failure_rate"]);
    assert_eq!(told[1], ["2026-01-12", "0", "", ""]);
    assert_eq!(
        rows("by=component,month&start_datetime=2025-12-01%2000:00:00&end_datetime=2026-01-31%2000:00:00").await.len(),
        2
    );
    assert_eq!(server.stats("by=day&component=none").await.len(), 0);

    let periods = server.trend("since=2026-01-01&component=c").await.periods;
    let told: Vec<_> =
        periods.iter().map(|period| (period.deployments, period.median.map(Duration::seconds))).collect();
    let empty = (0, None);
    assert_eq!(told, [(2, Some(60.0)), empty, empty, empty, empty, empty, (1, Some(60.0))]);
    let sprints = server.trend("since=2026-01-01&component=c&by=sprint").await.periods;
    assert_eq!(sprints.iter().map(|period| period.deployments).collect::<Vec<_>>(), [2, 0, 0, 1]);
    Cli::of(&server).run(&["trend", "--since", "2026-01-01", "--format", "table"]).ok();
}
