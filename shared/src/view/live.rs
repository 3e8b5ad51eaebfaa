//! A deployment that is running, as it is now: its bar, its present steps, and how much longer it takes.
//!
//! An [`Expected`] is of the moment that it was told at; between two of them the time that is left is counted down.

use super::expected::{self, CountedDown};
use super::text::{Meaning, Sign, Text};
use super::words::{self, whole};
use crate::{Component, Deployment, Duration, Environment, Expected, ExpectedStep, StepState, Timestamp, Version};

/// A running deployment at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// `checkout 4.2.0 → production`.
    pub what: Text,
    /// What is deployed, and which version, where there is no room for more.
    pub component: String,
    /// See there.
    pub version: String,
    /// `by ann`.
    pub owner: Text,
    /// How long it has run.
    pub elapsed: Duration,
    /// `slower than usual`, where the deployment or a present step is; else empty.
    pub slow: Text,
    /// The parts of its bar, in order; none overlaps another.
    pub parts: Vec<Part>,
    /// The steps that are going on, in order.
    pub present: Vec<PresentStep>,
    /// `then deploying, warming`: the steps that are to come, in order; else empty.
    pub next: Text,
    /// How much longer it takes, in a sentence; why that is not known; or empty where nobody has said.
    pub left: Text,
    /// The same in two words; where it is not known, how long it has run.
    pub left_short: Text,
}

/// A step that is going on.
#[derive(Debug, Clone, PartialEq)]
pub struct PresentStep {
    /// Its status.
    pub name: String,
    /// `testing 38s, usually 1m02s`.
    pub text: Text,
    /// ` (50s to 1m20s)`, which goes behind that: the range that four of five are within; empty where that is not known.
    pub range: Text,
}

/// A part of a bar. Places are shares of its width: 0 is the beginning of the deployment, 1 the latest that it may well end.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// What it is.
    pub kind: PartKind,
    /// The status of its step; none where it is of no step.
    pub step: Option<String>,
    /// Whether the step takes longer than it nearly always did.
    pub is_slow: bool,
}

/// What a part of a bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// A step that has ended.
    Done,
    /// A time at which no step was open.
    Gap,
    /// A step that is going on, until now.
    Running,
    /// What is expected of it from now on.
    Left,
    /// What is still to come.
    ToCome,
    /// Between the median of the end and the 90th percentile.
    Late,
}

/// A running deployment as it is `now`, by the clock of the server.
#[must_use]
pub fn live(deployment: &Deployment, expected: Option<&Expected>, now: Timestamp) -> Live {
    let Deployment { component, environment, version, owner, started_at, status, .. } = deployment;
    let elapsed = Duration::between(*started_at, now).unwrap_or_default();
    let steps: Vec<&ExpectedStep> = expected.map(|told| phases(told, *started_at)).unwrap_or_default();
    let present: Vec<&ExpectedStep> =
        steps.iter().copied().filter(|step| step.state == StepState::Running && step.from.is_some()).collect();
    let left = expected.map(|told| expected::counted_down(told, now));
    let is_slow = expected.is_some_and(|told| told.is_longest) || present.iter().any(|step| step.is_slow);
    let mut slow = Text::default();
    if is_slow {
        slow.sign(Sign::Slow, Meaning::Warning).add(" slower than usual", Meaning::Warning);
    }
    let present = match expected {
        Some(_) => present.iter().map(|step| present_step(step, now)).collect(),
        // Nobody has told its steps.
        None => {
            let name = status.to_string();
            vec![PresentStep { text: Text::new(name.clone(), Meaning::Running), name, range: Text::default() }]
        }
    };
    Live {
        what: words::deployed(component, version, environment),
        component: component.to_string(),
        version: version.to_string(),
        owner: format!("by {owner}").into(),
        elapsed,
        slow,
        parts: parts(*started_at, now, &steps, left.as_ref()),
        present,
        next: next(&steps),
        left: expected.map(|told| expected::left_at(told, now)).unwrap_or_default(),
        left_short: left_short(left.as_ref(), is_slow, elapsed),
    }
}

/// The steps without the start that encloses them: it lasts as long as the deployment, and takes no time of its own.
fn phases(expected: &Expected, start: Timestamp) -> Vec<&ExpectedStep> {
    let encloses = |(at, step): (usize, &ExpectedStep)| {
        let has_later = expected.steps[at + 1..].iter().any(|later| later.state != StepState::ToCome);
        step.from == Some(start) && step.usual.is_none() && step.state == StepState::Running && has_later
    };
    let steps = expected.steps.iter().enumerate();
    steps.filter(|(at, step)| !(*at == 0 && encloses((*at, step)))).map(|(_, step)| step).collect()
}

fn present_step(step: &ExpectedStep, now: Timestamp) -> PresentStep {
    let took = step.from.and_then(|from| Duration::between(from, now)).unwrap_or_default();
    let meaning = if step.is_slow { Meaning::Warning } else { Meaning::Running };
    let mut text = Text::new(format!("{} {}", step.status, whole(took)), meaning);
    let mut range = Text::default();
    if let Some(usual) = step.usual {
        text.say(format!(", usually {}", whole(usual)));
    }
    if let [Some(low), Some(high)] = [step.usual_low, step.usual_high].map(|usual| usual.map(whole))
        && low != high
    {
        range.say(format!(" ({low} to {high})"));
    }
    PresentStep { name: step.status.to_string(), text, range }
}

fn next(steps: &[&ExpectedStep]) -> Text {
    let names = steps.iter().filter(|step| step.state == StepState::ToCome).map(|step| step.status.to_string());
    let names: Vec<String> = names.collect();
    if names.is_empty() { Text::default() } else { Text::new(format!("then {}", names.join(", ")), Meaning::Faint) }
}

/// A deployment that begins, of which no server has told anything.
#[must_use]
pub fn begun(component: &Component, version: &Version, environment: &Environment, elapsed: Duration) -> Live {
    let is_all = Part { from: 0.0, to: 1.0, kind: PartKind::Running, step: None, is_slow: false };
    Live {
        what: words::deployed(component, version, environment),
        component: component.to_string(),
        version: version.to_string(),
        owner: Text::default(),
        elapsed,
        slow: Text::default(),
        parts: vec![is_all],
        present: Vec::new(),
        next: Text::default(),
        left: Text::default(),
        left_short: left_short(None, false, elapsed),
    }
}

fn left_short(left: Option<&CountedDown>, is_slow: bool, elapsed: Duration) -> Text {
    let meaning = if is_slow { Meaning::Warning } else { Meaning::Running };
    match left {
        Some(CountedDown { median: Some(median), .. }) => Text::new(format!("{} left", whole(*median)), meaning),
        _ => format!("for {}", whole(elapsed)).into(),
    }
}

/// A span of time that may be drawn.
struct Interval {
    from: i64,
    to: i64,
    kind: PartKind,
    /// Which step.
    step: Option<usize>,
}

/// The parts of a bar. Where steps overlap, the one that goes on counts, and then the one that began last.
fn parts(start: Timestamp, now: Timestamp, steps: &[&ExpectedStep], left: Option<&CountedDown>) -> Vec<Part> {
    let (start, now) = (start.micros(), now.micros().max(start.micros()));
    let later = |left: Option<Duration>| left.map_or(now, |left| now.saturating_add(left.micros()));
    let median = later(left.and_then(|left| left.median));
    let edge = later(left.and_then(|left| left.high)).max(median);
    let mut intervals = vec![
        Interval { from: start, to: now, kind: PartKind::Gap, step: None },
        Interval { from: now, to: median, kind: PartKind::ToCome, step: None },
        Interval { from: median, to: edge, kind: PartKind::Late, step: None },
    ];
    if steps.is_empty() {
        intervals[0].kind = PartKind::Running;
    }
    for (at, step) in steps.iter().enumerate() {
        let Some(from) = step.from.map(|from| from.micros().max(start)) else { continue };
        let to = step.to.map(Timestamp::micros);
        let mut add = |from: i64, to: i64, kind| intervals.push(Interval { from, to, kind, step: Some(at) });
        match step.state {
            StepState::Done => add(from, to.unwrap_or(from).min(now), PartKind::Done),
            StepState::Running => {
                add(from, now, PartKind::Running);
                // What is told of it stands on the same as the end of the whole, which counts.
                add(now, to.unwrap_or(now).min(median), PartKind::Left);
            }
            StepState::ToCome => add(from.max(now), to.unwrap_or(from).min(median), PartKind::ToCome),
        }
    }
    intervals.retain(|interval| interval.from < interval.to);
    let mut edges: Vec<i64> = intervals.iter().flat_map(|interval| [interval.from, interval.to]).collect();
    edges.sort_unstable();
    edges.dedup();
    let whole = (edge - start).max(1) as f64;
    let place = |at: i64| (at - start) as f64 / whole;
    let mut parts: Vec<(Option<usize>, Part)> = Vec::new();
    for pair in edges.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        let covers = |interval: &&Interval| interval.from <= from && to <= interval.to;
        let rank = |interval: &&Interval| (precedence(interval), interval.from, interval.step);
        let Some(top) = intervals.iter().filter(covers).max_by_key(rank) else { continue };
        match parts.last_mut() {
            Some((step, last)) if *step == top.step && last.kind == top.kind => last.to = place(to),
            _ => {
                let step = top.step.and_then(|at| steps.get(at));
                let part = Part {
                    from: place(from),
                    to: place(to),
                    kind: top.kind,
                    step: step.map(|step| step.status.to_string()),
                    is_slow: step.is_some_and(|step| step.is_slow),
                };
                parts.push((top.step, part));
            }
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

/// Which of several intervals at one time is drawn: the greatest.
fn precedence(interval: &Interval) -> u8 {
    match (interval.kind, interval.step) {
        (_, None) => 0,
        (PartKind::ToCome, _) => 1,
        (PartKind::Done | PartKind::Gap | PartKind::Late, _) => 2,
        (PartKind::Running | PartKind::Left, _) => 3,
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
