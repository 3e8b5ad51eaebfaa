//! What can be recorded: a step, or the end of a span.

use steps_shared::{FieldError, FieldErrors, NewFinish, NewStep, Step, StepId, Timestamp, When};

/// One fact, checked and with the server's time.
#[derive(Debug, Clone)]
pub enum Fact {
    /// A step.
    Step {
        /// The step, with an id.
        step: Step,
        /// Whether the client sent its `ts`, so that it must be the same when the step is sent again.
        sent_ts: bool,
    },
    /// The end of a span.
    SpanEnd {
        /// The span.
        id: StepId,
        /// How and when it ended.
        end: NewFinish,
        /// When the server heard of it: the end, unless the client sent one.
        received_at: Timestamp,
    },
}

/// What became of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordOutcome {
    /// It is committed now. Carries the step as it is stored.
    Recorded(Step),
    /// It had been recorded before, with the same content.
    AlreadyRecorded(Step),
    /// It contradicts what is recorded under this id.
    Conflict(StepId, FieldError),
    /// The end of a span that is not recorded.
    NoSuchStep(StepId),
    /// The end of a span that another owner has recorded.
    Forbidden(StepId, FieldError),
    /// The end does not fit the beginning of its span.
    Invalid(StepId, FieldErrors),
    /// The database can never store it, for this reason.
    Refused(StepId, String),
}

impl Fact {
    /// Reads a fact from the fields of a request: the end of the span `end_of`, or a step when that is `None`.
    ///
    /// # Errors
    /// Every missing, wrong, repeated or unknown field, and a time that cannot be when the clock shows `now`.
    pub fn from_fields(
        fields: Vec<(String, String)>,
        end_of: Option<StepId>,
        now: Timestamp,
    ) -> Result<Self, FieldErrors> {
        if let Some(id) = end_of {
            return Ok(Self::SpanEnd { id, end: NewFinish::from_fields(fields)?, received_at: now });
        }
        let new = NewStep::from_fields(fields)?;
        let sent_ts = matches!(new.when, When::At(_));
        Ok(Self::Step { step: new.into_step(now)?, sent_ts })
    }

    /// The id of the step that this is, or is the end of.
    #[must_use]
    pub fn id(&self) -> StepId {
        match self {
            Self::Step { step, .. } => step.id,
            Self::SpanEnd { id, .. } => *id,
        }
    }
}
