//! What the handlers share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::{App, RecordError};

/// The most bytes of bodies that are in memory at the same time: 64 MiB.
const BODY_BYTES: usize = 64 * 1024 * 1024;

/// What the handlers share.
#[derive(Debug)]
pub struct Context {
    pub app: App,
    /// How long a client may stall while it sends or reads.
    pub stall_timeout: Duration,
    /// A permit for each byte of a body.
    body_bytes: Arc<Semaphore>,
}

impl Context {
    /// With room for 64 MiB of bodies.
    #[must_use]
    pub fn new(app: App, stall_timeout: Duration) -> Self {
        Self { app, stall_timeout, body_bytes: Arc::new(Semaphore::new(BODY_BYTES)) }
    }

    /// Reserves memory for `bytes` of a body, until the permit is dropped.
    ///
    /// # Errors
    /// [`RecordError::Full`]: too many large bodies arrive at the same time.
    pub fn reserve_body(&self, bytes: usize) -> Result<OwnedSemaphorePermit, RecordError> {
        let bytes = u32::try_from(bytes).map_err(|_| RecordError::Full)?;
        Arc::clone(&self.body_bytes).try_acquire_many_owned(bytes).map_err(|_| RecordError::Full)
    }
}
