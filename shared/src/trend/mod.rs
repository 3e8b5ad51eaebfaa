//! Trends: how durations grow, what makes them grow, and whether they are within a budget; as it is asked and answered.

mod answer;
mod budget;
mod check;
mod column;
mod query;

pub use answer::{Cause, Change, ChangePoint, Estimate, Growth, Part, Period, Point, Trend, TrendAnswer, Verdict};
pub use budget::{Baseline, Budget, BudgetKind, GrowthLimit};
pub use check::{BudgetAnswer, CheckAnswer, CheckQuery, CheckResult, Firing, Judged, Replay, ReplayedBudget};
pub use column::TrendColumn;
pub use query::{PeriodKind, SmallestChange, SprintLength, SprintStart, Sprints, TrendQuery};
