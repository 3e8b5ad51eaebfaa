//! TLS of the server itself: what a client is shown, certificates that change, what is refused at the start, and that handshakes
//! hold nobody up.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use rustls::pki_types::CertificateDer;
use steps_tests::faults::attack::{Recordings, raw, read_to_end};
use steps_tests::server::Builder;
use steps_tests::tls::{HTTP_1, HTTP_2, TlsFiles};
use steps_tests::{DatabaseKind, PATIENCE, Server, TestDb, block_on, eventually, on_both_stores};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::client::TlsStream;

on_both_stores!(both_versions_of_http, many_requests_at_once, a_request_under_way_is_finished);

const STEP: &str = "component=c&version=1&owner=o&status=s";

async fn with_tls(db: &TestDb, files: &TlsFiles) -> Server {
    Builder::on(&db.url()).tls(files).start_for(files.client()).await
}

async fn both_versions_of_http(db: TestDb) {
    let files = TlsFiles::new();
    let server = with_tls(&db, &files).await;
    assert!(server.url().starts_with("https://"), "{}", server.url());
    server.post(&format!("/v1/steps?{STEP}")).await.recorded();
    let http2 = files.http2(&server).await;
    let recorded = http2.ask(http2.request("POST", &format!("/v1/steps?{STEP}")), Bytes::new()).await.unwrap();
    recorded.recorded();
    let form = http2.request("POST", "/v1/steps").header("content-type", "application/x-www-form-urlencoded");
    http2.ask(form, Bytes::from(STEP)).await.unwrap().recorded();
    let list = http2.get("/v1/steps?format=jsonl").await.unwrap();
    assert_eq!((list.ok().lines().count(), server.count("").await), (3, 3));
    let head = http2.ask(http2.request("HEAD", "/v1/steps"), Bytes::new()).await.unwrap();
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    http2.get("/nothing").await.unwrap().problem(404);
    http2.ask(http2.request("DELETE", "/v1/steps"), Bytes::new()).await.unwrap().problem(405);

    // Which version is the client's choice; without one it is HTTP/1.1.
    for (offers, chosen) in [
        (&[HTTP_1][..], Some(HTTP_1)),
        (&[HTTP_2, HTTP_1], Some(HTTP_2)),
        (&[HTTP_1, HTTP_2], Some(HTTP_2)),
        (&[], None),
    ] {
        let stream = files.connect(&server, offers).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
    }
    let mut stream = files.connect(&server, &[]).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.expect("TLS is closed as it should be");
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let is_logged = async || (server.process().log().matches("\"message\":\"request\"").count() == 9).then_some(());
    eventually("each request is logged", is_logged).await;
    server.stop().await;
}

async fn many_requests_at_once(db: TestDb) {
    let files = TlsFiles::new();
    let server = with_tls(&db, &files).await;
    let http2 = files.http2(&server).await;
    let record = async || {
        let path = format!("/v1/steps?{STEP}");
        http2.ask(http2.request("POST", &path), Bytes::new()).await.unwrap().recorded();
    };
    join_all((0..200).map(|_| record())).await;
    let lists = join_all((0..8).map(|_| http2.get("/v1/steps?format=csv"))).await;
    assert!(lists.into_iter().all(|list| list.unwrap().ok().lines().count() == 201));
    // A body that the server refuses at once, and one that it reads.
    let large = http2.request("POST", "/v1/steps").header("content-type", "application/json");
    http2.ask(large, Bytes::from(vec![b' '; 1024 * 1024])).await.unwrap().problem(413);
    let batch = http2.request("POST", "/v1/steps/batch").header("content-type", "application/x-ndjson");
    let line = "{\"component\":\"c\",\"version\":\"1\",\"owner\":\"o\",\"status\":\"s\"}\n";
    let answer = http2.ask(batch, Bytes::from(line.repeat(5000))).await.unwrap();
    assert_eq!(answer.json()["recorded"], 5000);
    server.stop().await;
}

/// A body of which the second half comes after SIGTERM.
async fn a_request_under_way_is_finished(db: TestDb) {
    let files = TlsFiles::new();
    let server = with_tls(&db, &files).await;
    let idle = files.http2(&server).await;
    idle.get("/healthz").await.unwrap().ok();
    let silent = files.connect(&server, &[HTTP_1]).await;
    let half_done = raw(&server, b"\x16\x03\x01").await;
    let http2 = files.http2(&server).await;
    let (first, second) = STEP.split_at(10);
    let request = http2.request("POST", "/v1/steps").header("content-type", "application/x-www-form-urlencoded");
    let (answer, mut body) = http2.send.clone().send_request(request.body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from(first), false).unwrap();
    // Another stream says that the server has read so far.
    http2.get("/healthz").await.unwrap().ok();

    server.process().terminate();
    eventually("no new connection is taken", async || {
        tokio::net::TcpStream::connect(steps_tests::faults::attack::address(&server)).await.err()
    })
    .await;
    // Others are told to go; nobody waits for them.
    idle.connection.await.unwrap().expect("it ends well");
    body.send_data(Bytes::from(second), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 201);
    server.stop().await;
    assert_eq!(db.stored_steps().await, 1);
    drop((silent, half_done));
}

/// The certificate that a new connection is shown.
async fn shown(files: &TlsFiles, server: &Server) -> CertificateDer<'static> {
    of(&files.connect(server, &[HTTP_1]).await)
}

fn of<S>(stream: &TlsStream<S>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().expect("certificates")[0].clone()
}

async fn is_shown(files: &TlsFiles, server: &Server, expected: &CertificateDer<'static>) {
    eventually("the other certificate is shown", async || (shown(files, server).await == *expected).then_some(()))
        .await;
}

#[test]
fn a_certificate_that_changes_is_shown_and_no_connection_is_dropped() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let files = TlsFiles::new();
        let server = with_tls(&db, &files).await;
        let (first, http2) = (shown(&files, &server).await, files.http2(&server).await);
        http2.get("/healthz").await.unwrap().ok();

        // Written in place.
        let second = files.pair();
        files.write(&second);
        is_shown(&files, &server, &second.der).await;

        // Moved into place, as tools for certificates do.
        let third = files.pair();
        for (to, text) in [(&files.cert, &third.cert), (&files.key, &third.key)] {
            std::fs::write(files.folder().join("new"), text).unwrap();
            std::fs::rename(files.folder().join("new"), to).unwrap();
        }
        is_shown(&files, &server, &third.der).await;

        // A key that is another's, an empty file, none at all: told, and the old pair is kept.
        let mut kept = third;
        for (broken, says) in [
            (Some(files.pair().key), "is not that of"),
            (Some(String::new()), "no private key"),
            (None, "No such file"),
        ] {
            match broken {
                Some(text) => std::fs::write(&files.key, text).unwrap(),
                None => std::fs::remove_file(&files.key).unwrap(),
            }
            server.process().hang_up();
            server.process().logged(says).await;
            assert_eq!(shown(&files, &server).await, kept.der);
            // It is loaded when it is whole.
            kept = files.pair();
            files.write(&kept);
            is_shown(&files, &server, &kept.der).await;
        }
        server.process().hang_up();
        server.process().logged("the certificate is the same").await;
        assert!(!server.process().log().contains("PRIVATE KEY"));
        assert_ne!(first, kept.der);
        // The first connection has lived through all of it.
        http2.get("/healthz").await.unwrap().ok();
        server.stop().await;
    });
}

/// As Kubernetes mounts a secret: files are links through a folder that is turned.
#[test]
fn a_link_that_is_turned_is_followed() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let files = TlsFiles::new();
        let root = files.folder().to_owned();
        let version = |name: &str| {
            let pair = files.pair();
            std::fs::create_dir(root.join(name)).unwrap();
            std::fs::write(root.join(name).join("tls.crt"), &pair.cert).unwrap();
            std::fs::write(root.join(name).join("tls.key"), &pair.key).unwrap();
            pair.der
        };
        let first = version("1");
        symlink("1", root.join("..data")).unwrap();
        for name in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(name), root.join(name)).unwrap();
        }
        let args =
            ["--tls-cert", root.join("tls.crt").to_str().unwrap(), "--tls-key", root.join("tls.key").to_str().unwrap()]
                .map(str::to_owned);
        let server = Builder::on(&db.url()).args(&args.each_ref().map(String::as_str)).start_for(files.client()).await;
        assert_eq!(shown(&files, &server).await, first);
        let second = version("2");
        symlink("2", root.join("..tmp")).unwrap();
        std::fs::rename(root.join("..tmp"), root.join("..data")).unwrap();
        is_shown(&files, &server, &second).await;
        server.stop().await;
    });
}

#[test]
fn what_cannot_be_served_is_refused_at_the_start() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let files = TlsFiles::new();
    let refused = |cert: &str, key: &str, says: &[&str]| {
        let builder = Builder::on(&db.url()).env("STEPS_TLS_CERT", cert).env("STEPS_TLS_KEY", key);
        let run = builder.run_with(&[]);
        assert_eq!(run.code, 2, "{run:?}");
        for text in says {
            assert!(run.stderr.contains(text), "{text:?} is missing in {run:?}");
        }
        assert!(!run.stderr.contains("PRIVATE KEY"), "{run:?}");
    };
    let write = |name: &str, text: &str| {
        let path = files.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = (files.cert.to_str().unwrap(), files.key.to_str().unwrap());
    refused(cert, "", &["--tls-cert and --tls-key belong together"]);
    refused("", key, &["--tls-cert and --tls-key belong together"]);
    refused("/nowhere.pem", key, &["/nowhere.pem", "No such file"]);
    refused(cert, &write("other.pem", &files.pair().key), &["other.pem", cert, "is not that of the certificate"]);
    refused(key, key, &[key, "no certificate"]);
    refused(cert, cert, &[cert, "no private key"]);
    refused(
        &write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        key,
        &["garbage.pem"],
    );
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    refused(cert, &write("encrypted.pem", encrypted), &["passphrase"]);
    refused(files.folder().to_str().unwrap(), key, &["Is a directory"]);
}

/// Who speaks HTTP where TLS is spoken is told so; nonsense ends the connection.
#[test]
fn what_is_no_tls() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let files = TlsFiles::new();
        let server = with_tls(&db, &files).await;
        let said = read_to_end(&mut raw(&server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await).await;
        assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("use https://"), "{said}");
        assert!(said.contains("x-content-type-options: nosniff") && !said.contains("strict-transport"), "{said}");
        for nonsense in
            [&b"\x16\x03\x01\x00\x05hello"[..], b"\x80\x2e\x01\x03\x01", b"\0\0\0\0\0\0\0\0", b"\x16\x03\x01\xff\xff"]
        {
            let mut stream = raw(&server, nonsense).await;
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it is closed");
            assert!(ended.is_err() || answer.first().is_none_or(|first| *first == 0x15), "{answer:?}");
        }
        // Within TLS, nonsense has a problem document.
        let mut stream = files.connect(&server, &[HTTP_1]).await;
        stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("strict-transport-security"), "{said}");
        // And with HTTP/2 it ends the connection.
        let mut stream = files.connect(&server, &[HTTP_2]).await;
        stream.write_all(&[7; 1000]).await.unwrap();
        let mut said = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it is closed");
        drop(read);
        server.get("/healthz").await.ok();
        server.stop().await;
    });
}

/// Hundreds of handshakes at once, and recordings beside them.
#[test]
fn handshakes_hold_nobody_up() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let files = TlsFiles::new();
        let server = with_tls(&db, &files).await;
        let handshakes = async {
            for _ in 0..5 {
                join_all((0..100).map(|_| files.connect(&server, &[HTTP_1]))).await;
            }
        };
        let (recorded, ()) = tokio::join!(Recordings::of_four(&server, Duration::from_millis(500)), handshakes);
        println!("{recorded}");
        server.stop().await;
    });
}

#[test]
fn plain_http_beyond_this_machine_is_told() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let files = TlsFiles::new();
    const WARNING: &str = "can read and change what is sent";
    block_on(async {
        let listen = ["--listen", "0.0.0.0:0"];
        let bare = || Builder::bare().args(&["--database-url", &db.url(), "--allow-anonymous"]).args(&listen);
        for (builder, warns) in [
            (bare(), true),
            (bare().tls(&files), false),
            (bare().args(&["--trusted-proxy", "10.0.0.0/8"]), false),
            (Builder::on(&db.url()), false),
        ] {
            let mut process = builder.spawn();
            process.listening().await;
            assert_eq!(process.log().contains(WARNING), warns, "{}", process.log());
            process.terminate();
            process.ended().await;
        }
    });
}
