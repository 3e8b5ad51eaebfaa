//! One small file a resource: take the request apart, call, answer.

pub mod batch;
mod body;
pub mod check;
pub mod deployments;
mod fields;
pub mod finish;
pub mod health;
pub mod list;
mod query;
pub mod record;
pub mod stats;
pub mod step;
pub mod trend;

use serde::Serialize;
use warp::Reply as _;
use warp::http::StatusCode;
use warp::reply::Response;

use crate::http::problem::ApiError;

/// Turns what a handler returns into what warp answers.
fn respond(result: Result<Response, ApiError>) -> Result<Response, std::convert::Infallible> {
    Ok(result.unwrap_or_else(ApiError::into_response))
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    warp::reply::with_status(warp::reply::json(value), status).into_response()
}

/// Counting stops here: a number for a person, in a moment, however many there are.
const MOST_COUNTED: u64 = 1_000_000;

/// The answer to a question how many; `found` stops one above [`MOST_COUNTED`].
fn counted(found: u64) -> Response {
    json(StatusCode::OK, &serde_json::json!({"count": found.min(MOST_COUNTED), "exact": found <= MOST_COUNTED}))
}
