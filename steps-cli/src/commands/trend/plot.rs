//! What a chart of a trend shows, and where: on a terminal and in a file alike. Pure.

use steps_shared::{Duration, LevelChange, Timestamp, Trend, TrendAnswer};

use crate::output::axis::{Axis, dates};

/// What is more than so many times as long as 95 of 100, or as much shorter than 95 of 100, would press all else together …
const FAR: f64 = 1.2;

/// … and is drawn at the edge.
const MOST: f64 = 0.95;

/// Free space at the left and the right, of the whole.
const MARGIN: f64 = 0.015;

/// How long a week is.
pub const WEEK_SECONDS: f64 = 604_800.0;

/// A chart: moments are seconds since 1970, durations are seconds.
#[derive(Debug)]
pub struct Plot<'a> {
    /// Which moments it shows.
    pub moments: [f64; 2],
    /// Which durations.
    pub durations: Axis,
    /// The deployments, or medians of several.
    pub points: Vec<(f64, f64)>,
    /// The same of those that took so much longer that they stand at the upper edge.
    pub far: Vec<(f64, f64)>,
    /// The same of those that took so much less that they stand at the lower edge.
    pub short: Vec<(f64, f64)>,
    /// The median of each week or sprint: from, to, and how long.
    pub medians: Vec<(f64, f64, f64)>,
    /// Where the level changed.
    pub changes: Vec<(f64, &'a LevelChange)>,
    /// How long a week or a sprint is.
    pub period: f64,
    /// When one of them began.
    origin: f64,
    /// Of how many deployments most points are.
    pub of_several: bool,
}

impl<'a> Plot<'a> {
    /// The chart of a trend; `None` where there is nothing to draw.
    pub fn of(answer: &TrendAnswer, trend: &'a Trend, marks: usize) -> Option<Self> {
        let told = trend.points.as_deref().unwrap_or_default();
        let points: Vec<_> = told.iter().map(|point| (seconds(point.started_at), point.duration.seconds())).collect();
        let (from, to) = (seconds(trend.first_started_at), seconds(trend.last_started_at));
        if points.len() < 2 || to <= from {
            return None;
        }
        let space = (to - from) * MARGIN;
        let moments = [from - space, to + space];
        let period = period_seconds(answer);
        let medians = trend.periods.iter().map(|one| {
            let start = seconds(one.start);
            (start.max(moments[0]), (start + period).min(moments[1]), one.median.seconds())
        });
        let medians: Vec<_> = medians.collect();

        let (least, most) = limits(points.iter().map(|(_, duration)| *duration).collect());
        let (points, far): (Vec<_>, Vec<_>) = points.into_iter().partition(|(_, duration)| *duration <= most);
        let (points, short): (Vec<_>, Vec<_>) = points.into_iter().partition(|(_, duration)| *duration >= least);
        let shown = || points.iter().map(|(_, duration)| *duration).chain(medians.iter().map(|(_, _, median)| *median));
        let (least, most) = (shown().fold(f64::INFINITY, f64::min), shown().fold(0.0, f64::max));
        Some(Self {
            moments,
            durations: Axis::of_durations(least, most, marks),
            points,
            far,
            short,
            medians,
            changes: trend.change_points.iter().map(|change| (seconds(change.started_at), change)).collect(),
            period,
            origin: trend.periods.first().map_or(from, |period| seconds(period.start)),
            of_several: told.iter().any(|point| point.deployments > 1),
        })
    }

    /// Where dates are written, at most so many.
    pub fn dates(&self, most: usize) -> Vec<(f64, String)> {
        dates(self.moments[0], self.moments[1], self.origin, self.period, most)
    }

    /// What the points are.
    pub fn points_are(&self) -> &'static str {
        if self.of_several { "medians of deployments that follow each other" } else { "deployments" }
    }

    /// What is drawn at the upper edge, not where it belongs.
    pub fn far_ones(&self) -> Option<String> {
        told(&self.far, f64::max, "up to")
    }

    /// What is drawn at the lower edge.
    pub fn short_ones(&self) -> Option<String> {
        told(&self.short, f64::min, "down to")
    }
}

fn told(points: &[(f64, f64)], most: fn(f64, f64) -> f64, reaching: &str) -> Option<String> {
    let most = points.iter().map(|(_, duration)| *duration).reduce(most)?;
    let most = Duration::from_seconds(most).unwrap_or_default();
    Some(match points.len() {
        1 => format!("took {most}"),
        many => format!("{many} took {reaching} {most}"),
    })
}

/// How long a week or sprint of the answer is.
pub fn period_seconds(answer: &TrendAnswer) -> f64 {
    let sprint = || answer.sprint_length.parse().ok().map(Duration::seconds).filter(|seconds| *seconds > 0.0);
    if answer.by == "sprint" { sprint().unwrap_or(WEEK_SECONDS) } else { WEEK_SECONDS }
}

/// A moment in seconds since 1970.
pub fn seconds(moment: Timestamp) -> f64 {
    moment.micros() as f64 / 1e6
}

/// Between which durations points are drawn where they belong.
fn limits(mut durations: Vec<f64>) -> (f64, f64) {
    durations.sort_by(f64::total_cmp);
    let last = durations.len().saturating_sub(1);
    let at = (last as f64 * MOST) as usize;
    let of = |at: usize| durations.get(at).copied().unwrap_or_default();
    (of(last - at) / FAR, of(at) * FAR)
}
