//! `steps import`.

mod columns;
mod csv_rows;
mod dry_run;
mod folding;
mod format;
mod json_rows;
mod numbered;
mod read;
mod send;
mod source;

use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use clap::ValueHint;
use tokio::sync::mpsc;

use super::setup;
use crate::client::block_on;
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::terminal;
use columns::{Columns, Renamed};
use format::FileFormat;
use numbered::Numbered;
use read::Rows;
use send::ImportCounts;

/// The flags of `steps import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps import history.csv
  steps import --dry-run --tz Europe/Berlin jobs.csv.gz
  steps import --map run=pipeline_id,status=name,ended_at=end jobs.csv.gz
  steps list --format jsonl | steps import --server https://other.example.com -

CSV begins with the names of its columns, in any order, separated by commas, semicolons or tabs: component, version, \
owner, status, and ts or started_at; environment, run and id may follow, and for spans span, outcome, ended_at (or \
duration) and exit_code, as an export has them. JSON is an array of objects with the same members, or has one as \
\"steps\"; JSONL has an object on each line. Other columns are left aside and named. Files may be compressed with gzip, \
and in UTF-8 or UTF-16.

Times: RFC 3339, '2026-01-05 09:30:00', the same with an offset (+0100, +01:00, +00) or UTC, without seconds, or as \
seconds or milliseconds since 1970 (10 or 13 digits).

Wrong lines are reported and skipped, the others are recorded, and the exit code is 3. A row without an id gets one \
that is computed from its content and place. Importing the same file again, or a longer export of the same history, \
records nothing twice. Rows that are the same to the letter are one step.

A CSV that was exported with --safe has apostrophes in its texts. It is imported with --safe, which takes them out again; \
without, its rows are refused where they have any. It is known by the quotes around the names of its columns, which a \
spreadsheet leaves out when it saves the file.")]
pub struct Args {
    /// The file; - reads the standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// How the file is written [default: by its name, else by its first line]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// What the file calls columns: status=name takes its column "name" as the status; with ended_at or duration, each
    /// row is a span, which succeeded unless there is an outcome
    #[arg(long, value_name = "COLUMN=NAME,…", value_delimiter = ',')]
    map: Vec<Renamed>,
    /// The time zone of times that have none, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    tz: Tz,
    /// The CSV was made safe for spreadsheets (list --safe, safe=true): take the apostrophes out that were put in
    #[arg(long)]
    safe: bool,
    /// Show the first rows as they would be recorded, and what would be refused and why; record nothing
    #[arg(long)]
    dry_run: bool,
}

fn zone(name: &str) -> Result<Tz, String> {
    name.trim().parse().map_err(|_| "is no time zone that is known here; write UTC or Europe/Berlin".to_owned())
}

/// Imports a file.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { file, format, map, tz, safe, dry_run } = args;
    let columns = Columns::new(map, tz).map_err(|reason| Error::Usage(format!("--map: {reason}")))?;
    let name = if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
    let wrong = |reason: String| Error::Usage(format!("cannot import {name}: {reason}"));
    let (source, progress) = source::open(&file).map_err(|error| wrong(error.to_string()))?;
    let (first_line, source) = source::peek_line(source).map_err(|error| wrong(error.to_string()))?;
    let format = format.unwrap_or_else(|| FileFormat::detect(&file, &first_line));
    let rows = Numbered::new(Rows::begin(format, source, columns, safe).map_err(wrong)?);
    if dry_run {
        let refused = dry_run::run(rows, &name, &progress)?;
        return refusal(refused, "would be", &name);
    }

    let client = setup::client(&setup::settings(connection)?)?;
    let (sender, batches) = mpsc::channel(1);
    std::thread::spawn(move || read::send(rows, &sender));
    let result = block_on(async {
        let counts = send::send_all(&client, batches, &name, &progress).await;
        progress.finish_and_clear();
        let ImportCounts { recorded, already_recorded, refused } = counts?;
        terminal::say(format!(
            "imported {} steps: {recorded} recorded, {already_recorded} already recorded, {refused} refused",
            recorded + already_recorded
        ))?;
        folding::wait(&client).await;
        Ok(refused)
    });
    progress.finish_and_clear();
    let refused = result?;
    refusal(refused, if refused == 1 { "was" } else { "were" }, &name)
}

/// The error that says how many lines were refused, if any.
fn refusal(refused: u64, verb: &str, name: &str) -> Result<(), Error> {
    match refused {
        0 => Ok(()),
        1 => Err(Error::Refused(format!("1 line of {name} {verb} refused; it is named above"))),
        _ => Err(Error::Refused(format!("{refused} lines of {name} {verb} refused; they are named above"))),
    }
}

/// Reads bytes as a file of each format, to its end.
#[cfg(test)]
pub fn read_whatever_it_is(bytes: &[u8], format: usize, is_safe: bool) {
    let format = [FileFormat::Csv, FileFormat::Json, FileFormat::Jsonl][format];
    let columns = Columns::new(Vec::new(), Tz::UTC).unwrap();
    let source = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let Ok(rows) = Rows::begin(format, source, columns, is_safe) else { return };
    let mut rows = Numbered::new(rows);
    let mut last = 0;
    while let Ok(Some((place, _))) = rows.next() {
        assert!(place.line >= last, "the lines go on");
        last = place.line;
    }
}
