//! The fold: the steps of one stream become its deployments. Pure: no I/O, no clock.
//!
//! Every step belongs to one deployment, and the steps of a deployment stand next to each other in the stream's order,
//! so a deployment is a range. The state at the beginning of a deployment does not depend on what came before it:
//! folding may begin at the first step of any deployment (see `apply`).

use std::collections::HashSet;
use std::ops::Range;

use steps_shared::{DeploymentOutcome, Duration, StatusKind, StepId, Timestamp};

/// Which statuses are not phases; compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses {
    success: HashSet<String>,
    failure: HashSet<String>,
    start: HashSet<String>,
}

/// What the fold needs of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldStep {
    pub id: StepId,
    pub ts: Timestamp,
    /// What its status means. A span is never terminal: it takes time.
    pub kind: StatusKind,
    /// `Some` of a span, with its recorded end.
    pub span: Option<Option<Timestamp>>,
}

/// A deployment, as a range of a stream's steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// Its steps.
    pub steps: Range<usize>,
    /// When each of them ended.
    pub ends: Vec<Option<Timestamp>>,
    pub outcome: DeploymentOutcome,
    pub ended_at: Option<Timestamp>,
    /// How long it took; unknown when only its end was recorded.
    pub duration: Option<Duration>,
    /// Whether it has had a step of [`StatusKind::Start`].
    pub has_start: bool,
    /// The first of its steps that steps recorded later, and beginning later, may give another end: with the first step
    /// of all it stands for the whole when the fold goes on. None but the first while a span is open.
    pub tail: usize,
}

impl Statuses {
    /// The words that mean success, failure and start.
    pub fn new<'a>(
        success: impl IntoIterator<Item = &'a str>,
        failure: impl IntoIterator<Item = &'a str>,
        start: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        fn set<'a>(words: impl IntoIterator<Item = &'a str>) -> HashSet<String> {
            words.into_iter().map(str::to_lowercase).collect()
        }
        Self { success: set(success), failure: set(failure), start: set(start) }
    }

    /// What a status means.
    #[must_use]
    pub fn kind(&self, status: &str, span: bool) -> StatusKind {
        let status = status.to_lowercase();
        if self.start.contains(&status) {
            StatusKind::Start
        } else if span {
            StatusKind::Phase
        } else if self.success.contains(&status) {
            StatusKind::Success
        } else if self.failure.contains(&status) {
            StatusKind::Failure
        } else {
            StatusKind::Phase
        }
    }

    /// All of it in one line, the same for the same words: what a projection was made with.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let line = |words: &HashSet<String>| {
            let mut words: Vec<_> = words.iter().map(String::as_str).collect();
            words.sort_unstable();
            words.join(" ")
        };
        format!("success: {}; failure: {}; start: {}", line(&self.success), line(&self.failure), line(&self.start))
    }
}

/// The deployments of a stream, oldest first. `steps` are sorted by `ts` and then by `id`, each once.
#[must_use]
pub fn fold(steps: &[FoldStep]) -> Vec<Folded> {
    let mut deployments = Vec::new();
    let mut current: Option<Open> = None;
    for (at, step) in steps.iter().enumerate() {
        let belongs = current.as_ref().is_some_and(|open| open.takes(step.kind));
        if !belongs && let Some(open) = current.take() {
            deployments.push(open.close(steps, at, true));
        }
        current.get_or_insert_with(|| Open::begin(at)).add(at, step);
    }
    deployments.extend(current.map(|open| open.close(steps, steps.len(), false)));
    deployments
}

/// A deployment while its steps are being read.
struct Open {
    first: usize,
    /// Whether it has had a step of [`StatusKind::Start`].
    started: bool,
    /// Its end: when, and how as corrected by what followed.
    end: Option<(Timestamp, DeploymentOutcome)>,
    /// Whether its end is all that was recorded of it.
    lone: bool,
}

impl Open {
    fn begin(first: usize) -> Self {
        Self { first, started: false, end: None, lone: false }
    }

    /// Whether a step of this kind is part of this deployment, or begins the next one.
    fn takes(&self, kind: StatusKind) -> bool {
        match (kind, self.end) {
            // The end, or the correction of an end. A lone end is not corrected: the next is another deployment's.
            (StatusKind::Success | StatusKind::Failure, _) => !self.lone,
            (StatusKind::Phase | StatusKind::Start, Some(_)) => false,
            (StatusKind::Start, None) => !self.started,
            (StatusKind::Phase, None) => true,
        }
    }

    fn add(&mut self, at: usize, step: &FoldStep) {
        self.started |= step.kind == StatusKind::Start;
        match (step.kind.outcome(), &mut self.end) {
            (Some(how), Some((_, end))) => *end = how,
            (Some(how), None) => {
                self.lone = at == self.first;
                self.end = Some((step.ts, how));
            }
            (None, _) => {}
        }
    }

    /// The deployment with the steps up to `next`; `followed` says that another one of the stream begins there.
    fn close(self, steps: &[FoldStep], next: usize, followed: bool) -> Folded {
        let range = self.first..next;
        let ended_at = self.end.map(|(ts, _)| ts);
        let outcome = match self.end {
            Some((_, how)) => how,
            None if followed => DeploymentOutcome::Abandoned,
            None => DeploymentOutcome::Running,
        };
        let duration = match ended_at {
            Some(ended_at) if !self.lone => Duration::between(steps[self.first].ts, ended_at),
            _ => None,
        };
        let own = &steps[range.clone()];
        let open_span = own.iter().any(|step| step.span == Some(None));
        let last = own.iter().rposition(|step| step.span.is_none()).filter(|_| !open_span);
        let tail = range.start + last.unwrap_or(0);
        Folded { ends: ends(own, ended_at), steps: range, outcome, ended_at, duration, has_start: self.started, tail }
    }
}

/// When each step of a deployment ended: a span at its recorded end, any other step when the next one that is no span begins.
/// What is open when the deployment ends, ends with it; an end itself takes no time.
fn ends(steps: &[FoldStep], ended_at: Option<Timestamp>) -> Vec<Option<Timestamp>> {
    let mut ends = vec![None; steps.len()];
    let mut next = None;
    for (end, step) in ends.iter_mut().zip(steps).rev() {
        *end = match (step.span, step.kind) {
            (Some(recorded), _) => recorded.or(ended_at.map(|ended_at| ended_at.max(step.ts))),
            (None, StatusKind::Success | StatusKind::Failure) => Some(step.ts),
            (None, StatusKind::Phase | StatusKind::Start) => next,
        };
        if step.span.is_none() {
            next = Some(step.ts);
        }
    }
    ends
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
