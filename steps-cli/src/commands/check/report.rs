//! What is said of deployments that were judged: pure.

use steps_shared::{Budget, BudgetAnswer, BudgetKind, CheckAnswer, CheckQuery, CheckResult, Judged, ReplayedBudget};

use super::{Checked, replay};
use crate::output::canvas::Canvas;
use crate::output::paint::{Look, paint};

/// After so many deployments in a row that were over, they may be the new normal.
const NORMAL: u32 = 10;

/// Sentences for people. `rules` is the file whose rules were judged.
pub(super) fn sentences(checked: &[Checked], rules: Option<&str>, canvas: Canvas) -> String {
    let results = checked.iter().flat_map(|Checked { query: _, answer }| {
        answer.budgets.iter().map(|budget| budget.result).chain([answer.result])
    });
    let width = results.map(|result| result.name().len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for Checked { query, answer } in checked {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        one(query, answer, width, canvas, &mut lines);
    }
    if let Some(path) = rules {
        lines.extend([String::new(), summary(checked, path)]);
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// A deployment that was judged, with each limit below it; results take so much width.
fn one(query: &CheckQuery, answer: &CheckAnswer, width: usize, canvas: Canvas, lines: &mut Vec<String>) {
    let CheckAnswer { result: worst, over_in_a_row, budgets, replay, .. } = answer;
    let result = |result: CheckResult| {
        let gap = " ".repeat(width - result.name().len());
        paint(result.name(), look(result), canvas.colours) + &gap
    };
    lines.push(format!("{}  {}", result(*worst), judged(query, answer, canvas)));
    let labels: Vec<_> = budgets.iter().map(|budget| label(budget.budget, &query.budget)).collect();
    let longest = labels.iter().map(String::len).max().unwrap_or_default();
    for (BudgetAnswer { budget: _, result: of_limit, reason }, label) in budgets.iter().zip(labels) {
        lines.push(format!("  {}  {label:longest$}  {reason}", result(*of_limit)));
    }
    let by_baseline =
        |budget: &BudgetAnswer| budget.budget == BudgetKind::Baseline && budget.result == CheckResult::Over;
    if *over_in_a_row > NORMAL && budgets.iter().any(by_baseline) {
        let before = over_in_a_row - 1;
        lines.push(format!(
            "  The {before} before it were over as well: if that is the new normal, accept it with --since DATE,"
        ));
        lines.push("  or since = \"DATE\" in the rule.".to_owned());
    }
    if let Some(replay) = replay {
        lines.push(String::new());
        lines.extend(replay::sentences(replay, query, canvas));
    }
}

/// What was judged, as a sentence without its end.
fn judged(query: &CheckQuery, answer: &CheckAnswer, canvas: Canvas) -> String {
    let CheckAnswer { component, environment, step, deployment, .. } = answer;
    let arrow = canvas.glyphs.pick("→", "->");
    let bold = |text: String| paint(&text, Look::Bold, canvas.colours);
    let step_in = step.as_ref().map(|step| format!("{step} in ")).unwrap_or_default();
    match deployment {
        Some(Judged { id: _, version, owner, started_at, duration }) => {
            let what = bold(format!("{step_in}{component} {version} {arrow} {environment}"));
            let started_at = started_at.to_seconds_text();
            format!("{what} took {} ({started_at} UTC by {owner})", bold(duration.to_string()))
        }
        None => {
            let version = query.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
            let what = bold(format!("{component}{version} {arrow} {environment}"));
            let with = step.as_ref().map(|step| format!(" with the step {step}")).unwrap_or_default();
            format!("{what} has no successful deployment{with}")
        }
    }
}

/// A limit as a flag would give it.
pub(super) fn label(kind: BudgetKind, budget: &Budget) -> String {
    let Budget { max, baseline, last: _, margin: _, max_growth } = budget;
    let (name, value) = match kind {
        BudgetKind::Max => ("max", max.map(|max| max.to_string())),
        BudgetKind::Baseline => ("baseline", baseline.map(|baseline| baseline.to_string())),
        BudgetKind::MaxGrowth => ("max-growth", max_growth.map(|growth| growth.to_string())),
    };
    value.map_or_else(|| name.to_owned(), |value| format!("{name} {value}"))
}

/// How many rules came out how.
fn summary(checked: &[Checked], path: &str) -> String {
    let counts = [CheckResult::Over, CheckResult::NotEnoughData, CheckResult::Within].map(|result| {
        let count = checked.iter().filter(|checked| checked.answer.result == result).count();
        (count > 0).then(|| format!("{count} {result}"))
    });
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    let noun = if checked.len() == 1 { "rule" } else { "rules" };
    format!("{} {noun} of {path}: {}", checked.len(), counts.join(", "))
}

fn look(result: CheckResult) -> Look {
    match result {
        CheckResult::Within => Look::Good,
        CheckResult::NotEnoughData => Look::Striking,
        CheckResult::Over => Look::Bad,
    }
}

/// All answers as one document.
pub(super) fn json(checked: &[Checked]) -> Result<Vec<u8>, serde_json::Error> {
    let answers: Vec<_> = checked.iter().map(|checked| &checked.answer).collect();
    let mut text = serde_json::to_vec_pretty(&answers)?;
    text.push(b'\n');
    Ok(text)
}

const COLUMNS: [&str; 10] = [
    "component",
    "environment",
    "step",
    "budget",
    "result",
    "version",
    "owner",
    "started_at",
    "duration_seconds",
    "reason",
];

/// The columns of a replay.
const REPLAY_COLUMNS: [&str; 3] = ["replay_deployments", "replay_over", "replay_not_enough_data"];

/// A row for each limit; with what a replay counted, where that was asked for.
pub(super) fn csv(checked: &[Checked], replay: bool) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let more: &[&str] = if replay { &REPLAY_COLUMNS } else { &[] };
    writer.write_record(COLUMNS.iter().chain(more))?;
    for Checked { query: _, answer } in checked {
        let CheckAnswer { component, environment, step, deployment, budgets, replay: counted, .. } = answer;
        let of = |value: fn(&Judged) -> String| deployment.as_ref().map(value).unwrap_or_default();
        for BudgetAnswer { budget, result, reason } in budgets {
            let fields = [
                component.to_string(),
                environment.to_string(),
                step.as_ref().map(ToString::to_string).unwrap_or_default(),
                budget.to_string(),
                result.to_string(),
                of(|judged| judged.version.to_string()),
                of(|judged| judged.owner.to_string()),
                of(|judged| judged.started_at.to_rfc3339()),
                of(|judged| judged.duration.seconds().to_string()),
                reason.clone(),
            ];
            let of_limit = counted.as_ref().and_then(|replay| {
                let limit = replay.budgets.iter().find(|limit| limit.budget == *budget)?;
                let ReplayedBudget { budget: _, over, not_enough_data, firings: _ } = limit;
                Some([replay.deployments, *over, *not_enough_data].map(|count| count.to_string()))
            });
            let counts = if replay { Vec::from(of_limit.unwrap_or_default()) } else { Vec::new() };
            writer.write_record(fields.iter().chain(&counts))?;
        }
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::checked;
    use super::*;
    use crate::output::canvas::Glyphs;

    const CANVAS: Canvas = Canvas { width: 80, glyphs: Glyphs::Unicode, colours: false };

    fn over() -> Checked {
        checked(
            &[("component", "checkout"), ("step", "migrating"), ("max", "5m"), ("baseline", "p95")],
            r#"{"component":"checkout","environment":"production","step":"migrating","result":"over","deployment":
            {"id":"0197a000-0000-7000-8000-000000000001","version":"4.12.0","owner":"ann",
            "started_at":"2026-10-02T09:30:00Z","duration_seconds":370},"budgets":[
            {"budget":"max","result":"over","reason":"6m10s is more than 5m00s"},
            {"budget":"baseline","result":"not enough data","reason":"7 deployments before it, of 10 that are needed"}],
            "replay":null}"#,
        )
    }

    fn none() -> Checked {
        checked(
            &[("component", "api"), ("version", "1.0"), ("max", "1h")],
            r#"{"component":"api","environment":"staging","step":null,"result":"not enough data","deployment":null,
            "budgets":[{"budget":"max","result":"not enough data","reason":"nothing to judge"}],"replay":null}"#,
        )
    }

    #[test]
    fn sentences_say_what_was_judged_and_why() {
        assert_eq!(
            sentences(&[over(), none()], Some("/p/.steps.toml"), CANVAS),
            "\
over             migrating in checkout 4.12.0 → production took 6m10s (2026-10-02 09:30:00 UTC by ann)
  over             max 5m00s     6m10s is more than 5m00s
  not enough data  baseline p95  7 deployments before it, of 10 that are needed

not enough data  api 1.0 → staging has no successful deployment
  not enough data  max 1h00m  nothing to judge

2 rules of /p/.steps.toml: 1 over, 1 not enough data
"
        );
        assert_eq!(sentences(&[none()], None, CANVAS).lines().count(), 2);
    }

    #[test]
    fn results_are_coloured_and_still_aligned() {
        let text = sentences(&[over()], None, Canvas { colours: true, ..CANVAS });
        let mut lines = text.lines();
        assert!(
            lines.next().unwrap().starts_with("\u{1b}[31mover\u{1b}[0m             \u{1b}[1mmigrating in"),
            "{text:?}"
        );
        assert!(
            lines.next().unwrap().starts_with("  \u{1b}[31mover\u{1b}[0m             max 5m00s     6m10s"),
            "{text:?}"
        );
        assert!(lines.next().unwrap().starts_with("  \u{1b}[33mnot enough data\u{1b}[0m  baseline p95  7"), "{text:?}");
    }

    #[test]
    fn csv_has_a_row_for_each_limit() {
        let text = |checked: &[Checked], replay| String::from_utf8(csv(checked, replay).unwrap()).unwrap();
        assert_eq!(
            text(&[over(), none()], false),
            "component,environment,step,budget,result,version,owner,started_at,duration_seconds,reason\n\
             checkout,production,migrating,max,over,4.12.0,ann,2026-10-02T09:30:00.000000Z,370,6m10s is more than 5m00s\n\
             checkout,production,migrating,baseline,not enough data,4.12.0,ann,2026-10-02T09:30:00.000000Z,370,\
             \"7 deployments before it, of 10 that are needed\"\n\
             api,staging,,max,not enough data,,,,,nothing to judge\n"
        );
        let mut replayed = none();
        let replay = r#"{"since":"2026-07-04T09:30:00Z","until":"2026-10-02T09:30:00Z","first_started_at":null,"deployments":120,"over":3,"budgets":[
            {"budget":"max","over":3,"not_enough_data":1,"firings":[]}]}"#;
        replayed.answer.replay = serde_json::from_str(replay).unwrap();
        let text = text(&[replayed], true);
        assert!(text.lines().next().unwrap().ends_with("reason,replay_deployments,replay_over,replay_not_enough_data"));
        assert!(text.ends_with("nothing to judge,120,3,1\n"), "{text}");
    }

    #[test]
    fn json_is_an_array_even_of_one() {
        let answers: Vec<CheckAnswer> = serde_json::from_slice(&json(&[over()]).unwrap()).unwrap();
        assert_eq!(answers, [over().answer]);
    }
}
