//! The headers that every answer has: who answers, and what a browser must not do with it.

use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, SERVER, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use warp::http::{HeaderMap, HeaderName, HeaderValue};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What every answer has, unless its handler says something else. What is answered depends on who asks, so that no cache may keep
/// it. `steps status` shows the Server header.
const EVERY: [(HeaderName, &str); 7] = [
    (SERVER, concat!("steps-server/", env!("CARGO_PKG_VERSION"))),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (CACHE_CONTROL, "no-store"),
];

/// A browser that has seen this host over TLS asks it over nothing else for a year.
const OVER_TLS: (HeaderName, &str) = (STRICT_TRANSPORT_SECURITY, "max-age=31536000");

/// Adds those that are not there.
pub fn add(headers: &mut HeaderMap, has_tls: bool) {
    for (name, value) in lines(has_tls) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Each with its value.
pub fn lines(has_tls: bool) -> impl Iterator<Item = (HeaderName, &'static str)> {
    EVERY.into_iter().chain(has_tls.then_some(OVER_TLS))
}
