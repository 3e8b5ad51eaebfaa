use std::sync::LazyLock;

use uuid::Uuid;

use super::*;
use crate::projection::statuses::{StatusWords, Statuses, normalized};

static STATUSES: LazyLock<Statuses> = LazyLock::new(|| Statuses::new(&StatusWords::default()));

pub(super) const DAY: i64 = 86_400;

pub(super) const RULES: FoldRules =
    FoldRules { abandon_after: micros(DAY * 1_000_000), settle_after: micros(60 * 1_000_000) };

const fn micros(micros: i64) -> Duration {
    match Duration::from_micros(micros) {
        Some(duration) => duration,
        None => panic!("negative"),
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros((2 * DAY + second) * 1_000_000).unwrap()
}

pub(super) fn seconds(moment: Timestamp) -> i64 {
    moment.micros() / 1_000_000 - 2 * DAY
}

pub(super) fn step(n: u128, second: i64, status: &str) -> FoldStep {
    let kind = STATUSES.kind(status, false);
    FoldStep {
        id: StepId(Uuid::from_u128(n)),
        ts: at(second),
        status: normalized(status),
        kind,
        takes_back: Statuses::takes_back(status),
        span: None,
        attempt: None,
    }
}

pub(super) fn span(n: u128, second: i64, status: &str, end: Option<(i64, StepOutcome)>) -> FoldStep {
    let kind = STATUSES.kind(status, true);
    let end = end.map(|(second, outcome)| SpanEnd { at: at(second), outcome });
    FoldStep { kind, span: Some(end), ..step(n, second, status) }
}

/// Steps at whole seconds, with ids in the order given.
fn stream(steps: &[(i64, &str)]) -> Vec<FoldStep> {
    (1..).zip(steps).map(|(n, (second, status))| step(n, *second, status)).collect()
}

fn attempt(attempt: u32, steps: &[(i64, &str)]) -> Vec<FoldStep> {
    let first = u128::from(attempt) * 1000;
    let step = |(n, (second, status)): (u128, &(i64, &str))| FoldStep {
        attempt: attempt.try_into().ok(),
        ..step(n, *second, status)
    };
    (first..).zip(steps).map(step).collect()
}

/// Puts the steps of a stream into its order, each once.
pub(super) fn order(steps: &mut Vec<FoldStep>) {
    steps.sort_unstable_by_key(|step| (step.ts, step.id));
    steps.dedup_by_key(|step| step.id);
}

fn folded(mut steps: Vec<FoldStep>, has_run: bool) -> Vec<Folded> {
    order(&mut steps);
    fold(&steps, has_run, RULES)
}

/// Each deployment as outcome, number of steps, seconds it took; one that is not certain to have ended is running.
fn told(deployments: &[Folded]) -> Vec<(&'static str, usize, Option<f64>)> {
    let outcome = |d: &Folded| if d.open_until.is_some() { "running" } else { d.outcome.name() };
    let seconds = |d: &Folded| d.duration.filter(|_| d.open_until.is_none()).map(Duration::seconds);
    deployments.iter().map(|d| (outcome(d), d.steps.len(), seconds(d))).collect()
}

fn summary(steps: Vec<FoldStep>) -> Vec<(&'static str, usize, Option<f64>)> {
    told(&folded(steps, false))
}

fn in_run(steps: Vec<FoldStep>) -> Vec<(&'static str, usize, Option<f64>)> {
    told(&folded(steps, true))
}

/// When each step of a stream ended, in seconds.
fn end_seconds(steps: &[FoldStep]) -> Vec<Option<i64>> {
    let deployments = fold(steps, false, RULES);
    deployments.into_iter().flat_map(|d| d.derived).map(|derived| derived.ended_at.map(seconds)).collect()
}

#[test]
fn a_step_ends_when_the_next_begins() {
    let steps = stream(&[(0, "started"), (10, "building"), (30, "migrating"), (90, "SUCCEEDED")]);
    assert_eq!(end_seconds(&steps), [Some(10), Some(30), Some(90), Some(90)]);
    assert_eq!(summary(steps), [("succeeded", 4, Some(90.0))]);
}

#[test]
fn without_an_end_it_runs_and_its_last_step_is_open() {
    let steps = stream(&[(0, "building"), (10, "migrating")]);
    assert_eq!(end_seconds(&steps), [Some(10), None]);
    assert_eq!(summary(steps), [("running", 2, None)]);
}

#[test]
fn the_step_after_an_end_begins_the_next_deployment() {
    let steps = stream(&[(0, "building"), (10, "succeeded"), (100, "building"), (130, "failed"), (200, "building")]);
    assert_eq!(summary(steps), [("succeeded", 2, Some(10.0)), ("failed", 2, Some(30.0)), ("running", 1, None)]);
}

#[test]
fn weekly_reruns_of_one_version_are_deployments_of_their_own() {
    let week = 7 * 86_400;
    let rerun = |n: i64| [(n * week, "building"), (n * week + 60, "succeeded")];
    let steps: Vec<_> = (0..4).flat_map(rerun).collect();
    assert_eq!(summary(stream(&steps)), [("succeeded", 2, Some(60.0)); 4]);
}

#[test]
fn a_second_end_corrects_the_outcome_and_moves_nothing_else() {
    let steps = stream(&[(0, "building"), (10, "deployed"), (500, "rolled_back"), (600, "building")]);
    assert_eq!(end_seconds(&steps), [Some(10), Some(10), Some(500), None]);
    let deployments = fold(&steps, false, RULES);
    assert_eq!(deployments[0].ended_at, Some(at(10)));
    assert_eq!(summary(steps), [("failed", 3, Some(10.0)), ("running", 1, None)]);
}

#[test]
fn a_lone_end_has_no_duration_and_is_not_corrected() {
    let steps = stream(&[(0, "succeeded"), (100, "failed"), (200, "building"), (210, "succeeded")]);
    assert_eq!(summary(steps), [("succeeded", 1, None), ("failed", 1, None), ("succeeded", 2, Some(10.0))]);
}

#[test]
fn a_second_start_leaves_the_first_behind() {
    let steps = stream(&[(0, "started"), (10, "building"), (100, "started"), (110, "building"), (120, "succeeded")]);
    assert_eq!(end_seconds(&steps), [Some(10), None, Some(110), Some(120), Some(120)]);
    assert_eq!(summary(steps), [("abandoned", 2, None), ("succeeded", 3, Some(20.0))]);
}

#[test]
fn a_start_in_the_middle_belongs_to_a_deployment_that_has_had_none() {
    let steps = stream(&[(0, "queued"), (10, "started"), (20, "building"), (30, "succeeded")]);
    assert_eq!(summary(steps), [("succeeded", 4, Some(30.0))]);
}

#[test]
fn a_late_step_before_the_first_makes_it_longer() {
    let mut steps = stream(&[(10, "building"), (30, "succeeded")]);
    steps.push(step(9, 0, "started"));
    assert_eq!(summary(steps), [("succeeded", 3, Some(30.0))]);
}

#[test]
fn equal_times_keep_the_order_of_their_ids() {
    let steps = stream(&[(0, "building"), (5, "testing"), (5, "migrating"), (5, "succeeded")]);
    assert_eq!(end_seconds(&steps), [Some(5), Some(5), Some(5), Some(5)]);
    let shuffled = [3, 1, 2, 0].map(|n| steps[n].clone()).to_vec();
    assert_eq!(summary(shuffled), [("succeeded", 4, Some(5.0))]);
}

#[test]
fn spans_neither_end_nor_are_ended_by_others() {
    let steps = vec![
        step(1, 0, "started"),
        span(2, 10, "testing", Some((60, StepOutcome::Succeeded))),
        span(3, 20, "testing", Some((40, StepOutcome::Succeeded))),
        step(4, 70, "checking"),
        step(5, 80, "succeeded"),
    ];
    assert_eq!(end_seconds(&steps), [Some(70), Some(60), Some(40), Some(80), Some(80)]);
}

#[test]
fn an_open_span_ends_with_its_deployment() {
    let steps = vec![step(1, 0, "started"), span(2, 10, "testing", None), step(3, 50, "failed")];
    assert_eq!(end_seconds(&steps), [Some(50), Some(50), Some(50)]);
    let running = vec![step(1, 0, "started"), span(2, 10, "testing", None)];
    assert_eq!(end_seconds(&running), [None, None]);
}

#[test]
fn what_is_cancelled_is_no_failure_and_ignored_statuses_are_in_no_deployment() {
    assert_eq!(summary(stream(&[(0, "started"), (10, "cancelled")])), [("cancelled", 2, Some(10.0))]);
    let inactive = stream(&[(0, "started"), (10, "success"), (DAY, "inactive")]);
    assert_eq!(summary(inactive.clone()), [("succeeded", 2, Some(10.0))]);
    assert_eq!(in_run(inactive), [("succeeded", 2, Some(10.0))]);
}

#[test]
fn what_was_left_is_abandoned_when_nothing_was_recorded_of_it_for_a_day() {
    let left = folded(stream(&[(0, "started"), (10, "building")]), false);
    assert_eq!((left[0].outcome, left[0].open_until), (DeploymentOutcome::Abandoned, Some(at(10 + DAY))));
    let spans = folded(vec![step(1, 0, "started"), span(2, 5, "building", Some((50, StepOutcome::Succeeded)))], true);
    assert_eq!(spans[0].open_until, Some(at(50 + DAY)), "the end of a span was recorded as well");
}

#[test]
fn spans_alone_have_ended_when_none_was_open_for_a_while() {
    let spans = |last| vec![span(1, 0, "building", Some((40, StepOutcome::Failed))), span(2, 5, "testing", last)];
    for has_run in [false, true] {
        let ended = folded(spans(Some((30, StepOutcome::Succeeded))), has_run);
        let end = (ended[0].outcome, ended[0].ended_at, ended[0].open_until, ended[0].duration.map(Duration::seconds));
        assert_eq!(end, (DeploymentOutcome::Failed, Some(at(40)), Some(at(100)), Some(40.0)));
        assert_eq!(folded(spans(None), has_run)[0].outcome, DeploymentOutcome::Abandoned, "one is open");
    }
}

#[test]
fn jobs_beside_each_other_are_one_deployment_of_their_run() {
    let matrix =
        [(0, "started"), (0, "started"), (5, "migrating"), (6, "migrating"), (60, "succeeded"), (600, "succeeded")];
    assert_eq!(in_run(stream(&matrix)), [("succeeded", 6, Some(600.0))]);
    assert_eq!(in_run(attempt(1, &matrix)), [("succeeded", 6, Some(600.0))]);
    assert_eq!(in_run(stream(&matrix[..5])), [("running", 5, None)], "one job goes on");
    let failed = [(0, "started"), (1, "started"), (60, "failed"), (360, "succeeded")];
    assert_eq!(in_run(stream(&failed)), [("failed", 4, Some(360.0))]);
    let cancelled = [(0, "started"), (1, "started"), (60, "failed"), (61, "cancelled")];
    assert_eq!(in_run(stream(&cancelled)), [("failed", 4, Some(61.0))]);
    let without_starts = [(0, "migrating"), (0, "migrating"), (60, "succeeded"), (600, "succeeded")];
    assert_eq!(in_run(stream(&without_starts)), [("succeeded", 4, Some(600.0))]);
    let one_start = folded(stream(&[(0, "started"), (5, "migrating"), (60, "succeeded"), (600, "failed")]), true);
    assert_eq!(told(&one_start), [("failed", 4, Some(600.0))], "the other job was not said to begin");
    assert_eq!((one_start[0].gaps, one_start[0].derived[1].ended_at), (Some(Duration::default()), Some(at(600))));
}

#[test]
fn jobs_after_each_other_are_one_deployment_of_their_attempt() {
    let jobs = [(0, "started"), (60, "succeeded"), (90, "started"), (150, "succeeded")];
    assert_eq!(in_run(attempt(1, &jobs)), [("succeeded", 4, Some(150.0))]);
    assert_eq!(in_run(attempt(1, &jobs[..3])), [("running", 3, None)]);
    let without_starts = [(0, "building"), (60, "succeeded"), (90, "deploying"), (150, "failed")];
    assert_eq!(in_run(stream(&without_starts)), [("failed", 4, Some(150.0))]);
}

#[test]
fn without_an_attempt_a_start_after_all_has_ended_is_another_try() {
    let again =
        [(0, "started"), (10, "building"), (60, "failed"), (90, "started"), (95, "building"), (150, "succeeded")];
    let deployments = folded(stream(&again), true);
    assert_eq!(told(&deployments), [("failed", 3, Some(60.0)), ("succeeded", 3, Some(60.0))]);
    assert_eq!(deployments[1].retry, Some(Retry::Whole));
    let died = [(0, "started"), (10, "building"), (DAY + 10, "started"), (DAY + 20, "succeeded")];
    assert_eq!(in_run(stream(&died)), [("abandoned", 2, None), ("succeeded", 2, Some(10.0))]);
    let parallel = [(0, "started"), (10, "building"), (DAY + 9, "started"), (DAY + 20, "succeeded")];
    assert_eq!(in_run(stream(&parallel)), [("running", 4, None)], "less than a day is no proof");
}

#[test]
fn attempts_are_told_apart_however_they_overlap() {
    let mut steps = attempt(1, &[(0, "started"), (1, "build"), (5, "migrate"), (30, "failed")]);
    steps.extend(attempt(2, &[(20, "started"), (22, "migrate"), (50, "succeeded")]));
    let deployments = folded(steps, true);
    assert_eq!(told(&deployments), [("failed", 4, Some(30.0)), ("succeeded", 3, Some(30.0))]);
    let retries: Vec<_> = deployments.iter().map(|d| (d.attempt.map(Attempt::number), d.retry)).collect();
    assert_eq!(retries, [(Some(1), None), (Some(2), Some(Retry::Partial))]);
}

#[test]
fn one_job_again_long_after_is_a_partial_retry() {
    let steps = [
        (0, "building"),
        (60, "health_check"),
        (80, "succeeded"),
        (30 * DAY, "health_check"),
        (30 * DAY + 20, "succeeded"),
    ];
    let deployments = folded(stream(&steps), true);
    assert_eq!(told(&deployments), [("succeeded", 3, Some(80.0)), ("succeeded", 2, Some(20.0))]);
    assert_eq!((deployments[0].retry, deployments[1].retry), (None, Some(Retry::Partial)));
    let alone = folded(attempt(2, &[(0, "building"), (10, "succeeded")]), true);
    assert_eq!(alone[0].retry, Some(Retry::Whole), "nothing that it left out is known");
}

#[test]
fn what_trails_an_end_in_the_same_run_moves_nothing() {
    let steps = [(0, "building"), (60, "succeeded"), (61, "cleanup"), (62, "notify"), (2 * DAY, "smoke")];
    assert_eq!(in_run(stream(&steps)), [("succeeded", 5, Some(60.0))]);
    let corrected = [(0, "started"), (60, "deployed"), (500, "rolled back")];
    assert_eq!(in_run(stream(&corrected)), [("failed", 3, Some(60.0))]);
    let corrected = [(0, "building"), (60, "deployed"), (500, "rolled back")];
    assert_eq!(in_run(stream(&corrected)), [("failed", 3, Some(60.0))]);
}

#[test]
fn an_end_before_the_beginning_is_told_by_a_clock_that_differs() {
    let differs = folded(stream(&[(-3, "succeeded"), (0, "started")]), true);
    assert_eq!(told(&differs), [("succeeded", 2, None)]);
    assert!(differs[0].clocks_differ && differs[0].duration.is_none());
    let longer = folded(stream(&[(-3, "succeeded"), (0, "started"), (2, "building")]), true);
    assert_eq!(told(&longer), [("succeeded", 3, None)]);
    let days = folded(stream(&[(-DAY, "succeeded"), (0, "started")]), true);
    assert_eq!(told(&days), [("succeeded", 1, None), ("running", 1, None)]);
    assert!(!days[0].clocks_differ);
}

#[test]
fn a_step_without_an_attempt_belongs_to_the_last_that_has_begun() {
    let mut steps = attempt(1, &[(10, "started"), (60, "failed")]);
    steps.extend(stream(&[(0, "queued"), (20, "building"), (120, "deploying")]));
    assert_eq!(in_run(steps.clone()), [("failed", 5, Some(60.0))]);
    steps.extend(attempt(2, &[(100, "started"), (160, "succeeded")]));
    assert_eq!(in_run(steps.clone()), [("failed", 4, Some(60.0)), ("succeeded", 3, Some(60.0))]);
    let last = folded(steps, true).pop().unwrap();
    assert_eq!((last.attempt.map(Attempt::number), last.retry), (Some(2), Some(Retry::Partial)));
    // The first try was recorded by a version that knew no attempts.
    let mut again = stream(&[(0, "building"), (60, "failed")]);
    again.extend(attempt(2, &[(100, "building"), (160, "succeeded")]));
    assert_eq!(in_run(again), [("failed", 2, Some(60.0)), ("succeeded", 2, Some(60.0))]);
}

#[test]
fn what_waits_for_the_start_of_another_try_is_part_of_it() {
    let steps = [(0, "started"), (60, "failed"), (61, "cleanup"), (90, "queued"), (100, "started"), (160, "succeeded")];
    assert_eq!(in_run(stream(&steps)), [("failed", 3, Some(60.0)), ("succeeded", 3, Some(70.0))]);
}

#[test]
fn what_follows_an_end_of_a_run_long_after_is_another_try_once_it_ends() {
    let month = 30 * DAY;
    let steps = [(0, "build"), (60, "succeeded"), (61, "cleanup"), (month, "check"), (month + 20, "succeeded")];
    assert_eq!(in_run(stream(&steps)), [("succeeded", 3, Some(60.0)), ("succeeded", 2, Some(20.0))]);
    assert_eq!(in_run(stream(&[(0, "succeeded"), (month, "failed")])), [("succeeded", 1, None), ("failed", 1, None)]);
    let taken_back = [(0, "build"), (60, "deployed"), (61, "cleanup"), (700, "rolled back")];
    assert_eq!(in_run(stream(&taken_back)), [("failed", 4, Some(60.0))]);
}

#[test]
fn an_end_without_a_beginning_counts_as_a_job() {
    assert_eq!(in_run(stream(&[(0, "failed"), (3, "started"), (60, "succeeded")])), [("failed", 3, Some(60.0))]);
    let long_before = attempt(1, &[(0, "failed"), (3000, "started"), (3060, "succeeded")]);
    assert_eq!(in_run(long_before), [("failed", 3, Some(3060.0))]);
}

#[test]
fn what_is_open_when_one_of_two_jobs_ends_goes_on() {
    let steps = stream(&[(0, "started"), (0, "started"), (5, "migrating"), (60, "failed"), (600, "succeeded")]);
    let deployments = folded(steps, true);
    let ends: Vec<_> = deployments[0].derived.iter().map(|step| step.ended_at.map(seconds)).collect();
    assert_eq!(ends, [Some(0), Some(5), Some(600), Some(60), Some(600)]);
    assert_eq!(deployments[0].derived[2].outcome, Some(StepOutcome::Failed));
    assert_eq!(
        (deployments[0].waiting.map(Duration::seconds), deployments[0].gaps.map(Duration::seconds)),
        (Some(0.0), Some(0.0))
    );
    let bare = folded(stream(&[(0, "started"), (0, "started"), (60, "succeeded"), (600, "succeeded")]), true);
    assert_eq!(bare[0].gaps.map(Duration::seconds), Some(0.0));
    // One after the other: what lies between is a gap.
    let jobs = [(0, "started"), (60, "succeeded"), (90, "started"), (150, "succeeded")];
    assert_eq!(folded(attempt(1, &jobs), true)[0].gaps.map(Duration::seconds), Some(30.0));
}

#[test]
fn two_at_once_without_a_run_look_like_it() {
    let deployments = folded(stream(&[(0, "started"), (1, "started"), (60, "succeeded"), (241, "failed")]), false);
    assert_eq!(told(&deployments), [("abandoned", 1, None), ("failed", 3, Some(59.0))]);
    assert_eq!((deployments[0].looks_concurrent, deployments[1].looks_concurrent), (true, false));
    for after in [&[(160, "succeeded")][..], &[(160, "deployed"), (700, "rolled_back")]] {
        let died = folded(stream(&[&[(0, "started"), (100, "started")][..], after].concat()), false);
        assert!(!died[0].looks_concurrent);
    }
}

#[test]
fn work_waiting_and_gaps_add_up() {
    let steps = [(0, "started"), (60, "building"), (100, "approval"), (700, "deploying"), (800, "succeeded")];
    let shares = |d: &Folded| [d.duration, d.waiting, d.gaps].map(|d| d.map(Duration::seconds));
    let deployments = folded(stream(&steps), false);
    assert_eq!(shares(&deployments[0]), [Some(800.0), Some(600.0), Some(0.0)]);
    let spans = vec![
        span(1, 0, "building", Some((10, StepOutcome::Succeeded))),
        span(2, 5, "approval", Some((40, StepOutcome::Succeeded))),
        span(3, 30, "testing", Some((35, StepOutcome::Succeeded))),
        span(4, 60, "deploying", Some((70, StepOutcome::Succeeded))),
    ];
    assert_eq!(shares(&folded(spans, false)[0]), [Some(70.0), Some(25.0), Some(20.0)]);
}

#[test]
fn a_step_failed_if_it_was_open_when_the_deployment_failed() {
    let steps = stream(&[(0, "started"), (1, "building"), (10, "migrating"), (30, "failed")]);
    let outcomes: Vec<_> = folded(steps, false)[0].derived.iter().map(|step| step.outcome).collect();
    let (well, badly) = (Some(StepOutcome::Succeeded), Some(StepOutcome::Failed));
    assert_eq!(outcomes, [well, well, badly, badly]);
    let spans = vec![
        step(1, 0, "building"),
        span(2, 5, "testing", Some((9, StepOutcome::Succeeded))),
        span(3, 6, "migrating", None),
        step(4, 30, "failed"),
    ];
    let outcomes: Vec<_> = folded(spans, false)[0].derived.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [badly, well, badly, badly]);
}
