//! What the handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use steps_shared::Timestamp;
use warp::Filter;

use crate::recorder::Recorder;
use crate::store::Store;

/// What the handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    /// The database, for reading.
    pub store: Store,
    /// The way into the database.
    pub recorder: Recorder,
    /// The server's clock.
    pub now: fn() -> Timestamp,
    /// How long a request may wait for the database.
    pub deadline: Duration,
    /// How long a client may stall while it sends or reads.
    pub stall_timeout: Duration,
    stopping: Arc<AtomicBool>,
}

impl State {
    /// The state of a server that is not stopping.
    #[must_use]
    pub fn new(
        store: Store,
        recorder: Recorder,
        now: fn() -> Timestamp,
        deadline: Duration,
        stall_timeout: Duration,
    ) -> Self {
        Self { store, recorder, now, deadline, stall_timeout, stopping: Arc::default() }
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
