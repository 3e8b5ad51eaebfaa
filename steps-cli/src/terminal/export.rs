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
) -> Result<(), Error> {
    let mut body = client.body(response);
    body.expect_list(format)?;
    let progress = spinner(&destination);
    let mut ends = LineEnds::default();
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
        progress.inc(chunk.len() as u64);
    }
    write(ends.finish(), &mut destination)?;
    destination.write(screen.map(ScreenText::finish).unwrap_or_default().as_bytes())?;
    destination.finish()?;
    progress.finish_and_clear();
    Ok(())
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
