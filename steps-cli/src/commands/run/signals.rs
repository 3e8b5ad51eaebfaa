//! The signals that are passed on to the command.
//!
//! The command shares our process group, so that it keeps the terminal. What the terminal sends (Ctrl-C, Ctrl-\, a
//! hang-up) goes to the whole group: the command has it already, and a second one would make many programs give up
//! their clean end. What a process sends to us alone (a CI system that cancels, `kill`, a container that stops) must
//! be passed on. The kernel says for each signal which of the two it is, so nothing is guessed from the terminal's
//! state.

use std::io;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};
use tokio::sync::mpsc;

/// The signals that would end us, and that ask the command to end or to do something.
const CAUGHT: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// The signals that come to us.
#[derive(Debug)]
pub struct Signals(mpsc::UnboundedReceiver<Origin>);

impl Signals {
    /// From now on no signal of [`CAUGHT`] ends us.
    ///
    /// One that is ignored stays so, as `nohup` and a shell's `&` want it: the command inherits that.
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

    /// The next one.
    pub async fn next(&mut self) -> Origin {
        match self.0.recv().await {
            Some(origin) => origin,
            // The thread lives as long as we do.
            None => std::future::pending().await,
        }
    }
}

/// Passes a signal on to the command, unless it has it already.
pub fn pass_on(origin: &Origin, command: u32) {
    let Some(command) = i32::try_from(command).ok().filter(|command| !has_it(origin, *command)) else { return };
    if let (Some(command), Some(signal)) = (Pid::from_raw(command), Signal::from_named_raw(origin.signal)) {
        // It fails where the command has just ended, and then nobody is left to tell.
        let _ = kill_process(command, signal);
    }
}

/// Whether it came from the terminal, or from the command itself (`kill 0` in a trap).
fn has_it(origin: &Origin, command: i32) -> bool {
    match (origin.cause, &origin.process) {
        (Cause::Kernel, _) => true,
        // Where the kernel names no cause (macOS), it names the sender of what a process sent.
        (Cause::Unknown, None) => true,
        (_, Some(sender)) => sender.pid == command,
        (_, None) => false,
    }
}

/// The signals that are ignored, a bit for each. Where there is no /proc, none is known to be.
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
