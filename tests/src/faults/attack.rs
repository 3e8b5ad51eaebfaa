//! Clients that mean harm, and recorders beside them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::PROBE;
use crate::{PATIENCE, Server, block_on, eventually};

/// An attack that goes on, on a thread of its own with little priority, until it is stopped.
#[derive(Debug)]
pub struct Attack {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    times: Arc<AtomicUsize>,
}

impl Attack {
    /// Does this again and again, so many at the same time.
    #[must_use]
    pub fn start<F: Future<Output = ()>>(at_once: usize, act: impl Fn() -> F + Send + 'static) -> Self {
        let (stop, times) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let thread = std::thread::spawn({
            let (stop, times) = (Arc::clone(&stop), Arc::clone(&times));
            move || {
                // Its client would have a machine of its own.
                let _: Result<i32, rustix::io::Errno> = rustix::process::nice(10);
                let one = async || {
                    while !stop.load(Ordering::Relaxed) {
                        act().await;
                        times.fetch_add(1, Ordering::Relaxed);
                    }
                };
                block_on(join_all((0..at_once).map(|_| one())));
            }
        });
        Self { stop, thread, times }
    }

    /// How often it has been done.
    #[must_use]
    pub fn times(&self) -> usize {
        self.times.load(Ordering::Relaxed)
    }

    /// Lets it end by itself, and fail: its server is gone.
    pub fn abandon(self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Ends it, when those under way are done.
    ///
    /// # Panics
    /// Where the attack itself has failed.
    pub async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        // Other connections of this test's runtime hear meanwhile that they are closed.
        eventually("the attack ends", async || self.thread.is_finished().then_some(())).await;
        self.thread.join().expect("the attack does what it should");
        self.times.load(Ordering::Relaxed)
    }
}

/// How long recordings took.
#[derive(Debug, Clone)]
pub struct Recordings {
    sorted: Vec<Duration>,
}

impl Recordings {
    /// Four clients record for as long; every one of their recordings must be answered 201.
    pub async fn of_four(server: &Server, time: Duration) -> Self {
        let one = async || {
            let (began, mut took) = (Instant::now(), Vec::new());
            while began.elapsed() < time || took.is_empty() {
                let asked = Instant::now();
                let send = || server.request(Method::POST, "/v1/steps").form(&PROBE).timeout(PATIENCE).send();
                // The server may close a connection that has been idle in the moment in which it is used again; then every client
                // of HTTP sends again, on another one.
                let sent = match send().await {
                    Err(error) if error.is_request() && !error.is_timeout() => send().await,
                    sent => sent,
                };
                let sent = sent.expect("a recording is answered");
                assert_eq!(sent.status(), 201, "a recording beside the attack");
                took.push(asked.elapsed());
            }
            took
        };
        let mut sorted = join_all((0..4).map(|_| one())).await.concat();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// The time within which so many of 100 were answered, in milliseconds.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> f64 {
        self.sorted[(self.sorted.len() * percent / 100).min(self.sorted.len() - 1)].as_secs_f64() * 1e3
    }
}

impl fmt::Display for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| self.percentile(percent));
        write!(f, "{} recorded, p50 {half:.1} ms, p99 {most:.1} ms, longest {all:.0} ms", self.sorted.len())
    }
}

/// A connection to which this is written.
///
/// # Panics
/// Where there is none.
pub async fn raw(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address(server)).await.expect("a connection");
    stream.write_all(bytes).await.expect("it is taken");
    stream
}

/// A connection whose reader takes little at once.
///
/// # Panics
/// Where there is none.
pub async fn slow_reader(address: &str, request: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(address.parse().expect("an address")).await.expect("a connection");
    stream.write_all(request).await.expect("it is taken");
    stream
}

/// Where the server listens, as HOST:PORT.
#[must_use]
pub fn address(server: &Server) -> &str {
    server.url().split_once("://").map_or(server.url(), |(_, address)| address)
}

/// All that comes until the server closes the connection.
///
/// # Panics
/// Where it does not end, or breaks off.
pub async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("the server ends it");
    read.expect("the connection does not break");
    String::from_utf8_lossy(&said).into_owned()
}
