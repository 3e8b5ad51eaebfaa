//! The contract between the `steps` command and `steps-server`.
//!
//! Everything both sides must agree on lives here once: the validated names, the step itself, the
//! queries, the columns of an export and the shape of an error. Nothing here does I/O, reads a clock,
//! or knows HTTP, so that the command, the wire and the database share one gate.

mod batch;
mod bound;
mod deployment;
mod duration;
mod error;
mod fields;
mod format;
mod id;
mod json_fields;
mod name;
mod new_step;
mod percent;
mod query;
mod resource;
mod span;
mod stats;
mod step;
mod time;
mod trend;
pub mod view;
mod words;

pub use batch::{BatchAnswer, LineAnswer, LineResult, MAX_BATCH_BYTES, MAX_BATCH_STEPS};
pub use bound::Bound;
pub use deployment::{Deployment, DeploymentColumn, DeploymentDetail, DeploymentOutcome, StatusKind, TimelineStep};
pub use duration::Duration;
pub use error::{FieldError, FieldErrors, Problem, nearest};
pub use format::ListFormat;
pub use id::{ImportIds, StepId};
pub use json_fields::JsonFields;
pub use name::{Component, Environment, NameError, Owner, Run, Status, Version};
pub use new_step::{Age, NewStep, When};
pub use percent::Percent;
pub use query::{DeploymentFilter, DeploymentQuery, Filter, ListQuery, Order, StepFilter, StepQuery};
pub use resource::{Cell, ListColumn, Resource, Selected};
pub use span::{Finish, NewFinish, SpanEnd, StepOutcome};
pub use stats::{GroupBy, StatsAnswer, StatsColumn, StatsQuery, StatsRow, TimeZone};
pub use step::{Step, StepColumn};
pub use time::{TimeError, TimeInterval, Timestamp};
pub use trend::{
    Baseline, Budget, BudgetAnswer, BudgetKind, Cause, CauseShare, CheckAnswer, CheckQuery, CheckResult, Estimate,
    Firing, Growth, GrowthLimit, Judged, LevelChange, Period, PeriodKind, Point, Replay, ReplayedBudget, SinceChange,
    SmallestChange, SprintLength, SprintStart, Sprints, StepPresence, Trend, TrendAnswer, TrendColumn, TrendQuery,
    USUAL_REACH_MICROS, Verdict,
};

/// Where the server listens, and where the command looks for it, unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:7878";
