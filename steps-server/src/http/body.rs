//! Bodies: bounded in size and in the time they take.

use std::ops::Deref;
use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::OwnedSemaphorePermit;
use warp::http::{HeaderMap, header};

use super::context::Context;
use super::problem::ApiError;
use crate::app;

/// The media type of a body, without parameters such as a charset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaType {
    /// There is no Content-Type.
    Missing,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/json`.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// Anything else.
    Other,
}

impl MediaType {
    /// Reads it from the headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::CONTENT_TYPE) else { return Self::Missing };
        let text = value.to_str().unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => Self::Form,
            "application/json" => Self::Json,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Self::Ndjson
            }
            _ => Self::Other,
        }
    }
}

/// How long the body is, by its headers.
pub fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// How much of a refused body is read and dropped, and for how long: a client that is still sending would otherwise see a
/// broken connection instead of the answer.
const DRAIN_BYTES: usize = 32 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// A whole body. The memory that is reserved for it is given back when it is dropped.
#[derive(Debug)]
pub struct Body {
    bytes: Bytes,
    _reserved: Option<OwnedSemaphorePermit>,
}

impl Deref for Body {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// It is larger, it breaks off, it takes longer than a client may stall, or there is no room for it in memory.
pub async fn read<B: Buf>(
    context: &Context,
    length: Option<u64>,
    body: impl Stream<Item = Result<B, warp::Error>>,
    limit: usize,
) -> Result<Body, ApiError> {
    let mut body = pin!(body);
    let too_large = || ApiError::TooLarge(format!("the body is larger than {limit} bytes"));
    let collect = async {
        if length.is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let (mut bytes, mut reserved) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| ApiError::Malformed(format!("the body broke off: {error}")))?;
            if bytes.len() + chunk.remaining() > limit {
                return Err(too_large());
            }
            let more = context.reserve_body(chunk.remaining()).map_err(app::Error::from)?;
            match &mut reserved {
                Some(reserved) => reserved.merge(more),
                None => reserved = Some(more),
            }
            bytes.put(chunk);
        }
        Ok(Body { bytes: bytes.freeze(), _reserved: reserved })
    };
    let read = tokio::time::timeout(context.stall_timeout, collect).await.unwrap_or(Err(ApiError::BodyTimeout));
    if let Err(ApiError::TooLarge(_) | ApiError::App(app::Error::NotRecorded(_))) = read {
        drain(body).await;
    }
    read
}

/// Reads and drops the rest of a body. Errors are ignored, because the answer is known already.
pub async fn drain<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>>) {
    let mut body = pin!(body);
    let drain = async {
        let mut drained = 0;
        while let Some(Ok(chunk)) = body.next().await
            && drained < DRAIN_BYTES
        {
            drained += chunk.remaining();
        }
    };
    let _: Result<(), _> = tokio::time::timeout(DRAIN_TIME, drain).await;
}
