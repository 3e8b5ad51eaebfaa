//! Questions about deployments.

use std::collections::{HashMap, HashSet};

use steps_shared::{
    Deployment, DeploymentDetail, DeploymentFilter, DeploymentQuery, Duration, FieldError, FieldErrors, IdPrefix, Step,
    StepId, TimelineStep,
};

use super::steps::{Count, checked_limit};
use super::{App, Error};
use crate::analysis::statistics::median;
use crate::analysis::usual::slow_from;
use crate::store::{Access, Entry, Reader, Rows};

/// What is usual is the median of this many deployments before.
const USUAL_OF: usize = 20;

/// What is unusually slow is told by so many of them, …
const SLOW_OF: usize = 100;

/// … or fewer, so that they have about this many steps.
const MAX_STEPS: usize = 10_000;

/// Of the ids that begin the same, an error names so many.
const MAX_CANDIDATES: u32 = 8;

/// A deployment with its steps in order.
#[derive(Debug, Clone)]
pub struct Timeline {
    pub deployment: Deployment,
    /// The deployment before it that looks as if it had gone on beside it.
    pub beside: Option<StepId>,
    pub steps: Vec<Step>,
}

impl App {
    /// A list of deployments; as [`App::steps`].
    ///
    /// # Errors
    /// There are more rows than `most`, too many lists are being read, or the database does not answer.
    pub async fn deployments(
        &self,
        access: &Access,
        query: DeploymentQuery,
        most: Option<u64>,
    ) -> Result<Rows<Vec<Deployment>>, Error> {
        let limit = query.limit;
        let component = query.filter.base.component.clone();
        let open = || {
            self.read(access, component.as_ref(), |reader| async move {
                let count = async |most| reader.count_deployments(&query.filter, most).await;
                let limit = checked_limit(query.limit, most, count).await?;
                Ok(reader.deployments(DeploymentQuery { limit, ..query }).await?)
            })
        };
        self.list(limit, open).await
    }

    /// How many deployments match.
    pub async fn count_deployments(&self, access: &Access, filter: &DeploymentFilter) -> Result<Count, Error> {
        let count =
            |reader: Reader| async move { Count::of(async |most| reader.count_deployments(filter, most).await).await };
        self.read(access, filter.base.component.as_ref(), count).await
    }

    /// The id of the one deployment that begins so.
    ///
    /// # Errors
    /// There is none, or there are several; the database does not answer.
    pub async fn deployment_id(&self, access: &Access, field: &str, prefix: IdPrefix) -> Result<StepId, Error> {
        if let Some(id) = prefix.whole() {
            return Ok(id);
        }
        let find = self
            .read(access, None, |reader| async move { Ok(reader.deployment_ids(prefix, MAX_CANDIDATES + 1).await?) });
        let mut found = find.await?;
        match found.as_slice() {
            [] => Err(Error::NoDeploymentBeginsWith(prefix)),
            [id] => Ok(*id),
            _ => {
                let more = if found.len() > MAX_CANDIDATES as usize { " and others" } else { "" };
                found.truncate(MAX_CANDIDATES as usize);
                let found = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let reason = format!("is the beginning of several ids: {prefix} of {found}{more}; write more of it");
                Err(FieldErrors::from(FieldError::wrong(field, reason)).into())
            }
        }
    }

    /// One deployment with its steps.
    pub async fn timeline(&self, access: &Access, id: StepId) -> Result<Timeline, Error> {
        let read = self.read_one(access, id, |reader| async move {
            let deployment = reader.deployment(id).await?.ok_or(Error::NoSuchDeployment(id))?;
            let beside = reader.beside(&deployment).await?;
            Ok(Timeline { deployment, beside, steps: reader.steps_of(id).await? })
        });
        read.await?.ok_or(Error::NoSuchDeployment(id))
    }

    /// Adds to a timeline what it and each of its steps usually take: the medians of the successful deployments before it.
    pub async fn detail(&self, access: &Access, timeline: Timeline) -> Result<DeploymentDetail, Error> {
        let Timeline { deployment, beside, steps } = timeline;
        let before = &deployment;
        let many = (MAX_STEPS / steps.len().max(1)).clamp(USUAL_OF, SLOW_OF);
        let (newest, durations, timelines) = self
            .read_unfolded(access, |reader| async move {
                let before = reader.successful_before(before, many as u32).await?;
                let (ids, durations): (Vec<StepId>, Vec<Duration>) = before.into_iter().unzip();
                let newest: HashSet<StepId> = ids.iter().take(USUAL_OF).copied().collect();
                Ok((newest, durations, reader.timelines_of(&ids).await?))
            })
            .await?;
        // Of each status, how long it took in all of them, and in the newest.
        let mut by_status: HashMap<String, (Vec<Duration>, Vec<Duration>)> = HashMap::new();
        for (id, timeline) in &timelines {
            for Entry { status, ts, ended_at, .. } in timeline.entries()? {
                let Some(duration) = ended_at.and_then(|ended_at| Duration::from_micros(ended_at - ts)) else {
                    continue;
                };
                let (all, usual) = by_status.entry(status.to_owned()).or_default();
                all.push(duration);
                if newest.contains(id) {
                    usual.push(duration);
                }
            }
        }
        let usual_of = |step: &Step| by_status.get(step.status.as_str()).and_then(|(_, usual)| median(usual));
        let slow_of = |step: &Step| by_status.get(step.status.as_str()).and_then(|(all, _)| slow_from(all));
        let kind_of = |step: &Step| self.fold.statuses.kind(step.status.as_str(), step.span);
        let timeline = steps.into_iter().map(|step| TimelineStep {
            kind: kind_of(&step),
            usual: usual_of(&step),
            slow_from: slow_of(&step),
            step,
        });
        let usual = median(&durations[..durations.len().min(USUAL_OF)]);
        Ok(DeploymentDetail { deployment, usual, beside, timeline: timeline.collect() })
    }
}
