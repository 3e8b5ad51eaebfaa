//! `/v1/tokens`: making, listing and revoking tokens, and who the caller is.

use std::sync::Arc;

use steps_shared::{FieldError, FieldErrors, NewToken, TokenId, TokenList};
use warp::Reply as _;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::json;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

pub async fn list(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    request.no_parameters()?;
    let tokens = context.app.tokens().list().await?;
    Ok(json(StatusCode::OK, &TokenList { tokens }))
}

pub async fn create(context: Arc<Context>, mut request: Request) -> Result<Response, ApiError> {
    request.no_parameters()?;
    let new = NewToken::from_json(request.json_members(&context).await?)?;
    let created = context.app.tokens().create(new).await?;
    tracing::info!(token = %created.token.name, scopes = %created.token.scopes, by = %request.caller.name, "a token was made");
    let mut response = json(StatusCode::CREATED, &created);
    // It is shown this once, and to nobody else.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub async fn revoke(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    request.no_parameters()?;
    let text = request.parameter.as_deref().unwrap_or_default();
    let wrong = |error: String| FieldErrors::from(FieldError::wrong("id", error));
    let id: TokenId = text.parse().map_err(wrong)?;
    context.app.tokens().revoke(id).await?;
    tracing::info!(token = %id, by = %request.caller.name, "a token was revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn current(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    request.no_parameters()?;
    let caller = request.caller.describe(context.app.database());
    let caller = caller.ok_or_else(|| crate::app::Error::Internal("a caller without scopes was let in".to_owned()))?;
    Ok(json(StatusCode::OK, &caller))
}
