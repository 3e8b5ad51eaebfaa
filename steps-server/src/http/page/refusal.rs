//! The pages for what is refused, and the one that asks for a token.

use maud::{DOCTYPE, Markup, html};
use steps_shared::{Timestamp, escaped};
use url::form_urlencoded;
use warp::http::{HeaderMap, StatusCode, header};
use warp::reply::Response;

use super::layout::head;
use super::layout::{Here, Page};
use super::{links, respond};
use crate::http::problem::ApiError;
use crate::http::session;

/// Why a page is not shown, as a page; `address` is what was asked for.
pub fn answer(headers: &HeaderMap, address: &str, error: ApiError, now: Timestamp) -> Response {
    let is_unknown = matches!(error, ApiError::Unauthenticated(_) | ApiError::ForeignOrigin);
    let detail = error.to_string();
    let problem = error.into_response();
    let status = problem.status();
    let page = match is_unknown {
        // A link of another site sends no cookie. From a page of this one it is sent.
        true if session::is_of_another_site(headers) => bounce(address),
        true => sign_in(address, None),
        false => refused(status, &detail).markup(None, now),
    };
    let mut response = respond(headers, status, page);
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = problem.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn refused(status: StatusCode, detail: &str) -> Page {
    let what = match status {
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::FORBIDDEN => "Your token does not permit this",
        StatusCode::BAD_REQUEST => "This cannot be asked",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "Not now",
        _ => "That went wrong",
    };
    let main = html! {
        section.refusal {
            p.eyebrow { (status.as_u16()) }
            h1 { (what) }
            p { (escaped(detail)) }
            p { a href=(links::HOME) { "To the overview" } }
        }
    };
    Page { title: what.to_owned(), here: Here::Elsewhere, live: None, main }
}

/// The page that asks for a token; then it leads to `next`. `error` says what was wrong with the last one.
pub fn sign_in(next: &str, error: Option<&str>) -> Markup {
    let next = local(next);
    alone(
        html! {
            form.sign-in method="post" action="/login" {
                h1 { "steps" }
                p.faint { "How long does a deploy take?" }
                @if let Some(error) = error { p.bad role="alert" #error { (escaped(error)) } }
                @if next != links::HOME { input type="hidden" name="next" value=(next); }
                label for="token" { "Token" }
                input #token name="token" type="password" autocomplete="current-password" required autofocus
                    aria-describedby=[error.map(|_| "error")] aria-invalid=[error.map(|_| "true")];
                button { "Sign in" }
                p.faint { "Who runs this server makes tokens with " code { "steps token create" } "; one with the scope " code { "read" } " is enough." }
            }
        },
        None,
    )
}

/// A page that leads to the one that knows the session.
fn bounce(address: &str) -> Markup {
    let next = links::with("/login", &[("next", local(address))]);
    alone(html! { p { a href=(next) { "Go on" } } }, Some(&next))
}

fn alone(body: Markup, refresh: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head("Sign in", html! { @if let Some(address) = refresh { meta http-equiv="refresh" content={ "0; url=" (address) }; } }))
            body.alone { main { (body) } }
        }
    }
}

/// The `next` of a query string.
pub fn next_of(query: &str) -> String {
    let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    found.map_or_else(|| links::HOME.to_owned(), |(_, value)| local(&value).to_owned())
}

/// An address of this server, or its first page where it is of another one.
pub fn local(address: &str) -> &str {
    let is_local = address.starts_with('/')
        && !address.starts_with("//")
        && address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { address } else { links::HOME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_next_is_of_this_server() {
        for address in ["/", "/trend?component=a%2Fb&since=90d", "/deployments/1#x"] {
            assert_eq!(local(address), address);
        }
        for address in ["", "//example.com", "https://example.com", "/\\example.com", "/a b", "/\nx", "javascript:1"] {
            assert_eq!(local(address), "/", "{address:?}");
        }
        assert_eq!(next_of("next=%2Ftrend%3Fby%3Dweek"), "/trend?by=week");
        assert_eq!((next_of(""), next_of("next=//x")), ("/".to_owned(), "/".to_owned()));
    }
}
