//! Recording: one fact, or a batch of steps.

use std::sync::Arc;

use steps_shared::{BatchAnswer, FieldError, FieldErrors, LineAnswer, LineResult, Step};

use super::fact::{Fact, RecordOutcome};
use super::{App, Caller, Error};
use crate::store::Access;

/// What is wrong with a line of a batch.
#[derive(Debug)]
pub struct LineErrors {
    /// The errors that the answer may list.
    pub errors: Vec<FieldError>,
    /// How many more there are.
    pub more: usize,
}

impl App {
    /// Says whether one more fact can be queued now, so that no work is done for one that cannot.
    ///
    /// # Errors
    /// The queue is full, the database cannot write, or its file or the clock is not what it should be.
    pub fn check_room(&self) -> Result<(), Error> {
        self.check_clock()?;
        // Each commit looks at the file itself.
        self.store.check_known_file()?;
        Ok(self.recorder.check_room()?)
    }

    /// Lets the fold catch up, for a moment at most: before many steps are received. A history that is imported faster than it is folded
    /// would be read again from the database's disk, and nobody could ask about it for as long.
    pub async fn wait_for_room(&self) {
        self.projector.wait_for_room().await;
    }

    /// Records one fact. Returns the step as it is then, and whether the fact was recorded now.
    ///
    /// # Errors
    /// It is none that the caller may record, it contradicts what is recorded, it is the end of a step that is not there, or it could not be committed now.
    pub async fn record(&self, caller: &Arc<Caller>, fact: Fact) -> Result<(Step, bool), Error> {
        forbidden(caller, &fact).map_err(Error::Forbidden)?;
        let access = &caller.access;
        let is_new = matches!(fact, Fact::Step { .. });
        match self.recorder.record(caller, vec![fact]).await?.pop() {
            Some(RecordOutcome::Recorded(step)) if is_new => Ok((step, true)),
            Some(RecordOutcome::Recorded(step)) => Ok((self.with_derived(access, step).await, true)),
            Some(RecordOutcome::AlreadyRecorded(step)) => Ok((self.with_derived(access, step).await, false)),
            Some(RecordOutcome::Conflict(_, error)) => Err(Error::Conflict(error)),
            Some(RecordOutcome::Forbidden(_, error)) => Err(Error::Forbidden(error.into())),
            Some(RecordOutcome::NoSuchStep(id)) => Err(Error::NoSuchStep(id)),
            Some(RecordOutcome::Invalid(_, errors)) => Err(errors.into()),
            Some(RecordOutcome::Refused(_, reason)) => Err(Error::Refused(reason)),
            None => Err(unaccounted()),
        }
    }

    /// The step with what has been derived of it, where that can be told.
    async fn with_derived(&self, access: &Access, step: Step) -> Step {
        let read = self.look_up(access, |reader| async move { Ok(reader.step(step.id).await?) });
        // On the heap: what is recorded for the first time needs no room for it.
        match Box::pin(read).await {
            Ok(Some(Step { ended_at, deployment_id, result, .. })) => {
                Step { ended_at: step.ended_at.or(ended_at), deployment_id, result, ..step }
            }
            _ => step,
        }
    }

    /// Records the lines of a batch that could be read, and answers for every line: with what `finish` makes of the answers, on
    /// a blocking thread where there are many.
    ///
    /// # Errors
    /// A step in it is none that the caller may record, or nothing of it could be committed now.
    pub async fn record_batch<T: Send + 'static>(
        &self,
        caller: &Arc<Caller>,
        lines: Vec<(usize, Result<Fact, LineErrors>)>,
        finish: impl FnOnce(BatchAnswer) -> T + Send + 'static,
    ) -> Result<T, Error> {
        // All or nothing: a line that is refused would be given up by its sender, which should rather get another token.
        let mut wrong = Vec::new();
        for (line, fact) in &lines {
            if let Some(Err(FieldErrors(errors))) = fact.as_ref().ok().map(|fact| forbidden(caller, fact)) {
                let at = |error: FieldError| FieldError { message: format!("step {line}: {}", error.message), ..error };
                wrong.extend(errors.into_iter().map(at));
            }
        }
        if !wrong.is_empty() {
            return Err(Error::Forbidden(FieldErrors(wrong)));
        }
        let mut facts = Vec::with_capacity(lines.len());
        let mut read = Vec::with_capacity(lines.len());
        for (line, fact) in lines {
            read.push((line, fact.map(|fact| facts.push(fact))));
        }
        let outcomes = self.recorder.record(caller, facts).await?;
        let is_long = read.len() > LONG_BATCH;
        let finish = move || Ok(finish(batch_answer(read, outcomes)?));
        if !is_long {
            return finish();
        }
        // It takes no slot: the steps are recorded, and that must be answered.
        tokio::task::spawn_blocking(finish).await.map_err(|error| Error::Internal(error.to_string()))?
    }
}

/// Says which fields of a fact name what the caller may not record. Of the end of a span nothing is known yet.
///
/// # Errors
/// [`FieldErrors`], of what was sent alone.
fn forbidden(caller: &Caller, fact: &Fact) -> Result<(), FieldErrors> {
    let Fact::Step { step, .. } = fact else { return Ok(()) };
    caller.check_names(&step.component, Some(&step.environment), &step.owner)
}

/// A batch of more steps is answered for on a blocking thread: it may have many errors.
const LONG_BATCH: usize = 500;

fn batch_answer(
    read: Vec<(usize, Result<(), LineErrors>)>,
    outcomes: Vec<RecordOutcome>,
) -> Result<BatchAnswer, Error> {
    let (mut answer, mut outcomes) = (BatchAnswer::default(), outcomes.into_iter());
    for (line, read) in read {
        match read {
            Err(LineErrors { errors, more }) => {
                answer.push(LineAnswer { line, result: LineResult::Refused, id: None, errors }, more);
            }
            Ok(()) => answer.push(line_answer(line, outcomes.next().ok_or_else(unaccounted)?), 0),
        }
    }
    Ok(answer)
}

fn line_answer(line: usize, outcome: RecordOutcome) -> LineAnswer {
    let (result, id, errors) = match outcome {
        RecordOutcome::Recorded(step) => (LineResult::Recorded, step.id, Vec::new()),
        RecordOutcome::AlreadyRecorded(step) => (LineResult::AlreadyRecorded, step.id, Vec::new()),
        RecordOutcome::Conflict(id, error) | RecordOutcome::Forbidden(id, error) => {
            (LineResult::Refused, id, vec![error])
        }
        RecordOutcome::NoSuchStep(id) => (LineResult::Refused, id, vec![FieldError::wrong("id", "is of no step")]),
        RecordOutcome::Invalid(id, FieldErrors(errors)) => (LineResult::Refused, id, errors),
        RecordOutcome::Refused(id, reason) => (LineResult::Refused, id, vec![FieldError::wrong("step", reason)]),
    };
    LineAnswer { line, result, id: Some(id), errors }
}

fn unaccounted() -> Error {
    Error::Internal("a recorded step was not accounted for".to_owned())
}
