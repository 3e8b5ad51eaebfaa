//! `POST /v1/steps`: records one step.

use bytes::Buf;
use futures_util::Stream;
use steps_shared::Step;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::body::{self, Body, MediaType};
use super::{fields, json, query, respond};
use crate::app::fact::{Fact, RecordOutcome};
use crate::app::state::State;
use crate::http::problem::ApiError;

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "steps")
        .and(warp::post())
        .and(state.filter())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .and(body::incoming())
        .then(record)
        .and_then(async |result| respond(result))
        .boxed()
}

async fn record<B: Buf>(
    state: State,
    query: String,
    headers: HeaderMap,
    length: Option<u64>,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Response, ApiError> {
    let body = recordable(&state, length, body, fields::MOST_BYTES).await?;
    let fields = fields::read(&query, &MediaType::of(&headers), &body)?;
    record_one(&state, Fact::from_fields(fields, None, (state.now)())?).await
}

/// Records one fact and answers with the step.
pub(super) async fn record_one(state: &State, fact: Fact) -> Result<Response, ApiError> {
    let is_end = matches!(fact, Fact::SpanEnd { .. });
    match state.recorder.record(vec![fact]).await?.pop() {
        Some(RecordOutcome::Recorded(step) | RecordOutcome::AlreadyRecorded(step)) if is_end => {
            Ok(json(StatusCode::OK, &step))
        }
        Some(RecordOutcome::Recorded(step)) => Ok(with_location(StatusCode::CREATED, &step)),
        Some(RecordOutcome::AlreadyRecorded(step)) => Ok(with_location(StatusCode::OK, &step)),
        Some(RecordOutcome::Conflict(_, error)) => Err(ApiError::Conflict(error)),
        Some(RecordOutcome::NoSuchStep(id)) => Err(ApiError::NotFound(format!("no step has the id {id}"))),
        Some(RecordOutcome::Invalid(_, errors)) => Err(errors.into()),
        Some(RecordOutcome::Refused(_, reason)) => Err(ApiError::Malformed(reason)),
        None => Err(ApiError::Internal("a recorded step was not accounted for".to_owned())),
    }
}

/// Reads the body of what is to be recorded, where there is room to record it: a server that has too much to do spends
/// nothing on more.
pub(super) async fn recordable<B: Buf>(
    state: &State,
    length: Option<u64>,
    body: impl Stream<Item = Result<B, warp::Error>>,
    limit: usize,
) -> Result<Body, ApiError> {
    if let Err(full) = state.recorder.check_room() {
        body::drain(body).await;
        return Err(full.into());
    }
    body::read(state, length, body, limit).await
}

fn with_location(status: StatusCode, step: &Step) -> Response {
    let mut response = json(status, step);
    if let Ok(location) = HeaderValue::try_from(format!("/v1/steps/{}", step.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
