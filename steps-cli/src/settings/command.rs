//! Running another program: for so long, and no more of its output than a limit.

use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// No more of what a program prints is read.
const MAX_BYTES: u64 = 64 * 1024;

/// How long to wait before asking again whether a program has ended that has closed its output.
const POLL: Duration = Duration::from_millis(2);

/// What a program did.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs a program in a process group of its own, which is killed where it takes longer than until `deadline`.
///
/// # Errors
/// It cannot be run, takes longer, or prints too much.
pub fn run(command: &mut Command, deadline: Instant) -> Result<Output, String> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("cannot be run: {error}"))?;
    let begun = Instant::now();
    output(&mut child, deadline).map_err(|reason| {
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // The program itself is in it: nobody has waited for it yet.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait();
        reason.unwrap_or_else(|| format!("takes longer than {:.1}s", begun.elapsed().as_secs_f64()))
    })
}

/// An error without a text is that it took too long.
fn output(child: &mut Child, deadline: Instant) -> Result<Output, Option<String>> {
    let (stdout, stderr) = (read(child.stdout.take()), read(child.stderr.take()));
    let receive = |from: Receiver<Vec<u8>>| {
        let bytes = from.recv_timeout(deadline.saturating_duration_since(Instant::now())).map_err(|_| None)?;
        if bytes.len() as u64 > MAX_BYTES {
            Err(Some(format!("prints more than {MAX_BYTES} bytes")))
        } else {
            Ok(bytes)
        }
    };
    let (stdout, stderr) = (receive(stdout)?, receive(stderr)?);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Output { status, stdout, stderr }),
            Ok(None) if Instant::now() < deadline => thread::park_timeout(POLL),
            Ok(None) => return Err(None),
            // As process 1, something else may have waited for it.
            Err(_) => return Ok(Output { status: ExitStatus::from_raw(0), stdout, stderr }),
        }
    }
}

/// Reads on another thread. It stays behind where a process that has left the group holds the pipe open.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What could be read is good enough.
            let _ = pipe.take(MAX_BYTES + 1).read_to_end(&mut bytes);
        }
        // Nobody listens where it took too long.
        let _ = sender.send(bytes);
    });
    receiver
}

/// Does something that may hang on another thread; `None` where it is not done at `deadline`.
pub fn within<T: Send + 'static>(deadline: Instant, task: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        // Nobody listens where it took too long.
        let _ = sender.send(task());
    });
    receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Output, String> {
        run(Command::new("sh").args(["-c", script]), Instant::now() + limit)
    }

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(200);

    #[test]
    fn gives_what_it_prints() {
        let Output { status, stdout, stderr } = shell("echo out; echo err >&2; exit 3", LONG).unwrap();
        assert_eq!((status.code(), &*stdout, &*stderr), (Some(3), &b"out\n"[..], &b"err\n"[..]));
    }

    #[test]
    fn whoever_sleeps_prints_without_end_or_hides_is_not_waited_for() {
        let begun = Instant::now();
        assert!(shell("sleep 600", SHORT).unwrap_err().contains("takes longer"));
        assert!(shell("exec >&- 2>&-; sleep 600", SHORT).unwrap_err().contains("takes longer"));
        assert!(shell("setsid sleep 100 & exit 0", SHORT).unwrap_err().contains("takes longer"));
        assert!(shell("yes", LONG).unwrap_err().contains("prints more than"));
        assert!(shell("yes >&2", LONG).unwrap_err().contains("takes longer") || begun.elapsed() < LONG);
        assert_eq!(within(Instant::now() + SHORT, || thread::park_timeout(LONG)), None);
        assert!(begun.elapsed() < LONG);
    }
}
