//! How durations grow, and the verdict on it.

use steps_shared::{Duration, Estimate, Growth, Percent, Point, Timestamp, Verdict};

use super::series::{Timed, fitted};
use crate::analysis::statistics::{mann_kendall, median_of, theil_sen};

/// Fewer deployments are not enough data …
pub const MIN_DEPLOYMENTS: usize = 10;

/// … and so is less time between the first and the last: two weeks.
pub const MIN_MICROS: i64 = 2 * WEEK_MICROS;

/// Growth in percent is relative to where the fitted line begins; there is none when that is less than this share of the
/// median.
const MIN_FITTED_START: f64 = 0.05;

const WEEK_MICROS: i64 = 7 * 86_400_000_000;

/// Whether a series is long enough to measure its growth.
#[must_use]
pub fn is_enough(series: &[Timed]) -> bool {
    let (Some(first), Some(last)) = (series.first(), series.last()) else { return false };
    series.len() >= MIN_DEPLOYMENTS && last.started_at.micros() - first.started_at.micros() >= MIN_MICROS
}

/// How a series grows; `None` when there is not enough data.
#[must_use]
pub fn growth_of(series: &[Timed], sprint: Duration) -> Option<Growth> {
    if is_enough(series) { growth(&fitted(series), sprint) } else { None }
}

/// How the durations of points grow, that are in order of time: the line by Theil and Sen ([`theil_sen`]), and the test by
/// Mann and Kendall ([`mann_kendall`]). `None` when all have the same time.
#[must_use]
pub fn growth(points: &[Point], sprint: Duration) -> Option<Growth> {
    let first = points.first()?.started_at;
    let weeks = |time: Timestamp| (time.micros() - first.micros()) as f64 / WEEK_MICROS as f64;
    let x: Vec<f64> = points.iter().map(|point| weeks(point.started_at)).collect();
    let y: Vec<f64> = points.iter().map(|point| point.duration.seconds()).collect();
    let line = theil_sen(&x, &y)?;
    let test = mann_kendall(&y);
    let seconds_per_week = Estimate { value: line.slope, low: line.low, high: line.high };
    let fitted_start = line.intercept;
    let is_measure = fitted_start > MIN_FITTED_START * median_of(&y);
    let percent_per_week = is_measure.then(|| seconds_per_week.times(100.0 / fitted_start));
    let sprint_weeks = sprint.micros() as f64 / WEEK_MICROS as f64;
    Some(Growth {
        seconds_per_week,
        percent_per_week,
        seconds_per_sprint: seconds_per_week.times(sprint_weeks),
        percent_per_sprint: percent_per_week.map(|percent| percent.times(sprint_weeks)),
        fitted_start_seconds: fitted_start,
        fitted_end_seconds: fitted_start + line.slope * x.last().copied().unwrap_or_default(),
        p_value: test.p_value,
        tau: test.tau,
        fitted_points: u32::try_from(points.len()).unwrap_or(u32::MAX),
    })
}

/// The verdict on growth: growing or shrinking when it is significant and at least `min_change` a week, else steady.
#[must_use]
pub fn verdict(growth: Option<&Growth>, min_change: Percent) -> Verdict {
    let Some(growth) = growth else { return Verdict::NotEnoughData };
    let slope = growth.seconds_per_week.value;
    // Where a line begins near zero, or below, its slope is more than any share of its beginning.
    let matters = growth.percent_per_week.is_none_or(|percent| percent.value.abs() >= min_change.value());
    match growth.is_significant() && matters {
        true if slope > 0.0 => Verdict::Growing,
        true if slope < 0.0 => Verdict::Shrinking,
        _ => Verdict::Steady,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitted;
    use super::super::series::tests::{series, timed};
    use super::*;

    const FORTNIGHT: i64 = 2 * WEEK_MICROS;

    fn grown(seconds: impl IntoIterator<Item = f64>) -> Growth {
        growth(&fitted(&series(seconds)), Duration::from_micros(FORTNIGHT).unwrap()).unwrap()
    }

    fn one() -> Percent {
        Percent::new(1.0).unwrap()
    }

    #[test]
    fn is_told_by_week_and_by_sprint() {
        // 21 deployments a week, each a second longer: 21 s a week.
        let growth = grown((0..210).map(|nth| 420.0 + f64::from(nth)));
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        near(growth.seconds_per_week.value, 21.0);
        near(growth.percent_per_week.unwrap().value, 5.0);
        near(growth.seconds_per_sprint.low, 42.0);
        near(growth.percent_per_sprint.unwrap().high, 10.0);
        near(growth.fitted_start_seconds, 420.0);
        near(growth.fitted_end_seconds, 629.0);
        assert_eq!(verdict(Some(&growth), one()), Verdict::Growing);
        assert_eq!(verdict(Some(&growth), Percent::new(5.1).unwrap()), Verdict::Steady, "too little to matter");
    }

    #[test]
    fn shrinking_and_steady_and_none() {
        let falling = grown((0..100).map(|nth| 420.0 - f64::from(nth)));
        assert_eq!(verdict(Some(&falling), one()), Verdict::Shrinking);
        let constant = grown([420.0; 100]);
        assert_eq!((verdict(Some(&constant), one()), constant.p_value), (Verdict::Steady, 1.0));
        assert_eq!(verdict(Some(&constant), Percent::new(0.0).unwrap()), Verdict::Steady);
        assert_eq!(verdict(None, one()), Verdict::NotEnoughData);
        assert_eq!(growth(&[], Duration::default()), None);
    }

    #[test]
    fn a_line_that_begins_below_zero_has_no_percentage_and_grows() {
        let growth = grown((0..100).map(|nth| f64::from(nth).powi(4)));
        assert!(growth.fitted_start_seconds < 0.0);
        assert_eq!(growth.percent_per_week, None);
        assert_eq!(verdict(Some(&growth), one()), Verdict::Growing);
    }

    #[test]
    fn ten_over_two_weeks_are_enough() {
        let over_two_weeks = |deployments: usize, less: f64| {
            let minutes = (FORTNIGHT / 60_000_000) as f64 - less;
            let at = |nth: usize| timed(minutes * nth as f64 / (deployments - 1) as f64, 60.0);
            is_enough(&(0..deployments).map(at).collect::<Vec<_>>())
        };
        assert!(over_two_weeks(10, 0.0));
        assert!(!over_two_weeks(9, 0.0));
        assert!(!over_two_weeks(1000, 1e-7), "microseconds short of it");
        assert!(!is_enough(&[]));
    }
}
