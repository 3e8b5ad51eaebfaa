//! What a trend is.

use serde::{Deserialize, Serialize};

use crate::words::words;
use crate::{Component, Duration, Environment, Note, Owner, Status, StepId, Timestamp, Version};

/// The answer of `GET /v1/trend` as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrendAnswer {
    /// What the periods are: `week` or `sprint`.
    pub by: String,
    /// When a sprint began: `YYYY-MM-DD`.
    pub sprint_start: String,
    /// How long a sprint is: `14d`.
    pub sprint_length: String,
    /// The smallest growth in a week that matters, in percent.
    pub min_change_percent: f64,
    /// Whether the durations are without the time in which only waiting statuses were open.
    #[serde(default)]
    pub exclude_waiting: bool,
    /// The earliest start that was asked for.
    pub since: Timestamp,
    /// The latest start that was asked for; null where none was.
    pub until: Option<Timestamp>,
    /// Of what is told as growing, shrinking, jumped or dropped, how much may be so by chance: over many trends (Benjamini &
    /// Hochberg 1995).
    #[serde(default)]
    pub false_discovery_rate: f64,
    /// The trends, the most alarming first: by verdict (growing and jumped, steady, shrinking and dropped, not enough data), then
    /// by how much they changed.
    pub trends: Vec<Trend>,
}

/// How long the successful deployments of one component into one environment (or one step in them) took, over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trend {
    /// What was deployed.
    pub component: Component,
    /// Where to.
    pub environment: Environment,
    /// Which step the durations are of; null where they are of the whole.
    pub step: Option<Status>,
    /// How many deployments.
    pub deployments: u32,
    /// When the first of them started.
    pub first_started_at: Timestamp,
    /// When the last of them started.
    pub last_started_at: Timestamp,
    /// How it is judged.
    pub verdict: Verdict,
    /// The smallest difference that matters, in seconds: asked for, or what fits this series.
    #[serde(default)]
    pub min_difference_seconds: f64,
    /// The least false discovery rate at which its growth or its surest jump is told among these trends; null where there is
    /// not enough data.
    #[serde(default)]
    pub q_value: Option<f64>,
    /// The median of the deployments at its beginning (a fifth of all, 5 to 50).
    #[serde(rename = "start_median_seconds")]
    pub start_median: Duration,
    /// The median of as many at its end.
    #[serde(rename = "now_median_seconds")]
    pub now_median: Duration,
    /// How it grows; null where there is not enough data.
    pub growth: Option<Growth>,
    /// What makes the difference between the beginning and the end; null where there is not enough data, and of a step.
    pub cause: Option<Cause>,
    /// Where the level changed, the oldest first.
    pub change_points: Vec<LevelChange>,
    /// The verdict on the deployments since the last change of the level alone: a jump is not continuing growth.
    /// Null where it did not change.
    pub since_change: Option<SinceChange>,
    /// The medians of weeks or sprints, from the first that had a deployment to the last, the oldest first.
    pub periods: Vec<Period>,
    /// What growth was fitted to, where one component was asked for; else null.
    pub points: Option<Vec<Point>>,
    /// The notes of the time that was asked for, the oldest first: at most the newest hundred. Where no component was asked for,
    /// only those beside a change of the level.
    #[serde(default)]
    pub notes: Vec<Note>,
}

words! {
    /// How a trend is judged.
    Verdict {
        /// It takes longer and longer.
        Growing = "growing",
        /// The level jumped up, and does not grow.
        Jumped = "jumped",
        /// Nothing changed that is significant and large enough to matter, or what changed is mended or has stopped.
        Steady = "steady",
        /// It takes less and less.
        Shrinking = "shrinking",
        /// The level dropped, and does not shrink.
        Dropped = "dropped",
        /// Fewer than ten deployments, or less than two weeks.
        NotEnoughData = "not enough data",
    }
}

/// A number, and between which it lies with a confidence of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How durations grow: a straight line through their logarithms, beside the changes of the level. Percentages compound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Growth {
    /// Seconds more in each week, at the middle of the growth.
    pub seconds_per_week: Estimate,
    /// Percent more in each week than in the week before.
    pub percent_per_week: Option<Estimate>,
    /// Seconds more in each sprint.
    pub seconds_per_sprint: Estimate,
    /// Percent more in each sprint than in the one before.
    pub percent_per_sprint: Option<Estimate>,
    /// The fitted level where growth began, or at the first deployment, in seconds.
    pub fitted_start_seconds: f64,
    /// The fitted level where growth stopped, or at the last one.
    pub fitted_end_seconds: f64,
    /// How probable so much growth is where there is none, with noise that may wander and a beginning that was looked for.
    pub p_value: f64,
    /// Kendall's tau, -1 to 1: how consistently it grows.
    pub tau: f64,
    /// How many points were fitted: deployments, or medians of several that follow each other.
    pub fitted_points: u32,
    /// Whether growth is a part of what explains the series. Else this is what a line beside the changes of the level would grow.
    #[serde(default = "told")]
    pub is_told: bool,
    /// When it began, to the week; null where it grew all along.
    #[serde(default)]
    pub began_at: Option<Timestamp>,
    /// When it stopped, to the week; null where it goes on.
    #[serde(default)]
    pub stopped_at: Option<Timestamp>,
}

fn told() -> bool {
    true
}

/// A trend since the last change of the level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SinceChange {
    /// How many deployments.
    pub deployments: u32,
    /// How they are judged.
    pub verdict: Verdict,
    /// How they grow; null where there is not enough data.
    pub growth: Option<Growth>,
}

/// What makes the difference between the deployments at the beginning and those at the end: its parts add up to it.
///
/// Each instant of a deployment counts for the step that holds it up: the one that ends last of those that are open, and of a
/// wrapper and what is within it, the innermost. Where somebody works, no waiting status counts. A parallel step that overtakes
/// another has all of the difference: the other did not get faster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cause {
    /// How many deployments of the beginning are compared; outliers are left out.
    pub deployments_before: u32,
    /// How many of the end.
    pub deployments_after: u32,
    /// The mean duration of those at the beginning.
    #[serde(rename = "before_seconds")]
    pub before: Duration,
    /// The mean duration of those at the end.
    #[serde(rename = "after_seconds")]
    pub after: Duration,
    /// The difference, in seconds; negative where it shrank. Exactly the sum of the parts', to the microsecond.
    pub change_seconds: f64,
    /// The steps and the gaps between them; what contributes most to the difference comes first.
    pub parts: Vec<CauseShare>,
}

/// A step's part in the difference, or that of the gaps between steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CauseShare {
    /// The step; null for the time in which none was open.
    pub step: Option<Status>,
    /// Whether it is a status in which nobody works, such as `queued` or `approval`.
    #[serde(default)]
    pub waiting: bool,
    /// Its mean part of a deployment at the beginning, in seconds.
    pub before_seconds: f64,
    /// Its mean part of a deployment at the end.
    pub after_seconds: f64,
    /// The difference.
    pub change_seconds: f64,
    /// Its share of the whole difference, 1 being all of it; more than that where other steps got faster. Null where
    /// there is no difference.
    pub share: Option<f64>,
    /// Between which shares it is with a confidence of 95 %; null where that is not known: where the whole difference may be by chance,
    /// or where parallel steps overtook each other.
    #[serde(default)]
    pub share_low: Option<f64>,
    /// The upper end.
    #[serde(default)]
    pub share_high: Option<f64>,
    /// Whether it is new, or gone.
    pub change: Option<StepPresence>,
    /// The steps that it stands in the place of, which are gone: it was renamed, or split. Its part before is theirs.
    #[serde(default)]
    pub replaces: Vec<Status>,
}

words! {
    /// Whether a step is new, or gone.
    StepPresence {
        /// No deployment at the beginning had it.
        Appeared = "appeared",
        /// No deployment at the end has it.
        Vanished = "vanished",
    }
}

/// Where the level changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LevelChange {
    /// The first deployment of the new level.
    pub deployment_id: StepId,
    /// Which version it was.
    pub version: Version,
    /// Who began it.
    pub owner: Owner,
    /// When it started.
    pub started_at: Timestamp,
    /// The median since the change before, or since the beginning.
    #[serde(rename = "before_seconds")]
    pub before: Duration,
    /// The median until the next change, or until the end.
    #[serde(rename = "after_seconds")]
    pub after: Duration,
    /// By how many percent the median changed; null where it was 0.
    pub change_percent: Option<f64>,
    /// How probable such evidence is where there is no jump; the place was looked for.
    pub p_value: f64,
    /// Between which deployments the first of the new level is with a probability of 90 %; null in answers of old servers.
    #[serde(default)]
    pub range: Option<VersionRange>,
    /// What makes the difference between the deployments just before and just after; null of a step.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// The note beside it, which may tell why: the nearest of those that touch the time of its range, with the time since the
    /// deployment before, and a day before and after. Null where there is none.
    #[serde(default)]
    pub note_id: Option<StepId>,
}

/// The deployments that may be the first of a new level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionRange {
    /// How many deployments.
    pub deployments: u32,
    /// The version of the first of them.
    pub first_version: Version,
    /// When it started.
    pub first_started_at: Timestamp,
    /// The version of the last of them.
    pub last_version: Version,
    /// When it started.
    pub last_started_at: Timestamp,
    /// When the deployment before the first of them started; null where there is none.
    #[serde(default)]
    pub previous_started_at: Option<Timestamp>,
}

/// A week or a sprint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Period {
    /// When it began.
    pub start: Timestamp,
    /// How many deployments started in it.
    pub deployments: u32,
    /// Their median; null where there is none.
    #[serde(rename = "median_seconds")]
    pub median: Option<Duration>,
}

/// What a line was fitted to: a deployment, or the median of several that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Point {
    /// When it started; of several, the median.
    pub started_at: Timestamp,
    /// How long it took.
    #[serde(rename = "duration_seconds")]
    pub duration: Duration,
    /// Of how many deployments.
    pub deployments: u32,
    /// The duration by what explains the series; null where there is not enough data.
    #[serde(rename = "fitted_seconds", default)]
    pub fitted: Option<Duration>,
}

impl Growth {
    /// Below this probability growth is significant.
    pub const SIGNIFICANCE: f64 = 0.05;

    /// Whether growth is a part of what explains the series.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.is_told
    }
}

impl Estimate {
    /// The same on another scale, which rises.
    #[must_use]
    pub fn map(self, scale: impl Fn(f64) -> f64) -> Self {
        let Self { value, low, high } = self;
        Self { value: scale(value), low: scale(low), high: scale(high) }
    }

    /// The same in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let Self { value, low, high } = self;
        Self { value: value * factor, low: low * factor, high: high * factor }
    }
}

impl Trend {
    /// Whether what changed in it is not told, because among so many trends some seem to change by chance.
    #[must_use]
    pub fn is_by_chance(&self) -> bool {
        self.q_value.is_some_and(|q_value| q_value >= Growth::SIGNIFICANCE)
    }

    /// What explains the growth or shrinking of the verdict. The ends may differ in the other direction than the line; then
    /// they explain nothing.
    #[must_use]
    pub fn explanation(&self) -> Option<&Cause> {
        let cause = self.cause.as_ref()?;
        let explains = match self.verdict {
            Verdict::Growing | Verdict::Jumped => cause.change_seconds > 0.0,
            Verdict::Shrinking | Verdict::Dropped => cause.change_seconds < 0.0,
            Verdict::Steady | Verdict::NotEnoughData => false,
        };
        explains.then_some(cause)
    }

    /// The note beside a change of the level, and its number on the chart, from 1.
    #[must_use]
    pub fn note_beside(&self, change: &LevelChange) -> Option<(usize, &Note)> {
        let id = change.note_id?;
        self.notes.iter().enumerate().find(|(_, note)| note.id == id).map(|(at, note)| (at + 1, note))
    }

    /// The part that contributes most to the growth or shrinking of the verdict.
    #[must_use]
    pub fn main_cause(&self) -> Option<&CauseShare> {
        self.explanation()?.parts.first()
    }
}
