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

/// The modes that are changed: where one of these is off, a program reads single keys, or hides what is typed.
pub const SINGLE_KEYS: LocalModes = LocalModes::ICANON.union(LocalModes::ECHO);

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
        Self::of(io::stdin().as_fd().try_clone_to_owned().ok().filter(OwnedFd::is_terminal)?)
    }

    fn of(terminal: OwnedFd) -> Option<Self> {
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
        modes.local_modes -= SINGLE_KEYS;
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
    match quit_key(typed) {
        Some(b'\x1b') => {
            let stdin = io::stdin();
            let mut more = [PollFd::new(&stdin, PollFlags::IN)];
            !matches!(poll(&mut more, Some(&ONE_KEY)), Ok(1..))
        }
        key => key.is_some(),
    }
}

/// A `q`, or an Esc that nothing follows. Other keys are sent as Esc, `[` or `O`, and what ends with a letter or `~`; with Alt, as Esc and
/// the key.
fn quit_key(typed: &[u8]) -> Option<u8> {
    let mut keys = typed.iter().copied();
    loop {
        match keys.next()? {
            b'\x1b' => match keys.next() {
                None => return Some(b'\x1b'),
                Some(b'[' | b'O') => drop(keys.find(|byte| matches!(byte, b'@'..=b'Z' | b'a'..=b'~'))),
                Some(_) => {}
            },
            key @ (b'q' | b'Q') => return Some(key),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    #[test]
    fn keys_that_end() {
        let ends = |typed: &[u8]| quit_key(typed).is_some();
        assert!(ends(b"q") && ends(b"xQ") && ends(b"\x1b") && ends(b"\x1b[Aq") && ends(b"\x1b[15~\x1b"));
        assert!(!ends(b"x") && !ends(b"\x1b[A") && !ends(b"\x1bOq") && !ends(b"\x1bq") && !ends(b"\x1b[1;5C"));
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).and_then(|()| unlockpt(&screen)).unwrap();
        let path = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options().read(true).write(true).open(path).unwrap();
        let modes = || format!("{:?}", tcgetattr(&terminal).unwrap());
        let before = modes();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let keys = Keys::of(terminal.try_clone().unwrap().into()).unwrap();
            assert!(keys.guardian.is_some());
            assert!(!tcgetattr(&terminal).unwrap().local_modes.intersects(SINGLE_KEYS));
            keys.put_back();
            assert_eq!(modes(), before);
            keys.set();
            panic!("on purpose");
        }));
        let message = panicked.unwrap_err();
        assert_eq!((message.downcast_ref(), modes()), (Some(&"on purpose"), before));
    }
}
