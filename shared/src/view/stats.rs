//! Tables of statistics.

use super::table::{Table, TableCell, TableColumn};
use super::words::{grouped, rate};
use crate::{GroupBy, StatsAnswer, StatsRow};

/// A column of numbers, and the value of a group in it.
type NumberColumn = (TableColumn, fn(&StatsRow) -> TableCell);

const NUMBERS: [NumberColumn; 16] = [
    (TableColumn::number("count"), |stat| grouped(stat.count).into()),
    (TableColumn::number("succeeded").rank(3), |stat| grouped(stat.succeeded).into()),
    (TableColumn::number("failed"), |stat| grouped(stat.failed).into()),
    (TableColumn::number("running").rank(6), |stat| grouped(stat.running).into()),
    (TableColumn::number("abandoned").rank(7), |stat| grouped(stat.abandoned).into()),
    (TableColumn::number("cancelled").rank(7), |stat| grouped(stat.cancelled).into()),
    (TableColumn::number("failure rate").rank(2), |stat| TableCell::known(stat.failure_rate.map(rate))),
    (TableColumn::number("mean").rank(4), |stat| TableCell::known(stat.mean)),
    (TableColumn::number("mean work").rank(8), |stat| TableCell::known(stat.mean_work)),
    (TableColumn::number("mean waiting").rank(8), |stat| TableCell::known(stat.mean_waiting)),
    (TableColumn::number("mean gaps").rank(9), |stat| TableCell::known(stat.mean_gaps)),
    (TableColumn::number("p50"), |stat| TableCell::known(stat.p50)),
    (TableColumn::number("p90"), |stat| TableCell::known(stat.p90)),
    (TableColumn::number("p95").rank(5), |stat| TableCell::known(stat.p95)),
    (TableColumn::number("p99").rank(1), |stat| TableCell::known(stat.p99)),
    (TableColumn::number("max"), |stat| TableCell::known(stat.max)),
];

/// A table of statistics. The columns `running`, `abandoned` and `cancelled` are there only where a group has such
/// deployments, and work, waiting and gaps where one has waited.
#[must_use]
pub fn table(answer: &StatsAnswer) -> Table {
    let StatsAnswer { by, stats } = answer;
    let some = |count: fn(&StatsRow) -> u64| stats.iter().any(|stat| count(stat) > 0);
    let (some_running, some_abandoned) = (some(|stat| stat.running), some(|stat| stat.abandoned));
    let some_cancelled = some(|stat| stat.cancelled);
    let some_waiting = some(|stat| stat.mean_waiting.map_or(0, |waiting| waiting.micros().unsigned_abs()));
    let numbers: Vec<_> = NUMBERS
        .into_iter()
        .filter(|(column, _)| match column.name {
            "running" => some_running,
            "abandoned" => some_abandoned,
            "cancelled" => some_cancelled,
            "mean work" | "mean waiting" | "mean gaps" => some_waiting,
            _ => true,
        })
        .collect();
    // The name of a group that this version does not know cannot be borrowed for ever.
    let groups = by.iter().map(|name| match GroupBy::ALL.iter().find(|group| group.name() == name) {
        Some(group) => TableColumn::text(group.name()),
        None => TableColumn::text("group"),
    });
    let mut table = Table::new(groups.chain(numbers.iter().map(|(column, _)| *column)).collect());
    let row = |stat: &StatsRow| {
        let groups = by.iter().map(|name| TableCell::known(stat.group.get(name)));
        groups.chain(numbers.iter().map(|(_, value)| value(stat))).collect()
    };
    table.rows = stats.iter().map(row).collect();
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Duration;

    fn answer(running: u64) -> StatsAnswer {
        serde_json::from_str(&format!(
            r#"{{"by":["component","week"],"stats":[
            {{"group":{{"component":"checkout","week":"2026-01-05"}},"count":1234,"succeeded":1200,"failed":34,"running":{running},
            "abandoned":0,"failure_rate":0.02755,"mean_seconds":370,"p50_seconds":300,"p90_seconds":500.5,
            "p95_seconds":600,"p99_seconds":900,"max_seconds":7500}},
            {{"group":{{"component":"api","week":"2026-01-05"}},"count":1,"succeeded":0,"failed":0,"running":0,"abandoned":0,
            "failure_rate":null,"mean_seconds":null,"p50_seconds":null,"p90_seconds":null,"p95_seconds":null,
            "p99_seconds":null,"max_seconds":null}}]}}"#
        ))
        .unwrap()
    }

    #[test]
    fn unknown_numbers_are_empty() {
        assert_eq!(
            table(&answer(0)).to_lines(),
            [
                "component|week|count|succeeded|failed|failure rate|mean|p50|p90|p95|p99|max",
                "checkout|2026-01-05|1,234|1,200|34|2.8%|6m10s|5m00s|8m21s|10m00s|15m00s|2h05m",
                "api|2026-01-05|1|0|0|||||||",
            ]
        );
        assert!(table(&answer(2)).to_lines()[0].contains("failed|running|failure"));
        let mut waited = answer(0);
        waited.stats[0].mean_waiting = Duration::from_micros(20_000_000);
        assert!(table(&waited).to_lines()[0].contains("mean|mean work|mean waiting|mean gaps|p50"));
    }
}
