//! Tables of steps.

use super::table::{Table, TableCell, TableColumn};
use super::text::Meaning;
use crate::{Resource, Step, StepColumn, StepOutcome};

/// A table of steps with these columns, or with those that say most where none are chosen.
#[must_use]
pub fn table(steps: &[Step], columns: &[StepColumn]) -> Table {
    if !columns.is_empty() {
        let mut table = Table::new(columns.iter().map(|column| table_column(*column)).collect());
        table.rows = steps.iter().map(|step| columns.iter().map(|column| cell(step, *column)).collect()).collect();
        return table;
    }
    let mut usual = vec![
        (TableColumn::whole("started"), StepColumn::Ts),
        (TableColumn::text("component"), StepColumn::Component),
        (TableColumn::text("version"), StepColumn::Version),
        (TableColumn::text("status"), StepColumn::Status),
        (TableColumn::number("duration"), StepColumn::DurationSeconds),
        (TableColumn::text("owner").rank(1), StepColumn::Owner),
        (TableColumn::text("environment").rank(2), StepColumn::Environment),
    ];
    if steps.iter().any(|step| step.run.is_some()) {
        usual.push((TableColumn::text("run").rank(3), StepColumn::Run));
    }
    if steps.iter().any(|step| step.result.is_some()) {
        usual.push((TableColumn::whole("outcome").rank(4), StepColumn::Result));
    }
    if steps.iter().any(|step| step.exit_code.is_some()) {
        usual.push((TableColumn::number("exit code").rank(5), StepColumn::ExitCode));
    }
    let mut table = Table::new(usual.iter().map(|(column, _)| *column).collect());
    let row = |step: &Step| {
        let cells = usual.iter().map(|(_, column)| match column {
            StepColumn::DurationSeconds => TableCell::known(step.duration()),
            column => cell(step, *column),
        });
        cells.collect()
    };
    table.rows = steps.iter().map(row).collect();
    table
}

fn table_column(column: StepColumn) -> TableColumn {
    use StepColumn::{DeploymentId, DurationSeconds, EndedAt, ExitCode, Id, StartedAt, Ts};
    match column {
        Ts | StartedAt | EndedAt | Id | DeploymentId => TableColumn::whole(column.name()),
        DurationSeconds | ExitCode => TableColumn::number(column.name()),
        _ => TableColumn::text(column.name()),
    }
}

/// The value of a column, as an export has it.
fn cell(step: &Step, column: StepColumn) -> TableCell {
    let meaning = match (column, step.outcome, step.result) {
        (StepColumn::Component, ..) => Meaning::Component,
        (StepColumn::Outcome, Some(StepOutcome::Succeeded), _) => Meaning::Good,
        (StepColumn::Result, _, Some(StepOutcome::Succeeded)) => Meaning::Good,
        (StepColumn::Outcome, Some(StepOutcome::Failed), _) => Meaning::Bad,
        (StepColumn::Result, _, Some(StepOutcome::Failed)) => Meaning::Bad,
        _ => Meaning::Plain,
    };
    TableCell::of(step.cell(column).to_string(), meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(run: &str) -> Step {
        let run = if run.is_empty() { "null".to_owned() } else { format!("{run:?}") };
        serde_json::from_str(&format!(
            r#"{{"id":"0197a000-0000-7000-8000-000000000001","component":"checkout","environment":"production",
            "version":"4.2.0","owner":"Ann B","status":"building","ts":"2026-01-05T09:30:00.123456Z","run":{run}}}"#
        ))
        .unwrap()
    }

    fn lines(steps: &[Step], columns: &[StepColumn]) -> Vec<String> {
        table(steps, columns).to_lines()
    }

    #[test]
    fn a_run_has_a_column_only_where_there_is_one() {
        let names = "started|component|version|status|duration|owner|environment";
        let row = "2026-01-05 09:30:00|checkout|4.2.0|building||Ann B|production";
        assert_eq!(lines(&[step("")], &[]), [names, row]);
        assert!(lines(&[step(""), step("7")], &[])[0].ends_with("environment|run"));
    }

    #[test]
    fn durations_are_for_people_unless_the_column_was_chosen() {
        let ended = Step { ended_at: Some("2026-01-05 09:36:10.123456".parse().unwrap()), ..step("") };
        assert!(lines(std::slice::from_ref(&ended), &[])[1].contains("building|6m10s|Ann B"));
        assert_eq!(lines(&[ended], &[StepColumn::DurationSeconds]), ["duration_seconds", "370"]);
    }

    #[test]
    fn chosen_columns_keep_their_names_and_order() {
        assert_eq!(
            lines(&[step("7")], &[StepColumn::Run, StepColumn::StartedAt, StepColumn::Ts]),
            ["run|started_at|ts", "7|2026-01-05T09:30:00.123456Z|2026-01-05 09:30:00"]
        );
        let span = Step { span: true, ended_at: Some(step("").ts), ..step("") };
        let columns = [StepColumn::Span, StepColumn::Outcome, StepColumn::ExitCode];
        assert_eq!(lines(&[span], &columns), ["span|outcome|exit_code", "true|unfinished|"]);
    }
}
