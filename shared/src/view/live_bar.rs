//! A running deployment as one bar: each past step to its length, the present one against its usual range, and what is to come.

use crate::{Deployment, Duration, Expected, ExpectedStep, StepState, Timestamp};

/// Where no time left is known, so much of the whole is free for it.
const FREE: f64 = 0.15;

/// The bar shows at most so many times what has passed and is expected: the range may reach far beyond.
const MAX_RANGE: f64 = 1.6;

/// The bar of a running deployment. Places are shares: 0 is its beginning, 1 the end of the bar.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveBar {
    /// Its steps, in order.
    pub segments: Vec<Segment>,
    /// How many lanes they need, because some are open at the same time.
    pub lanes: usize,
    /// Where now is.
    pub now: f64,
    /// Between these it ends, of ten times eight; and most likely at the one between them.
    pub ends: Option<[f64; 3]>,
    /// The time that the bar shows.
    pub length: Duration,
}

/// A step of a bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The status.
    pub name: String,
    /// How far it is.
    pub state: StepState,
    /// Where it begins.
    pub from: f64,
    /// Where it ends, or where now is.
    pub to: f64,
    /// In which lane, counted from the top.
    pub lane: usize,
    /// Where it ends as nine in ten do, if it is open.
    pub usual_to: Option<f64>,
    /// Whether it takes, or took, longer than 95 of 100.
    pub is_slow: bool,
    /// When it begins.
    pub since: Timestamp,
    /// How long it took, or has taken so far.
    pub taken: Option<Duration>,
    /// How long it usually takes.
    pub usual: Option<Duration>,
}

impl LiveBar {
    /// The bar of a deployment.
    #[must_use]
    pub fn new(deployment: &Deployment, expected: &Expected) -> Self {
        let start = deployment.started_at;
        let since_start = |time: Timestamp| (time.micros() - start.micros()) as f64 / 1e6;
        let elapsed = since_start(expected.at).max(0.0);
        let left = expected.median_left.map(Duration::seconds);
        let high = expected.high_left.or(expected.median_left).map(Duration::seconds);
        let ahead = match (left, high) {
            (Some(left), Some(high)) => (elapsed + high).min((elapsed + left) * MAX_RANGE),
            _ => elapsed / (1.0 - FREE),
        };
        let length = ahead.max(elapsed).max(1e-3);
        let share = |seconds: f64| (seconds / length).clamp(0.0, 1.0);
        let mut segments: Vec<Segment> = Vec::new();
        for step in &expected.steps {
            let ExpectedStep { status, state, from, to, usual, usual_high, is_slow, .. } = step;
            let Some(since) = *from else { continue };
            let (begin, end) = (since_start(since), to.map(since_start));
            let end = match state {
                StepState::Running => elapsed.max(begin),
                StepState::Done | StepState::ToCome => end.unwrap_or(begin).max(begin),
            };
            let usual_to = usual_high.filter(|_| *state == StepState::Running);
            segments.push(Segment {
                name: status.to_string(),
                state: *state,
                from: share(begin),
                to: share(end),
                lane: 0,
                usual_to: usual_to.map(|usual| share(begin + usual.seconds())),
                is_slow: *is_slow,
                since,
                taken: (*state != StepState::ToCome).then(|| Duration::from_seconds(end - begin).unwrap_or_default()),
                usual: *usual,
            });
        }
        segments.sort_by(|one, other| one.from.total_cmp(&other.from));
        let lanes = assign_lanes(&mut segments);
        let ends = expected.median_left.zip(expected.low_left).zip(expected.high_left);
        Self {
            segments,
            lanes,
            now: share(elapsed),
            ends: ends.map(|((median, low), high)| [low, median, high].map(|left| share(elapsed + left.seconds()))),
            length: Duration::from_seconds(length).unwrap_or_default(),
        }
    }

    /// What is open.
    pub fn open(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.state == StepState::Running)
    }

    /// Whether something that is open takes longer than 95 of 100.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.open().any(|segment| segment.is_slow)
    }
}

/// Gives each the first lane that is free where it begins; how many lanes that makes, at least one.
fn assign_lanes(segments: &mut [Segment]) -> usize {
    // What ends where another begins leaves its lane to it, however the two were rounded.
    const ROUNDING: f64 = 1e-6;
    let mut ends: Vec<f64> = Vec::new();
    for segment in segments {
        let free = ends.iter().position(|end| *end <= segment.from + ROUNDING);
        segment.lane = free.unwrap_or(ends.len());
        match ends.get_mut(segment.lane) {
            Some(end) => *end = segment.to,
            None => ends.push(segment.to),
        }
    }
    ends.len().max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bar(left: serde_json::Value, steps: serde_json::Value) -> LiveBar {
        let deployment = json!({
            "id": "0197a000-0000-7000-8000-000000000001", "component": "checkout", "environment": "production",
            "version": "4.2.0", "owner": "ann", "run": null, "outcome": "running", "status": "migrating",
            "started_at": "2026-01-05T09:30:00Z", "ended_at": null, "duration_seconds": null, "steps": 3,
        });
        let mut expected = json!({
            "deployment_id": "0197a000-0000-7000-8000-000000000001", "at": "2026-01-05T09:32:00Z", "elapsed_seconds": 120,
            "median_left_seconds": null, "low_left_seconds": null, "high_left_seconds": null, "expected_end": null,
            "past_deployments": 20, "is_longest": false, "reason": null, "steps": steps,
        });
        expected.as_object_mut().unwrap().extend(left.as_object().unwrap().clone());
        LiveBar::new(&serde_json::from_value(deployment).unwrap(), &serde_json::from_value(expected).unwrap())
    }

    fn step(status: &str, state: &str, from: &str, to: Option<&str>) -> serde_json::Value {
        let at = |time: &str| format!("2026-01-05T09:{time}Z");
        json!({
            "status": status, "state": state, "from": at(from), "to": to.map(at), "usual_seconds": 30,
            "usual_low_seconds": 20, "usual_high_seconds": 60, "is_slow": false, "past_deployments": 20,
        })
    }

    #[test]
    fn steps_at_the_same_time_have_lanes_of_their_own() {
        let left = json!({"median_left_seconds": 60, "low_left_seconds": 40, "high_left_seconds": 80});
        let steps = json!([
            step("building", "done", "30:00", Some("31:00")),
            step("testing", "running", "31:00", Some("32:20")),
            step("linting", "running", "31:30", Some("32:10")),
            step("deploying", "to come", "32:20", Some("33:00")),
        ]);
        let bar = bar(left, steps);
        assert_eq!((bar.lanes, bar.length.seconds()), (2, 200.0));
        let lanes: Vec<_> = bar.segments.iter().map(|segment| segment.lane).collect();
        assert_eq!(lanes, [0, 0, 1, 0]);
        assert_eq!((bar.now, bar.ends), (0.6, Some([0.8, 0.9, 1.0])));
        let testing = &bar.segments[1];
        assert_eq!((testing.from, testing.to, testing.usual_to), (0.3, 0.6, Some(0.6)));
    }

    #[test]
    fn without_a_past_some_space_is_free() {
        let bar = bar(json!({}), json!([step("building", "running", "30:00", None)]));
        assert!(bar.ends.is_none() && (bar.now - 0.85).abs() < 1e-6, "{bar:?}");
    }
}
