//! The answer of a check in words: what was judged, and what each limit says.

use super::replay::{ReplaySummary, replay};
use super::text::{Meaning, Sign, Text};
use crate::{Budget, BudgetAnswer, BudgetKind, CheckAnswer, CheckQuery, CheckResult, Judged};

/// After more than this many deployments in a row over the baseline, they may be the new normal.
const NEW_NORMAL: u32 = 10;

/// The answer of a check, as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// The worst result.
    pub result: CheckResult,
    /// What was judged, and how long it took.
    pub judged: Text,
    /// Each limit.
    pub limits: Vec<LimitReport>,
    /// That the deployments before it were over the baseline too, where there were many.
    pub new_normal: Option<String>,
    /// What each limit would have said in the past, where that was asked for.
    pub replay: Option<ReplaySummary>,
}

/// What one limit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReport {
    /// Its result.
    pub result: CheckResult,
    /// The limit, as a flag gives it: `max 10m00s`.
    pub label: String,
    /// Why.
    pub reason: String,
}

/// Tells the answer to a query.
#[must_use]
pub fn report(query: &CheckQuery, answer: &CheckAnswer) -> CheckReport {
    let CheckAnswer { result, over_in_a_row, budgets, replay: replayed, .. } = answer;
    let limit = |BudgetAnswer { budget, result, reason }: &BudgetAnswer| LimitReport {
        result: *result,
        label: label(*budget, &query.budget),
        reason: reason.clone(),
    };
    let over_baseline =
        |budget: &BudgetAnswer| budget.budget == BudgetKind::Baseline && budget.result == CheckResult::Over;
    let new_normal = *over_in_a_row > NEW_NORMAL && budgets.iter().any(over_baseline);
    CheckReport {
        result: *result,
        judged: judged(query, answer),
        limits: budgets.iter().map(limit).collect(),
        new_normal: new_normal.then(|| format!("The {} before it were over as well", over_in_a_row - 1)),
        replay: replayed.as_ref().map(|replayed| replay(replayed, query)),
    }
}

/// What was judged, as a sentence without its end.
fn judged(query: &CheckQuery, answer: &CheckAnswer) -> Text {
    let CheckAnswer { component, environment, step, deployment, .. } = answer;
    let what = |before: String| {
        let mut text = Text::new(before, Meaning::Strong);
        text.sign(Sign::Arrow, Meaning::Strong).add(format!(" {environment}"), Meaning::Strong);
        text
    };
    match deployment {
        Some(Judged { id: _, version, owner, started_at, duration }) => {
            let step_in = step.as_ref().map(|step| format!("{step} in ")).unwrap_or_default();
            let mut text = what(format!("{step_in}{component} {version} "));
            text.say(" took ").add(duration.to_string(), Meaning::Strong);
            if query.exclude_waiting && step.is_none() {
                text.say(" without waiting");
            }
            text.say(format!(" ({} UTC by {owner})", started_at.to_seconds_text()));
            text
        }
        None => {
            let version = query.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
            let with = step.as_ref().map(|step| format!(" with the step {step}")).unwrap_or_default();
            let mut text = what(format!("{component}{version} "));
            text.say(format!(" has no successful deployment{with}"));
            text
        }
    }
}

/// A limit as a flag gives it.
pub(super) fn label(kind: BudgetKind, budget: &Budget) -> String {
    let Budget { max, min, baseline, last: _, margin: _, both_ways, max_growth, min_difference: _ } = budget;
    let (name, value) = match kind {
        BudgetKind::Max => ("max", max.map(|max| max.to_string())),
        BudgetKind::Min => ("min", min.map(|min| min.to_string())),
        BudgetKind::Baseline => {
            let ways = if *both_ways { " both ways" } else { "" };
            ("baseline", baseline.map(|baseline| format!("{baseline}{ways}")))
        }
        BudgetKind::MaxGrowth => ("max-growth", max_growth.map(|growth| growth.to_string())),
    };
    value.map_or_else(|| name.to_owned(), |value| format!("{name} {value}"))
}

/// How many there are of each result, the worst first: `1 over, 2 within`.
#[must_use]
pub fn counts(results: &[CheckResult]) -> String {
    let counts = [CheckResult::Over, CheckResult::NotEnoughData, CheckResult::Within].map(|result| {
        let count = results.iter().filter(|other| **other == result).count();
        (count > 0).then(|| format!("{count} {result}"))
    });
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl From<CheckResult> for Meaning {
    fn from(result: CheckResult) -> Self {
        match result {
            CheckResult::Within => Self::Good,
            CheckResult::NotEnoughData => Self::Warning,
            CheckResult::Over => Self::Bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(query: &[(&str, &str)], answer: &str) -> CheckReport {
        let parameters = query.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let query = CheckQuery::from_parameters(parameters).unwrap();
        report(&query, &serde_json::from_str(answer).unwrap())
    }

    #[test]
    fn it_says_what_was_judged_and_why() {
        let answer = |in_a_row: u32, baseline: &str| {
            format!(
                r#"{{"component":"checkout","environment":"production","step":"migrating","result":"over","deployment":
                {{"id":"0197a000-0000-7000-8000-000000000001","version":"4.12.0","owner":"ann",
                "started_at":"2026-10-02T09:30:00Z","duration_seconds":370}},"over_in_a_row":{in_a_row},"budgets":[
                {{"budget":"max","result":"over","reason":"6m10s is more than 5m00s"}},
                {{"budget":"baseline","result":"{baseline}","reason":"so it is"}}],"replay":null}}"#
            )
        };
        let query = [("component", "checkout"), ("step", "migrating"), ("max", "5m"), ("baseline", "p95")];
        let report = told(&query, &answer(11, "over"));
        let judged = "migrating in checkout 4.12.0 → production took 6m10s (2026-10-02 09:30:00 UTC by ann)";
        assert_eq!(report.judged.to_string(), judged);
        let labels: Vec<_> = report.limits.iter().map(|limit| limit.label.as_str()).collect();
        assert_eq!(labels, ["max 5m00s", "baseline p95"]);
        assert_eq!(report.new_normal.as_deref(), Some("The 10 before it were over as well"));
        assert_eq!(told(&query, &answer(10, "over")).new_normal, None);
        assert_eq!(told(&query, &answer(11, "within")).new_normal, None);
    }

    #[test]
    fn it_says_that_there_is_nothing_to_judge() {
        let report = told(
            &[("component", "api"), ("version", "1.0"), ("max", "1h")],
            r#"{"component":"api","environment":"staging","step":null,"result":"not enough data","deployment":null,
            "budgets":[],"replay":null}"#,
        );
        assert_eq!(report.judged.to_string(), "api 1.0 → staging has no successful deployment");
        let results = [CheckResult::Within, CheckResult::Over, CheckResult::Within];
        assert_eq!(counts(&results), "1 over, 2 within");
    }
}
