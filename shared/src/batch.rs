//! The answer to a batch: what became of each of its steps.

use serde::{Deserialize, Serialize};

use crate::words::words;
use crate::{FieldError, StepId};

/// The most steps in one batch.
pub const MAX_BATCH_STEPS: usize = 10_000;

/// The largest body of a batch, in bytes (8 MiB).
pub const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchAnswer {
    /// How many were recorded now.
    pub recorded: u64,
    /// How many had been recorded before, with the same content.
    pub already_recorded: u64,
    /// How many were refused; nothing of those was kept.
    pub refused: u64,
    /// Each step, in the order of the batch.
    pub steps: Vec<LineAnswer>,
}

/// What became of one step of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Adds the answer for one more step, and counts it.
    pub fn push(&mut self, line: LineAnswer) {
        match line.result {
            LineResult::Recorded => self.recorded += 1,
            LineResult::AlreadyRecorded => self.already_recorded += 1,
            LineResult::Refused => self.refused += 1,
        }
        self.steps.push(line);
    }
}
