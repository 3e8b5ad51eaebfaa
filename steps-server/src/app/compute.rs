//! Computations: on blocking threads, a bounded number at the same time.

use std::sync::{Arc, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use super::{App, Error};

/// The most trends and checks that are answered at the same time; a long series takes 13 MB.
const SERIES_SLOTS: usize = 6;

/// The least that a body must have for its parsing to be worth another thread, in bytes; the usual request is far smaller.
const LARGE: usize = 16 * 1024;

/// What bounds computations.
#[derive(Debug)]
pub struct Slots {
    /// To have series in memory.
    pub series: Arc<Semaphore>,
    /// To compute. One processor is left to recording.
    pub cpu: Arc<Semaphore>,
    /// To replay a budget. A replay takes long, and checks do not wait for it.
    pub replay: Arc<Semaphore>,
    /// To make a workbook. That takes long, too.
    pub workbook: Arc<Semaphore>,
    /// To read a large body.
    pub parse: Arc<Semaphore>,
}

impl Default for Slots {
    fn default() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get().saturating_sub(1).max(1));
        let [series, cpu, replay, workbook, parse] =
            [SERIES_SLOTS, cpus, 1, 1, cpus].map(|slots| Arc::new(Semaphore::new(slots)));
        Self { series, cpu, replay, workbook, parse }
    }
}

/// Tells a computation that nobody waits for it any more.
#[derive(Debug)]
pub struct Cancellation(Weak<()>);

impl Cancellation {
    /// Whether the client has gone, or the deadline is over.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl App {
    /// Waits for a slot.
    ///
    /// # Errors
    /// [`Error::Busy`]: none is free within the deadline.
    pub(super) async fn acquire(&self, slots: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
        let slot = timeout_at(self.deadline_with_margin(), Arc::clone(slots).acquire_owned()).await;
        slot.map_err(|_| Error::Busy)?.map_err(|_| Error::Stopping)
    }

    /// Waits for the turn to make a workbook; others are made after it is dropped.
    ///
    /// # Errors
    /// [`Error::BusyWith`]: it does not come within the deadline.
    pub async fn workbook_turn(&self) -> Result<OwnedSemaphorePermit, Error> {
        let turn = self.acquire(&self.slots.workbook).await;
        turn.map_err(|error| if let Error::Busy = error { Error::BusyWith("workbooks") } else { error })
    }

    /// Reads a body of so many bytes: at once when it is small, else on a blocking thread, a few at a time.
    ///
    /// # Errors
    /// [`Error::BusyWith`]: others are being read until the deadline.
    pub async fn parse<T: Send + 'static>(
        &self,
        bytes: usize,
        parse: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        if bytes < LARGE {
            return Ok(parse());
        }
        let parsed = async { self.compute(self.acquire(&self.slots.parse).await?, move |_| parse()).await };
        parsed.await.map_err(|error| if let Error::Busy = error { Error::BusyWith("large batches") } else { error })
    }

    /// Computes on a blocking thread, so that no recording waits for it. The slot is kept until the computation has ended; a
    /// long one looks at its [`Cancellation`] from time to time.
    ///
    /// # Errors
    /// [`Error::Busy`]: it takes longer than the deadline.
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        slot: OwnedSemaphorePermit,
        compute: impl FnOnce(&Cancellation) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let waiting = Arc::new(());
        let cancellation = Cancellation(Arc::downgrade(&waiting));
        let computing = tokio::task::spawn_blocking(move || (compute(&cancellation), slot));
        let computed = timeout_at(self.deadline_with_margin(), computing).await;
        drop(waiting);
        let computed = computed.map_err(|_| Error::Busy)?;
        computed.map(|(value, _)| value).map_err(|error| Error::Internal(error.to_string()))
    }
}
