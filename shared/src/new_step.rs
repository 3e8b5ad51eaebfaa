//! A step as it is sent: [`NewStep`].

use std::str::FromStr;

use serde::Serialize;

use crate::fields::{optional, required, sort};
use crate::span::NewFinish;
use crate::{
    Attempt, Component, Environment, FieldError, FieldErrors, Owner, Run, Status, Step, StepId, Timestamp, Version,
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
    /// Which attempt of that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// Whether it is a span: it ends at a recorded end, not when the next step begins.
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
    /// At a known time: imports and backfills.
    #[serde(rename = "ts")]
    At(Timestamp),
}

/// Seconds that passed between a step and its sending: finite, not negative, at most ten years.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Age(f64);

impl Age {
    /// The longest, in seconds: ten years.
    pub const MAX_SECONDS: f64 = 10.0 * 366.0 * 86_400.0;

    /// From seconds.
    ///
    /// # Errors
    /// Not a number, negative, or more than ten years.
    pub fn from_seconds(seconds: f64) -> Result<Self, String> {
        if (0.0..=Self::MAX_SECONDS).contains(&seconds) {
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
    pub const FIELDS: [&'static str; 15] = [
        "component",
        "version",
        "owner",
        "status",
        "environment",
        "ts",
        "age",
        "run",
        "attempt",
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
        let [component, version, owner, status, environment, ts, age, run, attempt, id, span, finish @ ..] = values;
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
            optional("attempt", attempt, &mut errors),
            optional("id", id, &mut errors),
        );
        match step {
            (Some(component), Some(version), Some(owner), Some(status), environment, run, attempt, id)
                if errors.is_empty() =>
            {
                let environment = environment.unwrap_or_default();
                Ok(Self { id, component, environment, version, owner, status, when, run, attempt, span, finish })
            }
            _ => Err(FieldErrors(errors)),
        }
    }

    /// The step as it is kept, when the clock of the server shows `now`.
    ///
    /// # Errors
    /// A `ts` more than five minutes in the future, or an `age` that reaches back before 1970.
    pub fn into_step(self, now: Timestamp) -> Result<Step, FieldErrors> {
        let Self { id, component, environment, version, owner, status, when, run, attempt, span, finish } = self;
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
            attempt,
            span,
            outcome: finish.map(|finish| finish.outcome),
            exit_code: finish.and_then(|finish| finish.exit_code),
            ended_at: finish.map(|finish| finish.ended_at),
            deployment_id: None,
            result: None,
        })
    }
}

/// The finish that is recorded together with a step. Only a span has one, and it needs a duration or an end.
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

#[cfg(test)]
#[path = "new_step_tests.rs"]
mod tests;
