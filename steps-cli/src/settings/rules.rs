//! The rules of `steps check` in a settings file: `[[check]]`.

use std::borrow::Cow;
use std::fmt;

use chrono::Utc;
use steps_shared::{Bound, Budget, CheckQuery, Component, Environment, FieldErrors, Status, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Key, line_of};
use crate::clock;

/// The key of the tables that are rules.
pub const TABLE: &str = "check";

/// A budget in a settings file.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The line of the file where it begins.
    pub line: usize,
    /// `None`: that of the settings.
    pub component: Option<Component>,
    /// `None`: that of the settings.
    pub environment: Option<Environment>,
    /// `None`: of whole deployments.
    pub step: Option<Status>,
    pub budget: Budget,
    /// Judge without the time in which only waiting statuses were open.
    pub exclude_waiting: bool,
    /// Only deployments since then count for the baseline and the growth; as written, because what a date means depends on the
    /// zone.
    pub since: Option<String>,
}

/// As `steps config` shows it: with the keys of the file.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line: _, component, environment, step, budget, exclude_waiting, since } = self;
        let Budget { max, min, baseline, last, margin, both_ways, max_growth, min_difference } = budget;
        let switch = |on: bool| on.then(|| on.to_string());
        let of_baseline = |value: String| baseline.map(|_| value);
        let values = [
            ("component", component.as_ref().map(ToString::to_string)),
            ("environment", environment.as_ref().map(ToString::to_string)),
            ("step", step.as_ref().map(ToString::to_string)),
            ("max", max.map(steps_shared::Duration::to_exact_text)),
            ("min", min.map(steps_shared::Duration::to_exact_text)),
            ("baseline", baseline.map(|baseline| baseline.to_string())),
            ("last", of_baseline(last.to_string())),
            ("margin", of_baseline(margin.to_string())),
            ("both_ways", switch(*both_ways)),
            ("max_growth", max_growth.map(|growth| growth.to_string())),
            ("min_difference", min_difference.map(steps_shared::Duration::to_exact_text)),
            ("exclude_waiting", switch(*exclude_waiting)),
            ("since", since.clone()),
        ];
        let given = values.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
        f.write_str(&given.collect::<Vec<_>>().join(", "))
    }
}

/// Reads the value of `check` in a settings file, which begins at byte `start`.
///
/// # Errors
/// All that is wrong, each with its line.
pub fn read(text: &str, start: usize, value: &Spanned<DeValue<'_>>) -> Result<Vec<Rule>, Vec<String>> {
    let place = |at| format!("line {}", line_of(text, at));
    let not_rules = |at, found: &str| {
        Err(vec![format!("{}: {TABLE} must be rules, each under a line [[{TABLE}]], not of type {found}", place(at))])
    };
    let mut tables = Vec::new();
    match value.get_ref() {
        DeValue::Table(table) => tables.push((value.span().start, table)),
        DeValue::Array(values) => {
            for value in values.iter() {
                match value.get_ref() {
                    DeValue::Table(table) => tables.push((value.span().start, table)),
                    other => return not_rules(value.span().start, other.type_str()),
                }
            }
        }
        other => return not_rules(start, other.type_str()),
    }
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    for (at, table) in tables {
        match rule(text, at, table) {
            Ok(rule) => rules.push(rule),
            Err(wrong) => errors.extend(wrong.into_iter().map(|(at, reason)| format!("{}: {reason}", place(at)))),
        }
    }
    if errors.is_empty() { Ok(rules) } else { Err(errors) }
}

/// Reads one rule. Each error has its byte in the text.
fn rule(text: &str, at: usize, table: &DeTable<'_>) -> Result<Rule, Vec<(usize, String)>> {
    let mut errors = Vec::new();
    let mut given: Vec<(&str, Cow<'_, str>)> = Vec::new();
    let place =
        |name: &str| table.iter().find(|(key, _)| key.get_ref() == name).map_or(at, |(key, _)| key.span().start);
    for (name, value) in table {
        let name = name.get_ref().as_ref();
        match known(name).and_then(|()| written(name, text, value)) {
            Ok(value) => given.push((name, value)),
            Err(reason) => errors.push((place(name), reason)),
        }
    }
    let has = |name: &str| table.get(name).is_some();
    // A rule without a component gets that of the settings, which is not known here.
    let unset = (!has("component")).then_some(("component", Cow::Borrowed("any")));
    let since = given.iter().find(|(name, _)| *name == "since").map(|(_, since)| since.trim().to_owned());
    let read: Vec<_> = given.iter().map(|(name, _)| (*name).to_owned()).collect();
    // Whether `since` can be read at all is known here; what it means follows from the zone.
    let parameters = given.into_iter().chain(unset).map(|(name, value)| {
        let typed = (name == "since").then(|| Bound::typed(&value, clock::now(), &Utc).ok()).flatten();
        (Cow::Borrowed(name), typed.map_or(value, |typed| typed.to_string().into()))
    });
    let query = match CheckQuery::from_parameters(parameters) {
        Ok(query) if errors.is_empty() => query,
        Ok(_) => return Err(sorted(errors)),
        Err(FieldErrors(wrong)) => {
            // What seems to be missing is probably what was wrong.
            let has_errors = !errors.is_empty();
            let wrong = wrong.into_iter().filter(|error| !has_errors || read.contains(&error.field));
            errors.extend(wrong.map(|error| (place(&error.field), error.message)));
            return Err(sorted(errors));
        }
    };
    let CheckQuery { component, environment, step, budget, exclude_waiting, .. } = query;
    Ok(Rule {
        line: line_of(text, at),
        component: has("component").then_some(component),
        environment: has("environment").then_some(environment),
        step,
        budget,
        exclude_waiting,
        since,
    })
}

fn sorted(mut errors: Vec<(usize, String)>) -> Vec<(usize, String)> {
    errors.sort_by_key(|(at, _)| *at);
    errors
}

fn keys() -> impl Iterator<Item = &'static str> {
    CheckQuery::PARAMETERS.into_iter().filter(|name| !matches!(*name, "version" | "replay"))
}

fn known(name: &str) -> Result<(), String> {
    if keys().any(|key| key == name) {
        return Ok(());
    }
    if matches!(name, "version" | "replay") {
        return Err(format!("{name} is not for a rule; give it as a flag: steps check --{name} …"));
    }
    if Key::ALL.into_iter().any(|key| key.name() == name) {
        return Err(format!("{name} is not for a rule; settings stand above the first [[{TABLE}]]"));
    }
    let known: Vec<_> = keys().collect();
    Err(match nearest(&name.replace('-', "_"), &known) {
        Some(near) => format!("unknown key {name:?}; did you mean {near:?}?"),
        None => format!("unknown key {name:?}; a rule has {}", known.join(", ")),
    })
}

/// The value as a query parameter.
fn written<'a>(name: &str, text: &'a str, value: &'a Spanned<DeValue<'_>>) -> Result<Cow<'a, str>, String> {
    let raw = text.get(value.span()).unwrap_or("…");
    match value.get_ref() {
        DeValue::String(value) if value.trim().is_empty() => Err(format!("{name} must not be empty")),
        DeValue::String(value) => Ok(Cow::Borrowed(value)),
        DeValue::Boolean(on) if matches!(name, "both_ways" | "exclude_waiting") => Ok(Cow::Owned(on.to_string())),
        DeValue::Integer(number) if name == "last" => Ok(Cow::Owned(number.to_string())),
        DeValue::Datetime(_) if name == "since" => Ok(Cow::Borrowed(raw)),
        DeValue::Integer(_) | DeValue::Float(_) => Err(match name {
            "max" | "min" => format!("{name} needs a unit, in quotes: {name} = \"{raw}m\", or s, h, d"),
            "since" => format!("{name} must be a date or a span, in quotes: {name} = \"2026-01-05\" or \"90d\""),
            "baseline" => format!("{name} must be a percentile, in quotes: {name} = \"p{raw}\""),
            "margin" => format!("{name} must be a share, in quotes: {name} = \"{raw}%\""),
            "max_growth" => format!("{name} must be a growth, in quotes: {name} = \"{raw}%/week\""),
            _ => format!("{name} must be a text; put quotes around it: {name} = \"{raw}\""),
        }),
        other => Err(format!("{name} must be a text in quotes, not of type {}", other.type_str())),
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::{FileKind, SettingsFile};

    use super::*;

    fn read(text: &str) -> Result<Vec<Rule>, Vec<String>> {
        SettingsFile::parse("/p/.steps.toml".into(), FileKind::Project, text).unwrap().0.rules
    }

    fn wrong(rule: &str) -> String {
        read(&format!("# ours\n[[check]]\n{rule}\n")).unwrap_err().join("\n")
    }

    #[test]
    fn rules_are_read_in_their_order() {
        let rules = read(
            "component = \"checkout\"\n\n[[check]]\nmax = \"10m\"\n\n[[check]]\ncomponent = \"api\"\nenvironment = \
             \"staging\"\nstep = \"migrating\"\nbaseline = \"p95\"\nlast = 50\nmargin = \"10%\"\nmax_growth = \
             \"5%/week\"\nsince = 2026-01-05\n",
        )
        .unwrap();
        assert_eq!(rules.iter().map(|rule| rule.line).collect::<Vec<_>>(), [3, 6]);
        assert_eq!((&rules[0].component, &rules[0].environment), (&None, &None));
        assert_eq!(rules[0].to_string(), "max 10m");
        assert_eq!(
            rules[1].to_string(),
            "component api, environment staging, step migrating, baseline p95, last 50, margin 10%, max_growth 5%/week, \
             since 2026-01-05"
        );
        assert_eq!(read("[check]\nmax = \"10m\"").unwrap().len(), 1);
        assert_eq!(read("check = [{ max = \"10m\" }, { max = \"1h\" }]").unwrap()[1].to_string(), "max 1h");
        assert_eq!(read("owner = \"ann\"").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        assert_eq!(wrong("component = \"c\"\nmaks = \"10m\""), "line 4: unknown key \"maks\"; did you mean \"max\"?");
        assert_eq!(wrong("max = 10"), "line 3: max needs a unit, in quotes: max = \"10m\", or s, h, d");
        assert_eq!(wrong("baseline = 95"), "line 3: baseline must be a percentile, in quotes: baseline = \"p95\"");
        assert!(wrong("max-growth = \"5%/week\"").contains("did you mean \"max_growth\"?"));
        assert!(wrong("component = \"c\"").starts_with("line 2: max is not given, nor min, baseline or max_growth"));
        assert!(wrong("max = \"soon\"").starts_with("line 3: max is not a duration: \"soon\""));
        assert!(wrong("max = \"10m\"\nsince = 90").contains("since must be a date or a span, in quotes"));
        assert!(wrong("baseline = \"p95\"\nlast = 1_001").ends_with("not \"1001\""));
        assert_eq!(wrong("max = \"\""), "line 3: max must not be empty");
        assert!(
            wrong("baseline = \"p95\"\nlast = 5").starts_with("line 4: last must be a whole number from 10 to 1000")
        );
        assert!(wrong("max = \"10m\"\nmargin = \"5%\"").starts_with("line 4: margin is of a baseline"));
        assert!(wrong("max = true").contains("max must be a text in quotes, not of type boolean"));
        assert!(
            wrong("max = \"10m\"\nversion = \"1\"").contains("line 4: version is not for a rule; give it as a flag")
        );
        assert!(wrong("max = \"10m\"\nserver = \"x\"").contains("settings stand above the first [[check]]"));
        assert!(wrong("max = \"10m\"\nenvironment = \"a\\nb\"").starts_with("line 4: environment "));
        assert_eq!(
            read("check = \"10m\"").unwrap_err(),
            ["line 1: check must be rules, each under a line [[check]], not of type string"]
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let errors = read("[[check]]\nmax = 10\nlst = 3\n\n[[check]]\nstep = \"s\"\n").unwrap_err();
        let lines: Vec<_> = errors.iter().map(|error| error.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 2", "line 3", "line 5"], "{errors:#?}");
    }
}
