//! Reading deployments.

use std::collections::HashMap;

use async_stream::try_stream;
use futures_util::stream::StreamExt as _;
use sqlx::QueryBuilder;
use steps_shared::{
    Deployment, DeploymentFilter, DeploymentOutcome, DeploymentQuery, Duration, IdPrefix, Order, Step, StepId,
    Timestamp,
};
use uuid::Uuid;

use super::derived::Derived;
use super::filter::{push_access, push_after, push_deployment_filter, push_ids};
use super::statements::cut_ids;
use super::steps::{COLUMNS as STEP_COLUMNS, Rows, StepRow, attempt, invalid, read, timestamp, word};
use super::timeline::Entry;
use super::timelines::{Timeline, WHOLE, WholeRow};
use super::transaction::{Tx, with_connection};
use super::{Access, Reader, StoreError, with_pools};

/// Rows that are read at a time.
const ROWS: u64 = 1000;
pub(super) const COLUMNS: &str = "id, component, environment, version, owner, run, attempt, retry, outcome, open_until, status, started_at, ended_at, \
     duration, waiting, gaps, steps, clocks_differ, looks_concurrent, excluded";

#[derive(Debug, sqlx::FromRow)]
pub(super) struct DeploymentRow {
    id: Uuid,
    component: String,
    environment: String,
    version: String,
    owner: String,
    run: Option<String>,
    attempt: Option<i32>,
    retry: Option<String>,
    outcome: String,
    open_until: i64,
    status: String,
    started_at: i64,
    ended_at: Option<i64>,
    duration: Option<i64>,
    waiting: Option<i64>,
    gaps: Option<i64>,
    steps: i32,
    clocks_differ: bool,
    looks_concurrent: bool,
    excluded: Option<String>,
}

impl DeploymentRow {
    /// The deployment as it is at this time: what is still open has no end yet.
    pub fn at(self, now: Timestamp) -> Result<Deployment, sqlx::Error> {
        let row = self;
        let is_open = row.open_until > now.micros();
        let micros = |micros: Option<i64>| micros.filter(|_| !is_open).and_then(Duration::from_micros);
        let outcome: DeploymentOutcome = row.outcome.parse().map_err(|error| invalid("outcome", error))?;
        let (duration, waiting, gaps) = (micros(row.duration), micros(row.waiting), micros(row.gaps));
        let shares = duration.zip(waiting.zip(gaps));
        let work = shares.and_then(|(duration, (waiting, gaps))| {
            Duration::from_micros(duration.micros() - waiting.micros() - gaps.micros())
        });
        Ok(Deployment {
            id: StepId(row.id),
            component: read("component", &row.component)?,
            environment: read("environment", &row.environment)?,
            version: read("version", &row.version)?,
            owner: read("owner", &row.owner)?,
            run: row.run.as_deref().map(|run| read("run", run)).transpose()?,
            attempt: row.attempt.map(|number| attempt("attempt", number)).transpose()?,
            retry: word("retry", row.retry.as_deref())?,
            outcome: if is_open { DeploymentOutcome::Running } else { outcome },
            status: read("status", &row.status)?,
            started_at: timestamp("started_at", row.started_at)?,
            ended_at: row.ended_at.filter(|_| !is_open).map(|ended_at| timestamp("ended_at", ended_at)).transpose()?,
            duration,
            work,
            waiting,
            gaps,
            steps: row.steps.unsigned_abs(),
            clocks_differ: row.clocks_differ,
            looks_concurrent: row.looks_concurrent,
            excluded: row.excluded,
        })
    }
}

impl Tx {
    /// The next deployments of a list behind a place in it, at most so many.
    async fn deployment_page(
        &mut self,
        (access, filter, now, order): (&Access, &DeploymentFilter, Timestamp, Order),
        after: Option<(i64, Uuid)>,
        most: u64,
    ) -> Result<Vec<DeploymentRow>, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM deployments");
            push_deployment_filter(&mut select, access, filter, now);
            push_after(&mut select, "started_at", order, after);
            select.push(" LIMIT ").push(most);
            select.build_query_as().fetch_all(connection).await?
        }))
    }
}

impl Reader {
    /// The deployments that `query` asks for, in its order: some rows at a time, because some databases end an answer that has
    /// very many, and all in one transaction.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn deployments(&self, query: DeploymentQuery) -> Result<Rows<Vec<Deployment>>, StoreError> {
        let (access, now) = (self.access.clone(), self.now);
        let mut tx = self.store.begin_reading().await?;
        Ok(try_stream! {
            let DeploymentQuery { filter, order, limit, .. } = query;
            let mut left = limit.unwrap_or(u64::MAX);
            let mut after = None;
            while left > 0 {
                let most = left.min(ROWS);
                let rows = tx.deployment_page((&access, &filter, now, order), after, most).await?;
                let Some(last) = rows.last() else { break };
                after = Some((last.started_at, last.id));
                left -= most;
                let is_last = (rows.len() as u64) < most;
                yield rows.into_iter().map(|row| row.at(now)).collect::<Result<_, _>>()?;
                if is_last {
                    break;
                }
            }
            tx.end().await?;
        }
        .boxed())
    }

    /// How many deployments match, but never more than `most`.
    pub async fn count_deployments(&self, filter: &DeploymentFilter, most: u64) -> Result<u64, StoreError> {
        with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT COUNT(*) FROM (SELECT 1 AS one FROM deployments");
            push_deployment_filter(&mut select, &self.access, filter, self.now);
            select.push(" LIMIT ").push(most).push(") AS counted");
            let count: i64 = select.build_query_scalar().fetch_one(&mut *pools.read.acquire().await?).await?;
            Ok(count.unsigned_abs())
        })
    }

    pub async fn deployment(&self, id: StepId) -> Result<Option<Deployment>, StoreError> {
        Ok(self.deployments_of(&[id]).await?.pop())
    }

    /// The ids of deployments that begin so, the first `most` of them.
    pub async fn deployment_ids(&self, prefix: IdPrefix, most: u32) -> Result<Vec<StepId>, StoreError> {
        with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT id FROM deployments");
            push_access(&mut select, &self.access);
            select.push(" AND id >= ").push_bind(prefix.first.0).push(" AND id <= ").push_bind(prefix.last.0);
            select.push(" ORDER BY id LIMIT ").push(most);
            let ids: Vec<Uuid> = select.build_query_scalar().fetch_all(&mut *pools.read.acquire().await?).await?;
            Ok(ids.into_iter().map(StepId).collect())
        })
    }

    /// Those of the deployments that there are, in no order.
    pub async fn deployments_of(&self, ids: &[StepId]) -> Result<Vec<Deployment>, StoreError> {
        let mut rows: Vec<DeploymentRow> = Vec::new();
        for ids in cut_ids(ids) {
            with_pools!(&self.store, pools => {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(COLUMNS).push(" FROM deployments");
                push_access(&mut select, &self.access);
                push_ids(&mut select, "id", &ids);
                rows.extend(select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?);
            });
        }
        Ok(rows.into_iter().map(|row| row.at(self.now)).collect::<Result<_, _>>()?)
    }

    /// The steps of a deployment, in order.
    pub async fn steps_of(&self, deployment: StepId) -> Result<Vec<Step>, StoreError> {
        let mut tx = self.store.begin_reading().await?;
        let whole = tx.wholes(&self.access, &[deployment]).await?.pop();
        let timeline = tx.timelines(whole.iter().cloned().collect()).await?.pop();
        let Some((whole, timeline)) = whole.zip(timeline) else { return tx.end().await.map(|()| Vec::new()) };
        let entries = timeline.entries()?;
        let ids: Vec<StepId> = entries.iter().map(|entry| StepId(entry.id)).collect();
        let mut rows: HashMap<Uuid, StepRow> = HashMap::new();
        for ids in cut_ids(&ids) {
            let found: Vec<StepRow> = with_connection!(&mut tx, connection => {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(STEP_COLUMNS).push(" FROM steps");
                push_access(&mut select, &self.access);
                push_ids(&mut select, "id", &ids);
                select.build_query_as().fetch_all(&mut *connection).await?
            });
            rows.extend(found.into_iter().map(|row| (row.0.id.0, row)));
        }
        tx.end().await?;
        let derived =
            |entry: &Entry<'_>| Derived { deployment: whole.id, ended_at: entry.ended_at, result: entry.result };
        let own = entries.iter().filter_map(|entry| {
            let mut row = rows.remove(&entry.id)?;
            Some(row.derive(derived(entry)).map(|()| row.0))
        });
        Ok(own.collect::<Result<_, _>>()?)
    }

    /// The timelines of deployments, in no order.
    pub async fn timelines_of(&self, deployments: &[StepId]) -> Result<Vec<(StepId, Timeline)>, StoreError> {
        let mut tx = self.store.begin_reading().await?;
        let wholes = tx.wholes(&self.access, deployments).await?;
        let ids: Vec<StepId> = wholes.iter().map(|whole| StepId(whole.id)).collect();
        let timelines = tx.timelines(wholes).await?;
        tx.end().await?;
        Ok(ids.into_iter().zip(timelines).collect())
    }

    /// The deployment before this one in its stream, where that looks as if it had gone on beside this one.
    pub async fn beside(&self, deployment: &Deployment) -> Result<Option<StepId>, StoreError> {
        if deployment.run.is_some() {
            return Ok(None);
        }
        let before: Option<(Uuid, bool)> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT id, looks_concurrent FROM deployments");
            push_access(&mut select, &self.access);
            select.push(" AND component = ").push_bind(deployment.component.as_str());
            select.push(" AND environment = ").push_bind(deployment.environment.as_str());
            select.push(" AND version = ").push_bind(deployment.version.as_str());
            let start = deployment.started_at.micros();
            select.push(" AND run IS NULL AND (started_at < ").push_bind(start);
            select.push(" OR (started_at = ").push_bind(start).push(" AND id < ").push_bind(deployment.id.0);
            select.push(")) ORDER BY started_at DESC, id DESC LIMIT 1");
            select.build_query_as().fetch_optional(&mut *pools.read.acquire().await?).await?
        });
        Ok(before.filter(|(_, looks_concurrent)| *looks_concurrent).map(|(id, _)| StepId(id)))
    }

    /// The last `most` successful deployments of the same component and environment that started before this one.
    pub async fn successful_before(
        &self,
        deployment: &Deployment,
        most: u32,
    ) -> Result<Vec<(StepId, Duration)>, StoreError> {
        let rows: Vec<(Uuid, i64)> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT id, duration FROM deployments");
            push_access(&mut select, &self.access);
            select.push(" AND component = ").push_bind(deployment.component.as_str()).push(" AND environment = ").push_bind(deployment.environment.as_str());
            select.push(" AND outcome = 'succeeded' AND counted = 1 AND duration IS NOT NULL AND started_at < ");
            select.push_bind(deployment.started_at.micros()).push(" AND open_until <= ").push_bind(self.now.micros());
            select.push(" ORDER BY started_at DESC LIMIT ").push(most);
            select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?
        });
        Ok(rows.into_iter().filter_map(|(id, micros)| Some((StepId(id), Duration::from_micros(micros)?))).collect())
    }
}

impl Tx {
    /// Those of the deployments that there are, in no order.
    pub(super) async fn wholes(
        &mut self,
        access: &Access,
        deployments: &[StepId],
    ) -> Result<Vec<WholeRow>, StoreError> {
        let mut rows: Vec<WholeRow> = Vec::new();
        for ids in cut_ids(deployments) {
            with_connection!(self, connection => {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(WHOLE).push(" FROM deployments");
                push_access(&mut select, access);
                push_ids(&mut select, "id", &ids);
                rows.extend(select.build_query_as::<WholeRow>().fetch_all(&mut *connection).await?);
            });
        }
        Ok(rows)
    }
}
