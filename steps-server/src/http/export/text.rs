//! CSV, JSON and JSONL: rows to bytes. Pure.

use std::io;

use csv::{QuoteStyle, Terminator, WriterBuilder};
use steps_shared::{Cell, ListColumn as _, ListFormat, Resource, neutralized};
use uuid::Uuid;

use super::layout::Layout;

/// Writes a list part by part.
#[derive(Debug)]
pub struct TextWriter<R: Resource> {
    layout: Layout<R::Column>,
    /// Whether a row has been written: in JSON the next one needs a comma.
    begun: bool,
}

impl<R: Resource> TextWriter<R> {
    /// A writer that has written nothing yet.
    pub fn new(layout: Layout<R::Column>) -> Self {
        Self { layout, begun: false }
    }

    /// What stands before the first row.
    pub fn head(&self) -> io::Result<Vec<u8>> {
        match self.layout.format {
            ListFormat::Csv => csv_records(self.layout.safe, |csv| {
                csv.write_record(self.layout.columns.iter().map(|column| column.name()))
            }),
            ListFormat::Json => Ok(format!(r#"{{"{}":["#, R::NAME).into_bytes()),
            ListFormat::Jsonl | ListFormat::Xlsx => Ok(Vec::new()),
        }
    }

    /// The next rows.
    pub fn rows(&mut self, rows: &[R]) -> io::Result<Vec<u8>> {
        match self.layout.format {
            ListFormat::Csv => csv_records(self.layout.safe, |csv| {
                let safe = self.layout.safe;
                rows.iter().try_for_each(|row| {
                    self.layout.columns.iter().try_for_each(|column| csv_field(csv, row.cell(*column), safe))?;
                    csv.write_record(None::<&[u8]>)
                })
            }),
            ListFormat::Json | ListFormat::Jsonl | ListFormat::Xlsx => self.json_rows(rows),
        }
    }

    /// What stands behind the last row.
    pub fn foot(&self) -> &'static [u8] {
        match self.layout.format {
            ListFormat::Json => b"\n]}\n",
            ListFormat::Csv | ListFormat::Jsonl | ListFormat::Xlsx => b"",
        }
    }

    fn json_rows(&mut self, rows: &[R]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(rows.len() * 256);
        for row in rows {
            if self.layout.format == ListFormat::Json {
                bytes.extend_from_slice(if self.begun { b",\n" } else { b"\n" });
                self.begun = true;
            }
            serde_json::to_writer(&mut bytes, &self.layout.object(row))?;
            if self.layout.format == ListFormat::Jsonl {
                bytes.push(b'\n');
            }
        }
        Ok(bytes)
    }
}

type CsvWriter = csv::Writer<Vec<u8>>;

fn csv_records(safe: bool, write: impl FnOnce(&mut CsvWriter) -> csv::Result<()>) -> io::Result<Vec<u8>> {
    let buffer = Vec::with_capacity(64 * 1024);
    let mut csv = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .flexible(true)
        // Quoted, a text has no separator in it for those that know quotes.
        .quote_style(if safe { QuoteStyle::NonNumeric } else { QuoteStyle::Necessary })
        .from_writer(buffer);
    write(&mut csv)?;
    csv.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn csv_field(csv: &mut CsvWriter, cell: Cell<'_>, safe: bool) -> csv::Result<()> {
    match cell {
        Cell::Empty => csv.write_field(""),
        Cell::Text(text) if safe => csv.write_field(neutralized(text).as_ref()),
        Cell::Text(text) => csv.write_field(text),
        Cell::List(_) if safe => csv.write_field(neutralized(&cell.to_string()).as_ref()),
        Cell::Id(id) => csv.write_field(id.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer())),
        Cell::Time(time) => csv.write_field(time.to_rfc3339()),
        Cell::TimeInSeconds(time) => csv.write_field(time.to_seconds_text()),
        Cell::Bool(value) => csv.write_field(if value { "true" } else { "false" }),
        Cell::Duration(_) | Cell::Integer(_) | Cell::Float(_) | Cell::List(_) => csv.write_field(cell.to_string()),
    }
}
