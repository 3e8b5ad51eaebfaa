//! What the projection reads and writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::QueryBuilder;
use steps_shared::{Order, StepId};
use uuid::Uuid;

use super::filter::{push_after, push_ids};
use super::fold_rows::{DeploymentRow, FoldRow, PartRow, SELECT_FOLD_ROWS, StepsOf, StreamKey};
use super::statements::{cut_conditions, cut_ids};
use super::timeline::Part;
use super::transaction::{Tx, with_connection};
use super::{Store, StoreError, with_pools};

/// So many steps, about, are in a part of all streams; and the most parts that there are.
const STEPS_OF_PART: i64 = 500_000;
const MOST_PARTS: u32 = 256;
/// The ids of so many steps are read together.
const STEPS_OF_PAGE: u32 = 10_000;

/// Pushes `(stream = ? AND column <op> ?) OR …`.
macro_rules! push_streams {
    ($select:expr, $streams:expr, $comparison:literal) => {{
        for (at, (stream, since)) in $streams.iter().enumerate() {
            $select.push(if at == 0 { "(stream = " } else { " OR (stream = " }).push_bind(stream.to_vec());
            $select.push($comparison).push_bind(*since).push(")");
        }
    }};
}

impl Store {
    /// By which rules all deployments have been folded: a fingerprint, empty in a new database.
    pub async fn fold_config(&self) -> Result<String, StoreError> {
        Ok(with_pools!(self, pools => {
            sqlx::query_scalar("SELECT statuses FROM projection WHERE id = 1").fetch_one(&pools.project.get()).await?
        }))
    }

    /// In how many parts all streams are read, so that the ids of the steps of one fit into memory.
    pub async fn parts_of_streams(&self) -> Result<u32, StoreError> {
        let steps: i64 = with_pools!(self, pools => {
            sqlx::query_scalar("SELECT COUNT(*) FROM steps").fetch_one(&mut *pools.read.acquire().await?).await?
        });
        Ok(u32::try_from(steps / STEPS_OF_PART + 1).unwrap_or(MOST_PARTS).min(MOST_PARTS))
    }

    /// The steps of the streams of one of so many parts, by their streams: along the time, in which they stand on the disk.
    pub async fn steps_by_stream(&self, part: u32, parts: u32) -> Result<BTreeMap<StreamKey, Vec<Uuid>>, StoreError> {
        let bound = |part: u32| u8::try_from(part * MOST_PARTS / parts).ok().map(|byte| vec![byte]);
        let mut steps: BTreeMap<StreamKey, Vec<Uuid>> = BTreeMap::new();
        let mut after = None;
        loop {
            let rows: Vec<(i64, Uuid, Vec<u8>)> = with_pools!(self, pools => {
                let mut select = QueryBuilder::new("SELECT ts, id, stream FROM steps WHERE stream >= ");
                select.push_bind(bound(part));
                if let Some(end) = bound(part + 1) {
                    select.push(" AND stream < ").push_bind(end);
                }
                push_after(&mut select, "ts", Order::Ascending, after);
                select.push(" LIMIT ").push(STEPS_OF_PAGE);
                select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?
            });
            let Some((ts, id, _)) = rows.last() else { return Ok(steps) };
            after = Some((*ts, *id));
            for (_, id, stream) in rows {
                if let Ok(stream) = stream.try_into() {
                    steps.entry(stream).or_default().push(id);
                }
            }
        }
    }
}

impl Tx {
    /// Stores by which rules all deployments have been folded.
    pub async fn set_fold_config(&mut self, fingerprint: &str) -> Result<(), StoreError> {
        with_connection!(self, connection => {
            let update = sqlx::query("UPDATE projection SET statuses = ? WHERE id = 1");
            update.bind(fingerprint.to_owned()).execute(connection).await?;
        });
        Ok(())
    }

    /// For each stream, the start of the last deployment that began before the given moment; those of runs are told as 0,
    /// because their deployments depend on each other.
    pub async fn deployments_before(
        &mut self,
        streams: &[(StreamKey, i64)],
    ) -> Result<HashMap<StreamKey, i64>, StoreError> {
        let mut starts = HashMap::new();
        for streams in cut_conditions(streams) {
            let rows: Vec<(Vec<u8>, i64)> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new(
                    "SELECT stream, CASE WHEN MAX(run) IS NULL THEN MAX(started_at) ELSE 0 END FROM deployments WHERE ",
                );
                push_streams!(select, streams, " AND started_at < ");
                select.push(" GROUP BY stream");
                select.build_query_as().fetch_all(connection).await?
            });
            starts.extend(rows.into_iter().filter_map(|(stream, start)| Some((stream.try_into().ok()?, start))));
        }
        Ok(starts)
    }

    /// Of these streams, the steps of excluded deployments, each with the reason.
    pub async fn exclusions(&mut self, streams: &[StepsOf]) -> Result<HashMap<Uuid, String>, StoreError> {
        let mut reasons = HashMap::new();
        for streams in cut_ids(streams) {
            let rows: Vec<(Uuid, String)> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new("SELECT step_id, reason FROM exclusions WHERE stream IN (");
                let mut list = select.separated(", ");
                for of in streams {
                    list.push_bind(of.stream.to_vec());
                }
                select.push(") ORDER BY ts, id");
                select.build_query_as().fetch_all(connection).await?
            });
            // The newest of a deployment holds.
            reasons.extend(rows);
        }
        reasons.retain(|_, reason| !reason.is_empty());
        Ok(reasons)
    }

    /// The steps of streams from the given times on, in the order of the fold.
    pub async fn fold_rows(&mut self, streams: &[StepsOf]) -> Result<Vec<FoldRow>, StoreError> {
        let mut rows: Vec<FoldRow> = Vec::new();
        // In order: recorded at one time, they are beside each other.
        let ids: BTreeSet<Uuid> = streams.iter().filter_map(|of| of.ids.as_deref()).flatten().copied().collect();
        let ids: Vec<StepId> = ids.into_iter().map(StepId).collect();
        for ids in cut_ids(&ids) {
            with_connection!(self, connection => {
                let mut select = QueryBuilder::new(SELECT_FOLD_ROWS);
                select.push("1 = 1");
                push_ids(&mut select, "id", &ids);
                rows.extend(select.build_query_as::<FoldRow>().fetch_all(connection).await?);
            });
        }
        let since: HashMap<&[u8], i64> = streams.iter().map(|of| (of.stream.as_slice(), of.since)).collect();
        rows.retain(|row| since.get(row.stream.as_slice()).is_some_and(|since| row.ts >= *since));
        let unknown: Vec<(StreamKey, i64)> =
            streams.iter().filter(|of| of.ids.is_none()).map(|of| (of.stream, of.since)).collect();
        for streams in cut_conditions(&unknown) {
            with_connection!(self, connection => {
                let mut select = QueryBuilder::new(SELECT_FOLD_ROWS);
                push_streams!(select, streams, " AND ts >= ");
                rows.extend(select.build_query_as::<FoldRow>().fetch_all(connection).await?);
            });
        }
        rows.sort_unstable_by(|one, other| (&one.stream, one.ts, one.id).cmp(&(&other.stream, other.ts, other.id)));
        Ok(rows)
    }

    /// The stored deployments of streams that started at the given times or later.
    pub async fn deployment_rows(&mut self, streams: &[(StreamKey, i64)]) -> Result<Vec<DeploymentRow>, StoreError> {
        let mut rows = Vec::new();
        for streams in cut_conditions(streams) {
            with_connection!(self, connection => {
                let mut select = QueryBuilder::new(
                    "SELECT id, stream, owner, status, attempt, retry, outcome, open_until, started_at, ended_at, duration, \
                     waiting, gaps, clocks_differ, looks_concurrent, excluded, counted, has_start, last_ts, steps, \
                     timeline, parts FROM deployments WHERE ",
                );
                push_streams!(select, streams, " AND started_at >= ");
                rows.extend(select.build_query_as::<DeploymentRow>().fetch_all(connection).await?);
            });
        }
        Ok(rows)
    }

    /// The further parts of the timelines of these deployments, in order, from a number on each.
    pub async fn parts(&mut self, from: &[(Uuid, i32)]) -> Result<Vec<PartRow>, StoreError> {
        let mut parts = Vec::new();
        for from in cut_conditions(from) {
            let rows: Vec<(Uuid, i32, i64, Vec<u8>)> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new("SELECT deployment, part, ts, data FROM timelines WHERE ");
                for (at, (deployment, nth)) in from.into_iter().enumerate() {
                    select.push(if at == 0 { "(deployment = " } else { " OR (deployment = " }).push_bind(*deployment);
                    select.push(" AND part >= ").push_bind(*nth).push(")");
                }
                select.push(" ORDER BY deployment, part");
                select.build_query_as().fetch_all(connection).await?
            });
            let row = |(deployment, nth, ts, data)| PartRow { deployment, nth, part: Part { ts, data } };
            parts.extend(rows.into_iter().map(row));
        }
        Ok(parts)
    }

    /// The last part of the timeline of a deployment that began before a moment; 0 is the first.
    pub async fn part_before(&mut self, deployment: Uuid, moment: i64) -> Result<i32, StoreError> {
        let last: Option<i32> = with_connection!(self, connection => {
            let select = sqlx::query_scalar(
                "SELECT part FROM timelines WHERE deployment = ? AND ts < ? ORDER BY ts DESC, part DESC LIMIT 1",
            );
            select.bind(deployment).bind(moment).fetch_optional(connection).await?
        });
        Ok(last.unwrap_or(0))
    }
}
