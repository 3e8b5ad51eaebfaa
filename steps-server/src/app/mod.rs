//! What the server does: it records facts and answers questions. Knows neither HTTP nor SQL.

mod checks;
mod commit;
mod compute;
mod deployments;
mod error;
mod exclusions;
mod fact;
mod gate;
mod lists;
mod reading;
mod recorder;
mod recording;
mod stats;
mod steps;
mod trends;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use steps_shared::Timestamp;
use tokio::task::JoinHandle;

use crate::projection::config::FoldConfig;
use crate::projection::worker::Projector;
use crate::store::Store;

pub use crate::store::{Access, Rows, StoreError};
pub use error::Error;
pub use fact::Fact;
pub use lists::SHORT_LIST;
pub use recorder::RecordError;
pub use recording::LineErrors;
pub use steps::Count;

use compute::Slots;
use lists::ListShare;
use recorder::Recorder;

/// Records facts and answers questions.
#[derive(Debug)]
pub struct App {
    store: Store,
    recorder: Recorder,
    projector: Projector,
    fold: Arc<FoldConfig>,
    now: fn() -> Timestamp,
    deadline: Duration,
    slots: Slots,
    lists: ListShare,
    stopping: AtomicBool,
}

/// What an [`App`] needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// What each status means, and how long is long.
    pub fold: FoldConfig,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// The most facts that wait to be committed.
    pub queue: u32,
    /// How long a request may wait for the database.
    pub deadline: Duration,
    /// The most connections that read at the same time.
    pub connections: u32,
}

impl App {
    /// Starts the recorder and the projector. The task ends, with everything committed, after the app has been dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(store: Store, options: Options) -> std::io::Result<(Self, JoinHandle<()>)> {
        let Options { fold, now, queue, deadline, connections } = options;
        let fold = Arc::new(fold);
        let projector = Projector::start(store.clone(), Arc::clone(&fold), now)?;
        let (recorder, writer) = Recorder::start(store.clone(), projector.clone(), queue, deadline);
        let (slots, lists) = (Slots::default(), ListShare::of(connections));
        let stopping = AtomicBool::new(false);
        Ok((Self { store, recorder, projector, fold, now, deadline, slots, lists, stopping }, writer))
    }

    /// The clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// From now on the server is not ready for new work.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
