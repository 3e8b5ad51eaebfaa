//! A server that answers whatever a test likes, and the command's memory and screen while it reads that.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::termios::{LocalModes, tcgetattr};

use crate::pty::{in_session, pseudoterminal, terminal};
use crate::{PATIENCE, Run};

/// No command may take more; one that does is ended by the kernel before the machine suffers, and fails its test.
const MAX_ADDRESS_SPACE_KIB: u32 = 3 * 1024 * 1024;

/// A server that is not one: it sends bytes.
#[derive(Debug)]
pub struct HostileServer {
    port: u16,
}

/// What a command did, and the most memory that it took.
#[derive(Debug)]
pub struct Measured {
    /// What it did. Its standard output is not kept.
    pub run: Run,
    /// In MiB.
    pub peak_mib: f64,
    /// How long it took.
    pub took: Duration,
}

impl HostileServer {
    /// Listens on a port of 127.0.0.1. `answer` is given the head of each request, and writes what it likes until the other
    /// side has gone.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), answer) = (stream, Arc::clone(&answer)) else { return };
                thread::spawn(move || {
                    if let Ok(head) = read_head(&mut stream) {
                        // The command may have gone.
                        let _ = answer(&head, &mut stream);
                        let _ = stream.shutdown(Shutdown::Write);
                    }
                });
            }
        });
        Self { port }
    }

    /// Answers every request with these bytes, and closes the connection.
    pub fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| stream.write_all(&answer))
    }

    /// Answers every request with this head, which says that chunks follow, and then with this chunk without end.
    pub fn endless(head: &str, chunk: impl Into<Vec<u8>>) -> Self {
        let (head, chunk) = (format!("{head}transfer-encoding: chunked\r\n\r\n"), chunked(&chunk.into()));
        Self::start(move |_, stream| {
            stream.write_all(head.as_bytes())?;
            loop {
                stream.write_all(&chunk)?;
            }
        })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A piece of a body as one chunk.
#[must_use]
pub fn chunked(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// An answer with a length, after which the connection is closed: a client is told, so that it does not use it again.
#[must_use]
pub fn answer(status: &str, media_type: &str, body: &str) -> String {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\nconnection: close\r\n");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}

fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    // What follows is read aside, so that the other side can write all of it.
    let mut body = stream.try_clone()?;
    thread::spawn(move || io::copy(&mut body, &mut io::sink()));
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Runs a command to its end, and looks at its memory all the time.
pub async fn measure(command: &Command) -> Measured {
    let mut command = limited(command);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().expect("the command starts");
    let mut stderr = child.stderr.take().expect("stderr is piped");
    let errors = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    let mut peak_mib: f64 = 0.0;
    let status = loop {
        if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
            peak_mib = peak_mib.max(kib.unwrap_or_default() / 1024.0);
        }
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("{command:?} does not end; it took {peak_mib} MiB");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    let stderr = errors.join().expect("stderr is read").expect("stderr is UTF-8");
    let run = Run { code: status.code().unwrap_or(-1), stdout: String::new(), stderr };
    Measured { run, peak_mib, took: begun.elapsed() }
}

/// The same command, with a limit of its address space.
fn limited(command: &Command) -> Command {
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", &format!("ulimit -v {MAX_ADDRESS_SPACE_KIB}; exec \"$0\" \"$@\"")]);
    limited.arg(command.get_program()).args(command.get_args()).env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
}

/// Runs a command whose standard output and error are a terminal; its exit code and what it wrote there, with the line ends
/// of a file.
///
/// # Panics
/// Where there are no pseudoterminals.
#[must_use]
pub fn on_terminal(command: &mut Command) -> (i32, String) {
    let (mut screen, name) = pseudoterminal();
    command.env("TERM", "xterm-256color").stdin(Stdio::null()).stdout(terminal(&name)).stderr(terminal(&name));
    let mut child = command.spawn().expect("the command starts");
    // The command has the terminal alone, so that reading ends with it.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (mut shown, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = screen.read(&mut part) {
        shown.extend_from_slice(&part[..count]);
    }
    let status = child.wait().expect("a child can be waited for");
    (status.code().unwrap_or(-1), String::from_utf8_lossy(&shown).replace("\r\n", "\n"))
}

/// Runs a command whose terminal is all it has, types `typed` once it has written `prompt` and the terminal shows nothing, and returns its exit code and its
/// screen.
///
/// # Panics
/// Where there are no pseudoterminals, or the prompt never comes.
#[must_use]
pub fn type_on_terminal(command: &mut Command, prompt: &str, typed: &str) -> (i32, String) {
    let (mut screen, name) = pseudoterminal();
    let _terminal = terminal(&name);
    let mut child = in_session(command, &name, &["--wait"]).spawn().expect("the command starts");
    let (sender, received) = std::sync::mpsc::channel();
    let mut reader = screen.try_clone().expect("a terminal");
    thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut part) {
            if sender.send(part[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut shown = Vec::new();
    let mut is_typed = false;
    let begun = Instant::now();
    loop {
        match received.recv_timeout(Duration::from_millis(20)) {
            Ok(part) => shown.extend(part),
            Err(_) => {
                if let Some(status) = child.try_wait().expect("a child can be waited for") {
                    return (status.code().unwrap_or(-1), String::from_utf8_lossy(&shown).replace("\r\n", "\n"));
                }
            }
        }
        let is_hidden = tcgetattr(&screen).is_ok_and(|terminal| !terminal.local_modes.contains(LocalModes::ECHO));
        if !is_typed && is_hidden && String::from_utf8_lossy(&shown).contains(prompt) {
            screen.write_all(typed.as_bytes()).expect("the terminal takes what is typed");
            is_typed = true;
        }
        assert!(begun.elapsed() < PATIENCE, "the command does not end: {:?}", String::from_utf8_lossy(&shown));
    }
}

/// What is left of a terminal's text without the styles of the command: sequences such as `ESC [ 1 ; 31 m`.
#[must_use]
pub fn without_styles(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut left = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !(c.is_ascii_digit() || c == ';')).unwrap_or(piece.len());
        match piece[end..].strip_prefix('m') {
            Some(rest) => left += rest,
            None => left += &format!("\u{1b}[{piece}"),
        }
    }
    left
}
