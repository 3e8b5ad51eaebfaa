//! `steps import`.

mod columns;
mod csv_rows;
mod read;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::{ValueEnum, ValueHint};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use steps_shared::{BatchAnswer, FieldErrors, LineResult};
use tokio::sync::mpsc;

use super::setup;
use crate::client::{Client, block_on};
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::terminal;
use csv_rows::Input;
use read::{Batch, Rows};

/// How many batches are sent at once.
const IN_FLIGHT: usize = 2;

/// The first pause before a batch is sent again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The flags of `steps import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps import history.csv
  steps list --format jsonl | steps import --server https://other.example.com -

CSV begins with the names of its columns, in any order: component, version, owner, status, and ts or started_at \
(RFC 3339, or '2026-01-05 09:30:00' in UTC); environment, run and id may follow, and for spans span, outcome, \
ended_at and exit_code, as an export has them. JSONL has an object with the same members on each line. Wrong \
lines are reported and skipped, the others are recorded, and the exit code is 3.

A row without an id gets one that is computed from its content and place. Importing the same file again, or a longer \
export of the same history, records nothing twice.")]
pub struct Args {
    /// The file; - reads the standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// How the file is written [default: by its name, else by its first character]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FileFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    /// Comma-separated, with a header
    Csv,
    /// One JSON object a line
    Jsonl,
}

/// How many steps were recorded, and lines refused.
#[derive(Debug, Default)]
struct ImportCounts {
    recorded: u64,
    already_recorded: u64,
    refused: u64,
}

/// Imports a file.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { file, format } = args;
    let client = setup::client(&setup::settings(connection)?)?;
    let name = if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
    let wrong = |reason: String| Error::Usage(format!("cannot import {name}: {reason}"));
    let (mut source, progress) = open(&file).map_err(|error| wrong(error.to_string()))?;
    let format = match format.or_else(|| format_of_name(&file)) {
        Some(format) => format,
        None => format_of_content(&mut source).map_err(|error| wrong(error.to_string()))?,
    };
    let rows = match format {
        FileFormat::Csv => Rows::csv(source).map_err(wrong)?,
        FileFormat::Jsonl => Rows::Jsonl(source, 0),
    };

    let (sender, batches) = mpsc::channel(1);
    std::thread::spawn(move || rows.send(&sender));
    let result = block_on(send_all(&client, batches, &name, &progress));
    progress.finish_and_clear();
    let ImportCounts { recorded, already_recorded, refused } = result?;
    terminal::print(format!(
        "imported {} steps: {recorded} recorded, {already_recorded} already recorded, {refused} refused\n",
        recorded + already_recorded
    ))?;
    match refused {
        0 => Ok(()),
        1 => Err(Error::Refused(format!("1 line of {name} was refused; it is named above"))),
        _ => Err(Error::Refused(format!("{refused} lines of {name} were refused; they are named above"))),
    }
}

/// Opens the file, with a bar of how much of it was read, which is drawn on a terminal only.
fn open(file: &Path) -> io::Result<(Input, ProgressBar)> {
    let (source, length): (Box<dyn Read + Send>, _) = if file == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(file)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        (Box::new(file), metadata.is_file().then_some(metadata.len()))
    };
    let (progress, template) = match length {
        Some(length) => (ProgressBar::new(length), "{bar:40} {binary_bytes}/{binary_total_bytes} {msg} {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {binary_bytes} {msg}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        progress.set_style(style);
    }
    Ok((Box::new(BufReader::with_capacity(64 * 1024, progress.wrap_read(source))), progress))
}

fn format_of_name(file: &Path) -> Option<FileFormat> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(FileFormat::Csv),
        "jsonl" | "ndjson" => Some(FileFormat::Jsonl),
        _ => None,
    }
}

fn format_of_content(source: &mut impl BufRead) -> io::Result<FileFormat> {
    let start = source.fill_buf()?;
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
    Ok(if start.starts_with(b"{") { FileFormat::Jsonl } else { FileFormat::Csv })
}

/// Sends the batches in the order of the file, [`IN_FLIGHT`] at a time, and prints what is wrong with which line.
async fn send_all(
    client: &Client,
    batches: mpsc::Receiver<io::Result<Batch>>,
    name: &str,
    progress: &ProgressBar,
) -> Result<ImportCounts, Error> {
    let batches = stream::unfold(batches, |mut batches| async { batches.recv().await.map(|batch| (batch, batches)) });
    let sent = batches.map(|batch| async {
        let Batch { body, lines, refused, last_line } = batch.map_err(|error| Error::Failed(error.to_string()))?;
        let answer = if lines.is_empty() { BatchAnswer::default() } else { send(client, body.into(), &lines).await? };
        Ok((answer, lines, refused, last_line))
    });
    let mut sent = std::pin::pin!(sent.buffered(IN_FLIGHT));
    let mut counts = ImportCounts::default();
    let mut done = 0;
    while let Some(outcome) = sent.next().await {
        let (answer, lines, mut refused, last_line) = outcome.map_err(|error| with_place(error, name, done))?;
        counts.refused += refused.len() as u64 + answer.refused;
        let of_server = answer.steps.into_iter().filter(|line| line.result == LineResult::Refused);
        refused.extend(of_server.filter_map(|line| {
            let place = lines.get(line.line.checked_sub(1)?)?;
            Some((*place, FieldErrors(line.errors).to_string()))
        }));
        refused.sort_by_key(|(line, _)| *line);
        counts.recorded += answer.recorded;
        counts.already_recorded += answer.already_recorded;
        progress
            .suspend(|| refused.iter().for_each(|(line, reason)| terminal::note(format!("{name}:{line}: {reason}"))));
        progress.set_message(format!("{} steps", counts.recorded + counts.already_recorded));
        done = done.max(last_line);
    }
    Ok(counts)
}

/// Sends a batch; after a transient error again, until the timeout. The ids keep steps from being recorded twice.
async fn send(client: &Client, body: Bytes, lines: &[u64]) -> Result<BatchAnswer, Error> {
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE;
    let answer = loop {
        match client.batch(body.clone()).await {
            Ok(answer) => break answer,
            Err(error) => {
                let wait = error.retry_after.unwrap_or_default().max(pause);
                if !error.transient || begun.elapsed() + wait >= client.timeout() {
                    return Err(error.error);
                }
                tokio::time::sleep(wait).await;
                pause *= 2;
            }
        }
    };
    let BatchAnswer { recorded, already_recorded, refused, steps: _ } = &answer;
    if recorded.saturating_add(*already_recorded).saturating_add(*refused) == lines.len() as u64 {
        Ok(answer)
    } else {
        Err(Error::Failed("the server's answer does not cover every line; is --server right?".to_owned()))
    }
}

/// Adds to an error how far the import came, and what to do.
fn with_place(error: Error, name: &str, done: u64) -> Error {
    let place = match done {
        0 => format!("nothing of {name} is known to be recorded"),
        line => format!("{name} is imported up to line {line}"),
    };
    let advice = format!("; {place}; importing it again is safe");
    match error {
        Error::Refused(message) => Error::Refused(message + &advice),
        Error::Failed(message) => Error::Failed(message + &advice),
        other => other,
    }
}
