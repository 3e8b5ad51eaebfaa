//! What is recorded of a command, while it runs and when it has ended.

use std::time::{Duration, Instant};

use reqwest::{StatusCode, Url};
use steps_shared::{Age, NewFinish, NewStep, SpanEnd, SpanOutcome, StepId, When};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::client::{Client, Trouble};
use crate::error::Error;

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

/// A recording under way.
#[derive(Debug)]
pub struct Recording {
    what: What,
    begun: Instant,
    limit: Duration,
    client: JoinHandle<Result<Client, Error>>,
}

/// A recording whose beginning was sent, or at least tried.
#[derive(Debug)]
pub struct Begun {
    what: What,
    begun: Instant,
    client: Client,
    /// Whether the server has the beginning.
    recorded: bool,
}

impl What {
    /// The first step of it, which needs an identity to be told from others when it is sent again.
    pub fn identify(mut self) -> Self {
        let (Self::Span(step) | Self::Deployment(step)) = &mut self;
        step.id.get_or_insert_with(StepId::generate);
        self
    }
}

impl Recording {
    /// Prepares to record what began at `begun`. It takes a moment to read the system's certificates: not on this
    /// thread, which waits for the command.
    pub fn new(what: What, begun: Instant, server: Url, limit: Duration) -> Self {
        let client = spawn_blocking(move || Client::to(&server, limit));
        Self { what: what.identify(), begun, limit, client }
    }

    /// Records the beginning, while the command runs.
    pub async fn begin(self) -> Result<Begun, Error> {
        let mut begun = self.prepared().await?;
        let (What::Span(step) | What::Deployment(step)) = &begun.what;
        let first = aged(step.clone(), begun.begun);
        // The end is another chance, so that this one's trouble is not told.
        begun.recorded = begun.client.record(&first).await.is_ok();
        Ok(begun)
    }

    /// Nothing is recorded before the end, because the command could not be started.
    pub async fn prepared(self) -> Result<Begun, Error> {
        let Self { what, begun, limit: _, client } = self;
        let client = client.await.map_err(|error| Error::Failed(format!("cannot prepare requests: {error}")))??;
        Ok(Begun { what, begun, client, recorded: false })
    }

    /// How long the recording may hold us up after the command has ended.
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

impl Begun {
    /// Records the end; and the beginning, where that failed before.
    pub async fn end(self, end: End) -> Result<(), Error> {
        let Self { what, begun, client, recorded } = self;
        match what {
            What::Span(step) => end_span(&client, step, begun, recorded, end).await,
            What::Deployment(step) => end_deployment(&client, step, begun, recorded, end).await,
        }
    }
}

/// Waits for the recording of the end no longer than `limit`, the beginning included where that is still under way.
pub async fn within(limit: Duration, recording: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    timeout(limit, recording).await.unwrap_or_else(|_| {
        Err(Error::Failed(format!("the server took longer than {limit:?}; --timeout or STEPS_TIMEOUT give it longer")))
    })
}

async fn end_span(client: &Client, step: NewStep, begun: Instant, recorded: bool, end: End) -> Result<(), Error> {
    let finish = finish(end);
    // It was given in `What::identify`.
    let id = step.id.unwrap_or_else(StepId::generate);
    if !recorded {
        let whole = NewStep { id: Some(id), finish: Some(finish), ..aged(step, begun) };
        match client.record(&whole).await {
            Ok(_) => return Ok(()),
            // The beginning arrived after all, and only its answer did not.
            Err(Trouble { status: Some(StatusCode::CONFLICT), .. }) => {}
            Err(trouble) => return Err(trouble.error),
        }
    }
    client.finish(id, &finish).await?;
    Ok(())
}

async fn end_deployment(client: &Client, step: NewStep, begun: Instant, recorded: bool, end: End) -> Result<(), Error> {
    let ended = begun + end.took;
    let outcome = if end.code == 0 { SpanOutcome::Succeeded } else { SpanOutcome::Failed };
    let status = outcome.name().parse().map_err(|error| Error::Failed(format!("status {error}")))?;
    let last = NewStep { id: Some(StepId::generate()), status, ..step.clone() };
    if !recorded {
        client.record(&aged(step, begun)).await?;
    }
    client.record(&aged(last, ended)).await?;
    Ok(())
}

fn finish(end: End) -> NewFinish {
    let End { code, took } = end;
    let outcome = if code == 0 { SpanOutcome::Succeeded } else { SpanOutcome::Failed };
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
