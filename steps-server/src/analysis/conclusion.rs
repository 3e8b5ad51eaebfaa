//! What is concluded of a series, from the one explanation of it.

use steps_shared::{Duration, Growth, Percent, Point, Verdict};

use super::changes::{Changed, changes};
use super::growth::{explained, growth, verdict};
use super::model::Least;
use super::series::Timed;

/// What is told of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// What it is fitted as.
    pub points: Vec<Point>,
    /// How it grows; `None` where there is not enough data.
    pub growth: Option<Growth>,
    /// Where the level changed, the oldest first.
    pub changes: Vec<Changed>,
    /// How it is judged by itself.
    pub verdict: Verdict,
}

/// Explains a series, and says what of that is told.
#[must_use]
pub fn conclude(series: &[Timed], sprint: Duration, min_change: Percent, least: Duration) -> Conclusion {
    let least = Least { seconds: least.seconds() };
    let (points, explanation) = explained(series, least);
    let growth = explanation.as_ref().and_then(|found| growth(&points, found, sprint));
    let changes = explanation.as_ref().map_or_else(Vec::new, |found| changes(series, found));
    let before = changes.first().map_or(0.0, |change| change.before);
    let after = changes.last().map_or(0.0, |change| change.after);
    let verdict = verdict(growth.as_ref(), (before, after), min_change, least);
    Conclusion { points, growth, changes, verdict }
}
