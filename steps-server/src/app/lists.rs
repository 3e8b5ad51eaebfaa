//! Lists hold a connection to the database for as long as their client reads, so they have a share of the connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_stream::try_stream;
use futures_util::stream::StreamExt as _;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::{App, Error};
use crate::store::{Rows, StoreError};

/// A list of at most so many rows needs no share: it is read whole, though its client reads none of it.
pub const SHORT_LIST: u64 = 200;
/// The longest that a list may take. The database keeps what was deleted or overwritten since it began: the WAL of SQLite, the
/// undo log of MySQL.
const LONGEST: Duration = Duration::from_secs(3600);

/// The share of the connections that long lists may have.
#[derive(Debug)]
pub struct ListShare {
    slots: Arc<Semaphore>,
    waiting: AtomicU32,
}

impl ListShare {
    /// Half of the connections for reading, and at least one.
    pub fn of(connections: u32) -> Self {
        let slots = (connections / 2).max(1) as usize;
        Self { slots: Arc::new(Semaphore::new(slots)), waiting: AtomicU32::new(0) }
    }
}

impl App {
    /// Begins a list of at most `limit` rows with `open`, within the share of lists. It comes in parts, and breaks off after an hour.
    ///
    /// # Errors
    /// [`Error::BusyWith`]: there is no room within the deadline; or `open` fails.
    pub(super) async fn list<T, F>(&self, limit: Option<u64>, open: impl FnOnce() -> F) -> Result<Rows<Vec<T>>, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<Rows<Vec<T>>, Error>>,
    {
        if limit.is_some_and(|limit| limit <= SHORT_LIST) {
            return open().await;
        }
        let share = &self.lists;
        share.waiting.fetch_add(1, Ordering::Relaxed);
        let slot = timeout_at(self.deadline_with_margin(), Arc::clone(&share.slots).acquire_owned()).await;
        share.waiting.fetch_sub(1, Ordering::Relaxed);
        let slot = slot.map_err(|_| Error::BusyWith("lists"))?.map_err(|_| Error::Stopping)?;
        let mut parts = open().await?;
        let end = Instant::now() + LONGEST;
        Ok(try_stream! {
            let _slot = slot;
            while let Some(part) = timeout_at(end, parts.next()).await.map_err(|_| StoreError::TimedOut)? {
                yield part?;
            }
        }
        .boxed())
    }

    /// How long a list's client may fall behind before it is cut off: for as long as `stall`, but only a little when another
    /// list waits for its place.
    pub fn list_patience(&self, stall: Duration) -> Duration {
        match self.lists.waiting.load(Ordering::Relaxed) {
            0 => stall,
            _ => stall.min(self.deadline / 2),
        }
    }
}
