//! Arbitrary bytes, headers, queries, JSON and forms at every endpoint, over HTTP/1.1 and HTTP/2: only documented answers, never an
//! internal error, a panic, or a hang.
//!
//! `STEPS_SECURITY_CASES=100000` tries more.

mod parts;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use serde_json::Value;
use steps_shared::TokenSecret;
use steps_tests::faults::attack::address;
use steps_tests::faults::tell;
use steps_tests::http::builder;
use steps_tests::server::Builder;
use steps_tests::tls::{Http2, TlsFiles};
use steps_tests::{Answer, DatabaseKind, Server, TestDb, endpoints};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use parts::{Hostile, hostile};

/// The answers that README describes.
const DOCUMENTED: [u16; 17] = [200, 201, 204, 303, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 421, 429, 431];
/// Whatever takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);

impl Hostile {
    fn target(&self, endpoints: &[(String, String)]) -> (String, Vec<u8>) {
        let (method, path) = self.endpoint.get(endpoints);
        let (method, path) = self.place.unwrap_or((method, path));
        let mut target: Vec<u8> = Vec::new();
        for (nth, segment) in path.split('/').enumerate() {
            if nth > 0 {
                target.push(b'/');
            }
            target.extend(if segment.starts_with('{') { &self.id } else { segment.as_bytes() });
        }
        if !self.query.is_empty() {
            target.push(b'?');
            target.extend(&self.query);
        }
        (self.method.unwrap_or(method).to_owned(), target)
    }

    /// Its answer over HTTP/1.1; `None` where the server closes the connection without one.
    async fn http1(&self, server: &Server, endpoints: &[(String, String)]) -> (String, Answer) {
        let (method, target) = self.target(endpoints);
        let mut request =
            [method.as_bytes(), b" ", &target, b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"].concat();
        for (name, value) in &self.headers {
            request.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        if !self.body.is_empty() {
            request.extend(format!("Content-Length: {}\r\n", self.body.len()).into_bytes());
        }
        request.extend(b"\r\n");
        request.extend(&self.body);
        let mut stream = TcpStream::connect(address(server)).await.expect("a connection");
        stream.write_all(&request).await.expect("it is taken");
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.expect("the answer is whole");
        (method, parsed(&said))
    }

    /// Its answer over HTTP/2, where it can be said there.
    async fn http2(&self, http2: &Http2, endpoints: &[(String, String)]) -> Option<Answer> {
        let (method, target) = self.target(endpoints);
        let target = String::from_utf8(target).ok()?;
        let mut request = http2.request(&method, &target);
        for (name, value) in self.headers.iter().filter(|(name, _)| !["TE", "Upgrade"].contains(name)) {
            request = request.header(*name, http::HeaderValue::from_bytes(value).ok()?);
        }
        // A URL may be none.
        request.uri_ref()?;
        if method == "CONNECT" {
            return None;
        }
        Some(
            http2
                .ask(request, Bytes::from(self.body.clone()))
                .await
                .unwrap_or_else(|error| panic!("no answer: {error}")),
        )
    }
}

/// An answer as it is sent; those that only say "go on" are left out.
fn parsed(said: &[u8]) -> Answer {
    let shown = || String::from_utf8_lossy(&said[..said.len().min(500)]).into_owned();
    let end =
        said.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {:?}", shown()));
    let head = std::str::from_utf8(&said[..end]).unwrap_or_else(|_| panic!("the head is no ASCII: {:?}", shown()));
    let status: u16 = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{:?}", shown()));
    if status == 100 {
        return parsed(&said[end + 4..]);
    }
    let mut headers = HeaderMap::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    Answer { status, headers, bytes: said[end + 4..].to_vec() }
}

fn check(method: &str, answer: &Answer) -> Result<(), TestCaseError> {
    prop_assert!(
        DOCUMENTED.contains(&answer.status),
        "status {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.bytes)
    );
    prop_assert_eq!(answer.header("x-content-type-options"), "nosniff");
    prop_assert!(!answer.header("cache-control").is_empty());
    prop_assert!(!answer.header("x-request-id").is_empty());
    if answer.status >= 400 && method != "HEAD" {
        prop_assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem: Value =
            serde_json::from_slice(&answer.bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&problem["status"], answer.status);
    }
    Ok(())
}

fn at_every_endpoint(kind: DatabaseKind) {
    let db = TestDb::new(kind);
    let files = TlsFiles::new();
    let token = TokenSecret::from_bits([7; 32]);
    let bearer = format!("Bearer {}", token.expose());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (plain, secure) = runtime.block_on(async {
        let bearer = HeaderMap::from_iter([(AUTHORIZATION, bearer.parse().unwrap())]);
        let server = || {
            let builder = Builder::on(&db.url()).env("STEPS_BOOTSTRAP_TOKEN", token.expose());
            builder.env("STEPS_REQUESTS_PER_SECOND", "0")
        };
        let plain = server().start_for(builder().default_headers(bearer.clone()).build().unwrap()).await;
        plain.record_example().await;
        let client = files.client_builder().default_headers(bearer).build().unwrap();
        let secure = server().tls(&files).start_for(client).await;
        (plain, secure)
    });
    let mut endpoints = endpoints();
    // Its answer has no end.
    endpoints.retain(|(_, path)| path != "/v1/events");
    assert!(endpoints.len() >= 18, "{endpoints:?}");
    let cases = std::env::var("STEPS_SECURITY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let connection = RefCell::new(None);
    let statuses = RefCell::new(BTreeMap::<u16, usize>::new());
    let tried = TestRunner::new(config).run(&hostile(), |mut hostile| {
        // Most of them by somebody who may do everything.
        if !hostile.headers.iter().any(|(name, _)| *name == "Authorization") {
            hostile.headers.push(("Authorization", bearer.clone().into_bytes()));
        }
        runtime.block_on(async {
            let over_http1 = timeout(HANGS, hostile.http1(&plain, &endpoints)).await;
            let (method, answer) = over_http1.map_err(|_| TestCaseError::fail("HTTP/1.1 hangs"))?;
            *statuses.borrow_mut().entry(answer.status).or_default() += 1;
            check(&method, &answer)?;
            let kept = connection.take().filter(|http2: &Http2| !http2.connection.is_finished());
            let http2 = match kept {
                Some(http2) => http2,
                None => files.http2(&secure).await,
            };
            let over_http2 = timeout(HANGS, hostile.http2(&http2, &endpoints)).await;
            connection.replace(Some(http2));
            match over_http2.map_err(|_| TestCaseError::fail("HTTP/2 hangs"))? {
                Some(answer) => check(&method, &answer),
                None => Ok(()),
            }
        })
    });
    if let Err(TestError::Fail(reason, hostile)) = &tried {
        let (method, target) = hostile.target(&endpoints);
        panic!(
            "{reason}\n{method} {}\n{:?}\n{:?}",
            String::from_utf8_lossy(&target),
            hostile.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))).collect::<Vec<_>>(),
            String::from_utf8_lossy(&hostile.body)
        );
    }
    tried.expect("cases are tried");
    let statuses = statuses.into_inner();
    tell(format!("hostile requests: {cases} on {kind:?}, each over HTTP/1.1 and HTTP/2, answered {statuses:?}"));
    // They got as far as what they attack.
    assert!([200, 201, 400].iter().all(|status| statuses.contains_key(status)), "{statuses:?}");
    runtime.block_on(async {
        for server in [plain, secure] {
            server.get("/readyz").await.ok();
            let log = server.process().log();
            let wrong: Vec<&str> =
                log.lines().filter(|line| line.contains("panicked") || line.contains("\"level\":\"ERROR\"")).collect();
            assert!(wrong.is_empty(), "{wrong:#?}");
            server.stop().await;
        }
    });
}

#[test]
fn at_every_endpoint_sqlite() {
    at_every_endpoint(DatabaseKind::Sqlite);
}

#[test]
fn at_every_endpoint_mysql() {
    at_every_endpoint(DatabaseKind::MySql);
}
