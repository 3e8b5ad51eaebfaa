//! Which checks to ask for: the limits of the flags, else the rules of a settings file.

use steps_shared::{Bound, Budget, CheckQuery, Component, Environment};

use super::{Args, LimitFlags};
use crate::clock;
use crate::error::Error;
use crate::settings::{Key, Rule, Settings};

/// How a limit is given.
const HINT: &str = "\
Give a limit, such as --max 10m, --baseline p95 or --max-growth 5%/week; or write a rule into .steps.toml:
         [[check]]
         component = \"checkout\"
         max = \"10m\"";

/// The checks to ask for.
#[derive(Debug)]
pub(super) struct QueryPlan {
    /// One for each check.
    pub queries: Vec<CheckQuery>,
    /// The file whose rules they are; `None` where flags give the limits.
    pub rules: Option<String>,
}

/// Makes the queries.
///
/// # Errors
/// Wrong rules, no rules, or a component that is set nowhere.
pub(super) fn plan(args: Args, settings: &Settings) -> Result<QueryPlan, Error> {
    let Args { component, environment, version, step, limits, exclude_waiting, since, replay, .. } = args;
    let zone = settings.zone()?;
    let since = since.map(|since| since.bound("--since", zone)).transpose()?;
    let target = Target { component: &component, environment: &environment, settings };
    if let Some(budget) = limits.budget() {
        let missing = || "the component is missing".to_owned();
        let (component, environment) = (target.component(None, missing)?, target.environment(None)?);
        let query = CheckQuery { component, environment, version, step, budget, exclude_waiting, since, replay };
        return Ok(QueryPlan { queries: vec![query], rules: None });
    }
    let Some((path, rules)) = settings.rules()? else {
        return Err(Error::Usage(format!("no limit is given, and no settings file has a rule. {HINT}")));
    };
    let matches = |rule: &&Rule| {
        let differs = |of_rule: Option<&str>, flag: Option<&str>| matches!((of_rule, flag), (Some(of_rule), Some(flag)) if of_rule != flag);
        let Rule { component: rule_component, environment: rule_environment, step: rule_step, .. } = rule;
        !differs(rule_component.as_ref().map(Component::as_str), component.as_ref().map(Component::as_str))
            && !differs(rule_environment.as_ref().map(Environment::as_str), environment.as_ref().map(Environment::as_str))
            // A rule without a step has limits of whole deployments, which do not hold for a step.
            && (step.is_none() || *rule_step == step)
    };
    let queries = rules.iter().filter(matches).map(|rule| {
        let Rule { line, component, environment, step, budget, exclude_waiting: without_waiting, since } = rule.clone();
        let place = || format!("settings file {}, line {line}", path.display());
        let missing = || format!("{}: the rule names no component, and none is set", place());
        let since = since.map(|since| Bound::typed(&since, clock::now(), &zone)).transpose();
        let since = since.map_err(|error| Error::Usage(format!("{}: since {error}", place())))?;
        Ok(CheckQuery {
            component: target.component(component, missing)?,
            environment: target.environment(environment)?,
            version: version.clone(),
            step,
            budget,
            exclude_waiting: exclude_waiting || without_waiting,
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
    Ok(QueryPlan { queries, rules: Some(path.display().to_string()) })
}

/// Finds the component and the environment of a check: the flag's, else the rule's, else that of the settings.
struct Target<'a> {
    component: &'a Option<Component>,
    environment: &'a Option<Environment>,
    settings: &'a Settings,
}

impl Target<'_> {
    fn component(&self, of_rule: Option<Component>, missing: impl FnOnce() -> String) -> Result<Component, Error> {
        if let Some(component) = self.component.clone().or(of_rule) {
            return Ok(component);
        }
        let key = Key::Component;
        self.settings.name(key)?.ok_or_else(|| Error::Usage(format!("{}: {}", missing(), key.ways())))
    }

    fn environment(&self, of_rule: Option<Environment>) -> Result<Environment, Error> {
        if let Some(environment) = self.environment.clone().or(of_rule) {
            return Ok(environment);
        }
        Ok(self.settings.name(Key::Environment)?.unwrap_or_default())
    }
}

impl LimitFlags {
    /// The limits; `None` where there are none.
    fn budget(self) -> Option<Budget> {
        let Self { max, min, baseline, last, margin, both_ways, max_growth, min_difference } = self;
        let usual = Budget::default();
        let budget = Budget {
            max,
            min,
            baseline,
            last: last.unwrap_or(usual.last),
            margin: margin.unwrap_or(usual.margin),
            both_ways,
            max_growth,
            min_difference,
        };
        budget.given().next().is_some().then_some(budget)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::args;
    use super::*;
    use crate::settings::{FileKind, SettingsFile};

    const RULES: &str = "
[[check]]
max = \"10m\"
[[check]]
component = \"checkout\"
step = \"migrating\"
max = \"2m\"
[[check]]
component = \"api\"
environment = \"staging\"
baseline = \"p95\"
";

    fn planned(flags: &[&str], files: &[&str]) -> Result<QueryPlan, String> {
        let names = ["/p/.steps.toml", "/u/config.toml"];
        let mut settings = Settings::default();
        let parse = |name: &str, text| SettingsFile::parse(name.into(), FileKind::User, text).unwrap().0;
        settings.files.extend(names.into_iter().zip(files).map(|(name, text)| parse(name, text)));
        plan(args(flags).unwrap(), &settings).map_err(|error| {
            assert_eq!(error.exit_code(), crate::exit::USAGE);
            error.to_string()
        })
    }

    /// Component, environment and step of each.
    fn places(flags: &[&str], file: &str) -> Vec<String> {
        let queries = planned(flags, &[file]).unwrap().queries;
        let place = |query: &CheckQuery| {
            let step = query.step.as_ref().map(|step| format!(" {step}")).unwrap_or_default();
            format!("{} {}{step}", query.component, query.environment)
        };
        queries.iter().map(place).collect()
    }

    #[test]
    fn limits_of_flags_are_judged_alone() {
        let flags = ["--component", "web", "--max", "10m", "--version", "4.2.0", "--replay", "90d"];
        let QueryPlan { queries, rules } = planned(&flags, &[RULES]).unwrap();
        assert_eq!(rules, None);
        let parameters: Vec<_> = queries[0].to_parameters();
        let get = |wanted| parameters.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
        assert_eq!(queries.len(), 1);
        assert_eq!(
            ["component", "environment", "version", "max", "replay"].map(get),
            [Some("web"), Some("production"), Some("4.2.0"), Some("10m"), Some("90d")]
        );
        let set = "component = \"checkout\"\nenvironment = \"staging\"\n";
        assert_eq!(places(&["--max", "10m"], set), ["checkout staging"]);
        let message = planned(&["--max", "10m"], &[]).unwrap_err();
        assert!(message.starts_with("the component is missing: give --component"), "{message}");
    }

    #[test]
    fn flags_choose_among_the_rules() {
        let file = &format!("component = \"web\"\n{RULES}");
        assert_eq!(places(&[], file), ["web production", "checkout production migrating", "api staging"]);
        assert_eq!(
            places(&["--component", "checkout"], file),
            ["checkout production", "checkout production migrating"]
        );
        assert_eq!(places(&["--component", "api"], file), ["api production", "api staging"]);
        assert_eq!(
            places(&["--environment", "staging"], file),
            ["web staging", "checkout staging migrating", "api staging"]
        );
        assert_eq!(places(&["--step", "migrating"], file), ["checkout production migrating"]);
        let queries = planned(&["--version", "4.2.0", "--replay", "30d"], &[file]).unwrap().queries;
        assert!(queries.iter().all(|query| query.version.is_some() && query.replay.is_some()));
        let message = planned(&["--component", "api", "--step", "migrating"], &[file]).unwrap_err();
        assert!(
            message.starts_with("no rule in /p/.steps.toml is of component api, step migrating. Give"),
            "{message}"
        );
    }

    #[test]
    fn switches_and_dates_of_rules() {
        let file = "tz = \"Europe/Berlin\"\ncomponent = \"c\"\n[[check]]\nmin = \"1m\"\nbaseline = \"p95\"\nboth_ways = true\n\
                    exclude_waiting = true\nsince = 2026-10-26\n[[check]]\nmax = \"1h\"";
        let queries = planned(&[], &[file]).unwrap().queries;
        let [first, second] = queries.as_slice() else { panic!("{queries:?}") };
        assert!(first.exclude_waiting && first.budget.both_ways && first.budget.min.is_some());
        assert_eq!(first.since.map(|since| since.to_string()).as_deref(), Some("2026-10-25 23:00:00"));
        assert!(!second.exclude_waiting);
        let queries = planned(&["--exclude-waiting"], &[file]).unwrap().queries;
        assert!(queries.iter().all(|query| query.exclude_waiting), "the flag is of every rule");
    }

    #[test]
    fn the_nearest_file_with_rules_wins() {
        let rules = |files: &[&str]| planned(&[], files).map(|plan| plan.rules.unwrap());
        assert_eq!(rules(&["owner = \"ann\"\ncomponent = \"c\"", RULES]), Ok("/u/config.toml".to_owned()));
        assert_eq!(rules(&[&format!("component = \"c\"\n{RULES}"), RULES]), Ok("/p/.steps.toml".to_owned()));
        let message = rules(&["[[check]]\nmax = 10\n[[check]]\nmaks = \"1m\"", RULES]).unwrap_err();
        assert_eq!(
            message,
            "settings file /p/.steps.toml, line 2: max needs a unit, in quotes: max = \"10m\", or s, h, d\n       \
             settings file /p/.steps.toml, line 4: unknown key \"maks\"; did you mean \"max\"?"
        );
        let message = rules(&["", RULES]).unwrap_err();
        assert!(message.starts_with("settings file /u/config.toml, line 2: the rule names no component"), "{message}");
        let message = rules(&["owner = \"ann\""]).unwrap_err();
        assert!(message.contains("--max 10m") && message.contains("[[check]]"), "{message}");
    }
}
