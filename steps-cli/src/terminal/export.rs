//! Exports: the body of an answer, written as it arrives.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Response;
use steps_shared::ListFormat;

use super::destination::Destination;
use super::line_ends::LineEnds;
use crate::client::Client;
use crate::error::Error;

/// Writes the body of an answer to its destination, in constant memory. CSV gets LF as its line end.
///
/// # Errors
/// The answer is incomplete, or the destination cannot be written.
pub async fn export(
    client: &Client,
    mut response: Response,
    format: ListFormat,
    mut destination: Destination,
) -> Result<(), Error> {
    let progress = spinner(&destination);
    let mut ends = LineEnds::default();
    while let Some(chunk) = client.next_chunk(&mut response).await? {
        match format {
            ListFormat::Csv => destination.write(&ends.turn(&chunk))?,
            ListFormat::Json | ListFormat::Jsonl | ListFormat::Xlsx => destination.write(&chunk)?,
        }
        progress.inc(chunk.len() as u64);
    }
    destination.write(ends.finish())?;
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
