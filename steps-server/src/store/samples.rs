//! Reading durations for statistics.

use async_stream::try_stream;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use sqlx::QueryBuilder;
use steps_shared::{DeploymentFilter, DeploymentOutcome, Duration, Order, StepOutcome, Timestamp};
use uuid::Uuid;

use super::filter::{push_after, push_deployment_filter};
use super::steps::{Rows, invalid, timestamp};
use super::timeline::Entry;
use super::timelines::{WHOLE, WholeRow, fitting};
use super::transaction::{Tx, with_connection};
use super::{Access, Reader, StoreError, with_pools};

/// A deployment, or one of its steps, for statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRow {
    pub component: String,
    pub environment: String,
    pub owner: String,
    /// The step's status; `None` of a deployment.
    pub status: Option<String>,
    pub outcome: DeploymentOutcome,
    pub started_at: Timestamp,
    /// How long it, or the step, took.
    pub duration: Option<Duration>,
    /// How long only waiting statuses were open; `None` of a step.
    pub waiting: Option<Duration>,
    /// How long no step was open; `None` of a step.
    pub gaps: Option<Duration>,
    /// How the step ended; `None` of a deployment.
    pub result: Option<StepOutcome>,
    /// Whether it is a step that is a span.
    pub span: bool,
}

/// The columns of a [`Row`].
const COLUMNS: &str = "component, environment, owner, outcome, open_until, started_at, duration, waiting, gaps";
/// Deployments whose timelines are read together.
const ROWS: u64 = 500;

#[derive(Debug, Clone, sqlx::FromRow)]
struct Row {
    component: String,
    environment: String,
    owner: String,
    outcome: String,
    open_until: i64,
    started_at: i64,
    duration: Option<i64>,
    waiting: Option<i64>,
    gaps: Option<i64>,
}

impl Row {
    /// As it is at this time: a deployment that is still open has no duration yet.
    fn at(self, now: Timestamp) -> Result<SampleRow, sqlx::Error> {
        let row = self;
        let is_open = row.open_until > now.micros();
        let outcome: DeploymentOutcome = row.outcome.parse().map_err(|error| invalid("outcome", error))?;
        let micros = |micros: Option<i64>| micros.filter(|_| !is_open).and_then(Duration::from_micros);
        Ok(SampleRow {
            component: row.component,
            environment: row.environment,
            owner: row.owner,
            status: None,
            outcome: if is_open { DeploymentOutcome::Running } else { outcome },
            started_at: timestamp("started_at", row.started_at)?,
            duration: micros(row.duration),
            waiting: micros(row.waiting),
            gaps: micros(row.gaps),
            result: None,
            span: false,
        })
    }
}

/// A deployment with its timeline.
#[derive(Debug, sqlx::FromRow)]
struct StepsRow {
    #[sqlx(flatten)]
    row: Row,
    #[sqlx(flatten)]
    whole: WholeRow,
}

impl SampleRow {
    /// A step of this deployment; none of a deployment that is still open has a duration.
    fn step(&self, entry: &Entry<'_>) -> Self {
        let took = entry.ended_at.map(|ended_at| ended_at - entry.ts);
        Self {
            status: Some(entry.status.to_owned()),
            duration: took.filter(|_| self.outcome != DeploymentOutcome::Running).and_then(Duration::from_micros),
            waiting: None,
            gaps: None,
            result: entry.result,
            span: entry.span,
            ..self.clone()
        }
    }
}

impl Reader {
    /// The deployments of a filter that are in figures.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn samples(&self, filter: &DeploymentFilter) -> Result<Rows<SampleRow>, StoreError> {
        let filter = filter.clone();
        let (access, now) = (self.access.clone(), self.now);
        with_pools!(&self.store, pools => {
            let mut connection = pools.read.acquire().await?;
            Ok(try_stream! {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(COLUMNS).push(" FROM deployments");
                push_deployment_filter(&mut select, &access, &filter, now);
                select.push(" AND counted = 1");
                let mut rows = select.build_query_as::<Row>().fetch(connection.reads());
                while let Some(row) = rows.try_next().await? {
                    yield row.at(now)?;
                }
                drop(rows);
                connection.has_ended();
            }.boxed())
        })
    }

    /// The steps of the deployments of a filter that are in figures; the filter's status is that of the step.
    ///
    /// # Errors
    /// As [`Reader::samples`].
    pub async fn step_samples(&self, filter: &DeploymentFilter) -> Result<Rows<SampleRow>, StoreError> {
        let mut filter = filter.clone();
        let status = filter.base.status.take();
        let (access, now) = (self.access.clone(), self.now);
        let mut tx = self.store.begin_reading().await?;
        Ok(try_stream! {
            let mut after = None;
            loop {
                let mut rows = tx.sample_rows((&access, &filter, now), after).await?;
                let Some(last) = rows.last() else { break };
                after = Some((last.whole.started_at, last.whole.id));
                while !rows.is_empty() {
                    let later = rows.split_off(fitting(&rows, |row| row.whole.parts));
                    let (rows_now, whole): (Vec<Row>, Vec<WholeRow>) =
                        std::mem::replace(&mut rows, later).into_iter().map(|it| (it.row, it.whole)).unzip();
                    let timelines = tx.timelines(whole).await?;
                    for (row, timeline) in rows_now.into_iter().zip(timelines) {
                        let deployment = row.at(now)?;
                        for entry in timeline.entries()? {
                            if status.as_ref().is_none_or(|status| status.as_str() == entry.status) {
                                yield deployment.step(&entry);
                            }
                        }
                    }
                }
            }
            tx.end().await?;
        }
        .boxed())
    }
}

impl Tx {
    /// The next deployments behind a place in the order of their starts.
    async fn sample_rows(
        &mut self,
        (access, filter, now): (&Access, &DeploymentFilter, Timestamp),
        after: Option<(i64, Uuid)>,
    ) -> Result<Vec<StepsRow>, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(", ").push(WHOLE).push(" FROM deployments");
            push_deployment_filter(&mut select, access, filter, now);
            select.push(" AND counted = 1");
            push_after(&mut select, "started_at", Order::Ascending, after);
            select.push(" LIMIT ").push(ROWS);
            select.build_query_as().fetch_all(connection).await?
        }))
    }
}
