//! The body of an answer, with what is held until the client has read it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use warp::reply::Response;

use super::activity::Exchange;
use super::context::{Context as Shared, Memory};
use super::problem::ApiError;
use crate::app;

/// An answer up to this size, in bytes, is in the buffers of its connection.
const SMALL: u64 = 64 * 1024;
/// The same over HTTP/2, where a connection has many.
const SMALL_OF_STREAM: u64 = 1024;
/// An answer is handed to HTTP/2 in pieces of so many bytes: what it has, it keeps for the client without a limit of ours.
const PIECE: usize = 8 * 1024;

/// The memory that an answer takes; in its extensions.
#[derive(Debug, Clone)]
struct Held {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// Reserves the memory of a large answer that is whole already.
///
/// # Errors
/// Others have it.
pub fn reserve(context: &Shared, is_stream: bool, mut response: Response) -> Result<Response, ApiError> {
    let small = if is_stream { SMALL_OF_STREAM } else { SMALL };
    if let Some(size) = response.body().size_hint().exact().filter(|size| *size > small) {
        let permit = usize::try_from(size).ok().and_then(|size| context.reserve(Memory::Answer, size));
        let permit = permit.ok_or(app::Error::BusyWith("large answers"))?;
        response.extensions_mut().insert(Held { _permit: Arc::new(permit) });
    }
    Ok(response)
}

/// The body of an answer that is under way; when it is dropped, its exchange has ended.
#[derive(Debug)]
pub struct Answering<B> {
    body: B,
    exchange: Arc<Exchange>,
    held: Option<Held>,
    /// Over HTTP/2, what is left of the last part, and how many bytes of it were offered to the client.
    pieces: Option<(Bytes, usize)>,
}

impl<B> Answering<B> {
    /// An answer to a request; `is_stream`: over HTTP/2.
    pub fn new(
        response: warp::http::Response<B>,
        exchange: Arc<Exchange>,
        is_stream: bool,
    ) -> warp::http::Response<Self> {
        let (mut parts, body) = response.into_parts();
        let held = parts.extensions.remove();
        let pieces = is_stream.then(|| (Bytes::new(), 0));
        warp::http::Response::from_parts(parts, Self { body, exchange, held, pieces })
    }
}

impl<B> Drop for Answering<B> {
    fn drop(&mut self) {
        self.exchange.end();
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let Some((rest, offered)) = &mut this.pieces else {
            return Pin::new(&mut this.body).poll_frame(context);
        };
        // HTTP/2 asks for the next piece when the client has room for more.
        this.exchange.has_taken(std::mem::take(offered));
        if rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => *rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let piece = rest.split_to(rest.len().min(PIECE));
        *offered = piece.len();
        this.exchange.offers();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    /// What is held must outlive the bytes, so that its end is asked for after they have been sent.
    fn is_end_stream(&self) -> bool {
        let (rest, is_stream) = self.pieces.as_ref().map_or((0, false), |(rest, _)| (rest.len(), true));
        rest == 0 && (is_stream || self.held.is_none()) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.pieces.as_ref().map_or(0, |(rest, _)| rest.len() as u64);
        let of_body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(of_body.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::future::poll_fn;

    use super::super::activity::Activity;
    use super::*;

    /// A body that is one part.
    #[derive(Debug)]
    struct Whole(Option<Bytes>);

    impl Body for Whole {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_none()
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
        }
    }

    #[tokio::test]
    async fn over_http_2_a_body_is_handed_on_in_pieces() {
        let activity = Arc::new(Activity::new(([127, 0, 0, 1], 1).into(), true));
        let whole = warp::http::Response::new(Whole(Some(Bytes::from(vec![7; 20_000]))));
        let mut answering = Answering::new(whole, Exchange::begin(&activity), true).into_body();
        let mut pieces = Vec::new();
        while !answering.is_end_stream() {
            assert_eq!(answering.size_hint().exact(), Some(20_000 - pieces.iter().sum::<usize>() as u64));
            let frame = poll_fn(|context| Pin::new(&mut answering).poll_frame(context)).await.unwrap().unwrap();
            pieces.push(frame.into_data().unwrap().len());
        }
        assert_eq!(pieces, [8192, 8192, 3616]);
        drop(answering);
        assert!(activity.slowest_reader().is_zero());
    }
}
