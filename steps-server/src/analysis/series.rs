//! A series: the successful deployments of one component into one environment, in order of their start.

use std::ops::Range;

use steps_shared::{Duration, Point, StepId, Timestamp};

use crate::analysis::statistics::{self, median_of};

/// The most points for computations that take quadratic time.
pub const MAX_FITTED: usize = 400;

/// A successful deployment, and how long it, or one step in it, took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timed {
    pub id: StepId,
    pub started_at: Timestamp,
    pub duration: Duration,
}

impl Timed {
    /// How long it took, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.duration.seconds()
    }
}

/// The durations of a series, in seconds.
#[must_use]
pub fn seconds(series: &[Timed]) -> Vec<f64> {
    series.iter().map(Timed::seconds).collect()
}

/// The median duration of a series.
#[must_use]
pub fn median(series: &[Timed]) -> Duration {
    let durations: Vec<Duration> = series.iter().map(|timed| timed.duration).collect();
    statistics::median(&durations).unwrap_or_default()
}

/// The points that a line is fitted to: each deployment, or, of more than [`MAX_FITTED`], the median start and the median
/// duration of each of that many groups of neighbours, of equal size as far as possible.
#[must_use]
pub fn fitted(series: &[Timed]) -> Vec<Point> {
    groups(series.len())
        .map(|group| {
            let group = &series[group];
            let starts: Vec<f64> = group.iter().map(|timed| timed.started_at.micros() as f64).collect();
            Point {
                started_at: Timestamp::from_micros(median_of(&starts).round() as i64).unwrap_or_default(),
                duration: median(group),
                deployments: u32::try_from(group.len()).unwrap_or(u32::MAX),
                fitted: None,
            }
        })
        .collect()
}

/// The groups that a number of deployments is put into.
pub fn groups(deployments: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    let many = deployments.min(MAX_FITTED);
    (0..many).map(move |nth| nth * deployments / many..(nth + 1) * deployments / many)
}

/// The two ends of a series that are compared: a fifth of it each, but at least 5 and at most 50 deployments. They overlap
/// where there are fewer than ten.
#[must_use]
pub fn ends(series: &[Timed]) -> (&[Timed], &[Timed]) {
    let size = (series.len() / 5).clamp(5, 50).min(series.len());
    (&series[..size], &series[series.len() - size..])
}

/// The smallest difference that matters in a series where none is asked for: a hundredth of a whole deployment, and the resolution
/// at which it was recorded; what would be shown as 0.00 s never does.
#[must_use]
pub fn least_difference(series: &[Timed], whole: Duration) -> Duration {
    const SECOND: i64 = 1_000_000;
    let in_whole_seconds = series.iter().all(|timed| timed.duration.micros() % SECOND == 0);
    let resolution = if in_whole_seconds { SECOND } else { SECOND / 100 };
    Duration::from_micros(resolution.max(whole.micros() / 100)).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const MINUTE_MICROS: i64 = 60_000_000;

    /// A deployment of so many seconds, so many minutes after 2026-01-05.
    pub fn timed(minute: f64, seconds: f64) -> Timed {
        let monday: Timestamp = "2026-01-05 00:00:00".parse().unwrap();
        let micros = monday.micros() + (minute * MINUTE_MICROS as f64) as i64;
        Timed {
            id: StepId(uuid::Uuid::from_u128(micros.unsigned_abs().into())),
            started_at: Timestamp::from_micros(micros).unwrap(),
            duration: Duration::from_seconds(seconds).unwrap(),
        }
    }

    /// Deployments of so many seconds, one every eight hours.
    pub fn series(seconds: impl IntoIterator<Item = f64>) -> Vec<Timed> {
        seconds.into_iter().enumerate().map(|(nth, seconds)| timed(nth as f64 * 480.0, seconds)).collect()
    }

    #[test]
    fn few_are_fitted_as_they_are() {
        let series = series((0..400).map(f64::from));
        let points = fitted(&series);
        assert_eq!(points.len(), 400);
        assert!(points.iter().zip(&series).all(|(point, timed)| point.started_at == timed.started_at
            && point.duration == timed.duration
            && point.deployments == 1));
    }

    #[test]
    fn many_are_fitted_as_medians_of_groups_and_none_is_left_out() {
        let mut long = series((0..1000).map(f64::from));
        // An outlier in a group of two or three is not a point's duration.
        long[500].duration = Duration::from_seconds(1e6).unwrap();
        let points = fitted(&long);
        assert_eq!(points.len(), MAX_FITTED);
        assert_eq!(points.iter().map(|point| point.deployments).sum::<u32>(), 1000);
        assert!(points.iter().all(|point| (2..=3).contains(&point.deployments)));
        assert_eq!((points[0].duration.seconds(), points[0].started_at), (0.5, timed(240.0, 0.0).started_at));
        assert_eq!(fitted(&long), points, "the same again");
    }

    #[test]
    fn ends_are_a_fifth_within_bounds() {
        let sizes = [0, 1, 7, 10, 30, 100, 1000].map(|many| {
            let series = series((0..many).map(f64::from));
            let (before, after) = ends(&series);
            assert_eq!(before.len(), after.len());
            before.len()
        });
        assert_eq!(sizes, [0, 1, 5, 5, 6, 20, 50]);
    }
}
