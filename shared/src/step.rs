//! A step: as it is sent ([`NewStep`]) and as it is kept ([`Step`]).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::stream_key;
use crate::span::{Finish, NewFinish, StepOutcome};
use crate::{
    Component, Duration, Environment, FieldError, FieldErrors, Owner, Run, Status, StepId, Timestamp, Version,
};

/// A step on its way to be recorded. The command and the server build it through the same checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewStep {
    /// The identity given by the client; the server makes one otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<StepId>,
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
    #[serde(flatten)]
    pub when: When,
    /// The CI run it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Whether it is told when it ends, rather than ending when the next step begins.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub span: bool,
    /// The end of a span that has ended already.
    #[serde(flatten)]
    pub finish: Option<NewFinish>,
}

/// When a step began, as its sender knows it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum When {
    /// At this many seconds before the server hears of it; 0 unless the step had to wait.
    #[serde(rename = "age")]
    Ago(Age),
    /// At a moment the sender is sure of: imports and backfills.
    #[serde(rename = "ts")]
    At(Timestamp),
}

/// Seconds that passed between a step and its sending: finite, not negative, at most ten years.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Age(f64);

/// A recorded step. What was recorded never changes; what is derived may, when more steps are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether it is told when it ends.
    #[serde(default)]
    pub span: bool,
    /// How a span ended: recorded, once it has been told.
    #[serde(default)]
    pub outcome: Option<StepOutcome>,
    /// The exit code of the command that a span timed: recorded.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// When it ended: recorded for a span that has been told, derived otherwise.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// The deployment it is part of: derived.
    #[serde(default)]
    pub deployment_id: Option<StepId>,
}

impl Age {
    const MOST_SECONDS: f64 = 10.0 * 366.0 * 86_400.0;

    /// From seconds.
    ///
    /// # Errors
    /// Not a number, negative, or more than ten years.
    pub fn from_seconds(seconds: f64) -> Result<Self, String> {
        if (0.0..=Self::MOST_SECONDS).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(format!("is {seconds}; write how many seconds ago the step began, 0 to ten years"))
        }
    }

    /// Whole microseconds.
    #[must_use]
    pub fn micros(self) -> i64 {
        (self.0 * 1e6).round() as i64
    }
}

impl FromStr for Age {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.trim().parse().map_err(|_| format!("is not a number of seconds: {text:?}"))?;
        Self::from_seconds(seconds)
    }
}

impl NewStep {
    /// The fields of a step, as they are named on the wire; the first four must be given, and the last four are the
    /// finish of a span that has ended already.
    pub const FIELDS: [&'static str; 14] = [
        "component",
        "version",
        "owner",
        "status",
        "environment",
        "ts",
        "age",
        "run",
        "id",
        "span",
        "outcome",
        "duration",
        "ended_at",
        "exit_code",
    ];

    /// How far in the future a `ts` may lie: clocks differ a little.
    pub const FUTURE_MICROS: i64 = 5 * 60 * 1_000_000;

    /// Reads a step from its fields: a query string, a form, a row of a file, the flags of the command.
    ///
    /// An empty optional field counts as not given.
    ///
    /// # Errors
    /// Every missing, wrong, repeated or unknown field, all at once.
    pub fn from_fields<K, V>(fields: impl IntoIterator<Item = (K, V)>) -> Result<Self, FieldErrors>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let mut errors = Vec::new();
        let values = sort(&Self::FIELDS, fields, &mut errors);
        let [component, version, owner, status, environment, ts, age, run, id, span, finish @ ..] = values;
        let when = when(ts, age, &mut errors);
        let span = optional::<bool>("span", span, &mut errors).unwrap_or_default();
        let finish = finish_of(span, finish, &mut errors);
        let step = (
            required("component", component, &mut errors),
            required("version", version, &mut errors),
            required("owner", owner, &mut errors),
            required("status", status, &mut errors),
            optional("environment", environment, &mut errors),
            optional("run", run, &mut errors),
            optional("id", id, &mut errors),
        );
        match step {
            (Some(component), Some(version), Some(owner), Some(status), environment, run, id) if errors.is_empty() => {
                let environment = environment.unwrap_or_default();
                Ok(Self { id, component, environment, version, owner, status, when, run, span, finish })
            }
            _ => Err(FieldErrors(errors)),
        }
    }

    /// The step as it is kept, when the clock of the server shows `now`.
    ///
    /// # Errors
    /// A `ts` more than five minutes in the future, or an `age` that reaches back before 1970.
    pub fn into_step(self, now: Timestamp) -> Result<Step, FieldErrors> {
        let Self { id, component, environment, version, owner, status, when, run, span, finish } = self;
        let ts = match when {
            When::At(ts) if ts.micros() > now.micros() + Self::FUTURE_MICROS => {
                let reason = format!("is more than 5 minutes in the future: {ts}, and it is {now} now");
                return Err(FieldError::wrong("ts", reason).into());
            }
            When::At(ts) => ts,
            When::Ago(age) => {
                Timestamp::from_micros(now.micros() - age.micros()).map_err(|error| FieldError::wrong("age", error))?
            }
        };
        let id = id.unwrap_or_else(StepId::generate);
        let finish = finish.map(|finish| finish.into_finish(ts, now)).transpose()?;
        Ok(Step {
            id,
            component,
            environment,
            version,
            owner,
            status,
            ts,
            run,
            span,
            outcome: finish.map(|finish| finish.outcome),
            exit_code: finish.and_then(|finish| finish.exit_code),
            ended_at: finish.map(|finish| finish.ended_at),
            deployment_id: None,
        })
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
        let Self { id: _, component, environment, version, owner, status, ts, run, span, .. } = other;
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
            ("span", self.span == *span),
            ("outcome", sent.is_none() || sent.map(|end| end.outcome) == recorded.map(|end| end.outcome)),
            ("exit_code", sent.is_none() || sent.map(|end| end.exit_code) == recorded.map(|end| end.exit_code)),
            ("duration", sent.is_none() || took(self) == took(other)),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect()
    }
}

/// Sorts fields into the order of `known`; unknown and repeated ones are errors.
pub(crate) fn sort<const N: usize, K: AsRef<str>, V: Into<String>>(
    known: &[&str; N],
    fields: impl IntoIterator<Item = (K, V)>,
    errors: &mut Vec<FieldError>,
) -> [Option<String>; N] {
    let mut values = [const { None }; N];
    for (field, value) in fields {
        let field = field.as_ref();
        match known.iter().position(|known| *known == field) {
            None => errors.push(FieldError::unknown(field, known)),
            Some(at) if values[at].is_some() => errors.push(FieldError::repeated(field)),
            Some(at) => values[at] = Some(value.into()),
        }
    }
    values
}

/// The finish of a step that is recorded with it; only a span has one, and its end must be said.
fn finish_of(span: bool, values: [Option<String>; 4], errors: &mut Vec<FieldError>) -> Option<NewFinish> {
    let given: Vec<_> = NewFinish::FIELDS
        .into_iter()
        .zip(&values)
        .filter(|(_, value)| value.as_deref().is_some_and(|value| !value.is_empty()))
        .map(|(field, _)| field)
        .collect();
    match given.first() {
        None => None,
        Some(field) if !span => {
            errors.push(FieldError::wrong(field, "is only for spans; add span=true"));
            None
        }
        Some(_) => {
            let finish = NewFinish::from_values(values, errors)?;
            if finish.end.is_none() {
                errors.push(FieldError::wrong("outcome", "needs a duration or ended_at beside it"));
            }
            Some(finish)
        }
    }
}

fn when(ts: Option<String>, age: Option<String>, errors: &mut Vec<FieldError>) -> When {
    let ts = optional("ts", ts, errors);
    let age = optional("age", age, errors);
    match (ts, age) {
        (Some(_), Some(_)) => {
            errors.push(FieldError::wrong("age", "and ts are both given; give one"));
            When::Ago(Age::default())
        }
        (Some(ts), None) => When::At(ts),
        (None, age) => When::Ago(age.unwrap_or_default()),
    }
}

pub(crate) fn required<T>(field: &'static str, value: Option<String>, errors: &mut Vec<FieldError>) -> Option<T>
where
    T: FromStr<Err: fmt::Display>,
{
    match value {
        Some(value) => read(field, &value, errors),
        None => {
            errors.push(FieldError::missing(field));
            None
        }
    }
}

pub(crate) fn optional<T>(field: &'static str, value: Option<String>, errors: &mut Vec<FieldError>) -> Option<T>
where
    T: FromStr<Err: fmt::Display>,
{
    value.filter(|value| !value.is_empty()).and_then(|value| read(field, &value, errors))
}

fn read<T>(field: &'static str, value: &str, errors: &mut Vec<FieldError>) -> Option<T>
where
    T: FromStr<Err: fmt::Display>,
{
    value.parse().map_err(|error| errors.push(FieldError::wrong(field, error))).ok()
}

/// What a step needs to be told apart in a message: `checkout 4.2.0 building`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, version, status, .. } = self;
        let run = self.run.as_ref().map_or(Cow::Borrowed(""), |run| format!(" (run {run})").into());
        write!(f, "{component} {version} {status}{run}")
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
