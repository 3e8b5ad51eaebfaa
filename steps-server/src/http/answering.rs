//! The body of an answer, with what is held until the client has read it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use warp::reply::Response;

use super::activity::{Activity, Doing};
use super::context::{Context as Shared, Memory};
use super::problem::ApiError;
use crate::app;

/// An answer up to this size, in bytes, is in the buffers of its connection.
const SMALL: u64 = 64 * 1024;

/// The memory that an answer takes; in its extensions.
#[derive(Debug, Clone)]
struct Held {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// Reserves the memory of a large answer that is whole already.
///
/// # Errors
/// Others have it.
pub fn reserve(context: &Shared, mut response: Response) -> Result<Response, ApiError> {
    if let Some(size) = response.body().size_hint().exact().filter(|size| *size > SMALL) {
        let permit = usize::try_from(size).ok().and_then(|size| context.reserve(Memory::Answer, size));
        let permit = permit.ok_or(app::Error::BusyWith("large answers"))?;
        response.extensions_mut().insert(Held { _permit: Arc::new(permit) });
    }
    Ok(response)
}

/// The body of an answer that is under way; when it is dropped, its connection does nothing.
#[derive(Debug)]
pub struct Answering<B> {
    body: B,
    activity: Arc<Activity>,
    _held: Option<Held>,
}

impl<B> Answering<B> {
    /// An answer on its connection.
    pub fn new(response: warp::http::Response<B>, activity: &Arc<Activity>) -> warp::http::Response<Self> {
        let (mut parts, body) = response.into_parts();
        let _held = parts.extensions.remove();
        warp::http::Response::from_parts(parts, Self { body, activity: Arc::clone(activity), _held })
    }
}

impl<B> Drop for Answering<B> {
    fn drop(&mut self) {
        self.activity.set(Doing::Nothing);
    }
}

impl<B: Body + Unpin> Body for Answering<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
