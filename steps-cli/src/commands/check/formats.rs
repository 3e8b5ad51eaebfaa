//! The answers of checks for programs: JSON and CSV.

use steps_shared::{BudgetAnswer, CheckAnswer, Judged, ReplayedBudget};

use super::Checked;
use crate::terminal::csv_text::csv_text;

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

/// A row for each limit, with the counts of the replay where one was asked for.
pub(super) fn csv(checked: &[Checked], replay: bool, safe: bool) -> Result<Vec<u8>, csv::Error> {
    let more: &[&str] = if replay { &REPLAY_COLUMNS } else { &[] };
    let mut rows = vec![COLUMNS.iter().chain(more).map(|name| (*name).to_owned()).collect::<Vec<_>>()];
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
            rows.push(fields.into_iter().chain(counts).collect());
        }
    }
    csv_text(rows, safe)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{over, without_deployment};
    use super::*;

    #[test]
    fn csv_has_a_row_for_each_limit() {
        let text = |checked: &[Checked], replay| String::from_utf8(csv(checked, replay, false).unwrap()).unwrap();
        assert_eq!(
            text(&[over(), without_deployment()], false),
            "component,environment,step,budget,result,version,owner,started_at,duration_seconds,reason\n\
             checkout,production,migrating,max,over,4.12.0,ann,2026-10-02T09:30:00.000000Z,370,6m10s is more than 5m00s\n\
             checkout,production,migrating,baseline,not enough data,4.12.0,ann,2026-10-02T09:30:00.000000Z,370,\
             \"7 deployments before it, of 10 that are needed\"\n\
             api,staging,,max,not enough data,,,,,nothing to judge\n"
        );
        let mut replayed = without_deployment();
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
