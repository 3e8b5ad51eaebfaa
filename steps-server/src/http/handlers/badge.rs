//! `/badge/{component}.svg`: a picture for a README, where the server has badges of the component.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};
use steps_shared::{Component, Environment, FieldError, FieldErrors};
use warp::Reply as _;
use warp::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use warp::reply::Response;

use crate::http::badge;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// What a badge has beside its text: a proxy of images keeps it for a few minutes, and any page may show it.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "public, max-age=300, s-maxage=300"),
    (header::CONTENT_TYPE, "image/svg+xml"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];

pub async fn badge(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    // Where there is no badge, nothing else is told: not even which parameter is wrong.
    let component = component(&request).filter(|component| context.app.has_badge(component));
    let component = component.ok_or(ApiError::NoSuchPath)?;
    let environment = environment(&request)?;
    let trend = context.app.badge(component.clone(), environment.clone()).await?;
    let svg = badge::svg(&component, &environment, trend.as_deref());
    let tag: String = Sha256::digest(svg.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let mut response = match is_known(&request.headers, &tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(svg.into()),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// The component that the path names.
fn component(request: &Request) -> Option<Component> {
    let name = request.parameter.as_deref()?.strip_suffix(".svg")?;
    percent_decode_str(name).decode_utf8().ok()?.parse().ok()
}

/// The environment that is asked for; `production` by default.
fn environment(request: &Request) -> Result<Environment, ApiError> {
    let mut environment = None;
    for (name, value) in request.parameters()? {
        let error = match (&*name, &environment) {
            ("environment", Some(_)) => FieldError::repeated(&name),
            ("environment", None) => match value.parse() {
                Ok(read) => {
                    environment = Some(read);
                    continue;
                }
                Err(_) if value.is_empty() => continue,
                Err(error) => FieldError::wrong(&name, error),
            },
            _ => FieldError::unknown(&name, &["environment"]),
        };
        return Err(FieldErrors::from(error).into());
    }
    Ok(environment.unwrap_or_default())
}

/// Whether the client has the badge with this tag already.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
