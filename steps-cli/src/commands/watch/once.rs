//! Waiting for the end of one deployment.

use std::collections::HashSet;

use steps_shared::{
    Deployment, DeploymentColumn, DeploymentFilter, DeploymentOutcome, DeploymentQuery, Event, EventFilter, ListFormat,
    Order, StepFilter, StepId, Timestamp,
};

use crate::client::Client;
use crate::commands::listing;
use crate::error::Error;

/// How many of the newest deployments are looked at for those that are running.
const LOOKED_AT: u64 = 1000;

/// What is waited for: the first of these that ends.
#[derive(Debug)]
pub struct Once {
    filter: DeploymentFilter,
    /// The newest deployment counts, also if it has ended.
    newest: bool,
    running: HashSet<StepId>,
    began: Option<Timestamp>,
}

impl Once {
    pub fn new(filter: &EventFilter) -> Self {
        let base = StepFilter { status: None, ..filter.names.clone() };
        let newest = base.version.is_some() || base.run.is_some();
        let filter = DeploymentFilter { base, ..DeploymentFilter::default() };
        Self { filter, newest, running: HashSet::new(), began: None }
    }

    /// Looks at what there is, and finds what has ended, at the beginning or after something was missed; `began` is when the watch did.
    pub async fn look(&mut self, client: &Client, began: Timestamp) -> Result<Option<Deployment>, Error> {
        self.began = Some(began);
        let query = DeploymentQuery {
            filter: self.filter.clone(),
            order: Order::Descending,
            limit: Some(LOOKED_AT),
            format: Some(ListFormat::Jsonl),
            ..DeploymentQuery::default()
        };
        let response = client.list::<DeploymentFilter, DeploymentColumn>(&query).await?;
        let mut found: Vec<Deployment> = listing::rows(client, response, LOOKED_AT).await?;
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
            Event::Step(_) | Event::Removed(_) | Event::Reset(_) => None,
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
