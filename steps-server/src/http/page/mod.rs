//! The pages for people: HTML that the server makes, with pictures of its own. Without a script everything works.
//!
//! A page is no part of the API: it is not in its description, and no command asks for it. [`PAGES`] is their table, beside that
//! of the endpoints. What a page shows is asked of `app`, as the endpoints ask it, with what the caller may see.
//!
//! [`PAGES`]: super::endpoints::PAGES

pub mod assets;
pub mod check;
pub mod compare;
pub mod component;
pub mod deployment;
pub mod deployments;
pub mod home;
pub mod refusal;
pub mod stats;
pub mod trend;

mod chart;
mod empty;
mod form;
mod layout;
mod links;
mod live;
mod markup;
mod rows;
mod steps_chart;
mod timeline;

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use maud::Markup;
use warp::Reply as _;
use warp::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::context::Context;
use super::problem::ApiError;
use super::request::Request;
use crate::app::Error;

pub use layout::Page;

/// What a page may load and do: what this server has, and nothing written in the page itself.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Smaller answers are sent as they are, in bytes.
const SMALL: usize = 1024;

/// Whether who asks shows pages: a browser that opens an address.
pub fn is_for_browser(headers: &HeaderMap) -> bool {
    accepts(headers, header::ACCEPT, "text/html")
}

/// Whether an answer may be compressed. No page holds a secret, so that its length tells none.
fn takes_gzip(headers: &HeaderMap) -> bool {
    accepts(headers, header::ACCEPT_ENCODING, "gzip")
}

/// Whether a header names this, and does not refuse it.
fn accepts(headers: &HeaderMap, header: HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let refuses = |part: &str| part.strip_prefix("q=").is_some_and(|quality| quality.parse() == Ok(0.0));
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted)) && !parts.any(refuses)
    })
}

/// Makes a page away from the thread that serves, and answers with it. The answer holds nothing of the request.
///
/// # Errors
/// The page could not be made.
pub fn answer<F>(
    context: &Context,
    request: &Request,
    make: F,
) -> impl Future<Output = Result<Response, ApiError>> + Send + use<F>
where
    F: FnOnce() -> Page + Send + 'static,
{
    let (headers, caller, now) = (request.headers.clone(), Arc::clone(&request.caller), context.app.now());
    async move {
        let make = move || respond(&headers, StatusCode::OK, make().markup(Some(&caller), now));
        let made = tokio::task::spawn_blocking(make).await;
        made.map_err(|error| Error::Internal(error.to_string()).into())
    }
}

/// An answer that is a page.
pub fn respond(headers: &HeaderMap, status: StatusCode, markup: Markup) -> Response {
    let mut text = markup.into_string().into_bytes();
    let compressed = (takes_gzip(headers) && text.len() > SMALL).then(|| gzip(&text)).flatten();
    let is_compressed = compressed.is_some();
    text = compressed.unwrap_or(text);
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // With no-referrer, browsers hide the origin of a form from this server too.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding, cookie"));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// An answer that leads to another address of this server.
///
/// # Errors
/// It is none.
pub fn see_other(path: &str) -> Result<Response, ApiError> {
    let location = HeaderValue::try_from(path).map_err(|error| Error::Internal(error.to_string()))?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// The bytes compressed; `None` when that fails, which it does not in memory.
fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}
