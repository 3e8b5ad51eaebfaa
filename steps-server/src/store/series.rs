//! Reading the durations of series, and what made them.

use sqlx::QueryBuilder;
use steps_shared::{Component, Duration, Environment, Status, StepId, Timestamp, Version};
use uuid::Uuid;

use super::deployments::DEPLOYMENTS_WITH_STEPS;
use super::filter::{push_access, push_ids, push_text};
use super::statements::cut_ids;
use super::steps::{invalid, read, timestamp};
use super::{Reader, StoreError, with_pools};

/// The most deployments of a series that are read: the newest. It bounds the memory of an answer; 550 a day for a year.
const MAX_DEPLOYMENTS: u32 = 200_000;

/// The most steps of compared deployments that are read: a hundred deployments of five hundred.
const MAX_STEPS: usize = 50_000;

/// Which deployments make a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesKey {
    pub component: Component,
    pub environment: Environment,
    /// The time of this step in them, rather than of the whole.
    pub step: Option<Status>,
    /// The time of whole deployments without that in which only waiting statuses were open.
    pub exclude_waiting: bool,
}

/// A successful deployment of a series, and how long it, or the step in it, took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesRow {
    pub id: StepId,
    pub started_at: Timestamp,
    pub duration: Duration,
}

/// A step of a deployment that has ended, with the start and the end of the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOf {
    pub deployment: StepId,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub status: Status,
    pub from: Timestamp,
    pub to: Timestamp,
    pub span: bool,
}

#[derive(Debug, sqlx::FromRow)]
struct StepRow {
    id: Uuid,
    started_at: i64,
    whole_ended_at: i64,
    status: String,
    ts: i64,
    step_ended_at: i64,
    span: bool,
}

impl TryFrom<StepRow> for StepOf {
    type Error = sqlx::Error;
    fn try_from(row: StepRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            deployment: StepId(row.id),
            started_at: timestamp("started_at", row.started_at)?,
            ended_at: timestamp("ended_at", row.whole_ended_at)?,
            status: read("status", row.status)?,
            from: timestamp("ts", row.ts)?,
            to: timestamp("ended_at", row.step_ended_at)?,
            span: row.span,
        })
    }
}

impl Reader {
    /// Every component and environment that there are deployments of, or those of the filter.
    pub async fn deployed(
        &self,
        component: Option<&Component>,
        environment: Option<&Environment>,
    ) -> Result<Vec<(Component, Environment)>, StoreError> {
        let rows: Vec<(String, String)> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT DISTINCT component, environment FROM deployments");
            push_access(&mut select, &self.access, "");
            push_text(&mut select, "component", component.map(ToString::to_string));
            push_text(&mut select, "environment", environment.map(ToString::to_string));
            select.push(" ORDER BY component, environment");
            select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?
        });
        let names = rows
            .into_iter()
            .map(|(component, environment)| Ok((read("component", component)?, read("environment", environment)?)));
        Ok(names.collect::<Result<_, sqlx::Error>>()?)
    }

    /// The successful deployments of a series that started from `since` to `until`, in order of their start: at most the
    /// newest [`MAX_DEPLOYMENTS`]. Of a step, those that have it, with the sum of its times.
    pub async fn series(
        &self,
        key: &SeriesKey,
        since: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        let mut newest_first = self.newest(key, (since, until), None, MAX_DEPLOYMENTS).await?;
        newest_first.reverse();
        Ok(newest_first)
    }

    /// The newest deployment of a series that is of this version.
    pub async fn newest_of(&self, key: &SeriesKey, version: &Version) -> Result<Option<SeriesRow>, StoreError> {
        Ok(self.newest(key, (Timestamp::default(), None), Some(version), 1).await?.pop())
    }

    async fn newest(
        &self,
        SeriesKey { component, environment, step, exclude_waiting }: &SeriesKey,
        (since, until): (Timestamp, Option<Timestamp>),
        version: Option<&Version>,
        most: u32,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        let rows: Vec<(Uuid, i64, i64)> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT whole.id, whole.started_at, ");
            match step {
                // All that is read stands in the index deployments_figures.
                None if *exclude_waiting => {
                    select.push("whole.duration - COALESCE(whole.waiting, 0) AS worked FROM deployments AS whole")
                }
                None => select.push("whole.duration FROM deployments AS whole"),
                Some(_) => select
                    .push("CAST(SUM(COALESCE(steps.finished_at, steps.ended_at) - steps.ts) AS SIGNED) AS duration")
                    .push(DEPLOYMENTS_WITH_STEPS),
            };
            push_access(&mut select, &self.access, "whole.");
            select.push(" AND whole.outcome = 'succeeded' AND whole.counted = 1 AND whole.duration IS NOT NULL AND whole.open_until <= ");
            select.push_bind(self.now.micros()).push(" AND whole.started_at >= ").push_bind(since.micros());
            if let Some(until) = until {
                select.push(" AND whole.started_at <= ").push_bind(until.micros());
            }
            push_text(&mut select, "whole.component", Some(component.to_string()));
            push_text(&mut select, "whole.environment", Some(environment.to_string()));
            push_text(&mut select, "whole.version", version.map(ToString::to_string));
            push_text(&mut select, "steps.status", step.as_ref().map(ToString::to_string));
            if step.is_some() {
                select.push(" GROUP BY whole.started_at, whole.id");
            }
            select.push(" ORDER BY whole.started_at DESC, whole.id DESC LIMIT ").push(most);
            select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?
        });
        let timed = |(id, started_at, micros): (Uuid, i64, i64)| {
            let duration = Duration::from_micros(micros).ok_or_else(|| invalid("duration", "is negative"))?;
            Ok(SeriesRow { id: StepId(id), started_at: timestamp("started_at", started_at)?, duration })
        };
        Ok(rows.into_iter().map(timed).collect::<Result<_, sqlx::Error>>()?)
    }

    /// The steps of deployments that have ended, with the deployment's own times; those of one deployment follow each
    /// other, in order. `None` when they are more than [`MAX_STEPS`].
    pub async fn steps_within(&self, deployments: &[StepId]) -> Result<Option<Vec<StepOf>>, StoreError> {
        let mut rows: Vec<StepRow> = Vec::new();
        for deployments in cut_ids(deployments) {
            let left = (MAX_STEPS + 1).saturating_sub(rows.len());
            with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new(
                "SELECT whole.id, whole.started_at, whole.ended_at AS whole_ended_at, steps.status, steps.ts, \
                 COALESCE(steps.finished_at, steps.ended_at) AS step_ended_at, steps.span",
            );
            select.push(DEPLOYMENTS_WITH_STEPS);
            push_access(&mut select, &self.access, "whole.");
            select.push(" AND whole.ended_at IS NOT NULL AND COALESCE(steps.finished_at, steps.ended_at) IS NOT NULL");
            push_ids(&mut select, "whole.id", &deployments);
            select.push(" ORDER BY whole.started_at, whole.id, steps.ts, steps.id LIMIT ").push(left);
            rows.extend(select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?);
            });
        }
        if rows.len() > MAX_STEPS {
            return Ok(None);
        }
        // In order already, but for what was asked for in several statements.
        rows.sort_by_key(|row| (row.started_at, row.id));
        Ok(Some(rows.into_iter().map(StepOf::try_from).collect::<Result<_, _>>()?))
    }
}
