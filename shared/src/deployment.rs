//! A deployment: what the steps of a stream are folded into.

use serde::{Deserialize, Serialize};

use crate::resource::columns;
use crate::words::words;
use crate::{Cell, Component, Duration, Environment, Owner, Resource, Run, Status, Step, StepId, Timestamp, Version};

words! {
    /// How a deployment ended, or that it has not.
    DeploymentOutcome {
        /// Its last status is one of success.
        Succeeded = "succeeded",
        /// Its last status is one of failure.
        Failed = "failed",
        /// No end is recorded yet.
        Running = "running",
        /// It never ended, and the same stream began again.
        Abandoned = "abandoned",
    }
}

/// The run of steps that took one version of one component into one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The identity: that of its first step.
    pub id: StepId,
    /// What was deployed.
    pub component: Component,
    /// Where to.
    pub environment: Environment,
    /// Which version.
    pub version: Version,
    /// Who began it.
    pub owner: Owner,
    /// The CI run it belongs to.
    pub run: Option<Run>,
    /// How it ended.
    pub outcome: DeploymentOutcome,
    /// The status that was recorded last.
    pub status: Status,
    /// When its first step began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took; unknown while it runs, when it was abandoned, and when only its end was recorded.
    #[serde(rename = "duration_seconds")]
    pub duration: Option<Duration>,
    /// How many steps it has.
    pub steps: u32,
}

columns! {
    /// A column of a list of deployments.
    DeploymentColumn {
        /// What was deployed.
        Component = "component",
        /// Which version.
        Version = "version",
        /// When its first step began.
        StartedAt = "started_at",
        /// When it ended.
        EndedAt = "ended_at",
        /// How long it took, in seconds.
        DurationSeconds = "duration_seconds",
        /// How it ended.
        Outcome = "outcome",
        /// The status that was recorded last.
        Status = "status",
        /// Who began it.
        Owner = "owner",
        /// Where to.
        Environment = "environment",
        /// The CI run.
        Run = "run",
        /// How many steps it has.
        Steps = "steps",
        /// The identity.
        Id = "id",
    }
}

/// A deployment with its steps, and how long each usually takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentDetail {
    /// The deployment.
    #[serde(flatten)]
    pub deployment: Deployment,
    /// What the last 20 successful deployments of this component and environment before it took: their median.
    #[serde(rename = "usual_seconds")]
    pub usual: Option<Duration>,
    /// Its steps in order.
    #[serde(rename = "timeline")]
    pub timeline: Vec<TimelineStep>,
}

words! {
    /// What a status means for its deployment. Which statuses mean what is a setting of the server.
    #[derive(Default)]
    StatusKind {
        /// It begins a deployment, such as `started`. A second one begins the next deployment.
        Start = "start",
        /// It names a phase, such as `building`.
        #[default]
        Phase = "phase",
        /// It ends the deployment well. A span is never an end, because it takes time.
        Success = "success",
        /// It ends the deployment badly.
        Failure = "failure",
    }
}

/// A step of a deployment, what its status means, and how long it usually takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineStep {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// What its status means; a server from before this field was added sends none, which reads as a phase.
    #[serde(default)]
    pub kind: StatusKind,
    /// The median of what this step took in those deployments.
    #[serde(rename = "usual_seconds")]
    pub usual: Option<Duration>,
}

impl StatusKind {
    /// How a deployment with this status ended; `None` for a status that is no end.
    #[must_use]
    pub fn outcome(self) -> Option<DeploymentOutcome> {
        match self {
            Self::Success => Some(DeploymentOutcome::Succeeded),
            Self::Failure => Some(DeploymentOutcome::Failed),
            Self::Start | Self::Phase => None,
        }
    }
}

impl Resource for Deployment {
    type Column = DeploymentColumn;
    const NAME: &'static str = "deployments";

    fn cell(&self, column: DeploymentColumn) -> Cell<'_> {
        match column {
            DeploymentColumn::Component => self.component.as_str().into(),
            DeploymentColumn::Version => self.version.as_str().into(),
            DeploymentColumn::StartedAt => self.started_at.into(),
            DeploymentColumn::EndedAt => self.ended_at.into(),
            DeploymentColumn::DurationSeconds => self.duration.into(),
            DeploymentColumn::Outcome => self.outcome.name().into(),
            DeploymentColumn::Status => self.status.as_str().into(),
            DeploymentColumn::Owner => self.owner.as_str().into(),
            DeploymentColumn::Environment => self.environment.as_str().into(),
            DeploymentColumn::Run => self.run.as_ref().map(Run::as_str).into(),
            DeploymentColumn::Steps => self.steps.into(),
            DeploymentColumn::Id => self.id.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_a_member_for_each_column_and_no_more() {
        let deployment = Deployment {
            id: StepId(uuid::Uuid::nil()),
            component: "c".parse().unwrap(),
            environment: Environment::default(),
            version: "1".parse().unwrap(),
            owner: "o".parse().unwrap(),
            run: None,
            outcome: DeploymentOutcome::Running,
            status: "s".parse().unwrap(),
            started_at: Timestamp::default(),
            ended_at: None,
            duration: None,
            steps: 1,
        };
        let json = serde_json::to_value(&deployment).unwrap();
        let columns = crate::Selected { columns: DeploymentColumn::ALL, row: &deployment };
        assert_eq!(json, serde_json::to_value(&columns).unwrap());
    }
}
