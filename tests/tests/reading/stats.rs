//! `GET /v1/stats`: numbers worked out by hand.
//!
//! Percentiles interpolate linearly between order statistics (NumPy's default, SQL's `PERCENTILE_CONT`): of n sorted
//! values the one at `q * (n - 1)`, counted from 0.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use serde_json::{Value, json};
use steps_shared::{Duration, StatsRow};
use steps_tests::history::step;
use steps_tests::steps::columns;
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(
    numbers_are_those_of_the_definition,
    what_is_unknown_is_empty,
    several_groups_combine_and_filters_choose,
    statuses_are_of_steps,
    days_weeks_and_months_are_those_of_the_zone,
    wrong_questions_are_refused_with_a_hint,
    names_are_those_that_have_deployments_whoever_has_folded_them,
    the_command_shows_the_same,
);

/// One deployment: its stream (without a run where that is empty), when it began, and its steps as `STATUS@SECOND`.
async fn deploy(server: &Server, component: &str, owner: &str, run: &str, start: &str, steps: &str) {
    let start: steps_shared::Timestamp = start.parse().unwrap();
    let mut of = json!({"component": component, "version": "1", "owner": owner});
    if !run.is_empty() {
        of["run"] = json!(run);
    }
    let steps: Vec<Value> = steps.split_whitespace().map(|word| step(start, word, of.clone())).collect();
    assert_eq!(server.batch(&steps).await.recorded, steps.len() as u64);
}

/// Four that took 10, 20, 40 and 100 s; one that failed after long, one running, one left behind.
async fn seven(server: &Server) {
    let monday = "2026-01-05 09:00:00";
    for (run, steps) in [
        ("1", "a@0 done@40"),
        ("2", "a@0 done@10"),
        ("3", "a@0 done@100"),
        ("4", "a@0 done@20"),
        ("5", "a@0 failed@9000"),
        ("", "started@0 a@7000 started@8000"),
    ] {
        deploy(server, "c", "ann", run, monday, steps).await;
    }
}

fn seconds(durations: [Option<Duration>; 6]) -> [f64; 6] {
    durations.map(|duration| duration.unwrap().seconds())
}

fn durations(stat: &StatsRow) -> [Option<Duration>; 6] {
    [stat.mean, stat.p50, stat.p90, stat.p95, stat.p99, stat.max]
}

fn counts(stat: &StatsRow) -> [u64; 5] {
    [stat.count, stat.succeeded, stat.failed, stat.running, stat.abandoned]
}

async fn numbers_are_those_of_the_definition(db: TestDb) {
    let server = Server::start(&db).await;
    seven(&server).await;
    let stats = server.stats("by=component").await;
    let [stat] = &stats[..] else { panic!("{stats:#?}") };
    assert_eq!(stat.group["component"], "c");
    assert_eq!(counts(stat), [7, 4, 1, 1, 1]);
    assert_eq!(stat.failure_rate, Some(0.2), "one of the five that ended");
    // At 1.5, 2.7, 2.85 and 2.97 of 10, 20, 40, 100: failed and running ones are not among them.
    assert_eq!(seconds(durations(stat)), [42.5, 30.0, 82.0, 91.0, 98.2, 100.0]);

    // Two that took 1 and 2 s: half of a second in between, and nothing rounded away.
    deploy(&server, "d", "ann", "1", "2026-01-05 09:00:00", "a@0 done@1").await;
    deploy(&server, "d", "ann", "2", "2026-01-05 09:00:00", "a@0 done@2.000001").await;
    let stats = server.stats("by=component&component=d").await;
    assert_eq!(seconds(durations(&stats[0]))[..2], [1.500001, 1.500001], "to the microsecond, half up");
    let all = server.stats("").await;
    assert_eq!((all.len(), counts(&all[0])), (1, [9, 6, 1, 1, 1]), "without groups it is one of everything");
}

async fn what_is_unknown_is_empty(db: TestDb) {
    let server = Server::start(&db).await;
    assert_eq!(server.get("/v1/stats?by=component").await.json(), json!({"by": ["component"], "stats": []}));
    deploy(&server, "running", "o", "1", "2026-01-05 09:00:00", "a@0").await;
    deploy(&server, "failed", "o", "1", "2026-01-05 09:00:00", "a@0 failed@10").await;
    // Only its end is known: it is counted, and is no duration of 0.
    deploy(&server, "lone", "o", "1", "2026-01-05 09:00:00", "done@10").await;
    let csv = server.get("/v1/stats?by=component&format=csv").await;
    assert_eq!(
        csv.ok().replace("\r\n", "\n"),
        "component,count,succeeded,failed,running,abandoned,failure_rate,mean_seconds,p50_seconds,p90_seconds,p95_seconds,\
         p99_seconds,max_seconds,cancelled,mean_work_seconds,mean_waiting_seconds,mean_gap_seconds\n\
         failed,1,0,1,0,0,1,,,,,,,0,,,\nlone,1,1,0,0,0,0,,,,,,,0,,,\nrunning,1,0,0,1,0,,,,,,,,0,,,\n"
    );
    let json = server.get("/v1/stats?by=component&component=running").await.json();
    let line = server.get("/v1/stats?by=component&component=running&format=jsonl").await;
    assert_eq!(serde_json::from_str::<Value>(line.ok()).unwrap(), json["stats"][0], "one object in both");
    assert_eq!(json["stats"][0]["component"], "running");
    for unknown in ["failure_rate", "mean_seconds", "p50_seconds", "p99_seconds", "max_seconds"] {
        assert_eq!(json["stats"][0][unknown], Value::Null, "{unknown}");
    }
    let book = server.get("/v1/stats?by=component&format=xlsx").await;
    let mut book = Xlsx::new(Cursor::new(book.bytes)).unwrap();
    let name = book.sheet_names()[0].clone();
    let sheet = book.worksheet_range(&name).unwrap();
    let cell = |row, column| sheet.get_value((row, column)).cloned().unwrap_or(Data::Empty);
    assert_eq!(
        (cell(1, 0), cell(1, 6), cell(1, 7)),
        (Data::String("failed".to_owned()), Data::Float(1.0), Data::Empty)
    );
}

async fn several_groups_combine_and_filters_choose(db: TestDb) {
    let server = Server::start(&db).await;
    let (first, second) = ("2026-01-05 09:00:00", "2026-01-12 09:00:00");
    for (component, owner, run, start, took) in [
        ("b", "ann", "1", first, 10),
        ("b", "bob", "2", first, 20),
        ("b", "ann", "3", second, 30),
        ("a", "ann", "4", second, 40),
    ] {
        deploy(&server, component, owner, run, start, &format!("x@0 done@{took}")).await;
    }
    let groups = async |query: &str| -> Vec<(Vec<String>, f64)> {
        let csv = server.get(&format!("/v1/stats?format=csv&{query}")).await.ok().to_owned();
        let mut rows = csv::Reader::from_reader(csv.as_bytes());
        let by = rows.headers().unwrap().iter().position(|name| name == "count").unwrap();
        let max = rows.headers().unwrap().iter().position(|name| name == "max_seconds").unwrap();
        rows.records()
            .map(|row| row.unwrap())
            .map(|row| (row.iter().take(by).map(str::to_owned).collect(), row[max].parse().unwrap_or(0.0)))
            .collect()
    };
    let group = |values: &[&str], max: f64| (values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>(), max);
    assert_eq!(
        groups("by=component,week").await,
        [
            group(&["a", "2026-01-05"], 0.0),
            group(&["a", "2026-01-12"], 40.0),
            group(&["b", "2026-01-05"], 20.0),
            group(&["b", "2026-01-12"], 30.0)
        ]
    );
    assert_eq!(
        groups("by=owner,component").await,
        [group(&["ann", "a"], 40.0), group(&["ann", "b"], 30.0), group(&["bob", "b"], 20.0)],
        "in the order that was asked for, sorted by it"
    );
    assert_eq!(groups("by=owner&component=b&start_datetime=2026-01-12%2000:00:00").await, [group(&["ann"], 30.0)]);
    assert_eq!(groups("by=component&max_duration=25").await, [group(&["b"], 20.0)]);
    assert_eq!(groups("by=environment&outcome=succeeded").await, [group(&["production"], 40.0)]);
}

async fn statuses_are_of_steps(db: TestDb) {
    let server = Server::start(&db).await;
    let monday = "2026-01-05 09:00:00";
    deploy(&server, "c", "o", "1", monday, "build@0 test@10 done@40").await;
    deploy(&server, "c", "o", "2", monday, "build@0 test@20 test@30 done@50").await;
    // What a failed deployment's steps took says nothing about how long they take.
    deploy(&server, "c", "o", "3", monday, "build@0 test@5000 failed@9000").await;
    let stats = server.stats("by=status").await;
    let found: Vec<_> = stats.iter().map(|stat| (stat.group["status"].as_str(), stat.succeeded, stat.failed)).collect();
    assert_eq!(
        found,
        [("build", 3, 0), ("test", 3, 1)],
        "the open one failed; an end takes no time and is none of them"
    );
    assert_eq!(seconds(durations(&stats[0]))[..2], [15.0, 15.0]);
    assert_eq!(seconds(durations(&stats[1]))[..2], [20.0, 20.0], "10, 20 and 30");
    let only = server.stats("by=component,status&status=test").await;
    assert_eq!((only.len(), only[0].group["status"].as_str()), (1, "test"));
}

async fn days_weeks_and_months_are_those_of_the_zone(db: TestDb) {
    let server = Server::start(&db).await;
    // A Sunday evening of May in London, a Monday of June in Berlin; it ends on the next day everywhere.
    deploy(&server, "c", "o", "1", "2026-05-31T22:30:00Z", "a@0 done@86400").await;
    // The first days of 2021 are of the last ISO week of 2020.
    deploy(&server, "c", "o", "2", "2021-01-01T12:00:00Z", "a@0").await;
    assert_eq!(server.stats("by=week&run=2").await[0].group["week"], "2020-12-28");
    for (tz, expected) in [
        ("", ["2026-05-31", "2026-05-25", "2026-05"]),
        ("&tz=UTC", ["2026-05-31", "2026-05-25", "2026-05"]),
        ("&tz=Europe/Berlin", ["2026-06-01", "2026-06-01", "2026-06"]),
    ] {
        let csv = server.get(&format!("/v1/stats?by=day,week,month&format=csv{tz}&run=1")).await;
        assert_eq!(columns(csv.ok(), ["day", "week", "month"]), [expected.map(str::to_owned)], "{tz}");
    }
}

async fn wrong_questions_are_refused_with_a_hint(db: TestDb) {
    let server = Server::start(&db).await;
    let problem = server.get("/v1/stats?by=component,ownr").await.problem(400);
    assert!(problem.detail.contains("did you mean \"owner\"?"), "{}", problem.detail);
    let problem = server.get("/v1/stats?by=day&tz=Mars/Olympus").await.problem(400);
    assert_eq!(problem.errors[0].field, "tz");
    assert!(problem.detail.contains("Mars/Olympus") && problem.detail.contains("Europe/Berlin"), "{}", problem.detail);
    for wrong in ["bye=owner", "limit=5", "by=day&by=week", "min_duration=x"] {
        server.get(&format!("/v1/stats?{wrong}")).await.problem(400);
    }
}

async fn names_are_those_that_have_deployments_whoever_has_folded_them(db: TestDb) {
    let server = Server::start(&db).await;
    for component in ["a", "b", "c"] {
        deploy(&server, component, "ann", "1", "2026-01-05 09:00:00", "x@0 done@40").await;
    }
    let names = async || -> Vec<String> {
        let stats = server.stats("by=component").await;
        stats.iter().map(|row| row.group["component"].clone()).collect()
    };
    assert_eq!(names().await, ["a", "b", "c"]);
    db.execute("DELETE FROM deployments WHERE component = 'b'").await;
    db.execute("DELETE FROM days WHERE component = 'b'").await;
    assert_eq!(names().await, ["a", "c"]);
    // A server of the version before gives buckets turns, and names none.
    db.execute("DELETE FROM turns WHERE component = 'c'").await;
    db.execute("UPDATE buckets SET turn = turn + 1").await;
    assert_eq!(names().await, ["a", "c"]);
    server.stop().await;
}

async fn the_command_shows_the_same(db: TestDb) {
    let server = Server::start(&db).await;
    seven(&server).await;
    let cli = Cli::of(&server);
    let answer = server.get("/v1/stats?by=component&format=csv").await;
    assert_eq!(cli.run(&["stats"]).ok(), answer.ok().replace("\r\n", "\n"), "CSV when piped, by component");
    let json: Value =
        serde_json::from_str(&cli.run(&["stats", "--by", "week,owner", "--format", "json"]).ok()).unwrap();
    assert_eq!(json, server.get("/v1/stats?by=week,owner").await.json());
    let table = cli.run(&["stats", "--by", "owner", "--format", "table"]).ok();
    for cell in ["ann", "20", "30.0s", "1m22s", "1m40s"] {
        assert!(table.contains(cell), "{cell}:\n{table}");
    }
    let said = cli.run(&["stats", "--by", "compnent"]).failed(2);
    assert!(said.contains("component"), "{said}");
    let said = cli.run(&["stats", "--tz", "Mars/Olympus"]).failed(2);
    assert!(said.contains("Mars/Olympus"), "{said}");
}
