//! What may be asked of a list of steps.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::words::words;
use crate::{
    Component, DeploymentColumn, DeploymentOutcome, Duration, Environment, FieldError, FieldErrors, ListColumn,
    ListFormat, Owner, Run, Status, StepColumn, TimeError, TimeInterval, Timestamp, Version,
};

/// Which steps; all that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepFilter {
    /// Of this component.
    pub component: Option<Component>,
    /// Of this version.
    pub version: Option<Version>,
    /// Of this owner.
    pub owner: Option<Owner>,
    /// With this status.
    pub status: Option<Status>,
    /// In this environment.
    pub environment: Option<Environment>,
    /// Of this CI run.
    pub run: Option<Run>,
    /// Begun at this moment or later.
    pub since: Option<Timestamp>,
    /// Begun at this moment or earlier.
    pub until: Option<Timestamp>,
}

/// Which deployments; all that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeploymentFilter {
    /// As for steps: `status` is the last one, and `since` and `until` are of the start.
    pub base: StepFilter,
    /// With this outcome.
    pub outcome: Option<DeploymentOutcome>,
    /// That took so long, or longer.
    pub min_duration: Option<Duration>,
    /// That took so long, or less.
    pub max_duration: Option<Duration>,
}

/// What chooses the rows of a list.
pub trait Filter: Default {
    /// The names of its parameters.
    const PARAMETERS: &'static [&'static str];
    /// Takes one parameter; `None` when it is none of its own.
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>>;
    /// The parameters that describe it.
    fn to_parameters(&self) -> Vec<(&'static str, String)>;
    /// Reads the parameters of a query string that holds a filter alone.
    ///
    /// # Errors
    /// Every unknown, repeated or wrong parameter, all at once.
    fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut filter = Self::default();
        read_parameters(parameters, Self::PARAMETERS, |name, value| filter.set(name, value))?;
        Ok(filter)
    }
}

words! {
    /// The order of a list: by `ts`, then by `id`.
    #[derive(Default)]
    Order {
        /// The oldest first.
        #[default]
        Ascending = "asc",
        /// The newest first.
        Descending = "desc",
    }
}

/// A list: which rows, in what order, how many, and how they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery<F, C> {
    /// Which rows.
    pub filter: F,
    /// In what order.
    pub order: Order,
    /// At most so many, counted from the beginning of that order.
    pub limit: Option<u64>,
    /// Only these columns, in this order; empty means those the format has by itself.
    pub columns: Vec<C>,
    /// How it is written; what the Accept header prefers, else CSV, unless said.
    pub format: Option<ListFormat>,
}

/// A list of steps.
pub type StepQuery = ListQuery<StepFilter, StepColumn>;

/// A list of deployments.
pub type DeploymentQuery = ListQuery<DeploymentFilter, DeploymentColumn>;

impl Filter for StepFilter {
    const PARAMETERS: &'static [&'static str] =
        &["component", "version", "owner", "status", "environment", "run", "start_datetime", "end_datetime"];

    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>> {
        Some(match name {
            "component" => put(&mut self.component, name, value),
            "version" => put(&mut self.version, name, value),
            "owner" => put(&mut self.owner, name, value),
            "status" => put(&mut self.status, name, value),
            "environment" => put(&mut self.environment, name, value),
            "run" => put(&mut self.run, name, value),
            // The page of the old service misspells it.
            "start_datetime" | "start_datatetime" => put_moment(&mut self.since, name, value, |moment| moment.start),
            "end_datetime" => put_moment(&mut self.until, name, value, |moment| moment.end),
            _ => return None,
        })
    }

    fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { component, version, owner, status, environment, run, since, until } = self;
        let values = [
            component.as_ref().map(ToString::to_string),
            version.as_ref().map(ToString::to_string),
            owner.as_ref().map(ToString::to_string),
            status.as_ref().map(ToString::to_string),
            environment.as_ref().map(ToString::to_string),
            run.as_ref().map(ToString::to_string),
            since.as_ref().map(ToString::to_string),
            until.as_ref().map(ToString::to_string),
        ];
        named(Self::PARAMETERS, values)
    }
}

impl Filter for DeploymentFilter {
    const PARAMETERS: &'static [&'static str] = &[
        "component",
        "version",
        "owner",
        "status",
        "environment",
        "run",
        "start_datetime",
        "end_datetime",
        "outcome",
        "min_duration",
        "max_duration",
    ];

    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>> {
        Some(match name {
            "outcome" => put(&mut self.outcome, name, value),
            "min_duration" => put(&mut self.min_duration, name, value),
            "max_duration" => put(&mut self.max_duration, name, value),
            _ => return self.base.set(name, value),
        })
    }

    fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { base, outcome, min_duration, max_duration } = self;
        let seconds = |duration: &Duration| duration.seconds().to_string();
        let values = [
            outcome.as_ref().map(ToString::to_string),
            min_duration.as_ref().map(seconds),
            max_duration.as_ref().map(seconds),
        ];
        let mut parameters = base.to_parameters();
        parameters.extend(named(&Self::PARAMETERS[StepFilter::PARAMETERS.len()..], values));
        parameters
    }
}

fn named<const N: usize>(names: &[&'static str], values: [Option<String>; N]) -> Vec<(&'static str, String)> {
    names.iter().zip(values).filter_map(|(name, value)| Some((*name, value?))).collect()
}

impl<F: Default, C> Default for ListQuery<F, C> {
    fn default() -> Self {
        Self { filter: F::default(), order: Order::default(), limit: None, columns: Vec::new(), format: None }
    }
}

impl<F: Filter, C: ListColumn> ListQuery<F, C> {
    /// Reads the parameters of a query string. An empty value counts as not given, as in the old service.
    ///
    /// # Errors
    /// Every unknown, repeated or wrong parameter, all at once.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut query = Self::default();
        let known: Vec<&str> = F::PARAMETERS.iter().chain(&["limit", "order", "columns", "format"]).copied().collect();
        read_parameters(parameters, &known, |name, value| query.set(name, value))?;
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>> {
        if let Some(taken) = self.filter.set(name, value) {
            return Some(taken);
        }
        Some(match name {
            "limit" => match value.parse() {
                Ok(limit) if limit > 0 && i64::try_from(limit).is_ok() => {
                    self.limit = Some(limit);
                    Ok(())
                }
                _ => Err(FieldError::wrong(name, format!("must be a whole number from 1, not {value:?}"))),
            },
            "order" => {
                value.parse().map(|order| self.order = order).map_err(|error: String| FieldError::wrong(name, error))
            }
            "columns" => value
                .split(',')
                .map(|column| column.trim().parse())
                .collect::<Result<_, String>>()
                .map(|columns| self.columns = columns)
                .map_err(|error| FieldError::wrong(name, error)),
            "format" => put(&mut self.format, name, value),
            _ => return None,
        })
    }

    /// The parameters that describe this list.
    #[must_use]
    pub fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { filter, order, limit, columns, format } = self;
        let mut parameters = filter.to_parameters();
        parameters.push(("order", order.to_string()));
        parameters.extend(limit.map(|limit| ("limit", limit.to_string())));
        parameters.extend(format.map(|format| ("format", format.to_string())));
        if !columns.is_empty() {
            let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
            parameters.push(("columns", names.join(",")));
        }
        parameters
    }
}

pub(crate) fn read_parameters<'a>(
    parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    known: &[&str],
    mut set: impl FnMut(&str, &str) -> Option<Result<(), FieldError>>,
) -> Result<(), FieldErrors> {
    let mut errors = Vec::new();
    let mut seen: Vec<Cow<'a, str>> = Vec::new();
    for (name, value) in parameters {
        if seen.contains(&name) {
            errors.push(FieldError::repeated(&name));
            continue;
        }
        // An empty value is set nowhere, but its name must still be a known one.
        match set(&name, &value) {
            None => errors.push(FieldError::unknown(&name, known)),
            Some(Err(error)) if !value.is_empty() => errors.push(error),
            Some(_) => {}
        }
        seen.push(name);
    }
    if errors.is_empty() { Ok(()) } else { Err(FieldErrors(errors)) }
}

pub(crate) fn put<T: FromStr<Err: fmt::Display>>(
    place: &mut Option<T>,
    name: &str,
    value: &str,
) -> Result<(), FieldError> {
    *place = Some(value.parse().map_err(|error| FieldError::wrong(name, error))?);
    Ok(())
}

fn put_moment(
    place: &mut Option<Timestamp>,
    name: &str,
    value: &str,
    pick: impl Fn(TimeInterval) -> Timestamp,
) -> Result<(), FieldError> {
    let moment = value.parse().map_err(|error: TimeError| FieldError::wrong(name, error))?;
    *place = Some(pick(moment));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&'static str, &'static str)]) -> Result<StepQuery, FieldErrors> {
        StepQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn comes_back_from_its_own_parameters() {
        let query = read(&[
            ("component", "a b"),
            ("version", "1"),
            ("owner", "o"),
            ("status", "s"),
            ("environment", "e"),
            ("run", "r"),
            ("start_datetime", "2026-01-05 09:30:00"),
            ("end_datetime", "2026-01-05 09:30:00"),
            ("limit", "5"),
            ("order", "desc"),
            ("columns", "ts, id"),
            ("format", "jsonl"),
        ])
        .unwrap();
        assert_eq!(query.filter.until.unwrap().to_rfc3339(), "2026-01-05T09:30:00.999999Z");
        let parameters = query.to_parameters();
        assert_eq!(parameters.len(), StepFilter::PARAMETERS.len() + 4);
        let again = StepQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), value.into())));
        assert_eq!(again, Ok(query));
    }

    #[test]
    fn a_misspelt_filter_is_refused_and_an_empty_one_ignored() {
        let error = read(&[("onwer", "ann")]).unwrap_err();
        assert_eq!(error.0[0].suggestion.as_deref(), Some("owner"));
        assert_eq!(read(&[("owner", ""), ("end_datetime", ""), ("limit", "")]), Ok(StepQuery::default()));
        assert!(read(&[("onwer", "")]).is_err());
        assert!(read(&[("start_datatetime", "2026-01-05 09:30:00")]).unwrap().filter.since.is_some());
    }

    #[test]
    fn names_every_wrong_parameter() {
        let error = read(&[
            ("limit", "0"),
            ("order", "up"),
            ("columns", "ts,x"),
            ("format", "pdf"),
            ("owner", "a"),
            ("owner", "b"),
        ])
        .unwrap_err();
        let fields: Vec<_> = error.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["limit", "order", "columns", "format", "owner"]);
    }
}
