//! How durations grow, and the verdict on it.

use steps_shared::{Duration, Estimate, Growth, Percent, Point, Timestamp, Verdict};

use super::model::{Explanation, Least, explain};
use super::series::{Timed, fitted};
use crate::analysis::statistics::{mann_kendall, rounded};

/// Fewer deployments are not enough data …
pub const MIN_DEPLOYMENTS: usize = 10;

/// … and so is less time between the first and the last: two weeks.
pub const MIN_MICROS: i64 = 2 * WEEK_MICROS;

/// A week in microseconds.
pub const WEEK_MICROS: i64 = 7 * 86_400_000_000;

/// Whether a series is long enough to measure its growth.
#[must_use]
pub fn is_enough(series: &[Timed]) -> bool {
    let (Some(first), Some(last)) = (series.first(), series.last()) else { return false };
    series.len() >= MIN_DEPLOYMENTS && last.started_at.micros() - first.started_at.micros() >= MIN_MICROS
}

/// What a series is fitted as, and what explains it; no explanation where there is not enough data.
#[must_use]
pub fn explained(series: &[Timed], least: Least) -> (Vec<Point>, Option<Explanation>) {
    let mut points = fitted(series);
    let explanation = if is_enough(series) { explain(&weeks(&points), &points, least) } else { None };
    if let Some(explanation) = &explanation {
        let levels = points.iter_mut().zip(&explanation.levels);
        levels.for_each(|(point, level)| point.fitted = Duration::from_seconds(*level).ok());
    }
    (points, explanation)
}

/// When each point is, in weeks from the first.
pub(super) fn weeks(points: &[Point]) -> Vec<f64> {
    let first = points.first().map_or(0, |point| point.started_at.micros());
    points.iter().map(|point| (point.started_at.micros() - first) as f64 / WEEK_MICROS as f64).collect()
}

/// The growth by an explanation of points.
#[must_use]
pub fn growth(points: &[Point], explanation: &Explanation, sprint: Duration) -> Option<Growth> {
    let first = points.first()?.started_at;
    let slope = &explanation.slope;
    let weeks = weeks(points);
    let until = slope.until.unwrap_or(f64::INFINITY);
    let begun = weeks.partition_point(|week| *week < slope.from).min(points.len() - 1);
    let ended = weeks.partition_point(|week| *week <= until).clamp(begun + 1, points.len()) - 1;
    let (start, end) = (explanation.levels[begun], explanation.levels[ended]);
    let middle = (start * end).sqrt();
    let logs = Estimate { value: slope.value, low: slope.low, high: slope.high };
    let compound = |weeks: f64| logs.map(|log| (log * weeks).exp_m1() * 100.0);
    let seconds_per_week = logs.times(middle);
    let told = |estimate: Estimate| estimate.map(rounded);
    let sprint_weeks = sprint.micros() as f64 / WEEK_MICROS as f64;
    let moment = |weeks: f64| {
        let micros = first.micros() + (weeks * WEEK_MICROS as f64).round() as i64;
        Timestamp::from_micros(micros).unwrap_or(first)
    };
    let durations: Vec<f64> = points.iter().map(|point| point.duration.seconds()).collect();
    Some(Growth {
        seconds_per_week: told(seconds_per_week),
        percent_per_week: Some(told(compound(1.0))),
        seconds_per_sprint: told(seconds_per_week.times(sprint_weeks)),
        percent_per_sprint: Some(told(compound(sprint_weeks))),
        fitted_start_seconds: rounded(start),
        fitted_end_seconds: rounded(end),
        p_value: rounded(slope.p_value),
        tau: mann_kendall(&durations).tau,
        fitted_points: u32::try_from(points.len()).unwrap_or(u32::MAX),
        is_told: slope.told,
        began_at: (slope.told && slope.from > 0.0).then(|| moment(slope.from)),
        stopped_at: slope.until.map(moment),
    })
}

/// The verdict: growing or shrinking where growth is a part of the explanation, goes on, and is at least `min_change` a week and
/// `least` in all of its time; else jumped or dropped where the jumps together changed the level by as much; else steady.
#[must_use]
pub fn verdict(growth: Option<&Growth>, jumped: (f64, f64), min_change: Percent, least: Least) -> Verdict {
    let Some(growth) = growth else { return Verdict::NotEnoughData };
    let matters = growth.percent_per_week.is_none_or(|percent| percent.value.abs() >= min_change.value())
        && (growth.fitted_end_seconds - growth.fitted_start_seconds).abs() >= least.seconds;
    let (before, after) = jumped;
    let jumped = after - before;
    let has_jumped = jumped.abs() >= least.seconds && jumped.abs() >= super::changes::MIN_CHANGE * before;
    match growth.is_significant() && growth.stopped_at.is_none() && matters {
        true if growth.seconds_per_week.value > 0.0 => Verdict::Growing,
        true if growth.seconds_per_week.value < 0.0 => Verdict::Shrinking,
        _ if has_jumped && jumped > 0.0 => Verdict::Jumped,
        _ if has_jumped && jumped < 0.0 => Verdict::Dropped,
        _ => Verdict::Steady,
    }
}
