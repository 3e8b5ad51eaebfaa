//! The flags that filter steps and deployments.
//!
//! Filters come from flags alone: a `STEPS_COMPONENT` that is set for recording must not hide steps.

use std::str::FromStr;

use chrono::Utc;
use chrono_tz::Tz;
use steps_shared::{
    Bound, Component, DeploymentFilter, DeploymentOutcome, Duration, Environment, Owner, Run, Status, StepFilter,
    Timestamp, Version,
};

use super::words::Words;
use crate::clock;
use crate::error::Error;

/// One end of a time range as people type it: a time, a date, `2h`, `yesterday`, `2 weeks ago`, `last month`. What a date means
/// depends on the zone, which may be a setting.
#[derive(Debug, Clone)]
pub struct TypedTime(String);

/// The zone of dates.
#[derive(Debug, clap::Args)]
pub struct ZoneFlags {
    /// The time zone of dates, and of times without one, such as Europe/Berlin [env: STEPS_TZ] [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
}

/// The filter of a list of steps.
#[derive(Debug, clap::Args)]
pub struct FilterFlags {
    /// Only this component
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    component: Option<Component>,
    /// Only this version
    #[arg(long, value_name = "VERSION", help_heading = "Filters")]
    version: Option<Version>,
    /// Only this owner
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    owner: Option<Owner>,
    /// Only with this status; of a deployment, the last that was recorded
    #[arg(long, value_name = "STATUS", help_heading = "Filters")]
    status: Option<Status>,
    /// Only this environment
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    environment: Option<Environment>,
    /// Only this CI run
    #[arg(long, value_name = "RUN", help_heading = "Filters")]
    run: Option<Run>,
    /// Only what began then or later: 2026-01-05 09:30, yesterday, monday, last month, or a span back
    /// from now such as 2h or 7d
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    since: Option<TypedTime>,
    /// Only what began then or earlier; a whole second or minute is included, a day or month alone is its beginning
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    until: Option<TypedTime>,
}

/// The filter of a list of deployments.
#[derive(Debug, clap::Args)]
pub struct DeploymentFilterFlags {
    #[command(flatten)]
    base: FilterFlags,
    /// Only with this outcome: succeeded, failed, cancelled, running or abandoned
    #[arg(
        long, value_name = "OUTCOME", help_heading = "Filters", hide_possible_values = true,
        value_parser = Words::new(DeploymentOutcome::ALL, DeploymentOutcome::name, str::parse)
    )]
    outcome: Option<DeploymentOutcome>,
    /// Only what took at least so long: 90s, 15m, 1h30m
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    min_duration: Option<Duration>,
    /// Only what took at most so long
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    max_duration: Option<Duration>,
}

impl FilterFlags {
    /// # Errors
    /// Bounds of time with nothing between them.
    pub fn filter(self, zone: Tz) -> Result<StepFilter, Error> {
        let Self { component, version, owner, status, environment, run, since, until } = self;
        let since = since.map(|since| since.bound("--since", zone)).transpose()?;
        let until = until.map(|until| until.bound("--until", zone)).transpose()?;
        let (since, until) = bounds(since, until)?;
        Ok(StepFilter { component, version, owner, status, environment, run, since, until })
    }
}

impl DeploymentFilterFlags {
    /// # Errors
    /// Bounds of time or duration with nothing between them.
    pub fn filter(self, zone: Tz) -> Result<DeploymentFilter, Error> {
        let Self { base, outcome, min_duration, max_duration } = self;
        if let (Some(min), Some(max)) = (min_duration, max_duration)
            && min > max
        {
            return Err(Error::Usage(format!(
                "--min-duration ({min}) is more than --max-duration ({max}): nothing can be between"
            )));
        }
        Ok(DeploymentFilter { base: base.filter(zone)?, outcome, min_duration, max_duration })
    }
}

impl FromStr for TypedTime {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let typed = Self(text.to_owned());
        typed.read(&Utc).map(|_| typed)
    }
}

impl TypedTime {
    /// What it means where dates and local times are those of `zone`.
    ///
    /// # Errors
    /// A local time that the clocks of the zone showed twice, or not at all.
    pub fn bound(&self, flag: &str, zone: Tz) -> Result<Bound, Error> {
        self.read(&zone).map_err(|error| Error::Usage(format!("{flag} {error}")))
    }

    fn read<Z: chrono::TimeZone>(&self, zone: &Z) -> Result<Bound, String> {
        Bound::typed(&self.0, clock::now(), zone)
    }
}

/// Refuses bounds of time with nothing between them.
pub fn check_bounds(since: Option<Bound>, until: Option<Bound>) -> Result<(), Error> {
    bounds(since, until).map(|_| ())
}

/// The ends of a range of time.
///
/// # Errors
/// There is nothing between them.
pub fn bounds(since: Option<Bound>, until: Option<Bound>) -> Result<(Option<Timestamp>, Option<Timestamp>), Error> {
    if since.is_none() && until.is_none() {
        return Ok((None, None));
    }
    let now = clock::now();
    let since = since.map(|bound| bound.start(now)).transpose();
    let since = since.map_err(|error| Error::Usage(format!("--since {error}")))?;
    let until = until.map(|bound| bound.end(now)).transpose();
    let until = until.map_err(|error| Error::Usage(format!("--until {error}")))?;
    match (since, until) {
        (Some(since), Some(until)) if since > until => {
            Err(Error::Usage(format!("--since ({since}) is after --until ({until}): nothing can be between")))
        }
        _ => Ok((since, until)),
    }
}
