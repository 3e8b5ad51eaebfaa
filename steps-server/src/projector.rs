//! Keeps the deployments up to date: folds the streams that have changed, one server at a time.
//!
//! A fold begins at the last deployment that started before the change: nothing before it can be different. What it
//! finds is compared with what is stored, and only differences are written.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use steps_shared::{StepId, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::fold::{self, FoldStep, Statuses};
use crate::store::{Change, DeploymentRow, FoldRow, StepEnd, Store, StoreError, StreamKey, Tx};

/// Changes that are folded in one transaction: few enough that a recorder on the same file waits only a moment.
const CHANGES: u32 = 400;
/// Streams that a rebuild or a check takes at a time.
const STREAMS: u32 = 100;
/// The shortest pause between two folds that nobody waits for.
const PAUSE: Duration = Duration::from_millis(50);
/// How often an idle server looks for what a server that died has left.
const LOOK: Duration = Duration::from_secs(10);
/// How long a read waits before it looks again whether it may go on.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Folds in the background, and lets reads wait for it.
#[derive(Debug, Clone)]
pub struct Projector {
    store: Store,
    changed: Arc<Notify>,
    wanted: Arc<Notify>,
    rounds: watch::Receiver<u64>,
}

impl Projector {
    /// Starts to fold; it ends with the task.
    #[must_use]
    pub fn start(store: Store, statuses: Arc<Statuses>) -> (Self, JoinHandle<()>) {
        let (changed, wanted) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (done, rounds) = watch::channel(0);
        let task = tokio::spawn(work(store.clone(), statuses, Arc::clone(&changed), Arc::clone(&wanted), done));
        (Self { store, changed, wanted, rounds }, task)
    }

    /// Something was recorded.
    pub fn notice(&self) {
        self.changed.notify_one();
    }

    /// Waits until everything that was committed before this call has been folded.
    ///
    /// # Errors
    /// The database does not answer, or there is more than can be folded until `deadline`.
    pub async fn caught_up(&self, deadline: Instant) -> Result<(), StoreError> {
        let Some(last) = self.store.last_change().await? else { return Ok(()) };
        let mut rounds = self.rounds.clone();
        loop {
            rounds.mark_unchanged();
            self.wanted.notify_one();
            let next = (Instant::now() + LOOK_AGAIN).min(deadline);
            // Another server may be the one that folds: then no round of this one tells.
            let _: Result<_, _> = tokio::time::timeout_at(next, rounds.changed()).await;
            if !self.store.has_change_until(last).await? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(StoreError::TimedOut);
            }
        }
    }
}

async fn work(
    store: Store,
    statuses: Arc<Statuses>,
    changed: Arc<Notify>,
    wanted: Arc<Notify>,
    done: watch::Sender<u64>,
) {
    let mut failing = false;
    loop {
        let began = Instant::now();
        let folded = fold_changes(&store, &statuses).await;
        let full = matches!(folded, Ok(folded) if folded >= CHANGES as usize);
        match folded {
            Ok(_) => failing = false,
            // Another server folded at the same time, and its commit won: nothing is lost, and nothing is to be told.
            Err(error) if failing => tracing::debug!(%error, "still cannot fold"),
            Err(error) => {
                tracing::warn!(%error, "deployments cannot be folded; trying again");
                failing = true;
            }
        }
        done.send_modify(|rounds| *rounds += 1);
        // As long as nobody waits, folding takes at most half of the time: recording comes first.
        let pause = PAUSE.max(began.elapsed());
        tokio::select! {
            () = wanted.notified() => continue,
            () = tokio::time::sleep(pause) => {}
        }
        if full {
            continue;
        }
        tokio::select! {
            () = changed.notified() => {}
            () = wanted.notified() => {}
            () = tokio::time::sleep(if failing { PAUSE } else { LOOK }) => {}
        }
    }
}

/// Folds the oldest changes; returns how many they were.
async fn fold_changes(store: &Store, statuses: &Statuses) -> Result<usize, StoreError> {
    if store.last_change().await?.is_none() {
        return Ok(0);
    }
    let mut tx = store.begin_projection().await?;
    tx.take_turn().await?;
    let changes = tx.changes(CHANGES).await?;
    let mut streams: HashMap<StreamKey, i64> = HashMap::new();
    for Change { stream, since, .. } in changes.iter().copied() {
        let earliest = streams.entry(stream).or_insert(since);
        *earliest = since.min(*earliest);
    }
    let streams: Vec<_> = streams.into_iter().collect();
    let mut from: HashMap<StreamKey, i64> = streams.iter().map(|(stream, _)| (*stream, 0)).collect();
    from.extend(tx.deployments_before(&streams).await?);
    let from: Vec<_> = from.into_iter().collect();
    let difference = difference(&mut tx, &from, statuses).await?;
    apply(&mut tx, &difference).await?;
    tx.forget(&changes).await?;
    tx.commit().await?;
    Ok(changes.len())
}

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
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.wrong.is_empty() && self.right.is_empty()
    }
}

/// Folds streams from a moment each, and compares.
async fn difference(tx: &mut Tx, from: &[(StreamKey, i64)], statuses: &Statuses) -> Result<Difference, StoreError> {
    let rows = tx.fold_rows(from).await?;
    let stored = tx.deployment_rows(from).await?;
    let mut difference = Difference::default();
    let mut folded: HashMap<Uuid, DeploymentRow> = HashMap::new();
    for rows in rows.chunk_by(|one, next| one.stream == next.stream) {
        fold_stream(rows, statuses, &mut difference.ends, &mut folded);
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

fn fold_stream(
    rows: &[FoldRow],
    statuses: &Statuses,
    ends: &mut Vec<StepEnd>,
    folded: &mut HashMap<Uuid, DeploymentRow>,
) {
    let moment = |micros: i64| Timestamp::from_micros(micros).unwrap_or_default();
    let steps: Vec<FoldStep> = rows
        .iter()
        .map(|row| FoldStep {
            id: StepId(row.id),
            ts: moment(row.ts),
            kind: statuses.kind(&row.status, row.span),
            span: row.span.then(|| row.finished_at.map(moment)),
        })
        .collect();
    for deployment in fold::fold(&steps) {
        let own = &rows[deployment.steps.clone()];
        let ([first, ..], [.., last]) = (own, own) else { continue };
        for (row, end) in own.iter().zip(&deployment.ends) {
            let end = StepEnd { id: row.id, ended_at: end.map(Timestamp::micros), deployment_id: first.id };
            if (row.ended_at, row.deployment_id) != (end.ended_at, Some(end.deployment_id)) {
                ends.push(end);
            }
        }
        let row = DeploymentRow {
            id: first.id,
            stream: first.stream.clone(),
            owner: first.owner.clone(),
            status: last.status.clone(),
            outcome: deployment.outcome.name().to_owned(),
            started_at: first.ts,
            ended_at: deployment.ended_at.map(Timestamp::micros),
            duration: deployment.duration.map(|duration| duration.micros()),
            last_ts: last.ts,
            steps: i32::try_from(own.len()).unwrap_or(i32::MAX),
        };
        folded.insert(row.id, row);
    }
}

async fn apply(tx: &mut Tx, difference: &Difference) -> Result<(), StoreError> {
    tx.set_ends(&difference.ends).await?;
    tx.remove_deployments(&difference.wrong).await?;
    tx.add_deployments(&difference.right).await
}

/// Folds the next streams after `after` from scratch, and writes what differs when told to. Returns the last of them
/// and what differed; `None` at the end.
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
    tx.take_turn().await?;
    let difference = difference(&mut tx, &from, statuses).await?;
    if write && !difference.is_empty() {
        apply(&mut tx, &difference).await?;
    }
    tx.commit().await?;
    Ok(Some((last, streams.len(), difference)))
}

/// Folds everything from scratch. `progress` hears how many streams are done, and what differed in the last ones.
/// It is safe while servers record and fold.
///
/// # Errors
/// The database does not answer.
pub async fn rebuild(
    store: &Store,
    statuses: &Statuses,
    progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    let mut tx = store.begin_projection().await?;
    tx.take_turn().await?;
    tx.set_statuses(&statuses.fingerprint()).await?;
    tx.commit().await?;
    walk(store, statuses, true, progress).await
}

/// Compares everything with a fold from scratch, and changes nothing. What waits to be folded should have been first.
///
/// # Errors
/// The database does not answer.
pub async fn verify(
    store: &Store,
    statuses: &Statuses,
    progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    while fold_changes(store, statuses).await? > 0 {}
    walk(store, statuses, false, progress).await
}

async fn walk(
    store: &Store,
    statuses: &Statuses,
    write: bool,
    mut progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    let (mut after, mut done) = (None, 0);
    while let Some((last, streams, difference)) = refold(store, statuses, after, write).await? {
        done += streams;
        progress(done, &difference);
        after = Some(last);
    }
    Ok(())
}

/// What the statuses meant when the deployments were folded, where that is something else than now.
///
/// # Errors
/// The database does not answer.
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
