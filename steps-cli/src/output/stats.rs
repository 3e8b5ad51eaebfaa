//! Tables of statistics.

use comfy_table::Cell;
use steps_shared::{Duration, GroupBy, StatsAnswer, StatsRow};

use super::grouped;
use super::table::{Head, lay_out};

/// A column of numbers, and what a group has in it.
type Column = (Head, fn(&StatsRow) -> String);

const COLUMNS: [Column; 12] = [
    (Head::number("count"), |stat| grouped(stat.count)),
    (Head::number("succeeded").rank(3), |stat| grouped(stat.succeeded)),
    (Head::number("failed"), |stat| grouped(stat.failed)),
    (Head::number("running").rank(6), |stat| grouped(stat.running)),
    (Head::number("abandoned").rank(7), |stat| grouped(stat.abandoned)),
    (Head::number("failure rate").rank(2), |stat| stat.failure_rate.map(percent).unwrap_or_default()),
    (Head::number("mean").rank(4), |stat| text(stat.mean)),
    (Head::number("p50"), |stat| text(stat.p50)),
    (Head::number("p90"), |stat| text(stat.p90)),
    (Head::number("p95").rank(5), |stat| text(stat.p95)),
    (Head::number("p99").rank(1), |stat| text(stat.p99)),
    (Head::number("max"), |stat| text(stat.max)),
];

/// A table of statistics. What no group has running or abandoned is left out.
pub fn table(answer: &StatsAnswer) -> String {
    let StatsAnswer { by, stats } = answer;
    let some = |count: fn(&StatsRow) -> u64| stats.iter().any(|stat| count(stat) > 0);
    let (some_running, some_abandoned) = (some(|stat| stat.running), some(|stat| stat.abandoned));
    let columns: Vec<_> = COLUMNS
        .into_iter()
        .filter(|(head, _)| match head.name {
            "running" => some_running,
            "abandoned" => some_abandoned,
            _ => true,
        })
        .collect();
    let groups = by.iter().map(|name| match GroupBy::ALL.iter().find(|group| group.name() == name) {
        Some(group) => Head::text(group.name()),
        None => Head::text("group"),
    });
    let heads: Vec<_> = groups.chain(columns.iter().map(|(head, _)| *head)).collect();
    let rows = stats.iter().map(|stat| {
        let groups = by.iter().map(|name| Cell::new(stat.group.get(name).map_or("", String::as_str)));
        groups.chain(columns.iter().map(|(_, value)| Cell::new_owned(value(stat)))).collect()
    });
    lay_out(&heads, rows)
}

fn text(duration: Option<Duration>) -> String {
    duration.map(|duration| duration.to_string()).unwrap_or_default()
}

/// A share, with one digit after the point.
fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(running: u64) -> StatsAnswer {
        serde_json::from_str(&format!(
            r#"{{"by":["component","week"],"stats":[
            {{"component":"checkout","week":"2026-01-05","count":1234,"succeeded":1200,"failed":34,"running":{running},
            "abandoned":0,"failure_rate":0.02755,"mean_seconds":370,"p50_seconds":300,"p90_seconds":500.5,
            "p95_seconds":600,"p99_seconds":900,"max_seconds":7500}},
            {{"component":"api","week":"2026-01-05","count":1,"succeeded":0,"failed":0,"running":0,"abandoned":0,
            "failure_rate":null,"mean_seconds":null,"p50_seconds":null,"p90_seconds":null,"p95_seconds":null,
            "p99_seconds":null,"max_seconds":null}}]}}"#
        ))
        .unwrap()
    }

    #[test]
    fn numbers_are_aligned_and_what_is_unknown_is_empty() {
        assert_eq!(
            table(&answer(0)),
            "component  week        count  succeeded  failed  failure rate   mean    p50    p90     p95     p99    max\n\
             checkout   2026-01-05  1,234      1,200      34          2.8%  6m10s  5m00s  8m21s  10m00s  15m00s  2h05m\n\
             api        2026-01-05      1          0       0\n"
        );
        assert!(table(&answer(2)).lines().next().unwrap().contains("failed  running  failure"));
    }
}
