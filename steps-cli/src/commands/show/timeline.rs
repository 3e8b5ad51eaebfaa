//! The timeline of a deployment: which rows it has, and where each stands. Pure: it knows no terminal.

use steps_shared::{DeploymentDetail, DeploymentOutcome, Duration, Step, StepOutcome, Timestamp};

/// A gap that is shorter than this share of the whole is not told …
const LEAST_GAP: f64 = 0.005;

/// … nor one of fewer seconds: a script has to start its commands.
const LEAST_GAP_SECONDS: f64 = 0.1;

/// A step is unusually slow when it took this many times what it usually takes …
const SLOW_TIMES: f64 = 1.5;

/// … and so many seconds more.
const SLOW_SECONDS: f64 = 1.0;

/// The rows, in order of their beginning.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// One for each step and gap.
    pub rows: Vec<Row>,
    /// How long the deployment took, or has taken so far.
    pub length: Option<Duration>,
}

/// A step, or a gap between steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The status of the step.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Where it begins: 0 is the beginning of the deployment, 1 its end.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How long it took, or has taken so far.
    pub duration: Option<Duration>,
    /// The part of the deployment's duration, 0 to 1.
    pub share: Option<f64>,
    /// How long it usually takes.
    pub usual: Option<Duration>,
    /// How many times longer than usual it took, where that is unusual.
    pub slow: Option<f64>,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A step that took its time.
    Took,
    /// A span that failed.
    Failed,
    /// A span that the end of the deployment ended.
    Unfinished,
    /// A step that has not ended.
    Open,
    /// A step that took no time that is known.
    Moment,
    /// The status that ended the deployment, and what corrected it.
    End,
    /// Nothing is open.
    Waiting,
}

/// Lays out a deployment when it is `now`.
pub fn lay_out(detail: &DeploymentDetail, now: Timestamp) -> Timeline {
    let DeploymentDetail { deployment, usual: _, timeline } = detail;
    let start = deployment.started_at;
    let running = deployment.outcome == DeploymentOutcome::Running;
    let now = if running { Some(timeline.iter().map(|step| step.step.ts).fold(now, Ord::max)) } else { None };
    let told = timeline.iter().filter_map(|step| step.step.ended_at);
    let last = deployment.ended_at.or(now).unwrap_or(start);
    let length = deployment.duration.or_else(|| Duration::between(start, now?));
    // A span may outlive its deployment; a correction of its end may come days later, and is left at the edge.
    let spans = timeline.iter().filter(|step| step.step.span).filter_map(|step| step.step.ended_at);
    let edge = match deployment.outcome {
        DeploymentOutcome::Abandoned => {
            told.fold(timeline.iter().map(|step| step.step.ts).fold(start, Ord::max), Ord::max)
        }
        _ => spans.fold(last, Ord::max),
    };
    let scale = Scale { start, edge };

    let mut rows = Vec::new();
    let mut covered = start;
    for (at, timed) in timeline.iter().enumerate() {
        let step = &timed.step;
        rows.extend(scale.gap(covered, step.ts.min(edge), length));
        let later = timeline[at + 1..].iter().map(|later| later.step.ts);
        let (kind, end) = kind(step, deployment.ended_at, now, later);
        let duration = end.and_then(|end| Duration::between(step.ts, end));
        covered = covered.max(end.unwrap_or(step.ts).min(edge));
        rows.push(Row {
            name: step.status.to_string(),
            kind,
            from: scale.place(step.ts),
            to: scale.place(end.unwrap_or(step.ts)),
            duration,
            share: duration.and_then(|duration| share(duration, length)),
            usual: timed.usual,
            slow: duration.zip(timed.usual).and_then(|(duration, usual)| slow(duration, usual)),
        });
    }
    rows.extend(now.and_then(|now| scale.gap(covered, now, length)));
    Timeline { rows, length }
}

/// What a step is, and when it ended where that is to be drawn.
fn kind(
    step: &Step,
    ended_at: Option<Timestamp>,
    now: Option<Timestamp>,
    mut later: impl Iterator<Item = Timestamp>,
) -> (Kind, Option<Timestamp>) {
    let end = step.ended_at.or(now);
    // The start of `steps run --deployment` lasts as long as the spans within it: it is not what took the time.
    let frames = is_start(step) && later.any(|ts| ts > step.ts && end.is_none_or(|end| ts < end));
    match (step.span, step.outcome, step.ended_at) {
        (true, Some(StepOutcome::Failed), _) => (Kind::Failed, end),
        (true, None, Some(_)) => (Kind::Unfinished, end),
        (false, _, Some(ended)) if ended == step.ts && ended_at.is_some_and(|end| step.ts >= end) => (Kind::End, None),
        (false, _, _) if frames => (Kind::Moment, None),
        (false, _, Some(ended)) if ended == step.ts => (Kind::Moment, end),
        (_, _, Some(_)) => (Kind::Took, end),
        (_, _, None) if now.is_some() => (Kind::Open, end),
        (_, _, None) => (Kind::Moment, None),
    }
}

/// The statuses that everybody knows to begin a deployment; the server alone decides what they mean.
fn is_start(step: &Step) -> bool {
    let status = step.status.as_str();
    !step.span && ["started", "start", "begin"].into_iter().any(|start| status.eq_ignore_ascii_case(start))
}

fn share(duration: Duration, length: Option<Duration>) -> Option<f64> {
    let length = length.filter(|length| length.micros() > 0)?;
    Some(duration.seconds() / length.seconds())
}

fn slow(duration: Duration, usual: Duration) -> Option<f64> {
    let (duration, usual) = (duration.seconds(), usual.seconds());
    (duration > SLOW_TIMES * usual && duration - usual > SLOW_SECONDS).then(|| duration / usual)
}

/// The times that are drawn.
struct Scale {
    start: Timestamp,
    edge: Timestamp,
}

impl Scale {
    fn place(&self, moment: Timestamp) -> f64 {
        let whole = self.edge.micros() - self.start.micros();
        if whole <= 0 {
            return 0.0;
        }
        ((moment.micros() - self.start.micros()) as f64 / whole as f64).clamp(0.0, 1.0)
    }

    /// The row of a gap, if there is one worth telling.
    fn gap(&self, from: Timestamp, to: Timestamp, length: Option<Duration>) -> Option<Row> {
        let duration = Duration::between(from, to)?;
        let (begin, end) = (self.place(from), self.place(to));
        (end - begin >= LEAST_GAP && duration.seconds() >= LEAST_GAP_SECONDS).then(|| Row {
            name: "waiting".to_owned(),
            kind: Kind::Waiting,
            from: begin,
            to: end,
            duration: Some(duration),
            share: share(duration, length),
            usual: None,
            slow: None,
        })
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
pub(super) mod tests;
