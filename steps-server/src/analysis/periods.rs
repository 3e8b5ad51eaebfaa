//! Medians of weeks and of sprints.

use steps_shared::{Period, PeriodKind, Sprints, Timestamp};

use super::series::{Timed, median};
use crate::analysis::statistics::monday;

const WEEK_MICROS: i64 = 7 * 86_400_000_000;

/// The medians of the weeks or sprints from the first deployment of a series to the last; each deployment belongs to the one
/// that it started in. One without deployments has no median.
#[must_use]
pub fn periods(series: &[Timed], kind: PeriodKind, sprints: Sprints) -> Vec<Period> {
    let start = |timed: &Timed| match kind {
        PeriodKind::Week => week_of(timed.started_at),
        PeriodKind::Sprint => sprints.start_of(timed.started_at),
    };
    let length = match kind {
        PeriodKind::Week => WEEK_MICROS,
        PeriodKind::Sprint => sprints.length.duration().micros(),
    };
    let mut periods: Vec<Period> = Vec::new();
    for within in series.chunk_by(|one, other| start(one) == start(other)) {
        let start = within.first().map(start).unwrap_or_default();
        let next = |period: &Period| Timestamp::from_micros(period.start.micros() + length).ok();
        while let Some(empty) = periods.last().and_then(next).filter(|next| *next < start) {
            periods.push(Period { start: empty, deployments: 0, median: None });
        }
        let deployments = u32::try_from(within.len()).unwrap_or(u32::MAX);
        periods.push(Period { start, deployments, median: Some(median(within)) });
    }
    periods
}

/// Midnight (UTC) of the Monday that a time's week begins with.
fn week_of(time: Timestamp) -> Timestamp {
    let monday = monday(time.to_datetime().date_naive());
    monday.and_time(chrono::NaiveTime::MIN).and_utc().try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::series::tests::timed;
    use super::*;

    #[test]
    fn weeks_and_sprints_from_the_first_to_the_last() {
        let day = 1440.0;
        let series = [
            timed(0.0, 10.0),
            timed(day, 30.0),
            timed(7.0 * day - 0.1, 20.0),
            timed(7.0 * day, 5.0),
            timed(30.0 * day, 7.0),
        ];
        let found = |kind| -> Vec<(String, u32, Option<f64>)> {
            let periods = periods(&series, kind, Sprints::default());
            periods
                .iter()
                .map(|period| {
                    (period.start.to_seconds_text(), period.deployments, period.median.map(|median| median.seconds()))
                })
                .collect()
        };
        let expected = |periods: &[(&str, u32, f64)]| -> Vec<(String, u32, Option<f64>)> {
            let period = |(day, many, median): &(&str, u32, f64)| {
                (format!("{day} 00:00:00"), *many, (*many > 0).then_some(*median))
            };
            periods.iter().map(period).collect()
        };
        assert_eq!(
            found(PeriodKind::Week),
            expected(&[
                ("2026-01-05", 3, 20.0),
                ("2026-01-12", 1, 5.0),
                ("2026-01-19", 0, 0.0),
                ("2026-01-26", 0, 0.0),
                ("2026-02-02", 1, 7.0)
            ])
        );
        assert_eq!(
            found(PeriodKind::Sprint),
            expected(&[("2026-01-05", 4, 15.0), ("2026-01-19", 0, 0.0), ("2026-02-02", 1, 7.0)])
        );
    }
}
