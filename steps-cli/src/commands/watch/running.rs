//! The deployments that are running, and how much longer each takes: what is known of them, and what is asked of the server.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use steps_shared::view::live::{Live, live};
use steps_shared::{
    Deployment, DeploymentColumn, DeploymentDetail, DeploymentFilter, DeploymentOutcome, DeploymentQuery, Event,
    EventFilter, Expected, ListFormat, Order, Step, StepColumn, StepFilter, StepId, Timestamp,
};

use super::feed::Message;
use crate::client::{Client, clock};
use crate::clock;
use crate::commands::listing;
use crate::error::Error;

/// How many requests are under way at the same time, at most.
const AT_ONCE: usize = 4;

/// A deployment is not asked about again before this time has passed, …
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// … and, where nothing was recorded of it, not before a quarter of the time that was left: no less and no more than this.
const UNCHANGED_PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// How many of the newest deployments are listed.
const LISTED: u64 = 1000;

/// Deployments, as the server lists them, with the time then.
#[derive(Debug)]
pub struct Listed {
    pub deployments: Vec<Deployment>,
    pub now: Timestamp,
}

/// Lists what is running.
pub async fn list(client: &Client, filter: &EventFilter) -> Result<Listed, Error> {
    newest(client, &filter.names, Some(DeploymentOutcome::Running)).await
}

/// Lists the newest deployments.
pub async fn newest(client: &Client, names: &StepFilter, outcome: Option<DeploymentOutcome>) -> Result<Listed, Error> {
    let query = DeploymentQuery {
        filter: DeploymentFilter { base: names.clone(), outcome, ..DeploymentFilter::default() },
        order: Order::Descending,
        limit: Some(LISTED),
        format: Some(ListFormat::Jsonl),
        ..DeploymentQuery::default()
    };
    let response = client.list::<DeploymentFilter, DeploymentColumn>(&query).await?;
    let now = clock(&response);
    Ok(Listed { deployments: listing::rows(client, response, LISTED).await?, now })
}

/// The clock of the server, as an answer told it.
#[derive(Debug, Clone, Copy)]
struct ServerClock {
    told: Timestamp,
    at: Instant,
}

impl ServerClock {
    fn now(self) -> Timestamp {
        let passed = i64::try_from(self.at.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp::saturating_from_micros(self.told.micros().saturating_add(passed))
    }
}

/// A running deployment.
#[derive(Debug)]
struct Tracked {
    deployment: Deployment,
    /// What was told last, and the clock then.
    told: Option<(Expected, ServerClock)>,
    /// When it was asked about last.
    asked: Option<Instant>,
    is_asking: bool,
    has_changed: bool,
}

/// An answer of the server.
enum Answer {
    Expected(StepId, Result<Expected, Error>),
    /// How a deployment is that was not listed any more.
    Found(Result<Deployment, Error>),
}

/// The deployments that are running.
pub struct RunningDeployments<'a> {
    client: &'a Client,
    tracked: Vec<Tracked>,
    clock: Option<ServerClock>,
    asking: FuturesUnordered<LocalBoxFuture<'a, Answer>>,
}

impl<'a> RunningDeployments<'a> {
    pub fn new(client: &'a Client) -> Self {
        Self { client, tracked: Vec::new(), clock: None, asking: FuturesUnordered::new() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.tracked.len()
    }

    /// Takes what has happened.
    pub fn take(&mut self, message: &Message) {
        match message {
            Message::Listed(listed) => self.listed(listed),
            Message::Event(Event::Step(step)) => self.recorded(step),
            Message::Event(Event::Deployment(deployment)) => self.changed(deployment),
            Message::Event(Event::Removed(removed)) => {
                self.tracked.retain(|tracked| tracked.deployment.id != removed.id);
            }
            Message::Event(Event::Note(_) | Event::NoteRemoved(_) | Event::Reset(_))
            | Message::Away(_)
            | Message::Back => {}
        }
    }

    /// Takes what is listed. How a deployment ended that was running before is asked.
    fn listed(&mut self, listed: &Listed) {
        let Listed { deployments, now } = listed;
        self.clock = Some(ServerClock { told: *now, at: Instant::now() });
        let is_listed = |tracked: &Tracked| deployments.iter().any(|listed| listed.id == tracked.deployment.id);
        for missing in self.tracked.extract_if(.., |tracked| !is_listed(tracked)) {
            let (client, id) = (self.client, missing.deployment.id);
            self.asking.push(Box::pin(async move { Answer::Found(found(client, id).await) }));
        }
        for deployment in deployments {
            self.put(deployment);
        }
        self.sort();
    }

    /// Takes a deployment as it is now.
    fn changed(&mut self, deployment: &Deployment) {
        self.put(deployment);
        self.sort();
    }

    fn put(&mut self, deployment: &Deployment) {
        let at = self.tracked.iter().position(|tracked| tracked.deployment.id == deployment.id);
        if deployment.outcome != DeploymentOutcome::Running {
            at.map(|at| self.tracked.remove(at));
            return;
        }
        match at.and_then(|at| self.tracked.get_mut(at)) {
            Some(tracked) => {
                tracked.deployment = deployment.clone();
                tracked.has_changed = true;
            }
            None => self.tracked.push(Tracked {
                deployment: deployment.clone(),
                told: None,
                asked: None,
                is_asking: false,
                has_changed: true,
            }),
        }
    }

    /// The newest first: where there is no room for all, whoever has just begun one sees it.
    fn sort(&mut self) {
        self.tracked.sort_by_key(|tracked| std::cmp::Reverse((tracked.deployment.started_at, tracked.deployment.id)));
    }

    /// Takes a step: its deployment has changed.
    fn recorded(&mut self, step: &Step) {
        let Step { component, environment, version, run, .. } = step;
        for tracked in &mut self.tracked {
            let Deployment { component: of, environment: to, version: which, run: by, .. } = &tracked.deployment;
            tracked.has_changed |= (of, to, which, by) == (component, environment, version, run);
        }
    }

    /// Asks how much longer those take that are due, of the first `shown`, while there are not too many requests under way; those first
    /// that nothing is known of.
    pub fn ask(&mut self, shown: usize) {
        let now = Instant::now();
        while self.asking.len() < AT_ONCE {
            let due = self.tracked.iter_mut().take(shown).filter(|tracked| tracked.is_due(now));
            let Some(next) = due.min_by_key(|tracked| tracked.asked) else { return };
            (next.asked, next.is_asking, next.has_changed) = (Some(now), true, false);
            let (client, id) = (self.client, next.deployment.id);
            self.asking.push(Box::pin(async move { Answer::Expected(id, client.expected(id).await) }));
        }
    }

    /// Waits for an answer, for ever where nothing is asked, and takes it. A deployment that has ended meanwhile is returned.
    pub async fn answered(&mut self) -> Option<Deployment> {
        let Some(answer) = self.asking.next().await else { return std::future::pending().await };
        match answer {
            Answer::Expected(id, answer) => {
                let tracked = self.tracked.iter_mut().find(|tracked| tracked.deployment.id == id)?;
                tracked.is_asking = false;
                // One that is not known does not run any more, of which an event tells; one that fails is asked for again.
                if let Some(expected) = answer.ok().filter(|expected| expected.elapsed.is_some()) {
                    let clock = ServerClock { told: expected.at, at: Instant::now() };
                    tracked.told = Some((expected, clock));
                }
                None
            }
            Answer::Found(found) => found.ok().filter(|found| found.outcome != DeploymentOutcome::Running),
        }
    }

    /// How they are now.
    pub fn live(&self) -> Vec<Live> {
        let fallback = self.clock.map_or_else(clock::now, ServerClock::now);
        let show = |tracked: &Tracked| {
            // The steps of one may have been recorded by a clock that is ahead: its own answer says by how much.
            let now = tracked.told.as_ref().map_or(fallback, |(_, clock)| clock.now());
            live(&tracked.deployment, tracked.told.as_ref().map(|(expected, _)| expected), now)
        };
        self.tracked.iter().map(show).collect()
    }
}

impl Tracked {
    fn is_due(&self, now: Instant) -> bool {
        let Some(asked) = self.asked else { return true };
        let passed = now.saturating_duration_since(asked);
        let quarter = self.told.as_ref().and_then(|(told, _)| told.median_left).map(Duration::from);
        let (least, most) = UNCHANGED_PAUSE;
        let unchanged = quarter.map_or(most, |left| (left / 4).clamp(least, most));
        !self.is_asking && passed >= if self.has_changed { MIN_PAUSE } else { unchanged }
    }
}

async fn found(client: &Client, id: StepId) -> Result<Deployment, Error> {
    let response = client.one::<DeploymentFilter>(id, ListFormat::Json, false, &[] as &[StepColumn]).await?;
    Ok(listing::one::<DeploymentDetail>(client, response).await?.deployment)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tracked(left: Option<f64>) -> Tracked {
        let of = json!({
            "id": "0197a000-0000-7000-8000-000000000001", "component": "shop", "environment": "production", "version": "1",
            "owner": "ann", "run": null, "outcome": "running", "status": "building", "started_at": "2026-01-05T09:30:00Z",
            "ended_at": null, "duration_seconds": null, "steps": 1,
        });
        let told = json!({
            "deployment_id": "0197a000-0000-7000-8000-000000000001", "at": "2026-01-05T09:31:00Z", "elapsed_seconds": 60,
            "median_left_seconds": left, "low_left_seconds": left, "high_left_seconds": left, "expected_end": null,
            "past_deployments": 10, "is_longest": false, "reason": null, "steps": [],
        });
        let told: Expected = serde_json::from_value(told).unwrap();
        let clock = ServerClock { told: told.at, at: Instant::now() };
        let deployment = serde_json::from_value(of).unwrap();
        Tracked { deployment, told: Some((told, clock)), asked: Some(clock.at), is_asking: false, has_changed: false }
    }

    #[test]
    fn a_deployment_is_asked_about_again_when_it_has_changed_and_now_and_then() {
        let due_after = |tracked: &Tracked| {
            let asked = tracked.asked.unwrap();
            let is_due = |millis: &u64| tracked.is_due(asked + Duration::from_millis(*millis));
            (0..=30).map(|seconds| seconds * 1000).find(is_due).map(|millis| millis / 1000)
        };
        let unchanged = [Some(0.0), Some(20.0), Some(40.0), Some(3600.0), None].map(|left| due_after(&tracked(left)));
        assert_eq!(unchanged, [2, 5, 10, 30, 30].map(Some));
        assert_eq!(due_after(&Tracked { has_changed: true, ..tracked(Some(3600.0)) }), Some(1));
        assert_eq!(due_after(&Tracked { has_changed: true, is_asking: true, ..tracked(None) }), None);
        assert!(Tracked { asked: None, ..tracked(None) }.is_due(Instant::now()));
    }
}
