//! Single keys from a terminal.
//!
//! Only two modes of the terminal are changed: what is typed comes at once, and is not shown. Ctrl-C and Ctrl-Z stay signals, and lines
//! that are written end as before. The modes before are put back when a [`Keys`] is dropped, also by a panic, and by a [`Guardian`]
//! where this process is killed.

use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use tokio::sync::mpsc;

use super::guardian::{Guarded, Guardian};

/// What follows an Esc so soon is of the same key, such as an arrow.
const ONE_KEY: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The modes that are changed.
const CHANGED: LocalModes = LocalModes::ICANON.union(LocalModes::ECHO);

/// A terminal whose keys are read one by one.
#[derive(Debug)]
pub struct Keys {
    terminal: OwnedFd,
    before: Termios,
    guardian: Option<Guardian>,
}

impl Keys {
    /// Begins, where the standard input is a terminal that this process is in the foreground of.
    pub fn begin() -> Option<Self> {
        let terminal = io::stdin().as_fd().try_clone_to_owned().ok().filter(OwnedFd::is_terminal)?;
        let before = tcgetattr(&terminal).ok().filter(|_| is_foreground(&terminal))?;
        let guardian = terminal.try_clone().ok().and_then(|terminal| Guardian::start(terminal, Guarded::Modes));
        let mut keys = Self { terminal, before, guardian };
        keys.set();
        if let Some(guardian) = &mut keys.guardian {
            guardian.changed();
        }
        Some(keys)
    }

    /// Changes the modes, again after [`Self::put_back`].
    pub fn set(&self) {
        let mut modes = self.before.clone();
        modes.local_modes -= CHANGED;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        self.apply(&modes);
    }

    /// Puts back the modes before.
    pub fn put_back(&self) {
        self.apply(&self.before);
    }

    /// What is in the background must not: it would be stopped, and the modes are those of another process.
    fn apply(&self, modes: &Termios) {
        if is_foreground(&self.terminal) {
            // Where it fails, the terminal is gone.
            let _ = tcsetattr(&self.terminal, OptionalActions::Now, modes);
        }
    }

    /// Whether a key was `q` or Esc, each time one comes. The thread ends with the process.
    pub fn quits() -> mpsc::UnboundedReceiver<()> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let read = move || {
            let mut typed = [0; 64];
            loop {
                match rustix::io::read(io::stdin(), &mut typed) {
                    Ok(count @ 1..) if is_quit(&typed[..count]) && sender.send(()).is_err() => return,
                    Ok(1..) | Err(Errno::INTR) => {}
                    Ok(0) | Err(_) => return,
                }
            }
        };
        // Without it, Ctrl-C ends the view.
        let _ = thread::Builder::new().name("keys".to_owned()).spawn(read);
        receiver
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.put_back();
        if let Some(guardian) = self.guardian.take() {
            guardian.dismiss();
        }
    }
}

/// Whether this process is in the foreground of the terminal.
pub fn is_foreground(terminal: impl std::os::fd::AsFd) -> bool {
    // A terminal that is nobody's cannot have stopped anybody.
    tcgetpgrp(terminal).map_or(true, |group| group == getpgrp())
}

fn is_quit(typed: &[u8]) -> bool {
    match typed {
        [.., 0x1b] => {
            let stdin = io::stdin();
            let mut more = [PollFd::new(&stdin, PollFlags::IN)];
            !matches!(poll(&mut more, Some(&ONE_KEY)), Ok(1..))
        }
        typed => typed.first() != Some(&0x1b) && typed.iter().any(|key| matches!(key, b'q' | b'Q')),
    }
}
