//! Recording that never loses a step and never holds up a deploy: what cannot be delivered is kept.

use std::time::Duration;

use steps_shared::{Age, NewStep, Step, When};
use tokio::time::Instant;

use crate::client::{Client, Trouble};
use crate::error::Error;
use crate::output;

use super::{Spool, deliver};

/// Sends steps to the server, and keeps those that cannot be delivered.
#[derive(Debug)]
pub struct Sender {
    /// The server.
    pub client: Client,
    spool: Option<Spool>,
}

/// What became of a step.
#[derive(Debug)]
pub enum Sent {
    /// The server has it: since now, or had it before.
    Recorded(bool, Box<Step>),
    /// It waits in the spool, for this reason.
    Kept(Error),
}

/// What became of something that is sent, before anything is kept.
pub enum Asked<T> {
    /// The server's answer.
    Answered(T),
    /// It may be delivered later; this is why it could not be now.
    Undelivered(Error),
}

impl Sender {
    /// Sends with `client`, and keeps in `spool`.
    pub fn new(client: Client, spool: Option<Spool>) -> Self {
        Self { client, spool }
    }

    /// Records a step, or keeps it.
    pub async fn record(&self, step: &NewStep) -> Result<Sent, Error> {
        let asked = Instant::now();
        match self.ask(self.client.record(step)).await? {
            Asked::Answered((now, step)) => Ok(Sent::Recorded(now, Box::new(step))),
            // It has waited for the server already.
            Asked::Undelivered(reason) => {
                self.keep(&[older(step, asked.elapsed())], &reason).map(|()| Sent::Kept(reason))
            }
        }
    }

    /// Asks the server, unless it is known to be away. An error is one that asking again would not heal, or there is no
    /// spool.
    pub async fn ask<T>(&self, asking: impl Future<Output = Result<T, Trouble>>) -> Result<Asked<T>, Error> {
        let Some(spool) = &self.spool else { return Ok(Asked::Answered(asking.await?)) };
        let Some(_attempt) = spool.attempt() else {
            let server = spool.server();
            let reason = format!("{server} did not answer a moment ago, and is not asked again for half a minute");
            return Ok(Asked::Undelivered(Error::Failed(reason)));
        };
        match asking.await {
            Ok(answer) => {
                spool.is_back();
                Ok(Asked::Answered(answer))
            }
            Err(trouble) if trouble.is_refusal() => Err(trouble.error),
            Err(trouble) => {
                spool.is_away();
                Ok(Asked::Undelivered(trouble.error))
            }
        }
    }

    /// Keeps steps that could not be delivered for this reason.
    pub fn keep(&self, steps: &[NewStep], reason: &Error) -> Result<(), Error> {
        let Some(spool) = &self.spool else { return Err(Error::Failed(reason.to_string())) };
        spool.keep(steps).map_err(|error| Error::Failed(format!("{reason}; {error}")))
    }

    /// Sends what has waited since the server was away, until `deadline`. What is left waits on, so that its trouble is
    /// none of the command's.
    pub async fn deliver_rest(&self, deadline: Instant) {
        let Some(spool) = self.spool.as_ref().filter(|spool| !spool.is_empty()) else { return };
        let delivery = deliver(spool, &self.client, Some(deadline), |_| {}).await;
        let delivered = delivery.recorded + delivery.already_recorded;
        if delivered > 0 {
            output::note(format!(
                "steps: delivered {delivered} {} waited",
                if delivered == 1 { "step that" } else { "steps that" }
            ));
        }
        if let Some(trouble) = delivery.trouble {
            output::note(format!("steps: others still wait: {trouble}"));
        }
    }
}

/// The step after it has waited for so long. A moment that was said stays as it is.
fn older(step: &NewStep, by: Duration) -> NewStep {
    let when = match step.when {
        When::Ago(age) => When::Ago(Age::from_seconds(age.micros() as f64 / 1e6 + by.as_secs_f64()).unwrap_or(age)),
        at @ When::At(_) => at,
    };
    NewStep { when, ..step.clone() }
}
