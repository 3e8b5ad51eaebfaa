//! `POST /v1/steps/batch`: records many steps, and answers for each.

use bytes::Buf;
use futures_util::Stream;
use serde_json::value::RawValue;
use steps_shared::{
    BatchAnswer, FieldError, FieldErrors, JsonFields, LineAnswer, LineResult, MAX_BATCH_BYTES, MAX_BATCH_STEPS,
    Timestamp,
};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::body::{self, MediaType};
use super::record::recordable;
use super::{json, query, respond};
use crate::app::fact::{Fact, RecordOutcome};
use crate::app::state::State;
use crate::http::problem::ApiError;

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "steps" / "batch")
        .and(warp::post())
        .and(state.filter())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .and(body::incoming())
        .then(record_batch)
        .and_then(async |result| respond(result))
        .boxed()
}

async fn record_batch<B: Buf>(
    state: State,
    query: String,
    headers: HeaderMap,
    length: Option<u64>,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Response, ApiError> {
    if let Some((name, _)) = query::pairs(query.as_bytes())?.next() {
        return Err(FieldErrors::from(FieldError::wrong(&name, "is not a parameter here; a batch has none")).into());
    }
    let body = recordable(&state, length, body, MAX_BATCH_BYTES).await?;
    let lines = match MediaType::of(&headers) {
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
    let now = (state.now)();
    let mut facts = Vec::with_capacity(lines.len());
    let mut read: Vec<(usize, Option<FieldErrors>)> = Vec::with_capacity(lines.len());
    for (line, text) in lines {
        match fact(text, now) {
            Ok(fact) => {
                facts.push(fact);
                read.push((line, None));
            }
            Err(errors) => read.push((line, Some(errors))),
        }
    }
    drop(body);
    let mut outcomes = state.recorder.record(facts).await?.into_iter();
    let mut answer = BatchAnswer::default();
    for (line, errors) in read {
        answer.push(match errors {
            Some(FieldErrors(errors)) => LineAnswer { line, result: LineResult::Refused, id: None, errors },
            None => match outcomes.next() {
                Some(outcome) => line_answer(line, outcome),
                None => return Err(ApiError::Internal("a recorded step was not accounted for".to_owned())),
            },
        });
    }
    Ok(json(StatusCode::OK, &answer))
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

fn line_answer(line: usize, outcome: RecordOutcome) -> LineAnswer {
    let (result, id, errors) = match outcome {
        RecordOutcome::Recorded(step) => (LineResult::Recorded, step.id, Vec::new()),
        RecordOutcome::AlreadyRecorded(step) => (LineResult::AlreadyRecorded, step.id, Vec::new()),
        RecordOutcome::Conflict(id, error) => (LineResult::Refused, id, vec![error]),
        RecordOutcome::NoSuchStep(id) => (LineResult::Refused, id, vec![FieldError::wrong("id", "is of no step")]),
        RecordOutcome::Invalid(id, FieldErrors(errors)) => (LineResult::Refused, id, errors),
        RecordOutcome::Refused(id, reason) => (LineResult::Refused, id, vec![FieldError::wrong("step", reason)]),
    };
    LineAnswer { line, result, id: Some(id), errors }
}
