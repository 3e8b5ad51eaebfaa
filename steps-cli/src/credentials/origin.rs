//! The server that a token is for.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// Scheme, host and port of a server, such as `https://steps.example.com` or `http://127.0.0.1:7878`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of an address: without its path, its user and the port that its scheme has by default.
    pub fn of(server: &Url) -> Self {
        Self(server.origin().ascii_serialization())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether an address is of this machine.
pub fn is_loopback(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text: &str| Origin::of(&text.parse().unwrap()).to_string();
        assert_eq!(origin("https://Steps.Example.com:443/a/b"), "https://steps.example.com");
        assert_eq!(origin("https://ann:secret@h:8443"), "https://h:8443");
        assert_eq!(origin("http://127.1:7878"), "http://127.0.0.1:7878");
        for other in ["http://h", "https://h:444", "https://h.", "https://g", "https://h@g"] {
            assert_ne!(origin(other), origin("https://h"), "{other}");
        }
    }

    #[test]
    fn loopback_is_told_by_the_address() {
        let is = |text: &str| is_loopback(&text.parse().unwrap());
        assert!(is("http://127.0.0.1:1") && is("http://127.9.9.9") && is("http://[::1]:1") && is("http://localhost"));
        for other in ["http://localhost.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1", "http://[::2]"]
        {
            assert!(!is(other), "{other}");
        }
    }
}
