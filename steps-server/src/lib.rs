//! The server: owns the recorded steps, and answers for them over HTTP.
//!
//! A step's way: [`http`] takes the request apart, [`app`] commits whatever waits in one transaction through [`store`], and
//! the caller is answered. [`projection`] folds the streams that changed into deployments. Lists go from the database's cursor
//! through `http::export` to the socket; for trends and budgets [`app`] reads whole series, and [`analysis`] computes.
//!
//! Imports go one way: `http` → `app` → `projection`, `analysis`, `store`; `setup` and this file put them together.

pub mod analysis;
pub mod app;
pub mod http;
pub mod maintenance;
pub mod projection;
pub mod setup;
pub mod store;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use steps_shared::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::app::recorder::Recorder;
use crate::app::state::{self, BODY_BYTES, State};
use crate::http::endpoints;
use crate::projection::worker::Projector;
use crate::setup::listener::{self, Limits, Shutdown};
use crate::setup::settings::Settings;
use crate::store::Store;

/// How long the queue may take to be committed after the last request was answered.
const LAST_COMMIT: Duration = Duration::from_secs(2);

/// How long the database may take to say goodbye.
const LAST_CLOSE: Duration = Duration::from_millis(500);

/// Serves on `listener` until `shutdown` is ready; then finishes what is under way, commits the queue, and returns.
///
/// # Errors
/// The system gives no thread.
pub async fn run(
    listener: TcpListener,
    store: Store,
    settings: &Settings,
    now: fn() -> Timestamp,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let statuses = Arc::new(settings.statuses());
    let projector = Projector::start(store.clone(), Arc::clone(&statuses))?;
    let (recorder, writer) = Recorder::start(store.clone(), projector.clone(), settings.queue, settings.deadline);
    let state = State {
        store: store.clone(),
        recorder,
        projector,
        statuses,
        now,
        deadline: settings.deadline,
        stall_timeout: settings.stall_timeout,
        bodies: Arc::new(Semaphore::new(BODY_BYTES)),
        askers: Arc::new(Semaphore::new(state::ASKERS)),
        computers: Arc::new(Semaphore::new(state::computers())),
        replays: Arc::new(Semaphore::new(1)),
        stopping: Arc::default(),
    };
    let app = warp::service(endpoints::filter(state.clone()));
    let limits = Limits { connections: settings.connections, stall: settings.stall_timeout };
    let told = async {
        shutdown.await;
        state.stop();
    };
    let shutdown = Shutdown { told, delay: settings.shutdown_delay };
    listener::serve(listener, app, limits, shutdown).await;
    drop(state);
    if tokio::time::timeout(LAST_COMMIT, writer).await.is_err() {
        tracing::error!("the last steps could not be committed; their senders were not told that they are recorded");
    }
    let _: Result<(), _> = tokio::time::timeout(LAST_CLOSE, store.close()).await;
    Ok(())
}
