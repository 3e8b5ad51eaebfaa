//! Exports: the body of an answer, written as it arrives.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Response;
use steps_shared::ListFormat;

use super::destination::Destination;
use super::line_ends::LineEnds;
use super::screen::ScreenText;
use crate::client::Client;
use crate::error::Error;

/// Writes the body of an answer to its destination, in constant memory. CSV gets LF as its line end; a terminal gets hidden
/// characters escaped.
///
/// # Errors
/// The answer is incomplete, or the destination cannot be written.
pub async fn export(
    client: &Client,
    response: Response,
    format: ListFormat,
    mut destination: Destination,
) -> Result<Exported, Error> {
    let mut body = client.body(response);
    body.expect_list(format)?;
    let progress = spinner(&destination);
    let mut ends = LineEnds::default();
    let mut exported = Exported { format, lines: 0, bytes: 0, head: Vec::new() };
    let mut screen = destination.is_terminal().then(|| ScreenText::new(format));
    let mut write = |bytes: &[u8], destination: &mut Destination| match &mut screen {
        Some(screen) => destination.write(screen.turn(bytes).as_bytes()),
        None => destination.write(bytes),
    };
    while let Some(chunk) = body.next_chunk().await? {
        match format {
            ListFormat::Csv => write(&ends.turn(&chunk), &mut destination)?,
            ListFormat::Json | ListFormat::Jsonl | ListFormat::Xlsx => write(&chunk, &mut destination)?,
        }
        exported.count(&chunk);
        progress.inc(chunk.len() as u64);
    }
    write(ends.finish(), &mut destination)?;
    destination.write(screen.map(ScreenText::finish).unwrap_or_default().as_bytes())?;
    destination.finish()?;
    progress.finish_and_clear();
    Ok(exported)
}

/// What has been written.
#[derive(Debug)]
pub struct Exported {
    format: ListFormat,
    lines: u64,
    bytes: u64,
    head: Vec<u8>,
}

/// How much of a document is looked at, to see whether it is empty.
const HEAD: usize = 1024;

impl Exported {
    fn count(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        self.lines += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        let room = HEAD.saturating_sub(self.head.len()).min(chunk.len());
        self.head.extend_from_slice(&chunk[..room]);
    }

    /// Whether it has no rows. Of a workbook nobody knows.
    pub fn is_empty(&self) -> bool {
        match self.format {
            ListFormat::Csv => self.lines <= 1,
            ListFormat::Jsonl => self.bytes == 0,
            ListFormat::Json => {
                let text: Vec<u8> = self.head.iter().filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
                self.bytes <= HEAD as u64 && (text == b"[]" || text.ends_with(b":[]}"))
            }
            ListFormat::Xlsx => false,
        }
    }
}

/// Shows on the standard error how much has arrived; only where that is a terminal and a file is written.
fn spinner(destination: &Destination) -> ProgressBar {
    if matches!(destination, Destination::Stdout(_)) {
        return ProgressBar::hidden();
    }
    let progress = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {binary_bytes} in {elapsed}") {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(100));
    progress
}
