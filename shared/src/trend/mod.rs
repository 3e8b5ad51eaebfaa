//! Trends: how durations grow, what makes them grow, and whether they are within a budget; as it is asked and answered.

mod answer;
mod budget;
mod check;
mod column;
mod query;

pub use answer::{
    Cause, CauseShare, Estimate, Growth, LevelChange, Period, Point, SinceChange, StepPresence, Trend, TrendAnswer,
    Verdict, VersionRange,
};
pub use budget::{Baseline, Budget, BudgetKind, GrowthLimit};
pub use check::{BudgetAnswer, CheckAnswer, CheckQuery, CheckResult, Firing, Judged, Replay, ReplayedBudget};
pub(crate) use column::GAPS;
pub use column::TrendColumn;
pub use query::{PeriodKind, SmallestChange, SprintLength, SprintStart, Sprints, TrendQuery};

use crate::Duration;

/// How far back trends reach, and how long before a deployment others count for its budget, by default: 90 days.
pub const DEFAULT_LOOKBACK: Duration = Duration::from_secs(90 * 86_400);
