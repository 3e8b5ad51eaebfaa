//! `/openapi.json` and `/docs`: what this server can be asked, for programs and for people.

use std::sync::Arc;

use bytes::Bytes;
use warp::Reply as _;
use warp::http::{HeaderValue, header};
use warp::reply::Response;

use crate::app;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

pub async fn json(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let is_open = context.app.anonymous(request.client.address.is_loopback()).is_some();
    let mut response = Response::new(made(context.description.json, is_open).await?.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let is_open = context.app.anonymous(request.client.address.is_loopback()).is_some();
    let mut response = warp::reply::html(made(context.description.page, is_open).await?).into_response();
    if let Ok(policy) = HeaderValue::try_from((context.description.policy)()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// Makes a document away from the thread that serves: the first time takes a moment.
async fn made(make: fn(bool) -> Bytes, is_open: bool) -> Result<Bytes, ApiError> {
    let made = tokio::task::spawn_blocking(move || make(is_open)).await;
    made.map_err(|error| app::Error::Internal(error.to_string()).into())
}
