use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn statuses() -> Statuses {
    Statuses::new(["succeeded", "deployed"], ["failed", "rolled_back"], ["started"])
}

/// Puts the steps of a stream into its order, each once.
fn order(steps: &mut Vec<FoldStep>) {
    steps.sort_unstable_by_key(|step| (step.ts, step.id));
    steps.dedup_by_key(|step| step.id);
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000).unwrap()
}

fn step(n: u128, second: i64, status: &str) -> FoldStep {
    FoldStep { id: StepId(Uuid::from_u128(n)), ts: at(second), kind: statuses().kind(status, false), span: None }
}

fn span(n: u128, second: i64, end: Option<i64>) -> FoldStep {
    let kind = statuses().kind("migrating", true);
    FoldStep { id: StepId(Uuid::from_u128(n)), ts: at(second), kind, span: Some(end.map(at)) }
}

/// Steps at whole seconds, with ids in the order given.
fn stream(steps: &[(i64, &str)]) -> Vec<FoldStep> {
    (1..).zip(steps).map(|(n, (second, status))| step(n, *second, status)).collect()
}

/// Each deployment as outcome, number of steps, seconds it took.
fn summary(steps: Vec<FoldStep>) -> Vec<(&'static str, usize, Option<f64>)> {
    let mut steps = steps;
    order(&mut steps);
    let deployments = fold(&steps);
    deployments.iter().map(|d| (d.outcome.name(), d.steps.len(), d.duration.map(Duration::seconds))).collect()
}

/// When each step of a stream ended, in seconds.
fn end_seconds(steps: &[FoldStep]) -> Vec<Option<i64>> {
    fold(steps).into_iter().flat_map(|d| d.ends).map(|end| end.map(|end| end.micros() / 1_000_000)).collect()
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
    let deployments = fold(&steps);
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
        span(2, 10, Some(60)),
        span(3, 20, Some(40)),
        step(4, 70, "checking"),
        step(5, 80, "succeeded"),
    ];
    assert_eq!(end_seconds(&steps), [Some(70), Some(60), Some(40), Some(80), Some(80)]);
}

#[test]
fn an_open_span_ends_with_its_deployment() {
    let steps = vec![step(1, 0, "started"), span(2, 10, None), step(3, 50, "failed")];
    assert_eq!(end_seconds(&steps), [Some(50), Some(50), Some(50)]);
    let running = vec![step(1, 0, "started"), span(2, 10, None)];
    assert_eq!(end_seconds(&running), [None, None]);
}

#[test]
fn a_span_with_a_terminal_word_is_a_phase() {
    assert_eq!(statuses().kind("deployed", true), StatusKind::Phase);
    assert_eq!(statuses().kind("Deployed", false), StatusKind::Success);
}

const WORDS: [&str; 6] = ["building", "migrating", "started", "succeeded", "failed", "rolled_back"];

fn any_step() -> impl Strategy<Value = FoldStep> {
    let span = prop_oneof![4 => Just(None), 1 => (0..50_i64).prop_map(|took| Some(Some(took))), 1 => Just(Some(None))];
    (0..1000_u128, 0..200_i64, 0..WORDS.len(), span).prop_map(|(n, second, word, span)| {
        // The content is a function of the id, as it is in a database.
        let ts = at(second);
        let span = span.map(|end| end.map(|took: i64| at(second + took)));
        FoldStep { id: StepId(Uuid::from_u128(n)), ts, kind: statuses().kind(WORDS[word], span.is_some()), span }
    })
}

fn any_stream() -> impl Strategy<Value = Vec<FoldStep>> {
    prop::collection::vec(any_step(), 0..60).prop_map(|mut steps| {
        steps.sort_by_key(|step| step.id);
        steps.dedup_by_key(|step| step.id);
        order(&mut steps);
        steps
    })
}

proptest! {
    #[test]
    fn any_order_and_repetition_gives_the_same(
        (ordered, shuffled) in any_stream().prop_flat_map(|steps| {
            let twice = steps.iter().chain(&steps).cloned().collect::<Vec<_>>();
            (Just(steps), Just(twice).prop_shuffle())
        })
    ) {
        let mut again = shuffled;
        order(&mut again);
        prop_assert_eq!(&again, &ordered);
        prop_assert_eq!(fold(&again), fold(&ordered));
    }

    #[test]
    fn the_deployments_cover_the_stream_and_nothing_is_negative(steps in any_stream()) {
        let deployments = fold(&steps);
        let covered: Vec<usize> = deployments.iter().flat_map(|d| d.steps.clone()).collect();
        prop_assert_eq!(covered, (0..steps.len()).collect::<Vec<_>>());
        for deployment in &deployments {
            for (step, end) in steps[deployment.steps.clone()].iter().zip(&deployment.ends) {
                prop_assert!(end.is_none_or(|end| end >= step.ts));
            }
            prop_assert!(deployment.ended_at.is_none_or(|end| end >= steps[deployment.steps.start].ts));
        }
        let running = deployments.iter().filter(|d| d.outcome == DeploymentOutcome::Running).count();
        prop_assert!(running <= 1);
    }

    #[test]
    fn the_sequential_steps_of_a_finished_deployment_sum_to_its_duration(steps in any_stream()) {
        let sequential: Vec<_> = steps.into_iter().filter(|step| step.span.is_none()).collect();
        for deployment in fold(&sequential) {
            if let (Some(duration), Some(end)) = (deployment.duration, deployment.ended_at) {
                let own = sequential[deployment.steps.clone()].iter().zip(&deployment.ends);
                let sum: i64 = own.filter(|(step, _)| step.ts <= end)
                    .map(|(step, end)| end.unwrap().micros() - step.ts.micros()).sum();
                prop_assert_eq!(sum, duration.micros());
            }
        }
    }

    #[test]
    fn folding_may_begin_at_any_deployment(steps in any_stream()) {
        let whole = fold(&steps);
        for deployment in &whole {
            let from = deployment.steps.start;
            let mut tail = fold(&steps[from..]);
            for d in &mut tail {
                d.steps = d.steps.start + from..d.steps.end + from;
                d.tail += from;
            }
            let expected: Vec<_> = whole.iter().filter(|d| d.steps.start >= from).cloned().collect();
            prop_assert_eq!(tail, expected);
        }
    }

    #[test]
    fn the_first_step_and_the_tail_stand_for_a_running_deployment(steps in any_stream(), cut in 0..60_usize) {
        // What is recorded up to `cut`, and then what begins later than all of it.
        let cut = cut.min(steps.len());
        let before = fold(&steps[..cut]);
        let later = steps[cut..].iter().position(|step| Some(step.ts) > steps[..cut].last().map(|last| last.ts));
        if let (Some(running), Some(later)) = (before.last().filter(|d| d.outcome == DeploymentOutcome::Running), later) {
            let all: Vec<_> = steps[..cut].iter().chain(&steps[cut + later..]).cloned().collect();
            let whole = fold(&all);
            let first = running.steps.start;
            // That it has had its start is said by the first step alone.
            let kind = if running.has_start { StatusKind::Start } else { all[first].kind };
            let mut short = vec![FoldStep { kind, ..all[first].clone() }];
            for (at, step) in all.iter().enumerate().skip(running.tail.max(first + 1)) {
                let kind = if at < cut && step.kind == StatusKind::Start { StatusKind::Phase } else { step.kind };
                short.push(FoldStep { kind, ..step.clone() });
            }
            let resumed = fold(&short);
            let expected: Vec<_> = whole.iter().filter(|d| d.steps.start >= first).collect();
            prop_assert_eq!(resumed.len(), expected.len());
            for (resumed, expected) in resumed.iter().zip(expected) {
                prop_assert_eq!((resumed.outcome, resumed.ended_at, resumed.duration, resumed.has_start),
                    (expected.outcome, expected.ended_at, expected.duration, expected.has_start));
                let ends = |d: &Folded, steps: &[FoldStep]| -> Vec<_> {
                    steps[d.steps.clone()].iter().map(|step| step.id).zip(d.ends.clone()).collect()
                };
                let known = ends(expected, &all);
                let tail = all[running.tail].id;
                prop_assert!(ends(resumed, &short).iter()
                    .all(|end| known.contains(end) || (end.0 == all[first].id && tail != end.0)));
            }
        }
    }
}
