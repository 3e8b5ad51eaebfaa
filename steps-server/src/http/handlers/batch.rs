//! `/v1/steps/batch`: records many steps, and answers for each.

use std::sync::Arc;

use serde_json::value::RawValue;
use steps_shared::{FieldError, FieldErrors, JsonFields, MAX_BATCH_BYTES, MAX_BATCH_STEPS, Timestamp};
use warp::http::StatusCode;
use warp::reply::Response;

use super::json;
use crate::app::Fact;
use crate::http::body::MediaType;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

pub async fn record(context: Arc<Context>, mut request: Request) -> Result<Response, ApiError> {
    if let Some((name, _)) = request.parameters()?.next() {
        return Err(FieldErrors::from(FieldError::wrong(&name, "is not a parameter here; a batch has none")).into());
    }
    let body = request.body_to_record(&context, MAX_BATCH_BYTES).await?;
    let lines = match MediaType::of(&request.headers) {
        MediaType::Json => array(&body)?,
        MediaType::Ndjson => lines(&body),
        _ => {
            return Err(ApiError::MediaType(
                "application/json (an array) or application/x-ndjson, and say so in Content-Type",
            ));
        }
    };
    if lines.len() > MAX_BATCH_STEPS {
        let limit = format!("the batch has {} steps; at most {MAX_BATCH_STEPS} are taken at once", lines.len());
        return Err(ApiError::TooLarge(limit));
    }
    let now = context.app.now();
    let facts = lines.into_iter().map(|(line, text)| (line, fact(text, now))).collect();
    drop(body);
    Ok(json(StatusCode::OK, &context.app.record_batch(facts).await?))
}

/// The elements of a JSON array, numbered from 1.
fn array(body: &[u8]) -> Result<Vec<(usize, &[u8])>, ApiError> {
    let elements: Vec<&RawValue> = serde_json::from_slice(body)
        .map_err(|error| ApiError::Malformed(format!("the body is not a JSON array of steps: {error}")))?;
    Ok((1..).zip(elements.into_iter().map(|element| element.get().as_bytes())).collect())
}

/// The lines of NDJSON with their numbers, from 1; empty ones are skipped.
fn lines(body: &[u8]) -> Vec<(usize, &[u8])> {
    (1..).zip(body.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty()).collect()
}

fn fact(text: &[u8], now: Timestamp) -> Result<Fact, FieldErrors> {
    let fields: JsonFields =
        serde_json::from_slice(text).map_err(|error| FieldError::wrong("step", format!("cannot be read: {error}")))?;
    Fact::from_fields(fields.into_texts()?, None, now)
}
