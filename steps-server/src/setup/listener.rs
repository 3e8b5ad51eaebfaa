//! The accept loop: connections bounded in number and in what they may hold open, and a shutdown that ends.

use std::convert::Infallible;
use std::future::{Future, pending};
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
use tower_service::Service;
use warp::http::Request;
use warp::reply::Response;

use super::connections::{Connections, Place};
use super::socket::Socket;
use crate::http::{self, Activity, Received};

/// How long requests may take to end once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(7);
/// Pause after a connection could not be accepted, for instance because every file descriptor is in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a new connection may take to send the head of its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// What a client may hold open.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most connections at the same time. When there are more, those that do nothing are closed, the longest idle first.
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
    S: Service<Request<Received>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let connections = Arc::new(Connections::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let serve_connection = |stream, activity: Arc<Activity>, place: Option<Place>| {
        let connection = connection(stream, Arc::clone(&activity), app.clone(), limits.stall_timeout);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            let peer = activity.peer;
            let ended = tokio::select! {
                ended = connection => ended,
                () = activity.told_to_close() => return tracing::debug!(%peer, "closed, because others need its place"),
                () = asks_nothing(&activity, limits.stall_timeout) => return tracing::debug!(%peer, "no request came"),
            };
            if let Err(error) = ended {
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
            let (stream, peer) = listener.accept().await?;
            let activity = Arc::new(Activity::new(peer));
            let place = connections.place(&activity).await;
            Ok::<_, std::io::Error>((stream, activity, place))
        };
        let accepted = tokio::select! {
            next = next => next,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, activity, place)) => serve_connection(stream, activity, Some(place)),
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                connections.make_room();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // Clients in the system's queue believe that they are connected already.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        serve_connection(stream, Arc::new(Activity::new(peer)), None);
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way after {} s; they are cut off", DRAIN_TIMEOUT.as_secs());
    }
}

/// Ready when the first request of a connection has not come in time.
async fn asks_nothing(activity: &Activity, stall_timeout: Duration) {
    tokio::time::sleep(FIRST_REQUEST.min(stall_timeout)).await;
    if activity.has_asked() {
        pending().await
    }
}

fn connection<S>(
    stream: TcpStream,
    activity: Arc<Activity>,
    app: S,
    stall_timeout: Duration,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send
where
    S: Service<Request<Received>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let socket = Socket::new(stream, Arc::clone(&activity), stall_timeout);
    let service =
        service_fn(move |request: Request<Incoming>| http::answer(app.clone(), request, Arc::clone(&activity)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(stall_timeout)
        .max_buf_size(http::HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(socket)), service)
}
