//! What every request and answer must keep to, over HTTP/1.1 and HTTP/2: the limits of a head, security headers, and whom a
//! proxy is believed to speak for.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use steps_tests::faults::attack::{raw, read_to_end};
use steps_tests::server::Builder;
use steps_tests::tls::{Http2, TlsFiles};
use steps_tests::{Answer, DatabaseKind, Server, TestDb, block_on, eventually};

/// The two versions of HTTP, on one server.
struct Both {
    server: Server,
    http2: Http2,
}

impl Both {
    async fn start(db: &TestDb) -> Self {
        let files = TlsFiles::new();
        let server = Builder::on(&db.url()).tls(&files).start_for(files.client()).await;
        let http2 = files.http2(&server).await;
        Self { server, http2 }
    }

    /// The answers of both to the same request.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> [(&'static str, Answer); 2] {
        let mut one = self.server.request(method.parse::<Method>().unwrap(), path).body(body.to_vec());
        let mut other = self.http2.request(method, path);
        for (name, value) in headers {
            one = one.header(name, value);
            other = other.header(name, value);
        }
        let other = self.http2.ask(other, Bytes::copy_from_slice(body)).await;
        let other = other.unwrap_or_else(|error| panic!("{method} {}: {error}", &path[..path.len().min(60)]));
        [("HTTP/1.1", Answer::of(one).await), ("HTTP/2", other)]
    }

    async fn get(&self, path: &str, headers: &[(String, String)]) -> [(&'static str, Answer); 2] {
        self.ask("GET", path, headers, b"").await
    }
}

fn headers(count: usize, bytes: usize) -> Vec<(String, String)> {
    (0..count).map(|nth| (format!("x-{nth}"), "x".repeat(bytes))).collect()
}

#[test]
fn heads_that_are_too_large() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let both = Both::start(&db).await;
        let path = |bytes: usize| format!("/v1/steps?component={}", "x".repeat(bytes - "/v1/steps?component=".len()));
        for (version, answer) in both.get(&path(32 * 1024), &[]).await {
            assert!(answer.problem(400).detail.contains("255"), "{version}: {}", answer.text());
        }
        for bytes in [32 * 1024 + 1, 60_000] {
            for (version, answer) in both.get(&path(bytes), &[]).await {
                assert!(answer.problem(414).detail.contains("32 KiB"), "{version}: {}", answer.text());
            }
        }
        // reqwest adds two headers of its own.
        for (given, status) in
            [(headers(97, 10), 200), (headers(3, 20_000), 200), (headers(110, 10), 431), (headers(4, 17_000), 431)]
        {
            for (version, answer) in both.get("/healthz", &given).await {
                assert_eq!(answer.status, status, "{version}: {}", answer.text());
                if status == 431 {
                    assert!(answer.problem(431).detail.contains("64 KiB and 100 headers"), "{version}");
                }
            }
        }
        // Far beyond it, the library of HTTP/2 answers by itself; the connection goes on.
        let mut request = both.http2.request("GET", "/healthz");
        for (name, value) in headers(8, 15_000) {
            request = request.header(name, value);
        }
        assert_eq!(both.http2.ask(request, Bytes::new()).await.unwrap().status, 431);
        for (version, answer) in both.get("/healthz", &[]).await {
            assert_eq!(answer.status, 200, "{version}");
        }
        let log = both.server.process().log();
        assert!(!log.contains("panicked"), "{log}");
    });
}

/// All fields at their longest fit into a URL, each byte escaped.
#[test]
fn the_longest_fields_fit_into_a_url() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let both = Both::start(&db).await;
        let longest = |count: usize| "%F0%9F%92%A5".repeat(count);
        let lengths =
            [("component", 255), ("version", 255), ("owner", 255), ("run", 255), ("status", 64), ("environment", 64)];
        let fields = lengths.map(|(name, count)| format!("{name}={}", longest(count)));
        let path = format!("/v1/steps?{}", fields.join("&"));
        for (version, answer) in both.ask("POST", &path, &[], b"").await {
            assert_eq!(answer.status, 201, "{version}: {}", answer.text());
        }
    });
}

/// What every answer must have.
fn assert_secure(what: &str, headers: &HeaderMap, has_tls: bool) {
    let expected = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cache-control", "no-store"),
    ];
    for (name, value) in expected {
        let found: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(found, [value], "{name} of {what}");
    }
    assert_eq!(headers.contains_key("strict-transport-security"), has_tls, "{what}");
}

#[test]
fn every_answer_has_the_security_headers() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let both = Both::start(&db).await;
        let plain = Server::start(&db).await;
        let json = [("content-type".to_owned(), "application/json".to_owned())];
        for (method, path, headers, body) in [
            ("GET", "/", &[][..], ""),
            ("GET", "/healthz", &[], ""),
            ("GET", "/readyz", &[], ""),
            ("HEAD", "/v1/steps", &[], ""),
            ("GET", "/v1/steps", &[], ""),
            ("GET", "/v1/steps?format=xlsx", &[], ""),
            ("GET", "/v1/stats?by=component&format=csv", &[], ""),
            ("POST", "/v1/steps?component=c&version=1&owner=o&status=s", &[], ""),
            ("POST", "/v1/steps", &json, "{"),
            ("POST", "/v1/steps", &[], "x"),
            ("GET", "/nothing", &[], ""),
            ("DELETE", "/v1/steps", &[], ""),
            ("OPTIONS", "/v1/steps", &[], ""),
        ] {
            for (version, answer) in both.ask(method, path, headers, body.as_bytes()).await {
                assert_secure(&format!("{version} {method} {path}"), &answer.headers, true);
            }
            let answer = Answer::of(plain.request(method.parse().unwrap(), path)).await;
            assert_secure(&format!("{method} {path}"), &answer.headers, false);
        }
        for (version, answer) in both.get("/healthz", &headers(110, 1)).await {
            assert_secure(version, &answer.headers, true);
        }
        let asked = both.server.request(Method::GET, "/healthz").header("host", "localhost:7878");
        assert_secure("localhost", &Answer::of(asked).await.headers, false);
        let said = read_to_end(&mut raw(&plain, b"nonsense\r\n\r\n").await).await;
        let mut found = HeaderMap::new();
        let head = said.split("\r\n\r\n").next().unwrap();
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            found.append(name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap());
        }
        assert_secure("no request", &found, false);
        plain.stop().await;
        both.server.stop().await;
    });
}

/// The client's address in the line of the log about a request with this id.
async fn logged_peer(server: &Server, id: &str) -> String {
    eventually("the request is logged", async || {
        let log = server.process().log();
        let line = log.lines().find(|line| line.contains(&format!("\"id\":\"{id}\"")))?;
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        line["peer"].as_str().map(str::to_owned)
    })
    .await
}

#[test]
fn only_trusted_proxies_are_believed() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let trusting = Builder::on(&db.url()).args(&["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "10.0.0.0/8"]);
        let (trusting, other) = (trusting.start().await, Server::start(&db).await);
        let ask = async |server: &Server, id: &str, headers: &[(&str, &str)]| {
            let mut request = server.request(Method::GET, "/healthz").header("x-request-id", id);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let answer = Answer::of(request).await;
            answer.ok();
            (logged_peer(server, id).await, answer.headers.contains_key("strict-transport-security"))
        };
        let said = [("x-forwarded-for", "198.51.100.9, 192.0.2.1, 10.0.0.7"), ("x-forwarded-proto", "https")];
        assert_eq!(ask(&other, "one", &said).await, ("127.0.0.1".to_owned(), false));
        assert_eq!(ask(&trusting, "two", &said).await, ("192.0.2.1".to_owned(), true));
        assert_eq!(ask(&trusting, "three", &[]).await, ("127.0.0.1".to_owned(), false));
        let forged = [("x-forwarded-for", "203.0.113.5\u{1b}[2J"), ("x-forwarded-proto", "https, http")];
        let printable = [("x-forwarded-for", "nobody"), forged[1]];
        assert_eq!(ask(&trusting, "four", &printable).await, ("127.0.0.1".to_owned(), false));
        trusting.stop().await;
        other.stop().await;

        let run = Builder::on(&db.url()).args(&["--trusted-proxy", "proxy.example.com"]).run_with(&[]);
        assert!(run.code == 2 && run.stderr.contains("no address and no network"), "{run:?}");
    });
}

/// A proxy on the same machine hands on what comes from anywhere: a server that is open on loopback is not open to that.
#[test]
fn what_a_proxy_hands_on_is_not_of_this_machine() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let trusting = Builder::on(&db.url()).args(&["--trusted-proxy", "127.0.0.1"]).start().await;
        let other = Server::start(&db).await;
        let ask = async |server: &Server, name: &str, value: &str| {
            let path = "/v1/steps?component=c&version=1&owner=o&status=s";
            let posted = Answer::of(server.request(Method::POST, path).header(name, value)).await;
            let listed = Answer::of(server.request(Method::GET, "/v1/steps").header(name, value)).await;
            (posted.status, listed.status)
        };
        for server in [&trusting, &other] {
            for (name, value) in [
                ("x-forwarded-for", "192.0.2.1"),
                ("x-forwarded-for", "127.0.0.1"),
                ("x-forwarded-for", ""),
                ("forwarded", "for=192.0.2.1"),
                ("via", "1.1 proxy"),
            ] {
                assert_eq!(ask(server, name, value).await, (401, 401), "{name}: {value}");
            }
            assert_eq!(ask(server, "x-whatever", "192.0.2.1").await, (201, 200));
        }
        trusting.stop().await;
        other.stop().await;
    });
}
