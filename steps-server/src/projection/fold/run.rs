//! Streams of a run: one attempt of the run is one deployment, from its first step to the last of its ends.
//!
//! A run has jobs, one beside or after the other. A start begins a job and an end ends one, whichever: the deployment has
//! ended when as many have ended as have begun. A run whose attempts are not known is another try where a start comes after
//! all of the one before has ended, or long after.

use std::collections::{BTreeMap, HashSet};

use steps_shared::{Attempt, DeploymentOutcome, NewStep, Retry, StatusKind, Timestamp};

use super::{FoldRules, FoldStep, Group};

/// By how much the clocks of two machines may differ, so that an end before the beginning is that of the same deployment:
/// as much as a recorded time may lie in the future, in microseconds.
const CLOCK_TOLERANCE: i64 = NewStep::FUTURE_MICROS;

/// The deployments of a run, in the order of their beginning.
pub fn groups(steps: &[FoldStep], rules: FoldRules) -> Vec<Group> {
    let mut attempts: BTreeMap<u32, Tries> = BTreeMap::new();
    // A step that does not say its attempt belongs to the last one that has begun, or else to the first.
    let mut latest = 1;
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.kind != StatusKind::Ignored) {
        let attempt = step.attempt.map_or(latest, Attempt::number);
        latest = latest.max(attempt);
        attempts.entry(attempt).or_insert_with(|| Tries::new(rules)).add(at, step, steps);
    }
    let mut groups: Vec<Group> = attempts.into_values().flat_map(Tries::close).collect();
    groups.sort_by_key(|group| group.steps.first().copied());
    mark_retries(&mut groups, steps);
    groups
}

/// One attempt of a run; several deployments where its number is not known.
struct Tries {
    rules: FoldRules,
    closed: Vec<Group>,
    current: Option<Open>,
}

/// A deployment while its steps are being read.
#[derive(Debug, Default)]
struct Open {
    steps: Vec<usize>,
    attempt: Option<Attempt>,
    /// How many jobs have begun; one that was not said to begin is not counted.
    starts: usize,
    /// How many have ended.
    ends: usize,
    /// Ends that were recorded before anything else.
    early_ends: Vec<(Timestamp, DeploymentOutcome)>,
    /// Whether they lie too long before the rest to be its ends.
    early_is_stale: bool,
    /// The last end, and the gravest so far.
    end: Option<(Timestamp, DeploymentOutcome)>,
    /// Ends of jobs beside which others went on.
    job_ends: Vec<usize>,
    /// The last end of a job.
    last_end: Option<usize>,
    /// Steps since everything has ended: they trail the deployment, unless an end follows them.
    trailing: Vec<usize>,
    /// When something was last recorded of it.
    last_activity: Timestamp,
}

impl Tries {
    fn new(rules: FoldRules) -> Self {
        Self { rules, closed: Vec::new(), current: None }
    }

    fn add(&mut self, at: usize, step: &FoldStep, steps: &[FoldStep]) {
        let rules = self.rules;
        let knows_attempt = step.attempt.is_some();
        if let Some(open) = &mut self.current {
            let next = match step.kind {
                _ if knows_attempt => None,
                StatusKind::Start => open.is_over(step, rules).then(|| open.waits_for_start(steps)),
                kind if kind.outcome().is_some() => open.trails_another(step, steps, rules),
                _ => open.ended_long_before(step).then(Vec::new),
            };
            if let Some(next) = next {
                let superseded = self.current.take();
                self.closed.extend(superseded.map(|open| open.close(true)));
                let mut open = Open::default();
                for at in next {
                    open.add(at, &steps[at], rules);
                }
                self.current = Some(open);
            }
        }
        self.current.get_or_insert_default().add(at, step, rules);
    }

    fn close(mut self) -> Vec<Group> {
        self.closed.extend(self.current.map(|open| open.close(false)));
        self.closed
    }
}

impl Open {
    fn add(&mut self, at: usize, step: &FoldStep, rules: FoldRules) {
        self.attempt = self.attempt.or(step.attempt);
        let last_activity = self.last_activity.max(step.last_activity());
        self.early_is_stale |= step.kind.outcome().is_none() && self.ended_long_before(step);
        match (step.kind.outcome(), step.kind) {
            (Some(outcome), _) => self.end_with(at, step, outcome, rules),
            (None, StatusKind::Start) => {
                if self.has_ended() {
                    // Jobs that ended without having been said to begin count as well.
                    self.starts = self.starts.max(self.ends);
                }
                self.starts += 1;
            }
            (None, _) if self.has_ended() => {
                self.trailing.push(at);
                self.last_activity = last_activity;
                return;
            }
            (None, _) => {}
        }
        self.steps.append(&mut self.trailing);
        self.steps.push(at);
        self.last_activity = last_activity;
    }

    fn end_with(&mut self, at: usize, step: &FoldStep, how: DeploymentOutcome, rules: FoldRules) {
        let ts = step.ts;
        if self.has_only_ends() {
            self.early_ends.push((ts, how));
            return;
        }
        if let Some((last, _)) = self.end
            && self.has_ended()
        {
            let goes_on = self.trailing.is_empty();
            if step.takes_back || (goes_on && rules.is_abandoned(last, ts)) {
                // It corrects how all of it has ended.
                self.end = Some((last, how));
                return;
            }
            if goes_on {
                // A job that was not said to begin was going on beside the one that has ended.
                self.job_ends.extend(self.last_end);
            }
        }
        // One job's end. The gravest is the deployment's.
        self.ends += 1;
        self.end = Some((ts, self.end.map_or(how, |(_, before)| graver(before, how))));
        self.last_end = Some(at);
        if !self.has_ended() {
            self.job_ends.push(at);
        }
    }

    /// Whether as many jobs have ended as have begun.
    fn has_ended(&self) -> bool {
        self.ends >= self.starts.max(1)
    }

    /// Whether a start without a known attempt belongs to another try.
    fn is_over(&self, start: &FoldStep, rules: FoldRules) -> bool {
        self.has_ended() || self.ended_long_before(start) || rules.is_abandoned(self.last_activity, start.ts)
    }

    /// Whether only ends were recorded, and so long before this step that clocks do not explain it.
    fn ended_long_before(&self, step: &FoldStep) -> bool {
        let last = self.early_ends.last().filter(|_| self.has_only_ends());
        last.is_some_and(|(ts, _)| step.ts.micros() - ts.micros() > CLOCK_TOLERANCE)
    }

    fn has_only_ends(&self) -> bool {
        self.steps.len() == self.early_ends.len()
    }

    /// Takes what another try, which ends with this step, has of the steps that trail this one: those so long after the
    /// rest that it would have been abandoned. `None` where it is no other try.
    fn trails_another(&mut self, end: &FoldStep, steps: &[FoldStep], rules: FoldRules) -> Option<Vec<usize>> {
        if self.has_only_ends() && !self.early_ends.is_empty() {
            return rules.is_abandoned(self.last_activity, end.ts).then(Vec::new);
        }
        let (mut before, _) = self.end?;
        let first = self.trailing.iter().position(|at| {
            let long_after = rules.is_abandoned(before, steps[*at].ts);
            before = before.max(steps[*at].last_activity());
            long_after
        })?;
        Some(self.trailing.split_off(first))
    }

    /// Takes the steps that trail this one and wait for the start of the next.
    fn waits_for_start(&mut self, steps: &[FoldStep]) -> Vec<usize> {
        let rest = self.trailing.iter().rposition(|at| steps[*at].kind != StatusKind::Waiting);
        self.trailing.split_off(rest.map_or(0, |last| last + 1))
    }

    fn close(self, superseded: bool) -> Group {
        let (has_ended, only_ends) = (self.has_ended(), self.has_only_ends());
        let Self { mut steps, attempt, starts, ends, early_ends, early_is_stale, job_ends, trailing, .. } = self;
        let with_early = !early_ends.is_empty() && !early_is_stale && ends + early_ends.len() >= starts.max(1);
        steps.extend(trailing);
        let group = Group { steps, job_ends, superseded, has_start: starts > 0, attempt, ..Group::default() };
        // An end without a beginning is that of a job as well.
        let ends = early_ends.into_iter().chain(self.end);
        let end = ends.reduce(|(one, so_far), (ts, how)| (one.max(ts), graver(so_far, how)));
        if has_ended {
            Group { end, ..group }
        } else if with_early {
            Group { end, unmeasurable: true, clocks_differ: starts > 0 && !only_ends, ..group }
        } else {
            group
        }
    }
}

/// The graver of two ends: a run has failed when one of its jobs has.
fn graver(one: DeploymentOutcome, other: DeploymentOutcome) -> DeploymentOutcome {
    let gravity = |outcome| match outcome {
        DeploymentOutcome::Failed => 2,
        DeploymentOutcome::Cancelled => 1,
        _ => 0,
    };
    if gravity(other) > gravity(one) { other } else { one }
}

/// Marks the second and later deployments of a run, and those of a later attempt.
fn mark_retries(groups: &mut [Group], steps: &[FoldStep]) {
    let mut before: HashSet<&str> = HashSet::new();
    for (nth, group) in groups.iter_mut().enumerate() {
        let is_phase = |at: &&usize| matches!(steps[**at].kind, StatusKind::Phase | StatusKind::Waiting);
        let own: HashSet<&str> = group.steps.iter().filter(is_phase).map(|at| steps[*at].status.as_str()).collect();
        if nth > 0 || group.attempt.is_some_and(|attempt| attempt.number() > 1) {
            group.retry = Some(if before.is_subset(&own) { Retry::Whole } else { Retry::Partial });
        }
        before.extend(own);
    }
}
