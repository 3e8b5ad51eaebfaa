//! Where the stored deployments differ from the fold.

use std::collections::{HashMap, HashSet};

use steps_shared::{Retry, StepId, StepOutcome, Timestamp};
use uuid::Uuid;

use super::config::FoldConfig;
use super::fold::{self, DerivedStep, FoldStep, Folded, SpanEnd};
use super::news::{KnownSteps, News, is_recent, told_steps};
use super::statuses::{Statuses, normalized};
use crate::store::{
    DeploymentRow, Entry, FoldRow, NewEvent, Part, PartRow, StepsOf, StoreError, StreamKey, Tx, pack, unpack,
};

/// Where the stored deployments differ from the fold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Deployments that are stored and should not be.
    pub wrong: Vec<Uuid>,
    /// Deployments that should be stored, and are not, or not like this.
    pub right: Vec<DeploymentRow>,
    /// Further parts of their timelines that should be stored, and are not.
    pub(super) parts: Vec<PartRow>,
    /// Deployments whose first step began earlier than it was said to: those of [`Difference::right`] that leave a day.
    moved: Vec<Uuid>,
    /// The last part of the timelines that have become shorter.
    pub(super) ends: Vec<(Uuid, i32)>,
    /// What is told of it, but for the deployments in `right`.
    pub(super) events: Vec<NewEvent>,
}

impl Difference {
    /// How many deployments differ.
    #[must_use]
    pub fn deployments(&self) -> usize {
        self.wrong.len() + self.right.len()
    }

    /// Adds a deployment that differs from the stored one, or whose further parts do: `parts` as they should be, `stored_parts`
    /// as they are.
    pub(super) fn add(
        &mut self,
        stored: Option<&DeploymentRow>,
        row: DeploymentRow,
        parts: Vec<PartRow>,
        stored_parts: &[PartRow],
    ) {
        let parts: Vec<PartRow> = parts.into_iter().filter(|part| !stored_parts.contains(part)).collect();
        if parts.is_empty() && stored == Some(&row) {
            return;
        }
        if stored.is_some_and(|stored| stored.started_at != row.started_at) {
            self.moved.push(row.id);
        }
        if stored.is_some_and(|stored| stored.parts > row.parts) {
            self.ends.push((row.id, row.parts));
        }
        self.parts.extend(parts);
        self.right.push(row);
    }

    /// Adds those of other streams.
    pub(super) fn join(&mut self, other: Self) {
        let Self { wrong, right, parts, moved, ends, events } = other;
        self.wrong.extend(wrong);
        self.right.extend(right);
        self.parts.extend(parts);
        self.moved.extend(moved);
        self.ends.extend(ends);
        self.events.extend(events);
    }

    /// What is told of it: steps first, so that who hears of a deployment has heard of its steps.
    pub(super) fn told(&self, since: Timestamp) -> Vec<NewEvent> {
        let is_recent = |row: &&DeploymentRow| is_recent(row, since);
        let deployments = self.right.iter().filter(is_recent).map(|row| NewEvent::Deployment(row.id));
        self.events.iter().copied().chain(deployments).collect()
    }

    /// Stores what the fold says.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.remove_deployments(&self.wrong).await?;
        tx.mark_days_of(&self.moved).await?;
        tx.put_deployments(&self.right).await?;
        tx.put_parts(&self.parts).await?;
        for (deployment, last) in &self.ends {
            tx.remove_parts(*deployment, *last).await?;
        }
        Ok(())
    }
}

/// Folds streams from a moment each, at which a deployment must begin, and compares with what is stored from there on. The steps are
/// those that `from` names and those that stand in the stored timelines.
pub(super) async fn difference(
    tx: &mut Tx,
    mut from: Vec<StepsOf>,
    stored: Vec<DeploymentRow>,
    config: &FoldConfig,
    news: Option<&News<'_>>,
) -> Result<Difference, StoreError> {
    // What belongs to the deployment before may have the very moment of the first one's beginning.
    let mut first: HashMap<&[u8], (i64, Uuid)> = HashMap::new();
    for row in &stored {
        let first = first.entry(&row.stream).or_insert((row.started_at, row.id));
        *first = (row.started_at, row.id).min(*first);
    }
    let long: Vec<_> = stored.iter().filter(|row| row.parts > 0).map(|row| (row.id, 1)).collect();
    let mut stored_parts: HashMap<Uuid, Vec<PartRow>> = HashMap::new();
    for part in tx.parts(&long).await? {
        stored_parts.entry(part.deployment).or_default().push(part);
    }
    let timelines: Vec<_> = stored.iter().map(|row| (row, stored_entries(row, &stored_parts))).collect();
    add_stored(&mut from, &timelines);
    // What cannot be read is folded anew, and told again.
    let known: KnownSteps = match news {
        Some(_) => {
            timelines.iter().flat_map(|(_, parts)| parts.iter().flatten()).flat_map(|part| told_steps(part)).collect()
        }
        None => KnownSteps::new(),
    };
    drop(timelines);
    let mut rows = tx.fold_rows(&from).await?;
    let from_scratch: HashSet<&[u8]> = from.iter().filter(|of| of.since == 0).map(|of| of.stream.as_slice()).collect();
    rows.retain(|row| {
        from_scratch.contains(row.stream.as_slice())
            || first.get(row.stream.as_slice()).is_none_or(|first| (row.ts, row.id) >= *first)
    });
    let exclusions = tx.exclusions(&from).await?;
    let mut difference = Difference::default();
    if let Some(news) = news {
        difference.events.extend(rows.iter().filter(|row| news.is_new(row, &known)).map(|row| NewEvent::Step(row.id)));
    }
    let mut stored: HashMap<Uuid, DeploymentRow> = stored.into_iter().map(|row| (row.id, row)).collect();
    for rows in rows.chunk_by(|one, next| one.stream == next.stream) {
        for (row, parts) in folded(rows, config, &exclusions) {
            let stored_parts = stored_parts.get(&row.id).map_or(&[][..], Vec::as_slice);
            difference.add(stored.remove(&row.id).as_ref(), row, parts, stored_parts);
        }
    }
    if let Some(news) = news {
        let gone = stored.values().filter(|row| is_recent(row, news.recent_since));
        difference.events.extend(gone.map(|row| NewEvent::Deployment(row.id)));
    }
    difference.wrong = stored.into_keys().collect();
    Ok(difference)
}

/// The steps of a stored timeline, part by part; `None` where a part cannot be read, or the version before has folded the deployment.
fn stored_entries<'a>(row: &'a DeploymentRow, parts: &'a HashMap<Uuid, Vec<PartRow>>) -> Vec<Option<Vec<Entry<'a>>>> {
    let first = row.timeline.as_deref().and_then(|data| unpack(data).ok());
    let further = parts.get(&row.id).into_iter().flatten().map(|part| unpack(&part.part.data).ok());
    std::iter::once(first).chain(further).collect()
}

/// Adds the steps of the stored timelines to those that are read. Where one is not known, those of its stream must be looked for.
fn add_stored(from: &mut [StepsOf], timelines: &[(&DeploymentRow, Vec<Option<Vec<Entry<'_>>>>)]) {
    let mut from: HashMap<StreamKey, &mut StepsOf> = from.iter_mut().map(|of| (of.stream, of)).collect();
    for (row, parts) in timelines {
        let stream = StreamKey::try_from(row.stream.as_slice()).ok();
        let Some(of) = stream.and_then(|stream| from.get_mut(&stream)) else { continue };
        let parts: Option<Vec<_>> = parts.iter().map(Option::as_deref).collect();
        match (&mut of.ids, parts) {
            (Some(ids), Some(parts)) => ids.extend(parts.into_iter().flatten().map(|entry| entry.id)),
            (ids, _) => *ids = None,
        }
    }
}

/// The deployments of one stream as they are stored, each with the further parts of its timeline. The steps are in order.
pub(super) fn folded(
    rows: &[FoldRow],
    config: &FoldConfig,
    exclusions: &HashMap<Uuid, String>,
) -> Vec<(DeploymentRow, Vec<PartRow>)> {
    let steps: Vec<FoldStep> = rows.iter().map(|row| fold_step(row, config)).collect();
    let has_run = rows.iter().any(|row| row.has_run);
    let stored = |deployment: Folded| {
        let own: Vec<&FoldRow> = deployment.steps.iter().map(|at| &rows[*at]).collect();
        let row = deployment_row(&own, &deployment, exclusions)?;
        Some(with_timeline(row, own.into_iter().zip(&deployment.derived).map(entry)))
    };
    fold::fold(&steps, has_run, config.rules).into_iter().filter_map(stored).collect()
}

/// A step of a timeline.
pub(super) fn entry<'a>((row, derived): (&'a FoldRow, &DerivedStep)) -> Entry<'a> {
    let DerivedStep { ended_at, outcome: result } = *derived;
    let ended_at = ended_at.map(Timestamp::micros);
    Entry { id: row.id, ts: row.ts, status: &row.status, span: row.span, ended_at, result }
}

/// A deployment with the first part of its timeline, and the further parts.
fn with_timeline<'a>(
    row: DeploymentRow,
    entries: impl IntoIterator<Item = Entry<'a>>,
) -> (DeploymentRow, Vec<PartRow>) {
    let mut parts = pack(entries).into_iter();
    let timeline = parts.next().map(|part| part.data);
    let parts = numbered(row.id, 1, parts);
    (DeploymentRow { timeline, parts: i32::try_from(parts.len()).unwrap_or(i32::MAX), ..row }, parts)
}

/// Parts of a timeline from a number on.
pub(super) fn numbered(deployment: Uuid, first: i32, parts: impl IntoIterator<Item = Part>) -> Vec<PartRow> {
    (first..).zip(parts).map(|(nth, part)| PartRow { deployment, nth, part }).collect()
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

/// A deployment as it is stored, without its timeline; `None` when it has no steps, which the fold never makes.
pub(super) fn deployment_row(
    own: &[&FoldRow],
    folded: &Folded,
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
        last_ts: last.ts,
        steps: i32::try_from(own.len()).unwrap_or(i32::MAX),
        timeline: None,
        parts: 0,
    })
}
