//! `/metrics`: figures for whoever operates the server.

use std::sync::Arc;

use warp::http::{HeaderValue, header};
use warp::reply::Response;

use crate::app::Access;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// The text format of OpenMetrics, which Prometheus reads.
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub async fn metrics(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    request.no_parameters()?;
    // They are of all components and environments together.
    if request.caller.access != Access::Everything {
        return Err(ApiError::LimitedReader);
    }
    let mut response = Response::new(context.app.figures().await?.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TYPE));
    Ok(response)
}
