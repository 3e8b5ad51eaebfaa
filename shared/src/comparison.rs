//! Two deployments beside each other, step by step.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::parameters::{put, read_parameters, switch};
use crate::resource::columns;
use crate::trend::GAPS;
use crate::{Cell, Deployment, Duration, FieldErrors, IdPrefix, ListFormat, Resource, Status, StepPresence};

/// A deployment beside another one. Its parts add up to both, and so does the difference, to the microsecond.
///
/// Each instant counts for the step that its deployment waited for: the one that ends last of those that were open, and of a wrapper
/// and what is within it, the innermost. Where somebody worked, no waiting status counts. A step that others ran beside, and that nobody
/// waited for, has 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// The deployment.
    pub deployment: Deployment,
    /// The one that it is compared with.
    pub with: Deployment,
    /// How long the other one took.
    #[serde(rename = "before_seconds")]
    pub before: Duration,
    /// How long the deployment took.
    #[serde(rename = "after_seconds")]
    pub after: Duration,
    /// The difference, in seconds; negative where the deployment took less.
    pub change_seconds: f64,
    /// The steps and the gaps between them, what differs most first.
    pub parts: Vec<ComparedPart>,
}

/// What a step of two deployments took of each, or the gaps between steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComparedPart {
    /// The step, all of that name together; null for the time in which none was open.
    pub step: Option<Status>,
    /// Whether it is a status in which nobody works, such as `queued` or `approval`.
    pub waiting: bool,
    /// How long it held up the other deployment.
    #[serde(rename = "before_seconds")]
    pub before: Duration,
    /// How long it held up the deployment.
    #[serde(rename = "after_seconds")]
    pub after: Duration,
    /// The difference, in seconds.
    pub change_seconds: f64,
    /// Its share of the whole difference, 1 being all of it; more than that where others took less. Null where there is no
    /// difference.
    pub share: Option<f64>,
    /// Whether only one of them has it.
    pub change: Option<StepPresence>,
}

columns! {
    /// A column of a comparison.
    ComparedColumn {
        /// The step; `(gaps)` for the time in which none was open.
        Step = "step",
        /// Whether it is a status in which nobody works.
        Waiting = "waiting",
        /// How long it held up the other deployment, in seconds.
        BeforeSeconds = "before_seconds",
        /// How long it held up the deployment.
        AfterSeconds = "after_seconds",
        /// The difference.
        ChangeSeconds = "change_seconds",
        /// Its share of the whole difference.
        Share = "share",
        /// Whether only one of them has it: appeared or vanished.
        Change = "change",
    }
}

impl Resource for ComparedPart {
    type Column = ComparedColumn;
    const NAME: &'static str = "comparison";

    fn cell(&self, column: ComparedColumn) -> Cell<'_> {
        match column {
            ComparedColumn::Step => self.step.as_ref().map_or(GAPS, Status::as_str).into(),
            ComparedColumn::Waiting => self.waiting.into(),
            ComparedColumn::BeforeSeconds => self.before.into(),
            ComparedColumn::AfterSeconds => self.after.into(),
            ComparedColumn::ChangeSeconds => self.change_seconds.into(),
            ComparedColumn::Share => self.share.into(),
            ComparedColumn::Change => self.change.map(StepPresence::name).into(),
        }
    }
}

impl ComparedPart {
    /// The difference, in microseconds.
    #[must_use]
    pub fn change_micros(&self) -> i64 {
        self.after.micros() - self.before.micros()
    }
}

/// With which deployment one is compared, and how that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ComparisonQuery {
    /// The other one; by default the last successful one before it, of the component in the environment.
    pub with: Option<IdPrefix>,
    /// The format; by default what the Accept header prefers, else JSON.
    pub format: Option<ListFormat>,
    /// CSV without what a spreadsheet runs as a formula.
    pub safe: bool,
}

impl ComparisonQuery {
    /// The names of its parameters.
    pub const PARAMETERS: [&'static str; 3] = ["with", "format", "safe"];

    /// Reads the parameters of a query string. An empty value counts as not given.
    ///
    /// # Errors
    /// Every unknown, repeated or wrong parameter, all at once.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut query = Self::default();
        read_parameters(parameters, &Self::PARAMETERS, |name, value| {
            Some(match name {
                "with" => put(&mut query.with, name, value),
                "format" => put(&mut query.format, name, value),
                "safe" => switch(&mut query.safe, name, value),
                _ => return None,
            })
        })?;
        Ok(query)
    }

    /// The parameters that describe it.
    #[must_use]
    pub fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { with, format, safe } = self;
        let mut parameters = Vec::new();
        parameters.extend(with.map(|with| ("with", with.to_string())));
        parameters.extend(format.map(|format| ("format", format.to_string())));
        parameters.extend(safe.then(|| ("safe", safe.to_string())));
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_comes_back_from_its_own_parameters() {
        let read = |parameters: Vec<(&'static str, String)>| {
            ComparisonQuery::from_parameters(parameters.into_iter().map(|(name, value)| (name.into(), value.into())))
        };
        let id = crate::StepId::generate();
        let query = ComparisonQuery { with: Some(id.into()), format: Some(ListFormat::Csv), safe: true };
        assert_eq!(read(query.to_parameters()), Ok(query));
        assert_eq!(read(vec![("with", String::new())]), Ok(ComparisonQuery::default()));
        assert!(read(vec![("with", "4.2.0".to_owned())]).is_err() && read(vec![("wiht", id.to_string())]).is_err());
    }
}
