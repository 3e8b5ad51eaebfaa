//! A deployment: what the steps of a stream are folded into.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Component, Duration, Environment, Owner, Run, Status, Step, StepId, Timestamp, Version, nearest};

/// How a deployment ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentOutcome {
    /// Its last status is one of success.
    Succeeded,
    /// Its last status is one of failure.
    Failed,
    /// No end is recorded yet.
    Running,
    /// It never ended, and the same stream began again.
    Abandoned,
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

impl DeploymentOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Succeeded, Self::Failed, Self::Running, Self::Abandoned];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Running => "running",
            Self::Abandoned => "abandoned",
        }
    }
}

impl FromStr for DeploymentOutcome {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|outcome| outcome.name() == text).ok_or_else(|| {
            let hint = nearest(text, &names).map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
            format!("must be succeeded, failed, running or abandoned, not {text:?}{hint}")
        })
    }
}

impl fmt::Display for DeploymentOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
