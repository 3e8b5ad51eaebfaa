//! Streams without a run: deployments follow each other, and ends and starts tell them apart.

use steps_shared::{DeploymentOutcome, StatusKind, Timestamp};

use super::{FoldRules, FoldStep, Group, last_activity};

/// The deployments of a stream. The state at the beginning of one does not depend on what came before it, so that a fold
/// may begin at the first step of any deployment.
pub fn groups(steps: &[FoldStep], rules: FoldRules) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut current: Option<Open> = None;
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.kind != StatusKind::Ignored) {
        let belongs = current.as_ref().is_some_and(|open| open.takes(step.kind));
        if !belongs && let Some(open) = current.take() {
            groups.push(open.close(true));
        }
        current.get_or_insert_default().add(at, step);
    }
    groups.extend(current.map(|open| open.close(false)));
    mark_concurrent(&mut groups, steps, rules);
    groups
}

/// A deployment while its steps are being read.
#[derive(Default)]
struct Open {
    steps: Vec<usize>,
    has_start: bool,
    /// Its end: when, and how as corrected by what followed.
    end: Option<(Timestamp, DeploymentOutcome)>,
    /// Whether its end is all that was recorded of it.
    lone: bool,
}

impl Open {
    /// Whether a step of this kind is part of this deployment, or begins the next one.
    fn takes(&self, kind: StatusKind) -> bool {
        match (kind, self.end) {
            // The end, or the correction of an end. A lone end is not corrected: the next is another deployment's.
            (kind, _) if kind.outcome().is_some() => !self.lone,
            (_, Some(_)) => false,
            (StatusKind::Start, None) => !self.has_start,
            (_, None) => true,
        }
    }

    fn add(&mut self, at: usize, step: &FoldStep) {
        match (step.kind.outcome(), &mut self.end) {
            (Some(outcome), Some((_, end))) => *end = outcome,
            (Some(outcome), None) => {
                self.lone = self.steps.is_empty();
                self.end = Some((step.ts, outcome));
            }
            (None, _) => self.has_start |= step.kind == StatusKind::Start,
        }
        self.steps.push(at);
    }

    fn close(self, superseded: bool) -> Group {
        let Self { steps, has_start, end, lone } = self;
        Group { steps, end, unmeasurable: lone, superseded, has_start, ..Group::default() }
    }
}

/// Marks deployments that another one left behind soon after their beginning, where the other one was told twice that it has
/// ended: one of both ends may be theirs.
fn mark_concurrent(groups: &mut [Group], steps: &[FoldStep], rules: FoldRules) {
    for at in 1..groups.len() {
        let [before, after] = [&groups[at - 1], &groups[at]];
        let (Some(first), own) = (after.steps.first(), before.steps.iter().map(|at| &steps[*at])) else { continue };
        let abandoned = before.end.is_none() && !rules.is_abandoned(last_activity(own), steps[*first].ts);
        let is_end = |step: &FoldStep| step.kind.outcome().is_some() && !step.takes_back;
        let ends = after.steps.iter().filter(|at| is_end(&steps[**at])).count();
        groups[at - 1].looks_concurrent = abandoned && ends >= 2;
    }
}
