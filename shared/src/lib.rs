//! The contract between the `steps` command and `steps-server`.
//!
//! What both sides must agree on is defined here once: names and times with their checks, each resource with its JSON, its columns
//! and its cells, queries, and errors. Nothing here does I/O, reads a clock, or knows HTTP.

mod attempt;
mod batch;
mod bound;
#[cfg(test)]
mod campaign_tests;
mod comparison;
mod deployment;
mod duration;
mod error;
mod event;
mod exclusion;
mod expected;
mod fields;
mod filter;
mod format;
mod glob;
mod id;
mod id_prefix;
mod innermost;
mod json_fields;
mod name;
mod neutral;
mod new_step;
mod note;
#[cfg(feature = "openapi")]
pub mod openapi;
mod parameters;
mod percent;
mod projection;
mod query;
mod resource;
mod span;
mod stats;
mod step;
mod time;
mod token;
mod token_secret;
mod trend;
mod typed_time;
pub mod view;
mod visible;
mod words;
mod written_time;

pub use attempt::Attempt;
pub use batch::{
    BatchAnswer, LineAnswer, LineResult, MAX_BATCH_BYTES, MAX_BATCH_ERRORS, MAX_BATCH_STEPS, MAX_STEP_BYTES,
};
pub use bound::Bound;
pub use comparison::{ComparedColumn, ComparedPart, Comparison, ComparisonQuery};
pub use deployment::{
    Deployment, DeploymentColumn, DeploymentDetail, DeploymentOutcome, Retry, StatusKind, TimelineStep,
};
pub use duration::Duration;
pub use error::{FieldError, FieldErrors, MAX_ERRORS, Problem, nearest};
pub use event::{Event, EventFilter, EventKind, EventQuery, RemovedDeployment, RemovedNote, Reset};
pub use exclusion::{NewExclusion, NewInclusion};
pub use expected::{Expected, ExpectedStep, StepState};
pub use filter::{DeploymentFilter, Filter, StepFilter};
pub use format::ListFormat;
pub use glob::{Glob, GlobError};
pub use id::{ImportIds, StepId};
pub use id_prefix::{IdPrefix, shortest_prefixes};
pub use innermost::innermost;
pub use json_fields::{JsonFields, MAX_FIELDS};
pub use name::{Component, Environment, NameError, NoteText, Owner, Reason, Run, Status, TokenName, Version};
pub use neutral::{looks_neutralized, neutralized, original};
pub use new_step::{Age, NewStep, When};
pub use note::{NewNote, Note, NoteColumn, NoteFilter, NoteQuery};
pub use percent::Percent;
pub use projection::{Projection, ProjectionQuery};
pub use query::{DeploymentQuery, ListQuery, Order, StepQuery};
pub use resource::{Cell, List, ListColumn, Resource, Selected};
pub use span::{Finish, NewFinish, SpanEnd, StepOutcome};
pub use stats::{GroupBy, StatsAnswer, StatsColumn, StatsQuery, StatsRow, TimeZone};
pub use step::{Step, StepColumn};
pub use time::{TimeError, TimeInterval, Timestamp};
pub use token::{
    CallerKind, CreatedToken, CurrentCaller, MAX_PATTERNS, NewToken, Scope, Scopes, Token, TokenColumn, TokenId,
    TokenList,
};
pub use token_secret::{TokenError, TokenSecret};
pub use trend::{
    Baseline, Budget, BudgetAnswer, BudgetKind, Cause, CauseShare, CheckAnswer, CheckQuery, CheckResult,
    DEFAULT_LOOKBACK, Estimate, Firing, Growth, GrowthLimit, Judged, LevelChange, Period, PeriodKind, Point, Replay,
    ReplayedBudget, SinceChange, SmallestChange, SprintLength, SprintStart, Sprints, StepPresence, Trend, TrendAnswer,
    TrendColumn, TrendQuery, Verdict, VersionRange,
};
pub use visible::{escaped, escaped_json, has_visible, is_hidden};

/// Where the server listens, and where the command looks for it, by default.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:7878";
