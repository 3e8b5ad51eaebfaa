//! `/v1/projection`: how much of what was recorded is not in the deployments yet.

use std::sync::Arc;

use steps_shared::ProjectionQuery;
use warp::http::StatusCode;
use warp::reply::Response;

use super::json;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

pub async fn projection(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = ProjectionQuery::from_parameters(request.parameters()?)?;
    Ok(json(StatusCode::OK, &context.app.projection(&request.access(), query).await?))
}
