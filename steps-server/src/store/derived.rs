//! What is derived of the steps of a list: it stands with their deployments.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use sqlx::QueryBuilder;
use steps_shared::{Order, StepFilter, StepId, StepOutcome};
use uuid::Uuid;

use super::filter::{push_filter, push_ids};
use super::fold_rows::StreamKey;
use super::statements::{cut_conditions, cut_ids};
use super::steps::{StepRow, word};
use super::timelines::{WHOLE, WholeRow, entries};
use super::transaction::{Tx, with_connection};
use super::{Access, StoreError};

/// From so many rows on, all deployments that began meanwhile are read together.
const MANY: usize = 200;
/// The most of them, for each row.
const DEPLOYMENTS_A_ROW: usize = 4;
/// The most steps that are known at a time.
const MOST_KNOWN: usize = 20_000;

/// What is derived of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Derived {
    pub deployment: Uuid,
    /// When it ended, in microseconds since 1970.
    pub ended_at: Option<i64>,
    pub result: Option<StepOutcome>,
}

/// What is known of the steps that come next in a list.
#[derive(Debug, Default)]
pub(super) struct Known {
    steps: HashMap<Uuid, Derived, RandomState>,
    /// Deployments that the version before has folded: the rows of their steps say what is derived of them.
    before: HashSet<Uuid>,
    /// Up to which start all deployments have been read.
    reached: Option<i64>,
    /// Deployments are many beside the steps of the list.
    is_sparse: bool,
}

impl Known {
    /// For rows that are no list.
    pub fn for_few() -> Self {
        Self { is_sparse: true, ..Self::default() }
    }

    fn add(&mut self, row: &WholeRow, data: Option<&[u8]>) -> Result<(), StoreError> {
        match data {
            None => drop(self.before.insert(row.id)),
            Some(data) => {
                let known = entries(data)?.into_iter().map(|entry| {
                    (entry.id, Derived { deployment: row.id, ended_at: entry.ended_at, result: entry.result })
                });
                self.steps.extend(known);
            }
        }
        Ok(())
    }
}

impl Tx {
    /// What is derived of each of the next rows of a list; `None` of those of no deployment.
    pub(super) async fn derived(
        &mut self,
        rows: &[StepRow],
        known: &mut Known,
        (access, filter, order): (&Access, &StepFilter, Order),
    ) -> Result<Vec<Option<Derived>>, StoreError> {
        if known.steps.len() > MOST_KNOWN {
            known.steps.clear();
        }
        known.before.clear();
        if rows.len() >= MANY && !known.is_sparse {
            self.know_deployments_of_time(rows, known, (access, filter, order)).await?;
        }
        let mut derived = vec![None; rows.len()];
        self.fill(rows, &mut derived, known).await?;
        let mut missing: HashMap<StreamKey, (i64, i64)> = HashMap::new();
        for (row, derived) in rows.iter().zip(&derived) {
            if derived.is_none() {
                let ts = row.0.ts.micros();
                let (first, last) = missing.entry(row.0.stream()).or_insert((ts, ts));
                (*first, *last) = (ts.min(*first), ts.max(*last));
            }
        }
        if !missing.is_empty() {
            self.know_deployments_of_streams(missing, known).await?;
            self.fill(rows, &mut derived, known).await?;
        }
        Ok(derived)
    }

    /// Fills in what is known of the rows by now.
    async fn fill(
        &mut self,
        rows: &[StepRow],
        derived: &mut [Option<Derived>],
        known: &mut Known,
    ) -> Result<(), StoreError> {
        for (StepRow(step), derived) in rows.iter().zip(derived.iter_mut()).filter(|(_, derived)| derived.is_none()) {
            *derived = known.steps.remove(&step.id.0);
        }
        if known.before.is_empty() {
            return Ok(());
        }
        let missing = rows.iter().zip(derived.iter()).filter(|(_, derived)| derived.is_none());
        let missing: Vec<StepId> = missing.map(|(StepRow(step), _)| step.id).collect();
        let mut before = self.derived_by_the_version_before(&missing).await?;
        before.retain(|_, derived| known.before.contains(&derived.deployment));
        for (StepRow(step), derived) in rows.iter().zip(derived.iter_mut()).filter(|(_, derived)| derived.is_none()) {
            *derived = before.remove(&step.id.0);
        }
        Ok(())
    }

    /// What the version before has derived of steps.
    async fn derived_by_the_version_before(&mut self, steps: &[StepId]) -> Result<HashMap<Uuid, Derived>, StoreError> {
        let mut derived = HashMap::new();
        for steps in cut_ids(steps) {
            let rows: Vec<(Uuid, Uuid, Option<i64>, Option<String>)> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new("SELECT id, deployment_id, ended_at, result FROM steps");
                select.push(" WHERE deployment_id IS NOT NULL");
                push_ids(&mut select, "id", &steps);
                select.build_query_as().fetch_all(connection).await?
            });
            for (id, deployment, ended_at, result) in rows {
                derived.insert(id, Derived { deployment, ended_at, result: word("result", result.as_deref())? });
            }
        }
        Ok(derived)
    }

    /// Reads the deployments that began in the time of the rows: where a list has many rows, these are those of nearly all.
    async fn know_deployments_of_time(
        &mut self,
        rows: &[StepRow],
        known: &mut Known,
        (access, filter, order): (&Access, &StepFilter, Order),
    ) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let (first, last) = (first.0.ts.micros(), last.0.ts.micros());
        let most = rows.len() * DEPLOYMENTS_A_ROW;
        let filter = StepFilter { owner: None, status: None, since: None, until: None, ..filter.clone() };
        let deployments: Vec<WholeRow> = with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(WHOLE).push(" FROM deployments");
            push_filter(&mut select, access, &filter, "started_at");
            let (beyond, within, order) = match order {
                Order::Ascending => (" AND started_at > ", " AND started_at <= ", " ORDER BY started_at, id"),
                Order::Descending => (" AND started_at < ", " AND started_at >= ", " ORDER BY started_at DESC, id DESC"),
            };
            match known.reached {
                Some(reached) => select.push(beyond).push_bind(reached),
                None if order.ends_with("DESC") => select.push(" AND started_at <= ").push_bind(first),
                None => select.push(" AND started_at >= ").push_bind(first),
            };
            select.push(within).push_bind(last).push(order).push(" LIMIT ").push(most as u64);
            select.build_query_as().fetch_all(connection).await?
        });
        known.is_sparse = deployments.len() == most;
        known.reached = Some(last);
        for row in &deployments {
            known.add(row, row.timeline.as_deref())?;
        }
        Ok(())
    }

    /// Reads the deployments of streams that may have steps between two moments each.
    async fn know_deployments_of_streams(
        &mut self,
        streams: HashMap<StreamKey, (i64, i64)>,
        known: &mut Known,
    ) -> Result<(), StoreError> {
        let since: Vec<_> = streams.iter().map(|(stream, (first, _))| (*stream, *first)).collect();
        let starts = self.deployments_before(&since).await?;
        let streams: Vec<_> = streams.into_iter().collect();
        let mut long = Vec::new();
        for streams in cut_conditions(&streams) {
            let deployments: Vec<WholeRow> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(WHOLE).push(" FROM deployments WHERE ");
                for (at, (stream, (_, last))) in streams.iter().enumerate() {
                    select.push(if at == 0 { "(stream = " } else { " OR (stream = " }).push_bind(stream.to_vec());
                    let start = starts.get(stream).copied().unwrap_or(0);
                    select.push(" AND started_at >= ").push_bind(start);
                    select.push(" AND started_at <= ").push_bind(*last).push(")");
                }
                select.build_query_as().fetch_all(connection).await?
            });
            for row in deployments {
                known.add(&row, row.timeline.as_deref())?;
                let times = streams.iter().find(|(stream, _)| row.stream == stream);
                if row.parts > 0
                    && let Some((_, (first, last))) = times
                {
                    long.push((row, *first, *last));
                }
            }
        }
        for (row, first, last) in long {
            let from = self.part_before(row.id, first).await?;
            let to = self.part_before(row.id, last.saturating_add(1)).await?;
            for part in self.parts_between(row.id, from, to).await? {
                known.add(&row, Some(&part))?;
            }
        }
        Ok(())
    }

    /// Some of the further parts of a timeline.
    async fn parts_between(&mut self, deployment: Uuid, from: i32, to: i32) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(with_connection!(self, connection => {
            let select = sqlx::query_scalar("SELECT data FROM timelines WHERE deployment = ? AND part >= ? AND part <= ?");
            select.bind(deployment).bind(from).bind(to).fetch_all(connection).await?
        }))
    }
}
