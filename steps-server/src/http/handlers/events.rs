//! `/v1/events`: what happens, as server-sent events.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use steps_shared::{EventQuery, Scope};
use sync_wrapper::SyncStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use warp::Reply as _;
use warp::http::{HeaderMap, HeaderValue, header};
use warp::reply::Response;

use crate::app::{Caller, EventReader};
use crate::http::auth;
use crate::http::client::Client;
use crate::http::context::Context;
use crate::http::needs::READ;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// How often something is sent while nothing happens, so that nobody between takes the connection for dead. It holds the id to
/// resume from, which is newer than that of the last event.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A client waits so long until it resumes, and at random up to twice as long, so that not all come at once: milliseconds.
const RETRY: u64 = 1000;
/// Where a client says behind which event it resumes.
const LAST_EVENT_ID: &str = "last-event-id";

pub async fn watch(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let mut query = EventQuery::from_parameters(request.parameters()?)?;
    // A browser resumes with the address that it began with, and says in the header where it is by now.
    if let Some(id) = request.headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty()) {
        query.last_event_id = Some(String::from_utf8_lossy(id.as_bytes()).into_owned());
    }
    let reader = context.app.watch(&request.caller, query).await?;
    let tokens = context.app.tokens().changes();
    let Request { headers, client, caller, .. } = request;
    let headers = auth::to_ask_again(&headers);
    let (stopping, queue) = (reader.stopping(), VecDeque::new());
    let mut stream = Stream { reader, stopping, context, headers, client, caller, tokens, queue };
    let retry = RETRY + u64::from(getrandom::u32().unwrap_or_default()) % RETRY;
    stream.queue.push_back(format!("retry: {retry}\n\n").into());
    stream.beat();
    let body = stream::unfold(stream, |mut stream| async move {
        let part = stream.part().await?;
        Some((Ok::<_, io::Error>(part), stream))
    });
    let mut response = warp::reply::stream(SyncStream::new(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A proxy that collects answers would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The events of one reader. The body of the answer asks for the next part when the client has room for it, so that nothing piles
/// up for one who reads slowly; the socket cuts that one off, as with any answer.
struct Stream {
    reader: EventReader,
    stopping: watch::Receiver<bool>,
    context: Arc<Context>,
    headers: HeaderMap,
    client: Client,
    caller: Arc<Caller>,
    tokens: watch::Receiver<()>,
    queue: VecDeque<Bytes>,
}

impl Stream {
    /// The next part; `None` at the end.
    async fn part(&mut self) -> Option<Bytes> {
        let expires = self.caller.expires_at.map(|expires_at| self.context.app.time_left(expires_at));
        let heartbeat = Instant::now() + HEARTBEAT.min(expires.unwrap_or(HEARTBEAT));
        loop {
            if *self.stopping.borrow() {
                return None;
            }
            if self.tokens.has_changed().unwrap_or(false) {
                self.tokens.mark_unchanged();
                self.check().await?;
            }
            if let Some(part) = self.queue.pop_front() {
                return Some(part);
            }
            tokio::select! {
                biased;
                // An error says that the server has ended.
                stopping = self.stopping.changed() => stopping.ok()?,
                changed = self.tokens.changed() => {
                    changed.ok()?;
                    self.check().await?;
                }
                found = self.reader.next() => match found {
                    Ok(parts) => self.queue.extend(parts),
                    Err(error) => {
                        // The client resumes where it is.
                        tracing::debug!(%error, "a stream of events ends");
                        return None;
                    }
                },
                () = sleep_until(heartbeat) => {
                    self.check().await?;
                    self.beat();
                }
            }
        }
    }

    /// Sends an id to resume from, without an event.
    fn beat(&mut self) {
        let id = self.reader.mark().map_or_else(String::new, |id| format!("id: {id}\n"));
        self.queue.push_back(format!(": still here\n{id}\n").into());
    }

    /// Whether the caller may still read what they could; `None` ends the stream.
    async fn check(&self) -> Option<()> {
        // It is seldom: its memory is not held by each who waits.
        let identified = Box::pin(auth::identify(&self.context, (READ, true), &self.client, &self.headers));
        match identified.await {
            Ok(caller) if caller.access == self.caller.access && caller.may(Scope::Read) => Some(()),
            // That the database does not answer says nothing about the caller.
            Err(ApiError::App(_)) | Err(ApiError::Unverifiable(_)) => Some(()),
            Ok(_) | Err(_) => None,
        }
    }
}
