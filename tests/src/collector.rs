//! A collector of traces on this machine: takes OTLP over HTTP as JSON, and keeps what it was sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::Value;

use crate::eventually;

/// Listens on a port of 127.0.0.1.
#[derive(Debug)]
pub struct Collector {
    url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The head and the body of each request that was taken.
    taken: Vec<(String, Value)>,
    /// What is answered; 0 is 200.
    status: u16,
    asked: usize,
}

impl Collector {
    /// Starts one.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let shared = Arc::<Mutex<Shared>>::default();
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), shared) = (stream, Arc::clone(&of_thread)) else { return };
                thread::spawn(move || {
                    // The server may have gone.
                    let _ = answer(stream, &shared);
                });
            }
        });
        Self { url, shared }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it answers with this status, and takes nothing unless it is 200.
    pub fn answers(&self, status: u16) {
        self.shared().status = status;
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.shared().asked
    }

    /// The heads of the requests that were taken.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.shared().taken.iter().map(|(head, _)| head.clone()).collect()
    }

    /// The attributes of the resource of the first request.
    #[must_use]
    pub fn resource(&self) -> Value {
        self.shared().taken[0].1["resourceSpans"][0]["resource"]["attributes"].clone()
    }

    /// Every span so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Value> {
        let shared = self.shared();
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let resources = shared.taken.iter().flat_map(|(_, body)| items(&body["resourceSpans"]));
        let scopes = resources.flat_map(|resource| items(&resource["scopeSpans"]));
        scopes.flat_map(|scope| items(&scope["spans"])).collect()
    }

    /// The first span with this name, as soon as it is there, and those within it.
    pub async fn span(&self, name: &str) -> (Value, Vec<Value>) {
        let what = format!("a span {name:?}");
        let found = eventually(&what, async || self.spans().into_iter().find(|span| span["name"] == name)).await;
        let within = self.spans().into_iter().filter(|span| span["parentSpanId"] == found["spanId"]).collect();
        (found, within)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("nothing panics while it is locked")
    }
}

fn answer(mut stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or_default()];
        reader.read_exact(&mut body)?;
        let status = {
            let mut shared = shared.lock().expect("nothing panics while it is locked");
            shared.asked += 1;
            let status = if shared.status == 0 { 200 } else { shared.status };
            if status == 200 {
                shared.taken.push((head, serde_json::from_slice(&body)?));
            }
            status
        };
        let answer = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(format!("HTTP/1.1 {status} Told\r\n{answer}").as_bytes())?;
        stream.flush()?;
    }
}
