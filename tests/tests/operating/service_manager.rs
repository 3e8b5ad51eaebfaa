//! The server under a service manager: what systemd would be told through NOTIFY_SOCKET, and a socket that it hands over.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use reqwest::Method;
use steps_tests::server::Builder;
use steps_tests::tls::TlsFiles;
use steps_tests::{Answer, DatabaseKind, PATIENCE, Server, TestDb, block_on, eventually};
use tempfile::TempDir;

/// The socket of a service manager.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = TempDir::with_prefix("steps-manager-").unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { socket, folder }
    }

    fn manages(&self, builder: Builder) -> Builder {
        builder.env("NOTIFY_SOCKET", self.folder.path().join("notify"))
    }

    /// The next message; `None` when there is none for so long.
    fn message(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).unwrap();
        let mut bytes = [0; 4096];
        match self.socket.recv(&mut bytes) {
            Ok(length) => Some(String::from_utf8(bytes[..length].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits for a message with this line in it; that message.
    fn told(&self, line: &str) -> String {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match self.message(PATIENCE) {
                Some(message) if message.lines().any(|said| said == line) => return message,
                _ => {}
            }
        }
        panic!("{line} was not told in {PATIENCE:?}");
    }
}

#[test]
fn a_server_says_what_it_does() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let manager = Manager::new();
    block_on(async {
        let server = manager.manages(Builder::on(&db.url())).start().await;
        let first = manager.message(PATIENCE).unwrap();
        assert!(first.starts_with("STATUS=waiting for the database sqlite:"), "{first}");
        let ready = manager.told("READY=1");
        assert!(ready.contains(&format!("STATUS=serving {}\n", server.url())), "{ready}");
        // Nobody asked whether it lives, and its own request is not in the log.
        server.get("/healthz").await.ok();
        server.process().logged("\"message\":\"request\"").await;
        assert_eq!(server.process().log().matches("\"message\":\"request\"").count(), 1, "{}", server.process().log());

        // Without a certificate, there is nothing to load; SIGHUP does not end it.
        server.process().hang_up();
        assert!(manager.told("RELOADING=1").contains("\nMONOTONIC_USEC="));
        manager.told("READY=1");
        server.process().logged("there is nothing to load again").await;
        server.get("/readyz").await.ok();
        server.process().terminate();
        assert!(manager.told("STOPPING=1").contains("STATUS=stopping"));
        server.stop().await;
    });
}

#[test]
fn a_certificate_is_loaded_again() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let (manager, files) = (Manager::new(), TlsFiles::new());
    block_on(async {
        let server = manager.manages(Builder::on(&db.url()).tls(&files)).start_for(files.client()).await;
        assert!(manager.told("READY=1").contains("STATUS=serving https://127.0.0.1:"));
        let old = std::fs::read(&files.cert).unwrap();
        for wrong in [false, true] {
            files.write(&files.pair());
            if wrong {
                std::fs::write(&files.cert, &old).unwrap();
            }
            server.process().hang_up();
            manager.told("RELOADING=1");
            manager.told("READY=1");
        }
        server.process().logged("the one before is kept").await;
        server.get("/readyz").await.ok();
        server.stop().await;
    });
}

#[test]
fn it_is_told_that_it_lives_for_as_long_as_it_answers() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let manager = Manager::new();
    block_on(async {
        let every = Duration::from_millis(200);
        let watched = manager.manages(Builder::on(&db.url())).env("WATCHDOG_USEC", "600000");
        let server = watched.args(&["--shutdown-delay", "10m"]).start().await;
        manager.told("READY=1");
        for _ in 0..3 {
            manager.told("WATCHDOG=1");
        }
        server.process().pause();
        // Until what was sent before is read.
        eventually("it says no more", async || manager.message(10 * every).is_none().then_some(())).await;
        server.process().resume();
        manager.told("WATCHDOG=1");
        // It lives while it stops.
        server.process().terminate();
        manager.told("STOPPING=1");
        for _ in 0..3 {
            manager.told("WATCHDOG=1");
        }
    });
}

#[test]
fn it_is_not_ready_before_its_database() {
    let manager = Manager::new();
    // Nothing listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("mysql://steps:secret@127.0.0.1:{port}/steps");
    let waits = manager.manages(Builder::on(&url)).args(&["--database-wait", "2s"]);
    block_on(async {
        let mut process = waits.spawn();
        let message = manager.message(PATIENCE).unwrap();
        assert!(
            message.starts_with("STATUS=waiting for the database mysql://") && !message.contains("secret"),
            "{message}"
        );
        assert_eq!(process.ended().await.code(), Some(1));
        assert_eq!(manager.message(Duration::from_millis(1)), None);
    });
}

#[test]
fn a_service_manager_that_has_gone_stops_nothing() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Builder::on(&db.url()).env("NOTIFY_SOCKET", "/nowhere/notify").start().await;
        server.get("/readyz").await.ok();
        server.process().logged("cannot be told").await;
        server.stop().await;
    });
}

#[test]
fn a_socket_that_is_handed_over_is_served_and_outlives_the_server() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // An address that is in use already, and not asked for.
    let builder = || Builder::bare().args(&["--listen", "192.0.2.1:1", "--database-url", &db.url()]);
    let start = async || -> Server { builder().inheriting(listener.try_clone().unwrap()).start().await };
    block_on(async {
        let first = start().await;
        assert_eq!(first.url(), url);
        let step = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];
        first.record(&step).await.recorded();
        let waiting = reqwest::Client::builder().no_proxy().build().unwrap();
        first.stop().await;
        // Whoever comes meanwhile is not refused, but waits for the next one.
        let request = waiting.request(Method::POST, format!("{url}/v1/steps")).query(&step);
        let asked = tokio::spawn(async move { Answer::of(request).await });
        let second = start().await;
        asked.await.unwrap().recorded();
        assert_eq!(second.count("").await, 2);
        second.stop().await;
    });
}

#[test]
fn a_socket_that_others_reach_needs_a_token() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    block_on(async {
        let mut process = Builder::on(&db.url()).inheriting(listener).spawn();
        assert_eq!(process.ended().await.code(), Some(2));
        assert!(process.log().contains(&format!("{address} can be reached")), "{}", process.log());
    });
    let refused = |environment: &str| {
        let shell = format!(r#"exec 3</dev/null 4</dev/null; export {environment} LISTEN_PID=$$; exec "$0" "$@""#);
        Builder::on(&db.url()).through(&shell).run_with(&[]).failed(2)
    };
    let said = refused("LISTEN_FDS=1");
    assert!(said.contains("no listening TCP socket"), "{said}");
    let said = refused("LISTEN_FDS=2");
    assert!(said.contains("hands over 2 sockets"), "{said}");
}
