//! `/v1/check`: whether a deployment is within its budget.

use std::sync::Arc;

use steps_shared::CheckQuery;
use warp::http::StatusCode;
use warp::reply::Response;

use super::json;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

pub async fn check(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = CheckQuery::from_parameters(request.parameters()?)?;
    Ok(json(StatusCode::OK, &context.app.check(&request.access(), query).await?))
}
