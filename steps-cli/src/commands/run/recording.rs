//! What is recorded of a command, while it runs and when it has ended.

use std::time::{Duration, Instant};

use reqwest::{StatusCode, Url};
use steps_shared::{Age, NewFinish, NewStep, SpanEnd, StepId, StepOutcome, When};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::client::{Client, RequestError};
use crate::delivery::Spool;
use crate::delivery::{Recorded, SendResult, Sender};
use crate::error::Error;
use crate::terminal;

/// What the command is.
#[derive(Debug, Clone)]
pub enum What {
    /// One step, which is a span.
    Span(NewStep),
    /// A whole deployment: its beginning, and its end with the status still open.
    Deployment(NewStep),
}

/// How the command ended.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// The code that we exit with.
    pub code: u8,
    /// How long it took, by a monotonic clock.
    pub took: Duration,
}

impl End {
    fn outcome(self) -> StepOutcome {
        if self.code == 0 { StepOutcome::Succeeded } else { StepOutcome::Failed }
    }
}

/// All that can be said of a command, with its identities, so that it may be sent or kept more than once.
#[derive(Debug, Clone)]
pub struct Plan {
    what: What,
    begun: Instant,
    first: StepId,
    last: StepId,
}

/// A recording under way.
#[derive(Debug)]
pub struct Recording {
    plan: Plan,
    spool: Option<Spool>,
    client: JoinHandle<Result<Client, Error>>,
}

/// A recording whose beginning was sent, or at least tried.
#[derive(Debug)]
pub struct Begun {
    plan: Plan,
    sender: Sender,
    beginning: Beginning,
}

/// What became of the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// The server has it.
    Recorded,
    /// It waits in the spool.
    Kept,
    /// Neither; the end is another chance.
    Open,
}

/// How the recording ended, where it did not fail: `None` when the server has everything, else why it was kept.
pub type Kept = Option<Error>;

impl Plan {
    /// What began at `begun`.
    pub fn new(what: What, begun: Instant) -> Self {
        let (What::Span(step) | What::Deployment(step)) = &what;
        let first = step.id.unwrap_or_else(StepId::generate);
        Self { what, begun, first, last: StepId::generate() }
    }

    /// The beginning.
    fn beginning(&self) -> NewStep {
        let (What::Span(step) | What::Deployment(step)) = &self.what;
        aged(NewStep { id: Some(self.first), ..step.clone() }, self.begun)
    }

    /// The end, as it is said where the beginning need not be.
    fn end(&self, end: End) -> NewStep {
        match &self.what {
            What::Span(_) => NewStep { finish: Some(finish(end)), ..self.beginning() },
            What::Deployment(step) => {
                let last = NewStep { id: Some(self.last), status: end.outcome().into(), ..step.clone() };
                aged(last, self.begun + end.took)
            }
        }
    }

    /// Everything.
    fn whole(&self, end: End) -> Vec<NewStep> {
        match self.what {
            What::Span(_) => vec![self.end(end)],
            What::Deployment(_) => vec![self.beginning(), self.end(end)],
        }
    }

    /// Keeps everything, whatever of it the server may have already: its identities keep it from being recorded twice.
    pub fn keep(&self, spool: Option<&Spool>, end: End, reason: Error) -> Result<Kept, Error> {
        let Some(spool) = spool else { return Err(reason) };
        spool.keep(&self.whole(end)).map_err(|error| Error::Failed(format!("{reason}; {error}")))?;
        Ok(Some(reason))
    }
}

impl Recording {
    /// Prepares to record. It takes a moment to read the system's certificates: not on this thread, which waits for the
    /// command.
    pub fn new(plan: Plan, server: Url, limit: Duration, spool: Option<Spool>) -> Self {
        let client = spawn_blocking(move || Client::new(&server, limit));
        Self { plan, spool, client }
    }

    /// Records the beginning, while the command runs.
    pub async fn begin(self) -> Result<Begun, Error> {
        let mut begun = self.prepared().await?;
        begun.beginning = match begun.sender.record(&begun.plan.beginning()).await {
            Ok(Recorded::Sent { .. }) => Beginning::Recorded,
            Ok(Recorded::Kept(_)) => Beginning::Kept,
            // The end is another chance, so that this one's trouble is not told.
            Err(_) => Beginning::Open,
        };
        Ok(begun)
    }

    /// Nothing is recorded before the end, because the command could not be started.
    pub async fn prepared(self) -> Result<Begun, Error> {
        let Self { plan, spool, client } = self;
        let client = client.await.map_err(|error| Error::Failed(format!("cannot prepare requests: {error}")))??;
        Ok(Begun { plan, sender: Sender::new(client, spool), beginning: Beginning::Open })
    }
}

impl Begun {
    /// Records the end; and the beginning, where that failed before. Then what has waited, until `deadline`.
    pub async fn end(self, end: End, deadline: tokio::time::Instant) -> Result<Kept, Error> {
        let Self { plan, sender, beginning } = self;
        let steps = || match (&plan.what, beginning) {
            (What::Deployment(_), Beginning::Open) => plan.whole(end),
            _ => vec![plan.end(end)],
        };
        for (at, step) in steps().iter().enumerate() {
            let sent = match plan.what {
                What::Span(_) => sender.send(end_span(&sender.client, step, end, beginning)).await?,
                What::Deployment(_) => sender.send(async { sender.client.record(step).await.map(drop) }).await?,
            };
            if let SendResult::Undelivered(reason) = sent {
                // Said anew: they have grown older meanwhile.
                sender.keep(steps().split_at(at).1, &reason)?;
                return Ok(Some(reason));
            }
        }
        sender.deliver_waiting(deadline).await.iter().for_each(terminal::note);
        Ok(None)
    }
}

async fn end_span(client: &Client, step: &NewStep, end: End, beginning: Beginning) -> Result<(), RequestError> {
    // It was given in the plan.
    let id = step.id.unwrap_or_else(StepId::generate);
    if beginning != Beginning::Recorded {
        match client.record(step).await {
            Ok(_) => return Ok(()),
            // The beginning arrived after all, and only its answer did not.
            Err(RequestError { status: Some(StatusCode::CONFLICT), .. }) => {}
            Err(error) => return Err(error),
        }
    }
    client.finish(id, &finish(end)).await.map(drop)
}

fn finish(end: End) -> NewFinish {
    let (End { code, took }, outcome) = (end, end.outcome());
    let micros = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    let took = steps_shared::Duration::from_micros(micros).unwrap_or_default();
    NewFinish { outcome, end: Some(SpanEnd::After(took)), exit_code: Some(i32::from(code)) }
}

/// The step, as old as it is now.
fn aged(step: NewStep, since: Instant) -> NewStep {
    let age = Age::from_seconds(since.elapsed().as_secs_f64()).unwrap_or_default();
    NewStep { when: When::Ago(age), ..step }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_span_has_its_code_and_duration() {
        let end = |code| serde_json::to_string(&finish(End { code, took: Duration::from_micros(1_500_000) })).unwrap();
        assert_eq!(end(0), r#"{"outcome":"succeeded","duration":1.5,"exit_code":0}"#);
        assert_eq!(end(143), r#"{"outcome":"failed","duration":1.5,"exit_code":143}"#);
    }
}
