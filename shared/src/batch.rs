//! The answer to a batch: what became of each of its steps.

use serde::{Deserialize, Serialize};

use crate::error::is_zero;
use crate::words::words;
use crate::{FieldError, MAX_ERRORS, StepId};

/// The most steps in one batch.
pub const MAX_BATCH_STEPS: usize = 10_000;

/// The largest body of a batch, in bytes (8 MiB).
pub const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// The largest step of a batch, in bytes (64 KiB).
pub const MAX_STEP_BYTES: usize = 64 * 1024;

/// The most errors that the answer to a batch lists.
pub const MAX_BATCH_ERRORS: usize = 1000;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchAnswer {
    /// How many were recorded now.
    pub recorded: u64,
    /// How many had been recorded before, with the same content.
    pub already_recorded: u64,
    /// How many were refused; nothing of those was kept.
    pub refused: u64,
    /// Each step, in the order of the batch.
    pub steps: Vec<LineAnswer>,
    /// How many more errors there are than `steps` list.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_errors: usize,
    /// How many errors `steps` list.
    #[serde(skip)]
    listed: usize,
}

/// What became of one step of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineAnswer {
    /// Its place in the array, or its line in NDJSON, from 1.
    pub line: usize,
    /// What became of it.
    pub result: LineResult,
    /// Its identity, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<StepId>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

words! {
    /// What became of one step.
    LineResult {
        /// It was recorded now.
        Recorded = "recorded",
        /// It had been recorded before, with the same content.
        AlreadyRecorded = "already recorded",
        /// It was refused.
        Refused = "refused",
    }
}

impl BatchAnswer {
    /// Adds the answer for one more step, and counts it. Of its errors it keeps 16, and 1000 of all steps together. `more` is
    /// how many errors the step has beside those of `line`.
    pub fn push(&mut self, mut line: LineAnswer, more: usize) {
        let room = MAX_ERRORS.min(MAX_BATCH_ERRORS - self.listed);
        let more = more + line.errors.len().saturating_sub(room);
        line.errors.truncate(room);
        self.listed += line.errors.len();
        self.more_errors += more;
        if line.errors.is_empty() && more > 0 {
            line.errors = vec![FieldError::wrong("step", "is wrong, and the answer lists no more errors")];
        }
        match line.result {
            LineResult::Recorded => self.recorded += 1,
            LineResult::AlreadyRecorded => self.already_recorded += 1,
            LineResult::Refused => self.refused += 1,
        }
        self.steps.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_a_bounded_number_of_errors() {
        let mut answer = BatchAnswer::default();
        for line in 1..=100 {
            let errors = vec![FieldError::missing("owner"); 20];
            answer.push(LineAnswer { line, result: LineResult::Refused, id: None, errors }, 0);
        }
        let listed: usize = answer.steps.iter().map(|step| step.errors.len()).sum();
        // 62 steps list 16, the next one 8, and each of the others says that it lists none.
        assert_eq!((answer.refused, listed, answer.more_errors), (100, 1000 + 37, 1000));
        assert_eq!(answer.steps[0].errors.len(), MAX_ERRORS);
    }
}
