//! The cookie of a session, and which pages may send it.

use std::sync::Arc;

use steps_shared::Duration;
use warp::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::client::Client;
use super::context::Context;
use super::problem::ApiError;
use crate::app::{Caller, SessionSecret};

/// What a browser says of where a request comes from.
pub const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The name of the cookie. Over TLS a browser takes one with this prefix from this very host only, with `Secure` and for every path, so
/// that no other host of the domain can put one in its place.
fn name(has_tls: bool) -> &'static str {
    if has_tls { "__Host-steps-session" } else { "steps-session" }
}

/// The value of a Set-Cookie header.
pub fn set_cookie(client: &Client, secret: &SessionSecret, lasts: Duration) -> Option<HeaderValue> {
    let seconds = lasts.micros() / 1_000_000;
    cookie(client, &secret.expose(), seconds)
}

/// The same to forget the cookie.
pub fn forget_cookie(client: &Client) -> Option<HeaderValue> {
    cookie(client, "", 0)
}

fn cookie(client: &Client, value: &str, seconds: i64) -> Option<HeaderValue> {
    let (name, secure) = (name(client.has_tls), if client.has_tls { "; Secure" } else { "" });
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The session that a request sends; none where it sends several, because then one is of somebody else.
pub fn sent(client: &Client, headers: &HeaderMap) -> Option<SessionSecret> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(sent, _)| *sent == name(client.has_tls)).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => value.parse().ok(),
        _ => None,
    }
}

/// Who has the session of a request; `None` where there is none, or it has ended.
///
/// # Errors
/// Another site sent the request, the address has sent too many sessions that are none, or the database does not answer.
pub async fn caller(
    context: &Context,
    is_read: bool,
    client: &Client,
    headers: &HeaderMap,
) -> Result<Option<Arc<Caller>>, ApiError> {
    let Some(secret) = sent(client, headers) else { return Ok(None) };
    if (!is_read && !is_of_this_site(client, headers)) || is_of_another_site(headers) {
        return Err(ApiError::ForeignOrigin);
    }
    // On the heap: few requests wait for it.
    match Box::pin(context.app.session(&secret)).await? {
        Some(caller) => Ok(Some(caller)),
        None => {
            context.limits.count_failure(client.address).map_err(ApiError::TooManyFailures)?;
            Ok(None)
        }
    }
}

/// Whether a browser says that a page of this server sent the request. It says so in Sec-Fetch-Site, which no page can change; older
/// ones, and all of them without TLS, in Origin.
pub fn is_of_this_site(client: &Client, headers: &HeaderMap) -> bool {
    let only = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
        values.next().filter(|_| values.next().is_none())
    };
    if headers.contains_key(SEC_FETCH_SITE) {
        return only(&SEC_FETCH_SITE) == Some("same-origin");
    }
    let scheme = if client.has_tls { "https" } else { "http" };
    let (origin, host) = (only(&header::ORIGIN).and_then(|origin| origin.split_once("://")), only(&header::HOST));
    origin.zip(host).is_some_and(|((of, site), host)| of == scheme && site.eq_ignore_ascii_case(host))
}

/// Whether a browser says that another site sent the request.
pub fn is_of_another_site(headers: &HeaderMap) -> bool {
    headers.get_all(SEC_FETCH_SITE).iter().any(|site| site == "cross-site")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn client(has_tls: bool) -> Client {
        Client { address: "192.0.2.1".parse().unwrap(), has_tls, is_stream: false }
    }

    #[test]
    fn a_cookie_is_for_this_host_and_no_script() {
        let secret = SECRET.parse().unwrap();
        let written =
            |has_tls| set_cookie(&client(has_tls), &secret, Duration::from_micros(1_500_000).unwrap()).unwrap();
        assert_eq!(
            written(true).to_str().unwrap(),
            format!("__Host-steps-session={SECRET}; Path=/; Max-Age=1; HttpOnly; SameSite=Strict; Secure")
        );
        assert_eq!(
            written(false).to_str().unwrap(),
            format!("steps-session={SECRET}; Path=/; Max-Age=1; HttpOnly; SameSite=Strict")
        );
        assert!(format!("{:?}", written(true)).contains("Sensitive"));
    }

    #[test]
    fn one_cookie_of_the_right_name_is_read() {
        let cookies = |has_tls, lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
            sent(&client(has_tls), &headers(&lines)).is_some()
        };
        let (plain, secure) = (format!("steps-session={SECRET}"), format!("__Host-steps-session={SECRET}"));
        assert!(cookies(false, &[&plain]) && cookies(true, &[&secure]));
        assert!(cookies(true, &[&format!("a=b; {secure}; c")]) && cookies(true, &["a=b", &secure]));
        // Without TLS anybody on the way may have put it there.
        assert!(!cookies(true, &[&plain]) && !cookies(false, &[&secure]));
        assert!(!cookies(true, &[&format!("{secure}; {secure}")]) && !cookies(true, &[&secure, &secure]));
        assert!(!cookies(false, &["steps-session="]) && !cookies(false, &[]) && !cookies(false, &["steps-session"]));
    }

    #[test]
    fn only_a_page_of_this_server_writes() {
        let is_own = |has_tls, values: &[(&'static str, &str)]| is_of_this_site(&client(has_tls), &headers(values));
        let host = ("host", "steps.example.com");
        assert!(is_own(true, &[host, ("origin", "https://steps.example.com")]));
        assert!(is_own(false, &[host, ("origin", "http://STEPS.example.com")]));
        assert!(is_own(true, &[host, ("sec-fetch-site", "same-origin"), ("origin", "null")]));
        for other in [
            &[][..],
            &[("origin", "https://example.com")],
            &[("origin", "null")],
            &[("origin", "http://steps.example.com")],
            &[("origin", "https://steps.example.com:8443")],
            &[("origin", "https://steps.example.com.evil.example")],
            &[("origin", "https://steps.example.com"), ("origin", "https://steps.example.com")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://steps.example.com")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
        ] {
            let mut values = vec![host];
            values.extend(other);
            assert!(!is_own(true, &values), "{other:?}");
        }
    }
}
