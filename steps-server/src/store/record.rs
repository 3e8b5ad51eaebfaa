//! Writing steps and the ends of spans.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use steps_shared::{Finish, Step, StepId, Timestamp};

use super::at_once;
use super::changes::NewChange;
use super::fold_rows::StreamKey;
use super::statements::{cut, cut_ids, row_bytes};
use super::steps::{COLUMNS, StepRow};
use super::transaction::{Tx, with_connection};
use super::{Store, StoreError, with_pools};

/// The end of a span that is to be recorded.
#[derive(Debug, Clone)]
pub struct EndedSpan {
    pub id: StepId,
    pub ts: Timestamp,
    change: NewChange,
    pub finish: Finish,
}

/// What one commit writes.
#[derive(Debug, Default)]
pub struct Writes<'a> {
    pub steps: Vec<NewRow<'a>>,
    /// Written after the steps, and before the ends.
    pub earlier: Vec<EarlierStart>,
    pub ends: Vec<EndedSpan>,
}

/// A step that is to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct NewRow<'a> {
    pub step: &'a Step,
    /// That of the step.
    pub(super) stream: StreamKey,
    /// Whether its `ts` is of the server's clock.
    pub(super) aged: bool,
}

impl<'a> NewRow<'a> {
    /// Of a step; `aged`: its `ts` is of the server's clock.
    #[must_use]
    pub fn new(step: &'a Step, aged: bool) -> Self {
        Self { step, stream: step.stream(), aged }
    }
}

/// A step that is recorded.
#[derive(Debug, Clone)]
pub struct StoredStep {
    pub step: Step,
    /// Whether its `ts` is of the server's clock.
    pub aged: bool,
}

/// An earlier start of a step whose `ts` is of the server's clock. How long it took stays as it is.
#[derive(Debug, Clone)]
pub struct EarlierStart {
    id: StepId,
    ts: Timestamp,
    change: NewChange,
}

impl EarlierStart {
    /// The start that `step` has.
    #[must_use]
    pub fn of(step: &Step) -> Self {
        Self { id: step.id, ts: step.ts, change: NewChange::of(step, step.stream()) }
    }
}

impl Writes<'_> {
    /// The id of the step that is written when there is only one.
    #[must_use]
    pub fn only_id(&self) -> Option<StepId> {
        let steps = self.steps.iter().map(|row| row.step.id);
        let mut ids = steps.chain(self.earlier.iter().map(|start| start.id)).chain(self.ends.iter().map(|end| end.id));
        let first = ids.next()?;
        ids.all(|id| id == first).then_some(first)
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct StoredRow {
    #[sqlx(flatten)]
    step: StepRow,
    aged: bool,
}

impl StoredRow {
    pub(super) fn into_stored(self) -> StoredStep {
        StoredStep { step: self.step.0, aged: self.aged }
    }
}

impl EndedSpan {
    /// The end that `span` has; `None` when it has none.
    #[must_use]
    pub fn of(span: &Step) -> Option<Self> {
        Some(Self { id: span.id, ts: span.ts, change: NewChange::of(span, span.stream()), finish: span.finish()? })
    }
}

/// Pushes the values of [`at_once::COLUMNS`].
macro_rules! push_step {
    ($row:expr, $new:expr) => {{
        let NewRow { step, stream, aged } = $new;
        let finish = step.finish();
        $row.push_bind(step.id.0)
            .push_bind(stream.to_vec())
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
            .push_bind(finish.and_then(|finish| finish.exit_code))
            .push_bind(*aged);
    }};
}
pub(super) use push_step;

impl Store {
    /// Commits all of it in one transaction, or nothing. That the streams have changed is committed with it.
    /// Returns those of the ended spans that had an end before, or are gone: they are left as they are.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the id of a step is stored already; see [`StoreError`] for the others.
    pub async fn record(&self, writes: &Writes<'_>) -> Result<Vec<StepId>, StoreError> {
        let Writes { steps, earlier, ends } = writes;
        let mut unchanged = Vec::new();
        if steps.is_empty() && earlier.is_empty() && ends.is_empty() {
            return Ok(unchanged);
        }
        let recorded = steps.iter().map(|row| NewChange::of(row.step, row.stream));
        let changed = earlier.iter().map(|start| &start.change).chain(ends.iter().map(|end| &end.change));
        let changes = NewChange::joined(recorded.chain(changed.cloned()));
        if earlier.is_empty() && ends.is_empty() && self.record_at_once(steps, &changes).await? {
            return Ok(unchanged);
        }
        let mut tx = self.begin().await?;
        for rows in cut(steps, |row| step_bytes(row.step)) {
            tx.insert_steps(rows).await?;
        }
        for start in earlier {
            tx.set_start(start).await?;
        }
        for end in ends {
            if !tx.set_finish(end).await? {
                unchanged.push(end.id);
            }
        }
        tx.insert_changes(&changes).await?;
        tx.commit().await?;
        Ok(unchanged)
    }

    /// Those of the steps that are stored, without what is derived of them.
    pub async fn stored(&self, ids: &[StepId]) -> Result<HashMap<StepId, StoredStep>, StoreError> {
        let mut stored = HashMap::new();
        if ids.is_empty() {
            return Ok(stored);
        }
        with_pools!(self, pools => {
            for ids in cut_ids(ids) {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(COLUMNS).push(", aged FROM steps WHERE id IN (");
                let mut list = select.separated(", ");
                for id in ids {
                    list.push_bind(id.0);
                }
                select.push(")");
                // On the writing connection: a replica that lags would not know them yet.
                for row in select.build_query_as::<StoredRow>().fetch_all(&pools.write.get()).await? {
                    let found = row.into_stored();
                    stored.insert(found.step.id, found);
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
    row_bytes(9, &[component.as_str(), environment.as_str(), version.as_str(), owner.as_str(), status.as_str(), run])
}

impl Tx {
    /// Writes an earlier start. A step whose `ts` was sent stays as it is, and so does one that has an earlier start already.
    async fn set_start(&mut self, start: &EarlierStart) -> Result<(), StoreError> {
        let EarlierStart { id, ts, change: _ } = start;
        with_connection!(self, connection => {
            // MySQL assigns from left to right: the end first, while ts is still the old one.
            let mut update = QueryBuilder::new("UPDATE steps SET finished_at = finished_at - (ts - ");
            update.push_bind(ts.micros());
            update.push("), ts = ").push_bind(ts.micros());
            update.push(" WHERE id = ").push_bind(id.0);
            update.push(" AND aged = 1 AND ts > ").push_bind(ts.micros());
            update.build().execute(connection).await?;
        });
        Ok(())
    }

    /// Writes the end of a span that has none; `false` when it has one.
    async fn set_finish(&mut self, end: &EndedSpan) -> Result<bool, StoreError> {
        let EndedSpan { id, ts, change: _, finish: Finish { outcome, ended_at, exit_code } } = end;
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

    async fn insert_steps(&mut self, steps: &[NewRow<'_>]) -> Result<(), StoreError> {
        with_connection!(self, connection => {
            let mut insert = QueryBuilder::new("INSERT INTO steps (");
            insert.push(at_once::COLUMNS).push(") ");
            insert.push_values(steps, |mut row, new| push_step!(row, new));
            insert.build().execute(connection).await?;
        });
        Ok(())
    }
}
