//! `/`, `/healthz` (the process lives) and `/readyz` (it can work).

use std::sync::Arc;

use serde_json::json;
use warp::Reply as _;
use warp::http::StatusCode;
use warp::reply::Response;

use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

pub async fn hello(_: Arc<Context>, _: Request) -> Result<Response, ApiError> {
    Ok("Hello World! This is steps: POST /v1/steps records one, GET /v1/steps lists them.\n".into_response())
}

pub async fn alive(_: Arc<Context>, _: Request) -> Result<Response, ApiError> {
    Ok(super::json(StatusCode::OK, &json!({"status": "ok"})))
}

pub async fn ready(context: Arc<Context>, _: Request) -> Result<Response, ApiError> {
    context.app.check_ready().await?;
    Ok(super::json(StatusCode::OK, &json!({"status": "ready"})))
}
