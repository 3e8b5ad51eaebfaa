//! Trends: what is read for them, and in which order. What is computed is in [`crate::analysis`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use steps_shared::{
    Bound, Cause, DEFAULT_LOOKBACK, Deployment, Duration, FieldError, FieldErrors, Growth, LevelChange, Percent,
    Period, PeriodKind, Point, SinceChange, Sprints, StatusKind, StepId, Trend, TrendAnswer, TrendQuery, Verdict,
};

use super::{App, Error};
use crate::analysis::cause::compared;
use crate::analysis::{self, Changed, Cost, Interval, Timed};
use crate::projection::statuses::Statuses;
use crate::store::{Access, NAMES, Name, SeriesKey, SeriesRow, StepOf};

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
        let names = (query.component.as_ref(), query.environment.as_ref());
        let deployed =
            self.read(access, names.0, |reader| async move { Ok(reader.deployed(names.0, names.1).await?) }).await?;
        // The deadline is of each reading, because there may be many.
        let read = |names: Vec<Name>| async move {
            let names = &names;
            let read = self.read_unfolded(access, |reader| async move {
                Ok(match &query.step {
                    None => reader.whole_series(names, query.exclude_waiting, (since, until)).await?,
                    Some(_) => {
                        let mut series = Vec::new();
                        for name in names {
                            series.push(reader.series(&key(name, query), since, until).await?);
                        }
                        series
                    }
                })
            });
            let series = read.await?.into_iter().map(timed);
            Ok::<_, Error>(names.iter().map(|name| key(name, query)).zip(series).collect::<Vec<_>>())
        };
        let together = if query.step.is_some() { 1 } else { NAMES };
        let names = deployed.chunks(together).map(<[Name]>::to_vec);
        let found: Vec<Option<Trend>> = stream::iter(names.collect::<Vec<_>>())
            .map(read)
            .buffered(READ_AHEAD)
            .map_ok(|series| stream::iter(series.into_iter().map(Ok)))
            .try_flatten()
            .map_ok(|(key, series)| self.trend(access, key, series, query))
            .try_buffered(SERIES_AT_A_TIME)
            .try_collect()
            .await?;
        let mut trends: Vec<Trend> = found.into_iter().flatten().collect();
        trends.sort_by(|one, other| alarm(other).partial_cmp(&alarm(one)).unwrap_or(std::cmp::Ordering::Equal));
        Ok(TrendAnswer {
            by: query.by.to_string(),
            sprint_start: query.sprints.start.to_string(),
            sprint_length: query.sprints.length.to_string(),
            min_change_percent: query.min_change.0.value(),
            exclude_waiting: query.exclude_waiting,
            since,
            until,
            trends,
        })
    }

    /// The trend of a series; `None` of an empty one.
    async fn trend(
        &self,
        access: &Access,
        key: SeriesKey,
        series: Vec<Timed>,
        query: &TrendQuery,
    ) -> Result<Option<Trend>, Error> {
        let (Some(first), Some(last)) = (series.first().copied(), series.last().copied()) else { return Ok(None) };
        let (kind, sprints, min_change) = (query.by, query.sprints, query.min_change.0);
        let series = Arc::new(series);
        let slot = self.acquire(&self.slots.cpu).await?;
        let computing = self.compute(slot, {
            let series = Arc::clone(&series);
            move |_| compute(&series, kind, sprints, min_change)
        });
        let Computed { points, growth, changes, since_change, periods } = computing.await?;
        let (before, after) = analysis::ends(&series);
        let explained = growth.is_some() && key.step.is_none();
        let cause = match explained {
            true => self.cause(access, compared(before), compared(after), key.exclude_waiting).await?,
            false => None,
        };
        let change_points = self.level_changes(access, &series, &changes).await?;
        Ok(Some(Trend {
            component: key.component,
            environment: key.environment,
            step: key.step,
            deployments: u32::try_from(series.len()).unwrap_or(u32::MAX),
            first_started_at: first.started_at,
            last_started_at: last.started_at,
            verdict: analysis::verdict(growth.as_ref(), min_change),
            start_median: analysis::series::median(before),
            now_median: analysis::series::median(after),
            growth,
            cause,
            change_points,
            since_change,
            periods,
            points: query.component.is_some().then_some(points),
        }))
    }

    /// The changes with the versions and owners of the deployments that they begin with.
    async fn level_changes(
        &self,
        access: &Access,
        series: &[Timed],
        changes: &[Changed],
    ) -> Result<Vec<LevelChange>, Error> {
        let ids: Vec<StepId> = changes.iter().filter_map(|change| Some(series.get(change.at)?.id)).collect();
        let mut deployments = self.deployments_of(access, &ids).await?;
        let named = changes.iter().filter_map(|change| {
            let timed = series.get(change.at)?;
            // Folding may have taken the deployment away meanwhile.
            let Deployment { version, owner, .. } = deployments.remove(&timed.id)?;
            Some(LevelChange {
                deployment_id: timed.id,
                version,
                owner,
                started_at: timed.started_at,
                before: Duration::from_seconds(change.before).unwrap_or_default(),
                after: Duration::from_seconds(change.after).unwrap_or_default(),
                change_percent: change.percent(),
                p_value: change.p_value,
            })
        });
        Ok(named.collect())
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
            let costs: BTreeMap<StepId, Cost> = steps
                .chunk_by(|one, other| one.deployment == other.deployment)
                .filter_map(|steps| Some((steps.first()?.deployment, cost(steps, &fold.statuses, exclude_waiting))))
                .collect();
            let of =
                |end: &[Timed]| -> Vec<Cost> { end.iter().filter_map(|timed| costs.get(&timed.id).cloned()).collect() };
            analysis::cause(&of(&before), &of(&after))
        });
        computing.await
    }
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

/// The order of alarm: growing trends first, and among them the fastest.
fn alarm(trend: &Trend) -> (u8, f64) {
    let kind = match trend.verdict {
        Verdict::Growing => 3,
        Verdict::Steady => 2,
        Verdict::Shrinking => 1,
        Verdict::NotEnoughData => 0,
    };
    let growth = trend.growth.as_ref().map_or(0.0, |growth| match growth.percent_per_week {
        Some(percent) => percent.value,
        // Growth without a percentage is beyond any percentage.
        None if growth.seconds_per_week.value == 0.0 => 0.0,
        None => f64::INFINITY.copysign(growth.seconds_per_week.value),
    });
    (kind, growth)
}

/// What is computed from a series alone.
struct Computed {
    points: Vec<Point>,
    growth: Option<Growth>,
    changes: Vec<Changed>,
    since_change: Option<SinceChange>,
    periods: Vec<Period>,
}

fn compute(series: &[Timed], kind: PeriodKind, sprints: Sprints, min_change: Percent) -> Computed {
    let sprint = sprints.length.duration();
    let points = analysis::fitted(series);
    let changes = analysis::changes(series, &points);
    let since_change = changes.last().map(|change| {
        let since = &series[change.at..];
        let growth = analysis::growth_of(since, sprint);
        let verdict = analysis::verdict(growth.as_ref(), min_change);
        SinceChange { deployments: u32::try_from(since.len()).unwrap_or(u32::MAX), verdict, growth }
    });
    let growth = if analysis::is_enough(series) { analysis::growth(&points, sprint) } else { None };
    Computed { points, growth, changes, since_change, periods: analysis::periods(series, kind, sprints) }
}

/// What a deployment spent its time on, without waiting where that is left out; `steps` are its steps in order.
fn cost(steps: &[StepOf], statuses: &Statuses, exclude_waiting: bool) -> Cost {
    let Some(StepOf { started_at, ended_at, .. }) = steps.first() else { return Cost::default() };
    let takes_time = |(nth, step): (usize, &StepOf)| match statuses.kind(step.status.as_str(), step.span) {
        StatusKind::Success | StatusKind::Failure | StatusKind::Cancelled | StatusKind::Ignored => false,
        // The start that `steps run --deployment` records spans the whole deployment; its time is that of the spans within.
        StatusKind::Start => step.span || steps.get(nth + 1).is_none_or(|next| next.from >= step.to),
        StatusKind::Phase | StatusKind::Waiting => true,
    };
    let counted = steps.iter().enumerate().filter(|counted| takes_time(*counted)).map(|(_, step)| step);
    let counted: Vec<&StepOf> = counted.collect();
    let is_waiting = |step: &StepOf| statuses.kind(step.status.as_str(), step.span) == StatusKind::Waiting;
    let interval = |step: &&StepOf| Interval { from: step.from, to: step.to, waiting: is_waiting(step) };
    let intervals: Vec<Interval> = counted.iter().map(interval).collect();
    let shares = analysis::shares(*started_at, *ended_at, &intervals);
    let mut cost = Cost { gaps: shares.gaps, ..Cost::default() };
    for (step, share) in counted.into_iter().zip(shares.steps) {
        if is_waiting(step) {
            if exclude_waiting {
                continue;
            }
            cost.waiting.insert(step.status.clone());
        }
        *cost.steps.entry(step.status.clone()).or_default() += share;
    }
    cost
}
