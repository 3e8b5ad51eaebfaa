//! What the handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use steps_shared::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use warp::Filter;

use crate::fold::Statuses;
use crate::problem::ApiError;
use crate::projector::Projector;
use crate::recorder::{RecordError, Recorder};
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
    /// Room for bodies, in bytes.
    pub bodies: Arc<Semaphore>,
    /// Turns to compute what takes long.
    pub computers: Arc<Semaphore>,
    /// Whether the server is stopping.
    pub stopping: Arc<AtomicBool>,
}

/// The most bytes of bodies that are in memory at the same time: 64 MiB.
pub const BODY_BYTES: usize = 64 * 1024 * 1024;

/// How many compute at the same time: one processor is left to recording.
#[must_use]
pub fn computers() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().saturating_sub(1).max(1))
}

impl State {
    /// Asks the database, within the deadline of a request. Where it does not answer, its connections are given up.
    ///
    /// # Errors
    /// What `asking` answers, or that the database did not answer in time.
    pub async fn within_deadline<T>(&self, asking: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let began = Instant::now();
        let asked = timeout_at(began + self.deadline, asking).await.unwrap_or(Err(StoreError::TimedOut.into()));
        if let Err(ApiError::Store(StoreError::TimedOut | StoreError::Unavailable(_))) = asked {
            self.store.renew_readers(began);
        }
        asked
    }

    /// Waits until everything that was committed before this call shows in what can be read.
    ///
    /// # Errors
    /// The database does not answer, or there is more to fold than the deadline allows.
    pub async fn caught_up(&self) -> Result<(), ApiError> {
        // Some time is left to say so.
        let deadline = Instant::now() + self.deadline * 9 / 10;
        if self.projector.caught_up(deadline).await? { Ok(()) } else { Err(ApiError::Behind) }
    }

    /// Computes on a thread of its own, when there is a turn, so that nobody who records waits for it.
    ///
    /// # Errors
    /// Others compute for so long that no turn came within the deadline.
    pub async fn computing<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = Arc::clone(&self.computers).acquire_owned();
        let turn = timeout_at(Instant::now() + self.deadline, turn).await.map_err(|_| ApiError::Busy)?;
        // The turn is kept to the end, even where nobody waits for it any more.
        let computed = tokio::task::spawn_blocking(move || (compute(), turn)).await;
        computed.map(|(value, _)| value).map_err(|error| ApiError::Internal(error.to_string()))
    }

    /// Room for so many bytes of a body.
    ///
    /// # Errors
    /// There is none: too many large bodies arrive at the same time.
    pub fn place_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, RecordError> {
        let bytes = u32::try_from(bytes).map_err(|_| RecordError::Full)?;
        Arc::clone(&self.bodies).try_acquire_many_owned(bytes).map_err(|_| RecordError::Full)
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
