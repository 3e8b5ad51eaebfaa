//! What the handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use steps_shared::Timestamp;
use tokio::time::Instant;
use warp::Filter;

use crate::fold::Statuses;
use crate::problem::ApiError;
use crate::projector::Projector;
use crate::recorder::Recorder;
use crate::store::{Store, StoreError};

/// What the handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    /// The database, for reading.
    pub store: Store,
    /// The way into the database.
    pub recorder: Recorder,
    /// What keeps the deployments up to date.
    pub projector: Projector,
    /// What each status means.
    pub statuses: Arc<Statuses>,
    /// The server's clock.
    pub now: fn() -> Timestamp,
    /// How long a request may wait for the database.
    pub deadline: Duration,
    /// How long a client may stall while it sends or reads.
    pub stall_timeout: Duration,
    /// Whether the server is stopping.
    pub stopping: Arc<AtomicBool>,
}

impl State {
    /// Waits until everything that was committed before this call shows in what can be read.
    ///
    /// # Errors
    /// The database does not answer, or there is more to fold than the deadline allows.
    pub async fn caught_up(&self) -> Result<(), ApiError> {
        let deadline = Instant::now() + self.deadline;
        let waiting = tokio::time::timeout_at(deadline, self.projector.caught_up(deadline));
        match waiting.await.unwrap_or(Err(StoreError::TimedOut)) {
            Ok(()) => Ok(()),
            Err(StoreError::TimedOut) => Err(ApiError::Behind),
            Err(error) => Err(error.into()),
        }
    }

    /// From now on the server is not ready for new work.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Hands the state to a handler.
    pub fn filter(&self) -> impl Filter<Extract = (Self,), Error = std::convert::Infallible> + Clone + Send + 'static {
        let state = self.clone();
        warp::any().map(move || state.clone())
    }
}
