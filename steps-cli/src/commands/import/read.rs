//! Reads a file into batches, on a thread of its own: a slow pipe must not delay the requests.

use std::fmt;
use std::io::{self, BufRead, Read as _};

use steps_shared::{MAX_BATCH_BYTES, NewStep};
use tokio::sync::mpsc;

use super::columns::Columns;
use super::csv_rows::CsvRows;
use super::format::FileFormat;
use super::json_rows::{Elements, Members};
use super::numbered::Numbered;
use super::source::Input;

/// The longest row of a file, in bytes. A step has 10 kB at most.
pub const MAX_ROW_BYTES: usize = 1024 * 1024;

/// The longest reason that is told of one row, in characters; what is wrong in it may be as long as the row.
const MAX_REASON: usize = 1000;

/// How many lines go into one batch.
const BATCH_LINES: usize = 1000;

/// What is left of the largest body when a line may still be added: no step is as long as this.
const SPARE_BYTES: usize = 64 * 1024;

/// Where a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The line of the file, from 1.
    pub line: u64,
    /// Of a JSON document: which element it is, from 1.
    pub element: Option<u64>,
}

/// A row: where it is, and the step or what is wrong with it.
pub type Row = (Place, Result<NewStep, String>);

/// Some rows of the file, in its order.
#[derive(Debug, Default)]
pub struct Batch {
    /// The steps as NDJSON.
    pub body: Vec<u8>,
    /// The place in the file of each step of the body.
    pub places: Vec<Place>,
    /// The rows that are no steps, and why.
    pub refused: Vec<(Place, String)>,
    /// What is to be told beside.
    pub notes: Vec<String>,
    /// The last line of the batch.
    pub last_line: u64,
}

/// The rows of a file.
pub struct Rows {
    format: Format,
    columns: Columns,
}

enum Format {
    /// CSV, whose header was read.
    Csv(Box<CsvRows>),
    /// A JSON document; so many elements were read.
    Json(Elements, u64),
    /// One JSON object a line; so many lines were read.
    Jsonl(Input, u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.line)?;
        self.element.map_or(Ok(()), |element| write!(f, " step {element}:"))
    }
}

impl Rows {
    /// Begins to read; of CSV the header.
    ///
    /// # Errors
    /// A file that cannot be read, or a header that is wrong.
    pub fn begin(format: FileFormat, source: Input, mut columns: Columns, is_safe: bool) -> Result<Self, String> {
        let format = match format {
            FileFormat::Json | FileFormat::Jsonl if is_safe => {
                return Err("--safe is of csv; no text of json is changed for spreadsheets".to_owned());
            }
            FileFormat::Csv => Format::Csv(Box::new(CsvRows::begin(source, &mut columns, is_safe)?)),
            FileFormat::Json => Format::Json(Elements::new(source), 0),
            FileFormat::Jsonl => Format::Jsonl(source, 0),
        };
        Ok(Self { format, columns })
    }

    /// The next row; its step has an id only where the file gives one.
    ///
    /// # Errors
    /// The file cannot be read, or goes on as no file of its format does.
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        let row = self.read()?;
        Ok(row.map(|(place, step)| (place, step.map_err(shortened))))
    }

    fn read(&mut self) -> io::Result<Option<Row>> {
        let Self { format, columns } = self;
        match format {
            Format::Csv(rows) => {
                let row = rows.next()?;
                let place = |line| Place { line, element: None };
                Ok(row.map(|(line, row)| (place(line), row.and_then(|fields| columns.step(fields)))))
            }
            Format::Json(elements, count) => Ok(elements.next()?.map(|(line, element)| {
                *count += 1;
                (Place { line, element: Some(*count) }, json_step(&element, columns))
            })),
            Format::Jsonl(source, line) => loop {
                let mut text = Vec::new();
                if source.by_ref().take(MAX_ROW_BYTES as u64 + 1).read_until(b'\n', &mut text)? == 0 {
                    return Ok(None);
                }
                *line += 1;
                if text.len() > MAX_ROW_BYTES {
                    let reason = format!("line {line} is longer than 1 MiB");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
                }
                if !text.trim_ascii().is_empty() {
                    return Ok(Some((Place { line: *line, element: None }, json_step(&text, columns))));
                }
            },
        }
    }

    /// What is to be told of the columns, once.
    pub fn notes(&mut self) -> Vec<String> {
        self.columns.notes()
    }
}

/// Sends batches until the end of the file, or until the receiver is gone.
pub fn send(mut rows: Numbered, batches: &mpsc::Sender<io::Result<Batch>>) {
    let mut batch = Batch::default();
    loop {
        let row = rows.next();
        let done = match row {
            Ok(Some((place, row))) => {
                batch.push(place, row);
                if !batch.is_full() {
                    continue;
                }
                None
            }
            Ok(None) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        };
        batch.notes = rows.notes();
        // Without a receiver an error was reported already.
        if batches.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
            return;
        }
        match done {
            None => {}
            Some(Ok(())) => return,
            Some(Err(error)) => {
                let _ = batches.blocking_send(Err(error));
                return;
            }
        }
    }
}

impl Batch {
    fn push(&mut self, place: Place, row: Result<NewStep, String>) {
        self.last_line = place.line;
        let written = row.and_then(|step| serde_json::to_vec(&step).map_err(|error| error.to_string()));
        match written {
            Ok(json) => {
                self.body.extend_from_slice(&json);
                self.body.push(b'\n');
                self.places.push(place);
            }
            Err(reason) => self.refused.push((place, reason)),
        }
    }

    fn is_full(&self) -> bool {
        self.places.len() >= BATCH_LINES
            || self.refused.len() >= BATCH_LINES
            || self.body.len() > MAX_BATCH_BYTES - SPARE_BYTES
    }
}

fn shortened(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

fn json_step(text: &[u8], columns: &mut Columns) -> Result<NewStep, String> {
    let mut foreign = Vec::new();
    let members = Members::read(text)?;
    let mut wanted = |name: &str| match columns.member(name) {
        Ok(known) => !known.is_empty(),
        Err(reason) => {
            foreign.push(reason);
            false
        }
    };
    let texts = members.into_texts(&mut wanted).map_err(|errors| errors.to_string())?;
    if !foreign.is_empty() {
        return Err(foreign.join("; "));
    }
    let mut fields = Vec::new();
    for (name, value) in texts {
        let known = columns.member(&name)?;
        fields.extend(known.into_iter().map(|column| (column, value.clone())));
    }
    columns.step(fields)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
