//! What is concluded of series and of budgets, for `make truth`: simulations whose truth is known.

use std::ops::Range;

use steps_shared::{Budget, CheckResult, Duration, Growth, Percent, StepId, Timestamp, Verdict};

use crate::analysis::discovery;
use crate::analysis::series::{least_difference, median};
use crate::analysis::usual::slow_from;
use crate::analysis::{Budgets, Lookback, Timed, conclude, model};

/// A series of deployments.
#[derive(Debug, Clone)]
pub struct Series(Vec<Timed>);

/// What is told of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// How it is judged.
    pub verdict: Verdict,
    /// How it grows.
    pub growth: Option<Growth>,
    /// Which deployment is most probably the first of each new level, and which are with 90 %.
    pub changes: Vec<(usize, Range<usize>)>,
    /// The least p-value of its growth and of its changes.
    pub p_value: f64,
}

impl Series {
    /// Of deployments that started at these days, and took so many seconds.
    #[must_use]
    pub fn new(days: &[f64], seconds: &[f64]) -> Self {
        const DAY_MICROS: f64 = 86.4e9;
        // 2026-01-05, a Monday.
        const MONDAY_MICROS: f64 = 1_767_571_200e6;
        let timed = |(nth, (day, seconds)): (usize, (&f64, &f64))| Timed {
            id: StepId(uuid::Uuid::from_u128(nth as u128)),
            started_at: Timestamp::from_micros((MONDAY_MICROS + day * DAY_MICROS) as i64).unwrap_or_default(),
            duration: Duration::from_seconds(*seconds).unwrap_or_default(),
        };
        Self(days.iter().zip(seconds).enumerate().map(timed).collect())
    }

    /// What `steps trend` tells of it.
    #[must_use]
    pub fn told(&self, min_change: Percent) -> Told {
        let least = least_difference(&self.0, median(&self.0));
        let found = conclude(&self.0, Duration::default(), min_change, least);
        let p_value = found.growth.as_ref().map_or(1.0, |growth| growth.p_value);
        Told {
            verdict: found.verdict,
            growth: found.growth,
            p_value: found.changes.iter().map(|change| change.p_value).fold(p_value, f64::min),
            changes: found.changes.into_iter().map(|change| (change.at, change.range)).collect(),
        }
    }

    /// What `steps check` says of each deployment, as of its own time.
    #[must_use]
    pub fn checked(&self, budget: &Budget) -> Vec<CheckResult> {
        let least = least_difference(&self.0, median(&self.0));
        let budgets = Budgets::new(&self.0, budget, Lookback::new(None), least);
        let worst = |(_, verdicts): (_, Vec<crate::analysis::budget::LimitVerdict>)| {
            verdicts.iter().map(|verdict| verdict.result).max().unwrap_or(CheckResult::Within)
        };
        budgets.replay(0).map(worst).collect()
    }
}

impl Series {
    /// For each deployment from the 21st on, whether `steps show` marks it as slow, by the hundred before it.
    #[must_use]
    pub fn marked(&self) -> Vec<bool> {
        let durations: Vec<Duration> = self.0.iter().map(|timed| timed.duration).collect();
        let is_slow =
            |at: usize| slow_from(&durations[at.saturating_sub(100)..at]).is_some_and(|from| durations[at] > from);
        (20..durations.len()).map(is_slow).collect()
    }
}

/// The logarithm of the evidence of an explanation of logarithms at weeks, by jumps and perhaps a line; and the low end, the middle and
/// the high end of the slope's interval of 95 %, in logarithms a week.
#[must_use]
pub fn weighed(weeks: &[f64], logs: &[f64], jumps: &[usize], line: bool) -> (f64, [f64; 3]) {
    model::weighed(weeks, logs, jumps, line)
}

/// The least false discovery rate at which each of many p-values is told.
#[must_use]
pub fn q_values(p_values: &[f64]) -> Vec<f64> {
    discovery::q_values(p_values)
}
