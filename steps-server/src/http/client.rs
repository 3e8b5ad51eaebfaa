//! Who a request is from: the other end of the connection, or whom a trusted proxy names.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warp::http::{HeaderMap, HeaderName};

use super::activity::Activity;
use super::problem::ApiError;
use super::trace::Traces;
use crate::app::{self, Metrics};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A head of this size, in bytes, is free; over HTTP/2 a connection has many, and more is reserved.
const FREE_HEAD: usize = 4 * 1024;
/// The most bytes of larger heads over HTTP/2 that are in memory at the same time: 16 MiB.
const HEADS_BYTES: usize = 16 * 1024 * 1024;

/// Addresses in CIDR notation, such as `10.0.0.0/8`, or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address and no network; write 10.0.0.7, 10.0.0.0/8 or fd00::/8");
        let single = text.parse().map(IpAddr::into).ok();
        single.or_else(|| text.parse().ok()).map(Self).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The client's address, as far as it is known: that of the connection, or the one that a trusted proxy names. An IPv4
    /// address is one, however it came.
    pub address: IpAddr,
    /// Whether the client speaks TLS, with this server or with a trusted proxy.
    pub has_tls: bool,
    /// Whether the request came over HTTP/2.
    pub is_stream: bool,
}

/// What all requests go through before their handlers.
#[derive(Debug)]
pub struct Front {
    proxies: Vec<Network>,
    heads: Arc<Semaphore>,
    /// Where answers are counted.
    pub metrics: Arc<Metrics>,
    /// Where they are traced, if they are.
    pub traces: Option<Traces>,
}

impl Front {
    /// Believes these proxies.
    pub fn new(proxies: Vec<Network>, metrics: Arc<Metrics>, traces: Option<Traces>) -> Self {
        Self { proxies, heads: Arc::new(Semaphore::new(HEADS_BYTES)), metrics, traces }
    }

    /// Who sends a request with these headers. A proxy that is trusted appends the address it was asked from to
    /// `X-Forwarded-For`: from the right, the first that is no trusted proxy is the client's. What stands before it is the
    /// client's own text.
    pub fn client(&self, activity: &Activity, headers: &HeaderMap, is_stream: bool) -> Client {
        let mut client = Client { address: activity.peer.ip().to_canonical(), has_tls: activity.is_tls, is_stream };
        if !self.trusts(client.address) {
            return client;
        }
        for address in from_the_right(headers, &FORWARDED_FOR) {
            // Whoever wrote this is known, and nobody before.
            let Some(address) = read_address(address) else { break };
            client.address = address;
            if !self.trusts(address) {
                break;
            }
        }
        if let Some(protocol) = from_the_right(headers, &FORWARDED_PROTO).next() {
            client.has_tls = protocol.eq_ignore_ascii_case("https");
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.0.contains(&address))
    }

    /// Reserves a head of so many bytes.
    ///
    /// # Errors
    /// Others have the memory.
    pub fn reserve_head(&self, is_stream: bool, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, ApiError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if !is_stream || bytes as usize <= FREE_HEAD {
            return Ok(None);
        }
        let permit = Arc::clone(&self.heads).try_acquire_many_owned(bytes);
        permit.map(Some).map_err(|_| app::Error::BusyWith("large heads").into())
    }
}

/// The values of a header that is a list, the last one first.
fn from_the_right<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    lines.into_iter().rev().flat_map(|line| line.rsplit(',')).map(str::trim)
}

/// An address, perhaps with a port, an IPv6 one perhaps in brackets.
fn read_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse().map(|socket: SocketAddr| socket.ip()).ok());
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use warp::http::HeaderValue;

    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> (String, bool) {
        let proxies = ["10.0.0.0/8", "fd00::/8", "127.0.0.1"].map(|text| text.parse().unwrap());
        let activity = Activity::new(SocketAddr::new(peer.parse().unwrap(), 1), false);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let client = Front::new(proxies.to_vec(), Arc::default(), None).client(&activity, &map, false);
        (client.address.to_string(), client.has_tls)
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let said = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")];
        assert_eq!(client("198.51.100.7", &said), ("198.51.100.7".to_owned(), false));
        assert_eq!(client("10.1.2.3", &said), ("192.0.2.1".to_owned(), true));
        assert_eq!(client("::ffff:10.1.2.3", &said), ("192.0.2.1".to_owned(), true));
        assert_eq!(client("fd00::1", &[]), ("fd00::1".to_owned(), false));
    }

    #[test]
    fn the_last_address_that_is_no_proxy_counts() {
        for (said, expected) in [
            (&["1.1.1.1, 192.0.2.1, 10.9.9.9"][..], "192.0.2.1"),
            (&["1.1.1.1, 192.0.2.1", "10.9.9.9, 10.8.8.8"], "192.0.2.1"),
            (&["10.9.9.9"], "10.9.9.9"),
            (&["1.1.1.1, nonsense, 10.9.9.9"], "10.9.9.9"),
            (&["nonsense"], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["1.1.1.1,"], "10.0.0.1"),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
        ] {
            let headers: Vec<_> = said.iter().map(|value| ("x-forwarded-for", *value)).collect();
            assert_eq!(client("10.0.0.1", &headers).0, expected, "{said:?}");
        }
    }

    #[test]
    fn the_protocol_is_what_the_nearest_proxy_says() {
        for (said, expected) in [("https", true), ("HTTPS", true), ("http", false), ("https, http", false), ("", false)]
        {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-proto", said)]).1, expected, "{said:?}");
        }
    }

    #[test]
    fn networks_are_read_and_written() {
        for (text, written) in [("10.0.0.7", "10.0.0.7/32"), ("fd00::/8", "fd00::/8"), ("::1", "::1/128")] {
            assert_eq!(String::from(text.parse::<Network>().unwrap()), written);
        }
        for wrong in ["", "10.0.0.0/33", "example.com", "10.0.0"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
