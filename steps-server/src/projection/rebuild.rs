//! Folds everything again from the recorded steps, or compares everything with such a fold.

use super::apply::{drain, fold_all, retry_on_conflict};
use super::config::FoldConfig;
use super::difference::{Difference, difference};
use crate::store::{NewEvent, Store, StoreError, StreamKey};

/// Streams that are folded in one transaction.
const STREAMS: u32 = 100;

/// Folds everything from scratch. `progress` hears how many streams are done, and what differed in the last ones.
/// It is safe while servers record and fold.
pub async fn rebuild(
    store: &Store,
    config: &FoldConfig,
    mut progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    let mut differ = 0;
    // Whatever has changed deployments may have known nothing of days; they are packed again by and by.
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    tx.forget_days().await?;
    tx.commit().await?;
    walk(store, config, true, |streams, difference| {
        differ += difference.deployments();
        progress(streams, difference);
    })
    .await?;
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    // An event for each deployment would tell a whole history to whoever watches.
    if differ > 0 {
        tx.put_events(&[NewEvent::Reset], (config.events.now)()).await?;
    }
    tx.set_fold_config(&config.fingerprint()).await?;
    tx.commit().await
}

/// Compares everything with a fold from scratch, after what waits to be folded has been.
pub async fn verify(
    store: &Store,
    config: &FoldConfig,
    progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    drain(store, config).await?;
    walk(store, config, false, progress).await
}

/// Folds everything again when the stored deployments were folded by other rules, as after an upgrade or with other words.
pub async fn rebuild_if_outdated(store: &Store, config: &FoldConfig) -> Result<(), StoreError> {
    let stored = store.fold_config().await?;
    if stored == config.fingerprint() {
        return Ok(());
    }
    if !stored.is_empty() {
        tracing::info!("the rules for deployments have changed; folding all of them again, while serving");
    }
    let mut streams = 0;
    rebuild(store, config, |done, _| streams = done).await?;
    if !stored.is_empty() {
        tracing::info!(streams, "all deployments are folded by the present rules");
    }
    Ok(())
}

/// Goes through all streams in the order of their keys.
async fn walk(
    store: &Store,
    config: &FoldConfig,
    write: bool,
    mut progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    let (mut after, mut done) = (None, 0);
    while let Some((last, streams, difference)) = retry_on_conflict(|| refold(store, config, after, write)).await? {
        done += streams;
        progress(done, &difference);
        after = Some(last);
    }
    Ok(())
}

/// Folds the next streams after `after` from scratch, and writes what differs when told to. Returns the last of them,
/// how many they were, and what differed; `None` at the end.
async fn refold(
    store: &Store,
    config: &FoldConfig,
    after: Option<StreamKey>,
    write: bool,
) -> Result<Option<(StreamKey, usize, Difference)>, StoreError> {
    let streams = store.streams_after(after, STREAMS).await?;
    let Some(last) = streams.last().copied() else { return Ok(None) };
    let from: Vec<_> = streams.iter().map(|stream| (*stream, 0)).collect();
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    // What was recorded meanwhile is no difference. It is all in what this transaction sees, or none of it is.
    fold_all(&mut tx, config).await?;
    let stored = tx.deployment_rows(&from).await?;
    let difference = difference(&mut tx, &from, stored, config, None).await?;
    if write {
        difference.write(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(Some((last, streams.len(), difference)))
}
