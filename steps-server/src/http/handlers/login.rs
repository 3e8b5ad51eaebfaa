//! `/login` and `/logout`: a token is exchanged for a session, which a browser keeps.

use std::sync::Arc;

use steps_shared::{FieldError, FieldErrors, Scope, TokenSecret};
use warp::Reply as _;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::json;
use crate::app::Error;
use crate::http::body::{self, Limit, MediaType};
use crate::http::context::{Context, Memory};
use crate::http::page::{self, refusal, see_other};
use crate::http::problem::ApiError;
use crate::http::request::Request;
use crate::http::{auth, fields, session};

/// The most bytes of a token with what is around it.
const MOST_BYTES: usize = 4096;

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let next = refusal::next_of(&request.query);
    // Who has a session already came by a link of another site, which sends no cookie.
    if !request.query.is_empty()
        && let Ok(Some(caller)) = session::caller(&context, true, &request.client, &request.headers).await
        && caller.may(Scope::Read)
    {
        return see_other(&next);
    }
    Ok(page::respond(&request.headers, StatusCode::OK, refusal::sign_in(&next, None)))
}

/// Exchanges a token for a session. Who sends the form of the page gets it back with what is wrong.
pub async fn login(context: Arc<Context>, mut request: Request) -> Result<Response, ApiError> {
    let is_form = page::is_for_browser(&request.headers) && MediaType::of(&request.headers) == MediaType::Form;
    let mut next = "/".to_owned();
    match begin(&context, &mut request, &mut next).await {
        Err(error @ (ApiError::BadToken(_) | ApiError::PlainLogin | ApiError::TooManyFailures(_))) if is_form => {
            let sentence = match &error {
                ApiError::BadToken(_) => "This token is not accepted here.".to_owned(),
                error => error.to_string(),
            };
            let status = error.into_response().status();
            Ok(page::respond(&request.headers, status, refusal::sign_in(&next, Some(&sentence))))
        }
        begun => begun,
    }
}

async fn begin(context: &Context, request: &mut Request, next: &mut String) -> Result<Response, ApiError> {
    // A query string is logged by proxies, and kept by browsers.
    request.no_parameters()?;
    check_site(request)?;
    if !request.client.has_tls && !request.client.address.to_canonical().is_loopback() {
        return Err(ApiError::PlainLogin);
    }
    let limit = Limit { bytes: MOST_BYTES, memory: Memory::Body };
    let body = body::read(context, &request.headers, &mut request.body, limit).await?;
    let media_type = MediaType::of(&request.headers);
    let fields = fields::read("", &media_type, &body)?;
    if let Some((_, wanted)) = fields.iter().find(|(name, _)| name == "next") {
        refusal::local(wanted).clone_into(next);
    }
    let text = token(fields)?;
    let refused = || ApiError::BadToken("only a token of this server can be exchanged for a session".to_owned());
    auth::by_token(context, request.client.address, &text).await?;
    let secret: TokenSecret = text.parse().map_err(|_| refused())?;
    let begun = context.app.begin_session(&secret).await?.ok_or_else(refused)?;
    tracing::info!(token = %begun.caller.name, "a session has begun");
    let mut response = match media_type {
        MediaType::Json => json(StatusCode::OK, &begun.caller.describe(context.app.database())),
        _ => see_other(next)?,
    };
    let cookie = session::set_cookie(&request.client, &begun.secret, begun.lasts);
    put_cookie(&mut response, cookie)?;
    Ok(response)
}

pub async fn logout(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    request.no_parameters()?;
    check_site(&request)?;
    if let Some(secret) = session::sent(&request.client, &request.headers) {
        if !session::is_of_this_site(&request.client, &request.headers) {
            return Err(ApiError::ForeignOrigin);
        }
        context.app.end_session(&secret).await?;
    }
    let accepts = request.headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok()).unwrap_or_default();
    let mut response = match accepts.contains("text/html") {
        true => see_other("/login")?,
        false => StatusCode::NO_CONTENT.into_response(),
    };
    put_cookie(&mut response, session::forget_cookie(&request.client))?;
    Ok(response)
}

/// Whoever has no cookie yet must be no page of another site either: it could sign somebody in as somebody else.
fn check_site(request: &Request) -> Result<(), ApiError> {
    let headers = &request.headers;
    let is_browser = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    match is_browser && !session::is_of_this_site(&request.client, headers) {
        true => Err(ApiError::ForeignOrigin),
        false => Ok(()),
    }
}

fn token(fields: Vec<(String, String)>) -> Result<String, ApiError> {
    let unknown: Vec<FieldError> = fields
        .iter()
        .filter(|(name, _)| name != "token" && name != "next")
        .map(|(name, _)| FieldError::unknown(name, &["token", "next"]))
        .collect();
    if !unknown.is_empty() {
        return Err(FieldErrors(unknown).into());
    }
    let mut values = fields.into_iter().filter(|(name, _)| name == "token").map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Err(FieldErrors::from(FieldError::missing("token")).into()),
        (Some(_), Some(_)) => Err(FieldErrors::from(FieldError::repeated("token")).into()),
        (Some(value), None) => Ok(value.trim().to_owned()),
    }
}

fn put_cookie(response: &mut Response, cookie: Option<HeaderValue>) -> Result<(), ApiError> {
    let cookie = cookie.ok_or_else(|| Error::Internal("a cookie could not be written".to_owned()))?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(())
}
