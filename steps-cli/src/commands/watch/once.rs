//! Waiting for the end of one deployment.

use std::collections::HashSet;

use steps_shared::{Deployment, DeploymentOutcome, Event, EventFilter, StepFilter, StepId, Timestamp};

use super::running::newest;
use crate::client::Client;
use crate::error::Error;

/// What is waited for: the first of these that ends.
#[derive(Debug)]
pub struct Once {
    names: StepFilter,
    /// The newest deployment counts, also if it has ended.
    newest: bool,
    running: HashSet<StepId>,
    began: Option<Timestamp>,
}

impl Once {
    pub fn new(filter: &EventFilter) -> Self {
        let names = filter.names.clone();
        let newest = names.version.is_some() || names.run.is_some();
        Self { names, newest, running: HashSet::new(), began: None }
    }

    /// Looks at what there is, and finds what has ended, at the beginning or after something was missed; `began` is when the watch did.
    pub async fn look(&mut self, client: &Client, began: Timestamp) -> Result<Option<Deployment>, Error> {
        self.began = Some(began);
        let mut found = newest(client, &self.names, None).await?.deployments;
        if let Some(newest) = found.first().filter(|_| self.newest)
            && newest.outcome != DeploymentOutcome::Running
        {
            return Ok(Some(newest.clone()));
        }
        found.retain(|deployment| self.ended(deployment).is_some());
        Ok(found.into_iter().next())
    }

    /// How what is waited for has ended, by an event.
    pub fn outcome(&mut self, event: &Event) -> Option<DeploymentOutcome> {
        match event {
            Event::Deployment(deployment) => self.ended(deployment),
            Event::Step(_) | Event::Removed(_) | Event::Note(_) | Event::NoteRemoved(_) | Event::Reset(_) => None,
        }
    }

    fn ended(&mut self, deployment: &Deployment) -> Option<DeploymentOutcome> {
        if deployment.outcome == DeploymentOutcome::Running {
            self.running.insert(deployment.id);
            return None;
        }
        // One that ended before may change afterwards.
        let is_new = self.began.is_some_and(|began| deployment.ended_at.unwrap_or(deployment.started_at) >= began);
        (is_new || self.running.contains(&deployment.id)).then_some(deployment.outcome)
    }
}
