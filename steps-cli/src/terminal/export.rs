//! Exports: the body of an answer, written as it arrives.

use std::future::ready;
use std::pin::pin;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use reqwest::Response;
use steps_shared::ListFormat;

use super::destination::Destination;
use super::line_ends::LineEnds;
use super::progress::Progress;
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
    destination: Destination,
) -> Result<Exported, Error> {
    export_of(client, response, format, destination, ready(None)).await
}

/// The same; `rows` finds out how many rows there are, while they come. It is asked only where somebody sees how far the export
/// is.
pub async fn export_of(
    client: &Client,
    response: Response,
    format: ListFormat,
    mut destination: Destination,
    rows: impl Future<Output = Option<u64>>,
) -> Result<Exported, Error> {
    let mut body = client.body(response);
    body.expect_list(format)?;
    let mut progress = Progress::new(&destination);
    let is_shown = progress.is_shown() && format != ListFormat::Xlsx;
    let mut rows = pin!(async { if is_shown { rows.await } else { None } }.fuse());
    let mut ends = LineEnds::default();
    let mut exported = Exported { format, lines: 0, bytes: 0, head: Vec::new() };
    let mut screen = destination.is_terminal().then(|| ScreenText::new(format));
    let mut write = |bytes: &[u8], destination: &mut Destination| match &mut screen {
        Some(screen) => destination.write(screen.turn(bytes).as_bytes()),
        None => destination.write(bytes),
    };
    loop {
        let next = pin!(body.next_chunk());
        let chunk = match select(next, &mut rows).await {
            Either::Left((chunk, _)) => chunk?,
            Either::Right((all, next)) => {
                if let Some(all) = all {
                    progress.expect(all);
                }
                next.await?
            }
        };
        let Some(chunk) = chunk else { break };
        match format {
            ListFormat::Csv => write(&ends.turn(&chunk), &mut destination)?,
            ListFormat::Json | ListFormat::Jsonl | ListFormat::Xlsx => write(&chunk, &mut destination)?,
        }
        exported.count(&chunk);
        progress.set(exported.rows(), exported.bytes);
    }
    write(ends.finish(), &mut destination)?;
    destination.write(screen.map(ScreenText::finish).unwrap_or_default().as_bytes())?;
    destination.finish()?;
    progress.end();
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

    /// How many rows there are, by the lines. Of a workbook nobody knows.
    fn rows(&self) -> Option<u64> {
        match self.format {
            ListFormat::Csv => Some(self.lines.saturating_sub(1)),
            ListFormat::Json | ListFormat::Jsonl => Some(self.lines),
            ListFormat::Xlsx => None,
        }
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
