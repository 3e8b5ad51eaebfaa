//! Goes on with the fold of long running deployments: the first step and the tail stand for all that was folded before.

use std::collections::{HashMap, HashSet};

use steps_shared::StatusKind;
use uuid::Uuid;

use super::config::FoldConfig;
use super::difference::{Difference, deployment_row, entry, fold_step, numbered};
use super::fold::{self, FoldStep};
use super::news::{News, told_steps};
use crate::store::{DeploymentRow, Entry, FoldRow, NewEvent, PartRow, StoreError, StreamKey, Tx, pack, unpack};

/// A running deployment with so many steps is not read again from its beginning when steps are added at its end.
const MIN_STEPS: i32 = 100;

/// The deployments that are long, running, and changed only behind their last step; of a run, only one that is all that its
/// stream has, because what one attempt repeats depends on the others.
pub(super) fn resumable(
    stored: &[DeploymentRow],
    since: &HashMap<StreamKey, i64>,
    last: &HashMap<StreamKey, i64>,
) -> Vec<DeploymentRow> {
    let mut newest: HashMap<&[u8], (&DeploymentRow, usize)> = HashMap::new();
    for row in stored {
        let (newest, count) = newest.entry(&row.stream).or_insert((row, 0));
        *count += 1;
        if (row.started_at, row.id) > (newest.started_at, newest.id) {
            *newest = row;
        }
    }
    let is_resumable = |(row, count): &(&DeploymentRow, usize)| {
        let Ok(stream) = StreamKey::try_from(row.stream.as_slice()) else { return false };
        // `Tx::deployments_before` tells those of runs as 0.
        let alone = *count == 1 || last.get(&stream) != Some(&0);
        let changed_behind = since.get(&stream).is_some_and(|since| *since > row.last_ts);
        row.open_until > 0 && row.ended_at.is_none() && row.steps >= MIN_STEPS && changed_behind && alone
    };
    newest.into_values().filter(is_resumable).map(|(row, _)| row.clone()).collect()
}

/// Goes on with the fold of these deployments. Returns those that must be folded from their beginning instead: they have ended
/// by it, and what is told of an ended deployment depends on all of its steps.
pub(super) async fn resume(
    tx: &mut Tx,
    long: &[DeploymentRow],
    config: &FoldConfig,
    news: &News<'_>,
    difference: &mut Difference,
) -> Result<Vec<DeploymentRow>, StoreError> {
    let tails: Vec<_> =
        long.iter().filter_map(|row| Some((row.stream.as_slice().try_into().ok()?, row.tail_ts))).collect();
    let ids: Vec<Uuid> = long.iter().map(|row| row.id).collect();
    let tails = tx.fold_rows(&tails).await?;
    let firsts = tx.fold_rows_of(&ids).await?;
    let mut from_beginning = Vec::new();
    for whole in long {
        let first = tx.part_before(whole.id, whole.tail_ts).await?;
        let parts = tx.parts(&[(whole.id, first.max(1))]).await?;
        let known = Known { whole, first, parts };
        if known.resume(&firsts, &tails, config, news, difference).is_none() {
            from_beginning.push(whole.clone());
        }
    }
    Ok(from_beginning)
}

/// What is stored of a deployment, with the parts of its timeline from the one on in which its tail begins.
struct Known<'a> {
    whole: &'a DeploymentRow,
    first: i32,
    parts: Vec<PartRow>,
}

impl Known<'_> {
    /// Goes on with the fold; `None`, with nothing added to `difference`, where that is not enough.
    fn resume(
        &self,
        firsts: &[FoldRow],
        tails: &[FoldRow],
        config: &FoldConfig,
        news: &News<'_>,
        difference: &mut Difference,
    ) -> Option<()> {
        let Self { whole, first: first_part, parts } = self;
        let stored = self.entries()?;
        let told = told_steps(&stored);
        let known: HashSet<Uuid> = stored.iter().map(|entry| entry.id).chain([whole.id]).collect();
        let first = firsts.iter().find(|row| row.id == whole.id)?;
        let behind = |row: &&FoldRow| row.stream == whole.stream && (row.ts, row.id) > (first.ts, first.id);
        let rows: Vec<&FoldRow> = std::iter::once(first).chain(tails.iter().filter(behind)).collect();
        let step = |row: &&FoldRow| short_step(row, whole, known.contains(&row.id), config);
        let steps: Vec<FoldStep> = rows.iter().map(step).collect();
        // In a run only a step that neither begins nor ends a job, nor has another attempt, changes nothing but the end of the
        // step before it.
        let goes_on = |step: &FoldStep| match step.kind {
            StatusKind::Phase | StatusKind::Waiting => {
                step.attempt.is_none_or(|it| i64::from(it.number()) == attempt(whole))
            }
            kind => kind == StatusKind::Ignored,
        };
        if first.has_run && !steps.iter().skip(1).all(goes_on) {
            return None;
        }
        let folded = fold::fold(&steps, false, config.rules);
        let [deployment] = folded.as_slice() else { return None };
        let own: Vec<&FoldRow> = deployment.steps.iter().map(|at| rows[*at]).collect();
        let row = deployment_row(&own, deployment, rows[deployment.tail].ts, &HashMap::new());
        let mut row = row.filter(|row| row.ended_at.is_none())?;
        (row.excluded, row.counted) = (whole.excluded.clone(), whole.counted);
        (row.attempt, row.retry) = (whole.attempt, whole.retry.clone());
        row.open_until = row.open_until.max(whole.open_until);
        let is_short = whole.tail_ts > whole.started_at;
        if is_short {
            // What lies between the first step and the tail has its end, and is counted, already.
            let added = own.iter().filter(|row| !known.contains(&row.id)).count();
            row.steps = whole.steps.saturating_add(i32::try_from(added).unwrap_or(i32::MAX));
        }
        let settled = stored.into_iter().filter(|entry| is_short && entry.ts < whole.tail_ts);
        let tail = own.into_iter().zip(&deployment.derived).skip(usize::from(is_short)).map(entry);
        let mut packed = pack(settled.chain(tail)).into_iter();
        row.timeline = if *first_part == 0 { packed.next().map(|part| part.data) } else { whole.timeline.clone() };
        let packed = numbered(whole.id, (*first_part).max(1), packed);
        row.parts = packed.last().map_or(first_part - 1, |last| last.nth).max(0);
        let new = tails.iter().filter(behind).filter(|row| news.is_new(row, &told));
        difference.events.extend(new.map(|row| NewEvent::Step(row.id)));
        difference.add(Some(whole), row, packed, parts);
        Some(())
    }

    /// The steps of those parts; `None` where they cannot be told.
    fn entries(&self) -> Option<Vec<Entry<'_>>> {
        let first = if self.first == 0 { Some(self.whole.timeline.as_deref()?) } else { None };
        let parts = self.parts.iter().filter(|row| row.nth <= self.whole.parts).map(|row| row.part.data.as_slice());
        let unpacked: Result<Vec<_>, _> = first.into_iter().chain(parts).map(unpack).collect();
        Some(unpacked.ok()?.concat())
    }
}

/// The attempt of a deployment; 0 where it is not known.
fn attempt(whole: &DeploymentRow) -> i64 {
    whole.attempt.map_or(0, i64::from)
}

/// A step of a deployment of which only the first step and the tail are read: that it has had its start is known of the
/// whole, and said by its first step alone.
fn short_step(row: &FoldRow, whole: &DeploymentRow, is_known: bool, config: &FoldConfig) -> FoldStep {
    let step = fold_step(row, config);
    match step.kind {
        _ if row.id == whole.id && whole.has_start => FoldStep { kind: StatusKind::Start, ..step },
        StatusKind::Start if is_known => FoldStep { kind: StatusKind::Phase, ..step },
        _ => step,
    }
}
