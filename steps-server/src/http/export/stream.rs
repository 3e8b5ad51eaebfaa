//! A list as the body of an answer.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use steps_shared::{ListFormat, Resource};
use tokio::sync::mpsc;
use tokio::time::timeout;
use warp::Reply as _;
use warp::http::{HeaderValue, header};
use warp::reply::Response;

use super::layout::Layout;
use super::text::TextWriter;
use crate::app::{Rows, StoreError};
use crate::http::problem::ApiError;

/// The most rows that are written before they are sent on.
const ROWS: usize = 512;
/// Parts that may wait for the socket.
const PARTS: usize = 2;
/// How long the answer waits for the first rows, so that a database that fails at once is answered 503.
const FIRST_ROWS: Duration = Duration::from_millis(250);

/// A part of a body. An error breaks the answer off, so that the client does not take a part of a list for the whole.
pub type Part = Result<Bytes, io::Error>;

/// Answers with a list as text. The first bytes are sent at once; no part waits for a full buffer.
///
/// # Errors
/// The database fails before the answer has begun.
pub async fn text<R: Resource>(
    rows: Rows<R>,
    layout: Layout<R::Column>,
    stall: Duration,
) -> Result<Response, ApiError> {
    let format = layout.format;
    let mut parts = rows.ready_chunks(ROWS);
    let mut first = None;
    if let Ok(part) = timeout(FIRST_ROWS, parts.next()).await {
        first = Some(part.unwrap_or_default());
        if let Some(Err(_)) = first.as_ref().and_then(|part| part.first()) {
            let error = first.unwrap_or_default().swap_remove(0).err();
            return Err(error.unwrap_or(StoreError::TimedOut).into());
        }
    }
    let (sender, receiver) = mpsc::channel(PARTS);
    tokio::spawn(async move {
        let parts = stream::iter(first).chain(parts);
        match send(parts, TextWriter::new(layout), &sender, stall).await {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                tracing::warn!(%error, "a list broke off");
                let _: Result<(), _> = timeout(stall, sender.send(Err(error))).await.unwrap_or(Ok(()));
            }
            Ok(()) | Err(_) => {}
        }
    });
    Ok(response::<R>(receiver, format))
}

async fn send<R: Resource>(
    parts: impl Stream<Item = Vec<Result<R, StoreError>>>,
    mut writer: TextWriter<R>,
    sender: &mpsc::Sender<Part>,
    stall: Duration,
) -> io::Result<()> {
    send_part(sender, writer.head()?.into(), stall).await?;
    let mut parts = std::pin::pin!(parts);
    while let Some(part) = next(&mut parts, stall).await? {
        let rows = part.into_iter().collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        send_part(sender, writer.rows(&rows)?.into(), stall).await?;
    }
    send_part(sender, Bytes::from_static(writer.foot()), stall).await
}

/// The next rows; gives up when the database has stopped in the middle of a list.
pub(super) async fn next<T>(parts: &mut (impl Stream<Item = T> + Unpin), stall: Duration) -> io::Result<Option<T>> {
    let stopped = |_| io::Error::new(io::ErrorKind::TimedOut, "the database does not go on");
    timeout(stall, parts.next()).await.map_err(stopped)
}

/// Sends one part; gives up when the client has gone or does not read on.
pub(super) async fn send_part(sender: &mpsc::Sender<Part>, part: Bytes, stall: Duration) -> io::Result<()> {
    match timeout(stall, sender.send(Ok(part))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone")),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read on")),
    }
}

/// An answer whose body is what `receiver` receives.
pub(super) fn response<R: Resource>(receiver: mpsc::Receiver<Part>, format: ListFormat) -> Response {
    let body =
        stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|part| (part, receiver)) });
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
