//! Folds the streams that changed, and writes what differs from what is stored; one server at a time.
//!
//! In a stream without a run a fold begins at the last but one deployment that started before the change: nothing before it
//! can be different, and the last but one may turn out to have been at the same time. In a stream of a run it begins at the
//! beginning, because retries depend on what came before them. Where phases are added to a long deployment, only its first and
//! its last steps are read (`resume`). What the fold says is compared with what is stored, and only
//! differences are written.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::config::FoldConfig;
use super::difference::{Difference, difference};
use super::resume::{resumable, resume};
use crate::store::{Change, Store, StoreError, StreamKey, Tx};

/// Changes that are folded in one transaction: so few that a recorder on the same SQLite file waits only briefly.
pub const CHANGES: u32 = 400;
/// How often a command works again when other servers are in its way, and how long it pauses between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Folds the oldest changes; returns how many they were.
///
/// # Errors
/// The database does not answer, or another server folded at the same time.
pub async fn fold_changes(store: &Store, config: &FoldConfig) -> Result<usize, StoreError> {
    if store.last_change().await?.is_none() {
        return Ok(0);
    }
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    let folded = fold_waiting(&mut tx, config).await?;
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

/// Folds what has gathered, until what is left is what is being recorded at this moment.
pub async fn drain(store: &Store, config: &FoldConfig) -> Result<(), StoreError> {
    while retry_on_conflict(|| fold_changes(store, config)).await? == CHANGES as usize {}
    Ok(())
}

/// Folds everything that waits, within a transaction that has locked the projection.
pub async fn fold_all(tx: &mut Tx, config: &FoldConfig) -> Result<(), StoreError> {
    while fold_waiting(tx, config).await? == CHANGES as usize {}
    Ok(())
}

/// Folds the oldest changes within a transaction that has locked the projection.
async fn fold_waiting(tx: &mut Tx, config: &FoldConfig) -> Result<usize, StoreError> {
    let changes = tx.changes(CHANGES).await?;
    let mut since: HashMap<StreamKey, i64> = HashMap::new();
    for change in changes.iter().copied() {
        let Change { stream, since: ts, .. } = change;
        let earliest = since.entry(stream).or_insert(ts);
        *earliest = ts.min(*earliest);
    }
    let streams: Vec<_> = since.iter().map(|(stream, since)| (*stream, *since)).collect();
    let last = tx.deployments_before(&streams).await?;
    let before_last: Vec<_> = last.iter().filter(|(_, start)| **start > 0).map(|(key, start)| (*key, *start)).collect();
    let before_last = tx.deployments_before(&before_last).await?;
    let start = |stream: &StreamKey| before_last.get(stream).or_else(|| last.get(stream)).copied().unwrap_or(0);
    let mut from: Vec<_> = streams.iter().map(|(stream, _)| (*stream, start(stream))).collect();
    let mut stored = tx.deployment_rows(&from).await?;
    let long = resumable(&stored, &since, &last);
    let mut done = Difference::default();
    let from_beginning = resume(tx, &long, config, &mut done).await?;
    let resumed: HashSet<Vec<u8>> =
        long.iter().filter(|row| !from_beginning.contains(row)).map(|row| row.stream.clone()).collect();
    from.retain(|(stream, _)| !resumed.contains(stream.as_slice()));
    stored.retain(|row| !resumed.contains(&row.stream));
    done.write(tx).await?;
    difference(tx, &from, stored, config).await?.write(tx).await?;
    tx.remove_changes(&changes).await?;
    Ok(changes.len())
}
