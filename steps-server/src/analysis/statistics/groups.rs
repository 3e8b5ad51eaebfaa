//! Counts and durations, by groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter;

use chrono::{Datelike as _, Days, NaiveDate};
use chrono_tz::Tz;
use steps_shared::{DeploymentOutcome, Duration, GroupBy, StatsRow, Timestamp};

use super::quantile::{from_micros, quantile};

/// The names of a deployment, or of one of its steps, by which it is grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Names<'a> {
    /// What was deployed.
    pub component: &'a str,
    /// Where to.
    pub environment: &'a str,
    /// Who began it.
    pub owner: &'a str,
    /// The step's status; of a deployment, nothing.
    pub status: &'a str,
    /// Which version was deployed; nothing where no groups are by it, as of the next two.
    pub version: &'a str,
    /// By which run.
    pub run: &'a str,
    /// How it ended.
    pub outcome: &'a str,
}

/// One deployment, or one of its steps, for the statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How the deployment ended.
    pub outcome: DeploymentOutcome,
    /// When the deployment started.
    pub started_at: Timestamp,
    /// How long it, or the step, took.
    pub duration: Option<Duration>,
    /// How much of it was work, waiting and gaps; unknown of a step.
    pub parts: Option<Parts>,
}

/// What a deployment's duration is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// How long somebody worked.
    pub work: Duration,
    /// How long only waiting statuses were open.
    pub waiting: Duration,
    /// How long no step was open.
    pub gaps: Duration,
}

/// The most groups that there are for the sake of days, weeks and months without deployments.
const MAX_FILLED: usize = 50_000;

/// The most groups where they are by versions or runs, of which a history may have as many as deployments.
pub const MAX_NAMED: usize = 50_000;

/// The period that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// Its beginning; by default the first deployment.
    pub since: Option<Timestamp>,
    /// Its end; by default the last deployment.
    pub until: Option<Timestamp>,
}

/// Counts and durations, group by group.
#[derive(Debug)]
pub struct Groups {
    by: Vec<GroupBy>,
    zone: Tz,
    asked: Asked,
    /// The first and the last start of a deployment.
    found: Option<(Timestamp, Timestamp)>,
    groups: HashMap<Vec<String>, Group>,
    tallies: Vec<Tally>,
}

/// One of the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group(usize);

#[derive(Debug, Default)]
struct Tally {
    /// Of the successful ones, in microseconds: failed and running ones say nothing about how long it takes.
    durations: Vec<i64>,
    /// The sums of work, waiting and gaps of those of which they are known, in microseconds, and how many these are.
    parts: [i128; 3],
    with_parts: u64,
    succeeded: u64,
    failed: u64,
    running: u64,
    abandoned: u64,
    cancelled: u64,
}

impl Groups {
    /// No groups yet; days, weeks and months are those of `zone`.
    #[must_use]
    pub fn new(by: Vec<GroupBy>, zone: Tz, asked: Asked) -> Self {
        Self { by, zone, asked, found: None, groups: HashMap::new(), tallies: Vec::new() }
    }

    /// Whether there are more than [`MAX_NAMED`], where that bounds them.
    #[must_use]
    pub fn are_too_many(&self) -> bool {
        let is_named = self.by.iter().any(|by| matches!(by, GroupBy::Version | GroupBy::Run));
        is_named && self.tallies.len() > MAX_NAMED
    }

    /// The day on which it started, where the groups are by day, week or month.
    #[must_use]
    pub fn date(&self, started_at: Timestamp) -> Option<NaiveDate> {
        self.by.iter().copied().any(is_calendar).then(|| day(started_at, self.zone))
    }

    /// The group of what has these names and started then.
    pub fn find(&mut self, names: Names<'_>, started_at: Timestamp) -> Group {
        let date = self.date(started_at);
        let key = self.by.iter().map(|by| value(*by, names, date)).collect();
        self.group(key)
    }

    fn group(&mut self, key: Vec<String>) -> Group {
        let Self { groups, tallies, .. } = self;
        *groups.entry(key).or_insert_with(|| {
            tallies.push(Tally::default());
            Group(tallies.len() - 1)
        })
    }

    /// Adds one more to a group of these.
    pub fn add(&mut self, Group(group): Group, sample: &Sample) {
        let (first, last) = self.found.unwrap_or((sample.started_at, sample.started_at));
        self.found = Some((first.min(sample.started_at), last.max(sample.started_at)));
        let Some(tally) = self.tallies.get_mut(group) else { return };
        match sample.outcome {
            DeploymentOutcome::Succeeded => {
                tally.succeeded += 1;
                tally.durations.extend(sample.duration.map(Duration::micros));
                if let Some(Parts { work, waiting, gaps }) = sample.parts {
                    let parts = [work, waiting, gaps].map(|part| i128::from(part.micros()));
                    tally.parts.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
                    tally.with_parts += 1;
                }
            }
            DeploymentOutcome::Failed => tally.failed += 1,
            DeploymentOutcome::Running => tally.running += 1,
            DeploymentOutcome::Abandoned => tally.abandoned += 1,
            DeploymentOutcome::Cancelled => tally.cancelled += 1,
        }
    }

    /// The statistics of each group, sorted by its values. Days, weeks and months without deployments have a row.
    #[must_use]
    pub fn finish(mut self) -> Vec<StatsRow> {
        self.fill();
        let by = self.by;
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_by(|(one, _), (other, _)| one.cmp(other));
        let named = |values: Vec<String>| by.iter().map(|by| by.name().to_owned()).zip(values).collect();
        let mut tallies = self.tallies;
        let mut row = |values, Group(group): Group| std::mem::take(&mut tallies[group]).finish(named(values));
        groups.into_iter().map(|(values, group)| row(values, group)).collect()
    }
}

impl Groups {
    /// Adds a group of nothing for each day, week and month of the period without deployments, beside each combination of
    /// other groups that there is. None where they would be too many.
    fn fill(&mut self) {
        let Some((first, last)) = self.found else { return };
        let (from, to) = (self.asked.since.unwrap_or(first), self.asked.until.unwrap_or(last));
        if !self.by.iter().copied().any(is_calendar) {
            return;
        }
        let dates = dates(day(from, self.zone), day(to, self.zone));
        let periods: BTreeSet<Vec<Option<String>>> = dates
            .take(MAX_FILLED + 1)
            .map(|date| self.by.iter().map(|by| is_calendar(*by).then(|| named(*by, date))).collect())
            .collect();
        let others: BTreeSet<Vec<Option<String>>> = self
            .groups
            .keys()
            .map(|key| self.by.iter().zip(key).map(|(by, value)| (!is_calendar(*by)).then(|| value.clone())).collect())
            .collect();
        if periods.len() * others.len() > MAX_FILLED {
            return;
        }
        for other in &others {
            for period in &periods {
                let key = other.iter().zip(period).filter_map(|(other, period)| other.as_ref().or(period.as_ref()));
                self.group(key.cloned().collect());
            }
        }
    }
}

/// The days from one to another, both included.
fn dates(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    iter::successors(Some(from), |date| date.succ_opt()).take_while(move |date| *date <= to)
}

fn is_calendar(by: GroupBy) -> bool {
    matches!(by, GroupBy::Day | GroupBy::Week | GroupBy::Month)
}

impl Tally {
    fn finish(self, group: BTreeMap<String, String>) -> StatsRow {
        let Self { mut durations, parts, with_parts, succeeded, failed, running, abandoned, cancelled } = self;
        durations.sort_unstable();
        let quantile = |q| quantile(&durations, q).and_then(from_micros);
        let ended = succeeded + failed;
        let sum: i128 = durations.iter().map(|micros| i128::from(*micros)).sum();
        let parts = (with_parts > 0).then(|| {
            let [work, waiting, _] = parts.map(|sum| (sum as f64 / with_parts as f64).round() as i64);
            let whole = (parts.iter().sum::<i128>() as f64 / with_parts as f64).round() as i64;
            // Each is rounded, and together they are the whole.
            [work, waiting, (whole - work - waiting).max(0)]
        });
        let part = |nth: usize| parts.and_then(|parts| Duration::from_micros(parts[nth]));
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
            mean_work: part(0),
            mean_waiting: part(1),
            mean_gaps: part(2),
        }
    }
}

/// `date` is known where it is needed.
fn value(by: GroupBy, names: Names<'_>, date: Option<NaiveDate>) -> String {
    match by {
        GroupBy::Component => names.component.to_owned(),
        GroupBy::Status => names.status.to_owned(),
        GroupBy::Owner => names.owner.to_owned(),
        GroupBy::Environment => names.environment.to_owned(),
        GroupBy::Version => names.version.to_owned(),
        GroupBy::Run => names.run.to_owned(),
        GroupBy::Outcome => names.outcome.to_owned(),
        GroupBy::Day | GroupBy::Week | GroupBy::Month => date.map_or_else(String::new, |date| named(by, date)),
    }
}

fn day(time: Timestamp, zone: Tz) -> NaiveDate {
    time.to_datetime().with_timezone(&zone).date_naive()
}

/// The name of the day, week or month that a day is in.
fn named(by: GroupBy, day: NaiveDate) -> String {
    match by {
        GroupBy::Week => monday(day).to_string(),
        GroupBy::Month => day.format("%Y-%m").to_string(),
        _ => day.to_string(),
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

    fn sample(started: &str, outcome: DeploymentOutcome, seconds: f64) -> Sample {
        let duration = Duration::from_seconds(seconds).ok();
        Sample { outcome, started_at: started.parse().unwrap(), duration, parts: None }
    }

    fn add(groups: &mut Groups, owner: &str, sample: Sample) {
        let names = Names { component: "checkout", environment: "production", owner, ..Names::default() };
        let group = groups.find(names, sample.started_at);
        groups.add(group, &sample);
    }

    #[test]
    fn failed_and_running_ones_are_counted_apart() {
        let mut groups = Groups::new(vec![GroupBy::Owner], Tz::UTC, Asked::default());
        let at = "2026-01-05 09:30:00";
        for (outcome, seconds) in [
            (DeploymentOutcome::Succeeded, 10.0),
            (DeploymentOutcome::Succeeded, 20.0),
            (DeploymentOutcome::Failed, 900.0),
        ] {
            add(&mut groups, "ann", sample(at, outcome, seconds));
        }
        add(&mut groups, "ann", Sample { duration: None, ..sample(at, DeploymentOutcome::Running, 0.0) });
        add(&mut groups, "bob", sample(at, DeploymentOutcome::Failed, 1.0));
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
    fn work_waiting_and_gaps_add_up_to_the_mean() {
        let mut groups = Groups::new(Vec::new(), Tz::UTC, Asked::default());
        let micros = |micros: i64| Duration::from_micros(micros).unwrap();
        for [work, waiting, gaps] in [[100, 33, 1], [50, 0, 1], [3, 1, 0]] {
            let parts = Parts { work: micros(work), waiting: micros(waiting), gaps: micros(gaps) };
            let whole = micros(work + waiting + gaps);
            let sample = sample("2026-01-05 09:30:00", DeploymentOutcome::Succeeded, 0.0);
            add(&mut groups, "ann", Sample { duration: Some(whole), parts: Some(parts), ..sample });
        }
        let stats = &groups.finish()[0];
        let parts = [stats.mean_work, stats.mean_waiting, stats.mean_gaps].map(|part| part.unwrap().micros());
        assert_eq!(parts, [51, 11, 1]);
        assert_eq!(stats.mean.map(Duration::micros), Some(63));
    }

    #[test]
    fn days_without_deployments_have_a_row() {
        let at = |text: &str| text.parse::<Timestamp>().ok();
        let rows = |by: &[GroupBy], asked: Asked| -> Vec<(String, u64)> {
            let mut groups = Groups::new(by.to_vec(), chrono_tz::Europe::Berlin, asked);
            for (owner, started) in [("ann", "2026-10-23 22:30:00"), ("bob", "2026-10-26 22:30:00")] {
                add(&mut groups, owner, sample(started, DeploymentOutcome::Succeeded, 1.0));
            }
            let name = |row: &StatsRow| row.group.values().cloned().collect::<Vec<_>>().join(" ");
            groups.finish().iter().map(|row| (name(row), row.count)).collect()
        };
        let expected = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
            rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        // The clocks are put back on the 25th: that day has 25 hours.
        assert_eq!(
            rows(&[GroupBy::Day], Asked::default()),
            expected(&[("2026-10-24", 1), ("2026-10-25", 0), ("2026-10-26", 1)])
        );
        let asked = Asked { since: at("2026-09-30 22:00:00"), until: at("2026-11-01 00:00:00") };
        assert_eq!(rows(&[GroupBy::Month], asked), expected(&[("2026-10", 2), ("2026-11", 0)]));
        assert_eq!(rows(&[GroupBy::Week], asked)[..2], expected(&[("2026-09-28", 0), ("2026-10-05", 0)]));
        let both = rows(&[GroupBy::Owner, GroupBy::Month], asked);
        assert_eq!(both, expected(&[("2026-10 ann", 1), ("2026-11 ann", 0), ("2026-10 bob", 1), ("2026-11 bob", 0)]));
        assert_eq!(rows(&[GroupBy::Owner], asked), expected(&[("ann", 1), ("bob", 1)]));
        let long = Asked { since: at("1970-01-01 00:00:00"), until: at("9999-01-01 00:00:00") };
        assert_eq!(rows(&[GroupBy::Day], long).len(), 2, "too many");
    }

    #[test]
    fn weeks_begin_on_monday_in_the_zone() {
        let by = || vec![GroupBy::Week, GroupBy::Day, GroupBy::Month];
        let mut utc = Groups::new(by(), Tz::UTC, Asked::default());
        let mut berlin = Groups::new(by(), chrono_tz::Europe::Berlin, Asked::default());
        // A Sunday in London, a Monday in Berlin already, and a new month there.
        let sunday = sample("2026-05-31 22:30:00", DeploymentOutcome::Succeeded, 1.0);
        add(&mut utc, "ann", sunday);
        add(&mut berlin, "ann", sunday);
        let values = |groups: Groups| groups.finish()[0].group.values().cloned().collect::<Vec<_>>();
        assert_eq!(values(utc), ["2026-05-31", "2026-05", "2026-05-25"]);
        assert_eq!(values(berlin), ["2026-06-01", "2026-06", "2026-06-01"]);
    }
}
