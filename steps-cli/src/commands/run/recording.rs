//! The steps of a command, and when they are recorded: at its beginning, at its end.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use steps_shared::{Age, NewFinish, NewStep, SpanEnd, StepId, StepOutcome, When};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::client::{Client, Connection, RequestError};
use crate::clock::Now;
use crate::delivery::{Deadline, Recorded, SendResult, Sender, Spool, keep};
use crate::error::Error;
use crate::terminal;

/// What a command is recorded as.
#[derive(Debug, Clone)]
pub enum RecordAs {
    /// One step, which is a span.
    Span(NewStep),
    /// A deployment: this step at its beginning, and one with the status of its outcome at its end.
    Deployment(NewStep),
}

/// How a command ended.
#[derive(Debug, Clone, Copy)]
pub struct CommandEnd {
    /// The code that `steps run` exits with.
    pub code: u8,
    /// By a monotonic clock.
    pub took: Duration,
}

impl CommandEnd {
    fn outcome(self) -> StepOutcome {
        if self.code == 0 { StepOutcome::Succeeded } else { StepOutcome::Failed }
    }
}

/// The steps of a command. Their ids are fixed, so that each may be sent and kept more than once.
#[derive(Debug, Clone)]
pub struct CommandSteps {
    record_as: RecordAs,
    started: Instant,
    first_id: StepId,
    /// Of a deployment.
    last_id: StepId,
}

/// A recording of which nothing is sent yet.
#[derive(Debug)]
pub struct Recording {
    steps: CommandSteps,
    spool: Option<Spool>,
    client: JoinHandle<Result<Client, Error>>,
    timeout: Duration,
}

/// A recording that is waiting for the end of the command.
#[derive(Debug)]
pub struct StartedRecording {
    steps: CommandSteps,
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
    /// Neither; it is recorded with the end.
    Missing,
}

/// Why something was kept; `None` when the server has everything.
pub type KeptBecause = Option<Error>;

impl CommandSteps {
    /// The steps of a command that was started at `started`.
    pub fn new(record_as: RecordAs, started: Instant) -> Self {
        let (RecordAs::Span(step) | RecordAs::Deployment(step)) = &record_as;
        let first_id = step.id.unwrap_or_else(StepId::generate);
        Self { record_as, started, first_id, last_id: StepId::generate() }
    }

    fn beginning(&self, now: &Now) -> NewStep {
        let (RecordAs::Span(step) | RecordAs::Deployment(step)) = &self.record_as;
        aged(NewStep { id: Some(self.first_id), ..step.clone() }, self.started, now)
    }

    /// The end; of a span, the beginning with it.
    fn end(&self, end: CommandEnd, now: &Now) -> NewStep {
        match &self.record_as {
            RecordAs::Span(_) => NewStep { finish: Some(finish(end)), ..self.beginning(now) },
            RecordAs::Deployment(step) => {
                let last = NewStep { id: Some(self.last_id), status: end.outcome().into(), ..step.clone() };
                aged(last, self.started + end.took, now)
            }
        }
    }

    /// All of them.
    fn all(&self, end: CommandEnd, now: &Now) -> Vec<NewStep> {
        match self.record_as {
            RecordAs::Span(_) => vec![self.end(end, now)],
            RecordAs::Deployment(_) => vec![self.beginning(now), self.end(end, now)],
        }
    }

    /// Keeps all of them. The server may have some already, but records no id twice.
    pub async fn keep(
        &self,
        spool: Option<&Spool>,
        end: CommandEnd,
        reason: Error,
        deadline: tokio::time::Instant,
    ) -> Result<KeptBecause, Error> {
        let now = Now::read();
        keep(spool, self.all(end, &now), &now, reason, deadline).await.map(Some)
    }
}

impl Recording {
    /// Prepares a client, on another thread: this one waits for the command, and reading the system's certificates takes
    /// a moment.
    pub fn new(steps: CommandSteps, connection: Connection, spool: Option<Spool>) -> Self {
        let timeout = connection.timeout;
        let client = spawn_blocking(move || Client::new(&connection));
        Self { steps, spool, client, timeout }
    }

    /// Records the beginning, while the command runs.
    pub async fn begin(self) -> Result<StartedRecording, Error> {
        // Nobody waits for this while the command runs.
        let deadline = Deadline::new(tokio::time::Instant::now(), self.timeout);
        let mut started = self.without_beginning().await?;
        let now = Now::read();
        started.beginning = match started.sender.record(&started.steps.beginning(&now), &now, deadline).await {
            Ok(Recorded::Sent { .. }) => Beginning::Recorded,
            Ok(Recorded::Kept(_)) => Beginning::Kept,
            // It is tried again with the end, so that this error is not reported.
            Err(_) => Beginning::Missing,
        };
        Ok(started)
    }

    /// Waits for the client, and records no beginning: the command could not be started.
    pub async fn without_beginning(self) -> Result<StartedRecording, Error> {
        let Self { steps, spool, client, timeout: _ } = self;
        let client = client.await.map_err(|error| Error::Failed(format!("cannot prepare requests: {error}")))??;
        Ok(StartedRecording { steps, sender: Sender::new(client, spool), beginning: Beginning::Missing })
    }
}

impl StartedRecording {
    /// Records the end, with the beginning where that is missing. Then delivers what has waited, until `deadline`.
    pub async fn end(self, end: CommandEnd, deadline: Deadline) -> Result<KeptBecause, Error> {
        let Self { steps, sender, beginning } = self;
        let mut sent = 0;
        loop {
            // Made anew for each: they are older then.
            let now = Now::read();
            let mut missing = match (&steps.record_as, beginning) {
                (RecordAs::Deployment(_), Beginning::Missing) => steps.all(end, &now),
                _ => vec![steps.end(end, &now)],
            };
            let Some(step) = missing.get(sent) else { break };
            let answer = match steps.record_as {
                RecordAs::Span(_) => sender.send(end_span(&sender.client, step, end, beginning), deadline).await?,
                RecordAs::Deployment(_) => {
                    sender.send(async { sender.client.record(step).await.map(drop) }, deadline).await?
                }
            };
            if let SendResult::Undelivered(reason) = answer {
                return sender.keep(missing.split_off(sent), &now, reason, deadline.end).await.map(Some);
            }
            sent += 1;
        }
        sender.deliver_waiting(deadline.end).await.iter().for_each(terminal::note);
        Ok(None)
    }
}

async fn end_span(client: &Client, step: &NewStep, end: CommandEnd, beginning: Beginning) -> Result<(), RequestError> {
    // It always has one.
    let id = step.id.unwrap_or_else(StepId::generate);
    if beginning != Beginning::Recorded {
        match client.record(step).await {
            Ok(_) => return Ok(()),
            // The beginning is recorded: only the answer was lost.
            Err(error) if error.is_refusal() && error.status == Some(StatusCode::CONFLICT) => {}
            Err(error) => return Err(error),
        }
    }
    client.finish(id, &finish(end)).await.map(drop)
}

fn finish(end: CommandEnd) -> NewFinish {
    let (CommandEnd { code, took }, outcome) = (end, end.outcome());
    let micros = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    let took = steps_shared::Duration::from_micros(micros).unwrap_or_default();
    NewFinish { outcome, end: Some(SpanEnd::After(took)), exit_code: Some(i32::from(code)) }
}

/// The step, which began at `since`, with the age that it has at `now`.
fn aged(step: NewStep, since: Instant, now: &Now) -> NewStep {
    let passed = now.process.saturating_duration_since(since);
    let age = Age::from_seconds(passed.as_secs_f64()).unwrap_or_default();
    NewStep { when: When::Ago(age), ..step }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_of_one_moment() {
        let started = Instant::now();
        let after = |micros| Now { process: started + Duration::from_micros(micros), ..Now::read() };
        let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "started")];
        let steps = CommandSteps::new(RecordAs::Deployment(NewStep::from_fields(fields).unwrap()), started);
        let end = CommandEnd { code: 0, took: Duration::from_millis(2) };
        let age = |step: NewStep| match step.when {
            When::Ago(age) => age.micros(),
            When::At(_) => panic!("it has no age"),
        };
        assert_eq!(age(steps.beginning(&after(700_000))), 700_000);
        assert_eq!(steps.all(end, &after(900_000)).into_iter().map(age).collect::<Vec<_>>(), [900_000, 898_000]);
    }

    #[test]
    fn the_end_of_a_span_has_its_code_and_duration() {
        let end =
            |code| serde_json::to_string(&finish(CommandEnd { code, took: Duration::from_micros(1_500_000) })).unwrap();
        assert_eq!(end(0), r#"{"outcome":"succeeded","duration":1.5,"exit_code":0}"#);
        assert_eq!(end(143), r#"{"outcome":"failed","duration":1.5,"exit_code":143}"#);
    }
}
