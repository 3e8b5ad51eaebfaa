//! Whether a deployment is within its budget.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Budget, BudgetKind};
use crate::parameters::{put, read_parameters, switch};
use crate::words::words;
use crate::{
    Bound, Component, Duration, Environment, FieldError, FieldErrors, Owner, Percent, Status, StepId, Timestamp,
    Version,
};

/// Which deployment, and what it may take.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckQuery {
    /// What was deployed.
    pub component: Component,
    /// Where to; by default `production`.
    pub environment: Environment,
    /// The newest successful deployment of this version, rather than of any.
    pub version: Option<Version>,
    /// This step in it, rather than the whole.
    pub step: Option<Status>,
    /// What it may take.
    pub budget: Budget,
    /// Judge the durations without the time in which only waiting statuses were open.
    pub exclude_waiting: bool,
    /// What deployments before count: from a time on, or this long before the one that is judged; by default 90 days.
    pub since: Option<Bound>,
    /// Judge every deployment that started in this time back from now, too.
    pub replay: Option<Duration>,
}

words! {
    /// The result of a check; the worst is the greatest.
    CheckResult {
        /// Within the budget.
        Within = "within",
        /// Too few deployments to say so.
        NotEnoughData = "not enough data",
        /// Over the budget.
        Over = "over",
    }
}

/// The answer of `GET /v1/check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckAnswer {
    /// What was deployed.
    pub component: Component,
    /// Where to.
    pub environment: Environment,
    /// Which step is judged; null where it is the whole.
    pub step: Option<Status>,
    /// The worst of the limits' results: over, then not enough data.
    pub result: CheckResult,
    /// What was judged; null where there is no successful deployment.
    pub deployment: Option<Judged>,
    /// How many deployments in a row, the judged one being the last of them, took longer than `max` or the baseline allows.
    #[serde(default)]
    pub over_in_a_row: u32,
    /// Each limit that was given.
    pub budgets: Vec<BudgetAnswer>,
    /// The results of each limit in the past, where they were asked for.
    pub replay: Option<Replay>,
}

/// A deployment that is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Judged {
    /// Its identity.
    pub id: StepId,
    /// Which version it was.
    pub version: Version,
    /// Who began it.
    pub owner: Owner,
    /// When it started.
    pub started_at: Timestamp,
    /// How long it, or the step, took; without waiting where the query says so.
    #[serde(rename = "duration_seconds")]
    pub duration: Duration,
}

/// The result of one limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BudgetAnswer {
    /// Which limit.
    pub budget: BudgetKind,
    /// Its result.
    pub result: CheckResult,
    /// Why, in words.
    pub reason: String,
}

/// The results of the limits in the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replay {
    /// Since when.
    pub since: Timestamp,
    /// Until when: now.
    pub until: Timestamp,
    /// When the first of them started; null where there is none.
    pub first_started_at: Option<Timestamp>,
    /// How many deployments there were.
    pub deployments: u32,
    /// How many of them any of the limits would have been over at.
    pub over: u32,
    /// Each limit.
    pub budgets: Vec<ReplayedBudget>,
}

/// The results of one limit in the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplayedBudget {
    /// Which limit.
    pub budget: BudgetKind,
    /// How many deployments it would have been over at.
    pub over: u32,
    /// For how many there was not enough data.
    pub not_enough_data: u32,
    /// The latest of those it would have been over at, at most 20, the oldest first.
    pub firings: Vec<Firing>,
}

/// A deployment at which a limit would have been over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Firing {
    /// The deployment.
    #[serde(flatten)]
    pub deployment: Judged,
    /// Why, in words.
    pub reason: String,
}

impl CheckQuery {
    /// The names of its parameters; a rule in a settings file has the same.
    pub const PARAMETERS: [&'static str; 15] = [
        "component",
        "environment",
        "version",
        "step",
        "max",
        "min",
        "baseline",
        "last",
        "margin",
        "both_ways",
        "max_growth",
        "min_difference",
        "exclude_waiting",
        "since",
        "replay",
    ];

    /// Reads the parameters of a query string. An empty value counts as not given.
    ///
    /// # Errors
    /// Every unknown, repeated, missing or wrong parameter, all at once.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut given = Given::default();
        let read = read_parameters(parameters, &Self::PARAMETERS, |name, value| given.set(name, value));
        let mut errors = read.err().map_or_else(Vec::new, |FieldErrors(errors)| errors);
        let is_wrong = |errors: &[FieldError], field: &str| errors.iter().any(|error| error.field == field);
        let Given { component, environment, version, step, mut budget, last, margin, exclude_waiting, since, replay } =
            given;
        if component.is_none() && !is_wrong(&errors, "component") {
            errors.push(FieldError::missing("component"));
        }
        let limits =
            [BudgetKind::Max, BudgetKind::Min, BudgetKind::Baseline, BudgetKind::MaxGrowth].map(BudgetKind::name);
        if budget.given().next().is_none() && !limits.iter().any(|limit| is_wrong(&errors, limit)) {
            let reason = "is not given, nor min, baseline or max_growth: one of them is needed";
            errors.push(FieldError::wrong("max", reason));
        }
        if let (Some(min), Some(max)) = (budget.min, budget.max)
            && min > max
        {
            errors.push(FieldError::wrong("min", format!("is more than max: {min} is longer than {max}")));
        }
        for (name, given) in [("last", last.is_some()), ("margin", margin.is_some()), ("both_ways", budget.both_ways)] {
            if given && budget.baseline.is_none() && !is_wrong(&errors, "baseline") {
                errors.push(FieldError::wrong(name, "is of a baseline, and none is given: add baseline=p95"));
            }
        }
        budget.last = last.unwrap_or(budget.last);
        budget.margin = margin.unwrap_or(budget.margin);
        match component {
            Some(component) if errors.is_empty() => {
                let environment = environment.unwrap_or_default();
                Ok(Self { component, environment, version, step, budget, exclude_waiting, since, replay })
            }
            _ => Err(FieldErrors(errors)),
        }
    }

    /// The parameters that describe this query.
    #[must_use]
    pub fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { component, environment, version, step, budget, exclude_waiting, since, replay } = self;
        let Budget { max, min, baseline, last, margin, both_ways, max_growth, min_difference } = budget;
        let switch = |on: bool| on.then(|| on.to_string());
        let values = [
            Some(component.to_string()),
            Some(environment.to_string()),
            version.as_ref().map(ToString::to_string),
            step.as_ref().map(ToString::to_string),
            max.map(Duration::to_exact_text),
            min.map(Duration::to_exact_text),
            baseline.as_ref().map(ToString::to_string),
            baseline.map(|_| last.to_string()),
            baseline.map(|_| margin.to_string()),
            switch(*both_ways),
            max_growth.as_ref().map(ToString::to_string),
            min_difference.map(Duration::to_exact_text),
            switch(*exclude_waiting),
            since.as_ref().map(ToString::to_string),
            replay.map(Duration::to_exact_text),
        ];
        Self::PARAMETERS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The parameters that have been read.
#[derive(Default)]
struct Given {
    component: Option<Component>,
    environment: Option<Environment>,
    version: Option<Version>,
    step: Option<Status>,
    budget: Budget,
    last: Option<u32>,
    margin: Option<Percent>,
    exclude_waiting: bool,
    since: Option<Bound>,
    replay: Option<Duration>,
}

impl Given {
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>> {
        Some(match name {
            "component" => put(&mut self.component, name, value),
            "environment" => put(&mut self.environment, name, value),
            "version" => put(&mut self.version, name, value),
            "step" => put(&mut self.step, name, value),
            "max" => put(&mut self.budget.max, name, value),
            "min" => put(&mut self.budget.min, name, value),
            "both_ways" => switch(&mut self.budget.both_ways, name, value),
            "exclude_waiting" => switch(&mut self.exclude_waiting, name, value),
            "baseline" => put(&mut self.budget.baseline, name, value),
            "last" => match value.trim().parse() {
                Ok(last) if (Budget::MIN_BASELINE_WINDOW..=Budget::MAX_BASELINE_WINDOW).contains(&last) => {
                    self.last = Some(last);
                    Ok(())
                }
                _ => {
                    let (least, most) = (Budget::MIN_BASELINE_WINDOW, Budget::MAX_BASELINE_WINDOW);
                    Err(FieldError::wrong(
                        name,
                        format!("must be a whole number from {least} to {most}, not {value:?}"),
                    ))
                }
            },
            "margin" => put(&mut self.margin, name, value),
            "max_growth" => put(&mut self.budget.max_growth, name, value),
            "min_difference" => put(&mut self.budget.min_difference, name, value),
            "since" => put(&mut self.since, name, value),
            "replay" => match value.parse() {
                Ok(span) if span > Duration::default() => {
                    self.replay = Some(span);
                    Ok(())
                }
                Ok(_) => Err(FieldError::wrong(name, "must be longer than nothing; write 90d")),
                Err(error) => Err(FieldError::wrong(name, error)),
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&'static str, &'static str)]) -> Result<CheckQuery, FieldErrors> {
        CheckQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn comes_back_from_its_own_parameters() {
        let values = [
            ("component", "checkout"),
            ("environment", "staging"),
            ("version", "4.2.0"),
            ("step", "migrating"),
            ("max", "1m30s"),
            ("min", "10s"),
            ("baseline", "p95"),
            ("last", "50"),
            ("margin", "10%"),
            ("both_ways", "true"),
            ("max_growth", "5%/week"),
            ("min_difference", "2s"),
            ("exclude_waiting", "true"),
            ("since", "2026-01-05"),
            ("replay", "90d"),
        ];
        let query = read(&values).unwrap();
        let parameters = query.to_parameters();
        assert_eq!(parameters.len(), CheckQuery::PARAMETERS.len());
        let again = CheckQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), value.into())));
        assert_eq!(again, Ok(query));
        let least = read(&[("component", "checkout"), ("max", "90")]).unwrap();
        assert_eq!((least.environment.as_str(), least.budget.last), ("production", 30));
    }

    #[test]
    fn names_all_that_is_missing_or_wrong() {
        let fields = |parameters: &[(&'static str, &'static str)]| -> Vec<String> {
            read(parameters).unwrap_err().0.into_iter().map(|error| error.field).collect()
        };
        assert_eq!(fields(&[]), ["component", "max"]);
        assert_eq!(fields(&[("component", "c"), ("baseline", "95")]), ["baseline"]);
        assert_eq!(
            fields(&[("component", ""), ("max", "soon"), ("last", "9"), ("replay", "x")]),
            ["max", "last", "replay", "component"]
        );
        let alone = [("component", "c"), ("max", "1m"), ("margin", "5%"), ("last", "50"), ("replay", "0s")];
        assert_eq!(fields(&alone), ["replay", "last", "margin"], "a margin is of a baseline");
        let wrong =
            [("component", "c"), ("max", "1m"), ("min", "2m"), ("both_ways", "true"), ("exclude_waiting", "no")];
        assert_eq!(fields(&wrong), ["exclude_waiting", "min", "both_ways"]);
        assert!(read(&[("component", "c"), ("min", "1m"), ("exclude_waiting", "")]).is_ok());
    }
}
