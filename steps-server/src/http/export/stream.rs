//! A list as the body of an answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Fuse, FutureExt as _};
use futures_util::stream::{self, Stream, StreamExt as _};
use steps_shared::{ListFormat, Resource};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use warp::Reply as _;
use warp::http::{HeaderValue, header};
use warp::reply::Response;

use super::layout::Layout;
use super::pace::Pace;
use super::text::TextWriter;
use crate::app::{Rows, StoreError};
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request_id;

/// The most rows that are written before they are sent on. No other request is answered meanwhile.
const ROWS: usize = 256;
/// How often a sender that waits looks whether other lists wait.
const LOOK: Duration = Duration::from_millis(200);
/// How long the answer waits for the first rows, so that a database that fails at once is answered 503.
const FIRST_ROWS: Duration = Duration::from_millis(250);

/// A part of a body. An error breaks the answer off, so that the client does not take a part of a list for the whole.
pub type Part = Result<Bytes, io::Error>;

/// Answers with a list as text, of which so many parts may wait for the client. The first bytes are sent at once; no part waits for a full buffer.
///
/// # Errors
/// The database fails before the answer has begun.
pub async fn text<R: Resource>(
    context: &Arc<Context>,
    mut list: Rows<Vec<R>>,
    layout: Layout<R::Column>,
    waiting: usize,
) -> Result<Response, ApiError> {
    let format = layout.format;
    let first = match timeout(FIRST_ROWS, list.next()).await {
        Ok(part) => Some(Ok(part.transpose()?.unwrap_or_default())),
        Err(_) => None,
    };
    let (mut sender, receiver) = channel(context, waiting);
    tokio::spawn(async move {
        let parts = stream::iter(first).chain(list);
        if let Err(error) = send(parts, TextWriter::new(layout), &mut sender).await {
            sender.break_off(error, "a list broke off");
        }
    });
    Ok(response::<R>(receiver, format))
}

/// Where the parts of an answer are sent, at the least speed.
pub(super) struct Sender {
    parts: mpsc::Sender<Part>,
    broken: oneshot::Sender<io::Error>,
    context: Arc<Context>,
    pace: Pace,
    id: Option<String>,
}

/// What a [`Sender`] has sent.
pub(super) struct Receiver {
    parts: mpsc::Receiver<Part>,
    broken: Fuse<oneshot::Receiver<io::Error>>,
}

/// A sender and what receives from it; so many parts may wait between them.
pub(super) fn channel(context: &Arc<Context>, waiting: usize) -> (Sender, Receiver) {
    let (parts, received) = mpsc::channel(waiting);
    let (broken, broke) = oneshot::channel();
    let (context, pace) = (Arc::clone(context), Pace::default());
    let sender = Sender { parts, broken, context, pace, id: request_id::current() };
    (sender, Receiver { parts: received, broken: broke.fuse() })
}

impl Sender {
    /// Sends one part; gives up when the client has gone or does not read on.
    pub async fn send(&mut self, part: Bytes) -> io::Result<()> {
        let (began, bytes) = (Instant::now(), part.len());
        let mut sending = std::pin::pin!(self.parts.send(Ok(part)));
        loop {
            let left = self.pace.left(self.context.app.list_patience(self.context.stall_timeout));
            match timeout(LOOK.min(left.saturating_sub(began.elapsed())), &mut sending).await {
                Ok(Ok(())) => break,
                Ok(Err(_)) => return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone")),
                Err(_) if began.elapsed() < left => {}
                Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads too slowly")),
            }
        }
        self.pace.taken(bytes, began.elapsed());
        Ok(())
    }

    /// Breaks the answer off at once, whatever waits for the socket, so that the client does not take a part for the whole.
    pub fn break_off(self, error: io::Error, what: &'static str) {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return;
        }
        let id = self.id.unwrap_or_default();
        tracing::warn!(%error, id, "{what}");
        let _: Result<(), io::Error> = self.broken.send(error);
    }
}

async fn send<R: Resource>(
    parts: impl Stream<Item = Result<Vec<R>, StoreError>>,
    mut writer: TextWriter<R>,
    sender: &mut Sender,
) -> io::Result<()> {
    let stall = sender.context.stall_timeout;
    sender.send(writer.head().into()).await?;
    let mut parts = std::pin::pin!(parts);
    while let Some(part) = next(&mut parts, stall).await? {
        for rows in part.map_err(io::Error::other)?.chunks(ROWS) {
            sender.send(writer.rows(rows)?.into()).await?;
            // A list whose rows are all there must not keep the others from theirs.
            tokio::task::yield_now().await;
        }
    }
    sender.send(Bytes::from_static(writer.foot())).await
}

/// The next rows; gives up when the database has stopped in the middle of a list.
pub(super) async fn next<T>(parts: &mut (impl Stream<Item = T> + Unpin), stall: Duration) -> io::Result<Option<T>> {
    let stopped = |_| io::Error::new(io::ErrorKind::TimedOut, "the database does not go on");
    timeout(stall, parts.next()).await.map_err(stopped)
}

/// An answer whose body is what `receiver` receives.
pub(super) fn response<R: Resource>(receiver: Receiver, format: ListFormat) -> Response {
    let body = stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        tokio::select! {
            biased;
            Ok(error) = &mut receiver.broken => Some((Err(error), None)),
            part = receiver.parts.recv() => part.map(|part| (part, Some(receiver))),
        }
    });
    let mut response = warp::reply::stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{}.xlsx\"", R::NAME));
    if let (ListFormat::Xlsx, Ok(name)) = (format, name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}
