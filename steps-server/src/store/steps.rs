//! Reading steps.

use std::str::FromStr;

use async_stream::try_stream;
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use sqlx::QueryBuilder;
use steps_shared::{Attempt, Order, Step, StepFilter, StepId, StepQuery, Timestamp};
use uuid::Uuid;

use super::filter::{push_access, push_filter};
use super::{Reader, StoreError, with_pools};

/// The columns of a [`StepRow`]. The end of a span that has been told is a fact; any other end is derived.
pub(super) const COLUMNS: &str = "id, component, environment, version, owner, status, ts, run, attempt, span, outcome, exit_code, \
     COALESCE(finished_at, ended_at) AS ended_at, deployment_id, result";

/// A step as the database holds it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct StepRow {
    id: Uuid,
    component: String,
    environment: String,
    version: String,
    owner: String,
    status: String,
    ts: i64,
    run: Option<String>,
    attempt: Option<i32>,
    span: bool,
    outcome: Option<String>,
    exit_code: Option<i32>,
    ended_at: Option<i64>,
    deployment_id: Option<Uuid>,
    result: Option<String>,
}

impl TryFrom<StepRow> for Step {
    type Error = sqlx::Error;
    /// With the checks of a new step: a row that something else than the server wrote is an error, not a invalid answer.
    fn try_from(row: StepRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
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
            ended_at: row.ended_at.map(|ended_at| timestamp("ended_at", ended_at)).transpose()?,
            deployment_id: row.deployment_id.map(StepId),
            result: word("result", row.result)?,
        })
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
    /// The steps that `query` asks for, in its order, one by one: memory does not depend on their number. Dropping
    /// the stream frees its connection.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn steps(&self, query: StepQuery) -> Result<Rows<Step>, StoreError> {
        let access = self.access.clone();
        with_pools!(&self.store, pools => {
            let mut connection = pools.read.acquire().await?;
            Ok(try_stream! {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(COLUMNS).push(" FROM steps");
                push_filter(&mut select, &access, &query.filter, "ts");
                select.push(match query.order {
                    Order::Ascending => " ORDER BY ts, id",
                    Order::Descending => " ORDER BY ts DESC, id DESC",
                });
                if let Some(limit) = query.limit {
                    select.push(" LIMIT ").push(limit);
                }
                let mut rows = select.build_query_as::<StepRow>().fetch(connection.reads());
                while let Some(row) = rows.try_next().await? {
                    yield Step::try_from(row)?;
                }
                drop(rows);
                connection.has_read();
            }.boxed())
        })
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
        with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM steps");
            push_access(&mut select, &self.access, "");
            select.push(" AND id = ").push_bind(id.0);
            let row: Option<StepRow> = select.build_query_as().fetch_optional(&mut *pools.read.acquire().await?).await?;
            Ok(row.map(Step::try_from).transpose()?)
        })
    }
}
