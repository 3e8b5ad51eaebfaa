//! Trends: what is read for them, and in which order. What is computed is in [`crate::analysis`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use steps_shared::{
    Bound, Cause, DEFAULT_LOOKBACK, Deployment, Duration, FieldError, FieldErrors, Growth, LevelChange, SinceChange,
    StatusKind, StepId, Timestamp, Trend, TrendAnswer, TrendQuery, Verdict, VersionRange,
};

use super::remembered::{Answer, Question, Times};
use super::{App, Error};
use crate::analysis::cause::compared;
use crate::analysis::discovery::q_values;
use crate::analysis::series::least_difference;
use crate::analysis::{self, Changed, Conclusion, Cost, Interval, Timed};
use crate::projection::statuses::Statuses;
use crate::store::{Access, NAMES, Name, Series, SeriesKey, SeriesRow, StepOf, Turns};

/// Series are read together, many at a time: while these are computed, the next ones are read.
const READ_AHEAD: usize = 2;
/// How many series are computed at the same time: while one is, what made another is read.
const SERIES_AT_A_TIME: usize = 3;

impl App {
    /// The trends of every series that the query asks for, the most alarming first.
    ///
    /// # Errors
    /// `until` is before `since`, there is no slot to compute, or the database does not answer in time.
    pub async fn trends(&self, access: &Access, query: &TrendQuery) -> Result<TrendAnswer, Error> {
        let now = self.now();
        let default = Bound::Ago(DEFAULT_LOOKBACK);
        let wrong = |field| move |error| FieldErrors::from(FieldError::wrong(field, error));
        let since = query.since.unwrap_or(default).start(now).map_err(wrong("since"))?;
        let until = query.until.map(|until| until.end(now)).transpose().map_err(wrong("until"))?;
        if until.is_some_and(|until| until < since) {
            let reason = format!("is before since ({since}): nothing can be between");
            return Err(FieldErrors::from(FieldError::wrong("until", reason)).into());
        }
        let _slot = self.acquire(&self.slots.series).await?;
        let named = (query.component.as_ref(), query.environment.as_ref());
        let (deployed, turns) = self.names_with_turns(access, named.0, named.1).await?;
        let turns = &turns;
        let (mut trends, mut unknown): (Vec<Trend>, Vec<Name>) = (Vec::new(), Vec::new());
        for name in deployed {
            match self.remembered.find(&question(&name, query), turns_of(turns, &name), (since, until), now) {
                Some(Answer::Trend(known)) => trends.extend(known.map(|trend| *trend)),
                _ => unknown.push(name),
            }
        }
        // The deadline is of each reading, because there may be many.
        let read = |names: Vec<Name>| async move {
            let names = &names;
            let read = self.read_unfolded(access, |reader| async move {
                Ok(match &query.step {
                    None => reader.whole_series(names, query.exclude_waiting, (since, until)).await?,
                    Some(_) => {
                        let mut series = Vec::new();
                        for name in names {
                            let rows = reader.series(&key(name, query), since, until).await?;
                            series.push(Series { rows, grows_at: None });
                        }
                        series
                    }
                })
            });
            Ok::<_, Error>(names.iter().cloned().zip(read.await?).collect::<Vec<_>>())
        };
        let together = if query.step.is_some() { 1 } else { NAMES };
        let names = unknown.chunks(together).map(<[Name]>::to_vec);
        let found: Vec<Option<Trend>> = stream::iter(names.collect::<Vec<_>>())
            .map(read)
            .buffered(READ_AHEAD)
            .map_ok(|series| stream::iter(series.into_iter().map(Ok)))
            .try_flatten()
            .map_ok(|(name, Series { rows, grows_at })| async move {
                let (key, series) = (key(&name, query), timed(rows));
                let whole = self.whole(access, &key, &series, (since, until)).await?;
                let first = series.first().map(|timed| timed.started_at);
                let trend = self.trend(access, key, series, whole, query).await?;
                // Those of a step are not kept: what may end by itself is not known of them.
                if query.step.is_none() {
                    let times = Times { since, until, first, made: self.now(), changes: grows_at };
                    let answer = Answer::Trend(trend.clone().map(Box::new));
                    self.remembered.keep(question(&name, query), turns_of(turns, &name), times, answer);
                }
                Ok::<_, Error>(trend)
            })
            .try_buffered(SERIES_AT_A_TIME)
            .try_collect()
            .await?;
        trends.extend(found.into_iter().flatten());
        tell_discoveries(&mut trends);
        self.add_notes(access, query, (since, until), &mut trends).await?;
        let name = |trend: &Trend| (trend.component.to_string(), trend.environment.to_string());
        trends.sort_by_cached_key(name);
        trends.sort_by(|one, other| alarm(other).partial_cmp(&alarm(one)).unwrap_or(std::cmp::Ordering::Equal));
        Ok(TrendAnswer {
            by: query.by.to_string(),
            sprint_start: query.sprints.start.to_string(),
            sprint_length: query.sprints.length.to_string(),
            min_change_percent: query.min_change.0.value(),
            exclude_waiting: query.exclude_waiting,
            since,
            until,
            false_discovery_rate: Growth::SIGNIFICANCE,
            trends,
        })
    }

    /// The trend of a series; `None` of an empty one.
    async fn trend(
        &self,
        access: &Access,
        key: SeriesKey,
        series: Vec<Timed>,
        whole: Duration,
        query: &TrendQuery,
    ) -> Result<Option<Trend>, Error> {
        let (Some(first), Some(last)) = (series.first().copied(), series.last().copied()) else { return Ok(None) };
        let (kind, sprints, min_change) = (query.by, query.sprints, query.min_change.0);
        let series = Arc::new(series);
        let least = query.min_difference.unwrap_or_else(|| least_difference(&series, whole));
        let slot = self.acquire(&self.slots.cpu).await?;
        let computing = self.compute(slot, {
            let series = Arc::clone(&series);
            move |_| {
                let conclusion = analysis::conclude(&series, sprints.length.duration(), min_change, least);
                (since_change(&series, &conclusion), analysis::periods(&series, kind, sprints), conclusion)
            }
        });
        let (since_change, periods, Conclusion { points, growth, changes, verdict }) = computing.await?;
        let (before, after) = analysis::ends(&series);
        // Of many components, only what is told to have changed is explained.
        let is_told = !matches!(verdict, Verdict::Steady | Verdict::NotEnoughData);
        let explained = growth.is_some() && key.step.is_none() && (is_told || query.component.is_some());
        let cause = match explained {
            true => self.cause(access, compared(before), compared(after), key.exclude_waiting).await?,
            false => None,
        };
        let mut change_points = self.level_changes(access, &series, &changes).await?;
        if explained {
            self.explain_changes(access, &series, &changes, key.exclude_waiting, &mut change_points).await?;
        }
        Ok(Some(Trend {
            component: key.component,
            environment: key.environment,
            step: key.step,
            deployments: u32::try_from(series.len()).unwrap_or(u32::MAX),
            first_started_at: first.started_at,
            last_started_at: last.started_at,
            verdict,
            min_difference_seconds: least.seconds(),
            q_value: None,
            start_median: analysis::series::median(before),
            now_median: analysis::series::median(after),
            growth,
            cause,
            change_points,
            since_change,
            periods,
            points: query.component.is_some().then_some(points),
            notes: Vec::new(),
        }))
    }

    /// How long the deployments usually take that a series of steps is of.
    pub(super) async fn whole(
        &self,
        access: &Access,
        key: &SeriesKey,
        series: &[Timed],
        (since, until): (Timestamp, Option<Timestamp>),
    ) -> Result<Duration, Error> {
        if key.step.is_none() {
            return Ok(analysis::series::median(series));
        }
        let key = &SeriesKey { step: None, ..key.clone() };
        let read =
            self.read_unfolded(access, |reader| async move { Ok(timed(reader.series(key, since, until).await?)) });
        Ok(analysis::series::median(&read.await?))
    }

    /// The changes with the versions and owners of the deployments that they begin with.
    async fn level_changes(
        &self,
        access: &Access,
        series: &[Timed],
        changes: &[Changed],
    ) -> Result<Vec<LevelChange>, Error> {
        let places = |change: &Changed| [change.range.start, change.at, change.range.end - 1];
        let ids: Vec<StepId> = changes.iter().flat_map(places).filter_map(|at| Some(series.get(at)?.id)).collect();
        let deployments = self.deployments_of(access, &ids).await?;
        let named = changes.iter().filter_map(|change| {
            let of = |at: usize| deployments.get(&series.get(at)?.id);
            // Folding may have taken the deployment away meanwhile.
            let (first, chosen, last) = (of(change.range.start)?, of(change.at)?, of(change.range.end - 1)?);
            Some(LevelChange {
                deployment_id: chosen.id,
                version: chosen.version.clone(),
                owner: chosen.owner.clone(),
                started_at: chosen.started_at,
                before: Duration::from_seconds(change.before).unwrap_or_default(),
                after: Duration::from_seconds(change.after).unwrap_or_default(),
                change_percent: change.percent(),
                p_value: change.p_value,
                range: Some(VersionRange {
                    deployments: u32::try_from(change.range.len()).unwrap_or(u32::MAX),
                    first_version: first.version.clone(),
                    first_started_at: first.started_at,
                    last_version: last.version.clone(),
                    last_started_at: last.started_at,
                    previous_started_at: change.range.start.checked_sub(1).map(|at| series[at].started_at),
                }),
                cause: None,
                note_id: None,
            })
        });
        Ok(named.collect())
    }

    /// Adds the cause of each change: what differs between the deployments just before it and those just after it.
    async fn explain_changes(
        &self,
        access: &Access,
        series: &[Timed],
        changes: &[Changed],
        exclude_waiting: bool,
        told: &mut [LevelChange],
    ) -> Result<(), Error> {
        for change in told {
            let Some(nth) = changes.iter().position(|one| series[one.at].id == change.deployment_id) else { continue };
            let (before, after) = analysis::changes::sides(series, changes, nth);
            change.cause = self.cause(access, compared(before), compared(after), exclude_waiting).await?;
        }
        Ok(())
    }

    /// Those of the deployments that there are.
    pub(super) async fn deployments_of(
        &self,
        access: &Access,
        ids: &[StepId],
    ) -> Result<HashMap<StepId, Deployment>, Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let read = self.read_unfolded(access, |reader| async move { Ok(reader.deployments_of(ids).await?) });
        Ok(read.await?.into_iter().map(|deployment| (deployment.id, deployment)).collect())
    }

    /// The cause of the difference between the deployments of both ends; `None` when they have too many steps to tell.
    async fn cause(
        &self,
        access: &Access,
        before: Vec<Timed>,
        after: Vec<Timed>,
        exclude_waiting: bool,
    ) -> Result<Option<Cause>, Error> {
        let ids: Vec<StepId> = before.iter().chain(&after).map(|timed| timed.id).collect();
        let ids = &ids;
        let read = self.read_unfolded(access, |reader| async move { Ok(reader.steps_within(ids).await?) });
        let Some(steps) = read.await? else { return Ok(None) };
        let fold = Arc::clone(&self.fold);
        let slot = self.acquire(&self.slots.cpu).await?;
        let computing = self.compute(slot, move |_| {
            let costs = costs(&steps, &fold.statuses, exclude_waiting);
            let of =
                |end: &[Timed]| -> Vec<Cost> { end.iter().filter_map(|timed| costs.get(&timed.id).cloned()).collect() };
            analysis::cause(&of(&before), &of(&after))
        });
        computing.await
    }
}

/// What is asked of a component in an environment. Where one component is asked for, more is told of it.
fn question((component, environment): &Name, query: &TrendQuery) -> Question {
    let by = TrendQuery { component: None, environment: None, format: None, ..query.clone() };
    let mut parameters = TrendQuery { safe: false, ..by }.to_parameters();
    parameters.push(("points", query.component.is_some().to_string()));
    Question { component: component.to_string(), environment: Some(environment.to_string()), parameters }
}

fn turns_of(turns: &Turns, (component, environment): &Name) -> [i64; 2] {
    turns.of(component.as_str(), Some(environment.as_str()))
}

fn key((component, environment): &Name, query: &TrendQuery) -> SeriesKey {
    let (step, exclude_waiting) = (query.step.clone(), query.exclude_waiting);
    SeriesKey { component: component.clone(), environment: environment.clone(), step, exclude_waiting }
}

/// A series as it is analysed.
pub(super) fn timed(rows: Vec<SeriesRow>) -> Vec<Timed> {
    let timed = |SeriesRow { id, started_at, duration }| Timed { id, started_at, duration };
    rows.into_iter().map(timed).collect()
}

/// The order of alarm: what grows and what has jumped first, and among them what changed most.
fn alarm(trend: &Trend) -> (u8, f64) {
    let kind = match trend.verdict {
        Verdict::Growing | Verdict::Jumped => 3,
        Verdict::Steady => 2,
        Verdict::Shrinking | Verdict::Dropped => 1,
        Verdict::NotEnoughData => 0,
    };
    let grown = trend.growth.as_ref().map_or(0.0, |growth| match growth.is_told {
        true => (growth.fitted_end_seconds / growth.fitted_start_seconds).ln(),
        false => 0.0,
    });
    let jumped = |change: &LevelChange| change.change_percent.map_or(0.0, |percent| (percent / 100.0).ln_1p());
    (kind, grown + trend.change_points.iter().map(jumped).sum::<f64>())
}

/// Of many trends, some seem to change by chance: only those are told that are at most a share of false discoveries.
fn tell_discoveries(trends: &mut [Trend]) {
    let p_value = |trend: &Trend| {
        let growth = trend.growth.as_ref()?;
        let jumps = trend.change_points.iter().map(|change| change.p_value);
        Some(jumps.fold(growth.p_value, f64::min))
    };
    let known: Vec<Option<f64>> = trends.iter().map(p_value).collect();
    let mut q_values = q_values(&known.iter().copied().flatten().collect::<Vec<_>>()).into_iter();
    for (trend, known) in trends.iter_mut().zip(known) {
        trend.q_value = known.and_then(|_| q_values.next());
        if trend.is_by_chance() {
            trend.verdict = Verdict::Steady;
        }
    }
}

/// How it goes on since the last change of the level.
fn since_change(series: &[Timed], conclusion: &Conclusion) -> Option<SinceChange> {
    let since = &series[conclusion.changes.last()?.at..];
    let goes_on = matches!(conclusion.verdict, Verdict::Growing | Verdict::Shrinking);
    let (verdict, growth) = match analysis::is_enough(since) {
        true if goes_on => (conclusion.verdict, conclusion.growth),
        true => (Verdict::Steady, None),
        false => (Verdict::NotEnoughData, None),
    };
    Some(SinceChange { deployments: u32::try_from(since.len()).unwrap_or(u32::MAX), verdict, growth })
}

/// What each of several deployments spent its time on; the steps of one follow each other, in order.
pub(super) fn costs(steps: &[StepOf], statuses: &Statuses, exclude_waiting: bool) -> BTreeMap<StepId, Cost> {
    let of_one = |steps: &[StepOf]| Some((steps.first()?.deployment, cost(steps, statuses, exclude_waiting)));
    steps.chunk_by(|one, other| one.deployment == other.deployment).filter_map(of_one).collect()
}

/// Whether a step takes time of its own; `to` is its end, and `next` when the next one begins.
pub(super) fn takes_time(kind: StatusKind, span: bool, to: Timestamp, next: Option<Timestamp>) -> bool {
    match kind {
        StatusKind::Success | StatusKind::Failure | StatusKind::Cancelled | StatusKind::Ignored => false,
        // The start that `steps run --deployment` records spans the whole deployment; its time is that of the spans within.
        StatusKind::Start => span || next.is_none_or(|next| next >= to),
        StatusKind::Phase | StatusKind::Waiting => true,
    }
}

/// What a deployment spent its time on, without waiting where that is left out; `steps` are its steps in order.
fn cost(steps: &[StepOf], statuses: &Statuses, exclude_waiting: bool) -> Cost {
    let Some(StepOf { started_at, ended_at, .. }) = steps.first() else { return Cost::default() };
    let is_counted = |(nth, step): (usize, &StepOf)| {
        let next = steps.get(nth + 1).map(|next| next.from);
        takes_time(statuses.kind(step.status.as_str(), step.span), step.span, step.to, next)
    };
    let counted = steps.iter().enumerate().filter(|counted| is_counted(*counted)).map(|(_, step)| step);
    let counted: Vec<&StepOf> = counted.collect();
    let is_waiting = |step: &StepOf| statuses.kind(step.status.as_str(), step.span) == StatusKind::Waiting;
    let interval = |step: &&StepOf| Interval { from: step.from, to: step.to, waiting: is_waiting(step) };
    let intervals: Vec<Interval> = counted.iter().map(interval).collect();
    let shares = analysis::shares(*started_at, *ended_at, &intervals);
    let mut cost = Cost { gaps: shares.gaps, ..Cost::default() };
    for ((step, share), open) in counted.into_iter().zip(shares.steps).zip(shares.open) {
        if is_waiting(step) {
            if exclude_waiting {
                continue;
            }
            cost.waiting.insert(step.status.clone());
        }
        *cost.steps.entry(step.status.clone()).or_default() += share;
        *cost.open.entry(step.status.clone()).or_default() += open;
        let begin = step.from.micros() - started_at.micros();
        cost.begins.entry(step.status.clone()).and_modify(|first| *first = begin.min(*first)).or_insert(begin);
    }
    cost
}
