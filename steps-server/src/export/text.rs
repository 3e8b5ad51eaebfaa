//! CSV, JSON and JSONL: steps to bytes. Pure.

use std::io;

use csv::{Terminator, WriterBuilder};
use steps_shared::{Column, Format, Step};
use uuid::Uuid;

use super::layout::{Cell, Layout, cell};

/// Writes a list part by part.
#[derive(Debug)]
pub struct TextWriter {
    layout: Layout,
    /// Whether a row has been written: in JSON the next one needs a comma.
    begun: bool,
}

impl TextWriter {
    /// A writer that has written nothing yet.
    pub fn new(layout: Layout) -> Self {
        Self { layout, begun: false }
    }

    /// What stands before the first row.
    pub fn head(&self) -> io::Result<Vec<u8>> {
        match self.layout.format {
            Format::Csv => csv_records(|csv| csv.write_record(self.layout.columns.iter().map(|column| column.name()))),
            Format::Json => Ok(br#"{"steps":["#.to_vec()),
            Format::Jsonl | Format::Xlsx => Ok(Vec::new()),
        }
    }

    /// The next rows.
    pub fn rows(&mut self, steps: &[Step]) -> io::Result<Vec<u8>> {
        match self.layout.format {
            Format::Csv => csv_records(|csv| {
                steps.iter().try_for_each(|step| {
                    self.layout.columns.iter().try_for_each(|column| csv_field(csv, step, *column))?;
                    csv.write_record(None::<&[u8]>)
                })
            }),
            Format::Json | Format::Jsonl | Format::Xlsx => self.json_rows(steps),
        }
    }

    /// What stands behind the last row.
    pub fn foot(&self) -> &'static [u8] {
        match self.layout.format {
            Format::Json => b"\n]}\n",
            Format::Csv | Format::Jsonl | Format::Xlsx => b"",
        }
    }

    fn json_rows(&mut self, steps: &[Step]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(steps.len() * 256);
        for step in steps {
            if self.layout.format == Format::Json {
                bytes.extend_from_slice(if self.begun { b",\n" } else { b"\n" });
                self.begun = true;
            }
            serde_json::to_writer(&mut bytes, &self.layout.row(step))?;
            if self.layout.format == Format::Jsonl {
                bytes.push(b'\n');
            }
        }
        Ok(bytes)
    }
}

type CsvWriter = csv::Writer<Vec<u8>>;

fn csv_records(write: impl FnOnce(&mut CsvWriter) -> csv::Result<()>) -> io::Result<Vec<u8>> {
    let mut csv =
        WriterBuilder::new().terminator(Terminator::CRLF).flexible(true).from_writer(Vec::with_capacity(64 * 1024));
    write(&mut csv)?;
    csv.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn csv_field(csv: &mut CsvWriter, step: &Step, column: Column) -> csv::Result<()> {
    match cell(step, column) {
        Cell::Empty => csv.write_field(""),
        Cell::Text(text) => csv.write_field(text),
        Cell::Id(id) => csv.write_field(id.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer())),
        Cell::Moment(moment) => csv.write_field(moment.to_rfc3339()),
        Cell::Second(moment) => csv.write_field(moment.to_seconds_text()),
    }
}
