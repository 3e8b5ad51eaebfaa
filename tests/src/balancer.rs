//! Debian's HAProxy with the configuration of `deploy/compose`, and clients that ask through it.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use steps_shared::{Step, StepId};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::faults::ledger::Content;
use crate::faults::{Ledger, free_port};
use crate::http::builder;
use crate::tls::TlsFiles;
use crate::{Answer, PATIENCE, Server, eventually, program, repository};

/// A running HAProxy in front of two servers; it is killed with this.
#[derive(Debug)]
pub struct Balancer {
    child: Child,
    url: String,
    folder: TempDir,
}

impl Balancer {
    /// In front of these servers.
    pub async fn start(servers: [&str; 2]) -> Self {
        Self::run(servers, None).await
    }

    /// The same; clients speak TLS with it.
    pub async fn with_tls(servers: [&str; 2], files: &TlsFiles) -> Self {
        Self::run(servers, Some(files)).await
    }

    async fn run(servers: [&str; 2], tls: Option<&TlsFiles>) -> Self {
        let folder = TempDir::with_prefix("steps-balancer-").expect("a temporary folder");
        let (port, alive) = (free_port().await, free_port().await);
        let log = File::create(folder.path().join("log")).expect("a file for the log");
        let mut command = Command::new(program("haproxy", "tests/run-tests installs it, or: apt-get install haproxy"));
        // -db: it stays in the foreground, as one process.
        command.arg("-db").arg("-f").arg(repository().join("deploy/compose/haproxy.cfg"));
        command.env_clear().current_dir(folder.path());
        command.env("BALANCER_LISTEN", format!("127.0.0.1:{port}"));
        command.env("BALANCER_ALIVE", format!("127.0.0.1:{alive}"));
        for (name, url) in ["BALANCER_SERVER_1", "BALANCER_SERVER_2"].into_iter().zip(servers) {
            command.env(name, url.trim_start_matches("http://"));
        }
        if let Some(tls) = tls {
            let pair = [&tls.cert, &tls.key].map(|file| std::fs::read_to_string(file).expect("a PEM file")).concat();
            let file = folder.path().join("certificate.pem");
            std::fs::write(&file, pair).expect("a file");
            command.env("BALANCER_CERTIFICATE", file);
        }
        command.stdin(Stdio::null()).stderr(log.try_clone().expect("the same file")).stdout(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut balancer = Self { child, url: format!("{scheme}://127.0.0.1:{port}"), folder };
        let client = builder().build().expect("a client");
        eventually("haproxy takes requests", async || {
            if let Ok(Some(status)) = balancer.child.try_wait() {
                panic!("haproxy ended: {status}\n{}", balancer.log());
            }
            let answer = client.get(format!("http://127.0.0.1:{alive}/alive")).send().await;
            answer.is_ok_and(|answer| answer.status() == 200).then_some(())
        })
        .await;
        balancer
    }

    /// Where clients ask.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until its log says this of a server, counted from 1, `before` lines aside.
    pub async fn says(&self, before: usize, server: usize, state: &str) {
        let text = format!("servers/server-{server} is {state}");
        eventually(&text, async || self.log().lines().skip(before).any(|line| line.contains(&text)).then_some(()))
            .await;
    }

    /// How many lines its log has.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.log().lines().count()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of haproxy ---\n{}---", self.log());
        }
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that sends this token, and no other.
///
/// # Panics
/// Where none can be built.
#[must_use]
pub fn client_with(token: &str, idle_connections: usize) -> Client {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).expect("a token");
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let client = builder().default_headers(headers).pool_max_idle_per_host(idle_connections).timeout(PATIENCE);
    client.build().expect("a client")
}

/// A request that had no answer, or another one than it should.
#[derive(Debug)]
pub struct Failure {
    /// When it was sent.
    pub began: Instant,
    /// When it had failed.
    pub ended: Instant,
    /// How.
    pub what: String,
}

/// Clients that record and read without a long pause, and note every request that fails.
#[derive(Debug)]
pub struct Traffic {
    shared: Rc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    url: String,
    ledger: RefCell<Ledger>,
    failures: RefCell<Vec<Failure>>,
    answered: watch::Sender<usize>,
    is_stopping: Cell<bool>,
}

impl Traffic {
    /// Starts the clients, on a [`tokio::task::LocalSet`]: of each kind two, that keep their connection, and that have a new one
    /// for each request.
    #[must_use]
    pub fn start(url: &str, token: &str) -> Self {
        let shared = Rc::new(Shared {
            url: url.to_owned(),
            ledger: RefCell::default(),
            failures: RefCell::default(),
            answered: watch::Sender::new(0),
            is_stopping: Cell::new(false),
        });
        let mut clients = Vec::new();
        for number in 0..4 {
            let client = client_with(token, number % 2);
            clients.push(tokio::task::spawn_local(record(Rc::clone(&shared), client.clone(), number)));
            clients.push(tokio::task::spawn_local(read(Rc::clone(&shared), client)));
        }
        Self { shared, clients }
    }

    /// Waits until so many more requests have been answered as they should.
    pub async fn more(&self, requests: usize) {
        let wanted = *self.shared.answered.borrow() + requests;
        let mut answered = self.shared.answered.subscribe();
        let waiting = answered.wait_for(|answered| *answered >= wanted);
        let came = tokio::time::timeout(PATIENCE, waiting).await.is_ok_and(|came| came.is_ok());
        assert!(came, "not {requests} more requests were answered; {:?}", self.shared.failures.borrow());
    }

    /// The requests that have failed since this was asked last.
    #[must_use]
    pub fn failures(&self) -> Vec<Failure> {
        self.shared.failures.take()
    }

    /// Lets each client bring its last request to an end, and takes the ledger.
    pub async fn stop(self) -> Ledger {
        self.shared.is_stopping.set(true);
        for client in self.clients {
            let ended = tokio::time::timeout(PATIENCE, client).await;
            ended.expect("the last request of a client is answered").expect("a client does not fail");
        }
        self.shared.ledger.take()
    }
}

/// Between two requests of a client: what is tested is what becomes of them, and not how many there can be.
const PAUSE: Duration = Duration::from_millis(20);

async fn record(shared: Rc<Shared>, client: Client, number: usize) {
    for nth in 0.. {
        if shared.is_stopping.get() {
            return;
        }
        let (id, content) = (StepId::generate(), Content::new(number, nth, false));
        let body: Value = content.json(id);
        shared.ledger.borrow_mut().sending(id, content);
        // With its id a step may be sent again until there is an answer.
        let mut tries = 0..;
        let answer = loop {
            tries.next();
            let request = client.request(Method::POST, format!("{}/v1/steps", shared.url)).json(&body);
            if let Some(answer) = shared.ask(request, &[200, 201]).await {
                break answer;
            }
        };
        let step: Option<Step> = serde_json::from_slice(&answer.bytes).ok();
        // A server that hung may record what it was sent once it goes on: the earlier of the two times stays.
        let step = step.filter(|_| tries.start == 1);
        shared.ledger.borrow_mut().acknowledged(id, step.as_ref());
    }
}

async fn read(shared: Rc<Shared>, client: Client) {
    while !shared.is_stopping.get() {
        let _: Option<Answer> = shared.ask(client.get(format!("{}/v1/steps?limit=50", shared.url)), &[200]).await;
    }
}

impl Shared {
    /// Its answer, or `None` where it failed, which is noted.
    async fn ask(&self, request: RequestBuilder, statuses: &[u16]) -> Option<Answer> {
        let began = Instant::now();
        let answer = async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok::<_, reqwest::Error>(Answer { status, headers, bytes: response.bytes().await?.to_vec() })
        };
        let (answer, what) = match answer.await {
            Ok(answer) if statuses.contains(&answer.status) => (Some(answer), String::new()),
            Ok(answer) => (None, format!("{} {}", answer.status, String::from_utf8_lossy(&answer.bytes))),
            Err(error) => (None, format!("{error:?}")),
        };
        match &answer {
            Some(answer) => {
                self.ledger.borrow_mut().answered(answer.status, began.elapsed());
                self.answered.send_modify(|answered| *answered += 1);
            }
            None => self.failures.borrow_mut().push(Failure { began, ended: Instant::now(), what }),
        }
        tokio::time::sleep(PAUSE).await;
        answer
    }
}

/// The address and the port of a server, without its scheme.
#[must_use]
pub fn port_of(server: &Server) -> u16 {
    server.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a URL with a port")
}
