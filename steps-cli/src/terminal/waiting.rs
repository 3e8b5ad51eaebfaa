//! A line on the standard error, where that is a terminal, that says what is waited for.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::is_moving;
use super::painted::Painted;
use crate::client::{Folding, Patience};

/// How often the line moves, so that one sees that the command does.
const TICK: Duration = Duration::from_millis(100);

/// While nobody knows how long it takes.
const UNKNOWN: &str = "{spinner} waiting, {elapsed}: {wide_msg}";

/// While the server folds.
const FOLDING: &str = "{spinner} waiting, {elapsed}: the server folds {bar:20} {human_pos} of {human_len} changes";

/// The line, while there is one.
#[derive(Debug, Default)]
pub struct WaitingLine {
    line: Mutex<Option<ProgressBar>>,
}

impl WaitingLine {
    /// A line on the standard error, where that is a terminal.
    pub fn on_terminal() -> Option<Self> {
        is_moving(&io::stderr()).then(Self::default)
    }

    fn with_line<T>(&self, act: impl FnOnce(&mut Option<ProgressBar>) -> T) -> T {
        // What a panic has left behind is a line like any other.
        act(&mut self.line.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Patience for WaitingLine {
    fn waits(&self, reason: &str, folding: Option<Folding>) {
        self.with_line(|line| {
            let bar = line.get_or_insert_with(|| {
                let bar = ProgressBar::no_length();
                bar.enable_steady_tick(TICK);
                bar
            });
            let template = if folding.is_some() { FOLDING } else { UNKNOWN };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            if let Some(Folding { all, left }) = folding {
                bar.set_length(all);
                bar.set_position(all.saturating_sub(left));
            }
            bar.set_message(Painted::plain(reason).to_string());
        });
    }

    fn ends(&self) {
        self.with_line(|line| {
            if let Some(bar) = line.take() {
                bar.finish_and_clear();
            }
        });
    }
}

impl Drop for WaitingLine {
    fn drop(&mut self) {
        self.ends();
    }
}
