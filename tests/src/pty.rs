//! A command in a terminal of its own, and what a person sees there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use crate::eventually;

/// How much of what was scrolled out is kept, in lines.
const SCROLLED: usize = 1000;

/// A terminal without a screen: what a person would see and type, and the terminal's path.
pub(crate) fn pseudoterminal() -> (File, String) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudoterminal");
    grantpt(&screen).and_then(|()| unlockpt(&screen)).expect("a pseudoterminal");
    let name = ptsname(&screen, Vec::new()).expect("its name").into_string().expect("a path");
    (File::from(screen), name)
}

/// Opens a terminal. While it is held, what was written there can be read.
pub(crate) fn terminal(name: &str) -> File {
    File::options().read(true).write(true).open(name).expect("a terminal")
}

/// The command in a session of its own, so that the first terminal that it opens, this one, becomes the one that it controls.
pub(crate) fn in_session(command: &Command, terminal: &str, flags: &[&str]) -> Command {
    let mut session = Command::new("setsid");
    session.args(flags).args(["sh", "-c", "exec \"$@\" <\"$0\" >\"$0\" 2>&1", terminal]);
    session.arg(command.get_program()).args(command.get_args()).env_clear().env("TERM", "xterm-256color");
    session.env("LANG", "C.UTF-8").envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    session.current_dir(command.get_current_dir().expect("a folder")).stdin(Stdio::null());
    session
}

/// A command that runs in a terminal, which it controls.
pub struct Pty {
    child: Child,
    screen: File,
    /// Held open, so that the terminal is there after the command.
    terminal: File,
    shown: Arc<Mutex<vt100::Parser>>,
    /// How the terminal was before the command.
    before: String,
}

impl Pty {
    /// Starts a command on a terminal of so many columns and rows.
    ///
    /// # Panics
    /// Where there are no pseudoterminals.
    #[must_use]
    pub fn start(command: &Command, columns: u16, rows: u16) -> Self {
        let (screen, name) = pseudoterminal();
        let terminal = terminal(&name);
        let before = modes(&terminal);
        let shown = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, SCROLLED)));
        resize(&screen, columns, rows);
        let child = in_session(command, &name, &[]).spawn().expect("the command starts");
        let (mut reader, parser) = (screen.try_clone().expect("a terminal"), Arc::clone(&shown));
        thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut part) {
                parser.lock().expect("a parser").process(&part[..count]);
            }
        });
        Self { child, screen, terminal, shown, before }
    }

    /// The rows of the screen, as a person sees them.
    ///
    /// # Panics
    /// Where the reader has panicked.
    #[must_use]
    pub fn seen(&self) -> String {
        self.shown.lock().expect("a parser").screen().contents()
    }

    /// All that was ever shown and not written over, from the first line on.
    ///
    /// # Panics
    /// Where the reader has panicked.
    #[must_use]
    pub fn all(&self) -> String {
        let mut parser = self.shown.lock().expect("a parser");
        let screen = parser.screen_mut();
        let (_, columns) = screen.size();
        screen.set_scrollback(SCROLLED);
        let mut lines = Vec::new();
        for above in (1..=screen.scrollback()).rev() {
            screen.set_scrollback(above);
            lines.extend(screen.rows(0, columns).next());
        }
        screen.set_scrollback(0);
        lines.extend(screen.rows(0, columns));
        lines.join("\n").trim_end().to_owned()
    }

    /// Waits until the screen has this in it.
    pub async fn shows(&self, text: &str) {
        let what = format!("the screen shows {text:?}");
        eventually(&what, async || self.seen().contains(text).then_some(())).await;
    }

    /// Gives the terminal another size, as a person does who pulls at its window.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.shown.lock().expect("a parser").screen_mut().set_size(rows, columns);
        resize(&self.screen, columns, rows);
    }

    /// Types this.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn types(&mut self, text: &str) {
        self.screen.write_all(text.as_bytes()).expect("the terminal takes what is typed");
    }

    /// Writes this to the terminal, as the next program does.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn writes(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).expect("the terminal takes what is written");
    }

    /// Sends the command a signal.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("the process takes a signal");
    }

    /// Whether it is stopped, as by Ctrl-Z.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("the command ends", async || self.child.try_wait().expect("a child can be waited for")).await
    }

    /// Whether the terminal takes what is typed as it did before.
    #[must_use]
    pub fn is_as_before(&self) -> bool {
        modes(&self.screen) == self.before
    }

    /// Waits until the terminal is as it was: what is typed is taken as before, and the next prompt has a line of its own, on the
    /// same screen, with a cursor.
    pub async fn is_right_again(&self) {
        let is_right = || {
            let parser = self.shown.lock().expect("a parser");
            let screen = parser.screen();
            let (row, column) = screen.cursor_position();
            let line = screen.rows(0, screen.size().1).nth(row.into()).unwrap_or_default();
            let is_own = column == 0 && line.is_empty();
            is_own && !screen.hide_cursor() && !screen.alternate_screen() && !screen.application_keypad()
        };
        let what = "the terminal is as it was";
        eventually(what, async || (self.is_as_before() && is_right()).then_some(())).await;
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- screen ---\n{}\n---", self.seen());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(terminal: &File, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).expect("a terminal");
}

fn modes(terminal: &File) -> String {
    format!("{:?}", tcgetattr(terminal).expect("a terminal"))
}
