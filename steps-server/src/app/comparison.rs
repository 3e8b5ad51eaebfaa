//! Comparing two deployments.

use std::sync::Arc;

use steps_shared::{Comparison, Deployment, Duration, FieldError, IdPrefix, StepId};

use super::trends::costs;
use super::{App, Error};
use crate::analysis::Cost;
use crate::analysis::comparison::compared;
use crate::store::Access;

impl App {
    /// Compares a deployment with another one; by default with the last successful one before it, of the component in the
    /// environment.
    ///
    /// # Errors
    /// One of them is not there, or has no duration; there is none before; they have too many steps; the database does not answer.
    pub async fn compare(&self, access: &Access, id: StepId, with: Option<IdPrefix>) -> Result<Comparison, Error> {
        let with = match with {
            Some(with) => Some(self.deployment_id(access, "with", with).await?),
            None => None,
        };
        let read = self.read_one(access, id, |reader| async move {
            let Some(deployment) = reader.deployment(id).await? else { return Ok(None) };
            let with = match with {
                Some(with) => Some(with),
                None => reader.successful_before(&deployment, 1).await?.first().map(|(before, _)| *before),
            };
            Ok(Some((deployment, with)))
        });
        let (deployment, with) = read.await?.flatten().ok_or(Error::NoSuchDeployment(id))?;
        let with = with.ok_or(Error::NothingBefore(id))?;
        let read = self.read_one(access, with, |reader| async move { Ok(reader.deployment(with).await?) });
        let with = read.await?.flatten().ok_or(Error::NoSuchDeployment(with))?;
        let (before, after) = (duration(&with, "with")?, duration(&deployment, "id")?);
        let ids = &[deployment.id, with.id];
        let read = self.read_unfolded(access, |reader| async move { Ok(reader.steps_within(ids).await?) });
        let too_many = || Error::Conflict(FieldError::wrong("id", "the deployments have too many steps to compare"));
        let steps = read.await?.ok_or_else(too_many)?;
        let fold = Arc::clone(&self.fold);
        let slot = self.acquire(&self.slots.cpu).await?;
        let ids = [with.id, deployment.id];
        let computing = self.compute(slot, move |_| {
            let (costs, none) = (costs(&steps, &fold.statuses, false), Cost::default());
            let [with, own] = ids.map(|id| costs.get(&id).unwrap_or(&none));
            compared((with, before.micros()), (own, after.micros()))
        });
        let parts = computing.await?;
        let change_seconds = (after.micros() - before.micros()) as f64 / 1e6;
        Ok(Comparison { deployment, with, before, after, change_seconds, parts })
    }
}

/// How long a deployment took.
fn duration(deployment: &Deployment, field: &str) -> Result<Duration, Error> {
    let Deployment { id, outcome, duration, .. } = deployment;
    let without = || format!("{id} has no duration ({outcome}); compare deployments that have ended");
    duration.ok_or_else(|| Error::Conflict(FieldError::wrong(field, without())))
}
