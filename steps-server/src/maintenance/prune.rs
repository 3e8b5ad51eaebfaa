//! `steps-server prune`: deletes whole deployments.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::ArgGroup;
use indicatif::ProgressBar;
use steps_shared::{Component, Duration, Environment, Run, Timestamp, Version};
use tokio::time::Instant;
use uuid::Uuid;

use crate::projection::apply;
use crate::projection::config::FoldConfig;
use crate::store::{Doomed, DoomedDeployment, Store, StoreError};

/// Deployments that are read in one transaction.
const DEPLOYMENTS: u32 = 100;
/// No further deployment is added to a transaction that deletes this many steps: on SQLite recording waits for it.
const STEPS: i32 = 1000;
/// Steps of no deployment that are deleted in one transaction.
const SINGLE_STEPS: u32 = 500;

/// What to delete.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["older_than", "component", "environment", "version", "run"]))]
pub struct PruneFlags {
    /// Only what was over so long ago, such as 2y, 90d or 26w
    #[arg(long, value_name = "DURATION")]
    older_than: Option<Duration>,
    /// Only of this component
    #[arg(long, value_name = "NAME")]
    component: Option<Component>,
    /// Only in this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<Environment>,
    /// Only of this version
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,
    /// Only of this CI run
    #[arg(long, value_name = "RUN")]
    run: Option<Run>,
    /// Count what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

/// What was, or would be, deleted.
#[derive(Debug, Default)]
struct Pruned {
    deployments: u64,
    steps: u64,
    /// Steps of no deployment.
    single_steps: u64,
    notes: u64,
}

impl PruneFlags {
    fn doomed(&self, now: Timestamp) -> anyhow::Result<Doomed> {
        let Self { older_than, component, environment, version, run, dry_run: _ } = self.clone();
        let until = |span: Duration| {
            let until = Timestamp::from_micros(now.micros() - span.micros()).ok();
            until.with_context(|| format!("--older-than {span} reaches back before 1970"))
        };
        Ok(Doomed { component, environment, version, run, until: older_than.map(until).transpose()? })
    }
}

/// Deletes, or with `--dry-run` counts, the deployments that are meant, a few at a time and with pauses between, so that
/// servers go on recording and folding.
///
/// # Errors
/// The database does not answer; what was deleted until then stays deleted.
pub async fn run(
    store: &Store,
    config: &FoldConfig,
    now: Timestamp,
    flags: PruneFlags,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let (doomed, dry_run) = (flags.doomed(now)?, flags.dry_run);
    let mut pruned = Pruned::default();
    let mut after = (0, Uuid::nil());
    loop {
        let began = Instant::now();
        let next = apply::retry_on_conflict(|| prune_some(store, config, &doomed, after, dry_run));
        let Some((last, deployments, steps)) = next.await? else { break };
        after = last;
        pruned.deployments += deployments;
        pruned.steps += steps;
        bar.set_message(format!("{} deployments", pruned.deployments));
        bar.tick();
        tokio::time::sleep(began.elapsed()).await;
    }
    after = (0, Uuid::nil());
    loop {
        let began = Instant::now();
        let next = apply::retry_on_conflict(|| prune_single_steps(store, config, &doomed, after, dry_run));
        let Some((last, steps)) = next.await? else { break };
        after = last;
        pruned.single_steps += steps;
        tokio::time::sleep(began.elapsed()).await;
    }
    pruned.notes = apply::retry_on_conflict(|| prune_notes(store, &doomed, dry_run)).await?;
    bar.finish_and_clear();
    println!("{}", pruned.told(&doomed, dry_run));
    Ok(())
}

impl Pruned {
    fn told(&self, doomed: &Doomed, dry_run: bool) -> String {
        let Self { deployments, steps, single_steps, notes } = self;
        let verb = if dry_run { "would delete" } else { "deleted" };
        let mut told = format!("{verb} {deployments} deployments with {steps} steps");
        // Writing to a text cannot fail.
        if *single_steps > 0 {
            let _ = write!(told, ", and {single_steps} steps of ignored statuses,");
        }
        if *notes > 0 {
            let _ = write!(told, ", and {notes} notes");
        }
        if let Some(until) = doomed.until {
            let _ = write!(told, " that were over before {until}");
        }
        told
    }
}

/// Deletes, or counts, the first of the deployments behind `after` in one transaction. Returns the last of them, and how many
/// deployments and steps they were; `None` at the end.
async fn prune_some(
    store: &Store,
    config: &FoldConfig,
    doomed: &Doomed,
    after: (i64, Uuid),
    dry_run: bool,
) -> Result<Option<((i64, Uuid), u64, u64)>, StoreError> {
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    // Waiting changes may belong to one of the deployments to be deleted.
    apply::fold_all(&mut tx, config).await?;
    let found = fit_transaction(tx.doomed_deployments(doomed, after, DEPLOYMENTS).await?);
    let Some(last) = found.last() else { return Ok(None) };
    let steps = match dry_run {
        true => found.iter().map(|deployment| u64::from(deployment.steps.unsigned_abs())).sum(),
        false => tx.delete_deployments(&found).await?,
    };
    tx.commit().await?;
    Ok(Some(((last.started_at, last.id), found.len() as u64, steps)))
}

/// Deletes, or counts, the first of the steps of no deployment behind `after`. Returns the last of them, and how many they
/// were; `None` at the end.
async fn prune_single_steps(
    store: &Store,
    config: &FoldConfig,
    doomed: &Doomed,
    after: (i64, Uuid),
    dry_run: bool,
) -> Result<Option<((i64, Uuid), u64)>, StoreError> {
    let mut tx = store.begin_projection().await?;
    tx.lock_projection().await?;
    // What has not been folded is of no deployment yet. All that this transaction sees is folded.
    apply::fold_all(&mut tx, config).await?;
    let found = tx.doomed_steps(doomed, after, SINGLE_STEPS).await?;
    let Some((last, _)) = found.last().copied() else { return Ok(None) };
    let single: Vec<Uuid> = found.iter().filter(|(_, single)| *single).map(|((_, id), _)| *id).collect();
    if !dry_run {
        tx.delete_steps(&single).await?;
    }
    tx.commit().await?;
    Ok(Some((last, single.len() as u64)))
}

/// Deletes, or counts, the notes that are meant: none where a version or a run is.
async fn prune_notes(store: &Store, doomed: &Doomed, dry_run: bool) -> Result<u64, StoreError> {
    if doomed.version.is_some() || doomed.run.is_some() {
        return Ok(0);
    }
    let mut tx = store.begin_projection().await?;
    if dry_run {
        return tx.count_doomed_notes(doomed).await;
    }
    let notes = tx.delete_doomed_notes(doomed).await?;
    tx.commit().await?;
    Ok(notes)
}

/// The first of them, as many as one transaction deletes: at least one.
fn fit_transaction(mut found: Vec<DoomedDeployment>) -> Vec<DoomedDeployment> {
    let mut steps = 0;
    let fitting = found.iter().take_while(|deployment| {
        let room = steps < STEPS;
        steps = deployment.steps.saturating_add(steps);
        room
    });
    let fitting = fitting.count();
    found.truncate(fitting);
    found
}
