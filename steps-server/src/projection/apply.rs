//! Folds streams, and writes what differs from what is stored; one server at a time.
//!
//! A fold begins at the last deployment that started before the change: nothing before it can be different. What it
//! finds is compared with what is stored, and only differences are written.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use steps_shared::{DeploymentOutcome, StatusKind, StepId, Timestamp};
use uuid::Uuid;

use crate::projection::fold::{self, FoldStep, Folded, Statuses};
use crate::store::{Change, DeploymentRow, FoldRow, StepEnd, Store, StoreError, StreamKey, Tx};

/// Changes that are folded in one transaction: so few that a recorder on the same SQLite file waits only briefly.
pub const CHANGES: u32 = 400;
/// Streams that a rebuild or a check takes at a time.
const STREAMS: u32 = 100;
/// How often a command is tried when transactions of other servers conflict with it, and the pause between two tries.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// A running deployment with at least this many steps is not read from its beginning when steps are added at its end.
const LONG: i32 = 100;

/// Where the stored projection differs from the fold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Steps with another end or deployment.
    pub ends: Vec<StepEnd>,
    /// Deployments that are stored and should not be, or not like this.
    pub wrong: Vec<Uuid>,
    /// Deployments that should be stored, and are not, or not like this.
    pub right: Vec<DeploymentRow>,
}

impl Difference {
    /// Adds those steps of a deployment whose end or deployment is stored otherwise.
    fn add_ends<'a>(
        &mut self,
        rows: &[FoldRow],
        ends: impl IntoIterator<Item = &'a Option<Timestamp>>,
        deployment_id: Uuid,
    ) {
        for (row, end) in rows.iter().zip(ends) {
            let end = StepEnd { id: row.id, ended_at: end.map(Timestamp::micros), deployment_id };
            if (row.ended_at, row.deployment_id) != (end.ended_at, Some(deployment_id)) {
                self.ends.push(end);
            }
        }
    }

    async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.set_ends(&self.ends).await?;
        tx.remove_deployments(&self.wrong).await?;
        tx.add_deployments(&self.right).await
    }
}

/// Folds the oldest changes; returns how many they were.
///
/// # Errors
/// The database does not answer, or another server folded at the same time.
pub async fn fold_changes(store: &Store, statuses: &Statuses) -> Result<usize, StoreError> {
    if store.last_change().await?.is_none() {
        return Ok(0);
    }
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    let folded = fold_waiting(&mut tx, statuses).await?;
    tx.commit().await?;
    Ok(folded)
}

/// Runs `work` again when its transaction was rolled back because of another server's: after a deadlock or, on Galera, at
/// the commit.
///
/// # Errors
/// It fails every time.
pub async fn retry_on_conflict<T, F>(work: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 1..TRIES {
        match work().await {
            Err(StoreError::Unavailable(error)) => tracing::debug!(%error, "trying again"),
            done => return done,
        }
        tokio::time::sleep(PAUSE).await;
    }
    work().await
}

/// Folds the waiting changes until a transaction finds fewer than [`CHANGES`].
pub async fn drain(store: &Store, statuses: &Statuses) -> Result<(), StoreError> {
    while retry_on_conflict(|| fold_changes(store, statuses)).await? == CHANGES as usize {}
    Ok(())
}

/// Folds every waiting change within a transaction that holds the projection's lock.
pub async fn fold_all(tx: &mut Tx, statuses: &Statuses) -> Result<(), StoreError> {
    while fold_waiting(tx, statuses).await? == CHANGES as usize {}
    Ok(())
}

/// Folds the oldest changes within a transaction that holds the projection's lock.
async fn fold_waiting(tx: &mut Tx, statuses: &Statuses) -> Result<usize, StoreError> {
    let changes = tx.changes(CHANGES).await?;
    let mut since: HashMap<StreamKey, i64> = HashMap::new();
    for change in changes.iter().copied() {
        let Change { stream, since: ts, .. } = change;
        let earliest = since.entry(stream).or_insert(ts);
        *earliest = ts.min(*earliest);
    }
    let streams: Vec<_> = since.iter().map(|(stream, since)| (*stream, *since)).collect();
    let starts = tx.deployments_before(&streams).await?;
    let from: Vec<_> = streams.iter().map(|(stream, _)| (*stream, starts.get(stream).copied().unwrap_or(0))).collect();
    let stored = tx.deployment_rows(&from).await?;
    let long = long_ones(&stored, &since);
    let of_long: HashSet<&[u8]> = long.iter().map(|row| row.stream.as_slice()).collect();
    let from: Vec<_> = from.into_iter().filter(|(stream, _)| !of_long.contains(stream.as_slice())).collect();
    let stored = stored.iter().filter(|row| !of_long.contains(row.stream.as_slice())).cloned().collect();
    let mut difference = fold_from(tx, &from, stored, statuses).await?;
    resume(tx, &long, statuses, &mut difference).await?;
    difference.write(tx).await?;
    tx.remove_changes(&changes).await?;
    Ok(changes.len())
}

/// The deployments that are long, running, and changed only behind their last step.
fn long_ones(stored: &[DeploymentRow], since: &HashMap<StreamKey, i64>) -> Vec<DeploymentRow> {
    let mut newest: HashMap<&[u8], &DeploymentRow> = HashMap::new();
    for row in stored {
        let newest = newest.entry(&row.stream).or_insert(row);
        if (row.started_at, row.id) > (newest.started_at, newest.id) {
            *newest = row;
        }
    }
    let changed_behind = |row: &DeploymentRow| {
        let since = StreamKey::try_from(row.stream.as_slice()).ok().and_then(|stream| since.get(&stream));
        since.is_some_and(|since| *since > row.last_ts)
    };
    newest
        .into_values()
        .filter(|row| row.outcome == DeploymentOutcome::Running.name() && row.steps >= LONG && changed_behind(row))
        .cloned()
        .collect()
}

/// Folds each stream from a time at which a deployment begins, and compares with what is stored from there on.
async fn fold_from(
    tx: &mut Tx,
    from: &[(StreamKey, i64)],
    stored: Vec<DeploymentRow>,
    statuses: &Statuses,
) -> Result<Difference, StoreError> {
    // Steps of the deployment before may have the same `ts` as the first step of this one.
    let mut first: HashMap<&[u8], (i64, Uuid)> = HashMap::new();
    for row in &stored {
        let first = first.entry(&row.stream).or_insert((row.started_at, row.id));
        *first = (row.started_at, row.id).min(*first);
    }
    let from_scratch: HashSet<&[u8]> =
        from.iter().filter(|(_, since)| *since == 0).map(|(stream, _)| stream.as_slice()).collect();
    let mut rows = tx.fold_rows(from).await?;
    rows.retain(|row| {
        from_scratch.contains(row.stream.as_slice())
            || first.get(row.stream.as_slice()).is_none_or(|first| (row.ts, row.id) >= *first)
    });
    let mut difference = Difference::default();
    let mut folded: HashMap<Uuid, DeploymentRow> = HashMap::new();
    for rows in rows.chunk_by(|one, next| one.stream == next.stream) {
        let steps: Vec<FoldStep> = rows.iter().map(|row| fold_step(row, statuses)).collect();
        for deployment in fold::fold(&steps) {
            let own = &rows[deployment.steps.clone()];
            if let Some(row) = deployment_row(own, &deployment, rows[deployment.tail].ts) {
                difference.add_ends(own, &deployment.ends, row.id);
                folded.insert(row.id, row);
            }
        }
    }
    let mut kept = HashSet::new();
    for row in stored {
        if folded.get(&row.id) == Some(&row) {
            kept.insert(row.id);
        } else {
            difference.wrong.push(row.id);
        }
    }
    difference.right = folded.into_values().filter(|row| !kept.contains(&row.id)).collect();
    Ok(difference)
}

/// Goes on with the fold of long deployments: the first step and the tail stand for all that was folded before.
async fn resume(
    tx: &mut Tx,
    long: &[DeploymentRow],
    statuses: &Statuses,
    difference: &mut Difference,
) -> Result<(), StoreError> {
    let tails: Vec<_> =
        long.iter().filter_map(|row| Some((row.stream.as_slice().try_into().ok()?, row.tail_ts))).collect();
    let ids: Vec<Uuid> = long.iter().map(|row| row.id).collect();
    let tails = tx.fold_rows(&tails).await?;
    let firsts = tx.fold_rows_of(&ids).await?;
    for whole in long {
        let Some(first) = firsts.iter().find(|row| row.id == whole.id) else { continue };
        let behind = |row: &&FoldRow| row.stream == whole.stream && (row.ts, row.id) > (first.ts, first.id);
        let tail = tails.iter().filter(behind);
        let rows: Vec<FoldRow> = std::iter::once(first).chain(tail).cloned().collect();
        let steps: Vec<FoldStep> = rows
            .iter()
            .map(|row| {
                // The stored deployment knows that it has had its start; here its first step stands for that.
                let folded = row.deployment_id == Some(whole.id);
                let step = fold_step(row, statuses);
                match step.kind {
                    _ if row.id == whole.id && whole.has_start => FoldStep { kind: StatusKind::Start, ..step },
                    StatusKind::Start if folded => FoldStep { kind: StatusKind::Phase, ..step },
                    _ => step,
                }
            })
            .collect();
        for deployment in fold::fold(&steps) {
            let own = &rows[deployment.steps.clone()];
            let Some(mut row) = deployment_row(own, &deployment, rows[deployment.tail].ts) else { continue };
            if row.id == whole.id && whole.tail_ts > whole.started_at {
                // What lies between the first step and the tail has its end, and is counted, already.
                let (_, tail) = own.split_at(1);
                let added = tail.iter().filter(|row| row.deployment_id != Some(whole.id)).count();
                row.steps = whole.steps.saturating_add(count(added));
                difference.add_ends(tail, deployment.ends.iter().skip(1), whole.id);
            } else {
                difference.add_ends(own, &deployment.ends, row.id);
            }
            if row.id == whole.id {
                difference.wrong.push(whole.id);
            }
            difference.right.push(row);
        }
    }
    Ok(())
}

fn fold_step(row: &FoldRow, statuses: &Statuses) -> FoldStep {
    let timestamp = |micros: i64| Timestamp::from_micros(micros).unwrap_or_default();
    FoldStep {
        id: StepId(row.id),
        ts: timestamp(row.ts),
        kind: statuses.kind(&row.status, row.span),
        span: row.span.then(|| row.finished_at.map(timestamp)),
    }
}

/// A deployment as it is stored; `None` when it has no steps, which the fold never makes.
fn deployment_row(own: &[FoldRow], folded: &Folded, tail_ts: i64) -> Option<DeploymentRow> {
    let (first, last) = (own.first()?, own.last()?);
    Some(DeploymentRow {
        id: first.id,
        stream: first.stream.clone(),
        owner: first.owner.clone(),
        status: last.status.clone(),
        outcome: folded.outcome.name().to_owned(),
        started_at: first.ts,
        ended_at: folded.ended_at.map(Timestamp::micros),
        duration: folded.duration.map(|duration| duration.micros()),
        has_start: folded.has_start,
        tail_ts,
        last_ts: last.ts,
        steps: count(own.len()),
    })
}

fn count(steps: usize) -> i32 {
    i32::try_from(steps).unwrap_or(i32::MAX)
}

/// Folds the next streams after `after` from scratch, and writes what differs if `write`. Returns the last of them,
/// how many they were, and what differed; `None` at the end.
async fn refold(
    store: &Store,
    statuses: &Statuses,
    after: Option<StreamKey>,
    write: bool,
) -> Result<Option<(StreamKey, usize, Difference)>, StoreError> {
    let streams = store.streams_after(after, STREAMS).await?;
    let Some(last) = streams.last().copied() else { return Ok(None) };
    let from: Vec<_> = streams.iter().map(|stream| (*stream, 0)).collect();
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    // Steps recorded meanwhile must not count as differences. This transaction sees all of a commit or nothing.
    fold_all(&mut tx, statuses).await?;
    let stored = tx.deployment_rows(&from).await?;
    let difference = fold_from(&mut tx, &from, stored, statuses).await?;
    if write {
        difference.write(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(Some((last, streams.len(), difference)))
}

/// Folds everything from scratch. `progress` gets the number of streams done and what differed in the last ones. It is safe while servers record and fold.
pub async fn rebuild(
    store: &Store,
    statuses: &Statuses,
    progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    tx.set_statuses(&statuses.fingerprint()).await?;
    tx.commit().await?;
    walk(store, statuses, true, progress).await
}

/// Compares everything with a fold from scratch, after what waits to be folded has been.
pub async fn verify(
    store: &Store,
    statuses: &Statuses,
    progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    drain(store, statuses).await?;
    walk(store, statuses, false, progress).await
}

async fn walk(
    store: &Store,
    statuses: &Statuses,
    write: bool,
    mut progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    let (mut after, mut done) = (None, 0);
    while let Some((last, streams, difference)) = retry_on_conflict(|| refold(store, statuses, after, write)).await? {
        done += streams;
        progress(done, &difference);
        after = Some(last);
    }
    Ok(())
}

/// What the statuses meant when the deployments were folded; `None` when they mean the same now.
pub async fn other_statuses(store: &Store, statuses: &Statuses) -> Result<Option<String>, StoreError> {
    let mut tx = store.begin_projection().await?;
    let stored = tx.statuses().await?;
    let now = statuses.fingerprint();
    if stored.is_empty() {
        tx.set_statuses(&now).await?;
        tx.commit().await?;
        return Ok(None);
    }
    Ok((stored != now).then_some(stored))
}
