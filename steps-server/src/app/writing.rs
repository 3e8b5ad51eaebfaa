//! How what is no fact is written: on the connections of the projector, within the deadline.

use tokio::time::{Instant, timeout};

use super::App;
use crate::projection::apply::retry_on_conflict;
use crate::store::StoreError;

impl App {
    /// Writes, again where a transaction of another server was in the way, and gives connections up that do not answer.
    ///
    /// # Errors
    /// Those of `write`; the database does not answer in time: then it may be written.
    pub(super) async fn write<T, F>(&self, write: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let began = Instant::now();
        let written = timeout(self.deadline, retry_on_conflict(write)).await.unwrap_or(Err(StoreError::TimedOut));
        // In a fail-over another connection may lead to the writer.
        if let Err(StoreError::TimedOut | StoreError::Unavailable(_) | StoreError::ReadOnly(_)) = written {
            self.store.renew_projectors(began);
        }
        written
    }
}
