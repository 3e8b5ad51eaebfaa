//! Folds the streams that changed, and writes what differs from what is stored; one server at a time in each bucket of them.
//!
//! In a stream without a run a fold begins at the last but one deployment that started before the change: nothing before it
//! can be different, and the last but one may turn out to have been at the same time. In a stream of a run it begins at the
//! beginning, because retries depend on what came before them. Of a deployment that only goes on, what was folded before is known
//! from its timeline (`resume`). What the fold says is compared with what is stored, and only
//! differences are written.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::config::FoldConfig;
use super::difference::{Difference, difference};
use super::held::{Claim, Held};
use super::news::News;
use super::resume::{resumable, resume};
use crate::store::{Bucket, Change, NextChanges, StepsOf, Store, StoreError, StreamKey, Tx};

/// Changes that a command folds in one transaction: so few that a recorder on the same SQLite file waits only briefly.
const CHANGES: u32 = 400;
/// A fold takes its changes of so many of the oldest ones: enough that several servers find some, and few, so that deployments are stored
/// nearly in the order of their table, which fills its pages.
pub const OLDEST: i64 = 2_000;
/// How often a command works again when other servers are in its way, and how long it pauses between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// What is folded next.
#[derive(Debug, Clone, Default)]
pub struct Next {
    /// Buckets for which reads wait.
    pub wanted: Vec<Bucket>,
    /// Where to begin among the others.
    pub start: Bucket,
    /// How many changes.
    pub limit: u32,
    /// Of how many of the oldest ones.
    pub oldest: i64,
    /// What other folds of this server have is left to them.
    pub held: Arc<Held>,
}

/// What a fold did.
#[derive(Debug, Clone, Copy)]
pub struct Folded {
    /// How many other changes wait, at most, and 0 where none do.
    pub others: u64,
    /// How long it took, once it had its buckets.
    pub took: Duration,
}

/// Folds the next changes.
///
/// # Errors
/// The database does not answer, or another server folded the same at the same time.
pub async fn fold_changes(store: &Store, config: &FoldConfig, next: &Next) -> Result<Folded, StoreError> {
    let (changes, claim) = claim_next(store, next).await?;
    let began = Instant::now();
    let others =
        if changes.buckets.is_empty() { 0 } else { fold_next(store, config, &changes, &claim, next.limit).await? };
    Ok(Folded { others, took: began.elapsed() })
}

/// Folds what is next; says how many others wait.
async fn fold_next(
    store: &Store,
    config: &FoldConfig,
    &NextChanges { ref buckets, until, others }: &NextChanges,
    Claim { buckets: known, .. }: &Claim,
    limit: u32,
) -> Result<u64, StoreError> {
    let are_known = buckets.iter().all(Option::is_some);
    if are_known && store.has_one_writer() {
        let is_written = read_then_write(store, config, (known, until), limit).await?;
        return Ok(if is_written { others } else { others.max(1) });
    }
    let mut tx = store.begin_projection().await?;
    let changes = if are_known {
        tx.lock_buckets(known).await?;
        tx.changes(Some((known, until)), limit).await?
    } else {
        // A server of the version before has noted some, and may be folding them.
        tx.lock_projection().await?;
        tx.changes(None, limit).await?
    };
    fold(&mut tx, config, &changes).await?;
    tx.commit().await?;
    Ok(others)
}

/// What is next of that which no other fold of this server has; waits while they have all of it.
async fn claim_next(store: &Store, next: &Next) -> Result<(NextChanges, Claim), StoreError> {
    loop {
        let freed = next.held.freed();
        let held = next.held.buckets();
        let changes = store.next_changes(&next.wanted, next.start, next.limit, next.oldest, &held).await?;
        let claim = next.held.claim(changes.buckets.iter().copied().flatten());
        let nothing_waits = held.is_empty() && changes.buckets.is_empty();
        if nothing_waits || !claim.buckets.is_empty() || changes.buckets.contains(&None) {
            return Ok((changes, claim));
        }
        freed.await;
    }
}

/// Folds the next changes of these buckets, before a place in the queue, where a recorder waits for whoever writes: all is read and
/// folded before. `false`, with nothing written, where others have folded in between, such as a command on the same file.
async fn read_then_write(
    store: &Store,
    config: &FoldConfig,
    of: (&[Bucket], i64),
    limit: u32,
) -> Result<bool, StoreError> {
    let mut reading = store.begin_reading_changes().await?;
    let turns = reading.turns_of_buckets(of.0).await?;
    let changes = reading.changes(Some(of), limit).await?;
    let folded = read_and_fold(&mut reading, config, &changes).await?;
    reading.end().await?;
    if changes.is_empty() {
        return Ok(true);
    }
    let mut tx = store.begin_projection().await?;
    tx.lock_buckets(of.0).await?;
    let next_turns: Vec<i64> = turns.iter().map(|turn| turn + 1).collect();
    if tx.turns_of_buckets(of.0).await? != next_turns {
        return Ok(false);
    }
    write(&mut tx, config, &folded, &changes).await?;
    tx.commit().await?;
    Ok(true)
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

/// Folds what has gathered, until what is left is what is being recorded at this moment.
pub async fn drain(store: &Store, config: &FoldConfig) -> Result<(), StoreError> {
    let next = Next { limit: CHANGES, oldest: OLDEST, ..Next::default() };
    while retry_on_conflict(|| fold_changes(store, config, &next)).await?.others > 0 {}
    Ok(())
}

/// Folds everything that waits, within a transaction that has locked the projection.
pub async fn fold_all(tx: &mut Tx, config: &FoldConfig) -> Result<(), StoreError> {
    loop {
        let changes = tx.changes(None, CHANGES).await?;
        fold(tx, config, &changes).await?;
        if changes.len() < CHANGES as usize {
            return Ok(());
        }
    }
}

/// Folds these changes within a transaction that has locked their buckets.
async fn fold(tx: &mut Tx, config: &FoldConfig, changes: &[Change]) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let folded = read_and_fold(tx, config, changes).await?;
    write(tx, config, &folded, changes).await
}

/// What is to be written for these changes.
async fn read_and_fold(tx: &mut Tx, config: &FoldConfig, changes: &[Change]) -> Result<Difference, StoreError> {
    let mut folded = Difference::default();
    let mut since: HashMap<StreamKey, i64> = HashMap::new();
    let mut named: HashMap<StreamKey, Option<Vec<Uuid>>> = HashMap::new();
    for Change { stream, since: ts, ids, .. } in changes {
        let earliest = since.entry(*stream).or_insert(*ts);
        *earliest = (*earliest).min(*ts);
        match (named.entry(*stream).or_insert_with(|| Some(Vec::new())), ids) {
            (Some(named), Some(ids)) => named.extend(ids),
            (named, _) => *named = None,
        }
    }
    let streams: Vec<_> = since.iter().map(|(stream, since)| (*stream, *since)).collect();
    let last = tx.deployments_before(&streams).await?;
    let before_last: Vec<_> = last.iter().filter(|(_, start)| **start > 0).map(|(key, start)| (*key, *start)).collect();
    let before_last = tx.deployments_before(&before_last).await?;
    let start = |stream: &StreamKey| before_last.get(stream).or_else(|| last.get(stream)).copied().unwrap_or(0);
    let from: Vec<_> = streams.iter().map(|(stream, _)| (*stream, start(stream))).collect();
    let mut stored = tx.deployment_rows(&from).await?;
    let news = News { since: &since, recent_since: config.events.since() };
    let resumed = resume(tx, &resumable(&stored, &since, &last), &named, config, &news, &mut folded).await?;
    let rest = from.into_iter().filter(|(stream, _)| !resumed.contains(stream.as_slice()));
    let rest = rest.map(|(stream, since)| StepsOf { stream, since, ids: named.remove(&stream).flatten() }).collect();
    stored.retain(|row| !resumed.contains(&row.stream));
    folded.join(difference(tx, rest, stored, config, Some(&news)).await?);
    Ok(folded)
}

/// Writes what these changes have changed, within a transaction that has locked their buckets.
async fn write(tx: &mut Tx, config: &FoldConfig, folded: &Difference, changes: &[Change]) -> Result<(), StoreError> {
    folded.write(tx).await?;
    tx.put_events(&folded.told(config.events.since()), (config.events.now)()).await?;
    tx.remove_changes(changes).await
}
