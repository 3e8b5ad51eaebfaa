//! The real server, on a port of its own, with an environment of its own.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use reqwest::{Client, Method, RequestBuilder};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use crate::http::{Answer, client};
use crate::tls::TlsFiles;
use crate::{Run, TestDb, binary, eventually};

/// A running `steps-server`; it is killed with this.
#[derive(Debug)]
pub struct Server {
    process: Process,
    url: String,
    client: Client,
}

/// A `steps-server` about to be started.
#[derive(Debug)]
pub struct Builder {
    command: Command,
    home: TempDir,
    socket: Option<OwnedFd>,
}

/// A started `steps-server`, listening or not.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    _home: TempDir,
}

impl Builder {
    /// `steps-server` with nothing but its `HOME`. The histories of the tests lie months back: nothing of them is abandoned
    /// because of that, unless `--abandon-after` says otherwise.
    #[must_use]
    pub fn bare() -> Self {
        let home = TempDir::with_prefix("steps-server-").expect("a temporary folder");
        let mut command = Command::new(binary("steps-server"));
        command.env_clear().env("HOME", home.path()).current_dir(home.path());
        command.env("STEPS_ABANDON_AFTER", "3650d");
        for (variable, folder) in [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data")] {
            command.env(variable, home.path().join(folder));
        }
        Self { command, home, socket: None }
    }

    /// `steps-server --listen 127.0.0.1:0 --database-url URL`, with a deadline that a busy machine does not miss;
    /// `--deadline` sets a shorter one.
    #[must_use]
    pub fn on(database_url: &str) -> Self {
        Self::on_port(0, database_url)
    }

    /// The same, on this port of 127.0.0.1.
    #[must_use]
    pub fn on_port(port: u16, database_url: &str) -> Self {
        let args = ["--listen", &format!("127.0.0.1:{port}"), "--database-url", database_url];
        Self::bare().env("STEPS_DEADLINE", "60s").args(&args)
    }

    /// More arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// One more variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it through this shell command, which runs it with `exec "$0" "$@"`.
    #[must_use]
    pub fn through(mut self, shell: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", shell]).arg(self.command.get_program()).args(self.command.get_args());
        command.env_clear().envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.home.path());
        self.command = command;
        self
    }

    /// Hands this socket over, as a service manager does.
    #[must_use]
    pub fn inheriting(self, listener: std::net::TcpListener) -> Self {
        let shell = r#"exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@""#;
        Self { socket: Some(listener.into()), ..self.through(shell) }
    }

    /// Runs a command of it, such as `verify`, to its end.
    #[must_use]
    pub fn run(self, command: &str) -> Run {
        self.run_with(&[command])
    }

    /// Runs it with these last arguments to its end.
    #[must_use]
    pub fn run_with(self, arguments: &[&str]) -> Run {
        let Self { command: mut program, home: _home, socket: _ } = self;
        Run::of(program.args(arguments).stdin(Stdio::null()))
    }

    /// Starts the process and does not wait for it to listen.
    #[must_use]
    pub fn spawn(self) -> Process {
        let Self { mut command, home, socket } = self;
        // A file takes any amount at once: reading the log costs the server nothing.
        let log = home.path().join("stderr");
        let stderr = File::create(&log).expect("a file for the log");
        command.stdin(socket.map_or_else(Stdio::null, Stdio::from)).stdout(Stdio::null()).stderr(stderr);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Process { child, log, _home: home }
    }

    /// Starts the server, and waits until it listens.
    pub async fn start(self) -> Server {
        self.start_for(client()).await
    }

    /// The same; this client asks it.
    pub async fn start_for(self, client: Client) -> Server {
        let mut process = self.spawn();
        let url = process.listening().await;
        Server { process, url, client }
    }

    /// With TLS, by these files.
    #[must_use]
    pub fn tls(self, files: &TlsFiles) -> Self {
        self.env("STEPS_TLS_CERT", &files.cert).env("STEPS_TLS_KEY", &files.key)
    }
}

impl Process {
    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has had, in MiB; `None` when it has ended.
    #[must_use]
    pub fn peak_mib(&self) -> Option<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, line: &str) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let size = status.lines().find_map(|text| text.strip_prefix(line))?;
        let kib: f64 = size.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib / 1024.0)
    }

    /// The memory that it has now, in MiB; `None` when it has ended.
    #[must_use]
    pub fn memory_mib(&self) -> Option<f64> {
        self.memory("VmRSS:")
    }

    /// Ends it at once, as a power cut would: SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Waits until it listens; its URL.
    pub async fn listening(&mut self) -> String {
        eventually("steps-server listens", async || {
            let log = self.log();
            if let Some((_, rest)) = log.split_once("listening on ") {
                let (scheme, rest) = rest.split_once("://").unwrap_or_default();
                let address: String = rest.chars().take_while(|c| c.is_ascii_digit() || ".:[]".contains(*c)).collect();
                return Some(format!("{scheme}://{address}"));
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("steps-server ended before it listened: {status}\n{log}");
            }
            None
        })
        .await
    }

    /// Waits until its log has this in it.
    pub async fn logged(&self, text: &str) {
        eventually(&format!("the log has {text:?}"), async || self.log().contains(text).then_some(())).await;
    }

    /// Asks it to read its certificate again: SIGHUP.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Asks it to stop, as an operator would: SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Stops it in the middle of whatever it does: SIGSTOP.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on: SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.raw_pid(), signal).expect("the process takes a signal");
    }

    fn raw_pid(&self) -> Pid {
        i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id")
    }

    /// From now on no write of it reaches beyond so many bytes of a file; `None` takes that back.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.raw_pid()), Resource::Fsize, limit).expect("the limit is set");
    }

    /// How it ended, if it has.
    pub fn try_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("steps-server ends", async || self.try_ended()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of steps-server {} ---\n{}---", self.pid(), self.log());
        }
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts one on this database and a free port.
    pub async fn start(db: &TestDb) -> Self {
        Builder::on(&db.url()).start().await
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Ends it at once, as a power cut would: SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.ended().await
    }

    /// A request to this server.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// `GET path`, and its answer.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// `POST path` with nothing in its body, and its answer.
    pub async fn post(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::POST, path)).await
    }

    /// `POST path` with this body, and its answer.
    pub async fn post_body(&self, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        Answer::of(self.request(Method::POST, path).header("content-type", media_type).body(body)).await
    }

    /// Stops it as an operator would, and asserts that it ended well.
    ///
    /// # Panics
    /// Where it did not exit 0 in time.
    pub async fn stop(mut self) {
        self.process.terminate();
        let status = self.process.ended().await;
        assert!(status.success(), "steps-server ended with {status}");
    }
}
