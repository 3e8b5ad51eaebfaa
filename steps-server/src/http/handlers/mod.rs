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
use warp::Reply as _;
use warp::http::StatusCode;
use warp::reply::Response;

use crate::app::Count;

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    warp::reply::with_status(warp::reply::json(value), status).into_response()
}

fn counted(Count { count, exact }: Count) -> Response {
    json(StatusCode::OK, &serde_json::json!({"count": count, "exact": exact}))
}
