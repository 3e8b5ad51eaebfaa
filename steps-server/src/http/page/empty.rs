//! What an empty server shows: how the first step is recorded.

use maud::{Markup, html};
use warp::http::header;
use warp::http::uri::Authority;

use crate::http::request::Request;

/// The address that a request was sent to, as far as its headers say it.
pub fn address_of(request: &Request) -> String {
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let scheme = if request.client.has_tls { "https" } else { "http" };
    let host = host.as_ref().map_or("127.0.0.1:7878", Authority::as_str);
    format!("{scheme}://{host}")
}

/// Commands to copy, with the server's own address.
pub fn instructions(address: &str) -> Markup {
    let with_command = format!(
        "export STEPS_SERVER={address}\n\
         steps record --component checkout --version 1.0.0 --owner \"$USER\" --status started\n\
         steps record --component checkout --version 1.0.0 --owner \"$USER\" --status migrating\n\
         steps record --component checkout --version 1.0.0 --owner \"$USER\" --status succeeded"
    );
    let with_curl = format!(
        "curl --fail -X POST '{address}/v1/steps?component=checkout&version=1.0.0&owner=me&status=started'\n\
         curl --fail -X POST '{address}/v1/steps?component=checkout&version=1.0.0&owner=me&status=succeeded'"
    );
    html! {
        section.empty {
            h1 { "How long does a deploy take?" }
            p.lead { "Nothing is recorded yet. Record the first steps, and this page fills by itself." }
            h2 { "With the command" }
            (commands(&with_command))
            h2 { "Or with curl alone" }
            (commands(&with_curl))
            p.faint {
                "The status names the phase that begins, or the end: " code { "succeeded" } ", " code { "failed" } ". Where this server wants a token, "
                code { "steps login" } " stores it. The whole " a href="/docs" { "HTTP API" } "."
            }
        }
    }
}

fn commands(text: &str) -> Markup {
    html! { div.copy { pre tabindex="0" { code { (text) } } button.plain type="button" data-copy hidden { "Copy" } } }
}
