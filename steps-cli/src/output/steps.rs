//! Tables of steps.

use comfy_table::{Cell, Color};
use steps_shared::{Resource as _, Step, StepColumn};

use super::table::{Head, lay_out};
use super::wants_colour;

/// A table of steps: these columns, or those that say most.
pub fn table(steps: &[Step], columns: &[StepColumn]) -> String {
    let colour = wants_colour();
    if !columns.is_empty() {
        let heads: Vec<_> = columns.iter().map(|column| head(*column)).collect();
        let row = |step: &Step| columns.iter().map(|column| cell(step, *column, colour)).collect();
        return lay_out(&heads, steps.iter().map(row));
    }
    let mut usual = vec![
        (Head::whole("started"), StepColumn::Ts),
        (Head::text("component"), StepColumn::Component),
        (Head::text("version"), StepColumn::Version),
        (Head::text("status"), StepColumn::Status),
        (Head::number("duration"), StepColumn::DurationSeconds),
        (Head::text("owner").rank(1), StepColumn::Owner),
        (Head::text("environment").rank(2), StepColumn::Environment),
    ];
    if steps.iter().any(|step| step.run.is_some()) {
        usual.push((Head::text("run").rank(3), StepColumn::Run));
    }
    let heads: Vec<_> = usual.iter().map(|(head, _)| *head).collect();
    let row = |step: &Step| {
        let cells = usual.iter().map(|(_, column)| match column {
            StepColumn::DurationSeconds => {
                Cell::new_owned(step.duration().map(|duration| duration.to_string()).unwrap_or_default())
            }
            column => cell(step, *column, colour),
        });
        cells.collect()
    };
    lay_out(&heads, steps.iter().map(row))
}

fn head(column: StepColumn) -> Head {
    use StepColumn::{DeploymentId, DurationSeconds, EndedAt, ExitCode, Id, StartedAt, Ts};
    match column {
        Ts | StartedAt | EndedAt | Id | DeploymentId => Head::whole(column.name()),
        DurationSeconds | ExitCode => Head::number(column.name()),
        _ => Head::text(column.name()),
    }
}

/// What a step has in a column, as an export has it.
fn cell(step: &Step, column: StepColumn, colour: bool) -> Cell {
    let content = step.cell(column).to_string();
    match column {
        StepColumn::Status | StepColumn::Outcome if colour => {
            status_colour(&content).map_or(Cell::new(&content), |colour| Cell::new(&content).fg(colour))
        }
        _ => Cell::new_owned(content),
    }
}

/// The ends of a deployment that everybody knows stand out; the server alone decides what they mean.
pub fn status_colour(status: &str) -> Option<Color> {
    match status.to_lowercase().as_str() {
        "succeeded" | "success" | "finished" | "done" | "completed" | "deployed" | "ok" => Some(Color::Green),
        "failed" | "failure" | "error" | "aborted" | "cancelled" | "canceled" | "timed_out" | "rolled_back" => {
            Some(Color::Red)
        }
        _ => None,
    }
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

    #[test]
    fn a_run_has_a_column_only_where_there_is_one() {
        assert_eq!(
            table(&[step("")], &[]),
            "started              component  version  status    duration  owner  environment\n\
             2026-01-05 09:30:00  checkout   4.2.0    building            Ann B  production\n"
        );
        assert!(table(&[step(""), step("7")], &[]).contains("environment  run\n"));
    }

    #[test]
    fn durations_are_for_people_unless_the_column_was_chosen() {
        let ended = Step { ended_at: Some("2026-01-05 09:36:10.123456".parse().unwrap()), ..step("") };
        assert!(table(std::slice::from_ref(&ended), &[]).contains("building     6m10s  Ann B"));
        assert_eq!(table(&[ended], &[StepColumn::DurationSeconds]), "duration_seconds\n             370\n");
    }

    #[test]
    fn chosen_columns_keep_their_names_and_order() {
        assert_eq!(
            table(&[step("7")], &[StepColumn::Run, StepColumn::StartedAt, StepColumn::Ts]),
            "run  started_at                   ts\n\
             7    2026-01-05T09:30:00.123456Z  2026-01-05 09:30:00\n"
        );
        let span = Step { span: true, ended_at: Some(step("").ts), ..step("") };
        let columns = [StepColumn::Span, StepColumn::Outcome, StepColumn::ExitCode];
        assert_eq!(table(&[span], &columns), "span  outcome     exit_code\ntrue  unfinished\n");
    }
}
