//! Where the stored deployments differ from the fold.

use std::collections::{HashMap, HashSet};

use steps_shared::{Retry, StepId, StepOutcome, Timestamp};
use uuid::Uuid;

use super::config::FoldConfig;
use super::fold::{self, DerivedStep, FoldStep, Folded, SpanEnd};
use super::statuses::{Statuses, normalized};
use crate::store::{DeploymentRow, FoldRow, StepEnd, StoreError, StreamKey, Tx};

/// Where the stored deployments differ from the fold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Steps with another end, outcome or deployment.
    pub ends: Vec<StepEnd>,
    /// Deployments that are stored and should not be, or not like this.
    pub wrong: Vec<Uuid>,
    /// Deployments that should be stored, and are not, or not like this.
    pub right: Vec<DeploymentRow>,
}

impl Difference {
    /// Adds those steps of a deployment of which something else is stored.
    pub(super) fn add_ends<'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a FoldRow>,
        derived: impl IntoIterator<Item = &'a DerivedStep>,
        deployment_id: Option<Uuid>,
    ) {
        for (row, DerivedStep { ended_at, outcome }) in rows.into_iter().zip(derived) {
            let end = StepEnd {
                id: row.id,
                ended_at: ended_at.map(Timestamp::micros),
                deployment_id,
                result: outcome.map(StepOutcome::name),
            };
            let stored = (row.ended_at, row.deployment_id, row.result.as_deref());
            if stored != (end.ended_at, end.deployment_id, end.result) {
                self.ends.push(end);
            }
        }
    }

    /// Stores what the fold says.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.set_ends(&self.ends).await?;
        tx.remove_deployments(&self.wrong).await?;
        tx.add_deployments(&self.right).await
    }
}

/// Folds streams from a moment each, at which a deployment must begin, and compares with what is stored from there on.
pub(super) async fn difference(
    tx: &mut Tx,
    from: &[(StreamKey, i64)],
    stored: Vec<DeploymentRow>,
    config: &FoldConfig,
) -> Result<Difference, StoreError> {
    // What belongs to the deployment before may have the very moment of the first one's beginning.
    let mut first: HashMap<&[u8], (i64, Uuid)> = HashMap::new();
    for row in &stored {
        let first = first.entry(&row.stream).or_insert((row.started_at, row.id));
        *first = (row.started_at, row.id).min(*first);
    }
    let from_scratch: HashSet<&[u8]> =
        from.iter().filter(|(_, since)| *since == 0).map(|(stream, _)| stream.as_slice()).collect();
    let mut rows = tx.fold_rows(from).await?;
    rows.retain(|row| {
        from_scratch.contains(row.stream.as_slice())
            || first.get(row.stream.as_slice()).is_none_or(|first| (row.ts, row.id) >= *first)
    });
    let exclusions = tx.exclusions(from).await?;
    let mut difference = Difference::default();
    let mut folded: HashMap<Uuid, DeploymentRow> = HashMap::new();
    for rows in rows.chunk_by(|one, next| one.stream == next.stream) {
        let steps: Vec<FoldStep> = rows.iter().map(|row| fold_step(row, config)).collect();
        let has_run = rows.iter().any(|row| row.has_run);
        let mut in_one = vec![false; rows.len()];
        for deployment in fold::fold(&steps, has_run, config.rules) {
            let own: Vec<&FoldRow> = deployment.steps.iter().map(|at| &rows[*at]).collect();
            deployment.steps.iter().for_each(|at| in_one[*at] = true);
            if let Some(row) = deployment_row(&own, &deployment, rows[deployment.tail].ts, &exclusions) {
                difference.add_ends(own, &deployment.derived, Some(row.id));
                folded.insert(row.id, row);
            }
        }
        let ignored = rows.iter().zip(in_one).filter(|(_, in_one)| !in_one).map(|(row, _)| row);
        difference.add_ends(ignored, std::iter::repeat(&DerivedStep::default()), None);
    }
    let mut kept = HashSet::new();
    for row in stored {
        if folded.get(&row.id) == Some(&row) {
            kept.insert(row.id);
        } else {
            difference.wrong.push(row.id);
        }
    }
    difference.right = folded.into_values().filter(|row| !kept.contains(&row.id)).collect();
    Ok(difference)
}

/// A step as the fold takes it.
pub(super) fn fold_step(row: &FoldRow, config: &FoldConfig) -> FoldStep {
    let moment = |micros: i64| Timestamp::from_micros(micros).unwrap_or_default();
    let outcome = row.outcome.as_deref().and_then(|outcome| outcome.parse().ok()).unwrap_or(StepOutcome::Succeeded);
    let status = normalized(&row.status);
    let kind = config.statuses.kind_of_word(&status, row.span);
    FoldStep {
        id: StepId(row.id),
        ts: moment(row.ts),
        status,
        kind,
        // Only an end can take something back.
        takes_back: kind.outcome().is_some() && Statuses::takes_back(&row.status),
        span: row.span.then(|| row.finished_at.map(|ended_at| SpanEnd { at: moment(ended_at), outcome })),
        attempt: row.attempt.and_then(|number| number.unsigned_abs().try_into().ok()),
    }
}

/// A deployment as it is stored; `None` when it has no steps, which the fold never makes.
pub(super) fn deployment_row(
    own: &[&FoldRow],
    folded: &Folded,
    tail_ts: i64,
    exclusions: &HashMap<Uuid, String>,
) -> Option<DeploymentRow> {
    let (first, last) = (own.first()?, own.last()?);
    let excluded = own.iter().find_map(|row| exclusions.get(&row.id)).cloned();
    let micros = |duration: Option<steps_shared::Duration>| duration.map(steps_shared::Duration::micros);
    Some(DeploymentRow {
        id: first.id,
        stream: first.stream.clone(),
        owner: first.owner.clone(),
        status: last.status.clone(),
        attempt: folded.attempt.and_then(|attempt| i32::try_from(attempt.number()).ok()),
        retry: folded.retry.map(|retry| retry.name().to_owned()),
        outcome: folded.outcome.name().to_owned(),
        open_until: folded.open_until.map_or(0, Timestamp::micros),
        started_at: first.ts,
        ended_at: folded.ended_at.map(Timestamp::micros),
        duration: micros(folded.duration),
        waiting: micros(folded.waiting),
        gaps: micros(folded.gaps),
        clocks_differ: folded.clocks_differ,
        looks_concurrent: folded.looks_concurrent,
        counted: excluded.is_none() && folded.retry != Some(Retry::Partial),
        excluded,
        has_start: folded.has_start,
        tail_ts,
        last_ts: last.ts,
        steps: i32::try_from(own.len()).unwrap_or(i32::MAX),
    })
}
