//! Statistics of deployments, as they are asked for and answered.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::query::{Filter, put, read_parameters};
use crate::{DeploymentFilter, Duration, FieldError, FieldErrors, GroupBy, ListFormat};

/// Which statistics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatsQuery {
    /// Of which deployments.
    pub filter: DeploymentFilter,
    /// Grouped by these, in this order; empty means one group of everything.
    pub by: Vec<GroupBy>,
    /// The zone of days, weeks and months.
    pub tz: TimeZone,
    /// How they are written; what the Accept header prefers, else JSON, unless said.
    pub format: Option<ListFormat>,
}

/// The name of a time zone, such as `Europe/Berlin`; whether there is one of that name the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(String);

/// The statistics of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stat {
    /// What the group is of: a value for each of [`StatsQuery::by`], by its name.
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
}

/// The answer of `GET /v1/stats` as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatsAnswer {
    /// What the groups are of.
    pub by: Vec<String>,
    /// Each group, sorted by its values.
    pub stats: Vec<Stat>,
}

impl StatsQuery {
    /// Reads the parameters of a query string. An empty value counts as not given.
    ///
    /// # Errors
    /// Every unknown, repeated or wrong parameter, all at once.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut query = Self::default();
        let known: Vec<&str> = DeploymentFilter::PARAMETERS.iter().chain(&["by", "tz", "format"]).copied().collect();
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
                self.tz = TimeZone(value.to_owned());
                Ok(())
            }
            "format" => put(&mut self.format, name, value),
            _ => return None,
        })
    }

    /// The parameters that describe this query.
    #[must_use]
    pub fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { filter, by, tz, format } = self;
        let mut parameters = filter.to_parameters();
        if !by.is_empty() {
            parameters.push(("by", by.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")));
        }
        parameters.push(("tz", tz.to_string()));
        parameters.extend(format.map(|format| ("format", format.to_string())));
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
