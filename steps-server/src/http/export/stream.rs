//! A list as the body of an answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Fuse, FutureExt as _};
use futures_util::stream::{self, Stream, StreamExt as _};
use steps_shared::{ListFormat, Resource};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
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

/// The most rows that are sent together.
const ROWS: usize = 256;
/// The most rows that are written at a time.
const WRITTEN: usize = 8 * ROWS;
/// So few rows are sooner written than handed over to another thread.
const FEW: usize = 64;
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

    /// Sends parts one after the other.
    async fn send_all(&mut self, parts: Vec<Bytes>) -> io::Result<()> {
        for part in parts {
            self.send(part).await?;
            // A list whose rows are all there must not keep the others from theirs.
            tokio::task::yield_now().await;
        }
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
    let mut written = vec![writer.head()?.into()];
    let mut parts = std::pin::pin!(parts);
    loop {
        sender.send_all(std::mem::take(&mut written)).await?;
        let Some(part) = next(&mut parts, stall).await? else { break };
        let rows = Arc::new(part.map_err(io::Error::other)?);
        for at in (0..rows.len()).step_by(WRITTEN) {
            // What is written is sent while the next rows are being written.
            let writing = write(writer, Arc::clone(&rows), at);
            let (wrote, sent) = tokio::join!(writing, sender.send_all(std::mem::take(&mut written)));
            sent?;
            (writer, written) = wrote?;
        }
    }
    sender.send(Bytes::from_static(writer.foot())).await
}

/// Writes the next of the rows from `at` on: many on a blocking thread, so that others are answered meanwhile.
async fn write<R: Resource>(
    mut writer: TextWriter<R>,
    rows: Arc<Vec<R>>,
    at: usize,
) -> io::Result<(TextWriter<R>, Vec<Bytes>)> {
    let is_short = rows.len() - at <= FEW;
    let write = move || {
        let pieces = rows[at..].chunks(ROWS).take(WRITTEN / ROWS);
        let texts: io::Result<_> = pieces.map(|rows| writer.rows(rows).map(Bytes::from)).collect();
        Ok((writer, texts?))
    };
    if is_short { write() } else { spawn_blocking(write).await? }
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
