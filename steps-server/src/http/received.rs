//! The body of a request as it is received: known to have been read whole or not, so that the connection is closed properly.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::poll_fn;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use super::activity::Exchange;

/// How much of a body that nobody reads is read and dropped before the answer, and for how long, so that the connection can
/// take the next request.
const DRAIN_BYTES: usize = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_millis(200);

/// A body that several can read.
#[derive(Debug, Clone)]
pub struct Received(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    body: Mutex<Incoming>,
    exchange: Arc<Exchange>,
    /// Whether reading has begun: a client that waits for "100 Continue" has been sent it then.
    begun: AtomicBool,
    /// It has been received whole.
    ended: AtomicBool,
    /// It broke off.
    broken: AtomicBool,
}

impl Received {
    /// Of a request.
    pub fn new(body: Incoming, exchange: Arc<Exchange>) -> Self {
        let ended = AtomicBool::new(body.is_end_stream());
        let (begun, broken) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Shared { body: Mutex::new(body), exchange, begun, ended, broken }))
    }

    /// Reads and drops what is left when that is little; whether the body has been received whole. `client_waits`: for "100
    /// Continue" before it sends the body.
    pub async fn finish(&self, client_waits: bool) -> bool {
        if self.has_ended() || (client_waits && !self.0.begun.load(Ordering::Relaxed)) {
            return self.has_ended();
        }
        let drain = async {
            let mut body = self.clone();
            let mut drained = 0;
            while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                drained += frame.data_ref().map_or(0, Bytes::len);
                if drained > DRAIN_BYTES {
                    return;
                }
            }
        };
        let _: Result<(), _> = timeout(DRAIN_TIME, drain).await;
        self.has_ended()
    }

    fn has_ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed) && !self.0.broken.load(Ordering::Relaxed)
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let shared = &self.0;
        shared.begun.store(true, Ordering::Relaxed);
        let polled = {
            let mut body = shared.body.lock().unwrap_or_else(PoisonError::into_inner);
            let polled = Pin::new(&mut *body).poll_frame(context);
            if matches!(polled, Poll::Ready(None)) || body.is_end_stream() {
                shared.ended.store(true, Ordering::Relaxed);
            }
            if matches!(polled, Poll::Ready(Some(Err(_)))) {
                shared.broken.store(true, Ordering::Relaxed);
            }
            polled
        };
        if polled.is_pending() {
            shared.exchange.sends();
        } else {
            shared.exchange.waits();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.body.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
