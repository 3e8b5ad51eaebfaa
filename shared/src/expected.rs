//! How much longer a running deployment is expected to take.

use serde::{Deserialize, Serialize};

use crate::words::words;
use crate::{Duration, Status, StepId, Timestamp};

words! {
    /// Where a step is in a running deployment.
    StepState {
        /// It has ended.
        Done = "done",
        /// It has begun, and not ended.
        Running = "running",
        /// Most deployments before had it, and this one may still.
        ToCome = "to come",
    }
}

/// How much longer a deployment takes, told by the successful ones before it. Half of all take less than the median, one in ten less
/// than the low end of the range, and one in ten more than the high end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Expected {
    /// The deployment.
    pub deployment_id: StepId,
    /// When this was so, by the server's clock.
    pub at: Timestamp,
    /// How long the deployment has taken so far.
    #[serde(rename = "elapsed_seconds")]
    pub elapsed: Option<Duration>,
    /// How much longer it takes; null where that is not known.
    #[serde(rename = "median_left_seconds")]
    pub median_left: Option<Duration>,
    /// The 10th percentile of how much longer it takes.
    #[serde(rename = "low_left_seconds")]
    pub low_left: Option<Duration>,
    /// The 90th percentile of how much longer it takes.
    #[serde(rename = "high_left_seconds")]
    pub high_left: Option<Duration>,
    /// When it ends, by the median.
    pub expected_end: Option<Timestamp>,
    /// How many successful deployments before it this stands on: at most the last 50 of the component in the environment.
    pub past_deployments: u32,
    /// Whether it has taken longer than every one of them.
    pub is_longest: bool,
    /// Why the time left is not known; null where it is.
    pub reason: Option<String>,
    /// Its steps so far, in order, then those that are to come.
    pub steps: Vec<ExpectedStep>,
}

/// A step of a running deployment, beside what it takes in those before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExpectedStep {
    /// The status.
    pub status: Status,
    /// Where it is.
    pub state: StepState,
    /// When it began, or is expected to; null where that is not known.
    pub from: Option<Timestamp>,
    /// When it ended, or is expected to; null where that is not known.
    pub to: Option<Timestamp>,
    /// What it usually takes: the median.
    #[serde(rename = "usual_seconds")]
    pub usual: Option<Duration>,
    /// The 10th percentile of what it takes.
    #[serde(rename = "usual_low_seconds")]
    pub usual_low: Option<Duration>,
    /// The 90th percentile of what it takes.
    #[serde(rename = "usual_high_seconds")]
    pub usual_high: Option<Duration>,
    /// Whether it has taken longer than 95 of 100 before it.
    pub is_slow: bool,
    /// How many of the deployments before have it.
    pub past_deployments: u32,
}
