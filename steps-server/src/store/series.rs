//! Reading the durations of series, and what made them.

use std::collections::HashMap;

use sqlx::{Database, Encode, QueryBuilder, Type};
use steps_shared::{Component, DeploymentOutcome, Duration, Environment, Order, Status, StepId, Timestamp, Version};
use uuid::Uuid;

use super::day::Figure;
use super::figures::{MOST, Name, Pages, Unpacked, push_times};
use super::filter::{push_access, push_after, push_text};
use super::statements::cut_conditions;
use super::steps::{invalid, read, timestamp};
use super::timelines::{WHOLE, WholeRow, fitting};
use super::transaction::{Tx, with_connection};
use super::{Access, Reader, StoreError, with_pools};

/// The most deployments of a series that are read: the newest. It bounds the memory of an answer; 550 a day for a year.
const MAX_DEPLOYMENTS: u32 = 200_000;

/// The most steps of compared deployments that are read: a hundred deployments of five hundred.
const MAX_STEPS: usize = 50_000;

/// Deployments whose timelines are read together.
const ROWS: u64 = 500;

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

#[derive(Debug, sqlx::FromRow)]
struct UnpackedRow {
    component: String,
    environment: String,
    id: Uuid,
    started_at: i64,
    open_until: i64,
    duration: i64,
    waiting: Option<i64>,
}

/// The deployments of a series, in order of their start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Series {
    pub rows: Vec<SeriesRow>,
    /// When the next one that may still go on will have ended, and be in it.
    pub grows_at: Option<Timestamp>,
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

impl Series {
    /// Adds a deployment that has ended, or will have.
    fn add(&mut self, row: (Uuid, i64, i64), open_until: i64, now: Timestamp) -> Result<(), StoreError> {
        if open_until <= now.micros() {
            self.rows.push(series_row(row)?);
        } else {
            let ends = Timestamp::saturating_from_micros(open_until);
            self.grows_at = Some(self.grows_at.map_or(ends, |at| at.min(ends)));
        }
        Ok(())
    }
}

/// By an index of deployments. A database that has opened the table before it grew reads all of that index: 50 ms for 170,000
/// deployments, where it looks up 200 names in one.
const NAMES: &str = "SELECT DISTINCT component, environment FROM deployments";

/// Whatever has deployments has turns; what has turns may have no deployment any more. The limit keeps the question from becoming a join.
const NAMES_WITH_TURNS: &str = "SELECT component, environment FROM (SELECT DISTINCT turns.component, turns.environment FROM turns WHERE \
    (SELECT 1 FROM deployments WHERE deployments.component = turns.component AND deployments.environment = turns.environment LIMIT 1) = 1) \
    AS named";

impl Reader {
    /// Selects every component and environment that there are deployments of; a condition may follow.
    pub(super) async fn all_names(&self) -> Result<&'static str, StoreError> {
        Ok(if self.all_have_turns().await? { NAMES_WITH_TURNS } else { NAMES })
    }

    /// Every component and environment that there are deployments of, or those of the filter.
    pub async fn deployed(
        &self,
        component: Option<&Component>,
        environment: Option<&Environment>,
    ) -> Result<Vec<Name>, StoreError> {
        let names = self.all_names().await?;
        let rows: Vec<(String, String)> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new(names);
            push_access(&mut select, &self.access);
            push_text(&mut select, "component", component.map(ToString::to_string));
            push_text(&mut select, "environment", environment.map(ToString::to_string));
            select.push(" ORDER BY component, environment");
            select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?
        });
        let names = rows
            .into_iter()
            .map(|(component, environment)| Ok((read("component", &component)?, read("environment", &environment)?)));
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
        if let Some(step) = &key.step {
            let newest = self.newest_with_step(key, step, (since, until), None, MAX_DEPLOYMENTS);
            let mut newest_first = newest.await?;
            newest_first.reverse();
            return Ok(newest_first);
        }
        let name = (key.component.clone(), key.environment.clone());
        Ok(self.whole_series(&[name], key.exclude_waiting, (since, until)).await?.pop().unwrap_or_default().rows)
    }

    /// The same of whole deployments, of each of the names: at most [`NAMES`] of them, because it is all in memory.
    ///
    /// [`NAMES`]: super::NAMES
    pub async fn whole_series(
        &self,
        names: &[Name],
        exclude_waiting: bool,
        times: (Timestamp, Option<Timestamp>),
    ) -> Result<Vec<Series>, StoreError> {
        let mut tx = self.store.begin_reading().await?;
        let (packed, unpacked) = tx.days(&self.access, names, times, true).await?;
        let mut series = vec![Series::default(); names.len()];
        let worked = |duration: i64, waiting: Option<i64>| duration - waiting.filter(|_| exclude_waiting).unwrap_or(0);
        let (since, end) = (times.0.micros(), times.1.map_or(i64::MAX, Timestamp::micros));
        for (name, day) in packed {
            for figure in day.figures {
                let Figure { id, started_at, outcome, open_until, duration, waiting, .. } = figure;
                let counts = outcome == DeploymentOutcome::Succeeded && (since..=end).contains(&started_at);
                if let Some(duration) = duration.filter(|_| counts) {
                    series[name].add((id, started_at, worked(duration, waiting)), open_until, self.now)?;
                }
            }
        }
        let mut pages = Pages::of(&unpacked);
        while let Some((times, after)) = pages.next() {
            let rows = tx.series_rows(&self.access, names, times, after).await?;
            if !pages.counts(times, rows.len(), rows.last().map(|row| (row.started_at, row.id))) {
                continue;
            }
            for UnpackedRow { component, environment, id, started_at, open_until, duration, waiting } in rows {
                let of = |(one, other): &Name| one.as_str() == component && other.as_str() == environment;
                let Some(name) = names.iter().position(of) else { continue };
                series[name].add((id, started_at, worked(duration, waiting)), open_until, self.now)?;
            }
        }
        tx.end().await?;
        for Series { rows, .. } in &mut series {
            rows.sort_by_key(|row| (row.started_at, row.id));
            let most = MAX_DEPLOYMENTS as usize;
            rows.drain(..rows.len().saturating_sub(most));
        }
        Ok(series)
    }

    /// The newest deployment of a series that is of this version.
    pub async fn newest_of(&self, key: &SeriesKey, version: &Version) -> Result<Option<SeriesRow>, StoreError> {
        let ever = (Timestamp::default(), None);
        if let Some(step) = &key.step {
            return Ok(self.newest_with_step(key, step, ever, Some(version), 1).await?.pop());
        }
        let row: Option<(Uuid, i64, i64)> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new(match key.exclude_waiting {
                true => "SELECT id, started_at, duration - COALESCE(waiting, 0) AS worked FROM deployments",
                false => "SELECT id, started_at, duration FROM deployments",
            });
            self.push_series(&mut select, key, ever, Some(version));
            select.push(" ORDER BY started_at DESC, id DESC LIMIT 1");
            select.build_query_as().fetch_optional(&mut *pools.read.acquire().await?).await?
        });
        Ok(row.map(series_row).transpose()?)
    }

    /// The newest deployments of a series of a step: those that have it, with the sum of its times.
    async fn newest_with_step(
        &self,
        key: &SeriesKey,
        step: &Status,
        times: (Timestamp, Option<Timestamp>),
        version: Option<&Version>,
        most: u32,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        let mut found: Vec<SeriesRow> = Vec::new();
        let mut tx = self.store.begin_reading().await?;
        let mut after = None;
        loop {
            let mut rows: Vec<WholeRow> = with_connection!(&mut tx, connection => {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(WHOLE).push(" FROM deployments");
                self.push_series(&mut select, key, times, version);
                push_after(&mut select, "started_at", Order::Descending, after);
                select.push(" LIMIT ").push(ROWS);
                select.build_query_as().fetch_all(connection).await?
            });
            let Some(last) = rows.last() else { return tx.end().await.map(|()| found) };
            after = Some((last.started_at, last.id));
            while !rows.is_empty() {
                let later = rows.split_off(fitting(&rows, |row| row.parts));
                let starts: Vec<_> = rows.iter().map(|row| (row.id, row.started_at)).collect();
                let timelines = tx.timelines(std::mem::replace(&mut rows, later)).await?;
                for ((id, started_at), timeline) in starts.into_iter().zip(timelines) {
                    let entries = timeline.entries()?;
                    let own = entries.iter().filter(|entry| entry.status == step.as_str());
                    let took =
                        own.filter_map(|entry| Some(entry.ended_at? - entry.ts)).reduce(|one, other| one + other);
                    if let Some(took) = took {
                        found.push(series_row((id, started_at, took))?);
                    }
                    if found.len() == most as usize {
                        return tx.end().await.map(|()| found);
                    }
                }
            }
        }
    }

    fn push_series<DB>(
        &self,
        select: &mut QueryBuilder<DB>,
        key: &SeriesKey,
        (since, until): (Timestamp, Option<Timestamp>),
        version: Option<&Version>,
    ) where
        DB: Database,
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        push_access(select, &self.access);
        select.push(" AND outcome = 'succeeded' AND counted = 1 AND duration IS NOT NULL AND open_until <= ");
        select.push_bind(self.now.micros()).push(" AND started_at >= ").push_bind(since.micros());
        if let Some(until) = until {
            select.push(" AND started_at <= ").push_bind(until.micros());
        }
        push_text(select, "component", Some(key.component.to_string()));
        push_text(select, "environment", Some(key.environment.to_string()));
        push_text(select, "version", version.map(ToString::to_string));
    }

    /// The steps of deployments that have ended, with the deployment's own times; those of one deployment follow each
    /// other, in order. `None` when they are more than [`MAX_STEPS`].
    pub async fn steps_within(&self, deployments: &[StepId]) -> Result<Option<Vec<StepOf>>, StoreError> {
        let ended = self.deployments_of(deployments).await?;
        let ended: HashMap<Uuid, (Timestamp, Timestamp)> =
            ended.iter().filter_map(|it| Some((it.id.0, (it.started_at, it.ended_at?)))).collect();
        let mut tx = self.store.begin_reading().await?;
        let mut wholes = tx.wholes(&self.access, deployments).await?;
        wholes.sort_by_key(|row| (row.started_at, row.id));
        let mut steps = Vec::new();
        for whole in wholes {
            let deployment = StepId(whole.id);
            let Some((started_at, ended_at)) = ended.get(&whole.id).copied() else { continue };
            let Some(timeline) = tx.timelines(vec![whole]).await?.pop() else { continue };
            for entry in timeline.entries()? {
                let Some(to) = entry.ended_at else { continue };
                steps.push(StepOf {
                    deployment,
                    started_at,
                    ended_at,
                    status: read("status", entry.status)?,
                    from: timestamp("ts", entry.ts)?,
                    to: timestamp("ended_at", to)?,
                    span: entry.span,
                });
            }
            if steps.len() > MAX_STEPS {
                return tx.end().await.map(|()| None);
            }
        }
        tx.end().await?;
        Ok(Some(steps))
    }
}

impl Tx {
    /// Successful deployments of these times. More than [`MOST`] of one time come in order; then those behind `after` are the next.
    async fn series_rows(
        &mut self,
        access: &Access,
        names: &[Name],
        times: &[Unpacked],
        after: Option<(i64, Uuid)>,
    ) -> Result<Vec<UnpackedRow>, StoreError> {
        let padded: Vec<Unpacked> = cut_conditions(times).flatten().copied().collect();
        Ok(with_connection!(self, connection => {
            // All that is read stands in the index deployments_figures.
            let mut select = QueryBuilder::new(
                "SELECT component, environment, id, started_at, open_until, duration, waiting FROM deployments",
            );
            push_access(&mut select, access);
            select.push(" AND duration IS NOT NULL");
            push_times(&mut select, names, &padded, "outcome = 'succeeded' AND counted = 1");
            if times.len() == 1 {
                push_after(&mut select, "started_at", Order::Ascending, after);
            }
            select.push(" LIMIT ").push(MOST as u64);
            select.build_query_as().fetch_all(connection).await?
        }))
    }
}

fn series_row((id, started_at, micros): (Uuid, i64, i64)) -> Result<SeriesRow, sqlx::Error> {
    let duration = Duration::from_micros(micros).ok_or_else(|| invalid("duration", "is negative"))?;
    Ok(SeriesRow { id: StepId(id), started_at: timestamp("started_at", started_at)?, duration })
}
