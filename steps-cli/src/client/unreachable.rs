//! Why no connection to a server is made, and what to do about it.

use reqwest::Url;

use crate::credentials::is_loopback;

/// What the innermost cause means for the user of the server at `shown`.
pub fn told(shown: &str, cause: &str) -> String {
    explain(shown, cause, proxy(shown, |name| std::env::var(name).ok()))
}

/// Why no request can be made. In small containers there are often no certificates at all.
pub fn unprepared(cause: &str) -> String {
    if cause.contains("No CA certificates") {
        "there are no certificates of authorities on this machine, so no https server can be trusted; install the package \
         ca-certificates, or name a file with certificates (PEM) in SSL_CERT_FILE"
            .to_owned()
    } else {
        format!("cannot prepare requests: {cause}")
    }
}

fn explain(shown: &str, cause: &str, proxy: Option<&str>) -> String {
    if let Some(variable) = proxy {
        return format!("{cause}; {variable} names a proxy to it, and NO_PROXY hosts that are reached without one");
    }
    if cause.contains("InvalidContentType") {
        let plain = shown.replacen("https://", "http://", 1);
        format!("what answers there does not speak TLS; if it is a steps-server, its address is {plain}")
    } else if cause.contains("UnknownIssuer") {
        format!(
            "this machine does not know the authority of its certificate ({cause}); --ca-file or STEPS_CA_FILE names that \
             authority's certificate (PEM)"
        )
    } else if cause.contains("invalid peer certificate") {
        format!("{cause}; --server with a name that is in its certificate, or another certificate there, puts it right")
    } else if cause.contains("lookup address") {
        format!("no machine has this name ({cause}); --server or STEPS_SERVER name another")
    } else {
        format!("{cause}; is steps-server running there? --server or STEPS_SERVER name another")
    }
}

/// The variable that names the proxy through which a server is reached, as reqwest reads them.
fn proxy(shown: &str, variable: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let server: Url = shown.parse().ok()?;
    let names = if server.scheme() == "https" { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    let is_set = |name: &&str| variable(name).is_some_and(|proxy| !proxy.is_empty());
    let named = names.into_iter().chain(["ALL_PROXY", "all_proxy"]).find(is_set);
    let exempt = ["NO_PROXY", "no_proxy"].into_iter().find_map(&variable).unwrap_or_default();
    named.filter(|_| !is_loopback(&server) && !is_exempt(server.host_str().unwrap_or_default(), &exempt))
}

/// Whether a list of hosts has this one, or a domain of it.
fn is_exempt(host: &str, exempt: &str) -> bool {
    let names = exempt.split(',').map(|name| name.trim().trim_start_matches('.')).filter(|name| !name.is_empty());
    let is_within = |name: &str| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    names.into_iter().any(|name| name == "*" || is_within(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_reached_is_told_with_what_to_do() {
        let told = |cause| explain("https://h:1", cause, None);
        assert!(told("received corrupt message of type InvalidContentType").ends_with("its address is http://h:1"));
        assert!(told("invalid peer certificate: UnknownIssuer").contains("--ca-file"));
        assert!(told("invalid peer certificate: Expired").contains("another certificate"));
        assert!(told("failed to lookup address information: Name or service not known").contains("no machine"));
        assert!(told("Connection refused (os error 111)").contains("is steps-server running there?"));
        let proxied = explain("https://h:1", "Connection refused (os error 111)", Some("HTTPS_PROXY"));
        assert!(proxied.contains("HTTPS_PROXY names a proxy"), "{proxied}");
    }

    #[test]
    fn a_proxy_is_named_where_there_is_one() {
        let of = |server: &str, set: &[(&str, &str)]| {
            proxy(server, |name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()))
        };
        let proxy = ("HTTPS_PROXY", "http://proxy:3128");
        assert_eq!(of("https://steps.example.com", &[proxy]), Some("HTTPS_PROXY"));
        assert_eq!(of("http://steps.example.com", &[proxy]), None);
        assert_eq!(of("http://steps.example.com", &[("all_proxy", "socks5://p")]), Some("all_proxy"));
        assert_eq!(of("https://localhost:7878", &[proxy]), None);
        assert_eq!(of("https://steps.example.com", &[proxy, ("NO_PROXY", "a.org, .example.com")]), None);
        assert_eq!(of("https://badexample.com", &[proxy, ("NO_PROXY", "example.com")]), Some("HTTPS_PROXY"));
    }

    #[test]
    fn a_machine_without_certificates_is_told_what_to_install() {
        assert!(
            unprepared("unexpected error: No CA certificates were loaded from the system").contains("ca-certificates")
        );
        assert_eq!(unprepared("no room"), "cannot prepare requests: no room");
    }
}
