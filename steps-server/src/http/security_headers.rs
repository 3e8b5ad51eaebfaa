//! The headers that every answer has: who answers, and what a browser must not do with it.

use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, SERVER, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
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

/// A browser that has seen this host over TLS asks it over nothing else for a year, on all of its ports.
const OVER_TLS: (HeaderName, &str) = (STRICT_TRANSPORT_SECURITY, "max-age=31536000");

/// Whether the host of a request is `localhost`, or a name under it. A developer's machine has other servers on other ports, which
/// are not to be asked over TLS alone.
pub fn is_for_localhost(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Adds those that are not there.
pub fn add(headers: &mut HeaderMap, has_tls: bool) {
    // These, that of TLS, and the request's id.
    headers.reserve(EVERY.len() + 2);
    for (name, value) in lines(has_tls) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Each with its value.
pub fn lines(has_tls: bool) -> impl Iterator<Item = (HeaderName, &'static str)> {
    EVERY.into_iter().chain(has_tls.then_some(OVER_TLS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_not_bound_to_tls() {
        let is_localhost =
            |host: &str| is_for_localhost(&HeaderMap::from_iter([(HOST, HeaderValue::from_str(host).unwrap())]));
        for host in ["localhost", "localhost:7878", "LocalHost.:1", "steps.localhost:7878"] {
            assert!(is_localhost(host), "{host}");
        }
        for host in ["", "steps.example.com:7878", "notlocalhost", "localhost.example.com", "127.0.0.1:1", "[::1]:1"] {
            assert!(!is_localhost(host), "{host}");
        }
    }
}
