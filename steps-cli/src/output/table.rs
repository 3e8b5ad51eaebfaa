//! Tables for people.

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Row, Table, presets};
use steps_shared::{Column, Step};

use super::{is_terminal, wants_colour};

/// The columns that are never cut: half a time says nothing.
const TIMES: [&str; 3] = ["started", "ts", "started_at"];

/// A table of texts, with a line end after each line.
///
/// On a terminal it fits the width: a cell that is too long ends with `…` and never breaks a line. Elsewhere
/// nothing is cut.
pub fn render(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows = rows.into_iter().map(|row| row.into_iter().map(Cell::new_owned).collect());
    lay_out(header, rows)
}

/// A table of steps: these columns, or those that say most.
pub fn steps(steps: &[Step], columns: &[Column]) -> String {
    let some_run = steps.iter().any(|step| step.run.is_some());
    let usual = [
        Column::Ts,
        Column::Component,
        Column::Version,
        Column::Status,
        Column::Owner,
        Column::Environment,
        Column::Run,
    ];
    let (columns, header): (&[Column], Vec<&str>) = if columns.is_empty() {
        let columns = if some_run { &usual[..] } else { &usual[..usual.len() - 1] };
        let header = columns.iter().map(|column| if *column == Column::Ts { "started" } else { column.name() });
        (columns, header.collect())
    } else {
        (columns, columns.iter().map(|column| column.name()).collect())
    };
    let colour = wants_colour();
    lay_out(&header, steps.iter().map(|step| columns.iter().map(|column| cell(step, *column, colour)).collect()))
}

/// What a step has in a column.
fn cell(step: &Step, column: Column, colour: bool) -> Cell {
    let text = match column {
        Column::Component => step.component.to_string(),
        Column::Version => step.version.to_string(),
        Column::Owner => step.owner.to_string(),
        Column::Status => step.status.to_string(),
        Column::Ts => step.ts.to_seconds_text(),
        Column::Environment => step.environment.to_string(),
        Column::Run => step.run.as_ref().map(ToString::to_string).unwrap_or_default(),
        Column::Id => step.id.to_string(),
        Column::StartedAt => step.ts.to_rfc3339(),
    };
    match (column, colour) {
        (Column::Status, true) => status_colour(&text).map_or(Cell::new(&text), |colour| Cell::new(&text).fg(colour)),
        _ => Cell::new_owned(text),
    }
}

/// The ends of a deployment that everybody knows stand out; the server alone decides what they mean.
fn status_colour(status: &str) -> Option<Color> {
    match status.to_lowercase().as_str() {
        "succeeded" | "success" | "finished" | "done" | "completed" | "deployed" | "ok" => Some(Color::Green),
        "failed" | "failure" | "error" | "aborted" | "cancelled" | "canceled" | "timed_out" | "rolled_back" => {
            Some(Color::Red)
        }
        _ => None,
    }
}

fn lay_out(header: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let mut table = Table::new();
    // Cells break between any two characters, which the height of one line turns into a cut at the width.
    table.load_style(presets::NOTHING).set_truncation_indicator("…").set_delimiter('\0');
    table.set_content_arrangement(match is_terminal() {
        true => ContentArrangement::Dynamic,
        false => ContentArrangement::Disabled,
    });
    table.set_header(one_line(header.iter().map(Cell::new).collect()));
    for row in rows {
        table.add_row(one_line(row));
    }
    for (column, name) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if TIMES.contains(name) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn one_line(cells: Vec<Cell>) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
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
        let table = steps(&[step("")], &[]);
        assert_eq!(
            table,
            "started              component  version  status    owner  environment\n\
             2026-01-05 09:30:00  checkout   4.2.0    building  Ann B  production\n"
        );
        assert!(steps(&[step(""), step("7")], &[]).contains("environment  run\n"));
    }

    #[test]
    fn chosen_columns_keep_their_names_and_order() {
        let table = steps(&[step("7")], &[Column::Run, Column::StartedAt, Column::Ts]);
        assert_eq!(
            table,
            "run  started_at                   ts\n\
             7    2026-01-05T09:30:00.123456Z  2026-01-05 09:30:00\n"
        );
    }
}
