//! One connection, from its handshake to its end: HTTP/1.1, or HTTP/2 where TLS has agreed on it.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;
use tower_service::Service;
use warp::http::Request;
use warp::reply::Response;

use super::connections::Place;
use super::own_answers::OwnAnswers;
use super::socket::Socket;
use super::tls::{Acceptor, HTTP_2};
use crate::http::{self, Activity, Doing, Front, HEAD_BYTES, MAX_HEADERS, Received};

/// How long a new connection may take until its first request has come, with the handshake of TLS.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// How long a handshake may go on once the server stops.
const LAST_HANDSHAKE: Duration = Duration::from_secs(1);

/// The most requests of one connection at the same time, over HTTP/2. Clients count on so many before they are told.
const STREAMS: u32 = 100;
/// How much may have been received over HTTP/2 and not been read, of one request and of a whole connection.
const WINDOW: u32 = 64 * 1024;
/// How much of one answer HTTP/2 keeps for the client.
const SEND_BUFFER: usize = 16 * 1024;
/// HTTP/2 counts 32 bytes beside each header. Within this, we say what is wrong with a head; beyond it, the library does.
const HEADER_LIST: u32 = (HEAD_BYTES + 64 * MAX_HEADERS) as u32;
/// How many requests a client may take back before they were begun, and how many may break the protocol, until its connection is
/// closed.
const RESETS: usize = 20;
/// A connection of HTTP/2 is looked at so often within the time that it may stall.
const LOOKS: u32 = 8;

/// What all connections share.
#[derive(Debug, Clone)]
pub struct Serving<S> {
    /// Answers the requests.
    pub app: S,
    /// How long a connection may be idle, take to send a request's head, or not read its answer.
    pub stall_timeout: Duration,
    pub front: Arc<Front>,
    /// `None`: without TLS.
    pub tls: Option<Acceptor>,
}

/// The places of a connection: its own, and one for its handshake.
#[derive(Debug, Default)]
pub struct Places {
    pub connection: Option<Place>,
    pub handshake: Option<Place>,
}

impl<S> Serving<S>
where
    S: Service<Request<Received>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    /// Serves a connection until it ends, or, once `stop` changes, until the requests under way are answered.
    pub async fn serve(self, stream: TcpStream, activity: Arc<Activity>, places: Places, stop: watch::Receiver<()>) {
        let Places { connection: _place, handshake } = places;
        let (peer, stall) = (activity.peer, self.stall_timeout);
        let told_to_close = Arc::clone(&activity);
        tokio::select! {
            ended = self.connection(stream, Arc::clone(&activity), handshake, stop) => match ended {
                Ok(()) => {}
                Err(error) => tracing::debug!(%error, %peer, "a connection broke off"),
            },
            () = told_to_close.told_to_close() => tracing::debug!(%peer, "closed, because others need its place"),
            () = asks_nothing(&activity, stall) => tracing::debug!(%peer, "no request came"),
        }
    }

    async fn connection(
        self,
        stream: TcpStream,
        activity: Arc<Activity>,
        handshake: Option<Place>,
        stop: watch::Receiver<()>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let Some(tls) = self.tls.clone() else {
            let socket = Socket::new(stream, Arc::clone(&activity), self.stall_timeout);
            return Ok(self.http1(socket, activity, stop).await?);
        };
        // Its memory is not held by those without TLS.
        Box::pin(self.over_tls(tls, stream, activity, handshake, stop)).await
    }

    async fn over_tls(
        self,
        tls: Acceptor,
        stream: TcpStream,
        activity: Arc<Activity>,
        handshake: Option<Place>,
        stop: watch::Receiver<()>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let accepted = tokio::select! {
            accepted = Box::pin(accept(&tls, stream, &activity, self.stall_timeout)) => accepted?,
            () = stopped_for(stop.clone(), LAST_HANDSHAKE) => return Ok(()),
        };
        drop(handshake);
        let Some(stream) = accepted else { return Ok(()) };
        if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
            Box::pin(self.http2(stream, activity, stop)).await
        } else {
            Ok(Box::pin(self.http1(stream, activity, stop)).await?)
        }
    }

    /// Serves HTTP/1.1 on anything that can be read and written.
    pub fn http1<I>(
        self,
        io: I,
        activity: Arc<Activity>,
        stop: watch::Receiver<()>,
    ) -> impl Future<Output = hyper::Result<()>> + Send
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { app, stall_timeout, front, tls: _ } = self;
        let io = TokioIo::new(Box::pin(OwnAnswers::new(io, Arc::clone(&activity))));
        // hyper keeps room for it as long as the connection is open.
        let service = service_fn(move |request: Request<Incoming>| {
            Box::pin(http::answer(app.clone(), request, Arc::clone(&activity), Arc::clone(&front)))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(stall_timeout)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, service);
        drive(connection, stopped_for(stop, Duration::ZERO))
    }

    async fn http2(
        self,
        stream: TlsStream<Socket>,
        activity: Arc<Activity>,
        stop: watch::Receiver<()>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Self { app, stall_timeout, front, tls: _ } = self;
        let service = service_fn({
            let activity = Arc::clone(&activity);
            move |request: Request<Incoming>| {
                http::answer(app.clone(), request, Arc::clone(&activity), Arc::clone(&front))
            }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(stall_timeout)
            .keep_alive_timeout(stall_timeout)
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(HEADER_LIST)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .serve_connection(TokioIo::new(stream), service);
        let end = async {
            tokio::select! {
                () = idle(&activity, stall_timeout) => {}
                () = stopped_for(stop, Duration::ZERO) => {}
            }
        };
        tokio::select! {
            ended = drive(connection, end) => Ok(ended?),
            () = reads_too_slowly(&activity, stall_timeout) => Err("the client reads too slowly".into()),
            // It does not end when it is asked to.
            () = idle(&activity, 2 * stall_timeout) => Err("the client does not close".into()),
        }
    }
}

/// Serves a connection; once `end` is ready, takes no further request.
fn drive<C: GracefulConnection>(
    connection: C,
    end: impl Future<Output = ()>,
) -> impl Future<Output = Result<(), C::Error>> {
    let mut connection = Box::pin(connection);
    async move {
        tokio::select! {
            biased;
            // What has arrived already is answered.
            ended = &mut connection => return ended,
            () = end => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    }
}

/// Ready when the server stops, and so long after.
async fn stopped_for(mut stop: watch::Receiver<()>, time: Duration) {
    // An error says that whoever would tell has gone.
    let _ = stop.changed().await;
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// Ready when the first request of a connection has not come in time.
async fn asks_nothing(activity: &Activity, stall_timeout: Duration) {
    tokio::time::sleep(FIRST_REQUEST.min(stall_timeout)).await;
    if activity.has_asked() {
        pending().await
    }
}

/// Ready when a connection of HTTP/2 has done nothing for so long. HTTP/1.1 has a timer of its own.
async fn idle(activity: &Activity, time: Duration) {
    loop {
        let (doing, since) = activity.doing();
        let passed = since.elapsed();
        if matches!(doing, Doing::New | Doing::Nothing) && passed >= time {
            return;
        }
        // A request may have come and gone meanwhile.
        tokio::time::sleep(time.saturating_sub(passed).max(time / LOOKS)).await;
    }
}

/// Ready when a client has not read one of its answers for too long. With HTTP/2 it says itself how much it takes, so that the
/// socket does not tell.
async fn reads_too_slowly(activity: &Activity, stall_timeout: Duration) {
    while activity.slowest_reader() < stall_timeout {
        tokio::time::sleep(stall_timeout / LOOKS).await;
    }
    tracing::warn!(peer = %activity.peer.ip(), "a client reads its answer too slowly; it is cut off");
}

/// Makes a connection with TLS. Who begins with a letter, as HTTP does and TLS does not, is told to use TLS: `None`.
async fn accept(
    tls: &Acceptor,
    stream: TcpStream,
    activity: &Arc<Activity>,
    stall_timeout: Duration,
) -> io::Result<Option<TlsStream<Socket>>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    let mut socket = Socket::new(stream, Arc::clone(activity), stall_timeout);
    if first[0].is_ascii_uppercase() {
        socket.write_all(&http::answer_without_tls(activity)).await?;
        socket.shutdown().await?;
        return Ok(None);
    }
    tls.accept(socket).await.map(Some).inspect_err(|error| tell_failure(error, activity))
}

fn tell_failure(error: &io::Error, activity: &Activity) {
    let peer = activity.peer.ip().to_canonical();
    if error.kind() == io::ErrorKind::InvalidData {
        tracing::info!(%error, %peer, "a TLS handshake failed");
    } else {
        tracing::debug!(%error, %peer, "a TLS handshake broke off");
    }
}
