//! The chart of a trend: points, medians, the fitted line and changes of the level, over time.

use super::axis::{Axis, Tick, dates};
use super::words;
use crate::{Duration, Growth, Note, Point, Timestamp, Trend, TrendAnswer};

/// A point is drawn at the edge when it is this many times above what 95 % of the points stay below (or as many times
/// below what 95 % stay above): in its place it would press all others together.
const OUTLIER_FACTOR: f64 = 1.2;

/// Of fewer durations all are drawn in their place.
const MIN_FOR_OUTLIERS: usize = 5;

/// The share of the points that decides about outliers.
const OUTLIER_SHARE: f64 = 0.95;

/// Free space at the left and the right, as a share of the whole.
const MARGIN: f64 = 0.015;

/// The seconds of a week.
const WEEK_SECONDS: f64 = 604_800.0;

/// A chart. Times are seconds since 1970, durations are seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The first and the last time.
    pub times: [f64; 2],
    /// The axis of durations.
    pub durations: Axis,
    /// Deployments, or medians of several: when, and how long.
    pub points: Vec<(f64, f64)>,
    /// Those that took so much longer that they are drawn at the upper edge.
    pub above: Vec<(f64, f64)>,
    /// Those that took so much less that they are drawn at the lower edge.
    pub below: Vec<(f64, f64)>,
    /// The median of each week or sprint.
    pub medians: Vec<PeriodMedian>,
    /// The fitted line; `None` where there is not enough data.
    pub fit: Option<FittedLine>,
    /// Where the level changed.
    pub changes: Vec<VersionMark>,
    /// The notes within its times, the oldest first.
    pub notes: Vec<NoteMark>,
    /// What each kind of mark stands for.
    pub legend: Vec<(Mark, String)>,
    /// When a period began.
    origin: f64,
    /// The length of a period in seconds.
    period: f64,
}

/// The median of a week or sprint, as a horizontal line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeriodMedian {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// The median.
    pub seconds: f64,
}

/// A vertical line at the first deployment of a new level.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionMark {
    /// Where it is.
    pub at: f64,
    /// The version.
    pub version: String,
}

/// A note, by its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NoteMark {
    /// Its place among the notes of the trend, from 1.
    pub number: usize,
    /// Where it is, or begins.
    pub from: f64,
    /// Where it ends; the same as where it is for a moment.
    pub to: f64,
    /// When that is: a day, or two.
    pub when: String,
    /// What is known.
    pub text: String,
    /// Who says so.
    pub owner: String,
}

/// What explains the points and its confidence interval, within the chart.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedLine {
    /// The line.
    pub line: Vec<(f64, f64)>,
    /// The outline of where it lies with 95 % confidence of its slope: turned around its middle.
    pub band: Vec<(f64, f64)>,
}

/// The marks of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A deployment, or the median of several.
    Point,
    /// The median of a period.
    Median,
    /// The fitted line.
    Fit,
    /// A change of the level.
    Change,
    /// A point at the upper edge.
    Above,
    /// A point at the lower edge.
    Below,
}

impl Chart {
    /// The chart of a trend, with at most `max_ticks` durations at its axis; `None` for fewer than two points.
    #[must_use]
    pub fn new(answer: &TrendAnswer, trend: &Trend, max_ticks: usize) -> Option<Self> {
        let told = trend.points.as_deref().unwrap_or_default();
        let points: Vec<_> = told.iter().map(|point| (seconds(point.started_at), point.duration.seconds())).collect();
        let (from, to) = (seconds(trend.first_started_at), seconds(trend.last_started_at));
        if points.len() < 2 || to <= from {
            return None;
        }
        // What was noted after the last deployment is shown, too.
        let last = trend.notes.iter().map(|note| seconds(note.at)).fold(to, f64::max);
        let margin = (last - from) * MARGIN;
        let times = [from - margin, last + margin];
        let period = period_seconds(answer);
        let medians = trend.periods.iter().filter_map(|one| {
            let start = seconds(one.start);
            Some(PeriodMedian {
                from: start.max(times[0]),
                to: (start + period).min(times[1]),
                seconds: one.median?.seconds(),
            })
        });
        let medians: Vec<_> = medians.collect();

        let (min, max) = limits(points.iter().map(|(_, duration)| *duration).collect());
        let (points, above): (Vec<_>, Vec<_>) = points.into_iter().partition(|(_, duration)| *duration <= max);
        let (points, below): (Vec<_>, Vec<_>) = points.into_iter().partition(|(_, duration)| *duration >= min);
        let shown = || points.iter().map(|(_, duration)| *duration).chain(medians.iter().map(|median| median.seconds));
        let (min, max) = (shown().fold(f64::INFINITY, f64::min), shown().fold(0.0, f64::max));
        let durations = Axis::of_durations(min, max, max_ticks);
        let changes = trend.change_points.iter();
        let mut chart = Self {
            fit: trend.growth.as_ref().and_then(|growth| fit(growth, told, &durations)),
            times,
            durations,
            points,
            above,
            below,
            medians,
            changes: changes
                .map(|change| VersionMark { at: seconds(change.started_at), version: change.version.to_string() })
                .collect(),
            notes: note_marks(&trend.notes, times),
            legend: Vec::new(),
            origin: trend.periods.first().map_or(from, |period| seconds(period.start)),
            period,
        };
        chart.legend = chart.legend(answer, told.iter().any(|point| point.deployments > 1));
        Some(chart)
    }

    /// At most `max_ticks` ticks of the axis of times.
    #[must_use]
    pub fn dates(&self, max_ticks: usize) -> Vec<Tick> {
        dates(self.times[0], self.times[1], self.origin, self.period, max_ticks)
    }

    /// Where a time is: 0 at the left edge, 1 at the right one.
    #[must_use]
    pub fn time_share(&self, at: f64) -> f64 {
        let [from, to] = self.times;
        (at - from) / (to - from)
    }

    fn legend(&self, answer: &TrendAnswer, of_several: bool) -> Vec<(Mark, String)> {
        let points = if of_several { "medians of deployments that follow each other" } else { "deployments" };
        let mut legend =
            vec![(Mark::Point, points.to_owned()), (Mark::Median, format!("median of each {}", answer.by))];
        if self.fit.is_some() {
            legend.push((Mark::Fit, "what explains them, 95% interval of its slope".to_owned()));
        }
        if !self.changes.is_empty() {
            legend.push((Mark::Change, "the level changed".to_owned()));
        }
        legend.extend(outliers(&self.above, f64::max, "up to").map(|text| (Mark::Above, text)));
        legend.extend(outliers(&self.below, f64::min, "down to").map(|text| (Mark::Below, text)));
        legend
    }
}

/// The marks of notes that are within these times, in seconds since 1970.
#[must_use]
pub fn note_marks(notes: &[Note], times: [f64; 2]) -> Vec<NoteMark> {
    notes.iter().enumerate().filter_map(|(at, note)| note_mark(at + 1, note, times)).collect()
}

/// The mark of a note, as far as it is within the times.
fn note_mark(number: usize, note: &Note, [first, last]: [f64; 2]) -> Option<NoteMark> {
    let (from, to) = (seconds(note.at), seconds(note.until.unwrap_or(note.at)));
    (to >= first && from <= last).then(|| NoteMark {
        number,
        from: from.max(first),
        to: to.min(last),
        when: words::dates(note.at, note.until),
        text: note.text.to_string(),
        owner: note.owner.to_string(),
    })
}

/// What is drawn at an edge, not in its place.
fn outliers(points: &[(f64, f64)], extreme: fn(f64, f64) -> f64, reaching: &str) -> Option<String> {
    let extreme = points.iter().map(|(_, duration)| *duration).reduce(extreme)?;
    let extreme = words::duration(extreme);
    Some(match points.len() {
        1 => format!("took {extreme}"),
        many => format!("{many} took {reaching} {extreme}"),
    })
}

/// What explains the points and its interval, as far as they are within the axis; `None` where that is not told.
fn fit(growth: &Growth, points: &[Point], durations: &Axis) -> Option<FittedLine> {
    let fitted = points.iter().filter_map(|point| Some((seconds(point.started_at), point.fitted?.seconds())));
    let fitted: Vec<(f64, f64)> = fitted.collect();
    let (first, last) = (fitted.first()?, fitted.last()?);
    let middle = f64::midpoint(first.0, last.0);
    let slope = growth.percent_per_week?.map(|percent| (percent / 100.0).ln_1p());
    let drawn = if growth.is_told { slope.value } else { 0.0 };
    let (low, high) = (durations.low, durations.high);
    let turned = |slope: f64| {
        let of = move |(at, level): &(f64, f64)| (*at, level * ((slope - drawn) * (at - middle) / WEEK_SECONDS).exp());
        fitted.iter().map(of).collect::<Vec<_>>()
    };
    let outline = turned(slope.low).into_iter().chain(turned(slope.high).into_iter().rev());
    Some(FittedLine {
        line: fitted.iter().copied().filter(|(_, seconds)| (low..=high).contains(seconds)).collect(),
        band: outline.map(|(at, seconds)| (at, seconds.clamp(low, high))).collect(),
    })
}

/// The length of a week or sprint of the answer, in seconds.
pub(super) fn period_seconds(answer: &TrendAnswer) -> f64 {
    let sprint = || answer.sprint_length.parse().ok().map(Duration::seconds).filter(|seconds| *seconds > 0.0);
    if answer.by == "sprint" { sprint().unwrap_or(WEEK_SECONDS) } else { WEEK_SECONDS }
}

/// A time in seconds since 1970.
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.micros() as f64 / 1e6
}

/// The durations between which points are drawn in their place.
pub(super) fn limits(mut durations: Vec<f64>) -> (f64, f64) {
    // Of so few none is an outlier.
    if durations.len() < MIN_FOR_OUTLIERS {
        return (0.0, f64::INFINITY);
    }
    durations.sort_by(f64::total_cmp);
    let last = durations.len().saturating_sub(1);
    let at = (last as f64 * OUTLIER_SHARE) as usize;
    let of = |at: usize| durations.get(at).copied().unwrap_or_default();
    (of(last - at) / OUTLIER_FACTOR, of(at) * OUTLIER_FACTOR)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::trend_samples::{answer, trend, with};
    use super::*;

    fn chart(trend: serde_json::Value) -> Option<Chart> {
        let answer = answer(&[trend], "sprint");
        Chart::new(&answer, &answer.trends[0], 5)
    }

    #[test]
    fn a_chart_has_its_points_medians_fit_and_changes() {
        let chart = chart(trend()).unwrap();
        assert_eq!((chart.points.len(), chart.medians.len()), (12, 3));
        assert_eq!((chart.durations.low, chart.durations.high), (360.0, 540.0));
        assert_eq!(chart.changes[0].version, "4.12.0");
        let marks: Vec<_> = chart.legend.iter().map(|(mark, _)| *mark).collect();
        assert_eq!(marks, [Mark::Point, Mark::Median, Mark::Fit, Mark::Change]);
        let dates: Vec<_> = chart.dates(5).into_iter().map(|tick| tick.label).collect();
        assert_eq!(dates, ["2026-09-14", "2026-09-28", "2026-10-12"]);
        let fit = chart.fit.as_ref().unwrap();
        let inside = |(at, seconds): &(f64, f64)| {
            (0.0..=1.0).contains(&chart.time_share(*at)) && (360.0..=540.0).contains(seconds)
        };
        assert!(fit.line.iter().chain(&fit.band).all(inside), "{fit:?}");
    }

    #[test]
    fn notes_are_marked_within_the_times_and_after_the_last_deployment() {
        let note = |at: &str, until: serde_json::Value| {
            json!({"id": "0197a000-0000-7000-8000-000000000001", "component": "checkout", "environment": null,
                "text": "moved", "at": at, "until": until, "owner": "ann", "recorded_at": "2026-10-20T00:00:00Z"})
        };
        let notes = json!([
            note("2026-01-01T00:00:00Z", json!(null)),
            note("2026-08-01T00:00:00Z", json!("2026-09-10T00:00:00Z")),
            note("2026-10-25T00:00:00Z", json!(null)),
        ]);
        let chart = chart(with(&[("/notes", notes)])).unwrap();
        let marks: Vec<_> = chart.notes.iter().map(|note| (note.number, note.when.as_str())).collect();
        assert_eq!(marks, [(2, "2026-08-01 to 2026-09-10"), (3, "2026-10-25")]);
        assert_eq!(chart.notes[0].from, chart.times[0]);
        assert!(chart.notes[1].to < chart.times[1] && chart.time_share(chart.notes[1].to) > 0.97);
    }

    #[test]
    fn outliers_are_drawn_at_the_edge() {
        for (seconds, above, below, text) in [(7500, 1, 0, "took 2h05m"), (2, 0, 1, "took 2.0s")] {
            let mut points = trend()["points"].clone();
            points[3]["duration_seconds"] = json!(seconds);
            let chart = chart(with(&[("/points", points)])).unwrap();
            assert_eq!((chart.points.len(), chart.above.len(), chart.below.len()), (11, above, below));
            assert_eq!(chart.legend.last().unwrap().1, text);
        }
    }

    #[test]
    fn fewer_than_two_points_make_no_chart() {
        assert_eq!(chart(with(&[("/points", json!(null))])), None);
        assert_eq!(chart(with(&[("/last_started_at", trend()["first_started_at"].clone())])), None);
    }
}
