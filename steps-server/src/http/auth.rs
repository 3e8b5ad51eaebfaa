//! Who a request is from, and whether they may do what it asks for.

use std::net::IpAddr;
use std::sync::Arc;

use steps_shared::{Scope, TokenSecret};
use warp::http::uri::Authority;
use warp::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::client::Client;
use super::context::Context;
use super::needs::Needs;
use super::problem::ApiError;
use super::session;
use crate::app::{Caller, Issuers, OidcRefusal, TokenRefusal};

/// What proxies add to a request that they hand on.
const FORWARDED: [&str; 3] = ["forwarded", "via", "x-forwarded-for"];

/// Finds out who a request is from; `is_read`: it changes nothing.
///
/// # Errors
/// What was sent is no token that is valid, nothing was sent and that is not enough, or the address has sent too many wrong ones.
pub async fn identify(
    context: &Context,
    (needs, is_read): (Needs, bool),
    client: &Client,
    headers: &HeaderMap,
) -> Result<Arc<Caller>, ApiError> {
    if needs == Needs::Nothing {
        return Ok(Arc::new(Caller::anonymous(None)));
    }
    let credential = credential(headers)?;
    // What is said in Authorization counts, and a browser says nothing there by itself.
    if !matches!(credential, Credential::Token(_))
        && let Some(caller) = session::caller(context, is_read, client, headers).await?
    {
        return Ok(caller);
    }
    // What a proxy on this machine hands on may come from anywhere.
    let is_local = client.address.is_loopback() && FORWARDED.iter().all(|name| !headers.contains_key(*name));
    match (credential, context.app.anonymous(is_local)) {
        (Credential::Token(text), _) => by_token(context, client.address, text).await,
        // Another scheme is of a proxy before the server, which asks for passwords of its own.
        (Credential::None | Credential::Other, Some(anonymous)) => {
            // Whoever lets everybody in may have a proxy on this machine, and the names of that are not known.
            let checks_host = context.is_loopback && !context.app.lets_everybody_in();
            check_site(is_read, checks_host, headers)?;
            Ok(anonymous)
        }
        (Credential::None, None) => {
            Err(ApiError::Unauthenticated("this needs a token: send Authorization: Bearer steps_…"))
        }
        (Credential::Other, None) => Err(ApiError::Unauthenticated(
            "this needs a token; of the schemes of Authorization only Bearer is known here",
        )),
    }
}

/// What [`identify`] looks at of the headers of a request, for who asks again while it is answered. It is a copy: a header of a
/// request holds all that was received with it.
pub fn to_ask_again(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    let forwarded = FORWARDED.map(HeaderName::from_static);
    let own = [header::AUTHORIZATION, header::COOKIE, header::HOST, header::ORIGIN, session::SEC_FETCH_SITE];
    for name in own.into_iter().chain(forwarded) {
        for value in headers.get_all(&name) {
            // It was a value before.
            let Ok(mut copy) = HeaderValue::from_bytes(value.as_bytes()) else { continue };
            copy.set_sensitive(value.is_sensitive());
            kept.append(name.clone(), copy);
        }
    }
    kept
}

/// Says whether a caller may do what an endpoint does.
///
/// # Errors
/// A scope is missing, or the caller asks too often.
pub fn authorize(context: &Context, needs: Needs, caller: &Caller) -> Result<(), ApiError> {
    let scopes = match needs {
        Needs::Nothing => return Ok(()),
        Needs::Caller => &[],
        Needs::Scopes(scopes) => scopes,
    };
    context.limits.count_request(caller).map_err(ApiError::TooManyRequests)?;
    if let Some(missing) = scopes.iter().find(|scope| !caller.may(**scope)) {
        return Err(ApiError::ScopeMissing(*missing));
    }
    match scopes.contains(&Scope::Admin) && !caller.may_manage_tokens() {
        true => Err(ApiError::LimitedAdmin),
        false => Ok(()),
    }
}

/// What the Authorization header holds.
#[derive(Debug, PartialEq, Eq)]
enum Credential<'a> {
    /// There is none.
    None,
    /// The text after `Bearer`.
    Token(&'a str),
    /// Another scheme.
    Other,
}

fn credential(headers: &HeaderMap) -> Result<Credential<'_>, ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(Credential::None) };
    if values.next().is_some() {
        return Err(ApiError::BadToken("Authorization is sent more than once".to_owned()));
    }
    // What is not ASCII is no token, whatever its scheme.
    let text = value.to_str().unwrap_or_default();
    let (scheme, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    match scheme.eq_ignore_ascii_case("bearer") || text.is_empty() {
        true => Ok(Credential::Token(rest.trim_matches([' ', '\t']))),
        false => Ok(Credential::Other),
    }
}

/// Who holds a token; wrong ones are counted.
///
/// # Errors
/// As [`identify`].
pub async fn by_token(context: &Context, peer: IpAddr, text: &str) -> Result<Arc<Caller>, ApiError> {
    // The token first, then the failures: others behind the same address must not lock a valid one out.
    let reason = match text.parse::<TokenSecret>() {
        Err(_) if Issuers::may_be_token(text) && !context.app.issuers().is_empty() => {
            // On the heap, as everything that few requests wait for: each request would have the room for it.
            match Box::pin(context.app.issuers().authenticate(text)).await {
                Ok(caller) => return Ok(caller),
                Err(refusal @ OidcRefusal::Unavailable(_)) => return Err(ApiError::Unverifiable(refusal.to_string())),
                Err(refusal) => format!("the token {refusal}"),
            }
        }
        Err(error) => format!("what was sent {error}"),
        Ok(secret) => match context.app.tokens().find(&secret) {
            Ok(caller) => return Ok(caller),
            Err(refusal @ TokenRefusal::Expired(_)) => refusal.to_string(),
            Err(TokenRefusal::Unknown) => {
                context.limits.count_failure(peer).map_err(ApiError::TooManyFailures)?;
                // Another server may have made it a moment ago.
                Box::pin(context.app.tokens().read_now()).await?;
                return context.app.tokens().find(&secret).map_err(|refusal| refused(peer, refusal.to_string()));
            }
        },
    };
    context.limits.count_failure(peer).map_err(ApiError::TooManyFailures)?;
    Err(refused(peer, reason))
}

fn refused(peer: IpAddr, reason: String) -> ApiError {
    tracing::warn!(%peer, "a token was refused: {reason}");
    ApiError::BadToken(reason)
}

/// What a page of another site cannot send. A browser sends the name that the page was loaded by as `Host`, and the page's own
/// site as `Origin`; only a name can be made to stand for another address afterwards.
fn check_site(is_read: bool, checks_host: bool, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = only(headers, &header::HOST).and_then(|host| host.parse::<Authority>().ok());
    if checks_host && !host.as_ref().is_some_and(is_loopback_name) {
        return Err(ApiError::Misdirected);
    }
    if is_read || !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let origin = only(headers, &header::ORIGIN).and_then(|origin| origin.split_once("://"));
    match (origin, host) {
        (Some(("http" | "https", site)), Some(host)) if host.as_str().eq_ignore_ascii_case(site) => Ok(()),
        _ => Err(ApiError::ForeignOrigin),
    }
}

/// The value of a header that is sent once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::to_str);
    match (values.next(), values.next()) {
        (Some(Ok(value)), None) => Some(value),
        _ => None,
    }
}

/// Whether a name always means this machine: an address of it, `localhost`, or a name under that, which nobody else can own
/// (RFC 6761, 6.3).
fn is_loopback_name(host: &Authority) -> bool {
    let name = host.host();
    let has_user = host.as_str().contains('@');
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_address = address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    !has_user && (is_address || name == "localhost" || name.ends_with(".localhost"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn one_bearer_token_is_read() {
        let read = |value: &str| match credential(&headers(&[("authorization", value)])) {
            Ok(Credential::Token(text)) => Some(text.to_owned()),
            _ => None,
        };
        for (value, text) in [("Bearer a", "a"), ("bearer   a ", "a"), ("BEARER\ta", "a"), ("Bearer", ""), ("é", "")] {
            assert_eq!(read(value).as_deref(), Some(text), "{value:?}");
        }
        assert_eq!(read("Basic YTpi"), None);
        assert!(credential(&headers(&[("authorization", "Bearer a"), ("authorization", "Bearer a")])).is_err());
        assert_eq!(credential(&HeaderMap::new()).ok(), Some(Credential::None));
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        let is_loopback = |host: &str| host.parse::<Authority>().is_ok_and(|host| is_loopback_name(&host));
        for host in [
            "localhost",
            "LocalHost:7878",
            "localhost.",
            "steps.localhost:80",
            "127.0.0.1",
            "127.8.9.10:1",
            "[::1]:7878",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "127.0.0.1.",
            "notlocalhost",
            "0.0.0.0",
            "2130706433",
            "0x7f.1",
            "127.1",
            "[::]",
            "[::2]",
            "10.0.0.1",
            "localhost@example.com",
            "user@localhost",
            "localhost,example.com",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_site_neither_writes_nor_reads() {
        let (get, post) = (true, false);
        let check = |is_read, values: &[(&'static str, &str)]| check_site(is_read, true, &headers(values));
        let own = ("host", "localhost:7878");
        assert!(check(post, &[own]).is_ok() && check(get, &[own, ("origin", "https://example.com")]).is_ok());
        assert!(check(post, &[own, ("origin", "http://LOCALHOST:7878")]).is_ok());
        for origin in [
            "null",
            "",
            "http://localhost",
            "http://localhost:3000",
            "http://127.0.0.1:7878",
            "https://example.com",
            "ftp://localhost:7878",
        ] {
            let refused = check(post, &[own, ("origin", origin)]);
            assert!(matches!(refused, Err(ApiError::ForeignOrigin)), "{origin}");
        }
        let twice = [own, ("origin", "http://localhost:7878"), ("origin", "http://localhost:7878")];
        assert!(matches!(check(post, &twice), Err(ApiError::ForeignOrigin)));
        for hosts in
            [&[][..], &[("host", "example.com")], &[("host", "")], &[own, own], &[own, ("host", "example.com")]]
        {
            assert!(matches!(check(get, hosts), Err(ApiError::Misdirected)), "{hosts:?}");
        }
        // Elsewhere the names of the server are not known.
        assert!(check_site(post, false, &headers(&[("host", "steps.example.com")])).is_ok());
        let foreign = headers(&[("host", "steps.example.com"), ("origin", "https://example.com")]);
        assert!(matches!(check_site(post, false, &foreign), Err(ApiError::ForeignOrigin)));
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(value in "[ -~é]{0,40}", host in "[ -~é]{0,30}", origin in "[ -~é]{0,30}") {
            let headers = headers(&[("authorization", &value), ("host", &host), ("origin", &origin)]);
            let _ = credential(&headers);
            for is_read in [true, false] {
                let _ = check_site(is_read, true, &headers);
            }
        }
    }
}
