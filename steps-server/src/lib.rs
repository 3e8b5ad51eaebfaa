//! The server: owns the recorded steps, and answers for them over HTTP.
//!
//! A request to record: `http` reads it into a fact, `app` commits all facts that wait in one transaction through `store`, and
//! the caller is answered. `projection` folds the changed streams into deployments. A list goes from the database's cursor
//! through `http::export` to the socket; for trends and budgets `app` reads whole series, and `analysis` computes.
//!
//! Imports go one way: `http` → `app` → `projection`, `analysis`, `store`. `setup` and this file put them together.

mod analysis;
mod app;
mod http;
mod maintenance;
mod projection;
mod setup;
mod store;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use steps_shared::Timestamp;
use tokio::net::TcpListener;

pub use crate::analysis::remaining;
pub use crate::analysis::statistics::{MannKendall, mann_kendall};
pub use crate::analysis::truth;
pub use crate::maintenance::{
    Command, CopyFlags, HealthcheckFlags, TokenCommand, copy, generate_token, restore, run as maintain,
};
pub use crate::setup::access::{AccessError, prepare as prepare_access};
pub use crate::setup::healthcheck::healthcheck;
pub use crate::setup::log::start as start_log;
pub use crate::setup::priority::give_way;
pub use crate::setup::service_manager::{inherited_listener, say as tell_service_manager};
pub use crate::setup::{Args, Settings, Tls, TlsError};
pub use crate::store::{OpenError, OpenOptions, Store};

use crate::app::{Anonymous, App, Issuers, Tokens};
use crate::http::{Context, Front, Limits};
use crate::setup::listener::{self, Shutdown};
use crate::setup::{Serving, descriptors, otlp, service_manager};

/// The description of the HTTP API (OpenAPI 3.1), as a server answers it that lets nobody in without a token.
#[must_use]
pub fn api_description() -> bytes::Bytes {
    http::openapi::json(false)
}

/// How long the queue may take to be committed after the last request was answered.
const LAST_COMMIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the connections to the database may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Serves on `listener`, with TLS where there is one, until `shutdown` is ready; then finishes what is under way, commits the
/// queue, and returns.
///
/// # Errors
/// The system gives no thread.
pub async fn run(
    listener: TcpListener,
    tls: Option<Tls>,
    store: Store,
    settings: &Settings,
    now: fn() -> Timestamp,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let is_loopback = address.ip().to_canonical().is_loopback();
    let tokens = Tokens::start(store.clone(), now, settings.deadline.into()).await.map_err(std::io::Error::other)?;
    let issuers = Issuers::start(&settings.oidc)?;
    let anonymous = match (settings.allow_anonymous, is_loopback && issuers.is_empty()) {
        (true, _) => Anonymous::Allowed,
        (false, true) => Anonymous::WithoutTokens,
        (false, false) => Anonymous::Refused,
    };
    if anonymous == Anonymous::Allowed || (anonymous == Anonymous::WithoutTokens && tokens.has_seen_none()) {
        let until = if anonymous == Anonymous::Allowed { "--allow-anonymous is given" } else { "there is no token" };
        tracing::warn!("whoever reaches this server may record and read everything, because {until}");
    }
    let options = app::Options {
        fold: settings.fold_config(now),
        now,
        queue: settings.queue,
        deadline: settings.deadline.into(),
        connections: settings.database_connections,
        issuers,
        anonymous,
        event_readers: settings.event_readers,
        badges: settings.badges.clone(),
    };
    let (traces, exporter) = match otlp::start(settings, now).map_err(std::io::Error::other)? {
        Some((traces, exporter)) => (Some(traces), Some(exporter)),
        None => (None, None),
    };
    let (app, writer) = App::start(store.clone(), tokens, options)?;
    let context = Arc::new(Context::new(
        app,
        settings.stall_timeout.into(),
        is_loopback,
        Limits::new(settings.requests_per_second),
        http::openapi::DESCRIPTION,
    ));
    let service = warp::service(http::service(Arc::clone(&context)));
    let connections = descriptors::raise(
        settings.connections,
        // A replica has as many.
        settings.database_connections * if settings.database_read_url.is_some() { 2 } else { 1 },
    );
    let serving = Serving {
        app: service,
        stall_timeout: settings.stall_timeout.into(),
        front: Arc::new(Front::new(settings.trusted_proxy.clone(), context.app.metrics(), traces)),
        tls: tls.as_ref().map(Tls::acceptor),
    };
    let signal = async {
        shutdown.await;
        service_manager::say_stopping();
        context.app.stop();
    };
    let shutdown = Shutdown { signal, delay: settings.shutdown_delay.into() };
    let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    let watch = service_manager::watch(serving.clone(), url, || !writer.is_finished());
    tokio::select! {
        () = watch => {}
        () = listener::serve(listener, serving, connections, shutdown) => {}
        () = store.keep_file() => {}
        () = keep_loaded(tls) => {}
    }
    drop(context);
    if tokio::time::timeout(LAST_COMMIT_TIMEOUT, writer).await.is_err() {
        tracing::error!("the last steps could not be committed; their senders were not told that they are recorded");
    }
    if let Some(exporter) = exporter {
        exporter.finish().await;
    }
    let _: Result<(), _> = tokio::time::timeout(CLOSE_TIMEOUT, store.close()).await;
    Ok(())
}

async fn keep_loaded(tls: Option<Tls>) {
    match tls {
        Some(tls) => tls.keep_loaded().await,
        None => service_manager::reload_nothing().await,
    }
}
