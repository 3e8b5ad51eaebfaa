//! Reading durations for statistics.

use async_stream::try_stream;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use sqlx::QueryBuilder;
use steps_shared::{DeploymentFilter, DeploymentOutcome, Duration, Timestamp};

use super::deployments::DEPLOYMENTS_WITH_STEPS;
use super::filter::{push_deployment_filter, push_text};
use super::steps::{Rows, invalid, timestamp};
use super::{Reader, StoreError, with_pools};

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
    pub span: bool,
}

#[derive(Debug, sqlx::FromRow)]
struct Row {
    component: String,
    environment: String,
    owner: String,
    status: Option<String>,
    outcome: String,
    started_at: i64,
    duration: Option<i64>,
    span: bool,
}

impl TryFrom<Row> for SampleRow {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            component: row.component,
            environment: row.environment,
            owner: row.owner,
            status: row.status,
            outcome: row.outcome.parse().map_err(|error| invalid("outcome", error))?,
            started_at: timestamp("started_at", row.started_at)?,
            duration: row.duration.and_then(Duration::from_micros),
            span: row.span,
        })
    }
}

impl Reader {
    /// The deployments of a filter, or each of their steps; then the filter's status is that of the step.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn samples(&self, filter: &DeploymentFilter, steps: bool) -> Result<Rows<SampleRow>, StoreError> {
        let mut filter = filter.clone();
        let status = if steps { filter.base.status.take() } else { None };
        let access = self.access.clone();
        with_pools!(&self.store, pools => {
            let mut connection = pools.read.get().acquire().await?;
            Ok(try_stream! {
                let mut select = QueryBuilder::new("SELECT component, environment, owner, ");
                if steps {
                    select.push(
                        "step_status AS status, outcome, started_at, step_duration AS duration, span FROM (SELECT whole.*, \
                         steps.status AS step_status, COALESCE(steps.finished_at, steps.ended_at) - steps.ts AS step_duration, \
                         steps.span",
                    );
                    select.push(DEPLOYMENTS_WITH_STEPS).push(") AS timed");
                } else {
                    select.push("NULL AS status, outcome, started_at, duration, FALSE AS span FROM deployments");
                }
                push_deployment_filter(&mut select, &access, &filter);
                push_text(&mut select, "step_status", status.map(String::from));
                let mut rows = select.build_query_as::<Row>().fetch(&mut *connection);
                while let Some(row) = rows.try_next().await? {
                    yield SampleRow::try_from(row)?;
                }
            }.boxed())
        })
    }
}
