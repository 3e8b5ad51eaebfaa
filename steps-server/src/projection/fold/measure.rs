//! How long a deployment and each of its steps took, and how much of it was work.

use steps_shared::{DeploymentOutcome, Duration, StatusKind, StepOutcome, Timestamp};

use super::{DerivedStep, FoldRules, FoldStep, Folded, Group, last_activity};

/// A deployment with all that is derived of it.
pub fn measured(group: Group, steps: &[FoldStep], rules: FoldRules) -> Folded {
    let own: Vec<&FoldStep> = group.steps.iter().map(|at| &steps[*at]).collect();
    let last_activity = last_activity(own.iter().copied());
    let settled = group.end.is_none().then(|| settled(&own)).flatten();
    let end = group.end.or(settled);
    let later =
        |moment: Timestamp, span: Duration| Timestamp::from_micros(moment.micros().saturating_add(span.micros()));
    let open_until = match (group.end, settled) {
        (Some(_), _) => None,
        (None, _) if group.superseded => None,
        (None, Some((ended_at, _))) => later(ended_at, rules.settle_after).ok(),
        (None, None) => later(last_activity, rules.abandon_after).ok(),
    };
    let outcome = end.map_or(DeploymentOutcome::Abandoned, |(_, outcome)| outcome);
    let goes_on: Vec<bool> = group.steps.iter().map(|at| group.job_ends.binary_search(at).is_ok()).collect();
    let derived = derived(&own, &goes_on, end);
    let ended_at = end.map(|(ts, _)| ts);
    let measurable = own.first().zip(ended_at).filter(|_| !group.unmeasurable);
    let duration = measurable.and_then(|(first, ended_at)| Duration::between(first.ts, ended_at));
    let shares = measurable.zip(duration).map(|((first, ended_at), whole)| {
        let Shares { waiting, gaps } = shares(&own, &derived, first.ts, ended_at);
        debug_assert!(waiting.micros() + gaps.micros() <= whole.micros());
        (waiting, gaps)
    });
    Folded {
        steps: group.steps,
        derived,
        outcome,
        open_until,
        ended_at,
        duration,
        waiting: shares.map(|(waiting, _)| waiting),
        gaps: shares.map(|(_, gaps)| gaps),
        attempt: group.attempt,
        retry: group.retry,
        clocks_differ: group.clocks_differ,
        looks_concurrent: group.looks_concurrent,
        has_start: group.has_start,
        last_activity,
    }
}

/// The end of a deployment of spans alone that have all ended: that of the last one, and failed if one did.
fn settled(own: &[&FoldStep]) -> Option<(Timestamp, DeploymentOutcome)> {
    let ends: Option<Vec<_>> = own.iter().map(|step| step.span.flatten()).collect();
    let ends = ends?;
    let failed = ends.iter().any(|end| end.outcome == StepOutcome::Failed);
    let last = own.iter().map(|step| step.last_activity()).max()?;
    Some((last, if failed { DeploymentOutcome::Failed } else { DeploymentOutcome::Succeeded }))
}

/// When each step ended, and how: a span when it was told to, any other when the next one that is no span begins. What is
/// open when the deployment ends, ends with it; an end itself takes no time. The end of a job beside which others go on
/// (`goes_on`) ends no step: whose it is, nobody knows.
fn derived(own: &[&FoldStep], goes_on: &[bool], end: Option<(Timestamp, DeploymentOutcome)>) -> Vec<DerivedStep> {
    let mut derived = vec![DerivedStep::default(); own.len()];
    let mut next: Option<(Timestamp, StatusKind)> = None;
    for ((derived, step), goes_on) in derived.iter_mut().zip(own).zip(goes_on).rev() {
        *derived = match (step.span, step.kind) {
            (Some(Some(end)), _) => DerivedStep { ended_at: Some(end.at.max(step.ts)), outcome: Some(end.outcome) },
            (Some(None), _) => {
                let ended_with = end.filter(|(ended_at, _)| *ended_at >= step.ts);
                let failed = matches!(ended_with, Some((_, DeploymentOutcome::Failed)));
                let ended_at = ended_with.map(|(ended_at, _)| ended_at);
                DerivedStep { ended_at, outcome: failed.then_some(StepOutcome::Failed) }
            }
            (None, kind) => match kind.outcome() {
                Some(outcome) => DerivedStep { ended_at: Some(step.ts), outcome: outcome_of(outcome) },
                None => DerivedStep {
                    ended_at: next.map(|(ts, _)| ts),
                    outcome: next.and_then(|(_, kind)| kind.outcome().map_or(Some(StepOutcome::Succeeded), outcome_of)),
                },
            },
        };
        match (step.span, step.kind, next) {
            (None, StatusKind::Failure, Some((ts, _))) if *goes_on => next = Some((ts, StatusKind::Failure)),
            (None, kind, _) if !goes_on => next = Some((step.ts, kind)),
            _ => {}
        }
    }
    derived
}

/// How a step ended that was open when its deployment, or its job, ended so.
fn outcome_of(outcome: DeploymentOutcome) -> Option<StepOutcome> {
    match outcome {
        DeploymentOutcome::Succeeded => Some(StepOutcome::Succeeded),
        DeploymentOutcome::Failed => Some(StepOutcome::Failed),
        DeploymentOutcome::Cancelled | DeploymentOutcome::Running | DeploymentOutcome::Abandoned => None,
    }
}

struct Shares {
    waiting: Duration,
    gaps: Duration,
}

/// How much of a deployment only waiting statuses were open, and how much of it nothing. An instant in which a working and a
/// waiting step are open is work.
fn shares(own: &[&FoldStep], derived: &[DerivedStep], from: Timestamp, to: Timestamp) -> Shares {
    let mut working = Vec::new();
    let mut open = Vec::new();
    for (nth, (step, derived)) in own.iter().zip(derived).enumerate() {
        let Some(ended_at) = derived.ended_at else { continue };
        let interval = (step.ts.micros(), ended_at.micros().min(to.micros()));
        let frames = || own.get(nth + 1).is_some_and(|next| next.ts < ended_at && next.kind.outcome().is_none());
        match step.kind {
            StatusKind::Waiting => open.push(interval),
            // A start within which other steps lie only says that they begin.
            StatusKind::Start if step.span.is_none() && frames() => {}
            StatusKind::Phase | StatusKind::Start => {
                working.push(interval);
                open.push(interval);
            }
            StatusKind::Success | StatusKind::Failure | StatusKind::Cancelled | StatusKind::Ignored => {}
        }
    }
    let (working, open) = (covered(working), covered(open));
    let micros = |micros: i64| Duration::from_micros(micros.max(0)).unwrap_or_default();
    Shares { waiting: micros(open - working), gaps: micros(to.micros() - from.micros() - open) }
}

/// How much of time these intervals cover together.
fn covered(mut intervals: Vec<(i64, i64)>) -> i64 {
    intervals.sort_unstable();
    let mut reached = i64::MIN;
    let mut covered = 0;
    for (from, to) in intervals {
        covered += (to - from.max(reached)).max(0);
        reached = reached.max(to);
    }
    covered
}
