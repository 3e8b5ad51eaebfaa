//! Reading durations for statistics.

use async_stream::try_stream;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use sqlx::QueryBuilder;
use steps_shared::{DeploymentFilter, DeploymentOutcome, Duration, StepOutcome, Timestamp};

use super::deployments::DEPLOYMENTS_WITH_STEPS;
use super::filter::{push_deployment_filter, push_text};
use super::steps::{Rows, invalid, timestamp, word};
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
    /// How long only waiting statuses were open; `None` of a step.
    pub waiting: Option<Duration>,
    /// How long no step was open; `None` of a step.
    pub gaps: Option<Duration>,
    /// How the step ended; `None` of a deployment.
    pub result: Option<StepOutcome>,
    /// Whether it is a step that is a span.
    pub span: bool,
}

#[derive(Debug, sqlx::FromRow)]
struct Row {
    component: String,
    environment: String,
    owner: String,
    status: Option<String>,
    outcome: String,
    open_until: i64,
    started_at: i64,
    duration: Option<i64>,
    waiting: Option<i64>,
    gaps: Option<i64>,
    result: Option<String>,
    span: bool,
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
            status: row.status,
            outcome: if is_open { DeploymentOutcome::Running } else { outcome },
            started_at: timestamp("started_at", row.started_at)?,
            duration: micros(row.duration),
            waiting: micros(row.waiting),
            gaps: micros(row.gaps),
            result: word("result", row.result)?,
            span: row.span,
        })
    }
}

impl Reader {
    /// The deployments of a filter that are in figures, or each of their steps; then the filter's status is that of the step.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn samples(&self, filter: &DeploymentFilter, steps: bool) -> Result<Rows<SampleRow>, StoreError> {
        let mut filter = filter.clone();
        let status = if steps { filter.base.status.take() } else { None };
        let (access, now) = (self.access.clone(), self.now);
        with_pools!(&self.store, pools => {
            let mut connection = pools.read.acquire().await?;
            Ok(try_stream! {
                let mut select = QueryBuilder::new("SELECT component, environment, owner, ");
                if steps {
                    select.push(
                        "step_status AS status, outcome, open_until, started_at, step_duration AS duration, NULL AS waiting, NULL AS gaps, \
                         result, span FROM \
                         (SELECT whole.*, steps.status AS step_status, \
                         COALESCE(steps.finished_at, steps.ended_at) - steps.ts AS step_duration, steps.result, steps.span",
                    );
                    select.push(DEPLOYMENTS_WITH_STEPS).push(") AS timed");
                } else {
                    select.push("NULL AS status, outcome, open_until, started_at, duration, waiting, gaps, NULL AS result, \
                         FALSE AS span FROM deployments");
                }
                push_deployment_filter(&mut select, &access, &filter, now);
                select.push(" AND counted = 1");
                push_text(&mut select, "step_status", status.map(String::from));
                let mut rows = select.build_query_as::<Row>().fetch(connection.reads());
                while let Some(row) = rows.try_next().await? {
                    yield row.at(now)?;
                }
                drop(rows);
                connection.has_read();
            }.boxed())
        })
    }
}
