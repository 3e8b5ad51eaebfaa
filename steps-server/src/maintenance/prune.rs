//! `steps-server prune`: deletes whole deployments that were over long ago.

use anyhow::Context as _;
use indicatif::ProgressBar;
use steps_shared::{Duration, Timestamp};
use tokio::time::Instant;
use uuid::Uuid;

use crate::projection::apply;
use crate::projection::config::FoldConfig;
use crate::store::{OldDeployment, Store, StoreError};

/// Deployments that are read in one transaction.
const DEPLOYMENTS: u32 = 100;
/// No further deployment is added to a transaction that deletes this many steps: on SQLite recording waits for it.
const STEPS: i32 = 1000;

/// What was, or would be, deleted.
#[derive(Debug, Default)]
struct Pruned {
    deployments: u64,
    steps: u64,
}

/// Deletes, or with `dry_run` counts, the deployments that were over `older_than` before `now`, a few at a time and with
/// pauses between, so that servers go on recording and folding.
///
/// # Errors
/// The database does not answer; what was deleted until then stays deleted.
pub async fn run(
    store: &Store,
    config: &FoldConfig,
    now: Timestamp,
    older_than: Duration,
    dry_run: bool,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let until = Timestamp::from_micros(now.micros() - older_than.micros()).ok();
    let until = until.with_context(|| format!("--older-than {older_than} reaches back before 1970"))?;
    let mut pruned = Pruned::default();
    let mut after = (0, Uuid::nil());
    loop {
        let began = Instant::now();
        let next = apply::retry_on_conflict(|| prune_some(store, config, after, until, dry_run));
        let Some((last, deployments, steps)) = next.await? else { break };
        after = last;
        pruned.deployments += deployments;
        pruned.steps += steps;
        bar.set_message(format!("{} deployments", pruned.deployments));
        bar.tick();
        tokio::time::sleep(began.elapsed()).await;
    }
    bar.finish_and_clear();
    let Pruned { deployments, steps } = pruned;
    let verb = if dry_run { "would delete" } else { "deleted" };
    println!("{verb} {deployments} deployments with {steps} steps that were over before {until}");
    Ok(())
}

/// Deletes, or counts, the first old deployments behind `after` in one transaction. Returns the last of them, and how many
/// deployments and steps they were; `None` at the end.
async fn prune_some(
    store: &Store,
    config: &FoldConfig,
    after: (i64, Uuid),
    until: Timestamp,
    dry_run: bool,
) -> Result<Option<((i64, Uuid), u64, u64)>, StoreError> {
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    // Waiting changes may belong to one of the deployments to be deleted.
    apply::fold_all(&mut tx, config).await?;
    let old = fit_transaction(tx.deployments_until(after, until.micros(), DEPLOYMENTS).await?);
    let Some(last) = old.last() else { return Ok(None) };
    let steps = match dry_run {
        true => old.iter().map(|deployment| u64::from(deployment.steps.unsigned_abs())).sum(),
        false => tx.delete_deployments(&old).await?,
    };
    tx.commit().await?;
    Ok(Some(((last.started_at, last.id), old.len() as u64, steps)))
}

/// The first of them, as many as one transaction deletes: at least one.
fn fit_transaction(mut old: Vec<OldDeployment>) -> Vec<OldDeployment> {
    let mut steps = 0;
    let fitting = old.iter().take_while(|deployment| {
        let room = steps < STEPS;
        steps = deployment.steps.saturating_add(steps);
        room
    });
    let fitting = fitting.count();
    old.truncate(fitting);
    old
}
