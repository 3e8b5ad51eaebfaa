//! Counts and durations, by groups.

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike as _, Days, NaiveDate};
use chrono_tz::Tz;
use steps_shared::{DeploymentOutcome, Duration, GroupBy, StatsRow, Timestamp};

use super::quantile::{from_micros, quantile};

/// One deployment, or one of its steps, for the statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What was deployed.
    pub component: String,
    /// Where to.
    pub environment: String,
    /// Who began it.
    pub owner: String,
    /// The step's status; of a deployment, nothing.
    pub status: Option<String>,
    /// How the deployment ended.
    pub outcome: DeploymentOutcome,
    /// When the deployment started.
    pub started_at: Timestamp,
    /// How long it, or the step, took.
    pub duration: Option<Duration>,
}

/// Counts and durations, group by group.
#[derive(Debug)]
pub struct Groups {
    by: Vec<GroupBy>,
    zone: Tz,
    groups: HashMap<Vec<String>, Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    /// Of the successful ones, in microseconds: failed and running ones say nothing about how long it takes.
    durations: Vec<i64>,
    succeeded: u64,
    failed: u64,
    running: u64,
    abandoned: u64,
    cancelled: u64,
}

impl Groups {
    /// No groups yet; days, weeks and months are those of `zone`.
    #[must_use]
    pub fn new(by: Vec<GroupBy>, zone: Tz) -> Self {
        Self { by, zone, groups: HashMap::new() }
    }

    /// Adds one more.
    pub fn add(&mut self, sample: &Sample) {
        let key = self.by.iter().map(|by| value(*by, sample, self.zone)).collect();
        let tally = self.groups.entry(key).or_default();
        match sample.outcome {
            DeploymentOutcome::Succeeded => {
                tally.succeeded += 1;
                tally.durations.extend(sample.duration.map(Duration::micros));
            }
            DeploymentOutcome::Failed => tally.failed += 1,
            DeploymentOutcome::Running => tally.running += 1,
            DeploymentOutcome::Abandoned => tally.abandoned += 1,
            DeploymentOutcome::Cancelled => tally.cancelled += 1,
        }
    }

    /// The statistics of each group, sorted by its values.
    #[must_use]
    pub fn finish(self) -> Vec<StatsRow> {
        let by = self.by;
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_by(|(one, _), (other, _)| one.cmp(other));
        let named = |values: Vec<String>| by.iter().map(|by| by.name().to_owned()).zip(values).collect();
        groups.into_iter().map(|(values, tally)| tally.finish(named(values))).collect()
    }
}

impl Tally {
    fn finish(self, group: BTreeMap<String, String>) -> StatsRow {
        let Self { mut durations, succeeded, failed, running, abandoned, cancelled } = self;
        durations.sort_unstable();
        let quantile = |q| quantile(&durations, q).and_then(from_micros);
        let ended = succeeded + failed;
        let sum: i128 = durations.iter().map(|micros| i128::from(*micros)).sum();
        StatsRow {
            group,
            count: ended + running + abandoned + cancelled,
            succeeded,
            failed,
            running,
            abandoned,
            cancelled,
            failure_rate: (ended > 0).then(|| failed as f64 / ended as f64),
            mean: (!durations.is_empty()).then(|| sum as f64 / durations.len() as f64).and_then(from_micros),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: durations.last().and_then(|micros| Duration::from_micros(*micros)),
        }
    }
}

fn value(by: GroupBy, sample: &Sample, zone: Tz) -> String {
    let day = || sample.started_at.to_datetime().with_timezone(&zone).date_naive();
    match by {
        GroupBy::Component => sample.component.clone(),
        GroupBy::Status => sample.status.clone().unwrap_or_default(),
        GroupBy::Owner => sample.owner.clone(),
        GroupBy::Environment => sample.environment.clone(),
        GroupBy::Day => day().to_string(),
        GroupBy::Week => monday(day()).to_string(),
        GroupBy::Month => day().format("%Y-%m").to_string(),
    }
}

/// The Monday on which the week of `day` began (ISO 8601).
#[must_use]
pub fn monday(day: NaiveDate) -> NaiveDate {
    let since = day.weekday().num_days_from_monday();
    day.checked_sub_days(Days::new(since.into())).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(owner: &str, started: &str, outcome: DeploymentOutcome, seconds: f64) -> Sample {
        Sample {
            component: "checkout".to_owned(),
            environment: "production".to_owned(),
            owner: owner.to_owned(),
            status: None,
            outcome,
            started_at: started.parse().unwrap(),
            duration: Duration::from_seconds(seconds).ok(),
        }
    }

    #[test]
    fn failed_and_running_ones_are_counted_apart() {
        let mut groups = Groups::new(vec![GroupBy::Owner], Tz::UTC);
        let at = "2026-01-05 09:30:00";
        for (outcome, seconds) in [
            (DeploymentOutcome::Succeeded, 10.0),
            (DeploymentOutcome::Succeeded, 20.0),
            (DeploymentOutcome::Failed, 900.0),
        ] {
            groups.add(&sample("ann", at, outcome, seconds));
        }
        groups.add(&Sample { duration: None, ..sample("ann", at, DeploymentOutcome::Running, 0.0) });
        groups.add(&sample("bob", at, DeploymentOutcome::Failed, 1.0));
        let stats = groups.finish();
        assert_eq!(stats.len(), 2);
        let ann = &stats[0];
        assert_eq!((ann.count, ann.succeeded, ann.failed, ann.running), (4, 2, 1, 1));
        assert_eq!(ann.failure_rate, Some(1.0 / 3.0));
        assert_eq!(ann.p50.map(Duration::seconds), Some(15.0));
        assert_eq!(ann.max.map(Duration::seconds), Some(20.0));
        assert_eq!((stats[1].mean, stats[1].p50, stats[1].failure_rate), (None, None, Some(1.0)));
    }

    #[test]
    fn weeks_begin_on_monday_in_the_zone() {
        let mut utc = Groups::new(vec![GroupBy::Week, GroupBy::Day, GroupBy::Month], Tz::UTC);
        let mut berlin = Groups::new(vec![GroupBy::Week, GroupBy::Day, GroupBy::Month], chrono_tz::Europe::Berlin);
        // A Sunday in London, a Monday in Berlin already, and a new month there.
        let sunday = sample("ann", "2026-05-31 22:30:00", DeploymentOutcome::Succeeded, 1.0);
        utc.add(&sunday);
        berlin.add(&sunday);
        let values = |groups: Groups| groups.finish()[0].group.values().cloned().collect::<Vec<_>>();
        assert_eq!(values(utc), ["2026-05-31", "2026-05", "2026-05-25"]);
        assert_eq!(values(berlin), ["2026-06-01", "2026-06", "2026-06-01"]);
    }
}
