//! The fold: the steps of one stream become its deployments. Pure: no I/O, no clock.
//!
//! A stream is the steps of one environment, component, version and run. Where it has a run, each attempt of the run is a
//! deployment ([`run`]); where it has none, ends and starts tell deployments apart ([`sequence`]). What each deployment then
//! took, and each of its steps, is the same for both ([`measure`]).

mod measure;
mod run;
mod sequence;

use steps_shared::{Attempt, DeploymentOutcome, Duration, Retry, StatusKind, StepId, StepOutcome, Timestamp};

/// What the fold needs of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldStep {
    /// The identity.
    pub id: StepId,
    /// When it began.
    pub ts: Timestamp,
    /// The status without what makes no difference: see [`crate::projection::statuses::normalized`].
    pub status: String,
    /// What its status means. A span is never terminal: it takes time.
    pub kind: StatusKind,
    /// Whether it takes back a deployment that has ended: see [`crate::projection::statuses::Statuses::takes_back`].
    pub takes_back: bool,
    /// Whether it is a span, and how that ended, once it was told.
    pub span: Option<Option<SpanEnd>>,
    /// Which attempt of its run it belongs to, where that was said.
    pub attempt: Option<Attempt>,
}

/// The recorded end of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanEnd {
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: StepOutcome,
}

/// How long is long; see `--abandon-after` and `--settle-after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldRules {
    /// A deployment of which nothing was recorded for so long is abandoned.
    pub abandon_after: Duration,
    /// A deployment of spans alone has ended when none was open for so long.
    pub settle_after: Duration,
}

/// A deployment. It is a function of the steps alone: what depends on the time at which it is looked at is told by
/// [`Folded::open_until`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// Its steps, as places in the stream, in order.
    pub steps: Vec<usize>,
    /// What is derived of each of them.
    pub derived: Vec<DerivedStep>,
    /// How it ended, or will have ended when nothing else is recorded of it.
    pub outcome: DeploymentOutcome,
    /// It is running before this moment; none where its end is certain.
    pub open_until: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took; unknown when only its end was recorded, or clocks differ.
    pub duration: Option<Duration>,
    /// How long only waiting statuses were open; known with the duration. Work, waiting and gaps add up to it.
    pub waiting: Option<Duration>,
    /// How long no step was open; known with the duration.
    pub gaps: Option<Duration>,
    /// Which attempt of its run it is, where that was said.
    pub attempt: Option<Attempt>,
    /// Whether it repeats another deployment of its run.
    pub retry: Option<Retry>,
    /// Whether its end was recorded before its beginning, by a clock that differs.
    pub clocks_differ: bool,
    /// Whether it looks like two deployments at once that no run tells apart.
    pub looks_concurrent: bool,
    /// Whether it has had a step of [`StatusKind::Start`].
    pub has_start: bool,
    /// When something was last recorded of it.
    pub last_activity: Timestamp,
}

/// What is derived of one step of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DerivedStep {
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended: a span as recorded; of the others, the one that was open when the deployment failed has failed.
    pub outcome: Option<StepOutcome>,
}

/// A deployment whose steps have been found.
#[derive(Debug, Default)]
struct Group {
    /// Its steps, as places in the stream, in order.
    steps: Vec<usize>,
    /// Its end.
    end: Option<(Timestamp, DeploymentOutcome)>,
    /// Ends of jobs beside which others went on, as places in the stream, in order.
    job_ends: Vec<usize>,
    /// Whether no duration can be told of it although it has ended.
    unmeasurable: bool,
    /// Whether another one has certainly taken its place.
    superseded: bool,
    has_start: bool,
    clocks_differ: bool,
    looks_concurrent: bool,
    attempt: Option<Attempt>,
    retry: Option<Retry>,
}

/// The deployments of a stream, oldest first. `steps` are in the order of their times, then of their ids, each once. Steps of
/// [`StatusKind::Ignored`] are in none of them.
#[must_use]
pub fn fold(steps: &[FoldStep], has_run: bool, rules: FoldRules) -> Vec<Folded> {
    let groups = if has_run { run::groups(steps, rules) } else { sequence::groups(steps, rules) };
    groups.into_iter().map(|group| measure::measured(group, steps, rules)).collect()
}

/// When something was last recorded of these steps.
fn last_activity<'a>(steps: impl IntoIterator<Item = &'a FoldStep>) -> Timestamp {
    steps.into_iter().map(FoldStep::last_activity).max().unwrap_or_default()
}

impl FoldStep {
    fn last_activity(&self) -> Timestamp {
        self.span.flatten().map_or(self.ts, |end| end.at.max(self.ts))
    }
}

impl FoldRules {
    /// Whether nothing was recorded for so long between two moments that what was under way is taken for abandoned.
    fn is_abandoned(self, from: Timestamp, to: Timestamp) -> bool {
        to.micros() - from.micros() >= self.abandon_after.micros()
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
