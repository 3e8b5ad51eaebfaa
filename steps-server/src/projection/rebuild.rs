//! Folds everything again from the recorded steps, or compares everything with such a fold.

use super::apply::{drain, fold_all, retry_on_conflict};
use super::config::FoldConfig;
use super::difference::{Difference, difference};
use crate::store::{NewEvent, StepsOf, Store, StoreError};

/// Streams that are folded in one transaction.
const STREAMS: usize = 100;

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

/// Goes through all streams.
async fn walk(
    store: &Store,
    config: &FoldConfig,
    write: bool,
    mut progress: impl FnMut(usize, &Difference),
) -> Result<(), StoreError> {
    let parts = store.parts_of_streams().await?;
    let mut done = 0;
    for part in 0..parts {
        let steps = store.steps_by_stream(part, parts).await?;
        let all = steps.into_iter().map(|(stream, ids)| StepsOf { stream, since: 0, ids: Some(ids) });
        let all: Vec<_> = all.collect();
        for streams in all.chunks(STREAMS) {
            let difference = retry_on_conflict(|| refold(store, config, streams, write)).await?;
            done += streams.len();
            progress(done, &difference);
        }
    }
    Ok(())
}

/// Folds streams from scratch, and writes what differs when told to. Returns what differed.
async fn refold(
    store: &Store,
    config: &FoldConfig,
    streams: &[StepsOf],
    write: bool,
) -> Result<Difference, StoreError> {
    let from: Vec<_> = streams.iter().map(|of| (of.stream, of.since)).collect();
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    // What was recorded meanwhile is no difference: it stands in the timelines by then. It is all in what this transaction sees, or none
    // of it is.
    fold_all(&mut tx, config).await?;
    let stored = tx.deployment_rows(&from).await?;
    let difference = difference(&mut tx, streams.to_vec(), stored, config, None).await?;
    if write {
        difference.write(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(difference)
}
