//! A step as it is kept and answered: [`Step`].

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::stream_key;
use crate::resource::columns;
use crate::span::{Finish, StepOutcome};
use crate::{
    Attempt, Cell, Component, Duration, Environment, Owner, Resource, Run, Selected, Status, StepId, Timestamp, Version,
};

/// A recorded step. What was recorded never changes; what is derived may, when more steps are recorded.
///
/// In JSON it has the members of [`StepColumn::JSON`]. What is derived from other members is not read back: `duration_seconds`,
/// and the outcome `unfinished`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Step {
    /// The identity.
    pub id: StepId,
    /// What is deployed.
    pub component: Component,
    /// Where to.
    pub environment: Environment,
    /// Which version.
    pub version: Version,
    /// Who is responsible.
    pub owner: Owner,
    /// The phase, or the end of the deployment.
    pub status: Status,
    /// When it began.
    pub ts: Timestamp,
    /// The CI run it belongs to.
    pub run: Option<Run>,
    /// Which attempt of that run, where it was said.
    #[serde(default)]
    pub attempt: Option<Attempt>,
    /// Whether it is a span: it ends at a recorded end, not when the next step begins.
    #[serde(default)]
    pub span: bool,
    /// How a span ended: recorded with its end.
    #[serde(default, deserialize_with = "recorded_outcome")]
    pub outcome: Option<StepOutcome>,
    /// The exit code of the command that a span timed: recorded.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// When it ended: recorded for a finished span, derived otherwise.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// The deployment it is part of: derived. None of an ignored status.
    #[serde(default)]
    pub deployment_id: Option<StepId>,
    /// How it ended: derived. A span ended as recorded; of other steps, the one that was open when its deployment failed has
    /// failed.
    #[serde(default)]
    pub result: Option<StepOutcome>,
}

columns! {
    /// A column of a list of steps. The first five are those of the service that this one replaces.
    StepColumn {
        /// What is deployed.
        Component = "component",
        /// Which version.
        Version = "version",
        /// Who is responsible.
        Owner = "owner",
        /// The phase.
        Status = "status",
        /// When it began: whole seconds in CSV (the old service's form), RFC 3339 in JSON.
        Ts = "ts",
        /// Where to.
        Environment = "environment",
        /// The CI run.
        Run = "run",
        /// The identity.
        Id = "id",
        /// When it began: RFC 3339 with microseconds, in every format.
        StartedAt = "started_at",
        /// When it ended.
        EndedAt = "ended_at",
        /// How long it took, in seconds.
        DurationSeconds = "duration_seconds",
        /// The deployment it is part of.
        DeploymentId = "deployment_id",
        /// Whether it is a span: its end is recorded.
        Span = "span",
        /// How a span ended: succeeded, failed, or unfinished when its deployment ended first.
        Outcome = "outcome",
        /// The exit code of the command that a span timed.
        ExitCode = "exit_code",
        /// Which attempt of the CI run.
        Attempt = "attempt",
        /// How it ended: succeeded or failed. Of steps that are no spans, the one that was open when the deployment failed has failed.
        Result = "result",
    }
}

/// The outcome of a span that its deployment's end ended.
const UNFINISHED: &str = "unfinished";

impl StepColumn {
    /// The members of a step in JSON: `ts` is exact there, so that it has no `started_at`.
    pub const JSON: [Self; 16] = [
        Self::Id,
        Self::Component,
        Self::Environment,
        Self::Version,
        Self::Owner,
        Self::Status,
        Self::Ts,
        Self::Run,
        Self::Attempt,
        Self::EndedAt,
        Self::DurationSeconds,
        Self::DeploymentId,
        Self::Span,
        Self::Outcome,
        Self::ExitCode,
        Self::Result,
    ];

    /// Whether what stands in it depends on other steps, at least of some.
    #[must_use]
    pub fn is_derived(self) -> bool {
        match self {
            Self::EndedAt | Self::DurationSeconds | Self::DeploymentId | Self::Outcome | Self::Result => true,
            Self::Component
            | Self::Version
            | Self::Owner
            | Self::Status
            | Self::Ts
            | Self::Environment
            | Self::Run
            | Self::Id
            | Self::StartedAt
            | Self::Span
            | Self::ExitCode
            | Self::Attempt => false,
        }
    }
}

impl Step {
    /// Identifies the stream this step is in: steps of one environment, component and version (and
    /// run, where one is given) have the same key. The first 16 bytes of a SHA-256.
    #[must_use]
    pub fn stream(&self) -> [u8; 16] {
        let names = [self.environment.as_str(), self.component.as_str(), self.version.as_str()];
        stream_key(names.into_iter().chain(self.run.as_ref().map(Run::as_str)))
    }

    /// How long it took, where its end is known.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.ended_at.and_then(|ended_at| Duration::between(self.ts, ended_at))
    }

    /// The recorded end of a span.
    #[must_use]
    pub fn finish(&self) -> Option<Finish> {
        let outcome = self.outcome?;
        self.ended_at.map(|ended_at| Finish { outcome, ended_at, exit_code: self.exit_code })
    }

    /// Whether it is a span that its deployment's end ended.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.span && self.outcome.is_none() && self.ended_at.is_some()
    }

    /// The recorded fields in which `other` differs, when it is sent although `self` is recorded.
    ///
    /// `ts` counts only where `sent_ts`, because the time of a step that was sent with an age is the server's, and
    /// another at every try. A finish counts only where `other` has one: it may have been recorded later.
    #[must_use]
    pub fn differences(&self, other: &Self, sent_ts: bool) -> Vec<&'static str> {
        let Self { id: _, component, environment, version, owner, status, ts, run, attempt, span, .. } = other;
        let (recorded, sent) = (self.finish(), other.finish());
        let took = |step: &Self| step.finish().map(|finish| finish.ended_at.micros() - step.ts.micros());
        let same = [
            ("component", self.component == *component),
            ("environment", self.environment == *environment),
            ("version", self.version == *version),
            ("owner", self.owner == *owner),
            ("status", self.status == *status),
            ("ts", !sent_ts || self.ts == *ts),
            ("run", self.run == *run),
            ("attempt", self.attempt == *attempt),
            ("span", self.span == *span),
            ("outcome", sent.is_none() || sent.map(|end| end.outcome) == recorded.map(|end| end.outcome)),
            ("exit_code", sent.is_none() || sent.map(|end| end.exit_code) == recorded.map(|end| end.exit_code)),
            ("duration", sent.is_none() || took(self) == took(other)),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect()
    }
}

impl Resource for Step {
    type Column = StepColumn;
    const NAME: &'static str = "steps";

    fn cell(&self, column: StepColumn) -> Cell<'_> {
        match column {
            StepColumn::Component => self.component.as_str().into(),
            StepColumn::Version => self.version.as_str().into(),
            StepColumn::Owner => self.owner.as_str().into(),
            StepColumn::Status => self.status.as_str().into(),
            StepColumn::Ts => Cell::TimeInSeconds(self.ts),
            StepColumn::Environment => self.environment.as_str().into(),
            StepColumn::Run => self.run.as_ref().map(Run::as_str).into(),
            StepColumn::Id => self.id.into(),
            StepColumn::StartedAt => self.ts.into(),
            StepColumn::EndedAt => self.ended_at.into(),
            StepColumn::DurationSeconds => self.duration().into(),
            StepColumn::DeploymentId => self.deployment_id.into(),
            StepColumn::Span => self.span.into(),
            StepColumn::Outcome if self.is_unfinished() => UNFINISHED.into(),
            StepColumn::Outcome => self.outcome.map(StepOutcome::name).into(),
            StepColumn::ExitCode => self.exit_code.into(),
            StepColumn::Attempt => self.attempt.map(Attempt::number).into(),
            StepColumn::Result => self.result.map(StepOutcome::name).into(),
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Selected { columns: &StepColumn::JSON, row: self }.serialize(serializer)
    }
}

/// The outcome as it was recorded: none of a span that is unfinished.
fn recorded_outcome<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StepOutcome>, D::Error> {
    let outcome = Option::<String>::deserialize(deserializer)?.filter(|outcome| outcome != UNFINISHED);
    outcome.map(|outcome| outcome.parse().map_err(D::Error::custom)).transpose()
}

/// For messages: `checkout 4.2.0 building`, and the run where there is one.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, version, status, .. } = self;
        let run = self.run.as_ref().map_or(Cow::Borrowed(""), |run| format!(" (run {run})").into());
        write!(f, "{component} {version} {status}{run}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_from_its_own_json_and_from_what_was_written_before() {
        let old = r#"{"id":"0197a000-0000-7000-8000-000000000001","component":"c","environment":"production",
            "version":"1","owner":"o","status":"s","ts":"2026-01-05T09:30:00.000000Z","run":null,"span":true,
            "outcome":null,"ended_at":"2026-01-05T09:31:00.000000Z"}"#;
        let step: Step = serde_json::from_str(old).unwrap();
        assert!(step.is_unfinished());
        let json = serde_json::to_value(&step).unwrap();
        assert_eq!((&json["outcome"], &json["duration_seconds"]), (&"unfinished".into(), &60.0.into()));
        assert_eq!(serde_json::from_value::<Step>(json).unwrap(), step);
        let failed = serde_json::from_str::<Step>(&old.replace("null,\"ended", "\"failed\",\"ended")).unwrap();
        assert_eq!(failed.outcome, Some(StepOutcome::Failed));
        assert_eq!(serde_json::from_value::<Step>(serde_json::to_value(&failed).unwrap()).unwrap(), failed);
        assert!(serde_json::from_str::<Step>(&old.replace("null,\"ended", "\"fine\",\"ended")).is_err());
    }
}
