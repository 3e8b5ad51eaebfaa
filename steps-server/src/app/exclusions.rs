//! Leaving deployments out of every figure, and taking that back.

use steps_shared::{Deployment, NewExclusion, NewInclusion, Owner, Reason, StepId};
use tokio::time::{Instant, timeout};

use super::{App, Error};
use crate::projection::apply::retry_on_conflict;
use crate::store::{Access, Exclusion, StoreError};

impl App {
    /// Leaves a deployment out of every figure, and returns it as it is then. Said again it replaces the reason.
    ///
    /// # Errors
    /// There is no such deployment, or the database does not answer in time: then it may have been recorded.
    pub async fn exclude(&self, access: &Access, id: StepId, new: NewExclusion) -> Result<Deployment, Error> {
        let NewExclusion { reason, owner } = new;
        self.record_exclusion(access, id, Some(reason), owner).await
    }

    /// Takes an exclusion back, and returns the deployment as it is then.
    ///
    /// # Errors
    /// As [`App::exclude`].
    pub async fn include(&self, access: &Access, id: StepId, new: NewInclusion) -> Result<Deployment, Error> {
        self.record_exclusion(access, id, None, new.owner).await
    }

    async fn record_exclusion(
        &self,
        access: &Access,
        deployment: StepId,
        reason: Option<Reason>,
        owner: Owner,
    ) -> Result<Deployment, Error> {
        let read =
            || self.read_one(access, deployment, |reader| async move { Ok(reader.deployment(deployment).await?) });
        let none = Error::NoSuchDeployment(deployment);
        read().await?.flatten().ok_or(none)?;
        let exclusion = Exclusion { deployment, reason, owner, ts: self.now() };
        let began = Instant::now();
        let recording = timeout(self.deadline, retry_on_conflict(|| self.store.record_exclusion(&exclusion)));
        match recording.await.unwrap_or(Err(StoreError::TimedOut)) {
            Ok(true) => {}
            Ok(false) => return Err(Error::NoSuchDeployment(deployment)),
            Err(error) => {
                self.store.renew_writers(began);
                return Err(error.into());
            }
        }
        self.projector.notify_recorded();
        read().await?.flatten().ok_or(Error::NoSuchDeployment(deployment))
    }
}
