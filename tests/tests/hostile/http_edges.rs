//! HTTP as nobody should write it: every answer arrives, with a problem document, and a close is announced.

use reqwest::Method;
use steps_tests::faults::attack::{raw, read_to_end};
use steps_tests::{Answer, Server, TestDb, on_both_stores};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

on_both_stores!(bodies_that_no_path_reads, what_is_no_request, one_request_after_the_other);

/// The problem document of a raw answer with this status, which announces that the connection is closed.
fn closing(said: &str, status: u16) -> serde_json::Value {
    assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
    let (head, body) = said.split_once("\r\n\r\n").expect("a head");
    let head = head.to_ascii_lowercase();
    assert!(head.contains("connection: close") && head.contains("application/problem+json"), "{said}");
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(problem["status"], status);
    assert!(head.contains(&format!("x-request-id: {}", problem["request_id"].as_str().unwrap_or("none"))), "{said}");
    problem
}

async fn bodies_that_no_path_reads(db: TestDb) {
    let server = Server::start(&db).await;
    let body = vec![b'x'; 8 * 1024 * 1024];
    for (line, status) in [
        ("POST /nothing", 404),
        ("PUT /v1/steps", 405),
        ("POST /healthz", 405),
        ("POST /v1/steps", 413),
        ("GET /v1/steps?x=1", 400),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut stream = raw(&server, head.as_bytes()).await;
        let (mut reads, mut writes) = stream.split();
        // A client that writes all of it before it reads.
        writes.write_all(&body).await.unwrap_or_else(|error| panic!("{line}: {error}"));
        let mut said = String::new();
        reads.read_to_string(&mut said).await.unwrap_or_else(|error| panic!("{line}: {error}"));
        closing(&said, status);

        // One that asks first need not send it.
        let head = head.replace("Host: localhost", "Host: localhost\r\nExpect: 100-continue");
        let said = read_to_end(&mut raw(&server, head.as_bytes()).await).await;
        closing(&said, status);

        // After a short body, the connection goes on.
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n{{x}}");
        let next = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let said = read_to_end(&mut raw(&server, format!("{request}{next}").as_bytes()).await).await;
        assert_eq!(said.matches("HTTP/1.1 ").count(), 2, "{said}");
        assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
    }
    let text = Answer::of(server.request(Method::POST, "/v1/steps").header("content-encoding", "gzip").body("x")).await;
    assert!(text.problem(415).detail.contains("Content-Encoding"));
    server.stop().await;
}

async fn what_is_no_request(db: TestDb) {
    let server = Server::start(&db).await;
    let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(400_000));
    let larger = |bytes| {
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(bytes))
    };
    let [fits, over, far_over] = [65_000, 65_536, 100_000].map(larger);
    let said = read_to_end(&mut raw(&server, fits.as_bytes()).await).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: 1\r\n".repeat(200));
    let path = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(65_600));
    for (request, statuses) in [
        ("POST /v1/steps HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", &[400][..]),
        ("GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n", &[400]),
        ("GET /a b c HTTP/1.1\r\nHost: localhost\r\n\r\n", &[400]),
        ("GET / HTTP/3.7\r\nHost: localhost\r\n\r\n", &[400]),
        ("\x16\x03\x01\x02\x00\x01\x00", &[400]),
        ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", &[400]),
        (&large, &[431]),
        (&over, &[431]),
        (&far_over, &[431]),
        (&many, &[431]),
        (&path, &[431, 414]),
    ] {
        let said = read_to_end(&mut raw(&server, request.as_bytes()).await).await;
        let status: u16 = said.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
        assert!(statuses.contains(&status), "{:?}: {said}", &request[..request.len().min(60)]);
        closing(&said, status);
    }
    // On a connection that has been answered before, too.
    let mut stream = raw(&server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let mut said = vec![0; 4096];
    let read = stream.read(&mut said).await.expect("an answer");
    assert!(said[..read].starts_with(b"HTTP/1.1 200"));
    stream.write_all(b"nonsense\r\n\r\n").await.expect("it is taken");
    closing(&read_to_end(&mut stream).await, 400);
    server.stop().await;
}

/// Many requests at once on one connection, HEAD with a body, ranges, and chunks with what nobody reads.
async fn one_request_after_the_other(db: TestDb) {
    let server = Server::start(&db).await;
    let step = "component=c&version=1&owner=o&status=s";
    let post = format!(
        "POST /v1/steps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{step}",
        step.len()
    );
    let last = "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    let said = read_to_end(&mut raw(&server, format!("{}{last}", post.repeat(50)).as_bytes()).await).await;
    assert_eq!((said.matches("HTTP/1.1 201").count(), said.matches("HTTP/1.1 200").count()), (50, 1), "{said}");

    let chunked = |chunks: &str| {
        format!(
            "POST /v1/steps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunks}"
        )
    };
    let plain = format!("{:x}\r\n{step}\r\n0\r\n\r\n", step.len());
    let extended = format!("{:x};{}\r\n{step}\r\n0\r\n\r\n", step.len(), "x".repeat(100_000));
    let trailers = format!("{:x}\r\n{step}\r\n0\r\n{}\r\n", step.len(), "X: y\r\n".repeat(20_000));
    for (chunks, statuses) in
        [(plain, &["201"][..]), (extended, &["400"]), (trailers, &["400"]), ("zz\r\n".to_owned(), &["400"])]
    {
        let said = read_to_end(&mut raw(&server, chunked(&chunks).as_bytes()).await).await;
        let status = said.get(9..12).unwrap_or_default();
        assert!(statuses.contains(&status), "{said}");
    }
    assert_eq!(server.count("").await, 51);
    let whole = Answer::of(server.request(Method::GET, "/v1/steps").header("range", "bytes=0-3")).await;
    assert_eq!(whole.ok().lines().count(), 52, "ranges are not served; the answer is whole");
    server.stop().await;
}
