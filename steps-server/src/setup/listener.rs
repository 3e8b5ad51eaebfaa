//! The accept loop: connections bounded in number and in what they may hold open, and a shutdown that ends.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower_service::Service;
use warp::http::Request;
use warp::reply::Response;

use crate::http;

/// How long requests may take to end once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(7);
/// Pause after a connection could not be accepted, for instance because every file descriptor is in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The largest head of a request, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// What a client may hold open.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most connections at the same time; more wait in the system's queue.
    pub connections: u32,
    /// How long a connection may be idle, take to send a request's head, or not read its answer.
    pub stall_timeout: Duration,
}

/// When the server is to stop.
#[derive(Debug)]
pub struct Shutdown<F> {
    /// Ready when the server is to stop.
    pub signal: F,
    /// How long it goes on accepting connections after that, until load balancers have noticed.
    pub delay: Duration,
}

/// Serves until the signal, then finishes the requests under way, within a deadline.
pub async fn serve<S>(listener: TcpListener, app: S, limits: Limits, shutdown: Shutdown<impl Future<Output = ()>>)
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let slots = Arc::new(Semaphore::new(limits.connections as usize));
    let graceful = GracefulShutdown::new();
    let serve_connection = |stream, peer, slot: Option<OwnedSemaphorePermit>| {
        let connection = graceful.watch(connection(stream, peer, app.clone(), limits.stall_timeout));
        tokio::spawn(async move {
            let _slot = slot;
            if let Err(error) = connection.await {
                tracing::debug!(%error, %peer, "a connection broke off");
            }
        });
    };
    let Shutdown { signal, delay } = shutdown;
    let mut shutdown = pin!(async {
        signal.await;
        tokio::time::sleep(delay).await;
    });
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (listener.accept().await, slot)
        };
        let (accepted, slot) = tokio::select! {
            next = next => next,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => serve_connection(stream, peer, slot.ok()),
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // Clients in the system's queue believe that they are connected already.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        serve_connection(stream, peer, None);
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way after {} s; they are cut off", DRAIN_TIMEOUT.as_secs());
    }
}

fn connection<S>(
    stream: TcpStream,
    peer: SocketAddr,
    app: S,
    stall_timeout: Duration,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(stall_timeout));
    let service = service_fn(move |request| http::answer(app.clone(), request, peer));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(stall_timeout)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
}
