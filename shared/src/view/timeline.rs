//! The timeline of a deployment: its summary, its rows, and where the bar of each begins and ends.

use super::text::{Meaning, Sign, Text};
use super::{expected, notes, words};
use crate::{
    Deployment, DeploymentDetail, DeploymentOutcome, Duration, Expected, StatusKind, Step, StepOutcome, TimelineStep,
    Timestamp,
};

mod failure;
mod nesting;

pub use nesting::WRAPPED;

/// The name of a gap's row.
const GAP: &str = "(gap)";

/// A gap has a row of its own from this share of the whole on …
const MIN_GAP_SHARE: f64 = 0.005;

/// … and from this many seconds on: a script takes time to start its commands.
const MIN_GAP_SECONDS: f64 = 0.1;

/// A step that took longer than nearly all earlier ones is marked as slow where that is this many seconds more than usual.
const SLOW_SECONDS: f64 = 1.0;

/// A deployment with a row for each step and gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// What was deployed and how it went, in parts that belong beside each other.
    pub summary: Vec<Text>,
    /// The rows, in order of their beginning.
    pub rows: Vec<Row>,
    /// How long the deployment took, or has taken so far.
    pub length: Option<Duration>,
    /// How much of it was work, waiting and gaps, where it was not all work.
    pub totals: Option<Text>,
    /// Which steps failed, and how.
    pub failure: Option<Text>,
    /// How far it is, while it runs.
    pub progress: Option<Progress>,
    /// Where the places of its rows end: 1.
    pub edge: Timestamp,
}

/// The names of a row's columns beside its bar: [`Row::name`], [`Row::duration`], [`Row::share`] and [`Row::usual`]. What
/// [`Row::slow`] and [`Row::note`] say needs no name.
pub const HEADINGS: [&str; 4] = ["step", "time", "share", "usual"];

/// A step, or a gap between steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The status of the step.
    pub name: String,
    /// How it is drawn.
    pub kind: RowKind,
    /// What its bar or mark means.
    pub meaning: Meaning,
    /// Where it begins: 0 is the beginning of the deployment, 1 its end.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How long it took, or has taken so far.
    pub duration: Option<Duration>,
    /// Its share of the deployment's duration, 0 to 1.
    pub share: Option<f64>,
    /// How long it usually takes.
    pub usual: Option<Duration>,
    /// How many times its usual time it took, where it was slow.
    pub slow: Option<f64>,
    /// How it ended, where that was not well; empty where it was.
    pub note: String,
    /// Within how many wrappers it lies: steps that consist of the steps within them.
    pub depth: usize,
    /// Whether another step of the same depth was open at the same time.
    pub is_parallel: bool,
}

/// How a row is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A bar: a step that took its time.
    Took,
    /// A bar: a step that failed.
    Failed,
    /// A bar: a status in which nobody worked.
    Waited,
    /// A bar: a span that had not ended when its deployment did.
    Unfinished,
    /// A bar: a step that has not ended.
    Open,
    /// A mark: a step whose duration is zero or unknown, or the start that encloses the other steps.
    Instant,
    /// A mark: a status that ended the deployment, or corrected its end.
    End,
    /// A gap: no step is open.
    Gap,
}

/// How far a running deployment is, judged by the deployments before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The share that is done, above 1 when it is overdue; `None` where that is unknown.
    pub done: Option<f64>,
    /// What is done and what is left.
    pub text: Text,
    /// How sure that is; empty where nothing is known.
    pub range: Text,
    /// What its bar means.
    pub meaning: Meaning,
}

/// The timeline of a deployment as it is `now`.
#[must_use]
pub fn timeline(detail: &DeploymentDetail, now: Timestamp) -> Timeline {
    let DeploymentDetail { deployment, usual, timeline, .. } = detail;
    let start = deployment.started_at;
    let running = deployment.outcome == DeploymentOutcome::Running;
    let now = if running { Some(timeline.iter().map(|step| step.step.ts).fold(now, Ord::max)) } else { None };
    let ends = timeline.iter().filter_map(|step| step.step.ended_at);
    let last = deployment.ended_at.or(now).unwrap_or(start);
    let length = deployment.duration.or_else(|| Duration::between(start, now?));
    // A span may end after its deployment does. A correction of the end may come days later, and is drawn at the edge.
    let spans = timeline.iter().filter(|step| step.step.span).filter_map(|step| step.step.ended_at);
    let edge = match deployment.outcome {
        DeploymentOutcome::Abandoned => {
            ends.fold(timeline.iter().map(|step| step.step.ts).fold(start, Ord::max), Ord::max)
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
        let (kind, end) = kind(timed, now, later);
        let duration = end.and_then(|end| Duration::between(step.ts, end));
        let slow = duration.and_then(|duration| slow(duration, timed.usual, timed.slow_from));
        covered = covered.max(end.unwrap_or(step.ts).min(edge));
        rows.push(Row {
            name: step.status.to_string(),
            kind,
            meaning: meaning(kind, slow.is_some(), deployment.outcome),
            from: scale.place(step.ts),
            to: scale.place(end.unwrap_or(step.ts)),
            duration,
            // A span may go on after its deployment has ended.
            share: end.and_then(|end| share(Duration::between(step.ts, end.min(last).max(step.ts))?, length)),
            usual: timed.usual,
            slow,
            note: note(kind, step),
            depth: 0,
            is_parallel: false,
        });
    }
    nesting::find(&mut rows);
    rows.extend(now.and_then(|now| scale.gap(covered, now, length)));
    let progress = running.then(|| progress(length.unwrap_or_default(), *usual));
    let failure = failure::of(timeline, &rows);
    Timeline { summary: summary(detail, length), rows, length, totals: totals(deployment), failure, progress, edge }
}

impl Timeline {
    /// The same with how much longer a running deployment is expected to take; servers from before that tell none.
    #[must_use]
    pub fn expecting(self, expected: Option<&Expected>) -> Self {
        let Some(expected) = expected.filter(|_| self.progress.is_some()) else { return self };
        let progress = Some(progress_expected(self.length.unwrap_or_default(), expected));
        Self { progress, ..self }
    }
}

/// How much of a deployment was work, waiting and gaps; `None` where it was all work, or is unknown.
fn totals(deployment: &Deployment) -> Option<Text> {
    let (work, waiting, gaps) = (deployment.work?, deployment.waiting?, deployment.gaps?);
    (waiting.micros() + gaps.micros() > 0).then(|| {
        let mut text = Text::from(format!("work {work}, "));
        text.add(format!("waiting {waiting}"), Meaning::Strong).say(format!(", gaps {gaps}"));
        text
    })
}

/// `failed (exit code 3)`, `unfinished`.
fn note(kind: RowKind, step: &Step) -> String {
    match (kind, step.exit_code) {
        (RowKind::Failed, Some(code)) => format!("failed (exit code {code})"),
        (RowKind::Failed, None) => "failed".to_owned(),
        (RowKind::Unfinished, _) => "unfinished".to_owned(),
        _ => String::new(),
    }
}

/// How a step is drawn, and when it ended where a duration is shown.
fn kind(
    timed: &TimelineStep,
    now: Option<Timestamp>,
    mut later: impl Iterator<Item = Timestamp>,
) -> (RowKind, Option<Timestamp>) {
    let TimelineStep { step, kind, .. } = timed;
    let end = step.ended_at.or(now);
    // The start of `steps run --deployment` lasts as long as the spans within it, which are what took the time.
    let mut encloses = || !step.span && later.any(|ts| ts > step.ts && end.is_none_or(|end| ts < end));
    match (kind, step.span, step.outcome, step.ended_at) {
        (_, true, Some(StepOutcome::Failed), _) => (RowKind::Failed, end),
        (_, true, None, Some(_)) => (RowKind::Unfinished, end),
        (StatusKind::Success | StatusKind::Failure | StatusKind::Cancelled, false, _, _) => (RowKind::End, None),
        (StatusKind::Start, false, _, _) if encloses() => (RowKind::Instant, None),
        (_, false, _, Some(ended)) if ended == step.ts => (RowKind::Instant, end),
        (_, false, _, Some(_)) if step.result == Some(StepOutcome::Failed) => (RowKind::Failed, end),
        (StatusKind::Waiting, _, _, Some(_)) => (RowKind::Waited, end),
        (_, _, _, Some(_)) => (RowKind::Took, end),
        (_, _, _, None) if now.is_some() => (RowKind::Open, end),
        (_, _, _, None) => (RowKind::Instant, None),
    }
}

fn meaning(kind: RowKind, slow: bool, outcome: DeploymentOutcome) -> Meaning {
    match kind {
        RowKind::Took if slow => Meaning::Warning,
        RowKind::Took => Meaning::Plain,
        RowKind::Failed => Meaning::Bad,
        RowKind::Unfinished => Meaning::Warning,
        RowKind::Open => Meaning::Running,
        RowKind::Instant | RowKind::Gap | RowKind::Waited => Meaning::Faint,
        RowKind::End => outcome.into(),
    }
}

fn share(duration: Duration, length: Option<Duration>) -> Option<f64> {
    let length = length.filter(|length| length.micros() > 0)?;
    Some(duration.seconds() / length.seconds())
}

/// How many times its usual time a step took, where it took longer than `from`, from which on that is slow.
fn slow(duration: Duration, usual: Option<Duration>, from: Option<Duration>) -> Option<f64> {
    let (from, usual, seconds) = (from?, usual?.seconds(), duration.seconds());
    (duration > from && seconds - usual > SLOW_SECONDS).then(|| seconds / usual)
}

/// What was deployed, how it went and in which time, by whom, when, and the identity.
fn summary(detail: &DeploymentDetail, length: Option<Duration>) -> Vec<Text> {
    let Deployment { component, version, environment, owner, run, outcome, status, started_at, id, .. } =
        &detail.deployment;
    let what = words::deployed(component, version, environment);
    let ended = match outcome {
        DeploymentOutcome::Succeeded | DeploymentOutcome::Failed | DeploymentOutcome::Cancelled
            if !status.as_str().eq_ignore_ascii_case(outcome.name()) =>
        {
            format!("{outcome} ({status})")
        }
        _ => outcome.to_string(),
    };
    let preposition = if *outcome == DeploymentOutcome::Running { "for" } else { "in" };
    let parts = [
        Some(what),
        Some(Text::new(ended, Meaning::from(*outcome))),
        length.map(|length| Text::new(format!("{preposition} {length}"), Meaning::Strong)),
        detail.usual.map(|usual| format!("usually {usual}").into()),
        Some(format!("by {owner}").into()),
        Some(format!("{} UTC", started_at.to_seconds_text()).into()),
        run.as_ref().map(|run| format!("run {run}").into()),
        Some(Text::new(id.to_string(), Meaning::Faint)),
    ];
    let beside = detail.beside.filter(|_| !detail.deployment.looks_concurrent).map(|_| notes::concurrent());
    parts.into_iter().flatten().chain(notes::of(&detail.deployment)).chain(beside).collect()
}

/// How far a deployment is that has run for `elapsed`.
fn progress_expected(elapsed: Duration, expected: &Expected) -> Progress {
    let Some(left) = expected.median_left else {
        return Progress {
            done: None,
            text: expected::left(expected),
            range: Text::default(),
            meaning: Meaning::Plain,
        };
    };
    let done = elapsed.seconds() / (elapsed.seconds() + left.seconds()).max(1e-6);
    let (said, meaning) = match expected.is_longest {
        true => (", longer than all before", Meaning::Warning),
        false => ("", Meaning::Running),
    };
    let text = format!("{}{said}, about {left} left", words::share(done)).into();
    Progress { done: Some(done), text, range: expected::range(expected), meaning }
}

/// The same by its usual duration, which servers from before the expected time tell.
fn progress(elapsed: Duration, usual: Option<Duration>) -> Progress {
    let Some(usual) = usual.filter(|usual| usual.micros() > 0) else {
        let text = "no successful deployment to tell the time left by".into();
        return Progress { done: None, text, range: Text::default(), meaning: Meaning::Plain };
    };
    let done = elapsed.seconds() / usual.seconds();
    let (text, meaning) = match Duration::from_micros(usual.micros() - elapsed.micros()) {
        Some(left) => (format!("{}, about {left} left", words::share(done)), Meaning::Running),
        None => {
            let over = Duration::from_micros(elapsed.micros() - usual.micros()).unwrap_or_default();
            (format!("overdue by {over}"), Meaning::Warning)
        }
    };
    Progress { done: Some(done), text: text.into(), range: Text::default(), meaning }
}

impl Row {
    /// What the name means: the bar says more, so that only what failed or is open stands out.
    #[must_use]
    pub fn name_meaning(&self) -> Meaning {
        match self.kind {
            RowKind::Failed => Meaning::Bad,
            RowKind::Open => Meaning::Running,
            RowKind::Gap => Meaning::Faint,
            RowKind::Took | RowKind::Waited | RowKind::Unfinished | RowKind::Instant | RowKind::End => Meaning::Plain,
        }
    }

    /// The duration, where it is known.
    #[must_use]
    pub fn duration_text(&self) -> String {
        self.duration.map(|duration| duration.to_string()).unwrap_or_default()
    }

    /// The share of the whole, where it is known.
    #[must_use]
    pub fn share_text(&self) -> String {
        self.share.map(words::share).unwrap_or_default()
    }

    /// The usual duration, beside one to compare it with.
    #[must_use]
    pub fn usual_text(&self) -> String {
        self.usual.filter(|_| self.duration.is_some()).map(|usual| usual.to_string()).unwrap_or_default()
    }

    /// `▲ 2.1×` where the step was slow.
    #[must_use]
    pub fn slow_text(&self) -> Text {
        let mut text = Text::default();
        let Some(factor) = self.slow else { return text };
        text.sign(Sign::Slow, Meaning::Warning);
        if factor.is_finite() {
            text.add(format!(" {factor:.1}"), Meaning::Warning).sign(Sign::Times, Meaning::Warning);
        }
        text
    }
}

/// The time that is drawn.
struct Scale {
    start: Timestamp,
    edge: Timestamp,
}

impl Scale {
    /// Where a time is: 0 at the start, 1 at the edge.
    fn place(&self, time: Timestamp) -> f64 {
        let whole = self.edge.micros() - self.start.micros();
        if whole <= 0 {
            return 0.0;
        }
        ((time.micros() - self.start.micros()) as f64 / whole as f64).clamp(0.0, 1.0)
    }

    /// The row of a gap; `None` where it is too short to be shown.
    fn gap(&self, from: Timestamp, to: Timestamp, length: Option<Duration>) -> Option<Row> {
        let duration = Duration::between(from, to)?;
        let (begin, end) = (self.place(from), self.place(to));
        (end - begin >= MIN_GAP_SHARE && duration.seconds() >= MIN_GAP_SECONDS).then(|| Row {
            name: GAP.to_owned(),
            kind: RowKind::Gap,
            meaning: Meaning::Faint,
            from: begin,
            to: end,
            duration: Some(duration),
            share: share(duration, length),
            usual: None,
            slow: None,
            note: String::new(),
            depth: 0,
            is_parallel: false,
        })
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
pub(crate) mod tests;
