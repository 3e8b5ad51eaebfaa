//! Goes on with the fold of running deployments. What was recorded of one after a moment is read from its steps; all before that is
//! known from its timeline, and of a long one only what still matters: whether it had its start, whether it is spans alone that have
//! all ended, and which step ends when the next one begins.

use std::collections::{HashMap, HashSet};

use steps_shared::StatusKind;
use uuid::Uuid;

use super::config::FoldConfig;
use super::difference::{Difference, deployment_row, entry, fold_step, folded, numbered};
use super::fold::{self, FoldStep};
use super::news::{News, told_steps};
use crate::store::{
    DeploymentRow, Entry, FoldRow, NewEvent, PartRow, StepsOf, StoreError, StreamKey, Tx, pack, unpack,
};

/// A deployment that is running, and the newest of its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running<'a> {
    whole: &'a DeploymentRow,
    /// Nothing of it has changed before this moment.
    since: i64,
    /// Whether no other one of its stream can be different because of it.
    is_alone: bool,
}

/// The newest deployments that are running and changed only behind their first step; of a run, only one that is all that its stream
/// has, because what one attempt repeats depends on the others.
pub(super) fn resumable<'a>(
    stored: &'a [DeploymentRow],
    since: &HashMap<StreamKey, i64>,
    last: &HashMap<StreamKey, i64>,
) -> Vec<Running<'a>> {
    let mut newest: HashMap<&[u8], (&DeploymentRow, usize)> = HashMap::new();
    for row in stored {
        let (newest, count) = newest.entry(&row.stream).or_insert((row, 0));
        *count += 1;
        if (row.started_at, row.id) > (newest.started_at, newest.id) {
            *newest = row;
        }
    }
    let resumable = |(row, count): (&'a DeploymentRow, usize)| {
        let stream = StreamKey::try_from(row.stream.as_slice()).ok()?;
        let since = *since.get(&stream)?;
        let is_alone = count == 1;
        // `Tx::deployments_before` tells those of runs as 0.
        let is_of_run = last.get(&stream) == Some(&0);
        let is_resumable = row.open_until > 0 && since > row.started_at && (is_alone || !is_of_run);
        is_resumable.then_some(Running { whole: row, since, is_alone })
    };
    newest.into_values().filter_map(resumable).collect()
}

/// Goes on with the fold of these deployments, each from a moment on. Returns the streams of which that is all; the others must be
/// folded from the beginning of a deployment, as where it has ended.
///
/// `named` are the steps that were recorded of each stream; all others stand in its timelines.
pub(super) async fn resume(
    tx: &mut Tx,
    running: &[Running<'_>],
    named: &HashMap<StreamKey, Option<Vec<Uuid>>>,
    config: &FoldConfig,
    news: &News<'_>,
    difference: &mut Difference,
) -> Result<HashSet<Vec<u8>>, StoreError> {
    let mut read = Vec::new();
    let mut from = Vec::new();
    for it in running {
        let Ok(stream) = StreamKey::try_from(it.whole.stream.as_slice()) else { continue };
        let parts = Parts::since(tx, it.whole, it.since).await?;
        let Some(stored) = parts.entries(it.whole) else { continue };
        let later = stored.iter().filter(|entry| entry.ts >= it.since).map(|entry| entry.id);
        let ids = named.get(&stream).cloned().flatten().map(|named| named.into_iter().chain(later).collect());
        from.push(StepsOf { stream, since: it.since, ids });
        read.push((it, parts));
    }
    let rows = tx.fold_rows(&from).await?;
    let rows: HashMap<&[u8], &[FoldRow]> =
        rows.chunk_by(|one, next| one.stream == next.stream).map(|rows| (rows[0].stream.as_slice(), rows)).collect();
    let mut resumed = HashSet::new();
    for (&Running { whole, since, is_alone }, parts) in read {
        let Some(rows) = rows.get(whole.stream.as_slice()) else { continue };
        let going_on = GoingOn { whole, since, is_alone, rows, config };
        let Some(parts) = parts.enough(tx, &going_on).await? else { continue };
        let goes_on = parts.first > 0 && going_on.at_its_end(&parts, news, difference).is_some();
        // It may be over, which all of its timeline can tell.
        if goes_on || going_on.as_a_whole(&parts.all(tx, whole).await?, news, difference).is_some() {
            resumed.insert(whole.stream.clone());
        }
    }
    Ok(resumed)
}

/// The end of the timeline of a deployment.
struct Parts {
    /// The first part of it.
    first: i32,
    /// The parts from there on, but for the one that stands with the deployment.
    rows: Vec<PartRow>,
}

impl Parts {
    /// From the last one on that began before a moment.
    async fn since(tx: &mut Tx, whole: &DeploymentRow, since: i64) -> Result<Self, StoreError> {
        if whole.parts == 0 {
            return Ok(Self { first: 0, rows: Vec::new() });
        }
        let first = tx.part_before(whole.id, since).await?;
        Self::from(tx, whole, first).await
    }

    /// From one on.
    async fn from(tx: &mut Tx, whole: &DeploymentRow, first: i32) -> Result<Self, StoreError> {
        Ok(Self { first, rows: tx.parts(&[(whole.id, first.max(1))]).await? })
    }

    /// These, and as many before them as are needed to go on; `None` where the timeline cannot be read.
    async fn enough(mut self, tx: &mut Tx, going_on: &GoingOn<'_>) -> Result<Option<Self>, StoreError> {
        let mut back = 1;
        while self.first > 0 {
            let Some(stored) = self.entries(going_on.whole) else { return Ok(None) };
            if going_on.is_enough(&stored) {
                break;
            }
            self = Self::from(tx, going_on.whole, (self.first - back).max(0)).await?;
            back *= 4;
        }
        Ok(Some(self))
    }

    /// All parts.
    async fn all(self, tx: &mut Tx, whole: &DeploymentRow) -> Result<Self, StoreError> {
        match self.first {
            0 => Ok(self),
            _ => Self::from(tx, whole, 0).await,
        }
    }

    /// The steps of these parts; `None` where they cannot be read.
    fn entries<'a>(&'a self, whole: &'a DeploymentRow) -> Option<Vec<Entry<'a>>> {
        let first = if self.first == 0 { Some(whole.timeline.as_deref()?) } else { None };
        let rows = self.rows.iter().filter(|row| row.nth <= whole.parts).map(|row| row.part.data.as_slice());
        let unpacked: Result<Vec<_>, _> = first.into_iter().chain(rows).map(unpack).collect();
        Some(unpacked.ok()?.concat())
    }
}

/// A deployment that goes on.
struct GoingOn<'a> {
    whole: &'a DeploymentRow,
    since: i64,
    is_alone: bool,
    /// The steps of its stream since then.
    rows: &'a [FoldRow],
    config: &'a FoldConfig,
}

impl GoingOn<'_> {
    /// Whether these last steps of the timeline are enough, so that all before them need not be looked at.
    fn is_enough(&self, stored: &[Entry<'_>]) -> bool {
        let known: HashSet<Uuid> = stored.iter().map(|entry| entry.id).collect();
        let ends_another = self.rows.iter().any(|row| !row.span && !known.contains(&row.id));
        let has_last = self.before(stored).any(|entry| !entry.span);
        (!ends_another || has_last) && (has_last || self.holds_open().is_some() || !self.rows.iter().all(has_ended))
    }

    /// The steps of these that nothing has changed.
    fn before<'e>(&self, stored: &'e [Entry<'e>]) -> impl DoubleEndedIterator<Item = &'e Entry<'e>> + use<'e> {
        let since = self.since;
        stored.iter().filter(move |entry| entry.ts < since)
    }

    /// One of its first steps that alone says that it is not over: one that is no span, or has not ended.
    fn holds_open(&self) -> Option<Entry<'_>> {
        let first = unpack(self.whole.timeline.as_deref()?).ok()?;
        first.into_iter().find(|entry| entry.ts < self.since && (!entry.span || entry.ended_at.is_none()))
    }

    /// Goes on with the fold where the deployment is still running, given the last parts of its timeline; `None`, with nothing added
    /// to `difference`, where that is not enough.
    fn at_its_end(&self, parts: &Parts, news: &News<'_>, difference: &mut Difference) -> Option<()> {
        let Self { whole, rows, config, .. } = self;
        let stored = &self.unmoved(parts)?;
        let first = unpack(whole.timeline.as_deref()?).ok()?.into_iter().next()?;
        let last = self.before(stored).rfind(|entry| !entry.span).copied();
        let open = self.holds_open().filter(|entry| last.is_none() && entry.id != first.id);
        let before: Vec<FoldRow> =
            [Some(first), open, last].iter().flatten().map(|entry| self.row(entry, false)).collect();
        let known: HashSet<Uuid> = stored.iter().map(|entry| entry.id).chain(before.iter().map(|row| row.id)).collect();
        let own: Vec<&FoldRow> = before.iter().chain(*rows).collect();
        let steps: Vec<FoldStep> = own.iter().map(|row| self.step(row, known.contains(&row.id))).collect();
        let has_run = rows.iter().any(|row| row.has_run);
        if self.has_end(&before) || (has_run && !steps[before.len()..].iter().all(|step| self.is_same_job(step))) {
            return None;
        }
        let folded = fold::fold(&steps, false, config.rules);
        let [deployment] = folded.as_slice() else { return None };
        if deployment.ended_at.is_some() {
            return None;
        }
        difference.events.extend(self.new_steps(stored, news).map(NewEvent::Step));
        let own: Vec<&FoldRow> = deployment.steps.iter().map(|at| own[*at]).collect();
        let since = own.partition_point(|row| row.ts < self.since);
        if since == own.len() {
            return Some(());
        }
        let mut row = deployment_row(&own, deployment, &HashMap::new())?;
        (row.excluded, row.counted) = (whole.excluded.clone(), whole.counted);
        (row.attempt, row.retry) = (whole.attempt, whole.retry.clone());
        row.open_until = row.open_until.max(self.was_open_until());
        let added = own[since..].iter().filter(|row| !known.contains(&row.id)).count();
        row.steps = whole.steps.saturating_add(i32::try_from(added).unwrap_or(i32::MAX));
        let mut entries = own.into_iter().zip(&deployment.derived).map(entry);
        let last = entries.by_ref().take(since).last();
        let settled = self.before(stored).map(|stored| last.filter(|last| last.id == stored.id).unwrap_or(*stored));
        let packed = numbered(whole.id, parts.first, pack(settled.chain(entries)));
        row.timeline.clone_from(&whole.timeline);
        row.parts = packed.last().map_or(parts.first - 1, |last| last.nth);
        difference.add(Some(whole), row, packed, &parts.rows);
        Some(())
    }

    /// Folds all of it again, given its whole timeline: it may have ended, and others may have begun behind it. `None`, with nothing
    /// added to `difference`, where the timeline does not say enough.
    fn as_a_whole(&self, parts: &Parts, news: &News<'_>, difference: &mut Difference) -> Option<()> {
        let Self { whole, rows, config, .. } = self;
        let stored = &self.unmoved(parts)?;
        let has_run = rows.iter().any(|row| row.has_run);
        let before: Vec<FoldRow> = self.before(stored).map(|entry| self.row(entry, has_run)).collect();
        // Which of its steps said their attempt is not known; it makes a difference where jobs end.
        let same_job = |row: &FoldRow| self.is_same_job(&fold_step(row, config));
        if has_run && whole.attempt.is_some() && (self.has_end(&before) || !rows.iter().all(same_job)) {
            return None;
        }
        let steps: Vec<FoldRow> = before.into_iter().chain(rows.iter().cloned()).collect();
        let folded = folded(&steps, config, &HashMap::new());
        let (first, _) = folded.first()?;
        let is_over = folded.len() > 1 || first.open_until == 0;
        // An end may say something of the deployment before it; and which of several somebody has excluded is said by its steps.
        if first.id != whole.id || (is_over && !self.is_alone) || (folded.len() > 1 && whole.excluded.is_some()) {
            return None;
        }
        difference.events.extend(self.new_steps(stored, news).map(NewEvent::Step));
        for (mut row, packed) in folded {
            if row.id == whole.id {
                (row.excluded, row.counted) = (whole.excluded.clone(), whole.counted);
                difference.add(Some(whole), row, packed, &parts.rows);
            } else {
                difference.add(None, row, packed, &[]);
            }
        }
        Some(())
    }

    /// The steps of these parts, where none of them has moved: one that began earlier than it was said to may have been the last.
    fn unmoved<'p>(&'p self, parts: &'p Parts) -> Option<Vec<Entry<'p>>> {
        let stored = parts.entries(self.whole)?;
        let rows: HashMap<Uuid, i64> = self.rows.iter().map(|row| (row.id, row.ts)).collect();
        let has_moved = |entry: &Entry<'_>| entry.ts >= self.since && rows.get(&entry.id) != Some(&entry.ts);
        (!stored.iter().any(has_moved)).then_some(stored)
    }

    /// Whether one of these ends something: a job, or what began only later by another clock.
    fn has_end(&self, rows: &[FoldRow]) -> bool {
        rows.iter().any(|row| fold_step(row, self.config).kind.outcome().is_some())
    }

    /// A step of the timeline as it was read when it was folded.
    fn row(&self, entry: &Entry<'_>, has_run: bool) -> FoldRow {
        FoldRow {
            id: entry.id,
            stream: self.whole.stream.clone(),
            status: entry.status.to_owned(),
            owner: self.whole.owner.clone(),
            ts: entry.ts,
            has_run,
            attempt: self.whole.attempt.filter(|_| has_run),
            span: entry.span,
            finished_at: entry.ended_at.filter(|_| entry.span),
            outcome: entry.result.filter(|_| entry.span).map(|result| result.name().to_owned()),
        }
    }

    /// A step as it is folded: that the deployment has had its start is said by its first step alone.
    fn step(&self, row: &FoldRow, is_known: bool) -> FoldStep {
        let step = fold_step(row, self.config);
        match step.kind {
            _ if row.id == self.whole.id && self.whole.has_start => FoldStep { kind: StatusKind::Start, ..step },
            StatusKind::Start if is_known => FoldStep { kind: StatusKind::Phase, ..step },
            _ => step,
        }
    }

    /// Whether a run only goes on with these steps: none begins or ends a job, or is of another attempt.
    fn is_same_job(&self, step: &FoldStep) -> bool {
        match step.kind {
            StatusKind::Phase | StatusKind::Waiting => {
                let attempt = self.whole.attempt.map_or(0, i64::from);
                step.attempt.is_none_or(|it| i64::from(it.number()) == attempt)
            }
            kind => kind == StatusKind::Ignored,
        }
    }

    /// Those of its steps that were not folded before.
    fn new_steps(&self, stored: &[Entry<'_>], news: &News<'_>) -> impl Iterator<Item = Uuid> {
        let told = told_steps(stored);
        self.rows.iter().filter(move |row| news.is_new(row, &told)).map(|row| row.id)
    }

    /// Until when it was running, had no span of it ended.
    fn was_open_until(&self) -> i64 {
        let abandoned = |ended_at: i64| ended_at.saturating_add(self.config.rules.abandon_after.micros());
        self.whole.ended_at.map_or(self.whole.open_until, abandoned)
    }
}

/// Whether a step is a span that was told to have ended.
fn has_ended(row: &FoldRow) -> bool {
    row.span && row.finished_at.is_some()
}

#[cfg(test)]
#[path = "resume_tests.rs"]
mod tests;
