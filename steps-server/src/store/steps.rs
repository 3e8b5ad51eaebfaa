//! Reading steps.

use std::ops::RangeInclusive;
use std::str::FromStr;

use async_stream::try_stream;
use futures_util::stream::{BoxStream, StreamExt as _, TryChunksError, TryStreamExt as _};
use sqlx::{ColumnIndex, Decode, FromRow, QueryBuilder, Row, Type};
use steps_shared::{Attempt, Component, Order, Run, Step, StepFilter, StepId, StepQuery, Timestamp};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::derived::{Derived, Known};
use super::filter::{push_access, push_after, push_filter};
use super::transaction::{Tx, with_connection};
use super::{Access, Reader, StoreError, with_pools};

/// The columns of a [`StepRow`], in its order. They come first in what is selected.
pub(super) const COLUMNS: &str =
    "id, component, environment, version, owner, status, ts, run, attempt, span, outcome, exit_code, finished_at";
/// Rows that are read from MySQL at a time: few first, so that they are there soon, and more later. Each time costs the database
/// half a millisecond, and InnoDB reads ahead only where much is read at once. (Some databases end an answer with very many rows.)
const MYSQL_ROWS: RangeInclusive<usize> = 1000..=5000;
/// The same from SQLite, where each time costs next to nothing.
const SQLITE_ROWS: RangeInclusive<usize> = 1000..=1000;
/// The most bytes that they take in memory.
const BYTES: usize = 4 * 1024 * 1024;
/// Rows of MySQL that are decoded together, while they are in the processor's cache; then it is the turn of others. A piece of
/// SQLite's is small enough to be decoded at once.
const DECODED: usize = 256;

/// A step as the database holds it, with nothing that is derived.
#[derive(Debug)]
pub(super) struct StepRow(pub Step);

impl<'r, R: Row> FromRow<'r, R> for StepRow
where
    usize: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    i32: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
{
    /// With the checks of a new step: a row that something else than the server wrote is an error, not an invalid answer.
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let text = |at: usize| row.try_get::<&'r str, _>(at);
        let some_text = |at: usize| row.try_get::<Option<&'r str>, _>(at);
        let finished_at: Option<i64> = row.try_get(12)?;
        Ok(Self(Step {
            id: StepId(row.try_get(0)?),
            component: read("component", text(1)?)?,
            environment: read("environment", text(2)?)?,
            version: read("version", text(3)?)?,
            owner: read("owner", text(4)?)?,
            status: read("status", text(5)?)?,
            ts: timestamp("ts", row.try_get(6)?)?,
            run: some_text(7)?.map(|run| read("run", run)).transpose()?,
            attempt: row.try_get::<Option<i32>, _>(8)?.map(|number| attempt("attempt", number)).transpose()?,
            span: row.try_get(9)?,
            outcome: word("outcome", some_text(10)?)?,
            exit_code: row.try_get(11)?,
            ended_at: finished_at.map(|ended_at| timestamp("finished_at", ended_at)).transpose()?,
            deployment_id: None,
            result: None,
        }))
    }
}

impl StepRow {
    /// Adds what is derived of it.
    pub fn derive(&mut self, Derived { deployment, ended_at, result }: Derived) -> Result<(), sqlx::Error> {
        let Self(step) = self;
        // The end of a span that was told is a fact; any other end is derived.
        if let (None, Some(ended_at)) = (step.ended_at, ended_at) {
            step.ended_at = Some(timestamp("ended_at", ended_at)?);
        }
        (step.deployment_id, step.result) = (Some(StepId(deployment)), result);
        Ok(())
    }

    /// Whether something is known to be derived of it.
    pub fn is_derived(&self) -> bool {
        self.0.deployment_id.is_some()
    }

    /// About how many bytes it takes.
    fn bytes(&self) -> usize {
        let Step { component, environment, version, owner, status, run, .. } = &self.0;
        let names = [component.as_str(), environment.as_str(), version.as_str(), owner.as_str(), status.as_str()];
        let names = names.into_iter().chain(run.as_ref().map(Run::as_str));
        size_of::<Self>() + names.map(str::len).sum::<usize>()
    }
}

/// A name as the database holds it.
pub(super) fn read<'a, T>(column: &str, text: &'a str) -> Result<T, sqlx::Error>
where
    T: TryFrom<&'a str, Error: std::fmt::Display>,
{
    T::try_from(text).map_err(|error| invalid(column, error))
}

/// A word of an enum as the database holds it.
pub(super) fn word<T: FromStr<Err = String>>(column: &str, text: Option<&str>) -> Result<Option<T>, sqlx::Error> {
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

/// The next rows of a list.
struct Page {
    rows: Vec<StepRow>,
    /// Whether there are no more.
    is_last: bool,
}

/// Rows as they come from the database's cursor.
pub type Rows<T> = BoxStream<'static, Result<T, StoreError>>;

impl Reader {
    /// The steps that `query` asks for, in its order: some rows at a time, so that memory does not depend on their number, all in
    /// one transaction, so that they are what there was at one moment. Dropping the stream frees its connection.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn steps(&self, query: StepQuery) -> Result<Rows<Vec<Step>>, StoreError> {
        let tx = self.store.begin_reading().await?;
        let (sender, mut parts) = mpsc::channel(1);
        // While a part is being written to the client, the next one is read.
        let reading = tokio::spawn(tx.send_parts(self.access.clone(), query, sender));
        Ok(try_stream! {
            while let Some(steps) = parts.recv().await {
                yield steps;
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
        Ok(component.map(|component| read("component", &component)).transpose()?)
    }

    /// Some steps with what is derived of them.
    pub(super) async fn with_derived(&self, tx: &mut Tx, mut rows: Vec<StepRow>) -> Result<Vec<Step>, StoreError> {
        let asked = (&self.access, &StepFilter::default(), Order::Ascending);
        tx.derive(&mut rows, &mut Known::for_few(), asked).await?;
        Ok(rows.into_iter().map(|StepRow(step)| step).collect())
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
        let StepQuery { filter, order, columns, .. } = query;
        let asked = (&access, &filter, order);
        let derives = columns.is_empty() || columns.iter().any(|column| column.is_derived());
        let mut left = query.limit.unwrap_or(u64::MAX);
        let sizes = if self.is_sqlite() { SQLITE_ROWS } else { MYSQL_ROWS };
        let (mut known, mut after, mut size) = (Known::default(), None, *sizes.start());
        while left > 0 {
            let most = left.min(size as u64);
            let Page { mut rows, is_last } = self.page(asked, after, most).await?;
            after = rows.last().map(|StepRow(step)| (step.ts.micros(), step.id.0));
            left = if is_last { 0 } else { left - rows.len() as u64 };
            size = *sizes.end();
            if derives {
                self.derive(&mut rows, &mut known, asked).await?;
                size = known.most_rows(rows.len()).clamp(*sizes.start(), *sizes.end());
            }
            if parts.send(rows.into_iter().map(|StepRow(step)| step).collect()).await.is_err() {
                return Ok(());
            }
        }
        self.end().await
    }

    /// The next rows of a list behind a place in it, so many or fewer.
    async fn page(
        &mut self,
        (access, filter, order): (&Access, &StepFilter, Order),
        after: Option<(i64, Uuid)>,
        most: u64,
    ) -> Result<Page, StoreError> {
        let together = if self.is_sqlite() { most as usize } else { DECODED };
        let (mut rows, mut bytes) = (Vec::new(), 0);
        with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM steps");
            push_filter(&mut select, access, filter, "ts");
            push_after(&mut select, "ts", order, after);
            select.push(" LIMIT ").push(most);
            let mut found = select.build().fetch(connection).try_chunks(together);
            while let Some(some) = found.try_next().await.map_err(|TryChunksError(_, error)| error)? {
                for row in &some {
                    let row = StepRow::from_row(row)?;
                    bytes += row.bytes();
                    rows.push(row);
                }
                if bytes >= BYTES {
                    break;
                }
                // What the database has sent already must not keep others from theirs.
                tokio::task::yield_now().await;
            }
        });
        Ok(Page { is_last: bytes < BYTES && (rows.len() as u64) < most, rows })
    }
}
