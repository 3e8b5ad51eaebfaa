//! The signals that are forwarded to the command.
//!
//! The command shares our process group, so that it keeps the terminal. A signal from the terminal (Ctrl-C, Ctrl-\, a
//! hang-up) goes to the whole group: the command has it already, and a second one would make many programs skip their
//! clean-up. A signal from a process (a CI system that cancels, `kill`, a container that stops) goes to us alone, and is
//! forwarded. The kernel says for each signal which of the two it is.
//!
//! `timeout` of GNU sends its signal to us, and at once to the whole group: two signals are one request. So signals within a
//! second of the first count as one.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};
use tokio::sync::mpsc;

/// The signals that are caught, because they would end us, or because they are sent to the first process of a container
/// (SIGWINCH tells some servers to stop).
const CAUGHT: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH];

/// Those that tell a process to stop.
const STOP: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Signals to stop that come within this time are one request.
const ONE_REQUEST: Duration = Duration::from_secs(1);

/// Receives the signals of [`CAUGHT`], and those of children that have ended.
#[derive(Debug)]
pub struct Signals {
    receiver: mpsc::UnboundedReceiver<(Origin, Instant)>,
    stop: StopRequests,
}

/// The requests to stop.
#[derive(Debug, Default)]
struct StopRequests {
    /// When the last began.
    last: Option<Instant>,
}

impl StopRequests {
    /// Adds a signal to stop. Whether it is another request after an earlier one.
    fn add(&mut self, at: Instant) -> bool {
        match self.last {
            Some(last) if at.saturating_duration_since(last) < ONE_REQUEST => false,
            last => {
                self.last = Some(at);
                last.is_some()
            }
        }
    }
}

impl Signals {
    /// Catches them from now on. One that is ignored (`nohup`, a shell's `&`) stays ignored, for the command too.
    pub fn catch() -> io::Result<Self> {
        let ignored = ignored();
        let caught = CAUGHT.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let mut signals = SignalsInfo::<WithOrigin>::new(caught.chain([SIGCHLD]))?;
        let (sender, receiver) = mpsc::unbounded_channel();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for origin in signals.forever() {
                if sender.send((origin, Instant::now())).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { receiver, stop: StopRequests::default() })
    }

    pub async fn next(&mut self) -> Origin {
        self.receive().await.0
    }

    /// Waits until we are told to stop once more: after an earlier request, whenever that was.
    pub async fn told_again(&mut self) {
        while !self.receive().await.1 {}
    }

    /// A signal, and whether it is another request to stop.
    async fn receive(&mut self) -> (Origin, bool) {
        match self.receiver.recv().await {
            Some((origin, at)) => {
                let is_another = STOP.contains(&origin.signal) && self.stop.add(at);
                (origin, is_another)
            }
            // The thread never ends.
            None => std::future::pending().await,
        }
    }
}

/// Whether it says that a child has ended.
pub fn is_of_child(origin: &Origin) -> bool {
    origin.signal == SIGCHLD
}

/// Sends a signal to the command, unless it has received it already.
pub fn forward(origin: &Origin, command: u32) {
    let Some(command) = i32::try_from(command).ok().filter(|command| !was_received(origin, *command)) else { return };
    if let (Some(command), Some(signal)) = (Pid::from_raw(command), Signal::from_named_raw(origin.signal)) {
        // It fails where the command has just ended.
        let _ = kill_process(command, signal);
    }
}

/// Whether the signal came from the terminal, or from the command itself (`kill 0` in a trap).
fn was_received(origin: &Origin, command: i32) -> bool {
    match (origin.cause, &origin.process) {
        (Cause::Kernel, _) => true,
        // Where the kernel names no cause (macOS), it names the sender of a process's signal.
        (Cause::Unknown, None) => true,
        (_, Some(sender)) => sender.pid == command,
        (_, None) => false,
    }
}

/// The signals that are ignored, a bit for each. None where there is no /proc.
fn ignored() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| ignored_in(&status))
}

fn ignored_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_of_one_moment_are_one_request() {
        let begun = Instant::now();
        let mut stop = StopRequests::default();
        let added = [0, 0, 3, 999, 1000, 1500, 2000].map(|millis| stop.add(begun + Duration::from_millis(millis)));
        assert_eq!(added, [false, false, false, false, true, false, true]);
    }

    #[test]
    fn the_mask_of_ignored_signals() {
        let status = "Name:\tsteps\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000440\n";
        assert_eq!(ignored_in(status), 0x1001);
        assert_eq!(ignored_in(status) & (1 << (SIGHUP - 1)), 1);
        assert_eq!(ignored_in("Name:\tsteps\n"), 0);
    }
}
