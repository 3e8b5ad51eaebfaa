//! Statistics as rows of a list.

use std::sync::Arc;

use steps_shared::{Duration, GroupBy, Stat, StatColumn};

use super::layout::{Cell, Row};

/// The statistics of one group.
#[derive(Debug, Clone)]
pub struct StatRow(pub Arc<Stat>);

impl StatRow {
    /// The columns of statistics that are grouped like this: the groups, then the numbers.
    #[must_use]
    pub fn columns(by: &[GroupBy]) -> Vec<StatColumn> {
        let (groups, numbers) = StatColumn::ALL.split_at(StatColumn::GROUPS);
        let of = |by: &GroupBy| groups.iter().copied().find(|column| column.name() == by.name());
        by.iter().filter_map(of).chain(numbers.iter().copied()).collect()
    }
}

impl Row for StatRow {
    type Column = StatColumn;
    const NAME: &'static str = "stats";
    const JSON: &'static [StatColumn] = StatColumn::ALL;

    fn cell(&self, column: StatColumn) -> Cell<'_> {
        let Self(stat) = self;
        let number = |number: u64| Cell::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let seconds = |duration: Option<Duration>| duration.map_or(Cell::Empty, Cell::Seconds);
        match column {
            StatColumn::Count => number(stat.count),
            StatColumn::Succeeded => number(stat.succeeded),
            StatColumn::Failed => number(stat.failed),
            StatColumn::Running => number(stat.running),
            StatColumn::Abandoned => number(stat.abandoned),
            StatColumn::FailureRate => stat.failure_rate.map_or(Cell::Empty, Cell::Fraction),
            StatColumn::MeanSeconds => seconds(stat.mean),
            StatColumn::P50Seconds => seconds(stat.p50),
            StatColumn::P90Seconds => seconds(stat.p90),
            StatColumn::P95Seconds => seconds(stat.p95),
            StatColumn::P99Seconds => seconds(stat.p99),
            StatColumn::MaxSeconds => seconds(stat.max),
            group => stat.group.get(group.name()).map_or(Cell::Empty, |value| Cell::Text(value)),
        }
    }
}
