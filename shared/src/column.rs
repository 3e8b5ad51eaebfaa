//! The columns of lists.

use std::fmt;
use std::str::FromStr;

/// The columns of one kind of list.
pub trait ListColumn: Copy + PartialEq + fmt::Debug + FromStr<Err = String> + 'static {
    /// All of them, in the order of a CSV export.
    const ALL: &'static [Self];
    /// As it is written in a header.
    fn name(self) -> &'static str;
}

/// Declares the columns of a list and their names; see [`words`](crate::words).
macro_rules! columns {
    ($(#[$meta:meta])* $Name:ident { $($columns:tt)* }) => {
        $crate::words::words! { $(#[$meta])* $Name { $($columns)* } }

        impl $crate::ListColumn for $Name {
            const ALL: &'static [Self] = Self::ALL;
            fn name(self) -> &'static str {
                self.name()
            }
        }
    };
}

pub(crate) use columns;

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
        /// Whether it is told when it ends.
        Span = "span",
        /// How a span ended: succeeded, failed, or unfinished when its deployment ended first.
        Outcome = "outcome",
        /// The exit code of the command that a span timed.
        ExitCode = "exit_code",
    }
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

columns! {
    /// What statistics can be grouped by.
    GroupBy {
        /// What was deployed.
        Component = "component",
        /// The phase: statistics of steps rather than of whole deployments.
        Status = "status",
        /// Who began it.
        Owner = "owner",
        /// Where to.
        Environment = "environment",
        /// The day it started.
        Day = "day",
        /// The Monday of the week it started (ISO 8601).
        Week = "week",
        /// The month it started.
        Month = "month",
    }
}

columns! {
    /// A column of statistics: what they are grouped by, then the numbers.
    StatColumn {
        /// A group: what was deployed.
        Component = "component",
        /// A group: the phase.
        Status = "status",
        /// A group: who began it.
        Owner = "owner",
        /// A group: where to.
        Environment = "environment",
        /// A group: the day.
        Day = "day",
        /// A group: the week.
        Week = "week",
        /// A group: the month.
        Month = "month",
        /// How many.
        Count = "count",
        /// How many succeeded.
        Succeeded = "succeeded",
        /// How many failed.
        Failed = "failed",
        /// How many have not ended yet.
        Running = "running",
        /// How many never ended.
        Abandoned = "abandoned",
        /// Failed of those that ended.
        FailureRate = "failure_rate",
        /// The mean duration.
        MeanSeconds = "mean_seconds",
        /// The median.
        P50Seconds = "p50_seconds",
        /// The 90th percentile.
        P90Seconds = "p90_seconds",
        /// The 95th percentile.
        P95Seconds = "p95_seconds",
        /// The 99th percentile.
        P99Seconds = "p99_seconds",
        /// The longest.
        MaxSeconds = "max_seconds",
    }
}

impl StatColumn {
    /// How many of [`Self::ALL`] are groups.
    pub const GROUPS: usize = 7;
}

impl StepColumn {
    /// The members of a step in JSON, unless columns are chosen: `ts` is exact there already.
    pub const JSON: [Self; 14] = [
        Self::Id,
        Self::Component,
        Self::Environment,
        Self::Version,
        Self::Owner,
        Self::Status,
        Self::Ts,
        Self::Run,
        Self::EndedAt,
        Self::DurationSeconds,
        Self::DeploymentId,
        Self::Span,
        Self::Outcome,
        Self::ExitCode,
    ];
}
