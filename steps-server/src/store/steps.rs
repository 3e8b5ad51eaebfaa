//! Reading steps.

use std::str::FromStr;

use async_stream::try_stream;
use futures_util::stream::{BoxStream, StreamExt as _};
use sqlx::QueryBuilder;
use steps_shared::{Attempt, Component, Order, Step, StepFilter, StepId, StepQuery, Timestamp};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::derived::{Derived, Known};
use super::filter::{push_access, push_after, push_filter};
use super::transaction::{Tx, with_connection};
use super::{Access, Reader, StoreError, with_pools};

/// The columns of a [`StepRow`].
pub(super) const COLUMNS: &str = "id, stream, component, environment, version, owner, status, ts, run, attempt, span, outcome, exit_code, \
     finished_at, ended_at, deployment_id, result";
/// Rows that are read at a time.
const ROWS: u64 = 1000;

/// A step as the database holds it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct StepRow {
    pub id: Uuid,
    pub stream: Vec<u8>,
    component: String,
    environment: String,
    version: String,
    owner: String,
    status: String,
    pub ts: i64,
    run: Option<String>,
    attempt: Option<i32>,
    span: bool,
    outcome: Option<String>,
    exit_code: Option<i32>,
    finished_at: Option<i64>,
    // What the version before has derived.
    ended_at: Option<i64>,
    deployment_id: Option<Uuid>,
    result: Option<String>,
}

impl StepRow {
    /// The step with what is derived of it, with the checks of a new step: a row that something else than the server wrote is an
    /// error, not an invalid answer.
    pub fn into_step(self, derived: Option<Derived>) -> Result<Step, sqlx::Error> {
        let row = self;
        // The end of a span that was told is a fact; any other end is derived.
        let ended_at = row.finished_at.or(derived.and_then(|derived| derived.ended_at));
        Ok(Step {
            id: StepId(row.id),
            component: read("component", row.component)?,
            environment: read("environment", row.environment)?,
            version: read("version", row.version)?,
            owner: read("owner", row.owner)?,
            status: read("status", row.status)?,
            ts: timestamp("ts", row.ts)?,
            run: row.run.map(|run| read("run", run)).transpose()?,
            attempt: row.attempt.map(|number| attempt("attempt", number)).transpose()?,
            span: row.span,
            outcome: word("outcome", row.outcome)?,
            exit_code: row.exit_code,
            ended_at: ended_at.map(|ended_at| timestamp("ended_at", ended_at)).transpose()?,
            deployment_id: derived.map(|derived| StepId(derived.deployment)),
            result: derived.and_then(|derived| derived.result),
        })
    }

    /// What the version before has derived of it.
    pub fn derived_before(&self) -> Option<Derived> {
        let result = self.result.as_deref().and_then(|result| result.parse().ok());
        Some(Derived { deployment: self.deployment_id?, ended_at: self.ended_at, result })
    }
}

/// A name as the database holds it.
pub(super) fn read<T>(column: &str, text: String) -> Result<T, sqlx::Error>
where
    T: TryFrom<String, Error: std::fmt::Display>,
{
    T::try_from(text).map_err(|error| invalid(column, error))
}

/// A word of an enum as the database holds it.
pub(super) fn word<T: FromStr<Err = String>>(column: &str, text: Option<String>) -> Result<Option<T>, sqlx::Error> {
    text.map(|text| text.parse().map_err(|error| invalid(column, error))).transpose()
}

/// An attempt as the database holds it.
pub(super) fn attempt(column: &str, number: i32) -> Result<Attempt, sqlx::Error> {
    number.unsigned_abs().try_into().map_err(|error: String| invalid(column, error))
}

/// A time as the database holds it.
pub(super) fn timestamp(column: &str, micros: i64) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_micros(micros).map_err(|error| invalid(column, error))
}

/// The error of a value that the server cannot have written.
pub(super) fn invalid(column: &str, error: impl std::fmt::Display) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: format!("{column} {error}").into() }
}

/// A list as it comes from the database's cursor.
pub type Rows<T> = BoxStream<'static, Result<T, StoreError>>;

impl Reader {
    /// The steps that `query` asks for, in its order: some rows at a time, so that memory does not depend on their number, all in
    /// one transaction, so that they are what there was at one moment. Dropping the stream frees its connection.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn steps(&self, query: StepQuery) -> Result<Rows<Step>, StoreError> {
        let tx = self.store.begin_reading().await?;
        let (sender, mut parts) = mpsc::channel(1);
        // While a part is being written to the client, the next one is read.
        let reading = tokio::spawn(tx.send_parts(self.access.clone(), query, sender));
        Ok(try_stream! {
            while let Some(steps) = parts.recv().await {
                for step in steps {
                    yield step;
                }
            }
            reading.await.map_err(|_| StoreError::TimedOut)??;
        }
        .boxed())
    }

    /// How many steps match, but never more than `most`.
    pub async fn count_steps(&self, filter: &StepFilter, most: u64) -> Result<u64, StoreError> {
        with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT COUNT(*) FROM (SELECT 1 AS one FROM steps");
            push_filter(&mut select, &self.access, filter, "ts");
            select.push(" LIMIT ").push(most).push(") AS counted");
            let count: i64 = select.build_query_scalar().fetch_one(&mut *pools.read.acquire().await?).await?;
            Ok(count.unsigned_abs())
        })
    }

    /// One step.
    pub async fn step(&self, id: StepId) -> Result<Option<Step>, StoreError> {
        let mut tx = self.store.begin_reading().await?;
        let row: Option<StepRow> = with_connection!(&mut tx, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM steps");
            push_access(&mut select, &self.access);
            select.push(" AND id = ").push_bind(id.0);
            select.build_query_as().fetch_optional(connection).await?
        });
        let step = self.with_derived(&mut tx, row.into_iter().collect()).await?.pop();
        tx.end().await?;
        Ok(step)
    }

    /// The component of a step.
    pub async fn component_of(&self, id: StepId) -> Result<Option<Component>, StoreError> {
        let component: Option<String> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT component FROM steps");
            push_access(&mut select, &self.access);
            select.push(" AND id = ").push_bind(id.0);
            select.build_query_scalar().fetch_optional(&mut *pools.read.acquire().await?).await?
        });
        Ok(component.map(|component| read("component", component)).transpose()?)
    }

    /// Some steps with what is derived of them.
    pub(super) async fn with_derived(&self, tx: &mut Tx, rows: Vec<StepRow>) -> Result<Vec<Step>, StoreError> {
        let asked = (&self.access, &StepFilter::default(), Order::Ascending);
        let derived = tx.derived(&rows, &mut Known::for_few(), asked).await?;
        Ok(rows.into_iter().zip(derived).map(|(row, derived)| row.into_step(derived)).collect::<Result<_, _>>()?)
    }
}

impl Tx {
    /// Reads the steps of a list, some rows at a time, until nobody takes them.
    async fn send_parts(
        mut self,
        access: Access,
        query: StepQuery,
        parts: mpsc::Sender<Vec<Step>>,
    ) -> Result<(), StoreError> {
        let StepQuery { filter, order, .. } = query;
        let mut left = query.limit.unwrap_or(u64::MAX);
        let (mut known, mut after) = (Known::default(), None);
        while left > 0 {
            let most = left.min(ROWS);
            let rows = self.step_rows((&access, &filter, order), after, most).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.ts, last.id));
            left -= most;
            let is_last = (rows.len() as u64) < most;
            let derived = self.derived(&rows, &mut known, (&access, &filter, order)).await?;
            let steps = rows.into_iter().zip(derived).map(|(row, derived)| row.into_step(derived));
            if parts.send(steps.collect::<Result<_, _>>()?).await.is_err() {
                return Ok(());
            }
            if is_last {
                break;
            }
        }
        self.end().await
    }

    /// The next rows of a list behind a place in it.
    async fn step_rows(
        &mut self,
        (access, filter, order): (&Access, &StepFilter, Order),
        after: Option<(i64, Uuid)>,
        most: u64,
    ) -> Result<Vec<StepRow>, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM steps");
            push_filter(&mut select, access, filter, "ts");
            push_after(&mut select, "ts", order, after);
            select.push(" LIMIT ").push(most);
            select.build_query_as().fetch_all(connection).await?
        }))
    }
}
