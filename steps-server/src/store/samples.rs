//! Reading the steps of deployments for statistics.

use async_stream::try_stream;
use futures_util::stream::StreamExt as _;
use sqlx::QueryBuilder;
use steps_shared::{DeploymentFilter, DeploymentOutcome, Duration, Order, Status, StepOutcome, Timestamp};
use uuid::Uuid;

use super::filter::{push_after, push_deployment_filter};
use super::steps::{Rows, invalid, timestamp};
use super::timelines::{Timeline, WHOLE, WholeRow, fitting};
use super::transaction::{Tx, with_connection};
use super::{Access, Reader, StoreError};

/// A deployment with its steps, for statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRow {
    pub component: String,
    pub environment: String,
    pub owner: String,
    pub version: String,
    pub run: Option<String>,
    /// How the deployment ended.
    pub outcome: DeploymentOutcome,
    pub started_at: Timestamp,
    pub steps: Vec<StepSample>,
}

/// One of its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSample {
    pub status: String,
    /// How long it took; `None` in a deployment that is still open.
    pub duration: Option<Duration>,
    /// How it ended.
    pub result: Option<StepOutcome>,
    pub span: bool,
}

/// The columns of a [`Row`].
const COLUMNS: &str = "component, environment, owner, version, run, outcome, open_until";
/// Deployments whose timelines are read together.
const ROWS: u64 = 500;

#[derive(Debug, Clone, sqlx::FromRow)]
struct Row {
    component: String,
    environment: String,
    owner: String,
    version: String,
    run: Option<String>,
    outcome: String,
    open_until: i64,
}

impl Row {
    /// As it is at this time, with those of its steps that have the status: in a deployment that is still open none has a
    /// duration yet.
    fn at(self, now: Timestamp, timeline: &Timeline, status: Option<&Status>) -> Result<SampleRow, StoreError> {
        let Self { component, environment, owner, version, run, outcome, open_until } = self;
        let is_open = open_until > now.micros();
        let outcome: DeploymentOutcome = outcome.parse().map_err(|error| invalid("outcome", error))?;
        let entries = timeline.entries()?;
        let started_at = timestamp("started_at", entries.first().map_or(0, |first| first.ts))?;
        let steps = entries.into_iter().filter(|entry| status.is_none_or(|status| status.as_str() == entry.status));
        let steps = steps.map(|entry| StepSample {
            status: entry.status.to_owned(),
            duration: entry.ended_at.filter(|_| !is_open).and_then(|at| Duration::from_micros(at - entry.ts)),
            result: entry.result,
            span: entry.span,
        });
        let outcome = if is_open { DeploymentOutcome::Running } else { outcome };
        Ok(SampleRow { component, environment, owner, version, run, outcome, started_at, steps: steps.collect() })
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

impl Reader {
    /// The steps of the deployments of a filter that are in figures; the filter's status is that of the step.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
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
                        yield row.at(now, &timeline, status.as_ref())?;
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
