//! What is to be judged: what the flags say, else the rules of a settings file.

use steps_shared::{Budget, CheckQuery, Component, Environment};

use super::{Args, LimitFlags};
use crate::error::Error;
use crate::settings::{Key, Rule, Sources};

/// How a limit is given.
const HINT: &str = "\
Give one with --max 10m, --baseline p95 or --max-growth 5%/week; or write a rule into .steps.toml:
         [[check]]
         component = \"checkout\"
         max = \"10m\"";

/// What is to be judged.
#[derive(Debug)]
pub(super) struct Plan {
    /// Each is asked for by itself.
    pub queries: Vec<CheckQuery>,
    /// The file whose rules they are; `None` where the flags have limits.
    pub rules: Option<String>,
}

/// Finds what is to be judged.
///
/// # Errors
/// Rules that are wrong, or none; a component that nobody names.
pub(super) fn plan(args: Args, sources: &Sources) -> Result<Plan, Error> {
    let Args { component, environment, version, step, limits, since, replay, format: _ } = args;
    let place = Place { component: &component, environment: &environment, sources };
    if let Some(budget) = limits.budget() {
        let (component, environment) = (place.component(None)?, place.environment(None)?);
        let query = CheckQuery { component, environment, version, step, budget, since, replay };
        return Ok(Plan { queries: vec![query], rules: None });
    }
    let Some((path, rules)) = sources.rules()? else {
        return Err(Error::Usage(format!("no limit is given, and no settings file has a rule. {HINT}")));
    };
    let matches = |rule: &&Rule| {
        let differs = |of_rule: Option<&str>, flag: Option<&str>| matches!((of_rule, flag), (Some(of_rule), Some(flag)) if of_rule != flag);
        let Rule { component: of, environment: place, step: part, line: _, budget: _, since: _ } = rule;
        !differs(of.as_ref().map(Component::as_str), component.as_ref().map(Component::as_str))
            && !differs(place.as_ref().map(Environment::as_str), environment.as_ref().map(Environment::as_str))
            // A rule without a step is of whole deployments: its limits say nothing of a step.
            && (step.is_none() || *part == step)
    };
    let queries = rules.iter().filter(matches).map(|rule| {
        let Rule { line, component, environment, step, budget, since } = rule.clone();
        let named = |error: Error| match error {
            Error::Usage(reason) => Error::Usage(format!("{reason}; the rule in {}, line {line}", path.display())),
            other => other,
        };
        Ok(CheckQuery {
            component: place.component(component).map_err(named)?,
            environment: place.environment(environment)?,
            version: version.clone(),
            step,
            budget,
            since,
            replay,
        })
    });
    let queries: Vec<_> = queries.collect::<Result<_, Error>>()?;
    if queries.is_empty() {
        let of = [
            component.as_ref().map(|component| format!("component {component}")),
            environment.as_ref().map(|environment| format!("environment {environment}")),
            step.as_ref().map(|step| format!("step {step}")),
        ];
        let of = of.into_iter().flatten().collect::<Vec<_>>().join(", ");
        return Err(Error::Usage(format!("no rule in {} is of {of}. {HINT}", path.display())));
    }
    Ok(Plan { queries, rules: Some(path.display().to_string()) })
}

/// Of what, and where: as the flags say, else a rule, else the settings.
struct Place<'a> {
    component: &'a Option<Component>,
    environment: &'a Option<Environment>,
    sources: &'a Sources,
}

impl Place<'_> {
    fn component(&self, of_rule: Option<Component>) -> Result<Component, Error> {
        if let Some(component) = self.component.clone().or(of_rule) {
            return Ok(component);
        }
        let missing = "the component is missing: give --component, set STEPS_COMPONENT, or write component = \"…\" in \
                       .steps.toml";
        self.sources.name(Key::Component)?.ok_or_else(|| Error::Usage(missing.to_owned()))
    }

    fn environment(&self, of_rule: Option<Environment>) -> Result<Environment, Error> {
        if let Some(environment) = self.environment.clone().or(of_rule) {
            return Ok(environment);
        }
        Ok(self.sources.name(Key::Environment)?.unwrap_or_default())
    }
}

impl LimitFlags {
    /// The limits; `None` where there are none.
    fn budget(self) -> Option<Budget> {
        let Self { max, baseline, last, margin, max_growth } = self;
        let usual = Budget::default();
        let budget = Budget {
            max,
            baseline,
            last: last.unwrap_or(usual.last),
            margin: margin.unwrap_or(usual.margin),
            max_growth,
        };
        (max.is_some() || baseline.is_some() || max_growth.is_some()).then_some(budget)
    }
}
