//! `/v1/steps/batch`: records many steps, and answers for each.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use steps_shared::{
    FieldError, FieldErrors, JsonFields, MAX_BATCH_BYTES, MAX_BATCH_ERRORS, MAX_BATCH_STEPS, MAX_ERRORS,
    MAX_STEP_BYTES, Timestamp,
};
use warp::http::StatusCode;
use warp::reply::Response;

use super::json;
use crate::app::{Caller, Fact, LineErrors};
use crate::http::body::{self, Limit, MediaType};
use crate::http::context::{Context, Memory};
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// A batch of so many bytes is recorded at once, whatever there is to fold: what waited in a spool for instance.
const SHORT: u64 = 64 * 1024;

pub async fn record(context: Arc<Context>, mut request: Request) -> Result<Response, ApiError> {
    if let Some((name, _)) = request.parameters()?.next() {
        return Err(FieldErrors::from(FieldError::wrong(&name, "is not a parameter here; a batch has none")).into());
    }
    if body::length(&request.headers).is_none_or(|length| length > SHORT) {
        context.app.wait_for_room().await;
    }
    let limit = Limit { bytes: MAX_BATCH_BYTES, memory: Memory::Batch };
    let body = request.body_to_record(&context, limit).await?;
    let media_type = MediaType::of(&request.headers);
    let (now, caller) = (context.app.now(), Arc::clone(&request.caller));
    let facts = context.app.parse(body.len(), move || facts(&body, &media_type, &caller, now)).await??;
    Ok(context.app.record_batch(&request.caller, facts, |answer| json(StatusCode::OK, &answer)).await?)
}

/// The steps of a batch with their places, or what is wrong with each.
type Facts = Vec<(usize, Result<Fact, LineErrors>)>;

fn facts(body: &[u8], media_type: &MediaType, caller: &Caller, now: Timestamp) -> Result<Facts, ApiError> {
    let lines = match media_type {
        MediaType::Json => array(body)?,
        MediaType::Ndjson => lines(body),
        _ => {
            return Err(ApiError::MediaType(
                "application/json (an array) or application/x-ndjson, and say so in Content-Type",
            ));
        }
    };
    if lines.len() > MAX_BATCH_STEPS {
        return Err(ApiError::TooLarge(format!("the batch has more than {MAX_BATCH_STEPS} steps; send several")));
    }
    // Errors that the answer does not list are counted only: they take a hundred times the memory of the body.
    let mut room = MAX_BATCH_ERRORS;
    let mut listed = |FieldErrors(mut errors): FieldErrors| {
        let more = errors.len().saturating_sub(room.min(MAX_ERRORS));
        errors.truncate(room.min(MAX_ERRORS));
        errors.shrink_to_fit();
        room -= errors.len();
        LineErrors { errors, more }
    };
    Ok(lines.into_iter().map(|(line, text)| (line, fact(text, caller, now).map_err(&mut listed))).collect())
}

/// The elements of a JSON array, numbered from 1: one more than may be at the most.
fn array(body: &[u8]) -> Result<Vec<(usize, &[u8])>, ApiError> {
    let Elements(elements) = serde_json::from_slice(body)
        .map_err(|error| ApiError::Malformed(format!("the body is not a JSON array of steps: {error}")))?;
    Ok((1..).zip(elements.into_iter().map(|element| element.get().as_bytes())).collect())
}

/// The lines of NDJSON with their numbers, from 1; empty ones are skipped. One more than may be at the most.
fn lines(body: &[u8]) -> Vec<(usize, &[u8])> {
    let lines = (1..).zip(body.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    lines.take(MAX_BATCH_STEPS + 1).collect()
}

/// The first elements of an array: one more than a batch may have at the most.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sequence;
        impl<'de> Visitor<'de> for Sequence {
            type Value = Elements<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<Elements<'de>, S::Error> {
                let mut elements = Vec::new();
                while elements.len() <= MAX_BATCH_STEPS
                    && let Some(element) = sequence.next_element()?
                {
                    elements.push(element);
                }
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(Sequence)
    }
}

fn fact(text: &[u8], caller: &Caller, now: Timestamp) -> Result<Fact, FieldErrors> {
    if text.len() > MAX_STEP_BYTES {
        let reason = format!("is {} bytes long; at most {MAX_STEP_BYTES} are read", text.len());
        return Err(FieldError::wrong("step", reason).into());
    }
    let fields: JsonFields =
        serde_json::from_slice(text).map_err(|error| FieldError::wrong("step", format!("cannot be read: {error}")))?;
    let mut fields = fields.into_texts()?;
    caller.add_owner(&mut fields);
    Fact::from_fields(fields, None, now)
}
