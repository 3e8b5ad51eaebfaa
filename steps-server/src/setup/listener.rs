//! The accept loop: connections bounded in number and in what they may hold open, and a shutdown that ends.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_service::Service;
use warp::http::Request;
use warp::reply::Response;

use super::connection::{Places, Serving};
use super::connections::Connections;
use crate::http::{Activity, Received};

/// How long requests may take to end once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(7);
/// Pause after a connection could not be accepted, for instance because every file descriptor is in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// When the server is to stop.
#[derive(Debug)]
pub struct Shutdown<F> {
    /// Ready when the server is to stop.
    pub signal: F,
    /// How long it goes on accepting connections after that, until load balancers have noticed.
    pub delay: Duration,
}

/// Serves until the signal, then finishes the requests under way, within a deadline. At most so many connections are open; when
/// there are more, those that do nothing are closed, the longest idle first.
pub async fn serve<S>(
    listener: TcpListener,
    serving: Serving<S>,
    connections: u32,
    shutdown: Shutdown<impl Future<Output = ()>>,
) where
    S: Service<Request<Received>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let connections = Arc::new(Connections::new(connections));
    let is_tls = serving.tls.is_some();
    let (stop, _) = watch::channel(());
    let Shutdown { signal, delay } = shutdown;
    let mut shutdown = pin!(async {
        signal.await;
        tokio::time::sleep(delay).await;
    });
    loop {
        let next = async {
            let (stream, peer) = listener.accept().await?;
            let activity = Arc::new(Activity::new(peer, is_tls));
            let connection = Some(connections.place(&activity).await);
            let handshake = match &serving.tls {
                Some(tls) => Some(tls.handshakes.place(&activity).await),
                None => None,
            };
            Ok::<_, std::io::Error>((stream, activity, Places { connection, handshake }))
        };
        let accepted = tokio::select! {
            next = next => next,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, activity, places)) => {
                tokio::spawn(serving.clone().serve(stream, activity, places, stop.subscribe()));
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                connections.make_room();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // Clients in the system's queue believe that they are connected already.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        let activity = Arc::new(Activity::new(peer, is_tls));
        tokio::spawn(serving.clone().serve(stream, activity, Places::default(), stop.subscribe()));
    }
    drop(listener);
    // Nobody listens where no connection is open.
    let _: Result<(), _> = stop.send(());
    if tokio::time::timeout(DRAIN_TIMEOUT, stop.closed()).await.is_err() {
        tracing::warn!("requests were still under way after {} s; they are cut off", DRAIN_TIMEOUT.as_secs());
    }
}
