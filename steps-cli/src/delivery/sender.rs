//! Recording that loses no step and holds up no deploy: what cannot be sent is kept.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use steps_shared::{NewStep, Step};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::{Deadline, Spool, deliver};
use crate::client::{Client, RequestError};
use crate::clock::Now;
use crate::error::Error;

/// Sends steps to the server, and keeps those that cannot be sent.
#[derive(Debug)]
pub struct Sender {
    pub client: Client,
    spool: Option<Spool>,
}

/// What became of a step.
#[derive(Debug)]
pub enum Recorded {
    /// The server has it.
    Sent {
        /// Whether it was not recorded before.
        is_new: bool,
        step: Box<Step>,
    },
    /// It waits in the spool, because of this.
    Kept(Error),
}

/// What became of a request that may be made later instead.
pub enum SendResult<T> {
    Answered(T),
    /// The server was not asked, was not reached, or failed.
    Undelivered(Error),
}

impl Sender {
    pub fn new(client: Client, spool: Option<Spool>) -> Self {
        Self { client, spool }
    }

    /// Records a step, which has its age at `now`, or keeps it.
    ///
    /// # Errors
    /// The server refuses the step, or it can be neither sent nor kept.
    pub async fn record(&self, step: &NewStep, now: &Now, deadline: Deadline) -> Result<Recorded, Error> {
        match self.send(self.client.record(step), deadline).await? {
            SendResult::Answered((is_new, step)) => Ok(Recorded::Sent { is_new, step: Box::new(step) }),
            SendResult::Undelivered(reason) => {
                keep(self.spool.as_ref(), vec![step.clone()], now, reason, deadline.end).await.map(Recorded::Kept)
            }
        }
    }

    /// Makes a request, unless the server is known to be away.
    ///
    /// # Errors
    /// The server refuses; or it fails, and there is no spool.
    pub async fn send<T>(
        &self,
        request: impl Future<Output = Result<T, RequestError>>,
        deadline: Deadline,
    ) -> Result<SendResult<T>, Error> {
        let Some(spool) = &self.spool else {
            return self.ask(request, deadline).await.map(SendResult::Answered).map_err(|error| {
                match error.is_refusal() {
                    true => error.error,
                    false => Error::Failed(error.error.to_string()),
                }
            });
        };
        let Some(_attempt) = spool.attempt() else {
            let server = spool.server();
            let reason = format!("{server} did not answer a moment ago, and is not asked again for half a minute");
            return Ok(SendResult::Undelivered(Error::Failed(reason)));
        };
        match self.ask(request, deadline).await {
            Ok(answer) => {
                spool.clear_away();
                Ok(SendResult::Answered(answer))
            }
            Err(error) if error.is_refusal() => Err(error.error),
            Err(error) => {
                // A server that wants another token is there, and says so at once.
                match error.is_denial() {
                    true => spool.clear_away(),
                    false => spool.mark_away(),
                }
                Ok(SendResult::Undelivered(error.error))
            }
        }
    }

    /// Waits for an answer. A panic counts as a failure of the server.
    async fn ask<T>(
        &self,
        request: impl Future<Output = Result<T, RequestError>>,
        deadline: Deadline,
    ) -> Result<T, RequestError> {
        match timeout_at(deadline.asking, AssertUnwindSafe(request).catch_unwind()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.client.broken()),
            Err(_) => Err(self.client.timed_out()),
        }
    }

    /// Keeps steps that could not be sent because of `reason`. See [`keep`].
    pub async fn keep(&self, steps: Vec<NewStep>, now: &Now, reason: Error, deadline: Instant) -> Result<Error, Error> {
        keep(self.spool.as_ref(), steps, now, reason, deadline).await
    }

    /// Delivers what has waited, until `deadline`. Returns lines for the user; what fails here fails no command.
    pub async fn deliver_waiting(&self, deadline: Instant) -> Vec<String> {
        let Some(spool) = self.spool.as_ref().filter(|spool| !spool.is_empty()) else { return Vec::new() };
        deliver(spool, &self.client, Some(deadline), |_| {}).await.lines()
    }
}

/// Keeps steps that could not be sent because of `reason`, and have their ages at `now`, on another thread: the disk may hang. Returns
/// why they are kept, and where, if that is not the best place.
///
/// # Errors
/// There is no spool, or they cannot be kept by `deadline`.
pub async fn keep(
    spool: Option<&Spool>,
    steps: Vec<NewStep>,
    now: &Now,
    reason: Error,
    deadline: Instant,
) -> Result<Error, Error> {
    let Some(spool) = spool.cloned() else { return Err(Error::Failed(reason.to_string())) };
    let now = now.clone();
    let folder = spool.folder().display().to_string();
    let keeping = spawn_blocking(move || spool.keep(&steps, &now, deadline));
    // On a machine that is so busy that nothing is left of the time-out, too.
    let until = deadline.max(Instant::now()) + DISK_GRACE;
    let kept = match timeout_at(until, keeping).await {
        Ok(Ok(kept)) => kept.map_err(|error| error.to_string()),
        Ok(Err(panic)) => Err(format!("it cannot be kept: {panic}")),
        Err(_) => Err(format!("it cannot be kept in {folder}: the disk takes too long")),
    };
    match kept {
        Ok(None) => Ok(reason),
        Ok(Some(place)) => Ok(Error::Failed(format!("{reason}; {place}"))),
        Err(error) => Err(Error::Failed(format!("{reason}; {error}"))),
    }
}

/// A lock is given up at the deadline; a disk that is only busy has a little longer, so that no step is lost for that.
const DISK_GRACE: Duration = Duration::from_millis(500);
