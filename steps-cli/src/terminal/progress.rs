//! How far an export is, on the standard error where that is a terminal.

use std::io;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use steps_shared::view::words::grouped;

use super::destination::Destination;

/// How often it is written again.
const TICK: Duration = Duration::from_millis(100);

/// While it is not known how many rows are to come.
const UNKNOWN: &str = "{spinner} {msg}, {elapsed}";

/// Where it is known.
const KNOWN: &str = "{bar:20} {msg}, {elapsed}, {eta} left";

/// How many rows and bytes have come.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: ProgressBar,
    begun: Instant,
    bytes: u64,
    rows: Option<u64>,
    /// How many rows come in all, where that is known.
    all: Option<u64>,
}

impl Progress {
    /// Of an export to this destination: nothing is shown beside what is written to a terminal, or to a program that may show it
    /// on one.
    pub fn new(destination: &Destination) -> Self {
        let bar = if destination.is_file() && super::is_moving(&io::stderr()) {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        set_style(&bar, UNKNOWN);
        let progress = Self { bar, begun: Instant::now(), bytes: 0, rows: None, all: None };
        progress.show();
        progress.bar.enable_steady_tick(TICK);
        progress
    }

    /// Whether somebody sees it.
    pub fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// So many rows come in all.
    pub fn expect(&mut self, rows: u64) {
        self.all = Some(rows);
        self.bar.set_length(rows);
        set_style(&self.bar, KNOWN);
        self.show();
    }

    /// So much has come in all; of a workbook nobody sees how many rows that is.
    pub fn set(&mut self, rows: Option<u64>, bytes: u64) {
        (self.rows, self.bytes) = (rows, bytes);
        self.show();
    }

    fn show(&self) {
        if let Some(rows) = self.rows {
            self.bar.set_position(self.all.map_or(rows, |all| rows.min(all)));
        }
        self.bar.set_message(text(self.rows, self.all, self.bytes, self.begun.elapsed()));
    }

    /// Nothing comes any more.
    pub fn end(self) {
        self.bar.finish_and_clear();
    }
}

fn set_style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

fn text(rows: Option<u64>, all: Option<u64>, bytes: u64, elapsed: Duration) -> String {
    let mb = bytes as f64 / 1e6;
    let speed = format!("{:.1} MB/s", mb / elapsed.as_secs_f64().max(0.001));
    match (rows, all) {
        (Some(rows), Some(all)) => format!("{} of {} rows, {speed}", grouped(rows.min(all)), grouped(all)),
        (Some(rows), None) => format!("{} rows, {mb:.1} MB, {speed}", grouped(rows)),
        (None, _) => format!("{mb:.1} MB, {speed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_many_rows_of_how_many_and_how_fast() {
        let second = Duration::from_secs(2);
        assert_eq!(text(Some(1234), Some(526_000), 3_000_000, second), "1,234 of 526,000 rows, 1.5 MB/s");
        assert_eq!(text(Some(1234), None, 3_000_000, second), "1,234 rows, 3.0 MB, 1.5 MB/s");
        assert_eq!(text(None, None, 3_000_000, second), "3.0 MB, 1.5 MB/s");
        // More may be recorded meanwhile.
        assert_eq!(text(Some(11), Some(10), 1000, second), "10 of 10 rows, 0.0 MB/s");
    }
}
