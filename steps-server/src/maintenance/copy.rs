//! `steps-server copy`: everything that was recorded, from one database into another one, while servers go on recording into the
//! first.

use std::collections::HashSet;
use std::process::ExitCode;

use anyhow::Context as _;
use futures_util::stream::TryStreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};
use steps_shared::{Note, NoteQuery, StepId, Timestamp, TokenId};

use super::DIFFERENT;
use crate::projection::apply::{drain, retry_on_conflict};
use crate::projection::config::FoldConfig;
use crate::projection::rebuild::rebuild_if_outdated;
use crate::store::{
    Access, DatabaseUrl, EarlierStart, EndedSpan, NewRow, OpenOptions, Store, StoreError, StoredStep, Writes,
};

/// Steps that are read, and written in one transaction.
const STEPS: u32 = 1000;
/// So often everything is read again for what came meanwhile, before the copy is compared.
const PASSES: usize = 4;

/// What to copy.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct CopyFlags {
    /// The database to read [default: that of --database-url]. A flag is shown in the process list; STEPS_COPY_FROM is not
    #[arg(long, value_name = "URL", env = "STEPS_COPY_FROM", hide_env_values = true)]
    pub from: Option<DatabaseUrl>,
    /// The database to write; it must be there, and may be empty. STEPS_COPY_TO is not shown in the process list
    #[arg(long, value_name = "URL", env = "STEPS_COPY_TO", hide_env_values = true)]
    pub to: DatabaseUrl,
}

/// What a pass has done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Pass {
    read: u64,
    added: u64,
    changed: u64,
}

/// What a database holds, as far as it is copied.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    steps: u64,
    notes: usize,
    exclusions: usize,
    sha256: String,
}

/// Copies, folds the copy, and compares. What is there already is not written again, so that a copy which was broken off goes on.
///
/// # Errors
/// A database does not answer, or they are the same.
pub async fn run(
    flags: CopyFlags,
    mut options: OpenOptions,
    config: &FoldConfig,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    let from = flags.from.unwrap_or_else(|| options.url.clone());
    let file = |url: &DatabaseUrl| url.sqlite_file().map(|file| file.canonicalize().unwrap_or(file));
    if let Some(source) = file(&from) {
        // Opening it would make it.
        anyhow::ensure!(source.exists(), "--from names a file that is not there: {}", source.display());
    }
    let is_same = from == flags.to || (file(&from).is_some() && file(&from) == file(&flags.to));
    anyhow::ensure!(!is_same, "--from and --to are the same database");
    let mut open = async |url: &DatabaseUrl| {
        options.url = url.clone();
        Store::open(&options).await.with_context(|| format!("{url} cannot be opened"))
    };
    let (source, target) = (open(&from).await?, open(&flags.to).await?);
    let copied = copy(&source, &target, config, now).await;
    source.close().await;
    target.close().await;
    let (there, here) = copied?;
    if there == here {
        let Content { steps, notes, exclusions, sha256 } = here;
        println!(
            "{from} and {} are equal: {steps} steps, {notes} notes, {exclusions} exclusions, SHA-256 {sha256}",
            flags.to
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{from} has {} steps, {} notes and {} exclusions, {} has {}, {} and {}, or other ones: stop the servers that still record \
         into the first, and run this again. It copies what is missing",
        there.steps, there.notes, there.exclusions, flags.to, here.steps, here.notes, here.exclusions
    );
    Ok(ExitCode::from(DIFFERENT))
}

async fn copy(
    source: &Store,
    target: &Store,
    config: &FoldConfig,
    now: Timestamp,
) -> anyhow::Result<(Content, Content)> {
    let style =
        ProgressStyle::with_template("{spinner} {msg} {wide_bar} {human_pos} of {human_len} [{elapsed}, {eta} left]")?;
    let bar = ProgressBar::new(0).with_style(style);
    for number in 1..=PASSES {
        bar.set_message(if number == 1 { "copying" } else { "copying what came meanwhile" });
        bar.set_length(source.all_steps().await?);
        let pass = pass(source, target, &bar).await?;
        bar.suspend(|| {
            println!("pass {number}: {} steps read, {} copied, {} changed", pass.read, pass.added, pass.changed)
        });
        if pass.added + pass.changed == 0 {
            break;
        }
    }
    let exclusions = target.add_exclusions(&source.exclusion_rows().await?).await?;
    let notes = copy_notes(source, target, now).await?;
    let tokens = copy_tokens(source, target, &bar).await?;
    bar.suspend(|| println!("{notes} notes, {exclusions} exclusions and {tokens} tokens copied"));
    let spinner = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]")?;
    bar.set_style(spinner);
    bar.set_message("folding the copy into deployments");
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    drain(target, config).await?;
    rebuild_if_outdated(target, config).await?;
    bar.set_message("comparing");
    let there = content(source, now).await?;
    let here = content(target, now).await?;
    bar.finish_and_clear();
    Ok((there, here))
}

/// Goes through all steps once, and writes what the target has not, or has otherwise.
async fn pass(source: &Store, target: &Store, bar: &ProgressBar) -> Result<Pass, StoreError> {
    let mut pass = Pass::default();
    let mut after = None;
    bar.set_position(0);
    loop {
        let page = retry_on_conflict(|| source.steps_behind(after, STEPS)).await?;
        let Some(last) = page.last() else { return Ok(pass) };
        after = Some((last.step.ts.micros(), last.step.id.0));
        let (added, changed) = retry_on_conflict(|| put(target, &page)).await?;
        pass.read += page.len() as u64;
        pass.added += added as u64;
        pass.changed += changed as u64;
        bar.inc(page.len() as u64);
    }
}

/// Writes those of the steps that are missing, and what has changed of the others: an end, or an earlier start. How many each were.
async fn put(target: &Store, steps: &[StoredStep]) -> Result<(usize, usize), StoreError> {
    let ids: Vec<StepId> = steps.iter().map(|stored| stored.step.id).collect();
    let there = target.stored(&ids).await?;
    let mut writes = Writes::default();
    for StoredStep { step, aged } in steps {
        let Some(StoredStep { step: before, .. }) = there.get(&step.id) else {
            writes.steps.push(NewRow::new(step, *aged));
            continue;
        };
        if step.ts < before.ts {
            writes.earlier.push(EarlierStart::of(step));
        }
        if before.finish().is_none() {
            writes.ends.extend(EndedSpan::of(step));
        }
    }
    let counts = (writes.steps.len(), writes.earlier.len() + writes.ends.len());
    target.record(&writes).await?;
    Ok(counts)
}

async fn notes(store: &Store, now: Timestamp) -> Result<Vec<Note>, StoreError> {
    store.reader(&Access::Everything, now).notes(NoteQuery::default()).await?.try_concat().await
}

async fn copy_notes(source: &Store, target: &Store, now: Timestamp) -> Result<usize, StoreError> {
    let there: HashSet<StepId> = notes(target, now).await?.into_iter().map(|note| note.id).collect();
    let mut copied = 0;
    for note in notes(source, now).await?.iter().filter(|note| !there.contains(&note.id)) {
        target.insert_note(note).await?;
        copied += 1;
    }
    Ok(copied)
}

/// Copies tokens, and tells those which are valid in the target alone: they may have been revoked since they were copied.
async fn copy_tokens(source: &Store, target: &Store, bar: &ProgressBar) -> anyhow::Result<usize> {
    let (tokens, mut there) = (source.tokens().await?, target.tokens().await?);
    let known: HashSet<TokenId> = there.iter().map(|stored| stored.token.id).collect();
    let mut copied = 0;
    for stored in tokens.iter().filter(|stored| !known.contains(&stored.token.id)) {
        let name = &stored.token.name;
        target.insert_token(stored).await.with_context(|| format!("the token {name} cannot be copied"))?;
        copied += 1;
    }
    there.retain(|stored| tokens.iter().all(|other| other.token.id != stored.token.id));
    if !there.is_empty() {
        let names: Vec<String> = there.iter().map(|stored| stored.token.name.to_string()).collect();
        bar.suspend(|| {
            println!(
                "only the new database has the tokens {}: revoke them there if they should be gone",
                names.join(", ")
            )
        });
    }
    Ok(copied)
}

/// Counts and sums up all that is copied, tokens aside, in one order on every database.
async fn content(store: &Store, now: Timestamp) -> anyhow::Result<Content> {
    let mut sum = Sha256::new();
    let (mut steps, mut after) = (0, None);
    loop {
        let page = retry_on_conflict(|| store.steps_behind(after, STEPS)).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.step.ts.micros(), last.step.id.0));
        steps += page.len() as u64;
        for StoredStep { step, aged } in &page {
            sum.update(serde_json::to_vec(&(step, aged))?);
        }
    }
    let notes = notes(store, now).await?;
    sum.update(serde_json::to_vec(&notes)?);
    let exclusions = store.exclusion_rows().await?;
    for row in &exclusions {
        sum.update(serde_json::to_vec(&(row.id, &row.stream, row.step_id, &row.reason, &row.owner, row.ts))?);
    }
    let sha256 = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Content { steps, notes: notes.len(), exclusions: exclusions.len(), sha256 })
}
