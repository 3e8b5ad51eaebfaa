//! A line at the bottom of a terminal, below the output of another program, which writes to the same terminal by itself.
//!
//! The rest of the screen scrolls without it (DECSTBM). The line is written in one go, and the cursor is saved before and restored
//! after, so that the other program notices nothing. While that program reads single keys (an editor, a pager, a question for a
//! password), it has the whole screen. A [`Guardian`] gives the screen back where this process is killed.
//!
//! It has a thread of its own: a terminal that takes no output for a while holds up nobody else.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use rustix::termios::tcgetattr;
use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::guardian::{Guarded, Guardian};
use super::inline::Size;
use super::is_moving;

use super::keys::{SINGLE_KEYS, is_foreground};
use super::painted::Painted;

/// How often it looks what the other program does.
const TICK: Duration = Duration::from_millis(200);

/// How long the end waits for the terminal. The guardian goes on waiting.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// A terminal of fewer lines has no room for it.
const MIN_ROWS: u16 = 3;

/// A line at the bottom of the terminal that is the standard error.
#[derive(Debug)]
pub struct BottomLine {
    orders: Sender<Order>,
    ended: Receiver<()>,
    guardian: Option<Guardian>,
}

/// What the thread is told.
enum Order {
    /// Show this from now on.
    Show(Painted),
    /// Give the screen back for a while, and say so.
    Release(Sender<()>),
    /// Give the screen back, and end.
    End,
}

/// The terminal, and what was done to it.
struct Region {
    terminal: File,
    has_styles: bool,
    /// For which size the screen is divided.
    divided: Option<Size>,
    line: String,
    is_shown: bool,
}

impl BottomLine {
    /// Begins; `None` where the standard error is no terminal that can do that. Nothing is shown yet.
    pub fn begin() -> Option<Self> {
        let stderr = io::stderr();
        if !is_moving(&stderr) || !is_foreground(&stderr) {
            return None;
        }
        let terminal = stderr.as_fd().try_clone_to_owned().ok()?;
        let guardian = terminal.try_clone().ok().and_then(|terminal| Guardian::start(terminal, Guarded::Region));
        let has_styles = AutoStream::choice(&stderr) != ColorChoice::Never;
        let terminal = File::from(terminal);
        let region = Region { terminal, has_styles, divided: None, line: String::new(), is_shown: true };
        let ((orders, received), (ending, ended)) = (channel(), channel());
        let work = move || {
            run(region, &received);
            let _ = ending.send(());
        };
        thread::Builder::new().name("bottom line".to_owned()).spawn(work).ok()?;
        give_back_when_stopped(orders.clone());
        Some(Self { orders, ended, guardian })
    }

    /// Shows this from now on.
    pub fn show(&self, line: Painted) {
        let _ = self.orders.send(Order::Show(line));
    }

    /// The width of the line.
    pub fn width() -> u16 {
        Size::of(io::stderr()).line()
    }
}

impl Drop for BottomLine {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::End);
        let has_ended = self.ended.recv_timeout(LAST_WAIT).is_ok();
        if let Some(guardian) = self.guardian.take().filter(|_| has_ended) {
            guardian.dismiss();
        }
    }
}

/// Ctrl-Z gives the screen back first. Whatever is shown next divides it again.
fn give_back_when_stopped(orders: Sender<Order>) {
    let Ok(mut signals) = Signals::new([SIGTSTP]) else { return };
    let wait = move || {
        for _ in signals.forever() {
            let (sender, released) = channel();
            if orders.send(Order::Release(sender)).is_ok() {
                let _ = released.recv_timeout(LAST_WAIT);
            }
            let _ = emulate_default_handler(SIGTSTP);
        }
    };
    let _ = thread::Builder::new().name("stop".to_owned()).spawn(wait);
}

fn run(mut region: Region, orders: &Receiver<Order>) {
    loop {
        match orders.recv_timeout(TICK) {
            Ok(Order::Show(line)) => region.set(&line),
            Ok(Order::Release(released)) => {
                region.give_back();
                let _ = released.send(());
                continue;
            }
            Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => {
                region.give_back();
                return;
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        region.look();
    }
}

impl Region {
    fn set(&mut self, line: &Painted) {
        let styled = line.as_str();
        let line = if self.has_styles { styled.to_owned() } else { anstream::adapter::strip_str(styled).to_string() };
        self.is_shown &= line == self.line;
        self.line = line;
    }

    /// Does what is to be done now.
    fn look(&mut self) {
        if self.line.is_empty() || !is_foreground(&self.terminal) {
            return;
        }
        if !tcgetattr(&self.terminal).is_ok_and(|modes| modes.local_modes.contains(SINGLE_KEYS)) {
            // The other program draws the whole screen: what stands there is its own.
            if self.divided.take().is_some() {
                self.write(whole_screen());
            }
            return;
        }
        let size = Size::of(&self.terminal);
        if self.divided != Some(size) {
            if size.rows < MIN_ROWS {
                self.give_back();
                return;
            }
            let was_divided = self.divided.replace(size).is_some();
            self.write(&divide(size, was_divided));
            self.is_shown = false;
        }
        if !self.is_shown {
            self.is_shown = true;
            let text = format!("\x1b7\x1b[{};1H{}\x1b[K\x1b8", size.rows, self.line);
            self.write(&text);
        }
    }

    fn give_back(&mut self) {
        if let Some(size) = self.divided.take() {
            self.write(&format!("\x1b7\x1b[r\x1b[{};1H\x1b[2K\x1b8", size.rows));
        }
        self.is_shown = false;
    }

    /// In one go: nothing of the other program comes in between.
    fn write(&mut self, text: &str) {
        let _ = self.terminal.write_all(text.as_bytes());
    }
}

/// The whole screen scrolls; the cursor stays where it is.
fn whole_screen() -> &'static str {
    "\x1b7\x1b[r\x1b8"
}

/// All lines but the last scroll. The cursor is moved up from the last with its text. After another size, what was the last line stands
/// anywhere below the cursor. (A vertical tab moves down, and scrolls, without a return to the first column.)
fn divide(size: Size, was_divided: bool) -> String {
    let clear = if was_divided { "\x1b[J" } else { "" };
    format!("{}{clear}\x0b\x1b[A\x1b7\x1b[1;{}r\x1b8", whole_screen(), size.rows - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(terminal: &vt100::Parser) -> Vec<String> {
        let (_, columns) = terminal.screen().size();
        terminal.screen().rows(0, columns).collect()
    }

    #[test]
    fn text_scrolls_above_the_line() {
        let size = Size { columns: 20, rows: 4 };
        let mut terminal = vt100::Parser::new(size.rows, size.columns, 10);
        terminal.process(b"1\r\n2\r\n3\r\nhalf a li");
        terminal.process(divide(size, false).as_bytes());
        terminal.process(b"\x1b7\x1b[4;1Hbar\x1b[K\x1b8ne\r\n5\r\n");
        assert_eq!(rows(&terminal), ["half a line", "5", "", "bar"]);
        terminal.process(b"6\r\n\x1b7\x1b[r\x1b[4;1H\x1b[2K\x1b8");
        terminal.process(b"7\r\n8\r\n");
        assert_eq!(rows(&terminal), ["6", "7", "8", ""]);
    }
}
