//! What the projection reads and writes.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::fold_rows::{DeploymentRow, FoldRow, PartRow, SELECT_FOLD_ROWS, StreamKey};
use super::statements::{cut_conditions, cut_ids};
use super::timeline::Part;
use super::transaction::{Tx, with_connection};
use super::{Store, StoreError, with_pools};

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

    /// The streams after `after` in the order of their keys, at most `limit`.
    pub async fn streams_after(&self, after: Option<StreamKey>, limit: u32) -> Result<Vec<StreamKey>, StoreError> {
        let after = after.map_or_else(Vec::new, |after| after.to_vec());
        let keys: Vec<Vec<u8>> = with_pools!(self, pools => {
            let mut select = QueryBuilder::new("SELECT DISTINCT stream FROM steps WHERE stream > ");
            select.push_bind(after).push(" ORDER BY stream LIMIT ").push(limit);
            select.build_query_scalar().fetch_all(&mut *pools.read.acquire().await?).await?
        });
        Ok(keys.iter().filter_map(|key| key.as_slice().try_into().ok()).collect())
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
    pub async fn exclusions(&mut self, streams: &[(StreamKey, i64)]) -> Result<HashMap<Uuid, String>, StoreError> {
        let mut reasons = HashMap::new();
        for streams in cut_ids(streams) {
            let rows: Vec<(Uuid, String)> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new("SELECT step_id, reason FROM exclusions WHERE stream IN (");
                let mut list = select.separated(", ");
                for (stream, _) in streams {
                    list.push_bind(stream.to_vec());
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
    pub async fn fold_rows(&mut self, streams: &[(StreamKey, i64)]) -> Result<Vec<FoldRow>, StoreError> {
        let mut rows = Vec::new();
        for streams in cut_conditions(streams) {
            with_connection!(self, connection => {
                let mut select = QueryBuilder::new(SELECT_FOLD_ROWS);
                push_streams!(select, streams, " AND ts >= ");
                select.push(" ORDER BY stream, ts, id");
                rows.extend(select.build_query_as::<FoldRow>().fetch_all(connection).await?);
            });
        }
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
