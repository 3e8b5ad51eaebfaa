//! The signals that are forwarded to the command.
//!
//! The command shares our process group, so that it keeps the terminal. A signal from the terminal (Ctrl-C, Ctrl-\, a
//! hang-up) goes to the whole group: the command has it already, and a second one would make many programs skip their
//! clean-up. A signal from a process (a CI system that cancels, `kill`, a container that stops) goes to us alone, and is
//! forwarded. The kernel says for each signal which of the two it is.

use std::io;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};
use tokio::sync::mpsc;

/// The signals that are caught, because they would end us.
const CAUGHT: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// Receives the signals of [`CAUGHT`].
#[derive(Debug)]
pub struct Signals(mpsc::UnboundedReceiver<Origin>);

impl Signals {
    /// Catches them from now on. One that is ignored (`nohup`, a shell's `&`) stays ignored, for the command too.
    pub fn catch() -> io::Result<Self> {
        let ignored = ignored();
        let caught = CAUGHT.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let mut signals = SignalsInfo::<WithOrigin>::new(caught)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for origin in signals.forever() {
                if sender.send(origin).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self(receiver))
    }

    pub async fn next(&mut self) -> Origin {
        match self.0.recv().await {
            Some(origin) => origin,
            // The thread never ends.
            None => std::future::pending().await,
        }
    }
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
    fn the_mask_of_ignored_signals() {
        let status = "Name:\tsteps\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000440\n";
        assert_eq!(ignored_in(status), 0x1001);
        assert_eq!(ignored_in(status) & (1 << (SIGHUP - 1)), 1);
        assert_eq!(ignored_in("Name:\tsteps\n"), 0);
    }
}
