//! `GET /v1/check` and `steps check`: whether deployments are within a budget.

use std::collections::BTreeMap;

use reqwest::Method;
use steps_shared::{BudgetKind, CheckAnswer, CheckResult, Timestamp};
use steps_tests::history::{History, lasting, wobble};
use steps_tests::steps::{columns, now};
use steps_tests::{Answer, Cli, Run, Server, TestDb, on_both_stores};

use CheckResult::{NotEnoughData, Over, Within};

on_both_stores!(
    the_newest_successful_deployment_is_judged,
    a_baseline_needs_ten_and_has_a_margin,
    what_was_over_is_in_no_later_baseline,
    growth_must_be_sure,
    an_older_version_is_judged_as_of_its_own_time,
    a_maximum_needs_none_before,
    a_step_and_an_environment_have_their_own,
    the_worst_of_several_limits_wins,
    a_replay_says_what_each_check_would_have_said,
    a_replay_reaches_back_from_now,
    a_replay_of_a_quiet_time_says_so,
    wrong_questions_are_refused_with_a_hint,
);

const DAY_MICROS: i64 = 86_400_000_000;

/// The deployments take so many seconds.
async fn record(server: &Server, history: History, seconds: impl IntoIterator<Item = f64>) {
    history.record(server, seconds.into_iter().map(lasting)).await;
}

/// The one result, and why.
fn said(answer: &CheckAnswer) -> (CheckResult, &str) {
    let [budget] = &answer.budgets[..] else { panic!("{answer:#?}") };
    assert_eq!(budget.result, answer.result);
    (budget.result, &budget.reason)
}

fn version(answer: &CheckAnswer) -> &str {
    answer.deployment.as_ref().map_or("-", |judged| judged.version.as_str())
}

fn check(cli: &Cli, args: &[&str]) -> Run {
    cli.run(&[&["check", "--component", "c"], args].concat())
}

async fn the_newest_successful_deployment_is_judged(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let answer = server.check("component=c&max=60").await;
    assert_eq!((answer.result, version(&answer)), (NotEnoughData, "-"), "there is none yet");
    assert!(answer.budgets[0].reason.contains("no successful deployment of c"), "{}", answer.budgets[0].reason);
    let said_so = check(&cli, &["--max", "1m"]);
    assert_eq!(said_so.code, 5, "{}", said_so.stdout);

    record(&server, History::of("c"), [59.0, 60.0]).await;
    let answer = server.check("component=c&max=60").await;
    assert_eq!(said(&answer), (Within, "1m00s is within 1m00s"));
    assert!(check(&cli, &["--max", "1m"]).ok().contains("within"));
    record(&server, History::of("c").by("bob").going_on_at(2), [61.5]).await;
    let others = ["building@0 failed@9000", "started@0 a@7000 started@9000", "building@0"];
    History::of("c").going_on_at(3).record(&server, others).await;
    let answer = server.check("component=c&max=60").await;
    assert_eq!(said(&answer), (Over, "1m02s is 1.5s over 1m00s"), "it is in the very next answer");
    let judged = answer.deployment.unwrap();
    assert_eq!((judged.version.as_str(), judged.owner.as_str()), ("1.2", "bob"));
    assert_eq!((judged.started_at, judged.duration.seconds()), (History::of("c").start(2), 61.5));
    assert_eq!(columns(&server.deployments("version=1.2").await, ["id"]), [[judged.id.to_string()]]);
    let run = check(&cli, &["--max", "1m"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    for words in ["over", "c 1.2", "production", "1m02s is 1.5s over 1m00s", "bob"] {
        assert!(run.stdout.contains(words), "{words}:\n{}", run.stdout);
    }
    // It is rolled back: the one before it is the newest that succeeded.
    History::of("c").going_on_at(2).record(&server, ["rolled_back@90"]).await;
    assert_eq!(version(&server.check("component=c&max=60").await), "1.1");
}

async fn a_baseline_needs_ten_and_has_a_margin(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    record(&server, History::of("c"), [100.0; 10]).await;
    let baseline = async |more: &str| server.check(&format!("component=c&baseline=p95{more}")).await;
    assert_eq!(said(&baseline("").await), (NotEnoughData, "9 deployments before it count; 10 are needed"));
    check(&cli, &["--baseline", "p95"]).failed(5);
    record(&server, History::of("c").going_on_at(10), [120.0]).await;
    let within = "2m00s is within 2m00s, 20% more than 1m40s, the p95 of the 10 before it";
    assert_eq!(said(&baseline("").await), (Within, within));
    check(&cli, &["--baseline", "p95"]).ok();
    assert_eq!(said(&baseline("&margin=19%25").await).0, Over);
    check(&cli, &["--baseline", "p95", "--margin", "19%"]).failed(4);
    record(&server, History::of("c").going_on_at(11), [140.0]).await;
    // Of 100 (ten times) and 120 the median is 100; of so few, the p95 of what comes is the most, 120.
    for (percentile, margin, expected) in
        [("median", 40, Within), ("median", 39, Over), ("p95", 17, Within), ("p95", 16, Over), ("p100", 17, Within)]
    {
        let answer = server.check(&format!("component=c&baseline={percentile}&margin={margin}")).await;
        assert_eq!(answer.result, expected, "{percentile} {margin}: {}", answer.budgets[0].reason);
    }
    let most = server.check("component=c&max=110&baseline=p100&margin=45").await;
    assert!(
        most.budgets[1].reason.contains("1m40s, the p100 of the 10 before it (one that was over is left out)"),
        "what was over the maximum does not count: {most:?}"
    );
    // Of the ten before it, one takes 120.
    let last = baseline("&last=10&margin=40").await;
    assert!(said(&last).1.contains("2m00s, the p95 of the 10 before it"), "{last:?}");
    // Less than matters is within.
    assert_eq!(baseline("&margin=0").await.result, Over);
    assert_eq!(baseline("&margin=0&min_difference=25s").await.result, Within);
    check(&cli, &["--baseline", "p95", "--margin", "0%", "--min-difference", "25s"]).ok();
}

async fn what_was_over_is_in_no_later_baseline(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let history = History::of("c").starting("2025-06-02 09:00:00".parse().unwrap());
    record(&server, history.clone(), [vec![100.0; 20], vec![150.0; 40]].concat()).await;
    let run = check(&cli, &["--max", "110s", "--baseline", "median"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    let why = "2m30s is over 2m00s, 20% more than 1m40s, the p50 of the 20 before it (39 that were over are left out)";
    assert!(run.stdout.contains(why), "{}", run.stdout);
    assert!(run.stdout.contains("The 39 before it were over as well"), "{}", run.stdout);
    // What is over one limit is in the baseline of no other.
    let both = server.check("component=c&max=110&baseline=p100&margin=60").await;
    assert!(both.budgets[1].reason.contains("1m40s, the p100 of the 20 before it"), "{both:?}");
    // A new level is told as such, and accepted after a while, or from its first deployment on.
    for (version, expected) in [("1.20", Over), ("1.24", Over), ("1.59", Within)] {
        let answer = server.check(&format!("component=c&baseline=p95&version={version}")).await;
        assert_eq!(answer.result, expected, "{version}: {answer:?}");
    }
    let since = history.start(20).to_rfc3339();
    for since in [since.as_str(), "5d"] {
        let told = check(&cli, &["--baseline", "median", "--since", since]).ok();
        assert!(told.contains("2m30s is within 3m00s"), "{since}:\n{told}");
    }
    let few = history.start(50).to_rfc3339();
    check(&cli, &["--baseline", "median", "--since", &few]).failed(5);
    // What began more than 90 days before it does not count: the last did so a day too early.
    let much_later = Timestamp::from_micros(history.start(59).micros() + 91 * DAY_MICROS).unwrap();
    record(&server, History::of("c").starting(much_later), [100.0]).await;
    let answer = server.check("component=c&baseline=p95").await;
    assert_eq!(said(&answer), (NotEnoughData, "0 deployments before it count; 10 are needed"));
    assert_eq!(server.check("component=c&baseline=p95&since=120d").await.result, Within);
}

async fn growth_must_be_sure(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    // Three a day, each a third of a second longer than the one before: 7 % of the first a week.
    record(&server, History::of("c"), (0..46).map(|nth| 100.0 + f64::from(nth) / 3.0)).await;
    let growth = async |version: u32, limit: &str| {
        let answer = server.check(&format!("component=c&version=1.{version}&max_growth={limit}%25/week")).await;
        (answer.result, said(&answer).1.to_owned())
    };
    assert_eq!(growth(41, "5").await.0, NotEnoughData, "it is not two weeks yet");
    let (result, reason) = growth(43, "5").await;
    assert_eq!(result, Over);
    assert!(reason.ends_with("over 5%/week"), "{reason}");
    assert_eq!(growth(43, "8").await.0, Within);
    check(&cli, &["--max-growth", "5%/week"]).failed(4);
    check(&cli, &["--max-growth", "8%/week"]).ok();
    check(&cli, &["--max-growth", "5%/week", "--version", "1.41"]).failed(5);
    // What comes later says nothing of it.
    record(&server, History::of("c").going_on_at(46), [100.0; 60]).await;
    assert_eq!(growth(43, "5").await, (Over, reason));
    assert_ne!(growth(105, "5").await.0, Over);
    // One that takes long is no growth.
    record(&server, History::of("noise"), (0..60).map(|nth| if nth == 59 { 9000.0 } else { 100.0 + wobble(nth) }))
        .await;
    let answer = server.check("component=noise&max_growth=0").await;
    assert!(said(&answer).1.contains("not significant"), "{answer:?}");
    assert_eq!(answer.result, Within);
}

async fn an_older_version_is_judged_as_of_its_own_time(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    record(&server, History::of("c"), [vec![100.0; 15], vec![130.0]].concat()).await;
    let query = "component=c&max=125&baseline=p95&version=1.15";
    let before = server.check(query).await;
    assert_eq!((before.result, version(&before)), (Over, "1.15"));
    record(&server, History::of("c").going_on_at(16), [500.0; 40]).await;
    assert_eq!(server.check(query).await, before, "what came later says nothing of it");
    check(&cli, &["--baseline", "p95", "--version", "1.14"]).ok();
    check(&cli, &["--baseline", "p95", "--version", "1.8"]).failed(5);

    // Of a version that was deployed again the newest counts, and one that failed does not.
    let weeks_later =
        |weeks: i64| Timestamp::from_micros(History::of("c").start(0).micros() + weeks * 7 * DAY_MICROS).unwrap();
    record(&server, History::of("c").starting(weeks_later(4)).going_on_at(15), [90.0]).await;
    let failed = History::of("c").starting(weeks_later(5)).going_on_at(15);
    failed.record(&server, ["building@0 failed@10"]).await;
    let answer = server.check("component=c&max=125&version=1.15").await;
    assert_eq!((answer.result, answer.deployment.unwrap().duration.seconds()), (Within, 90.0));
    History::of("c").going_on_at(70).record(&server, ["building@0 failed@10"]).await;
    for unknown in ["1.70", "9.9"] {
        let run = check(&cli, &["--max", "10m", "--version", unknown]);
        assert_eq!(run.code, 5, "{}", run.stderr);
        assert!(run.stdout.contains(&format!("c {unknown}")), "{}", run.stdout);
        assert!(run.stdout.contains("no successful deployment"), "{}", run.stdout);
    }
    // Only the flag chooses a version.
    let recording = Cli::of(&server).env("STEPS_VERSION", "9.9").env("STEPS_COMPONENT", "c");
    recording.run(&["check", "--max", "10m"]).ok();
}

async fn a_maximum_needs_none_before(db: TestDb) {
    let server = Server::start(&db).await;
    record(&server, History::of("c"), [100.0, 130.0]).await;
    // `since` says what counts of those before it: the deployment itself is judged whenever it was.
    for version in ["", "&version=1.1"] {
        let answer = server.check(&format!("component=c&max=125&since=2026-02-01{version}")).await;
        assert_eq!(said(&answer), (Over, "2m10s is 5.0s over 2m05s"), "{version}");
    }
    let answer = server.check("component=c&baseline=p95&since=2026-02-01").await;
    assert_eq!(said(&answer), (NotEnoughData, "0 deployments before it count; 10 are needed"));
    assert!(answer.deployment.is_some());
}

async fn a_step_and_an_environment_have_their_own(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let deployment = |migrating: u32| format!("building@0 migrating@1000 succeeded@{}", 1000 + migrating);
    History::of("c").record(&server, (0..12).map(|_| deployment(30)).chain([deployment(45)])).await;
    record(&server, History::of("c").to("staging"), [10.0]).await;
    let answer = server.check("component=c&step=migrating&max=40&baseline=p95").await;
    let reasons: Vec<_> = answer.budgets.iter().map(|budget| budget.reason.as_str()).collect();
    assert_eq!(answer.step.as_ref().map(|step| step.as_str()), Some("migrating"));
    assert_eq!(
        reasons,
        ["45.0s is 5.0s over 40.0s", "45.0s is over 40.3s, 10.3s more than 30.0s, the p95 of the 12 before it"]
    );
    assert_eq!(answer.deployment.unwrap().duration.seconds(), 45.0, "that of the step");
    let answer = server.check("component=c&step=migrating&baseline=p95&min_difference=1s").await;
    assert_eq!(said(&answer).1, "45.0s is over 36.0s, 20% more than 30.0s, the p95 of the 12 before it");
    assert_eq!(server.check("component=c&baseline=p95").await.result, Within, "of the whole it is little");
    let run = check(&cli, &["--step", "migrating", "--max", "40s"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(run.stdout.contains("migrating in c 1.12"), "{}", run.stdout);
    check(&cli, &["--step", "unknown", "--max", "40s"]).failed(5);
    check(&cli, &["--max", "1m"]).failed(4);
    check(&cli, &["--max", "1m", "--environment", "staging"]).ok();
    Cli::of(&server).env("STEPS_ENVIRONMENT", "staging").run(&["check", "--component", "c", "--max", "1m"]).ok();
}

async fn the_worst_of_several_limits_wins(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    record(&server, History::of("c"), [100.0, 110.0]).await;
    for (max, expected, code) in [("109s", Over, 4), ("110s", NotEnoughData, 5)] {
        let answer = server.check(&format!("component=c&max_growth=5&baseline=p95&max={max}")).await;
        assert_eq!(answer.result, expected);
        let results: Vec<_> = answer.budgets.iter().map(|budget| (budget.budget, budget.result)).collect();
        let max_is = if expected == Over { Over } else { Within };
        let unknown = [(BudgetKind::Baseline, NotEnoughData), (BudgetKind::MaxGrowth, NotEnoughData)];
        assert_eq!(results, [(BudgetKind::Max, max_is), unknown[0], unknown[1]]);
        check(&cli, &["--max", max, "--baseline", "p95", "--max-growth", "5%/week"]).failed(code);
    }
}

/// Sixty deployments of all kinds: usual ones, slow ones, a slow level, and growth.
fn eventful() -> impl Iterator<Item = f64> {
    (0..60).map(|nth| {
        let slow = if nth % 13 == 7 || (30..36).contains(&nth) { 60.0 } else { 0.0 };
        100.0 + 2.0 * nth as f64 + wobble(nth) + slow
    })
}

async fn a_replay_says_what_each_check_would_have_said(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    record(&server, History::of("c"), eventful()).await;
    let accepted = format!("&since={}", History::of("c").start(5).to_rfc3339());
    for since in ["", "&since=12d", &accepted] {
        let limits = format!("component=c&max=190&baseline=p90&last=12&margin=10%25&max_growth=9%25/week{since}");
        let replay = server.check(&format!("{limits}&replay=3000d")).await.replay.unwrap();
        let (mut over, mut counts) =
            (0, BTreeMap::from_iter(replay.budgets.iter().map(|limit| (limit.budget, (0, 0)))));
        let mut firings: BTreeMap<BudgetKind, Vec<(String, String)>> = BTreeMap::new();
        let first = 60 - replay.deployments as usize;
        for nth in first..60 {
            let answer = server.check(&format!("{limits}&version=1.{nth}")).await;
            over += u32::from(answer.result == Over);
            for told in answer.budgets {
                let count = counts.get_mut(&told.budget).unwrap();
                count.0 += u32::from(told.result == Over);
                count.1 += u32::from(told.result == NotEnoughData);
                if told.result == Over {
                    firings.entry(told.budget).or_default().push((format!("1.{nth}"), told.reason));
                }
            }
        }
        assert_eq!(replay.over, over, "{since}");
        for limit in &replay.budgets {
            assert_eq!((limit.over, limit.not_enough_data), counts[&limit.budget], "{since} {}", limit.budget);
            let all = firings.remove(&limit.budget).unwrap_or_default();
            let told: Vec<_> = limit
                .firings
                .iter()
                .map(|firing| (firing.deployment.version.to_string(), firing.reason.clone()))
                .collect();
            assert_eq!(told, all[all.len().saturating_sub(20)..], "{since}: the latest twenty, the oldest first");
        }
        assert!(replay.budgets.iter().all(|limit| since == "&since=12d" || limit.over > 0), "{since}: {counts:?}");
    }
    let run = check(&cli, &["--max", "110s", "--baseline", "p90", "--replay", "3000d"]);
    assert_eq!(run.code, 0, "a replay is no gate: {}", run.stderr);
    let over = eventful().filter(|seconds| *seconds > 110.0).count();
    assert!(run.stdout.contains(&format!("would have fired {over} times in 60 deployments")), "{}", run.stdout);
    assert!(run.stdout.contains("the latest 20:") && run.stdout.contains("all limits together"), "{}", run.stdout);
}

async fn a_replay_reaches_back_from_now(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    // One a day until today; each tenth takes long.
    let start = Timestamp::from_micros(now().micros() - 60 * DAY_MICROS + DAY_MICROS / 2).unwrap();
    let seconds = (0..60).map(|nth| if nth % 10 == 9 { 200.0 } else { 100.0 });
    record(&server, History::of("c").starting(start).every_hours(24.0), seconds).await;
    for (span, deployments, over, few) in [("5d", 5, 1, 0), ("30d", 30, 3, 0), ("55d", 55, 6, 6), ("90d", 60, 6, 11)] {
        let replay = server.check(&format!("component=c&max=150&baseline=p95&replay={span}")).await.replay.unwrap();
        assert_eq!((replay.deployments, replay.over), (deployments, over), "{span}");
        let counts: Vec<_> = replay.budgets.iter().map(|limit| (limit.over, limit.not_enough_data)).collect();
        // The tenth is over the maximum, and has too few before it for a baseline; so has the next.
        assert_eq!(counts, [(over, 0), (over - u32::from(few > 0), few)], "{span}");
    }
    // As of the first deployment that is told of, growth persists already.
    let growing = History::of("growing").starting(start).every_hours(24.0);
    record(&server, growing, (0..60).map(|nth| 100.0 + f64::from(nth))).await;
    let replay = server.check("component=growing&max_growth=5%25/week&replay=5d").await.replay.unwrap();
    assert_eq!((replay.deployments, replay.over), (5, 5));
    let told = check(&cli, &["--max", "1h", "--replay", "30d"]).ok();
    assert!(told.contains("would never have fired in 30 deployments"), "{told}");
}

async fn a_replay_of_a_quiet_time_says_so(db: TestDb) {
    let server = Server::start(&db).await;
    record(&server, History::of("c"), [100.0]).await;
    let replay = server.check("component=c&max=125&baseline=p95&replay=1h").await.replay.unwrap();
    assert_eq!((replay.deployments, replay.over), (0, 0));
    let counts: Vec<_> = replay.budgets.iter().map(|limit| (limit.budget, limit.over, limit.not_enough_data)).collect();
    assert_eq!(counts, [(BudgetKind::Max, 0, 0), (BudgetKind::Baseline, 0, 0)]);
    let told = check(&Cli::of(&server), &["--max", "2m5s", "--replay", "1h"]).ok();
    assert!(told.contains("there were no deployments"), "{told}");
}

async fn wrong_questions_are_refused_with_a_hint(db: TestDb) {
    let server = Server::start(&db).await;
    for (wrong, fields, hint) in [
        ("", &["component", "max"][..], "Missing component parameter"),
        ("component=c", &["max"], "one of them is needed"),
        ("max=1m", &["component"], "Missing component parameter"),
        ("component=c&max=soon", &["max"], "90s"),
        ("component=c&baseline=95", &["baseline"], "p95"),
        ("component=c&max=1m&last=9", &["last"], "10 to 1000"),
        ("component=c&max=1m&margin=-1%25", &["margin"], "5%"),
        ("component=c&max_growth=5%25/day", &["max_growth"], "5%/week"),
        ("component=c&max=1m&since=tomorrow", &["since"], "2026-01-05"),
        ("component=c&max=1m&replay=always", &["replay"], "7d"),
        ("component=c&max=1m&stp=migrating", &["stp"], "did you mean \"step\"?"),
        ("component=c&max=1m&format=csv", &["format"], "Unknown parameter"),
        ("component=c&max=1m&max=2m", &["max"], "more than once"),
    ] {
        let problem = server.get(&format!("/v1/check?{wrong}")).await.problem(400);
        assert_eq!(problem.errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), fields, "{wrong}");
        assert!(problem.detail.contains(hint), "{wrong}: {}", problem.detail);
    }
    let head = Answer::of(server.request(Method::HEAD, "/v1/check?component=c&max=1m")).await;
    assert_eq!((head.ok(), head.header("content-type")), ("", "application/json"));
    let refused = server.post("/v1/check?component=c&max=1m").await;
    refused.problem(405);
    assert_eq!(refused.header("allow"), "GET, HEAD");
}
