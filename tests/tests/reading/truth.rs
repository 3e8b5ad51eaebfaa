//! What is told of deployments that vary as deployments do: which step, since which version, and what is no change at all. How often it
//! is right is counted by `make truth`.

use steps_shared::{Cause, CauseShare, CheckResult, LevelChange, Trend, Verdict};
use steps_tests::history::{History, lasting, wobble};
use steps_tests::{Cli, Run, Server, TestDb, on_both_stores};

on_both_stores!(
    a_wrapper_is_not_the_culprit,
    what_was_renamed_or_split_is_set_against_what_it_was,
    a_parallel_step_that_overtakes_has_all_of_it,
    each_jump_has_a_cause_of_its_own_and_ranks_beside_growth,
    a_jump_names_the_versions_that_may_have_begun_it,
    what_is_too_small_to_see_is_no_change,
    growth_that_stopped_says_when,
    of_many_components_few_alarm_falsely,
    what_is_usual_is_not_marked_as_slow,
);

/// Noise like that of a lognormal distribution with this coefficient of variation, the same each time.
fn noisy(seconds: f64, cv: f64, nth: usize) -> f64 {
    // Twelve uniform numbers less six are nearly normal.
    let sum: f64 = (0..12).map(|part| hash(nth * 12 + part)).sum();
    seconds * ((sum - 6.0) * cv).exp()
}

/// A number from 0 to 1 that looks random.
fn hash(nth: usize) -> f64 {
    let mut mixed = (nth as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// How much of a difference is of a step.
fn part<'a>(cause: &'a Cause, step: &str) -> &'a CauseShare {
    let is = |part: &&CauseShare| part.step.as_ref().is_some_and(|name| name.as_str() == step);
    cause.parts.iter().find(is).unwrap_or_else(|| panic!("{step}: {cause:#?}"))
}

fn cause(trend: &Trend) -> &Cause {
    trend.cause.as_ref().expect("a cause")
}

fn told(change: &LevelChange) -> (&str, f64) {
    let cause = change.cause.as_ref().expect("a cause");
    (cause.parts[0].step.as_ref().map_or("-", |step| step.as_str()), cause.parts[0].share.expect("a share"))
}

/// What was printed, in one line.
fn prose(run: Run) -> String {
    run.ok().split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn a_wrapper_is_not_the_culprit(db: TestDb) {
    let server = Server::start(&db).await;
    // As `steps run deploy.sh` records, in which other spans run one after the other.
    let deployment = |nth: usize| {
        let (build, migrate) = (100.0 + wobble(nth), 60.0 + 3.0 * nth as f64);
        let (from, end) = (2.0 + build, 2.0 + build + migrate + 3.0);
        format!("deploy@0+{end} build@2+{build} migrate@{from}+{migrate} succeeded@{end}")
    };
    History::of("c").every_hours(24.0).record(&server, (0..30).map(deployment)).await;
    let trend = server.trend("since=2026-01-01").await;
    let [wrapper, migrate] = ["deploy", "migrate"].map(|step| part(cause(&trend), step));
    assert_eq!(cause(&trend).parts[0], *migrate, "{trend:#?}");
    assert!(migrate.share.unwrap() > 0.95 && wrapper.share.unwrap().abs() < 0.05, "{migrate:#?} {wrapper:#?}");
    assert_eq!((wrapper.before_seconds, wrapper.after_seconds), (5.0, 5.0), "its own time");
    let said = prose(Cli::of(&server).run(&["trend", "c", "--since", "2026-01-01", "--format", "table"]));
    assert!(said.contains("of it is `migrate`") && !said.contains("of it is `deploy`"), "{said}");
}

async fn what_was_renamed_or_split_is_set_against_what_it_was(db: TestDb) {
    let server = Server::start(&db).await;
    let history = History::of("renamed");
    let old = |nth: usize| format!("building@0 migrating@{} succeeded@{}", 100.0 + wobble(nth), 150.0 + wobble(nth));
    let new = |nth: usize| format!("build@0 migrating@{} succeeded@{}", 105.0 + wobble(nth), 255.0 + wobble(nth));
    history.record(&server, (0..30).map(old)).await;
    history.going_on_at(30).record(&server, (0..30).map(new)).await;
    let trend = server.trend("since=2026-01-01&component=renamed").await;
    let [change] = &trend.change_points[..] else { panic!("{:#?}", trend.change_points) };
    assert_eq!(told(change).0, "migrating");
    for cause in [cause(&trend), change.cause.as_ref().unwrap()] {
        let build = part(cause, "build");
        assert_eq!((build.replaces[0].as_str(), build.change), ("building", None), "{cause:#?}");
        assert!(build.share.unwrap() < 0.1 && part(cause, "migrating").share.unwrap() > 0.9, "{cause:#?}");
    }
    let said = prose(Cli::of(&server).run(&["trend", "renamed", "--since", "2026-01-01", "--format", "table"]));
    assert!(said.contains("of it is `migrating`") && said.contains("was building"), "{said}");
    assert!(!said.contains("is new"), "{said}");

    let history = History::of("split");
    let old = |nth: usize| format!("test@0 deploy@{} succeeded@{}", 100.0 + wobble(nth), 150.0 + wobble(nth));
    let new = |nth: usize| format!("unit@0 smoke@60 deploy@{} succeeded@{}", 160.0 + wobble(nth), 210.0 + wobble(nth));
    history.record(&server, (0..30).map(old)).await;
    history.going_on_at(30).record(&server, (0..30).map(new)).await;
    let trend = server.trend("since=2026-01-01&component=split").await;
    let of = |step: &str| part(cause(&trend), step).replaces.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((of("unit"), of("smoke")), (vec!["test".to_owned()], vec!["test".to_owned()]));
    let sum = part(cause(&trend), "unit").change_seconds + part(cause(&trend), "smoke").change_seconds;
    assert!((sum - 60.0).abs() < 3.0, "{trend:#?}");
}

async fn a_parallel_step_that_overtakes_has_all_of_it(db: TestDb) {
    let server = Server::start(&db).await;
    let deployment = |nth: usize| {
        let (test, lint) = (100.0 + wobble(nth), 60.0 + 4.0 * nth as f64);
        format!("test@0+{test} lint@0+{lint} succeeded@{}", test.max(lint))
    };
    History::of("c").every_hours(24.0).record(&server, (0..40).map(deployment)).await;
    let trend = server.trend("since=2026-01-01").await;
    let [test, lint] = ["test", "lint"].map(|step| part(cause(&trend), step));
    assert_eq!(cause(&trend).parts[0], *lint, "{trend:#?}");
    assert!(lint.share.unwrap() > 0.97, "{lint:#?}");
    assert!(test.change_seconds.abs() < 3.0, "nothing got faster: {test:#?}");
}

async fn each_jump_has_a_cause_of_its_own_and_ranks_beside_growth(db: TestDb) {
    let server = Server::start(&db).await;
    let history = History::of("jumped");
    let deployment = |build: f64, migrate: f64| {
        move |nth: usize| {
            let build = build + wobble(nth);
            format!("building@0 migrating@{build} succeeded@{}", build + migrate)
        }
    };
    history.record(&server, (0..30).map(deployment(100.0, 50.0))).await;
    history.clone().going_on_at(30).record(&server, (0..30).map(deployment(150.0, 50.0))).await;
    history.going_on_at(60).record(&server, (0..30).map(deployment(150.0, 120.0))).await;
    let slowly = |nth: usize| lasting(100.0 * 1.03_f64.powf(nth as f64 / 21.0) + wobble(nth) / 10.0);
    History::of("growing").record(&server, (0..90).map(slowly)).await;
    History::of("calm").record(&server, (0..90).map(|nth| lasting(100.0 + wobble(nth)))).await;
    let trends = server.trends("since=2026-01-01").await.trends;
    let order: Vec<_> = trends.iter().map(|trend| (trend.component.as_str(), trend.verdict)).collect();
    let expected = [("jumped", Verdict::Jumped), ("growing", Verdict::Growing), ("calm", Verdict::Steady)];
    assert_eq!(order, expected, "{trends:#?}");
    let changes: Vec<_> =
        trends[0].change_points.iter().map(|change| (change.version.as_str(), told(change))).collect();
    let [(first, (building, all)), (second, (migrating, most))] = changes[..] else { panic!("{changes:?}") };
    assert_eq!(((first, building), (second, migrating)), (("1.30", "building"), ("1.60", "migrating")));
    assert!(all > 0.95 && most > 0.95, "{changes:?}");
}

async fn a_jump_names_the_versions_that_may_have_begun_it(db: TestDb) {
    let server = Server::start(&db).await;
    let took = |nth: usize| lasting(noisy(if nth < 60 { 300.0 } else { 450.0 }, 0.4, nth));
    let history = History::of("c").every_hours(11.0);
    history.record(&server, (0..60).map(took)).await;
    history.by("bob").going_on_at(60).record(&server, (60..120).map(took)).await;
    let trend = server.trend("since=2026-01-01").await;
    let [change] = &trend.change_points[..] else { panic!("{trend:#?}") };
    let range = change.range.as_ref().unwrap();
    let nth = |version: &steps_shared::Version| version.as_str()[2..].parse::<u32>().unwrap();
    let (first, last) = (nth(&range.first_version), nth(&range.last_version));
    assert!((2..30).contains(&range.deployments) && last - first + 1 == range.deployments, "{range:?}");
    assert!((first..=last).contains(&60), "{range:?}");
    let said = prose(Cli::of(&server).run(&["trend", "c", "--since", "2026-01-01", "--format", "table"]));
    let expected = format!("with one of the {} deployments from version 1.{first} on", range.deployments);
    assert!(said.contains(&expected) && said.contains("most probably 1.") && said.contains("deployed by"), "{said}");
    assert!(!said.contains("recorded by"), "{said}");
}

async fn what_is_too_small_to_see_is_no_change(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    // A step of 2 to 3 ms, once of 5 ms; another that grows from 2 ms to 8 ms over seven weeks, and real growth.
    let tiny = |nth: usize| {
        let checking = if nth == 59 { 0.005 } else { 0.002 + 0.001 * hash(nth) };
        format!("checking@0+{checking:.6} build@1+200 succeeded@201")
    };
    History::of("tiny").record(&server, (0..60).map(tiny)).await;
    let creeping = |nth: usize| lasting(noisy(0.002 * 4.0_f64.powf(nth as f64 / 149.0), 0.05, nth));
    History::of("creeping").record(&server, (0..150).map(creeping)).await;
    let real = |nth: usize| lasting(100.0 * 1.02_f64.powf(nth as f64 / 21.0) + wobble(nth) / 10.0);
    History::of("real").record(&server, (0..150).map(real)).await;

    let judged = server.check("component=tiny&step=checking&baseline=p95").await;
    assert_eq!(judged.result, CheckResult::Within, "{judged:#?}");
    cli.run(&["check", "--component", "tiny", "--step", "checking", "--baseline", "p95"]).ok();
    let judged = server.check("component=tiny&step=checking&baseline=p95&min_difference=1ms").await;
    assert_eq!(judged.result, CheckResult::Over, "asked for, it counts: {judged:#?}");
    let run = cli.run(&[
        "check",
        "--component",
        "tiny",
        "--step",
        "checking",
        "--baseline",
        "p95",
        "--min-difference",
        "1ms",
    ]);
    assert_eq!(run.code, 4, "{run:?}");

    let trends = server.trends("since=2026-01-01").await.trends;
    assert_eq!((trends[0].component.as_str(), trends[0].verdict), ("real", Verdict::Growing));
    let creeping = trends.iter().find(|trend| trend.component.as_str() == "creeping").unwrap();
    assert_eq!((creeping.verdict, creeping.min_difference_seconds), (Verdict::Steady, 0.01), "{creeping:#?}");
    assert_eq!(server.trend("since=2026-01-01&component=creeping&min_difference=1ms").await.verdict, Verdict::Growing);
    let said = prose(cli.run(&["trend", "creeping", "--since", "2026-01-01", "--format", "table"]));
    assert!(said.contains("steady") && said.contains("less than the 0.01s that matter"), "{said}");
    let asked = ["trend", "creeping", "--since", "2026-01-01", "--min-difference", "1ms", "--format", "csv"];
    assert!(cli.run(&asked).ok().contains("growing"));
}

async fn growth_that_stopped_says_when(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    // Three a day: eight weeks of 5 %, then five weeks of none.
    let took = |nth: usize| lasting(noisy(300.0 * 1.05_f64.powf((nth as f64 / 21.0).min(8.0)), 0.05, nth));
    let history = History::of("c");
    history.record(&server, (0..273).map(took)).await;
    let trend = server.trend("since=2026-01-01").await;
    let growth = trend.growth.unwrap();
    assert_eq!((trend.verdict, growth.is_told), (Verdict::Steady, true), "{growth:?}");
    let stopped = growth.stopped_at.unwrap();
    let weeks = (stopped.micros() - history.start(168).micros()) as f64 / (7.0 * 86.4e9);
    assert!(weeks.abs() <= 1.1, "{stopped}");
    let percent = growth.percent_per_week.unwrap();
    assert!(percent.low < 5.0 && percent.high > 5.0 && (4.0..6.0).contains(&percent.value), "{percent:?}");
    let said = prose(cli.run(&["trend", "c", "--since", "2026-01-01", "--format", "table"]));
    assert!(said.contains(&format!("until {}", &stopped.to_string()[..10])), "{said}");
    assert!(said.contains("since then they are steady"), "{said}");
}

async fn of_many_components_few_alarm_falsely(db: TestDb) {
    let server = Server::start(&db).await;
    for component in 0..24 {
        let took = |nth: usize| lasting(noisy(300.0, 0.3, 1000 * component + nth));
        History::of(&format!("calm-{component}")).record(&server, (0..60).map(took)).await;
    }
    let growing = |nth: usize| lasting(noisy(300.0 * 1.3_f64.powf(nth as f64 / 21.0), 0.2, 90_000 + nth));
    History::of("growing").record(&server, (0..60).map(growing)).await;
    let answer = server.trends("since=2026-01-01").await;
    assert_eq!((answer.trends.len(), answer.false_discovery_rate), (25, 0.05));
    assert_eq!((answer.trends[0].component.as_str(), answer.trends[0].verdict), ("growing", Verdict::Growing));
    let others: Vec<_> = answer.trends[1..].iter().map(|trend| (trend.verdict, trend.q_value.unwrap())).collect();
    assert!(others.iter().all(|(verdict, q)| (*verdict == Verdict::Steady) == (*q >= 0.05)), "{others:?}");
    assert!(others.iter().filter(|(verdict, _)| *verdict != Verdict::Steady).count() <= 1, "{others:?}");
}

async fn what_is_usual_is_not_marked_as_slow(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server).env("LC_ALL", "C.UTF-8");
    let took = |nth: usize| noisy(100.0, 0.5, nth);
    let history = History::of("c");
    history.record(&server, (0..100).map(|nth| lasting(took(nth)))).await;
    let mut past: Vec<f64> = (0..100).map(took).collect();
    past.sort_by(f64::total_cmp);
    // The median is exceeded by far, and yet four of a hundred took as long.
    history.clone().going_on_at(100).record(&server, [lasting(past[96])]).await;
    assert!(past[96] > 1.6 * past[50], "{past:?}");
    let shown = cli.run(&["show", "c", "1.100", "--format", "table"]).ok();
    assert!(!shown.contains('▲'), "{shown}");
    history.going_on_at(101).record(&server, [lasting(past[99] * 1.5)]).await;
    let shown = cli.run(&["show", "c", "1.101", "--format", "table"]).ok();
    assert!(shown.contains('▲'), "{shown}");
}
