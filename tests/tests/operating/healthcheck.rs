//! `steps-server healthcheck`: with the settings of a server, and nothing else.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use steps_tests::server::Builder;
use steps_tests::tls::{Pair, TlsFiles};
use steps_tests::{DatabaseKind, PATIENCE, Run, SLACK, Server, TestDb, binary, block_on, eventually};

/// The check with these settings, again where a busy machine has taken longer than a check waits.
fn check(settings: &[(&str, &str)], arguments: &[&str]) -> Run {
    let start = Instant::now();
    loop {
        let run = check_once(settings, arguments);
        if !run.stderr.contains("does not answer within") || start.elapsed() > PATIENCE {
            return run;
        }
    }
}

/// The check with these settings. What is no matter of it cannot be read.
fn check_once(settings: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = Command::new(binary("steps-server"));
    command
        .env_clear()
        .env("STEPS_DATABASE_URL_FILE", "/nowhere/url")
        .env("STEPS_BOOTSTRAP_TOKEN_FILE", "/nowhere/token");
    command.env("STEPS_TLS_KEY", "/nowhere/key").envs(settings.iter().copied());
    Run::of(command.arg("healthcheck").args(arguments))
}

fn port(server: &Server) -> &str {
    server.url().rsplit(':').next().unwrap()
}

fn listen(server: &Server) -> String {
    format!("127.0.0.1:{}", port(server))
}

/// Without TLS there is no key either.
fn without_tls(listen: &str) -> [(&str, &str); 2] {
    [("STEPS_LISTEN", listen), ("STEPS_TLS_KEY", "")]
}

fn check_plainly(listen: &str, arguments: &[&str]) -> Run {
    check(&without_tls(listen), arguments)
}

#[track_caller]
fn is_one_sentence(said: &str, parts: &[&str]) {
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("error: ") && parts.iter().all(|part| said.contains(part)), "{said}");
}

#[test]
fn a_server_without_tls() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let listen = listen(&server);
        assert_eq!(check_plainly(&listen, &[]).ok(), format!("http://{listen}/healthz answers: ok\n"));
        assert_eq!(check_plainly(&listen, &["--ready"]).ok(), format!("http://{listen}/readyz answers: ready\n"));
        // A proxy of the surroundings is not asked.
        let proxy = [("STEPS_LISTEN", listen.as_str()), ("STEPS_TLS_KEY", ""), ("http_proxy", "http://127.0.0.1:9")];
        check(&proxy, &[]).ok();
        // The settings may come from a file, too.
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("listen = '{listen}'\nlog = 'no such filter='\n")).unwrap();
        check(&[("STEPS_TLS_KEY", ""), ("STEPS_CONFIG", file.path().to_str().unwrap())], &[]).ok();
        // The server speaks no TLS.
        let files = TlsFiles::new();
        let said = check(&[("STEPS_LISTEN", &listen), ("STEPS_TLS_CERT", files.cert.to_str().unwrap())], &[]).failed(1);
        is_one_sentence(&said, &["nothing answers on https://", &listen]);

        server.stop().await;
        let said = check_plainly(&listen, &[]).failed(1);
        is_one_sentence(&said, &[&format!("http://{listen}/healthz"), "refused", "other settings"]);
    });
}

#[test]
fn a_server_that_wants_tokens_and_listens_on_every_address() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        Builder::on(&db.url()).run_with(&["token", "create", "ci", "--scope", "record"]).ok();
        for address in ["0.0.0.0", "[::]"] {
            let listen = format!("{address}:0");
            let server = Builder::bare().args(&["--listen", &listen, "--database-url", &db.url()]).start().await;
            for flags in [&[][..], &["--ready"]] {
                check_plainly(&format!("{address}:{}", port(&server)), flags).ok();
            }
            server.stop().await;
        }
    });
}

#[test]
fn a_server_with_tls_whose_certificate_is_for_another_name() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let files = TlsFiles::new();
    let pair = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
        Pair { cert: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    };
    files.write(&pair("steps.example.com"));
    block_on(async {
        let flags = ["--listen", "0.0.0.0:0", "--allow-anonymous", "--database-url", &db.url()];
        let server = Builder::bare().args(&flags).tls(&files).start().await;
        let everywhere = format!("0.0.0.0:{}", port(&server));
        let trusting =
            |file: &str, flags: &[&str]| check(&[("STEPS_LISTEN", &everywhere), ("STEPS_TLS_CERT", file)], flags);
        let own = files.cert.to_str().unwrap();
        assert_eq!(trusting(own, &[]).ok(), format!("https://{}/healthz answers: ok\n", listen(&server)));
        trusting(own, &["--ready"]).ok();

        let other = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(other.path(), pair("steps.example.com").cert).unwrap();
        let other = other.path().to_str().unwrap();
        is_one_sentence(&trusting(other, &[]).failed(1), &["another certificate", other]);
        is_one_sentence(&trusting("/nowhere.pem", &[]).failed(1), &["/nowhere.pem"]);
        is_one_sentence(&check_plainly(&everywhere, &[]).failed(1), &["answers 400", "TLS"]);

        // A pair that has just changed is waited for.
        files.write(&pair("other.example.com"));
        eventually("the server shows the pair that is new", async || (trusting(own, &[]).code == 0).then_some(()))
            .await;
        server.stop().await;
    });
}

#[test]
fn a_server_that_stops_lives_and_is_not_ready() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Builder::on(&db.url()).args(&["--shutdown-delay", "10m"]).start().await;
        let listen = listen(&server);
        check_plainly(&listen, &["--ready"]).ok();
        server.process().terminate();
        let unready = eventually("it is not ready", async || {
            let run = check_plainly(&listen, &["--ready"]);
            (run.code != 0).then(|| run.failed(1))
        });
        is_one_sentence(&unready.await, &["/readyz", "503", "stopping"]);
        check_plainly(&listen, &[]).ok();
    });
}

#[test]
fn what_answers_nothing_or_something_else() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let in_time = |listen: &str| {
        let start = Instant::now();
        let said = check_once(&without_tls(listen), &[]).failed(1);
        assert!(start.elapsed() < Duration::from_secs(3) + SLACK, "{:?}", start.elapsed());
        is_one_sentence(&said, &[listen, "does not answer within 3 s"]);
    };
    block_on(async {
        let server = Server::start(&db).await;
        server.process().pause();
        in_time(&listen(&server));
        server.process().resume();
        server.stop().await;
    });
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    in_time(&silent.local_addr().unwrap().to_string());
    drop(silent);

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let answers = std::thread::spawn(move || {
        for (status, body) in [("200 OK", "hello"), ("500 Internal Server Error", r#"{"detail":"\u001b[31m"}"#)] {
            let (mut client, _) = other.accept().unwrap();
            assert!(client.read(&mut [0; 4096]).unwrap() > 0);
            write!(client, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
                .unwrap();
        }
    });
    is_one_sentence(&check_plainly(&address, &[]).failed(1), &[&address, "not as steps-server"]);
    is_one_sentence(&check_plainly(&address, &[]).failed(1), &["500", "\\u{1b}[31m"]);
    answers.join().unwrap();
}

#[test]
fn settings_that_say_no_address() {
    is_one_sentence(&check_plainly("127.0.0.1:0", &[]).failed(1), &["--listen 127.0.0.1:0", "a port of its own"]);
    is_one_sentence(&check(&[], &[]).failed(1), &["--tls-cert and --tls-key"]);
    is_one_sentence(&check(&[("STEPS_CONFIG", "/nowhere.toml")], &[]).failed(1), &["/nowhere.toml"]);
}

/// In an image there is neither a home nor a database of its own.
#[test]
fn what_opens_no_database_needs_none() {
    for arguments in [&["token", "generate"][..], &["openapi"]] {
        let mut command = Command::new(binary("steps-server"));
        command.env_clear().env("HOME", "").env("STEPS_DATABASE_URL_FILE", "/nowhere/url");
        assert!(!Run::of(command.args(arguments)).ok().is_empty());
    }
}
