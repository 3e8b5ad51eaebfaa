//! Tables of deployments.

use super::notes;
use super::table::{Table, TableCell, TableColumn};
use super::text::Meaning;
use crate::{Deployment, DeploymentColumn, DeploymentOutcome, Duration, Resource, Timestamp, shortest_prefixes};

/// A table of deployments with these columns, or with those that say most where none are chosen. `now` tells how long
/// the running ones have taken.
#[must_use]
pub fn table(deployments: &[Deployment], columns: &[DeploymentColumn], now: Option<Timestamp>) -> Table {
    if !columns.is_empty() {
        let mut table = Table::new(columns.iter().map(|column| table_column(*column)).collect());
        let row = |deployment: &Deployment| columns.iter().map(|column| cell(deployment, *column)).collect();
        table.rows = deployments.iter().map(row).collect();
        return table;
    }
    let mut usual = vec![
        (TableColumn::whole("started"), DeploymentColumn::StartedAt),
        (TableColumn::text("component"), DeploymentColumn::Component),
        (TableColumn::text("version"), DeploymentColumn::Version),
        (TableColumn::whole("outcome"), DeploymentColumn::Outcome),
        (TableColumn::number("duration"), DeploymentColumn::DurationSeconds),
        (TableColumn::text("owner").rank(2), DeploymentColumn::Owner),
        (TableColumn::text("environment").rank(3), DeploymentColumn::Environment),
        (TableColumn::whole("id").rank(1), DeploymentColumn::Id),
    ];
    if deployments.iter().any(|deployment| deployment.run.is_some()) {
        usual.insert(usual.len() - 1, (TableColumn::text("run").rank(4), DeploymentColumn::Run));
    }
    let mut table = Table::new(usual.iter().map(|(column, _)| *column).collect());
    let short = shortest_prefixes(&deployments.iter().map(|deployment| deployment.id).collect::<Vec<_>>());
    let row = |deployment: &Deployment| {
        let cells = usual.iter().map(|(_, column)| match column {
            DeploymentColumn::StartedAt => deployment.started_at.to_seconds_text().into(),
            DeploymentColumn::DurationSeconds => so_far(deployment, now).into(),
            DeploymentColumn::Id => short.get(&deployment.id).cloned().unwrap_or_default().into(),
            column => cell(deployment, *column),
        });
        cells.collect()
    };
    table.rows = deployments.iter().map(row).collect();
    add_notes(&mut table, deployments);
    table
}

/// Adds a column of notes where there are some.
fn add_notes(table: &mut Table, deployments: &[Deployment]) {
    let notes: Vec<String> = deployments
        .iter()
        .map(|deployment| notes::of(deployment).iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        .collect();
    if notes.iter().any(|note| !note.is_empty()) {
        table.columns.push(TableColumn::text("notes"));
        for (row, note) in table.rows.iter_mut().zip(notes) {
            row.push(TableCell::of(note, Meaning::Warning));
        }
    }
}

/// How long it took, or has taken so far.
fn so_far(deployment: &Deployment, now: Option<Timestamp>) -> String {
    match (deployment.duration, deployment.outcome) {
        (Some(duration), _) => duration.to_string(),
        (None, DeploymentOutcome::Running) => now
            .and_then(|now| Duration::between(deployment.started_at, now))
            .map(|duration| format!("{duration} so far"))
            .unwrap_or_default(),
        (None, _) => String::new(),
    }
}

fn table_column(column: DeploymentColumn) -> TableColumn {
    use DeploymentColumn::{
        Attempt, DurationSeconds, EndedAt, GapSeconds, Id, Outcome, StartedAt, Steps, WaitingSeconds, WorkSeconds,
    };
    match column {
        StartedAt | EndedAt | Id | Outcome => TableColumn::whole(column.name()),
        DurationSeconds | WorkSeconds | WaitingSeconds | GapSeconds | Steps | Attempt => {
            TableColumn::number(column.name())
        }
        _ => TableColumn::text(column.name()),
    }
}

/// The value of a column, as an export has it.
fn cell(deployment: &Deployment, column: DeploymentColumn) -> TableCell {
    let meaning = match column {
        DeploymentColumn::Component => Meaning::Component,
        DeploymentColumn::Outcome => deployment.outcome.into(),
        _ => Meaning::Plain,
    };
    TableCell::of(deployment.cell(column).to_string(), meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(outcome: &str, duration: &str) -> Deployment {
        serde_json::from_str(&format!(
            r#"{{"id":"0197a000-0000-7000-8000-000000000001","component":"checkout","environment":"production",
            "version":"4.2.0","owner":"ann","run":null,"outcome":"{outcome}","status":"building",
            "started_at":"2026-01-05T09:30:00.123456Z","ended_at":null,"duration_seconds":{duration},"steps":3}}"#
        ))
        .unwrap()
    }

    #[test]
    fn an_unknown_duration_is_empty_and_that_of_a_running_one_is_so_far() {
        let now = "2026-01-05 09:32:05.123456".parse().ok();
        let rows = [deployment("succeeded", "370"), deployment("running", "null"), deployment("abandoned", "null")];
        let rest = "ann|production|0197a000-0000";
        let expected = [
            "started|component|version|outcome|duration|owner|environment|id".to_owned(),
            format!("2026-01-05 09:30:00|checkout|4.2.0|succeeded|6m10s|{rest}"),
            format!("2026-01-05 09:30:00|checkout|4.2.0|running|2m05s so far|{rest}"),
            format!("2026-01-05 09:30:00|checkout|4.2.0|abandoned||{rest}"),
        ];
        assert_eq!(table(&rows, &[], now).to_lines(), expected);
        let retry = Deployment { retry: Some(crate::Retry::Partial), ..deployment("succeeded", "20") };
        let lines = table(&[retry, deployment("succeeded", "370")], &[], now).to_lines();
        assert!(lines[0].ends_with("|id|notes") && lines[2].ends_with('|'), "{lines:?}");
        assert!(lines[1].ends_with("|retry of a part, in no figure"), "{lines:?}");
    }

    #[test]
    fn chosen_columns_are_as_in_an_export() {
        let columns = [DeploymentColumn::DurationSeconds, DeploymentColumn::StartedAt, DeploymentColumn::Steps];
        let lines = table(&[deployment("succeeded", "1.5")], &columns, None).to_lines();
        assert_eq!(lines, ["duration_seconds|started_at|steps", "1.5|2026-01-05T09:30:00.123456Z|3"]);
    }
}
