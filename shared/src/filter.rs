//! What chooses the rows of a list.

use std::borrow::Cow;

use crate::parameters::{named, put, put_time, read_parameters};
use crate::{
    Component, DeploymentOutcome, Duration, Environment, FieldError, FieldErrors, Owner, Run, Status, Timestamp,
    Version,
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
    /// Begun at this time or later.
    pub since: Option<Timestamp>,
    /// Begun at this time or earlier.
    pub until: Option<Timestamp>,
}

/// Which deployments; all that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeploymentFilter {
    /// As for steps: `status` is the last one, and `since` and `until` are of the start.
    pub base: StepFilter,
    /// With this outcome.
    pub outcome: Option<DeploymentOutcome>,
    /// That took this long, or longer.
    pub min_duration: Option<Duration>,
    /// That took this long, or less.
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
            "start_datetime" | "start_datatetime" => put_time(&mut self.since, name, value, |time| time.start),
            "end_datetime" => put_time(&mut self.until, name, value, |time| time.end),
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
