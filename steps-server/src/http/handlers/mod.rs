//! A small file for each resource: read the request, call the app, answer.

pub mod badge;
pub mod batch;
pub mod check;
pub mod deployments;
pub mod description;
pub mod events;
pub mod health;
pub mod login;
pub mod metrics;
pub mod notes;
pub mod projection;
pub mod stats;
pub mod steps;
pub mod tokens;
pub mod trend;

use serde::Serialize;
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::problem::ApiError;
use crate::app::{Count, Error};

/// Room for the answer that a step is, and for its headers.
const STEP_BYTES: usize = 512;
const HEADERS: usize = 12;

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let mut body = Vec::with_capacity(STEP_BYTES);
    if let Err(error) = serde_json::to_writer(&mut body, value) {
        return ApiError::from(Error::Internal(error.to_string())).into_response();
    }
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut response = Response::new(body.into());
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}

fn counted(Count { count, exact }: Count) -> Response {
    json(StatusCode::OK, &serde_json::json!({"count": count, "exact": exact}))
}
