//! What holds of the deployments of any stream.

use proptest::prelude::*;

use super::tests::{DAY, RULES, order, span, step};
use super::*;

const WORDS: [&str; 9] =
    ["building", "migrating", "approval", "started", "succeeded", "failed", "cancelled", "rolled_back", "inactive"];

fn any_step() -> impl Strategy<Value = FoldStep> {
    let is_span =
        prop_oneof![4 => Just(None), 1 => (0..50_i64).prop_map(|took| Some(Some(took))), 1 => Just(Some(None))];
    // Seconds that are close together, and days between some of them.
    let second = (0..200_i64, 0..3_i64).prop_map(|(second, day)| second + day * DAY);
    let attempt = prop_oneof![Just(None), (1..3_u32).prop_map(|attempt| attempt.try_into().ok())];
    (0..1000_u128, second, 0..WORDS.len(), is_span, attempt).prop_map(|(n, second, word, is_span, attempt)| {
        // The content is a function of the id, as it is in a database.
        let step = match is_span {
            None => step(n, second, WORDS[word]),
            Some(end) => span(n, second, WORDS[word], end.map(|took| (second + took, StepOutcome::Succeeded))),
        };
        FoldStep { attempt, ..step }
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
        }),
        has_run in any::<bool>(),
    ) {
        let mut again = shuffled;
        order(&mut again);
        prop_assert_eq!(&again, &ordered);
        prop_assert_eq!(fold(&again, has_run, RULES), fold(&ordered, has_run, RULES));
    }

    #[test]
    fn the_deployments_cover_the_stream_and_nothing_is_negative(steps in any_stream(), has_run in any::<bool>()) {
        let deployments = fold(&steps, has_run, RULES);
        let mut covered: Vec<usize> = deployments.iter().flat_map(|d| d.steps.clone()).collect();
        covered.sort_unstable();
        let folded = (0..steps.len()).filter(|at| steps[*at].kind != StatusKind::Ignored);
        prop_assert_eq!(covered, folded.collect::<Vec<_>>());
        for deployment in &deployments {
            prop_assert!(deployment.steps.is_sorted());
            prop_assert_eq!(deployment.steps.len(), deployment.derived.len());
            for (at, derived) in deployment.steps.iter().zip(&deployment.derived) {
                prop_assert!(derived.ended_at.is_none_or(|end| end >= steps[*at].ts));
            }
            prop_assert!(deployment.ended_at.is_none_or(|end| end >= steps[deployment.steps[0]].ts));
            prop_assert_eq!(deployment.outcome == DeploymentOutcome::Abandoned, deployment.ended_at.is_none());
            prop_assert_eq!(deployment.duration.is_some(), deployment.gaps.is_some());
            if let (Some(duration), Some(waiting), Some(gaps)) = (deployment.duration, deployment.waiting, deployment.gaps) {
                prop_assert!(waiting.micros() + gaps.micros() <= duration.micros());
            }
        }
        if !has_run {
            prop_assert!(deployments.iter().filter(|d| d.open_until.is_some()).count() <= 1);
        }
    }

    #[test]
    fn the_sequential_steps_of_a_finished_deployment_sum_to_its_duration(steps in any_stream()) {
        let sequential: Vec<_> = steps.into_iter().filter(|step| step.span.is_none()).collect();
        for deployment in fold(&sequential, false, RULES) {
            if let (Some(duration), Some(end)) = (deployment.duration, deployment.ended_at) {
                let own = deployment.steps.iter().map(|at| &sequential[*at]).zip(&deployment.derived);
                let sum: i64 = own.filter(|(step, _)| step.ts <= end)
                    .map(|(step, derived)| derived.ended_at.unwrap().micros() - step.ts.micros()).sum();
                prop_assert_eq!(sum, duration.micros());
            }
        }
    }

    #[test]
    fn without_a_run_folding_may_begin_at_any_deployment(steps in any_stream()) {
        let whole = fold(&steps, false, RULES);
        for deployment in &whole {
            let from = deployment.steps[0];
            let mut tail = fold(&steps[from..], false, RULES);
            tail.iter_mut().flat_map(|deployment| &mut deployment.steps).for_each(|at| *at += from);
            let expected: Vec<_> = whole.iter().filter(|d| d.steps[0] >= from).cloned().collect();
            prop_assert_eq!(tail, expected);
        }
    }

    #[test]
    fn a_run_with_known_attempts_has_one_deployment_for_each(steps in any_stream()) {
        let steps: Vec<_> = steps.into_iter().filter(|step| step.attempt.is_some()).collect();
        let attempts: std::collections::HashSet<_> =
            steps.iter().filter(|step| step.kind != StatusKind::Ignored).map(|step| step.attempt).collect();
        prop_assert_eq!(fold(&steps, true, RULES).len(), attempts.len());
    }
}
