//! Bodies: bounded in size and in the time they take.

use std::ops::Deref;
use std::pin::pin;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::OwnedSemaphorePermit;
use warp::http::{HeaderMap, header};

use super::context::{Context, Memory};
use super::problem::ApiError;
use crate::app::{self, RecordError};

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

/// After so many bytes of one body, others have a turn: a fast client's next bytes are always there.
const TURN_BYTES: usize = 256 * 1024;

/// So much of a body is free: with all connections together that is little, and the usual request is smaller.
const FREE_BYTES: usize = 4 * 1024;

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

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Its most bytes.
    pub bytes: usize,
    /// What it is reserved from.
    pub memory: Memory,
}

/// Reads a whole body.
///
/// # Errors
/// It is larger than the limit or compressed, it breaks off, it takes longer than a client may stall, or there is no room for
/// it in memory.
pub async fn read<B: Buf>(
    context: &Context,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
    limit: Limit,
) -> Result<Body, ApiError> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(ApiError::Encoding);
    }
    let mut body = pin!(body);
    let too_large = || ApiError::TooLarge(format!("the body is larger than {} bytes", limit.bytes));
    let collect = async {
        if length(headers).is_some_and(|length| length > limit.bytes as u64) {
            return Err(too_large());
        }
        let (mut bytes, mut reserved) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| ApiError::Malformed(format!("the body broke off: {error}")))?;
            if bytes.len() + chunk.remaining() > limit.bytes {
                return Err(too_large());
            }
            let held = reserved.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = (bytes.len() + chunk.remaining()).saturating_sub(FREE_BYTES + held);
            if more > 0 {
                let more = context.reserve(limit.memory, more).ok_or(RecordError::Full).map_err(app::Error::from)?;
                match &mut reserved {
                    Some(reserved) => reserved.merge(more),
                    None => reserved = Some(more),
                }
            }
            let turn = bytes.len() / TURN_BYTES;
            bytes.put(chunk);
            if bytes.len() / TURN_BYTES > turn {
                context.give_way().await;
            }
        }
        Ok(Body { bytes: bytes.freeze(), _reserved: reserved })
    };
    tokio::time::timeout(context.stall_timeout, collect).await.unwrap_or(Err(ApiError::BodyTimeout))
}
