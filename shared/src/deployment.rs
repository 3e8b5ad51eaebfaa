//! A deployment: what the steps of a stream are folded into.

use serde::{Deserialize, Serialize};

use crate::words::words;
use crate::{Component, Duration, Environment, Owner, Run, Status, Step, StepId, Timestamp, Version};

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

/// A step of a deployment, and how long it usually takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineStep {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// The median of what this step took in those deployments.
    #[serde(rename = "usual_seconds")]
    pub usual: Option<Duration>,
}
