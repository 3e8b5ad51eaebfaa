//! What a first look shows: what is running, the newest deployment of each name, and what is before and behind one.

use futures_util::stream::TryStreamExt as _;
use steps_shared::{
    Component, Deployment, DeploymentDetail, DeploymentFilter, DeploymentOutcome, DeploymentQuery, Duration,
    Environment, Expected, ExpectedStep, Order, StatusKind, StepFilter, StepState,
};

use super::trends::takes_time;
use super::{App, Error};
use crate::analysis::{Interval, shares};
use crate::store::{Access, Name};

/// Of so many running deployments the expected time left is told.
const MAX_EXPECTED: usize = 12;

/// Beside a deployment, of those that started at the same moment, so many are looked at.
const MAX_BESIDE: u64 = 20;

/// A deployment that is running, with how much longer it takes where that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub deployment: Deployment,
    pub expected: Option<Expected>,
}

/// The deployments around one in its component and environment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Neighbours {
    pub previous: Option<Deployment>,
    pub next: Option<Deployment>,
}

impl App {
    /// The deployments that are running, of a series or of all, the newest first and at most so many. Of the first ones it is told
    /// how much longer they take.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn running(
        &self,
        access: &Access,
        of: Option<(&Component, &Environment)>,
        most: u64,
    ) -> Result<Vec<Running>, Error> {
        let component = of.map(|(component, _)| component);
        let read = self.read(access, component, |reader| async move { Ok(reader.running(of, most).await?) });
        let mut running = Vec::new();
        for deployment in read.await? {
            let expected = match running.len() < MAX_EXPECTED {
                true => self.expected_of(access, &deployment).await?,
                false => None,
            };
            running.push(Running { deployment, expected });
        }
        Ok(running)
    }

    /// A running deployment with how much longer it takes; one that is not running without.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn running_one(&self, access: &Access, deployment: &Deployment) -> Result<Running, Error> {
        let expected = match deployment.outcome {
            DeploymentOutcome::Running => self.expected_of(access, deployment).await?,
            _ => None,
        };
        Ok(Running { deployment: deployment.clone(), expected })
    }

    /// As [`App::expected`]; `None` where others compute.
    async fn expected_of(&self, access: &Access, deployment: &Deployment) -> Result<Option<Expected>, Error> {
        match self.expected_by_past(access, deployment).await {
            Ok(expected) => Ok(Some(self.without_start(expected))),
            Err(Error::Busy) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Without the start of `steps run --deployment`, which lasts as long as what runs within it.
    fn without_start(&self, mut expected: Expected) -> Expected {
        let is_open = |step: &ExpectedStep| step.state == StepState::Running;
        let is_start = |step: &ExpectedStep| self.fold.statuses.kind(step.status.as_str(), false) == StatusKind::Start;
        if expected.steps.iter().filter(|step| step.state != StepState::ToCome).count() > 1 {
            expected.steps.retain(|step| !(is_open(step) && is_start(step)));
        }
        expected
    }

    /// Every component and environment with its newest deployment, in the order of their names.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn newest_of_each(&self, access: &Access) -> Result<Vec<Deployment>, Error> {
        let read = self.read(access, None, |reader| async move { Ok(reader.newest_of_each().await?) });
        let mut newest = read.await?;
        newest.sort_by(|one, other| (&one.component, &one.environment).cmp(&(&other.component, &other.environment)));
        Ok(newest)
    }

    /// The environments that a component is deployed to.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn environments(&self, access: &Access, component: &Component) -> Result<Vec<Environment>, Error> {
        let of = Some(component);
        let read = self.read(access, of, |reader| async move { Ok(reader.deployed(of, None).await?) });
        Ok(read.await?.into_iter().map(|(_, environment): Name| environment).collect())
    }

    /// The deployments before and behind one in the same component and environment.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn neighbours(&self, access: &Access, deployment: &Deployment) -> Result<Neighbours, Error> {
        let place = (deployment.started_at, deployment.id);
        let earlier = self.around(access, deployment, Order::Descending);
        let previous = earlier.await?.into_iter().find(|other| (other.started_at, other.id) < place);
        let later = self.around(access, deployment, Order::Ascending);
        let next = later.await?.into_iter().find(|other| (other.started_at, other.id) > place);
        Ok(Neighbours { previous, next })
    }

    /// Those from a deployment on, in one direction.
    async fn around(&self, access: &Access, of: &Deployment, order: Order) -> Result<Vec<Deployment>, Error> {
        let base = StepFilter {
            component: Some(of.component.clone()),
            environment: Some(of.environment.clone()),
            since: (order == Order::Ascending).then_some(of.started_at),
            until: (order == Order::Descending).then_some(of.started_at),
            ..StepFilter::default()
        };
        let filter = DeploymentFilter { base, ..DeploymentFilter::default() };
        let query = DeploymentQuery { filter, order, limit: Some(MAX_BESIDE), ..DeploymentQuery::default() };
        self.short_list(access, query).await
    }

    /// A short list of deployments, whole.
    ///
    /// # Errors
    /// As [`App::deployments`].
    pub async fn short_list(&self, access: &Access, query: DeploymentQuery) -> Result<Vec<Deployment>, Error> {
        Ok(self.deployments(access, query, None).await?.try_concat().await?)
    }

    /// Of each step of a deployment, how much of the time it held the whole up: that is the critical path. What is running does so
    /// until now.
    #[must_use]
    pub fn critical(&self, detail: &DeploymentDetail) -> Vec<Duration> {
        let DeploymentDetail { deployment, timeline, .. } = detail;
        let now = (deployment.outcome == DeploymentOutcome::Running).then(|| self.now());
        let end = deployment.ended_at.or(now).unwrap_or(deployment.started_at);
        let interval = |at: usize| {
            let timed = &timeline[at];
            let from = timed.step.ts;
            let to = timed.step.ended_at.or(now).unwrap_or(from);
            let next = timeline.get(at + 1).map(|next| next.step.ts);
            let to = if takes_time(timed.kind, timed.step.span, to, next) { to } else { from };
            Interval { from, to, waiting: timed.kind == StatusKind::Waiting }
        };
        let intervals: Vec<Interval> = (0..timeline.len()).map(interval).collect();
        let shares = shares(deployment.started_at, end, &intervals);
        shares.steps.into_iter().map(|micros| Duration::from_micros(micros).unwrap_or_default()).collect()
    }
}
