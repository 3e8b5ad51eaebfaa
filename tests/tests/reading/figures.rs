//! What counts in figures, and how: waiting apart from work, exclusions, limits in both directions, and steps that failed.

use serde_json::json;
use steps_shared::{CheckResult, Duration, StatsRow};
use steps_tests::history::{History, deploy, lasting};
use steps_tests::server::Builder;
use steps_tests::steps::{column, columns, encoded};
use steps_tests::{Cli, Run, Server, TestDb, on_both_stores};

use CheckResult::{Over, Within};

on_both_stores!(
    an_approval_is_waiting_and_no_work,
    waiting_that_grows_is_a_cause_named_as_such,
    an_excluded_deployment_is_in_no_figure_until_it_is_included_again,
    an_exclusion_holds_when_an_earlier_step_arrives,
    a_deployment_may_take_too_little,
    prune_deletes_by_names,
    only_what_failed_is_blamed,
);

/// An approval of 12 hours in a deployment of 6 minutes.
const APPROVED: &str = "building@0 approval@180 migrating@43380 succeeded@43560";

fn maintain(db: &TestDb, command: &str, flags: &[&str]) -> Run {
    Builder::bare().args(&["--database-url", &db.url(), command]).run_with(flags)
}

fn seconds(duration: Option<Duration>) -> Option<f64> {
    duration.map(Duration::seconds)
}

async fn an_approval_is_waiting_and_no_work(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    History::of("c").record(&server, [APPROVED]).await;
    // A span, then nothing for a second and a half, to the microsecond.
    deploy(
        &server,
        "2026-01-06 09:00:00",
        "building@0+10.000001 queued@2+18 succeeded@21.5",
        json!({"component": "d"}),
    )
    .await;
    let names = ["duration_seconds", "work_seconds", "waiting_seconds", "gap_seconds"];
    let told = columns(&server.deployments("").await, names);
    assert_eq!(told[0], ["43560", "360", "43200", "0"]);
    assert_eq!(told[1], ["21.5", "10.000001", "9.999999", "1.5"], "they add up");
    let shown = cli.run(&["show", "c", "--format", "table"]).ok();
    assert!(shown.contains("work 6m00s, waiting 12h00m, gaps 0.00s"), "{shown}");

    let over = cli.run(&["check", "--component", "c", "--max", "10m"]);
    assert!(over.code == 4 && over.stdout.contains("took 12h06m"), "{over:?}");
    let within = cli.run(&["check", "--component", "c", "--max", "10m", "--exclude-waiting"]);
    assert!(within.code == 0 && within.stdout.contains("took 6m00s without waiting"), "{within:?}");
    cli.file(".steps.toml", "[[check]]\ncomponent = \"c\"\nmax = \"10m\"\nexclude_waiting = true\n");
    assert_eq!(cli.run(&["check"]).code, 0);
    assert_eq!(server.check("component=c&max=10m&exclude_waiting=true&replay=1y").await.replay.unwrap().over, 0);

    let all = server.stats("component=c").await.remove(0);
    let parts = |row: &StatsRow| [row.mean, row.mean_work, row.mean_waiting, row.mean_gaps, row.p50].map(seconds);
    assert_eq!(parts(&all), [43560.0, 360.0, 43200.0, 0.0, 43560.0].map(Some));
    let worked = server.stats("component=c&exclude_waiting=true").await.remove(0);
    assert_eq!(parts(&worked), [360.0, 360.0, 43200.0, 0.0, 360.0].map(Some));
    let csv = cli.run(&["stats", "--component", "c", "--exclude-waiting", "--format", "csv"]).ok();
    assert_eq!(columns(&csv, ["p50_seconds", "mean_waiting_seconds"]), [["360", "43200"]]);
    let by_status = server.stats("by=status&component=c&exclude_waiting=true").await;
    let of = |status: &str| by_status.iter().find(|row| row.group["status"] == status).unwrap();
    assert_eq!(seconds(of("approval").p50), Some(43200.0), "a step's own time stays");
    for path in
        ["stats?exclude_waiting=yes", "trend?exclude_waiting=1", "check?component=c&max=1m&exclude_waiting=maybe"]
    {
        let problem = server.get(&format!("/v1/{path}")).await.problem(400);
        assert_eq!(problem.errors[0].field, "exclude_waiting", "{path}");
    }
}

async fn waiting_that_grows_is_a_cause_named_as_such(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let steps = |nth: usize| {
        let (from, to) = (100, 160 + 10 * nth);
        format!("building@0 approval@{from} migrating@{to} succeeded@{}", to + 50)
    };
    History::of("c").record(&server, (0..60).map(steps)).await;
    let since = "since=2026-01-01&component=c";
    let trend = server.trend(since).await;
    let main = trend.main_cause().unwrap();
    assert_eq!((main.step.as_ref().map(|step| step.as_str()), main.waiting), (Some("approval"), true));
    let gaps = trend.cause.as_ref().unwrap().parts.iter().any(|part| part.step.is_none());
    assert!(!gaps, "there are none");
    let told = cli.run(&["trend", "c", "--since", "2026-01-01", "--format", "table"]).ok();
    assert!(told.contains("is waiting in `approval`") && told.contains("approval (waiting)"), "{told}");

    let worked = server.trend(&format!("{since}&exclude_waiting=true")).await;
    assert_eq!((worked.start_median.seconds(), worked.now_median.seconds()), (150.0, 150.0));
    let cause = worked.cause.unwrap();
    assert!(cause.change_seconds == 0.0 && cause.parts.iter().all(|part| !part.waiting), "{cause:#?}");
    assert_eq!((cause.before.seconds(), cause.after.seconds()), (150.0, 150.0));
    let told = cli.run(&["trend", "c", "--since", "2026-01-01", "--exclude-waiting", "--format", "table"]).ok();
    assert!(told.contains("deploys of c, without waiting, are steady"), "{told}");
    let csv = cli.run(&["trend", "--since", "2026-01-01", "--exclude-waiting", "--format", "csv"]).ok();
    assert_eq!(column(&csv, "now_median_seconds"), ["150"]);
}

async fn an_excluded_deployment_is_in_no_figure_until_it_is_included_again(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server).env("STEPS_OWNER", "ann");
    let history = History::of("c");
    history.record(&server, (0..11).map(|nth| lasting(100.0 + f64::from(nth)))).await;
    history.clone().going_on_at(11).record(&server, [lasting(9000.0)]).await;
    let ids = column(&server.deployments("").await, "id");
    let odd = ids.last().unwrap().as_str();
    let figures = async || {
        let stats = server.stats("").await.remove(0);
        let check = server.check("component=c&max=200").await;
        let trend = server.trend("since=2026-01-01&component=c").await;
        (stats.count, seconds(stats.max), check.result, trend.deployments)
    };
    assert_eq!(figures().await, (12, Some(9000.0), Over, 12));

    let said = cli.run(&["exclude", odd, "--reason", "the cable was cut"]).ok();
    assert!(
        said.contains("left out of every figure: c 1.11 in production") && said.contains("(the cable was cut)"),
        "{said}"
    );
    assert_eq!(figures().await, (11, Some(110.0), Within, 11));
    assert_eq!(column(&server.deployments("").await, "excluded")[11], "the cable was cut");
    assert_eq!(server.get(&format!("/v1/deployments/{odd}")).await.json()["excluded"], "the cable was cut");
    for listed in [&["deployments", "--format", "table"][..], &["show", odd, "--format", "table"]] {
        let table = cli.run(listed).ok();
        assert!(table.contains("excluded from all figures: the cable was cut"), "{table}");
    }
    // What comes later is not compared with it.
    history.clone().going_on_at(12).record(&server, [lasting(110.0)]).await;
    let newest = column(&server.deployments("order=desc&limit=1").await, "id");
    assert_eq!(server.get(&format!("/v1/deployments/{}", newest[0])).await.json()["usual_seconds"], 105.0);

    let said = cli.run(&["exclude", odd, "--reason", "a test", "--owner", "bob"]).ok();
    assert!(said.contains("(a test)"), "{said}");
    assert_eq!(column(&server.deployments("").await, "excluded")[11], "a test", "the newer reason");
    maintain(&db, "rebuild", &[]).ok();
    assert_eq!(figures().await, (12, Some(110.0), Within, 12), "it outlives a rebuild");
    maintain(&db, "verify", &[]).ok();

    let said = cli.run(&["include", odd]).ok();
    assert!(said.contains("in figures again: c 1.11"), "{said}");
    cli.run(&["include", odd]).ok();
    assert_eq!(figures().await.0, 13);
    assert!(column(&server.deployments("").await, "excluded").iter().all(String::is_empty));
    maintain(&db, "verify", &[]).ok();

    let path = format!("/v1/deployments/{odd}/exclude");
    let answer = server.post(&format!("{path}?reason=form&owner=ann")).await.json();
    assert_eq!((&answer["excluded"], &answer["id"]), (&json!("form"), &json!(odd)));
    let answer =
        server.post_body(&path, "application/json", json!({"reason": "json", "owner": "ann"}).to_string()).await;
    assert_eq!(answer.json()["excluded"], "json");
    for (query, field) in [
        ("owner=ann".to_owned(), "reason"),
        ("reason=%20&owner=ann".to_owned(), "reason"),
        (format!("owner=ann&reason={}", "x".repeat(1001)), "reason"),
        ("reason=x".to_owned(), "owner"),
        ("reason=x&owner=ann&y=z".to_owned(), "y"),
    ] {
        assert_eq!(server.post(&format!("{path}?{query}")).await.problem(400).errors[0].field, field, "{query}");
    }
    let longest = "ü".repeat(1000);
    let answer = server.post(&format!("{path}?owner=ann&reason={}", encoded(&longest))).await;
    assert_eq!(answer.json()["excluded"], longest.as_str());
    let unknown = "0197a000-0000-7000-8000-00000000ffff";
    server.post(&format!("/v1/deployments/{unknown}/exclude?reason=x&owner=ann")).await.problem(404);
    server.post(&format!("/v1/deployments/{unknown}/include?owner=ann")).await.problem(404);
    assert!(cli.run(&["exclude", unknown, "--reason", "x"]).failed(3).contains("no deployment has the id"));
    cli.run(&["exclude", odd, "--reason", " "]).failed(2);
    cli.run(&["exclude", odd]).failed(2);
}

async fn an_exclusion_holds_when_an_earlier_step_arrives(db: TestDb) {
    let server = Server::start(&db).await;
    deploy(&server, "2026-01-05 09:00:00", "building@60 succeeded@100", json!({"run": "7"})).await;
    let id = async || column(&server.deployments("").await, "id").remove(0);
    let excluded = async || column(&server.deployments("").await, "excluded").remove(0);
    let first = id().await;
    server.post(&format!("/v1/deployments/{first}/exclude?reason=one&owner=ann")).await.ok();
    deploy(&server, "2026-01-05 09:00:00", "started@0", json!({"run": "7"})).await;
    let second = id().await;
    assert_ne!(first, second, "its first step is another");
    assert_eq!(excluded().await, "one");
    server.post(&format!("/v1/deployments/{first}/exclude?reason=gone&owner=ann")).await.problem(404);
    server.post(&format!("/v1/deployments/{second}/exclude?reason=two&owner=ann")).await.ok();
    assert_eq!(excluded().await, "two");
    server.post(&format!("/v1/deployments/{second}/include?owner=ann")).await.ok();
    assert_eq!(excluded().await, "");
    maintain(&db, "verify", &[]).ok();
}

async fn a_deployment_may_take_too_little(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let history = History::of("c");
    // Fifty-one minutes, more or less; then one of 3 s.
    history.record(&server, (0..30).map(|nth| lasting(3060.0 + f64::from(nth)))).await;
    let check = async |limits: &str| server.check(&format!("component=c&{limits}")).await;
    assert_eq!(check("min=10m").await.result, Within);
    assert_eq!(check("baseline=p95&both_ways=true").await.result, Within);
    history.clone().going_on_at(30).record(&server, [lasting(3.0)]).await;
    let answer = check("min=10m&max=2h&baseline=p95").await;
    let results: Vec<_> = answer.budgets.iter().map(|budget| (budget.budget.name(), budget.result)).collect();
    assert_eq!(results, [("max", Within), ("min", Over), ("baseline", Within)]);
    assert_eq!(answer.budgets[1].reason, "3.0s is 9m57s under 10m00s");
    let answer = check("baseline=p95&both_ways=true&replay=10y").await;
    assert_eq!((answer.result, answer.replay.unwrap().over), (Over, 1));
    assert!(answer.budgets[0].reason.starts_with("3.0s is under 40m"), "{}", answer.budgets[0].reason);
    let run = cli.run(&["check", "--component", "c", "--baseline", "p95", "--both-ways"]);
    assert!(run.code == 4 && run.stdout.contains("baseline p95 both ways"), "{run:?}");
    let run = cli.run(&["check", "--component", "c", "--min", "10m"]);
    assert!(run.code == 4 && run.stdout.contains("under 10m00s"), "{run:?}");
    cli.file(".steps.toml", "[[check]]\ncomponent = \"c\"\nbaseline = \"p95\"\nboth_ways = true\nmin = \"10m\"\n");
    let run = cli.run(&["check", "--replay", "1y"]).ok();
    assert!(run.contains("min 10m00s") && run.contains("baseline p95 both ways"), "{run}");
    assert_eq!(cli.run(&["check"]).code, 4);
    for (query, field) in [("max=1m&min=2m", "min"), ("max=1m&both_ways=true", "both_ways"), ("both_ways=true", "max")]
    {
        let problem = server.get(&format!("/v1/check?component=c&{query}")).await.problem(400);
        assert!(problem.errors.iter().any(|error| error.field == field), "{query}: {problem:?}");
    }
    cli.run(&["check", "--component", "c", "--max", "1m", "--both-ways"]).failed(2);
}

async fn prune_deletes_by_names(db: TestDb) {
    let server = Server::start(&db).await;
    let day = "2026-01-05 09:00:00";
    for run in ["1", "2"] {
        deploy(&server, day, "started@0 succeeded@60 inactive@90000", json!({"run": run})).await;
    }
    deploy(&server, day, "started@0 succeeded@60", json!({"run": "1", "environment": "staging"})).await;
    deploy(&server, day, "inactive@0", json!({"component": "d", "run": "1"})).await;
    let id = column(&server.deployments("run=1&environment=production").await, "id").remove(0);
    server.post(&format!("/v1/deployments/{id}/exclude?reason=x&owner=ann")).await.ok();
    let prune = |flags: &[&str]| maintain(&db, "prune", flags);
    let nothing = prune(&["--dry-run"]);
    assert!(nothing.code == 2 && nothing.stderr.contains("--component"), "{nothing:?}");

    let names = ["--component", "c", "--environment", "production", "--run", "1"];
    let said = prune(&[&names[..], &["--dry-run"]].concat()).ok();
    assert!(said.contains("would delete 1 deployments with 2 steps, and 1 steps of ignored statuses"), "{said}");
    assert_eq!(server.count("").await, 9);
    let young = prune(&[&names[..], &["--older-than", "50y"]].concat()).ok();
    assert!(young.contains("deleted 0 deployments with 0 steps"), "{young}");
    let said = prune(&names).ok();
    assert!(said.contains("deleted 1 deployments with 2 steps, and 1 steps of ignored statuses"), "{said}");
    let left = columns(&server.list("order=asc").await, ["component", "environment", "run"]);
    assert_eq!(left.len(), 6);
    assert!(!left.contains(&["c", "production", "1"].map(str::to_owned)), "{left:?}");
    maintain(&db, "verify", &[]).ok();

    // The same run again is a deployment of its own, which nobody has excluded.
    deploy(&server, day, "started@0 succeeded@60", json!({"run": "1"})).await;
    assert_eq!(column(&server.deployments("run=1&environment=production").await, "excluded"), [""]);
    let said = prune(&["--component", "d"]).ok();
    assert!(said.contains("deleted 0 deployments with 0 steps, and 1 steps of ignored statuses"), "{said}");
    assert_eq!(server.count("component=d").await, 0);
    prune(&["--version", "1"]).ok();
    assert_eq!(server.count("").await, 0);
    maintain(&db, "verify", &[]).ok();
}

async fn only_what_failed_is_blamed(db: TestDb) {
    let server = Server::start(&db).await;
    // Building went well, and migrating was open when it failed.
    deploy(&server, "2026-01-05 09:00:00", "started@0 building@1 migrating@300 failed@400", json!({"run": "1"})).await;
    // Spans: the command of one failed.
    let start = "2026-01-05T10:00:00Z";
    for (status, code, outcome) in [("building", 0, "succeeded"), ("testing", 3, "failed"), ("cleanup", 0, "succeeded")]
    {
        let fields = [
            ("component", "c"),
            ("version", "1"),
            ("owner", "ann"),
            ("run", "2"),
            ("status", status),
            ("ts", start),
            ("span", "true"),
            ("outcome", outcome),
            ("duration", "5"),
            ("exit_code", &code.to_string()),
        ];
        server.record(&fields).await.recorded();
    }
    deploy(&server, "2026-01-05 10:00:10", "failed@0", json!({"run": "2"})).await;
    let stats = server.stats("by=status").await;
    let told: Vec<_> = stats.iter().map(|row| (row.group["status"].as_str(), row.succeeded, row.failed)).collect();
    let expected = [("building", 2, 0), ("cleanup", 1, 0), ("migrating", 0, 1), ("started", 1, 0), ("testing", 0, 1)];
    assert_eq!(told, expected);
    assert_eq!(stats.iter().map(|row| row.failure_rate.unwrap()).sum::<f64>(), 2.0);
    let cli = Cli::of(&server);
    let table = cli.run(&["list", "--format", "table", "--run", "2"]).ok();
    let testing = table.lines().find(|line| line.contains("testing")).unwrap();
    assert!(table.contains("exit code") && testing.contains("failed") && testing.trim_end().ends_with('3'), "{table}");
    let ids = column(&server.deployments("").await, "id");
    let shown = cli.run(&["show", &ids[1], "--format", "table"]).ok();
    assert!(shown.contains("failed (exit code 3)"), "{shown}");
    let shown = cli.run(&["show", &ids[0], "--format", "table"]).ok();
    let migrating = shown.lines().find(|line| line.starts_with("migrating")).unwrap();
    assert!(migrating.contains("failed") && !shown.contains("exit code"), "{shown}");
}
