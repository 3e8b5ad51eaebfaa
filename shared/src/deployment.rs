//! A deployment: what the steps of a stream are folded into.

use serde::{Deserialize, Serialize};

use crate::resource::columns;
use crate::words::words;
use crate::{
    Attempt, Cell, Component, Duration, Environment, Owner, Resource, Run, Status, Step, StepId, Timestamp, Version,
};

words! {
    /// How a deployment ended, or that it has not.
    DeploymentOutcome {
        /// Its last status is one of success.
        Succeeded = "succeeded",
        /// Its last status is one of failure.
        Failed = "failed",
        /// Its last status is one that cancels: skipped, superseded, stopped by a person.
        Cancelled = "cancelled",
        /// No end is recorded yet.
        Running = "running",
        /// It never ended: nothing was recorded of it for a day (`--abandon-after`), or the same stream began again.
        Abandoned = "abandoned",
    }
}

words! {
    /// How much of the earlier deployments of its run a retry repeats.
    Retry {
        /// Every phase that they had: it counts like any other deployment.
        Whole = "whole",
        /// It leaves out phases that they had: it is in no statistic, trend or baseline.
        Partial = "partial",
    }
}

/// The steps that took one version of one component into one environment; with a run, one attempt of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// Which attempt of its run it is, where that was said.
    #[serde(default)]
    pub attempt: Option<Attempt>,
    /// Whether it repeats an earlier deployment of its run.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// How it ended.
    pub outcome: DeploymentOutcome,
    /// The status that was recorded last.
    pub status: Status,
    /// When its first step began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took; unknown while it runs, when it was abandoned, when only its end was recorded, and when clocks differ.
    #[serde(rename = "duration_seconds")]
    pub duration: Option<Duration>,
    /// How long somebody worked. Work, waiting and gaps add up to the duration, and are known with it.
    #[serde(rename = "work_seconds", default)]
    pub work: Option<Duration>,
    /// How long only waiting statuses were open.
    #[serde(rename = "waiting_seconds", default)]
    pub waiting: Option<Duration>,
    /// How long no step was open.
    #[serde(rename = "gap_seconds", default)]
    pub gaps: Option<Duration>,
    /// How many steps it has.
    pub steps: u32,
    /// Whether its end was recorded before its beginning, so that the clocks of its machines differ.
    #[serde(default)]
    pub clocks_differ: bool,
    /// Whether it looks like two deployments at once that no run tells apart.
    #[serde(default)]
    pub looks_concurrent: bool,
    /// Why it is left out of every figure; null where it is not.
    #[serde(default)]
    pub excluded: Option<String>,
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
        /// Which attempt of its run it is.
        Attempt = "attempt",
        /// Whether it repeats an earlier deployment of its run: whole or partial.
        Retry = "retry",
        /// How long somebody worked, in seconds.
        WorkSeconds = "work_seconds",
        /// How long only waiting statuses were open, in seconds.
        WaitingSeconds = "waiting_seconds",
        /// How long no step was open, in seconds.
        GapSeconds = "gap_seconds",
        /// Whether its end was recorded before its beginning.
        ClocksDiffer = "clocks_differ",
        /// Whether it looks like two at once that no run tells apart.
        LooksConcurrent = "looks_concurrent",
        /// Why it is left out of every figure.
        Excluded = "excluded",
    }
}

/// A deployment with its steps, and how long each usually takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeploymentDetail {
    /// The deployment.
    #[serde(flatten)]
    pub deployment: Deployment,
    /// What the last 20 successful deployments of this component and environment before it took: their median.
    #[serde(rename = "usual_seconds")]
    pub usual: Option<Duration>,
    /// The deployment before it, where that looks as if it had gone on beside this one.
    #[serde(default)]
    pub beside: Option<StepId>,
    /// Its steps in order.
    #[serde(rename = "timeline")]
    pub timeline: Vec<TimelineStep>,
}

words! {
    /// What a status means for its deployment. Which statuses mean what is a setting of the server.
    #[derive(Default)]
    StatusKind {
        /// It begins a deployment, or one of its jobs, such as `started`.
        Start = "start",
        /// It names a phase in which somebody works, such as `building`.
        #[default]
        Phase = "phase",
        /// It names a phase in which nobody works, such as `queued` or `approval`.
        Waiting = "waiting",
        /// It ends the deployment well. A span is never an end, because it takes time.
        Success = "success",
        /// It ends the deployment badly.
        Failure = "failure",
        /// It ends the deployment without saying whether it works: skipped, superseded, stopped by a person.
        Cancelled = "cancelled",
        /// It is kept and listed, and part of no deployment, such as GitHub's `inactive`.
        Ignored = "ignored",
    }
}

/// A step of a deployment, what its status means, and how long it usually takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// From which duration on it is unusually slow: what 99 of 100 earlier ones stayed below; null where they are too few to tell.
    #[serde(rename = "slow_from_seconds", default)]
    pub slow_from: Option<Duration>,
}

impl StatusKind {
    /// How a deployment with this status ended; `None` for a status that is no end.
    #[must_use]
    pub fn outcome(self) -> Option<DeploymentOutcome> {
        match self {
            Self::Success => Some(DeploymentOutcome::Succeeded),
            Self::Failure => Some(DeploymentOutcome::Failed),
            Self::Cancelled => Some(DeploymentOutcome::Cancelled),
            Self::Start | Self::Phase | Self::Waiting | Self::Ignored => None,
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
            DeploymentColumn::Attempt => self.attempt.map(Attempt::number).into(),
            DeploymentColumn::Retry => self.retry.map(Retry::name).into(),
            DeploymentColumn::WorkSeconds => self.work.into(),
            DeploymentColumn::WaitingSeconds => self.waiting.into(),
            DeploymentColumn::GapSeconds => self.gaps.into(),
            DeploymentColumn::ClocksDiffer => self.clocks_differ.into(),
            DeploymentColumn::LooksConcurrent => self.looks_concurrent.into(),
            DeploymentColumn::Excluded => self.excluded.as_deref().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_a_member_for_each_column_and_no_more() {
        let json = r#"{"id":"0197a000-0000-7000-8000-000000000001","component":"c","environment":"production","version":"1",
            "owner":"o","run":null,"outcome":"running","status":"s","started_at":"2026-01-05T09:30:00.000000Z",
            "ended_at":null,"duration_seconds":null,"steps":1}"#;
        let deployment: Deployment = serde_json::from_str(json).unwrap();
        let json = serde_json::to_value(&deployment).unwrap();
        let columns = crate::Selected { columns: DeploymentColumn::ALL, row: &deployment };
        assert_eq!(json, serde_json::to_value(&columns).unwrap());
    }
}
