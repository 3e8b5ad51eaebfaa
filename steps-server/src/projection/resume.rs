//! Goes on with the fold of long running deployments: the first step and the tail stand for all that was folded before.

use std::collections::HashMap;

use steps_shared::StatusKind;
use uuid::Uuid;

use super::config::FoldConfig;
use super::difference::{Difference, deployment_row, fold_step};
use super::fold::{self, FoldStep};
use crate::store::{DeploymentRow, FoldRow, StoreError, StreamKey, Tx};

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
    difference: &mut Difference,
) -> Result<Vec<DeploymentRow>, StoreError> {
    let tails: Vec<_> =
        long.iter().filter_map(|row| Some((row.stream.as_slice().try_into().ok()?, row.tail_ts))).collect();
    let ids: Vec<Uuid> = long.iter().map(|row| row.id).collect();
    let tails = tx.fold_rows(&tails).await?;
    let firsts = tx.fold_rows_of(&ids).await?;
    let mut from_beginning = Vec::new();
    for whole in long {
        if resume_one(whole, &firsts, &tails, config, difference).is_none() {
            from_beginning.push(whole.clone());
        }
    }
    Ok(from_beginning)
}

/// Goes on with the fold of one deployment; `None`, with nothing added to `difference`, where that is not enough.
fn resume_one(
    whole: &DeploymentRow,
    firsts: &[FoldRow],
    tails: &[FoldRow],
    config: &FoldConfig,
    difference: &mut Difference,
) -> Option<()> {
    let first = firsts.iter().find(|row| row.id == whole.id)?;
    let behind = |row: &&FoldRow| row.stream == whole.stream && (row.ts, row.id) > (first.ts, first.id);
    let rows: Vec<&FoldRow> = std::iter::once(first).chain(tails.iter().filter(behind)).collect();
    let steps: Vec<FoldStep> = rows.iter().map(|row| short_step(row, whole, config)).collect();
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
    let known = if whole.tail_ts > whole.started_at {
        // What lies between the first step and the tail has its end, and is counted, already.
        let added = own.iter().filter(|row| row.deployment_id != Some(whole.id)).count();
        row.steps = whole.steps.saturating_add(i32::try_from(added).unwrap_or(i32::MAX));
        1
    } else {
        0
    };
    difference.add_ends(own.into_iter().skip(known), deployment.derived.iter().skip(known), Some(whole.id));
    difference.wrong.push(whole.id);
    difference.right.push(row);
    Some(())
}

/// The attempt of a deployment; 0 where it is not known.
fn attempt(whole: &DeploymentRow) -> i64 {
    whole.attempt.map_or(0, i64::from)
}

/// A step of a deployment of which only the first step and the tail are read: that it has had its start is known of the
/// whole, and said by its first step alone.
fn short_step(row: &FoldRow, whole: &DeploymentRow, config: &FoldConfig) -> FoldStep {
    let step = fold_step(row, config);
    match step.kind {
        _ if row.id == whole.id && whole.has_start => FoldStep { kind: StatusKind::Start, ..step },
        StatusKind::Start if row.deployment_id == Some(whole.id) => FoldStep { kind: StatusKind::Phase, ..step },
        _ => step,
    }
}
