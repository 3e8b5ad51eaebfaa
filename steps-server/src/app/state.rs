//! What the handlers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use steps_shared::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use warp::Filter;

use crate::app::recorder::{RecordError, Recorder};
use crate::http::problem::ApiError;
use crate::projection::fold::Statuses;
use crate::projection::worker::Projector;
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
    /// Turns to have series in memory.
    pub askers: Arc<Semaphore>,
    /// Turns to compute: one processor is left to recording.
    pub computers: Arc<Semaphore>,
    /// The turn to replay a budget: it takes long, and gates do not wait for it.
    pub replays: Arc<Semaphore>,
    /// Whether the server is stopping.
    pub stopping: Arc<AtomicBool>,
}

/// The most bytes of bodies that are in memory at the same time: 64 MiB.
pub const BODY_BYTES: usize = 64 * 1024 * 1024;

/// The most trends and checks that are answered at the same time; a long series takes 13 MB.
pub const ASKERS: usize = 6;

/// Whether somebody still waits for what is computed.
#[derive(Debug)]
pub struct Wanted(Weak<()>);

impl Wanted {
    /// Whether somebody does: neither has the client gone, nor is the deadline over.
    #[must_use]
    pub fn still(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// How many compute at the same time.
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
        if self.projector.caught_up(self.almost()).await? { Ok(()) } else { Err(ApiError::Behind) }
    }

    /// Waits for a turn of those that there are of a kind.
    ///
    /// # Errors
    /// There was none within the deadline.
    pub async fn turn(&self, turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
        let turn = timeout_at(self.almost(), Arc::clone(turns).acquire_owned()).await;
        turn.map_err(|_| ApiError::Busy)?.map_err(|_| ApiError::Stopping)
    }

    /// Computes on a thread of its own, so that nobody who records waits for it. The turn is kept until it has ended. What
    /// takes long asks [`Wanted::still`] from time to time.
    ///
    /// # Errors
    /// It was not done within the deadline.
    pub async fn computing<T: Send + 'static>(
        &self,
        turn: OwnedSemaphorePermit,
        compute: impl FnOnce(&Wanted) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let waiting = Arc::new(());
        let wanted = Wanted(Arc::downgrade(&waiting));
        let computing = tokio::task::spawn_blocking(move || (compute(&wanted), turn));
        let computed = timeout_at(self.almost(), computing).await;
        drop(waiting);
        let computed = computed.map_err(|_| ApiError::Busy)?;
        computed.map(|(value, _)| value).map_err(|error| ApiError::Internal(error.to_string()))
    }

    /// The deadline of what begins now; some time is left to say that it is over.
    fn almost(&self) -> Instant {
        Instant::now() + self.deadline * 9 / 10
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
