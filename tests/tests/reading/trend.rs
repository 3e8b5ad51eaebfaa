//! `GET /v1/trend` and `steps trend`: how durations grow, and what makes them.

use reqwest::Method;
use steps_shared::{CauseShare, Duration, Estimate, StepPresence, Timestamp, Trend, Verdict};
use steps_tests::history::{History, lasting, wobble};
use steps_tests::steps::{columns, now};
use steps_tests::{Answer, Server, TestDb, on_both_stores};

on_both_stores!(
    a_straight_line_is_told_as_it_is,
    the_most_alarming_comes_first,
    only_successful_deployments_enter,
    an_outlier_neither_makes_nor_hides_growth,
    each_environment_has_its_own,
    the_cause_adds_up_and_names_the_step,
    what_runs_in_parallel_counts_once,
    a_start_in_whole_seconds_takes_no_time,
    a_step_has_a_trend_of_its_own,
    a_jump_is_told_with_version_owner_and_time,
    periods_are_weeks_or_sprints,
    since_and_until_choose,
    many_deployments_are_fitted_as_groups,
    wrong_questions_are_refused_with_a_hint,
);

const DAY_MICROS: i64 = 86_400_000_000;

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

fn seconds(duration: Duration) -> f64 {
    duration.seconds()
}

/// Twenty deployments, one a day.
fn daily(component: &str) -> History {
    History::of(component).every_hours(24.0)
}

fn growing() -> impl Iterator<Item = String> {
    (0..20).map(|nth| lasting(100.0 + f64::from(nth)))
}

/// The parts of a trend's cause: the step, or `-`, before, after, and what became of it.
fn parts(trend: &Trend) -> Vec<(&str, f64, f64, Option<StepPresence>)> {
    let parts = &trend.cause.as_ref().expect("a cause").parts;
    parts
        .iter()
        .map(|part| {
            let CauseShare { step: of, before_seconds, after_seconds, change, .. } = part;
            (of.as_ref().map_or("-", |status| status.as_str()), *before_seconds, *after_seconds, *change)
        })
        .collect()
}

async fn a_straight_line_is_told_as_it_is(db: TestDb) {
    let server = Server::start(&db).await;
    // Three a day over six weeks, 5 % more in each week than in the week before: a straight line of logarithms.
    let history = History::of("checkout");
    history.record(&server, (0..126).map(|nth| lasting(420.0 * 1.05_f64.powf(f64::from(nth) / 21.0)))).await;
    let answer = server.trends("since=2026-01-01").await;
    assert_eq!((answer.by.as_str(), answer.min_change_percent, answer.until), ("week", 1.0, None));
    assert_eq!((answer.sprint_start.as_str(), answer.sprint_length.as_str()), ("2026-01-05", "14d"));
    assert_eq!(answer.since.to_seconds_text(), "2026-01-01 00:00:00");
    let trend = &answer.trends[0];
    assert_eq!((trend.component.as_str(), trend.environment.as_str()), ("checkout", "production"));
    assert_eq!((trend.deployments, trend.verdict, &trend.step), (126, Verdict::Growing, &None));
    assert_eq!((trend.first_started_at, trend.last_started_at), (history.start(0), history.start(125)));
    let growth = trend.growth.unwrap();
    let exact = |estimate: Estimate, expected: f64| {
        [estimate.low, estimate.value, estimate.high].into_iter().for_each(|found| {
            assert!((found / expected - 1.0).abs() < 0.02, "{found} is not {expected}");
        });
    };
    exact(growth.percent_per_week.unwrap(), 5.0);
    exact(growth.percent_per_sprint.unwrap(), 10.25);
    let middle = 420.0 * 1.05_f64.powf(62.5 / 21.0);
    exact(growth.seconds_per_week, 1.05_f64.ln() * middle);
    exact(growth.seconds_per_sprint, 2.0 * 1.05_f64.ln() * middle);
    let whole = |found: f64, expected: f64| assert!((found - expected).abs() < 0.5, "{found} is not {expected}");
    whole(growth.fitted_start_seconds, 420.0);
    whole(growth.fitted_end_seconds, 420.0 * 1.05_f64.powf(125.0 / 21.0));
    assert_eq!((growth.tau, growth.fitted_points), (1.0, 126));
    assert_eq!((growth.is_told, growth.began_at, growth.stopped_at), (true, None, None));
    assert!(growth.p_value < 1e-9, "{}", growth.p_value);
    assert_eq!(trend.change_points, [], "slow growth is no jump");

    let weekly = server.trend("since=2026-01-01&sprint_length=1w").await;
    exact(weekly.growth.unwrap().percent_per_sprint.unwrap(), 5.0);
    for (least, verdict) in [("4.9%25", Verdict::Growing), ("5.1%25/week", Verdict::Steady), ("0", Verdict::Growing)] {
        let trend = server.trend(&format!("since=2026-01-01&min_change={least}")).await;
        assert_eq!((trend.verdict, trend.growth), (verdict, Some(growth)), "{least}");
    }
}

async fn the_most_alarming_comes_first(db: TestDb) {
    let server = Server::start(&db).await;
    assert_eq!(server.trends("").await.trends, [], "nothing is recorded yet");
    daily("falling").record(&server, (0..20).map(|nth| lasting(200.0 - 2.0 * f64::from(nth)))).await;
    daily("flat").record(&server, (0..20).map(|nth| lasting(100.0 + wobble(nth)))).await;
    daily("slow").record(&server, growing()).await;
    daily("fast").record(&server, (0..20).map(|nth| lasting(100.0 + 5.0 * f64::from(nth)))).await;
    // Ten in two weeks are enough; nine are not, nor are ten in less.
    daily("ten").every_hours(112.0 / 3.0).record(&server, growing().take(10)).await;
    daily("nine").every_hours(48.0).record(&server, growing().take(9)).await;
    daily("hasty").every_hours(34.6).record(&server, growing().take(10)).await;
    let trends = server.trends("since=2026-01-01").await.trends;
    let told: Vec<_> = trends.iter().map(|trend| (trend.component.as_str(), trend.verdict)).collect();
    assert_eq!(
        told[..5],
        [
            ("fast", Verdict::Growing),
            ("slow", Verdict::Growing),
            ("ten", Verdict::Growing),
            ("flat", Verdict::Steady),
            ("falling", Verdict::Shrinking),
        ]
    );
    assert_eq!(told.len(), 7);
    for trend in &trends[5..] {
        assert_eq!((trend.verdict, trend.growth, &trend.cause), (Verdict::NotEnoughData, None, &None));
    }
    let nine = server.trend("since=2026-01-01&component=nine").await;
    assert_eq!((nine.deployments, seconds(nine.start_median), seconds(nine.now_median)), (9, 102.0, 106.0));
}

async fn only_successful_deployments_enter(db: TestDb) {
    let server = Server::start(&db).await;
    daily("c").record(&server, growing()).await;
    let known = server.trends("since=2026-01-01").await.trends;
    let none = ["building@0 failed@9000", "started@0 a@7000 started@9000", "building@0", "succeeded@9000"];
    daily("c").going_on_at(20).record(&server, none).await;
    daily("only failed").record(&server, ["building@0 failed@9000"]).await;
    assert_eq!(server.trends("since=2026-01-01").await.trends, known);
    // What was recorded is in the very next answer, and so is what is taken back.
    daily("c").going_on_at(24).record(&server, [lasting(120.0)]).await;
    assert_eq!(server.trend("since=2026-01-01").await.deployments, 21);
    daily("c").going_on_at(24).record(&server, ["rolled_back@150"]).await;
    assert_eq!(server.trends("since=2026-01-01").await.trends, known);
}

async fn an_outlier_neither_makes_nor_hides_growth(db: TestDb) {
    let server = Server::start(&db).await;
    let but = |outlier: usize, usual: fn(usize) -> f64| {
        (0..50).map(move |nth| lasting(if nth == outlier { 36_000.0 } else { usual(nth) }))
    };
    History::of("steady").record(&server, but(49, |nth| 300.0 + wobble(nth))).await;
    History::of("growing").record(&server, but(0, |nth| 300.0 + nth as f64)).await;
    let steady = server.trend("since=2026-01-01&component=steady").await;
    assert_eq!((steady.verdict, &steady.change_points[..]), (Verdict::Steady, &[][..]));
    assert!((290.0..310.0).contains(&seconds(steady.now_median)), "{}", steady.now_median);
    let cause = steady.cause.unwrap();
    assert_eq!((cause.deployments_before, cause.deployments_after), (10, 9), "it is not compared");
    assert!(cause.change_seconds.abs() < 5.0, "{cause:?}");
    let growing = server.trend("since=2026-01-01&component=growing").await;
    assert_eq!(growing.verdict, Verdict::Growing);
    let per_week = growing.growth.unwrap().seconds_per_week.value;
    assert!((20.0..22.0).contains(&per_week), "{per_week}");
    assert!(growing.cause.unwrap().change_seconds > 39.0);
}

async fn each_environment_has_its_own(db: TestDb) {
    let server = Server::start(&db).await;
    daily("c").record(&server, growing()).await;
    daily("c").to("staging").record(&server, (0..20).map(|nth| lasting(50.0 + wobble(nth)))).await;
    let told = async |query: &str| -> Vec<(String, Verdict)> {
        let answer = server.trends(&format!("since=2026-01-01&component=c{query}")).await;
        answer.trends.into_iter().map(|trend| (trend.environment.to_string(), trend.verdict)).collect()
    };
    let expected = [("production".to_owned(), Verdict::Growing), ("staging".to_owned(), Verdict::Steady)];
    assert_eq!(told("").await, expected);
    assert_eq!(told("&environment=staging").await, expected[1..]);
    assert_eq!(told("&environment=Staging").await, []);
}

async fn the_cause_adds_up_and_names_the_step(db: TestDb) {
    let server = Server::start(&db).await;
    // The linter goes, a scanner comes, migrating takes a second and 3 microseconds more each time, and deploying one
    // microsecond: neither has a mean of whole microseconds.
    let deployment = |nth: u32| {
        let (checker, took) = if nth < 25 { ("lint", 10.123_457) } else { ("scan", 7.654_321) };
        let migrating = 100.0 + 1.000_003 * f64::from(nth);
        let (checked, migrated) = (60.0 + took, 60.0 + took + migrating);
        let end = migrated + 30.0 + 1e-6 * f64::from(nth);
        format!("building@0 {checker}@60 migrating@{checked} deploying@{migrated} succeeded@{end}")
    };
    History::of("c").record(&server, (0..50).map(deployment)).await;
    let trend = server.trend("since=2026-01-01").await;
    let told: Vec<_> = parts(&trend).into_iter().map(|(step, .., change)| (step, change)).collect();
    assert_eq!((told[0], told[3]), (("migrating", None), ("scan", None)), "what vanished is set against what came");
    let cause = trend.cause.unwrap();
    assert_eq!((cause.deployments_before, cause.deployments_after, cause.parts.len()), (10, 10, 4));
    assert_eq!(cause.parts[3].replaces.iter().map(|step| step.as_str()).collect::<Vec<_>>(), ["lint"]);
    let whole = 40.0 * 1.000_004 + 7.654_321 - 10.123_457;
    assert_eq!(cause.before.micros(), 204_623_475, "the mean of the first ten");
    near(cause.change_seconds, whole);
    near(cause.parts[0].share.unwrap(), 40.0 * 1.000_003 / whole);
    near(cause.parts.iter().filter_map(|part| part.share).sum(), 1.0);

    let micros = |seconds: f64| (seconds * 1e6).round() as i64;
    let sum = |of: fn(&CauseShare) -> f64| cause.parts.iter().map(|part| micros(of(part))).sum::<i64>();
    assert_eq!(sum(|part| part.before_seconds), cause.before.micros());
    assert_eq!(sum(|part| part.after_seconds), cause.after.micros());
    assert_eq!(sum(|part| part.change_seconds), micros(cause.change_seconds));
    assert_eq!(cause.after.micros() - cause.before.micros(), micros(cause.change_seconds));
}

async fn what_runs_in_parallel_counts_once(db: TestDb) {
    let server = Server::start(&db).await;
    // As `steps run --deployment` records: the start is open as long as all that is run in it.
    let deployment = |nth: u32| {
        let (test, wait) = (100 + 5 * nth, 10 + nth);
        let (build, end) = (5 + test + wait, 5 + test + wait + 30);
        format!("started@0 test@5+{test} lint@5+{} build@{build}+30 succeeded@{end}", 50 + nth)
    };
    daily("spans").record(&server, (0..20).map(deployment)).await;
    // Where nothing runs in it, the start is a step like others.
    let deployment = |nth: u32| format!("started@0 building@{} succeeded@{}", 10 + nth, 110 + nth);
    daily("steps").record(&server, (0..20).map(deployment)).await;
    let trend = server.trend("since=2026-01-01&component=spans").await;
    assert_eq!(
        parts(&trend),
        [("test", 110.0, 185.0, None), ("-", 17.0, 32.0, None), ("build", 30.0, 30.0, None), ("lint", 0.0, 0.0, None)],
        "nobody waits for the shorter one; what no step takes is waiting"
    );
    near(trend.cause.as_ref().unwrap().parts[0].share.unwrap(), 75.0 / 90.0);
    let trend = server.trend("since=2026-01-01&component=steps").await;
    assert_eq!(parts(&trend), [("started", 12.0, 27.0, None), ("building", 100.0, 100.0, None)]);
}

async fn a_start_in_whole_seconds_takes_no_time(db: TestDb) {
    let server = Server::start(&db).await;
    let deployment = |nth: u32| format!("started@0 test@0+{took} lint@0+5 succeeded@{took}", took = 100 + nth);
    daily("c").record(&server, (0..20).map(deployment)).await;
    let trend = server.trend("since=2026-01-01").await;
    assert_eq!(parts(&trend), [("test", 102.0, 117.0, None), ("lint", 0.0, 0.0, None)]);
}

async fn a_step_has_a_trend_of_its_own(db: TestDb) {
    let server = Server::start(&db).await;
    // Each second deployment migrates, in two goes; building takes less and less.
    let deployment = |nth: u32| match nth % 2 {
        0 => format!("building@0 migrating@{} tidying@200 migrating@230 succeeded@250", 190 - nth),
        _ => format!("building@0 tidying@{} succeeded@250", 190 - nth),
    };
    daily("c").record(&server, (0..40).map(deployment)).await;
    let trend = server.trend("since=2026-01-01&step=migrating").await;
    assert_eq!(trend.step.as_ref().map(|step| step.as_str()), Some("migrating"));
    assert_eq!((trend.deployments, trend.verdict, &trend.cause), (20, Verdict::Growing, &None));
    let growth = trend.growth.unwrap();
    assert!((6.0..8.0).contains(&growth.seconds_per_week.value), "{growth:?}");
    assert!((29.0..33.0).contains(&growth.fitted_start_seconds), "{growth:?}");
    assert_eq!(server.trend("since=2026-01-01&step=building").await.verdict, Verdict::Shrinking);
    assert_eq!(server.trend("since=2026-01-01").await.verdict, Verdict::Steady);
    assert_eq!(server.trends("since=2026-01-01&step=Migrating").await.trends, []);
}

async fn a_jump_is_told_with_version_owner_and_time(db: TestDb) {
    let server = Server::start(&db).await;
    let history = History::of("c");
    history.record(&server, (0..30).map(|nth| lasting(300.0 + wobble(nth)))).await;
    history.clone().by("bob").going_on_at(30).record(&server, (0..30).map(|nth| lasting(400.0 + wobble(nth)))).await;
    let trend = server.trend("since=2026-01-01").await;
    let [change] = &trend.change_points[..] else { panic!("{:?}", trend.change_points) };
    assert_eq!((change.version.as_str(), change.owner.as_str()), ("1.30", "bob"));
    assert_eq!(change.started_at, history.start(30));
    assert_eq!((seconds(change.before), seconds(change.after)), (300.0, 400.0));
    near(change.change_percent.unwrap(), 100.0 / 3.0);
    assert!(change.p_value < 0.001, "{}", change.p_value);
    let range = change.range.as_ref().unwrap();
    let told = (range.deployments, range.first_version.as_str(), range.last_version.as_str());
    assert_eq!(told, (1, "1.30", "1.30"), "it is that sure");
    assert!(change.cause.as_ref().unwrap().change_seconds > 99.0);
    // Since then it goes on as it was, whatever the growth of the whole.
    let since = trend.since_change.unwrap();
    assert_eq!((trend.verdict, since.deployments, since.verdict), (Verdict::Jumped, 30, Verdict::NotEnoughData));
    let bob = history.clone().by("bob").going_on_at(60);
    bob.record(&server, (0..30).map(|nth| lasting(400.0 + wobble(nth)))).await;
    let since = server.trend("since=2026-01-01").await.since_change.unwrap();
    assert_eq!((since.deployments, since.verdict), (60, Verdict::Steady));
    let first = columns(&server.deployments("version=1.30").await, ["id"]);
    assert_eq!(first, [[change.deployment_id.to_string()]]);
}

async fn periods_are_weeks_or_sprints(db: TestDb) {
    let server = Server::start(&db).await;
    let wednesday = "2026-01-07 00:00:00".parse().unwrap();
    daily("c").starting(wednesday).record(&server, growing()).await;
    for (by, expected) in [
        (
            "",
            &[("2026-01-05", 5, 102.0), ("2026-01-12", 7, 108.0), ("2026-01-19", 7, 115.0), ("2026-01-26", 1, 119.0)][..],
        ),
        ("&by=sprint", &[("2026-01-05", 12, 105.5), ("2026-01-19", 8, 115.5)]),
        (
            "&by=sprint&sprint_start=2026-01-14&sprint_length=10d",
            &[("2026-01-04", 7, 103.0), ("2026-01-14", 10, 111.5), ("2026-01-24", 3, 118.0)],
        ),
    ] {
        let periods = server.trend(&format!("since=2026-01-01{by}")).await.periods;
        let told = |start: Timestamp| start.to_rfc3339();
        let found: Vec<_> = periods
            .iter()
            .map(|period| (told(period.start), period.deployments, period.median.map_or(0.0, seconds)))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(day, many, median)| (format!("{day}T00:00:00.000000Z"), *many, *median)).collect();
        assert_eq!(found, expected, "{by}");
    }
}

async fn since_and_until_choose(db: TestDb) {
    let server = Server::start(&db).await;
    // One a day, from a hundred days ago until today.
    let start = Timestamp::from_micros(now().micros() - 100 * DAY_MICROS + DAY_MICROS / 2).unwrap();
    let history = daily("c").starting(start);
    history.record(&server, (0..100).map(|nth| lasting(100.0 + wobble(nth)))).await;
    let (from, to) = (history.start(20).to_rfc3339(), history.start(29).to_rfc3339());
    let moments = format!("since={from}&until={to}");
    for (query, first, last) in [
        ("", 10, 99),
        ("since=90d", 10, 99),
        ("since=30d", 70, 99),
        ("until=720h", 10, 69),
        ("since=60d&until=30d", 40, 69),
        (moments.as_str(), 20, 29),
        ("since=1000d", 0, 99),
    ] {
        let trend = server.trend(query).await;
        let expected = (history.start(first), history.start(last), last - first + 1);
        assert_eq!((trend.first_started_at, trend.last_started_at, trend.deployments as usize), expected, "{query}");
    }
    assert_eq!(server.trends("until=2026-01-01&since=2025-01-01").await.trends, []);
}

async fn many_deployments_are_fitted_as_groups(db: TestDb) {
    let server = Server::start(&db).await;
    let history = History::of("c").every_hours(2.0);
    history.record(&server, (0..500).map(|nth| lasting(500.0 + f64::from(nth)))).await;
    let trend = server.trend("since=2026-01-01&component=c").await;
    let (growth, points) = (trend.growth.unwrap(), trend.points.unwrap());
    assert_eq!((trend.deployments, growth.fitted_points, points.len()), (500, 400, 400));
    assert_eq!(points.iter().map(|point| point.deployments).sum::<u32>(), 500);
    let per_week = growth.seconds_per_week.value;
    assert!((80.0..90.0).contains(&per_week), "{per_week}");
    // Four in five are alone in their group, and of two the middle is taken.
    assert_eq!((points[0].started_at, seconds(points[0].duration)), (history.start(0), 500.0));
    let last = history.start(498).micros() + 3_600_000_000;
    assert_eq!((points[399].started_at.micros(), seconds(points[399].duration)), (last, 998.5));
    assert_eq!(server.trend("since=2026-01-01").await.points, None, "they are told of one component alone");
    let few = server.trend("since=2026-01-01&until=2026-01-06&component=c").await;
    assert!(few.points.unwrap().iter().all(|point| point.deployments == 1));
}

async fn wrong_questions_are_refused_with_a_hint(db: TestDb) {
    let server = Server::start(&db).await;
    for (wrong, field, hint) in [
        ("enviroment=staging", "enviroment", "environment"),
        ("limit=5", "limit", "known are"),
        ("by=month", "by", "week or sprint"),
        ("since=tomorrow", "since", "2 weeks ago"),
        ("since=23:59:59", "since", "still to come"),
        ("until=2026-13-01", "until", "2026-01-05"),
        ("since=2026-02-01&until=2026-01-31", "until", "before since"),
        ("since=7d&until=8d", "until", "before since"),
        ("since=100000d", "since", "1970"),
        ("sprint_start=monday", "sprint_start", "2026-01-05"),
        ("sprint_length=36h", "sprint_length", "14d"),
        ("min_change=-1%25", "min_change", "5%"),
        ("format=pdf", "format", "csv"),
        ("step=a&step=b", "step", "more than once"),
    ] {
        let problem = server.get(&format!("/v1/trend?{wrong}")).await.problem(400);
        assert_eq!(problem.errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), [field], "{wrong}");
        assert!(problem.detail.contains(hint), "{wrong}: {}", problem.detail);
    }
    let problem = server.get("/v1/trend?by=month&stp=a").await.problem(400);
    assert_eq!(problem.errors.len(), 2, "all at once");
    let head = Answer::of(server.request(Method::HEAD, "/v1/trend")).await;
    assert_eq!((head.ok(), head.header("content-type")), ("", "application/json"));
    let refused = server.post("/v1/trend").await;
    refused.problem(405);
    assert_eq!(refused.header("allow"), "GET, HEAD");
}
