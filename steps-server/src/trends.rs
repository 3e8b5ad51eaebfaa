//! What is read for a trend or a budget, in which order; what is computed of it is in [`crate::trend`], on threads that
//! hold up nobody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use steps_shared::{
    Bound, Cause, Deployment, Duration, FieldError, FieldErrors, Growth, LevelChange, Percent, Period, PeriodKind,
    Point, SinceChange, Sprints, StatusKind, StepId, Trend, TrendAnswer, TrendQuery, USUAL_REACH_MICROS, Verdict,
};

use crate::fold::Statuses;
use crate::problem::ApiError;
use crate::state::State;
use crate::store::{SeriesKey, StepOf};
use crate::trend::cause::compared;
use crate::trend::{self, Changed, Cost, Interval, Timed};

/// How many series are read and computed at the same time: while one is computed, the next is read.
const AT_A_TIME: usize = 3;

/// Answers with the trends that are asked for.
///
/// # Errors
/// Bounds that nothing can be between, and a database that does not answer in time.
pub async fn trends(state: &State, query: &TrendQuery) -> Result<TrendAnswer, ApiError> {
    let now = (state.now)();
    let usual = Bound::Ago(Duration::from_micros(USUAL_REACH_MICROS).unwrap_or_default());
    let wrong = |field| move |error| FieldErrors::from(FieldError::wrong(field, error));
    let since = query.since.unwrap_or(usual).start(now).map_err(wrong("since"))?;
    let until = query.until.map(|until| until.end(now)).transpose().map_err(wrong("until"))?;
    if until.is_some_and(|until| until < since) {
        let reason = format!("is before since ({since}): nothing can be between");
        return Err(FieldErrors::from(FieldError::wrong("until", reason)).into());
    }
    let _asker = state.turn(&state.askers).await?;
    let asking = async {
        state.caught_up().await?;
        Ok(state.store.deployed(query.component.as_ref(), query.environment.as_ref()).await?)
    };
    let deployed = state.within_deadline(asking).await?;
    let one = |(component, environment)| async move {
        let key = SeriesKey { component, environment, step: query.step.clone() };
        // However many there are: each has its own time.
        let series = state.within_deadline(async { Ok(state.store.series(&key, since, until).await?) }).await?;
        trend(state, key, series, query).await
    };
    let found: Vec<Option<Trend>> = stream::iter(deployed).map(one).buffered(AT_A_TIME).try_collect().await?;
    let mut trends: Vec<Trend> = found.into_iter().flatten().collect();
    trends.sort_by(|one, other| alarm(other).partial_cmp(&alarm(one)).unwrap_or(std::cmp::Ordering::Equal));
    Ok(TrendAnswer {
        by: query.by.to_string(),
        sprint_start: query.sprints.start.to_string(),
        sprint_length: query.sprints.length.to_string(),
        min_change_percent: query.min_change.0.value(),
        since,
        until,
        trends,
    })
}

/// How alarming a trend is: first what grows, then the more the faster.
fn alarm(trend: &Trend) -> (u8, f64) {
    let kind = match trend.verdict {
        Verdict::Growing => 3,
        Verdict::Steady => 2,
        Verdict::Shrinking => 1,
        Verdict::NotEnoughData => 0,
    };
    let growth = trend.growth.as_ref().map_or(0.0, |growth| match growth.percent_per_week {
        Some(percent) => percent.value,
        // What is no measure of growth is beyond any share.
        None if growth.seconds_per_week.value == 0.0 => 0.0,
        None => f64::INFINITY.copysign(growth.seconds_per_week.value),
    });
    (kind, growth)
}

/// What is computed of a series alone.
struct Computed {
    points: Vec<Point>,
    growth: Option<Growth>,
    changes: Vec<Changed>,
    since_change: Option<SinceChange>,
    periods: Vec<Period>,
}

fn compute(series: &[Timed], kind: PeriodKind, sprints: Sprints, least: Percent) -> Computed {
    let sprint = sprints.length.duration();
    let points = trend::fitted(series);
    let changes = trend::changes(series, &points);
    let since_change = changes.last().map(|change| {
        let since = &series[change.at..];
        let growth = trend::growth_of(since, sprint);
        let verdict = trend::verdict(growth.as_ref(), least);
        SinceChange { deployments: u32::try_from(since.len()).unwrap_or(u32::MAX), verdict, growth }
    });
    let growth = if trend::is_enough(series) { trend::growth(&points, sprint) } else { None };
    Computed { points, growth, changes, since_change, periods: trend::periods(series, kind, sprints) }
}

/// The trend of a series; `None` of an empty one.
async fn trend(
    state: &State,
    key: SeriesKey,
    series: Vec<Timed>,
    query: &TrendQuery,
) -> Result<Option<Trend>, ApiError> {
    let (Some(first), Some(last)) = (series.first().copied(), series.last().copied()) else { return Ok(None) };
    let (kind, sprints, least) = (query.by, query.sprints, query.min_change.0);
    let series = Arc::new(series);
    let turn = state.turn(&state.computers).await?;
    let computing = state.computing(turn, {
        let series = Arc::clone(&series);
        move |_| compute(&series, kind, sprints, least)
    });
    let Computed { points, growth, changes, since_change, periods } = computing.await?;
    let (before, after) = trend::ends(&series);
    let explained = growth.is_some() && key.step.is_none();
    let cause = if explained { cause(state, compared(before), compared(after)).await? } else { None };
    let change_points = state.within_deadline(change_points(state, &series, &changes)).await?;
    Ok(Some(Trend {
        component: key.component,
        environment: key.environment,
        step: key.step,
        deployments: u32::try_from(series.len()).unwrap_or(u32::MAX),
        first_started_at: first.started_at,
        last_started_at: last.started_at,
        verdict: trend::verdict(growth.as_ref(), least),
        start_median: trend::series::median(before),
        now_median: trend::series::median(after),
        growth,
        cause,
        change_points,
        since_change,
        periods,
        points: query.component.is_some().then_some(points),
    }))
}

async fn change_points(state: &State, series: &[Timed], changes: &[Changed]) -> Result<Vec<LevelChange>, ApiError> {
    let mut points = Vec::new();
    for change in changes {
        let Some(timed) = series.get(change.at) else { continue };
        // Folding may have taken a deployment away meanwhile.
        let Some(Deployment { version, owner, .. }) = state.store.deployment(timed.id).await? else { continue };
        points.push(LevelChange {
            deployment_id: timed.id,
            version,
            owner,
            started_at: timed.started_at,
            before: Duration::from_seconds(change.before).unwrap_or_default(),
            after: Duration::from_seconds(change.after).unwrap_or_default(),
            change_percent: change.percent(),
            p_value: change.p_value,
        });
    }
    Ok(points)
}

/// The cause of the difference between the deployments of both ends; `None` where they have too many steps to tell.
async fn cause(state: &State, before: Vec<Timed>, after: Vec<Timed>) -> Result<Option<Cause>, ApiError> {
    let ids: Vec<StepId> = before.iter().chain(&after).map(|timed| timed.id).collect();
    let reading = async { Ok(state.store.steps_within(&ids).await?) };
    let Some(steps) = state.within_deadline(reading).await? else { return Ok(None) };
    let statuses = Arc::clone(&state.statuses);
    let turn = state.turn(&state.computers).await?;
    let computing = state.computing(turn, move |_| {
        let costs: BTreeMap<StepId, Cost> = steps
            .chunk_by(|one, other| one.deployment == other.deployment)
            .filter_map(|steps| Some((steps.first()?.deployment, cost(steps, &statuses))))
            .collect();
        let of =
            |end: &[Timed]| -> Vec<Cost> { end.iter().filter_map(|timed| costs.get(&timed.id).cloned()).collect() };
        trend::cause(&of(&before), &of(&after))
    });
    computing.await
}

/// What a deployment's time was spent on, by its steps in their order.
fn cost(steps: &[StepOf], statuses: &Statuses) -> Cost {
    let Some(StepOf { started_at, ended_at, .. }) = steps.first() else { return Cost::default() };
    let takes_time = |(nth, step): (usize, &StepOf)| match statuses.kind(step.status.as_str(), step.span) {
        StatusKind::Success | StatusKind::Failure => false,
        // The start of `steps run --deployment` lasts as long as the spans within it: it is not what takes the time.
        StatusKind::Start => step.span || steps.get(nth + 1).is_none_or(|next| next.from >= step.to),
        StatusKind::Phase => true,
    };
    let counted = steps.iter().enumerate().filter(|counted| takes_time(*counted)).map(|(_, step)| step);
    let counted: Vec<&StepOf> = counted.collect();
    let intervals: Vec<Interval> = counted.iter().map(|step| Interval { from: step.from, to: step.to }).collect();
    let shares = trend::shares(*started_at, *ended_at, &intervals);
    let mut cost = Cost { steps: BTreeMap::new(), waiting: shares.waiting };
    for (step, share) in counted.into_iter().zip(shares.steps) {
        *cost.steps.entry(step.status.clone()).or_default() += share;
    }
    cost
}
