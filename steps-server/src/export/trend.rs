//! Trends as rows of a list.

use steps_shared::{CauseShare, Duration, Estimate, LevelChange, Status, Trend, TrendColumn};

use super::layout::{Cell, Row};

/// The name of the time in which no step was open.
const WAITING: &str = "(waiting)";

/// A trend.
#[derive(Debug, Clone)]
pub struct TrendRow(pub Trend);

impl Row for TrendRow {
    type Column = TrendColumn;
    const NAME: &'static str = "trends";
    const JSON: &'static [TrendColumn] = TrendColumn::ALL;

    fn cell(&self, column: TrendColumn) -> Cell<'_> {
        let Self(trend) = self;
        let weekly = trend.growth.as_ref().map(|growth| growth.seconds_per_week);
        let percent = trend.growth.as_ref().and_then(|growth| growth.percent_per_week);
        let sprint = trend.growth.as_ref().map(|growth| growth.seconds_per_sprint);
        let sprint_percent = trend.growth.as_ref().and_then(|growth| growth.percent_per_sprint);
        let change = trend.change_points.last();
        match column {
            TrendColumn::Component => Cell::Text(trend.component.as_str()),
            TrendColumn::Environment => Cell::Text(trend.environment.as_str()),
            TrendColumn::Step => trend.step.as_ref().map_or(Cell::Empty, |step| Cell::Text(step.as_str())),
            TrendColumn::Deployments => Cell::Number(trend.deployments.into()),
            TrendColumn::FirstStartedAt => Cell::Moment(trend.first_started_at),
            TrendColumn::LastStartedAt => Cell::Moment(trend.last_started_at),
            TrendColumn::Verdict => Cell::Text(trend.verdict.name()),
            TrendColumn::StartMedianSeconds => Cell::Seconds(trend.start_median),
            TrendColumn::NowMedianSeconds => Cell::Seconds(trend.now_median),
            TrendColumn::PercentPerWeek => fraction(percent, |estimate| estimate.value),
            TrendColumn::PercentPerWeekLow => fraction(percent, |estimate| estimate.low),
            TrendColumn::PercentPerWeekHigh => fraction(percent, |estimate| estimate.high),
            TrendColumn::SecondsPerWeek => fraction(weekly, |estimate| estimate.value),
            TrendColumn::SecondsPerWeekLow => fraction(weekly, |estimate| estimate.low),
            TrendColumn::SecondsPerWeekHigh => fraction(weekly, |estimate| estimate.high),
            TrendColumn::PercentPerSprint => fraction(sprint_percent, |estimate| estimate.value),
            TrendColumn::SecondsPerSprint => fraction(sprint, |estimate| estimate.value),
            TrendColumn::PValue => trend.growth.as_ref().map_or(Cell::Empty, |growth| Cell::Fraction(growth.p_value)),
            TrendColumn::Cause => trend.main_cause().map_or(Cell::Empty, |part| Cell::Text(name(part))),
            TrendColumn::CauseShare => {
                trend.main_cause().and_then(|part| part.share).map_or(Cell::Empty, Cell::Fraction)
            }
            TrendColumn::ChangePoints => Cell::Number(trend.change_points.len() as i64),
            TrendColumn::ChangedAt => change.map_or(Cell::Empty, |change| Cell::Moment(change.started_at)),
            TrendColumn::ChangedVersion => change.map_or(Cell::Empty, |change| Cell::Text(change.version.as_str())),
            TrendColumn::ChangedOwner => change.map_or(Cell::Empty, |change| Cell::Text(change.owner.as_str())),
            TrendColumn::ChangedFromSeconds => level(change, |change| change.before),
            TrendColumn::ChangedToSeconds => level(change, |change| change.after),
        }
    }
}

fn fraction(estimate: Option<Estimate>, of: fn(&Estimate) -> f64) -> Cell<'static> {
    estimate.as_ref().map(of).map_or(Cell::Empty, Cell::Fraction)
}

fn level(change: Option<&LevelChange>, of: fn(&LevelChange) -> Duration) -> Cell<'static> {
    change.map(of).map_or(Cell::Empty, Cell::Seconds)
}

fn name(part: &CauseShare) -> &str {
    part.step.as_ref().map_or(WAITING, Status::as_str)
}
