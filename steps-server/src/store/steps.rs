//! Reading steps.

use async_stream::try_stream;
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use sqlx::{Database, Encode, QueryBuilder, Type};
use steps_shared::{ListQuery, Order, Step, StepFilter, StepId, Timestamp};
use uuid::Uuid;

use super::{Store, StoreError, with_pools};

/// The columns of a [`StepRow`].
pub(super) const COLUMNS: &str = "id, component, environment, version, owner, status, ts, run";

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
}

impl TryFrom<StepRow> for Step {
    type Error = sqlx::Error;
    /// Through the same gate as a new step: what somebody wrote past the server is an error, not a wrong answer.
    fn try_from(row: StepRow) -> Result<Self, sqlx::Error> {
        let StepRow { id, component, environment, version, owner, status, ts, run } = row;
        Ok(Self {
            id: StepId(id),
            component: read("component", component)?,
            environment: read("environment", environment)?,
            version: read("version", version)?,
            owner: read("owner", owner)?,
            status: read("status", status)?,
            ts: Timestamp::from_micros(ts).map_err(|error| not_a_step("ts", error))?,
            run: run.map(|run| read("run", run)).transpose()?,
        })
    }
}

fn read<T: TryFrom<String, Error: std::error::Error + Send + Sync + 'static>>(
    column: &str,
    text: String,
) -> Result<T, sqlx::Error> {
    T::try_from(text).map_err(|error| not_a_step(column, error))
}

fn not_a_step(column: &str, error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) }
}

/// A list as it comes from the database's cursor.
pub type Steps = BoxStream<'static, Result<Step, StoreError>>;

impl Store {
    /// The steps that `query` asks for, in its order, one by one: memory does not depend on their number. Dropping
    /// the stream frees its connection.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn steps(&self, query: ListQuery) -> Result<Steps, StoreError> {
        with_pools!(self, pools => {
            let mut connection = pools.read.acquire().await?;
            Ok(try_stream! {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(COLUMNS).push(" FROM steps");
                push_filter(&mut select, &query.filter);
                select.push(match query.order {
                    Order::Ascending => " ORDER BY ts, id",
                    Order::Descending => " ORDER BY ts DESC, id DESC",
                });
                if let Some(limit) = query.limit {
                    select.push(" LIMIT ").push(limit);
                }
                let mut rows = select.build_query_as::<StepRow>().fetch(&mut *connection);
                while let Some(row) = rows.try_next().await? {
                    yield Step::try_from(row)?;
                }
            }.boxed())
        })
    }

    /// How many steps match, but never more than `most`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_steps(&self, filter: &StepFilter, most: u64) -> Result<u64, StoreError> {
        with_pools!(self, pools => {
            let mut select = QueryBuilder::new("SELECT COUNT(*) FROM (SELECT 1 AS one FROM steps");
            push_filter(&mut select, filter);
            select.push(" LIMIT ").push(most).push(") AS counted");
            let count: i64 = select.build_query_scalar().fetch_one(&pools.read).await?;
            Ok(count.unsigned_abs())
        })
    }

    /// One step.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn step(&self, id: StepId) -> Result<Option<Step>, StoreError> {
        with_pools!(self, pools => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM steps WHERE id = ").push_bind(id.0);
            let row: Option<StepRow> = select.build_query_as().fetch_optional(&pools.read).await?;
            Ok(row.map(Step::try_from).transpose()?)
        })
    }
}

/// Adds ` WHERE …`, each condition joined with AND; nothing when the filter is empty.
fn push_filter<DB>(select: &mut QueryBuilder<DB>, filter: &StepFilter)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let StepFilter { component, version, owner, status, environment, run, since, until } = filter;
    let texts = [
        ("component = ", component.as_ref().map(ToString::to_string)),
        ("version = ", version.as_ref().map(ToString::to_string)),
        ("owner = ", owner.as_ref().map(ToString::to_string)),
        ("status = ", status.as_ref().map(ToString::to_string)),
        ("environment = ", environment.as_ref().map(ToString::to_string)),
        ("run = ", run.as_ref().map(ToString::to_string)),
    ];
    let moments = [("ts >= ", since), ("ts <= ", until)];
    let mut word = " WHERE ";
    for (condition, text) in texts {
        if let Some(text) = text {
            select.push(word).push(condition).push_bind(text);
            word = " AND ";
        }
    }
    for (condition, moment) in moments {
        if let Some(moment) = moment {
            select.push(word).push(condition).push_bind(moment.micros());
            word = " AND ";
        }
    }
}
