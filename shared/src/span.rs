//! Spans: steps whose end is recorded explicitly.

use serde::Serialize;

use crate::fields::{optional, required, sort};
use crate::words::words;
use crate::{Duration, FieldError, FieldErrors, NewStep, Timestamp};

words! {
    /// How a span ended.
    StepOutcome {
        /// What it timed succeeded.
        Succeeded = "succeeded",
        /// What it timed failed.
        Failed = "failed",
    }
}

/// The end of a span, as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NewFinish {
    /// How it ended.
    pub outcome: StepOutcome,
    /// When it ended; by default when the server receives it.
    #[serde(flatten)]
    pub end: Option<SpanEnd>,
    /// The exit code of the command that it timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// When a span ended, as its sender knows it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum SpanEnd {
    /// So long after it began, by a monotonic clock.
    #[serde(rename = "duration")]
    After(Duration),
    /// At a known time: imports.
    #[serde(rename = "ended_at")]
    At(Timestamp),
}

/// The recorded end of a span. It never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// How it ended.
    pub outcome: StepOutcome,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The exit code of the command that it timed.
    pub exit_code: Option<i32>,
}

impl NewFinish {
    /// The fields of a finish; the first must be given.
    pub const FIELDS: [&'static str; 4] = ["outcome", "duration", "ended_at", "exit_code"];

    /// Reads a finish from its fields.
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
        let finish = Self::from_values(values, &mut errors);
        finish.filter(|_| errors.is_empty()).ok_or(FieldErrors(errors))
    }

    /// From the values of [`Self::FIELDS`].
    pub(crate) fn from_values(values: [Option<String>; 4], errors: &mut Vec<FieldError>) -> Option<Self> {
        let [outcome, duration, ended_at, exit_code] = values;
        let outcome = required("outcome", outcome, errors);
        let duration = optional("duration", duration, errors);
        let ended_at = optional("ended_at", ended_at, errors);
        let exit_code = optional("exit_code", exit_code, errors);
        let end = match (duration, ended_at) {
            (Some(_), Some(_)) => {
                errors.push(FieldError::wrong("duration", "and ended_at are both given; give one"));
                return None;
            }
            (Some(duration), None) => Some(SpanEnd::After(duration)),
            (None, Some(ended_at)) => Some(SpanEnd::At(ended_at)),
            (None, None) => None,
        };
        Some(Self { outcome: outcome?, end, exit_code })
    }

    /// The finish of a span that began at `start`, as it is kept when the server's clock shows `now`.
    ///
    /// # Errors
    /// An end before the start, or more than five minutes in the future.
    pub fn into_finish(self, start: Timestamp, now: Timestamp) -> Result<Finish, FieldErrors> {
        let Self { outcome, end, exit_code } = self;
        let latest = now.micros().saturating_add(NewStep::FUTURE_MICROS);
        let ended_at = match end {
            None => now.max(start),
            Some(SpanEnd::At(ended_at)) if ended_at < start => {
                let reason = format!("is {ended_at}, before the span began at {start}");
                return Err(FieldError::wrong("ended_at", reason).into());
            }
            Some(SpanEnd::At(ended_at)) if ended_at.micros() > latest => {
                let reason = format!("is more than 5 minutes in the future: {ended_at}, and it is {now} now");
                return Err(FieldError::wrong("ended_at", reason).into());
            }
            Some(SpanEnd::At(ended_at)) => ended_at,
            Some(SpanEnd::After(duration)) => {
                let end = start.micros().saturating_add(duration.micros());
                let ended_at = Timestamp::from_micros(end).ok().filter(|_| end <= latest);
                ended_at.ok_or_else(|| {
                    let reason = format!(
                        "is {duration}, so that the span, which began at {start}, would end more than 5 minutes in the \
                         future; it is {now} now, and a number without a unit is of seconds"
                    );
                    FieldError::wrong("duration", reason)
                })?
            }
        };
        Ok(Finish { outcome, ended_at, exit_code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_end_lies_at_most_five_minutes_in_the_future() {
        let now = at("2026-01-05T10:00:00Z");
        let end = |start: &str, field: &str, value: &str| {
            let finish = NewFinish::from_fields([("outcome", "succeeded"), (field, value)]).unwrap();
            finish.into_finish(at(start), now).map_err(|errors| errors.to_string())
        };
        let start = "2026-01-05T09:55:00Z";
        assert_eq!(end(start, "duration", "600").unwrap().ended_at, at("2026-01-05T10:05:00Z"));
        assert_eq!(end(start, "ended_at", "2026-01-05T10:05:00Z").unwrap().ended_at, at("2026-01-05T10:05:00Z"));
        // Milliseconds that were taken for seconds, and a century.
        for duration in ["600.000001", "300000", "3000000000"] {
            let error = end(start, "duration", duration).unwrap_err();
            assert!(error.starts_with("duration is ") && error.contains("5 minutes in the future"), "{error}");
        }
        for time in ["2026-01-05T10:05:00.000001Z", "2126-01-05T10:00:00Z"] {
            let error = end(start, "ended_at", time).unwrap_err();
            assert!(error.starts_with("ended_at is more than 5 minutes in the future"), "{error}");
        }
        // A span that began there itself, by a clock that differs a little.
        assert!(end("2026-01-05T10:04:00Z", "duration", "60").is_ok());
    }
}
