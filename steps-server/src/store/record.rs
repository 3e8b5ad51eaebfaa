//! Writing steps and the ends of spans.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use steps_shared::{Finish, Step, StepId, Timestamp};

use super::fold_rows::StreamKey;
use super::statements::{cut, cut_ids, row_bytes};
use super::steps::{COLUMNS, StepRow};
use super::transaction::{Tx, with_connection};
use super::{Store, StoreError, with_pools};

/// The end of a span that is to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct EndedSpan {
    pub id: StepId,
    ts: Timestamp,
    stream: StreamKey,
    finish: Finish,
}

impl EndedSpan {
    /// The end that `span` has; `None` when it has none.
    #[must_use]
    pub fn of(span: &Step) -> Option<Self> {
        Some(Self { id: span.id, ts: span.ts, stream: span.stream(), finish: span.finish()? })
    }
}

impl Store {
    /// Commits `steps` and `ends` in one transaction, or nothing. That their streams have changed is committed with them.
    /// Returns those of the ended spans that had an end before, or are gone: they are left as they are.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the id of a step is stored already; see [`StoreError`] for the others.
    pub async fn record(&self, steps: &[&Step], ends: &[EndedSpan]) -> Result<Vec<StepId>, StoreError> {
        let mut unchanged = Vec::new();
        if steps.is_empty() && ends.is_empty() {
            return Ok(unchanged);
        }
        let mut changes: HashMap<StreamKey, i64> = HashMap::new();
        let changed = steps.iter().map(|step| (step.stream(), step.ts));
        for (stream, ts) in changed.chain(ends.iter().map(|end| (end.stream, end.ts))) {
            let since = changes.entry(stream).or_insert(i64::MAX);
            *since = ts.micros().min(*since);
        }
        let mut tx = self.begin().await?;
        for rows in cut(steps, |step| step_bytes(step)) {
            tx.insert_steps(rows).await?;
        }
        for end in ends {
            if !tx.set_finish(end).await? {
                unchanged.push(end.id);
            }
        }
        let changes: Vec<_> = changes.into_iter().collect();
        tx.insert_changes(&changes).await?;
        tx.commit().await?;
        Ok(unchanged)
    }

    /// Those of the steps that are stored.
    pub async fn stored(&self, ids: &[StepId]) -> Result<HashMap<StepId, Step>, StoreError> {
        let mut stored = HashMap::new();
        if ids.is_empty() {
            return Ok(stored);
        }
        with_pools!(self, pools => {
            for ids in cut_ids(ids) {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(COLUMNS).push(" FROM steps WHERE id IN (");
                let mut list = select.separated(", ");
                for id in ids {
                    list.push_bind(id.0);
                }
                select.push(")");
                // On the writing connection: a replica that lags would not know them yet.
                for row in select.build_query_as::<StepRow>().fetch_all(&pools.write.get()).await? {
                    let step = Step::try_from(row)?;
                    stored.insert(step.id, step);
                }
            }
        });
        Ok(stored)
    }
}

/// How many bytes a step takes in its INSERT, at most.
fn step_bytes(step: &Step) -> usize {
    let Step { component, environment, version, owner, status, run, .. } = step;
    let run = run.as_ref().map_or("", |run| run.as_str());
    row_bytes(8, &[component.as_str(), environment.as_str(), version.as_str(), owner.as_str(), status.as_str(), run])
}

impl Tx {
    /// Writes the end of a span that has none; `false` when it has one.
    async fn set_finish(&mut self, end: &EndedSpan) -> Result<bool, StoreError> {
        let EndedSpan { id, ts, stream: _, finish: Finish { outcome, ended_at, exit_code } } = *end;
        let rows = with_connection!(self, connection => {
            let mut update = QueryBuilder::new("UPDATE steps SET finished_at = ");
            update.push_bind(ended_at.micros());
            update.push(", outcome = ").push_bind(outcome.name());
            update.push(", exit_code = ").push_bind(exit_code);
            update.push(" WHERE ts = ").push_bind(ts.micros());
            update.push(" AND id = ").push_bind(id.0);
            update.push(" AND finished_at IS NULL");
            update.build().execute(connection).await?.rows_affected()
        });
        Ok(rows > 0)
    }

    async fn insert_steps(&mut self, steps: &[&Step]) -> Result<(), StoreError> {
        with_connection!(self, connection => {
            let mut insert = QueryBuilder::new(
                "INSERT INTO steps (id, stream, component, environment, version, owner, status, ts, run, attempt, span, \
                 finished_at, outcome, exit_code) ",
            );
            insert.push_values(steps, |mut row, step| {
                let finish = step.finish();
                row.push_bind(step.id.0)
                    .push_bind(step.stream().to_vec())
                    .push_bind(step.component.as_str())
                    .push_bind(step.environment.as_str())
                    .push_bind(step.version.as_str())
                    .push_bind(step.owner.as_str())
                    .push_bind(step.status.as_str())
                    .push_bind(step.ts.micros())
                    .push_bind(step.run.as_ref().map(|run| run.as_str()))
                    .push_bind(step.attempt.map(|attempt| i64::from(attempt.number())))
                    .push_bind(step.span)
                    .push_bind(finish.map(|finish| finish.ended_at.micros()))
                    .push_bind(finish.map(|finish| finish.outcome.name()))
                    .push_bind(finish.and_then(|finish| finish.exit_code));
            });
            insert.build().execute(connection).await?;
        });
        Ok(())
    }

    pub(super) async fn insert_changes(&mut self, changes: &[(StreamKey, i64)]) -> Result<(), StoreError> {
        for changes in cut(changes, |_| row_bytes(2, &[])) {
            with_connection!(self, connection => {
                let mut insert = QueryBuilder::new("INSERT INTO changes (stream, since) ");
                insert.push_values(changes, |mut row, (stream, since)| {
                    row.push_bind(stream.to_vec()).push_bind(*since);
                });
                insert.build().execute(&mut *connection).await?;
            });
        }
        Ok(())
    }
}
