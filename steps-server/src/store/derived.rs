//! What is derived of the steps of a list: it stands with their deployments.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use futures_util::stream::{TryChunksError, TryStreamExt as _};
use sqlx::{QueryBuilder, Row as _};
use steps_shared::{Order, StepFilter, StepId, StepOutcome};
use uuid::Uuid;

use super::filter::{push_filter, push_ids};
use super::fold_rows::StreamKey;
use super::statements::{cut_conditions, cut_ids};
use super::steps::{StepRow, word};
use super::timeline::Entry;
use super::timelines::{WHOLE, WholeRow, entries};
use super::transaction::{Tx, with_connection};
use super::{Access, StoreError};

/// From so many rows on, all deployments that began meanwhile are read together.
const MANY: usize = 200;
/// The most of them that are read.
const DEPLOYMENTS: usize = 4000;
/// Where a list has so many of them for each row, or more, they are many.
const DEPLOYMENTS_A_ROW: usize = 4;
/// The most of their steps, for each row.
const STEPS_A_ROW: usize = 8;
/// Deployments that are read together.
const TOGETHER: usize = 500;
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
    /// How many deployments the time of the last rows has.
    deployments: usize,
    /// Deployments are many beside the steps of the list. Then those of each stream are read.
    is_sparse: bool,
}

impl Known {
    /// For rows that are no list.
    pub fn for_few() -> Self {
        Self { is_sparse: true, ..Self::default() }
    }

    /// How many rows may be read next, so that the deployments of their time are not too many, nor what is known of them too
    /// much; `rows` were read last.
    pub fn most_rows(&self, rows: usize) -> usize {
        if self.is_sparse { 0 } else { rows * (DEPLOYMENTS / 2) / self.deployments.max(1) }
    }

    /// Adds a part of a deployment's timeline; returns how many steps it has.
    fn add(&mut self, deployment: Uuid, data: Option<&[u8]>) -> Result<usize, StoreError> {
        let Some(data) = data else {
            self.before.insert(deployment);
            return Ok(0);
        };
        let entries = entries(data)?;
        self.steps.extend(entries.iter().map(|Entry { id, ended_at, result, .. }| {
            (*id, Derived { deployment, ended_at: *ended_at, result: *result })
        }));
        Ok(entries.len())
    }
}

/// Adds to rows what is found to be derived of them.
fn fill<S: BuildHasher>(rows: &mut [StepRow], found: &mut HashMap<Uuid, Derived, S>) -> Result<(), StoreError> {
    for row in rows.iter_mut().filter(|row| !row.is_derived()) {
        if let Some(derived) = found.remove(&row.0.id.0) {
            row.derive(derived)?;
        }
    }
    Ok(())
}

impl Tx {
    /// Adds to each of the next rows of a list what is derived of it: nothing to those of no deployment.
    pub(super) async fn derive(
        &mut self,
        rows: &mut [StepRow],
        known: &mut Known,
        (access, filter, order): (&Access, &StepFilter, Order),
    ) -> Result<(), StoreError> {
        if known.steps.len() > MOST_KNOWN {
            known.steps.clear();
        }
        known.before.clear();
        if rows.len() >= MANY && !known.is_sparse {
            self.know_deployments_of_time(rows, known, (access, filter, order)).await?;
        }
        self.fill(rows, known).await?;
        let mut missing: HashMap<StreamKey, (i64, i64)> = HashMap::new();
        for row in rows.iter().filter(|row| !row.is_derived()) {
            let ts = row.0.ts.micros();
            let (first, last) = missing.entry(row.0.stream()).or_insert((ts, ts));
            (*first, *last) = (ts.min(*first), ts.max(*last));
        }
        if !missing.is_empty() {
            self.know_deployments_of_streams(missing, known).await?;
            self.fill(rows, known).await?;
        }
        Ok(())
    }

    /// Adds to the rows what is known of them by now.
    async fn fill(&mut self, rows: &mut [StepRow], known: &mut Known) -> Result<(), StoreError> {
        fill(rows, &mut known.steps)?;
        if known.before.is_empty() {
            return Ok(());
        }
        let missing = rows.iter().filter(|row| !row.is_derived());
        let missing: Vec<StepId> = missing.map(|StepRow(step)| step.id).collect();
        let mut before = self.derived_by_the_version_before(&missing).await?;
        before.retain(|_, derived| known.before.contains(&derived.deployment));
        fill(rows, &mut before)
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

    /// Reads the deployments that began in the time of the rows, and adds what they say to rows: where a list has many rows, these
    /// are those of nearly all.
    async fn know_deployments_of_time(
        &mut self,
        rows: &mut [StepRow],
        known: &mut Known,
        (access, filter, order): (&Access, &StepFilter, Order),
    ) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let (first, last) = (first.0.ts.micros(), last.0.ts.micros());
        let filter = StepFilter { owner: None, status: None, since: None, until: None, ..filter.clone() };
        let most = DEPLOYMENTS.min(rows.len() * DEPLOYMENTS_A_ROW);
        let (mut deployments, mut steps, mut at) = (0, 0, 0);
        with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT id, started_at, timeline FROM deployments");
            push_filter(&mut select, access, &filter, "started_at");
            let (beyond, within, ordered) = match order {
                Order::Ascending => (" AND started_at > ", " AND started_at <= ", " ORDER BY started_at, id"),
                Order::Descending => (" AND started_at < ", " AND started_at >= ", " ORDER BY started_at DESC, id DESC"),
            };
            match (known.reached, order) {
                (Some(reached), _) => select.push(beyond).push_bind(reached),
                (None, Order::Descending) => select.push(" AND started_at <= ").push_bind(first),
                (None, Order::Ascending) => select.push(" AND started_at >= ").push_bind(first),
            };
            select.push(within).push_bind(last).push(ordered).push(" LIMIT ").push(most as u64);
            let mut found = select.build().fetch(connection).try_chunks(TOGETHER);
            while let Some(some) = found.try_next().await.map_err(|TryChunksError(_, error)| error)? {
                for row in &some {
                    let (id, started_at): (Uuid, i64) = (row.try_get(0)?, row.try_get(1)?);
                    // No later deployment has the rows before it. Given at once, little is known at a time, and quick to find.
                    if order == Order::Ascending {
                        let before = rows[at..].iter().take_while(|row| row.0.ts.micros() < started_at).count();
                        fill(&mut rows[at..at + before], &mut known.steps)?;
                        at += before;
                    }
                    steps += known.add(id, row.try_get(2)?)?;
                }
                deployments += some.len();
                if steps > rows.len() * STEPS_A_ROW {
                    break;
                }
            }
        });
        known.is_sparse = deployments == rows.len() * DEPLOYMENTS_A_ROW || steps > rows.len() * STEPS_A_ROW;
        known.deployments = deployments;
        known.reached = Some(last);
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
                known.add(row.id, row.timeline.as_deref())?;
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
                known.add(row.id, Some(&part))?;
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
