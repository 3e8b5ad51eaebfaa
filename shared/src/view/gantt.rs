//! The timeline of a deployment as a picture: its rows with what is to come, the critical path, usual times, and an axis.

use super::axis::{Axis, Tick};
use super::text::Meaning;
use super::timeline::{Row, RowKind, Timeline};
use crate::{Deployment, Duration, Expected, StepState, TimelineStep, Timestamp};

/// The most ticks of the axis.
const MAX_TICKS: usize = 6;

/// A timeline as a picture. Places are shares: 0 is the beginning of the deployment, 1 the end of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Gantt {
    /// Its rows, in order.
    pub rows: Vec<GanttRow>,
    /// Its axis: durations since the beginning, with places.
    pub ticks: Vec<Tick>,
    /// Where now is, while it is running.
    pub now: Option<f64>,
    /// The time that it shows.
    pub length: Duration,
}

/// A row of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct GanttRow {
    /// The row, with its places in this picture.
    pub row: Row,
    /// For how long it held the deployment up: it is on the critical path where that is not zero.
    pub critical: Duration,
    /// Where it ends when it takes as long as usual.
    pub usual_to: Option<f64>,
    /// Whether it has not begun.
    pub is_to_come: bool,
    /// When it began, where it is open.
    pub open_since: Option<Timestamp>,
}

impl Gantt {
    /// The picture of a deployment; `critical` says of each step for how long it held the whole up.
    #[must_use]
    pub fn new(
        deployment: &Deployment,
        steps: &[TimelineStep],
        timeline: &Timeline,
        expected: Option<&Expected>,
        critical: &[Duration],
    ) -> Self {
        let start = deployment.started_at;
        let since_start = |time: Timestamp| (time.micros() - start.micros()) as f64 / 1e6;
        let ended = since_start(timeline.edge);
        let shown = expected.map_or(ended, |expected| ended.max(since_start(expected.at)));
        let to_come =
            || expected.iter().flat_map(|expected| &expected.steps).filter(|step| step.state == StepState::ToCome);
        let ahead = to_come().filter_map(|step| step.to).chain(expected.and_then(|expected| expected.expected_end));
        let length = ahead.map(since_start).fold(shown, f64::max).max(1e-6);
        let scale = ended / length;
        let share = |seconds: f64| (seconds / length).clamp(0.0, 1.0);

        let mut nth = 0;
        let mut rows: Vec<GanttRow> = Vec::new();
        for row in &timeline.rows {
            let mut row = row.clone();
            (row.from, row.to) = (row.from * scale, row.to * scale);
            let step = if row.kind == RowKind::Gap { None } else { steps.get(nth) };
            let held = step.and_then(|_| critical.get(nth).copied()).unwrap_or_default();
            nth += usize::from(step.is_some());
            let is_bar = matches!(row.kind, RowKind::Took | RowKind::Failed | RowKind::Waited | RowKind::Open);
            let usual = row.usual.filter(|_| is_bar).map(|usual| (row.from + usual.seconds() / length).min(1.0));
            rows.push(GanttRow {
                critical: held,
                usual_to: usual,
                is_to_come: false,
                open_since: step.filter(|_| row.kind == RowKind::Open).map(|step| step.step.ts),
                row,
            });
        }
        for step in to_come() {
            let (Some(from), Some(to)) = (step.from, step.to) else { continue };
            let row = Row {
                name: step.status.to_string(),
                kind: RowKind::Open,
                meaning: Meaning::Faint,
                from: share(since_start(from)),
                to: share(since_start(to)),
                duration: None,
                share: None,
                usual: step.usual,
                slow: None,
                note: String::new(),
                depth: 0,
                is_parallel: false,
            };
            let of_row =
                GanttRow { row, critical: Duration::default(), usual_to: None, is_to_come: true, open_since: None };
            rows.push(of_row);
        }
        let ticks =
            Axis::of_durations(0.0, length, MAX_TICKS).ticks.into_iter().filter(|tick| tick.at <= length * 1.001);
        Self {
            rows,
            ticks: ticks.map(|tick| Tick { at: share(tick.at), label: tick.label }).collect(),
            now: expected.map(|expected| share(since_start(expected.at))),
            length: Duration::from_seconds(length).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::timeline::tests::detail;
    use super::super::timeline::timeline;
    use super::*;

    #[test]
    fn what_is_to_come_stands_behind_what_has_been() {
        let steps = [
            ("building", 0, Some(60), json!({"usual_seconds": 30.0})),
            ("migrating", 60, None, json!({"usual_seconds": 80.0})),
        ];
        let detail = detail("running", None, &steps);
        let expected: Expected = serde_json::from_value(json!({
            "deployment_id": "0197a000-0000-7000-8000-000000000001", "at": "2026-01-05T09:31:40Z", "elapsed_seconds": 100,
            "median_left_seconds": 100, "low_left_seconds": 90, "high_left_seconds": 120,
            "expected_end": "2026-01-05T09:33:20Z", "past_deployments": 20, "is_longest": false, "reason": null, "steps": [{
                "status": "deploying", "state": "to come", "from": "2026-01-05T09:32:20Z", "to": "2026-01-05T09:33:20Z",
                "usual_seconds": 60, "usual_low_seconds": null, "usual_high_seconds": null, "is_slow": false,
                "past_deployments": 20,
            }],
        }))
        .unwrap();
        let timeline = timeline(&detail, expected.at);
        let held = [Duration::from_secs(60), Duration::from_secs(40)];
        let gantt = Gantt::new(&detail.deployment, &detail.timeline, &timeline, Some(&expected), &held);
        let places: Vec<_> = gantt.rows.iter().map(|row| (row.row.name.as_str(), row.row.from, row.row.to)).collect();
        assert_eq!(places, [("building", 0.0, 0.3), ("migrating", 0.3, 0.5), ("deploying", 0.7, 1.0)]);
        assert_eq!((gantt.now, gantt.length.seconds()), (Some(0.5), 200.0));
        assert_eq!(gantt.rows.iter().map(|row| row.usual_to).collect::<Vec<_>>(), [Some(0.15), Some(0.7), None]);
        assert_eq!(gantt.rows[1].open_since, Some(detail.timeline[1].step.ts));
        assert!(gantt.rows[2].is_to_come && gantt.rows[0].critical == held[0]);
        let labels: Vec<_> = gantt.ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["0.00s", "1m00s", "2m00s", "3m00s"]);
    }
}
