//! A service manager such as systemd: what it is told (readiness, reloads, the end, and that the server answers), and the socket
//! that it may hand over. Where there is none, nothing is done.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use steps_shared::escaped;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use tower_service::Service;
use warp::http::Request;
use warp::reply::Response;

use super::connection::Serving;
use crate::http::{Activity, Received};

/// What the server asks itself.
const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// How long it may take to answer itself where nobody watches it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The listening socket that a service manager handed over, if one did. This must come before anything opens a file or starts a
/// thread.
///
/// # Errors
/// It is none, or there are several.
pub fn inherited_listener() -> anyhow::Result<Option<TcpListener>> {
    let mut sockets = ListenFd::from_env();
    anyhow::ensure!(
        sockets.len() <= 1,
        "the service manager hands over {} sockets; give one, with one ListenStream=",
        sockets.len()
    );
    let wrong = |error| anyhow::anyhow!("what the service manager hands over is no listening TCP socket: {error}");
    let Some(listener) = sockets.take_tcp_listener(0).map_err(wrong)? else { return Ok(None) };
    listener.set_nonblocking(true).map_err(wrong)?;
    Ok(Some(listener))
}

/// Says what the server is doing, in words for people.
pub fn say(doing: &str) {
    tell(&[NotifyState::Status(&escaped(doing))]);
}

/// Says that the server stops.
pub fn say_stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Says that the server loads something again, until [`say_reloaded`].
pub fn say_reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// Says that it is loaded.
pub fn say_reloaded() {
    tell(&[NotifyState::Ready]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager of NOTIFY_SOCKET cannot be told anything");
    }
}

fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Says that the server is ready once it answers, and from then on, as often as it is watched, that it still does. `url` is where
/// it serves, and `is_recording` whether it can record, for as long as it runs.
pub async fn watch<S>(serving: Serving<S>, url: String, is_recording: impl Fn() -> bool)
where
    S: Service<Request<Received>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    if !is_there() {
        return std::future::pending().await;
    }
    let watchdog = sd_notify::watchdog_enabled().filter(|time| !time.is_zero());
    // Two pings in a row may be late.
    let mut pings = interval(watchdog.map_or(ANSWER_TIMEOUT, |time| time / 3));
    let limit = pings.period();
    let mut is_ready = false;
    loop {
        pings.tick().await;
        match timeout(limit, own_answer(&serving)).await {
            Ok(Ok(())) if !is_recording() => tracing::error!("nothing is recorded any more; {UNTOLD}"),
            Ok(Ok(())) if !is_ready => {
                is_ready = true;
                tell(&[NotifyState::Ready, NotifyState::Watchdog, NotifyState::Status(&format!("serving {url}"))]);
            }
            Ok(Ok(())) if watchdog.is_some() => tell(&[NotifyState::Watchdog]),
            Ok(Ok(())) => return std::future::pending().await,
            Ok(Err(error)) => tracing::error!(%error, "the server gets no answer of itself; {UNTOLD}"),
            Err(_) => tracing::error!("the server does not answer itself in time; {UNTOLD}"),
        }
    }
}

const UNTOLD: &str = "the service manager is not told that it lives";

/// Whether a request is answered that goes the way of every other one, but for the network.
async fn own_answer<S>(serving: &Serving<S>) -> io::Result<()>
where
    S: Service<Request<Received>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let (mut client, server) = tokio::io::duplex(REQUEST.len());
    let activity = Arc::new(Activity::own());
    let (_stop, stopped) = watch::channel(());
    let served = serving.clone().http1(server, activity, stopped);
    let asked = async {
        client.write_all(REQUEST).await?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await?;
        Ok(answer)
    };
    let (served, answer): (_, io::Result<Vec<u8>>) = tokio::join!(served, asked);
    served.map_err(io::Error::other)?;
    match answer?.starts_with(b"HTTP/1.1 200 ") {
        true => Ok(()),
        false => Err(io::Error::other("/healthz is not answered 200")),
    }
}

/// SIGHUP where there is nothing to load: who asks for it is told that it is done. Without a service manager, SIGHUP is the end of
/// a terminal, and of the server.
pub async fn reload_nothing() {
    let hangup = if is_there() { signal(SignalKind::hangup()).ok() } else { None };
    let Some(mut hangup) = hangup else { return std::future::pending().await };
    while hangup.recv().await.is_some() {
        say_reloading();
        tracing::info!("SIGHUP: without --tls-cert there is nothing to load again");
        say_reloaded();
    }
    std::future::pending().await
}
