//! Statistics of deployments, as they are asked for and answered.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::parameters::{put, read_parameters, switch};
use crate::resource::columns;
use crate::{Cell, DeploymentFilter, Duration, FieldError, FieldErrors, Filter, ListFormat, Resource};

/// Which statistics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatsQuery {
    /// Of which deployments.
    pub filter: DeploymentFilter,
    /// Grouped by these, in this order; empty means one group of everything.
    pub by: Vec<GroupBy>,
    /// The zone of days, weeks and months.
    pub tz: TimeZone,
    /// Durations without the time in which only waiting statuses were open.
    pub exclude_waiting: bool,
    /// The format; by default what the Accept header prefers, else JSON.
    pub format: Option<ListFormat>,
    /// CSV without what a spreadsheet runs as a formula.
    pub safe: bool,
}

/// The name of a time zone, such as `Europe/Berlin`; whether there is one of that name the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(String);

/// The statistics of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatsRow {
    /// What the group is of: a value for each of [`StatsQuery::by`], by its name. Flat members in JSON.
    #[serde(flatten, deserialize_with = "groups")]
    pub group: BTreeMap<String, String>,
    /// How many deployments (of `by=status`: steps).
    pub count: u64,
    /// How many succeeded. Durations are of these alone.
    pub succeeded: u64,
    /// How many failed.
    pub failed: u64,
    /// How many have not ended yet.
    pub running: u64,
    /// How many never ended.
    pub abandoned: u64,
    /// How many were cancelled: they are in no failure rate.
    #[serde(default)]
    pub cancelled: u64,
    /// Failed of those that ended, 0 to 1; unknown when none has.
    pub failure_rate: Option<f64>,
    /// The mean of the durations, in seconds.
    #[serde(rename = "mean_seconds")]
    pub mean: Option<Duration>,
    /// The median.
    #[serde(rename = "p50_seconds")]
    pub p50: Option<Duration>,
    /// The 90th percentile.
    #[serde(rename = "p90_seconds")]
    pub p90: Option<Duration>,
    /// The 95th percentile.
    #[serde(rename = "p95_seconds")]
    pub p95: Option<Duration>,
    /// The 99th percentile.
    #[serde(rename = "p99_seconds")]
    pub p99: Option<Duration>,
    /// The longest.
    #[serde(rename = "max_seconds")]
    pub max: Option<Duration>,
    /// The mean of the time in which somebody worked. Of steps it is unknown, as the two below.
    #[serde(rename = "mean_work_seconds", default)]
    pub mean_work: Option<Duration>,
    /// The mean of the time in which only waiting statuses were open.
    #[serde(rename = "mean_waiting_seconds", default)]
    pub mean_waiting: Option<Duration>,
    /// The mean of the time in which no step was open. Work, waiting and gaps add up to the mean duration.
    #[serde(rename = "mean_gap_seconds", default)]
    pub mean_gaps: Option<Duration>,
}

/// The answer of `GET /v1/stats` as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatsAnswer {
    /// What the groups are of.
    pub by: Vec<String>,
    /// Each group, sorted by its values.
    pub stats: Vec<StatsRow>,
}

columns! {
    /// What statistics can be grouped by.
    GroupBy {
        /// What was deployed.
        Component = "component",
        /// The phase: statistics of steps rather than of whole deployments.
        Status = "status",
        /// Who began it.
        Owner = "owner",
        /// Where to.
        Environment = "environment",
        /// The day it started.
        Day = "day",
        /// The Monday of the week it started (ISO 8601).
        Week = "week",
        /// The month it started.
        Month = "month",
        /// The version that was deployed.
        Version = "version",
        /// The CI run that deployed it; empty where there was none.
        Run = "run",
        /// How it ended.
        Outcome = "outcome",
    }
}

columns! {
    /// A column of statistics: what they are grouped by, then the numbers.
    StatsColumn {
        /// A group: what was deployed.
        Component = "component",
        /// A group: the phase.
        Status = "status",
        /// A group: who began it.
        Owner = "owner",
        /// A group: where to.
        Environment = "environment",
        /// A group: the day.
        Day = "day",
        /// A group: the week.
        Week = "week",
        /// A group: the month.
        Month = "month",
        /// The version that was deployed.
        Version = "version",
        /// The CI run that deployed it; empty where there was none.
        Run = "run",
        /// How it ended.
        Outcome = "outcome",
        /// How many.
        Count = "count",
        /// How many succeeded.
        Succeeded = "succeeded",
        /// How many failed.
        Failed = "failed",
        /// How many have not ended yet.
        Running = "running",
        /// How many never ended.
        Abandoned = "abandoned",
        /// Failed of those that ended.
        FailureRate = "failure_rate",
        /// The mean duration.
        MeanSeconds = "mean_seconds",
        /// The median.
        P50Seconds = "p50_seconds",
        /// The 90th percentile.
        P90Seconds = "p90_seconds",
        /// The 95th percentile.
        P95Seconds = "p95_seconds",
        /// The 99th percentile.
        P99Seconds = "p99_seconds",
        /// The longest.
        MaxSeconds = "max_seconds",
        /// How many were cancelled.
        Cancelled = "cancelled",
        /// The mean work.
        MeanWorkSeconds = "mean_work_seconds",
        /// The mean waiting.
        MeanWaitingSeconds = "mean_waiting_seconds",
        /// The mean of the gaps.
        MeanGapSeconds = "mean_gap_seconds",
    }
}

impl StatsColumn {
    /// How many of [`Self::ALL`] are groups; they come first.
    const GROUPS: usize = 10;

    /// The columns of statistics that are grouped like this: the groups, then the numbers.
    #[must_use]
    pub fn of(by: &[GroupBy]) -> Vec<Self> {
        let (groups, numbers) = Self::ALL.split_at(Self::GROUPS);
        let group = |by: &GroupBy| groups.iter().find(|column| column.name() == by.name());
        by.iter().filter_map(group).chain(numbers).copied().collect()
    }
}

impl Resource for StatsRow {
    type Column = StatsColumn;
    const NAME: &'static str = "stats";

    fn cell(&self, column: StatsColumn) -> Cell<'_> {
        match column {
            StatsColumn::Count => Cell::count(self.count),
            StatsColumn::Succeeded => Cell::count(self.succeeded),
            StatsColumn::Failed => Cell::count(self.failed),
            StatsColumn::Running => Cell::count(self.running),
            StatsColumn::Abandoned => Cell::count(self.abandoned),
            StatsColumn::Cancelled => Cell::count(self.cancelled),
            StatsColumn::FailureRate => self.failure_rate.into(),
            StatsColumn::MeanSeconds => self.mean.into(),
            StatsColumn::P50Seconds => self.p50.into(),
            StatsColumn::P90Seconds => self.p90.into(),
            StatsColumn::P95Seconds => self.p95.into(),
            StatsColumn::P99Seconds => self.p99.into(),
            StatsColumn::MaxSeconds => self.max.into(),
            StatsColumn::MeanWorkSeconds => self.mean_work.into(),
            StatsColumn::MeanWaitingSeconds => self.mean_waiting.into(),
            StatsColumn::MeanGapSeconds => self.mean_gaps.into(),
            StatsColumn::Component
            | StatsColumn::Status
            | StatsColumn::Owner
            | StatsColumn::Environment
            | StatsColumn::Day
            | StatsColumn::Week
            | StatsColumn::Month
            | StatsColumn::Version
            | StatsColumn::Run
            | StatsColumn::Outcome => self.group.get(column.name()).map(String::as_str).into(),
        }
    }
}

/// The members that are groups. Older servers wrote them into a `group` of their own.
fn groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let mut members = BTreeMap::<String, Value>::deserialize(deserializer)?;
    if let Some(Value::Object(nested)) = members.remove("group") {
        members.extend(nested);
    }
    let group = |(name, value): (String, Value)| match value {
        Value::String(value) if name.parse::<GroupBy>().is_ok() => Some((name, value)),
        _ => None,
    };
    Ok(members.into_iter().filter_map(group).collect())
}

impl StatsQuery {
    /// The names of its parameters beside those of the filter.
    pub const OWN_PARAMETERS: [&'static str; 5] = ["by", "tz", "exclude_waiting", "format", "safe"];

    /// Reads the parameters of a query string. An empty value counts as not given.
    ///
    /// # Errors
    /// Every unknown, repeated or wrong parameter, all at once.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut query = Self::default();
        let known: Vec<&str> = DeploymentFilter::PARAMETERS.iter().chain(&Self::OWN_PARAMETERS).copied().collect();
        read_parameters(parameters, &known, |name, value| query.set(name, value))?;
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>> {
        if let Some(taken) = self.filter.set(name, value) {
            return Some(taken);
        }
        Some(match name {
            "by" => value
                .split(',')
                .map(|group| group.trim().parse())
                .collect::<Result<_, String>>()
                .map(|by| self.by = by)
                .map_err(|error| FieldError::wrong(name, error)),
            "tz" => {
                if !value.is_empty() {
                    self.tz = TimeZone(value.to_owned());
                }
                Ok(())
            }
            "exclude_waiting" => switch(&mut self.exclude_waiting, name, value),
            "format" => put(&mut self.format, name, value),
            "safe" => switch(&mut self.safe, name, value),
            _ => return None,
        })
    }

    /// The parameters that describe this query.
    #[must_use]
    pub fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { filter, by, tz, exclude_waiting, format, safe } = self;
        let mut parameters = filter.to_parameters();
        if !by.is_empty() {
            parameters.push(("by", by.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")));
        }
        parameters.push(("tz", tz.to_string()));
        parameters.extend(exclude_waiting.then(|| ("exclude_waiting", exclude_waiting.to_string())));
        parameters.extend(format.map(|format| ("format", format.to_string())));
        parameters.extend(safe.then(|| ("safe", safe.to_string())));
        parameters
    }
}

impl TimeZone {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl FromStr for TimeZone {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.trim().to_owned()))
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_flat_members_and_nested_ones_are_read() {
        let flat = r#"{"component":"checkout","week":"2026-01-05","count":2,"succeeded":1,"failed":1,"running":0,
            "abandoned":0,"failure_rate":0.5,"mean_seconds":1.5,"p50_seconds":null,"p90_seconds":null,"p95_seconds":null,
            "p99_seconds":null,"max_seconds":null,"later":7}"#;
        let row: StatsRow = serde_json::from_str(flat).unwrap();
        assert_eq!(row.group["component"], "checkout");
        let groups = r#""component":"checkout","week":"2026-01-05""#;
        let nested = flat.replace(groups, &format!(r#""group":{{{groups}}}"#));
        assert_eq!(serde_json::from_str::<StatsRow>(&nested).unwrap(), row);
        let json = serde_json::to_value(&row).unwrap();
        let columns = StatsColumn::of(&[GroupBy::Week, GroupBy::Component]);
        assert_eq!(json, serde_json::to_value(crate::Selected { columns: &columns, row: &row }).unwrap());
        assert_eq!(serde_json::from_value::<StatsRow>(json).unwrap(), row);
    }
}
