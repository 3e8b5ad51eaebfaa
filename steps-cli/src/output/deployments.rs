//! Tables of deployments.

use comfy_table::{Cell, Color};
use steps_shared::{Deployment, DeploymentColumn, DeploymentOutcome, Duration, Resource as _, Timestamp};

use super::table::{Head, lay_out};
use super::wants_colour;

/// A table of deployments: these columns, or those that say most. `now` says how long the running ones have taken.
pub fn table(deployments: &[Deployment], columns: &[DeploymentColumn], now: Option<Timestamp>) -> String {
    let colour = wants_colour();
    if !columns.is_empty() {
        let heads: Vec<_> = columns.iter().map(|column| head(*column)).collect();
        let row = |deployment: &Deployment| columns.iter().map(|column| cell(deployment, *column, colour)).collect();
        return lay_out(&heads, deployments.iter().map(row));
    }
    let mut usual = vec![
        (Head::whole("started"), DeploymentColumn::StartedAt),
        (Head::text("component"), DeploymentColumn::Component),
        (Head::text("version"), DeploymentColumn::Version),
        (Head::whole("outcome"), DeploymentColumn::Outcome),
        (Head::number("duration"), DeploymentColumn::DurationSeconds),
        (Head::text("owner").rank(1), DeploymentColumn::Owner),
        (Head::text("environment").rank(2), DeploymentColumn::Environment),
        (Head::whole("id").rank(4), DeploymentColumn::Id),
    ];
    if deployments.iter().any(|deployment| deployment.run.is_some()) {
        usual.insert(usual.len() - 1, (Head::text("run").rank(3), DeploymentColumn::Run));
    }
    let heads: Vec<_> = usual.iter().map(|(head, _)| *head).collect();
    let row = |deployment: &Deployment| {
        let cells = usual.iter().map(|(_, column)| match column {
            DeploymentColumn::StartedAt => Cell::new_owned(deployment.started_at.to_seconds_text()),
            DeploymentColumn::DurationSeconds => Cell::new_owned(so_far(deployment, now)),
            column => cell(deployment, *column, colour),
        });
        cells.collect()
    };
    lay_out(&heads, deployments.iter().map(row))
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

fn head(column: DeploymentColumn) -> Head {
    use DeploymentColumn::{DurationSeconds, EndedAt, Id, Outcome, StartedAt, Steps};
    match column {
        StartedAt | EndedAt | Id | Outcome => Head::whole(column.name()),
        DurationSeconds | Steps => Head::number(column.name()),
        _ => Head::text(column.name()),
    }
}

/// What a deployment has in a column, as an export has it.
fn cell(deployment: &Deployment, column: DeploymentColumn, colour: bool) -> Cell {
    let cell = Cell::new_owned(deployment.cell(column).to_string());
    match (column, deployment.outcome) {
        (DeploymentColumn::Outcome, DeploymentOutcome::Succeeded) if colour => cell.fg(Color::Green),
        (DeploymentColumn::Outcome, DeploymentOutcome::Failed) if colour => cell.fg(Color::Red),
        (DeploymentColumn::Outcome, DeploymentOutcome::Running) if colour => cell.fg(Color::Cyan),
        (DeploymentColumn::Outcome, DeploymentOutcome::Abandoned) if colour => cell.fg(Color::Yellow),
        _ => cell,
    }
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
    fn what_is_unknown_is_empty_and_what_runs_is_told_so_far() {
        let now = "2026-01-05 09:32:05.123456".parse().ok();
        let rows = [deployment("succeeded", "370"), deployment("running", "null"), deployment("abandoned", "null")];
        let table = table(&rows, &[], now);
        let beginnings: Vec<_> =
            table.lines().map(|line| line.split("  ann").next().unwrap_or(line).trim_end()).collect();
        assert_eq!(
            beginnings[1..],
            [
                "2026-01-05 09:30:00  checkout   4.2.0    succeeded         6m10s",
                "2026-01-05 09:30:00  checkout   4.2.0    running    2m05s so far",
                "2026-01-05 09:30:00  checkout   4.2.0    abandoned",
            ]
        );
        assert!(table.ends_with("ann    production   0197a000-0000-7000-8000-000000000001\n"), "{table}");
    }

    #[test]
    fn chosen_columns_are_as_in_an_export() {
        let columns = [DeploymentColumn::DurationSeconds, DeploymentColumn::StartedAt, DeploymentColumn::Steps];
        let table = table(&[deployment("succeeded", "1.5")], &columns, None);
        assert_eq!(
            table,
            "duration_seconds  started_at                   steps\n             \
             1.5  2026-01-05T09:30:00.123456Z      3\n"
        );
    }
}
