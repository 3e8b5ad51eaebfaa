//! Which trends.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::parameters::{put, read_parameters, replace, switch};
use crate::words::words;
use crate::{Bound, Component, Duration, Environment, FieldError, FieldErrors, ListFormat, Percent, Status, Timestamp};

const DAY_MICROS: i64 = 86_400_000_000;

/// 2026-01-05T00:00:00Z, a Monday.
const DEFAULT_SPRINT_START: i64 = 1_767_571_200_000_000;

/// Which trends: of each component and environment that is chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrendQuery {
    /// Of this component only; then the answer has the points too.
    pub component: Option<Component>,
    /// In this environment only.
    pub environment: Option<Environment>,
    /// Of this step in them, rather than of whole deployments.
    pub step: Option<Status>,
    /// Of what started then or later; by default 90 days back.
    pub since: Option<Bound>,
    /// Of what started then or earlier.
    pub until: Option<Bound>,
    /// Medians of these.
    pub by: PeriodKind,
    /// When sprints begin, and how long they are.
    pub sprints: Sprints,
    /// The smallest growth in a week that matters.
    pub min_change: SmallestChange,
    /// The smallest difference that matters; by default what fits each series.
    pub min_difference: Option<Duration>,
    /// Of the durations without the time in which only waiting statuses were open.
    pub exclude_waiting: bool,
    /// The format; by default what the Accept header prefers, else JSON.
    pub format: Option<ListFormat>,
    /// CSV without what a spreadsheet runs as a formula.
    pub safe: bool,
}

words! {
    /// What medians are of.
    #[derive(Default)]
    PeriodKind {
        /// Weeks, from Monday (ISO 8601), UTC.
        #[default]
        Week = "week",
        /// Sprints.
        Sprint = "sprint",
    }
}

/// A team's sprints: one after the other, all of one length, before and after the one that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sprints {
    /// When one of them began.
    pub start: SprintStart,
    /// How long each is.
    pub length: SprintLength,
}

/// The midnight (UTC) at which a sprint began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SprintStart(Timestamp);

/// How long a sprint is: whole days, 1 to 366.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SprintLength(Duration);

/// The smallest growth in a week that matters, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmallestChange(pub Percent);

impl TrendQuery {
    /// The names of its parameters.
    pub const PARAMETERS: [&'static str; 13] = [
        "component",
        "environment",
        "step",
        "since",
        "until",
        "by",
        "sprint_start",
        "sprint_length",
        "min_change",
        "min_difference",
        "exclude_waiting",
        "format",
        "safe",
    ];

    /// Reads the parameters of a query string. An empty value counts as not given.
    ///
    /// # Errors
    /// Every unknown, repeated or wrong parameter, all at once.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut query = Self::default();
        read_parameters(parameters, &Self::PARAMETERS, |name, value| query.set(name, value))?;
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>> {
        Some(match name {
            "component" => put(&mut self.component, name, value),
            "environment" => put(&mut self.environment, name, value),
            "step" => put(&mut self.step, name, value),
            "since" => put(&mut self.since, name, value),
            "until" => put(&mut self.until, name, value),
            "by" => replace(&mut self.by, name, value),
            "sprint_start" => replace(&mut self.sprints.start, name, value),
            "sprint_length" => replace(&mut self.sprints.length, name, value),
            "min_change" => replace(&mut self.min_change, name, value),
            "min_difference" => put(&mut self.min_difference, name, value),
            "exclude_waiting" => switch(&mut self.exclude_waiting, name, value),
            "format" => put(&mut self.format, name, value),
            "safe" => switch(&mut self.safe, name, value),
            _ => return None,
        })
    }

    /// The parameters that describe this query.
    #[must_use]
    pub fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { component, environment, step, since, until, by, sprints, min_change, .. } = self;
        let Self { min_difference, exclude_waiting, format, safe, .. } = self;
        let values = [
            component.as_ref().map(ToString::to_string),
            environment.as_ref().map(ToString::to_string),
            step.as_ref().map(ToString::to_string),
            since.as_ref().map(ToString::to_string),
            until.as_ref().map(ToString::to_string),
            Some(by.to_string()),
            Some(sprints.start.to_string()),
            Some(sprints.length.to_string()),
            Some(min_change.to_string()),
            min_difference.map(Duration::to_exact_text),
            exclude_waiting.then(|| exclude_waiting.to_string()),
            format.as_ref().map(ToString::to_string),
            safe.then(|| safe.to_string()),
        ];
        Self::PARAMETERS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Sprints {
    /// When the sprint began that contains a time.
    #[must_use]
    pub fn start_of(self, time: Timestamp) -> Timestamp {
        let (start, length) = (self.start.0.micros(), self.length.0.micros());
        let into = (time.micros() - start).rem_euclid(length);
        Timestamp::from_micros(time.micros() - into).unwrap_or_default()
    }
}

impl SprintLength {
    /// As a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl Default for SprintStart {
    fn default() -> Self {
        Self(Timestamp::from_micros(DEFAULT_SPRINT_START).unwrap_or_default())
    }
}

impl Default for SprintLength {
    fn default() -> Self {
        Self(Duration::from_micros(14 * DAY_MICROS).unwrap_or_default())
    }
}

impl Default for SmallestChange {
    fn default() -> Self {
        const { Self(Percent::new(1.0).expect("a number")) }
    }
}

impl FromStr for SprintStart {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let midnight = if text.len() == 10 { format!("{text} 00:00:00").parse().ok() } else { None };
        midnight.map(Self).ok_or_else(|| format!("is not a date: {text:?}; write 2026-01-05"))
    }
}

impl FromStr for SprintLength {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("must be whole days, from 1d to 366d, not {text:?}; write 14d or 2w");
        let length: Duration = text.parse().map_err(|_| wrong())?;
        let fits = length.micros() % DAY_MICROS == 0 && (1..=366).contains(&(length.micros() / DAY_MICROS));
        if fits { Ok(Self(length)) } else { Err(wrong()) }
    }
}

impl FromStr for SmallestChange {
    type Err = String;
    /// Reads `1%`, and `1%/week`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        text.strip_suffix("/week").unwrap_or(text).parse().map(Self)
    }
}

impl fmt::Display for SprintStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_seconds_text();
        text.truncate(10);
        f.pad(&text)
    }
}

impl fmt::Display for SprintLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}d", self.0.micros() / DAY_MICROS))
    }
}

impl fmt::Display for SmallestChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&'static str, &'static str)]) -> Result<TrendQuery, FieldErrors> {
        TrendQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn comes_back_from_its_own_parameters() {
        let values = [
            ("component", "checkout"),
            ("environment", "staging"),
            ("step", "migrating"),
            ("since", "90d"),
            ("until", "2026-03-01"),
            ("by", "sprint"),
            ("sprint_start", "2026-01-07"),
            ("sprint_length", "3w"),
            ("min_change", "0.5%/week"),
            ("min_difference", "2s"),
            ("exclude_waiting", "true"),
            ("format", "csv"),
            ("safe", "true"),
        ];
        let query = read(&values).unwrap();
        let parameters = query.to_parameters();
        assert_eq!(parameters.len(), TrendQuery::PARAMETERS.len());
        let again = TrendQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), value.into())));
        assert_eq!(again, Ok(query));
        assert_eq!(read(&[("since", ""), ("by", "")]), Ok(TrendQuery::default()));
    }

    #[test]
    fn names_every_wrong_parameter() {
        let error = read(&[
            ("since", "soon"),
            ("by", "month"),
            ("sprint_start", "monday"),
            ("sprint_length", "36h"),
            ("min_change", "-1%"),
            ("stp", "x"),
        ]);
        let error = error.unwrap_err();
        let fields: Vec<_> = error.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["since", "by", "sprint_start", "sprint_length", "min_change", "stp"]);
        assert_eq!(error.0[5].suggestion.as_deref(), Some("step"));
        assert!(error.to_string().contains("since is not a time: \"soon\""), "{error}");
    }

    #[test]
    fn sprints_follow_each_other_in_both_directions() {
        let sprints = Sprints::default();
        let start = |text: &str| sprints.start_of(text.parse().unwrap()).to_seconds_text();
        assert_eq!(start("2026-01-05 00:00:00"), "2026-01-05 00:00:00");
        assert_eq!(start("2026-01-18 23:59:59.999999"), "2026-01-05 00:00:00");
        assert_eq!(start("2026-01-19 00:00:00"), "2026-01-19 00:00:00");
        assert_eq!(start("2026-01-04 23:59:59"), "2025-12-22 00:00:00");
    }
}
