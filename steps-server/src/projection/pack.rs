//! Packs the deployments of each day that is over, so that figures of a long time read few rows.

use steps_shared::Timestamp;

use super::config::FoldConfig;
use crate::store::{Store, StoreError, buckets_of_days, day_of};

/// Packs some days: those that have changed, or the next ones. The present day and the one before it are not packed, because
/// they still change. Returns whether there may be more.
///
/// # Errors
/// The database does not answer, or another server packed the same at the same time.
pub async fn pack_some(store: &Store, config: &FoldConfig, now: Timestamp) -> Result<bool, StoreError> {
    let (rules, packed_until) = store.packed_until().await?;
    if rules != config.fingerprint() {
        // All of it is being folded again.
        return Ok(false);
    }
    let changed = store.changed_days().await?;
    if !changed.is_empty() {
        let mut tx = store.begin_projection().await?;
        tx.lock_buckets(&buckets_of_days(&changed)).await?;
        tx.pack_days(&changed).await?;
        tx.commit().await?;
        return Ok(true);
    }
    let end = day_of(now.micros()) - 1;
    if packed_until >= end {
        return Ok(false);
    }
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    let more = tx.pack_next_days(end).await?;
    tx.commit().await?;
    Ok(more)
}
