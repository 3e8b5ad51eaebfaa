//! How much longer a running deployment takes.

use std::collections::HashMap;
use std::sync::Arc;

use steps_shared::{Deployment, DeploymentOutcome, Duration, Expected, ExpectedStep, StatusKind, StepId, Timestamp};

use super::{App, Error};
use crate::analysis::remaining::{History, MIN_PAST, Past, Present, Range, Step, StepTold, Told, left};
use crate::projection::statuses::Statuses;
use crate::store::{Access, Entry, Timeline};

/// It is told by so many successful deployments before it, …
const PAST: usize = 50;

/// … or fewer, so that they have about this many steps.
const MAX_STEPS: usize = 10_000;

impl App {
    /// How much longer a deployment takes.
    ///
    /// # Errors
    /// There is none with this id, or the database does not answer.
    pub async fn expected(&self, access: &Access, id: StepId) -> Result<Expected, Error> {
        let read = self.read_one(access, id, |reader| async move {
            reader.deployment(id).await?.ok_or(Error::NoSuchDeployment(id))
        });
        let deployment = read.await?.ok_or(Error::NoSuchDeployment(id))?;
        if deployment.outcome != DeploymentOutcome::Running {
            return Ok(unknown(id, self.now(), "it is not running".to_owned()));
        }
        self.expected_by_past(access, &deployment).await
    }

    /// How much longer a deployment takes that was running a moment ago.
    ///
    /// # Errors
    /// There is no slot to compute, or the database does not answer.
    pub(super) async fn expected_by_past(&self, access: &Access, deployment: &Deployment) -> Result<Expected, Error> {
        let (id, start) = (deployment.id, deployment.started_at);
        let most = (MAX_STEPS / deployment.steps.max(1) as usize).clamp(MIN_PAST, PAST);
        let read = self.read_unfolded(access, |reader| async move {
            let before = reader.successful_before(deployment, most as u32).await?;
            let ids: Vec<StepId> = before.iter().map(|(id, _)| *id).chain([id]).collect();
            Ok((before, reader.timelines_of(&ids).await?))
        });
        let (before, timelines) = read.await?;
        let fold = Arc::clone(&self.fold);
        let now = self.now();
        // Other requests are answered meanwhile.
        let slot = self.acquire(&self.slots.cpu).await?;
        let told = self.compute(slot, move |_| tell(id, (start, now), &before, &timelines, &fold.statuses));
        told.await?
    }
}

/// Tells it by the timelines of the deployments before, the newest first, and of the deployment itself.
fn tell(
    id: StepId,
    (start, now): (Timestamp, Timestamp),
    before: &[(StepId, Duration)],
    timelines: &[(StepId, Timeline)],
    statuses: &Statuses,
) -> Result<Expected, Error> {
    let timelines: HashMap<StepId, &Timeline> = timelines.iter().map(|(id, timeline)| (*id, timeline)).collect();
    let entries = |id: &StepId| timelines.get(id).map(|timeline| timeline.entries()).transpose();
    let mut pasts = Vec::with_capacity(before.len());
    for (id, took) in before.iter().rev() {
        let Some(entries) = entries(id)? else { continue };
        let start = entries.first().map_or(0, |first| first.ts);
        pasts.push(Past { steps: steps(&entries, start, statuses), took: took.seconds() });
    }
    let entries = entries(&id)?.unwrap_or_default();
    // A step may have been recorded by a clock that is ahead.
    let last = entries.iter().map(|entry| entry.ts.max(entry.ended_at.unwrap_or(entry.ts))).max();
    let now = last.map_or(now, |last| now.max(Timestamp::saturating_from_micros(last)));
    let elapsed = Duration::between(start, now).unwrap_or_default();
    let present = Present { steps: steps(&entries, start.micros(), statuses), elapsed: elapsed.seconds() };
    let Told { left, is_longest, steps } = left(&History::new(&pasts), &present);
    let many = pasts.len();
    let median_left = left.and_then(|left| seconds(left.median));
    Ok(Expected {
        elapsed: Some(elapsed),
        median_left,
        low_left: left.and_then(|left| seconds(left.low)),
        high_left: left.and_then(|left| seconds(left.high)),
        expected_end: median_left.map(|left| later(now, left)),
        past_deployments: u32::try_from(many).unwrap_or(u32::MAX),
        is_longest: left.is_some() && is_longest,
        reason: left.is_none().then(|| too_few(many)),
        steps: steps.into_iter().filter_map(|step| expected_step(step, start)).collect(),
        ..unknown(id, now, String::new())
    })
}

/// The steps of a timeline without those that end a deployment, or are of none.
fn steps<'a>(entries: &[Entry<'a>], start: i64, statuses: &Statuses) -> Vec<Step<'a>> {
    let seconds = |micros: i64| (micros - start) as f64 / 1e6;
    let is_phase = |entry: &&Entry<'a>| {
        let kind = statuses.kind(entry.status, entry.span);
        kind.outcome().is_none() && kind != StatusKind::Ignored
    };
    let step = |entry: &Entry<'a>| Step {
        status: entry.status,
        from: seconds(entry.ts),
        to: entry.ended_at.map(seconds),
        span: entry.span,
    };
    entries.iter().filter(is_phase).map(step).collect()
}

fn expected_step(told: StepTold, start: Timestamp) -> Option<ExpectedStep> {
    let at = |from_start: Option<f64>| from_start.and_then(seconds).map(|duration| later(start, duration));
    let usual = |of: fn(&Range) -> f64| told.usual.as_ref().and_then(|range| seconds(of(range)));
    Some(ExpectedStep {
        status: told.status.parse().ok()?,
        state: told.state,
        from: at(told.from),
        to: at(told.to),
        usual: usual(|range| range.median),
        usual_low: usual(|range| range.low),
        usual_high: usual(|range| range.high),
        is_slow: told.is_slow,
        past_deployments: u32::try_from(told.past).unwrap_or(u32::MAX),
    })
}

/// To the millisecond: what is told is no more exact.
fn seconds(seconds: f64) -> Option<Duration> {
    Duration::from_micros((seconds * 1e3).round() as i64 * 1000)
}

fn later(from: Timestamp, by: Duration) -> Timestamp {
    Timestamp::saturating_from_micros(from.micros().saturating_add(by.micros()))
}

fn too_few(past: usize) -> String {
    let before = match past {
        0 => "there is no successful deployment before it".to_owned(),
        1 => "there is only one successful deployment before it".to_owned(),
        _ => format!("there are only {past} successful deployments before it"),
    };
    format!("{before}; {MIN_PAST} are needed")
}

fn unknown(deployment_id: StepId, at: Timestamp, reason: String) -> Expected {
    Expected {
        deployment_id,
        at,
        elapsed: None,
        median_left: None,
        low_left: None,
        high_left: None,
        expected_end: None,
        past_deployments: 0,
        is_longest: false,
        reason: Some(reason),
        steps: Vec::new(),
    }
}
