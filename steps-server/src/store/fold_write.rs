//! What the projection writes.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::StoreError;
use super::days::{DayKey, day_of};
use super::fold_rows::{DeploymentRow, PartRow};
use super::statements::{cut, cut_conditions, cut_ids, row_bytes};
use super::timeline::Part;
use super::transaction::{Tx, with_connection};
use super::turns::TurnKey;

/// The names that the steps of a stream share.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Names {
    stream: Vec<u8>,
    component: String,
    environment: String,
    version: String,
    run: Option<String>,
}

/// How many bytes a deployment takes in its INSERT, at most.
fn deployment_bytes(row: &DeploymentRow, names: &Names) -> usize {
    let Names { stream: _, component, environment, version, run } = names;
    let DeploymentRow { owner, status, retry, outcome, excluded, .. } = row;
    let maybe = [run, retry, excluded].map(|text| text.as_deref().unwrap_or_default());
    let [run, retry, excluded] = maybe;
    let timeline = row.timeline.as_ref().map_or(0, Vec::len);
    row_bytes(18, &[component, environment, version, run, owner, status, retry, outcome, excluded]) + timeline
}

impl Tx {
    /// Removes deployments.
    pub async fn remove_deployments(&mut self, ids: &[Uuid]) -> Result<(), StoreError> {
        self.mark_days_of(ids).await?;
        for ids in cut_ids(ids) {
            for delete in ["DELETE FROM deployments WHERE id IN (", "DELETE FROM timelines WHERE deployment IN ("] {
                with_connection!(self, connection => {
                    let mut delete = QueryBuilder::new(delete);
                    let mut list = delete.separated(", ");
                    for id in &ids {
                        list.push_bind(**id);
                    }
                    delete.push(")");
                    delete.build().execute(&mut *connection).await?;
                });
            }
        }
        Ok(())
    }

    /// Stores parts of timelines in the place of those that are there.
    pub async fn put_parts(&mut self, parts: &[PartRow]) -> Result<(), StoreError> {
        for parts in cut(parts, |row| row_bytes(4, &[]) + row.part.data.len()) {
            with_connection!(self, connection => {
                let mut insert = QueryBuilder::new("REPLACE INTO timelines (deployment, part, ts, data) ");
                insert.push_values(parts, |mut values, PartRow { deployment, nth, part: Part { ts, data } }| {
                    values.push_bind(*deployment).push_bind(*nth).push_bind(*ts).push_bind(data.clone());
                });
                insert.build().execute(&mut *connection).await?;
            });
        }
        Ok(())
    }

    /// Removes the parts of a timeline behind its last.
    pub async fn remove_parts(&mut self, deployment: Uuid, last: i32) -> Result<(), StoreError> {
        with_connection!(self, connection => {
            let delete = sqlx::query("DELETE FROM timelines WHERE deployment = ? AND part > ?");
            delete.bind(deployment).bind(last).execute(connection).await?;
        });
        Ok(())
    }

    /// Stores deployments in the place of those that have their ids; their names are read from their first steps.
    pub async fn put_deployments(&mut self, deployments: &[DeploymentRow]) -> Result<(), StoreError> {
        let names = self.names(deployments).await?;
        let mut named: Vec<_> = deployments.iter().filter_map(|row| Some((row, names.get(&row.stream)?))).collect();
        // In the order of the table: rows in another order leave pages half empty behind.
        named.sort_unstable_by_key(|(row, _)| (row.started_at, row.id));
        let day = |(row, names): &(&DeploymentRow, &Names)| {
            let Names { component, environment, .. } = names;
            DayKey { component: component.clone(), environment: environment.clone(), day: day_of(row.started_at) }
        };
        let days = named.iter().map(day).collect();
        let turn =
            |(row, names): &(&DeploymentRow, &Names)| TurnKey::new(&names.component, &names.environment, &row.stream);
        let turns = named.iter().map(turn).collect();
        for named in cut(&named, |(row, names)| deployment_bytes(row, names)) {
            with_connection!(self, connection => {
                let mut insert = QueryBuilder::new(
                    "REPLACE INTO deployments (id, stream, component, environment, version, owner, run, status, attempt, \
                     retry, outcome, open_until, started_at, ended_at, duration, waiting, gaps, clocks_differ, \
                     looks_concurrent, excluded, counted, has_start, tail_ts, last_ts, steps, timeline, \
                     parts) ",
                );
                insert.push_values(named, |mut values, (row, names)| {
                    values.push_bind(row.id)
                        .push_bind(row.stream.clone())
                        .push_bind(names.component.clone())
                        .push_bind(names.environment.clone())
                        .push_bind(names.version.clone())
                        .push_bind(row.owner.clone())
                        .push_bind(names.run.clone())
                        .push_bind(row.status.clone())
                        .push_bind(row.attempt)
                        .push_bind(row.retry.clone())
                        .push_bind(row.outcome.clone())
                        .push_bind(row.open_until)
                        .push_bind(row.started_at)
                        .push_bind(row.ended_at)
                        .push_bind(row.duration)
                        .push_bind(row.waiting)
                        .push_bind(row.gaps)
                        .push_bind(row.clocks_differ)
                        .push_bind(row.looks_concurrent)
                        .push_bind(row.excluded.clone())
                        .push_bind(row.counted)
                        .push_bind(row.has_start)
                        // From where on the version before reads a long one again: all of it.
                        .push_bind(row.started_at)
                        .push_bind(row.last_ts)
                        .push_bind(row.steps)
                        .push_bind(row.timeline.clone())
                        .push_bind(row.parts);
                });
                insert.build().execute(&mut *connection).await?;
            });
        }
        self.mark_days(days, turns).await
    }

    /// The names of the streams of these deployments, read along the time: a look for each id would be one somewhere in its index.
    async fn names(&mut self, deployments: &[DeploymentRow]) -> Result<HashMap<Vec<u8>, Names>, StoreError> {
        let mut names = HashMap::new();
        for deployments in cut_conditions(deployments) {
            let rows: Vec<Names> = with_connection!(self, connection => {
                let mut select =
                    QueryBuilder::new("SELECT stream, component, environment, version, run FROM steps WHERE ");
                for (at, row) in deployments.iter().enumerate() {
                    select.push(if at == 0 { "(ts = " } else { " OR (ts = " }).push_bind(row.started_at);
                    select.push(" AND id = ").push_bind(row.id).push(")");
                }
                select.build_query_as().fetch_all(connection).await?
            });
            names.extend(rows.into_iter().map(|names| (names.stream.clone(), names)));
        }
        Ok(names)
    }
}
